r"""The exact losses on a CUDA device: all runs in one launch, what :mod:`theory.objectives.overlap` takes hundreds for.

Each kernel has its source under ``theory/kernels/``, and the loss that it serves is its plain twin. Float64 alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from theory.kernels import cuda
from theory.objectives import on_device

THREADS = 128
"""Of a block: a run of an overlapping loss, or so many runs in the plane."""

WIDEST = 1024
"""Numbers of a filter in shared memory, at most."""

ACROSS = 1 << 30
"""Runs that a grid covers, at most."""


def worthwhile(loss: Any, w: Any) -> bool:
    """Whether a kernel serves these filters: CuPy arrays in float64, not too wide for shared memory."""
    there = on_device.lives_there(loss.teacher) and loss.teacher.dtype == w.dtype == np.float64
    return there and w.shape[0] <= WIDEST and 0 < w.shape[1] <= ACROSS


def overlap_macros(p: int, offsets: int, *, slope: bool) -> dict[str, Any]:
    """The macros of the kernel of :class:`OverlapLoss`."""
    sizes = {"P": p, "OFFSETS": offsets, "THREADS": THREADS, "EACH": -(-p // THREADS)}
    return {"REAL": "double", "SLOPE": int(slope), **sizes}


def plane_macros(degree: int, *, slope: bool) -> dict[str, Any]:
    """The macros of the kernel of :class:`PlaneLoss`."""
    return {"REAL": "double", "SLOPE": int(slope), "DEGREE": degree, "THREADS": THREADS}


def overlap_tables(moved: Any, unit: Any, teachers: Any, measures: Any) -> tuple[Any, ...]:
    """What the kernel reads of a teacher, given as :class:`OverlapLoss` holds it.

    w*/s; the places of T_o and T_o w*/s, by offsets and by entries; a row for each of the other ``measures``.
    """
    xp = array_namespace(unit)
    both = (part for table in (xp.astype(moved, xp.int64), teachers) for part in (table, xp.matrix_transpose(table)))
    # One after the other: reading along the offsets, or along the entries, neighbours find neighbours.
    return (unit, *(xp.ascontiguousarray(table) for table in both), xp.stack(measures))


def overlap(w: Any, teacher: Any, tables: tuple[Any, ...], norm: Any, apart: float, out: Any) -> Callable[[], None]:
    """What puts the gradient at w, as it then is, or where ``out`` has a number a run the value, into ``out``."""
    (p, runs), offsets = w.shape, tables[-1].shape[1]
    kernels = cuda.load("overlap_sums", overlap_macros(p, offsets, slope=out.ndim == 2))
    arguments = (w, teacher, *tables, np.float64(norm), np.float64(apart), np.int64(runs), out)
    return _launch(kernels.get_function("overlap_sums"), runs, arguments)


def plane(w: Any, table: tuple[Any, ...], half: tuple[float, float], norm: float, out: Any) -> Callable[[], None]:
    """The same for a loss in the plane, from edges, centres, scales and coefficients of its panels."""
    xp, runs, degree = array_namespace(w), w.shape[1], table[-1].shape[1] - 1
    table = tuple(xp.ascontiguousarray(part) for part in table)
    kernels = cuda.load("plane_sums", plane_macros(degree, slope=out.ndim == 2))
    numbers = (np.int64(table[1].shape[0]), *(np.float64(x) for x in (*half, norm)), np.int64(runs))
    return _launch(kernels.get_function("plane_sums"), -(-runs // THREADS), (w, *table, *numbers, out))


def _launch(kernel: Any, blocks: int, arguments: tuple[Any, ...]) -> Callable[[], None]:
    return lambda: kernel((blocks,), (THREADS,), arguments)


def found(loss: Any, w: Any, *, slope: bool) -> Any:
    """The gradient or the value at w, from the loss's own ``launches``."""
    xp = array_namespace(w)
    out = xp.empty(w.shape if slope else w.shape[1:], dtype=w.dtype)
    loss.launches(xp.ascontiguousarray(w), out)()
    return out
