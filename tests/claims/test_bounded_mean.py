"""Empirical Bernstein limits: the formula, that they cover, and bad input."""

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.claims import confidence


def test_is_the_formula():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    log = math.log(4 / 1e-4)
    width = math.sqrt(2 * (5 / 3) * log / 4) + 7 * 100 * log / 9
    low, high = confidence.bounded_mean(values, 100.0)
    assert low == 0.0
    assert high == 100.0
    low, high = confidence.bounded_mean(np.tile(values, 10_000), 3.0)
    n = 40_000
    width = math.sqrt(2 * 1.25 * n / (n - 1) * log / n) + 7 * 3 * log / (3 * (n - 1))
    assert high - 1.5 == pytest.approx(width, rel=1e-9)
    assert 1.5 - low == pytest.approx(width, rel=1e-9)


def test_covers_a_rare_large_value():
    """1 with probability 0.001: half of samples of 500 have none, and a bootstrap of those would claim a mean of 0."""
    rng = np.random.default_rng(0)
    found = [confidence.bounded_mean(rng.random(500) < 0.001, 1.0) for _ in range(300)]
    # The level is 1e-4: one miss in 300 has a chance of 3 %, and the limits are wider than they need be.
    assert all(low <= 0.001 <= high for low, high in found)


def test_never_leaves_the_range_and_holds_the_mean():
    for value in (0.0, 0.01, 0.16):
        values = np.full(1000, value)
        low, high = confidence.bounded_mean(values, 0.16)
        assert 0 <= low <= float(values.mean()) <= high <= 0.16 * (1 + 1e-15)


@pytest.mark.parametrize("values", [[0.5], [], [0.5, -0.1], [0.5, 1.1], [0.5, math.nan]])
def test_refuses(values):
    with pytest.raises(BadInput, match=r"values is .*; it must be"):
        confidence.bounded_mean(values, 1.0)
