"""Starts: where they are drawn, how evenly, and the chance of a good one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from theory import problems
from theory.objectives import PopulationLoss

EPS = np.finfo(float).eps
DIMS = (2, 3, 5, 25, 100)


def rng(seed: int = 0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("dim", DIMS)
def test_teacher_is_the_first_unit_vector(dim):
    np.testing.assert_array_equal(problems.teacher(dim), np.eye(dim)[0])


# -------------------------------------------------------------------------------------------------- half disc


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("n", [1, 2, 16, 100])
def test_half_disc_lies_in_one_plane_within_the_radius(dim, n):
    starts = problems.half_disc(n, dim, rng=rng(), radius=0.5)
    assert starts.shape == (dim, n)
    d = starts - problems.teacher(dim)[:, None]
    assert np.all(np.linalg.norm(d, axis=0) < 0.5)
    across = starts[1:]
    # All on one side of the axis: every two have the same direction across it, to rounding.
    sizes = np.linalg.norm(across, axis=0)
    np.testing.assert_allclose(across.T @ across, np.outer(sizes, sizes), rtol=0, atol=dim * EPS)


@pytest.mark.parametrize("seed", range(4))
def test_half_disc_covers_evenly(seed):
    """Distance² and direction of 128 starts are a (0, 7, 2)-net, as Sobol' points in 2 D are."""
    n = 128
    d = problems.half_disc(n, 5, rng=rng(seed)) - problems.teacher(5)[:, None]
    square = np.sum(d**2, axis=0)
    turn = np.arctan2(np.linalg.norm(d[1:], axis=0), d[0]) / math.pi
    # Every elementary box of area 1/n holds exactly one point: 128 = 16 × 8.
    counts, _, _ = np.histogram2d(square, turn, bins=[16, 8], range=[[0, 1], [0, 1]])
    assert np.all(counts == 1)
    assert stats.qmc.discrepancy(np.stack([square, turn], axis=1)) < stats.qmc.discrepancy(rng(seed).random((n, 2)))


def test_half_disc_follows_its_stream():
    first, again, other = (problems.half_disc(8, 4, rng=rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


# ------------------------------------------------------------------------------------------------------- ball


@pytest.mark.parametrize("dim", DIMS)
def test_in_ball_is_uniform(dim):
    points = problems.in_ball(4000, dim, rng=rng(), radius=3.0)
    radius = np.linalg.norm(points, axis=0)
    # ‖w‖^p is uniform, and so is the direction: Kolmogorov's test, at a level that a fixed seed keeps.
    assert stats.kstest((radius / 3) ** dim, "uniform").pvalue > 1e-3
    marginal = stats.beta((dim - 1) / 2, (dim - 1) / 2) if dim > 1 else None
    assert stats.kstest((points[0] / radius + 1) / 2, marginal.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", ["gaussian", "sphere", "mixture(0.5)", "watson(5)", "watson(-5)"])
@pytest.mark.parametrize("dim", [2, 25])
def test_below_zero_is_below_the_loss_of_zero(name, dim):
    law = problems.law(name, dim)
    starts = problems.below_zero(law, 64, rng=rng(3))
    loss = PopulationLoss(law, problems.teacher(dim))
    assert starts.shape == (dim, 64)
    assert np.all(loss.value(starts) < loss.value(np.zeros(dim)))
    assert np.all(np.linalg.norm(starts, axis=0) < 2)
    # It reaches beyond the ball of Theorem 2.2: starts farther than ‖w*‖ from w* are among them.
    assert np.any(np.linalg.norm(starts - problems.teacher(dim)[:, None], axis=0) > 1)


def test_below_zero_goes_on_until_there_are_enough():
    """In a wide disc few are below: more than one round is needed."""
    starts = problems.below_zero(problems.law("gaussian", 3), 8, rng=rng(), radius=30.0)
    assert starts.shape == (3, 8)


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi / 2, 3.0])
def test_beside(turn):
    w_star = problems.teacher(4)
    start = problems.beside(w_star, 0.8, turn)
    np.testing.assert_allclose(start - w_star, [0.8 * math.cos(turn), 0.8 * math.sin(turn), 0, 0], atol=2 * EPS)
    np.testing.assert_array_equal(w_star, np.eye(4)[0])


# -------------------------------------------------------------------------------------------- chance of a start


def alphas(dim: int):
    return [share / math.sqrt(2 * math.pi * dim) for share in (1.0, 0.5, 0.1)] + [0.9]


@pytest.mark.parametrize("dim", DIMS)
def test_bounds_are_in_order(dim):
    for alpha in alphas(dim)[:3]:
        paper, sharp = problems.ball_chance_bounds(dim, alpha)
        assert paper + EPS >= 0
        assert paper < sharp < problems.ball_chance(dim, alpha) < 0.5


@pytest.mark.parametrize("dim", DIMS)
def test_the_sharp_bound_becomes_exact_for_small_balls(dim):
    """½ − P is α times the density at 0, up to its curvature: (p−1)α²/2 relative, and the curved cap, α² p/2."""
    alpha = 1e-4
    _, sharp = problems.ball_chance_bounds(dim, alpha)
    assert 0.5 - problems.ball_chance(dim, alpha) == pytest.approx(0.5 - sharp, rel=1 / dim + 1e-6 * dim)
    assert problems.ball_chance(dim, alpha) > sharp


def lens(alpha):
    """p = 2: the discs of radius α about 0 and √(1−α²) about w* cross at right angles; the area they share over πα²."""
    beta = math.sqrt(1 - alpha**2)
    return (alpha**2 * math.acos(alpha) + beta**2 * math.acos(beta) - alpha * beta) / (math.pi * alpha**2)


def ball(alpha):
    """p = 3, where one coordinate of the unit sphere is uniform: ∫ 3s² (1 − α(1 + s²)/2s)/2 ds from s₀ to 1."""
    s = (1 - math.sqrt(1 - alpha**2)) / alpha
    return (1 - s**3) / 2 - 0.75 * alpha * ((1 - s**2) / 2 + (1 - s**4) / 4)


@pytest.mark.parametrize(("dim", "closed"), [(2, lens), (3, ball)])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.2, 0.5, 0.9])
def test_chance_in_closed_form(dim, closed, alpha):
    # The closed forms lose 1/α² of their rounding, as terms of order α cancel.
    assert problems.ball_chance(dim, alpha) == pytest.approx(closed(alpha), abs=16 * EPS / alpha**2)


