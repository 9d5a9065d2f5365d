r"""γ(φ), L(φ), L_cross(φ) and β(φ) of close patches in the plane, exactly.

With k > 1 patches A_{w,w*} neither falls nor rises as θ = ∠(w, w*) grows: each is a minimum or a supremum over all
θ ≤ φ, and on both sides of w* where the law is not symmetric about it. E[U Uᵀ] comes from
:mod:`theory.distributions.close_tables`, so that θ → 0 is a value like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from theory import checks
from theory.distributions import ClosePatches, close_table, tilt_of
from theory.smoothness.exact import _raised

Form = Literal["paper", "proof"]

FACTORS: dict[str, tuple[float, float, float]] = {
    "paper": (6.0, 10.0, 4.0),
    # max θ (1 + 2 cos θ), attained at 1.08827, twice; max 2 θ cos θ, attained where θ tan θ = 1. Rounded upwards.
    "proof": (2.09823, 2.09823, 1.12220),
}
"""What multiplies L_cross in γ' = γ − c L_cross, and L_cross and β in Λ = L + c' L_cross + c'' β.

The paper's 6, 10 and 4 bound what its proof needs over ‖w − w*‖ < ‖w*‖: with d = ‖w − w*‖/‖w*‖ and r = ‖w‖/‖w*‖, the
suprema of θ max(d + r, 1)/d, twice, and of θ r/d. For a given θ both grow with r up to 1/cos θ, and d ≤ 1 allows
r ≤ 2 cos θ, which from θ = π/4 on is less: there they are largest at d = 1, r = 2 cos θ. Below π/4 they are largest at
r = 1/cos θ, d = tan θ, where θ(1 + 1/sin θ) < 1.897 and θ/sin θ < 1.111 are less than the two maxima.
"""

GRID = 1024
"""Angles at which an extremum over (0, φ] is looked for before it is refined."""


@dataclass(frozen=True)
class Constants:
    """γ(φ), L(φ), L_cross(φ) and β(φ) at one angle φ, and what Theorem 3.1 makes of them."""

    angle: float
    gamma: float
    L: float
    cross: float
    beta: float

    @property
    def margin(self) -> float:
        """γ' = γ − 6 L_cross, which Theorem 3.1 needs above 0."""
        return excess(self.gamma, self.cross, "paper")

    @property
    def proof_margin(self) -> float:
        """γ − 2.098 L_cross, which its proof needs above 0."""
        return excess(self.gamma, self.cross, "proof")

    @property
    def step(self) -> float:
        """The largest step that Theorem 3.1 admits: η = γ' / (2 (L + 10 L_cross + 4β)²); 0 where γ' ≤ 0."""
        return max(0.0, self.margin) / (2 * lipschitz(self.L, self.cross, self.beta, "paper") ** 2)

    @property
    def best_step(self) -> float:
        """The step at which the proof contracts fastest: η = γ'/Λ² with its own γ' and Λ; 0 where γ' ≤ 0."""
        return max(0.0, self.proof_margin) / lipschitz(self.L, self.cross, self.beta, "proof") ** 2

    def contraction(self, step: float) -> float:
        """What the theorem takes off ‖w−w*‖² in a step, as a fraction of it: ηγ'/2."""
        return step * self.margin / 2

    def proof_contraction(self, step: float) -> float:
        """What the proof takes off, with its own γ' and Λ: 2ηγ' − η²Λ²; at the best step γ'²/Λ²."""
        return 2 * step * self.proof_margin - (step * lipschitz(self.L, self.cross, self.beta, "proof")) ** 2


def excess(gamma: Any, cross: Any, form: Form) -> Any:
    """γ' = γ − c L_cross."""
    return gamma - FACTORS[form][0] * cross


def lipschitz(L: Any, cross: Any, beta: Any, form: Form) -> Any:
    """Λ = L + c' L_cross + c'' β, with ‖∇ℓ(w)‖ ≤ Λ ‖w − w*‖."""
    return L + FACTORS[form][1] * cross + FACTORS[form][2] * beta


def spectra(moments: Float[np.ndarray, "m 6 6"], over_angle: Float[np.ndarray, "m 6 6"]) -> tuple[Any, Any, Any, Any]:
    """λ_min and λ_max of A_{w,w*}, the three cross norms over θ, and λ_max(A_{w,−w*})/θ, (m,) each, for p = 2."""
    both, only = moments[:, :2, :2], over_angle[:, 2:4, 2:4]
    largest = _largest(both)
    # As det/λ_max nothing cancels for a spiky law; where all is 0, at θ = π, so are both.
    smallest = np.linalg.det(both) / np.where(largest > 0, largest, 1.0)
    cross = sum(_norm(over_angle[:, a : a + 2, b : b + 2]) for a, b in ((0, 2), (0, 4), (2, 4)))
    return smallest, largest, cross, _largest(only)


def _largest(a: Float[np.ndarray, "m 2 2"]) -> np.ndarray:
    return (a[:, 0, 0] + a[:, 1, 1]) / 2 + np.hypot((a[:, 0, 0] - a[:, 1, 1]) / 2, a[:, 0, 1])


def _norm(a: Float[np.ndarray, "m 2 2"]) -> np.ndarray:
    """The largest singular value."""
    turned = np.hypot(a[:, 0, 0] + a[:, 1, 1], a[:, 1, 0] - a[:, 0, 1])
    return (turned + np.hypot(a[:, 0, 0] - a[:, 1, 1], a[:, 0, 1] + a[:, 1, 0])) / 2


