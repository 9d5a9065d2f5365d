"""Ways to learn the angle of a Gabor filter, as asked and otherwise, all with one budget of gradients.

Steps follow from bounds on the landscape, never from a search for what works; the true filter's other parameters are
known, as in the question. Of an image nothing is used but what its filtered version tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.descent.angles import Adam, DoubleAngle, HeavyBall, inward, turn
from theory.objectives.gabor import Circle, Disc, GaborFilter, WindowMoments

JUMP = 0.05
"""Radians by which the root's descent jumps about the truth: its step over the slope there."""

RATE = 0.1
"""Adam's first rate, in radians."""

STARTS = 8
"""Starts of which the best is kept, evenly around the circle."""

BANDWIDTHS = (0.3, 0.55, 1.0)
"""σ over that of the true filter, one after the other, a third of the budget each: evenly spaced in the logarithm."""

Ends = Float[np.ndarray, "last n starts"]


class Task:
    """A filter to be found on several images, and its losses on the circle, each made once."""

    def __init__(self, moments: Sequence[WindowMoments], truth: GaborFilter) -> None:
        self.moments, self.truth = moments, truth
        self._circles: dict[tuple[str, float], Circle] = {}

    def circle(self, kind: str = "mse", width: float = 1.0) -> Circle:
        """The loss, with σ of the turned filter so many times the true one."""
        if (kind, width) not in self._circles:
            learned = replace(self.truth, sigma=width * self.truth.sigma) if width != 1.0 else self.truth
            self._circles[kind, width] = Circle(self.moments, self.truth, kind, learned)
        return self._circles[kind, width]


def _last(circle: Circle, start: Any, method: Any, steps: int) -> Ends:
    """The last two angles: in a cycle the two differ."""
    end, kept = turn(circle.gradient, start, method, steps, keep=[steps - 1])
    return np.stack([kept[steps - 1], end])


def _sure(circle: Circle) -> Any:
    """The step 1/max|ℓ''|, which never climbs."""
    return 1 / circle.steepest()[:, None]


def asked(task: Task, start: Any, budget: int, momentum: float = 0.0) -> Ends:
    """Descent on the root at a constant step, as the question has it."""
    circle = task.circle("rmse")
    slope = np.sqrt(circle.curvature() / 2)[:, None]
    return _last(circle, start, HeavyBall(JUMP / slope, momentum), budget)


def asked_with_momentum(task: Task, start: Any, budget: int) -> Ends:
    """The same with momentum 0.9."""
    return asked(task, start, budget, 0.9)


def plain(task: Task, start: Any, budget: int) -> Ends:
    """Descent on the mean squared error at the step 1/max|ℓ''|."""
    return _last(task.circle(), start, HeavyBall(_sure(task.circle())), budget)


def momentum(task: Task, start: Any, budget: int) -> Ends:
    """The same with momentum 0.9."""
    return _last(task.circle(), start, HeavyBall(_sure(task.circle()), 0.9), budget)


def adam(task: Task, start: Any, budget: int) -> Ends:
    """Adam on the mean squared error, its rate falling linearly to 0."""
    return _last(task.circle(), start, Adam(RATE, budget), budget)


def double_angle(task: Task, start: Any, budget: int) -> Ends:
    """Descent on z in the plane, θ half its argument."""
    fold = task.circle().square.stride
    return _last(task.circle(), start, DoubleAngle(fold**2 * _sure(task.circle()), fold), budget)


def several_starts(task: Task, start: Any, budget: int) -> Ends:
    """Plain descent from several angles, an equal part of the budget each; the one with the least loss is kept."""
    ends = []
    for turned in 2 * np.pi * np.arange(STARTS) / STARTS:
        end = plain(task, start + turned, budget // STARTS)
        ends.append(end)
    losses = np.stack([task.circle().value(end[-1]) for end in ends])
    best = np.argmin(losses, axis=0)
    return np.take_along_axis(np.stack(ends), best[None, None], axis=0)[0]


def bandwidth(task: Task, start: Any, budget: int, kind: str = "mse") -> Ends:
    """From a small σ, a broad band of frequencies and so a broad valley, to the true one."""
    ends = np.stack([start, start])
    for width in BANDWIDTHS:
        circle = task.circle(kind, width)
        ends = _last(circle, ends[-1], HeavyBall(_sure(circle)), budget // len(BANDWIDTHS))
    return ends


def bandwidth_by_correlation(task: Task, start: Any, budget: int) -> Ends:
    """The same on one minus the correlation, which a filter's energy and an image's mean do not sway."""
    return bandwidth(task, start, budget, "correlation")


def disc(task: Task, start: Any, budget: int) -> Ends:
    """Descent in the disc of the double angle, at the step that would be 1/ℓ'' on its rim at the truth."""
    field = Disc(task.moments, task.truth)
    eta = field.fold**2 / task.circle().curvature()[:, None]
    return field.angle(inward(field.gradient, field.start(start), eta, budget))[None]


REMEDIES: Mapping[str, Callable[[Task, Any, int], Ends]] = {
    "as asked": asked,
    "as asked, momentum": asked_with_momentum,
    "plain": plain,
    "momentum": momentum,
    "Adam": adam,
    "double angle": double_angle,
    "several starts": several_starts,
    "bandwidth": bandwidth,
    "bandwidth, correlation": bandwidth_by_correlation,
    "disc": disc,
}
"""Each takes a task, the starts (images × starts) and the budget, and gives the last angles of every run."""
