"""What claims about extended convolutional layers share: problems, paired descents, and how pairs are judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import theory
from theory.arrays import to_numpy
from theory.claims import confidence
from theory.claims.claim import Cell, Evidence, Finding, Relation, Setting, Value

STARTS = ((-2.0, 2.0), (2.0, 2.0), (2.0, -2.0))
"""(α, β) of the text's starts."""

LIMIT = 400.0
"""The λ that stands for infinity: curvatures differ by (‖J‖/λ)² at most. 0.8, the largest ‖J‖ of 120, makes 4e-6."""

OUTER, INNER, TOLERANCE = 200, 100, 1e-13
"""Iterations of the outer and of the inner problem, and what may be left to gain in the latter."""

THOROUGH = {"iterations": 1000, "tolerance": 1e-20}
"""Of the inner problem where an outer decrease of 1e-13 counts: the descents go on for as long as they fall."""

POINTS = 31
"""Iterations recorded of a descent, at most."""

SWAPPED, SHUFFLED, LOTS = "swapped by lot", "shuffled pairing", 100

OPTIMISERS: Mapping[str, Callable[..., Any]] = {
    "L-BFGS": lambda f, w, **more: theory.descent.minimise(f, w, iterations=OUTER, tolerance=0.0, **more),
    "Adam": lambda f, w, **more: theory.descent.adam(f, w, iterations=OUTER, **more),
}


def problem(cell: Cell, setting: Setting, **more: Any) -> Any:
    """A random network in the cell's setting."""
    given = cell.parameters
    more = {"weights": str(given["weights"]), "xp": setting.xp, **more}
    return theory.problems.network_problem(str(given["preset"]), rng=setting.rng, **more)


class Pairs(NamedTuple):
    """Of every network where both descents ended: L, L_ext, its data term, and the data term of its ŵ alone.

    ``early`` is whether the extended descent ended before its iterations, ``began`` are L and L_ext at the start.
    """

    conventional: Any
    extended: Any
    data: Any
    primary: Any
    gain: Any
    early: Any
    began: Any
    points: dict[str, list[Value]]


def descend(cell: Cell, setting: Setting, **inner: Any) -> Pairs:
    """Both objectives from the same start: a network and a plane for each run, the starts in turn."""
    ends, points = [], {}  # type: ignore[var-annotated]
    optimiser = str(cell.parameters["optimiser"])
    for number in range(int(cell.parameters["networks"])):
        made = problem(cell, setting)
        plane, start = made.plane(rng=setting.rng), STARTS[number % len(STARTS)]
        reduced, runs = both(made, plane, start, optimiser, points, {"network": number}, **inner)
        primary = float(to_numpy(made.conventional().value(runs[1].u))[0])
        values = [run.value[0] for run in runs], [run.log[0, 0] for run in runs]
        stuck = runs[1].ending[0] is theory.descent.Ending.STUCK
        ends.append((*values[0], reduced.data[0], primary, reduced.gain[0], stuck, *values[1]))
    left, right, data, primary, gain, early, *began = np.array(ends, dtype=float).T
    return Pairs(left, right, data, primary, gain, early, np.stack(began), points)


def both(
    made: Any,
    plane: Any,
    start: tuple[float, float],
    optimiser: str,
    points: dict[str, list[Value]],
    columns: Mapping[str, Value],
    **inner: Any,
) -> tuple[Any, list[Any]]:
    """The reduced objective, and the runs on the conventional and on it; their ways on the plane go into ``points``."""
    conventional, runs = made.conventional(), []
    reduced = theory.descent.Reduced(made.extended(), **{"iterations": INNER, "tolerance": TOLERANCE, **inner})
    for name, function in (("conventional", lambda w, _: conventional.both(w)), ("extended", reduced)):
        path = [plane.at(*start)[0]]
        watch = lambda *now, path=path: path.append(to_numpy(now[2])[0].copy())  # noqa: E731
        runs.append(OPTIMISERS[optimiser](function, made.xp.asarray(path[0][None]), watch=watch))
        _record(points, runs[-1], plane, path, {**columns, "objective": name, "start": str(start)})
    return reduced, runs


