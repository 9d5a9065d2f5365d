r"""The constants for patches whose law is invariant under rotations about w*, from a sample, with stated confidence.

Then E[u uᵀ] is, in the basis (w*, e, rest), a 2×2 block beside one multiple of the identity, and depends on θ alone:

    M = [[m₁₁, m₁₂], [m₂₁, m₂₂]] ⊕ m⊥ I,   m⊥ = E[Σ_{i>2} uᵢ²]/(p − 2)

Each entry is a mean of independent values, within z standard errors of what it estimates, z the normal quantile. By
Weyl eigenvalues rise with the diagonal, and a norm is off by no more than the norm of all errors. The level is shared
out among all entries, matrices and angles. Between neighbouring angles of the grid nothing is claimed, so that L, β and
L_cross may exceed what is found, and γ fall below it, by what happens in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.sweep import PRODUCTS, Patches

LEVEL = 0.999
"""Confidence of all limits of one estimate together."""

GRID = 24
"""Angles θ, evenly spaced up to φ."""


@dataclass(frozen=True)
class Estimate:
    """A constant and its limits, of confidence or certain, as its maker says."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimates:
    """γ, L, β and L_cross at φ = ``angle``."""

    angle: float
    gamma: Estimate
    L: Estimate
    beta: Estimate
    cross: Estimate


def estimate_constants(patches: Any, angle: float, teacher: Any, *, grid: int = GRID) -> Estimates:
    """The constants of a law that no rotation about w* alters, from a sample: on a grid, with confidence ``LEVEL``.

    Parameters
    ----------
    patches
        Shape (n, k, p), independent sets of patches.
    angle
        φ in (0, π/2).
    teacher
        w*.
    grid
        Angles in (0, φ]; γ and L also look at θ = 0.

    Raises
    ------
    BadInput
        If an argument is out of its range or the shapes disagree.
    """
    sample, phi = Patches.of(patches, teacher), checks.angle("angle", angle)
    count = checks.integer("grid", grid, least=1)
    thetas = np.linspace(0.0, phi, count + 1)
    z = _quantile(5 * 5 * (count + 1))
    found = [_at(sample, theta, z) for theta in thetas]
    both = [pair[0] for pair in found]
    least, largest = [spectrum[0] for spectrum in both], [spectrum[1] for spectrum in both]
    beta = [_over(pair[1][1], theta) for pair, theta in zip(found[1:], thetas[1:], strict=True)]
    cross = [_over(_sum(pair[2:]), theta) for pair, theta in zip(found[1:], thetas[1:], strict=True)]
    return Estimates(phi, _least(least), _largest(largest), _largest(beta), _largest(cross))


def least_moment(vectors: Float[np.ndarray, "n p"]) -> Estimate:
    """λ_min(E[v vᵀ]) of vectors in a frame of w* whose law no rotation about w* alters: with confidence ``LEVEL``."""
    return _block(vectors, vectors, _quantile(5))[0]


def _quantile(numbers: int) -> float:
    """z with P(|N(0,1)| > z) = (1 − LEVEL)/numbers."""
    from scipy.stats import norm

    return float(norm.isf((1 - LEVEL) / (2 * numbers)))


def _at(sample: Patches, theta: float, z: float) -> list[Any]:
    """(λ_min, λ_max) of the two squares and the norms of the three cross matrices at w = cos θ w* + sin θ e₂."""
    active = math.cos(theta) * sample.z[:, :, 0] + math.sin(theta) * sample.z[:, :, 1] >= 0
    u = sample.parts(active)
    return [_block(u[i], u[j], z)[:2] if i == j else _block(u[i], u[j], z)[2] for i, j in PRODUCTS]


def _block(a: np.ndarray, b: np.ndarray, z: float) -> tuple[Estimate, Estimate, Estimate]:
    """λ_min, λ_max (where a is b) and the norm of E[a bᵀ], from its 2×2 block and its multiple of the identity."""
    n, p = a.shape
    each = a[:, :2, None] * b[:, None, :2]
    mean, error = each.mean(axis=0), z * each.std(axis=0) / math.sqrt(n)
    size, off = float(np.linalg.norm(mean, ord=2)), float(np.linalg.norm(error))
    found = [*_eigenvalues(mean, error), Estimate(size, size - off, size + off)]
    if p > 2:
        rest = np.einsum("ni,ni->n", a[:, 2:], b[:, 2:]) / (p - 2)
        m, s = float(rest.mean()), z * float(rest.std()) / math.sqrt(n)
        other, absolute = Estimate(m, m - s, m + s), Estimate(abs(m), abs(m) - s, abs(m) + s)
        found = [_least([found[0], other]), _largest([found[1], other]), _largest([found[2], absolute])]
    return _bounded(found[0]), _bounded(found[1]), _bounded(found[2])


def _eigenvalues(mean: Float[np.ndarray, "2 2"], error: Float[np.ndarray, "2 2"]) -> list[Estimate]:
    """Both eigenvalues of a symmetric matrix: they rise with its diagonal, and part as its other entry grows."""
    inner, d = abs(float(mean[0, 1])), np.diag(error)
    near, far = max(0.0, inner - float(error[0, 1])), inner + float(error[0, 1])

    def spectrum(diagonal: np.ndarray, entry: float) -> np.ndarray:
        return np.linalg.eigvalsh(np.diag(diagonal) + entry * (1 - np.eye(2)))

    middle, low, high = np.diag(mean), np.diag(mean) - d, np.diag(mean) + d
    at = spectrum(middle, inner)
    return [
        Estimate(float(at[0]), float(spectrum(low, far)[0]), float(spectrum(high, near)[0])),
        Estimate(float(at[1]), float(spectrum(low, near)[1]), float(spectrum(high, far)[1])),
    ]


def _bounded(estimate: Estimate) -> Estimate:
    """None of these numbers is negative."""
    return Estimate(max(0.0, estimate.value), max(0.0, estimate.low), max(0.0, estimate.high))


def _least(estimates: list[Estimate]) -> Estimate:
    return Estimate(*(min(getattr(e, name) for e in estimates) for name in ("value", "low", "high")))


def _largest(estimates: list[Estimate]) -> Estimate:
    return Estimate(*(max(getattr(e, name) for e in estimates) for name in ("value", "low", "high")))


def _sum(estimates: list[Estimate]) -> Estimate:
    return Estimate(*(sum(getattr(e, name) for e in estimates) for name in ("value", "low", "high")))


def _over(estimate: Estimate, theta: float) -> Estimate:
    return Estimate(*(float(end / theta) for end in (estimate.value, estimate.low, estimate.high)))
