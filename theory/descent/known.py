r"""What is known of the sides of a sample's patches at the filter of one run, for :mod:`theory.descent.trajectory`.

Patches are read where they lie, those of images from the images, in float64: a sample in float32 is copied, once, and
so is one whose patches are nowhere as they are (normalised, or in strides of other than whole numbers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from theory.descent.leaps import CERTAIN, EXACT, Bounds, Quadratic
from theory.kernels import constants as at
from theory.objectives import ImageLoss, SampleLoss
from theory.objectives.fused import Layout
from theory.objectives.relu_filter import angle_between

BUDGET = 1 << 30
"""Bytes of patterns, or of patches that are copied, held at once."""

FINE = 2.0**10
"""A leap takes no step that is shorter than so many roundings of w: there the loop's rounding decides."""

BLOCK = 4096
"""Samples whose part of H is summed at once."""

MARKS = 4096
"""Recorded iterations of a leap that are computed at once."""


def _compiled() -> Any:
    from theory.kernels import pattern

    return pattern


def shape_of(objective: Any) -> tuple[int, int, int] | None:
    """(n, k, p) of a loss on a sample in float32 or float64 on NumPy that can be served; None for any other."""
    if type(objective) not in (ImageLoss, SampleLoss) or not isinstance(objective.teacher, np.ndarray):
        return None
    if isinstance(objective, ImageLoss):
        return objective.shape
    held = (objective.teacher, objective.weights, objective.labels)
    shape = objective.shape
    if any(a.dtype not in (np.float32, np.float64) for a in held) or 8 * _copied(objective) > BUDGET:
        return None
    return shape


def _copied(objective: SampleLoss) -> int:
    """How many numbers of the sample have to be copied."""
    layout = Layout.of(objective.patches)
    if layout is None:
        return int(np.prod(objective.shape))
    return 0 if layout.flat.dtype == np.float64 else layout.flat.size


def _layout(objective: Any) -> Layout:
    """Where the patches lie, in float64."""
    if isinstance(objective, ImageLoss):
        return objective.layout
    found = Layout.of(objective.patches)
    if found is None:
        patches = objective.patches
        whole = patches.take(slice(None)) if hasattr(patches, "take") and hasattr(patches, "grid") else patches
        found = Layout.of(np.ascontiguousarray(whole, dtype=np.float64))
        assert found is not None, "an array of float64, side by side"
    flat = found.flat.astype(np.float64, copy=False).view()
    # Numba makes other code for memory that may be written.
    flat.flags.writeable = False
    return Layout(flat, found.samples, found.stride, found.first, found.entry)


def _double(array: Any) -> Any:
    return np.ascontiguousarray(array, dtype=np.float64)


