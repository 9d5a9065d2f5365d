r"""False minima of the inner problem, left by looking at the neighbours' auxiliary weights.

    L_ext(ŵ) = min_W Φ(ŵ, W) ≤ Φ(ŵ, W'),   W' the auxiliary weights found at any other point of the landscape

The data term does not know ŵ, so W' is as good a fit here as there, and only the penalty changes. A point whose own W
lies in a false minimum, which no certificate shows, is told so by a neighbour that does not. Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.arrays import array_namespace, to_numpy
from theory.descent import Projection, project

NEAR = 8
"""Neighbours whose weights are tried: those around a point of a square grid."""

ITERATIONS, HEAT = 150, 50
"""Of an exchange: iterations in all, and those after which only the lower of both starts goes on."""

STILL = 1e-3
"""Exchanges end when no point falls by more than this part of the objective's range."""


def neighbours(alpha: Any, beta: Any) -> Any:
    """The numbers of the nearest points of each, itself left out, the nearest first.

    >>> neighbours([0.0, 1.0, 3.0], [0.0, 0.0, 0.0]).tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    alpha, beta = np.ravel(alpha), np.ravel(beta)
    apart = np.hypot(alpha[:, None] - alpha, beta[:, None] - beta)
    np.fill_diagonal(apart, -1.0)
    return np.argsort(apart, axis=1, kind="stable")[:, 1 : 1 + NEAR]


def settled(
    loss: Any, w: Any, near: Any, start: Any, *, exchanges: int, iterations: int, rng: Any = None, **options: Any
) -> Projection:
    """Solved from these starts, with exchanges until none tells a point anything, and then to ``iterations``.

    Parameters
    ----------
    loss, w, start, iterations, rng, options
        As for :func:`theory.descent.project`.
    near
        The neighbours' numbers, a network a row.
    exchanges
        At most so many.
    """
    found = project(loss, w, start=start, iterations=ITERATIONS, heat=HEAT, rng=rng, **options)
    for _ in range(exchanges):
        before, found = found.value, exchange(loss, w, found, near, **options)
        if np.max(before - found.value) <= STILL * np.ptp(found.value):
            break
    return project(loss, w, start=found.u, iterations=iterations, **options)


def exchange(loss: Any, w: Any, found: Projection, near: Any, **options: Any) -> Projection:
    """Solved on from each point's own W and from the best of its neighbours', the lower end of both."""
    xp = array_namespace(w)
    weights = loss.weights(w, found.u)
    best, lowest = found.u, np.full(w.shape[0], np.inf)
    for column in range(near.shape[1]):
        u = loss.from_weights(w, xp.take(weights, xp.asarray(near[:, column]), axis=0))
        value = to_numpy(loss.value(w, u))
        better = value < lowest
        best, lowest = xp.where(xp.asarray(better)[:, None], u, best), np.where(better, value, lowest)
    return project(loss, w, start=[found.u, best], iterations=ITERATIONS, heat=HEAT, **options)
