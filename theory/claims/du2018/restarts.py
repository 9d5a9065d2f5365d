"""Corollary of Theorem 4.1: of m random starts in a small ball one is good enough, and descent goes on from there."""

from __future__ import annotations

import math
from typing import Any

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

HALF = "one half at the largest radius"
RESTARTS, TARGET = 4, 1e-3
NEURONS = (("sphere", 2), ("sphere", 5), ("sphere", 25), ("gaussian", 5), ("mixture(1)", 5))
SIGNAL, FILTER = 30, 5
"""Gaussian signals of 30 numbers and a filter of 5: strides 5 (no overlap), 2 and 1."""


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    neurons, signals, steps = (12_000, 128, 2000) if quick else (60_000, 250, 20_000)
    strides = (5, 1) if quick else (5, 2, 1)
    grid = [(law, 0, dim, share, neurons) for law, dim in NEURONS for share in (1.0, 0.5)]
    # In many dimensions the sharp form at share 1 is too near the truth for few trials to tell them apart.
    grid = [values for values in grid if not (quick and values[2] == 25 and values[3] == 1.0)]
    grid += [("signals", stride, FILTER, 0.5, signals) for stride in strides]
    names = ("law", "stride", "dim", "share", "trials")
    return [Cell({**dict(zip(names, values, strict=True)), "steps": steps}) for values in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, share, trials = int(cell.parameters["dim"]), float(cell.parameters["share"]), int(cell.parameters["trials"])
    alpha = share / math.sqrt(2 * math.pi * dim)  # α = cos φ*
    loss, eta, neuron = _instance(cell, setting)
    run = theory.descent.descend(
        loss,
        setting.xp.asarray(theory.problems.in_ball(RESTARTS * trials, dim, rng=setting.rng, radius=alpha)),
        step=theory.descent.Constant(eta),
        steps=int(cell.parameters["steps"]),
        tolerance=TARGET,
        record=[0],
    )
    good = run.distance[0] <= math.sqrt(1 - alpha**2)
    # Theorem 4.1, or its sharp form at the largest α, where the theorem's own bound is 0; then its corollary.
    paper, sharp = theory.problems.ball_chance_bounds(dim, alpha)
    bound = (1 - (sharp if share == 1.0 else paper)) ** RESTARTS
    # The theorem allows equality: the margin of α is counted from just above the largest.
    margins = {"1 − α√(2πp)": 1 - share + 1e-12}
    details = {
        "good starts": int(good.sum()),
        "good ones that learn": int((good & run.converged).sum()),
        "others that learn": int((~good & run.converged).sum()),
        "starts": good.size,
    }
    hypothesis = {} if neuron else {"γ(φ*) − 6 L_cross": math.nan}
    findings = [
        _failures(good, bound, "near", margins=margins),
        _failures(run.converged, bound, "learned", margins=margins | hypothesis, details=details),
    ]
    if share == 1.0:
        findings.append(_failures(good, 0.5**RESTARTS, "near", control=HALF))
    columns = {"bound": bound, **details, "most_steps": int(run.taken.max())}
    return Evidence(findings, {name.replace(" ", "_"): [value] for name, value in columns.items()})


def _instance(cell: Cell, setting: Setting) -> tuple[Any, float, bool]:
    """The population loss, the step, and whether it is one neuron."""
    dim, stride = int(cell.parameters["dim"]), int(cell.parameters["stride"])
    w_star = theory.problems.teacher(dim)
    if stride:
        law = theory.distributions.GaussianImages(SIGNAL, FILTER, stride)
        return theory.objectives.PopulationLoss(law, setting.xp.asarray(w_star)), 1.0, law.k == 1
    neuron = theory.problems.law(str(cell.parameters["law"]), dim)
    # Small: half the inverse of the largest eigenvalue of E[zzᵀ], which bounds the curvature where σ is linear.
    eta = 0.25 / theory.smoothness.largest_half(neuron)
    return theory.objectives.PopulationLoss(neuron, setting.xp.asarray(w_star)), eta, True


def _failures(successes: Any, predicted: float, form: str, **more: Any) -> Finding:
    """The fraction of trials in which none of the restarts succeeds."""
    failed = ~successes.reshape(-1, RESTARTS).any(axis=1)
    low, high = verdict.proportion(int(failed.sum()), failed.size)
    return Finding(predicted, float(failed.mean()), low, high, form=form, **more)


CLAIM = Claim(
    key="du2018.restarts",
    title="Random restarts",
    relation=Relation.UPPER,
    statement=(
        "Draw 4 starts uniformly from the ball of radius α‖w*‖, α = cos φ* ≤ 1/√(2πp), and descend from each on the "
        "exact population loss. All fail with probability at most (1 − P)⁴, P = ½ − α√(πp/2), or at the largest α, "
        "where that is 0, P = ½ − α Γ(p/2+1)/(√π Γ((p+1)/2)). Form "
        "'near': to fail is to begin outside ‖w₀ − w*‖ ≤ √(1−α²) ‖w*‖ = sin φ* ‖w*‖. Form 'learned': to fail is not to "
        "end within 1e-3 ‖w*‖ of w*. One neuron (stride 0), and a filter of 5 on Gaussian signals of 30 at stride 5, 2 "
        "or 1, where the patches share the filter and may overlap. Measured: the fraction of trials of 4 starts that "
        "fail, with exact binomial limits."
    ),
    hypotheses=(
        "α ≤ 1/√(2πp): margin 1 − α√(2πp), where equality counts as met",
        (
            "form 'learned' with k > 1 patches: γ(φ*) > 6 L_cross, under which Theorem 3.1 brings every good start to "
            "w*. No margin is known for these signals (null), so what is measured there is reported and not judged"
        ),
    ),
    proof=(
        "Theorem 4.1, or its sharp form, gives P; the starts are independent. A good start has ‖w₀ − w*‖ ≤ sin φ* ‖w*‖ "
        "< ‖w*‖, from where Theorem 2.2 (k = 1) or 3.1 leads to w*. Without its hypothesis nothing does: with "
        "overlapping patches the population loss has further minima, in which many runs end, from good starts as well: "
        "the details count them."
    ),
    source=f"{PAPER}, corollary of Theorem 4.1 (numbering from memory)",
    controls={HALF: "P = ½ at α = 1/√(2πp), form 'near'"},
    cells=cells,
    measure=measure,
)
