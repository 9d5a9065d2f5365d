"""The smooth-versus-spiky law of Du, Lee & Tian: a signed angle to w*, normal about 0 and about π."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.axial import AxisSymmetric, join, short


@dataclass(frozen=True)
class AngularMixture(AxisSymmetric):
    """‖z‖ = 1; the signed angle to the axis is ½ N(0, σ²) on [−π/2, π/2] + ½ N(π, σ²) on [π/2, 3π/2], both truncated.

    σ → 0 is spiky (L/γ → ∞). σ = ∞ makes the angle uniform: for p = 2 the uniform circle, for p > 2 not the uniform
    sphere, whose angle has density ∝ sin^{p−2}. Source: Du, Lee & Tian (2018), Section 5.1.

    Parameters
    ----------
    dim
        p, at least 2.
    spread
        σ in radians, greater than 0, possibly infinite.
    axis
        The direction of w*; the first unit vector if not given.

    Examples
    --------
    >>> import theory
    >>> law = AngularMixture(dim=2, spread=0.5)
    >>> constants = theory.smoothness.smoothness(law, angle=1.2)
    >>> round(constants.gamma, 5), round(constants.L, 4)
    (0.0459, 0.4023)
    """

    spread: float = math.inf

    def __init__(self, dim: int, spread: float, axis: Any = None) -> None:
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "axis", axis)
        object.__setattr__(self, "spread", checks.positive("spread", spread, infinite=True))
        self.__post_init__()

    @property
    def label(self) -> str:
        return f"mixture({short(self.spread)})"

    @property
    def _reach(self) -> float:
        """Half the opening π/2 of each component in units of √2 σ: P(|N(0, σ²)| < π/2) = erf(reach)."""
        return math.pi / (2 * math.sqrt(2) * self.spread)

    def log_density(self, elevation: np.ndarray) -> np.ndarray:
        """F(δ) = exp(−(π/2 − δ)²/2σ²) / (√(2π) σ erf(π/(2√2 σ))): half a folded normal."""
        if math.isinf(self.spread):
            return np.full_like(elevation, -math.log(math.pi))
        # √(2π) σ erf(reach) = π erf(reach) / (2 reach / √π): it tends to π as σ → ∞.
        log_norm = math.log(math.sqrt(2 * math.pi) * self.spread) + math.log(math.erf(self._reach))
        return -0.5 * ((math.pi / 2 - elevation) / self.spread) ** 2 - log_norm

    @property
    def elevations(self) -> Float[np.ndarray, " edges"]:
        # log F changes by at most (a/σ)² where the angle is below a: at most 20 a panel, which its nodes resolve to
        # rounding. Beyond a = 40 σ, F is less than exp(−800) of its maximum, and one panel is enough for nothing.
        widest = min(math.pi / 2, 40 * self.spread)
        panels = max(12, math.ceil((widest / self.spread) ** 2 / 20))
        return np.unique(np.append(0.0, np.linspace(math.pi / 2 - widest, math.pi / 2, panels + 1)))

    def _draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
        uniform, side = rng.random(n), rng.integers(0, 2, n) * 2.0 - 1
        if math.isinf(self.spread):
            angle = math.pi / 2 * uniform
        else:
            from scipy import special

            angle = math.sqrt(2) * self.spread * special.erfinv(uniform * math.erf(self._reach))
        return join(side * np.cos(angle), np.sin(angle), self.dim, rng)
