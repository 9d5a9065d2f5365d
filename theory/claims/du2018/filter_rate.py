"""Theorem 3.1: the linear rate of gradient descent on a filter with k patches, at every step of every run.

With sin φ_t = ‖w_t − w*‖/‖w*‖ < 1, γ'(φ) = γ(φ) − 6 L_cross(φ) > 0 and η_t ≤ γ'(φ_t) / (2 (L + 10 L_cross + 4β)²):

    ‖w_{t+1} − w*‖² ≤ (1 − η_t γ'(φ_t)/2) ‖w_t − w*‖²
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER
from theory.claims.steps import worst_step

FACTOR, UNCROSSED = "8γ' in the factor", "L_cross forced to 0"
CROSSED = "crossed pairs"
ANGLE = 0.9
"""φ₀: the runs start within ‖w₀ − w*‖ < sin φ₀ ‖w*‖."""
ETA = 0.5
"""The constant step of the run that asks what descent does where the theorem is silent, as in Figure 3a."""
MARGINS = {"paper": "γ(φ₀) − 6 L_cross", "proof": "γ(φ₀) − 2.1 L_cross"}


def cells(profile: Profile) -> list[Cell]:
    """Closeness times spread times k, from where the theorem covers everything to where it covers nothing."""
    quick = profile == "quick"
    spreads = (0.3, 0.5, 1.0) if quick else (0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, math.inf)
    closeness = (0.05, 0.1, 0.2, 0.4, 0.8) if quick else (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2)
    size = {"runs": 16 if quick else 32, "steps": 400 if quick else 1000, "longest": 5000 if quick else 50_000}
    centres = [theory.distributions.AngularMixture(2, spread).label for spread in spreads]
    grid = [(c, rho, k) for c in centres for rho in closeness for k in ((2, 4) if quick else (2, 4, 16))]
    # Every k of one centre and closeness in a row: they share a table.
    return [
        *(Cell({"centre": c, "closeness": rho, "k": k, **size}) for c, rho, k in grid),
        Cell({"centre": CROSSED, "closeness": 0.0, "k": 2, **size, "runs": 256}, control=UNCROSSED),
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    if cell.control:
        return _uncrossed(cell, setting)
    centre = theory.problems.law(str(cell.parameters["centre"]), 2)
    rho, k = float(cell.parameters["closeness"]), int(cell.parameters["k"])
    law = theory.distributions.ClosePatches(2, k, None, rho, centre)
    curve, start = theory.closeness.curve(law), theory.closeness.closeness(law, ANGLE)
    loss = theory.objectives.PopulationLoss(law, setting.xp.asarray(theory.problems.teacher(2)))
    starts = theory.problems.half_disc(int(cell.parameters["runs"]), 2, rng=setting.rng, radius=math.sin(ANGLE))
    w_0 = setting.xp.asarray(starts)
    plain = theory.descent.descend(
        loss, w_0, step=theory.descent.Constant(ETA), steps=int(cell.parameters["longest"]), tolerance=1e-7
    )
    findings = []
    for form, margin in (("paper", start.margin), ("proof", start.proof_margin)):
        margins = {MARGINS[form]: float(margin)}
        findings += (
            _every_step(cell, loss, w_0, curve, form, margins) if margin > 0 else [_silent(plain, form, margins)]
        )
    return Evidence(findings, _row(law.label, getattr(centre, "spread", math.nan), start, plain))


def _row(law: str, spread: float, start: Any, run: Any) -> dict[str, list[Any]]:
    """One row for the map: what the theorem needs at φ₀, and how many runs converged."""
    return {
        "law": [law],
        "spread": [spread],
        "margin": [start.margin],
        "proof_margin": [start.proof_margin],
        "cross": [start.cross],
        "converged": [int(run.converged.sum())],
        "starts": [len(run.outcome)],
    }


def _every_step(cell: Cell, loss: Any, w_0: Any, curve: Any, form: Any, margins: dict[str, float]) -> list[Finding]:
    """The worst of all steps in one form of the theorem, at its own step, and the control of the paper's."""
    run, promised = _descend(cell, loss, w_0, curve, form)
    found = worst_step(run, promised, form=form)
    findings = [dataclasses.replace(found, margins={**found.margins, **margins})]
    return findings if form == "proof" else [*findings, worst_step(run, 8 * promised, form=form, control=FACTOR)]


def _descend(cell: Cell, loss: Any, w_0: Any, curve: Any, form: Any) -> tuple[Any, Any]:
    """A run at the admissible steps, and the contraction that is promised along it."""
    step, steps = theory.descent.Along(curve, form), int(cell.parameters["steps"])
    run = theory.descent.descend(loss, w_0, step=step, steps=steps, tolerance=1e-7, record="all")
    gamma, lipschitz = curve.along(run.distance, form)
    if form == "paper":
        return run, run.step * gamma / 2  # Theorem 3.1
    return run, 2 * run.step * gamma - (run.step * lipschitz) ** 2  # its proof, before it is simplified


def _silent(plain: Any, form: str, margins: dict[str, float]) -> Finding:
    """Where nothing is promised: how far descent with a constant step came all the same."""
    converged = int(plain.converged.sum())
    return Finding(
        predicted=0.0,
        measured=float(1 - (plain.final / plain.distance[0]).max() ** 2),
        margins=margins,
        form=form,
        details={"converged": converged, "starts": len(plain.outcome), "all converged": bool(plain.converged.all())},
    )


