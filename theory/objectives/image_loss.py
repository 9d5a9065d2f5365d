r"""The average-pooled ReLU filter on real images, of which a step of descent touches little.

While no patch changes sides, f(w, Zₙ) = (1/k) Σᵢ σ(w·Zₙᵢ) = w·sₙ/k with sₙ = Σᵢ Zₙᵢ 1{w·Zₙᵢ ≥ 0} fixed: one dot
product an image instead of k. A patch whose activation was a changes sides only after w has moved by |a|/‖Z‖
(Cauchy–Schwarz), and it moves no farther than the length of its path. So each patch is given a limit, the length of
path up to which its side is certain; when the path has passed it, and only then, the patch is looked at again:

    limit = path + |a|/‖Z‖,   and if it has flipped   sₙ ← sₙ ± Z

Nothing is approximated: limits are rounded down, and sides are those of the floating-point w·Z at every w. Patches that
are zero throughout, two fifths of MNIST's, are never looked at again. Twin: :class:`theory.objectives.SampleLoss`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float, Int

from theory import checks
from theory.arrays import shared_namespace, to_numpy
from theory.distributions import ImagePatches
from theory.kernels.constants import BLOCK, FLOOR
from theory.objectives import on_device
from theory.objectives.fused import Layout
from theory.objectives.relu_filter import SampleLoss, _columns

BUDGET = 1 << 30
"""Bytes of the runs' sides that are kept from one gradient to the next; runs beyond it are computed afresh each time.
MNIST's 10,000 test images take 31 MiB a run."""

FLIPS = 256
"""Patches of an image that may flip before its sum is taken afresh: so many roundings ε of Σᵢ |Zₙᵢ|, no more than the
sum over a 28×28 image's patches has itself."""

FAR = 0.5
"""A move by more than this, relative to ‖w‖, is a new start: nearly every patch would be looked at anyhow."""

STRIDE = 0.05
"""Moves of all columns by no more than this, relative to ‖w‖, are the next step of the same runs in the same order."""

_LONG = 1e300


@dataclass(frozen=True, eq=False)
class Cut:
    """Images as rows, and where their patches lie in them: Zₙᵢⱼ = images[n, first[i] + entry[j]]."""

    images: Float[np.ndarray, "n d"]
    first: Int[np.ndarray, " k"]
    entry: Int[np.ndarray, " p"]

    @classmethod
    def of(cls, patches: ImagePatches) -> Cut:
        """Without a copy, if patches are taken as they are; normalised ones no longer overlap, and are held."""
        grid = patches.grid
        if patches.normalise != "none":
            z = patches.take(slice(None)).astype(np.float64, copy=False).reshape(patches.n, -1)
            return cls(z, grid.dim * np.arange(grid.k), np.arange(grid.dim))
        places = np.arange(np.prod(grid.shape)).reshape(grid.shape)
        starts = places[tuple(slice(0, c * s, s) for c, s in zip(grid.counts, grid.stride, strict=True))]
        window = places[tuple(slice(0, size) for size in grid.filter_size)]
        images = np.ascontiguousarray(patches.images, dtype=np.float64).reshape(patches.n, -1)
        return cls(images, starts.ravel(), window.ravel())

    @functools.cached_property
    def survey(self) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n p"]]:
        """Norms of the patches, in float32 and rounded up, and the mean of |Zᵢ| of every image."""
        from theory.kernels import sides

        return sides.survey(self.images, self.first, self.entry)


