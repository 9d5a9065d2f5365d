"""Numbers of critical points by formula: known tables, and the formula once more with polynomials multiplied out."""

import itertools
import math
from collections import Counter

import pytest

from theory.algebra import (
    Architecture,
    architectures,
    chern_degrees,
    factorizations,
    frobenius_ed_degree,
    generic_ed_degree,
    rank_loss_degree,
)
from theory.checks import BadInput

KNOWN = {(2, 2): 6, (3, 3): 39, (3, 4): 83, (2, 2, 2): 34, (2, 2, 3): 100, (2, 2, 2, 2): 280, (5,): 1, (1, 3): 1}
KNOWN |= {(2, m): 4 * m - 2 for m in range(2, 12)}
TENSORS = {(m, n): min(m, n) for m in range(1, 6) for n in range(1, 6)} | {
    (2,) * d: math.factorial(d) for d in range(1, 8)
}
TENSORS |= {(2, 2, 3): 8, (2, 2, 4): 8, (2, 3, 3): 15, (3, 3, 3): 37}
"""Draisma & Horobeţ and Friedland & Ottaviani's tables."""


def multiplied(one, other, top):
    """Product of two polynomials {exponents: coefficient}, without powers beyond ``top``."""
    product = Counter()
    for (a, x), (b, y) in itertools.product(one.items(), other.items()):
        key = tuple(i + j for i, j in zip(a, b, strict=True))
        if all(i <= j for i, j in zip(key, top, strict=True)):
            product[key] += x * y
    return product


def slow_chern_degrees(sizes):
    top, layers = tuple(k - 1 for k in sizes), range(len(sizes))
    units = [tuple(int(i == j) for j in layers) for i in layers]
    zero = (0,) * len(sizes)
    c = {zero: 1}
    for unit, k in zip(units, sizes, strict=True):
        for _ in range(k):
            c = multiplied(c, {zero: 1, unit: 1}, top)
    n, degrees = sum(top), []
    for i in range(n + 1):
        part = {key: value for key, value in c.items() if sum(key) == i}
        for _ in range(n - i):
            part = multiplied(part, dict.fromkeys(units, 1), top)
        degrees.append(part.get(top, 0))
    return degrees


@pytest.mark.parametrize("sizes", KNOWN, ids=str)
def test_known_generic_degrees(sizes):
    assert generic_ed_degree(sizes) == KNOWN[sizes]


@pytest.mark.parametrize("sizes", TENSORS, ids=str)
def test_known_degrees_of_tensors(sizes):
    assert frobenius_ed_degree(sizes) == TENSORS[sizes]


@pytest.mark.parametrize("sizes", [s for n in range(1, 6) for s in architectures(n)], ids=str)
def test_degrees_are_those_of_the_polynomials_multiplied_out(sizes):
    assert chern_degrees(sizes) == slow_chern_degrees(sizes)


def test_the_order_of_the_layers_and_layers_of_one_weight_change_nothing():
    for sizes in itertools.permutations((2, 3, 4)):
        assert generic_ed_degree(sizes) == generic_ed_degree((1, 2, 3, 4))
        assert frobenius_ed_degree(sizes) == frobenius_ed_degree((1, 2, 3, 4))


def test_every_architecture_up_to_twelve_is_a_whole_positive_number():
    found = [generic_ed_degree(sizes) for n in range(1, 13) for sizes in architectures(n)]
    assert len(found) == 271  # partitions of 1 … 12
    assert all(isinstance(value, int) and value > 0 for value in found)


@pytest.mark.parametrize(
    ("sizes", "strides", "expected"),
    [
        ((2, 2), (1,), 4),
        ((2, 3), (1,), 7),
        ((2, 2, 2), (1, 1), 28),
        ((2, 2, 2), (1, 2), 34 - 2 * 10),
        ((2, 2), (2,), 0),
        ((2, 2, 2), (3, 2), 0),
    ],
)
def test_where_the_rank_is_lost(sizes, strides, expected):
    assert rank_loss_degree(Architecture(sizes, strides)) == expected


def test_factorizations_share_the_roots():
    assert factorizations(Architecture((3, 3, 2), (1, 1))) == 30  # 5!/(2! 2! 1!)
    assert factorizations(Architecture((3, 3, 2), (2, 2))) == 1


class TestArchitecture:
    def test_a_filter_is_a_product_of_polynomials(self):
        net = Architecture((2, 3, 2), (2, 1))
        assert net.steps == (1, 2, 2)
        assert net.filter([[1, 2], [1, 0, 3], [5, 1]]) == [5, 10, 1, 2, 15, 30, 3, 6]  # (1 + 2x)(1 + 3x⁴)(5 + x²)

    def test_its_differential_is_linear_in_each_layer(self):
        net, weights = Architecture((2, 3), (1,)), [[1, -2], [3, 0, 4]]
        rows = net.differential(weights)
        whole = [
            sum(w * row[a] for w, row in zip(itertools.chain(*weights), rows, strict=True)) for a in range(net.length)
        ]
        assert whole == [2 * v for v in net.filter(weights)]

    def test_layers_with_stride_one_are_merged(self):
        assert Architecture((2, 3, 2, 2), (1, 2, 1)).merged == Architecture((4, 3), (2,))

    @pytest.mark.parametrize("label", ["2×2 stride 2", "2×3×2 stride 1,4", "5"])
    def test_labels_name_it(self, label):
        assert Architecture.named(label).label == label

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Architecture((), ()), "sizes is"),
            (lambda: Architecture((2, 0), (1,)), "size is 0; it must be at least 1"),
            (lambda: Architecture((2, 2), (0,)), "stride is 0; it must be at least 1"),
            (lambda: Architecture((2, 2), (1, 1, 1)), "strides is"),
            (lambda: Architecture((2, 2.5), (1,)), "size is 2.5"),
            (lambda: Architecture.named("2x2"), "architecture is '2x2'"),
            (lambda: generic_ed_degree(()), "sizes is"),
            (lambda: frobenius_ed_degree((2, -1)), "size is -1"),
        ],
    )
    def test_bad_input(self, make, message):
        with pytest.raises(BadInput, match=message):
            make()