def _uncrossed(cell: Cell, setting: Setting) -> Evidence:
    """The theorem without its cross terms, on pairs of patches that have nothing but cross terms."""
    w_star, pairs = theory.problems.teacher(2), theory.problems.crossed_pairs()
    curve = theory.closeness.curve(pairs, teacher=w_star)
    loss = theory.objectives.SampleLoss(setting.xp.asarray(pairs), setting.xp.asarray(w_star))
    starts = theory.problems.disc(int(cell.parameters["runs"]), rng=setting.rng, radius=math.sin(ANGLE))
    run, promised = _descend(cell, loss, setting.xp.asarray(starts), curve.without_cross(), "paper")
    finding = worst_step(run, promised, form="paper", control=UNCROSSED)
    return Evidence([finding], _row(CROSSED, math.nan, curve.at(ANGLE), run))


CLAIM = Claim(
    key="du2018.filter_rate",
    title="Linear rate of a filter",
    relation=Relation.LOWER,
    statement=(
        "Patches Z₁ … Z_k in the plane within ρ of a common direction, which has the angular mixture law of spread σ. "
        "Let sin φ_t = ‖w_t − w*‖/‖w*‖, φ₀ = 0.9, γ'(φ) = γ(φ) − 6 L_cross(φ) > 0 at φ₀, where L_cross(φ) θ bounds "
        "the sum of the norms of the three cross matrices for every θ ≤ φ, and η_t = γ'(φ_t) / (2 (L + 10 L_cross + "
        "4β)²) at φ_t. Then ‖w_{t+1} − w*‖² ≤ (1 − η_t γ'(φ_t)/2) ‖w_t − w*‖² at every step. Form 'paper': predicted "
        "is that contraction; measured is 1 − ‖w_{t+1} − w*‖²/‖w_t − w*‖², at that step of all steps of all runs where "
        "their ratio is least. Form 'proof': the same with γ' = γ − 2.098 L_cross and Λ = L + 2.098 L_cross + 1.122 β "
        "at the best step η = γ'/Λ², with the contraction 2ηγ' − η²Λ² = γ'²/Λ². Where γ'(φ₀) ≤ 0 nothing is promised: "
        "predicted is 0, and measured is 1 − ‖w_T − w*‖²/‖w₀ − w*‖², the least over the runs, of descent at the step "
        "½; whether all of them converge is the finding."
    ),
    hypotheses=(
        "‖w₀ − w*‖ < ‖w*‖: margin 1 − ‖w₀ − w*‖/‖w*‖, the least over the starts",
        "γ(φ₀) > 6 L_cross, in the form 'proof' γ(φ₀) > 2.098 L_cross: margin, their difference",
    ),
    proof=(
        "With Δ = w − w*, U = (u_{++}, u_{+−}, u_{−+}), d = ‖Δ‖/‖w*‖, r = ‖w‖/‖w*‖, c₁, c₂, c₃ the norms of "
        "E[u_{++}u_{+−}ᵀ], E[u_{++}u_{−+}ᵀ], E[u_{+−}u_{−+}ᵀ], and ∇ℓ = E[(u_{++}·Δ + u_{+−}·w − u_{−+}·w*)(u_{++} + "
        "u_{+−})]: 1. ⟨∇ℓ, Δ⟩ is E(u_{++}·Δ)² ≥ γ‖Δ‖², plus E[(u_{+−}·w)(u_{+−}·Δ)] ≥ 0, because both factors are "
        "sums of what is ≥ 0 on S(w,−w*), plus cross terms of size at most ‖Δ‖‖w*‖(c₁(d + r) + c₂ + c₃) ≤ "
        "L_cross θ max(d + r, 1) ‖Δ‖‖w*‖. 2. ‖∇ℓ‖ ≤ L‖Δ‖ + βθ‖w‖ + the same cross terms over ‖Δ‖. 3. For d ≤ 1 and a "
        "given θ both θ(d + r)/d and θr/d grow with r up to 1/cos θ, and d ≤ 1 allows r ≤ 2 cos θ, which is less from "
        "θ = π/4 on; below they reach θ(1 + 1/sin θ) < 1.897 and θ/sin θ < 1.111. So their suprema are "
        "max θ(1 + 2 cos θ) = 2.0982 and max 2θ cos θ = 1.1222 (and θ/d ≤ π/2), and ⟨∇ℓ, Δ⟩ ≥ γ'‖Δ‖² and ‖∇ℓ‖ ≤ Λ‖Δ‖; "
        "the paper's 6, 10 and 4 are larger (from θ ≤ (π/2)d, d + r ≤ 3 and r ≤ 2 follow 3π/2, 3π/2 and π). 4. Expand "
        "the square as for one neuron: 1 − 2ηγ' + η²Λ², of which the theorem keeps 1 − ηγ'/2. The constants may be "
        "taken at φ_t: w_t is a start like any other."
    ),
    source=f"{PAPER}, Theorem 3.1; constants proved anew",
    controls={
        FACTOR: "γ' replaced by 8γ' in the factor, same runs",
        UNCROSSED: "L_cross replaced by 0 for two crossed pairs of patches, for which it is over 30 γ",
    },
    cells=cells,
    measure=measure,
    headline="paper",
)
