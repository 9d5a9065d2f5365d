r"""Descent on a sample whose cost hardly grows with its length: activations are used again for as long as is certain.

While no patch changes sides ℓ is a quadratic, and a step costs O(p²) whatever the number of samples. A patch with the
activation a does not change sides before w has moved by |a|/‖Z‖ (Cauchy–Schwarz), or by more if the way that w goes is
known: each patch has such a limit, a heap says which is nearest, and only a patch whose limit has been passed is looked
at again. One that has changed sides adds a term to H, r and q (:mod:`theory.kernels.pattern`), which are summed afresh
after as many terms as a sum over the sample has: rounding is no larger than that of the plain gradient.

Where no limit is near, and the step constant, many steps are taken at once. With H = V diag(λ) Vᵀ and 0 ≤ ηλ ≤ 1

    Vᵀ(w_{t+m} − w*) = ρᵐ Vᵀ(w_t − w*) − φ Vᵀr,   ρ = 1 − ηλ,  φ = (1 − ρᵐ)/λ,

every coordinate moves one way, so that no iterate between is farther than |φ Vᵀ∇ℓ(w_t)| from w_t. A leap ends before
the first iteration at which a limit may be passed or the run may be over; those steps are taken one by one.

Sides, iterates and outcomes are those of the plain loop but for rounding. Memory: 12 bytes a patch, for each run of a
batch only if the step is adaptive, and as much as the samples again over k if k > 1. Float32 is left to the loop: its
iterates hang on roundings of 1e-7, which no quadratic repeats. So is ``ImageLoss``, which uses sides again by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory.descent.gradient import _Limits, _loop, _norm, _Recorder, _Runs, _Whole
from theory.descent.outcome import Outcome
from theory.descent.steps import Constant, Prescribed, Scaled, Schedule, StepRule
from theory.kernels import constants as at
from theory.objectives import SampleLoss
from theory.objectives.relu_filter import angle_between

WORTH: float = 2 * 10**9
"""Products w·z, times p, that the plain loop may come to before this is worth loading the kernels: some seconds."""

BUDGET = 1 << 30
"""Bytes of patterns held at once."""

CALM = 0.01
"""A step is short when √p η‖∇ℓ‖ ≤ CALM ‖w‖: that is about the share of patches it takes past their limit."""

RESTLESS = 0.1
"""Share of the patches that is looked at in a step, from which on whole passes are faster."""

FREE = 4096
"""Steps without a look that are worth a leap: an eigendecomposition takes as long as a thousand of 25 numbers."""

FINE = 2.0**10
"""A leap takes no step that is shorter than so many roundings of w: there the loop's rounding decides."""

PAUSE = 1 << 22
"""Steps between two returns from the kernel: a second or so, after which an interrupt is heard."""

CERTAIN, EXACT = 1 + 1e-6, 1e-7
"""A bound of a leap is kept by this factor: rounding errs by p ε m, relatively, which is kept below ``EXACT``, and by
p ε λ_max/λ_min."""

SPELL = 64
"""Gradients over which it is counted how many patches are looked at."""

BLOCK = 4096
"""Samples whose part of H is summed at once."""

MARKS = 4096
"""Recorded iterations of a leap that are computed at once."""


def worthwhile(objective: Any, runs: int, steps: int) -> bool:
    """Whether this objective is a sample in float64 on NumPy, so large and with so many steps that reuse pays."""
    if type(objective) is not SampleLoss or not isinstance(objective.patches, np.ndarray):
        return False
    if any(a.dtype != np.float64 for a in (objective.patches, objective.teacher, objective.weights)):
        return False
    n, k, p = objective.patches.shape
    # A step costs p² instead of n k p.
    return n * k >= 16 * p and n * k * p * runs * steps >= WORTH


def calm(w: Float[np.ndarray, "p runs"], eta: Any, gradient: Float[np.ndarray, "p runs"]) -> bool:
    """Whether the steps of all runs are short."""
    return bool(np.all(math.sqrt(len(w)) * eta * _norm(gradient, np) <= CALM * _norm(w, np)))


