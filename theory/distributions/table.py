"""The wedge moments as piecewise polynomials: what a descent evaluates at every step, on any backend."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory.distributions.axial import AxisSymmetric

DEGREE = 7
TOLERANCE = 64 * np.finfo(float).eps
"""Interpolation error, relative to ½E[zzᵀ], above which a panel is bisected: the rounding of a degree-7 fit."""

NOISE = 1e-11
"""Below this, an error that bisection does not lower is rounding of the moments themselves, and is accepted."""

NARROWEST = 2.0**-44
"""Panels are not bisected below this width: B is continuous, so the error there is at most its change over a panel."""

_NODES = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
_PROBES = np.array([-0.999, 0.1, 0.999])  # near the largest of the nodes' polynomial, which is largest at the ends
_POWERS = np.array([3, 2, 1, 1])


@dataclass(frozen=True, eq=False)
class WedgeTable:
    """B11/θ³, B12/θ², B22/θ and B⊥/θ on [0, π/2], a polynomial of degree 7 in the place within each panel.

    Dividing by the leading power of θ makes the error fall with that power as θ → 0, where a converging descent spends
    its time. ``error`` is the worst seen at points between the nodes, relative to ½E[zzᵀ].
    """

    edges: Float[Any, " panels+1"]
    coefficients: Float[Any, "panels powers 4"]
    error: float
    _centre: Any = field(init=False, repr=False)
    _scale: Any = field(init=False, repr=False)
    _leading: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        xp = array_namespace(self.edges)
        left, right = self.edges[:-1], self.edges[1:]
        object.__setattr__(self, "_centre", (left + right) / 2)
        object.__setattr__(self, "_scale", 2 / (right - left))
        object.__setattr__(self, "_leading", xp.asarray(self.coefficients[:, :, :2], copy=True))

    def __call__(self, angle: Float[Any, " r"]) -> tuple[Any, Any, Any, Any]:
        """(B11, B12, B22, B⊥) at each angle in [0, π/2]."""
        value = self._evaluate(self.coefficients, angle)
        square = angle * angle
        return square * angle * value[:, 0], square * value[:, 1], angle * value[:, 2], angle * value[:, 3]

    def plane(self, angle: Float[Any, " r"]) -> tuple[Any, Any]:
        """(B11, B12) alone, all that a gradient needs."""
        value = self._evaluate(self._leading, angle)
        square = angle * angle
        return square * angle * value[:, 0], square * value[:, 1]

    @property
    def panels(self) -> tuple[Any, Any, Any, Any]:
        """What ``plane`` reads: the panels' edges, centres, scales and coefficients."""
        return self.edges, self._centre, self._scale, self._leading

    def _evaluate(self, coefficients: Any, angle: Any) -> Any:
        return horner(self.edges, self._centre, self._scale, coefficients, angle)

    def to(self, xp: Any) -> WedgeTable:
        """The same table in another array namespace."""
        return WedgeTable(xp.asarray(self.edges), xp.asarray(self.coefficients), self.error)


def horner(edges: Any, centres: Any, scales: Any, coefficients: Any, angle: Any) -> Any:
    """Horner's rule in the place of each angle within its panel, from −1 to 1."""
    xp = array_namespace(angle)
    # The inner edges alone: angles at and beyond the outer ones fall into the first and the last panel.
    index = xp.searchsorted(edges[1:-1], angle, side="right")
    centre, scale = xp.take(centres, index, axis=0), xp.take(scales, index, axis=0)
    place = ((angle - centre) * scale)[:, None]
    rows = xp.take(coefficients, index, axis=0)
    value = rows[:, DEGREE, :]
    for power in range(DEGREE - 1, -1, -1):
        value = value * place + rows[:, power, :]
    return value


def wedge_table(law: AxisSymmetric) -> WedgeTable:
    """The table of a law; panels are bisected where the error is above rounding.

    That is towards π/2 for a law whose density is singular on its axis, such as the angular mixture in more than two
    dimensions: there B changes like ε log ε with ε = π/2 − θ. Tables are kept: a law and the same law about another
    axis share one.
    """
    return _wedge_table(replace(law, axis=None))


def forget_tables() -> None:
    """Drop every table that is kept: whoever times the building of one, or changes a law's moments, needs to."""
    _wedge_table.cache_clear()


@functools.lru_cache(maxsize=64)
def _wedge_table(law: AxisSymmetric) -> WedgeTable:
    along, across = law.half()
    scale = np.maximum([along, math.sqrt(along * across), across, across], np.finfo(float).tiny)
    return WedgeTable(*bisected(law.wedge, np.linspace(0.0, math.pi / 2, 17), scale, _POWERS))


def bisected(
    function: Callable[[np.ndarray], np.ndarray], edges: np.ndarray, scale: np.ndarray, powers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Panels on which ``function(θ)/θ^powers`` is a polynomial: their edges, coefficients, and the largest error.

    The function gives (m, entries) at (m,) angles; the panels between ``edges`` are bisected where the error, relative
    to each entry's ``scale``, is above rounding.
    """
    left, right = edges[:-1], edges[1:]
    before = np.full(left.size, np.inf)
    done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    while left.size:
        coefficients, error = _fit(function, left, right, scale, powers)
        rounding = (error <= NOISE) & (error > before / 2)
        good = (error <= TOLERANCE) | rounding | (right - left <= NARROWEST)
        done.append((left[good], coefficients[good], error[good]))
        left, right, before = left[~good], right[~good], np.tile(error[~good], 2)
        middle = (left + right) / 2
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    starts, coefficients, error = (np.concatenate(part) for part in zip(*done, strict=True))
    order = np.argsort(starts)
    return np.append(starts[order], edges[-1]), coefficients[order], float(error.max())


def _fit(
    function: Callable[[np.ndarray], np.ndarray],
    left: np.ndarray,
    right: np.ndarray,
    scale: np.ndarray,
    powers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients on each panel by interpolation at the Chebyshev nodes, and the error at points between them."""
    place = np.concatenate([_NODES, _PROBES])
    theta = (left[:, None] + right[:, None] + (right - left)[:, None] * place) / 2
    moments = function(theta.ravel()).reshape(*theta.shape, powers.size)
    values = moments / theta[:, :, None] ** powers
    coefficients = _to_monomials() @ values[:, : DEGREE + 1]
    found = np.vander(_PROBES, DEGREE + 1, increasing=True) @ coefficients
    probed = theta[:, DEGREE + 1 :, None] ** powers
    error = np.abs(found * probed - moments[:, DEGREE + 1 :]) / scale
    return coefficients, np.max(error, axis=(1, 2))


@functools.cache
def _to_monomials() -> np.ndarray:
    """From values at the nodes to monomial coefficients, by way of Chebyshev's, which the values determine well."""
    chebyshev = np.polynomial.chebyshev
    series = chebyshev.chebvander(_NODES, DEGREE).T * (2 / (DEGREE + 1))
    series[0] /= 2
    basis = np.zeros((DEGREE + 1, DEGREE + 1))
    for k in range(DEGREE + 1):
        basis[: k + 1, k] = chebyshev.cheb2poly(np.eye(DEGREE + 1)[k])[: k + 1]
    return basis @ series
