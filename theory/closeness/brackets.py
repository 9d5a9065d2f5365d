r"""Limits that provably contain γ(φ), L(φ), β(φ) and L_cross(φ) of a sample of patches in any dimension.

Branch and bound over boxes of filters w = cos θ w* + sin θ e: θ in a span, e in a cap of the unit sphere of R^{p−1}. In
a box a patch is sure to be active, sure not to be, or open. A sample without open patches is settled: its u₊₊, u₊₋ and
u₋₊ are the same all over the box. Of the others, with v₁ … v_m the open patches (over k) and the sum of the sure ones:

* γ: u₊₊u₊₊ᵀ ⪰ 0, so the settled samples alone bound λ_min from below;
* L and β: (Σ vᵢ)(Σ vᵢ)ᵀ ⪯ m Σ vᵢvᵢᵀ, whichever of them are active;
* L_cross: each product has norm at most that of its factors, with every open patch counted.

Any one filter gives the other end of each. In the plane all four are exact, see :mod:`theory.closeness.constants`.
Beyond about p = 4 the limits stay as wide as the budget leaves them: certified all the same. Derived here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.constants import along, exact_constants, norms
from theory.closeness.law import Estimate, Estimates
from theory.closeness.sweep import Patches, sweep
from theory.smoothness.caps import EPS, Cap, Node, maximise, worthwhile

BUDGET = 1000
"""Boxes examined for each constant, by default."""


def certified_constants(
    patches: Any, angle: float, teacher: Any, *, budget: int = BUDGET, least_angle: float = 0.0
) -> Estimates:
    """The constants of the empirical law of ``patches``, shape (n, k, p) or (n, p), within certain limits.

    Parameters
    ----------
    patches, teacher
        The sample, and w* of p numbers.
    angle
        φ in (0, π/2).
    budget
        Boxes examined for each constant, at least 1.
    least_angle
        β and L_cross divide by max(θ, ``least_angle``); 0 is the theorem's.

    Raises
    ------
    BadInput
        If an argument is out of its range or the shapes disagree.
    """
    sample, phi = Patches.of(patches, teacher), checks.angle("angle", angle)
    boxes, least = checks.integer("budget", budget, least=1), checks.finite("least_angle", least_angle)
    if not 0 <= least < phi:
        raise checks.refuse("least_angle", least, f"at least 0 and below the angle {phi}")
    if sample.dim == 2:
        return exact_constants(patches, phi, teacher, least_angle=least)
    search = _Search(phi, least, boxes, worthwhile(sample.dim, boxes))
    attained = _attained(sample, phi, least)
    # Of sums of n k products and of their eigenvalues (Weyl); no entry exceeds the mean square of a sample's norms.
    largest = float(sample.weights @ np.linalg.norm(sample.z, axis=2).mean(axis=1) ** 2)
    relative = (sample.z.shape[0] * sample.z.shape[1] + 8 * sample.dim) * EPS
    found = [search.limits(kind, sample, attained[kind], relative, largest) for kind in range(4)]
    return Estimates(phi, *found)


def _attained(sample: Patches, phi: float, least: float) -> Float[np.ndarray, " 4"]:
    """−γ, L, β and L_cross over the great circles along the axes of the frame: what they are at least."""
    m = sample.dim - 1
    axes = np.concatenate([np.eye(m), -np.eye(m)])[:: max(1, m // 8)]
    best = [along(*sweep(sample, e, phi), least) for e in axes]
    return np.max([np.max(values * np.array([[-1.0], [1], [1], [1]]), axis=1) for values in best], axis=0)


@dataclass(frozen=True)
class _Search:
    phi: float
    least: float
    budget: int
    caps: bool

    def limits(self, kind: int, sample: Patches, attained: float, relative: float, largest: float) -> Estimate:
        """The limits of γ (kind 0), L, β or L_cross (3)."""
        first = 0.0 if kind < 2 else self._first(sample)
        if first > self.phi or (kind == 3 and sample.z.shape[1] == 1):  # one patch is in one region at a time
            return Estimate(0.0, 0.0, 0.0)
        nothing = np.zeros((5, sample.dim, sample.dim))
        root = self._node(kind, Cap.sphere(sample.dim - 1), (first, self.phi), sample, nothing)
        best, bound = maximise(root, self.budget)
        best = max(best, float(attained))
        # What enters is summed from 0 and has a relative error.
        slack = relative * (largest if kind < 2 else 4 * bound)
        ends = (-bound, -best) if kind == 0 else (best, bound)
        value = max(0.0, ends[1] if kind == 0 else ends[0])
        return Estimate(value, min(value, max(0.0, ends[0] - slack)), max(value, ends[1] + slack))

    def _first(self, sample: Patches) -> float:
        """No patch changes before this angle."""
        away = np.arctan2(np.abs(sample.z[:, :, 0]), np.linalg.norm(sample.z[:, :, 1:], axis=2))
        return float(away.min()) * (1 - 8 * EPS)

    def _node(self, kind: int, cap: Cap, span: tuple[float, float], sample: Patches, settled: np.ndarray) -> Node:
        on, off = _sure(sample, cap, span)
        open_ = ~(on | off)
        done = ~open_.any(axis=1)
        here = settled + _part(sample, done).products(_part(sample, done).parts(on[done]))
        left = _part(sample, ~done)
        bound = _bound(kind, here, left, on[~done], off[~done])
        middle = span[1] if kind > 1 else (span[0] + span[1]) / 2
        value = _value(kind, here + left.at(middle, cap.centre))
        if kind > 1:
            bound, value = _over(bound, max(span[0], self.least)), _over(value, max(middle, self.least))
        return Node(bound, value, self._split(kind, cap, span, left, here))

    def _split(
        self, kind: int, cap: Cap, span: tuple[float, float], left: Patches, here: np.ndarray
    ) -> Callable[[], Iterator[Node]]:
        low, high = span
        wide = high - low if kind < 2 or low == 0 else math.log(high / low)
        middle = (low + high) / 2 if kind < 2 or low == 0 else math.sqrt(low * high)

        def split() -> Iterator[Node]:
            if wide > (cap.radius if self.caps else 1e-3):
                yield self._node(kind, cap, (low, middle), left, here)
                yield self._node(kind, cap, (middle, high), left, here)
            elif self.caps:
                for part in cap.split():
                    yield self._node(kind, part, span, left, here)

        return split


def _part(sample: Patches, chosen: np.ndarray) -> Patches:
    return Patches(sample.z[chosen], sample.weights[chosen])


def _sure(sample: Patches, cap: Cap, span: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Which patches are active all over the box, and which nowhere in it.

    The sign of cos θ z₁ + sin θ e·y is that of z₁ + tan θ e·y, so the ends of the span decide.
    """
    first, rest = sample.z[:, :, 0], sample.z[:, :, 1:]
    reach, slack = np.linalg.norm(rest, axis=2), 4 * sample.dim * EPS
    cosine = np.divide(rest @ cap.centre, reach, out=np.zeros_like(reach), where=reach > 0)
    far, near = (np.arccos(np.clip(cosine + s, -1, 1)) for s in (-slack, slack))
    least = reach * np.cos(np.minimum(math.pi, far + cap.radius))
    most = reach * np.cos(np.maximum(0.0, near - cap.radius))
    doubt = slack * np.hypot(first, reach)
    ends = [(math.cos(t), math.sin(t)) for t in span]
    on = np.logical_and(*(c * first + s * least >= doubt for c, s in ends))
    return on, np.logical_and(*(c * first + s * most < -doubt for c, s in ends))


