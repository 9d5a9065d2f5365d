"""Right answers for the accuracy benchmarks: closed forms, quadrature and loops that share nothing with the package."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

PANELS, NODES = 200, 24


def gaussian_gamma(angle: float) -> float:
    """γ(φ) = (π − φ − sin φ)/2π for the standard Gaussian; for the uniform sphere in R^p, divided by p."""
    return (math.pi - angle - math.sin(angle)) / (2 * math.pi)


def mixture_density(spread: float) -> Callable[[np.ndarray], np.ndarray]:
    """Density of the angle to the axis, up to a constant, of ``AngularMixture``."""
    return lambda a: np.exp(-((a / spread) ** 2) / 2)


def watson_density(dim: int, concentration: float) -> Callable[[np.ndarray], np.ndarray]:
    """Density of the angle to the axis, up to a constant, of ``Watson``."""
    return lambda a: np.exp(concentration * (np.cos(a) ** 2 - 1)) * np.sin(a) ** (dim - 2)


def axial_gamma(density: Callable[[np.ndarray], np.ndarray], dim: int, angle: float) -> float:
    """λ_min(A_{w,w*}) at θ = φ for z = cos a · w* + sin a · v, v uniform on the sphere orthogonal to w*.

    Gauss–Legendre over a and over t = v·e2, where w = cos θ w* + sin θ e2 and the region is t ≥ −cot a cot θ, split
    at a = π/2 − θ, where the region begins to bind. ``density`` is that of a in [0, π/2], half of all mass. Right to
    rounding for ``dim`` above about 20, where the density of t, ∝ (1 − t²)^{(dim−4)/2}, is smooth at ±1.
    """
    a, weight = (
        np.concatenate(parts) for parts in zip(_rule(0, math.pi / 2 - angle), _rule(math.pi / 2 - angle), strict=True)
    )
    weight = weight * density(a)
    weight = weight / (2 * weight.sum())
    lowest = np.maximum(-1.0, -1 / (np.tan(a) * math.tan(angle)))[:, None]
    node, rule = np.polynomial.legendre.leggauss(128)
    t = (1 + lowest) / 2 + (1 - lowest) / 2 * node
    normal = math.exp(math.lgamma((dim - 1) / 2) - math.lgamma((dim - 2) / 2)) / math.sqrt(math.pi)
    mass = weight[:, None] * rule * (1 - lowest) / 2 * normal * (1 - t**2) ** ((dim - 4) / 2)
    along, across = np.cos(a)[:, None], np.sin(a)[:, None] * t
    plane = [[np.sum(mass * along**2), np.sum(mass * along * across)], [0.0, np.sum(mass * across**2)]]
    rest = np.sum(mass * np.sin(a)[:, None] ** 2 * (1 - t**2)) / (dim - 2)
    return float(min(rest, np.linalg.eigvalsh(plane, UPLO="U")[0]))


def _rule(low: float, high: float = math.pi / 2) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the composite Gauss–Legendre rule on [low, high]."""
    node, weight = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(low, high, PANELS + 1)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()


def gaussian_gradient(w: np.ndarray, w_star: np.ndarray) -> np.ndarray:
    """½w − (‖w*‖ sin θ · w/‖w‖ + (π − θ) w*)/2π for every column of w: the population gradient, standard Gaussian."""
    length, norm = np.linalg.norm(w, axis=0), np.linalg.norm(w_star)
    u, v = w / length, (w_star / norm)[:, None]
    theta = 2 * np.arctan2(np.linalg.norm(u - v, axis=0), np.linalg.norm(u + v, axis=0))
    return w / 2 - (norm * np.sin(theta) * w / length + (math.pi - theta) * w_star[:, None]) / (2 * math.pi)


def sample_gradient(patches: np.ndarray, w: np.ndarray, w_star: np.ndarray) -> np.ndarray:
    """Mean over inputs Z of (f(w, Z) − f(w*, Z)) · mean over patches of Zᵢ 1{w·Zᵢ ≥ 0}, for every column of w."""
    total = np.zeros_like(w)
    for one in patches:
        for run, column in enumerate(w.T):
            residual = np.maximum(one @ column, 0).mean() - np.maximum(one @ w_star, 0).mean()
            total[:, run] += residual * one[one @ column >= 0].sum(axis=0) / len(one)
    return total / len(patches)


def gaussian_slack(starts: np.ndarray, steps: int) -> float:
    """Least ratio of the measured contraction 1 − ‖w_{t+1}−w*‖²/‖w_t−w*‖² to the promised ηγ/2, standard Gaussian.

    At the steps η = γ(φ_t)/(2(L + 4β)²) of Theorem 2.2, with L = ½ and β = 1/π, while ‖w_t − w*‖ > 1e-7; w* = e1.
    """
    w_star = np.eye(1, len(starts))[0]
    w, least = starts, math.inf
    for _ in range(steps):
        distance = np.linalg.norm(w - w_star[:, None], axis=0)
        w, distance = w[:, distance > 1e-7], distance[distance > 1e-7]
        if not distance.size:
            break
        phi = np.arcsin(distance)
        gamma = (math.pi - phi - distance) / (2 * math.pi)
        eta = gamma / (2 * (0.5 + 4 / math.pi) ** 2)
        w = w - eta * gaussian_gradient(w, w_star)
        contraction = 1 - np.sum((w - w_star[:, None]) ** 2, axis=0) / distance**2
        least = min(least, float(np.min(contraction / (eta * gamma / 2))))
    return least
