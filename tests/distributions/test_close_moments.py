"""E[U Uᵀ] of close patches in the plane against its definition, samples, one neuron, closed forms and symmetries."""

from __future__ import annotations

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate

from theory.checks import BadInput
from theory.distributions import (
    AngularMixture,
    Atoms,
    ClosePatches,
    Gaussian,
    UniformSphere,
    Watson,
    close_moments,
    close_table,
    forget_close_tables,
    plane_moments,
    tilt_of,
)
from theory.distributions.table import NOISE

EPS = np.finfo(float).eps
CASES = {
    "narrow patches": (AngularMixture(2, 0.3), 0.05, 0.7, 0.0),
    "an acute wedge": (AngularMixture(2, 0.5), 0.4, 0.3, 0.0),
    "wider than the wedge": (Watson(2, 3.0), 1.2, 0.8, 0.0),
    "an obtuse wedge": (Watson(2, -4.0), 0.5, 2.4, 0.0),
    "round the circle": (AngularMixture(2, 1.0), 2.6, 1.9, 0.0),
    "the teacher beside the axis": (AngularMixture(2, 0.6), 0.7, 1.1, -0.8),
    "isotropic": (Gaussian(2), 0.9, 0.5, 0.0),
}
cases = pytest.mark.parametrize(("centre", "rho", "theta", "tilt"), CASES.values(), ids=CASES.keys())


def law_of(centre, rho: float, k: int = 1) -> ClosePatches:
    return ClosePatches(2, k, None, rho, centre)


def density(law, angle: float) -> float:
    """Of the centre's signed angle to the axis, from the formula of each law and an adaptive integral."""
    if isinstance(law, AngularMixture):
        return sum(
            math.exp(-(((angle - c + math.pi) % (2 * math.pi) - math.pi) ** 2) / (2 * law.spread**2)) * near
            for c, near in ((0.0, math.cos(angle) >= 0), (math.pi, math.cos(angle) < 0))
        ) / mass(law)
    if isinstance(law, Watson):
        return math.exp(law.concentration * math.cos(angle) ** 2) / mass(law)
    return 1 / (2 * math.pi)


@functools.cache
def mass(law) -> float:
    if isinstance(law, AngularMixture):
        return 2 * math.sqrt(2 * math.pi) * law.spread * math.erf(math.pi / (2 * math.sqrt(2) * law.spread))
    return integrate.quad(lambda a: math.exp(law.concentration * math.cos(a) ** 2), 0, 2 * math.pi, epsabs=1e-14)[0]


