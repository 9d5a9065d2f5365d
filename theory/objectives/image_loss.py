r"""The average-pooled ReLU filter on real images, in which a step of descent costs little.

While no patch changes sides, f(w, Z) = (1/k) Σᵢ σ(w·Zᵢ) = w·u with u = (1/k) Σᵢ Zᵢ 1{w·Zᵢ ≥ 0} fixed: one dot
product an image instead of k. About a reference w_r, a patch can have changed sides only if |w_r·z| ≤ ‖w − w_r‖ ‖z‖
(Cauchy–Schwarz). Those few are looked at one by one, and each that has flipped moves u by ±z/k and f by |w·z|/k:

    u(w) = u(w_r) + (1/k) Σ_flipped sign(w·Zᵢ) Zᵢ,   f(w) = w·u(w_r) + (1/k) Σ_flipped |w·Zᵢ|

Nothing is approximated. When w has gone too far, a new reference is made, from every patch anew. Patches that are zero
throughout, two fifths of MNIST's, contribute nothing and are dropped. Twin: :class:`theory.objectives.SampleLoss`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from theory import checks
from theory.distributions import ImagePatches
from theory.objectives.relu_filter import _columns

SHARE = 1 / 32
"""Share of the patches, those nearest to their kink, that a reference holds beside u: its reach."""

ROWS = 1 << 14
"""Patches in a block of a pass over all of them."""

PROBES = 1 << 12
"""Patches from which the reach is estimated. It decides what is held, never what is right."""


class ImageLoss:
    r"""ℓ(w) = ½ meanₙ (f(w, Zₙ) − yₙ)² over the patches of real images, labels yₙ = f(w*, Zₙ) if not given.

    In NumPy and float64. ``gradient`` remembers where each column was, so that nearby columns cost little next time;
    what it returns differs by rounding only from what a fresh one returns. Holds the patches that are not zero, and for
    each run of a batch p numbers an image and ``SHARE`` of the patches.

    Parameters
    ----------
    patches
        ``ImagePatches``, or anything else with ``n``, ``k``, ``dim`` and ``blocks()``.
    teacher
        w*, p numbers, not zero.
    labels
        yₙ, one an image.

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

    def __init__(self, patches: ImagePatches, teacher: Any, *, labels: Any = None) -> None:
        self.teacher = checks.nonzero("teacher", teacher, np).astype(np.float64, copy=False)
        if self.teacher.shape != (patches.dim,):
            raise checks.refuse("teacher", f"an array of shape {self.teacher.shape}", f"of shape ({patches.dim},)")
        self.n, self.k = patches.n, patches.k
        self._patches, self._ends, mass = _cut(patches)
        self._norms = np.sqrt(np.einsum("ij,ij->i", self._patches, self._patches))
        self._references: Sequence[_Reference] = ()
        # Bounds on E[u uᵀ], whatever w: |u| ≤ v entry by entry, v = mean |Zᵢ|; and u uᵀ ≼ mean Zᵢ Zᵢᵀ by Jensen.
        bounds = (mass.T @ mass / self.n, self._patches.T @ self._patches / (self.n * self.k))
        self.curvature = min(float(np.linalg.eigvalsh(bound)[-1]) for bound in bounds)
        self.labels = self._response(self.teacher[:, None])[:, 0] if labels is None else self._given(labels)

    @property
    def dim(self) -> int:
        """p."""
        return self._patches.shape[1]

    @property
    def power(self) -> float:
        """Mean square of the labels: ``value``, doubled and divided by it, is the relative loss."""
        return float(np.mean(self.labels**2))

    def _given(self, labels: Any) -> Float[np.ndarray, " n"]:
        result = checks.array("labels", labels, np, ndim=(1,))
        if result.shape != (self.n,):
            raise checks.refuse("labels", f"an array of shape {result.shape}", f"of shape ({self.n},), one an image")
        return result

    def gradient(self, w: Float[np.ndarray, "p *runs"]) -> Float[np.ndarray, "p *runs"]:
        """∇ℓ(w)."""
        batch, _ = _columns(w, self.teacher)
        self._references = self._around(batch)
        columns = [self._slope(column, near) for column, near in zip(batch.T, self._references, strict=True)]
        return np.stack(columns, axis=1).reshape(w.shape)

    def value(self, w: Float[np.ndarray, "p *runs"]) -> Float[np.ndarray, "*runs"]:
        """ℓ(w)."""
        batch, _ = _columns(w, self.teacher)
        place, within, _ = self._nearest(batch)
        response = np.empty((self.n, batch.shape[1]))
        response[:, ~within] = self._response(batch[:, ~within])
        for run in np.flatnonzero(within):
            near = self._references[place[run]]
            response[:, run] = self._moved(batch[:, run], near, near.flipped(batch[:, run]))
        return np.mean((response - self.labels[:, None]) ** 2 / 2, axis=0).reshape(w.shape[1:])

    def _slope(self, w: Float[np.ndarray, " p"], near: _Reference) -> Float[np.ndarray, " p"]:
        """Σₙ (f − yₙ) uₙ / n, with u in its two parts."""
        flipped = near.flipped(w)
        residual = (self._moved(w, near, flipped) - self.labels) / self.n
        turned = np.where(flipped.activation >= 0, residual[flipped.image], -residual[flipped.image])
        return residual @ near.u + turned @ flipped.patches / self.k

    def _moved(self, w: Float[np.ndarray, " p"], near: _Reference, flipped: _Flipped) -> Float[np.ndarray, " n"]:
        """F(w, Z) of every image, from the reference and what has flipped since."""
        return near.u @ w + np.bincount(flipped.image, np.abs(flipped.activation), self.n) / self.k

    # ------------------------------------------------------------------------------------------------- references

    def _around(self, batch: Float[np.ndarray, "p runs"]) -> Sequence[_Reference]:
        """A reference for each column: the nearest where it is near enough, else a new one."""
        place, within, far = self._nearest(batch)
        chosen: list[Any] = [self._references[where] if ok else None for where, ok in zip(place, within, strict=True)]
        if not within.all():
            # One pass serves many columns: those that would soon need another come along.
            renewed = np.flatnonzero(~within | far)
            for run in renewed:
                chosen[run] = None
            self._references = ()  # what is no longer chosen goes before the new ones come
            for run, reference in zip(renewed, self._made(batch[:, renewed]), strict=True):
                chosen[run] = reference
        return chosen

    def _nearest(self, batch: Float[np.ndarray, "p runs"]) -> tuple[Any, Any, Any]:
        """The nearest reference of each column, whether it is within reach, and whether beyond half of it."""
        runs = batch.shape[1]
        if not self._references:
            return np.zeros(runs, dtype=int), np.zeros(runs, dtype=bool), np.ones(runs, dtype=bool)
        at = np.stack([reference.w for reference in self._references], axis=1)
        apart = np.linalg.norm(at[:, :, None] - batch[:, None, :], axis=0)
        place = np.argmin(apart, axis=0)
        distance = apart[place, np.arange(runs)] + np.array([_rounding(w) for w in batch.T])
        reach = np.array([self._references[where].reach for where in place])
        return place, distance <= reach, ~(distance <= reach / 2)

    def _made(self, batch: Float[np.ndarray, "p runs"]) -> list[_Reference]:
        """A reference at each column, from one pass over all patches."""
        # A product an image is too small to be shared: threads that wait for each other take ten times as long.
        with threadpool_limits(1):
            return self._pass(batch, self._reach(batch))

    def _pass(self, batch: Float[np.ndarray, "p runs"], reach: Float[np.ndarray, " runs"]) -> list[_Reference]:
        runs = batch.shape[1]
        u = np.empty((runs, self.n, self.dim))
        found: list[tuple[Any, Any, Any, Any]] = []
        for images, rows in self._passes():
            activation = self._patches[rows] @ batch
            active = (activation >= 0).astype(np.float64)
            place, run = np.nonzero(np.abs(activation) <= reach * self._norms[rows, None])
            margin = np.abs(activation[place, run]) / self._norms[place + rows.start]
            found.append((place + rows.start, run, margin, active[place, run] > 0))
            for image in range(images.start, images.stop):
                part = slice(self._ends[image] - rows.start, self._ends[image + 1] - rows.start)
                u[:, image, :] = active[part].T @ self._patches[rows][part]
        u /= self.k
        place, run, margin, side = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = [np.flatnonzero(run == one) for one in range(runs)]
        return [
            self._reference(batch[:, one].copy(), u[one], float(reach[one]), place[at], margin[at], side[at])
            for one, at in enumerate(kept)
        ]

    def _reference(self, w: Any, u: Any, reach: float, place: Any, margin: Any, side: Any) -> _Reference:
        order = np.argsort(margin, kind="stable")
        place = place[order]
        image = np.searchsorted(self._ends, place, side="right") - 1
        return _Reference(w, u, reach, margin[order], self._patches[place], image, side[order])

    def _reach(self, batch: Float[np.ndarray, "p runs"]) -> Float[np.ndarray, " runs"]:
        """The margin |w·z|/‖z‖ below which about ``SHARE`` of the patches lie."""
        some = slice(None, None, max(1, self._norms.size // PROBES))
        if self._norms.size == 0:
            return np.full(batch.shape[1], np.inf)
        return np.quantile(np.abs(self._patches[some] @ batch) / self._norms[some, None], SHARE, axis=0)

    def _response(self, batch: Float[np.ndarray, "p runs"]) -> Float[np.ndarray, "n runs"]:
        """F(w, Z) of every image, from all patches."""
        result = np.zeros((self.n, batch.shape[1]))
        for images, rows in self._passes():
            positive = np.maximum(self._patches[rows] @ batch, 0.0)
            full = np.flatnonzero(np.diff(self._ends[images.start : images.stop + 1])) + images.start
            if full.size:
                result[full] = np.add.reduceat(positive, self._ends[full] - rows.start, axis=0) / self.k
        return result

    def _passes(self) -> Iterator[tuple[slice, slice]]:
        """Blocks of images and the rows that are their patches: about ``ROWS``, and at least one image."""
        first = 0
        while first < self.n:
            last = int(np.searchsorted(self._ends, self._ends[first] + ROWS, side="right")) - 1
            last = min(self.n, max(first + 1, last))
            yield slice(first, last), slice(int(self._ends[first]), int(self._ends[last]))
            first = last


class _Flipped(NamedTuple):
    """The patches that have changed sides: themselves, their images, and w·z."""

    patches: Float[np.ndarray, "m p"]
    image: Int[np.ndarray, " m"]
    activation: Float[np.ndarray, " m"]


@dataclass(frozen=True, eq=False)
class _Reference:
    """u at w, and the patches that may flip within ``reach`` of it, in the order of their ``margin`` |w·z|/‖z‖."""

    w: Float[np.ndarray, " p"]
    u: Float[np.ndarray, "n p"]
    reach: float
    margin: Float[np.ndarray, " m"]
    patches: Float[np.ndarray, "m p"]
    image: Int[np.ndarray, " m"]
    active: Bool[np.ndarray, " m"]

    def flipped(self, w: Float[np.ndarray, " p"]) -> _Flipped:
        """What has changed sides between here and w, which must be within reach."""
        distance = float(np.linalg.norm(w - self.w)) + _rounding(w)
        unsafe = int(np.searchsorted(self.margin, distance, side="right"))
        activation = self.patches[:unsafe] @ w
        where = np.flatnonzero((activation >= 0) != self.active[:unsafe])
        return _Flipped(self.patches[where], self.image[where], activation[where])


def _rounding(w: Float[np.ndarray, " p"]) -> float:
    """What a margin and a distance may be wrong by: p products and sums each, twice over."""
    return float(8 * w.size * np.finfo(np.float64).eps * np.linalg.norm(w))


def _cut(patches: ImagePatches) -> tuple[Any, Any, Any]:
    """The patches that are not zero, where each image's begin and end, and its mean of |Zᵢ|."""
    inked = [np.any(z != 0, axis=2) for z, _ in patches.blocks()]
    ends = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(inked).sum(axis=1))])
    # Counted first, then cut again into their place: what is kept is never held twice.
    rows, mass = np.empty((int(ends[-1]), patches.dim)), np.empty((patches.n, patches.dim))
    for ink, (z, part) in zip(inked, patches.blocks(), strict=True):
        rows[ends[part.start] : ends[part.stop]] = z[ink]
        mass[part] = np.mean(np.abs(z), axis=1)
    return rows, ends, mass
