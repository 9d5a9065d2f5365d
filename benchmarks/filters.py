"""A filter on overlapping patches of images: cutting them, exact and sampled gradients, stochastic descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed
from benchmarks.losses import SEED, filters, teacher
from theory.distributions import GaussianImages
from theory.distributions.patches import patch_blocks, patches
from theory.objectives import FreshSamples, OverlapLoss, SampleLoss

GRIDS = {"8x8,3,2": (8, 3, 2), "28x28,5,1": (28, 5, 1)}
"""Size of the images, of the filter, and stride: 9 patches and 576. ASV starts a process for every combination."""

STEPS = {"8x8,3,2": 40, "28x28,5,1": 2}
"""Steps of stochastic descent that take about as long."""


class OnGrid(Timed):
    """Something on images of white noise, cut in one of the ways of ``GRIDS``."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [*OnBackend.params, list(GRIDS)]
    param_names = [*OnBackend.param_names, "grid"]

    def prepare(self, grid: str, *parameters: Any) -> None:
        """The law of the patches, and a teacher."""
        size, self.width, self.stride = GRIDS[grid]
        self.law = GaussianImages((size, size), self.width, self.stride)
        self.teacher = teacher(self.law.dim, self.xp)
        self.make(*parameters)

    def make(self, *parameters: Any) -> None:
        """What else is needed."""

    def images(self, n: int) -> Any:
        """As many images, the same on every backend."""
        return self.law.images(n, rng=np.random.default_rng(SEED), xp=self.xp)


class Patches(OnGrid):
    """The patches of 2,000 images: as a view, which costs nothing, and as vectors, chunk by chunk."""

    def make(self) -> None:
        """The images."""
        self.held = self.images(2000)

    def run(self) -> None:
        """Cut every image in both ways; nothing is kept."""
        patches(self.held, self.width, self.stride)
        for _ in patch_blocks(self.held, self.width, self.stride):
            pass


class ExactGradient(OnGrid):
    """Population gradient of a filter on overlapping patches."""

    params: list[Any] = [*OnGrid.params, [1, 100]]
    param_names = [*OnGrid.param_names, "runs"]

    def make(self, runs: int) -> None:
        """The loss, and filters."""
        self.loss = OverlapLoss(self.law, self.teacher)
        self.w = filters(self.law.dim, runs, self.xp)

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class SampledGradient(OnGrid):
    """The same on the patches of 500 images, all of them held."""

    params: list[Any] = [*OnGrid.params, [1, 20]]
    param_names = [*OnGrid.param_names, "runs"]

    def make(self, runs: int) -> None:
        """The sample, and filters."""
        held = [block for block, _ in patch_blocks(self.images(500), self.width, self.stride)]
        self.loss = SampleLoss(self.xp.concat(held), self.teacher)
        self.w = filters(self.law.dim, runs, self.xp)

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class Stochastic(OnGrid):
    """Stochastic descent, a fresh image a step, of many runs at once. The number of steps depends on the grid."""

    params: list[Any] = [*OnGrid.params, [100, 1000]]
    param_names = [*OnGrid.param_names, "runs"]

    def prepare(self, grid: str, runs: int) -> None:
        """The sampler, and starts."""
        # Here, because loading it costs each of the other processes more than what they measure.
        from theory.descent import Constant, descend_stochastically

        super().prepare(grid)
        self.descend, self.step, self.steps = descend_stochastically, Constant(1e-3), STEPS[grid]
        self.sampler = FreshSamples(self.law, self.teacher)
        self.start = filters(self.law.dim, runs, self.xp)

    def run(self) -> None:
        """All steps of all runs."""
        found = self.descend(
            self.sampler,
            self.start,
            step=self.step,
            steps=self.steps,
            batch=1,
            rng=np.random.default_rng(SEED),
            tolerance=0.0,
            record=2,
        )
        if not np.all(found.taken == self.steps):
            raise RuntimeError(
                f"a run ended after {found.taken.min()} of {self.steps} steps: this would time too little"
            )
