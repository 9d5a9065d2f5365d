"""Strided linear networks: gradients, fibres, and the flows on weights and functions, on the CPU but for the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import Clocked, Timed, bounded, unit
from theory.objectives.linear_conv import (
    StridedNet,
    conserved,
    distinct,
    fibre,
    function_flow,
    kernel,
    search,
    spread,
    unique,
    weight_flow,
)
from theory.problems import correlated_loss, random_filters, real_rooted

SEED = 2025
NETWORKS = {
    "3 layers, strides": StridedNet((3, 2, 4), (2, 3, 1)),
    "4 layers, strides": StridedNet((2, 2, 2, 2), (2, 2, 2, 1)),
    "3 layers, stride 1": StridedNet((2, 2, 3), (1, 1, 1)),
    "plane": StridedNet(((2, 2), (3, 2)), ((1, 1), (1, 1))),
}
POINTS = {"3 layers, strides": 4, "4 layers, strides": 8, "3 layers, stride 1": 48, "plane": 2}
"""Of a fibre: changes of sign, and ways to deal out four real roots, twelve of them, to the layers."""


class Gradient(Timed):
    """The gradient in the weights of a deep and wide network, from that in its predictor."""

    version = "2"
    params: list[Any] = [*Timed.params, [16, 1024]]
    param_names = [*Timed.param_names, "runs"]

    def prepare(self, runs: int) -> None:
        """Weights and a gradient, on the backend."""
        self.network, rng = StridedNet((8, 8, 8), (2, 2, 1)), np.random.default_rng(SEED)
        self.weights = tuple(self.xp.asarray(w) for w in random_filters(self.network, runs, rng=rng))
        self.gradient = self.xp.asarray(rng.standard_normal((runs, self.network.size)))

    def run(self) -> None:
        """One gradient of every run."""
        self.network.pullback(self.weights, self.gradient)


class OnNetwork(Clocked):
    """A benchmark whose parameter is the network."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [list(NETWORKS)]
    param_names: list[str] = ["network"]

    def setup(self, name: str) -> None:
        """Four random points and a loss."""
        self.network = NETWORKS[name]
        rng = np.random.default_rng(SEED)
        make = real_rooted if name == "3 layers, stride 1" else random_filters
        self.weights = make(self.network, 4, rng=rng)
        self.v, self.delta = self.network.predictor(self.weights), conserved(self.weights)
        self.loss = correlated_loss(self.network, rng=rng)


class Fibre(OnNetwork):
    """The whole fibre by factors, and what a search finds of it."""

    def run(self) -> Any:
        """All points of four fibres."""
        return [fibre(self.network, v, delta) for v, delta in zip(self.v, self.delta, strict=True)]

    def time_factors(self, name: str) -> None:
        """Seconds of four fibres."""
        self.run()

    def time_search(self, name: str) -> None:
        """Seconds of the search for one of them."""
        search(self.network, self.v[0], self.delta[0], rng=np.random.default_rng(SEED))

    def peakmem_search(self, name: str) -> None:
        """Largest resident memory of that."""
        self.time_search(name)

    @unit("points")
    def track_points_missed(self, name: str) -> float:
        """By how much the number of different points is off, over four fibres."""
        return bounded(sum(abs(len(distinct(found.points)[0]) - POINTS[name]) for found in self.run()), floor=0.0)

    @unit("relative distance")
    def track_kernel_spread(self, name: str) -> float:
        """How far K differs within a fibre, where it must not; 0 stands for stride 1 in one dimension."""
        apart = [spread(kernel(self.network, found.points)) for found in self.run()]
        return bounded(0.0 if name == "3 layers, stride 1" else max(apart), floor=1e-12)


class Flow(OnNetwork):
    """Both flows up to time 1; with stride 1 in one dimension there is none on functions."""

    params: list[Any] = [[name for name in NETWORKS if POINTS[name] < 48]]

    def on_functions(self) -> Any:
        """The flow on functions alone."""
        near = None if unique(self.network) else self.weights
        return function_flow(self.network, self.loss, self.v, self.delta, [1.0], near=near)[0]

    def time_weights(self, name: str) -> None:
        """Seconds of the flow on the weights."""
        weight_flow(self.network, self.loss, self.weights, [1.0])

    def time_functions(self, name: str) -> None:
        """Seconds of the flow on functions, a fibre at every step."""
        self.on_functions()

    def peakmem_functions(self, name: str) -> None:
        """Largest resident memory of that."""
        self.on_functions()

    @unit("relative distance")
    def track_disagreement(self, name: str) -> float:
        """Distance of the two in units of the largest filter; the integrator's error begins below 1e-9."""
        end = weight_flow(self.network, self.loss, self.weights, [1.0]).weights
        v = self.network.predictor(tuple(w[0] for w in end))
        apart = np.linalg.norm(v - self.on_functions(), axis=1).max() / np.linalg.norm(v, axis=1).max()
        return bounded(apart, floor=1e-9)

    @unit("change of δ")
    def track_drift(self, name: str) -> float:
        """How far the flow moves what it conserves; rounding begins below 1e-11."""
        end = weight_flow(self.network, self.loss, self.weights, [1.0]).weights
        return bounded(np.abs(conserved(tuple(w[0] for w in end)) - self.delta).max(), floor=1e-11)
