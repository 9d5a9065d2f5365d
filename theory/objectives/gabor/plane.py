"""The population loss of white noise in the plane, where a filter has no pixels and no window: a closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theory.objectives.gabor.filter import GaborFilter
from theory.objectives.gabor.series import Series


class PlaneLoss:
    """ℓ(θ) = ∫ (g_θ − g_θ*)² dx dy = 2 B(0) − 2 B(θ − θ*), a series in the angle between the two filters.

    With Λ = R diag(1, γ²) Rᵀ/σ² and k = (2π/λ) R e₁ of either filter, S = Λ₁ + Λ₂, and q_± = (k₁ ± k₂)ᵀ S⁻¹ (k₁ ± k₂),

        B = A² π det(S)^{−½} (exp(−q_+/2) cos 2ψ + exp(−q_−/2))

    Derived here, by ∫ exp(−½xᵀSx) cos(k·x) dx = 2π det(S)^{−½} exp(−½kᵀS⁻¹k). A sum over pixels is the same up to what
    the window cuts off and what pixels alias, both exponentially small.

    Examples
    --------
    >>> from theory.objectives.gabor import Circle, white
    >>> wide = GaborFilter(size=41)
    >>> at = np.array([[0.3]])
    >>> bool(np.isclose(PlaneLoss(wide).loss(at), Circle([white(41)], wide).value(at)))
    True
    """

    def __init__(self, truth: GaborFilter) -> None:
        self.truth = truth
        self.loss = Series.sampled(lambda theta: 2 * self._overlap(truth.theta) - 2 * self._overlap(theta))

    def _overlap(self, theta: Any) -> Any:
        truth = self.truth
        turn = np.atleast_1d(theta) - truth.theta
        cos, sin, g2 = np.cos(turn), np.sin(turn), truth.gamma**2
        # S, in the axes of the truth, times σ².
        a, b, c = 1 + cos**2 + g2 * sin**2, (1 - g2) * cos * sin, g2 + sin**2 + g2 * cos**2
        det = a * c - b * b
        reach = (2 * math.pi * truth.sigma / truth.wavelength) ** 2

        def decay(sign: int) -> Any:
            x, y = 1 + sign * cos, sign * sin
            return np.exp(-reach * (c * x * x - 2 * b * x * y + a * y * y) / det / 2)

        level = truth.amplitude**2 * math.pi * truth.sigma**2 / np.sqrt(det)
        return level * (decay(1) * math.cos(2 * truth.psi) + decay(-1))
