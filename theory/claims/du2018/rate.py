"""Theorem 2.2: the linear rate of gradient descent on one neuron, at every step of every run.

With sin φ_t = ‖w_t − w*‖/‖w*‖ < 1 and η_t ≤ γ(φ_t) / (2 (L + 4β)²):

    ‖w_{t+1} − w*‖² ≤ (1 − η_t γ(φ_t)/2) ‖w_t − w*‖²
"""

from __future__ import annotations

from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

LAWS = ("gaussian", "sphere", "mixture(1)", "mixture(0.5)", "mixture(0.15)", "watson(5)")
FACTOR, STEP, TWICE = "8γ in the factor", "step times 40", "2γ/L without β"


def cells(profile: Profile) -> list[Cell]:
    runs, steps = (16, 400) if profile == "quick" else (64, 5000)
    laws = LAWS if profile == "quick" else (*LAWS, "mixture(inf)", "mixture(0.05)", "watson(-5)")
    grid = [(law, dim) for law in laws for dim in theory.problems.DIMENSIONS]
    return [Cell({"law": law, "dim": dim, "runs": runs, "steps": steps}) for law, dim in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, xp = int(cell.parameters["dim"]), setting.xp
    law = theory.problems.law(str(cell.parameters["law"]), dim)
    curve = theory.smoothness.Curve(law)
    loss = theory.objectives.PopulationLoss(law, xp.asarray(theory.problems.teacher(dim)))
    starts = theory.problems.half_disc(int(cell.parameters["runs"]), dim, rng=setting.rng)

    def descend(step: Any) -> Any:
        return theory.descent.descend(
            loss, xp.asarray(starts), step=step, steps=int(cell.parameters["steps"]), tolerance=1e-7, record="all"
        )

    admissible, proof = theory.descent.Admissible(law), theory.descent.Admissible(law, form="proof")
    run, best, far = descend(admissible), descend(proof), descend(theory.descent.Scaled(admissible, 40.0))
    free = descend(theory.descent.Constant(1 / curve.L))
    gamma, _ = curve.along(run.distance)
    promised = run.step * gamma / 2  # Theorem 2.2
    best_gamma, lipschitz = curve.along(best.distance)
    proved = 2 * best.step * best_gamma - (best.step * lipschitz) ** 2  # its proof, before it is simplified
    # ‖∇ℓ‖² ≤ L ⟨∇ℓ, w − w*⟩ makes it 2ηγ − η²Lγ, which is γ/L at η = 1/L: no β, no adaptive step.
    coercive = curve.along(free.distance)[0] / curve.L
    findings = [
        _worst(run, promised, "paper", margin=_inside(run)),
        _worst(best, proved, "proof", margin=_inside(best)),
        _worst(free, coercive, "without beta", margin=_inside(free)),
        _worst(run, 8 * promised, "paper", control=FACTOR),
        _worst(far, far.step * curve.along(far.distance)[0] / 2, "paper", control=STEP),
        _worst(free, 2 * coercive, "without beta", control=TWICE),
    ]
    return Evidence(findings, theory.descent.tidy(run, bound=theory.descent.guaranteed(run, promised), form="paper"))


def _inside(run: Any) -> float:
    """1 − ‖w₀ − w*‖/‖w*‖, the least over the starts."""
    return float(1 - run.distance[0].max())


def _worst(run: Any, promised: Any, form: str, *, margin: float | None = None, control: str = "") -> Finding:
    """The step, of all steps of all runs, at which the measured contraction is smallest beside the promised one."""
    place = theory.descent.least(run.contraction, promised[:-1])
    return Finding(
        predicted=float(promised[:-1][place]),
        measured=float(run.contraction[place]),
        rounding=run.rounding(place),
        margins={} if margin is None else {"1 − ‖w₀ − w*‖/‖w*‖": margin},
        control=control,
        form=form,
        details={
            "iteration": int(place[0]),
            "distance": float(run.distance[place]),
            "step": float(run.step[place]),
            "steps checked": theory.arrays.count(run.contraction),
            "converged": int(run.converged.sum()),
        },
    )


CLAIM = Claim(
    key="du2018.rate",
    title="Linear rate of one neuron",
    relation=Relation.LOWER,
    statement=(
        "Let ‖w₀ − w*‖ < ‖w*‖, sin φ_t = ‖w_t − w*‖/‖w*‖ and η_t ≤ γ(φ_t) / (2 (L + 4β(φ_t))²). Then ‖w_{t+1} − w*‖² "
        "≤ (1 − η_t γ(φ_t)/2) ‖w_t − w*‖² at every step. Form 'paper': predicted is the contraction η_t γ(φ_t)/2 at "
        "the adaptive step of the theorem; measured is 1 − ‖w_{t+1} − w*‖²/‖w_t − w*‖², at that step of all steps of "
        "all runs where their ratio is least. Form 'proof': the same at the proof's own best step η = γ/(L + 4β)², "
        "with the proof's own contraction 2ηγ − η²(L + 4β)² = γ²/(L + 4β)². Form 'without beta': for a law symmetric "
        "under z → −z the contraction at the constant step η = 1/L is at least γ(φ_t)/L, which is not in the paper."
    ),
    hypotheses=("‖w₀ − w*‖ < ‖w*‖: margin 1 − ‖w₀ − w*‖/‖w*‖, the least over the starts",),
    proof=(
        "1. ⟨∇ℓ, w − w*⟩ ≥ γ‖w − w*‖², because (w·z)((w − w*)·z) ≥ 0 on S(w,−w*). 2. ‖∇ℓ‖ ≤ (L + 4β)‖w − w*‖: the "
        "first part of the gradient is at most L‖w − w*‖, the second at most βθ‖w‖ with θ ≤ φ ≤ (π/2)‖w − w*‖/‖w*‖ "
        "and ‖w‖ ≤ 2‖w*‖, and π < 4. 3. Expand the square: ‖w_{t+1} − w*‖² ≤ (1 − 2ηγ + η²(L + 4β)²)‖w_t − w*‖²; at "
        "η ≤ γ/(2(L + 4β)²) the last term is at most ηγ/2, so the proof gives 1 − 3ηγ/2, of which the theorem keeps "
        "1 − ηγ/2: its slack is at least 3 on every law, and tends to 4 where the run ends along the eigenvector of "
        "γ. Without β: let r = σ(w·z) − σ(w*·z) on {w·z ≥ 0}, so that ∇ℓ = E[r z]. Cauchy–Schwarz gives ‖∇ℓ‖² ≤ "
        "λ_max(E[zzᵀ 1{w·z ≥ 0}]) E[r²], where the matrix is ½E[zzᵀ] by the symmetry, so that its eigenvalue is L; "
        "and r² ≤ r (w − w*)·z on {w·z ≥ 0} gives E[r²] ≤ ⟨∇ℓ, w − w*⟩. So a step takes at least (2η − η²L)γ off, "
        "for every η < 2/L: γ/L at η = 1/L."
    ),
    source=f"{PAPER}, Theorem 2.2; constants proved anew, the form without β derived here",
    controls={
        FACTOR: "γ replaced by 8γ in the factor, same runs",
        STEP: "the step multiplied by 40, in the run and in the factor",
        TWICE: "twice the contraction γ/L of the form without β, same runs",
    },
    cells=cells,
    measure=measure,
)
