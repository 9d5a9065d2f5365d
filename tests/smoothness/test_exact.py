"""γ(φ), L, β(φ) of a law: closed forms, published values, the independent twin, and what follows from each other."""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.distributions import AngularMixture, Atoms, Gaussian, UniformSphere, Watson
from theory.smoothness import (
    Constants,
    Curve,
    largest_half,
    least_eigenvalue,
    sampled,
    sampled_wedge_energy,
    smoothness,
    wedge_energy,
)
from theory.smoothness.exact import limit

DIMS = [2, 3, 5, 25, 100, 1000]
ANGLES = [1e-6, 0.1, 0.7, 1.2, 1.5, math.pi / 2 - 1e-6, math.nextafter(math.pi / 2, 0)]
LAWS = {"mixture": AngularMixture, "watson": Watson}
CASES = [
    *[("mixture", spread) for spread in (0.05, 0.3, 2.0, math.inf)],
    *[("watson", concentration) for concentration in (-500.0, 0.5, 10.0, 2000.0)],
]
# Laws whose λ_max(A_{w,−w*})/θ is largest neither at 0 nor at π/2.
PEAKED = [
    ("mixture", 2, 2.0),
    ("watson", 2, 0.5),
    ("watson", 3, 0.5),
    ("watson", 5, 0.5),
    ("watson", 5, 1.0),
    ("watson", 25, 3.0),
    ("watson", 100, 10.0),
]
RTOL = 1e-9  # what is required; rounding leaves about 1e-12, as tests/distributions/test_wedge.py derives
TINY = 1e-280  # moments of spiky laws near the hyperplane are at the end of the floating-point range


class TestClosedForms:
    @pytest.mark.parametrize("phi", ANGLES)
    @pytest.mark.parametrize("dim", DIMS)
    @pytest.mark.parametrize(("family", "scale"), [(Gaussian, lambda p: 1), (UniformSphere, lambda p: p)])
    def test_gaussian_and_sphere(self, family, scale, dim, phi):
        constants = smoothness(family(dim), phi)
        unit = scale(dim)
        assert constants.angle == phi
        # π − φ − sin φ cancels by a factor of at most 2π/(π/2 − 1) = 11.
        assert constants.gamma * unit == pytest.approx((math.pi - phi - math.sin(phi)) / (2 * math.pi), rel=1e-14)
        assert constants.L * unit == pytest.approx(0.5, rel=1e-15)
        # (θ + sin θ)/2πθ falls from 1/π. The limit comes by way of gammaln at 500, see tests/distributions.
        assert constants.beta * unit == pytest.approx(1 / math.pi, rel=2e-12)

    @pytest.mark.parametrize("phi", ANGLES)
    def test_the_mixture_that_is_the_circle(self, phi):
        found, circle = smoothness(AngularMixture(2, math.inf), phi), smoothness(UniformSphere(2), phi)
        assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(circle), rel=1e-12)

    @pytest.mark.parametrize("phi", ANGLES)
    @pytest.mark.parametrize("dim", DIMS)
    def test_the_watson_law_that_is_the_sphere(self, dim, phi):
        found, sphere = smoothness(Watson(dim, 0.0), phi), smoothness(UniformSphere(dim), phi)
        assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(sphere), rel=1e-11)

    def test_published_values(self):
        """p = 2, φ = 1.2, to the digits given: σ = 0.5 has γ = 4.590e-2, L = .4023; σ = 0.1 has L/γ = 100.2."""
        constants = smoothness(AngularMixture(2, 0.5), 1.2)
        assert (constants.gamma, constants.L) == (
            pytest.approx(4.590e-2, abs=0.5e-5),
            pytest.approx(0.4023, abs=0.5e-4),
        )
        assert smoothness(AngularMixture(2, 0.1), 1.2).ratio == pytest.approx(100.2, abs=0.05)


def largest(moments):
    """λ_max of A_{w,−w*}, plane and rest."""
    b11, b12, b22, rest = np.moveaxis(moments, -1, 0)
    scale = np.maximum(b11 + b22, np.finfo(float).tiny)
    matrices = np.stack([np.stack([b11, b12], -1), np.stack([b12, b22], -1)], -2) / scale[..., None, None]
    return np.maximum(np.linalg.eigvalsh(matrices)[..., -1] * scale, rest)


def moments_at(twin, key, angle):
    """B of the twin at one angle, from its table and the rest of the way."""
    before = np.searchsorted(twin.ANGLES, angle, side="right") - 1
    start = twin.ANGLES[before]
    if start == angle:
        return twin.table(*key)[before]
    return twin.table(*key)[before] + twin.between(twin.density(*key), np.array([start, angle]))[0]