def descend_calmly(
    objective: SampleLoss, runs: _Runs, rule: StepRule, limits: _Limits, recorder: _Recorder, still: float, t: int
) -> None:
    """The rest of the loop from iteration t on, with activations used again."""
    laid = [_laid(rule, int(run)) for run in runs.index]
    if all(etas is not None for etas in laid):
        known = Known(objective)
        for column, etas in enumerate(laid):
            _stretch(known, runs.part(column), np.asarray(etas), rule, limits, recorder, still, t)
        return
    few = runs.index.size * Known.size(objective) <= BUDGET
    _loop((_Reused if few else _Whole)(objective, runs), runs, rule, limits, recorder, still, t)


def _laid(rule: StepRule, run: int) -> tuple[float, ...] | None:
    """The steps of this run, the last of which goes on for ever, if the rule knows them beforehand."""
    if isinstance(rule, Scaled):
        etas = _laid(rule.rule, run)
        return None if etas is None else tuple(eta * rule.factor for eta in etas)
    if isinstance(rule, Constant):
        return (rule.eta[run] if isinstance(rule.eta, Sequence) else rule.eta,)
    if isinstance(rule, Prescribed):
        return (rule.eta,)
    return tuple(rule.etas) if isinstance(rule, Schedule) else None


def _compiled() -> Any:
    from theory.kernels import pattern

    return pattern


