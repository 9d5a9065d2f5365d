"""Finitely supported laws: counterexamples, and any sample taken as a law of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.axial import RegionMoments


@dataclass(frozen=True, eq=False)
class Atoms:
    """P(z = zᵢ) = pᵢ on finitely many points.

    Parameters
    ----------
    points
        z₁ … z_n, shape (n, p) with p ≥ 2.
    weights
        p₁ … p_n, none negative; scaled to sum to 1. All equal if not given.

    Examples
    --------
    >>> cross = Atoms([[1, 0], [-1, 0], [0, 1], [0, -1]])
    >>> cross.region_moments(math.pi / 2, teacher=[1, 0], toward=[0, 1]).both.tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    """

    points: Float[np.ndarray, "n p"]
    weights: Float[np.ndarray, " n"]

    def __init__(self, points: Any, weights: Any = None) -> None:
        points = np.asarray(checks.array("points", points, np, ndim=(2,)), dtype=np.float64)
        checks.integer("dim", points.shape[1], least=2)
        n = checks.integer("number of points", points.shape[0], least=1)
        checks.moderate("points", points, np)
        weights = np.ones(n) if weights is None else checks.array("weights", weights, np, ndim=(1,))
        if weights.shape != (n,):
            raise checks.refuse("weights", f"an array of shape {weights.shape}", f"of shape ({n},), one a point")
        if np.any(weights < 0) or not np.any(weights > 0):
            raise checks.refuse("weights", weights.tolist(), "nonnegative, and not all zero")
        object.__setattr__(self, "points", points)
        weights = np.asarray(weights, dtype=np.float64)
        object.__setattr__(self, "weights", weights / weights.sum())

    @property
    def dim(self) -> int:
        """p."""
        return self.points.shape[1]

    @property
    def label(self) -> str:
        """A short name for tables."""
        return f"atoms({self.points.shape[0]})"

    def sample(self, n: int, *, rng: np.random.Generator, xp: Any = np) -> Float[Any, "n p"]:
        """n independent points, shape (n, dim)."""
        drawn = rng.choice(self.points.shape[0], size=checks.integer("n", n, least=0), p=self.weights)
        return xp.asarray(self.points[drawn])

    def region_moments(self, angle: float, *, teacher: Any, toward: Any) -> RegionMoments:
        """A_{w,w*} and A_{w,−w*} for w at ``angle`` from ``teacher``, turned towards ``toward``, as finite sums.

        The basis is (w*, the direction of ``toward`` orthogonal to it, rest), the rest completed by Gram–Schmidt.

        Raises
        ------
        BadInput
            If the angle is not in [0, π], or the two directions are parallel or of the wrong shape.
        """
        theta = checks.number("angle", angle)
        if not 0 <= theta <= math.pi:
            raise checks.refuse("angle", theta, "between 0 and π, in radians")
        frame = self._frame(checks.nonzero("teacher", teacher, np), checks.nonzero("toward", toward, np))
        z = self.points @ frame
        active = math.cos(theta) * z[:, 0] + math.sin(theta) * z[:, 1] >= 0
        taught = z[:, 0] >= 0
        both, only = (
            np.einsum("n,ni,nj", self.weights * region, z, z) for region in (active & taught, active & ~taught)
        )
        return RegionMoments(both, only)

    def _frame(self, teacher: np.ndarray, toward: np.ndarray) -> Float[np.ndarray, "p p"]:
        for name, vector in (("teacher", teacher), ("toward", toward)):
            if vector.shape != (self.dim,):
                raise checks.refuse(name, f"an array of shape {vector.shape}", f"of shape ({self.dim},)")
        frame, triangle = np.linalg.qr(np.column_stack([teacher, toward, np.eye(self.dim)]))
        if abs(triangle[1, 1]) <= np.finfo(float).eps * self.dim * np.linalg.norm(toward):
            raise checks.refuse("toward", toward.tolist(), f"not parallel to the teacher {teacher.tolist()}")
        return frame * np.where(np.diag(triangle) < 0, -1.0, 1.0)
