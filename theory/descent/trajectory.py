r"""Descent on a sample whose cost hardly grows with its length: activations are used again for as long as is certain.

While no patch changes sides ℓ is a quadratic, and a step costs O(p²) whatever the number of samples. A patch with the
activation a does not change sides before w has moved by |a|/‖Z‖ (Cauchy–Schwarz), or by more if the way that w goes is
known: each patch has such a limit, a heap says which is nearest, and only a patch whose limit has been passed is looked
at again. One that has changed sides adds a term to H, r and q (:mod:`theory.kernels.pattern`), which are summed afresh
after as many terms as a sum over the sample has: rounding is no larger than that of the plain gradient.

Where no limit is near, and the step constant, many steps are taken at once, through the eigenvectors of H, for every
step at which the quadratic is stable: :mod:`theory.descent.leaps`. A leap ends before the first iteration at which a
limit may be passed or the run may be over; those steps are taken one by one, as are all where ηλ > 2.

It serves samples in memory and images, of which overlapping patches are never copied: ``SampleLoss`` and ``ImageLoss``,
whose labels may be others than the teacher's. Sides, iterates and outcomes are those of the plain loop but for
rounding. Memory: 12 bytes a patch, for each run of a batch only if the step is adaptive, and as much as the samples
again over k if k > 1. A loss that draws its sample anew for every gradient has nothing that could be kept.

In float32 patches are read as the float64 that they are, and sides are those of the exact w·z, certain by the same
margins. The plain loop's product errs by p ε₃₂ ‖w‖‖z‖ at most: where it takes the other side, |w·z| is no larger, and
so is what that makes of the activation, which is within the rounding of its sum. What matters is that its iterates are
float32: a step below their rounding moves nothing. So w is rounded to float32 in every step here as well, unless the
rule gives a step in float64 to each run, as the adaptive ones do: then iterates are float64 in the plain loop too.
A leap is taken only where each of its steps is more than a thousand of those roundings of ‖w‖. That is said of the
step, not of its every coordinate: where one way is stiff and another flat, the loop's steps along the flat one may each
be below or near a rounding, and go nowhere or too far, by half a unit in the last place a step; a leap of m steps goes
there as exact arithmetic would. So in float32 the two are apart by up to m roundings, and the leap's is the better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.descent.gradient import _Limits, _loop, _norm, _Recorder, _Runs, _Whole
from theory.descent.known import BUDGET, Known, shape_of
from theory.descent.outcome import Outcome
from theory.descent.steps import Constant, Prescribed, Scaled, Schedule, StepRule
from theory.kernels import constants as at
from theory.objectives import ImageLoss

WORTH: float = 2 * 10**9
"""Products w·z, times p, that the plain loop may come to before this is worth loading the kernels: some seconds."""

LOOKS = 8
"""Steps for each patch of an image from which on reuse pays there. To look at every patch first takes as long as about
3 k of the steps in which ``ImageLoss`` uses sides again by itself, of k = 576."""

CALM = 0.01
"""A step is short when √p η‖∇ℓ‖ ≤ CALM ‖w‖: that is about the share of patches it takes past their limit."""

RESTLESS = 0.1
"""Share of the patches that is looked at in a step, from which on whole passes are faster."""

FREE = 4096
"""Steps without a look that are worth a leap: an eigendecomposition takes as long as a thousand of 25 numbers."""

PAUSE = 1 << 22
"""Steps between two returns from the kernel: a second or so, after which an interrupt is heard."""

SPELL = 64
"""Gradients over which it is counted how many patches are looked at."""


def worthwhile(objective: Any, runs: int, steps: int) -> bool:
    """Whether this objective is a sample on NumPy, so large and with so many steps that reuse pays."""
    shape = shape_of(objective)
    if shape is None:
        return False
    n, k, p = shape
    # A step costs p² instead of n k p, or of the 2 n p that images cost whose sides are known.
    images = isinstance(objective, ImageLoss)
    if images and steps < LOOKS * k:
        return False
    return n * k >= 16 * p and (2 * n * p if images else n * k * p) * runs * steps >= WORTH


def calm(w: Float[np.ndarray, "p runs"], eta: Any, gradient: Float[np.ndarray, "p runs"]) -> bool:
    """Whether the steps of all runs are short."""
    return bool(np.all(math.sqrt(len(w)) * eta * _norm(gradient, np) <= CALM * _norm(w, np)))


def descend_calmly(
    objective: Any, runs: _Runs, rule: StepRule, limits: _Limits, recorder: _Recorder, still: float, t: int
) -> None:
    """The rest of the loop from iteration t on, with activations used again."""
    laid = [laid_out(rule, int(run)) for run in runs.index]
    if all(etas is not None for etas in laid):
        known = Known(objective, single=rounds(objective, runs.w, rule))
        for column, etas in enumerate(laid):
            _stretch(objective, known, runs.part(column), np.asarray(etas), rule, limits, recorder, still, t)
        return
    shape = shape_of(objective)
    few = shape is not None and runs.index.size * Known.size(shape) <= BUDGET
    _loop((_Reused if few else _Whole)(objective, runs), runs, rule, limits, recorder, still, t)


def laid_out(rule: StepRule, run: int) -> tuple[float, ...] | None:
    """The steps of this run, the last of which goes on for ever, if the rule knows them beforehand."""
    if isinstance(rule, Scaled):
        etas = laid_out(rule.rule, run)
        return None if etas is None else tuple(eta * rule.factor for eta in etas)
    if isinstance(rule, Constant):
        return (rule.eta[run] if isinstance(rule.eta, Sequence) else rule.eta,)
    if isinstance(rule, Prescribed):
        return (rule.eta,)
    return tuple(rule.etas) if isinstance(rule, Schedule) else None


def rounds(objective: Any, w: Any, rule: Any) -> bool:
    """Whether the plain loop's iterates are float32: a step that is one number is of no type, one a run is float64."""
    return bool(w.dtype == objective.labels.dtype == np.float32) and not own(rule)


