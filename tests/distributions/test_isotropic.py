"""Gaussian and uniform sphere: every region moment against its closed form, on (0, π)."""

import math

import mpmath
import numpy as np
import pytest

from theory.distributions import Gaussian, UniformSphere

EPS = np.finfo(float).eps
DIMS = [2, 3, 5, 25, 100, 1000]
ANGLES = [1e-9, 1e-6, 0.1, 0.49, 0.5, 0.51, 1.2, math.pi / 2, 2.0, 3.0, math.pi - 1e-6]
LAWS = [(Gaussian, 1), (UniformSphere, 0)]  # and the power of p that E‖z‖² is


def closed_form(theta):
    """2π times the plane part of A_{w,−w*} and its value in the rest, for E zzᵀ = I, in 40 digits."""
    with mpmath.workdps(40):
        t = mpmath.mpf(theta)
        s, c = mpmath.sin(t), mpmath.cos(t)
        return [float(x) for x in (t - s * c, -s * s, t + s * c, t)]


@pytest.mark.parametrize("theta", ANGLES)
@pytest.mark.parametrize("dim", [2, 3, 5, 25, 100])
@pytest.mark.parametrize(("family", "power"), LAWS)
class TestRegionMoments:
    def moments(self, family, dim, power, theta):
        scale = 2 * math.pi * (1 if power else dim)
        both, only = family(dim).region_moments(theta)
        return both * scale, only * scale

    def test_closed_form(self, family, power, dim, theta):
        both, only = self.moments(family, dim, power, theta)
        b11, b12, b22, rest = closed_form(theta)
        expected = np.diag([b11, b22, *[rest] * (dim - 2)])
        expected[0, 1] = expected[1, 0] = b12
        # To rounding relative to each entry up to π/2, beyond it relative to the half space it is subtracted from.
        np.testing.assert_allclose(only, expected, rtol=8 * EPS, atol=0 if theta <= math.pi / 2 else 16 * EPS)
        np.testing.assert_allclose(both, math.pi * np.eye(dim) - expected, rtol=0, atol=32 * EPS)

    def test_eigenvalues_of_the_paper(self, family, power, dim, theta):
        both, only = self.moments(family, dim, power, theta)
        sine = math.sin(theta)
        rest = [math.pi - theta] * (dim - 2)
        expected = sorted([math.pi - theta - sine, math.pi - theta + sine, *rest])
        # Weyl: the eigenvalues move by no more than the norm of the rounding, ε times a modest multiple of λ_max.
        np.testing.assert_allclose(np.linalg.eigvalsh(both), expected, rtol=0, atol=64 * EPS)
        expected = sorted([theta - sine, theta + sine, *[theta] * (dim - 2)])
        np.testing.assert_allclose(np.linalg.eigvalsh(only), expected, rtol=0, atol=64 * EPS)


@pytest.mark.parametrize("dim", DIMS)
def test_half(dim):
    assert Gaussian(dim).half() == (0.5, 0.5)
    np.testing.assert_allclose(UniformSphere(dim).half(), 1 / (2 * dim), rtol=2 * EPS)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("family", [Gaussian, UniformSphere])
def test_the_density_of_the_elevation_gives_the_same_moments(family, dim):
    """The quadrature of the base class, from ``log_density`` alone, against the closed forms that override it."""
    law = family(dim)
    base = super(family.__mro__[1], law)
    # gammaln at p/2 = 500 is 2600: rounding it by ½ ulp moves the density by 4600 ε ≈ 5e-13 at most.
    np.testing.assert_allclose(base.half(), law.half(), rtol=1e-12)
    angle = np.array([1e-6, 0.3, 1.2, math.pi / 2 - 1e-6])
    columns = slice(None) if dim > 2 else slice(3)  # there is no rest in the plane
    np.testing.assert_allclose(base.wedge(angle)[:, columns], law.wedge(angle)[:, columns], rtol=2e-12)


def test_radius():
    assert Gaussian(7).radius_moment == 7.0
    assert UniformSphere(7).radius_moment == 1.0
    assert (Gaussian(7).label, UniformSphere(7).label) == ("gaussian", "sphere")
