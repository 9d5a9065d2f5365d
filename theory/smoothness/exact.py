r"""γ(φ), L(φ) and β(φ) of an axis-symmetric law whose axis is w*, exactly.

Three facts leave almost nothing to search for. Along a fixed plane S(w,w*) shrinks and S(w,−w*) grows as θ grows, so
A_{w,w*} falls and A_{w,−w*} rises in the order of positive semidefinite matrices:

* γ(φ) = λ_min(A_{w,w*}) at θ = φ;
* L(φ) = λ_max(A_{w*,w*}), for every φ;
* β(φ) = sup λ_max(A_{w,−w*})/θ is a maximum over one number θ in (0, φ], or the limit at θ → 0, which is
  E r² F(0) E[t³ 1{t>0}] with the letters of :mod:`theory.distributions.wedge`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float
from scipy import special
from scipy.optimize import minimize_scalar

from theory.distributions.atoms import Atoms
from theory.distributions.axial import AxisSymmetric
from theory.distributions.table import wedge_table

GRID = 96
"""Angles at which λ_max(A_{w,−w*})/θ is tabulated before its maximum is refined."""


@dataclass(frozen=True)
class Constants:
    """γ(φ), L(φ), β(φ) at one angle φ, and what Theorem 2.2 makes of them."""

    angle: float
    gamma: float
    L: float
    beta: float

    @property
    def ratio(self) -> float:
        """The smoothness L/γ: near 1 smooth, large spiky."""
        return self.L / self.gamma

    @property
    def step(self) -> float:
        """The largest step that Theorem 2.2 admits: η = γ / (2 (L + 4β)²)."""
        return self.gamma / (2 * (self.L + 4 * self.beta) ** 2)

    @property
    def best_step(self) -> float:
        """The step at which the theorem's proof contracts fastest: η = γ / (L + 4β)²."""
        return 2 * self.step

    def contraction(self, step: float) -> float:
        """What the theorem takes off ‖w−w*‖² in a step, as a fraction of it: ηγ/2."""
        return step * self.gamma / 2

    def proof_contraction(self, step: float) -> float:
        """What the theorem's own proof takes off: 2ηγ − η²(L + 4β)²; at the best step γ²/(L + 4β)²."""
        return 2 * step * self.gamma - (step * (self.L + 4 * self.beta)) ** 2


def exact_constants(law: AxisSymmetric, angle: float) -> Constants:
    """The constants at φ = ``angle`` in (0, π/2); relative errors at rounding."""
    along, across = law.half()
    b11, b12, b22, rest = law.wedge(np.array([angle])).T
    gamma = _smallest(along, across, b11, b12, b22, rest, law.dim)
    return Constants(angle, float(gamma[0]), max(along, across), _supremum(law, angle))


def _smallest(along: float, across: float, b11: Any, b12: Any, b22: Any, rest: Any, dim: int) -> np.ndarray:
    """λ_min of A_{w,w*} = ½E[zzᵀ] − A_{w,−w*}, in the plane as det/λ_max: no cancellation for spiky laws."""
    a, b = along - b11, across - b22
    largest = (a + b) / 2 + np.hypot((a - b) / 2, b12)
    plane = (a * b - b12**2) / largest
    return np.minimum(plane, across - rest) if dim > 2 else plane


def least_eigenvalue(law: AxisSymmetric, angle: float) -> float:
    """λ_min(A_{w,w*}) at θ = ``angle`` in [0, π]. It falls as θ grows."""
    return float(np.linalg.eigvalsh(law.region_moments(angle).both)[0])


def largest_half(law: AxisSymmetric | Atoms) -> float:
    """λ_max(½E[zzᵀ]), for an axis-symmetric law also λ_max(A_{w*,w*}) = L: what bounds the curvature of the loss."""
    if isinstance(law, Atoms):
        return float(np.linalg.eigvalsh(law.points.T @ (law.weights[:, None] * law.points))[-1] / 2)
    return max(law.half())


def _largest(b11: Any, b12: Any, b22: Any) -> np.ndarray:
    """λ_max of A_{w,−w*}, which lies in the plane: Q2 ≥ Q⊥ makes B22 ≥ B⊥."""
    return (b11 + b22) / 2 + np.hypot((b11 - b22) / 2, b12)


