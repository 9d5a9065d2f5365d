r"""The population loss of the convolutional ReLU filter on Gaussian images, whose patches may overlap: a closed form.

For x ~ N(0, I) and patches Z_i = P_i x, two filters u and v seen by two patches at the offset o = j − i have

    E[σ(u·Z_i) σ(v·Z_j)] = ‖u‖‖v‖ κ(c),   2π κ(c) = sin θ + (π − θ) c,   c = cos θ = û·T_o v̂

where T_o moves a filter by o and drops what falls outside of it (û = u/‖u‖). Only the offset counts, so that with n_o,
the share of the k² pairs of patches that are at the offset o, and T_o = 0 for those that do not overlap,

    ℓ(w) = ½ Σ_o n_o (r² κ_ww + s² κ_** − 2 r s κ_w*),   r = ‖w‖,  s = ‖w*‖,   κ_uv = κ(û·T_o v̂)

Near w* none of these terms is small, while their sum is. What is evaluated is the same sum in terms that are of the
order of the result. With e = ŵ − ŵ* and φ = θ_**, the Bregman divergence of κ is

    2π R(θ) = 2π (κ(cos θ) − κ(cos φ)) − (π − φ)(cos θ − cos φ) = 2 sin θ sin²(δ/2) + cos θ (δ − sin δ),   δ = φ − θ

and, as c_ww + c_** − c_w* − c_*w = e·T_o e, and as offsets come in pairs o, −o,

    ℓ(w) = ½ Σ_o n_o ((r−s)² κ_** + r (r−s) (κ_ww − κ_**) + r s ((π−φ) e·T_o e/2π + R(θ_ww) − 2R(θ_w*)))
    2π ∇ℓ(w) = Σ_o n_o ((r sin θ_ww − s sin θ_w*) ŵ + (π − θ_w*) T_o(w − w*) + (θ_w* − θ_ww) T_o w)

with the differences of cosines, sines and angles found from e, never by subtraction.
Source: the arc-cosine kernel of order 1 (Cho & Saul, 2009) for the pair; the sum over offsets derived anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float, Int

from theory import checks
from theory.arrays import halving, shared_namespace
from theory.distributions import PatchGrid
from theory.objectives import exact_on_device
from theory.objectives.relu_filter import BLOCK, _columns

TERMS = 9
"""Terms of the series of x − sin x on [−1, 1]: the next is below rounding, 6/21! of the first."""


@dataclass(frozen=True, eq=False)
class PatchPairs:
    """The pairs of patches of an image, by their offset.

    ``moved[o, a]`` is the pixel of the filter that T_o brings to pixel a, (T_o v)_a = v_moved, or p where it brings
    none; the offsets are in order, so that reversing them is o → −o, and the middle one is 0. ``share`` is n_o,
    ``apart`` the share of the pairs that do not overlap.
    """

    moved: Int[np.ndarray, "offsets p"]
    share: Float[np.ndarray, " offsets"]
    apart: float


def patch_pairs(grid: PatchGrid) -> PatchPairs:
    """The pairs of patches of the grid, by their offset.

    Examples
    --------
    >>> pairs = patch_pairs(PatchGrid(15, filter_size=5, stride=2))
    >>> pairs.share.shape, (36 * pairs.share).round().tolist(), round(36 * pairs.apart)
    ((5,), [4.0, 5.0, 6.0, 5.0, 4.0], 12)
    """
    counts, size, k = np.array(grid.counts), np.array(grid.filter_size), grid.k
    reach = np.minimum(counts - 1, (size - 1) // np.array(grid.stride))
    hops = _points([np.arange(-m, m + 1) for m in reach])
    source = _points([np.arange(f) for f in size]) + (hops * grid.stride)[:, None, :]
    inside = np.all((source >= 0) & (source < size), axis=2)
    width = np.cumprod([1, *size[:0:-1]])[::-1]
    pairs = np.prod(counts - np.abs(hops), axis=1)
    moved = np.where(inside, source @ width, grid.dim)
    return PatchPairs(moved, pairs / k**2, (k**2 - int(pairs.sum())) / k**2)


def _points(axes: list[np.ndarray]) -> Int[np.ndarray, "points axes"]:
    """The points of the grid spanned by the axes, in the order of reading."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


