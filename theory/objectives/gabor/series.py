"""Trigonometric series on the circle: evaluated without the filter's pixels, and all of their zeros, certified."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from theory import checks

FEWEST, MOST = 64, 4096
"""Samples on the circle: doubled from the fewest until the upper half of the coefficients is rounding."""

ROUNDING = 1e-14
"""Coefficients below this, relative to the largest, are rounding of the samples: sums of some hundred terms."""

LOST = 1e-3
"""Noise of the samples, relative to the largest coefficient, of which nothing is said any more."""

DEEPEST, BISECTIONS = 40, 50
"""Halvings of a cell before whether it holds a zero is left undecided; and of one that holds a single zero."""


class Zeros(NamedTuple):
    """Where a series vanishes, in order, in [0, 2π); the slope there; whether certainly none is missing."""

    angles: Any
    slopes: Any
    certain: bool


@dataclass(frozen=True)
class Series:
    """f(θ) = Re Σ_k a_k exp(ikθ), k = 0, stride, 2 stride, …; a row of coefficients for each problem.

    ``noise``, a number for each problem, is the size of what rounding of the samples did to f and to a coefficient.

    Examples
    --------
    >>> cosine = Series.sampled(np.cos)
    >>> round(float(cosine(np.array([[0.5]]))[0, 0] - np.cos(0.5)), 12), cosine.stride
    (0.0, 1)
    """

    coefficients: Complex[np.ndarray, "n k"]
    stride: int = 1
    noise: Any = 0.0

    @staticmethod
    def sampled(function: Callable[[Any], Any], noise: Any = 0.0) -> Series:
        """The series of ``function``, which maps angles to one row of values a problem (or to one row).

        ``noise``, for each problem or for all, is the size of the rounding of a value; that of a coefficient is less.

        Raises
        ------
        BadInput
            If ``MOST`` samples are too few, as for a filter that turns faster than any that its pixels could show, or
            if the noise is more than ``LOST`` of the function.
        """
        samples = FEWEST
        while True:
            values = np.atleast_2d(function(2 * math.pi * np.arange(samples) / samples))
            a = np.fft.rfft(values, axis=1) / samples
            a[:, 1:] *= 2
            size = np.abs(a).max(axis=0)
            each = np.broadcast_to(np.asarray(noise, dtype=float), len(a))
            if (each > LOST * np.abs(a).max(axis=1)).any():
                share = float(np.max(each / np.maximum(np.abs(a).max(axis=1), np.finfo(float).tiny)))
                raise checks.refuse(
                    "filter",
                    f"so alike at all angles that of its loss {min(share, 1.0):.1e} is rounding",
                    "one that changes more as it turns; the correlation may serve as the loss",
                )
            level = max(ROUNDING * size.max(), each.max())
            if size[samples // 4 :].max() <= level:
                return Series(*_trimmed(a[:, : samples // 4], size[: samples // 4], level), each)
            if samples == MOST:
                raise checks.refuse("filter", "too rough a function of its angle", f"resolved by {MOST} angles")
            samples *= 2

    @property
    def harmonics(self) -> Float[np.ndarray, " k"]:
        """k of every coefficient."""
        return self.stride * np.arange(self.coefficients.shape[1])

    @functools.cached_property
    def _stacked(self) -> Complex[np.ndarray, "k 2 n 1"]:
        """Coefficients of f and of f'."""
        return np.stack([self.coefficients.T, (1j * self.harmonics * self.coefficients).T], axis=1)[..., None]

    def _horner(self, stacked: Complex[np.ndarray, "k m n 1"], theta: Float[np.ndarray, "n starts"]) -> Any:
        z = np.empty(theta.shape, complex)
        z.real, z.imag = np.cos(self.stride * theta), np.sin(self.stride * theta)
        total = np.empty(np.broadcast_shapes(stacked.shape[1:], z.shape), complex)
        total[:] = stacked[-1]
        for one in stacked[-2::-1]:
            total *= z
            total += one
        return total.real

    def __call__(self, theta: Float[np.ndarray, "n starts"]) -> Float[np.ndarray, "n starts"]:
        return self._horner(self._stacked[:, :1], theta)[0]

    def both(self, theta: Float[np.ndarray, "n starts"]) -> tuple[Any, Any]:
        """f and f' at the angles of each problem."""
        value, slope = self._horner(self._stacked, theta)
        return value, slope

    def slope(self, theta: Float[np.ndarray, "n starts"]) -> Float[np.ndarray, "n starts"]:
        """f' alone, for half of what both cost."""
        return self._horner(self._stacked[:, 1:], theta)[0]

    def about(self, zero: float, theta: Float[np.ndarray, " m"], problem: Any) -> tuple[Any, Any]:
        """f and f' of these problems at these angles, near a double zero: exact to a rounding of v, how far it is.

            f = Σ_k −2 Re b_k sin²(kv/2) − Im b_k (sin kv − (k/m) sin mv),   b_k = a_k exp(ik zero), m the stride

        as Σ Re b_k = Σ k Im b_k = 0.
        """
        v = (theta - zero)[:, None]
        k = self.harmonics[1:]
        b = self.coefficients[problem, 1:] * np.exp(1j * k * zero)
        half = np.sin(k * v / 2)
        odd = np.sin(k * v) - k / self.stride * np.sin(self.stride * v)
        even = 2 * np.sin((k + self.stride) * v / 2) * np.sin((k - self.stride) * v / 2)
        value = np.sum(-2 * b.real * half**2 - b.imag * odd, axis=1)
        return value, np.sum(k * (b.imag * even - b.real * np.sin(k * v)), axis=1)

    def derivative(self) -> Series:
        """f'; where every harmonic has noise of one size, independently, that of f' is √Σk² times as large."""
        noise = np.asarray(self.noise) * math.sqrt(np.sum(self.harmonics**2))
        return Series(1j * self.harmonics * self.coefficients, self.stride, noise)

    def alone(self, problem: int) -> Series:
        """That of one problem."""
        noise = np.broadcast_to(self.noise, len(self.coefficients))[problem : problem + 1]
        return Series(self.coefficients[problem : problem + 1], self.stride, noise)

    def bound(self, order: int) -> Float[np.ndarray, " n"]:
        """Σ k^order |a_k| ≥ max |f^(order)|."""
        return np.sum(self.harmonics**order * np.abs(self.coefficients), axis=1)

    def zeros(self, problem: int = 0) -> Zeros:
        """All zeros of one problem's f on the circle.

        About the middle of a cell of half-width r, with M₄ ≥ max |f⁗|, f has no zero if

            |f| > |f'| r + |f''| r²/2 + |f'''| r³/6 + M₄ r⁴/24 + noise

        and at most one if f' passes the same test. Other cells are halved. The noise is that of f, or of f'.
        """
        one = self.alone(problem)
        sides = [one, one.derivative(), one.derivative().derivative()]
        noise, steeper = float(one.noise[0]), float(sides[1].noise[0])
        bend, level = float(one.bound(4)[0]), max(ROUNDING * float(one.bound(0)[0]), 2 * noise)
        cells = max(FEWEST, 2 * int(one.harmonics[-1]))
        # Not at multiples of π/4, where zeros like to be.
        middle, r, found, certain = 0.1 + 2 * math.pi * np.arange(cells) / cells, math.pi / cells, [], True
        for depth in range(DEEPEST + 1):
            (f, d1), (_, d2), (_, d3) = (side._at(middle) for side in sides)
            d1, d2, d3 = np.abs(d1), np.abs(d2), np.abs(d3)
            empty = np.abs(f) > r * (d1 + r / 2 * (d2 + r / 3 * (d3 + r / 4 * bend))) + noise
            single = ~empty & (d1 > r * (d2 + r / 2 * (d3 + r / 3 * bend)) + steeper)
            found += one._crossings(middle[single], r)
            # Where f and its change are rounding, as in a flat valley, halving would never end.
            flat = ~empty & ~single & (np.abs(f) + r * d1 < level)
            middle = middle[~empty & ~single & ~flat]
            certain = certain and not bool(flat.any()) and (depth < DEEPEST or middle.size == 0)
            if middle.size == 0:
                break
            r /= 2
            middle = np.concatenate([middle - r, middle + r])
        angles = np.sort(np.mod(np.array(found), 2 * math.pi))
        return Zeros(angles, one._at(angles)[1], certain)

    def _at(self, theta: Float[np.ndarray, " m"]) -> tuple[Any, Any]:
        value, slope = self.both(theta[None, :])
        return value[0], slope[0]

    def _crossings(self, middle: Float[np.ndarray, " m"], r: float) -> list[float]:
        """The zeros in cells where f is monotone, to a rounding of their places: bisection, all at once."""
        low, high = middle - r, middle + r
        below = self._at(low)[0] < 0
        crossed = below != (self._at(high)[0] < 0)
        low, high, below = low[crossed], high[crossed], below[crossed]
        for _ in range(BISECTIONS if low.size else 0):
            half = (low + high) / 2
            same = (self._at(half)[0] < 0) == below
            low, high = np.where(same, half, low), np.where(same, high, half)
        return ((low + high) / 2).tolist()


def _trimmed(a: Any, size: Any, level: float) -> tuple[Any, int]:
    """Coefficients without the tail of rounding, and without the odd ones if they all are rounding."""
    last = int(np.flatnonzero(size > level).max(initial=0))
    stride = 2 if last and not (size[1::2] > level).any() else 1
    return a[:, : last + 1 : stride], stride
