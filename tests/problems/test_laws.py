"""Laws by name."""

from __future__ import annotations

import math

import pytest

from theory.checks import BadInput
from theory.distributions import AngularMixture, Gaussian, UniformSphere, Watson
from theory.problems import DIMENSIONS, law

NAMES = {
    "gaussian": Gaussian(5),
    "sphere": UniformSphere(5),
    "mixture(0.5)": AngularMixture(5, 0.5),
    "mixture(inf)": AngularMixture(5, math.inf),
    "mixture(1e-05)": AngularMixture(5, 1e-5),
    "watson(5)": Watson(5, 5.0),
    "watson(-5)": Watson(5, -5.0),
    "watson(0)": Watson(5, 0.0),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_its_law_and_the_law_its_name(name):
    assert law(name, 5) == NAMES[name]
    assert law(name, 5).label == name


@pytest.mark.parametrize("dim", DIMENSIONS)
def test_every_dimension_of_the_grid(dim):
    assert law("gaussian", dim).dim == dim


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gauss", "law is 'gauss'; it must be one of gaussian, sphere, mixture, watson"),
        ("mixture()", r"law is 'mixture\(\)'; it must be one of"),
        ("gaussian ", "law is 'gaussian '; it must be one of"),
        ("mixture(0.5", r"law is 'mixture\(0.5'; it must be one of"),
        (3, "law is 3; it must be one of"),
        ("mixture", "law is 'mixture'; it must be with one parameter in parentheses"),
        ("watson", "law is 'watson'; it must be with one parameter in parentheses"),
        ("gaussian(3)", r"law is 'gaussian\(3\)'; it must be without a parameter"),
        ("sphere(3)", r"law is 'sphere\(3\)'; it must be without a parameter"),
        ("mixture(wide)", r"parameter of law 'mixture\(wide\)' is 'wide'; it must be a real number"),
        ("mixture(nan)", r"parameter of law 'mixture\(nan\)' is NaN; it must be a real number"),
        ("mixture(-1)", "spread is -1.0; it must be greater than 0"),
        ("watson(inf)", "concentration is inf; it must be finite"),
    ],
)
def test_bad_names(name, message):
    with pytest.raises(BadInput, match=message) as caught:
        law(name, 5)
    assert "\n" not in str(caught.value)


def test_bad_dimension():
    with pytest.raises(BadInput, match="dim is 1; it must be at least 2"):
        law("gaussian", 1)
