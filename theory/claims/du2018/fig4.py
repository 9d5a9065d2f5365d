"""Figure 4: the learned filter looks like the true one."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

SHUFFLED = "shuffled pairs"
SIZE, ALIKE, ALPHA = 5, 0.9, 0.05
"""Pixels along a side, the cosine that counts as looking alike, and the radius of the ball of starts over ‖w*‖."""


def cells(profile: Profile) -> list[Cell]:
    teachers, steps, images = (8, 500, 300) if profile == "quick" else (40, 10_000, 10_000)
    return [
        Cell({"filter": name, "teachers": teachers, "steps": steps, "images": images}) for name in ("random", "gabors")
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    law = theory.problems.image_patches(setting.images, SIZE, int(cell.parameters["images"]))
    runs = [_learn(cell, setting, law) for _ in range(int(cell.parameters["teachers"]))]
    true, first, learned = (np.stack(parts, axis=1) for parts in list(zip(*runs, strict=True))[:3])
    loss = np.array([run[3] for run in runs])
    begun = float(np.mean(theory.problems.cosine(first, true)))
    details = {"cosine of the starts": begun, "median relative loss": float(np.median(loss))}
    findings = [
        _cosine(learned, true, setting, "", details),
        _cosine(learned, np.roll(true, 1, axis=1), setting, SHUFFLED, {}),
    ]
    return Evidence(findings, _columns(true, learned, loss))


def _learn(cell: Cell, setting: Setting, law: Any) -> tuple[Any, Any, Any, float]:
    """w*, w₀, the learned w and its relative loss, from a start in a small ball around 0."""
    w_star = theory.problems.filter_named(str(cell.parameters["filter"]), SIZE, rng=setting.rng)
    loss = theory.objectives.ImageLoss(law, w_star)
    radius = ALPHA * float(np.linalg.norm(w_star))
    start = theory.problems.in_ball(1, loss.dim, rng=setting.rng, radius=radius)
    step, steps = theory.descent.Constant(1 / loss.curvature), int(cell.parameters["steps"])
    run = theory.descent.descend(loss, start, step=step, steps=steps, tolerance=0.0, record=2)
    return w_star, start[:, 0], run.w[:, 0], float(2 * run.loss[-1, 0] / loss.power)


def _cosine(learned: Any, true: Any, setting: Setting, control: str, details: Any) -> Finding:
    found = theory.problems.cosine(learned, true)
    low, high = verdict.bootstrap(found, rng=setting.rng)
    details = {**details, "least": float(found.min()), "largest": float(found.max())}
    return Finding(ALIKE, float(np.mean(found)), low, high, control=control, details=details)


def _columns(true: Any, learned: Any, loss: Any) -> dict[str, Any]:
    """One row a pixel, teacher after teacher."""
    teachers = true.shape[1]
    row, column = np.divmod(np.arange(SIZE * SIZE), SIZE)
    return {
        "teacher": np.repeat(np.arange(teachers), SIZE * SIZE),
        "row": np.tile(row, teachers),
        "column": np.tile(column, teachers),
        "true": true.T.ravel(),
        "learned": learned.T.ravel(),
        "cosine": np.repeat(theory.problems.cosine(learned, true), SIZE * SIZE),
        "relative": np.repeat(loss, SIZE * SIZE),
    }


CLAIM = Claim(
    key="du2018.fig4",
    title="The learned filter beside the true one (Figure 4)",
    relation=Relation.LOWER,
    statement=(
        "Patches of real images, 5×5 at stride 1; teachers with entries N(0, 1), and Gabor filters with θ and ψ drawn "
        "evenly; one start each, uniform in the ball of radius 0.05 ‖w*‖ around 0, step 1/λ. The learned filter looks "
        "like the true one: the mean of cos ∠(w, w*) over the teachers is at least 0.9, with bootstrap limits."
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof="Bootstrap limits (BCa) of the mean at the suite's confidence level; 0.9 was fixed beforehand.",
    source=f"{PAPER}, Figure 4",
    controls={SHUFFLED: "each learned filter beside the next teacher's: they must not look alike"},
    cells=cells,
    measure=measure,
)