class Known:
    """What is known of the patches at w, for one run; see :class:`theory.kernels.pattern.Pattern`.

    If ``single``, w is rounded to float32 in each step, as the plain loop's is.
    """

    def __init__(self, objective: Any, *, single: bool = False) -> None:
        layout = _layout(objective)
        n, k, p = layout.samples, layout.first.size, layout.entry.size
        given = isinstance(objective, ImageLoss) and not objective.taught
        held = n if k > 1 or given else 0
        self.kernel = _compiled()
        self.pattern = self.kernel.Pattern(
            flat=layout.flat,
            first=layout.first.astype(np.int64),
            entry=layout.entry.astype(np.int64),
            room=np.zeros(0 if layout.compact else p),
            weights=np.full(n, 1 / n) if isinstance(objective, ImageLoss) else _double(objective.weights),
            labels=_double(objective.labels),
            teacher=_double(objective.teacher),
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
            count=np.zeros(10, dtype=np.int64),
        )
        self.pattern.count[[at.STRIDE, at.GIVEN, at.SINGLE]] = layout.stride, given, single
        self.norm = float(np.linalg.norm(self.pattern.teacher))
        self.rounding = float(np.finfo(np.float32 if single else np.float64).eps)
        # As many terms as the plain sum has: one a flip, or one off and one on.
        self.stale = n

    @staticmethod
    def size(shape: tuple[int, int, int]) -> int:
        """Bytes that this takes."""
        n, k, p = shape
        return 12 * n * k + (n * (8 * p + 12) if k > 1 else 0) + 8 * p * p

    @property
    def looked(self) -> int:
        """Patches looked at."""
        return int(self.pattern.count[at.LOOKED])

    def survey(self, w: Float[np.ndarray, " p"]) -> None:
        """Look at every patch, and take the sums at w."""
        kernel, known = self.kernel, self.pattern
        n, p = known.labels.size, w.size
        known.w[:] = w
        known.number[[at.PATH, at.WINDOW, at.C]] = at.SHORT, 0.0, 1.0
        known.count[[at.SIZE, at.OFF]] = 0
        for array in (known.D, known.flips):
            array[:] = 0
        self._empty()
        room = np.empty((min(n, BLOCK), p)), np.empty(min(n, BLOCK))
        for first in range(0, n, BLOCK):
            last = min(n, first + BLOCK)
            s, e = (a[first:last] for a in (known.s, known.e)) if known.e.size else (a[: last - first] for a in room)
            kernel.survey(known, first, last, s, e)
            self._add(s, e, slice(first, last))
        kernel.aim(known, np.empty(0))
        kernel.settle(known)

    def renew(self) -> None:
        """Take the sums at w afresh: from each sample's own, if they are kept, and else from its patches."""
        known = self.pattern
        if not known.e.size:
            self.survey(known.w.copy())
            return
        self._empty()
        for first in range(0, known.e.size, BLOCK):
            part = slice(first, first + BLOCK)
            self._add(known.s[part], known.e[part], part)
        if not known.count[at.OFF] and not known.count[at.GIVEN]:
            known.r[:], known.number[at.Q] = 0.0, 0.0

    def _empty(self) -> None:
        known = self.pattern
        for array in (known.H, known.r, known.c):
            array[:] = 0
        known.number[at.Q], known.count[at.UPDATES] = 0.0, 0

    def _add(self, s: Any, e: Any, part: slice) -> None:
        """What these samples have in H, r, c and q."""
        known = self.pattern
        weighted = s * known.weights[part, None]
        known.H[:] += weighted.T @ s
        known.r[:] += e @ weighted
        known.c[:] += known.labels[part] @ weighted
        known.number[at.Q] += known.weights[part] @ e**2

    def to(self, w: Float[np.ndarray, " p"]) -> None:
        """Move to w."""
        kernel, known = self.kernel, self.pattern
        v = w - known.w
        known.w[:] = w
        kernel.follow(known, v)
        if not known.number[at.PATH] < at.LOST:
            self.survey(known.w.copy())
        elif known.count[at.UPDATES] > self.stale:
            self.renew()

    def gradient(self) -> Float[np.ndarray, " p"]:
        """∇ℓ(w)."""
        g = np.empty(self.pattern.w.size)
        self.kernel.slope(self.pattern, self.pattern.w - self.pattern.teacher, g)
        return g

    def value(self) -> float:
        """ℓ(w)."""
        known = self.pattern
        return float(self.kernel.loss(known, known.w - known.teacher, np.empty(known.w.size)))

    def leap(self, eta: float, marks: Int[np.ndarray, " points"], seen: Any, limits: Any, still: float) -> int:
        """As many steps η as are certain, at once; returns how many: none if ηλ > 2 for an eigenvalue of H."""
        kernel, known = self.kernel, self.pattern
        quadratic = Quadratic.of(known, eta)
        if not quadratic.stable:
            return 0
        room = (kernel.nearest(known) - known.number[at.PATH]) * known.number[at.C]
        fine = FINE * self.rounding * (float(np.linalg.norm(known.w)) + self.norm) / eta
        bounds = Bounds(room, limits.tolerance * self.norm, limits.region * self.norm, max(still, fine))
        t = int(known.count[at.T])
        m = quadratic.longest(min(limits.steps - t, int(EXACT / (known.w.size * np.finfo(np.float64).eps))), bounds)
        if m == 0:
            return 0
        self._record(quadratic, eta, t, m, marks, seen)
        self._land(known.teacher + quadratic.vectors @ quadratic.at(m), float(quadratic.far(m)))
        known.count[at.T] += m
        return m

    def _land(self, end: Float[np.ndarray, " p"], far: float) -> None:
        """End a leap, no iterate of which was farther away than ``far``."""
        known, before = self.pattern, self.pattern.w.copy()
        known.w[:] = end.astype(np.float32) if known.count[at.SINGLE] else end
        # What w is rounded to may be farther away than any iterate: by 1/FINE of a step.
        moved = max(far, float(np.linalg.norm(known.w - before))) * CERTAIN
        known.number[at.PATH] = (known.number[at.PATH] + moved / known.number[at.C]) * at.LATER
        self.kernel.settle(known)

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
