"""μ of a sample and the bounds from its order: closed forms, a slow twin, the law's μ, and that they do bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.closeness import band_bounds, closeness, cross_bounds, margin_of, sample_margin
from theory.distributions import ClosePatches
from theory.smoothness import smoothness

EPS = np.finfo(float).eps
W_STAR = np.array([1.0, 0.0])


def at(*degrees):
    """One sample of unit patches in the plane at these angles from w*."""
    turned = np.radians([degrees])
    return np.stack([np.cos(turned), np.sin(turned)], axis=-1)


def test_mu_in_closed_form():
    z = at(90 - 10, 90 + 20, -90 + 40, 0)  # ψ = 10°, 20°, 40°, 90°
    for phi, share in ((15, 0.25 / 10), (30, 0.25 / 10), (50, 0.25 / 10)):
        found = sample_margin(z, math.radians(phi), teacher=W_STAR)
        expected = share * 180 / math.pi
        assert found.lower <= expected * (1 + 64 * EPS)
        assert found.upper >= expected * (1 - 64 * EPS)
        assert found.upper - found.lower <= 1e-12 * expected
    assert sample_margin(z, math.radians(9), teacher=W_STAR).upper == 0.0


def test_mu_from_a_least_angle_on():
    z = at(90 - 1, 90 + 20, 0, 10)
    # From 10° on: a quarter at 10°, a half at 20°, both 1/40° a degree.
    found = sample_margin(z, math.radians(60), teacher=W_STAR, least_angle=math.radians(10))
    assert found.upper == pytest.approx(0.25 / math.radians(10), rel=1e-12)


def test_a_patch_on_the_hyperplane():
    z = np.array([[[0.0, 1.0], [1.0, 1.0]]])
    assert sample_margin(z, 0.5, teacher=W_STAR).upper == math.inf
    assert sample_margin(z, 0.5, teacher=W_STAR, least_angle=0.1).upper == pytest.approx(5.0, rel=1e-12)
    # Nearly: the product 0.1 · 3 − 0.3 rounds to 5.6e-17, and is 2.2e-17 exactly.
    near = sample_margin(np.array([[[0.1, -0.3]]]), 0.5, teacher=np.array([3.0, 1.0]))
    assert 0 < near.lower <= near.upper < math.inf


def test_patches_without_a_direction_are_in_no_band():
    z = np.array([[[0.0, 0.0], [math.cos(1.4), math.sin(1.4)]]])
    assert sample_margin(z, 0.5, teacher=W_STAR).upper == pytest.approx(0.5 / (math.pi / 2 - 1.4), rel=1e-12)
    assert band_bounds(z, 0.5, teacher=W_STAR).cross < math.inf


def twin(z, w_star, phi, least, weights=None):
    """All of it by definition, an angle at a time: μ, and the two bounds."""
    n, k, _ = z.shape
    p = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    norms = np.linalg.norm(z, axis=2)
    psi = np.abs(np.arcsin(np.clip(z @ w_star / np.linalg.norm(w_star) / norms, -1, 1)))
    mu = cross = beta = 0.0
    for t in [*psi[psi <= phi], least]:
        t = max(t, least)
        if t == 0:
            continue
        inside = psi <= t * (1 + 1e-12)
        mu = max(mu, sum(p[i] * inside[i].mean() for i in range(n)) / t)
        g = h = 0.0
        for i in range(n):
            reach, b = norms[i].sum() / k, (norms[i] * inside[i]).sum() / k
            s = np.linspace(0, b, 2001)
            g += p[i] * float(np.max((reach - s) * s + s**2 / 4))
            h += p[i] * ((norms[i] * (inside[i] & (z[i] @ w_star < 0))).sum() / k) ** 2
        cross, beta = max(cross, g / t), max(beta, h / t)
    return mu, cross, beta


@given(
    seed=st.integers(0, 10**6),
    dim=st.integers(2, 4),
    k=st.integers(1, 4),
    least=st.sampled_from([0.0, 0.05, 0.2]),
    weighted=st.booleans(),
)
def test_they_are_those_of_a_slow_twin(seed, dim, k, least, weighted):
    rng = np.random.default_rng(seed)
    z, w_star = rng.standard_normal((6, k, dim)), rng.standard_normal(dim)
    weights = rng.random(6) if weighted else None
    options = {"teacher": w_star, "weights": weights, "least_angle": least}
    mu, cross, beta = twin(z, w_star, 0.9, least, weights)
    found, bounds = sample_margin(z, 0.9, **options), band_bounds(z, 0.9, **options)
    # An arcsine near 0 errs by a few ε, and the grid of s by (b/2000)² relative to b.
    assert found.lower <= mu * (1 + 1e-9) + 1e-12
    assert found.upper >= mu * (1 - 1e-9) - 1e-12
    assert bounds.cross == pytest.approx(cross, rel=1e-5)
    assert bounds.beta == pytest.approx(beta, rel=1e-9)
    assert bounds.cross_near <= bounds.cross
    assert bounds.beta_near <= bounds.beta


def test_mu_of_a_large_sample_is_that_of_its_law():
    law, n, least = ClosePatches(dim=2, k=4, spread=1.0, closeness=0.3), 50_000, 0.05
    found = sample_margin(law.sample(n, rng=np.random.default_rng(0)), 0.9, teacher=W_STAR, least_angle=least)
    mu = margin_of(law, 0.9)
    # A share of the samples is off by five √(share/n) at most, the patches of one of them taken as one.
    slack = 5 * math.sqrt(mu * least / n) / least
    assert mu - slack <= found.upper <= mu + slack


@pytest.mark.parametrize("least", [0.0, 0.02])
@pytest.mark.parametrize(("dim", "k"), [(2, 1), (2, 3), (3, 2)])
def test_they_bound_the_constants(dim, k, least):
    z = np.random.default_rng(dim + k).standard_normal((40, k, dim))
    w_star = np.eye(1, dim)[0]
    found = closeness(z, 0.6, teacher=w_star, least_angle=least, budget=300)
    bounds = band_bounds(z, 0.6, teacher=w_star, least_angle=least)
    assert found.cross.lower <= bounds.cross
    assert found.beta.lower <= bounds.beta


def test_theorem_3_3_with_the_mu_of_a_sample():
    """L_cross ≤ (1 − 1/k) μ ≤ 3μ, which is for unit patches, and the bound of the order is at least as good as 3μ."""
    z = ClosePatches(dim=2, k=3, spread=1.0, closeness=0.6).sample(300, rng=np.random.default_rng(2))
    mu = sample_margin(z, 0.8, teacher=W_STAR)
    paper, sharp = cross_bounds(mu.upper, 3)
    assert closeness(z, 0.8, teacher=W_STAR).cross.lower <= sharp <= paper
    assert band_bounds(z, 0.8, teacher=W_STAR).cross <= paper


def test_what_is_bounded_below_the_least_angle():
    """λ_max(A_{w,−w*}) at any θ ≤ ε is at most ``beta_near`` ε, and the cross norms at most ``cross_near`` ε."""
    rng, least = np.random.default_rng(4), 0.2
    z = rng.standard_normal((30, 2, 2))
    bounds = band_bounds(z, 0.9, teacher=W_STAR, least_angle=least)
    assert bounds.beta_near > 0
    for theta in np.linspace(-least, least, 81):
        w = np.array([math.cos(theta), math.sin(theta)])
        active, taught = z @ w >= 0, z @ W_STAR >= 0
        masks = (active & taught, active & ~taught, ~active & taught)
        u = [np.mean(z * mask[:, :, None], axis=1) for mask in masks]
        cross = sum(np.linalg.norm(u[a].T @ u[b] / len(z), 2) for a, b in ((0, 1), (0, 2), (1, 2)))
        assert cross <= bounds.cross_near * least * (1 + 1e-12)
        assert np.linalg.eigvalsh(u[1].T @ u[1] / len(z))[-1] <= bounds.beta_near * least * (1 + 1e-12)


def test_one_neuron_is_bounded_too():
    z = np.random.default_rng(8).standard_normal((200, 5))
    w_star = np.eye(1, 5)[0]
    found = smoothness(z, 0.5, teacher=w_star, least_angle=0.05, budget=100)
    assert found.beta.lower <= band_bounds(z[:, None, :], 0.5, teacher=w_star, least_angle=0.05).beta


@pytest.mark.parametrize("function", [sample_margin, band_bounds])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"angle": 1.6}, "angle is 1.6"),
        ({"least_angle": 0.5}, "least_angle is 0.5; it must be at least 0 and below the angle 0.5"),
        ({"teacher": [0.0, 0.0]}, "teacher is the zero vector"),
        ({"teacher": None}, "teacher is None"),
        ({"patches": np.ones((2, 2))}, r"patches is an array of shape \(2, 2\)"),
    ],
)
def test_bad_input(function, options, message):
    given = {"patches": np.ones((1, 1, 2)), "angle": 0.5, "teacher": W_STAR, **options}
    with pytest.raises(BadInput, match=message):
        function(given.pop("patches"), given.pop("angle"), **given)