class Known:
    """What is known of the patches at w, for one run; see :class:`theory.kernels.pattern.Pattern`."""

    def __init__(self, objective: SampleLoss) -> None:
        n, k, p = objective.patches.shape
        held = n if k > 1 else 0
        self.objective, self.kernel = objective, _compiled()
        self.pattern = self.kernel.Pattern(
            z=objective.patches,
            weights=np.ascontiguousarray(objective.weights),
            labels=np.ascontiguousarray(objective.labels),
            teacher=np.ascontiguousarray(objective.teacher),
            w=np.zeros(p),
            H=np.zeros((p, p)),
            r=np.zeros(p),
            c=np.zeros(p),
            D=np.zeros(p),
            limit=np.zeros(n * k),
            heap=np.zeros(n * k, dtype=np.int32 if n * k < 2**31 else np.int64),
            s=np.zeros((held, p)),
            e=np.zeros(held),
            flips=np.zeros(held, dtype=np.int32),
            number=np.zeros(5),
            count=np.zeros(7, dtype=np.int64),
        )
        self.norm = float(np.linalg.norm(objective.teacher))
        # As many terms as the plain sum has: one a flip, or one off and one on.
        self.stale = n

    @staticmethod
    def size(objective: SampleLoss) -> int:
        """Bytes that this takes."""
        n, k, p = objective.patches.shape
        return 12 * n * k + (n * (8 * p + 12) if k > 1 else 0) + 8 * p * p

    @property
    def looked(self) -> int:
        """Patches looked at."""
        return int(self.pattern.count[at.LOOKED])

    def survey(self, w: Float[np.ndarray, " p"]) -> None:
        """Look at every patch, and take the sums at w."""
        kernel, known = self.kernel, self.pattern
        n, p = known.z.shape[0], w.size
        known.w[:] = w
        known.number[[at.PATH, at.WINDOW, at.Q, at.C]] = at.SHORT, 0.0, 0.0, 1.0
        known.count[[at.SIZE, at.OFF, at.UPDATES]] = 0
        for array in (known.H, known.r, known.c, known.D, known.flips):
            array[:] = 0
        room = np.empty((min(n, BLOCK), p)), np.empty(min(n, BLOCK))
        for first in range(0, n, BLOCK):
            last = min(n, first + BLOCK)
            s, e = (a[first:last] for a in (known.s, known.e)) if known.e.size else (a[: last - first] for a in room)
            kernel.survey(known, first, last, s, e)
            weighted = s * known.weights[first:last, None]
            known.H[:] += weighted.T @ s
            known.r[:] += e @ weighted
            known.c[:] += known.labels[first:last] @ weighted
            known.number[at.Q] += known.weights[first:last] @ e**2
        kernel.aim(known, np.empty(0))
        kernel.settle(known)

    def to(self, w: Float[np.ndarray, " p"]) -> None:
        """Move to w."""
        kernel, known = self.kernel, self.pattern
        v = w - known.w
        known.w[:] = w
        kernel.follow(known, v)
        if not known.number[at.PATH] < at.LOST or known.count[at.UPDATES] > self.stale:
            self.survey(w)

    def gradient(self) -> Float[np.ndarray, " p"]:
        """∇ℓ(w)."""
        g = np.empty(self.pattern.w.size)
        self.kernel.slope(self.pattern, self.pattern.w - self.pattern.teacher, g)
        return g

    def value(self) -> float:
        """ℓ(w)."""
        return float(
            self.kernel.loss(self.pattern, self.pattern.w - self.pattern.teacher, np.empty(self.pattern.w.size))
        )

    def leap(self, eta: float, marks: Int[np.ndarray, " points"], seen: Any, limits: _Limits, still: float) -> int:
        """As many steps η as are certain, at once; returns how many: none if ηλ > 1 for an eigenvalue of H."""
        kernel, known = self.kernel, self.pattern
        quadratic = Quadratic.of(known, eta)
        if eta * quadratic.values[-1] > 1:
            return 0
        room = (kernel.nearest(known) - known.number[at.PATH]) * known.number[at.C]
        fine = FINE * np.finfo(np.float64).eps * (float(np.linalg.norm(known.w)) + self.norm) / eta
        bounds = Bounds(room, limits.tolerance * self.norm, limits.region * self.norm, max(still, fine))
        t = int(known.count[at.T])
        m = quadratic.longest(min(limits.steps - t, int(EXACT / (known.w.size * np.finfo(np.float64).eps))), bounds)
        if m == 0:
            return 0
        self._record(quadratic, eta, t, m, marks, seen)
        far = float(quadratic.far(m))
        known.number[at.PATH] = (known.number[at.PATH] + far * CERTAIN / known.number[at.C]) * at.LATER
        known.w[:] = known.teacher + quadratic.vectors @ quadratic.at(m)
        known.count[at.T] += m
        return m

    def _record(self, quadratic: Quadratic, eta: float, t: int, m: int, marks: Any, seen: Any) -> None:
        """The iterations from t to t + m, t + m itself not."""
        known = self.pattern
        first, last = int(known.count[at.MARK]), int(np.searchsorted(marks, t + m))
        for start in range(first, last, MARKS):
            part = slice(start, min(last, start + MARKS))
            delta = quadratic.at(marks[part, None] - t)
            w = known.teacher[:, None] + quadratic.vectors @ delta.T
            loss = (np.sum(delta * (quadratic.values * delta + 2 * quadratic.r), axis=1) + known.number[at.Q]) / 2
            seen[0, part] = np.linalg.norm(delta, axis=1) / self.norm
            seen[1, part] = angle_between(w, known.teacher)
            seen[2, part] = np.maximum(loss, 0.0)
            seen[3, part] = eta
        known.count[at.MARK] = last


class Bounds(NamedTuple):
    """What a leap must not pass: how far w may go, ‖w − w*‖ from below and above, and ‖∇ℓ‖ from below."""

    room: float
    near: float
    region: float
    still: float


