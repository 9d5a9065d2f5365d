"""The engines of a sampled loss where they differ: the compiled step, one run, images, and the streamed sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, unit
from benchmarks.losses import SEED, filters, teacher, vector_error
from theory.distributions import Gaussian, ImagePatches
from theory.objectives import SampleLoss, StreamLoss

SIZES = {
    "20000 x 9 x 25, 32 runs": (20_000, 9, 25, 32),
    "50000 x 1 x 100, 64 runs": (50_000, 1, 100, 64),
    "200000 x 1 x 25, 8 runs": (200_000, 1, 25, 8),
    "100000 x 1 x 25, 1 run": (100_000, 1, 25, 1),
}


class Step(Timed):
    """One gradient on patches in memory; on NumPy the compiled pass."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [*OnBackend.params, list(SIZES), ["float32"]]
    param_names = [*OnBackend.param_names, "size", "type"]

    def prepare(self, size: str, dtype: str) -> None:
        """Gaussian patches; the kernel is compiled."""
        n, k, p, runs = SIZES[size]
        kind = getattr(self.xp, dtype)
        z = np.random.default_rng(SEED).standard_normal((n, k, p), dtype=np.dtype(dtype))
        self.loss = SampleLoss(self.xp.asarray(z), self.xp.asarray(teacher(p, self.xp), dtype=kind))
        self.w = self.xp.asarray(filters(p, runs, self.xp), dtype=kind)
        self.run()

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class ImageStep(Timed):
    """One gradient on the 576 patches of each of 1000 images, which are read from the images."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"], ["float32"]]
    param_names = [*OnBackend.param_names, "type"]

    def prepare(self, dtype: str) -> None:
        """Gaussian images; the kernel is compiled."""
        images = np.random.default_rng(SEED).standard_normal((1000, 28, 28), dtype=np.dtype(dtype))
        self.loss = SampleLoss(ImagePatches(images, 5), teacher(25, np).astype(dtype))
        self.w = filters(25, 16, np).astype(dtype)
        self.run()

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class Stream(Timed):
    """One gradient on samples that are drawn for it and never held: its peak of memory must not grow."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"], [1_000_000]]
    param_names = [*OnBackend.param_names, "samples"]

    def prepare(self, samples: int) -> None:
        """The law; the kernel is compiled."""
        self.loss = StreamLoss(Gaussian(25), samples, teacher(25, np), seed=SEED)
        self.w = filters(25, 8, np)
        self.loss.part(0).gradient(self.w)

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class StepAccuracy(OnBackend):
    """The compiled pass beside the plain path."""

    version = "1"
    timeout = 60.0
    params: list[Any] = [["numpy"], [1, 8, 32]]
    param_names = [*OnBackend.param_names, "runs"]

    def prepare(self, runs: int) -> None:
        """Inputs of 9 patches, and filters."""
        z = np.random.default_rng(SEED).standard_normal((5000, 9, 25))
        self.loss, self.w = SampleLoss(z, teacher(25, np)), filters(25, runs, np)

    @unit("relative error")
    def track_gradient_error(self, *_: Any) -> float:
        """Largest error of a gradient's vector, relative to its length; rounding begins below 1e-12."""
        return vector_error(self.loss.gradient(self.w), self.loss._plain_gradient(self.w, np))
