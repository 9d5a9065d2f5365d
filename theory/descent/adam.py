"""Adam for many problems at once: Kingma & Ba (2015), Algorithm 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.arrays import to_numpy
from theory.descent.lbfgs import Ending, Function, Minimum


def adam(
    function: Function,
    start: Float[Any, "problems n"],
    *,
    step: float = 0.05,
    iterations: int = 200,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    watch: Callable[[int, Any, Any], None] | None = None,
) -> Minimum:
    r"""Adam on every row, for all its iterations.

        m ← β₁m + (1 − β₁)∇,  v ← β₂v + (1 − β₂)∇²,  u ← u − η m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)

    Parameters are those of :func:`theory.descent.minimise`, and the algorithm's own, with its paper's defaults but for
    ``step``: 0.05 is Siahkoohi, Louboutin & Herrmann's (2021).

    Raises
    ------
    BadInput
        If an argument is out of its range.

    Examples
    --------
    >>> found = adam(lambda u, rows: ((u**2).sum(1) / 2, u), np.ones((2, 3)), iterations=1)
    >>> found.u[0].round(6).tolist()
    [0.95, 0.95, 0.95]
    """
    xp = array_namespace(start)
    u = xp.asarray(checks.array("start", start, xp, ndim=(2,)), copy=True)
    step, iterations = checks.positive("step", step), checks.integer("iterations", iterations, least=0)
    beta1, beta2, epsilon = _share("beta1", beta1), _share("beta2", beta2), checks.positive("epsilon", epsilon)
    rows = np.arange(u.shape[0])
    m, v = xp.zeros_like(u), xp.zeros_like(u)
    log = np.empty((rows.size, iterations + 1))
    value, slope = function(u, rows)
    log[:, 0] = to_numpy(value)
    for t in range(1, iterations + 1):
        m = beta1 * m + (1 - beta1) * slope
        v = beta2 * v + (1 - beta2) * slope**2
        u = u - step * (m / (1 - beta1**t)) / (xp.sqrt(v / (1 - beta2**t)) + epsilon)
        value, slope = function(u, rows)
        log[:, t] = to_numpy(value)
        if watch:
            watch(t, rows, u)
    size = np.sqrt(to_numpy(xp.sum(slope**2, axis=1)))
    taken = np.full(rows.size, iterations)
    return Minimum(u, log[:, -1].copy(), size, taken, taken + 1, (Ending.STEP_LIMIT,) * rows.size, log)


def _share(argument: str, value: float) -> float:
    value = checks.finite(argument, value)
    if not 0 <= value < 1:
        raise checks.refuse(argument, value, "at least 0 and below 1")
    return value
