r"""L-BFGS for many problems at once, each with its own line search, and out of the batch once it has ended.

    d = −H_t ∇,   H_t by the two loops over the last pairs (s, y), H₀ = s·y/y·y
    a step meets the weak Wolfe conditions, by bisection: f(u + td) ≤ f + c₁ t ∇·d and ∇f(u + td)·d ≥ c₂ ∇·d

Sources: Nocedal & Wright (2006), Algorithms 7.4 and 7.5; Lewis & Overton (2013) for the bisection, which is as happy
with an objective that has kinks. Compiled twin for one objective: :mod:`theory.kernels.network`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.arrays import to_numpy
from theory.kernels.constants import ARMIJO, WOLFE

TRIALS = 30
"""Evaluations in one line search: thirty halvings are a billionth of the first step."""

Function = Callable[[Any, Any], tuple[Any, Any]]


class Ending(StrEnum):
    """How a minimisation ended, as a sentence with the remedy."""

    STATIONARY = "stationary: the gradient is within the tolerance"
    STEP_LIMIT = "step limit: the problem was still moving; allow more iterations"
    STUCK = (
        "stuck: no step along the gradient lowers the objective; rounding has been reached, or the gradient is wrong"
    )


@dataclass(frozen=True)
class Minimum:
    """Where each problem ended: ``u`` on its backend, the rest on NumPy.

    ``value``, ``slope`` (‖∇‖), ``taken`` (iterations) and ``evaluations`` are one a problem; ``log`` has the objective
    at the start and after every iteration, NaN once a problem has ended.
    """

    u: Float[Any, "problems n"]
    value: Float[np.ndarray, " problems"]
    slope: Float[np.ndarray, " problems"]
    taken: Any
    evaluations: Any
    ending: tuple[Ending, ...]
    log: Float[np.ndarray, "problems points"]


def minimise(
    function: Function,
    start: Float[Any, "problems n"],
    *,
    iterations: int = 100,
    tolerance: float = 1e-8,
    memory: int = 10,
    trials: int = TRIALS,
    watch: Callable[[int, Any, Any], None] | None = None,
) -> Minimum:
    """Minimise every row.

    Parameters
    ----------
    function
        Of points (some, n) and the numbers of the problems that they belong to: values (some,) and gradients.
    start
        A row a problem.
    iterations, trials
        At most so many iterations, and evaluations in each line search.
    tolerance
        A problem is stationary when ‖∇‖ is no larger.
    memory
        Pairs kept.
    watch
        Called after each iteration with its number, the problems that took it, and where all problems now are.

    Raises
    ------
    BadInput
        If an argument is out of its range.

    Examples
    --------
    >>> scale = np.array([1.0, 10.0, 100.0])
    >>> found = minimise(lambda u, rows: ((scale * u**2).sum(1) / 2, scale * u), np.ones((2, 3)))
    >>> bool(np.max(np.abs(found.u)) < 1e-7), found.ending[0].name
    (True, 'STATIONARY')
    """
    xp = array_namespace(start)
    start = checks.array("start", start, xp, ndim=(2,))
    iterations = checks.integer("iterations", iterations, least=0)
    tolerance = checks.finite("tolerance", tolerance)
    state = _State(function, start, checks.integer("memory", memory, least=1), iterations)
    trials = checks.integer("trials", trials, least=1)
    while True:
        state.active &= (state.taken < iterations) & (state.size() > tolerance)
        rows = np.flatnonzero(state.active)
        if not rows.size:
            break
        state.iterate(rows, trials, watch)
    slope = state.size()
    ending = tuple(
        Ending.STATIONARY if size <= tolerance else Ending.STEP_LIMIT if taken >= iterations else Ending.STUCK
        for size, taken in zip(slope, state.taken, strict=True)
    )
    return Minimum(state.u, state.value, slope, state.taken, state.evaluations, ending, state.log)


class _State:
    """Where every problem is, and the pairs that it remembers."""

    def __init__(self, function: Function, start: Any, memory: int, iterations: int) -> None:
        self.xp = xp = array_namespace(start)
        self.function, self.u, self.memory = function, xp.asarray(start, copy=True), memory
        problems, n = start.shape
        value, self.slope = function(self.u, np.arange(problems))
        self.value = np.array(to_numpy(value), dtype=float)
        self.steps, self.turns = xp.zeros((problems, memory, n)), xp.zeros((problems, memory, n))
        self.curved = np.ones((problems, memory))
        self.count = np.zeros(problems, dtype=int)
        self.taken = np.zeros(problems, dtype=int)
        self.evaluations = np.ones(problems, dtype=int)
        self.active = np.ones(problems, dtype=bool)
        self.log = np.full((problems, iterations + 1), np.nan)
        self.log[:, 0] = self.value

    def size(self) -> Any:
        """‖∇‖."""
        return np.sqrt(self._dot(self.slope, self.slope))

    def _of(self, whole: Any, rows: np.ndarray) -> Any:
        """These rows of an array on the backend."""
        return self.xp.take(whole, self.xp.asarray(rows), axis=0)

    def _put(self, whole: Any, rows: np.ndarray, part: Any) -> Any:
        """The array with other rows in these places; the array standard knows no assignment to numbered rows."""
        if not rows.size:
            return whole
        source, replaced = np.zeros(whole.shape[0], dtype=int), np.zeros(whole.shape[0], dtype=bool)
        source[rows], replaced[rows] = np.arange(rows.size), True
        here = self.xp.reshape(self.xp.asarray(replaced), (-1,) + (1,) * (whole.ndim - 1))
        return self.xp.where(here, self._of(part, source), whole)

    def _dot(self, a: Any, b: Any) -> Any:
        return to_numpy(self.xp.sum(a * b, axis=-1))

    def iterate(self, rows: np.ndarray, trials: int, watch: Any) -> None:
        """One iteration of these problems; one whose search fails forgets its pairs, or, having none, has ended."""
        d = self.direction(rows)
        along = self._dot(self._of(self.slope, rows), d)
        down = along < 0
        failed = rows[~down]
        rows, d, along = rows[down], self._of(d, np.flatnonzero(down)), along[down]
        found, value, point, slope = self.search(rows, d, along, trials)
        failed = np.concatenate([failed, rows[~found]])
        self.active[failed[self.count[failed] == 0]] = False
        self.count[failed] = 0
        moved, chosen = rows[found], np.flatnonzero(found)
        self.remember(moved, self._of(point, chosen), self._of(slope, chosen))
        self.value[moved] = value[found]
        self.taken[moved] += 1
        self.log[moved, self.taken[moved]] = value[found]
        if watch and moved.size:
            watch(int(self.taken[moved].max()), moved, self.u)

    def direction(self, rows: np.ndarray) -> Any:
        """−H∇. A problem's newest pair is the last of its memory; places that hold none yet have share 0."""
        d = -self._of(self.slope, rows)
        steps, turns = self._of(self.steps, rows), self._of(self.turns, rows)
        share = np.zeros((rows.size, self.memory))
        known = np.arange(self.memory) >= self.memory - self.count[rows][:, None]
        for m in reversed(range(self.memory)):
            if known[:, m].any():
                share[:, m] = np.where(known[:, m], self._dot(steps[:, m, :], d) / self.curved[rows, m], 0)
                d = d - self.xp.asarray(share[:, m])[:, None] * turns[:, m, :]
        last = self._dot(turns[:, -1, :], turns[:, -1, :])
        first = np.where(self.count[rows] > 0, self.curved[rows, -1] / np.where(last > 0, last, 1), 1.0)
        d = self.xp.asarray(first)[:, None] * d
        for m in range(self.memory):
            if known[:, m].any():
                more = share[:, m] - self._dot(turns[:, m, :], d) / self.curved[rows, m]
                d = d + self.xp.asarray(np.where(known[:, m], more, 0))[:, None] * steps[:, m, :]
        return d

    def search(self, rows: np.ndarray, d: Any, along: Any, trials: int) -> tuple[Any, Any, Any, Any]:
        """For each of these problems whether a step was found, and its objective, point and gradient."""
        length = np.where(self.count[rows] > 0, 1.0, np.minimum(1.0, 1 / self.size()[rows]))
        low, high, best = np.zeros(rows.size), np.full(rows.size, np.inf), np.zeros(rows.size)
        value = np.full(rows.size, np.nan)
        point, slope = self._of(self.u, rows), self._of(self.slope, rows)
        pending = np.arange(rows.size)
        for trial in range(trials + 1):
            if trial == trials:  # the longest step that met the first condition, where there is one
                pending = pending[best[pending] > 0]
                length[pending] = best[pending]
            if not pending.size:
                break
            ahead = self._of(d, pending)
            there = self._of(self.u, rows[pending]) + self.xp.asarray(length[pending])[:, None] * ahead
            now, gradient = self.function(there, rows[pending])
            now = np.asarray(to_numpy(now))
            self.evaluations[rows[pending]] += 1
            point, slope = self._put(point, pending, there), self._put(slope, pending, gradient)
            value[pending] = now
            if trial == trials:
                break
            lower = now <= self.value[rows[pending]] + ARMIJO * length[pending] * along[pending]
            flat = self._dot(gradient, ahead) >= WOLFE * along[pending]
            best[pending] = np.where(lower, length[pending], best[pending])
            low[pending] = np.where(lower, length[pending], low[pending])
            high[pending] = np.where(lower, high[pending], length[pending])
            pending = pending[~(lower & flat)]
            bounded = high[pending] < np.inf
            middle = (low[pending] + np.where(bounded, high[pending], 0)) / 2
            length[pending] = np.where(bounded, middle, 2 * low[pending])
        return (best > 0) & (value < self.value[rows]), value, point, slope

    def remember(self, rows: np.ndarray, point: Any, slope: Any) -> None:
        """Move there, and keep the pair that led there if it curves upwards."""
        if not rows.size:
            return
        step, turn = point - self._of(self.u, rows), slope - self._of(self.slope, rows)
        self.u, self.slope = self._put(self.u, rows, point), self._put(self.slope, rows, slope)
        product = self._dot(step, turn)
        kept = np.flatnonzero(product > 0)
        rows = rows[kept]
        self.steps, self.turns = (
            self._put(
                pairs, rows, self.xp.concat([self._of(pairs, rows)[:, 1:, :], self._of(new, kept)[:, None, :]], axis=1)
            )
            for pairs, new in ((self.steps, step), (self.turns, turn))
        )
        self.curved[rows] = np.concatenate([self.curved[rows, 1:], product[kept][:, None]], axis=1)
        self.count[rows] = np.minimum(self.count[rows] + 1, self.memory)
