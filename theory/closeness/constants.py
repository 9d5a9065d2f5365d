r"""γ(φ), L(φ), β(φ) and L_cross(φ) of a sample of patches: exact in two dimensions.

    γ(φ) = min_{θ ≤ φ} λ_min(E[u₊₊u₊₊ᵀ]),   L(φ) = max_{θ ≤ φ} λ_max(E[u₊₊u₊₊ᵀ])
    β(φ) = sup_{0 < θ ≤ φ} λ_max(E[u₊₋u₊₋ᵀ])/θ
    L_cross(φ) = sup_{0 < θ ≤ φ} (‖E[u₊₊u₊₋ᵀ]‖ + ‖E[u₊₊u₋₊ᵀ]‖ + ‖E[u₊₋u₋₊ᵀ]‖)/θ

For one patch L_cross is 0, γ is found at θ = φ and L at θ = 0; for more, u₊₊ may grow as patches drop out of it, so
that all angles count. With a ``least_angle`` θ₀ > 0 the suprema are of what there is at θ over max(θ, θ₀): smaller, and
all that a step from φ_t ≥ θ₀ needs. Source: Du, Lee & Tian (2018), Sections 2 and 3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.arrays import to_numpy
from theory.closeness.law import Estimate, Estimates
from theory.closeness.sweep import Patches, sweep

CROSS, NORM = 6.0, 10.0
"""What the theorem subtracts from γ, and adds to L, as multiples of L_cross."""

PROOF = 3 * math.pi / 2
"""What its proof needs, in both places."""


class Curve:
    """The constants of patches in the plane at every angle below π/2, exactly: one sweep to each side of the teacher.

    They are those of the sample itself, as a law of its own, so a theorem about a law is one about it without any
    sampling error. Right to the rounding of sums of n k numbers.

    Parameters
    ----------
    patches
        Shape (n, k, 2), or (n, 2) for one patch.
    teacher
        w*, two numbers, not zero.
    least_angle
        β and L_cross divide by no less than this.
    weights
        The probability of each sample up to a common factor; 1/n if not given.

    Raises
    ------
    BadInput
        If an argument is out of its range, the shapes disagree, or p is not 2.

    Examples
    --------
    >>> curve = Curve(np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, -1.0]]]), teacher=[1.0, 0.0])
    >>> round(float(curve.gamma(1.0)), 4), round(float(curve.L(1.0)), 4)
    (0.3333, 0.6667)
    """

    def __init__(self, patches: Any, teacher: Any, *, least_angle: float = 0.0, weights: Any = None) -> None:
        sample = Patches.of(patches, teacher, weights)
        if sample.dim != 2:
            raise checks.refuse("patches", f"of {sample.dim} entries each", "of 2: in more, theory.closeness.closeness")
        self.least_angle = checks.finite("least_angle", least_angle)
        if not 0 <= self.least_angle < math.pi / 2:
            raise checks.refuse("least_angle", self.least_angle, "at least 0 and below π/2")
        sides = [sweep(sample, np.array([side]), math.pi / 2) for side in (-1.0, 1.0)]
        values = [along(angles, matrices, self.least_angle) for angles, matrices in sides]
        angles = np.concatenate([angles for angles, _ in sides])
        order = np.argsort(angles, kind="stable")
        self._angles = angles[order]
        gamma, top, beta, cross = np.concatenate(values, axis=1)[:, order]
        self._gamma = np.minimum.accumulate(gamma)
        self._top, self._beta, self._cross = (np.maximum.accumulate(c) for c in (top, beta, cross))

    def _place(self, angle: Any) -> Any:
        return np.searchsorted(self._angles, np.nan_to_num(np.asarray(angle, dtype=float)), side="right") - 1

    def gamma(self, angle: Any) -> Any:
        """γ(φ) at each angle in [0, π/2]."""
        return self._gamma[self._place(angle)]

    def L(self, angle: Any) -> Any:
        """L(φ)."""
        return self._top[self._place(angle)]

    def beta(self, angle: Any) -> Any:
        """β(φ)."""
        return self._beta[self._place(angle)]

    def cross(self, angle: Any) -> Any:
        """L_cross(φ)."""
        return self._cross[self._place(angle)]

    def reach(self, *, gap: float = CROSS) -> float:
        """The largest φ below which γ > 6 L_cross, at most π/2: how far from w* Theorem 3.1 covers a start."""
        short = np.flatnonzero(~(self._gamma - gap * self._cross > 0))
        return float(self._angles[short[0]]) if short.size else math.pi / 2

    def margin(self, distance: float) -> float:
        """(γ − 6 L_cross)/(γ + 6 L_cross) at φ = arcsin of a relative distance: above 0 where Theorem 3.1 covers it."""
        phi = math.asin(checks.number("distance", distance))
        gamma, cross = float(self.gamma(phi)), CROSS * float(self.cross(phi))
        return (gamma - cross) / (gamma + cross) if 0 < gamma + cross < math.inf else -1.0

    def along(
        self, distance: Float[np.ndarray, "*shape"], *, gap: float = CROSS, more: float = NORM
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        """γ − gap · L_cross and L + more · L_cross + 4β at φ = arcsin of relative distances below 1; NaN stays NaN.

        ``gap`` and ``more`` are 6 and 10 in Theorem 3.1, 3π/2 in its proof, and 0 for a theorem that forgets L_cross.
        """
        phi = np.arcsin(np.clip(distance, 0.0, 1.0))
        cross = self.cross(phi)
        known = np.where(np.isnan(phi), np.nan, 0.0)
        return self.gamma(phi) - gap * cross + known, self.L(phi) + more * cross + 4 * self.beta(phi) + known

    def step(self, angle: Any, *, gap: float = CROSS, more: float = NORM) -> Any:
        """What Theorem 3.1 admits at each angle: (γ − 6 L_cross)/(2 (L + 10 L_cross + 4β)²)."""
        xp = array_namespace(angle)
        net, lipschitz = self.along(np.sin(to_numpy(angle)), gap=gap, more=more)
        return xp.asarray(net / (2 * lipschitz**2))


def exact_constants(patches: Any, angle: float, teacher: Any, *, least_angle: float = 0.0) -> Estimates:
    """The constants of patches in the plane at φ = ``angle``, exactly, as limits that coincide: see :class:`Curve`."""
    phi, curve = checks.angle("angle", angle), Curve(patches, teacher, least_angle=least_angle)
    found = (float(part(phi)) for part in (curve.gamma, curve.L, curve.beta, curve.cross))
    return Estimates(phi, *(Estimate(value, value, value) for value in found))


def along(
    angles: Float[np.ndarray, " s"], matrices: Float[np.ndarray, "s 5 p p"], least: float
) -> Float[np.ndarray, "4 s"]:
    """λ_min and λ_max of the first matrix, λ_max of the second and the norms of the others over max(θ, ``least``)."""
    values = np.linalg.eigvalsh(matrices[:, :2])
    over = np.maximum(angles, least)
    entered = np.stack([values[:, 1, -1], np.sum(norms(matrices[:, 2:]), axis=1)])
    # At θ = 0 nothing has entered or left, or else at once: then the supremum is infinite.
    none = np.where(entered > 0, np.inf, 0.0)
    return np.concatenate([values[:, 0, [0, -1]].T, np.divide(entered, over, out=none, where=over > 0)])


def norms(matrices: Float[np.ndarray, "*s p p"]) -> Float[np.ndarray, "*s"]:
    """‖M‖ of every matrix; in the plane by σ₁ ± σ₂ = √(‖M‖_F² ± 2|det M|)."""
    if matrices.shape[-1] != 2:
        return np.linalg.norm(matrices, ord=2, axis=(-2, -1))
    a, b, c, d = (matrices[..., i, j] for i in (0, 1) for j in (0, 1))
    return (np.hypot(a + d, b - c) + np.hypot(a - d, b + c)) / 2
