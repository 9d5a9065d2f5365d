r"""The steps of a sample loss and of minibatches on a CUDA device: what :mod:`theory.objectives.fused` is on the CPU.

One kernel (``theory/kernels/filter_step.cu``) reads every patch once, overlapping ones from their images,
and leaves the sums of each unit of samples in a row of its own; another adds the rows in a fixed order. How the work is
cut follows from the shapes alone, so the result is the same bits every time, however much memory there was for the
rows. The sizes below are reasoned, not measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, is_cupy_array
from jaxtyping import Float

from theory.arrays import halving, to_numpy
from theory.distributions import ImagePatches
from theory.kernels import cuda
from theory.objectives.fused import places

THREADS = 128
"""Of a block."""

WARP = 32

REGISTERS = {"float32": 32, "float64": 16}
"""Entries of a patch that a thread keeps, at most: with the filter and two sums, four times that of 255 registers."""

TILE = 24 << 10
"""Bytes of patches that a block keeps in shared memory, about: several blocks fit on a multiprocessor."""

UNITS = 528
"""Sums that a gradient is made of, at most: four blocks for each of 132 multiprocessors."""

ROWS = 32
"""Rows that ``gather`` adds to side by side."""

HELD = 1 << 26
"""Numbers in the rows of sums at once, at most; fewer when memory runs out."""


@dataclass(frozen=True)
class Plan:
    """How a pass over n samples of k patches of p numbers is cut: macros of the kernel, units, samples a lane."""

    macros: dict[str, Any]
    units: int
    per: int
    across: int

    @property
    def grid(self) -> tuple[int, int]:
        """Blocks along the samples and the runs."""
        return self.units, self.across


def plan(shape: tuple[int, int, int], runs: int, dtype: Any, *, slope: bool, cut: bool = False) -> Plan | None:
    """How the work is cut; None if a patch has more numbers than a warp holds.

    >>> found = plan((20_000, 9, 25), 32, np.float32, slope=True)
    >>> found.grid, found.per, found.macros["PARTS"], found.macros["SLICE"], found.macros["LANES"]
    ((500, 1), 10, 1, 25, 4)
    """
    (n, k, p), name = shape, np.dtype(dtype).name
    parts = _power(-(-p // REGISTERS[name]))
    if parts > WARP or not runs:
        return None
    slice_ = -(-p // parts)
    side_by_side = min(_power(runs), WARP, THREADS // parts)
    lanes, wide = THREADS // (parts * side_by_side), 16 // np.dtype(dtype).itemsize
    per = -(-n // (UNITS * lanes))
    if per * k >= 1 << 30 or -(-runs // side_by_side) >= 1 << 16:  # rows that a lane counts; blocks across a grid
        return None
    vectors = parts * -(-slice_ // wide)
    chunk = max(1, min(per * k, TILE // (lanes * (16 * vectors + 2 * np.dtype(dtype).itemsize))))
    macros = {
        "REAL": "float" if name == "float32" else "double",
        "P": p,
        "K": k,
        "SLOPE": int(slope),
        "CUT": int(cut),
        "THREADS": THREADS,
        "PARTS": parts,
        "SLICE": slice_,
        "RUNS": side_by_side,
        "LANES": lanes,
        "CHUNK": chunk,
        # An odd number of vectors apart, neighbouring lanes meet in no bank.
        "PITCH": chunk * vectors | 1,
        "ROWS": ROWS,
    }
    return Plan(macros, -(-n // (per * lanes)), per, -(-runs // side_by_side))


def _power(number: int) -> int:
    """The least power of two that is not below the number."""
    return 1 << (number - 1).bit_length()


def lives_there(array: Any) -> bool:
    """Whether it is one of CuPy's arrays."""
    return bool(is_cupy_array(array))


def worthwhile(patches: Any, dtypes: tuple[Any, ...], runs: int) -> bool:
    """Whether ``sums`` serves: CuPy arrays (n, k, p) of one type, float32 or float64, in any strides, or images."""
    held = patches.images if isinstance(patches, ImagePatches) else patches
    if not lives_there(held) or held.dtype.name not in REGISTERS or getattr(patches, "normalise", "none") != "none":
        return False
    return (
        all(dtype == held.dtype for dtype in dtypes) and plan(_shape(patches), runs, held.dtype, slope=True) is not None
    )


def _shape(patches: Any) -> tuple[int, int, int]:
    return (patches.n, patches.k, patches.dim) if isinstance(patches, ImagePatches) else patches.shape


