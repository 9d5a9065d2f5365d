r"""Second moments of an axis-symmetric law over the wedge between two hyperplanes, by one-dimensional quadrature.

Write z = r (sin δ · e1 + cos δ · v): δ is the elevation of z over the hyperplane orthogonal to the axis e1, v is
uniform on the unit sphere S^{p−2} orthogonal to e1, and r is independent of both. The law is symmetric under z → −z, so
δ has a density F on [0, π/2] of total mass ½, mirrored on [−π/2, 0]. Let t = v·e2 for a direction e2 in that sphere and
w = cos θ e1 + sin θ e2. By symmetry the wedge {w·z ≥ 0 > e1·z} has the moments of {e1·z > 0, t > tan δ / tan θ} with
t → −t:

    B11 = E r² ∫ F sin²δ   Q0 dδ          Q0(x) = P(t > x)      = ½ I_{1−x²}((p−2)/2, ½)
    B12 = −E r² ∫ F sin δ cos δ Q1 dδ     Q1(x) = E[t  1{t > x}] = K (1−x²)^{(p−2)/2} / (p−2)
    B22 = E r² ∫ F cos²δ   Q2 dδ          Q2(x) = E[t² 1{t > x}] = (Q0 + (p−2) x Q1) / (p−1)
    B⊥  = E r² ∫ F cos²δ   Q⊥ dδ          Q⊥(x) = (Q0 − Q2)/(p−2) = (Q0 − x Q1) / (p−1)

at x = tan δ / tan θ, with δ from 0 to θ, K = Γ((p−1)/2) / (√π Γ((p−2)/2)) and I the regularised incomplete beta
function (Q2 follows by one integration by parts). For p = 2, t = ±1 and Q0 = Q1 = Q2 = ½.

With x = sin u every factor is analytic in u on [0, π/2], also where (1−x²) has a half-integer power, so composite
Gauss–Legendre quadrature converges geometrically on panels that resolve the scales of F (in δ), of t (1/√p in u) and
of the arctangent (1/tan θ in u).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, " m"]
LogDensity = Callable[[np.ndarray], np.ndarray]

NODES = 24
"""Gauss–Legendre nodes a panel: exact to rounding for exp(λx) on [−1, 1] up to λ = 20."""

_ABSCISSAE, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)


def integrate(function: Callable[[np.ndarray], np.ndarray], edges: Vector) -> float:
    """∫ of ``function`` from the first to the last edge, one Gauss–Legendre rule a panel."""
    nodes, weights = composite(edges[None, :])
    return float(np.sum(weights * function(nodes)))


def composite(edges: Float[np.ndarray, "m panels"], rule: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (m, panels · nodes) of the composite rule on each row of sorted edges.

    ``rule`` is that of one panel, nodes and weights on [−1, 1]; Gauss and Legendre's with ``NODES`` if not given.
    """
    abscissae, weights = (_ABSCISSAE, _WEIGHTS) if rule is None else rule
    half = np.diff(edges, axis=1)[:, :, None] / 2
    middle = edges[:, :-1, None] + half
    shape = (edges.shape[0], -1)
    return (middle + half * abscissae).reshape(shape), (half * weights).reshape(shape)


