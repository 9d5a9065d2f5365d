"""The wedge moments once more, by another formula: polar coordinates in the plane of w and w*.

z = r (sin δ e1 + cos δ v), v uniform on the unit sphere S^{p−2} orthogonal to e1, t = v·e2. The part of z in the plane
of e1 and e2 makes an angle x with the hyperplane orthogonal to e1, where tan δ = t tan x; at a given t, dδ = t dx / q
with q = cos²x + t² sin²x, and the squared length of the plane part is r² t² / q. The wedge at θ is 0 < x < θ, so

    B(θ)  = ∫₀^θ g(x) u uᵀ dx,  u = (−sin x, cos x),    g(x)  = E r² ∫₀¹ k(t) F(δ) t³ / q² dt
    B⊥(θ) = ∫₀^θ g⊥(x) dx,                              g⊥(x) = E r² cos²x / (p−2) ∫₀¹ k(t) F(δ) t (1−t²) / q² dt

with k(t) = K (1−t²)^{(p−4)/2} the density of t. With t = sin v, k dt = K cos^{p−3} v dv. Every integrand has one sign,
so nothing cancels. None of the package's quadrature is used: the laws' densities are written out here as well.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import special

NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)
PER_PANEL = 50.0
"""How much an exponent may change over a panel: 32 Gauss–Legendre nodes integrate exp(25 x) on [−1, 1] to 1e-14."""


class Density:
    """log F of a law of unit norm, and how fast it changes at most."""

    def __init__(self, dim, log_kernel, slope):
        self.dim, self.log_kernel, self.slope = dim, log_kernel, slope
        edges = np.linspace(0, math.pi / 2, 2 + math.ceil((slope + 4 * dim) / PER_PANEL))
        x, w = composite(edges)
        log = log_kernel(x)
        peak = log.max()
        self.log_mass = peak + math.log(2 * np.sum(w * np.exp(log - peak)))
        self.floor = x[np.argmax(log > peak - 690)]  # below it F is under 1e-299

    def log(self, elevation):
        return self.log_kernel(elevation) - self.log_mass

    def half(self):
        """½E[z₁²] and ½E[zᵢ²] for i > 1."""
        x, w = composite(np.linspace(0, math.pi / 2, 2 + math.ceil((self.slope + 4 * self.dim) / PER_PANEL)))
        mass = w * np.exp(self.log(x))
        return np.sum(mass * np.sin(x) ** 2), np.sum(mass * np.cos(x) ** 2) / (self.dim - 1)


def mixture(dim, spread):
    """½ N(0, σ²) truncated to [−π/2, π/2] for the angle π/2 − δ, and its mirror image."""
    return Density(dim, lambda d: -((math.pi / 2 - d) ** 2) / (2 * spread**2), 2 + math.pi / 2 / spread**2)


def watson(dim, concentration):
    """exp(κ sin²δ) on the sphere, whose latitudes have area cos^{p−2} δ."""

    def log_kernel(d):
        area = (dim - 2) * np.log(np.cos(d)) if dim > 2 else 0.0
        return concentration * np.sin(d) ** 2 + area

    return Density(dim, log_kernel, 2 + abs(concentration))


def sphere(dim):
    """Uniform on the sphere: Watson's law at κ = 0."""
    return watson(dim, 0.0)


def composite(edges):
    """Nodes and weights of the composite rule over the last axis of sorted edges."""
    half = np.diff(edges)[..., None] / 2
    shape = (*edges.shape[:-1], -1)
    return (edges[..., :-1, None] + half * (1 + NODES)).reshape(shape), (half * WEIGHTS).reshape(shape)


def plane_densities(density, x):
    """g and g⊥ at angles x in (0, π/2)."""
    return np.concatenate([_plane_densities(density, part) for part in np.array_split(x, 1 + x.size // 200)], axis=1)


def _plane_densities(density, x):
    p, tangent = density.dim, np.tan(x)[:, None]
    square = (np.cos(x) ** 2)[:, None], (np.sin(x) ** 2)[:, None]
    if p == 2:  # t = ±1, each with probability ½
        return np.stack([np.exp(density.log(x)) / 2, np.zeros_like(x)])
    panels = 1 + math.ceil(density.slope / PER_PANEL)
    scales = math.pi / 2 * 0.5 ** np.arange(3 + math.ceil(math.log2(max(math.sqrt(p), tangent.max()))))
    scales = np.broadcast_to(np.append(scales, 0.0), (x.size, scales.size + 1))
    reached = np.tan(np.linspace(0, math.pi / 2, panels + 1)[1:-1])
    reached = reached[(reached > math.tan(density.floor)) & (reached < tangent.max())]
    edges = np.concatenate([scales, np.arcsin(np.minimum(1, reached / tangent))], axis=1)
    v, weights = composite(np.sort(edges, axis=1))
    t = np.sin(v)
    log_k = special.gammaln((p - 1) / 2) - special.gammaln((p - 2) / 2) - 0.5 * math.log(math.pi)
    log_f = density.log(np.arctan(t * tangent))
    mass = weights * np.exp(log_k + (p - 3) * np.log(np.cos(v)) + log_f) * t / (square[0] + t**2 * square[1]) ** 2
    inside = np.sum(mass * t**2, axis=1)
    across = square[0][:, 0] / (p - 2) * np.sum(mass * np.cos(v) ** 2, axis=1)
    return np.stack([inside, across])


def wedge(density, angles):
    """B11, B12, B22, B⊥ of a law with E r² = 1 at increasing angles in (0, π/2), shape (angles, 4)."""
    return np.cumsum(between(density, np.concatenate([[0.0], angles])), axis=0)


def between(density, edges):
    """The integrals from each of the increasing ``edges`` to the next."""
    parts = 2 + math.ceil(0.34 * density.slope / PER_PANEL)  # δ moves by less than 0.34 while π/2 − x halves
    halving = math.pi / 2 * 0.5 ** np.arange(0, 60)[:, None] * (1 - np.arange(parts) / (2 * parts))
    even = np.linspace(0, math.pi / 2, 2 + math.ceil((density.slope + 2 * math.sqrt(density.dim)) / PER_PANEL))
    grid = np.concatenate([math.pi / 2 - halving.ravel(), even])
    grid = np.concatenate([grid[grid > density.floor], edges])
    grid = np.unique(grid[(grid >= edges[0]) & (grid <= edges[-1])])
    x, weights = composite(grid)
    g, across = plane_densities(density, x) * weights
    sine, cosine = np.sin(x), np.cos(x)
    terms = np.stack([g * sine**2, -g * sine * cosine, g * cosine**2, across], axis=1)
    starts = np.searchsorted(grid, edges[:-1]) * NODES.size
    return np.add.reduceat(terms, starts, axis=0)


ANGLES = np.concatenate([[1e-6, 1e-3], np.linspace(0.02, 1.55, 64), math.pi / 2 - np.array([1e-3, 1e-6])])
"""From 1e-6 to π/2 − 1e-6, closely enough to see every maximum of λ_max(B)/θ."""

FAMILIES = {"mixture": mixture, "watson": watson}


@functools.cache
def density(family, dim, parameter):
    return FAMILIES[family](dim, parameter)


@functools.cache
def table(family, dim, parameter):
    """B11, B12, B22, B⊥ at every one of ``ANGLES``."""
    return wedge(density(family, dim, parameter), ANGLES)
