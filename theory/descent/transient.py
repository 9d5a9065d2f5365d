"""How far a heavy ball is carried before it settles: its linear transient, exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory import checks

FORGOTTEN = 1e-6
"""Part of a deviation that is left where the transient is no longer followed."""


@dataclass(frozen=True)
class Transient:
    """Of u_{t+1} = (1 + μ − s)u_t − μu_{t−1} + f_t from u_0 = u_{−1} = 1.

    Parameters
    ----------
    peak
        max_t |u_t| where f = 0: more than 1 as the matrix of the recursion is not normal.
    gain
        Σ_t |g_t|, g the response to f_0 = 1 from rest: |f| ≤ F moves u by no more than gain · F.
    settled
        From this iteration on, |u_t| ≤ ½ where f = 0.
    """

    peak: float
    gain: float
    settled: int


def transient(stiffness: float, momentum: float) -> Transient:
    """The transient of descent with momentum μ on ½ℓ''u² at the step η, s = ηℓ'' its stiffness.

    Both roots of λ² − (1 + μ − s)λ + μ lie in the unit disc, at ρ or less, if and only if 0 < s < 2(1 + μ). Where they
    are a pair √μ exp(±iω), |g_t| ≤ ρ^t/sin ω, and so the peak is some 2/ω, reached only after some 1/ω iterations.

    Raises
    ------
    BadInput
        If ``stiffness`` is not between 0 and 2(1 + μ), or so near to either that a million iterations do not settle.

    Examples
    --------
    >>> transient(1.5, 0.0)
    Transient(peak=1.0, gain=2.0, settled=1)
    >>> found = transient(0.99 * 3.98, 0.99)
    >>> round(found.peak, 1), found.settled
    (9.6, 590)
    """
    s, mu = checks.positive("stiffness", stiffness), checks.finite("momentum", momentum)
    radius = float(np.max(np.abs(np.roots([1.0, s - 1 - mu, mu])))) if mu else abs(1 - s)
    # A hundred more than ρ^t would take, for the factor 1/sin ω before it.
    length = 100 + math.ceil(2 * math.log(FORGOTTEN) / math.log(radius)) if 1e-300 < radius < 1 else 100
    if radius >= 1 or length > 1_000_000:
        raise checks.refuse("stiffness", s, f"between 0 and {2 * (1 + mu):g}, and not next to either")
    u, g = _run(s, mu, 1.0, 1.0, length), _run(s, mu, 0.0, 1.0, length)
    return Transient(float(u.max()), float(g.sum()), int(np.flatnonzero(u > 0.5)[-1]) + 1)


def _run(s: float, mu: float, before: float, now: float, length: int) -> np.ndarray:
    """|u_0|, |u_1|, …"""
    values = np.empty(length)
    for t in range(length):
        values[t] = now
        before, now = now, (1 + mu - s) * now - mu * before
    return np.abs(values)
