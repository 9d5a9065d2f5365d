"""Filters to be learned from images, starts around them, and where in the patches' spectrum a filter lies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions import ImagePatches
from theory.objectives.gabor import GaborFilter
from theory.problems.images import load

LARGE, SMALL = 5, 3
"""Sides of a filter: 5×5 where three of them fit beside each other into the image, as into MNIST's 28×28, else 3×3."""

FILTERS = ("random", "gabor", "gabors")


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

    x' = x cos θ + y sin θ, y' = −x sin θ + y cos θ; θ and ψ in radians, λ and σ in pixels; x counts rows, y columns.

    Raises
    ------
    BadInput
        If the size is below 1, or λ, σ or γ is not positive.

    Examples
    --------
    >>> gabor(3, theta=0.0, wavelength=2.0).reshape(3, 3).round(2).tolist()
    [[-0.86, -0.88, -0.86], [0.97, 1.0, 0.97], [-0.86, -0.88, -0.86]]
    """
    found = GaborFilter(theta=theta, wavelength=wavelength, sigma=sigma, gamma=gamma, psi=psi, size=size)
    return found.kernel()


def filter_named(name: str, size: int, *, rng: np.random.Generator) -> Float[np.ndarray, " p"]:
    """``random``: entries N(0, 1). ``gabor``: θ = π/4, ψ = 0. ``gabors``: a Gabor filter, θ and ψ drawn evenly.

    Raises
    ------
    BadInput
        If there is no such filter.

    Examples
    --------
    >>> filter_named("gabor", 3, rng=np.random.default_rng(0)).shape
    (9,)
    """
    if name == "random":
        return rng.standard_normal(size * size)
    if name == "gabor":
        return gabor(size)
    if name == "gabors":
        return gabor(size, theta=math.pi * rng.random(), psi=2 * math.pi * rng.random())
    raise checks.refuse("filter", repr(name), f"one of {', '.join(FILTERS)}")


def image_patches(source: str, most: int) -> ImagePatches:
    """The patches at stride 1, as they are, of the first ``most`` images of a source that :func:`load` knows.

    The filter is 5×5 or 3×3: see ``LARGE``.

    Raises
    ------
    BadInput
        If the source holds signals instead of images, images too small for a filter or without ink, or cannot be
        loaded.

    Examples
    --------
    >>> image_patches("digits", 100).label
    'image_patches(100,8x8,3x3,1x1,none)'
    """
    images = load(source)[: checks.integer("most", most, least=1)]
    if images.ndim != 3:
        raise checks.refuse("images", f"{source!r}, signals of shape {images.shape[1:]}", "images with two axes")
    height, width = images.shape[1:]
    if min(height, width) < SMALL:
        raise checks.refuse("images", f"{source!r}, of {height}x{width}", f"{SMALL}x{SMALL} or larger")
    if not images.any():
        given = f"{source!r}, of which the first {len(images)} are zero throughout"
        raise checks.refuse("images", given, "with some ink")
    return ImagePatches(images, LARGE if min(height, width) >= 3 * LARGE else SMALL)


def around(w: Float[np.ndarray, " p"], distances: Any, *, rng: np.random.Generator) -> Float[np.ndarray, "p runs"]:
    """Starts w + d‖w‖e, one for every distance d, each in a random direction e of its own."""
    return w[:, None] + np.asarray(distances) * np.linalg.norm(w) * directions(len(distances), w.size, rng=rng)


def directions(n: int, dim: int, *, rng: np.random.Generator) -> Float[np.ndarray, "p n"]:
    """n unit vectors of R^dim, evenly distributed."""
    e = rng.standard_normal((dim, n))
    return e / np.linalg.norm(e, axis=0)


def patch_moment(patches: ImagePatches) -> Float[np.ndarray, "p p"]:
    """E[z zᵀ] over all patches of all images, those that are zero included.

    Examples
    --------
    >>> patch_moment(ImagePatches(np.ones((1, 3, 3)), 1)).tolist()
    [[1.0]]
    """
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


def curvature_along(moment: Any, vectors: Float[np.ndarray, "p n"]) -> Float[np.ndarray, " n"]:
    """vᵀMv / (‖v‖² λ_max(M)) of each vector: its energy weighted by the spectrum, between 0 and 1.

    Examples
    --------
    >>> curvature_along(np.diag([1.0, 4.0]), np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [0.25, 1.0]
    """
    form = np.sum(vectors * (moment @ vectors), axis=0)
    return form / (np.sum(vectors**2, axis=0) * np.linalg.eigvalsh(moment)[-1])


def segment(start: Float[np.ndarray, " p"], end: Float[np.ndarray, " p"], places: Any) -> Float[np.ndarray, "p points"]:
    """(1 − a) start + a end for every a.

    Examples
    --------
    >>> segment(np.zeros(1), np.ones(1), [0.0, 0.5, 1.0]).tolist()
    [[0.0, 0.5, 1.0]]
    """
    a = np.asarray(places)
    return (1 - a) * start[:, None] + a * end[:, None]


def cosine(u: Float[np.ndarray, "p n"], v: Float[np.ndarray, "p n"]) -> Float[np.ndarray, " n"]:
    """cos ∠(u, v) of every pair of columns.

    Examples
    --------
    >>> cosine(np.array([[3.0], [4.0]]), np.array([[1.0], [0.0]])).tolist()
    [0.6]
    """
    return np.sum(u * v, axis=0) / (np.linalg.norm(u, axis=0) * np.linalg.norm(v, axis=0))
