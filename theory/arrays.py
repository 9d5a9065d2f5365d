"""NumPy or CuPy: how an array namespace is found, and the one way back to NumPy.

Functions with an array argument take the namespace from it; only functions without one are handed ``xp``.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace as _array_namespace
from array_api_compat import is_cupy_array, is_numpy_array
from array_api_compat import numpy as _numpy

from theory.checks import BadInput, refuse

__all__ = [
    "BACKENDS",
    "array_namespace",
    "available",
    "count",
    "halving",
    "largest",
    "limited",
    "namespace",
    "shared_namespace",
    "threads",
    "to_numpy",
]

Result = TypeVar("Result")

BACKENDS = ("numpy", "cupy")


def array_namespace(*arrays: Any) -> Any:
    """The array namespace of the arrays; of NumPy's own at a twentieth of what looking it up costs.

    Raises
    ------
    TypeError
        If one is no array, or they are of several namespaces.
    """
    for array in arrays:
        if type(array) is not np.ndarray:
            return _array_namespace(*arrays)
    return _numpy if arrays else _array_namespace()


def namespace(backend: str) -> Any:
    """The array namespace called ``backend``.

    Raises
    ------
    BadInput
        If the backend is unknown, its library is missing, or it has no device.
    """
    if backend not in BACKENDS:
        raise refuse("backend", repr(backend), " or ".join(BACKENDS))
    try:
        xp = importlib.import_module(f"array_api_compat.{backend}")
    except ImportError:
        raise BadInput(
            f"backend is {backend!r}, but its library is missing; it must be installed (extra cuda12 or cuda13)"
        ) from None
    if backend == "cupy":
        _require_device(xp)
    return xp


def _require_device(cupy: Any) -> None:
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BadInput(f"backend is 'cupy', but CUDA answers {error}; it must have a device") from None
    if devices == 0:
        raise BadInput("backend is 'cupy', but no CUDA device was found; it must have a device")


def shared_namespace(argument: str, array: Any, other: Any) -> Any:
    """The namespace of ``array``, after making sure that ``other`` lives in it too; lists count as NumPy."""
    first, second = _namespace_or_numpy(array), _namespace_or_numpy(other)
    if first is not second:
        raise refuse(argument, f"an array of {first.__name__}", f"one of {second.__name__}, as the other argument is")
    return first


def _namespace_or_numpy(array: Any) -> Any:
    if hasattr(array, "__array_namespace__") or is_numpy_array(array) or is_cupy_array(array):
        return array_namespace(array)
    return array_namespace(np.empty(0))


def to_numpy(array: Any) -> Any:
    """The array as NumPy's, whichever backend it lives on."""
    return array.get() if is_cupy_array(array) else np.asarray(array)


def largest(array: Any) -> float:
    """The largest entry that is a number, in float64; NaN if there is none."""
    values = to_numpy(array)
    return float(np.max(values[~np.isnan(values)], initial=-np.inf)) if count(values) else float("nan")


def count(array: Any) -> int:
    """How many entries are numbers."""
    return int(np.sum(~np.isnan(to_numpy(array))))


def halving(work: Callable[[int], Result], size: int) -> Result:
    """``work`` of ``size``, or of half of it, and so on, while memory does not suffice (CuPy's error is one of these).

    >>> def work(size):
    ...     if size > 3:
    ...         raise MemoryError
    ...     return size
    >>> halving(work, 16)
    2
    """
    while True:
        try:
            return work(size)
        except MemoryError:
            if size <= 1:
                raise
        size //= 2


# ----------------------------------------------------------------------------------------------------------- threads

_LIMIT: ContextVar[int | None] = ContextVar("threads", default=None)


def available() -> int:
    """The number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many threads a pass over data may take: one a CPU, unless ``limited``. No result depends on it."""
    limit = _LIMIT.get()
    return available() if limit is None else limit


@contextlib.contextmanager
def limited(most: int) -> Iterator[None]:
    """At most so many threads within this block, as where every CPU has a process of its own.

    >>> with limited(1):
    ...     threads()
    1
    """
    before = _LIMIT.set(most)
    try:
        yield
    finally:
        _LIMIT.reset(before)
