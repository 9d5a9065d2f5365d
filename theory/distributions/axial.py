"""Axis-symmetric laws: what they share, the exact moments over the regions S(w, ±w*), and their sampling."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.wedge import integrate, wedge_moments


class RegionMoments(NamedTuple):
    """A_{w,w*} = E[zzᵀ 1{S(w,w*)}] and A_{w,−w*} = E[zzᵀ 1{S(w,−w*)}], in the basis (w*, in-plane, rest)."""

    both: Float[np.ndarray, "p p"]
    only: Float[np.ndarray, "p p"]


@dataclass(frozen=True)
class AxisSymmetric(ABC):
    """A law of z in R^p that no rotation about ``axis`` and no change z → −z alters.

    A subclass gives ``log_density`` (of the elevation over the hyperplane orthogonal to the axis, see
    :mod:`theory.distributions.wedge`), the panel edges that resolve it, ``radius_moment`` = E‖z‖², and a sampler.

    Parameters
    ----------
    dim
        p, at least 2.
    axis
        Direction of symmetry, any nonzero vector of p numbers; the first unit vector if not given.
    """

    dim: int
    axis: Sequence[float] | None = None

    isotropic = False
    """Whether every direction is an axis."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", checks.integer("dim", self.dim, least=2))
        if self.axis is not None:
            object.__setattr__(self, "axis", self._unit(self.axis))

    def _unit(self, axis: Any) -> tuple[float, ...]:
        vector = checks.nonzero("axis", axis, np)
        if vector.shape != (self.dim,):
            raise checks.refuse("axis", f"an array of shape {vector.shape}", f"of shape ({self.dim},), as dim says")
        return tuple((vector / np.linalg.norm(vector)).tolist())

    @property
    def direction(self) -> Float[np.ndarray, " p"]:
        """The axis as a unit vector."""
        return np.eye(1, self.dim)[0] if self.axis is None else np.array(self.axis)

    @property
    def radius_moment(self) -> float:
        """E‖z‖²: 1 for laws of unit norm."""
        return 1.0

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name for tables: the family and its parameter, without the dimension."""

    @abstractmethod
    def log_density(self, elevation: np.ndarray) -> np.ndarray:
        """log F(δ) on [0, π/2], where F has mass ½ there."""

    @property
    @abstractmethod
    def elevations(self) -> Float[np.ndarray, " edges"]:
        """Edges of the panels on [0, π/2] that resolve ``log_density``."""

    @abstractmethod
    def _draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
        """n points of the law whose axis is the first unit vector."""

    def sample(self, n: int, *, rng: np.random.Generator, xp: Any = np) -> Float[Any, "n p"]:
        """n independent points, shape (n, dim). Drawn with NumPy and converted: every backend sees the same points.

        >>> import numpy as np
        >>> UniformSphere = __import__("theory").distributions.UniformSphere
        >>> UniformSphere(3).sample(4, rng=np.random.default_rng(0)).shape
        (4, 3)
        """
        points = self._draw(checks.integer("n", n, least=0), rng)
        return xp.asarray(points if self.axis is None else reflect(points, self.direction))

    def half(self) -> tuple[float, float]:
        """½E[z₁²] along the axis and ½E[zᵢ²] in every direction orthogonal to it.

        These are the eigenvalues of A_{w*,w*}, by the symmetry z → −z.
        """
        edges = self.elevations
        along = integrate(lambda d: np.exp(self.log_density(d)) * np.sin(d) ** 2, edges)
        across = integrate(lambda d: np.exp(self.log_density(d)) * np.cos(d) ** 2, edges)
        return self.radius_moment * along, self.radius_moment * across / (self.dim - 1)

    def wedge(self, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m 4"]:
        """B11, B12, B22, B⊥ of A_{w,−w*} at each angle θ = ∠(w, w*) in (0, π/2]."""
        return self.radius_moment * wedge_moments(self.dim, angle, self.log_density, self.elevations)

    def region_moments(self, angle: float) -> RegionMoments:
        """The exact A_{w,w*} and A_{w,−w*} for θ = ∠(w, w*), where w* is along the axis.

        A_{w,w*} + A_{w,−w*} = ½E[zzᵀ] by the symmetry z → −z, and the wedge of π − θ is what the wedge of θ leaves of
        the half space, reflected.

        Raises
        ------
        BadInput
            If the angle is not in [0, π].

        Examples
        --------
        >>> moments = __import__("theory").distributions.Gaussian(3).region_moments(math.pi / 2)
        >>> moments.both.diagonal().round(4).tolist()
        [0.25, 0.25, 0.25]
        """
        theta = checks.number("angle", angle)
        if not 0 <= theta <= math.pi:
            raise checks.refuse("angle", theta, "between 0 and π, in radians")
        along, across = self.half()
        half = np.array([along, 0.0, across, across])
        mirror = np.array([1.0, -1.0, 1.0, 1.0])
        acute = min(theta, math.pi - theta)
        small = self.wedge(np.array([acute]))[0] if acute > 0 else np.zeros(4)
        both, only = half - small, small
        if theta > math.pi / 2:
            both, only = mirror * only, mirror * both
        return RegionMoments(self._matrix(both), self._matrix(only))

    def _matrix(self, entries: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "p p"]:
        matrix = np.diag(np.full(self.dim, entries[3]))
        matrix[:2, :2] = [[entries[0], entries[1]], [entries[1], entries[2]]]
        return matrix


def short(number: float) -> str:
    """A number as the shortest text that reads back as the same number: 1, 0.1, inf."""
    return repr(float(number)).removesuffix(".0")


def reflect(points: Float[np.ndarray, "n p"], direction: Float[np.ndarray, " p"]) -> Float[np.ndarray, "n p"]:
    """The Householder reflection that takes the first unit vector to ``direction``."""
    normal = np.eye(1, direction.size)[0] - direction
    square = normal @ normal
    return points if square == 0 else points - np.outer(points @ normal, (2 / square) * normal)


def join(
    cosine: Float[np.ndarray, " n"], sine: Float[np.ndarray, " n"], dim: int, rng: np.random.Generator
) -> Float[np.ndarray, "n p"]:
    """Points cos a · e1 + sin a · v with v uniform on the unit sphere orthogonal to e1."""
    across = rng.standard_normal((cosine.size, dim - 1))
    across *= (sine / np.linalg.norm(across, axis=1))[:, None]
    return np.concatenate([cosine[:, None], across], axis=1)
