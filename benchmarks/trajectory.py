"""Descent on a large sample, of which a step touches little: its time by its length, and how far off it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded, unit
from benchmarks.losses import SEED, filters, teacher
from theory.descent import Constant, descend, trajectory
from theory.objectives import SampleLoss


@contextlib.contextmanager
def worth(products: float) -> Iterator[None]:
    """Activations are used again from this much work on."""
    before, trajectory.WORTH = trajectory.WORTH, products
    try:
        yield
    finally:
        trajectory.WORTH = before


def sample(n: int, patches: int) -> SampleLoss:
    """Gaussian patches of 25 numbers."""
    z = np.random.default_rng(SEED).standard_normal((n, patches, 25))
    return SampleLoss(z, teacher(25, np))


class SampleTrajectory(Timed):
    """Steps of 0.001 on 100,000 inputs; no run ends before its last step."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"], [5_000, 500_000], [1e-3]]
    param_names = [*OnBackend.param_names, "steps", "step"]

    def prepare(self, steps: int, eta: float) -> None:
        """The sample, a start at distance ½, and the kernels, compiled."""
        self.loss, self.start = sample(100_000, 1), filters(25, 1, np)
        self.settings: dict[str, Any] = {"step": Constant(eta), "steps": steps, "tolerance": 0.0, "stationary": 0.0}
        self.run()

    def run(self) -> None:
        """All steps."""
        found = descend(self.loss, self.start, **self.settings)
        if found.taken[0] != self.settings["steps"] or found.engine[0] != "reuse":
            raise RuntimeError(f"{found.taken[0]} steps by {found.engine[0]!r}: this would time something else")


class SampleTrajectoryAccuracy(OnBackend):
    """The last iterate beside that of the plain loop, for one neuron and for four patches."""

    version = "1"
    timeout = 120.0
    params: list[Any] = [["numpy"], [1, 4]]
    param_names = [*OnBackend.param_names, "patches"]

    def prepare(self, patches: int) -> None:
        """A small sample, which the plain loop gets through."""
        self.loss, self.start = sample(1000 // patches, patches), filters(25, 2, np)

    @unit("relative error")
    def track_difference(self, *_: Any) -> float:
        """Largest entry of the difference after 20,000 steps, relative to ‖w*‖; 1e-9 is promised, rounding 1e-13."""
        settings: dict[str, Any] = {"step": Constant(1e-3), "steps": 20_000, "tolerance": 0.0, "record": 2}
        with worth(0.0):
            found = descend(self.loss, self.start, **settings)
        with worth(np.inf):
            expected = descend(self.loss, self.start, **settings)
        return bounded(np.max(np.abs(found.w - expected.w)) / np.linalg.norm(self.loss.teacher), floor=1e-13)

    @unit("passes")
    def track_evaluated(self, *_: Any) -> float:
        """Activations computed in 20,000 steps, in passes over the whole sample."""
        with worth(0.0):
            found = descend(self.loss, self.start, step=Constant(1e-3), steps=20_000, tolerance=0.0)
        return bounded(np.max(found.evaluated) / np.prod(self.loss.patches.shape[:2]), floor=1.0)