def _value(kind: int, matrices: Float[np.ndarray, "5 p p"]) -> float:
    if kind == 3:
        return float(np.sum(norms(matrices[2:])))
    values = np.linalg.eigvalsh(matrices[kind // 2])
    return -float(values[0]) if kind == 0 else float(values[-1])


def _bound(kind: int, settled: np.ndarray, left: Patches, on: np.ndarray, off: np.ndarray) -> float:
    """What −λ_min, λ_max or the sum of the norms is at most in the box, given the matrices of the settled samples."""
    if kind == 0 or left.z.shape[0] == 0:
        return _value(kind, settled)
    taught = left.z[:, :, 0] >= 0
    sure = np.stack([on & taught, on & ~taught, off & taught])
    open_ = ~(on | off)
    may = np.stack([open_ & taught, open_ & ~taught, open_ & taught])
    v = left.z / left.z.shape[1]
    fixed = np.einsum("rnk,nkp->rnp", sure, v)
    if kind == 3:
        sizes = np.linalg.norm(fixed, axis=2) + np.einsum("rnk,nk->rn", may, np.linalg.norm(v, axis=2))
        products = sizes[0] * sizes[1] + sizes[0] * sizes[2] + sizes[1] * sizes[2]
        return _value(kind, settled) + float(left.weights @ products)
    r = kind - 1
    parts = np.concatenate([fixed[r][:, None, :], np.where(may[r][:, :, None], v, 0.0)], axis=1)
    count = sure[r].any(axis=1) + may[r].sum(axis=1)
    more = np.einsum("n,nki,nkj->ij", left.weights * count, parts, parts)
    return float(np.linalg.eigvalsh(settled[kind // 2] + more)[-1])


def _over(value: float, angle: float) -> float:
    return value / angle if angle > 0 else math.inf if value > 0 else 0.0
