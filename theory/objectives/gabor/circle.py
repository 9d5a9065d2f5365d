"""A loss as a function of the angle alone, for many images at once: a trigonometric series, exact to rounding."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import to_numpy
from theory.objectives.gabor.filter import GaborFilter, kernels
from theory.objectives.gabor.loss import LOSSES
from theory.objectives.gabor.moments import WindowMoments
from theory.objectives.gabor.series import FEWEST, Series

NEAR = 1e-4
"""E below this, relative to c, is summed anew, so that no more than 12 figures of it are ever lost."""

ROUNDING = 4 * np.finfo(float).eps
"""Of a pixel of a filter, relative to its amplitude, and of a sum: some roundings of 2⁻⁵³ that partly cancel."""


class Circle:
    """ℓ(θ) of :class:`GaborLoss` with θ alone learned, on each of several images.

    With Q(θ) = g(θ)ᵀCg(θ), B(θ) = g(θ)ᵀCg* and c = g*ᵀCg*, both series of some dozen terms, the losses are

        mse E = Q − 2B + c,   rmse √E,   correlation 1 − B/√(Qc)  (with C less mmᵀ)

    so a step costs some dozen multiplications a start, and nothing of the filter or the image is touched. E is sampled
    as (g − g*)ᵀC(g − g*), so that it is exact to a rounding of √(E c), and not of c; for the root, near the truth, to
    that times the distance.

    Parameters
    ----------
    moments
        One for each image; all of the size of the filter.
    truth
        g*.
    kind
        ``mse``, ``rmse`` or ``correlation``.
    learned
        The filter that is turned, if it is another than g*, as one of a broader bandwidth.

    Examples
    --------
    >>> from theory.objectives.gabor import white
    >>> circle = Circle([white(15)], GaborFilter())
    >>> circle.value(np.array([[np.pi / 4, -np.pi / 4]])).round(2).tolist()
    [[0.0, 54.33]]
    """

    def __init__(
        self,
        moments: Sequence[WindowMoments],
        truth: GaborFilter,
        kind: str = "mse",
        learned: GaborFilter | None = None,
    ) -> None:
        if kind not in LOSSES:
            raise checks.refuse("loss", repr(kind), f"one of {', '.join(LOSSES)}")
        if not moments:
            raise checks.refuse("moments", "an empty list", "those of one image or more")
        self.truth, self.kind, self.learned = truth, kind, learned or truth
        centred = kind == "correlation"
        self._seen = [one.apply_centred if centred else one.apply for one in moments]
        g_star = truth.kernel()[:, None]
        self._true = np.stack([to_numpy(seen(g_star))[:, 0] for seen in self._seen])
        self.scale = self._true @ g_star[:, 0]
        """c of every image."""
        self._largest = np.array([one.largest for one in moments])

    @functools.cached_property
    def overlap(self) -> Series:
        """B."""
        g, g_star = self._coarse(), np.linalg.norm(self.truth.kernel())
        noise = self._delta * np.linalg.norm(self._true, axis=1)
        return Series.sampled(
            self._overlap, noise + ROUNDING * self._largest * g_star * np.linalg.norm(g, axis=0).max()
        )

    @functools.cached_property
    def energy(self) -> Series:
        """Q."""
        return Series.sampled(self._energy, self._rounding(self._coarse()))

    @functools.cached_property
    def square(self) -> Series:
        """E."""
        return Series.sampled(self._square, self._rounding(self._coarse() - self.truth.kernel()[:, None]))

    def _overlap(self, theta: Any) -> Any:
        return self._true @ kernels(self.learned.at(theta), self.learned.size)

    def _energy(self, theta: Any) -> Any:
        g = kernels(self.learned.at(theta), self.learned.size)
        return np.stack([np.sum(g * to_numpy(seen(g)), axis=0) for seen in self._seen])

    def _error(self, theta: Any) -> Any:
        """e = g − g*."""
        return kernels(self.learned.at(theta), self.learned.size) - self.truth.kernel()[:, None]

    def _square(self, theta: Any) -> Any:
        """eᵀCe."""
        e = self._error(theta)
        return np.stack([np.sum(e * to_numpy(seen(e)), axis=0) for seen in self._seen])

    def _coarse(self) -> Any:
        """g at some angles all round."""
        return kernels(self.learned.at(2 * math.pi * np.arange(FEWEST) / FEWEST), self.learned.size)

    @property
    def _delta(self) -> float:
        """The rounding of a pixel."""
        return ROUNDING * (abs(self.learned.amplitude) + abs(self.truth.amplitude))

    def _rounding(self, v: Any) -> Any:
        """The largest rounding of vᵀCv: 2‖Cv‖δ of the pixels, and ``ROUNDING`` max C ‖v‖² of the products."""
        seen = np.stack([np.linalg.norm(to_numpy(seen(v)), axis=0) for seen in self._seen])
        return np.max(2 * self._delta * seen + ROUNDING * self._largest[:, None] * np.sum(v * v, axis=0), axis=1)

    def value(self, theta: Float[np.ndarray, "n starts"]) -> Float[np.ndarray, "n starts"]:
        """The loss."""
        if self.kind == "correlation":
            return 1 - self.overlap(theta) / np.sqrt(self.energy(theta) * self.scale[:, None])
        if self.kind == "mse":
            return np.maximum(self.square(theta), 0.0)
        return np.sqrt(np.maximum(self._squares(theta)[0], 0.0))

    def gradient(self, theta: Float[np.ndarray, "n starts"]) -> Float[np.ndarray, "n starts"]:
        """dℓ/dθ; 0 where √E is 0."""
        if self.kind == "mse":
            return self.square.slope(theta)
        if self.kind == "correlation":
            (b, db), (q, dq) = self.overlap.both(theta), self.energy.both(theta)
            return (b * dq / (2 * q) - db) / np.sqrt(q * self.scale[:, None])
        square, slope = self._squares(theta)
        root = np.sqrt(np.maximum(square, 0.0))
        return np.divide(slope, 2 * root, out=np.zeros_like(slope), where=root > 0)

    def _squares(self, theta: Any) -> tuple[Any, Any]:
        """E and E', without loss of figures near the truth, where E has a double zero."""
        square, slope = self.square.both(theta)
        if self.learned.turned(self.truth.theta) == self.truth:
            near = square < NEAR * self.scale[:, None]
            problem = np.nonzero(near)[0]
            square[near], slope[near] = self.square.about(self.truth.theta, theta[near], problem)
        return square, slope

    def alone(self, problem: int) -> Circle:
        """The loss on one of the images; the series are made for all of them at once."""
        one = copy.copy(self)
        kept = slice(problem, problem + 1)
        one._seen, one._true, one.scale = self._seen[kept], self._true[kept], self.scale[kept]
        one._largest = self._largest[kept]
        for name in ("overlap", "energy", "_rising") if self.kind == "correlation" else ("square",):
            one.__dict__[name] = getattr(self, name).alone(problem)
        return one

    def rising(self) -> Series:
        """A series of the sign of dℓ/dθ: E', or for the correlation ½BQ' − B'Q."""
        return self.square.derivative() if self.kind != "correlation" else self._rising

    @functools.cached_property
    def _rising(self) -> Series:
        def numerator(theta: Any) -> Any:
            at = np.broadcast_to(theta, (self.scale.size, theta.size))
            (b, db), (q, dq) = self.overlap.both(at), self.energy.both(at)
            return b * dq / 2 - db * q

        b, q = self.overlap, self.energy
        noise = (
            (b.bound(0) * q.derivative().noise + q.bound(1) * b.noise) / 2
            + b.bound(1) * q.noise
            + q.bound(0) * b.derivative().noise
        )
        return Series.sampled(numerator, noise)

    def curvature(self, theta: float | None = None) -> Float[np.ndarray, " n"]:
        """d²ℓ/dθ² of the mean squared error or the correlation, at an angle: at the truth by default.

        Of the root it is that of its square, E.
        """
        at = np.full((self.scale.size, 1), self.truth.theta if theta is None else theta)
        if self.kind != "correlation":
            return self.square.derivative().slope(at)[:, 0]
        q = self.energy(at)
        rise = self.rising()
        change = rise.slope(at) / q**1.5 - 1.5 * rise(at) * self.energy.slope(at) / q**2.5
        return (change / np.sqrt(self.scale[:, None]))[:, 0]

    def steepest(self, points: int = 2048) -> Float[np.ndarray, " n"]:
        """A bound on |d²E/dθ²|: with steps up to its reciprocal descent never climbs, nor leaves its basin.

        Of the correlation it is the largest difference quotient of the gradient on a grid of so many points.
        """
        if self.kind != "correlation":
            return self.square.bound(2)
        theta = np.broadcast_to(2 * math.pi * np.arange(points + 1) / points, (self.scale.size, points + 1))
        return np.max(np.abs(np.diff(self.gradient(theta), axis=1)), axis=1) * points / (2 * math.pi)

    def truths(self) -> Float[np.ndarray, " m"]:
        """The angles at which the turned filter is g*: θ*, and θ* + π for an even filter."""
        return np.mod(self.truth.theta + np.array([0.0, math.pi] if self.truth.even else [0.0]), 2 * math.pi)

    def off(self, theta: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """|θ − θ*| to the nearest truth, on the circle."""
        period = self._period
        away = np.mod(theta - self.truth.theta, period)
        return np.minimum(away, period - away)

    def apart(self, theta: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """θ − θ* from the nearest truth, on the circle, with its sign."""
        half = self._period / 2
        return np.mod(theta - self.truth.theta + half, 2 * half) - half

    @property
    def _period(self) -> float:
        return math.pi if self.truth.even else 2 * math.pi
