"""Smooth functions of many runs at once, minimised by L-BFGS: every run has its own memory and step, and none waits.

Source: Nocedal & Wright, "Numerical Optimization", 2nd edition, Algorithms 7.4 and 7.5; steps are halved until they
satisfy Armijo's condition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Float

from theory.arrays import array_namespace

MEMORY, HALVINGS, ARMIJO = 10, 30, 1e-4
ROUNDING = 1e-15
"""Relative rise of a value that is put down to rounding."""

Function = Callable[[Any], tuple[Any, Any]]


class Minimum(NamedTuple):
    """Where each run ended, its value, and the norm of the gradient there."""

    x: Float[Any, "runs n"]
    value: Float[Any, " runs"]
    gradient: Float[Any, " runs"]


def minimise(function: Function, x: Float[Any, "runs n"], *, steps: int, tolerance: float) -> Minimum:
    """A local minimum near each ``x``: until ``‖∇f‖ ≤ tolerance · |f|``, no step lowers f, or ``steps`` are made.

    ``function`` maps (runs, n) to the values (runs,) and the gradients (runs, n).

    Examples
    --------
    >>> import numpy as np
    >>> found = minimise(lambda x: (1 + ((x - 3) ** 2).sum(axis=1), 2 * (x - 3)), np.zeros((2, 4)),
    ...                  steps=50, tolerance=1e-9)
    >>> found.x.round(6).tolist(), found.value.round(12).tolist()
    ([[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]], [1.0, 1.0])
    """
    xp = array_namespace(x)
    value, gradient = function(x)
    pairs: list[tuple[Any, Any, Any]] = []
    done = xp.isnan(value)
    for _ in range(steps):
        done = done | (_norm(gradient) <= tolerance * xp.abs(value))
        if bool(xp.all(done)):
            break
        way = _direction(gradient, x, pairs)
        moved, moved_value, moved_gradient, lowered = _search(function, x, value, gradient, way, done)
        done = done | ~lowered
        pairs = [*pairs[-MEMORY + 1 :], _pair(moved - x, moved_gradient - gradient)]
        x, value, gradient = moved, moved_value, moved_gradient
    return Minimum(x, value, _norm(gradient))


def _norm(x: Any) -> Any:
    xp = array_namespace(x)
    return xp.sqrt(_dot(x, x))


def _dot(a: Any, b: Any) -> Any:
    return array_namespace(a).sum(a * b, axis=1)


def _pair(s: Any, y: Any) -> tuple[Any, Any, Any]:
    """The step, the change of the gradient, and 1/⟨s,y⟩, or 0 where the curvature along s is not positive."""
    xp = array_namespace(s)
    sy = _dot(s, y)
    useful = sy > 1e-14 * _norm(s) * _norm(y)
    return s, y, xp.astype(useful, sy.dtype) / xp.where(useful, sy, 1.0)


def _direction(gradient: Any, x: Any, pairs: list[tuple[Any, Any, Any]]) -> Any:
    """Minus the step: the two loops of Algorithm 7.4; along the gradient where that does not descend."""
    xp = array_namespace(gradient)
    # A tenth of ‖x‖: a first step that no scale of the problem makes absurd.
    length = 0.1 * _norm(x) / xp.where(_norm(gradient) > 0, _norm(gradient), 1.0)
    plain = length[:, None] * gradient
    if not pairs:
        return plain
    way, factors = gradient, []
    for s, y, rho in reversed(pairs):
        factors.append(rho * _dot(s, way))
        way = way - factors[-1][:, None] * y
    s, y, rho = pairs[-1]
    way = xp.where(rho > 0, 1 / xp.where(rho > 0, rho * _dot(y, y), 1.0), 1.0)[:, None] * way
    for (s, y, rho), factor in zip(pairs, reversed(factors), strict=True):
        way = way + (factor - rho * _dot(y, way))[:, None] * s
    return xp.where((_dot(gradient, way) > 0)[:, None], way, plain)


def _search(function: Function, x: Any, value: Any, gradient: Any, way: Any, done: Any) -> tuple[Any, Any, Any, Any]:
    """The first of the steps 1, ½, ¼, … that lowers the value enough; a run without one, or done, stays."""
    xp = array_namespace(x)
    slope = -_dot(gradient, way)
    step = xp.astype(~done, value.dtype)
    moved, lowered = x, done
    moved_value, moved_gradient = value, gradient
    for _ in range(HALVINGS):
        moved = x - step[:, None] * way
        moved_value, moved_gradient = function(moved)
        enough = moved_value <= value + ARMIJO * step * slope + ROUNDING * xp.abs(value)
        lowered = done | enough
        if bool(xp.all(lowered)):
            break
        step = xp.where(lowered, step, step / 2)
    stays = ~lowered | done
    return (
        xp.where(stays[:, None], x, moved),
        xp.where(stays, value, moved_value),
        xp.where(stays[:, None], gradient, moved_gradient),
        lowered,
    )
