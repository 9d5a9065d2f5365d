"""What claims about real images share: the starts, the step, and the descent from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Finding, Relation, Setting

DISTANCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.95)
"""‖w₀ − w*‖/‖w*‖ of the starts: up to 1, as the theorems want it."""

POINTS = 60
"""Iterations recorded, spaced logarithmically, and those at which levels are compared."""

FEWEST, MOST = 2, 200
"""Starts at each distance: the limits of an order take time and memory with the square of their number."""

CURVE, ROWS = (12, 40), 8000
"""Points kept of a run, at least and at most, and of all runs together if that allows it."""

PERMUTED = "permuted labels"
PERMUTATIONS = 100


class Learned(NamedTuple):
    """The loss, the descent, and for every run how far from w* it began and its relative loss at each record."""

    loss: Any
    run: Any
    initial: Any
    relative: Any


def patches(cell: Cell, setting: Setting) -> Any:
    """The patches of the cell's images."""
    return theory.problems.image_patches(setting.images, int(cell.parameters["images"]))


def teacher(cell: Cell, law: Any, setting: Setting) -> Any:
    """A filter of the cell's kind, of the patches' size."""
    return theory.problems.filter_named(str(cell.parameters["filter"]), law.grid.filter_size[0], rng=setting.rng)


def starts(cell: Cell, law: Any) -> Any:
    """The distances of the starts: as many of each as make the cell's number of visits, patches times starts.

    Small images, which cost little, get more starts, up to ``MOST`` of each: how many there are decides how wide the
    limits of an order are.
    """
    each = int(cell.parameters["visits"]) // (law.n * law.k * len(DISTANCES))
    return np.repeat(DISTANCES, min(max(FEWEST, each), MOST))


def learn(cell: Cell, loss: Any, distances: Any, setting: Setting) -> Learned:
    """Descend from a start at each of the distances, in the loss's prescribed step 1/λ.

    On NumPy, whatever the backend: see ``ImageLoss``.
    """
    start = theory.problems.around(loss.teacher, distances, rng=setting.rng)
    steps = int(cell.parameters["steps"])
    record = sorted({*theory.descent.gradient.spaced(steps, POINTS).tolist(), *_compared(steps)})
    run = descend(loss, start, steps, record=record)
    return Learned(loss, run, distances, loss.relative(run.loss))


def _compared(steps: int) -> tuple[int, int, int]:
    """After how many steps the starts are compared: a hundredth, a tenth and all of them."""
    return steps // 100, steps // 10, steps


def descend(loss: Any, start: Any, steps: int, *, record: int | Sequence[int] = 2) -> Any:
    """Every step, however small; a run without a gradient, as where no patch is active, stays where it is."""
    step = theory.descent.Constant(1 / loss.curvature)
    run = theory.descent.descend(loss, start, step=step, steps=steps, tolerance=0.0, stationary=0.0, record=record)
    return replace(run, loss=_held(run.loss), distance=_held(run.distance))


def _held(values: Any) -> Any:
    """What is recorded of a run that has ended is what it ended with."""
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))[:, None]), axis=0)
    return np.take_along_axis(values, last, axis=0)


def orders(cell: Cell, found: Learned, setting: Setting) -> list[Finding]:
    """How the start's distance orders the losses, and what part of its own first loss a start has left.

    The control permutes the last losses.
    """
    findings = []
    for after in _compared(int(cell.parameters["steps"])):
        level = found.relative[found.run.iterations == after][0]
        findings.append(_order(found.initial, level, "level", after=after))
    left = found.relative[-1] / found.relative[0]
    findings.append(_order(found.initial, left, "rate", after=int(found.run.iterations[-1])))
    shuffled = [setting.rng.permutation(found.relative[-1]) for _ in range(PERMUTATIONS)]
    passed = sum(confidence.rank_slope(found.initial, order)[1] > 0 for order in shuffled)
    limits = confidence.proportion(passed, PERMUTATIONS)
    return [*findings, Finding(0.5, passed / PERMUTATIONS, *limits, control=PERMUTED, relation=Relation.LOWER)]


def _order(initial: Any, measured: Any, form: str, *, after: int) -> Finding:
    ends = {"nearest": min(initial), "farthest": max(initial)}
    means = {f"mean of the {name}": float(measured[initial == end].mean()) for name, end in ends.items()}
    return Finding(0.0, *confidence.rank_slope(initial, measured), form=form, details={"after": after, **means})


def mean(
    predicted: float,
    values: Any,
    relation: Relation,
    setting: Setting,
    *,
    form: str,
    control: str = "",
    **details: Any,
) -> Finding:
    """The mean over independent runs, with bootstrap limits."""
    low, high = confidence.bootstrap(values, rng=setting.rng)
    spread = {"least": float(values.min()), "largest": float(values.max()), **details}
    centre = float(values.mean())
    # Limits corrected for bias may pass the mean by: then they are widened to it.
    low, high = min(low, centre), max(high, centre)
    return Finding(predicted, centre, low, high, form=form, relation=relation, control=control, details=spread)


def gaborness(filters: Any) -> dict[str, float]:
    """How much of some learned filters, columns, a Gabor filter explains: details for a finding.

    Of a filter without an answer, as where no patch is active, nothing.
    """
    size = round(filters.shape[0] ** 0.5)
    kernels = filters.T.reshape(-1, size, size)
    kernels = kernels[~theory.objectives.gabor.constant(kernels)]
    if len(kernels) == 0:
        return {}
    fits = theory.objectives.gabor.fit(kernels)
    called, chance = fits.gaborlike, theory.objectives.gabor.threshold(size)
    return {"Gabor R²": float(np.median(fits.r2)), "called Gabor filters": float(called.mean()), "threshold": chance}


def columns(found: Learned) -> dict[str, Any]:
    """The points behind the figure: the relative loss along every run, and that in units of its first value."""
    reduction = found.relative / found.relative[0]
    initial = 0 * found.relative + found.initial
    points = min(CURVE[1], max(CURVE[0], ROWS // found.initial.size))
    return theory.descent.tidy(found.run, points=points, relative=found.relative, reduction=reduction, initial=initial)
