"""Exact region moments of the mixture and Watson laws against the independent twin, and what follows from symmetry."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.distributions import AngularMixture, Gaussian, UniformSphere, Watson
from theory.distributions.wedge import tail_moments

DIMS = [2, 3, 5, 25, 100, 1000]
LAWS = {"mixture": AngularMixture, "watson": Watson}
CASES = [
    *[("mixture", spread) for spread in (0.05, 0.3, 2.0, math.inf)],
    *[("watson", concentration) for concentration in (-500.0, 0.5, 10.0, 2000.0)],
]

# Required are 1e-9. Reached is what rounding leaves: the exponent of F is up to 2000 (2000 ε = 4e-13), K comes from
# gammaln at p/2 = 500 (2600 ε = 6e-13), and incomplete beta functions are good to about 1e-12.
RTOL = 1e-11
# Where F is exp(−700) of its maximum or less, it is at the end of the floating-point range, and so are the moments.
ATOL = 1e-280


def entries(dim):
    """B11, B12, B22, and B⊥ where there is a rest."""
    return slice(None) if dim > 2 else slice(3)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("family", "parameter"), CASES)
class TestAgainstTheTwin:
    def test_half(self, twin, family, parameter, dim):
        expected = twin.density(family, dim, parameter).half()
        np.testing.assert_allclose(LAWS[family](dim, parameter).half(), expected, rtol=1e-12)

    def test_wedge_at_many_angles_with_shared_nodes(self, twin, family, parameter, dim):
        found = LAWS[family](dim, parameter).wedge(twin.ANGLES)
        expected = twin.table(family, dim, parameter)
        columns = entries(dim)
        np.testing.assert_allclose(found[:, columns], expected[:, columns], rtol=RTOL, atol=ATOL)

    def test_region_moments_at_one_angle(self, twin, family, parameter, dim):
        law, (along, across) = LAWS[family](dim, parameter), twin.density(family, dim, parameter).half()
        for index in (0, 1, 20, 50, -2, -1):
            both, only = law.region_moments(twin.ANGLES[index])
            b11, b12, b22, rest = twin.table(family, dim, parameter)[index]
            expected = np.diag([b11, b22, *[rest] * (dim - 2)])
            expected[0, 1] = expected[1, 0] = b12
            np.testing.assert_allclose(only, expected, rtol=RTOL, atol=ATOL)
            half = np.diag([along, *[across] * (dim - 1)])
            np.testing.assert_allclose(both, half - expected, rtol=0, atol=RTOL * max(along, across))


@pytest.mark.parametrize("dim", DIMS)
def test_the_twin_itself_against_the_sphere(twin, dim):
    theta = twin.ANGLES
    # θ − sin θ cos θ loses 2/3 θ² in relative rounding; below 0.1 its series is exact to θ⁸.
    series = theta**3 * (2 / 3 - 2 / 15 * theta**2 + 4 / 315 * theta**4 - 2 / 2835 * theta**6 + 4 / 155925 * theta**8)
    b11 = np.where(theta < 0.1, series, theta - np.sin(theta) * np.cos(theta))
    b22 = theta + np.sin(theta) * np.cos(theta)
    expected = np.stack([b11, -(np.sin(theta) ** 2), b22, theta], axis=1) / (2 * math.pi * dim)
    found = twin.wedge(twin.sphere(dim), theta)
    np.testing.assert_allclose(found[:, entries(dim)], expected[:, entries(dim)], rtol=RTOL)


def test_the_twin_itself_against_twenty_digits(twin):
    """B of AngularMixture(5, 0.5) at θ = 0.8, from its definition: a double integral over (δ, t) in mpmath.

    F, t and the region {e1·z > 0, t > tan δ / tan θ} as theory/distributions/wedge.py defines them.
    """
    expected = [0.0014202721531666438, -0.0018653053243773240, 0.0028010540312861005, 0.00098944226557977409]
    found = twin.wedge(twin.mixture(5, 0.5), np.array([0.8]))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


SOME = [
    Gaussian(2),
    UniformSphere(4),
    AngularMixture(2, 0.2),
    AngularMixture(3, 0.8),
    AngularMixture(7, math.inf),
    Watson(2, 5.0),
    Watson(3, -20.0),
    Watson(6, 30.0),
]


@pytest.mark.parametrize("law", SOME, ids=str)
class TestSymmetry:
    @settings(max_examples=20, deadline=None)
    @given(theta=st.floats(1e-6, math.pi - 1e-6))
    def test_both_and_only_make_half_the_second_moment(self, law, theta):
        along, across = law.half()
        both, only = law.region_moments(theta)
        half = np.diag([along, *[across] * (law.dim - 1)])
        np.testing.assert_allclose(both + only, half, rtol=0, atol=8 * np.finfo(float).eps * (along + across))

    @settings(max_examples=20, deadline=None)
    @given(theta=st.floats(1e-6, math.pi - 1e-6))
    def test_mirror(self, law, theta):
        """The reflection z₁ → −z₁ takes S(w,−w*) at θ to S(w,w*) at π − θ."""
        mirror = np.diag([-1.0, *[1.0] * (law.dim - 1)])
        both, only = law.region_moments(theta)
        other = law.region_moments(math.pi - theta)
        # π − (π − θ) is θ but for the rounding of π; B moves by less than that times its slope, which is below 1.
        np.testing.assert_allclose(mirror @ only @ mirror, other.both, rtol=0, atol=1e-15 * law.radius_moment)
        np.testing.assert_allclose(mirror @ both @ mirror, other.only, rtol=0, atol=1e-15 * law.radius_moment)

    @settings(max_examples=20, deadline=None)
    @given(theta=st.floats(0, math.pi), further=st.floats(0, math.pi))
    def test_the_wedge_grows_with_the_angle(self, law, theta, further):
        small, large = sorted([theta, further])
        growth = law.region_moments(large).only - law.region_moments(small).only
        assert np.linalg.eigvalsh(growth)[0] >= -1e-14 * law.radius_moment

    def test_the_ends(self, law):
        along, across = law.half()
        half = np.diag([along, *[across] * (law.dim - 1)])
        np.testing.assert_array_equal(law.region_moments(0.0).both, half)
        np.testing.assert_array_equal(law.region_moments(0.0).only, 0 * half)
        np.testing.assert_array_equal(law.region_moments(math.pi).both, 0 * half)
        np.testing.assert_array_equal(law.region_moments(math.pi).only, half)

    def test_the_unit_of_the_radius(self, law):
        along, across = law.half()
        np.testing.assert_allclose(2 * (along + (law.dim - 1) * across), law.radius_moment, rtol=1e-13)

    def test_one_angle_is_as_good_as_many(self, law):
        angle = np.linspace(0.01, math.pi / 2, 40)
        alone = np.concatenate([law.wedge(angle[i : i + 1]) for i in range(angle.size)])
        columns = entries(law.dim)
        np.testing.assert_allclose(law.wedge(angle)[:, columns], alone[:, columns], rtol=1e-12)


class TestLimits:
    @pytest.mark.parametrize("dim", [2, 3, 25])
    def test_infinite_spread_is_the_limit_of_a_large_one(self, dim):
        angle = np.array([0.1, 0.9, 1.5])
        far, farthest = AngularMixture(dim, 1e6).wedge(angle), AngularMixture(dim, math.inf).wedge(angle)
        # exp(−(π/2)²/2σ²) = 1 − 1.2e-12
        np.testing.assert_allclose(far, farthest, rtol=1e-11)

    def test_two_dimensions_and_infinite_spread_are_the_circle(self):
        angle = np.array([0.1, 0.9, 1.5])
        circle = UniformSphere(2).wedge(angle)[:, :3]
        np.testing.assert_allclose(AngularMixture(2, math.inf).wedge(angle)[:, :3], circle, rtol=1e-13)

    @pytest.mark.parametrize("dim", DIMS)
    def test_watson_joins_the_sphere(self, dim):
        angle = np.array([0.1, 0.9, 1.5])
        columns = entries(dim)
        sphere = UniformSphere(dim).wedge(angle)[:, columns]
        np.testing.assert_allclose(Watson(dim, 0.0).wedge(angle)[:, columns], sphere, rtol=RTOL)

    @pytest.mark.parametrize(("spread", "largest"), [(0.01, 0.01**2), (1e-3, 1e-6)])
    def test_narrow_mixtures(self, spread, largest):
        """For σ → 0 the angle is normal: ½E sin² a = ½(1 − exp(−2σ²))/2, truncation at 150 σ."""
        along, across = AngularMixture(4, spread).half()
        np.testing.assert_allclose(3 * across, -np.expm1(-2 * spread**2) / 4, rtol=1e-12)
        np.testing.assert_allclose(along + 3 * across, 0.5, rtol=1e-13)

    @pytest.mark.parametrize("concentration", [3500.0, 1e5, 1e6])
    def test_concentrated_watson(self, concentration):
        """For p = 3, E z₁² = eᵏ/(√(πκ) erfi √κ) − 1/2κ; its expansion for large κ is 1 − 1/κ − 1/2κ² − 5/4κ³ …"""
        along, _ = Watson(3, concentration).half()
        k = concentration
        # The next term is O(κ⁻⁴) < 1e-13; the exponent is rounded by κ ε.
        np.testing.assert_allclose(2 * along, 1 - 1 / k - 1 / (2 * k**2) - 5 / (4 * k**3), rtol=1e-13 + k * 4e-16)

    @pytest.mark.parametrize("concentration", [-3500.0, -1e6])
    def test_girdle_watson(self, concentration):
        """For p = 3 and κ → −∞, z₁ is normal with variance 1/2|κ|, truncated at ±1."""
        along, _ = Watson(3, concentration).half()
        np.testing.assert_allclose(2 * along, 1 / (2 * -concentration), rtol=1e-13 - concentration * 4e-16)


@pytest.mark.parametrize("dim", DIMS)
def test_tail_moments_are_integrals_of_the_density(dim, twin):
    """Q0, Q1, Q2, Q⊥ at x = sin u, by quadrature of k(t) = K cos^{p−3} v over v from u to π/2, t = sin v."""
    u = np.array([1e-10, 1e-3, 0.02, 0.4, 1.0, 1.5])
    found = np.stack(tail_moments(dim, u))
    if dim == 2:  # t = ±1
        np.testing.assert_array_equal(found, np.array([0.5, 0.5, 0.5, 0.0])[:, None] * np.ones(u.size))
        return
    v, weights = twin.composite(np.linspace(u, math.pi / 2, 200, axis=1))
    log_k = math.lgamma((dim - 1) / 2) - math.lgamma((dim - 2) / 2) - 0.5 * math.log(math.pi)
    mass = weights * np.exp(log_k + (dim - 3) * np.log(np.cos(v)))
    t = np.sin(v)
    expected = [np.sum(mass * f, axis=1) for f in (t**0, t, t**2, (1 - t**2) / (dim - 2))]
    # Q⊥ is a difference of Q0 and x Q1, exact relative to Q0.
    np.testing.assert_allclose(found[:3], expected[:3], rtol=1e-11, atol=1e-300)
    assert np.all(np.abs(found[3] - expected[3]) <= 1e-11 * expected[0] + 1e-300)