def own(rule: Any) -> bool:
    """Whether each run has a constant step of its own."""
    while isinstance(rule, Scaled):
        rule = rule.rule
    return isinstance(getattr(rule, "eta", None), tuple)


def _stretch(
    objective: Any,
    known: Known,
    one: _Runs,
    etas: Float[np.ndarray, " stretch"],
    rule: StepRule,
    limits: _Limits,
    recorder: _Recorder,
    still: float,
    t: int,
) -> None:
    """One run from iteration t to its end, with steps that are known beforehand."""
    kernel, pattern, marks, run = known.kernel, known.pattern, recorder.iterations, int(one.index[0])
    number, count, before = pattern.number, pattern.count, t
    seen = np.full((4, marks.size), np.nan)
    count[[at.T, at.MARK, at.LOOKED]] = t, np.searchsorted(marks, t), 0
    restless = int(RESTLESS * at.SPELL * pattern.limit.size)
    known.survey(one.w[:, 0])
    code = at.PAUSED
    while code not in (at.OVER, at.STALLED, at.RESTLESS):
        t = int(count[at.T])
        if code == at.STALE:
            known.renew()
        if code == at.FREE:
            before = t + max(FREE, known.leap(float(etas[-1]), marks, seen, limits, still))
        pause = int(count[at.T]) + PAUSE
        code = kernel.advance(
            pattern, etas, marks, seen, limits.steps, pause, limits.tolerance, limits.region, still,
            known.stale, restless, FREE, before,
        )  # fmt: skip
    one.w = pattern.w[:, None].astype(one.w.dtype if count[at.SINGLE] else np.float64)
    one.evaluated[run] += known.looked
    one.engine[run] = "reuse"
    recorder.fill(run, seen)
    t, distance = int(count[at.T]), np.array([number[at.DISTANCE]])
    if code == at.RESTLESS:
        one.engine[run] = "reuse, then loop"
        _loop(_Whole(objective, one), one, rule, limits, recorder, still, t)
    else:
        one.end(t, np.array([True]), Outcome.STALLED if code == at.STALLED else Outcome.STEP_LIMIT, limits, distance)


class _Reused:
    """A sample loss that knows the patterns at the runs' filters, for steps that are not known beforehand."""

    def __init__(self, objective: Any, runs: _Runs) -> None:
        self.teacher = objective.teacher
        self._whole, self._runs = _Whole(objective, runs), runs
        self._known = {int(run): Known(objective) for run in runs.index}
        self._steps, self._looked = 0, 0
        self._restless = RESTLESS * next(iter(self._known.values())).pattern.limit.size
        self._single = objective.labels.dtype == np.float32
        for run, w in zip(runs.index, runs.w.T, strict=True):
            self._known[int(run)].survey(w)
            runs.evaluated[run] += self._known[int(run)].looked
            runs.engine[run] = "reuse"

    def _at(self, w: Float[np.ndarray, "p runs"]) -> list[Known]:
        """What is known of the runs still going, at these filters."""
        found = [self._known[int(run)] for run in self._runs.index]
        for run, known, column in zip(self._runs.index, found, w.T, strict=True):
            before = known.looked
            known.to(column)
            self._runs.evaluated[run] += known.looked - before
            self._looked += known.looked - before
        return found

    def gradient(self, w: Float[np.ndarray, "p runs"]) -> Float[np.ndarray, "p runs"]:
        """∇ℓ(w)."""
        if self._known:
            self._rest(w.shape[1])
        if not self._known:
            return self._whole.gradient(w)
        found = np.stack([known.gradient() for known in self._at(w)], axis=1)
        return found.astype(np.float32) if self._single and w.dtype == np.float32 else found

    def value(self, w: Float[np.ndarray, "p runs"]) -> Float[np.ndarray, " runs"]:
        """ℓ(w)."""
        if not self._known:
            return self._whole.value(w)
        return np.array([known.value() for known in self._at(w)])

    def _rest(self, runs: int) -> None:
        """Go over to whole passes if too many patches were looked at."""
        self._steps += 1
        if self._steps % SPELL == 0:
            if self._looked > self._restless * SPELL * runs:
                self._known = {}
                self._runs.engine[self._runs.index] = "reuse, then loop"
            self._looked = 0
