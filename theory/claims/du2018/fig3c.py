"""Figure 3c: on real images and with a random filter as the teacher, better starts converge faster."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

PERMUTED = "permuted labels"
DISTANCES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
SIZE, PERMUTATIONS = 5, 400


def cells(profile: Profile) -> list[Cell]:
    teachers, directions, steps, images = (2, 6, 500, 300) if profile == "quick" else (5, 10, 2000, 10_000)
    return [
        Cell({"filter": "random", "teacher": teacher, "directions": directions, "steps": steps, "images": images})
        for teacher in range(teachers)
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    loss, run, distances = learn(cell, setting)
    relative = 2 * run.loss / loss.power
    last = np.log10(relative[-1])
    gain = (last - np.log10(relative[0])) / run.iterations[-1]
    findings = []
    for form, speed in (("level", last), ("rate", gain)):
        slope, low, high = verdict.rank_slope(distances, speed)
        details = {"mean of the nearest": mean(speed, distances, 0), "mean of the farthest": mean(speed, distances, -1)}
        findings.append(Finding(0.0, slope, low, high, form=form, details=details))
    orders = [setting.rng.permutation(last) for _ in range(PERMUTATIONS)]
    passed = sum(verdict.rank_slope(distances, order)[1] > 0 for order in orders)
    limits = verdict.proportion(passed, PERMUTATIONS)
    findings.append(Finding(0.5, passed / PERMUTATIONS, *limits, control=PERMUTED, relation=Relation.LOWER))
    return Evidence(findings, columns(run, loss, distances))


def learn(cell: Cell, setting: Setting) -> tuple[Any, Any, Any]:
    """The loss, the descent from every start, and how far from w* each began; 1/λ is the step, λ the curvature's bound.

    On NumPy, whatever the backend: see ``ImageLoss``.
    """
    law = theory.problems.image_patches(setting.images, SIZE, int(cell.parameters["images"]))
    w_star = theory.problems.filter_named(str(cell.parameters["filter"]), SIZE, rng=setting.rng)
    loss = theory.objectives.ImageLoss(law, w_star)
    directions = int(cell.parameters["directions"])
    start = theory.problems.around(w_star, DISTANCES, directions, rng=setting.rng)
    step = theory.descent.Constant(1 / loss.curvature)
    steps = int(cell.parameters["steps"])
    run = theory.descent.descend(loss, start, step=step, steps=steps, tolerance=0.0, record=60)
    return loss, run, np.repeat(DISTANCES, directions)


def mean(speed: Any, distances: Any, which: int) -> float:
    """Of the starts at this distance."""
    return float(np.mean(speed[distances == DISTANCES[which]]))


def columns(run: Any, loss: Any, distances: Any) -> dict[str, Any]:
    """The points behind the figure: log₁₀ of the relative loss along every run."""
    logarithm = np.log10(2 * run.loss / loss.power)
    return theory.descent.tidy(run, log_loss=logarithm, initial=np.broadcast_to(distances, run.loss.shape))


CLAIM = Claim(
    key="du2018.fig3c",
    title="Better starts, random filter (Figure 3c)",
    relation=Relation.ORDER,
    statement=(
        "Patches of real images, 5×5 at stride 1, labels by a filter with entries N(0, 1); starts at distances 0.1 to "
        "0.95 ‖w*‖ in the same random directions, step 1/λ. Better (nearer) starts converge faster. Form 'level': "
        "after the same number of steps log₁₀ of the relative loss (mean squared error over mean square label) "
        "increases with the distance of the start. Form 'rate': so does the mean change of that logarithm a step, "
        "which gives nearer starts no credit for having begun lower. Predicted: no order, 0. Measured: the Theil–Sen "
        "slope of the ranks; the claim holds where its lower limit is above 0."
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof="A rank statement; limits by Sen's method at the suite's confidence level. λ: see ImageLoss.",
    source=f"{PAPER}, Figure 3c",
    controls={PERMUTED: "the final levels permuted 400 times: the same test must pass in half of them"},
    cells=cells,
    measure=measure,
)
