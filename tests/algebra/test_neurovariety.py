"""Equations of the function space: known ones, zero on members, not on others, and enough of them."""

import random

import pytest

from theory.algebra import Architecture, equations, member, solution_dimension, tangent_dimension
from theory.checks import BadInput

LABELS = "2×2 stride 2|2×2 stride 3|3×2 stride 2|3×3 stride 2|4×3 stride 3|5×3 stride 2|2×2×2 stride 2,2"
LABELS += "|2×2×2 stride 1,2|2×2×2 stride 2,1|3×2×2 stride 2,2|2×3×2 stride 3,2|2×2×2×2 stride 2,1,2"
NETWORKS = [Architecture.named(label) for label in LABELS.split("|")]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.label)
class TestEquations:
    def test_vanish_on_members(self, network):
        rng = random.Random(1)
        for _ in range(5):
            assert not any(equations(network, member(network, rng=rng)))

    def test_do_not_on_a_member_that_is_moved(self, network):
        v = member(network, rng=random.Random(2))
        assert any(equations(network, [v[0] + 1, *v[1:]]))

    def test_leave_the_dimension_of_the_function_space(self, network):
        rng = random.Random(3)
        assert tangent_dimension(network, rng=rng) == network.dimension
        assert solution_dimension(network, rng=rng) == network.dimension


def test_those_of_two_by_two():
    """v = (ac, bc, ad, bd): one determinant, as polynomials."""
    ring = pytest.importorskip("sympy", reason="sympy is not installed").polys.rings.ring
    _, *v = ring("v0 v1 v2 v3", pytest.importorskip("sympy").QQ)
    (found,) = equations(Architecture((2, 2), (2,)), v)
    assert found in (v[0] * v[3] - v[1] * v[2], v[1] * v[2] - v[0] * v[3])


def test_those_of_three_by_two():
    """v = P(x) (c + d x²): both (v0, v2, v4) and (v1, v3) vanish at −c/d, so their resultant is zero.

    The minors are multiples of it, of degree 4, with no common factor but it.
    """
    ring = pytest.importorskip("sympy", reason="sympy is not installed").polys.rings.ring
    _, *v = ring("v0 v1 v2 v3 v4", pytest.importorskip("sympy").QQ)
    resultant = v[0] * v[3] ** 2 - v[1] * v[2] * v[3] + v[1] ** 2 * v[4]
    found = list(equations(Architecture((3, 2), (2,)), v))
    assert all(any(one in (w * resultant, -w * resultant) for one in found) for w in (v[1], v[3]))
    assert all(one.rem([resultant]) == 0 for one in found)


def test_stride_one_expresses_all_complex_filters():
    assert list(equations(Architecture((2, 3, 2), (1, 1)), [1, 5, 2, 4, 3])) == []


def test_the_last_layers_are_asked_too():
    """Components with a common factor of the right degree that the other layers do not express."""
    network, factor = Architecture((2, 2, 2), (2, 2)), [1, 2, 3, 5]  # of the others: 1 · 5 ≠ 2 · 3
    assert any(equations(network, Architecture((2, 4), (2,)).filter([[1, 7], factor])))
    assert not any(equations(network, Architecture((2, 4), (2,)).filter([[1, 7], [1, 2, 3, 6]])))


def test_the_wrong_length_is_refused():
    with pytest.raises(BadInput, match="v is a filter with 3 entries; it must be one with 4"):
        list(equations(Architecture((2, 2), (2,)), [1, 2, 3]))
