"""Real critical points: against the roots of a polynomial, against each other's signs, and certificates that refuse."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from theory.algebra import Architecture, certified, generic_ed_degree, random_losses, real_points, sum_of_signs
from theory.algebra.homotopy import Chart, Losses, monodromy
from theory.checks import BadInput

TWO = Architecture((2, 2), (2,))


def by_roots(sigma, q):
    """Real points and minima of the 2×2 network of stride 2, w_2 = (1, b), the best w_1 put in.

    The loss is const − φ(b)/2, φ = cᵀ M⁻¹ c, c = Aᵀq and M = AᵀΣA, A linear in b: the critical points are the roots of
    the numerator of φ', of degree 6.
    """
    b = Polynomial([0, 1])
    a = np.array([[1, 0], [0, 1], [b, 0], [0, b]], dtype=object)
    c, m = a.T @ q, a.T @ sigma @ a
    up, down = c[0] * (m[1, 1] * c[0] - m[0, 1] * c[1]) + c[1] * (m[0, 0] * c[1] - m[1, 0] * c[0]), None
    down = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    slope = up.deriv() * down - up * down.deriv()
    slope = Polynomial(slope.coef[:7])
    roots = slope.roots()
    real = roots[np.abs(roots.imag) < 1e-7].real
    return len(roots), len(real), int((slope.deriv()(real) < 0).sum())  # maxima of φ are minima of the loss


@pytest.fixture(scope="module")
def two():
    rng = np.random.default_rng(0)
    losses = random_losses(TWO, 12, rng=rng)
    return losses, real_points(TWO, losses, rng=rng)


def test_they_are_the_roots_of_a_polynomial(two):
    losses, found = two
    assert found.complete.all()
    for i in range(12):
        assert by_roots(losses.sigma[i], losses.q[i]) == (found.complex[i], found.real[i], found.minima[i])


def test_signs_add_up(two):
    assert set(two[1].signs) == {sum_of_signs(TWO)} == {0}
    rng = np.random.default_rng(1)
    network = Architecture((3, 3), (2,))
    found = real_points(network, random_losses(network, 2, rng=rng), rng=rng)
    assert found.known == generic_ed_degree((3, 3)) == 39
    assert found.complete.all()
    assert set(found.signs) == {sum_of_signs(network)} == {1}


def test_no_sum_of_signs_in_odd_dimension():
    assert sum_of_signs(Architecture((2, 3), (2,))) is None


class TestChart:
    network = Architecture((2, 3, 2), (2, 3))

    @pytest.fixture
    def chart(self):
        return Chart(self.network, rng=np.random.default_rng(2))

    def test_gradient_and_hessian_are_derivatives(self, chart):
        rng = np.random.default_rng(3)
        losses = random_losses(self.network, 1, rng=rng)
        z = rng.standard_normal((1, chart.dimension))

        def value(z):
            v = chart.differential(z)[0][0]
            return v @ losses.sigma[0] @ v / 2 - losses.q[0] @ v

        gradient, hessian = chart.both(z, losses)
        step = 1e-5  # central differences: error step² and ε/step, 1e-10; of gradients the same
        for i in range(chart.dimension):
            e = step * np.eye(chart.dimension)[[i]]
            assert gradient[0, i] == pytest.approx((value(z + e) - value(z - e)) / (2 * step), rel=1e-6, abs=1e-7)
            slope = (chart.gradient(z + e, losses) - chart.gradient(z - e, losses))[0] / (2 * step)
            np.testing.assert_allclose(hessian[0, i], slope, rtol=1e-6, atol=1e-7)

    def test_filters_and_coordinates(self, chart):
        rng = np.random.default_rng(4)
        z = rng.standard_normal((5, chart.dimension))
        weights = chart.weights(z)
        for i in range(5):
            expected = self.network.filter([list(weight[i]) for weight in weights])
            np.testing.assert_allclose(chart.differential(z)[0][i], expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(chart.coordinates(weights), z, rtol=1e-12, atol=1e-12)
        other = Chart(self.network, rng=rng)
        same = other.differential(other.coordinates(weights))[0]
        np.testing.assert_allclose(same, chart.differential(z)[0], rtol=1e-9, atol=1e-9)

    def test_magnitudes_bound(self, chart):
        rng = np.random.default_rng(5)
        losses, z = random_losses(self.network, 7, rng=rng), rng.standard_normal((7, chart.dimension))
        bound = chart.magnitude().gradient(np.abs(z), losses.bounds())
        assert np.all(np.abs(chart.gradient(z, losses)) <= bound * (1 + 1e-12))


class TestCertificate:
    def test_a_point_that_is_none_has_no_ball(self):
        rng = np.random.default_rng(6)
        chart, losses = Chart(TWO, rng=rng), random_losses(TWO, 1, rng=rng)
        radius, alone = certified.certificate(chart, np.ones((1, chart.dimension), dtype=complex), losses)
        assert np.isinf(radius[0])
        assert alone[0] == 0

    def test_the_ball_holds_the_point(self):
        rng = np.random.default_rng(7)
        chart = Chart(TWO, rng=rng)
        z, home = monodromy(chart, rng=rng)
        losses = home[np.zeros(len(z), dtype=int)]
        moved = z + 1e-9 * chart.units(z)
        radius, alone = certified.certificate(chart, moved, losses)
        assert len(z) == 6
        assert np.all((radius >= 0.9e-9) & (radius < alone))

    def test_overlapping_balls_are_one_point(self):
        z = np.array([[0.0, 0], [0, 1e-3], [0, 1]])
        assert certified.apart(z, np.full((3, 2), 1e-2)) == [0, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: real_points(TWO, Losses(np.zeros((0, 4, 4)), np.zeros((0, 4))), rng=rng), "data sets is 0"),
        (lambda rng: monodromy(Chart(Architecture((2, 2), (1,)), rng=rng), rng=rng), "network is 2×2 stride 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call(np.random.default_rng(0))
