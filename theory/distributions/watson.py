"""Watson's law on the unit sphere: the family that joins spiky to uniform in every dimension."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.axial import AxisSymmetric, short
from theory.distributions.wedge import integrate

LARGEST = 1e6
"""Beyond this, in size, the rounding of the exponent κ sin²δ alone would exceed 1e-10."""


@dataclass(frozen=True)
class Watson(AxisSymmetric):
    """Density ∝ exp(κ (axis·z)²) on the unit sphere: κ → ∞ spiky, κ = 0 uniform, κ < 0 a girdle about the equator.

    Source: Mardia & Jupp, *Directional Statistics* (2000), Section 9.4.2. Sampled exactly, by rejection from an
    angular central Gaussian law: Kent, Ganeiber & Mardia (2018).

    Parameters
    ----------
    dim
        p, at least 2.
    concentration
        κ, between −10⁶ and 10⁶.
    axis
        The direction of w*; the first unit vector if not given.
    """

    concentration: float = 0.0

    def __init__(self, dim: int, concentration: float, axis: Any = None) -> None:
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "axis", axis)
        kappa = checks.finite("concentration", concentration)
        if abs(kappa) > LARGEST:
            raise checks.refuse("concentration", kappa, f"between {-LARGEST:g} and {LARGEST:g}")
        object.__setattr__(self, "concentration", kappa)
        self.__post_init__()

    @property
    def label(self) -> str:
        return f"watson({short(self.concentration)})"

    def _exponent(self, elevation: np.ndarray) -> np.ndarray:
        """κ sin²δ + (p−2) log cos δ less its maximum."""
        power = (self.dim - 2) * np.log(np.cos(elevation)) if self.dim > 2 else 0.0
        return self.concentration * np.sin(elevation) ** 2 + power - self._peak[1]

    @functools.cached_property
    def _peak(self) -> tuple[float, float]:
        """Where the density of the elevation is largest, and the exponent there: cos²δ = (p−2)/2κ, or δ = 0."""
        kappa, rest = self.concentration, self.dim - 2
        if 2 * kappa <= rest:
            return 0.0, 0.0
        cosine2 = rest / (2 * kappa)
        power = rest / 2 * math.log(cosine2) if rest else 0.0
        return math.acos(math.sqrt(cosine2)), kappa * (1 - cosine2) + power

    @functools.cached_property
    def _log_mass(self) -> float:
        return math.log(2 * integrate(lambda d: np.exp(self._exponent(d)), self.elevations))

    def log_density(self, elevation: np.ndarray) -> np.ndarray:
        """F(δ) = exp(κ sin²δ) cos^{p−2} δ / (2 ∫ the same over [0, π/2])."""
        return self._exponent(elevation) - self._log_mass

    @property
    def elevations(self) -> Float[np.ndarray, " edges"]:
        # Panels double in width away from the peak, whose own width is at least this, until the exponent may change by
        # 20 within one, which its nodes resolve to rounding.
        width = 1 / math.sqrt(2 * abs(self.concentration) + self.dim)
        widest = min(0.2, 20 / (2 * abs(self.concentration) + 1))
        doublings = np.minimum(np.arange(math.ceil(math.pi / width)), 60)
        steps = np.minimum(max(width, widest), width * 2.0**doublings)
        away = np.concatenate([[0.0], np.cumsum(steps)])
        edges = np.concatenate([self._peak[0] - away[:0:-1], self._peak[0] + away])
        inner = edges[(edges > width / 2) & (edges < math.pi / 2 - width / 2)]
        # Where the density is less than exp(−800) of its maximum, one panel is enough for nothing.
        return np.concatenate([[0.0], inner[self._exponent(inner) > -800], [math.pi / 2]])

    def _draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
        drawn = np.empty((0, self.dim))
        while drawn.shape[0] < n:
            drawn = np.concatenate([drawn, self._accepted(2 * (n - drawn.shape[0]) + 16, rng)])
        return drawn[:n]

    def _accepted(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "m p"]:
        """What rejection leaves of n proposals y/‖y‖, y ~ N(0, Ω⁻¹), Ω = I + 2A/b; the density is ∝ exp(−xᵀAx)."""
        p, kappa = self.dim, abs(self.concentration)
        first, other = (0.0, kappa) if self.concentration > 0 else (kappa, 0.0)  # the diagonal of A
        # b solves 1/(b + 2 first) + (p−1)/(b + 2 other) = 1, which gives the tightest envelope.
        constant = 2 * kappa if self.concentration > 0 else 2 * kappa * (p - 1)
        b = ((p - 2 * kappa) + math.sqrt((p - 2 * kappa) ** 2 + 4 * constant)) / 2
        points = rng.standard_normal((n, p))
        points[:, 0] /= math.sqrt(1 + 2 * first / b)
        points[:, 1:] /= math.sqrt(1 + 2 * other / b)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        form = first * points[:, 0] ** 2 + other * (1 - points[:, 0] ** 2)
        log_ratio = -form + p / 2 * np.log1p(2 * form / b) + (p - b) / 2 - p / 2 * math.log(p / b)
        return points[np.log(rng.random(n)) < log_ratio]
