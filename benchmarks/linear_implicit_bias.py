"""Implicit bias: what the flow to ‖β‖ = 1e8 and loss-normalised descent cost, and how stationary the flow's end is."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import Clocked, Timed, bounded, unit
from theory.objectives.linear_conv import (
    CircularNet,
    ExponentialLoss,
    FullyConnectedNet,
    NoSolution,
    descend,
    flow,
    hard_margin,
    least_spectrum,
    stationarity,
)
from theory.problems import layers, separable

SEED, FAR = 2018, 1e8


def network(kind: str, dim: int) -> Any:
    """Circular of so many layers, or fully connected of two."""
    return FullyConnectedNet((dim, 3)) if kind == "connected" else CircularNet(dim, int(kind))


class Flow(Clocked):
    """The gradient flow in rescaled time to ‖β‖ = 1e8. On the CPU alone."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [["2", "3", "connected"], [16, 64]]
    param_names: list[str] = ["layers", "dim"]

    def setup(self, kind: str, dim: int) -> None:
        """The network, the data and the start."""
        rng = np.random.default_rng(SEED)
        self.network = network(kind, dim)
        self.x, self.y = separable(max(6, dim // 4), dim, rng=rng)
        self.loss = ExponentialLoss(self.x, self.y)
        self.start = layers(self.network.shapes, rng=rng)

    def run(self) -> Any:
        """The path."""
        return flow(self.network, self.loss, self.start, norms=[FAR])[0]

    def time_run(self, kind: str, dim: int) -> None:
        """Seconds."""
        self.run()

    def peakmem_run(self, kind: str, dim: int) -> None:
        """Largest resident memory."""
        self.run()

    @unit("relative residual")
    def track_residual(self, kind: str, dim: int) -> float:
        """ρ of the end, for ‖β̂‖_{2/L} or ‖β‖_2; below 1e-6 it is the solver's."""
        path = self.run()
        exponent = 2.0 if kind == "connected" else 2 / int(kind)
        found = stationarity(self.x, self.y, path.beta[-1], path.alpha[-1], exponent)
        return bounded(found.residual, floor=1e-6)


class Descent(Timed):
    """A thousand loss-normalised steps of all runs at once."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [*Timed.params, ["2", "3", "connected"], [1, 256]]
    param_names = [*Timed.param_names, "layers", "runs"]

    def prepare(self, kind: str, runs: int) -> None:
        """The network, the data and the starts."""
        rng = np.random.default_rng(SEED)
        self.network = network(kind, 64)
        self.loss = ExponentialLoss(*(self.xp.asarray(part) for part in separable(16, 64, rng=rng)))
        starts = layers(self.network.shapes, rng=rng, runs=runs)
        self.starts = tuple(self.xp.asarray(weight) for weight in starts)

    def run(self) -> None:
        """The steps."""
        descend(self.network, self.loss, self.starts, norms=[FAR], steps=1000)


class References(Clocked):
    """The hard margin and the least ‖β̂‖_1, by Clarabel. On the CPU alone."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [["hard_margin", "least_spectrum"], [16, 64]]
    param_names: list[str] = ["reference", "dim"]

    def setup(self, reference: str, dim: int) -> None:
        """The data; a first solution imports cvxpy."""
        self.solve = {"hard_margin": hard_margin, "least_spectrum": least_spectrum}[reference]
        self.data = separable(max(6, dim // 4), dim, rng=np.random.default_rng(SEED))
        try:
            self.solve(*self.data)
        except NoSolution as missing:
            raise NotImplementedError(str(missing)) from None

    def time_run(self, reference: str, dim: int) -> None:
        """Seconds."""
        self.solve(*self.data)

    @unit("relative gap")
    def track_gap(self, reference: str, dim: int) -> float:
        """Relative duality gap."""
        return bounded(self.solve(*self.data).gap, floor=1e-10)
