"""Gradient descent on the population loss: ten thousand steps, and where a fixed number of steps leads."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import CAP, OnBackend, Timed, bounded, unit
from benchmarks.losses import filters, teacher
from theory import problems
from theory.descent import Admissible, Constant, Outcome, descend
from theory.objectives import PopulationLoss
from theory.objectives.relu_filter import angle_between

STEPS = 10_000

RECOVERY_STEPS = {
    "gaussian": 200,
    "sphere": 200,
    "mixture(0.3)": 10_000,
    "watson(10)": 2000,
}
"""Laws in R⁵, and a number of steps that leads some of the way: far enough to tell, and not all of it."""


class Trajectory(Timed):
    """p = 100 and 10⁴ steps, so short that no run ends early."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [*OnBackend.params, [1, 1000]]
    param_names = [*OnBackend.param_names, "runs"]

    def prepare(self, runs: int) -> None:
        """A spiky law, starts at distance ½."""
        self.loss = PopulationLoss(problems.law("mixture(0.3)", 100), teacher(100, self.xp))
        self.start = filters(100, runs, self.xp)

    def run(self) -> None:
        """All steps of all runs."""
        found = descend(self.loss, self.start, step=Constant(1e-4), steps=STEPS)
        if not np.all(found.taken == STEPS):
            raise RuntimeError(f"a run ended after {found.taken.min()} of {STEPS} steps: this would time too little")


class Recovery(OnBackend):
    """Twenty starts at distance ½, with the steps that the theorem admits."""

    version = "1"
    timeout = 60.0
    params: list[Any] = [*OnBackend.params, list(RECOVERY_STEPS)]
    param_names = [*OnBackend.param_names, "law"]

    def prepare(self, law: str) -> None:
        """The law, and the starts."""
        self.law, self.steps = problems.law(law, 5), RECOVERY_STEPS[law]
        self.loss = PopulationLoss(self.law, teacher(5, self.xp))
        self.start = filters(5, 20, self.xp)

    @unit("radians")
    def track_angle_error(self, *_: Any) -> float:
        """Largest angle to the teacher after the law's number of steps, not below the tolerance of 1e-8."""
        found = descend(self.loss, self.start, step=Admissible(self.law), steps=self.steps)
        if Outcome.DIVERGED in found.outcome:
            return CAP
        return bounded(angle_between(found.w, teacher(5, np)).max(), floor=1e-8)
