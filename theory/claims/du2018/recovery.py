"""Theorem 2.1: gradient descent from below the loss of 0 recovers the teacher.

If E[zzᵀ 1{S(w₁,w₂)}] ≻ 0 for all w₁, w₂ at an angle below π, and ℓ(w₀) < ℓ(0), gradient descent with small steps
converges to w*.
"""

from __future__ import annotations

import math
from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

TOLERANCE = 1e-6
LAWS = ("gaussian", "sphere", "mixture(1)", "mixture(0.5)", "watson(5)", "watson(-5)")
SINGULAR, OPPOSITE = "singular moments", "start opposite the teacher"


def cells(profile: Profile) -> list[Cell]:
    laws, runs, steps = (LAWS, 64, 200_000) if profile == "quick" else ((*LAWS, "mixture(0.2)"), 256, 1_000_000)
    grid = [(law, dim) for law in laws for dim in theory.problems.DIMENSIONS]
    return [
        *(Cell({"law": law, "dim": dim, "runs": runs, "steps": steps}) for law, dim in grid),
        Cell({"law": "atoms", "dim": 2, "runs": 1, "steps": steps}, control=SINGULAR),
        *(
            Cell({"law": "gaussian", "dim": dim, "runs": 1, "steps": steps}, control=OPPOSITE)
            for dim in theory.problems.DIMENSIONS
        ),
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    law, w_star, starts = _instance(cell, setting)
    xp = setting.xp
    loss = theory.objectives.PopulationLoss(law, xp.asarray(w_star))
    w_0 = xp.asarray(starts)
    # Small: half the inverse of the largest eigenvalue of E[zzᵀ], which bounds the curvature where σ is linear.
    eta = 0.25 / theory.smoothness.largest_half(law)
    # Runs go on to well within the tolerance of the claim, so that its slack says something.
    run = theory.descent.descend(
        loss, w_0, step=theory.descent.Constant(eta), steps=int(cell.parameters["steps"]), tolerance=TOLERANCE / 100
    )
    unfinished = [outcome is theory.descent.Outcome.STEP_LIMIT for outcome in run.outcome]
    worst = float(run.final.max())
    finding = Finding(
        predicted=TOLERANCE,
        measured=worst,
        # A run still on its way has not failed: it leaves the claim undecided.
        low=0.0 if any(unfinished) and all(run.converged | unfinished) else None,
        margins={} if cell.control else _margins(loss, law, w_0, run),
        control=cell.control,
        details={
            "starts": len(run.outcome),
            "converged": int(run.converged.sum()),
            "outcome": run.outcome[int(run.final.argmax())].name,
            "final loss": float(theory.arrays.to_numpy(loss.value(xp.asarray(run.w))).max()),
            "most steps": int(run.taken.max()),
        },
    )
    return Evidence([finding], {"run": range(len(run.outcome)), "final": run.final, "steps_taken": run.taken})


def _instance(cell: Cell, setting: Setting) -> tuple[Any, Any, Any]:
    dim = int(cell.parameters["dim"])
    w_star = theory.problems.teacher(dim)
    if cell.control == SINGULAR:
        # z uniform on {±e₁, ±e₂}: no z between w₁ = (1, 1) and w₂ = (−1, 1) sees both, and descent ends at (0, 1).
        cross = theory.distributions.Atoms([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        return cross, w_star + w_star[::-1], [[-0.5], [1.0]]
    law = theory.problems.law(str(cell.parameters["law"]), dim)
    if cell.control == OPPOSITE:
        return law, w_star, -0.5 * w_star[:, None]
    return law, w_star, theory.problems.below_zero(law, int(cell.parameters["runs"]), rng=setting.rng)


def _margins(loss: Any, law: Any, w_0: Any, run: Any) -> dict[str, float]:
    """How far ℓ(w₀) is below ℓ(0), and λ_min(A_{w,w*}) at the widest angle recorded of any run, the least there is."""
    to_numpy = theory.arrays.to_numpy
    start, origin = to_numpy(loss.value(w_0)), float(to_numpy(loss.value(0 * w_0[:, 0])))
    widest = theory.arrays.largest(run.angle)
    return {
        "1 − ℓ(w₀)/ℓ(0)": float(1 - start.max() / origin),
        "λ_min(A_{w,w*})": theory.smoothness.least_eigenvalue(law, widest),
        "π − angle": math.pi - widest,
    }


CLAIM = Claim(
    key="du2018.recovery",
    title="Recovery of one neuron",
    relation=Relation.UPPER,
    statement=(
        "One ReLU neuron with teacher w*, ℓ(w) = ½E[(σ(w·z) − σ(w*·z))²]. If E[zzᵀ 1{w₁·z ≥ 0, w₂·z ≥ 0}] is "
        "positive definite for all w₁, w₂ at an angle below π, and ℓ(w₀) < ℓ(0), gradient descent with small steps "
        "converges to w*. Predicted: every start ends within 1e-6 ‖w*‖ of w*; measured: the largest final relative "
        "distance of all starts."
    ),
    hypotheses=(
        "ℓ(w₀) < ℓ(0): margin 1 − ℓ(w₀)/ℓ(0), the least over the starts",
        (
            "A_{w,w*} ≻ 0: margin is its least eigenvalue at the widest angle recorded of any run. The proof needs "
            "w₂ = w* only, and A_{w,w*} falls as the angle grows, so this covers every iterate"
        ),
        "the angle stays below π: margin π less the widest angle recorded of any run",
    ),
    proof=(
        "⟨∇ℓ(w), w − w*⟩ = (w−w*)ᵀ A_{w,w*} (w−w*) + (w−w*)ᵀ A_{w,−w*} w, and the second term is ≥ 0 because "
        "(w·z)((w − w*)·z) ≥ 0 where w·z ≥ 0 > w*·z. So below ℓ(0), where the angle to w* is below π, w* is the only "
        "stationary point, and small steps lower the loss."
    ),
    source=f"{PAPER}, Theorem 2.1; the proof of the form used here was written anew",
    controls={
        SINGULAR: (
            "z uniform on {±e₁, ±e₂}, w* = (1, 1), w₀ = (−½, 1): ℓ(w₀) < ℓ(0), but the matrix is singular, and the "
            "run ends at (0, 1) with positive loss"
        ),
        OPPOSITE: "w₀ = −½w*: the angle is π, and the run ends at 0",
    },
    cells=cells,
    measure=measure,
)
