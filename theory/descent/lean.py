r"""Steps on a small sample in plain NumPy, of which none waits for the question whether it was the last.

A gradient of a few thousand products takes ten microseconds, and so do what makes sure of its arguments and what asks
for the distance. So steps that are known beforehand are taken some at a time with nothing between them, whether one of
them was the last is asked of all together, and the loop of :mod:`theory.descent.gradient` goes on where the first such
is. Iterates, records and outcomes are that loop's; gradients beyond a run's end are in vain, and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from theory.descent.gradient import _Limits, _norm, _Recorder
from theory.descent.trajectory import laid_out, own
from theory.objectives import SampleLoss

FIRST, LONGEST = 4, 64
"""Steps in the first stretch, of which each has twice as many as the one before, and in the longest."""


class Ahead:
    """Goes ahead of the loop, as far as no run is over."""

    def __init__(
        self, gradient: Callable[[Any], Any], whole: Any, laid: Any, limits: _Limits, recorder: _Recorder, still: float
    ) -> None:
        self._gradient, self._whole, self._laid, self._still = gradient, whole, laid, still
        self._limits, self._recorder = limits, recorder
        self._teacher, self._count = whole.teacher[:, None], FIRST

    def __call__(self, t: int, runs: Any, norm: float) -> int:
        """The first iteration at which a run may be over, to which ``runs`` are taken."""
        etas, limits = self._laid, self._limits
        while t < limits.steps:
            count = min(self._count, limits.steps - t)
            trail, slopes = np.empty((2, count, *runs.w.shape), dtype=runs.w.dtype)
            w = runs.w
            for j in range(count):
                trail[j], slopes[j] = w, self._gradient(w)
                w = w - etas[min(t + j, len(etas) - 1)] * slopes[j]
            self._whole.count(runs.index, count)
            distance = np.sqrt(np.sum((trail - self._teacher) ** 2, axis=1)) / norm
            # NaN compares false.
            over = (distance <= limits.tolerance) | ~(distance <= limits.region)
            over |= np.sqrt(np.sum(slopes**2, axis=1)) <= self._still
            ended = np.flatnonzero(over.any(axis=1))
            taken = int(ended[0]) if ended.size else count
            self._record(t, taken, trail, runs, norm)
            t, runs.w = t + taken, (w if taken == count else trail[taken].copy())
            self._count = FIRST if taken < count else min(2 * self._count, LONGEST)
            if taken < count:
                break
        return t

    def _record(self, t: int, taken: int, trail: Any, runs: Any, norm: float) -> None:
        marks = self._recorder.iterations
        for mark in marks[np.searchsorted(marks, t) : np.searchsorted(marks, t + taken)]:
            j, eta = int(mark) - t, self._laid[min(int(mark), len(self._laid) - 1)]
            distance = _norm(trail[j] - self._teacher, np) / norm
            self._recorder.state(int(mark), runs.index, self._whole, trail[j], distance)
            self._recorder.step(int(mark), runs.index, eta)


def ahead(
    objective: Any, whole: Any, runs: Any, rule: Any, limits: _Limits, recorder: _Recorder, still: float
) -> Ahead | None:
    """For a sample on NumPy, of the iterates' type, that the plain pass serves at once, and steps laid out for all."""
    etas = None if own(rule) else laid_out(rule, 0)
    if etas is None or type(objective) is not SampleLoss:
        return None
    same = isinstance(runs.w, np.ndarray) and runs.w.dtype == objective.teacher.dtype == objective.labels.dtype
    if not same or objective.lean is None or objective.engine(runs.w.shape[1]) != "plain":
        return None
    return Ahead(objective.lean, whole, etas, limits, recorder, still)
