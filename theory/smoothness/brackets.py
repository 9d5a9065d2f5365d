r"""Brackets that provably contain γ(φ), L(φ) and β(φ) of a sample, for whatever sample.

In a frame whose first vector is w*, write z = (z₁, y) and w = cos θ w* + sin θ e, with e on the unit sphere of R^{p−1}.

* L(φ) = λ_max(A_{w*,w*}), exactly.
* γ(φ): for fixed e, S(w,w*) = {z₁ ≥ 0, cos θ z₁ + sin θ e·y ≥ 0} shrinks as θ grows, so only θ = φ matters, and γ is a
  minimum over e. Over a cap of centre c and radius δ, e·y ranges over ‖y‖ cos(∠(c,y) ± δ): the samples active for
  every e of the cap give a lower bound, and any one e an upper bound. Branch and bound over caps closes the bracket.
  The whole sphere, δ = π, gives the bound {∠(z,w*) ≤ π/2 − φ}.
* β(φ): the same with boxes [a, b] × cap in (θ, e): the samples of S(w,−w*) that are active for some e of the cap at
  θ = b, divided by a, bound λ_max/θ from above.

For p = 2 the sphere is two points and all three are exact. The number of caps that a given precision takes grows like
its inverse to the power p − 2, so from about p = 5 on the brackets stay as wide as the budget leaves them: certified
all the same. Every comparison gives way by its rounding error, and every eigenvalue is widened by its own.

A warning about β. A sample's sup of λ_max(A_{w,−w*})/θ over *all* θ > 0 does not converge as the sample grows: for
points uniform in angle it behaves like sup F_n(t)/t, whose tail is P(sup > x) = 1/x for every n (Daniels 1945). From a
fixed ``least_angle`` > 0 on, it does converge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.atoms import Atoms
from theory.distributions.axial import reflect
from theory.smoothness.caps import BUDGET, EPS, GAP, Cap, Node, maximise, worthwhile

TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Bracket:
    """A constant lies in [lower, upper], with certainty."""

    lower: float
    upper: float

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper


@dataclass(frozen=True)
class Brackets:
    """Certified brackets of γ(φ), L(φ), β(φ) of one sample. β is over θ in [least_angle, φ], or (0, φ]."""

    angle: float
    gamma: Bracket
    L: Bracket
    beta: Bracket
    least_angle: float

    @property
    def ratio(self) -> Bracket:
        """L/γ; the upper end is infinite where γ may be 0."""
        worst = self.L.upper / self.gamma.lower if self.gamma.lower > 0 else math.inf
        return Bracket(self.L.lower / self.gamma.upper if self.gamma.upper > 0 else math.inf, worst)

    @property
    def step(self) -> float:
        """A step that Theorem 2.2 certainly admits for this sample: γ/(2(L+4β)²) from the safe ends.

        It is 0, and no step at all, where the brackets cannot tell γ from 0: raise the budget, or the sample.
        """
        return self.gamma.lower / (2 * (self.L.upper + 4 * self.beta.upper) ** 2)


def bracket_constants(
    points: Any,
    angle: float,
    teacher: Any,
    *,
    weights: Any = None,
    budget: int = BUDGET,
    least_angle: float = 0.0,
) -> Brackets:
    """Brackets of the constants of the empirical law of ``points``, shape (n, p), for the teacher w*.

    Parameters
    ----------
    points, weights
        The sample, and the probability of each point up to a common factor (1/n if not given).
    angle
        φ in (0, π/2).
    teacher
        w*, p numbers, not zero.
    budget
        Caps examined for γ and for β, at least 1. More close the brackets further.
    least_angle
        β is the supremum over θ from here to φ; 0 (all θ > 0) is the theorem's.

    Raises
    ------
    BadInput
        If an argument is out of its range or the shapes disagree.
    """
    sample = _Sample.of(points, teacher, weights)
    phi = checks.angle("angle", angle)
    cells = checks.integer("budget", budget, least=1)
    least = checks.finite("least_angle", least_angle)
    if not 0 <= least < phi:
        raise checks.refuse("least_angle", least, f"at least 0 and below the angle {phi}")
    top = sample.where(sample.first >= 0).moment()
    return Brackets(
        angle=phi,
        gamma=_gamma(sample, phi, cells),
        L=_widen(_largest(top), _largest(top), sample, sample.trace),
        beta=_beta(sample, phi, cells, least),
        least_angle=least,
    )


# ---------------------------------------------------------------------------------------------------- the sample


@dataclass(frozen=True)
class _Sample:
    """Points in the frame of w*: first coordinate, the others, their norm, the slack of a comparison, the weights."""

    first: np.ndarray
    rest: np.ndarray
    reach: np.ndarray
    doubt: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, points: Any, teacher: Any, weights: Any) -> _Sample:
        law = Atoms(points, weights)
        z, p = law.points, law.dim
        w_star = np.asarray(checks.nonzero("teacher", teacher, np), dtype=np.float64)
        if w_star.shape != (p,):
            raise checks.refuse("teacher", f"an array of shape {w_star.shape}", f"of shape ({p},), as the points say")
        direction = w_star / np.linalg.norm(w_star)
        rotated = reflect(z, direction)
        rest = rotated[:, 1:]
        # p products and sums of a rotated point, each rounded: |error of a dot product| ≤ p ε ‖z‖, thrice over.
        doubt = 4 * p * EPS * np.linalg.norm(z, axis=1)
        return cls(_heights(z, w_star, doubt), rest, np.linalg.norm(rest, axis=1), doubt, law.weights)

    def where(self, chosen: np.ndarray) -> _Sample:
        return _Sample(*(part[chosen] for part in (self.first, self.rest, self.reach, self.doubt, self.weights)))

    def moment(self) -> Float[np.ndarray, "p p"]:
        """Σ pᵢ zᵢ zᵢᵀ."""
        z = np.concatenate([self.first[:, None], self.rest], axis=1)
        return z.T @ (self.weights[:, None] * z)

    @property
    def trace(self) -> float:
        return float(np.sum(self.weights * (self.first**2 + self.reach**2)))

    @property
    def dim(self) -> int:
        return self.rest.shape[1] + 1

    def range_of(self, cap: Cap) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest e·y over the cap."""
        cosine = np.divide(self.rest @ cap.centre, self.reach, out=np.zeros_like(self.reach), where=self.reach > 0)
        slack = 4 * self.dim * EPS  # where the cosine is near ±1, the angle is not known to rounding
        farthest, nearest = (np.arccos(np.clip(cosine + s, -1, 1)) for s in (-slack, slack))
        least = self.reach * np.cos(np.minimum(math.pi, farthest + cap.radius))
        return least, self.reach * np.cos(np.maximum(0.0, nearest - cap.radius))


