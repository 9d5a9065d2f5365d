r"""Second moments of what close patches send through a filter, in the plane: E[U Uᵀ] for U = (u_{++}, u_{+−}, u_{−+}).

With k patches, u_{ab} = (1/k) Σᵢ Zᵢ 1{Zᵢ ∈ S(aw, bw*)}. Given the centre c of :class:`ClosePatches` the patches are
independent and alike, so that m_a = E[Z 1{S_a} | c] and M_a = E[ZZᵀ 1{S_a} | c] are all there is to know:

    E[u_a u_bᵀ] = (1/k) E_c[M_a] 1{a = b} + ((k−1)/k) E_c[m_a m_bᵀ]        (the regions have no patch in common)

For p = 2 everything is an angle. Let x be the angle of a patch beyond the hyperplane of w*, on the side of w, so that
Z = (−sin x, cos x) along w* and along the direction orthogonal to it that w leans to, and let ∠(w, w*) = θ. Then

    S(w,w*) = [θ−π, 0],   S(w,−w*) = [0, θ],   S(−w,w*) = [−π, θ−π],   x uniform on [α−ρ, α+ρ] given c at the angle α

Over the part of such an interval that lies in a region, of half-length h, middle μ and share s = h/ρ of the patches,

    m = s (sin h/h) (−sin μ, cos μ),   M₁₁ = s ((2h − sin 2h)/4h + (sin 2h/2h) sin²μ),
    M₁₂ = −s (sin 2h/2h) sin μ cos μ,   M₂₂ = s − M₁₁

As functions of α they are smooth but where α ± ρ passes the end of a region, and the density of α is smooth but where
the elevation of c is 0 or π/2: Gauss–Legendre on the panels between reaches rounding, relative to each entry, also
where a region is as narrow as θ = 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.axial import AxisSymmetric
from theory.distributions.close import ClosePatches
from theory.distributions.wedge import composite

BLOCK = 1 << 14
"""Quadrature nodes held at once: an array of them stays in the cache."""


class PlaneMoments(NamedTuple):
    """E_c of what one patch gives and of what two give; both 6 × 6, for U = (u_{++}, u_{+−}, u_{−+}), each in R²."""

    one: Float[np.ndarray, "m 6 6"]
    two: Float[np.ndarray, "m 6 6"]

    def of(self, k: int) -> Float[np.ndarray, "m 6 6"]:
        """E[U Uᵀ] for k patches: (one + (k−1) two)/k."""
        return (self.one + (k - 1) * self.two) / k


def in_the_plane(law: ClosePatches) -> AxisSymmetric:
    """The law of the centres of ``law``, after making sure that E[U Uᵀ] has an exact form.

    Raises
    ------
    BadInput
        If the patches are not in the plane, or their centres have no axis of symmetry.
    """
    if not isinstance(law, ClosePatches):
        raise checks.refuse("law", getattr(law, "label", type(law).__name__), "a ClosePatches")
    if law.dim != 2 or not isinstance(law.law, AxisSymmetric):
        required = (
            "of patches in the plane (dim 2) around centres with an axis of symmetry; "
            "for any other use theory.closeness.estimated or a sample"
        )
        raise checks.refuse("law", f"{law.label} with dim {law.dim}", required)
    return law.law


def tilt_of(law: ClosePatches, teacher: Float[np.ndarray, " 2"]) -> float:
    """The angle of w* beyond the axis of the centres, in (−π/2, π/2]; 0 where every direction is an axis.

    Raises
    ------
    BadInput
        If the patches are not in the plane, their centres have no axis of symmetry, or w* is no vector of the plane.
    """
    centre = in_the_plane(law)
    if teacher.shape != (2,):
        raise checks.refuse("teacher", f"an array of shape {teacher.shape}", "of shape (2,), as the patches are")
    axis = centre.direction
    sine, cosine = axis[0] * teacher[1] - axis[1] * teacher[0], float(axis @ teacher)
    # Along the axis but for rounding: an angle of a few roundings is none.
    if centre.isotropic or abs(sine) <= 8 * np.finfo(float).eps * abs(cosine):
        return 0.0
    return math.atan2(sine, cosine) if cosine > 0 else math.atan2(-sine, -cosine)


def plane_moments(law: ClosePatches, angle: Float[np.ndarray, " m"], tilt: float = 0.0) -> PlaneMoments:
    """``PlaneMoments`` of close patches at each θ = ∠(w, w*) in [0, π], for w* at the angle ``tilt`` from the axis.

    The basis is (w*, the direction orthogonal to it that w leans to), and the tilt counts towards the latter. k does
    not matter.

    Raises
    ------
    BadInput
        If the patches are not in the plane, or their centres have no axis of symmetry.

    Examples
    --------
    >>> law = ClosePatches(dim=2, k=3, spread=math.inf, closeness=0.0)
    >>> plane_moments(law, np.array([math.pi / 2])).of(3)[0, :2, :2].round(6).tolist()
    [[0.125, 0.079577], [0.079577, 0.125]]
    """
    centre = in_the_plane(law)
    theta = np.asarray(angle, dtype=float)
    rule = np.polynomial.legendre.leggauss(_nodes(centre))
    panels = 4 * centre.elevations.size + 16
    parts = np.array_split(theta, max(1, math.ceil(theta.size * panels * rule[0].size / BLOCK)))
    found = [_block(centre, law.closeness, part, tilt, rule) for part in parts]
    return PlaneMoments(*(np.concatenate(entry) for entry in zip(*found, strict=True)))


def _nodes(centre: AxisSymmetric) -> int:
    """Nodes a panel, by half the most that log F changes over one: exp(λx) on [−1, 1] to rounding."""
    edges = centre.elevations
    levels = centre.log_density(edges)
    steps = np.abs(np.diff(levels))[np.maximum(levels[1:], levels[:-1]) > levels.max() - 800]
    return 8 if steps.max() <= 2 else 12 if steps.max() <= 8 else 24


def _block(centre: AxisSymmetric, rho: float, theta: np.ndarray, tilt: float, rule: Any) -> tuple[Any, Any]:
    alpha, weights = composite(_edges(centre, rho, theta, tilt), rule)
    weights *= _density(centre, alpha + (math.pi / 2 + tilt))
    ends = theta[:, None]
    turns = (0.0,) if math.pi + theta.max(initial=0.0) + 2 * rho <= 2 * math.pi else (0.0, 2 * math.pi)
    both = [_part(alpha + turn, ends - math.pi, 0.0, rho) for turn in turns]
    only = [_part(alpha + turn, 0.0, ends, rho) for turn in turns]
    # The region −+ is +− turned by π: measured from its own edge, what is narrow keeps its relative accuracy.
    other = [_part(alpha + (math.pi + turn), 0.0, ends, rho) for turn in turns]
    v = np.stack([*_mean(both), *_mean(only), *(-m for m in _mean(other))], axis=1)
    one = np.zeros((theta.size, 6, 6))
    one[:, :2, :2] = _second(both, weights)
    # The law of the patches is symmetric under z → −z, which exchanges +− and −+.
    one[:, 2:4, 2:4] = one[:, 4:, 4:] = _second(only, weights)
    return one, (v * weights[:, None, :]) @ np.swapaxes(v, 1, 2)


class _Part(NamedTuple):
    """What of [α−ρ, α+ρ] lies in a region: its share of the patches, half its length, sine and cosine of its middle."""

    share: np.ndarray
    half: np.ndarray
    sine: np.ndarray
    cosine: np.ndarray


def _part(alpha: np.ndarray, low: Any, high: Any, rho: float) -> _Part:
    # Never the difference of two ends, each rounded: the length of the part is one of these four.
    length = np.minimum(np.minimum(2 * rho, high - low), np.minimum(alpha + (rho - low), (high + rho) - alpha))
    middle = (np.maximum(alpha - rho, low) + np.minimum(alpha + rho, high)) / 2
    half = np.maximum(length / 2, np.finfo(float).tiny)
    share = np.maximum(length, 0.0) / (2 * rho) if rho > 0 else ((alpha >= low) & (alpha <= high)).astype(float)
    return _Part(share, half, np.sin(middle), np.cos(middle))


def _mean(parts: Sequence[_Part]) -> tuple[np.ndarray, np.ndarray]:
    """m along and across w*."""
    sizes = [part.share * (np.sin(part.half) / part.half) for part in parts]
    pairs = list(zip(sizes, parts, strict=True))
    return sum(-m * part.sine for m, part in pairs), sum(m * part.cosine for m, part in pairs)


def _second(parts: Sequence[_Part], weights: np.ndarray) -> Float[np.ndarray, "m 2 2"]:
    """E_c[M]."""
    total = np.zeros((weights.shape[0], 3))
    for share, half, sine, cosine in parts:
        weight = share * weights
        double = np.sin(2 * half) / (2 * half)
        first = _sine_defect(2 * half) / 2 + double * sine**2
        entries = (first, -double * sine * cosine, 1 - first)
        total += np.stack([np.einsum("mn,mn->m", weight, entry) for entry in entries], axis=1)
    return total[:, [0, 1, 1, 2]].reshape(-1, 2, 2)


def _sine_defect(x: np.ndarray) -> np.ndarray:
    """1 − sin x/x on [0, π] without cancellation: x²/6 (1 − x²/20 (1 − x²/42 (…))), 15 terms to rounding at π."""
    square = x * x
    total = np.ones_like(x)
    for n in range(15, 0, -1):
        total *= square * (-1 / ((2 * n + 2) * (2 * n + 3)))
        total += 1
    return square / 6 * total


def _density(centre: AxisSymmetric, angle: np.ndarray) -> np.ndarray:
    """Of the centre's signed angle to the axis, ½F at its elevation: F has mass ½ on a quarter of the circle."""
    elevation = np.abs(np.mod(angle, math.pi) - math.pi / 2)
    return np.exp(centre.log_density(elevation)) / 2


def _edges(centre: AxisSymmetric, rho: float, theta: np.ndarray, tilt: float) -> Float[np.ndarray, "m panels"]:
    """Sorted edges of panels on the circle [−π−ρ, π−ρ] of α: those that resolve the density, and α ± ρ = an end."""
    first = -math.pi - rho
    quarter = np.concatenate([centre.elevations, -centre.elevations])
    fixed = np.concatenate([quarter, quarter + math.pi, [rho, -rho, rho - math.pi, -rho - math.pi]])
    fixed[:-4] -= tilt
    ends = np.concatenate([theta[:, None] + shift for shift in (rho, -rho, rho - math.pi, -rho - math.pi)], axis=1)
    edges = np.concatenate([np.broadcast_to(fixed, (theta.size, fixed.size)), ends], axis=1)
    # Turned by whole turns alone: the edges of a region as narrow as θ stay where they are to their own rounding.
    edges = edges - 2 * math.pi * np.floor((edges - first) / (2 * math.pi))
    borders = np.broadcast_to([first, first + 2 * math.pi], (theta.size, 2))
    return np.sort(np.concatenate([edges, borders], axis=1), axis=1)
