"""The cycle about the kink of a root: how far it reaches, how large its jumps are, and the least that momentum leaves.

f = √E falls to 0 at the truth with the slopes ±s, s = √(E''/2). Let f' at θ* ± u be ±s₊(u) and ∓s₋(u), u > 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from theory.objectives.gabor.circle import Circle

PLACES = 32
"""On either side of the truth, at which a slope is looked at."""

ROUNDS = 12
"""In which the trap is drawn closer: what is left of it falls as fast as the slopes depart from s."""


@dataclass(frozen=True)
class Cycle:
    """Bounds, each problems × steps, on what descent at a constant step η does once it is about the truth.

    Parameters
    ----------
    jump
        ηs, the prediction to first order.
    least, most
        Of the mean jump over so many iterations.
    reach
        The farthest from the truth.
    held
        Whether there is a trap: an interval about the truth that is not left, and in which every step is towards it.
    """

    jump: Float[np.ndarray, "n k"]
    least: Float[np.ndarray, "n k"]
    most: Float[np.ndarray, "n k"]
    reach: Float[np.ndarray, "n k"]
    held: Bool[np.ndarray, "n k"]


def cycle(rooted: Circle, eta: Float[np.ndarray, "n k"], iterations: int) -> Cycle:
    """The cycle of plain descent on ``rooted``, whose kind is ``rmse``, at the steps η, over so many iterations.

    A point of (0, R] moves by ηs₊ towards the truth, and lands in [−η max s₊, 0) if it crosses; so [−L, R] is a trap if
    η max s₊ over (0, R] ≤ L, and η max s₋ over (0, L] ≤ R. What is right of the truth jumps N₊ times by m₊ in the mean,
    what is left of it N₋ times by m₋, N₊m₊ − N₋m₋ = D, |D| ≤ L + R, N = N₊ + N₋, so the mean jump is

        2 m₊m₋/(m₊ + m₋) + D (m₊ − m₋)/(N (m₊ + m₋)),   η min s_± ≤ m_± ≤ η max s_±

    which grows with both. Derived here. The slopes are looked at on a grid of each side.

    Examples
    --------
    >>> from theory.objectives.gabor import GaborFilter, white
    >>> found = cycle(Circle([white(15)], GaborFilter(), "rmse"), np.array([[1e-3]]), 200)
    >>> bool(found.least[0, 0] <= found.jump[0, 0] <= found.most[0, 0] <= found.reach[0, 0] * 1.001)
    True
    """
    jump = eta * np.sqrt(rooted.curvature() / 2)[:, None]
    right = left = 2 * jump
    held = np.ones(jump.shape, dtype=bool)
    for first in range(ROUNDS):
        (low_r, high_r), (low_l, high_l) = _slopes(rooted, right, 1), _slopes(rooted, left, -1)
        if not first:
            held = (eta * high_r <= left) & (eta * high_l <= right) & (low_r > 0) & (low_l > 0)
        right, left = np.where(held, eta * high_l, right), np.where(held, eta * high_r, left)
    (low_r, high_r), (low_l, high_l) = _slopes(rooted, right, 1), _slopes(rooted, left, -1)
    apart = np.maximum(high_r - low_l, high_l - low_r) / np.where(held, low_r + low_l, np.inf)
    over = (left + right) / iterations * apart
    return Cycle(
        jump,
        eta * _balanced(low_r, low_l) - over,
        eta * _balanced(high_r, high_l) + over,
        np.maximum(left, right),
        held,
    )


def least_jump(rooted: Circle, eta: Float[np.ndarray, "n k"], momentum: float) -> Float[np.ndarray, "n k"]:
    """Jumps of which one is reached, however often, by descent with momentum that crosses the truth.

    v_{t+1} = μv_t − ηf', so |v_{t+1}| + μ|v_t| ≥ η|f'|, and of two jumps one is η|f'|/(1 + μ) or more. If all jumps
    were smaller than J = ηs/(1 + μ), the truth would be crossed within J of it, where |f'| is known:

        η min |f'|/(1 + μ) over 0 < |u| ≤ J
    """
    most = eta * np.sqrt(rooted.curvature() / 2)[:, None] / (1 + momentum)
    least = np.minimum(_slopes(rooted, most, 1)[0], _slopes(rooted, most, -1)[0])
    return eta * np.maximum(least, 0.0) / (1 + momentum)


def _slopes(rooted: Circle, reach: Any, side: int) -> tuple[Any, Any]:
    """The least and the largest slope away from the truth, on one side of it as far as ``reach``: s at the truth."""
    n, k = reach.shape
    u = reach[:, :, None] * np.arange(1, PLACES + 1) / PLACES
    slope = side * rooted.gradient(rooted.truth.theta + side * u.reshape(n, -1)).reshape(n, k, PLACES)
    s = np.sqrt(rooted.curvature() / 2)[:, None]
    return np.minimum(s, slope.min(axis=2)), np.maximum(s, slope.max(axis=2))


def _balanced(a: Any, b: Any) -> Any:
    """2ab/(a + b), 0 where one of them is not positive."""
    good = (a > 0) & (b > 0)
    return np.where(good, 2 * a * b / np.where(good, a + b, 1.0), 0.0)
