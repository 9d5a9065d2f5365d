"""Sampled twins of the exact constants: what an experimenter would measure."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from theory.distributions import AxisSymmetric

BLOCK = 1 << 16
"""Points held at once."""


def wedge_energy(points: Float[np.ndarray, "n p"], angle: float) -> Float[np.ndarray, " n"]:
    """(x·z)² 1{S(w,−w*)} of every point, for w* and w in the plane of the first two unit vectors, θ = ``angle``.

    x halves the wedge, so for a rotation-invariant law it is the eigenvector of λ_max(A_{w,−w*}), and the mean over the
    points estimates λ_max without the bias of an eigenvalue of a sampled matrix.
    """
    x1, x2 = math.cos(math.pi / 2 + angle / 2), math.sin(math.pi / 2 + angle / 2)
    first, second = points[:, 0], points[:, 1]
    inside = (math.cos(angle) * first + math.sin(angle) * second >= 0) & (first < 0)
    return np.where(inside, (x1 * first + x2 * second) ** 2, 0.0)


def sampled_wedge_energy(
    law: AxisSymmetric, n: int, angle: float, *, rng: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """``wedge_energy`` of n points of the law, drawn in blocks: memory does not grow with n p."""
    sizes = [min(BLOCK, n - start) for start in range(0, n, BLOCK)]
    return np.concatenate([wedge_energy(law.sample(size, rng=rng), angle) for size in sizes])
