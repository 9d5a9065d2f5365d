"""The one loop of gradient descent: w ← w − η_t ∇ℓ(w), for many runs at once, each stopping by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.arrays import shared_namespace, to_numpy
from theory.descent.outcome import Outcome
from theory.descent.steps import Constant, Progress, Scaled, StepRule
from theory.objectives.relu_filter import angle_between

FAR = 1e6
"""Relative distance beyond which a run has diverged."""

QUIET: Any = {"over": "ignore", "invalid": "ignore", "under": "ignore"}
"""A run that diverges is an outcome, not a flood of warnings."""

POINTS = 200
"""Iterations recorded by default, spaced logarithmically."""


@dataclass(frozen=True)
class Descent:
    """What a descent left behind, on NumPy, one column a run.

    ``distance`` is ‖w − w*‖/‖w*‖, ``angle`` ∠(w, w*) in radians, ``loss`` ℓ(w) and ``step`` η_t, at the recorded
    ``iterations``; NaN once a run has ended. ``outcome``, ``taken`` (steps taken), ``final`` (its last relative
    distance) and the last ``w`` are one a run. So are ``evaluated``, how many activations w·Zₙᵢ of a sample's patches
    were really computed (n k in every pass over it, of images those looked at; 0 without a sample), and ``engine``:
    "loop" for passes over everything, "reuse" where activations were used again (:mod:`theory.descent.trajectory`), as
    they are in long descents on large samples, "reuse, then loop" where steps became too long for that, or "blocks"
    where a CUDA device took many steps by itself (:mod:`theory.descent.blocks`).
    """

    iterations: Float[np.ndarray, " points"] | Any
    distance: Float[np.ndarray, "points runs"]
    angle: Float[np.ndarray, "points runs"]
    loss: Float[np.ndarray, "points runs"]
    step: Float[np.ndarray, "points runs"]
    outcome: tuple[Outcome, ...]
    taken: Any
    final: Float[np.ndarray, " runs"]
    w: Float[np.ndarray, "p runs"]
    evaluated: Any
    engine: Any

    @property
    def converged(self) -> Any:
        """Which runs converged."""
        return np.array([outcome is Outcome.CONVERGED for outcome in self.outcome])

    @property
    def contraction(self) -> Float[np.ndarray, "steps runs"]:
        """1 − ‖w_{t+1} − w*‖²/‖w_t − w*‖² between neighbouring records; NaN once a run has ended.

        Each distance carries a few roundings of the iterate, so the relative error is about
        8 ε ‖w*‖ / (‖w_t − w*‖ · contraction).
        """
        before, after = self.distance[:-1], self.distance[1:]
        return (before - after) * (before + after) / before**2

    def rounding(self, place: tuple[int, int]) -> float:
        """The relative rounding error of ``contraction`` at one place."""
        size = float(self.distance[place] * abs(self.contraction[place]))
        return float(8 * np.finfo(float).eps / size) if size > 0 else 0.0


def descend(
    objective: Any,
    start: Any,
    *,
    step: StepRule,
    steps: int,
    tolerance: float = 1e-8,
    record: int | Sequence[int] | str = POINTS,
    region: float | None = None,
    stationary: float = 1e-14,
) -> Descent:
    """Gradient descent from every column of ``start`` until each run ends.

    An objective with a ``plane`` (see :class:`theory.objectives.relu_filter.AxialLoss`) is descended in two dimensions,
    whatever its own number: a step costs the same for p = 1000 as for p = 2.

    Parameters
    ----------
    objective
        With ``teacher``, ``value`` and ``gradient``.
    start
        w₀, shape (p,) or (p, runs), on the objective's backend.
    step
        A step rule of :mod:`theory.descent.steps`.
    steps
        Steps at most.
    tolerance
        A run has converged when ‖w − w*‖ ≤ tolerance ‖w*‖.
    record
        How many iterations to record (spaced logarithmically), which, or "all".
    region
        Radius, relative to ‖w*‖, of the region around w* that a run must not leave; none if not given.
    stationary
        A run has stalled when ‖∇ℓ(w)‖ ≤ stationary · ‖∇ℓ(0)‖.

    Raises
    ------
    BadInput
        If an argument is out of its range or the shapes disagree.

    Examples
    --------
    >>> import numpy as np
    >>> from theory.distributions import Gaussian
    >>> from theory.objectives import PopulationLoss
    >>> from theory.descent import Constant
    >>> loss = PopulationLoss(Gaussian(3), teacher=[1.0, 0.0, 0.0])
    >>> run = descend(loss, np.array([0.5, 0.5, 0.0]), step=Constant(0.5), steps=1000)
    >>> run.outcome[0].name
    'CONVERGED'
    """
    w = _columns(start, objective.teacher)
    lift = None
    if hasattr(objective, "plane"):
        with np.errstate(**QUIET):
            objective, w, lift = objective.plane(w)
    limits = _Limits(
        steps=checks.integer("steps", steps, least=0),
        tolerance=checks.positive("tolerance", tolerance) if tolerance else 0.0,
        region=FAR if region is None else checks.positive("region", region),
        leaves=region is not None,
        stationary=checks.positive("stationary", stationary) if stationary else 0.0,
    )
    _check_step(step, w.shape[1])
    recorder = _Recorder(_iterations(record, limits.steps), w.shape[1])
    runs = _Runs(w)
    with np.errstate(**QUIET):
        _run(objective, runs, step, limits, recorder)
        return _descent(runs, recorder, lift)


def _check_step(rule: Any, runs: int) -> None:
    if not callable(rule):
        raise checks.refuse("step", repr(rule), "a step rule, such as Constant(0.5)")
    while isinstance(rule, Scaled):
        rule = rule.rule
    if isinstance(rule, Constant) and isinstance(rule.eta, tuple) and len(rule.eta) != runs:
        raise checks.refuse("step", f"{len(rule.eta)} constant steps", f"one, or one a run of {runs}")


@dataclass(frozen=True)
class _Limits:
    steps: int
    tolerance: float
    region: float
    leaves: bool
    stationary: float

    def still(self, objective: Any) -> float:
        """The length of a gradient at which a run has stalled."""
        xp = array_namespace(objective.teacher)
        return self.stationary * float(_norm(objective.gradient(xp.zeros_like(objective.teacher[:, None])), xp)[0])

    def outcome(self, distance: float, otherwise: Outcome) -> Outcome:
        """What became of a run that is over at this relative distance; ``otherwise``, if the distance does not say."""
        if distance <= self.tolerance:
            return Outcome.CONVERGED
        if not distance <= FAR:
            return Outcome.DIVERGED
        if self.leaves and distance > self.region:
            return Outcome.LEFT_REGION
        return otherwise


class _Recorder:
    """The recorded points: distance, angle, loss and step at chosen iterations."""

    def __init__(self, iterations: np.ndarray, runs: int) -> None:
        self.iterations = iterations
        self.columns = np.full((4, iterations.size, runs), np.nan)
        self.place = {int(t): i for i, t in enumerate(iterations)}

    def state(self, t: int, runs: np.ndarray, objective: Any, w: Any, distance: Any) -> None:
        """Distance, angle and loss at iteration t, where it is one to record; the loss of a lost iterate is inf."""
        if t in self.place:
            self.states(self.place[t], runs, objective, w, distance)

    def states(self, place: Any, runs: np.ndarray, objective: Any, w: Any, distance: Any) -> None:
        """The same at the recorded iteration of this number, or for each run at one of its own."""
        xp = array_namespace(w)
        known = xp.isfinite(distance)
        loss = objective.value(xp.where(known[None, :], w, objective.teacher[:, None]))
        found = (distance, angle_between(w, objective.teacher), xp.where(known, loss, xp.inf))
        for column, values in zip(self.columns, found, strict=False):
            column[place, runs] = to_numpy(values)

    def step(self, t: int, runs: np.ndarray, eta: Any) -> None:
        """η_t, where t is an iteration to record."""
        if t in self.place:
            self.columns[3, self.place[t], runs] = to_numpy(eta) if hasattr(eta, "shape") else eta

    def fill(self, run: int, seen: np.ndarray) -> None:
        """All four columns of a run, as far as they are known."""
        known = ~np.isnan(seen)
        self.columns[:, :, run][known] = seen[known]


class _Runs:
    """The runs still going, as columns of ``w`` numbered by ``index``, and the fate of those that are not."""

    def __init__(self, w: Any) -> None:
        count = w.shape[1]
        self.w = w
        self.index = np.arange(count)
        self.last = np.array(to_numpy(w))
        self.outcome = [Outcome.STEP_LIMIT] * count
        self.taken = np.zeros(count, dtype=np.int64)
        self.final = np.full(count, np.nan)
        self.evaluated = np.zeros(count, dtype=np.int64)
        self.engine = np.full(count, "loop", dtype="<U16")

    def part(self, column: int) -> _Runs:
        """One run by itself, whose fate is written down here."""
        one = copy(self)
        one.w, one.index = self.w[:, column : column + 1], self.index[column : column + 1]
        return one

    def end(self, t: Any, over: Any, otherwise: Outcome, limits: _Limits, distance: Any, *others: Any) -> Any:
        """Write down the fate of the runs that are over, at t (one, or one each); the arrays of those that go on."""
        ended, place = to_numpy(over), to_numpy(distance)
        self.last[:, self.index[ended]] = to_numpy(self.w)[:, ended]
        self.taken[self.index[ended]] = t
        self.final[self.index[ended]] = place[ended]
        for column in np.flatnonzero(ended):
            self.outcome[self.index[column]] = limits.outcome(float(place[column]), otherwise)
        self.index = self.index[~ended]
        xp = array_namespace(self.w)
        kept = xp.asarray(np.flatnonzero(~ended))
        self.w = xp.take(self.w, kept, axis=1)
        return tuple(xp.take(array, kept, axis=-1) for array in (distance, *others))


class _Whole:
    """An objective whose every gradient and value passes over the whole sample, if it has one."""

    def __init__(self, objective: Any, runs: _Runs) -> None:
        self.teacher = objective.teacher
        self._objective, self._runs = objective, runs
        self._pass = math.prod(objective.shape[:2]) if hasattr(objective, "shape") else 0

    def count(self, runs: np.ndarray, passes: int) -> None:
        """So many passes more for each of these runs, of which one may be there several times."""
        np.add.at(self._runs.evaluated, runs, passes * self._pass)

    def gradient(self, w: Any) -> Any:
        """∇ℓ(w) of the runs still going."""
        return self._counted(self._objective.gradient(w))

    def value(self, w: Any) -> Any:
        """ℓ(w) of the runs still going."""
        return self._counted(self._objective.value(w))

    def _counted(self, found: Any) -> Any:
        """What was found, after a pass, or as many looks as the objective says that it took for each run."""
        self._runs.evaluated[self._runs.index] += getattr(self._objective, "looked", self._pass)
        return found


def _run(objective: Any, runs: _Runs, rule: StepRule, limits: _Limits, recorder: _Recorder) -> None:
    """The loop, until the steps are short enough for another engine, if the objective has one that is worth it."""
    from theory.descent import blocks, lean, trajectory

    if blocks.serves(objective, runs, rule):
        blocks.loop(objective, runs, rule, limits, recorder, limits.still(objective))
        return
    whole, pause = _Whole(objective, runs), None
    if trajectory.worthwhile(objective, runs.index.size, limits.steps):
        pause = trajectory.calm
    still, ahead = limits.still(objective), None
    if pause is None:
        ahead = lean.ahead(objective, whole, runs, rule, limits, recorder, still)
    t = _loop(whole, runs, rule, limits, recorder, still, pause=pause, ahead=ahead)
    if runs.index.size:
        trajectory.descend_calmly(objective, runs, rule, limits, recorder, still, t)


def _loop(
    objective: Any,
    runs: _Runs,
    rule: StepRule,
    limits: _Limits,
    recorder: _Recorder,
    still: float,
    start: int = 0,
    pause: Callable[[Any, Any, Any], bool] | None = None,
    ahead: Callable[[int, Any, float], int] | None = None,
) -> int:
    """From iteration ``start`` until all runs have ended, or ``pause(w, η, ∇ℓ(w))`` says so; returns the iteration.

    It is asked at iterations 0, 1, 2, 4, 8, … What goes ``ahead`` says which iteration is the next that may be a last.
    """
    xp = array_namespace(runs.w)
    teacher = objective.teacher[:, None]
    norm = float(_norm(teacher, xp)[0])
    t = start - 1
    while t < limits.steps:
        t = t + 1 if ahead is None else ahead(t + 1, runs, norm)
        distance = _norm(runs.w - teacher, xp) / norm
        recorder.state(t, runs.index, objective, runs.w, distance)
        # NaN compares false: ~(d ≤ region) catches it as well, before a gradient is asked for there.
        over = (distance <= limits.tolerance) | ~(distance <= limits.region) | (t == limits.steps)
        if bool(xp.any(over)):
            (distance,) = runs.end(t, over, Outcome.STEP_LIMIT, limits, distance)
            if runs.index.size == 0:
                return t
        gradient = objective.gradient(runs.w)
        stalled = _norm(gradient, xp) <= still
        if bool(xp.any(stalled)):
            distance, gradient = runs.end(t, stalled, Outcome.STALLED, limits, distance, gradient)
            if runs.index.size == 0:
                return t
        eta = rule(Progress(t, distance, runs.index))
        if pause is not None and t & (t - 1) == 0 and pause(runs.w, eta, gradient):
            return t
        recorder.step(t, runs.index, eta)
        runs.w = runs.w - eta * gradient
    raise AssertionError("the last iteration ends every run")


def _columns(start: Any, teacher: Any) -> Any:
    """w₀ as the columns of a matrix, after making sure that there are some, and that they are like the teacher."""
    xp = shared_namespace("start", start, teacher)
    w = checks.array("start", start, xp, ndim=(1, 2))
    if w.shape[0] != teacher.shape[0]:
        required = f"of shape ({teacher.shape[0]},) or ({teacher.shape[0]}, runs)"
        raise checks.refuse("start", f"an array of shape {w.shape}", required)
    w = xp.reshape(w, (w.shape[0], -1))
    checks.integer("number of runs", w.shape[1], least=1)
    return w


def _norm(vectors: Any, xp: Any) -> Any:
    """‖v‖ of every column."""
    return xp.sqrt(xp.sum(vectors * vectors, axis=0))


def _iterations(record: int | Sequence[int] | str, steps: int) -> np.ndarray:
    if isinstance(record, str) and record == "all":
        return np.arange(steps + 1)
    if isinstance(record, int | np.integer):
        return spaced(steps, checks.integer("record", record, least=2))
    chosen = np.unique(np.asarray(record))
    if chosen.size and not np.issubdtype(chosen.dtype, np.integer):
        raise checks.refuse("record", repr(record), "'all', a number of points, or the iterations themselves")
    chosen = chosen.astype(int)
    if chosen.size and not 0 <= chosen[0] <= chosen[-1] <= steps:
        raise checks.refuse("record", f"iterations from {chosen[0]} to {chosen[-1]}", f"within 0 … {steps}")
    return chosen


def spaced(steps: int, points: int) -> np.ndarray:
    """0, then at most ``points`` iterations up to ``steps``, spaced logarithmically."""
    return np.unique(np.concatenate([[0], np.geomspace(1, max(1, steps), points).round().astype(int)]).clip(0, steps))


def _descent(runs: _Runs, recorder: _Recorder, lift: Callable[[Any], Any] | None) -> Descent:
    distance, angle, loss, step = recorder.columns
    last = runs.last if lift is None else to_numpy(lift(array_namespace(runs.w).asarray(runs.last)))
    return Descent(
        iterations=recorder.iterations,
        distance=distance,
        angle=angle,
        loss=loss,
        step=step,
        outcome=tuple(runs.outcome),
        taken=runs.taken,
        final=runs.final,
        w=last,
        evaluated=runs.evaluated,
        engine=runs.engine,
    )
