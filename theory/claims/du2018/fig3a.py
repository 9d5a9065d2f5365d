"""Figure 3a: from a fixed start at a fixed step, a smoother input is learned in fewer steps."""

from __future__ import annotations

import math

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

PERMUTED = "permuted labels"
SPREADS = (0.1, 0.13, 0.17, 0.22, 0.28, 0.36, 0.46, 0.6, 0.77, 1.0, 1.5, math.inf)
PAPER_SPREADS = (0.05, 0.06, 0.075, *SPREADS)
START, ETA, TARGET = 0.8, 0.5, 1e-3
PERMUTATIONS = 400


def cells(profile: Profile) -> list[Cell]:
    dims = (2, 5) if profile == "quick" else theory.problems.DIMENSIONS
    steps = 200_000 if profile == "quick" else 5_000_000
    return [Cell({"dim": dim, "eta": ETA, "target": TARGET, "steps": steps}) for dim in dims]


def measure(cell: Cell, setting: Setting) -> Evidence:
    # In many dimensions the spikiest laws take millions of steps; the order shows without them.
    spikiest = setting.profile == "paper" and int(cell.parameters["dim"]) < 25
    spreads = PAPER_SPREADS if spikiest else SPREADS
    ratio, steps = zip(*(_learn(cell, setting, spread) for spread in spreads), strict=True)
    slope, low, high = confidence.rank_slope(ratio, steps)
    orders = [setting.rng.permutation(steps) for _ in range(PERMUTATIONS)]
    passed = sum(confidence.rank_slope(ratio, order)[1] > 0 for order in orders)
    limits = confidence.proportion(passed, PERMUTATIONS)
    findings = [
        Finding(0.0, slope, low, high, details={"laws": len(spreads), "L/gamma from": min(ratio), "to": max(ratio)}),
        Finding(0.5, passed / PERMUTATIONS, *limits, control=PERMUTED, relation=Relation.LOWER),
    ]
    columns = {
        "law": [theory.distributions.AngularMixture(2, spread).label for spread in spreads],
        "spread": spreads,
        "ratio": ratio,
        "steps_taken": steps,
    }
    return Evidence(findings, columns)


def _learn(cell: Cell, setting: Setting, spread: float) -> tuple[float, int]:
    """L/γ(φ₀), and the steps to the target; the start is at distance 0.8, turned by 2 rad from w*."""
    dim, xp = int(cell.parameters["dim"]), setting.xp
    law = theory.distributions.AngularMixture(dim, spread)
    w_star = theory.problems.teacher(dim)
    w_0 = theory.problems.beside(w_star, START, 2.0)
    loss = theory.objectives.PopulationLoss(law, xp.asarray(w_star))
    run = theory.descent.descend(
        loss,
        xp.asarray(w_0),
        step=theory.descent.Constant(ETA),
        steps=int(cell.parameters["steps"]),
        tolerance=TARGET,
        record=2,
    )
    if not run.converged[0]:
        raise RuntimeError(f"{law.label} in {dim} dimensions ended with: {run.outcome[0]}")
    return theory.smoothness.smoothness(law, math.asin(START)).ratio, int(run.taken[0])


CLAIM = Claim(
    key="du2018.fig3a",
    title="Smoothness and speed (Figure 3a)",
    relation=Relation.ORDER,
    statement=(
        "Angular mixture laws from spiky (σ = 0.1) to smooth (σ = ∞), one start at distance 0.8 ‖w*‖, step ½: the "
        "number of steps to ‖w − w*‖ ≤ 1e-3 ‖w*‖ increases with L/γ(φ₀). Predicted: no order, 0. Measured: the "
        "Theil–Sen slope of the ranks of the step counts on the ranks of L/γ(φ₀), 1 for perfect order; the claim "
        "holds where its lower limit is above 0."
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof="A rank statement; limits by Sen's method at the suite's confidence level.",
    source=f"{PAPER}, Figure 3a",
    controls={PERMUTED: "the step counts permuted 400 times: the same test must pass in half of them"},
    cells=cells,
    measure=measure,
)
