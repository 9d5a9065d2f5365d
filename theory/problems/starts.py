"""Teachers and starts."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from theory.distributions import AxisSymmetric
from theory.distributions.wedge import integrate, tail_moments
from theory.objectives import PopulationLoss


def teacher(dim: int) -> Float[np.ndarray, " p"]:
    """w* = the first unit vector: ‖w*‖ = 1, along the axis of every law of :func:`theory.problems.law`."""
    return np.eye(1, dim)[0]


def half_disc(
    n: int, dim: int, *, rng: np.random.Generator, radius: float = 1.0, inner: float = 0.0
) -> Float[np.ndarray, "p n"]:
    """n starts that cover inner < ‖w₀ − w*‖ < radius in the plane of w* and one random direction, evenly by area.

    For a law symmetric about w* these are all starts there are: only the distance and the angle count. The points are
    scrambled Sobol', so that a hundred of them leave no gap.
    """
    from scipy.stats import qmc

    unit = qmc.Sobol(2, rng=rng).random_base2(math.ceil(math.log2(max(2, n))))[:n]
    r, psi = np.sqrt(inner**2 + (radius**2 - inner**2) * unit[:, 0]), math.pi * unit[:, 1]
    across = rng.standard_normal(dim - 1)
    across /= np.linalg.norm(across)
    return np.vstack([1 + r * np.cos(psi), across[:, None] * (r * np.sin(psi))])


def disc(n: int, *, rng: np.random.Generator, radius: float = 1.0) -> Float[np.ndarray, "2 n"]:
    """n starts that cover ‖w₀ − w*‖ < radius in the plane, both sides of w*, evenly: scrambled Sobol' points."""
    starts = half_disc(n, 2, rng=rng, radius=radius)
    starts[1, ::2] *= -1
    return starts


def in_ball(n: int, dim: int, *, rng: np.random.Generator, radius: float = 1.0) -> Float[np.ndarray, "p n"]:
    """n starts uniform in the ball of ``radius`` around 0 in R^dim."""
    points = rng.standard_normal((dim, n))
    points /= np.linalg.norm(points, axis=0)
    return radius * rng.random(n) ** (1 / dim) * points


def below_zero(
    law: AxisSymmetric, n: int, *, rng: np.random.Generator, radius: float = 2.0
) -> Float[np.ndarray, "p n"]:
    """n starts with ℓ(w₀) < ℓ(0), evenly spread over the half disc ‖w₀‖ < radius in a random plane through w*.

    Up to its rotation about w* that is every start in the ball, obtuse angles included.
    """
    loss = PopulationLoss(law, teacher(law.dim))
    found = np.empty((law.dim, 0))
    origin = float(loss.value(np.zeros(law.dim)))
    while found.shape[1] < n:
        # The half disc around w*, scaled and moved to 0.
        trial = radius * (half_disc(4 * n, law.dim, rng=rng) - teacher(law.dim)[:, None])
        found = np.concatenate([found, trial[:, loss.value(trial) < 0.999 * origin]], axis=1)
    return found[:, :n]


def beside(w_star: Float[np.ndarray, " p"], distance: float, turn: float) -> Float[np.ndarray, " p"]:
    """The start at ``distance`` from w* = the first unit vector, in the direction turned by ``turn`` from it."""
    start = w_star.copy()
    start[:2] += distance * np.array([math.cos(turn), math.sin(turn)])
    return start


def near_teacher(n: int, dim: int, alpha: float, *, rng: np.random.Generator) -> np.ndarray:
    """For n starts uniform in the ball of radius α, whether ‖w₀ − w*‖ ≤ √(1−α²); in blocks, so that n may be large."""
    w_star, block, near = teacher(dim)[:, None], 1 << 16, np.empty(n, dtype=bool)
    for start in range(0, n, block):
        w_0 = in_ball(min(block, n - start), dim, rng=rng, radius=alpha)
        near[start : start + block] = np.linalg.norm(w_0 - w_star, axis=0) <= math.sqrt(1 - alpha**2)
    return near


def ball_chance_bounds(dim: int, alpha: float) -> tuple[float, float]:
    """Lower bounds on ``ball_chance``: the paper's ½ − α√(πp/2), and ½ − α Γ(p/2+1)/(√π Γ((p+1)/2))."""
    density = math.exp(math.lgamma(dim / 2 + 1) - math.lgamma((dim + 1) / 2)) / math.sqrt(math.pi)
    paper = 0.5 - alpha * math.sqrt(math.pi * dim / 2)
    # At the largest α, 1/√(2πp), the bound is 0: a few roundings of ½ must not pass for a bound that says something.
    return 0.0 if abs(paper) < 4 * np.finfo(float).eps else paper, 0.5 - alpha * density


def ball_chance(dim: int, alpha: float) -> float:
    r"""P(‖w₀ − w*‖ ≤ √(1−α²) ‖w*‖) for w₀ uniform in the ball of radius α‖w*‖ in R^p, exactly.

    With w₀ = α‖w*‖ s v, s = ‖w₀‖/α‖w*‖ of density p s^{p−1} and v uniform on the unit sphere, the event is
    v·w*/‖w*‖ ≥ x(s) = α (1 + s²)/(2s), so the chance is ∫ p s^{p−1} Q0(x(s)) ds, Q0 the tail of one coordinate of v.
    """
    # x(s) ≤ 1 from s₀ on, the smaller root of s² − 2s/α + 1.
    first = alpha / (1 + math.sqrt(1 - alpha**2))

    def density(share: np.ndarray) -> np.ndarray:
        # s = s₀ + (1 − s₀) share²: Q0 has a half-integer power of 1 − x at s₀, which the square makes smooth.
        s = first + (1 - first) * share**2
        x = np.minimum(1.0, alpha * (1 + s**2) / (2 * s))
        return dim * s ** (dim - 1) * tail_moments(dim + 1, np.arcsin(x))[0] * 2 * (1 - first) * share

    return integrate(density, np.linspace(0.0, 1.0, 9 + dim // 10))
