r"""Brackets of γ(φ), L(φ), L_cross(φ) and β(φ) for the overlapping patches of a Gaussian image, certain for the law.

Expand h(z) = v·z 1{z ∈ region} of a standard Gaussian z in Hermite polynomials, h = Σ_d h_d. Of two patches with
E[ZᵢZⱼᵀ] = C_o the parts of different degree are uncorrelated, and E[h_d(Zᵢ) h'_d(Zⱼ)] = ⟨h_d, C_o^{⊗d} h'_d⟩. C_o
moves pixels. So Σ_o n_o C_o^{⊗d} moves d-tuples of pixels, which fall into classes of moved copies of each other; on a
class it is a principal submatrix of

    G = Σ_o n_o C_o = E[Z_avg Z_avgᵀ]

since the places of a tuple in the filter are those of its first pixel, or fewer. Its eigenvalues therefore lie between
g = λ_min(G) and Λ = λ_max(G), for every d ≥ 1. With m = E[z 1] and A = E[zzᵀ 1] of one neuron in the region,

    g (A − mmᵀ) + mmᵀ  ≼  E[uuᵀ]  ≼  Λ (A − mmᵀ) + mmᵀ

in the order of positive semidefinite matrices, and for two disjoint regions a and b, where patches pair only with
others,

    ‖E[u_a u_bᵀ] − (1 − c) m_a m_bᵀ‖ ≤ h √(λ_max(A_a) λ_max(A_b)),   c = (Λ + g)/2,  h = (Λ − g)/2
    ‖E[u_a u_bᵀ]‖ ≤ (s − n_0) λ_max(A_b) + (1 − s) ‖m_a‖‖m_b‖

The first is that of G_d − cI, as Σ_{d≥1} ⟨h_d, h'_d⟩ = −(v·m_a)(v'·m_b). The second adds the pairs: of the share s that
overlap each other, E[|v·Zᵢ||v'·Zⱼ| 1{Zⱼ ∈ b}] is at most λ_max(A_b), by Cauchy and Schwarz and since given Zⱼ the
square of v·Zᵢ has the mean 1 − |c|² + (c·Zⱼ)², c = C_oᵀv; the others are independent. In A and m w matters through θ
alone. Without overlap g = Λ = 1/k: then γ and L are exact. Derived here; it has no source.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.sample import Brackets
from theory.distributions import PatchGrid
from theory.objectives.overlap import PatchPairs, patch_pairs
from theory.smoothness import Bracket
from theory.smoothness.caps import EPS

PARTS = 2048
"""Stretches of (0, φ] on which a quotient by θ is bounded by its falling part at the beginning, its rising at the
end."""


def average_moment(pairs: PatchPairs) -> Float[np.ndarray, "p p"]:
    """G = E[Z_avg Z_avgᵀ] of standard Gaussian images."""
    offsets, p = pairs.moved.shape
    moment = np.zeros((p, p + 1))
    for o in range(offsets):
        moment[np.arange(p), pairs.moved[o]] += pairs.share[o]
    return moment[:, :p]


def gaussian_brackets(grid: PatchGrid, angle: float, *, teacher: Any = None) -> Brackets:
    """The constants at φ = ``angle`` in (0, π/2) for the patches of standard Gaussian images, whatever the teacher.

    Parameters
    ----------
    grid
        ``GaussianImages``, or any other grid of patches.
    angle
        φ in radians, strictly between 0 and π/2.
    teacher
        w* of as many numbers as the filter, if its shape is to be checked.

    Raises
    ------
    BadInput
        If the angle or the teacher is out of range, or the filter has a single entry.

    Examples
    --------
    >>> found = gaussian_brackets(PatchGrid(30, filter_size=5, stride=5), 0.9)
    >>> round(found.gamma.lower, 4), round(found.gamma.upper, 4), found.worst.margin < 0
    (0.0387, 0.0387, True)
    """
    phi = checks.angle("angle", angle)
    checks.integer("dim", grid.dim, least=2)
    if teacher is not None and (w_star := checks.nonzero("teacher", teacher, np)).shape != (grid.dim,):
        raise checks.refuse(
            "teacher", f"an array of shape {w_star.shape}", f"of shape ({grid.dim},), as the filter has"
        )
    pairs = patch_pairs(grid)
    spectrum = np.linalg.eigvalsh(average_moment(pairs))
    # Weyl: an eigenvalue is wrong by a few roundings of the largest, for each entry of a row.
    doubt = 4 * grid.dim * EPS * spectrum[-1]
    g, top = max(0.0, float(spectrum[0] - doubt)), min(1.0, float(spectrum[-1] + doubt))
    theta = np.linspace(0.0, phi, PARTS + 1)
    overlapping = (1 - pairs.apart) - 1 / grid.k
    return Brackets(
        angle=phi,
        gamma=_wider(g * _least(phi), top * _least(phi)),
        L=_wider(*(x / 2 + (1 - x) / (2 * math.pi) for x in (g, top))),
        cross=_wider(_cross_attained(theta[1:], g, top), _cross_bound(theta, g, top, overlapping, pairs.apart)),
        beta=_wider(_beta_attained(theta[1:], g), _beta_bound(theta, top)),
        least_angle=0.0,
    )


def _wider(lower: float, upper: float) -> Bracket:
    """By the roundings of a dozen functions."""
    return Bracket(max(0.0, lower * (1 - 64 * EPS)), upper * (1 + 64 * EPS))


def _least(theta: float) -> float:
    """γ of one neuron: λ_min(A_{++}), across the bisector; it falls as θ grows."""
    return (math.pi - theta - math.sin(theta)) / (2 * math.pi)


def _sinc(theta: np.ndarray) -> np.ndarray:
    """Of sin θ/θ."""
    return np.sinc(theta / math.pi)


def _thin(theta: np.ndarray) -> np.ndarray:
    """λ_max(A_{+−})/θ = (1 + sin θ/θ)/2π, falling."""
    return (1 + _sinc(theta)) / (2 * math.pi)


def _mean(theta: np.ndarray) -> np.ndarray:
    """‖m_{+−}‖²/θ = sin²(θ/2)/2πθ, rising up to θ = 2.33."""
    return theta * _sinc(theta / 2) ** 2 / (8 * math.pi)


def _product(theta: np.ndarray) -> np.ndarray:
    """‖m_{++}‖‖m_{+−}‖/θ = sin θ/4πθ, falling."""
    return _sinc(theta) / (4 * math.pi)


def _wide(theta: np.ndarray) -> np.ndarray:
    """λ_max(A_{++}), falling."""
    return (math.pi - theta + np.sin(theta)) / (2 * math.pi)


def _beta_bound(theta: np.ndarray, top: float) -> float:
    return float(np.max(top * _thin(theta[:-1]) + (1 - top) * _mean(theta[1:])))


def _beta_attained(theta: np.ndarray, g: float) -> float:
    # Towards θ = 0 the quotient tends to g/π or more.
    return max(g / math.pi, float(np.max(g * _thin(theta) + (1 - g) * _mean(theta))))


def _cross_bound(theta: np.ndarray, g: float, top: float, overlapping: float, apart: float) -> float:
    """The smaller of both bounds, stretch by stretch."""
    start, end = theta[:-1], theta[1:]
    c, h = (top + g) / 2, (top - g) / 2
    by_pairs = 3 * overlapping * _thin(start) + apart * (2 * _product(start) + _mean(end))
    with np.errstate(divide="ignore"):
        mixed = np.sqrt(_wide(start) * _thin(start) / start) if h else np.zeros_like(start)
    by_degree = (1 - c) * (2 * _product(start) + _mean(end)) + (h * (2 * mixed + _thin(start)) if h else 0.0)
    return float(np.max(np.minimum(by_pairs, by_degree)))


def _cross_attained(theta: np.ndarray, g: float, top: float) -> float:
    """What each of the three norms is at least, at the angle where that is most."""
    c, h = (top + g) / 2, (top - g) / 2
    mixed = (1 - c) * _product(theta) - h * np.sqrt(_wide(theta) * _thin(theta) / theta)
    thin = (1 - c) * _mean(theta) - h * _thin(theta)
    return float(np.max(2 * np.maximum(0.0, mixed) + np.maximum(0.0, thin)))
