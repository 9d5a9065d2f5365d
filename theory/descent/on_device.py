"""Stochastic gradient descent on a CUDA device: the host sees the runs where they are recorded and drawn, not between.

What it leaves behind is what the loop of :mod:`theory.descent.stochastic` does, but for rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from theory.arrays import to_numpy
from theory.descent.gradient import _Limits, _norm, _Recorder, _Runs
from theory.descent.outcome import Outcome
from theory.descent.steps import Constant, Prescribed, Progress, Scaled, Schedule, by_angle
from theory.objectives.on_device import Course


def laid_out(rule: Any, dtype: Any = np.float64) -> bool:
    """Whether every step of the rule is known beforehand, or stands in a table by the distance.

    >>> laid_out(Scaled(Schedule((0.5, 0.1)), 2.0)), laid_out(lambda progress: progress.distance)
    (True, False)
    """
    if by_angle(rule):
        # In float32 such steps are float64, one a run, and so are the plain loop's iterates.
        return bool(dtype == np.float64)
    while isinstance(rule, Scaled):
        rule = rule.rule
    return isinstance(rule, Constant | Schedule | Prescribed)


def loop(group: Any, runs: _Runs, rule: Any, limits: _Limits, recorder: _Recorder, objective: Any) -> None:
    """Descend the runs of one group, whose ``advance`` takes many steps at once."""
    xp = array_namespace(runs.w)
    teacher, t = objective.teacher[:, None], 0
    norm = float(_norm(teacher, xp)[0])
    ends = (limits.tolerance * norm) ** 2, (limits.region * norm) ** 2
    while True:
        distance = _norm(runs.w - teacher, xp) / norm
        recorder.state(t, runs.index, objective, runs.w, distance)
        # NaN compares false: ~(d ≤ region) catches it as well.
        over = (distance <= limits.tolerance) | ~(distance <= limits.region) | (t == limits.steps)
        if bool(xp.any(over)):
            runs.end(t, over, Outcome.STEP_LIMIT, limits, distance)
            if runs.index.size == 0:
                return
        # As far as the next record, the end of what is drawn at once, and the last step.
        recorded = recorder.iterations[np.searchsorted(recorder.iterations, t, side="right") :][:1]
        last = min([*recorded.tolist(), t + group.left(t), limits.steps])
        if t in recorder.place:
            recorder.step(
                t, runs.index, rule(Progress(t, to_numpy(distance)[~to_numpy(over)], runs.index + group.first))
            )
        course = _course(rule, range(t, last), runs.index + group.first, norm)
        runs.w, taken = group.advance(t, runs.w, runs.index, course, ends)
        _end_early(t, runs, taken, course.steps, limits, teacher, norm)
        if runs.index.size == 0:
            return
        t += course.steps


def _course(rule: Any, when: range, index: np.ndarray, norm: float) -> Course:
    """The steps at these iterations, if not the table that they stand in."""
    if table := by_angle(rule):
        return Course(len(when), table.steps[:, 0], table.rule, table.edges, norm)
    return Course(len(when), np.stack([_step(rule, t, index) for t in when]))


def _step(rule: Any, t: int, index: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(rule(Progress(t, np.empty(index.size), index)), dtype=float), index.shape)


def _end_early(t: int, runs: _Runs, taken: np.ndarray, steps: int, limits: _Limits, teacher: Any, norm: float) -> None:
    """Write down the fate of the runs that ended between two states, each at its own step."""
    xp = array_namespace(runs.w)
    while np.any(taken < steps):
        distance = _norm(runs.w - teacher, xp) / norm
        first = taken == taken.min()
        # Where the host's distance rounds to the other side of the limit than the device's, the nearer one was meant.
        near = to_numpy(distance) <= (limits.tolerance + limits.region) / 2
        these = first & (near == near[np.argmax(first)])
        far = Outcome.LEFT_REGION if limits.leaves else Outcome.DIVERGED
        fate = Outcome.CONVERGED if near[np.argmax(first)] else far
        runs.end(t + int(taken.min()), xp.asarray(these), fate, limits, distance)
        taken = taken[~these]