def definition(centre, rho: float, theta: float, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """What one patch and what two give, by adaptive quadrature over the centre and, inside it, over the patch."""
    w_star, w = np.array([1.0, 0.0]), np.array([math.cos(theta), math.sin(theta)])
    hyperplanes = np.array([math.pi / 2, -math.pi / 2, theta + math.pi / 2, theta - math.pi / 2])
    turns = 2 * math.pi * np.arange(-2, 3)
    kinks = np.sort((hyperplanes[:, None] + turns).ravel())

    def one_patch(angle: float) -> np.ndarray:
        z = np.array([math.cos(angle), math.sin(angle)])
        active, taught = z @ w >= 0, z @ w_star >= 0
        u = np.concatenate([z * (active & taught), z * (active & ~taught), z * (~active & taught)])
        return np.concatenate([u, np.outer(u, u).ravel()])

    def given(centre_angle: float) -> np.ndarray:
        low, high = centre_angle - rho, centre_angle + rho
        ends = np.concatenate([[low], kinks[(kinks > low) & (kinks < high)], [high]])
        x, weight = np.polynomial.legendre.leggauss(16)  # of a sine on an arc of π at most: far below rounding
        total = sum(
            (b - a) / 2 * weight_i * one_patch((a + b) / 2 + (b - a) / 2 * x_i)
            for a, b in itertools.pairwise(ends)
            for x_i, weight_i in zip(x, weight, strict=True)
        )
        mean = total[:6] / (2 * rho)
        both = np.concatenate([total[6:] / (2 * rho), np.outer(mean, mean).ravel()])
        return density(centre, centre_angle + tilt) * both

    corners = np.concatenate([kinks - rho, kinks + rho, (np.arange(-4, 5) * math.pi / 2) - tilt])
    inside = np.unique(corners[(corners > -math.pi) & (corners < math.pi)])
    value, _ = integrate.quad_vec(given, -math.pi, math.pi, epsabs=1e-9, epsrel=1e-9, points=inside, limit=60)
    return value[:36].reshape(6, 6), value[36:].reshape(6, 6)


@cases
def test_the_definition(centre, rho, theta, tilt):
    one, two = definition(centre, rho, theta, tilt)
    found = plane_moments(law_of(centre, rho), np.array([theta]), tilt)
    # The adaptive rule stops below 1e-9, and is far better where nothing is left to resolve.
    np.testing.assert_allclose(found.one[0], one, rtol=0, atol=2e-9)
    np.testing.assert_allclose(found.two[0], two, rtol=0, atol=2e-9)


@cases
def test_samples(centre, rho, theta, tilt):
    k, n = 3, 60_000
    z = law_of(centre, rho, k).sample(n, rng=np.random.default_rng(7))
    w_star, w = (np.array([math.cos(a), math.sin(a)]) for a in (tilt, tilt + theta))
    frame = np.stack([w_star, [-w_star[1], w_star[0]]])
    active, taught = z @ w >= 0, z @ w_star >= 0
    regions = (active & taught, active & ~taught, ~active & taught)
    u = np.concatenate([(z * region[..., None]).mean(axis=1) @ frame.T for region in regions], axis=1)
    products = u[:, :, None] * u[:, None, :]
    error = products.std(axis=0) / math.sqrt(n)
    found = plane_moments(law_of(centre, rho, k), np.array([theta]), tilt).of(k)[0]
    # 21 numbers, each within five standard errors; what never happened has none.
    assert np.all(np.abs(found - products.mean(axis=0)) <= 5 * error + 1e-6)


@pytest.mark.parametrize("centre", [AngularMixture(2, 0.4), Watson(2, -3.0), UniformSphere(2)], ids=str)
@pytest.mark.parametrize("theta", [1e-9, 0.3, 1.5, 2.7])
def test_without_spread_it_is_one_neuron(centre, theta):
    """ρ = 0: all patches are the centre, so that two give what one gives, and two regions nothing in common."""
    both, only = centre.region_moments(theta)
    found = plane_moments(law_of(centre, 0.0), np.array([theta]))
    np.testing.assert_allclose(found.one[0, :2, :2], both, rtol=0, atol=16 * EPS)
    np.testing.assert_allclose(found.one[0, 2:4, 2:4], only, rtol=1e-12, atol=1e-30)
    # ... where rounding decides in the panels beside π to which of two regions a node belongs: their width times it.
    np.testing.assert_allclose(found.two, found.one, rtol=1e-6 if theta < 1e-6 else 1e-12, atol=16 * EPS)


def test_a_little_spread_changes_little():
    """Of the first order in ρ: a share ρ/θ of the narrowest region at most."""
    near, far = (plane_moments(law_of(AngularMixture(2, 0.4), rho), np.array([0.8])) for rho in (1e-7, 0.0))
    for a, b in zip(near, far, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_a_uniform_circle_in_closed_form():
    """∫ uuᵀ over an arc of θ beyond the hyperplane, over 2π: (θ − sin θ cos θ, −sin²θ, θ + sin θ cos θ)/4π."""
    for theta in (1e-9, 1e-4, 0.6, 2.0):
        with mpmath.workdps(40):
            t = mpmath.mpf(theta)
            s, c = mpmath.sin(t), mpmath.cos(t)
            b11, b12, b22 = (float(entry / (4 * mpmath.pi)) for entry in (t - s * c, -s * s, t + s * c))
        found = plane_moments(law_of(UniformSphere(2), 0.3), np.array([theta])).one[0]
        np.testing.assert_allclose(found[2:4, 2:4], [[b11, b12], [b12, b22]], rtol=1e-12)
        np.testing.assert_allclose(found[4:, 4:], found[2:4, 2:4], rtol=0)


@cases
def test_what_the_symmetry_under_sign_says(centre, rho, theta, tilt):
    """z → −z exchanges +− and −+; and S(w,w*) and S(w,−w*) make up a half space, whose moment is ½E[ZZᵀ]."""
    found = plane_moments(law_of(centre, rho), np.array([theta, 0.0]), tilt)
    np.testing.assert_allclose(found.two[:, 2:4, 2:4], found.two[:, 4:, 4:], rtol=0, atol=8 * EPS)
    half = found.one[:, :2, :2] + found.one[:, 2:4, 2:4]
    np.testing.assert_allclose(half[0], half[1], rtol=0, atol=16 * EPS)
    np.testing.assert_allclose(np.trace(half[1]), 0.5, rtol=16 * EPS)


def test_k_weighs_what_one_and_what_two_patches_give():
    found = plane_moments(law_of(AngularMixture(2, 0.5), 0.6), np.array([0.9]))
    np.testing.assert_array_equal(found.of(1), found.one)
    np.testing.assert_allclose(found.of(4), found.one / 4 + 3 * found.two / 4, rtol=4 * EPS)


# --------------------------------------------------------------------------------------------------------- the table


TABLES = {
    "narrow patches": (AngularMixture(2, 0.3), 1e-3, 0.0),
    "spiky": (AngularMixture(2, 0.15), 0.4, 0.0),
    "round the circle": (Watson(2, 2.0), 2.9, 0.0),
    "the teacher beside the axis": (AngularMixture(2, 0.7), 0.5, 0.4),
    "no spread": (AngularMixture(2, 0.5), 0.0, 0.0),
}


@pytest.mark.parametrize(("centre", "rho", "tilt"), TABLES.values(), ids=TABLES.keys())
def test_the_table_is_as_exact_as_it_says(centre, rho, tilt):
    rng = np.random.default_rng(3)
    theta = np.concatenate([rng.uniform(0, math.pi, 60), 10 ** rng.uniform(-9, 0, 40), [math.pi]])
    law = law_of(centre, rho, 3)
    table, exact = close_table(law, tilt), plane_moments(law, theta, tilt).of(3)
    assert table.error <= NOISE
    # Both probes and these are draws of the rounding; every entry of ½E[ZZᵀ] is at most ½.
    np.testing.assert_allclose(table(theta), exact, rtol=0, atol=2 * table.error)


def test_the_table_keeps_its_relative_accuracy_towards_zero():
    law = law_of(AngularMixture(2, 0.6), 0.4, 3)
    theta = np.array([1e-9, 1e-6, 1e-3])
    found, exact = close_table(law)(theta), plane_moments(law, theta).of(3)
    # As for one neuron: 1e-9 at θ = 1e-9. All but A_{w,w*}, which tends to a diagonal matrix that is not 0.
    np.testing.assert_allclose(found[:, :, 2:], exact[:, :, 2:], rtol=1e-9)
    over = close_table(law).over_angle(np.append(0.0, theta))
    np.testing.assert_allclose(over[1:, :, 2:], exact[:, :, 2:] / theta[:, None, None], rtol=1e-9)
    np.testing.assert_allclose(over[0], over[1], rtol=0, atol=1e-8)


def test_laws_that_differ_in_k_or_in_the_axis_share_their_work(monkeypatch):
    forget_close_tables()
    close_table(law_of(AngularMixture(2, 0.9), 0.3, 2))
    monkeypatch.setattr(close_moments, "plane_moments", None)
    first = close_table(law_of(AngularMixture(2, 0.9), 0.3, 5))
    turned = close_table(law_of(AngularMixture(2, 0.9, [1.0, 2.0]), 0.3, 5))
    np.testing.assert_array_equal(first.coefficients, turned.coefficients)


# ------------------------------------------------------------------------------------------------------------ the tilt


def test_the_tilt_is_the_angle_beyond_the_axis():
    law = law_of(AngularMixture(2, 0.5, [0.0, 2.0]), 0.1)
    assert tilt_of(law, np.array([0.0, 3.0])) == tilt_of(law, np.array([0.0, -3.0])) == 0.0
    assert tilt_of(law, np.array([-1.0, 1.0])) == pytest.approx(math.pi / 4)
    assert tilt_of(law, np.array([1.0, -1.0])) == pytest.approx(math.pi / 4)
    assert tilt_of(law, np.array([1.0, 1.0])) == pytest.approx(-math.pi / 4)
    assert tilt_of(law_of(Gaussian(2), 0.1), np.array([1.0, 1.0])) == 0.0


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (
            ClosePatches(3, 2, 0.5, 0.1),
            r"law is close\(mixture\(0.5\),2,0.1\) with dim 3; it must be of patches in the pl",
        ),
        (ClosePatches(2, 2, None, 0.1, Atoms(np.eye(2))), "around centres with an axis of symmetry"),
    ],
)
def test_other_laws_are_refused(law, message):
    with pytest.raises(BadInput, match=message):
        plane_moments(law, np.array([0.5]))
    with pytest.raises(BadInput, match=message):
        close_table(law)
