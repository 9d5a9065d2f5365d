"""E[U Uᵀ] of close patches in the plane as piecewise polynomials of ∠(w, w*): what a descent evaluates each step."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory.distributions.axial import AxisSymmetric
from theory.distributions.close import ClosePatches
from theory.distributions.close_moments import in_the_plane, plane_moments
from theory.distributions.table import bisected, horner

_ROWS, _COLUMNS = np.triu_indices(6)
_LEADING = np.array([0, 0, 2, 1, 2, 1])
"""m = E[Z 1{S} | c] is (O(θ²), O(θ)) along and across w* for a region of opening θ, and so are +− and −+."""


def _powers() -> np.ndarray:
    """Of θ, by which each entry of E[U Uᵀ] is divided: within one narrow region one patch gives θ³, θ², θ."""
    narrow = (_ROWS >= 2) & (_COLUMNS >= 2)
    return _LEADING[_ROWS] + _LEADING[_COLUMNS] - narrow


@dataclass(frozen=True, eq=False)
class CloseTable:
    """E[U Uᵀ] for U = (u_{++}, u_{+−}, u_{−+}) on [0, π], a polynomial of degree 7 in the place within each panel.

    Every entry is divided by its leading power of θ, so that its error falls with that power as θ → 0. ``error`` is the
    worst seen between the nodes, relative to the entries of ½E[ZZᵀ].
    """

    edges: Float[Any, " panels+1"]
    coefficients: Float[Any, "panels powers 21"]
    error: float
    _centre: Any = field(init=False, repr=False)
    _scale: Any = field(init=False, repr=False)
    _powers: Any = field(init=False, repr=False)
    _full: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        xp = array_namespace(self.edges)
        left, right = self.edges[:-1], self.edges[1:]
        object.__setattr__(self, "_centre", (left + right) / 2)
        object.__setattr__(self, "_scale", 2 / (right - left))
        object.__setattr__(self, "_powers", xp.asarray(_powers(), dtype=self.edges.dtype))
        full = np.zeros((6, 6), dtype=np.int64)
        full[_ROWS, _COLUMNS] = full[_COLUMNS, _ROWS] = np.arange(_ROWS.size)
        object.__setattr__(self, "_full", xp.asarray(full.ravel()))

    def __call__(self, angle: Float[Any, " r"]) -> Float[Any, "r 6 6"]:
        """E[U Uᵀ] at each angle in [0, π], in the basis (w*, the direction orthogonal to it that w leans to)."""
        return self._square(angle, self._powers)

    def over_angle(self, angle: Float[Any, " r"]) -> Float[Any, "r 6 6"]:
        """E[U Uᵀ]/θ at each angle, its limit at θ = 0; not for A_{w,w*}, which has none, and is left as it is."""
        xp = array_namespace(angle)
        powers = self._powers
        return self._square(angle, xp.where(powers > 0, powers - 1, powers))

    def _square(self, angle: Any, powers: Any) -> Any:
        xp = array_namespace(angle)
        value = horner(self.edges, self._centre, self._scale, self.coefficients, angle)
        value = value * angle[:, None] ** powers
        return xp.reshape(xp.take(value, self._full, axis=1), (angle.shape[0], 6, 6))

    def to(self, xp: Any) -> CloseTable:
        """The same table in another array namespace."""
        return CloseTable(xp.asarray(self.edges), xp.asarray(self.coefficients), self.error)


def close_table(law: ClosePatches, tilt: float = 0.0) -> CloseTable:
    """The table of close patches in the plane, for w* at the angle ``tilt`` from the axis of their centres.

    Tables are kept: laws that differ in k alone, or in the axis, share the work.
    """
    centre = replace(in_the_plane(law), axis=None)
    tilt = 0.0 if centre.isotropic else tilt
    # Everything about ClosePatches but the axis and k: the moments of one patch and of two serve every k.
    edges, one, two, error = _tables(centre, law.closeness, tilt)
    return CloseTable(edges, (one + (law.k - 1) * two) / law.k, error)


def forget_close_tables() -> None:
    """Drop every table that is kept: whoever times the building of one, or changes a law's moments, needs to."""
    _tables.cache_clear()


@functools.lru_cache(maxsize=64)
def _tables(centre: AxisSymmetric, rho: float, tilt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Edges, the coefficients of what one patch gives and of what two give, and the error of both."""
    law = ClosePatches(2, 1, None, rho, centre)

    def entries(theta: np.ndarray) -> np.ndarray:
        return np.concatenate([moment[:, _ROWS, _COLUMNS] for moment in plane_moments(law, theta, tilt)], axis=1)

    size = np.sqrt(np.diag(plane_moments(law, np.zeros(1), tilt).one[0])[:2])
    scale = np.maximum(np.outer(np.tile(size, 3), np.tile(size, 3))[_ROWS, _COLUMNS], np.finfo(float).tiny)
    edges, coefficients, error = bisected(entries, _kinks(rho, tilt), np.tile(scale, 2), np.tile(_powers(), 2))
    one, two = np.split(coefficients, 2, axis=2)
    return edges, one, two, error


def _kinks(rho: float, tilt: float) -> np.ndarray:
    """First edges of panels on [0, π]: where the end of one region, ± ρ, meets that of another or the density's."""
    corners = np.arange(2) * (math.pi / 2) - tilt
    among = np.concatenate([[2 * rho, -2 * rho], corners + rho, corners - rho])
    edges = np.unique(np.concatenate([np.mod(among, math.pi), np.linspace(0.0, math.pi, 9)]))
    # Two that differ by rounding are one.
    return edges[np.append(True, np.diff(edges) > 1e-12)]