def _heights(z: np.ndarray, w_star: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """w*·z/‖w*‖ of every point, its sign exact: it decides a region, and β divides by an angle as small as it is.

    Where the rounded product does not exceed its own rounding, it is computed anew in rational numbers.
    """
    norm = float(np.linalg.norm(w_star))
    heights = z @ (w_star / norm)
    exact = [Fraction(entry) for entry in w_star.tolist()]
    for i in np.flatnonzero(np.abs(heights) <= doubt):
        total = sum((Fraction(entry) * other for entry, other in zip(z[i].tolist(), exact, strict=True)), Fraction())
        if total != 0:  # and too small for a float, it is not to lose its sign
            heights[i] = math.copysign(max(abs(float(total)) / norm, TINY), total)
        else:
            heights[i] = 0.0
    return heights


def _smallest(matrix: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(matrix)[0])


def _largest(matrix: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(matrix)[-1])


def _widen(lower: float, upper: float, sample: _Sample, trace: float) -> Bracket:
    """The bracket widened by the rounding of a Gram matrix of n points and of its eigenvalues (Weyl), never below 0."""
    rounding = (sample.first.size + 8 * sample.dim) * EPS * trace
    return Bracket(max(0.0, lower - rounding), upper + rounding)


# ----------------------------------------------------------------------------------------------------------- gamma


def _gamma(sample: _Sample, phi: float, budget: int) -> Bracket:
    taught = sample.where(sample.first >= 0)
    cosine, sine = math.cos(phi), math.sin(phi)

    caps = worthwhile(sample.dim, budget)

    def node(cap: Cap, open_: _Sample, sure: np.ndarray) -> Node:
        least, most = open_.range_of(cap)
        lowest, highest = cosine * open_.first + sine * least, cosine * open_.first + sine * most
        settled = sure + open_.where(lowest >= open_.doubt).moment()
        left = open_.where((lowest < open_.doubt) & (highest >= -open_.doubt))
        at_centre = cosine * left.first + sine * (left.rest @ cap.centre) >= -left.doubt
        value = -_smallest(settled + left.where(at_centre).moment())
        split = (lambda: (node(part, left, settled) for part in cap.split())) if caps else (lambda: iter(()))
        return Node(-_smallest(settled), value, split)

    root = node(Cap.sphere(sample.dim - 1), taught, np.zeros((sample.dim, sample.dim)))
    # In the plane there are two directions, and no reason to stop before both are seen.
    attained, bound = maximise(root, max(budget, 3), 0.0 if sample.dim == 2 else GAP)
    searched = _descend_gamma(taught, cosine, sine)
    return _widen(-bound, min(-attained, searched), sample, sample.trace)


def _descend_gamma(taught: _Sample, cosine: float, sine: float) -> float:
    """An upper bound on γ: λ_min at directions e found by turning e to the eigenvector of λ_min, from each axis."""
    m = taught.dim - 1
    starts = np.concatenate([np.eye(m), -np.eye(m)])[:: max(1, m // 8)]
    best = math.inf
    for start in starts:
        e = start
        for _ in range(4):
            active = cosine * taught.first + sine * (taught.rest @ e) >= -taught.doubt
            values, vectors = np.linalg.eigh(taught.where(active).moment())
            best = min(best, float(values[0]))
            turn = vectors[1:, 0] * -np.sign(vectors[0, 0] or 1.0)
            norm = float(np.linalg.norm(turn))
            if norm == 0:
                break
            e = turn / norm
    return best


# ------------------------------------------------------------------------------------------------------------ beta


def _beta(sample: _Sample, phi: float, budget: int, least: float) -> Bracket:
    untaught = sample.where((sample.first < 0) & (sample.reach > 0))
    # A point enters S(w,−w*) at the angle ψ with tan ψ = |z₁| / (e·y), so never before |z₁| / ‖y‖.
    entry = np.arctan2(-untaught.first, untaught.reach)
    inside = untaught.where(entry <= phi + 8 * EPS)
    if inside.first.size == 0:
        return Bracket(0.0, 0.0)
    first = min(phi, max(least, float(entry.min())))
    if sample.dim == 2:
        attained = bound = max(_sweep(inside.where(np.sign(inside.rest[:, 0]) == s), first) for s in (-1.0, 1.0))
    else:
        caps = worthwhile(sample.dim, budget)
        root = _beta_node(Cap.sphere(sample.dim - 1), inside, (first, phi), caps)
        attained, bound = maximise(root, budget)
    # λ_max of a matrix is at least its trace over p.
    return _widen(attained, bound, sample, sample.dim * bound)


def _sweep(side: _Sample, first: float) -> float:
    """For p = 2: the exact maximum, over the entry angles ψ ≥ ``first``, of λ_max of all that has entered, over ψ."""
    if side.first.size == 0:
        return 0.0
    entry = np.maximum(first, np.arctan2(-side.first, side.reach))
    order = np.argsort(entry)
    a, b, c = (np.cumsum((side.weights * x)[order]) for x in _products(side))
    largest = (a + c) / 2 + np.hypot((a - c) / 2, b)
    return float(np.max(largest / entry[order]))


def _products(side: _Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = side.rest[:, 0]
    return side.first**2, side.first * y, y**2


def _beta_node(cap: Cap, possible: _Sample, span: tuple[float, float], caps: bool) -> Node:
    """The box span × cap: what may be active in it, over its least angle, and a value attained at its centre."""
    least, highest = span
    _, most = possible.range_of(cap)
    left = possible.where(math.cos(highest) * possible.first + math.sin(highest) * most >= -possible.doubt)
    bound = _largest(left.moment()) / least if left.first.size else 0.0
    value = _attained(left, cap.centre, least, highest)

    def split() -> Iterator[Node]:
        if math.log(highest / least) > (cap.radius if caps else GAP):
            middle = math.sqrt(least * highest)
            yield _beta_node(cap, left, (least, middle), caps)
            yield _beta_node(cap, left, (middle, highest), caps)
        elif caps:
            for part in cap.split():
                yield _beta_node(part, left, span, caps)

    return Node(bound, value, split)


def _attained(left: _Sample, e: np.ndarray, least: float, highest: float) -> float:
    """λ_max/θ at e, at the smallest angle θ ≥ ``least`` with the samples active that are so at ``highest``."""
    entry = np.arctan2(-left.first, left.rest @ e)
    active = entry <= highest
    if not np.any(active):
        return 0.0
    return _largest(left.where(active).moment()) / max(least, float(entry[active].max()))
