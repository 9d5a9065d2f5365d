r"""The step of a sample loss in one pass over the data: the compiled engine behind :class:`SampleLoss`.

The samples are cut into units, whose number follows from the shapes alone; each unit's gradient is summed in blocks
that stay in the processor's cache, and the units' gradients are added in their order. So the result is the same, bit
for bit, for any number of threads, which share the units among them.

When it is used, ``worthwhile`` says: on NumPy arrays of one type, float32 or float64, whose patches lie in memory at
constant distances (an array, a view of signals, images that are cut into patches), from ``LEAST`` products on. Below
that the plain path is as fast. One run over patches that lie side by side has its own loop, which memory bounds: there
vectors lie along a patch, elsewhere across the runs.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from array_api_compat import is_numpy_array
from jaxtyping import Float, Int

from theory.arrays import threads
from theory.distributions import ImagePatches, PatchGrid

LEAST = 1 << 18
"""Products n·k·p·R from which a pass is compiled. Nothing was slower from 2¹³ on; but a plain gradient takes 0.1 ms
here, of which a third would be saved, and numba half a second to load."""

SHARED = 1 << 22, 1 << 20
"""Products n·k·p·R from which threads share a pass, for several runs and for one: 0.2 ms of one of them, a few times
what it costs to wake another."""

UNITS = 32
"""Sums that a gradient is made of, at most: no more threads than that are of use."""

ROWS = 64, 256
"""Patches in a block and in a unit, at least: each ends with an addition to p·R sums, or with p·R sums of its own."""

CACHE = 32 << 10, 8 << 10
"""Bytes of a block, its patches and its activations, for several runs and for one: about the first cache. Measured."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where patches lie in memory: entry j of patch i of sample n is ``flat[n·stride + first[i] + entry[j]]``."""

    flat: Float[np.ndarray, " numbers"]
    samples: int
    stride: int
    first: Int[np.ndarray, " k"]
    entry: Int[np.ndarray, " p"]

    @classmethod
    def of(cls, patches: Any) -> Layout | None:
        """Nothing is copied. None where memory is not laid out like this, or holds other numbers."""
        if isinstance(patches, ImagePatches):
            return _of_images(patches) if patches.normalise == "none" else None
        if not is_numpy_array(patches) or not _fit(patches):
            return None
        steps = [step // patches.itemsize for step in patches.strides]
        places = [step * np.arange(count) for step, count in zip(steps, patches.shape, strict=True)]
        return cls(_flat(patches), patches.shape[0], steps[0], places[1], places[2])

    @property
    def compact(self) -> bool:
        """Whether the entries of a patch lie side by side."""
        return bool(np.all(self.entry == np.arange(self.entry.size)))


def _fit(array: np.ndarray) -> bool:
    """Entries are float32 or float64, in the processor's byte order, at whole distances, none negative."""
    whole = all(step >= 0 and step % array.itemsize == 0 for step in array.strides)
    return array.dtype in (np.float32, np.float64) and array.dtype.isnative and array.flags.aligned and whole


def _flat(array: np.ndarray) -> Float[np.ndarray, " numbers"]:
    """All that lies between the first entry of an array and its last, as one row; the same memory."""
    last = sum((count - 1) * step for count, step in zip(array.shape, array.strides, strict=True)) // array.itemsize
    return np.lib.stride_tricks.as_strided(array, (last + 1,), (array.itemsize,), writeable=False)


def _of_images(patches: ImagePatches) -> Layout | None:
    images = patches.images
    if not is_numpy_array(images) or not _fit(images):
        return None
    return Layout(_flat(images), patches.n, images.strides[0] // images.itemsize, *places(images, patches.grid))


def places(images: Any, grid: PatchGrid) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " p"]]:
    """Where the patches of an image begin, and where their entries are from there on, in memory of any library.

    >>> [place.tolist() for place in places(np.zeros((2, 3, 4)), PatchGrid((3, 4), filter_size=2, stride=2))]
    [[0, 2], [0, 1, 4, 5]]
    """
    steps = [step // images.itemsize for step in images.strides]
    first, entry = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for step, count, size, apart in zip(steps[1:], grid.counts, grid.filter_size, grid.stride, strict=True):
        first = np.add.outer(first, step * apart * np.arange(count)).ravel()
        entry = np.add.outer(entry, step * np.arange(size)).ravel()
    return first, entry


def little(products: int) -> bool:
    """Whether so few products are no work for the pass, whatever they are of."""
    return products < LEAST


def worthwhile(layout: Layout | None, dtypes: tuple[Any, ...], runs: int) -> TypeGuard[Layout]:
    """Whether ``fused`` serves these patches and ``runs`` filters, and is faster than the plain path."""
    if layout is None or not runs or any(dtype != layout.flat.dtype for dtype in dtypes):
        return False
    # Two runs leave most of a vector empty.
    return layout.samples * layout.first.size * layout.entry.size * runs >= LEAST * (4 if runs == 2 else 1)


def fused(
    layout: Layout,
    w: Float[np.ndarray, "p runs"],
    labels: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    *,
    slope: bool,
) -> Float[np.ndarray, "..."]:
    """Σₙ pₙ (f(w, Zₙ) − yₙ) (1/k) Σᵢ Zₙᵢ 1{w·Zₙᵢ ≥ 0}, or without ``slope`` ½ Σₙ pₙ (f(w, Zₙ) − yₙ)²."""
    from theory.kernels import filter_step, vector

    (p, runs), k, dtype = w.shape, layout.first.size, layout.flat.dtype
    one = runs == 1 and layout.compact
    lanes = vector.lanes_for(dtype, p if one else runs)
    padded, width = (_up(p, len(lanes)), 1) if one else (p, _up(runs, len(lanes)))
    columns = np.zeros((padded, width), dtype=dtype)
    columns[:p, :runs] = w
    block = max(-(-ROWS[0] // k), CACHE[one] // (k * (width + p) * dtype.itemsize))
    bounds = _bounds(layout.samples, block, -(-ROWS[1] // k))
    parts = bounds.size - 1
    slopes = np.zeros((parts if slope else 0, padded * width), dtype=dtype)
    losses = np.zeros((parts, width), dtype=dtype)
    compiled = filter_step.single if one else filter_step.several
    data = layout.flat, layout.stride, layout.first, layout.entry
    shared = (*data, columns.ravel(), np.ascontiguousarray(labels), np.ascontiguousarray(weights), bounds)
    share = threads() if layout.samples * k * p * runs >= SHARED[one] else 1
    _on_threads(lambda units: compiled(*shared, units, block, lanes, slopes, losses), parts, share)
    if not slope:
        return np.sum(losses, axis=0)[:runs] / 2
    return np.sum(slopes, axis=0).reshape(padded, width)[:p, :runs]


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _bounds(samples: int, block: int, least: int) -> Int[np.ndarray, " units_and_one"]:
    """Where units of so many samples at least begin and end: as many whole blocks in each, as far as they go round."""
    blocks = -(-samples // block)
    units = max(1, min(UNITS, blocks // -(-least // block)))
    return np.minimum(np.arange(units + 1) * blocks // units * block, samples)


def _on_threads(work: Any, units: int, share: int) -> None:
    """``work`` on as many ranges of units as there are threads, the first in this one."""
    share = min(share, units)
    cuts = [units * part // share for part in range(share + 1)]
    others = [_pool().submit(work, (cuts[part], cuts[part + 1])) for part in range(1, share)]
    try:
        work((0, cuts[1]))
    finally:
        for other in others:
            other.result()


_POOLS: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    """The threads of this process: a fork inherits none of its parent's."""
    process = os.getpid()
    if process not in _POOLS:
        _POOLS.clear()
        _POOLS[process] = ThreadPoolExecutor(UNITS, thread_name_prefix="theory")
    return _POOLS[process]