def still_rising(twin, key, phi, moments, quotient):
    """Whether λ_max(B)/θ grows at φ: λ_max grows by g (u·x)², x its eigenvector, and the quotient is less than that."""
    b11, b12, b22, _ = moments
    x = np.linalg.eigh([[b11, b12], [b12, b22]])[1][:, -1]
    g = twin.plane_densities(twin.density(*key), np.array([phi]))[0, 0]
    return g * (x @ [-math.sin(phi), math.cos(phi)]) ** 2 > quotient


def twin_beta(twin, key, phi):
    """sup λ_max(B(θ))/θ by a scan, then from a polynomial of degree 24 between the neighbours of the best."""
    inner = phi > twin.ANGLES
    angles = np.append(twin.ANGLES[inner], phi)
    moments = np.concatenate([twin.table(*key)[inner], moments_at(twin, key, phi)[None]])
    values = largest(moments) / angles
    best = int(np.argmax(values))
    if (
        best == 0 or values[best] < TINY
    ):  # at 1e-6 the limit θ → 0 is reached: the next term is relatively (1e-6/width)²
        return values[best]
    if best == angles.size - 1 and still_rising(twin, key, phi, moments[best], values[best]):
        return values[best]
    low, high = angles[best - 1], angles[min(best + 1, angles.size - 1)]
    place = np.sort(np.polynomial.chebyshev.chebpts1(25))
    nodes = (low + high + (high - low) * place) / 2
    there = moments[best - 1] + np.cumsum(twin.between(twin.density(*key), np.append(low, nodes)), axis=0)
    scale = values[best]
    fit = np.polynomial.Chebyshev.fit(nodes, largest(there) / nodes / scale, 24, domain=[low, high])
    turns = fit.deriv().roots()
    turns = turns[np.isreal(turns)].real
    return scale * np.max(fit(turns[(turns > low) & (turns < high)]), initial=1.0)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize(("family", "parameter"), CASES)
class TestAgainstTheTwin:
    def test_gamma_and_L(self, twin, family, parameter, dim):
        key = family, dim, parameter
        along, across = twin.density(*key).half()
        for index in (0, 10, 30, 50, -2, -1):
            b11, b12, b22, rest = twin.table(*key)[index]
            plane = np.linalg.eigvalsh([[along - b11, -b12], [-b12, across - b22]])[0]
            expected = plane if dim == 2 else min(plane, across - rest)
            constants = smoothness(LAWS[family](dim, parameter), float(twin.ANGLES[index]))
            # eigvalsh is exact to a rounding of λ_max, which γ is no less than 1e-4 of here.
            expected = expected, max(along, across)
            assert (constants.gamma, constants.L) == pytest.approx(expected, rel=RTOL)

    @pytest.mark.parametrize("phi", [0.3, 1.2, math.pi / 2 - 1e-6])
    def test_beta(self, twin, family, parameter, dim, phi):
        expected = twin_beta(twin, (family, dim, parameter), phi)
        assert smoothness(LAWS[family](dim, parameter), phi).beta == pytest.approx(expected, rel=RTOL, abs=TINY)


@pytest.mark.parametrize(("family", "dim", "parameter"), PEAKED)
class TestBetaBesideItsMaximum:
    def test_before_at_and_after(self, twin, family, dim, parameter):
        law, key = LAWS[family](dim, parameter), (family, dim, parameter)
        values = largest(twin.table(*key)) / twin.ANGLES
        best = int(np.argmax(values))
        assert 0 < best < twin.ANGLES.size - 1
        for phi in twin.ANGLES[best - 1] + (twin.ANGLES[best + 1] - twin.ANGLES[best - 1]) * np.linspace(0.05, 0.95, 5):
            expected = twin_beta(twin, key, phi)
            assert smoothness(law, float(phi)).beta == pytest.approx(expected, rel=RTOL)

    def test_with_the_maximum_just_inside(self, family, dim, parameter):
        """From the angle of the maximum on, β does not change any more, however little further φ is."""
        law = LAWS[family](dim, parameter)
        theta = np.linspace(0.01, 1.57, 400)
        values = largest(law.wedge(theta)) / theta
        best = int(np.argmax(values))
        beyond = smoothness(law, float(theta[best + 1])).beta
        low, high = theta[best - 1], theta[best + 1]
        for _ in range(60):  # the slope of the quotient changes sign once here
            middle = (low + high) / 2
            pair = np.array([middle - 1e-5, middle + 1e-5])
            before, after = largest(law.wedge(pair)) / pair
            low, high = (middle, high) if after > before else (low, middle)
        for factor in (1e-5, 5e-5, 1e-4, 2e-4, 1e-3):
            assert smoothness(law, low * (1 + factor)).beta == pytest.approx(beyond, rel=1e-11)


