"""γ, L and β of a law: how long they take, and how exact γ is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import reference
from benchmarks.common import Clocked, bounded, error, unit
from theory import problems
from theory.distributions import UniformSphere
from theory.smoothness import smoothness

DIM = 25
ANGLES = (0.3, 0.8, 1.2, 1.5)

GAMMA: dict[str, Callable[[float], float]] = {
    "gaussian": reference.gaussian_gamma,
    "sphere": lambda angle: reference.gaussian_gamma(angle) / DIM,
    "mixture(0.1)": lambda angle: reference.axial_gamma(reference.mixture_density(0.1), DIM, angle),
    "watson(10)": lambda angle: reference.axial_gamma(reference.watson_density(DIM, 10.0), DIM, angle),
}
"""The right γ(φ) of a law."""


class Constants(Clocked):
    """The constants of a law at four angles. Laws are integrated on the CPU, so there is no backend to choose."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [list(GAMMA)]
    param_names: list[str] = ["law"]

    def setup(self, law: str) -> None:
        """The law, and the right answer."""
        self.law, self.exact = problems.law(law, DIM), GAMMA[law]

    def run(self) -> Any:
        """γ at every angle; L and β are computed along with it."""
        return [smoothness(self.law, angle).gamma for angle in ANGLES]

    def time_run(self, law: str) -> None:
        """Seconds for the constants at all angles."""
        self.run()

    def peakmem_run(self, law: str) -> None:
        """Largest resident memory."""
        self.run()

    @unit("relative error")
    def track_gamma_error(self, law: str) -> float:
        """Largest relative error of γ over the angles; rounding begins below 1e-12."""
        return error(self.run(), [self.exact(angle) for angle in ANGLES], floor=1e-12)


class Brackets(Clocked):
    """Certified brackets of the constants of 2,000 points on the sphere."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [[3, 5]]
    param_names: list[str] = ["dim"]

    def setup(self, dim: int) -> None:
        """Draw the points."""
        self.points = UniformSphere(dim).sample(2000, rng=np.random.default_rng(2018))
        self.teacher = problems.teacher(dim)

    def run(self) -> Any:
        """All three brackets at φ = 1.2."""
        return smoothness(self.points, 1.2, teacher=self.teacher)

    def time_run(self, dim: int) -> None:
        """Seconds for the three brackets."""
        self.run()

    def peakmem_run(self, dim: int) -> None:
        """Largest resident memory."""
        self.run()

    @unit("relative width")
    def track_gamma_width(self, dim: int) -> float:
        """How far the bracket of γ is open, relative to its upper end; at 1e-3 it counts as closed."""
        gamma = self.run().gamma
        return bounded((gamma.upper - gamma.lower) / gamma.upper, floor=1e-3)
