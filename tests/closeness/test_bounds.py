"""ρ, μ and the two bounds of Theorem 3.3: closed forms, samples, and that they bound what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.closeness import (
    closeness,
    closeness_bound,
    closeness_of,
    cross_bounds,
    curve,
    gamma_bound,
    margin_of,
    sample_gamma_bound,
)
from theory.distributions import AngularMixture, Atoms, ClosePatches, UniformSphere, Watson

EPS = np.finfo(float).eps


def test_closeness_of_a_sample():
    angles = np.radians([[10.0, 20.0, 30.0], [-40.0, 0.0, 40.0]])
    z = 3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    assert closeness_of(z) == pytest.approx(math.radians(40), rel=8 * EPS)
    # An arccosine would see 1e-9 as 0.
    assert closeness_of(np.array([[[1.0, 1e-9], [1.0, -1e-9]]])) == pytest.approx(1e-9, rel=1e-12)


@pytest.mark.parametrize(("dim", "k", "rho"), [(2, 2, 0.4), (2, 4, 0.4), (5, 4, 0.7), (3, 3, 1.2), (2, 1, 0.3)])
def test_no_patch_is_farther_from_the_average_than_the_bound(dim, k, rho):
    law = ClosePatches(dim, k, 1.0, rho)
    measured = closeness_of(law.sample(20_000, rng=np.random.default_rng(0)))
    assert measured <= closeness_bound(law) + 8 * EPS
    if dim == 2 and k == 4:
        assert measured > 1.2 * rho  # it does exceed ρ


@pytest.mark.parametrize(("k", "rho"), [(2, 0.3), (4, 0.4), (7, 0.78)])
def test_the_bound_is_attained(k, rho):
    angles = np.array([[-rho] + [rho] * (k - 1)])
    z = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    assert closeness_of(z) == pytest.approx(closeness_bound(ClosePatches(2, k, 1.0, rho)), rel=1e-12)
    assert closeness_bound(ClosePatches(2, k, 1.0, 2.0)) == math.pi
    assert closeness_bound(ClosePatches(2, k, 1.0, 1.0)) == 2.0


@pytest.mark.parametrize(
    ("dim", "k", "spread", "rho"), [(2, 4, 0.5, 0.2), (5, 4, 1.0, 0.07), (3, 2, math.inf, 0.5), (2, 1, 0.7, 0.0)]
)
@pytest.mark.parametrize("half", [False, True])
def test_the_bound_on_gamma_is_a_moment_of_the_average(dim, k, spread, rho, half):
    law, n, rng = ClosePatches(dim, k, spread, rho), 40_000, np.random.default_rng(5)
    centres = law.centres(n, rng=np.random.default_rng(5))
    average = law.sample(n, rng=rng).mean(axis=1)  # the centres come first, from the same stream
    event = centres[:, 0] >= (0.0 if half else math.sin(0.9 + rho))
    found = gamma_bound(law, 0.9, half_space=half)
    # By symmetry the matrix is diagonal with two values; the least of them, within five standard errors.
    first = event * average[:, 0] ** 2
    others = event * np.sum(average[:, 1:] ** 2, axis=1) / (dim - 1)
    least = min((first, others), key=np.mean)
    assert abs(found - least.mean()) <= 5 * least.std() / math.sqrt(n)


@pytest.mark.parametrize(("dim", "k", "rho"), [(2, 1, 0.6), (3, 2, 0.6), (3, 5, 0.3)])
@pytest.mark.parametrize("half", [False, True])
def test_the_bound_on_gamma_from_one_patch_at_a_time(dim, k, rho, half):
    """The uniform sphere or circle by midpoints: Z along w* is sin δ cos a + cos δ sin a v, v ⟂ c uniform."""
    m = 4000
    low = 0.0 if half else 0.9 + rho
    delta, a = low + (np.arange(m) + 0.5) * (math.pi / 2 - low) / m, (np.arange(m) + 0.5) * rho / m
    # Of the elevation on the side of w*, where half of the mass lies.
    density = (np.full(m, 1 / math.pi) if dim == 2 else np.cos(delta) / 2) * (math.pi / 2 - low) / m
    cosine, sine = np.mean(np.cos(a) ** 2), np.mean(np.sin(a) ** 2) / (dim - 1)
    along, mass = density @ np.sin(delta) ** 2, density.sum()
    found = []
    for moment in (along, (mass - along) / (dim - 1)):
        single = cosine * moment + sine * (mass - moment)
        found.append(single / k + (1 - 1 / k) * np.mean(np.cos(a)) ** 2 * moment)
    law = ClosePatches(dim, k, None, rho, UniformSphere(dim))
    # The midpoint rule: second derivatives of at most 4 times (π/2)²/24m².
    assert gamma_bound(law, 0.9, half_space=half) == pytest.approx(min(found), rel=0, abs=1e-7)


def test_the_bound_on_gamma_in_closed_form():
    """The uniform circle, all patches one: ∫ cos²δ dδ/π from φ to π/2 is ((π/2 − φ) − sin 2φ/2)/2π."""
    for phi in (0.3, 1.2):
        found = gamma_bound(ClosePatches(2, 3, None, 0.0, UniformSphere(2)), phi)
        assert found == pytest.approx((math.pi / 2 - phi - math.sin(2 * phi) / 2) / (2 * math.pi), rel=1e-13)
    assert gamma_bound(ClosePatches(2, 3, 0.5, 0.7), 0.9) == 0.0


@pytest.mark.parametrize("phi", [0.2, 0.9])
@pytest.mark.parametrize(("spread", "rho", "k"), [(0.3, 0.07, 4), (1.0, 0.3, 2), (math.inf, 0.1, 16)])
def test_they_bound_the_constants(spread, rho, k, phi):
    law = ClosePatches(2, k, spread, rho)
    exact, mu = closeness(law, phi), margin_of(law, phi)
    paper, sharp = cross_bounds(mu, k)
    assert gamma_bound(law, phi) < exact.gamma < gamma_bound(law, phi, half_space=True)
    assert exact.cross < sharp < paper
    z = law.sample(2000, rng=np.random.default_rng(0))
    sample = closeness(z, phi, teacher=[1.0, 0.0])
    assert 0 < sample_gamma_bound(z, phi, closeness_of(z), teacher=[1.0, 0.0]) < sample.gamma.lower


def test_the_sharp_bound_on_cross_is_that_of_counts():
    """N_{++}(N_{+−} + N_{−+}) + N_{+−}N_{−+} ≤ (k−1)(N_{+−} + N_{−+}), for every way to share out k patches."""
    for k in range(1, 9):
        for b in range(k + 1):
            for c in range(k + 1 - b):
                for a in range(k + 1 - b - c):
                    assert a * (b + c) + b * c <= (k - 1) * (b + c)
    assert cross_bounds(0.4, 1) == (pytest.approx(1.2), 0.0)


@pytest.mark.parametrize(
    "centre", [AngularMixture(2, 0.5), Watson(2, -3.0), AngularMixture(2, 0.5, [1.0, 2.0])], ids=str
)
def test_mu_of_a_sample(centre):
    law, n, w_star = ClosePatches(2, 2, None, 0.4, centre), 100_000, np.array([1.0, 0.0])
    z = law.sample(n, rng=np.random.default_rng(3))[:, 0]
    elevation = np.sort(np.abs(np.arcsin(np.clip(z @ w_star, -1, 1))))
    mu = margin_of(law, 0.9, teacher=w_star)
    t = np.linspace(0.05, 0.9, 60)
    share = np.searchsorted(elevation, t, side="right") / n
    # Where the supremum is attained (at 0 for a girdle), a share is off by five √(share/n) at most.
    assert np.all(share <= mu * t + 5 * np.sqrt(share / n))
    assert np.max((share + 5 * np.sqrt(share / n)) / t) >= 0.98 * mu


def test_mu_of_the_circle():
    assert margin_of(ClosePatches(2, 2, math.inf, 0.4), 0.9) == pytest.approx(2 / math.pi, rel=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: closeness_of(np.ones((2, 2))), r"patches is an array of shape \(2, 2\)"),
        (lambda: closeness_of(np.zeros((1, 2, 2))), "patches is an array with a zero patch or average"),
        (lambda: closeness_of(np.array([[[1.0, 0.0], [-1.0, 0.0]]])), "with a zero patch or average"),
        (lambda: gamma_bound(ClosePatches(2, 2, None, 0.1, Atoms(np.eye(2))), 0.5), "centres with an axis of symmetry"),
        (lambda: gamma_bound(ClosePatches(2, 2, 0.5, 0.1), 1.6), "angle is 1.6; it must be between 0 and π/2"),
        (lambda: margin_of(ClosePatches(3, 2, 0.5, 0.1), 0.5), "dim 3; it must be of patches in the plane"),
        (lambda: margin_of(ClosePatches(2, 2, 0.5, 0.1), 0.5, teacher=[1.0]), r"teacher is an array of shape \(1,\)"),
        (lambda: sample_gamma_bound(np.ones((1, 1, 2)), 0.5, math.nan, teacher=[1.0, 0.0]), "closeness is NaN"),
        (
            lambda: sample_gamma_bound(np.ones((1, 1, 2)), 0.5, -0.1, teacher=[1.0, 0.0]),
            "closeness is -0.1; it must be 0",
        ),
        (lambda: gamma_bound(UniformSphere(2), 0.5), "law is sphere; it must be a ClosePatches"),
        (lambda: closeness_bound(UniformSphere(2)), "law is sphere; it must be a ClosePatches"),
        (lambda: margin_of(UniformSphere(2), 0.5), "law is sphere; it must be a ClosePatches"),
        (
            lambda: closeness(UniformSphere(2), 0.5),
            r"law is sphere; it must be a ClosePatches, a GaussianImages, or patches of shape",
        ),
        (lambda: curve(UniformSphere(2)), r"law is sphere; it must be a ClosePatches, or patches of shape"),
        (lambda: cross_bounds(1.0, 0), "k is 0; it must be at least 1"),
        (lambda: cross_bounds(math.nan, 2), "mu is NaN"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
