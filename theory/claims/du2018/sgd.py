"""Theorem 3.2: stochastic gradient descent at a constant step, in mean square over independent runs.

With unbiased g_t, γ' = γ(φ₁) and d_t = ‖w_t − w*‖ while the run is inside ‖w − w*‖ ≤ ‖w*‖ sin φ₁, where ‖g_t‖ ≤ B:

    E d_T² ≤ (1 − 2ηγ')^T d₀² + ηB²/(2γ')        and, as ‖g_t‖ ≤ R² d_t,        E d_T² ≤ (1 − 2ηγ' + η²R⁴)^T d₀²
"""

from __future__ import annotations

import math
from typing import Any

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

NOISE, DOUBLED = "noisy labels", "γ' doubled"
START, REGION, SIGMA = 0.1, 0.2, 0.05
"""‖w₀ − w*‖, sin φ₁ and the standard deviation of the control's noise, all relative to ‖w*‖ = 1."""

R = 1.0
"""Every law here has ‖Z‖ = 1."""

QUICK = {"sphere": (2, 5, 25), "mixture(1)": (2, 5), "watson(5)": (5,)}
PAPER_LAWS = {"sphere": (2, 5, 25), "mixture(1)": (2, 5, 25), "mixture(0.5)": (2, 5), "watson(5)": (2, 5, 25)}


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    laws, shares, runs, steps = (QUICK, (0.5, 1.0), 256, 500) if quick else (PAPER_LAWS, (0.5, 1.0, 1.5), 1000, 5000)
    return [
        Cell({"law": law, "dim": dim, "share": share, "runs": runs, "steps": steps})
        for law, dims in laws.items()
        for dim in dims
        for share in shares
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, share, steps = int(cell.parameters["dim"]), float(cell.parameters["share"]), int(cell.parameters["steps"])
    law = theory.problems.law(str(cell.parameters["law"]), dim)
    gamma = theory.smoothness.smoothness(law, math.asin(REGION)).gamma
    eta = share * gamma / R**4  # at share 1 the sharp form contracts fastest
    times = _times(steps, 1 - 2 * eta * gamma + eta**2 * R**4)
    # Theorem 3.2, and its proof with ‖g‖ ≤ R²‖w − w*‖ kept; in the region that bound is at most B.
    bound = R**2 * REGION
    paper = [(1 - 2 * eta * gamma) ** t * START**2 + eta * bound**2 / (2 * gamma) for t in times]
    sharp, doubled = ([(1 - 2 * eta * g + eta**2 * R**4) ** t * START**2 for t in times] for g in (gamma, 2 * gamma))
    clean, left = _mean_square(cell, setting, law, eta, times)
    noisy, _ = _mean_square(cell, setting, law, eta, times, SIGMA)
    margins = {
        "1 − ‖w₀ − w*‖/(‖w*‖ sin φ₁)": 1 - START / REGION,
        "1 − 2ηγ'": 1 - 2 * eta * gamma,
        "2γ'/R⁴ − η": 2 * gamma / R**4 - eta,
    }
    findings = [
        *_upper(paper, clean, times, form="paper", margins=margins),
        *_upper(sharp, clean, times, form="sharp", margins=margins),
        _fraction(left, int(cell.parameters["runs"]), margins),
        *_upper(doubled, clean, times, form="sharp", control=DOUBLED),
        *_upper(sharp, noisy, times, form="sharp", control=NOISE),
    ]
    means, lows, highs = zip(*clean, strict=True)
    columns = {"iteration": times, "mean": means, "low": lows, "high": highs, "sharp": sharp, "paper": paper}
    return Evidence(findings, columns | {"noisy": [mean for mean, _, _ in noisy], "left": [left] * len(times)})


def _times(steps: int, factor: float) -> list[int]:
    """A quarter, half and all of the steps, or of those after which the sharp form is at d = 1e-10, above rounding."""
    last = min(steps, int(math.log((1e-10 / START) ** 2) / math.log(factor))) if factor < 1 else steps
    return [last // 4, last // 2, last]


def _mean_square(
    cell: Cell, setting: Setting, law: Any, eta: float, times: list[int], noise: float = 0.0
) -> tuple[list[tuple[float, float, float]], int]:
    """The mean of ‖w_t − w*‖² 1{not yet left} over the runs with its limits at these times, and how many runs left."""
    xp, runs = setting.xp, int(cell.parameters["runs"])
    w_star = theory.problems.teacher(law.dim)
    run = theory.descent.descend_stochastically(
        theory.objectives.FreshSamples(law, xp.asarray(w_star), noise=noise),
        xp.broadcast_to(xp.asarray(theory.problems.beside(w_star, START, 2.0))[:, None], (law.dim, runs)),
        step=theory.descent.Constant(eta),
        steps=times[-1],
        batch=1,
        rng=setting.rng,
        tolerance=0.0,
        record=times,
        region=REGION,
    )
    squares = [[d**2 if d <= REGION else 0.0 for d in distances] for distances in run.distance.tolist()]
    means = [sum(row) / runs for row in squares]
    # Once every run has left nothing is known of the mean.
    limits = [verdict.bootstrap(row, rng=setting.rng) if any(row) else (0.0, math.inf) for row in squares]
    found = [(m, min(low, m), max(high, m)) for m, (low, high) in zip(means, limits, strict=True)]
    return found, sum(outcome is theory.descent.Outcome.LEFT_REGION for outcome in run.outcome)


def _upper(predicted: list[float], found: list[tuple[float, float, float]], times: list[int], **more: Any) -> Any:
    for bound, (mean, low, high), t in zip(predicted, found, times, strict=True):
        yield Finding(bound, mean, low, high, details={"T": t}, **more)


def _fraction(left: int, runs: int, margins: dict[str, float]) -> Finding:
    """d_t² is a supermartingale until the run leaves, so it leaves with probability at most (d₀/(‖w*‖ sin φ₁))²."""
    low, high = verdict.proportion(left, runs)
    predicted = (START / REGION) ** 2
    return Finding(predicted, left / runs, low, high, margins=margins, form="left", details={"left": left})


CLAIM = Claim(
    key="du2018.sgd",
    title="Stochastic gradient descent",
    relation=Relation.UPPER,
    statement=(
        "w_{t+1} = w_t − η g_t with one fresh sample a step, ‖Z‖ ≤ R = 1, from ‖w₀ − w*‖ = 0.1 ‖w*‖, sin φ₁ = 0.2, γ' "
        "= γ(φ₁), d_t = ‖w_t − w*‖ and ‖w*‖ = 1. Form 'paper': E d_T² ≤ (1 − 2ηγ')^T d₀² + ηB²/(2γ'), B = R² sin φ₁. "
        "Form 'sharp': E d_T² ≤ (1 − 2ηγ' + η²R⁴)^T d₀², a linear rate to w* itself for η < 2γ'/R⁴. Measured: the mean "
        "over the runs of d_T² 1{the run has not left d ≤ sin φ₁ by T}, with bootstrap limits, at T = 1/4, 1/2 and all "
        "of the steps; η is a share of γ'/R⁴. Form 'left': the fraction of runs that ever leave is at most (d₀/sin "
        "φ₁)²; exact binomial limits."
    ),
    hypotheses=(
        "the start is in the region: margin 1 − ‖w₀ − w*‖/(‖w*‖ sin φ₁)",
        "2ηγ' < 1, as the recursion of form 'paper' needs: margin 1 − 2ηγ'",
        "η < 2γ'/R⁴, so that the sharp form contracts: margin the difference",
        "that the iterates stay in the region is not assumed: a run that left counts as 0 from then on, see the proof",
    ),
    proof=(
        "On the region ⟨∇ℓ, w − w*⟩ ≥ γ' d² and E g = ∇ℓ, so E[d_{t+1}² | w_t] ≤ (1 − 2ηγ') d_t² + η² E‖g‖². The "
        "labels are the teacher's own: g = (σ(w·z) − σ(w*·z)) z 1{w·z ≥ 0}, so ‖g‖ ≤ R² d. With ‖g‖ ≤ B = R² sin φ₁ "
        "the sum of a geometric series is the paper's form; with R² d kept it is the sharp form. Let τ be the time at "
        "which the run leaves: d_{t+1}² 1{τ > t+1} ≤ d_{t+1}² 1{τ > t}, so both hold for E d_T² 1{τ > T} with nothing "
        "assumed about τ. For η ≤ 2γ'/R⁴ the stopped d² is a nonnegative supermartingale, so that it ever exceeds sin² "
        "φ₁ has probability at most d₀²/sin² φ₁. With label noise of variance s² the mean square cannot fall below "
        "about η s² p/(2 − η) on the sphere, by the stationary point of the same recursion near w*."
    ),
    source=f"{PAPER}, Theorem 3.2; the sharp form, the stopped mean and the chance of leaving derived here",
    controls={
        NOISE: "Gaussian noise of standard deviation 0.05 ‖w*‖ on every label: a floor, which the sharp form excludes",
        DOUBLED: "2γ' in the sharp form, same runs",
    },
    cells=cells,
    measure=measure,
)
