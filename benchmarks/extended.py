"""Extended convolutional layers: a landscape, one variable projection, and how much wider the valley is."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import OnBackend, Timed, bounded, unit
from benchmarks.losses import SEED
from theory import problems
from theory.descent import project
from theory.landscapes import landscape, widths
from theory.objectives.extended_conv import curvatures

TICKS = 21


def made() -> tuple[Any, Any]:
    """A network in the program's setting, 16×16 and four layers of 3×3, and a plane through its weights."""
    rng = np.random.default_rng(SEED)
    problem = problems.network_problem("program", rng=rng)
    return problem, problem.plane(rng=rng)


class Landscape(Timed):
    """21 × 21 points of either objective, the extended one with 100 inner iterations at most."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"], ["conventional", "extended"]]
    param_names = [*OnBackend.param_names, "objective"]

    def prepare(self, objective: str) -> None:
        """The loss and the plane."""
        problem, self.plane = made()
        self.loss = problem.conventional() if objective == "conventional" else problem.extended()
        landscape(self.loss, self.plane, ticks=2)  # compiled, where it is not yet

    def run(self) -> Any:
        """The landscape."""
        return landscape(self.loss, self.plane, ticks=TICKS)


class Projection(Timed):
    """The inner problem of one network: excesses, or the auxiliary weights themselves, or point by point in SciPy."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"], ["excess", "free", "scipy"]]
    param_names = [*OnBackend.param_names, "way"]

    def prepare(self, way: str) -> None:
        """The loss and the network."""
        problem, plane = made()
        self.way, self.w = way, plane.at(2.0, 2.0)
        self.loss = problem.extended(form="excess" if way == "excess" else "free")
        project(self.loss, self.w, iterations=1)  # compiled, where it is not yet

    def run(self) -> Any:
        """100 iterations at most."""
        if self.way != "scipy":
            return project(self.loss, self.w)
        return by_scipy(self.loss, self.w[0])


def by_scipy(loss: Any, w: Any) -> Any:
    """The inner problem by SciPy's L-BFGS, with the same pairs and iterations."""
    from scipy.optimize import minimize

    return minimize(
        lambda u: (float(loss.value(w, u)), loss.gradient(w, u)[1]), loss.network.spread(w), jac=True,
        method="L-BFGS-B", options={"maxiter": 100, "maxcor": 10, "ftol": 0.0, "gtol": 1e-9},
    )  # fmt: skip


class Width(OnBackend):
    """What the valley's width comes to at the program's λ, in the mean over some networks."""

    version = "2"
    timeout = 120.0
    params: list[Any] = [["numpy"]]

    def prepare(self) -> None:
        """Both widths of eight networks."""
        rng = np.random.default_rng(SEED)
        self.pairs = []
        for _ in range(8):
            problem = problems.network_problem("program", rng=rng)
            plane = problem.plane(rng=rng)
            along = np.stack([plane.delta, plane.eta])
            known = curvatures(problem.network, problem.x, problem.w_star, along, problems.LAM)
            self.pairs.append(
                (
                    widths(problem.conventional(), plane, known.conventional.mean(), ticks=11),
                    widths(problem.extended(), plane, known.extended.mean(), ticks=11),
                )
            )

    @unit("conventional / extended")
    def track_area_ratio(self, *_: Any) -> float:
        """Geometric mean of the areas' ratio at 10 %; below 1 the extended valley is the wider."""
        return bounded(np.exp(np.mean([np.log(a.areas[1] / b.areas[1]) for a, b in self.pairs])), floor=1e-3)

    @unit("parts of the range")
    def track_certificate(self, *_: Any) -> float:
        """Median certificate of the inner problems; rounding begins below 1e-16."""
        return bounded(np.median([b.gain / b.range for _, b in self.pairs]), floor=1e-16)
