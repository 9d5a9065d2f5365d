"""Until when a patch stays on its side, and a heap of such limits; see :mod:`theory.kernels.pattern`. Compiled."""

from __future__ import annotations

import numpy as np

from theory.kernels.compiled import compiled
from theory.kernels.constants import LONGER, ROUNDING

ANY_ORDER = {"reassoc", "contract", "nsz"}
"""Sums may be taken in any order, which the bound p ε Σ|wⱼzⱼ| of their error allows."""


@compiled(fastmath=ANY_ORDER)
def products(row, w, other):  # type: ignore[no-untyped-def]
    """w·z, another w·z, and ‖z‖²."""
    a, b, square = 0.0, 0.0, 0.0
    for j in range(row.size):
        a += row[j] * w[j]
        b += row[j] * other[j]
        square += row[j] * row[j]
    return a, b, square


@compiled()
def reach(row, side, a, b, square, path, lean, allowance):  # type: ignore[no-untyped-def]
    """The clock up to which the side of this patch is certain, b = z·D: more than now, less a rounding."""
    if square < 1e-290:
        zero = True
        for j in range(row.size):
            zero = zero and row[j] == 0
        return np.inf if zero else path * (1 + ROUNDING)
    norm = np.sqrt(square)
    rate = max(0.0, -b if side else b) + lean * norm
    margin = (abs(a) - allowance * norm) / (rate * LONGER) if side == (a >= 0) else 0.0
    # A margin that is not a number is none.
    return max((path + margin) * (1 - 2 * ROUNDING), path * (1 + ROUNDING)) if margin > 0 else path * (1 + ROUNDING)


@compiled(fastmath=ANY_ORDER)
def allowed(w):  # type: ignore[no-untyped-def]
    """The error of w·z, here and where w is before a limit is reached: p ε ‖z‖ times ‖w‖ and times (2 + 1/c) ‖w‖."""
    square = 0.0
    for j in range(w.size):
        square += w[j] * w[j]
    return 16 * w.size * ROUNDING * np.sqrt(square)


@compiled()
def sink(heap, limit, at, size):  # type: ignore[no-untyped-def]
    """Let an entry of the heap sink to its place: parents have no larger limits than their children."""
    place = heap[at]
    key = abs(limit[place])
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and abs(limit[heap[child + 1]]) < abs(limit[heap[child]]):
            child += 1
        if abs(limit[heap[child]]) >= key:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = place
