"""Critical points of linear convolutional networks: by formula, by Gröbner bases, and followed; and their equations."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from benchmarks.common import Clocked, bounded, unit
from theory.algebra import (
    Architecture,
    architectures,
    available,
    count,
    equations,
    generic_ed_degree,
    member,
    random_losses,
    real_points,
)

SEED = 2024


class EDDegree(Clocked):
    """The generic ED degree of every architecture with n = Σ (k_i − 1) of this size."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [[6, 12]]
    param_names: list[str] = ["n"]

    def time_run(self, n: int) -> None:
        """Seconds for all of them: the partitions of n."""
        for sizes in architectures(n):
            generic_ed_degree(sizes)

    def peakmem_run(self, n: int) -> None:
        """Largest resident memory."""
        self.time_run(n)


class Counted(Clocked):
    """Critical points counted by Singular over two finite fields; skipped where there is none."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["2×2 stride 2", "3×4 stride 2", "2×2×2×2 stride 2,2,2"]]
    param_names: list[str] = ["network"]

    def setup(self, network: str) -> None:
        """Find the program."""
        if available() != "Singular":
            raise NotImplementedError("Singular is not on PATH")

    def time_run(self, network: str) -> None:
        """Seconds, the start of the program included."""
        count(Architecture.named(network), seed=SEED)

    @unit("relative error")
    def track_count_error(self, network: str) -> float:
        """How far the count is from the generic ED degree, relatively."""
        net = Architecture.named(network)
        points = count(net, seed=SEED).points
        expected = generic_ed_degree(net.sizes)
        return bounded(float("nan") if points is None else abs(points / expected - 1), floor=0.0)


class Followed(Clocked):
    """All critical points of ten data sets, with their certificates."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["2×2 stride 2", "2×3 stride 2"]]
    param_names: list[str] = ["network"]

    def run(self, network: str) -> Any:
        """Draw the data, and find the points."""
        net, rng = Architecture.named(network), np.random.default_rng(SEED)
        return real_points(net, random_losses(net, 10, rng=rng), rng=rng)

    def time_run(self, network: str) -> None:
        """Seconds."""
        self.run(network)

    def peakmem_run(self, network: str) -> None:
        """Largest resident memory."""
        self.run(network)

    @unit("share")
    def track_incomplete(self, network: str) -> float:
        """The share of data sets of which not all points are found and certified."""
        return bounded(1 - self.run(network).complete.mean(), floor=0.0)


class Equations(Clocked):
    """The equations of the function space at a member of fractions."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [["2×2×2×2 stride 2,2,2", "3×3×3 stride 2,2"]]
    param_names: list[str] = ["network"]

    def setup(self, network: str) -> None:
        """Draw the member."""
        self.network = Architecture.named(network)
        self.v = member(self.network, rng=random.Random(SEED))

    def time_run(self, network: str) -> None:
        """Seconds for all of them."""
        list(equations(self.network, self.v))

    def peakmem_run(self, network: str) -> None:
        """Largest resident memory."""
        list(equations(self.network, self.v))
