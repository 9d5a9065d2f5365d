"""Samples against the exact moments and the exact law of the elevation, with limits that the sample size gives."""

import itertools
import math

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import cumulative_simpson

from theory.distributions import AngularMixture, Gaussian, UniformSphere, Watson

N = 200_000
FALSE_ALARM = 1e-6
"""Chance, for each test here, that a right sampler would fail it for a fresh seed. The seeds are fixed."""

LAWS = [
    Gaussian(2),
    Gaussian(5),
    UniformSphere(3),
    UniformSphere(25),
    AngularMixture(2, 0.45),
    AngularMixture(5, 0.8),
    AngularMixture(3, math.inf),
    Watson(2, 4.0),
    Watson(2, -4.0),
    Watson(3, 0.0),
    Watson(3, 5.0),
    Watson(5, 1.0),
    Watson(5, -8.0),
    Watson(25, 12.0),
]


@pytest.fixture(scope="module", params=LAWS, ids=str)
def drawn(request):
    return request.param, request.param.sample(N, rng=np.random.default_rng(20180615))


@pytest.mark.parametrize("theta", [0.7, 2.2])
def test_region_moments(drawn, theta):
    """Every entry of both matrices within so many standard errors, each from the sample's own fourth moments."""
    law, z = drawn
    taught = z[:, 0] >= 0
    active = math.cos(theta) * z[:, 0] + math.sin(theta) * z[:, 1] >= 0
    pairs = list(itertools.combinations_with_replacement(range(min(law.dim, 5)), 2))
    sigmas = stats.norm.isf(FALSE_ALARM / 2 / (2 * len(pairs)))
    for exact, region in zip(law.region_moments(theta), (active & taught, active & ~taught), strict=True):
        assert region.sum() > 500  # for sums to be nearly normal
        for i, j in pairs:
            product = np.where(region, z[:, i] * z[:, j], 0.0)
            error = product.std() / math.sqrt(N)
            assert abs(product.mean() - exact[i, j]) <= sigmas * error, (i, j)


def test_second_moments_and_the_mean(drawn):
    law, z = drawn
    along, across = law.half()
    sigmas = stats.norm.isf(FALSE_ALARM / 2 / (2 * law.dim))
    for i in range(law.dim):
        assert abs(z[:, i].mean()) <= sigmas * z[:, i].std() / math.sqrt(N)
        square = z[:, i] ** 2
        expected = 2 * (along if i == 0 else across)
        assert abs(square.mean() - expected) <= sigmas * square.std() / math.sqrt(N)


def test_law_of_the_elevation(drawn):
    """|δ| has distribution function 2 ∫₀ F."""
    law, z = drawn
    elevation = np.arcsin(np.minimum(1.0, np.abs(z[:, 0]) / np.linalg.norm(z, axis=1)))
    grid = np.linspace(0, math.pi / 2, 20_001)
    integral = 2 * cumulative_simpson(np.exp(law.log_density(grid)), x=grid, initial=0)
    assert abs(integral[-1] - 1) < 1e-9
    assert stats.kstest(elevation, lambda x: np.interp(x, grid, integral)).pvalue > FALSE_ALARM


def test_sides_and_turns_are_uniform(drawn):
    """The sign of z₁ is fair; one coordinate t of the direction orthogonal to the axis has t² ~ Beta(½, (p−2)/2)."""
    law, z = drawn
    assert stats.binomtest(int(np.sum(z[:, 0] > 0)), N).pvalue > FALSE_ALARM
    assert stats.binomtest(int(np.sum(z[:, 1] > 0)), N).pvalue > FALSE_ALARM
    if law.dim > 2:
        t = z[:, 2] / np.linalg.norm(z[:, 1:], axis=1)
        assert stats.kstest(t**2, stats.beta(0.5, (law.dim - 2) / 2).cdf).pvalue > FALSE_ALARM


def test_radius(drawn):
    law, z = drawn
    norms = np.linalg.norm(z, axis=1)
    if isinstance(law, Gaussian):
        assert stats.kstest(norms, stats.chi(law.dim).cdf).pvalue > FALSE_ALARM
    else:
        np.testing.assert_allclose(norms, 1, rtol=8 * np.finfo(float).eps)


SHAPES = [Gaussian(4), UniformSphere(4), AngularMixture(4, 0.5), AngularMixture(4, math.inf), Watson(4, 9.0)]


@pytest.mark.parametrize("law", SHAPES, ids=str)
class TestTheCall:
    @pytest.mark.parametrize("n", [0, 1, 37])
    def test_shape(self, law, n):
        points = law.sample(n, rng=np.random.default_rng(1))
        assert (points.shape, points.dtype) == ((n, 4), np.float64)

    def test_seed(self, law):
        first, second, other = (law.sample(50, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
        np.testing.assert_array_equal(first, second)
        assert not np.any(first == other)

    def test_other_namespace(self, law):
        points = law.sample(20, rng=np.random.default_rng(5), xp=array_api_strict)
        assert isinstance(points, type(array_api_strict.zeros(1)))
        np.testing.assert_array_equal(np.asarray(points), law.sample(20, rng=np.random.default_rng(5)))


unit = st.floats(-1, 1, allow_subnormal=False)
axes = st.lists(unit, min_size=4, max_size=4).filter(lambda v: np.linalg.norm(v) > 1e-3)


@settings(max_examples=30, deadline=None)
@given(axis=axes, scale=st.floats(1e-3, 1e3), seed=st.integers(0, 2**32))
def test_the_axis_turns_the_sample_and_nothing_else(axis, scale, seed):
    """The same seed gives the same points, turned: products with the axis, and with each other, do not change."""
    turned_law = AngularMixture(4, 0.4, axis=[scale * a for a in axis])
    turned = turned_law.sample(12, rng=np.random.default_rng(seed))
    points = AngularMixture(4, 0.4).sample(12, rng=np.random.default_rng(seed))
    direction = np.array(axis) / np.linalg.norm(axis)
    # A reflection in four dimensions: a dozen roundings of numbers up to 2.
    limit = 64 * np.finfo(float).eps
    np.testing.assert_allclose(turned_law.direction, direction, atol=limit)
    np.testing.assert_allclose(turned @ direction, points[:, 0], atol=limit)
    np.testing.assert_allclose(turned @ turned.T, points @ points.T, atol=limit)


def test_the_first_unit_vector_is_the_axis_if_none_is_given():
    np.testing.assert_array_equal(Watson(3, 1.0).direction, [1, 0, 0])
    rng = np.random.default_rng
    given_, left_out = Watson(3, 1.0, axis=[2, 0, 0]), Watson(3, 1.0)
    np.testing.assert_array_equal(given_.sample(9, rng=rng(0)), left_out.sample(9, rng=rng(0)))
    np.testing.assert_array_equal(given_.region_moments(1.0).only, left_out.region_moments(1.0).only)
