"""Figure 3d: learning a Gabor filter, the loss goes to nearly 0, while the filter need not reach the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting, Value
from theory.claims.du2018 import PAPER
from theory.claims.du2018.fig3c import DISTANCES, SIZE, columns, learn

SHUFFLED = "labels of other images"
NOISE = "white noise instead of images"
SMALL, APART = 0.01, 0.1
"""Relative loss that counts as nearly 0, and relative distance that counts as another filter."""


def cells(profile: Profile) -> list[Cell]:
    directions, steps, images = (4, 500, 400) if profile == "quick" else (8, 2000, 10_000)
    base: dict[str, Value] = {"filter": "gabor", "directions": directions, "steps": steps, "images": images}
    return [Cell(base), *(Cell(base, control=name) for name in (SHUFFLED, NOISE))]


def measure(cell: Cell, setting: Setting) -> Evidence:
    if cell.control == SHUFFLED:
        return _shuffled(cell, setting)
    if cell.control == NOISE:
        return _noise(cell, setting)
    loss, run, distances = learn(cell, setting)
    relative = 2 * run.loss[-1] / loss.power
    by_start = {f"median loss from {d}": float(np.median(relative[distances == d])) for d in DISTANCES}
    far = distances > 2 * APART
    findings = [
        _mean(SMALL, relative, setting, "loss", Relation.UPPER, by_start),
        _mean(APART, run.final[far], setting, "distance", Relation.LOWER, {"starts": int(far.sum())}),
    ]
    return Evidence(findings, columns(run, loss, distances))


def _mean(
    predicted: float, values: Any, setting: Setting, form: str, relation: Relation, details: Any, control: str = ""
) -> Finding:
    """The mean over the starts, with bootstrap limits."""
    low, high = verdict.bootstrap(values, rng=setting.rng)
    centre = float(np.mean(values))
    details = {**details, "least": float(np.min(values)), "largest": float(np.max(values))}
    return Finding(predicted, centre, low, high, form=form, relation=relation, details=details, control=control)


def _law(cell: Cell, setting: Setting) -> Any:
    return theory.problems.image_patches(setting.images, SIZE, int(cell.parameters["images"]))


def _descend(law: Any, cell: Cell, setting: Setting, *, shuffled: bool = False) -> tuple[Any, Any]:
    w_star = theory.problems.gabor(SIZE)
    loss = theory.objectives.ImageLoss(law, w_star)
    if shuffled:
        loss = theory.objectives.ImageLoss(law, w_star, labels=setting.rng.permutation(loss.labels))
    start = theory.problems.around(w_star, DISTANCES, int(cell.parameters["directions"]), rng=setting.rng)
    step, steps = theory.descent.Constant(1 / loss.curvature), int(cell.parameters["steps"])
    return loss, theory.descent.descend(loss, start, step=step, steps=steps, tolerance=0.0, record=2)


def _shuffled(cell: Cell, setting: Setting) -> Evidence:
    law = _law(cell, setting)
    loss, run = _descend(law, cell, setting, shuffled=True)
    relative = 2 * run.loss[-1] / loss.power
    return Evidence([_mean(SMALL, relative, setting, "loss", Relation.UPPER, {}, SHUFFLED)])


def _noise(cell: Cell, setting: Setting) -> Evidence:
    """Images of the same number and shape, N(0, I): no direction of a patch is rarer than another."""
    shape = _law(cell, setting).images.shape
    noise = theory.distributions.ImagePatches(setting.rng.standard_normal(shape), SIZE)
    _, run = _descend(noise, cell, setting)
    far = np.repeat(DISTANCES, int(cell.parameters["directions"])) > 2 * APART
    return Evidence([_mean(APART, run.final[far], setting, "distance", Relation.LOWER, {}, NOISE)])


CLAIM = Claim(
    key="du2018.fig3d",
    title="Small loss, another filter (Figure 3d)",
    relation=Relation.UPPER,
    statement=(
        "Patches of real images, 5×5 at stride 1, labels by a Gabor filter (θ = π/4, λ = 4, σ = 2, γ = ½, ψ = 0); "
        "starts at distances 0.1 to 0.95 ‖w*‖, step 1/λ. Form 'loss': the relative loss (mean squared error over mean "
        "square label) ends at most at 1 % in the mean over the starts. Form 'distance': all the same ‖w − w*‖ ends at "
        "0.1 ‖w*‖ or more, in the mean over the starts that began beyond 0.2 ‖w*‖."
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof="Bootstrap limits (BCa) of the means at the suite's confidence level; 1 % and 0.1 were fixed beforehand.",
    source=f"{PAPER}, Figure 3d",
    controls={
        SHUFFLED: "the labels permuted among the images: no filter fits them, and the loss must stay above 1 %",
        NOISE: "white-noise images: every direction is seen, and the filter must come nearer than 0.1 ‖w*‖",
    },
    cells=cells,
    measure=measure,
)
