"""Patches that share a filter, in the plane: their constants, their exact gradient, and the slack of claim A5."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.common import Clocked, Timed, bounded, error, unit
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.verdict import slack
from theory.closeness import closeness, estimated
from theory.distributions import ClosePatches, forget_close_tables
from theory.objectives import PopulationLoss
from theory.problems import half_disc, teacher
from theory.smoothness import smoothness

ANGLES = (0.3, 0.9, 1.3)
SPREADS = [0.15, 0.5, math.inf]
SEED = 2018


class Constants(Clocked):
    """The four constants of a law at three angles, its table anew each time. On the CPU alone."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [SPREADS]
    param_names: list[str] = ["spread"]

    def setup(self, spread: float) -> None:
        """The law."""
        self.law = ClosePatches(2, 4, spread, 0.4)

    def run(self, law: ClosePatches) -> Any:
        """Build the table, and read the constants off it."""
        forget_close_tables()
        return [closeness(law, angle) for angle in ANGLES]

    def time_run(self, spread: float) -> None:
        """Seconds for the table and the constants at all angles."""
        self.run(self.law)

    def peakmem_run(self, spread: float) -> None:
        """Largest resident memory."""
        self.run(self.law)

    @unit("relative error")
    def track_gamma_error(self, spread: float) -> float:
        """Relative error of γ where k patches are one, from the table of one neuron; rounding begins below 1e-12."""
        law = ClosePatches(2, 4, spread, 0.0)
        return error([c.gamma for c in self.run(law)], [smoothness(law.law, a).gamma for a in ANGLES], floor=1e-12)


class SampleConstants(Clocked):
    """Certified constants of 2,000 samples of patches."""

    version = "2"
    timeout = 30.0
    params: list[Any] = [[2, 16]]
    param_names: list[str] = ["k"]

    def setup(self, k: int) -> None:
        """Draw the patches."""
        self.patches = ClosePatches(2, k, 0.5, 0.4).sample(2000, rng=np.random.default_rng(SEED))

    def run(self) -> Any:
        """All four brackets at φ = 0.9."""
        return closeness(self.patches, 0.9, teacher=teacher(2), least_angle=0.05)

    def time_run(self, k: int) -> None:
        """Seconds for the brackets."""
        self.run()

    def peakmem_run(self, k: int) -> None:
        """Largest resident memory."""
        self.run()

    @unit("relative width")
    def track_gamma_width(self, k: int) -> float:
        """How far the bracket of γ is open, relative to its upper end; rounding begins below 1e-9."""
        gamma = self.run().gamma
        return bounded((gamma.upper - gamma.lower) / gamma.upper, floor=1e-9)


class Estimated(Clocked):
    """Limits at confidence in five dimensions, from 20,000 samples."""

    version = "2"
    timeout = 30.0

    def setup(self) -> None:
        """The law."""
        self.law = ClosePatches(5, 4, 1.0, 0.4)

    def run(self) -> Any:
        """All limits at φ = 0.9."""
        return estimated(self.law, 0.9, n=20_000, rng=np.random.default_rng(SEED))

    def time_run(self) -> None:
        """Seconds."""
        self.run()

    def peakmem_run(self) -> None:
        """Largest resident memory."""
        self.run()


class Gradient(Timed):
    """The exact gradient of close patches, the table made beforehand."""

    version = "2"
    params: list[Any] = [*Timed.params, [16, 1024]]
    param_names = [*Timed.param_names, "runs"]

    def prepare(self, runs: int) -> None:
        """The loss and the batch."""
        self.loss = PopulationLoss(ClosePatches(2, 4, 0.5, 0.4), self.xp.asarray(teacher(2)))
        self.w = self.xp.asarray(half_disc(runs, 2, rng=np.random.default_rng(SEED)))

    def run(self) -> None:
        """One gradient of every run."""
        self.loss.gradient(self.w)


class FilterRate(Timed):
    """One cell of claim A5."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [*Timed.params, ["paper", "proof"]]
    param_names = [*Timed.param_names, "form"]

    def prepare(self, form: str) -> None:
        """Find the claim, and measure it once: tables are made only once in the life of a process."""
        self.claim, self.form = registry()["du2018.filter_rate"], form
        size = {"runs": 16, "steps": 400, "longest": 1000}
        self.cell = Cell({"centre": "mixture(0.5)", "closeness": 0.1, "k": 4, **size})
        self.run()

    def run(self) -> Any:
        """Measure the cell."""
        return self.claim.measure(self.cell, Setting(rng=np.random.default_rng(SEED), xp=self.xp, profile="quick"))

    @unit("measured / promised")
    def track_tightness(self, *_: Any) -> float:
        """Measured over promised contraction, at the step where it is least; the nearer to 1, the tighter."""
        found = next(one for one in self.run().findings if one.form == self.form and not one.control)
        return bounded(slack(found, self.claim.relation) or math.nan, floor=0.0)
