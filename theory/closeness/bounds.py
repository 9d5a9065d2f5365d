r"""What the closeness of patches bounds: ρ and μ of a sample, and the two bounds of Theorem 3.3.

    (i)  γ(φ) ≥ λ_min(E[Z_avg Z_avgᵀ 1{∠(Z_avg, w*) ≤ π/2 − φ − ρ}]),   ρ ≥ ∠(Zᵢ, Z_avg)
    (ii) L_cross ≤ 3μ,   P(|∠(Zᵢ, w*) − π/2| ≤ φ) ≤ μφ

On the event of (i) every patch is active under every w with θ ≤ φ, so that u₊₊ = Z_avg. For (ii) each cross matrix has
norm at most E‖u₊₋‖ or E‖u₋₊‖, which only patches within θ of the hyperplane of w* contribute to. Sharper, derived here
for patches of norm at most 1: let s be the share of the k patches that are active under one of w, w* alone. The three
norms add up to at most E[(1 − s) s + s²/4]; s is at least 1/k where it is not 0, and E[s] ≤ μθ, so that
L_cross ≤ (1 − 3/(4k)) μ. All numbers of this module are exact for the sample up to rounding, but for the estimates.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.law import Estimate, least_moment
from theory.closeness.sweep import Patches


def closeness_of(patches: Float[np.ndarray, "n k p"]) -> float:
    """ρ = sup ∠(Zᵢ, Z_avg) over the sample, π where an average or a patch is 0: exact.

    Examples
    --------
    >>> round(closeness_of(np.array([[[1.0, 0.0], [0.0, 1.0]]])), 4)
    0.7854
    """
    z = checks.array("patches", patches, np, ndim=(3,))
    average = z.mean(axis=1, keepdims=True)
    norms = [np.linalg.norm(v, axis=2, keepdims=True) for v in (z, average)]
    if not all(np.all(norm > 0) for norm in norms):
        return math.pi
    u, v = z / norms[0], average / norms[1]
    # Kahan's form keeps small angles accurate.
    angles = 2 * np.arctan2(np.linalg.norm(u - v, axis=2), np.linalg.norm(u + v, axis=2))
    return float(angles.max())


def margin_of(patches: Any, angle: float, teacher: Any, *, least_angle: float = 0.0) -> float:
    """μ: the supremum over 0 < θ ≤ φ of the chance that a patch is within θ of the hyperplane of w*, over θ.

    Over max(θ, ``least_angle``), to go with the same of ``Curve``. The chance is the mean over the k patches: all
    that (ii) needs, and no more than the largest of them.
    """
    sample, phi = Patches.of(patches, teacher), checks.angle("angle", angle)
    away = np.abs(np.arctan2(sample.z[:, :, 0], np.linalg.norm(sample.z[:, :, 1:], axis=2)))
    share = np.broadcast_to(sample.weights[:, None] / away.shape[1], away.shape)
    order = np.argsort(away, axis=None)
    near, chance = away.ravel()[order], np.cumsum(share.ravel()[order])
    inside = near <= phi
    over = np.maximum(near[inside], checks.finite("least_angle", least_angle))
    none = np.full(over.shape, np.inf)
    return float(np.max(np.divide(chance[inside], over, out=none, where=over > 0), initial=0.0))


def cross_bounds(mu: float, k: int) -> tuple[float, float]:
    """Upper bounds on L_cross: the theorem's 3μ, and (1 − 3/(4k)) μ.

    >>> cross_bounds(0.4, k=3)
    (1.2000000000000002, 0.30000000000000004)
    """
    return 3 * mu, (1 - 3 / (4 * checks.integer("k", k, least=1))) * mu


def averages_within(patches: Any, teacher: Any, opening: float) -> Float[np.ndarray, "n p"]:
    """Z_avg in the frame of w* where ∠(Z_avg, w*) ≤ ``opening``, and 0 elsewhere: none for a negative one."""
    average = Patches.of(patches, teacher).z.mean(axis=1)
    angle = np.arctan2(np.linalg.norm(average[:, 1:], axis=1), average[:, 0])
    return np.where((angle <= opening)[:, None], average, 0.0)


def gamma_bound(patches: Any, angle: float, teacher: Any, *, rho: float) -> float:
    """The lower bound (i) on γ(φ) for the sample itself; 0 where φ + ρ exceeds π/2."""
    event = averages_within(patches, teacher, math.pi / 2 - checks.angle("angle", angle) - rho)
    return max(0.0, float(np.linalg.eigvalsh(event.T @ event / event.shape[0])[0]))


def half_space_moment(patches: Any, teacher: Any) -> float:
    """λ_min(E[Z_avg Z_avgᵀ 1{w*·Z_avg ≥ 0}]): no bound on γ, the event of (i) made too large."""
    event = averages_within(patches, teacher, math.pi / 2)
    return float(np.linalg.eigvalsh(event.T @ event / event.shape[0])[0])


def gamma_bound_estimate(patches: Any, angle: float, teacher: Any, *, rho: float) -> Estimate:
    """The bound (i) of a law that no rotation about w* alters, with confidence ``LEVEL``."""
    return least_moment(averages_within(patches, teacher, math.pi / 2 - checks.angle("angle", angle) - rho))


def half_space_estimate(patches: Any, teacher: Any) -> Estimate:
    """``half_space_moment`` of such a law."""
    return least_moment(averages_within(patches, teacher, math.pi / 2))
