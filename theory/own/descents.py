"""What descent really does on a user's patches: with the step that a theorem prescribes, and with a bold one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.descent import Constant, Descent, descend
from theory.objectives import SampleLoss
from theory.own.teachers import curvature
from theory.problems import around, in_ball

POINTS = 200
"""Iterations recorded, at which the promise is checked."""

INSIDE = 1 - 1e-9
"""Starts are at this share of the distance that the theorem allows, which it excludes itself."""


@dataclass(frozen=True)
class Run:
    """Runs from several starts: the step, how many there were and arrived, and the steps they took (those that did).

    ``kept`` is the least of (measured contraction − promised) over the records, 0 or more where the promise is kept;
    ``slack`` the least ratio of the logarithms of the two. None where nothing was promised. ``distance`` are the worst
    and the median relative distance at the recorded ``iterations``.
    """

    step: float
    limit: int
    starts: int
    within: int
    arrived: int
    steps: tuple[int, int, int] | None
    outcomes: dict[str, int]
    kept: bool | None
    slack: float | None
    iterations: list[int]
    distance: dict[str, list[float]]


def prescribed(
    loss: SampleLoss,
    angle: float,
    step: float,
    contraction: float,
    accuracy: float,
    *,
    limit: int,
    starts: int,
    rng: Any,
) -> Run:
    """From starts at sin φ ‖w*‖ with the prescribed step: at every record, was at least what is promised taken off?"""
    w_0 = around(loss.teacher, np.full(starts, INSIDE * math.sin(angle)), rng=rng)
    return _run(loss, w_0, step, accuracy, limit, contraction)


def bold(loss: SampleLoss, angle: float, accuracy: float, *, limit: int, starts: int, rng: Any) -> Run:
    """The same with the step 1/λ, λ a bound on all second derivatives while no patch flips: no theorem has it."""
    w_0 = around(loss.teacher, np.full(starts, INSIDE * math.sin(angle)), rng=rng)
    return _run(loss, w_0, 1 / curvature(loss.patches), accuracy, limit)


def anywhere(loss: SampleLoss, accuracy: float, *, limit: int, starts: int, rng: Any) -> Run:
    """With that step from starts uniform in the ball of radius ‖w*‖/√(2πp), the largest of Theorem 4.1."""
    p, norm = loss.dim, float(np.linalg.norm(loss.teacher))
    w_0 = in_ball(starts, p, rng=rng, radius=norm / math.sqrt(2 * math.pi * p))
    return _run(loss, w_0, 1 / curvature(loss.patches), accuracy, limit)


def _run(
    loss: SampleLoss, w_0: Float[np.ndarray, "p runs"], step: float, accuracy: float, limit: int, promised: float = 0.0
) -> Run:
    run = descend(loss, w_0, step=Constant(step), steps=limit, tolerance=accuracy, stationary=1e-12, record=POINTS)
    taken = run.taken[run.converged]
    outcomes = [outcome.name.lower().replace("_", " ") for outcome in run.outcome]
    kept, slack = _promise(run, promised) if promised else (None, None)
    alive = ~np.all(np.isnan(run.distance), axis=1)
    # A run that has ended stays where it ended.
    distance = np.where(np.isnan(run.distance), run.final, run.distance)[alive]
    return Run(
        step=step,
        limit=limit,
        starts=w_0.shape[1],
        within=int(np.sum(run.distance[0] < 1)),
        arrived=int(run.converged.sum()),
        steps=(int(taken.min()), int(np.median(taken)), int(taken.max())) if taken.size else None,
        outcomes={name: outcomes.count(name) for name in sorted(set(outcomes))},
        kept=kept,
        slack=slack,
        iterations=run.iterations[alive].tolist(),
        distance={
            "worst": np.max(distance, axis=1).tolist(),
            "median": np.median(distance, axis=1).tolist(),
        },
    )


def _promise(run: Descent, contraction: float) -> tuple[bool, float]:
    """Whether d_s² ≤ (1 − c)^{s−t} d_t² between neighbouring records, and the least ratio of the two logarithms."""
    gap = np.diff(run.iterations)[:, None]
    before, after = run.distance[:-1], run.distance[1:]
    known = ~np.isnan(after) & (after > 0)
    fell = 2 * np.log(np.where(known, before / np.where(known, after, 1.0), 1.0))
    promise = -gap * math.log1p(-contraction)
    # In every step a distance gathers a few roundings of the iterate, relative to it.
    rounding = 32 * np.finfo(float).eps * gap / np.where(known, after, 1.0)
    if not known.any():
        return True, math.inf
    return bool(np.all((fell + rounding >= promise)[known])), float(np.min((fell / promise)[known]))
