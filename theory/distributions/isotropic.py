"""The laws that no rotation alters: standard Gaussian, and uniform on the unit sphere. All moments in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from theory.distributions.axial import AxisSymmetric


@dataclass(frozen=True)
class _Isotropic(AxisSymmetric):
    isotropic = True

    def log_density(self, elevation: np.ndarray) -> np.ndarray:
        """F(δ) = cos^{p−2} δ / B(½, (p−1)/2)."""
        power = (self.dim - 2) * np.log(np.cos(elevation)) if self.dim > 2 else np.zeros_like(elevation)
        from scipy import special

        return power - special.betaln(0.5, (self.dim - 1) / 2)

    @property
    def elevations(self) -> Float[np.ndarray, " edges"]:
        return np.concatenate([[0.0], math.pi / 2 * 0.5 ** np.arange(math.ceil(math.log2(self.dim)), -1, -1)])

    def half(self) -> tuple[float, float]:
        value = self.radius_moment / (2 * self.dim)
        return value, value

    def wedge(self, angle: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m 4"]:
        """(θ − sin θ cos θ, −sin²θ, θ + sin θ cos θ, θ) E‖z‖² / (2πp): polar coordinates in the plane of w and w*."""
        turn = np.stack(
            [
                _minus_sine(2 * angle) / 2,
                -(np.sin(angle) ** 2),
                angle + np.sin(2 * angle) / 2,
                angle,
            ],
            axis=1,
        )
        return self.radius_moment / (2 * math.pi * self.dim) * turn


@dataclass(frozen=True)
class Gaussian(_Isotropic):
    """Standard Gaussian in R^p: E zzᵀ = I.

    The eigenvalues of A_{w,w*} in the plane are (π−θ ± sin θ)/2π and (π−θ)/2π elsewhere; those of A_{w,−w*} are
    (θ ± sin θ)/2π and θ/2π. Source: Du, Lee & Tian (2018), derived anew.
    """

    @property
    def radius_moment(self) -> float:
        return float(self.dim)

    @property
    def label(self) -> str:
        return "gaussian"

    def _draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
        return rng.standard_normal((n, self.dim))


@dataclass(frozen=True)
class UniformSphere(_Isotropic):
    """Uniform on the unit sphere of R^p: the Gaussian's moments divided by p."""

    @property
    def label(self) -> str:
        return "sphere"

    def _draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
        points = rng.standard_normal((n, self.dim))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        return points


def _minus_sine(x: np.ndarray) -> np.ndarray:
    """x − sin x without cancellation for x ≥ 0: its series below 1, where 11 terms leave less than rounding."""
    small = np.minimum(x, 1.0)
    term = small**3 / 6
    total = term.copy()
    for k in range(2, 12):
        term = -term * small**2 / ((2 * k) * (2 * k + 1))
        total += term
    return np.where(x < 1, total, x - np.sin(x))
