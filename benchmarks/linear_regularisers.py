"""Induced regularisers: the SDP, its dual and direct minimisation, their time and memory, and the gap between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from benchmarks.common import Clocked, Timed, bounded, unit
from theory.objectives.linear_conv import MultiChannelNet, dual, least_norm, least_regulariser, minimiser, sdp

SEED = 2022
STARTS = 16
SIZES = [(32, 1, 1), (32, 1, 8), (32, 1, 32), (12, 2, 4)]
"""D, R and K."""


def predictor(dim: int, inputs: int) -> Any:
    """W with normal entries."""
    return np.random.default_rng(SEED).standard_normal((dim, inputs))


class OnTheHost(Clocked, ABC):
    """A benchmark on the CPU alone, whose one parameter is the size."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [SIZES]
    param_names: list[str] = ["D, R, K"]

    def setup(self, size: tuple[int, int, int]) -> None:
        """The predictor; and one run, as cvxpy and its solver are loaded only once in the life of a process."""
        self.w, self.kernel = predictor(*size[:2]), size[2]
        sdp(np.ones(2), 2)

    @abstractmethod
    def run(self) -> Any:
        """The computation."""

    def time_run(self, size: tuple[int, int, int]) -> None:
        """Seconds."""
        self.run()

    def peakmem_run(self, size: tuple[int, int, int]) -> None:
        """Largest resident memory."""
        self.run()


class Program(OnTheHost):
    """The semidefinite program."""

    def run(self) -> Any:
        """R."""
        return sdp(self.w, self.kernel)


class Dual(OnTheHost):
    """Its dual."""

    def run(self) -> Any:
        """R."""
        return dual(self.w, self.kernel)

    @unit("relative gap")
    def track_gap(self, size: tuple[int, int, int]) -> float:
        """How far the SDP lies above its dual, relative; the solver's tolerance is 1e-8."""
        return bounded(abs(sdp(self.w, self.kernel) / self.run() - 1), floor=1e-8)


class Direct(OnTheHost):
    """Minimisation over the weights from 16 starts, with two output channels."""

    def run(self) -> Any:
        """The best, and its bounds."""
        return least_norm(self.w, self.kernel, 2, rng=np.random.default_rng(SEED), starts=STARTS)

    @unit("relative gap")
    def track_gap(self, size: tuple[int, int, int]) -> float:
        """How far the best lies above its own dual bound, relative; 1e-9 is what the descent leaves."""
        return bounded(abs(self.run().bounds.gap), floor=1e-9)

    @unit("part of the starts")
    def track_missing(self, size: tuple[int, int, int]) -> float:
        """Part of the starts that miss the best by more than 1e-6."""
        return bounded(1 - self.run().agreeing, floor=0.0)


class Minimiser(Clocked):
    """The minimiser for as many channels as it takes, with its certificate."""

    version = "2"
    timeout = 60.0

    def setup(self) -> None:
        """The predictor."""
        self.w = predictor(8, 4)

    def time_run(self) -> None:
        """Seconds."""
        minimiser(self.w, 2, rng=np.random.default_rng(SEED))


class Margins(Clocked):
    """The least R_K of predictors with margins: 64 numbers, 60 samples."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [[1, 8, 64]]
    param_names: list[str] = ["K"]

    def setup(self, kernel: int) -> None:
        """Samples that can be separated."""
        self.signed = np.random.default_rng(SEED).standard_normal((60, 64)) + 0.5

    def time_run(self, kernel: int) -> None:
        """Seconds."""
        least_regulariser(self.signed, kernel)

    def peakmem_run(self, kernel: int) -> None:
        """Largest resident memory."""
        least_regulariser(self.signed, kernel)

    @unit("relative gap")
    def track_gap(self, kernel: int) -> float:
        """The duality gap."""
        return bounded(abs(least_regulariser(self.signed, kernel).bounds.gap), floor=1e-8)


class Pullback(Timed):
    """Predictor and gradient of many runs."""

    version = "2"
    params: list[Any] = [*Timed.params, [16, 1024]]
    param_names = [*Timed.param_names, "runs"]

    def prepare(self, runs: int) -> None:
        """Weights, and a gradient in the predictor."""
        self.net, rng = MultiChannelNet(64, 16, 4, 1), np.random.default_rng(SEED)
        self.weights = tuple(self.xp.asarray(rng.standard_normal((runs, *shape))) for shape in self.net.shapes)
        self.gradient = self.xp.asarray(rng.standard_normal((runs, self.net.size)))

    def run(self) -> None:
        """Both."""
        self.net.predictor(self.weights)
        self.net.pullback(self.weights, self.gradient)
