"""Gradients of the population and the sample loss, for one filter and for many at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded, unit
from benchmarks.reference import gaussian_gradient, sample_gradient
from theory import problems
from theory.arrays import to_numpy
from theory.distributions import Gaussian
from theory.distributions.table import forget_tables, wedge_table
from theory.objectives import PopulationLoss, SampleLoss

SEED = 2018


def teacher(dim: int, xp: Any) -> Any:
    """The teacher that the problems share, on the backend."""
    return xp.asarray(problems.teacher(dim))


def filters(dim: int, runs: int, xp: Any) -> Any:
    """Filters at distance ½ from the teacher, in directions drawn once with NumPy for every backend."""
    steps = np.random.default_rng(SEED).standard_normal((dim, runs))
    steps /= 2 * np.linalg.norm(steps, axis=0)
    return teacher(dim, xp)[:, None] + xp.asarray(steps)


class PopulationGradient(Timed):
    """Exact gradient at p = 100; its table of moments is made beforehand."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [*OnBackend.params, [1, 1000]]
    param_names = [*OnBackend.param_names, "runs"]

    def prepare(self, runs: int) -> None:
        """A spiky law, and filters."""
        self.loss = PopulationLoss(problems.law("mixture(0.3)", 100), teacher(100, self.xp))
        self.w = filters(100, runs, self.xp)
        self.run()

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class MomentTable(Timed):
    """The table of moments that a population loss makes for a new law, in 100 dimensions."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [["numpy"], ["gaussian", "mixture(0.1)", "watson(10)"]]
    param_names = [*OnBackend.param_names, "law"]

    def prepare(self, law: str) -> None:
        """The law, of which nothing is known yet."""
        self.law = problems.law(law, 100)
        forget_tables()

    def run(self) -> None:
        """Make its table."""
        wedge_table(self.law)


class PopulationAccuracy(OnBackend):
    """The gradient beside its closed form, which the Gaussian and the sphere have."""

    version = "1"
    timeout = 30.0
    params: list[Any] = [*OnBackend.params, ["gaussian", "sphere"]]
    param_names = [*OnBackend.param_names, "law"]

    def prepare(self, law: str) -> None:
        """Filters at many angles."""
        dim = 25
        self.scale = 1.0 if law == "gaussian" else 1 / dim
        self.loss = PopulationLoss(problems.law(law, dim), teacher(dim, self.xp))
        self.w = filters(dim, 1000, self.xp)

    @unit("relative error")
    def track_gradient_error(self, *_: Any) -> float:
        """Largest error of a gradient's vector, relative to its length; rounding begins below 1e-12."""
        w, w_star = to_numpy(self.w), to_numpy(self.loss.teacher)
        exact = self.scale * gaussian_gradient(w, w_star)
        return vector_error(self.loss.gradient(self.w), exact)


class SampleGradient(Timed):
    """Gradient on 20,000 inputs of 16 patches of 25 numbers; that of one neuron, :mod:`benchmarks.engines` measures."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [*OnBackend.params, [16], [1, 32]]
    param_names = [*OnBackend.param_names, "patches", "runs"]

    def prepare(self, patches: int, runs: int) -> None:
        """Gaussian patches."""
        rng = np.random.default_rng(SEED)
        sample = Gaussian(25).sample(20_000 * patches, rng=rng, xp=self.xp)
        self.loss = SampleLoss(self.xp.reshape(sample, (20_000, patches, 25)), teacher(25, self.xp))
        self.w = filters(25, runs, self.xp)

    def run(self) -> None:
        """One gradient."""
        self.loss.gradient(self.w)


class SampleAccuracy(OnBackend):
    """The gradient on a sample beside a loop over its inputs."""

    version = "1"
    timeout = 30.0

    def prepare(self) -> None:
        """Inputs of 16 patches, and filters."""
        sample = Gaussian(25).sample(1000 * 16, rng=np.random.default_rng(SEED), xp=self.xp)
        self.sample = self.xp.reshape(sample, (1000, 16, 25))
        self.w = filters(25, 4, self.xp)

    @unit("relative error")
    def track_gradient_error(self, *_: Any) -> float:
        """Largest error of a gradient's vector, relative to its length; rounding begins below 1e-12."""
        w_star = teacher(25, self.xp)
        exact = sample_gradient(to_numpy(self.sample), to_numpy(self.w), to_numpy(w_star))
        return vector_error(SampleLoss(self.sample, w_star).gradient(self.w), exact)


def vector_error(measured: Any, exact: np.ndarray) -> float:
    """Largest length of a column of the difference, relative to that of the exact column."""
    difference = np.linalg.norm(to_numpy(measured) - exact, axis=0)
    return bounded(np.max(difference / np.linalg.norm(exact, axis=0)), floor=1e-12)
