"""The table of wedge moments against the quadrature it interpolates, near 0, near π/2 and between."""

import math

import array_api_strict
import numpy as np
import pytest

from theory.distributions import AngularMixture, Gaussian, UniformSphere, Watson
from theory.distributions.table import DEGREE, NOISE, TOLERANCE, wedge_table

LAWS = [
    Gaussian(5),
    UniformSphere(100),
    AngularMixture(2, 0.05),
    AngularMixture(2, math.inf),
    AngularMixture(3, 0.3),
    AngularMixture(5, math.inf),
    AngularMixture(25, 0.15),
    AngularMixture(100, 2.0),
    Watson(2, -500.0),
    Watson(3, 10.0),
    Watson(5, 60.0),
    Watson(100, 0.5),
    Watson(1000, -4.0),
]


def scale(law):
    """What the error is relative to: the entries of ½E[zzᵀ]."""
    along, across = law.half()
    return np.array([along, math.sqrt(along * across), across, across])


def angles():
    rng = np.random.default_rng(11)
    near = 10 ** rng.uniform(-12, 0, (2, 150))
    return np.sort(np.concatenate([rng.uniform(0, math.pi / 2, 400), near[0], math.pi / 2 - near[1], [math.pi / 2]]))


@pytest.mark.parametrize("law", LAWS, ids=str)
class TestTable:
    def test_the_error_it_reports_is_true(self, law):
        table, theta = wedge_table(law), angles()
        exact = np.concatenate([law.wedge(part) for part in np.array_split(theta, 5)])
        error = np.abs(np.stack(table(theta), axis=1) - exact) / scale(law)
        # Where the probes fall, the error is 0.69 of its largest or more. Of rounding they see three draws a panel.
        assert error.max() <= 1.5 * table.error + TOLERANCE
        assert table.error <= NOISE

    def test_towards_zero_the_error_falls_with_the_power(self, law):
        """B11/θ³, B12/θ², B22/θ at θ = 1e-9, where B(θ) = ∫₀^θ g(x) uuᵀ dx is g(0) θ (θ²/3, −θ/2, 1)."""
        theta = 1e-9
        g = law.wedge(np.array([theta]))[0, 2] / theta
        found = [float(b[0]) for b in wedge_table(law)(np.array([theta]))]
        quotients = np.array(found[:3]) / theta ** np.array([3, 2, 1])
        # The error of the polynomial on the first panel, of width π/32, for its own four entries at B's scale: the
        # probe at a tenth beyond its middle sees them times (π/64)³ at least.
        width = math.pi / 64
        limit = TOLERANCE * scale(law)[:3] / width ** np.array([3, 2, 1])
        assert np.all(np.abs(quotients - g * np.array([1 / 3, -1 / 2, 1])) <= limit + 1e-12 * g)

    def test_plane_is_the_first_two(self, law):
        table, theta = wedge_table(law), angles()
        np.testing.assert_array_equal(np.stack(table.plane(theta)), np.stack(table(theta)[:2]))

    def test_the_ends(self, law):
        table = wedge_table(law)
        assert [float(b[0]) for b in table(np.zeros(1))] == [0.0, 0.0, 0.0, 0.0]
        assert (table.edges[0], table.edges[-1]) == (0.0, math.pi / 2)
        assert np.all(np.diff(table.edges) > 0)
        assert table.coefficients.shape == (table.edges.size - 1, DEGREE + 1, 4)

    def test_another_namespace(self, law):
        theta = angles()[::7]
        strict = wedge_table(law).to(array_api_strict)
        found = strict(array_api_strict.asarray(theta))
        for there, here in zip(found, wedge_table(law)(theta), strict=True):
            # The same operations in the same order.
            np.testing.assert_array_equal(np.asarray(there), here)


SMOOTH = [Gaussian(5), UniformSphere(100), AngularMixture(2, 2.0), AngularMixture(5, math.inf), Watson(5, 10.0)]


@pytest.mark.parametrize("law", SMOOTH, ids=str)
def test_relative_accuracy_towards_zero(law):
    """Required is 1e-9 at θ = 1e-9 for laws with mass at the hyperplane; F(0) is at least 1e-3 of its maximum here."""
    theta = np.array([1e-9, 1e-6, 1e-3])
    exact = law.wedge(theta)
    found = np.stack(wedge_table(law)(theta), axis=1)
    columns = slice(None) if law.dim > 2 else slice(3)
    np.testing.assert_allclose(found[:, columns], exact[:, columns], rtol=1e-9)


def test_a_table_is_made_once():
    assert wedge_table(AngularMixture(2, 0.7)) is wedge_table(AngularMixture(2, 0.7))
    assert wedge_table(AngularMixture(2, 0.7)) is not wedge_table(AngularMixture(2, 0.71))
