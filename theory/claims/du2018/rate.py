"""Theorem 2.2: the linear rate of gradient descent on one neuron, at every step of every run.

With sin φ_t = ‖w_t − w*‖/‖w*‖ < 1 and η_t ≤ γ(φ_t) / (2 (L + 4β)²):

    ‖w_{t+1} − w*‖² ≤ (1 − η_t γ(φ_t)/2) ‖w_t − w*‖²
"""

from __future__ import annotations

from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Relation, Setting
from theory.claims.du2018 import PAPER
from theory.claims.steps import step_cells, worst_step

FACTOR, STEP = "8γ in the factor", "step times 40"


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
    gamma, _ = curve.along(run.distance)
    promised = run.step * gamma / 2  # Theorem 2.2
    best_gamma, lipschitz = curve.along(best.distance)
    proved = 2 * best.step * best_gamma - (best.step * lipschitz) ** 2  # its proof, before it is simplified
    findings = [
        worst_step(run, promised, form="paper"),
        worst_step(best, proved, form="proof"),
        worst_step(run, 8 * promised, form="paper", control=FACTOR),
        worst_step(far, far.step * curve.along(far.distance)[0] / 2, form="paper", control=STEP),
    ]
    return Evidence(findings, theory.descent.tidy(run, bound=theory.descent.guaranteed(run, promised), form="paper"))


CLAIM = Claim(
    key="du2018.rate",
    title="Linear rate of one neuron",
    relation=Relation.LOWER,
    statement=(
        "Let ‖w₀ − w*‖ < ‖w*‖, sin φ_t = ‖w_t − w*‖/‖w*‖ and η_t ≤ γ(φ_t) / (2 (L + 4β(φ_t))²). Then "
        "‖w_{t+1} − w*‖² ≤ (1 − η_t γ(φ_t)/2) ‖w_t − w*‖² at every step. Form 'paper': predicted is the contraction "
        "η_t γ(φ_t)/2 at the adaptive step of the theorem; measured is 1 − ‖w_{t+1} − w*‖²/‖w_t − w*‖², at that step "
        "of all steps of all runs where their ratio is least. Form 'proof': the same at the proof's own best step "
        "η = γ/(L + 4β)², with the proof's own contraction 2ηγ − η²(L + 4β)² = γ²/(L + 4β)²."
    ),
    hypotheses=("‖w₀ − w*‖ < ‖w*‖: margin 1 − ‖w₀ − w*‖/‖w*‖, the least over the starts",),
    proof=(
        "1. ⟨∇ℓ, w − w*⟩ ≥ γ‖w − w*‖², because (w·z)((w − w*)·z) ≥ 0 on S(w,−w*). 2. ‖∇ℓ‖ ≤ (L + 4β)‖w − w*‖: the "
        "first part of the gradient is at most L‖w − w*‖, the second at most βθ‖w‖ with θ ≤ φ ≤ (π/2)‖w − w*‖/‖w*‖ "
        "and ‖w‖ ≤ 2‖w*‖, and π < 4. 3. Expand the square: ‖w_{t+1} − w*‖² ≤ (1 − 2ηγ + η²(L + 4β)²)‖w_t − w*‖²; at "
        "η ≤ γ/(2(L + 4β)²) the last term is at most ηγ/2, so the proof gives 1 − 3ηγ/2, of which the theorem keeps "
        "1 − ηγ/2: its slack is at least 3 on every law, and tends to 4 where the run ends along the eigenvector of "
        "γ."
    ),
    source=f"{PAPER}, Theorem 2.2; constants proved anew",
    controls={
        FACTOR: "γ replaced by 8γ in the factor, same runs",
        STEP: "the step multiplied by 40, in the run and in the factor",
    },
    cells=step_cells,
    measure=measure,
    headline="paper",
)