SOME = [
    Gaussian(3),
    UniformSphere(2),
    AngularMixture(2, 0.1),
    AngularMixture(3, 0.3),
    AngularMixture(25, 2.0),
    Watson(2, -30.0),
    Watson(5, 0.5),
    Watson(100, 60.0),
]


@pytest.mark.parametrize("law", SOME, ids=str)
class TestProperties:
    def test_monotone_in_the_angle(self, law):
        phi = np.linspace(1e-3, math.pi / 2 - 1e-3, 25)
        constants = [smoothness(law, float(p)) for p in phi]
        assert all(a.gamma >= b.gamma * (1 - 1e-14) for a, b in itertools.pairwise(constants))
        assert constants[0].gamma > 1.5 * constants[-1].gamma
        assert all(a.beta <= b.beta * (1 + 1e-12) for a, b in itertools.pairwise(constants))
        assert len({c.L for c in constants}) == 1
        assert all(0 < c.gamma < c.L for c in constants)

    def test_towards_zero(self, law, twin):
        """γ → λ_min(A_{w*,w*}), and β → λ_max(B)/θ at θ → 0, which is B22/θ."""
        theta = 1e-12
        constants = smoothness(law, theta)
        assert constants.gamma == pytest.approx(min(law.half()), rel=1e-10)
        slope = law.wedge(np.array([theta]))[0, 2] / theta
        # F'/F is 157 at most here, at the hyperplane, where the two halves of the mixture law meet at an angle.
        assert constants.beta == pytest.approx(slope, rel=1e-9)
        assert limit(law) == pytest.approx(slope, rel=1e-9)

    @settings(max_examples=15, deadline=None)
    @given(phi=st.floats(1e-3, math.pi / 2 - 1e-3), share=st.floats(1e-3, 1))
    def test_they_bound_every_matrix_before_the_angle(self, law, phi, share):
        constants = smoothness(law, phi)
        both, only = (np.linalg.eigvalsh(matrix) for matrix in law.region_moments(share * phi))
        assert both[0] >= constants.gamma - 1e-14 * constants.L
        assert both[-1] <= constants.L * (1 + 1e-14)
        assert only[-1] <= constants.beta * share * phi + 1e-14 * constants.L

    def test_the_axis_does_not_matter(self, law):
        turned = dataclasses.replace(law, axis=tuple(range(1, law.dim + 1)))
        assert smoothness(turned, 1.1) == smoothness(law, 1.1)
        along = np.arange(1.0, law.dim + 1)
        assert smoothness(turned, 1.1, teacher=-3 * along) == smoothness(law, 1.1)

    def test_least_eigenvalue(self, law):
        for phi in (0.2, 1.4):
            # eigvalsh is exact to a rounding of λ_max.
            assert abs(least_eigenvalue(law, phi) - smoothness(law, phi).gamma) < 1e-14 * law.radius_moment
        values = [least_eigenvalue(law, theta) for theta in np.linspace(0, math.pi, 30)]
        assert all(a >= b - 1e-15 for a, b in itertools.pairwise(values))
        assert abs(values[-1]) < 1e-15

    def test_largest_half(self, law):
        assert largest_half(law) == smoothness(law, 1.0).L


def test_isotropic_laws_take_any_teacher():
    assert smoothness(Gaussian(2), 1.0, teacher=[3, 4]) == smoothness(Gaussian(2), 1.0)


def test_largest_half_of_atoms():
    law = Atoms([[1, 0], [0, 2], [0, -2]], [2, 1, 1])
    assert largest_half(law) == pytest.approx(1.0, rel=1e-15)  # ½ (½ · 4)


CONSTANTS = Constants(angle=1.0, gamma=0.06, L=0.4, beta=0.2)  # L + 4β = 1.2