def _read(patches: Any, xp: Any) -> tuple[Any, ...]:
    """The array that the kernel reads, its strides, and where patches and their entries are, if strides do not say."""
    # A null pointer is a number of its size.
    if not isinstance(patches, ImagePatches):
        return (patches, *(np.int64(step // patches.itemsize) for step in patches.strides), np.int64(0), np.int64(0))
    images = patches.images
    tables = (xp.asarray(np.ascontiguousarray(table, dtype=np.int64)) for table in places(images, patches.grid))
    return (images, np.int64(images.strides[0] // images.itemsize), np.int64(0), np.int64(0), *tables)


def sums(
    patches: Float[Any, "n k p"],
    w: Float[Any, "p runs"],
    labels: Float[Any, " n"],
    weights: Float[Any, " n"],
    *,
    slope: bool,
) -> Float[Any, "..."]:
    """Σₙ pₙ (f(w, Zₙ) − yₙ) (1/k) Σᵢ Zₙᵢ 1{w·Zₙᵢ ≥ 0}, or without ``slope`` ½ Σₙ pₙ (f(w, Zₙ) − yₙ)²."""
    xp = array_namespace(w)
    out = xp.empty(w.shape if slope else w.shape[1:], dtype=w.dtype)
    launches(patches, xp.ascontiguousarray(w), labels, weights, out, slope=slope)()
    return out


def launches(
    patches: Float[Any, "n k p"], w: Any, labels: Any, weights: Any, out: Any, *, slope: bool
) -> Callable[[], None]:
    """What puts the sums at w, as it then is, into ``out``: launches alone, all memory is taken here."""
    xp, runs = array_namespace(w), w.shape[1]
    shape = _shape(patches)
    cut = plan(shape, runs, w.dtype, slope=slope, cut=isinstance(patches, ImagePatches))
    assert cut is not None, "worthwhile() was not asked"
    kernels = cuda.load("filter_step", cut.macros)
    whole = tuple(xp.ascontiguousarray(array) for array in (labels, weights))
    data = (*_read(patches, xp), *whole, w, np.int64(shape[0]), np.int64(runs), np.int64(cut.per))
    most = max(1, min(-(-cut.units // ROWS), HELD // (ROWS * shape[2] * runs)))
    scale = w.dtype.type(1.0 if slope else 0.5)

    def rows(size: int) -> tuple[Any, Any]:
        parts = xp.empty((min(ROWS * size, cut.units), out.size), dtype=w.dtype)
        return parts, xp.empty((ROWS * out.size,), dtype=w.dtype)

    parts, carry = halving(rows, most)
    sums_of, gather = kernels.get_function("filter_sums"), kernels.get_function("gather")

    def launch() -> None:
        for first in range(0, cut.units, parts.shape[0]):
            units = min(parts.shape[0], cut.units - first)
            sums_of((units, cut.across), (THREADS,), (*data, np.int64(first), parts))
            arguments = (parts, np.int64(units), np.int64(out.size), np.int64(first == 0), carry, out, scale)
            gather((-(-out.size // WARP),), (WARP, ROWS), arguments)

    return launch


def descends(teacher: Any, *others: Any) -> bool:
    """Whether ``minibatch_steps`` serves: CuPy arrays of one type, patches of no more numbers than a warp can hold."""
    if not lives_there(teacher) or teacher.dtype.name not in REGISTERS:
        return False
    return teacher.shape[0] <= WARP * REGISTERS[teacher.dtype.name] and all(x.dtype == teacher.dtype for x in others)


class Course(NamedTuple):
    """So many steps: a row of ``etas`` (steps, runs) for each; unless ``rule`` is 0, from a table (laid,) by the angle.

    The angle is arcsin ‖w − w*‖/norm, and its place the next of equal parts of [0, π/2] (rule 1), or the first of the
    ``edges`` that is larger (rule 2).
    """

    steps: int
    etas: np.ndarray
    rule: int = 0
    edges: Any = None
    norm: float = 1.0


def minibatch_macros(p: int, k: int, batch: int, real: str, rule: int = 0) -> dict[str, Any]:
    """The macros of the kernel, for patches and minibatches of this size."""
    return {"REAL": real, "P": p, "K": k, "EACH": -(-p // WARP), "WARPS": min(4, batch), "RULE": rule}


def minibatch_steps(
    patches: Float[Any, "n k p"],
    order: Any,
    noise: Any,
    w: Float[Any, "p runs"],
    teacher: Float[Any, " p"],
    *,
    rows: np.ndarray,
    drawn: int,
    part: slice,
    batch: int,
    course: Course,
    limits: tuple[float, float],
) -> tuple[Float[Any, "p runs"], np.ndarray]:
    """The steps of the course, on the samples from ``part.start`` on, and how many each run took.

    A run ends where ‖w − w*‖² is not within the limits. Sample s of run r is patch ``order[rows[r], s]``, or, without
    an order, ``rows[r] * drawn + s``.
    """
    xp, (_, k, p) = array_namespace(w), patches.shape
    macros = minibatch_macros(p, k, batch, "float" if w.dtype == np.float32 else "double", course.rule)
    w, taken = xp.asarray(w, copy=True, order="C"), xp.zeros(w.shape[1], dtype=xp.int64)
    # A null pointer is a number of its size.
    held = [np.int64(0) if array is None else xp.ascontiguousarray(xp.asarray(array)) for array in (order, noise)]
    strides = (np.int64(step // patches.itemsize) for step in patches.strides)
    lengths = xp.asarray(np.ascontiguousarray(course.etas, dtype=w.dtype))
    edges = np.int64(0) if course.edges is None else xp.asarray(np.ascontiguousarray(course.edges, dtype=w.dtype))
    table = lengths, edges, np.int64(len(course.etas)), w.dtype.type(course.norm)
    numbers = (np.int64(number) for number in (w.shape[1], drawn, part.start, batch, course.steps))
    ends = (w.dtype.type(limit) for limit in limits)
    where = xp.asarray(np.asarray(rows, dtype=np.int64))
    arguments = (patches, *strides, *held, where, xp.ascontiguousarray(teacher), *table, *numbers, *ends, w, taken)
    step = cuda.load("minibatch_steps", macros).get_function("minibatch_steps")
    step((w.shape[1],), (macros["WARPS"] * WARP,), arguments)
    return w, to_numpy(taken)
