"""B6: what works from every start, and what does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import theory
from theory.claims import confidence, gabors
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting, Value
from theory.claims.gabor2017 import PAPER

PLAIN, TWICE, ACROSS = "plain descent", "double angle on the circle", "the disc leaves valleys"
CONTROLS = {"plain": PLAIN, "double angle": TWICE}
KEPT = tuple((name, "") for name in CONTROLS)
CURES = ("bandwidth, correlation", "disc")
STARTS, BUDGET, TOLERANCE, MOST = 64, 240, 0.01, 0.9
"""Starts evenly around the circle; gradients a run; radians from the truth that count as found; share of images."""


def cells(profile: Profile) -> list[Cell]:
    noise = 100 if profile == "quick" else 300
    grid = [("white", False, noise), ("smooth", False, noise), ("photo", False, 120), ("photo", True, 120)]
    return [Cell({"on": on, "whitened": white, "pictures": n, "budget": BUDGET}) for on, white, n in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    pictures = theory.problems.textures(
        str(cell.parameters["on"]), int(cell.parameters["pictures"]), gabors.SIDE, rng=setting.rng
    )
    seen = theory.problems.whitened(pictures) if cell.parameters["whitened"] else pictures
    task = theory.descent.Task(theory.objectives.gabor.of_images(seen, 15), gabors.truth(cell))
    start = np.tile(2 * math.pi * np.arange(STARTS) / STARTS, (len(pictures), 1))
    found = {name: _found(task, remedy, start, cell) for name, remedy in theory.descent.REMEDIES.items()}
    findings = [_every(name, success, cell) for name, success in found.items() if name in (*CURES, *CONTROLS)]
    basins = _in_basin(task, start)
    findings += [_inside(name, found[name], basins, control) for name, control in (*KEPT, ("disc", ACROSS))]
    return Evidence([one for one in findings if one], _columns(found, basins))


def _inside(name: str, success: Any, basins: Any, control: str) -> Finding | None:
    """Of the starts that find the truth, the share that lies in its valley: all, if descent never leaves a valley."""
    if not success.any():
        return None
    details: dict[str, Value] = {
        "remedy": name,
        "starts that find it": int(success.sum()),
        "starts in its valley": int(basins.sum()),
        "found from outside": int((success & ~basins).sum()),
        "in the valley, not found": int((basins & ~success).sum()),
    }
    return Finding(1.0, float(basins[success].mean()), form="basin", control=control, details=details)


def _found(task: Any, remedy: Any, start: Any, cell: Cell) -> Any:
    """Whether each run ends, and stays, at a truth: images × starts."""
    ends = remedy(task, start, int(cell.parameters["budget"]))
    return np.all(task.circle().off(ends) < TOLERANCE, axis=0)


def _every(name: str, success: Any, cell: Cell) -> Finding | None:
    """On how many images every start finds the truth; of photographs as they are nothing is claimed."""
    if cell.parameters["on"] == "photo" and not cell.parameters["whitened"] and name in CURES:
        return None
    every = np.all(success, axis=1)
    limits = confidence.proportion(int(every.sum()), every.size)
    details: dict[str, Value] = {"remedy": name, "rate": float(success.mean())}
    control = CONTROLS.get(name, "")
    return Finding(MOST, float(every.mean()), *limits, form="every start", control=control, details=details)


def _in_basin(task: Any, start: Any) -> Any:
    """Which starts gradient flow takes to a truth, by the certified landscape."""
    circle = task.circle()
    charts = [theory.objectives.gabor.landscape(circle, i) for i in range(len(start))]
    return np.array([[chart.basin(theta).true for theta in row] for chart, row in zip(charts, start, strict=True)])


def _columns(found: dict[str, Any], basins: Any) -> dict[str, Any]:
    """The table: a row for each remedy. The limits are those of the mean over images, whatever its law."""
    shares = {name: success.mean(axis=1) for name, success in found.items()}
    limits = {name: confidence.bounded_mean(share, 1.0) for name, share in shares.items()}
    every = {name: confidence.proportion(int((share == 1).sum()), share.size) for name, share in shares.items()}
    names = list(found)
    return {
        "remedy": names,
        "rate": [float(shares[name].mean()) for name in names],
        # A share of images on which every start succeeds is a part of the rate.
        "rate_low": [max(limits[name][0], every[name][0]) for name in names],
        "rate_high": [limits[name][1] for name in names],
        "every": [float((shares[name] == 1).mean()) for name in names],
        "every_low": [every[name][0] for name in names],
        "every_high": [every[name][1] for name in names],
        "basin": [float(basins.mean())] * len(names),
    }


CLAIM = Claim(
    key="gabor2017.remedies",
    title="What works from every start (B6)",
    relation=Relation.LOWER,
    statement=(
        "64 starts evenly around the circle, images of 64×64, 240 gradients a run; found is what ends, and stays, "
        "within 0.01 of the truth. Form 'every start': descent from a small σ to the true one on one minus the "
        "correlation, and descent in the disc of the double angle on the mean squared error, find the truth from every "
        "start on 90 % of the images or more: of white noise, of smooth noise, and of photographs that were whitened "
        "first. Form 'basin': of the starts from which plain descent, and descent on the double angle on the circle, "
        "find it, every one lies in the truth's certified valley, start by start. The table has every remedy on every "
        "kind of image, and descent as asked; its jumps of 0.05 do not fit within 0.01 of the truth, so it is found "
        "from hardly more than the two of the 64 starts that are truths. The limits take the images as independent; "
        "the 120 photographs are disjoint pieces of two."
    ),
    hypotheses=("none",),
    proof=(
        "At the step 1/max|ℓ''| descent never leaves a valley, and the double angle has the valleys of the angle. A "
        "small σ is a broad band of frequencies, whose valley is broad. In the disc the filter is continued as a "
        "harmonic function of z, an average over angles, and a false minimum of the circle need be none of the disc. "
        "Neither is proved to be without false minima: this is measured. A convolution commutes with whitening, so "
        "image and answer can both be whitened. 90 % was fixed beforehand; the widths 0.3, 0.55 and 1 times σ, and "
        "the disc, were chosen on twenty other images of each kind."
    ),
    source=f"{PAPER}. B6 of the problem's statement names the remedies; the disc and the whitening were added here",
    controls={
        PLAIN: "plain descent on the mean squared error instead",
        TWICE: "the double angle without the disc instead",
        ACROSS: "form 'basin' for descent in the disc, which does leave valleys",
    },
    cells=cells,
    measure=measure,
    version=2,
    headline="every start",
)