class TestConstants:
    def test_derived(self):
        assert CONSTANTS.ratio == pytest.approx(20 / 3)
        assert CONSTANTS.step == pytest.approx(0.06 / (2 * 1.44))
        assert CONSTANTS.best_step == pytest.approx(0.06 / 1.44)

    def test_contractions(self):
        assert CONSTANTS.contraction(0.5) == pytest.approx(0.5 * 0.06 / 2)
        assert CONSTANTS.proof_contraction(0.01) == pytest.approx(2 * 0.01 * 0.06 - 0.0001 * 1.44)
        best = CONSTANTS.proof_contraction(CONSTANTS.best_step)
        assert best == pytest.approx(0.06**2 / 1.44)
        for step in CONSTANTS.best_step * np.array([0.9, 1.1]):
            assert CONSTANTS.proof_contraction(step) < best
        # The paper's step is half the best, where the proof takes off 3/4 of its best and the paper claims 1/4.
        assert CONSTANTS.contraction(CONSTANTS.step) == pytest.approx(best / 4)
        assert CONSTANTS.proof_contraction(CONSTANTS.step) == pytest.approx(3 / 4 * best)


CURVES = [
    Gaussian(5),
    AngularMixture(2, 0.05),
    AngularMixture(2, 2.0),
    AngularMixture(5, 0.3),
    Watson(2, -500.0),
    Watson(3, 0.5),
    Watson(5, 1.0),
]
TABULATED = np.linspace(0, math.pi / 2, Curve.ANGLES + 1)
RANDOM = np.random.default_rng(4)
# Before, at and after the angles where the quotient of these laws is largest, and towards 0.
PHI = np.concatenate(
    [10 ** RANDOM.uniform(-9, -1, 3), RANDOM.uniform(0, math.pi / 2, 7), TABULATED[[900, 4000]], [1.55]]
)
ABOVE = TABULATED[np.searchsorted(TABULATED, PHI * (1 - 1e-15))]


@functools.cache
def exact(law):
    """The constants at every angle of ``PHI``, and at the tabulated angle above it."""
    return [[smoothness(law, float(p)) for p in angles] for angles in (PHI, np.maximum(PHI, ABOVE))]


@pytest.mark.parametrize("law", CURVES, ids=str)
class TestCurve:
    def test_gamma(self, law):
        here, _ = exact(law)
        # The table errs by 1e-11 of ½E[zzᵀ] at most; det/λ_max of the plane passes that on to γ with the ratio of the
        # two entries, and never more than fourfold.
        limit_ = 4e-11 * min(law.half()) / law.radius_moment + 1e-14
        np.testing.assert_allclose(Curve(law).gamma(PHI), [c.gamma for c in here], rtol=1e-10, atol=limit_)

    def test_beta_is_never_below_and_hardly_above(self, law):
        curve = Curve(law)
        found = curve.beta(PHI)
        least, most = (np.array([c.beta for c in constants]) for constants in exact(law))
        rounding = 2e-11 * curve.L / ABOVE  # the table's error, over θ
        assert np.all(found >= least * (1 - 1e-12) - rounding)
        # Raising beside a maximum adds half the second difference at most: (3.8e-4 / width)², width ≥ 0.05.
        assert np.all(found <= most * (1 + 6e-5) + rounding)

    def test_step_is_admissible_and_hardly_smaller(self, law):
        found = Curve(law).step(PHI)
        most, least = (np.array([c.step for c in constants]) for constants in exact(law))
        assert np.all(found <= most * (1 + 1e-9))
        # The step at the next larger tabulated angle, less what β is raised there (6e-5, and the step goes with β⁻²).
        assert np.all(found >= least * (1 - 2e-4))
        assert np.all(found >= 0.98 * most)

    def test_beside_its_maximum(self, law):
        """Around the largest quotient, where a maximum may fall between two tabulated angles."""
        curve, theta = Curve(law), TABULATED[1:]
        values = largest(law.wedge(theta[::8])) / theta[::8]
        best = float(theta[::8][min(int(np.argmax(values)) + 1, values.size - 1)])
        least = smoothness(law, min(best, math.nextafter(math.pi / 2, 0))).beta
        assert curve.at(best)[1] >= least * (1 - 1e-13)

    def test_at_and_step_at_are_the_same(self, law):
        curve = Curve(law)
        gamma, beta = curve.at(0.9)
        assert (gamma, beta) == (curve.gamma(np.array([0.9]))[0], curve.beta(np.array([0.9]))[0])
        assert curve.step_at(0.06, 0.2) == pytest.approx(0.06 / (2 * (curve.L + 0.8) ** 2))
        assert max(law.half()) == curve.L

    def test_along_a_descent(self, law):
        curve = Curve(law)
        distance = np.array([[0.0, 0.5, np.nan], [0.99, 1.0, 1.3]])
        gamma, lipschitz = curve.along(distance)
        promised = np.array([[True, True, False], [True, False, False]])  # where φ = arcsin is below π/2
        np.testing.assert_array_equal(np.isfinite(gamma), promised)
        np.testing.assert_array_equal(np.isfinite(lipschitz), promised)
        for place, relative in (((0, 1), 0.5), ((1, 0), 0.99)):
            there, beta = curve.at(math.asin(relative))
            assert (gamma[place], lipschitz[place]) == (there, curve.L + 4 * beta)
        assert gamma[0, 0] == pytest.approx(min(law.half()), rel=1e-12)


