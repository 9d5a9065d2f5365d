"""Finitely supported laws: moments by a loop over the points, weights, the frame, sampling."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory.distributions import Atoms


def brute_force(points, weights, theta, teacher, toward):
    """Both matrices in the basis of the points, one point after the other."""
    w_star = teacher / np.linalg.norm(teacher)
    across = toward - (toward @ w_star) * w_star
    w = math.cos(theta) * w_star + math.sin(theta) * across / np.linalg.norm(across)
    both, only = np.zeros((2, teacher.size, teacher.size))
    for z, weight in zip(points, weights / weights.sum(), strict=True):
        if w @ z >= 0:
            region = both if w_star @ z >= 0 else only
            region += weight * np.outer(z, z)
    return both, only, w_star, across / np.linalg.norm(across)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), dim=st.integers(2, 6), n=st.integers(1, 30), theta=st.floats(0, math.pi))
def test_region_moments_are_the_sums(seed, dim, n, theta):
    rng = np.random.default_rng(seed)
    points, weights = rng.standard_normal((n, dim)), rng.random(n) + 0.01
    teacher, toward = rng.standard_normal((2, dim))
    moments = Atoms(points, weights).region_moments(theta, teacher=teacher, toward=toward)
    *expected, first, second = brute_force(points, weights, theta, teacher, toward)
    for found, there in zip(moments, expected, strict=True):
        # A change of orthonormal basis keeps the spectrum; the first two vectors of it are known.
        scale = 1e-13 * (1 + np.trace(there))
        np.testing.assert_allclose(np.linalg.eigvalsh(found), np.linalg.eigvalsh(there), atol=scale)
        plane = np.stack([first, second])
        np.testing.assert_allclose(found[:2, :2], plane @ there @ plane.T, atol=scale)


def test_the_three_products_with_the_rest():
    """In a frame that is the standard basis already, every entry is known."""
    points = np.array([[1.0, 2.0, 3.0], [-1.0, 4.0, 5.0], [-1.0, -4.0, 5.0], [2.0, -1.0, 7.0]])
    both, only = Atoms(points, [1, 2, 3, 4]).region_moments(1.0, teacher=[9, 0, 0], toward=[4, 2, 0])
    # cos 1 = 0.54, sin 1 = 0.84: active are points 0, 1 and 3 (1.08 − 0.84 > 0).
    signs = np.sign(both[0, 2]) * np.diag([1, 1, 1])  # the third vector is e3 or −e3
    third = np.diag([1, 1, signs[2, 2]])
    np.testing.assert_allclose(
        third @ both @ third, 0.1 * np.outer(*[points[0]] * 2) + 0.4 * np.outer(*[points[3]] * 2)
    )
    np.testing.assert_allclose(third @ only @ third, 0.2 * np.outer(*[points[1]] * 2))


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e9])
def test_weights_are_scaled_to_one(scale):
    law = Atoms([[1, 0], [0, 1]], [scale, 3 * scale])
    np.testing.assert_allclose(law.weights, [0.25, 0.75], rtol=1e-15)
    np.testing.assert_array_equal(Atoms([[1, 0], [0, 1]]).weights, [0.5, 0.5])
    assert (law.dim, law.label) == (2, "atoms(2)")


def test_whatever_is_handed_in_is_kept_in_double_precision():
    law = Atoms(np.eye(2, dtype=np.float32), np.ones(2, dtype=np.float32))
    assert (law.points.dtype, law.weights.dtype) == (np.float64, np.float64)


def test_the_boundary_belongs_to_the_active_side():
    """w·z ≥ 0 counts as active and w*·z ≥ 0 as taught, so −b means b·z < 0."""
    law = Atoms([[0.0, 1.0], [0.0, -1.0]])
    both, only = law.region_moments(0.0, teacher=[1, 0], toward=[0, 1])
    assert (both[1, 1], only[1, 1]) == (1.0, 0.0)


def test_samples_follow_the_weights():
    law = Atoms(np.array([[1, 0], [2, 0], [3, 0], [4, 0]]), [1, 2, 0, 5])
    n = 100_000
    points = law.sample(n, rng=np.random.default_rng(3))
    assert points.shape == (n, 2)
    counts = np.array([np.sum(points[:, 0] == k) for k in (1, 2, 3, 4)])
    assert counts[2] == 0
    assert stats.chisquare(counts[[0, 1, 3]], n * np.array([1, 2, 5]) / 8).pvalue > 1e-6  # the chance of a false alarm
    np.testing.assert_array_equal(points, law.sample(n, rng=np.random.default_rng(3)))


def test_the_cross_of_the_counterexample():
    """Control (i) of A1: for w* = (1,1) and w at π/4 from it, on the axes, A_{w,w*} is singular."""
    law = Atoms(list(itertools.chain.from_iterable(([s, 0], [0, s]) for s in (1, -1))))
    both, _ = law.region_moments(math.pi / 4 + 0.1, teacher=[1, 1], toward=[-1, 1])
    assert np.linalg.eigvalsh(both)[0] == pytest.approx(0, abs=1e-16)
    assert np.linalg.eigvalsh(both)[1] == pytest.approx(0.25, rel=1e-14)
