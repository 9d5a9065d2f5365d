"""The landscape on the circle: every minimum and maximum, certified, and which angles drain into which minimum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.objectives.gabor.circle import Circle

NEAR = 1e-6
"""A minimum this near to a truth, in radians, is that truth: zeros are found to 1e-15 over the series' rounding."""


@dataclass(frozen=True)
class Minimum:
    """A minimum, its loss, the maxima to its left and right (``right`` may exceed 2π), and whether it is a truth.

    ``depth`` is how far the lower of the two maxima stands above it; ``curvature`` is ℓ'' there, infinite at the kink
    that a root has at the truth.
    """

    angle: float
    loss: float
    left: float
    right: float
    true: bool
    depth: float
    curvature: float

    @property
    def width(self) -> float:
        """Of its basin, in radians."""
        return self.right - self.left


@dataclass(frozen=True)
class Maximum:
    """A maximum and its loss."""

    angle: float
    loss: float


@dataclass(frozen=True)
class Landscape:
    """All minima and maxima in [0, 2π), in order; ``certain`` says whether certainly none is missing."""

    minima: tuple[Minimum, ...]
    maxima: tuple[Maximum, ...]
    certain: bool

    @property
    def share(self) -> float:
        """The part of the circle from which gradient flow reaches a truth."""
        return sum(one.width for one in self.minima if one.true) / (2 * math.pi)

    @property
    def highest(self) -> float:
        """The largest loss on the circle."""
        return max(one.loss for one in self.maxima)

    @property
    def stable(self) -> float:
        """2/ℓ'' at the flattest of the minima: above this step none is stable; with momentum μ, (1 + μ) times as much.

        0 where a root's only minima are the truths.
        """
        return 2 / min(one.curvature for one in self.minima)

    def basin(self, theta: float) -> Minimum:
        """The minimum into which gradient flow runs from this angle; on a maximum, that to its right."""
        # Where two basins meet, rounding may put an angle into neither.
        return min(self.minima, key=lambda one: max((theta - one.left) % (2 * math.pi) - one.width, 0.0))


def landscape(circle: Circle, problem: int = 0) -> Landscape:
    """The landscape of one of the circle's images.

    Source: zeros of the derivative by interval tests with the series' own bounds; see ``Series.zeros``.

    Examples
    --------
    >>> from theory.objectives.gabor import GaborFilter, white
    >>> found = landscape(Circle([white(15)], GaborFilter()))
    >>> len(found.minima), round(found.share, 3), found.certain
    (6, 0.528, True)
    """
    one = circle.alone(problem)
    zeros = one.rising().zeros()
    peaks = zeros.angles[zeros.slopes < 0]
    valleys = zeros.angles[zeros.slopes > 0]
    minima = tuple(_minimum(one, float(angle), peaks) for angle in valleys)
    maxima = tuple(Maximum(float(angle), _loss(one, angle)) for angle in peaks)
    return Landscape(minima, maxima, zeros.certain and len(peaks) == len(valleys) > 0)


def _minimum(circle: Circle, angle: float, peaks: Any) -> Minimum:
    left = peaks[np.argmin((angle - peaks) % (2 * math.pi))]
    right = left + min((peak - left) % (2 * math.pi) or 2 * math.pi for peak in peaks)
    true, loss = bool(circle.off(np.array(angle)) < NEAR), _loss(circle, angle)
    depth = min(_loss(circle, rim) for rim in (left, right)) - loss
    curvature = float(circle.curvature(angle)[0])
    if circle.kind == "rmse":
        # (√E)'' = E''/(2√E) where E' = 0
        curvature = math.inf if true else curvature / (2 * loss)
    return Minimum(angle, loss, float(left), float(right), true, depth, curvature)


def _loss(circle: Circle, angle: Any) -> float:
    return float(circle.value(np.array([[angle]]))[0, 0])
