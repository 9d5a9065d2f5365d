r"""Gradient descent on a CUDA device in blocks of steps: the host looks at the runs between two blocks, not two steps.

A step is the objective's own kernels and ``theory/kernels/descent_step.cu``, which notes where every run is, whether it
is over, and else takes it a step on, whose length it finds in a table: by the iteration, or where the rule looks at the
distance, by its own. Blocks grow to ``LONGEST`` steps; from the second such block on a block is one
CUDA graph. What is to be recorded is computed from the noted iterates at the end of a block, by what records them
elsewhere, so that iterates, records and outcomes are those of the plain loop but for rounding, each run's at its own
step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float, Int

from theory.arrays import halving, to_numpy
from theory.descent.gradient import _Limits, _norm, _Recorder, _Runs, _Whole
from theory.descent.outcome import Outcome
from theory.descent.steps import Constant, Progress, Scaled, StepRule, Tabled, by_angle
from theory.descent.trajectory import laid_out
from theory.kernels import cuda
from theory.objectives.on_device import lives_there

FIRST, LONGEST = 8, 64
"""Steps in the first block, of which each has twice as many as the one before, and in the longest. Reasoned, not
measured: a launch takes some microseconds, and a run that ends early in a block has its gradients computed in vain."""

HELD = 1 << 24
"""Numbers in the iterates that are noted at once, at most."""

WARP = 32


def serves(objective: Any, runs: _Runs, rule: StepRule) -> bool:
    """Whether every step is in a table, and the objective has kernels for these runs."""
    if not lives_there(runs.w) or not hasattr(objective, "launches") or _table(rule, runs) is None:
        return False
    return objective.launches(runs.w, array_namespace(runs.w).empty_like(runs.w)) is not None


def loop(objective: Any, runs: _Runs, rule: StepRule, limits: _Limits, recorder: _Recorder, still: float) -> None:
    """Descend the runs until each has ended."""
    table = _table(rule, runs)
    assert table is not None, "serves() was not asked"
    runs.engine[runs.index] = "blocks"
    trail = halving(lambda steps: _room(runs.w, steps), max(1, min(LONGEST, HELD // runs.w.size)))
    whole, most, t, count, block = _Whole(objective, runs), trail.shape[0], 0, FIRST // 2, None
    while runs.index.size:
        block = block or _Block(objective, runs, table, limits, still, t, trail)
        count = min(2 * count, most, limits.steps + 1 - t)
        block.advance(count)
        whole.count(runs.index, count)
        taken, over, distance = to_numpy(block.fate)
        marks = recorder.iterations[(recorder.iterations >= t) & (recorder.iterations < t + count)]
        mark, column = np.nonzero(marks[:, None] <= taken)
        _record(block, marks[mark], column, runs.index[column], rule, objective, recorder, taken[column])
        whole.count(runs.index[column], 1)
        t += count
        if np.any(over):
            _end(block.w, taken.astype(int), over, distance, runs, limits)
            block = None


def _table(rule: StepRule, runs: _Runs) -> Tabled | None:
    """Where the rule's steps stand, the last of which goes on for ever."""
    if found := by_angle(rule):
        # Steps that follow a distance in float32 are float64, one a run.
        return found if runs.w.dtype == np.float64 else None
    inner: Any = rule
    while isinstance(inner, Scaled):
        inner = inner.rule
    own = isinstance(inner, Constant) and isinstance(inner.eta, tuple)
    if own and runs.w.dtype != np.float64:  # a step a run is a float64, and so are the iterates that it makes
        return None
    columns = [laid_out(rule, run) for run in (range(len(runs.taken)) if own else [0])]
    return None if columns[0] is None else Tabled(0, np.array(columns, dtype=float).T)


def _room(w: Float[Any, "p runs"], steps: int) -> Float[Any, "steps numbers"]:
    """Memory for the iterates of so many steps."""
    return array_namespace(w).empty((steps, w.size), dtype=w.dtype)


