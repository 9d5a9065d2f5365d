"""Filters to be learned from images, starts around them, and where in the patches' spectrum a filter lies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions import ImagePatches
from theory.problems.images import load


def gabor(
    size: int,
    *,
    theta: float = math.pi / 4,
    wavelength: float = 4.0,
    sigma: float = 2.0,
    gamma: float = 0.5,
    psi: float = 0.0,
) -> Float[np.ndarray, " p"]:
    """The Gabor filter g(x, y) = exp(−(x'² + γ²y'²)/2σ²) cos(2πx'/λ + ψ), size × size and centred, row by row.

    x' = x cos θ + y sin θ, y' = −x sin θ + y cos θ; θ and ψ in radians, λ and σ in pixels.

    Raises
    ------
    BadInput
        If the size is below 1, or λ or σ is not positive.

    Examples
    --------
    >>> gabor(3, theta=0.0, wavelength=2.0).reshape(3, 3).round(2).tolist()
    [[-0.86, -0.88, -0.86], [0.97, 1.0, 0.97], [-0.86, -0.88, -0.86]]
    """
    half = (checks.integer("size", size, least=1) - 1) / 2
    x, y = np.meshgrid(np.arange(size) - half, np.arange(size) - half, indexing="ij")
    along, across = x * math.cos(theta) + y * math.sin(theta), -x * math.sin(theta) + y * math.cos(theta)
    envelope = np.exp(-(along**2 + gamma**2 * across**2) / (2 * checks.positive("sigma", sigma) ** 2))
    return (envelope * np.cos(2 * math.pi * along / checks.positive("wavelength", wavelength) + psi)).ravel()


def filter_named(name: str, size: int, *, rng: np.random.Generator) -> Float[np.ndarray, " p"]:
    """``random``: entries N(0, 1). ``gabor``: θ = π/4. ``gabors``: a Gabor filter with θ and ψ drawn evenly.

    Raises
    ------
    BadInput
        If there is no such filter.
    """
    if name == "random":
        return rng.standard_normal(size * size)
    if name == "gabor":
        return gabor(size)
    if name == "gabors":
        return gabor(size, theta=math.pi * rng.random(), psi=2 * math.pi * rng.random())
    raise checks.refuse("filter", repr(name), "random, gabor or gabors")


def image_patches(source: str, size: int, most: int) -> ImagePatches:
    """The patches, size × size at stride 1, of the first ``most`` images of a source that :func:`load` knows."""
    return ImagePatches(load(source)[: checks.integer("most", most, least=1)], size)


def around(w: Float[np.ndarray, " p"], distances: Any, n: int, *, rng: np.random.Generator) -> Any:
    """Starts w + d‖w‖e, shape (p, len(distances) · n), for every distance d and the same n random unit vectors e."""
    e = rng.standard_normal((w.size, n))
    e /= np.linalg.norm(e, axis=0)
    return np.concatenate([w[:, None] + d * np.linalg.norm(w) * e for d in distances], axis=1)


def patch_moment(patches: Any) -> Float[np.ndarray, "p p"]:
    """E[z zᵀ] over all patches of all images, those that are zero included."""
    total = np.zeros((patches.dim, patches.dim))
    for z, _ in patches.blocks():
        rows = z.reshape(-1, patches.dim)
        total += rows.T @ rows
    return total / (patches.n * patches.k)


def energy_in_small(moment: Any, vectors: Float[np.ndarray, "p n"], share: float) -> tuple[Any, float]:
    """Of each vector the fraction of ‖v‖² in the span of M's smallest eigenvalues, and the fraction of p that it has.

    The span is the largest whose eigenvalues together are at most ``share`` of the trace.

    Examples
    --------
    >>> energy_in_small(np.diag([1.0, 99.0]), np.array([[3.0], [4.0]]), 0.01)
    (array([0.36]), 0.5)
    """
    values, basis = np.linalg.eigh(moment)
    # A few roundings of the trace: eigenvalues that make up just the share count.
    small = np.cumsum(values) <= share * np.sum(values) * (1 + 1e-12)
    inside = basis[:, small].T @ vectors
    return np.sum(inside**2, axis=0) / np.sum(vectors**2, axis=0), float(np.mean(small))


def segment(start: Float[np.ndarray, " p"], end: Float[np.ndarray, " p"], places: Any) -> Float[np.ndarray, "p points"]:
    """(1 − a) start + a end for every a."""
    a = np.asarray(places)
    return (1 - a) * start[:, None] + a * end[:, None]


def cosine(u: Float[np.ndarray, "p n"], v: Float[np.ndarray, "p n"]) -> Float[np.ndarray, " n"]:
    """cos ∠(u, v) of every pair of columns."""
    return np.sum(u * v, axis=0) / (np.linalg.norm(u, axis=0) * np.linalg.norm(v, axis=0))