class TestWedgeEnergy:
    def test_its_mean_is_the_largest_eigenvalue(self):
        """Standard Gaussian: λ_max(A_{w,−w*}) = (θ + sin θ)/2π; five standard errors, a chance of 6e-7."""
        points = Gaussian(4).sample(200_000, rng=np.random.default_rng(8))
        for theta in (0.4, 1.3, 2.5):
            energy = wedge_energy(points, theta)
            expected = (theta + math.sin(theta)) / (2 * math.pi)
            assert abs(energy.mean() - expected) <= 5 * energy.std() / math.sqrt(energy.size)

    @pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
    def test_in_blocks(self, monkeypatch, n):
        """Blocks of 8 points drawn one after the other: every point counts once."""
        monkeypatch.setattr(sampled, "BLOCK", 8)
        found = sampled_wedge_energy(Gaussian(3), n, 1.3, rng=np.random.default_rng(5))
        rng = np.random.default_rng(5)
        blocks = [Gaussian(3).sample(min(8, n - start), rng=rng) for start in range(0, n, 8)]
        np.testing.assert_array_equal(found, wedge_energy(np.concatenate(blocks), 1.3))
        assert found.shape == (n,)

    def test_one_point_after_the_other(self):
        theta, bisector = 0.8, np.array([math.cos(math.pi / 2 + 0.4), math.sin(math.pi / 2 + 0.4)])
        for psi, inside in ((math.pi / 2 + 0.01, True), (math.pi / 2 + 0.79, True), (math.pi / 2 + 0.81, False)):
            point = np.array([2 * math.cos(psi), 2 * math.sin(psi), 5.0])
            expected = (bisector @ point[:2]) ** 2 if inside else 0.0
            assert wedge_energy(point[None], theta) == pytest.approx(expected, rel=1e-14)
        assert wedge_energy(np.array([[1.0, 1.0, 0.0]]), theta) == 0.0


MISTAKES = [
    (lambda: smoothness(Gaussian(3), 0.0), "angle is 0.0;", "between 0 and π/2 (both excluded), in radians"),
    (lambda: smoothness(Gaussian(3), -0.5), "angle is -0.5;", "between 0 and π/2"),
    (lambda: smoothness(Gaussian(3), math.pi / 2), "angle is 1.57", "between 0 and π/2"),
    (lambda: smoothness(Gaussian(3), math.nan), "angle is NaN;", "a real number"),
    (lambda: smoothness(Gaussian(3), "wide"), "angle is 'wide';", "a real number"),
    (lambda: smoothness(Gaussian(3), 1.0, budget=10), "options is ['budget'];", "left out"),
    (lambda: smoothness(Gaussian(3), 1.0, least_angle=0.1), "options is ['least_angle'];", "left out"),
    (lambda: smoothness(Gaussian(3), 1.0, teacher=[0, 0, 0]), "teacher is the zero vector;", "different from zero"),
    (lambda: smoothness(Gaussian(3), 1.0, teacher=[1, 0]), "teacher is an array of shape (2,);", "of shape (3,)"),
    (lambda: smoothness(Watson(2, 1), 1.0, teacher=[1, math.nan]), "teacher is an array with NaN", "finite"),
    (lambda: smoothness(Watson(2, 1), 1.0, teacher=[1, 0.1]), "teacher is [1.0, 0.1], not along the axis", ""),
]


@pytest.mark.parametrize(("call", "named", "required"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_mistakes_are_refused_in_one_line(call, named, required):
    with pytest.raises(BadInput) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(named)
    assert f"it must be {required}" in message or not required
    assert "\n" not in message


def test_a_teacher_off_the_axis_is_told_of_the_sampled_alternative():
    with pytest.raises(BadInput, match=r"mixture\(0.5\); it must be, or use .*SampleLoss"):
        smoothness(AngularMixture(2, 0.5, axis=[0, 1]), 1.0, teacher=[1, 0])