def _record(points: dict[str, list[Value]], run: Any, plane: Any, path: Any, columns: Mapping[str, Value]) -> None:
    """Value and place on the plane at some iterations; those after the last are as the last."""
    places = np.unique(np.linspace(0, OUTER, POINTS).astype(int))
    there = np.minimum(places, len(path) - 1)
    at, apart = plane.project(np.stack(path)[there])
    found = {
        "iteration": places,
        "value": run.log[0][there],
        "alpha": at[:, 0],
        "beta": at[:, 1],
        "apart": apart,
        **{name: [value] * places.size for name, value in columns.items()},
    }
    for name, values in found.items():
        points.setdefault(name, []).extend(np.asarray(values).tolist())


def lower(left: Any, right: Any, form: str, **details: Value) -> Finding:
    """How often the right one is the lower: more often than not. The details say by how much."""
    wins = right < left
    low, high = confidence.proportion(int(wins.sum()), wins.size)
    ratio = {"median ratio": float(np.median(right / left)), "pairs": wins.size}
    return Finding(0.5, float(wins.mean()), low, high, form=form, details={**ratio, **details})


def swapped(left: Any, right: Any, form: str, setting: Setting) -> Finding:
    """The same test with each pair's two swapped by lot."""

    def draw() -> tuple[Any, Any]:
        swap = setting.rng.random(left.size) < 0.5
        return np.where(swap, right, left), np.where(swap, left, right)

    return _by_lot(draw, form, SWAPPED)


def shuffled(left: Any, right: Any, form: str, setting: Setting) -> Finding:
    """The same test with all ends of both objectives in one urn, from which the pairs are drawn.

    The details say how often a right end is lower than another network's left one, by as many derangements.
    """
    turns = [1 + int(setting.rng.integers(left.size - 1)) for _ in range(LOTS)]
    lots = [setting.rng.permutation(left.size) for _ in turns]
    apart = [np.mean(right[lot] < left[np.roll(lot, turn)]) for lot, turn in zip(lots, turns, strict=True)]

    def draw() -> tuple[Any, Any]:
        drawn = setting.rng.permutation(np.concatenate([left, right]))
        return drawn[: left.size], drawn[left.size :]

    return _by_lot(draw, form, SHUFFLED, {"lower than another network's": float(np.mean(apart))})


def _by_lot(draw: Callable[[], tuple[Any, Any]], form: str, control: str, details: Any = None) -> Finding:
    """A hundred draws: the test must not pass in half of them."""
    passed = 0
    for _ in range(LOTS):
        found = lower(*draw(), form)
        passed += found.low is not None and found.low >= found.predicted
    limits = confidence.proportion(passed, LOTS)
    return Finding(0.5, passed / LOTS, *limits, control=control, form=form, details=details or {})


def compared(cell: Cell, setting: Setting, *, urn: bool = False) -> Evidence:
    """The two objectives where they ended, the data terms alone, and the control; with the ``urn`` another one."""
    pairs = descend(cell, setting)
    details = {
        "largest certificate": float(pairs.gain.max()),
        "L_ext/L at the start": float(np.median(pairs.began[1] / pairs.began[0])),
        "falls by a larger factor": float(
            np.mean(pairs.extended / pairs.began[1] < pairs.conventional / pairs.began[0])
        ),
        "ŵ alone lower": float(np.mean(pairs.primary < pairs.conventional)),
        "median ratio of ŵ alone": float(np.median(pairs.primary / pairs.conventional)),
    }
    findings = [
        lower(pairs.conventional, pairs.extended, "objective", **details),
        lower(pairs.conventional, pairs.data, "data", **details),
        swapped(pairs.conventional, pairs.extended, "objective", setting),
    ]
    if urn:
        findings.append(shuffled(pairs.conventional, pairs.extended, "objective", setting))
    return Evidence(findings, pairs.points)


def ratio(values: Any, predicted: float, form: str, **more: Any) -> Finding:
    """The geometric mean of ratios of independent networks, with Student's limits of the mean logarithm."""
    centre, low, high = (math.exp(limit) for limit in confidence.mean(np.log(values)))
    return Finding(predicted, centre, low, high, form=form, relation=Relation.LOWER, **more)
