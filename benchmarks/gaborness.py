"""Fits of Gabor filters to kernels: their time, and what they find of filters of known parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded, unit
from benchmarks.losses import SEED
from theory import problems
from theory.objectives.gabor import fit

KERNELS = 64
"""A first layer of an early network."""


class GaborFits(Timed):
    """Sixty-four kernels, of Gabor filters with a tenth of noise or of white noise alone."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"], [5, 11], ["gabor", "white"]]
    param_names = [*OnBackend.param_names, "size", "kind"]

    def prepare(self, size: int, kind: str) -> None:
        """The kernels."""
        rng = np.random.default_rng(SEED)
        self.kernels = problems.known_kernels(kind, KERNELS, size, rng=rng, noise=0.1)

    def run(self) -> Any:
        """All fits."""
        return fit(self.kernels)


class GaborFound(OnBackend):
    """What is found of filters without noise, and with."""

    version = "1"
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """Sixty-four filters of 9×9."""
        self.clean, self.noisy = (
            problems.known_kernels("gabor", KERNELS, 9, rng=np.random.default_rng(SEED), noise=noise)
            for noise in (0.0, 0.3)
        )

    @unit("1 − R²")
    def track_unexplained(self, *_: Any) -> float:
        """The worst of the filters without noise; SciPy stops below 1e-9."""
        return bounded(np.max(1 - fit(self.clean).r2), floor=1e-9)

    @unit("part")
    def track_missed(self, *_: Any) -> float:
        """Of filters with three tenths of their energy noise, the part that is not called a Gabor filter."""
        return bounded(np.mean(~fit(self.noisy).gaborlike), floor=0.0)