class Sides:
    """On which side of its kink every patch is at ``w``, and Σᵢ Zₙᵢ 1{w·Zₙᵢ ≥ 0}, kept up to date while w moves.

    ``total`` is that sum, shape (n, p), and ``response`` f(w, Zₙ); ``path`` the length of the way to w. ``limit`` holds
    for each patch the length of path up to which its side is certain, negative for a patch that is not active;
    ``least`` the smallest of an image's limits, then that of each of its blocks of patches; ``flips`` how often a patch
    of the image has flipped since its sum was taken.
    """

    def __init__(self, cut: Cut) -> None:
        from theory.kernels import sides

        self._cut, self._move = cut, sides.move
        self._floor = FLOOR
        n, k = cut.images.shape[0], cut.first.size
        self.w = np.zeros(cut.entry.size)
        self.path = 0.0
        self.response = np.zeros(n)
        self.total = np.empty((n, cut.entry.size))
        self.limit = np.empty((n, k), dtype=np.float32)
        self.least = np.empty((n, 1 + -(-k // BLOCK)), dtype=np.float32)
        self.flips = np.empty(n, dtype=np.int64)
        self._forget()

    @property
    def nbytes(self) -> int:
        """Memory that this takes."""
        return sum(array.nbytes for array in (self.total, self.limit, self.least, self.flips))

    def near(self, w: Float[np.ndarray, " p"]) -> bool:
        """Whether w is near enough for what is known here to be of use there."""
        return self.path > 0 and float(np.linalg.norm(w - self.w)) <= FAR * float(np.linalg.norm(w))

    def _forget(self) -> None:
        self.path = 0.0
        for array in (self.total, self.limit, self.least, self.flips):
            array[:] = 0

    def to(self, w: Float[np.ndarray, " p"]) -> int:
        """Move to w; returns how many patches were looked at."""
        norm, moved = float(np.linalg.norm(w)), float(np.linalg.norm(w - self.w))
        if not self.near(w):
            self._forget()
            moved = 0.0
        elif np.array_equal(w, self.w):  # not: moved = 0, which may have underflowed
            return 0
        # The norm's rounding and that of the sum of a billion steps are far below 1e-6, as that of a limit is not.
        self.path += moved * (1 + 1e-9) + self._floor
        # The error of w·z, here and where the path leads, is at most p ε ‖w‖‖z‖.
        allowance = 4 * w.size * np.finfo(np.float64).eps * norm
        cut = self._cut
        self.w = w.copy()
        looked = self._move(
            cut.images, cut.first, cut.entry, cut.survey[0], self.w, allowance, self.path, FLIPS,
            self.total, self.limit, self.least, self.flips,
        )  # fmt: skip
        self.response = self.total @ self.w / cut.first.size
        return int(looked)


class ImageLoss:
    r"""ℓ(w) = ½ meanₙ (f(w, Zₙ) − yₙ)² over the patches of real images, labels yₙ = f(w*, Zₙ) if not given.

    In NumPy and float64; on CuPy images it is its twin, with these labels, whose pass of the device's own reads the
    patches from their images. It remembers the sides of the patches at each column of the last w, so that columns near
    to those cost little next time; what it returns does not depend on them beyond rounding. ``looked`` says how many
    patches the last gradient or value looked at, for each column. A long descent needs neither:
    :mod:`theory.descent.trajectory`.

    Parameters
    ----------
    patches
        The images, and how they are cut.
    teacher
        w*, p numbers, not zero.
    labels
        yₙ, one an image.
    threads
        Runs that are computed at the same time. The results are the same for any number.

    Raises
    ------
    BadInput
        If shapes disagree, or an entry is NaN or infinite.

    Examples
    --------
    >>> loss = ImageLoss(ImagePatches(np.eye(4)[None], filter_size=2), teacher=np.array([1.0, 0.0, 0.0, 1.0]))
    >>> float(loss.value(np.zeros(4))), loss.gradient(loss.teacher).tolist()
    (0.2222222222222222, [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, patches: ImagePatches, teacher: Any, *, labels: Any = None, threads: int = 1) -> None:
        if not isinstance(patches, ImagePatches):
            raise checks.refuse("patches", type(patches).__name__, "a theory.distributions.ImagePatches")
        there = on_device.lives_there(patches.images)
        xp = shared_namespace("patches", patches.images, teacher) if there else np
        self.teacher = checks.nonzero("teacher", teacher, xp)
        if self.teacher.shape != (patches.dim,):
            raise checks.refuse("teacher", f"an array of shape {self.teacher.shape}", f"of shape ({patches.dim},)")
        self.threads = checks.integer("threads", threads, least=1)
        self.n, self.k = patches.n, patches.k
        self.taught = labels is None
        self.looked: Any = self.n * self.k
        self._there = SampleLoss(patches, self.teacher) if there else None
        if self._there:
            self._there.labels = self.labels = self._there.labels if labels is None else self._given(labels, xp)
            return
        self.teacher = self.teacher.astype(np.float64, copy=False)
        self._cut = Cut.of(patches)
        self._kept: list[Sides] = []
        self.labels = (
            self._at(self.teacher, lambda here: here.response)[0]
            if labels is None
            else self._given(labels, np).astype(np.float64, copy=False)
        )

    @property
    def dim(self) -> int:
        """p."""
        return self.teacher.size

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, k, p)."""
        return self.n, self.k, self.dim

    @property
    def layout(self) -> Layout:
        """Where the patches lie in memory."""
        flat = self._cut.images.reshape(-1).view()
        flat.flags.writeable = False
        return Layout(flat, self.n, self._cut.images.shape[1], self._cut.first, self._cut.entry)

    @property
    def power(self) -> float:
        """Mean square of the labels: ``value``, doubled and divided by it, is the relative loss."""
        return float(np.mean(to_numpy(self.labels) ** 2))

    @functools.cached_property
    def curvature(self) -> float:
        """λ ≥ λ_max(E[u uᵀ]) for every w, u = s/k: no second derivative of ℓ is larger while no patch flips.

        |u| ≤ v entry by entry, v = meanᵢ |Zᵢ|, so that λ_max(E[v vᵀ]) is such a bound. Where no entry of a patch is
        negative it is attained, at any w at which all patches are active.
        """
        square = self._square(abs) if self._there else self._cut.survey[1].T @ self._cut.survey[1]
        return float(np.linalg.eigvalsh(square / self.n)[-1])

    def _square(self, of: Callable[[Any], Any]) -> Float[np.ndarray, "p p"]:
        """Σₙ vₙvₙᵀ, v = meanᵢ of Zᵢ, on the images' device."""
        assert self._there, "images are on NumPy"
        xp, total = array_namespace(self.teacher), np.zeros((self.dim, self.dim))
        for z, _ in self._there.blocks():
            v = xp.mean(of(z), axis=1)
            total += to_numpy(xp.matrix_transpose(v) @ v)
        return total

    def relative(self, value: Any) -> Any:
        """A loss as mean squared error over mean square label.

        Raises
        ------
        BadInput
            If all labels are 0.
        """
        if not self.power:
            raise checks.refuse("labels", "0 for every image", "different from 0 for one at least: a loss relative to")
        return 2 * value / self.power

    def hessian(self, w: Float[np.ndarray, " p"]) -> Float[np.ndarray, "p p"]:
        """E[u uᵀ] at w, u = s/k: the second derivative of ℓ while no patch flips."""
        if self._there:
            return self._square(lambda z: z * (z @ w >= 0)[:, :, None]) / self.n
        total = self._at(_columns(w, self.teacher)[0][:, 0], lambda here: here.total)[0]
        return total.T @ total / (self.k**2 * self.n)

    def _given(self, labels: Any, xp: Any) -> Float[Any, " n"]:
        result = checks.array("labels", labels, xp, ndim=(1,))
        if result.shape != (self.n,):
            raise checks.refuse("labels", f"an array of shape {result.shape}", f"of shape ({self.n},), one an image")
        return result

    def gradient(self, w: Float[np.ndarray, "p *runs"]) -> Float[np.ndarray, "p *runs"]:
        """∇ℓ(w)."""
        if self._there:
            return self._there.gradient(w)
        batch, _ = _columns(w, self.teacher)
        self._keep(batch.shape[1])
        chosen = self._nearest(batch)
        # In the order of the columns, in which the next ones will most likely come.
        self._kept = [*filter(None, chosen), *(here for here in self._kept if here not in chosen)]
        return np.stack(self._each(batch, self._slope, chosen), axis=1).reshape(w.shape)

    def value(self, w: Float[np.ndarray, "p *runs"]) -> Float[np.ndarray, "*runs"]:
        """ℓ(w)."""
        if self._there:
            return self._there.value(w)
        batch, _ = _columns(w, self.teacher)
        pairs = zip(self._nearest(batch), batch.T, strict=True)
        near = [here if here and here.near(column) else None for here, column in pairs]
        return np.array(self._each(batch, self._half_square, near)).reshape(w.shape[1:])

    def launches(self, w: Float[Any, "p runs"], out: Any) -> Callable[[], None] | None:
        """What puts ∇ℓ(w), or where ``out`` has a number a run ℓ(w), into ``out``; None if no kernel serves these w."""
        return self._there.launches(w, out) if self._there else None

    def _slope(self, here: Sides) -> Float[np.ndarray, " p"]:
        """Σₙ (f − yₙ) sₙ / k n."""
        return (here.response - self.labels) @ here.total / (self.k * self.n)

    def _half_square(self, here: Sides) -> float:
        return float(np.mean((here.response - self.labels) ** 2)) / 2

    def _at(
        self, w: Float[np.ndarray, " p"], what: Callable[[Sides], Any], here: Sides | None = None
    ) -> tuple[Any, int]:
        """``what`` of the sides at w, and how many patches were looked at for it."""
        here = here or Sides(self._cut)
        looked = here.to(w)
        return what(here), looked

    # ------------------------------------------------------------------------------------------- what is remembered

    def _keep(self, runs: int) -> None:
        """As many ``Sides`` as there are runs, and no more than ``BUDGET`` allows, their distances to them included."""
        while len(self._kept) < runs:
            if self._kept and (self._kept[0].nbytes + 8 * runs) * (len(self._kept) + 1) > BUDGET:
                return
            self._kept.append(Sides(self._cut))

    def _each(
        self, batch: Float[np.ndarray, "p runs"], what: Callable[[Sides], Any], chosen: Sequence[Sides | None]
    ) -> list[Any]:
        """``what`` of the sides at every column: the chosen ones, moved there, or for None new ones."""
        tasks = [(column, what, here) for column, here in zip(batch.T.copy(), chosen, strict=True)]
        if self.threads == 1 or len(tasks) == 1:
            done = [self._at(*task) for task in tasks]
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                done = list(pool.map(lambda task: self._at(*task), tasks))
        self.looked = np.array([looked for _, looked in done], dtype=np.int64)
        return [found for found, _ in done]

    def _nearest(self, batch: Float[np.ndarray, "p runs"]) -> Sequence[Sides | None]:
        """For every column the nearest sides that no other column has, as far as there are any."""
        chosen: list[Sides | None] = [None] * batch.shape[1]
        if not self._kept:
            return chosen
        if len(self._kept) >= batch.shape[1]:
            known = np.stack([here.w for here in self._kept[: batch.shape[1]]], axis=1)
            if np.all(np.sum((batch - known) ** 2, axis=0) <= STRIDE**2 * np.sum(batch**2, axis=0)):
                return self._kept[: batch.shape[1]]
        from scipy.optimize import linear_sum_assignment
        from scipy.spatial.distance import cdist

        # A distance that overflows is a long one: the assignment wants numbers.
        apart = np.minimum(cdist(batch.T, np.stack([here.w for here in self._kept])), _LONG)
        nearest = np.argmin(apart, axis=1)
        columns = np.arange(nearest.size)
        if np.unique(nearest).size < nearest.size:
            columns, nearest = linear_sum_assignment(apart)
        for column, place in zip(columns, nearest, strict=True):
            chosen[column] = self._kept[place]
        return chosen