@dataclass(frozen=True)
class Quadratic:
    """Descent with the step η on ½ ΔᵀHΔ + r·Δ, in the coordinates of H's eigenvectors."""

    eta: float
    values: Float[np.ndarray, " p"]
    vectors: Float[np.ndarray, "p p"]
    delta: Float[np.ndarray, " p"]
    r: Float[np.ndarray, " p"]

    @classmethod
    def of(cls, known: Any, eta: float) -> Quadratic:
        """That of a pattern."""
        values, vectors = np.linalg.eigh(known.H)
        return cls(eta, np.maximum(values, 0.0), vectors, (known.w - known.teacher) @ vectors, known.r @ vectors)

    @property
    def gradient(self) -> Float[np.ndarray, " p"]:
        """∇ℓ(w_t)."""
        return self.values * self.delta + self.r

    def powers(self, m: Any) -> tuple[Any, Any]:
        """ρᵐ and φ, ηm where λ is 0."""
        with np.errstate(divide="ignore"):
            # ρ = 0 has no logarithm; any power but the 0th of so small a number is 0.
            log = np.maximum(np.log1p(-self.eta * self.values), -1e300)
        flat = self.values == 0
        total = np.where(flat, self.eta * m, -np.expm1(m * log) / np.where(flat, 1.0, self.values))
        return np.exp(m * log), total

    def at(self, m: Any) -> Any:
        """Vᵀ(w_{t+m} − w*)."""
        power, total = self.powers(m)
        return power * self.delta - total * self.r

    def far(self, m: Any) -> Any:
        """‖w_{t+m} − w_t‖, which no earlier iterate exceeds."""
        return np.linalg.norm(self.powers(m)[1] * self.gradient, axis=-1)

    def fits(self, m: Int[np.ndarray, " many"], bounds: Bounds) -> Any:
        """Whether it is certain of the first m steps that they keep within the bounds."""
        m = m[:, None]
        later = self.at(m)
        low, high = np.minimum(np.abs(self.delta), np.abs(later)), np.maximum(np.abs(self.delta), np.abs(later))
        low = np.where(self.delta * later > 0, low, 0.0)
        slope = np.linalg.norm(self.powers(m)[0] * self.gradient, axis=1)
        return (
            (self.far(m) * CERTAIN < bounds.room)
            & (np.linalg.norm(low, axis=1) > CERTAIN * bounds.near)
            & (np.linalg.norm(high, axis=1) * CERTAIN < bounds.region)
            & (slope > CERTAIN * bounds.still)
        )

    def longest(self, most: int, bounds: Bounds) -> int:
        """The largest m ≤ most that fits; larger ones than one that does not fit do not fit either."""
        low, high = 0, most + 1
        while high - low > 1:
            m = np.unique(np.geomspace(max(1, low), high, 66).astype(np.int64)[1:-1].clip(low + 1, high - 1))
            fits = self.fits(m, bounds)
            last = int(np.argmin(fits)) if not fits.all() else m.size
            low, high = (int(m[last - 1]) if last else low), (int(m[last]) if last < m.size else high)
        return low


def _stretch(
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
            known.survey(pattern.w.copy())
        if code == at.FREE:
            before = t + max(FREE, known.leap(float(etas[-1]), marks, seen, limits, still))
        pause = int(count[at.T]) + PAUSE
        code = kernel.advance(
            pattern, etas, marks, seen, limits.steps, pause, limits.tolerance, limits.region, still,
            known.stale, restless, FREE, before,
        )  # fmt: skip
    one.w = pattern.w[:, None].copy()
    one.evaluated[run] += known.looked
    one.engine[run] = "reuse"
    recorder.fill(run, seen)
    t, distance = int(count[at.T]), np.array([number[at.DISTANCE]])
    if code == at.RESTLESS:
        one.engine[run] = "reuse, then loop"
        _loop(_Whole(known.objective, one), one, rule, limits, recorder, still, t)
    else:
        one.end(t, np.array([True]), Outcome.STALLED if code == at.STALLED else Outcome.STEP_LIMIT, limits, distance)


class _Reused:
    """A sample loss that knows the patterns at the runs' filters, for steps that are not known beforehand."""

    def __init__(self, objective: SampleLoss, runs: _Runs) -> None:
        self.teacher = objective.teacher
        self._whole, self._runs = _Whole(objective, runs), runs
        self._known = {int(run): Known(objective) for run in runs.index}
        self._steps, self._looked = 0, 0
        self._restless = RESTLESS * objective.patches.shape[0] * objective.patches.shape[1]
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
        return np.stack([known.gradient() for known in self._at(w)], axis=1)

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
