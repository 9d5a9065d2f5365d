"""What kernels and their twins have in common: roundings, and the places of what is known in arrays. Needs no numba.

In compiled code these are constants, and numba keeps that code until the kernel's own file changes: after a change here
``theory/kernels/__pycache__`` has to go.
"""

from __future__ import annotations

import numpy as np

# ------------------------------------------------------------------------------------------------ theory.kernels.sides

BLOCK = 16
"""Patches that share one entry of ``least``: their limits fill a cache line."""

FLOOR = 1e-30
"""The least limit of a patch that has been looked at; that of one that has not is 0."""

TINY, HUGE = 1e-37, 3e38
"""Where the range of float32 begins and ends."""

DOWN, UP = 1 - 2.0**-22, 1 + 2.0**-22
"""Relative roundings of float32 (2^−24), and of what is computed in float64 before, several times over."""

# ----------------------------------------------------------------------- theory.kernels.pattern, theory.kernels.limits

PATH, WINDOW, Q, DISTANCE, C = range(5)
"""Places in ``number``: the clock, the limit up to which patches are in the heap, q, ‖Δ‖/‖w*‖ at the end, and c."""

SIZE, OFF, UPDATES, LOOKED, T, MARK, AIMED, STRIDE, GIVEN, SINGLE = range(10)
"""Places in ``count``: patches in the heap, patches whose side is not the teacher's, terms added to H since it was
summed, patches looked at, the iteration, the next one to record, and patches looked at when D was chosen; numbers from
one sample to the next, and whether labels are not the teacher's, and whether w is rounded to float32."""

OVER, STALLED, STALE, RESTLESS, FREE, PAUSED = range(6)
"""Why ``advance`` came back: the run is over, at rest, its sums want taking afresh, too many patches are looked at,
nothing will change sides for long, or it was to pause."""

SWING = 4
"""Of the last move, from the nearest limit: so far away, a filter that goes to and fro may do so for long."""

LEAN, AGAIN = 0.1, 8
"""c of a filter that goes one way; and one in so many patches is looked at before another D is chosen, for which all
are looked at, one after the other and about so many times faster."""

SHORT = 1e-150
"""Added to every move, whose square may be below every number."""

LATER = 1 + 2.0**-51
"""Relative rounding of the clock, twice over."""

LOST = 1e300
"""No path is followed as far as this."""

SPELL = 64
"""Steps over which it is counted how many patches are looked at."""

ROUNDING = np.finfo(np.float64).eps

LONGER = 1 + 1e-9
"""Relative rounding of lengths and products in fewer than 10⁵ dimensions."""

# ----------------------------------------------------------------------------------------------- theory.kernels.network

TIED, EXCESS, FREE_FIELD = range(3)
"""Modes: one kernel a layer, excesses over it, and a kernel of its own for every pixel."""

(
    CHANNELS_IN, CHANNELS_OUT, ROWS, COLUMNS, OUT_ROWS, OUT_COLUMNS, SIZE_K, BIAS, PAD_OUT,
    KERNEL, OWN, INPUT, OUTPUT, NORM,
) = range(14)  # fmt: skip
"""Columns of the table of layers. Rows and columns of the input count its padding, PAD_OUT is that of the output; then
where a layer's kernels, own weights, padded input, padded output and norms begin."""

ARMIJO, WOLFE = 1e-4, 0.9
"""Of a line search: the part of the promised decrease that must be there, and of the slope that may be left (Nocedal
& Wright 2006, Section 6.1)."""

# -------------------------------------------------------------------------------------------- theory.kernels.gabor_sums

SUMS = 8
"""Sums over the pixels of a Gabor filter that its gradient is made of."""

LARGEST = 600.0
"""Largest half² (1 + γ²)/σ²: factors then lie within e^±300, and so do their products."""