class _Sides:
    """``spectra`` of a law at angles on either side of w*, the worse of the two where they differ."""

    def __init__(self, law: ClosePatches, teacher: Any) -> None:
        w_star = law.law.direction if teacher is None else checks.nonzero("teacher", teacher, np)
        tilt = tilt_of(law, w_star)
        self.tables = [close_table(law, side) for side in dict.fromkeys((tilt, -tilt))]

    def __call__(self, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, "4 m"]:
        """−λ_min and λ_max of A_{w,w*}, cross/θ, λ_max(A_{w,−w*})/θ: of all four the largest counts."""
        found = []
        for table in self.tables:
            smallest, *others = spectra(table(angle), table.over_angle(angle))
            found.append(np.stack([-smallest, *others]))
        return np.max(found, axis=0)


def exact_constants(law: ClosePatches, angle: float, *, teacher: Any = None) -> Constants:
    """The constants of close patches in the plane at φ = ``angle`` in (0, π/2), errors at rounding.

    Parameters
    ----------
    law
        Close patches with dim 2, around centres with an axis of symmetry.
    angle
        φ in radians.
    teacher
        w*, in any direction; along the axis of the centres if not given.

    Raises
    ------
    BadInput
        If the law has no exact form, the angle is out of range, or the teacher is no vector of the plane.

    Examples
    --------
    >>> found = exact_constants(ClosePatches(dim=2, k=4, spread=0.3, closeness=0.3), angle=0.5)
    >>> round(found.gamma, 4), round(found.L, 4), round(found.cross, 4), found.margin > 0
    (0.0429, 0.4455, 0.0004, True)
    """
    phi = checks.angle("angle", angle)
    tilt_of(law, np.ones(2))  # before anything else about the law is asked
    sides = _Sides(law, teacher)
    grid = np.linspace(0.0, phi, GRID + 1)
    values = sides(grid)
    largest = [_refined(sides, row, grid, values[row]) for row in range(4)]
    return Constants(phi, -largest[0], *largest[1:])


def _refined(sides: _Sides, row: int, grid: np.ndarray, values: np.ndarray) -> float:
    """The supremum of one of the four: the largest on the grid, refined between its neighbours."""
    best = int(np.argmax(values))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, GRID)])
    found = minimize_scalar(
        lambda theta: -sides(np.array([theta]))[row, 0], bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    return max(float(values[best]), -float(found.fun))


class Curve:
    """γ(φ), L(φ), L_cross(φ) and β(φ) for many angles φ at once, none of them on the unsafe side.

    Each is a running extremum over a table of angles, read off at the next larger one: γ is never more than the true
    one, the others never less, so every step is admissible.

    Parameters
    ----------
    angles
        Increasing, the last at least π/2.
    rows
        −λ_min and λ_max of A_{w,w*}, cross/θ and λ_max(A_{w,−w*})/θ: up to each angle, no less than the largest.
    """

    def __init__(self, angles: Float[np.ndarray, " m"], rows: Float[np.ndarray, "4 m"]) -> None:
        rows = np.maximum.accumulate(rows, axis=1)
        self._angles = angles
        self._rows = np.stack([-rows[0], *rows[1:]])
        self._steps = {form: self._step_table(form) for form in FACTORS}

    def _step_table(self, form: Any) -> np.ndarray:
        gamma, L, cross, beta = self._rows
        best = np.maximum(excess(gamma, cross, form), 0.0) / lipschitz(L, cross, beta, form) ** 2
        # Before a sample's first patch goes over everything is finite; behind an infinite L_cross no step is left.
        best = np.where(np.isfinite(best), best, 0.0)
        return best / 2 if form == "paper" else best

    def without_cross(self) -> Curve:
        """The same with L_cross = 0, as if no two patches had anything to do with each other: a false one, if k > 1."""
        gamma, L, cross, beta = self._rows
        return Curve(self._angles, np.stack([-gamma, L, np.zeros_like(cross), beta]))

    def at(self, angle: float) -> Constants:
        """The constants at one angle in [0, π/2)."""
        return Constants(angle, *self._rows[:, int(self._above(np.array([angle]))[0])].tolist())

    def along(self, distance: Float[np.ndarray, "*shape"], form: Form = "paper") -> tuple[Any, Any]:
        """γ' and Λ at φ = arcsin of relative distances; NaN from distance 1 on, where nothing is promised."""
        known = np.asarray(distance) < 1
        place = self._above(np.arcsin(np.where(known, distance, 0.0)))
        gamma, L, cross, beta = (np.where(known, row[place], np.nan) for row in self._rows)
        return excess(gamma, cross, form), lipschitz(L, cross, beta, form)

    def step(self, angle: Float[Any, " m"], form: Form = "paper") -> Float[Any, " m"]:
        """A step that Theorem 3.1 admits at each angle, in the form of its proof the best one; 0 where γ' ≤ 0."""
        xp = array_namespace(angle)
        return xp.take(xp.asarray(self._steps[form]), self._above(angle), axis=0)

    def table(self, form: Form = "paper") -> tuple[np.ndarray, np.ndarray]:
        """The step at each tabulated angle, and the angles that are there, of which an angle takes the next larger."""
        return self._steps[form], self._angles

    def _above(self, angle: Float[Any, "*shape"]) -> Any:
        xp = array_namespace(angle)
        # Strictly above: at the angle itself a patch may have gone over. The last has no next.
        return xp.searchsorted(xp.asarray(self._angles[:-1]), angle, side="right")


ANGLES = 4096
"""Entries of a law's curve."""


def law_curve(law: ClosePatches, teacher: Any = None) -> Curve:
    """The curve of close patches in the plane; beside an extremum of its function of θ an entry is moved beyond it."""
    tilt_of(law, np.ones(2))
    angles = np.linspace(0.0, math.pi / 2, ANGLES + 1)
    return Curve(angles, np.stack([_raised(row) for row in _Sides(law, teacher)(angles)]))