@pytest.mark.parametrize("dim", DIMS)
def test_chance_by_adaptive_quadrature(dim):
    """P(v₁ > x) is half of P(Beta(½, (p−1)/2) > x²)."""
    coordinate = stats.beta(0.5, (dim - 1) / 2)
    for alpha in alphas(dim):
        first = (1 - math.sqrt(1 - alpha**2)) / alpha

        def density(s, alpha=alpha):
            return dim * s ** (dim - 1) * coordinate.sf((alpha * (1 + s * s) / (2 * s)) ** 2) / 2

        expected, error = integrate.quad(density, first, 1, epsabs=1e-11, epsrel=1e-11, limit=400)
        assert problems.ball_chance(dim, alpha) == pytest.approx(expected, abs=max(1e-10, 2 * error))


@pytest.mark.parametrize("dim", DIMS)
def test_chance_of_starts_really_drawn(dim):
    draws, alpha = 70_000, 1 / math.sqrt(2 * math.pi * dim)
    near = problems.near_teacher(draws, dim, alpha, rng=rng(9))
    assert near.shape == (draws,)
    # Exact binomial limits; at this level one seed in ten thousand would fail, and this one does not.
    limits = stats.binomtest(int(near.sum()), draws).proportion_ci(0.9999, method="exact")
    assert limits.low <= problems.ball_chance(dim, alpha) <= limits.high


def test_near_teacher_is_drawn_in_blocks():
    """More than one block of 65536: the first are those of the first block alone."""
    alone = problems.near_teacher(1 << 16, 2, 0.2, rng=rng(5))
    np.testing.assert_array_equal(problems.near_teacher(70_000, 2, 0.2, rng=rng(5))[: 1 << 16], alone)


def test_a_disc_covers_both_sides_of_the_teacher():
    starts = problems.disc(512, rng=rng(3), radius=0.6)
    away = starts - problems.teacher(2)[:, None]
    assert np.all(np.linalg.norm(away, axis=0) < 0.6)
    quadrants = [np.sum((away[0] > 0) == a) for a in (True, False)] + [
        np.sum((away[1] > 0) == a) for a in (True, False)
    ]
    # Sobol' points: 256 in each half, up to a few at the borders.
    assert all(abs(count - 256) <= 8 for count in quadrants)
