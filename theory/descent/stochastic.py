"""Stochastic gradient descent: w ← w − η_t g_t with E g_t = ∇ℓ(w), for many independent runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace

from theory import checks
from theory.descent import on_device
from theory.descent.gradient import (
    FAR,
    POINTS,
    QUIET,
    Descent,
    _check_step,
    _columns,
    _descent,
    _iterations,
    _Limits,
    _norm,
    _Recorder,
    _Runs,
)
from theory.descent.outcome import Outcome
from theory.descent.steps import Progress, StepRule
from theory.objectives.on_device import Course

HELD = 1 << 23
"""Numbers that all runs of a group hold at once: 64 MiB in float64. More runs are descended one group after another."""


class Sampler(Protocol):
    """Where stochastic gradients come from, such as those of :mod:`theory.objectives.sampling`.

    A run draws for a stretch of steps at once, from its own stream, and the length of the stretch depends on the
    minibatch alone: so what a run sees does not depend on the other runs.
    """

    teacher: Any

    def stretch(self, batch: int) -> int:
        """Steps in a stretch."""
        ...

    def numbers(self, batch: int) -> int:
        """How many numbers a run holds at once."""
        ...

    def draw(self, streams: Sequence[np.random.Generator], batch: int) -> Any:
        """What the runs with these streams take for their next stretch."""
        ...

    def gradient(self, w: Any, drawn: Any, rows: np.ndarray, part: slice) -> Any:
        """g of every column of w, from the samples ``part`` of what its row in ``drawn`` holds."""
        ...


def descend_stochastically(
    sampler: Sampler,
    start: Any,
    *,
    step: StepRule,
    steps: int,
    batch: int,
    rng: np.random.Generator,
    objective: Any = None,
    tolerance: float = 1e-8,
    record: int | Sequence[int] | str = POINTS,
    region: float | None = None,
) -> Descent:
    """Stochastic gradient descent from every column of ``start`` until each run ends.

    Run r draws from a Philox stream of its own, the r-th that ``rng`` gives birth to: what it sees is the same however
    many runs go with it, and so are its iterates, bit for bit on NumPy, unless the step follows the distance, whose sum
    of squares NumPy may order otherwise. Memory does not grow with the number of runs beyond what is returned.

    Parameters
    ----------
    sampler
        ``FreshSamples`` or ``FixedSample`` of :mod:`theory.objectives`, or any other :class:`Sampler`.
    start
        w₀, shape (p,) or (p, runs), on the sampler's backend.
    step
        A step rule of :mod:`theory.descent.steps`.
    steps
        Steps at most.
    batch
        Samples a minibatch.
    rng
        Whose children are the streams of the runs.
    objective
        With ``value``: the loss to record. NaN is recorded if there is none.
    tolerance
        A run has converged when ‖w − w*‖ ≤ tolerance ‖w*‖. With 0 no run ends for that, and a mean over the runs is
        one over all of them.
    record
        How many iterations to record (spaced logarithmically), which, or "all".
    region
        Radius, relative to ‖w*‖, of the region around w* that a run must not leave; none if not given.

    Raises
    ------
    BadInput
        If an argument is out of its range or the shapes disagree.

    Examples
    --------
    >>> from theory.descent import Constant
    >>> from theory.distributions import UniformSphere
    >>> from theory.objectives import FreshSamples
    >>> sampler = FreshSamples(UniformSphere(3), teacher=np.array([1.0, 0.0, 0.0]))
    >>> start = np.tile([[0.5], [0.5], [0.0]], 100)
    >>> run = descend_stochastically(
    ...     sampler, start, step=Constant(1.0), steps=2000, batch=1, rng=np.random.default_rng(0)
    ... )
    >>> bool(run.converged.all())
    True
    """
    w = _columns(start, sampler.teacher)
    if not isinstance(rng, np.random.Generator):
        raise checks.refuse("rng", repr(rng), "a numpy.random.Generator")
    batch = checks.integer("batch", batch, least=1)
    limits = _Limits(
        steps=checks.integer("steps", steps, least=0),
        tolerance=checks.positive("tolerance", tolerance) if tolerance else 0.0,
        region=FAR if region is None else checks.positive("region", region),
        leaves=region is not None,
        stationary=0.0,
    )
    _check_step(step, w.shape[1])
    recorded, length = _iterations(record, limits.steps), max(1, HELD // sampler.numbers(batch))
    streams = [np.random.Generator(np.random.Philox(seed)) for seed in _seeds(rng, w.shape[1])]
    loss = _Unknown(sampler.teacher) if objective is None else objective

    def together(first: int, last: int) -> Descent:
        """These runs, together."""
        group, runs = _Group(sampler, batch, deepcopy(streams[first:last]), first), _Runs(w[:, first:last])
        recorder = _Recorder(recorded, runs.index.size)
        loop = on_device.loop if on_device.laid_out(step, w.dtype) and group.on_device(w) else _loop
        loop(group, runs, step, limits, recorder, loss)
        return _descent(runs, recorder, None)

    def descended(first: int, last: int) -> list[Descent]:
        """These runs, in one group if memory suffices, else in halves: a run's numbers are its own stream's alone."""
        try:
            return [together(first, last)]
        except MemoryError:
            if last - first == 1:
                raise
        # Here nothing holds what the whole group had drawn: neither a frame nor the error.
        middle = (first + last) // 2
        return descended(first, middle) + descended(middle, last)

    groups = []
    with np.errstate(**QUIET):
        for first in range(0, w.shape[1], length):
            groups += descended(first, min(w.shape[1], first + length))
    return _joined(groups)


def _seeds(rng: np.random.Generator, runs: int) -> Sequence[np.random.SeedSequence]:
    """One a run; the r-th is the same for any number of runs. Philox has the same bits on every platform."""
    return rng.bit_generator.seed_seq.spawn(runs)  # type: ignore[attr-defined]


class _Unknown:
    """An objective whose value nobody asked for."""

    def __init__(self, teacher: Any) -> None:
        self.teacher = teacher

    def value(self, w: Any) -> Any:
        return array_namespace(w).full((w.shape[1],), np.nan)


class _Group:
    """The minibatches of runs that are descended together, from the run numbered ``first`` on."""

    def __init__(self, sampler: Sampler, batch: int, streams: Sequence[np.random.Generator], first: int) -> None:
        self.first = first
        self._sampler: Any = sampler
        self._batch = batch
        self._streams = streams
        self._stretch = sampler.stretch(batch)
        self._drawn: Any = None
        self._held = np.arange(0)

    def gradient(self, t: int, w: Any, index: np.ndarray) -> Any:
        """g_t of the runs ``index`` of the group, which are the columns of w."""
        rows, part = self._place(t, index)
        return self._sampler.gradient(w, self._drawn, rows, part)

    def _place(self, t: int, index: np.ndarray) -> tuple[np.ndarray, slice]:
        """Where the samples of step t are in what was drawn, which is drawn anew when it is due."""
        place = t % self._stretch
        if place == 0:
            self._drawn, self._held = None, index  # the old stretch must go before the new one comes
            self._drawn = self._sampler.draw([self._streams[run] for run in index], self._batch)
        return np.searchsorted(self._held, index), slice(place * self._batch, (place + 1) * self._batch)

    def on_device(self, w: Any) -> bool:
        """Whether the sampler takes many steps at once where these filters are."""
        return hasattr(self._sampler, "advance") and self._sampler.on_device(w)

    def left(self, t: int) -> int:
        """Steps from t to the end of its stretch."""
        return self._stretch - t % self._stretch

    def advance(self, t: int, w: Any, index: np.ndarray, course: Course, ends: tuple[float, float]) -> Any:
        """The runs after the steps t, t + 1, … of ``etas``, and how many each took before ‖w − w*‖² left the limits."""
        rows, part = self._place(t, index)
        return self._sampler.advance(w, self._drawn, rows, part, course, ends)


def _loop(group: _Group, runs: _Runs, rule: StepRule, limits: _Limits, recorder: _Recorder, objective: Any) -> None:
    xp = array_namespace(runs.w)
    teacher = objective.teacher[:, None]
    norm = float(_norm(teacher, xp)[0])
    for t in range(limits.steps + 1):
        distance = _norm(runs.w - teacher, xp) / norm
        recorder.state(t, runs.index, objective, runs.w, distance)
        # NaN compares false: ~(d ≤ region) catches it as well.
        over = (distance <= limits.tolerance) | ~(distance <= limits.region) | (t == limits.steps)
        if bool(xp.any(over)):
            (distance,) = runs.end(t, over, Outcome.STEP_LIMIT, limits, distance)
            if runs.index.size == 0:
                return
        eta = rule(Progress(t, distance, runs.index + group.first))
        recorder.step(t, runs.index, eta)
        runs.w = runs.w - eta * group.gradient(t, runs.w, runs.index)


def _joined(groups: Sequence[Descent]) -> Descent:
    """The runs of all groups side by side."""
    parts = {field.name: [getattr(group, field.name) for group in groups] for field in fields(Descent)}
    shared, fates = parts.pop("iterations")[0], parts.pop("outcome")
    arrays = {name: np.concatenate(values, axis=-1) for name, values in parts.items()}
    return Descent(iterations=shared, outcome=tuple(fate for part in fates for fate in part), **arrays)