def tail_moments(dim: int, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Q0, Q1, Q2, Q⊥ at x = sin u, for one coordinate t of a uniform point on the unit sphere S^{p−2}, p = ``dim``."""
    x, y = np.sin(u), np.cos(u) ** 2
    if dim == 2:
        half = np.full_like(x, 0.5)
        return half, half, half, np.zeros_like(x)
    from scipy import special

    log_k = special.gammaln((dim - 1) / 2) - special.gammaln((dim - 2) / 2) - 0.5 * np.log(np.pi)
    # SciPy's betaincc(½, ½, x²) is wrong in the tenth digit near x = 1e-10; it is an arccosine, in u a line.
    q0 = 0.5 - u / np.pi if dim == 3 else 0.5 * _upper_tail((dim - 2) / 2, x, y)
    q1 = np.exp(log_k + (dim - 2) / 2 * np.log(y)) / (dim - 2)
    return q0, q1, (q0 + (dim - 2) * x * q1) / (dim - 1), (q0 - x * q1) / (dim - 1)


def _upper_tail(a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """I_y(a, ½) at y = 1 − x², from whichever of x² and y is small: I_y has an infinite slope at y = 1."""
    near = x**2 < 0.5
    tail = np.empty_like(x)
    from scipy import special

    tail[near] = special.betaincc(0.5, a, x[near] ** 2)
    tail[~near] = special.betainc(a, 0.5, y[~near])
    return tail


def wedge_moments(dim: int, angle: Vector, log_density: LogDensity, elevations: Vector) -> Float[np.ndarray, "m 4"]:
    """B11, B12, B22, B⊥ for r = 1 at each angle θ in (0, π/2]; every entry to a small multiple of its own rounding.

    ``elevations`` are the edges of panels on [0, π/2] that resolve F. For many angles the nodes in u are shared, so
    that the incomplete beta function, which costs most, is evaluated once for all of them; unless F is so narrow that
    nodes fine enough everywhere would be more.
    """
    slope = np.tan(angle)[:, None]
    own = angle.size <= 8 or angle.size * elevations.size < _parts(elevations)
    edges = _edges(dim, slope, elevations) if own else _shared_edges(dim, slope, elevations)
    u, weights = composite(edges)
    x = np.sin(u)
    q0, q1, q2, q_rest = (weights * np.cos(u) * q for q in tail_moments(dim, u))
    square = 1 + (slope * x) ** 2  # = 1 / cos²δ
    # dδ = tan θ cos u du / (1 + x² tan²θ); sin δ = x tan θ / √(1 + x² tan²θ), cos δ = 1 / √(1 + x² tan²θ)
    mass = np.exp(log_density(np.arctan(slope * x))) / square**2
    # The powers of tan θ stay outside the sums: B11 ~ θ³ keeps its relative accuracy as θ → 0.
    moments = (x**2 * q0, -x * q1, q2, q_rest)
    powers = (3, 2, 1, 1)
    return np.stack([slope[:, 0] ** k * np.sum(mass * m, axis=1) for k, m in zip(powers, moments, strict=True)], axis=1)


def _edges(dim: int, slope: Float[np.ndarray, "m 1"], elevations: Vector) -> Float[np.ndarray, "m panels"]:
    """Sorted panel edges in u: those of F mapped by tan δ = tan θ sin u, and the octaves; surplus ones coincide."""
    inner = elevations[(elevations > 0) & (elevations < np.pi / 2)]
    law = np.arcsin(np.minimum(np.tan(inner), slope) / slope)
    octaves = _octaves(dim, slope)
    return np.sort(np.concatenate([np.broadcast_to(octaves, (slope.size, octaves.size)), law], axis=1), axis=1)


def _shared_edges(dim: int, slope: Float[np.ndarray, "m 1"], elevations: Vector) -> Float[np.ndarray, "1 panels"]:
    """Panel edges in u fine enough for every angle: within an octave of u, δ moves by less than 0.34.

    That is arctan √2 − arctan ½√2, the most that doubling its argument adds to an arctangent.
    """
    parts = _parts(elevations)
    octaves = _octaves(dim, slope)
    split = octaves[:-1, None] + np.diff(octaves)[:, None] * np.arange(parts) / parts
    return np.append(split.ravel(), octaves[-1])[None, :]


def _parts(elevations: Vector) -> int:
    """Panels an octave of u for panels in δ to be nowhere wider than the narrowest of ``elevations``."""
    return 1 + int(np.ceil(0.34 / np.min(np.diff(elevations))))


def _octaves(dim: int, slope: Float[np.ndarray, "m 1"]) -> Vector:
    """0 and (π/2) 2^{−j}, down to below both 1/√p (the scale of t) and 1/tan θ (that of the arctangent)."""
    finest = np.log2(max(np.sqrt(dim), np.max(slope)))
    return np.concatenate([[0.0], np.pi / 2 * 0.5 ** np.arange(max(0, np.ceil(finest)) + 2, -1, -1)])
