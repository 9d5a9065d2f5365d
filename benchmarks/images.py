"""Patches of images: cutting them, exact, sampled and fast gradients, stochastic batches, and what is recovered."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded
from benchmarks.losses import SEED, filters, teacher
from theory import problems
from theory.descent import Constant, descend, descend_stochastically
from theory.distributions import GaussianImages, ImagePatches
from theory.objectives import FixedSample, ImageLoss, OverlapLoss, SampleLoss

GRIDS = {"8x8,3,1": (8, 3, 1), "28x28,5,1": (28, 5, 1), "28x28,5,5": (28, 5, 5)}
"""Image size, filter and stride."""

IMAGES = 500


class _OnGrid(Timed):
    version = "1"
    timeout = 60.0
    params: list[Any] = [["numpy"], list(GRIDS), [1, 20]]
    param_names = [*OnBackend.param_names, "grid", "runs"]

    def prepare(self, grid: str, runs: int) -> None:
        """White-noise images, and filters."""
        size, width, stride = GRIDS[grid]
        self.law = GaussianImages((size, size), width, stride)
        images = self.law.images(IMAGES, rng=np.random.default_rng(SEED))
        self.patches = ImagePatches(images, width, stride)
        self.teacher, self.w = teacher(self.law.dim, np), filters(self.law.dim, runs, np)
        self.make()

    def make(self) -> None:
        """The objective, which is not timed."""


class Cut(_OnGrid):
    """Every patch once, chunk by chunk."""

    params = [["numpy"], list(GRIDS), [1]]

    def run(self) -> None:
        """All chunks."""
        for z, _ in self.patches.blocks():
            self.last = z


class ExactGradient(_OnGrid):
    """Population gradient of the overlapping filter."""

    def make(self) -> None:
        """The exact loss."""
        self.loss = OverlapLoss(self.law, self.teacher)

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class SampledGradient(_OnGrid):
    """The same on 500 images, all patches held."""

    def make(self) -> None:
        """The plain loss."""
        self.loss = SampleLoss(self.patches.take(slice(None)), self.teacher)

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class FastDescent(_OnGrid):
    """A hundred steps on 500 images by the loss that reuses what has not changed sides."""

    def make(self) -> None:
        """The fast loss."""
        self.loss = ImageLoss(self.patches, self.teacher)

    def run(self) -> None:
        """All steps."""
        step = Constant(0.1 / self.loss.curvature)
        descend(self.loss, self.w, step=step, steps=100, tolerance=0.0, record=2)


class Minibatches(_OnGrid):
    """Twenty stochastic steps on batches of 16 images."""

    def make(self) -> None:
        """The sampler."""
        self.sampler = FixedSample(self.patches, self.teacher)

    def run(self) -> None:
        """All steps."""
        rng = np.random.default_rng(SEED)
        descend_stochastically(
            self.sampler, self.w, step=Constant(1e-3), steps=20, batch=16, rng=rng, tolerance=0.0, record=2
        )


class Digits(OnBackend):
    """A 5×5 Gabor filter learned from 400 digits, 500 steps from distance 0.4."""

    version = "1"
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """The loss, and what descent leads to."""
        w_star = problems.gabor(5)
        self.loss = ImageLoss(problems.image_patches("digits", 5, 400), w_star)
        start = problems.around(w_star, (0.4,), 8, rng=np.random.default_rng(SEED))
        step = Constant(1 / self.loss.curvature)
        self.found = descend(self.loss, start, step=step, steps=500, tolerance=0.0, record=2)

    def track_recovery_error(self, *_: Any) -> float:
        """Mean of ‖w − w*‖/‖w*‖."""
        return bounded(np.mean(self.found.final), floor=1e-8)

    def track_relative_loss(self, *_: Any) -> float:
        """Mean squared error over mean square label."""
        return bounded(np.mean(2 * self.found.loss[-1]) / self.loss.power, floor=1e-16)

    track_recovery_error.unit = "relative distance"  # type: ignore[attr-defined]
    track_relative_loss.unit = "relative loss"  # type: ignore[attr-defined]
