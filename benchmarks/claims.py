"""Claim A2, the linear rate: what measuring it costs, and whether its slack is still right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.common import Timed, bounded, unit
from benchmarks.reference import gaussian_slack
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.verdict import slack
from theory.problems import half_disc

DIM, RUNS, STEPS, SEED = 25, 16, 400, 2018


class Rate(Timed):
    """One cell of the claim, in the form of the paper. The sphere's slack is the Gaussian's."""

    version = "2"
    timeout = 60.0
    params: list[Any] = [*Timed.params, ["gaussian", "sphere"]]
    param_names = [*Timed.param_names, "law"]

    def prepare(self, law: str) -> None:
        """Find the claim, and measure it once: tables are made only once in the life of a process."""
        self.claim = registry()["du2018.rate"]
        self.cell = Cell({"law": law, "dim": DIM, "runs": RUNS, "steps": STEPS})
        self.run()

    def run(self) -> Any:
        """Measure the cell."""
        setting = Setting(rng=np.random.default_rng(SEED), xp=self.xp, profile="quick")
        return self.claim.measure(self.cell, setting)

    def _slack(self) -> float:
        found = next(one for one in self.run().findings if one.form == "paper" and not one.control)
        return slack(found, self.claim.relation) or math.nan

    @unit("promised / measured")
    def track_tightness(self, *_: Any) -> float:
        """Promised over measured contraction, at the step where it is largest; above 1 the theorem is violated."""
        return bounded(1 / self._slack(), floor=0.0)

    @unit("relative error")
    def track_slack_error(self, *_: Any) -> float:
        """Relative error of the slack. The claim steps by tabulated angles, which changes it by less than 1e-5."""
        starts = half_disc(RUNS, DIM, rng=np.random.default_rng(SEED))
        return bounded(abs(self._slack() / gaussian_slack(starts, STEPS) - 1), floor=1e-5)