def _quotient(law: AxisSymmetric, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    b11, b12, b22, _ = law.wedge(angle).T
    return _largest(b11, b12, b22) / angle


def limit(law: AxisSymmetric) -> float:
    """lim_{θ→0} λ_max(A_{w,−w*})/θ = E r² F(0) E[t³ 1{t>0}], with E|t|³ = Γ((p−1)/2) / (√π Γ(p/2 + 1)) for p ≥ 2."""
    p = law.dim
    log_third = special.gammaln((p - 1) / 2) - special.gammaln(p / 2 + 1) - 0.5 * math.log(math.pi)
    return float(law.radius_moment * np.exp(law.log_density(np.zeros(1))[0] + log_third) / 2)


def _supremum(law: AxisSymmetric, angle: float) -> float:
    # Nodes crowd at both ends, where the quotient of a spiky law and of one with many dimensions turn fastest.
    grid = angle * (1 - np.cos(np.pi * np.arange(1, GRID + 1) / GRID)) / 2
    values = _quotient(law, grid)
    best = int(np.argmax(values))
    top = max(limit(law), float(values[best]), float(_quotient(law, grid[-1:])[0]))
    bounds = (grid[best - 1] if best else grid[0] / 2, grid[min(best + 1, GRID - 1)])
    refined = minimize_scalar(
        lambda theta: -_quotient(law, np.array([theta]))[0], bounds=bounds, method="bounded", options={"xatol": 1e-7}
    )
    return max(top, -float(refined.fun))


def _raised(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Values of a smooth function on an even grid, those beside a maximum raised to no less than that maximum.

    It is the vertex of the parabola through three neighbours, at ``offset`` steps from the middle one, and a twentieth
    of their second difference more than that, for what is not a parabola.
    """
    raised = values.copy()
    curvature = -np.diff(values, 2)
    slope = (values[2:] - values[:-2]) / 2
    near = np.abs(slope) < 0.75 * curvature
    offset = np.divide(slope, curvature, out=np.zeros_like(slope), where=near)
    raised[1:-1] += np.where(near, curvature * (offset**2 / 2 + 0.05), 0.0)
    return raised


class Curve:
    """γ(φ) and β(φ) of a law for many angles at once, from its table of wedge moments; L does not depend on φ.

    ``step`` is what a descent asks at every iteration: the admissible step at the next larger tabulated angle, so
    never more than Theorem 2.2 admits.
    """

    ANGLES = 4096

    def __init__(self, law: AxisSymmetric) -> None:
        self.law = law
        self.half = law.half()
        self.L = max(self.half)
        self._angles = np.linspace(0.0, math.pi / 2, self.ANGLES + 1)
        b11, b12, b22, _ = wedge_table(law)(self._angles[1:])
        quotient = np.concatenate([[limit(law)], _largest(b11, b12, b22) / self._angles[1:]])
        self._beta = np.maximum.accumulate(_raised(quotient))
        self._steps = self.step_at(self.gamma(self._angles), self._beta)

    def gamma(self, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """γ(φ) at each angle in [0, π/2]."""
        return _smallest(*self.half, *wedge_table(self.law)(angle), self.law.dim)

    def beta(self, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """β(φ) at each angle in [0, π/2], taken at the next larger tabulated one.

        That is never less than the true β, but for the table's own error: at most 1e-11 L/φ.
        """
        return self._beta[self._above(angle)]

    def at(self, angle: float) -> tuple[float, float]:
        """γ(φ) and β(φ) at one angle."""
        return float(self.gamma(np.array([angle]))[0]), float(self.beta(np.array([angle]))[0])

    def along(self, distance: Float[np.ndarray, "*shape"]) -> tuple[Any, Any]:
        """γ(φ) and L + 4β(φ) at φ = arcsin of relative distances; NaN from distance 1 on, where nothing is promised."""
        known = np.asarray(distance) < 1
        phi = np.arcsin(np.where(known, distance, 0.0))
        gamma, lipschitz = np.full_like(phi, np.nan), np.full_like(phi, np.nan)
        gamma[known] = self.gamma(phi[known])
        lipschitz[known] = self.L + 4 * self.beta(phi[known])
        return gamma, lipschitz

    def step_at(self, gamma: Any, beta: Any) -> Any:
        """γ / (2 (L + 4β)²)."""
        return gamma / (2 * (self.L + 4 * beta) ** 2)

    def step(self, angle: Float[Any, " m"]) -> Float[Any, " m"]:
        """A step that Theorem 2.2 admits at each angle; below the largest by less than a table entry."""
        xp = array_namespace(angle)
        return xp.take(xp.asarray(self._steps), self._above(angle), axis=0)

    @property
    def steps(self) -> Float[np.ndarray, " angles"]:
        """The step at each tabulated angle, which are equally far apart on [0, π/2]."""
        return self._steps

    def _above(self, angle: Float[Any, " m"]) -> Any:
        xp = array_namespace(angle)
        place = xp.astype(xp.ceil(angle * (self.ANGLES / (math.pi / 2))), xp.int64)
        return xp.where(place > self.ANGLES, self.ANGLES, place)