class _View(NamedTuple):
    """A batch of w beside the teacher: what every offset (first axis) sees of it, for the runs (last axis)."""

    r: Any
    gap: Any  # r − s
    unit: Any  # ŵ
    moved: Any  # T_o e
    square: Any  # e·T_o e
    change: Any  # cos θ_w* − cos φ
    ww: _Angle
    wt: _Angle


class _Angle(NamedTuple):
    cos: Any
    sin: Any


class OverlapLoss:
    r"""The exact population loss of f(w, Z) = (1/k) Σᵢ σ(w·Zᵢ) on standard Gaussian images.

    With one patch it is ``PopulationLoss(Gaussian(p), teacher)``. Near w* both loss and gradient keep their relative
    accuracy, to a few roundings times the condition number of ∇²ℓ(w*); so do the angles where one filter is a moved
    copy of the other. At w = 0 the derivative of σ is taken as 1, as everywhere. On CuPy arrays in float64 all runs are
    one launch of a kernel: :mod:`theory.objectives.exact_on_device`.

    Parameters
    ----------
    images
        The law, ``GaussianImages``, or any other grid of patches: that of the images is all that counts.
    teacher
        w*, p numbers (the filter row by row), not zero.

    Raises
    ------
    BadInput
        If this is no grid of patches, or the teacher is not a filter of its size.

    Examples
    --------
    >>> import numpy as np
    >>> loss = OverlapLoss(PatchGrid((28, 28), filter_size=5), teacher=np.ones(25))
    >>> float(loss.value(np.ones(25))), loss.gradient(np.zeros((25, 3))).shape
    (0.0, (25, 3))
    """

    def __init__(self, images: Any, teacher: Any) -> None:
        if not isinstance(images, PatchGrid):
            raise checks.refuse("images", type(images).__name__, "GaussianImages, or another PatchGrid")
        xp = shared_namespace("teacher", teacher, teacher)
        self.teacher = xp.astype(checks.nonzero("teacher", teacher, xp), xp.float64)
        if self.teacher.shape != (images.dim,):
            required = f"of shape ({images.dim},), one number a pixel of the filter"
            raise checks.refuse("teacher", f"an array of shape {self.teacher.shape}", required)
        pairs = patch_pairs(images)
        self._apart = pairs.apart
        self._share = xp.asarray(pairs.share)
        self._index = xp.asarray(pairs.moved.ravel())
        self._centre = xp.asarray(np.arange(pairs.share.size) == pairs.share.size // 2)[:, None]
        self._norm = xp.linalg.vector_norm(self.teacher)
        self._unit = self.teacher / self._norm
        self._measure(pairs, xp)

    def _measure(self, pairs: PatchPairs, xp: Any) -> None:
        """What concerns the teacher alone: T_o ŵ*, 1 − ‖T_o ŵ*‖², and φ and 2πκ_** at every offset."""
        t = self._unit[:, None]
        self._moved = self._move(t)[:, :, 0]
        # What T_o drops is what T_{−o} brings nothing to.
        self._dropped = xp.asarray((pairs.moved[::-1] == self.dim).astype(np.float64)) @ t**2
        cosine = xp.where(self._centre, 1.0, self._moved @ t)
        self._own = _Angle(cosine, xp.where(self._centre, 0.0, self._sine(t, cosine)))
        self._phi = xp.atan2(self._own.sin, self._own.cos)
        self._kappa = self._own.sin + (xp.pi - self._phi) * self._own.cos

    @property
    def dim(self) -> int:
        """p."""
        return self.teacher.shape[0]

    def gradient(self, w: Float[Any, "p *runs"]) -> Float[Any, "p *runs"]:
        """∇ℓ(w)."""
        return self._found(w, slope=True)

    def value(self, w: Float[Any, "p *runs"]) -> Float[Any, "*runs"]:
        """ℓ(w)."""
        return self._found(w, slope=False)

    def launches(self, w: Float[Any, "p runs"], out: Any) -> Callable[[], None] | None:
        """What puts ∇ℓ(w), or where ``out`` has a number a run ℓ(w), into ``out``; None if no kernel serves these w."""
        if not exact_on_device.worthwhile(self, w):
            return None
        return exact_on_device.overlap(w, self.teacher, self._tables, self._length, self._apart, out)

    @cached_property
    def _tables(self) -> tuple[Any, ...]:
        moved = array_namespace(self._index).reshape(self._index, (-1, self.dim))
        measures = [self._share, *(array[:, 0] for array in (self._dropped, *self._own, self._kappa))]
        return exact_on_device.overlap_tables(moved, self._unit, self._moved, measures)

    @cached_property
    def _length(self) -> float:
        return float(self._norm)

    def _found(self, w: Any, *, slope: bool) -> Any:
        """The gradient or the value, by the kernel or in blocks."""
        batch, xp = _columns(w, self.teacher)
        if exact_on_device.worthwhile(self, batch):
            found = exact_on_device.found(self, batch, slope=slope)
        else:
            function = self._gradient if slope else self._value
            found = halving(lambda held: self._in_blocks(function, batch, xp, held), BLOCK)
        return xp.reshape(found, (*found.shape[:-1], *w.shape[1:]))

    def _in_blocks(self, function: Callable[[Any], Any], batch: Any, xp: Any, held: int) -> Any:
        """The function of w, of as many runs at once as keep every array within so many numbers."""
        length = max(1, held // self._index.shape[0])
        runs = batch.shape[1]
        parts = [batch[:, first : min(runs, first + length)] for first in range(0, max(1, runs), length)]
        return xp.concat([function(part) for part in parts], axis=-1)

    def _gradient(self, w: Float[Any, "p runs"]) -> Float[Any, "p runs"]:
        xp = array_namespace(w)
        at, share, s = self._view(w), self._share[:, None], self._norm
        turn, rise = self._turn(-xp.flip(at.change, axis=0) - at.square, at.ww, at.wt)
        # At w = 0 every patch is active, as at the angle 0.
        active = xp.pi - xp.where(at.r > 0, xp.atan2(at.wt.sin, at.wt.cos), 0.0)
        radial = xp.sum(share * (at.gap * at.ww.sin - s * rise), axis=0) + self._apart * at.gap
        # T_o(w − w*) = r T_o e + (r − s) T_o ŵ*, T_o w = r T_o e + r T_o ŵ*
        along_e = xp.sum((share * at.r * (active - turn))[:, None, :] * at.moved, axis=0)
        along_t = xp.matrix_transpose(self._moved) @ (share * (active * at.gap - turn * at.r))
        return (radial * at.unit + along_e + along_t) / (2 * xp.pi)

    def _value(self, w: Float[Any, "p runs"]) -> Float[Any, " runs"]:
        xp = array_namespace(w)
        at, s = self._view(w), self._norm
        slope = xp.pi - self._phi
        far = self._divergence(at.change, at.wt)
        step = xp.where(self._centre, 0.0, at.change + xp.flip(at.change, axis=0) + at.square)
        own = self._divergence(step, at.ww)
        pairs = (
            at.gap**2 * self._kappa
            + at.r * at.gap * (slope * step + own)
            + at.r * s * (slope * at.square + own - 2 * far)
        )
        result = (self._share @ pairs + self._apart * at.gap**2) / (4 * xp.pi)
        # Where terms cancel to rounding the sum may fall below 0, which no loss does.
        return xp.where(result < 0, 0.0, result)

    def _view(self, w: Float[Any, "p runs"]) -> _View:
        xp = array_namespace(w)
        t, unit_t, s = self.teacher[:, None], self._unit[:, None], self._norm
        r, d = xp.linalg.vector_norm(w, axis=0), w - t
        unit = w / xp.where(r > 0, r, 1.0)
        gap = xp.sum(d * (w + t), axis=0) / (r + s)
        # e = (d − (r − s) ŵ*)/r = (d − (r − s) ŵ)/s: the one that divides by the larger norm.
        e = (d - gap * xp.where(r < s, unit, unit_t)) / xp.where(r < s, s, r)
        moved = self._move(e)
        square = xp.sum(e[None, :, :] * moved, axis=1)
        # e·ŵ* = −‖e‖²/2 for unit vectors, and sin θ = ‖e‖‖ŵ + ŵ*‖/2 (Kahan): small angles keep their accuracy.
        change = xp.where(self._centre, -square / 2, self._moved @ e)
        sine = xp.linalg.vector_norm(e, axis=0) * xp.linalg.vector_norm(unit + unit_t, axis=0) / 2
        cos_wt = self._own.cos + change
        sin_wt = xp.where(self._centre, sine, self._sine(unit, cos_wt))
        # A filter and its own move are never parallel, |cos| ≤ cos(π/(f + 1)): 1 − cos² loses little.
        cos_ww = xp.where(self._centre, 1.0, cos_wt + xp.flip(change, axis=0) + square)
        sin_ww = xp.sqrt((1 - cos_ww) * (1 + cos_ww))
        return _View(r, gap, unit, moved, square, change, _Angle(cos_ww, sin_ww), _Angle(cos_wt, sin_wt))

    def _move(self, v: Float[Any, "p runs"]) -> Float[Any, "offsets p runs"]:
        """T_o v."""
        xp = array_namespace(v)
        padded = xp.concat([v, xp.zeros_like(v[:1, :])])
        return xp.reshape(xp.take(padded, self._index, axis=0), (self._share.shape[0], *v.shape))

    def _sine(self, unit: Float[Any, "p runs"], cosine: Float[Any, "offsets runs"]) -> Float[Any, "offsets runs"]:
        """sin ∠(û, T_o ŵ*) in the image: what of the moved filter is across û, and what the move dropped."""
        xp = array_namespace(unit)
        across = self._moved[:, :, None] - cosine[:, None, :] * unit[None, :, :]
        return xp.sqrt(xp.sum(across**2, axis=1) + self._dropped)

    def _turn(self, change: Any, before: _Angle, after: _Angle) -> tuple[Any, Any]:
        """Angle before − after and sine after − before, from the change of the cosine; before is 0 at the offset 0.

        By cos² + sin² = 1 the sine changes by −(change of cos)(sum of cos)/(sum of sin).
        """
        xp = array_namespace(change)
        slope = (before.cos + after.cos) / xp.where(self._centre, 1.0, before.sin + after.sin)
        sine = change * (before.sin + before.cos * slope)
        angle = xp.atan2(sine, before.cos * after.cos + before.sin * after.sin)
        there = -xp.atan2(after.sin, after.cos)
        return xp.where(self._centre, there, angle), xp.where(self._centre, after.sin, -change * slope)

    def _divergence(self, change: Any, angle: _Angle) -> Any:
        """2πR(θ) = 2 sin θ sin²(δ/2) + cos θ (δ − sin δ), δ = φ − θ."""
        xp = array_namespace(change)
        delta, _ = self._turn(change, self._own, angle)
        return 2 * angle.sin * xp.sin(delta / 2) ** 2 + angle.cos * _minus_sine(delta, xp)


def _minus_sine(x: Any, xp: Any) -> Any:
    """x − sin x without cancellation: its series where |x| < 1."""
    square = xp.where(xp.abs(x) < 1, x, 0.0) ** 2
    series = xp.ones_like(x)
    for k in range(TERMS, 1, -1):
        series = 1 - series * square / (2 * k * (2 * k + 1))
    return xp.where(xp.abs(x) < 1, x * square / 6 * series, x - xp.sin(x))
