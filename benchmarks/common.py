"""What the benchmarks share: the backend as their first parameter, the device's clock, and errors that ASV can compare.

ASV takes larger as worse for every figure, reports a change to NaN as no change at all, and does not finish its pages
when a figure is infinite. So a tracked figure is an error, floored where rounding begins and capped where it diverges.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from theory.arrays import BACKENDS, namespace, to_numpy
from theory.checks import BadInput

CAP = 1e6
"""The error that stands for every larger one, for infinity and for NaN."""

Track = TypeVar("Track", bound=Callable[..., float])


def unit(name: str) -> Callable[[Track], Track]:
    """Decorator of a tracked figure: ``name`` is the unit in which ASV shows it."""

    def named(track: Track) -> Track:
        track.__dict__["unit"] = name
        return track

    return named


def error(measured: Any, exact: Any, *, floor: float) -> float:
    """Largest relative error ``|measured − exact| / |exact|``, not below ``floor`` and not above ``CAP``."""
    measured, exact = to_numpy(measured), to_numpy(exact)
    return bounded(np.max(np.abs(measured - exact) / np.abs(exact)), floor=floor)


def bounded(value: Any, *, floor: float) -> float:
    """The value between ``floor`` and ``CAP``; NaN counts as ``CAP``."""
    value = float(value)
    return CAP if math.isnan(value) else min(max(value, floor), CAP)


def clock() -> float:
    """Seconds of processor time, this process's and that of the children that it has waited for.

    Other programs on the machine do not count, as they would by the clock on the wall; but the time of a device does
    not either, and so it is that clock where there is one.
    """
    if "cupy" in sys.modules:
        return time.perf_counter()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Clocked:
    """A benchmark whose times are those of ``clock``."""

    timer = staticmethod(clock)


class OnBackend(Clocked):
    """A benchmark whose first parameter is the backend; further ones follow it.

    ``prepare`` makes the input from ``self.xp`` and those further parameters. Where the backend cannot run, the
    benchmark is skipped, and ASV shows the reason.
    """

    params: list[Any] = [list(BACKENDS)]
    param_names: list[str] = ["backend"]
    timeout = 60.0

    def setup(self, backend: str, *parameters: Any) -> None:
        """Find the backend, make the input on it, and wait until it is there."""
        try:
            self.xp = namespace(backend)
        except BadInput as reason:
            raise NotImplementedError(str(reason)) from None
        self.prepare(*parameters)
        self.synchronize()

    def prepare(self, *parameters: Any) -> None:
        """Make the input, which is not timed."""

    def synchronize(self) -> None:
        """Wait for the device: CuPy returns before its kernels end."""
        if hasattr(self.xp, "cuda"):
            self.xp.cuda.get_current_stream().synchronize()


class Timed(OnBackend, ABC):
    """Time and peak memory of ``run``, with the device's work waited for. The memory is that of the host."""

    @abstractmethod
    def run(self) -> None:
        """The computation."""

    def time_run(self, *_: Any) -> None:
        """Seconds of one ``run``."""
        self.run()
        self.synchronize()

    def peakmem_run(self, *_: Any) -> None:
        """Largest resident memory of a process that makes the input and does one ``run``."""
        self.run()
        self.synchronize()