class _Block:
    """The runs still going, in memory of their own that stays where it is, and what takes them a step on."""

    def __init__(
        self, objective: Any, runs: _Runs, table: Tabled, limits: _Limits, still: float, t: int, trail: Any
    ) -> None:
        xp, most = array_namespace(runs.w), trail.shape[0]
        self.w = xp.asarray(runs.w, copy=True, order="C")
        (p, count), dtype = self.w.shape, self.w.dtype
        self.trail = xp.reshape(xp.reshape(trail, (-1,))[: most * p * count], (most, p, count))
        self.fate = xp.zeros((3, count), dtype=xp.float64)
        self.fate[0, :] = t
        slope = xp.empty_like(self.w)
        self._slope = objective.launches(self.w, slope)
        own = table.steps[:, runs.index] if table.steps.shape[1] > 1 else table.steps
        # A null pointer is a number of its size.
        edges = np.int64(0) if table.edges is None else xp.asarray(np.ascontiguousarray(table.edges, dtype=dtype))
        teacher = xp.ascontiguousarray(xp.astype(objective.teacher, dtype))
        tables = teacher, xp.asarray(np.ascontiguousarray(own, dtype=dtype)), edges
        numbers = (np.int64(number) for number in (*own.shape, count, limits.steps))
        norm = float(_norm(objective.teacher[:, None], xp)[0])
        ends = (dtype.type(number) for number in (norm, limits.tolerance, limits.region, still))
        self._arguments = (self.w, slope, *tables, *numbers, *ends, self.fate, self.trail)
        self._step = cuda.load("descent_step", macros(p, most, dtype, table.rule)).get_function("descent_step")
        self._most, self._full = most, 0
        self._graph: Callable[[], None] | None = None

    def advance(self, count: int) -> None:
        """So many steps; nothing waits for them."""
        if count < self._most or not self._full:
            self._full += count == self._most
            self._launch(count)
            return
        # Every kernel has run by now: none is loaded while the graph is made.
        if self._graph is None:
            self._graph = cuda.graph(lambda: self._launch(count))
        self._graph()

    def _launch(self, count: int) -> None:
        for _ in range(count):
            self._slope()
            self._step((self.w.shape[1],), (WARP,), self._arguments)


def macros(p: int, rows: int, dtype: Any, rule: int = 0) -> dict[str, Any]:
    """The macros of the kernel."""
    return {"REAL": "float" if np.dtype(dtype) == np.float32 else "double", "P": p, "ROWS": rows, "RULE": rule}


def _record(
    block: _Block,
    when: Int[np.ndarray, " marks"],
    column: Int[np.ndarray, " marks"],
    run: Int[np.ndarray, " marks"],
    rule: Any,
    objective: Any,
    recorder: _Recorder,
    taken: Float[np.ndarray, " marks"],
) -> None:
    """What was to be recorded at these iterations of these runs, and the steps that were taken there."""
    if when.size == 0:
        return
    xp, teacher = array_namespace(block.w), objective.teacher[:, None]
    w = xp.matrix_transpose(block.trail[xp.asarray(when % len(block.trail)), :, xp.asarray(column)])
    distance = _norm(w - teacher, xp) / float(_norm(teacher, xp)[0])
    place = np.searchsorted(recorder.iterations, when)
    recorder.states(place, run, objective, w, distance)
    far = to_numpy(distance)
    etas = np.array([float(np.ravel(rule(Progress(int(t), far[[i]], run[[i]])))[0]) for i, t in enumerate(when)])
    recorder.columns[3, place, run] = np.where(when < taken, etas, np.nan)


def _end(w: Any, taken: np.ndarray, over: np.ndarray, distance: np.ndarray, runs: _Runs, limits: _Limits) -> None:
    """Write down the fate of the runs that ended in a block, each at its own step."""
    runs.w, xp = w, array_namespace(w)
    for code, otherwise in ((1, Outcome.STEP_LIMIT), (2, Outcome.STALLED)):
        ended = over == code
        if np.any(ended):
            runs.end(taken[ended], ended, otherwise, limits, xp.asarray(distance))
            taken, over, distance = taken[~ended], over[~ended], distance[~ended]
