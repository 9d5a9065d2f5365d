"""How a kernel is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Compile when called first, and keep what was compiled; each process anew where there is nowhere to write."""

    def compile_(function: Any) -> Any:
        try:
            return numba.njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # neither beside this file, nor in the user's cache: both are read-only
            return numba.njit(nogil=True, **options)(function)

    return compile_
