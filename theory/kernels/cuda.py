"""The CUDA sources beside this module, compiled by CuPy for the device that there is, once a set of shapes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

OPTIONS = ("-std=c++17", "--fmad=true")
"""Of the compiler. Products and sums are plain fused multiply-adds: no TF32, no approximate division."""


INCLUDE = re.compile(r'^#include "(\w+)\.cu"\n', re.MULTILINE)


def source(name: str) -> str:
    """The text of ``name``.cu, with what it includes of the others."""
    text = (files("theory.kernels") / f"{name}.cu").read_text(encoding="utf-8")
    return INCLUDE.sub(lambda found: source(found[1]), text)


def defines(macros: dict[str, Any]) -> tuple[str, ...]:
    """The macros as options of a compiler.

    >>> defines({"P": 25, "REAL": "float"})
    ('-DP=25', '-DREAL=float')
    """
    return tuple(f"-D{name}={value}" for name, value in macros.items())


def load(name: str, macros: dict[str, Any]) -> Any:
    """The kernels of ``name``.cu compiled with these macros: ``get_function`` of it gives them by name."""
    return _loaded(name, defines(macros), _device())


def graph(launches: Callable[[], None]) -> Callable[[], None]:
    """What launches all that ``launches`` does at once, as a CUDA graph, without doing it now.

    Kernels only, each of which has run before and works on memory that stays where it is.
    """
    import cupy

    # The default stream cannot be watched; what was seen on another is launched on whichever is current.
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            launches()
        finally:
            recorded = stream.end_capture()
    return recorded.launch


def _device() -> int:
    import cupy

    return int(cupy.cuda.Device().id)


@cache
def _loaded(name: str, macros: tuple[str, ...], device: int) -> Any:
    import cupy

    return cupy.RawModule(code=source(name), options=(*OPTIONS, *macros))
