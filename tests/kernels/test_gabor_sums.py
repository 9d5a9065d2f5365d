"""The compiled loops of the Gabor filter beside their twins in NumPy, which take an exponential for every pixel."""

from __future__ import annotations

import numpy as np
import pytest

from theory.kernels import gabor_orbits, gabor_sums, plain, vector
from theory.kernels.constants import LARGEST, SUMS

EPS = np.finfo(float).eps


def parameters(n, size, rng):
    """θ, λ, σ, γ, ψ, A, up to where factors of a filter are as small as they may be."""
    gamma = rng.uniform(0.2, 3, n)
    narrowest = (size - 1) / 2 * np.sqrt((1 + gamma**2) / LARGEST)
    sigma = np.maximum(narrowest, 0.3) * np.geomspace(1.000001, 30, n)
    theta, psi = rng.uniform(-9, 9, (2, n))
    return np.stack([theta, rng.uniform(1.5, 20, n), sigma, gamma, psi, rng.uniform(-2, 2, n)])


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15])
@pytest.mark.parametrize("given", [False, True])
def test_they_agree(size, given):
    rng = np.random.default_rng(size)
    lanes = vector.lanes_for(np.float64, 64)
    q, places = parameters(64, size, rng), np.arange(size) - (size - 1) / 2
    true = rng.standard_normal(size**2)
    outer = rng.standard_normal(size**2 * 64) if given else np.empty(0)
    g, slow_g = np.empty((2, size**2 * 64))
    gabor_sums.filters(q, size, lanes, g)
    plain.filters(q, size, lanes, slow_g)
    # A product of up to three powers, each made by up to ``size`` multiplications whose factor was made by as many.
    # The phase, up to some hundred radians, is rounded once here and twice there.
    reach = 8 * size**2 * EPS + 8 * EPS * np.max(np.abs(2 * np.pi / q[1])) * size
    np.testing.assert_allclose(g, slow_g, rtol=0, atol=reach * np.abs(q[5]).max())
    out, slow = np.empty((2, SUMS * 64))
    gabor_sums.sums(q, size, places, outer, true, lanes, out)
    plain.sums(q, size, places, outer, true, lanes, slow)
    largest = np.abs(q[5]).max() * max(1.0, places[-1]) ** 2 * size**2 * (np.abs(outer).max() if given else 2 + 4)
    np.testing.assert_allclose(out, slow, rtol=0, atol=2 * reach * largest * 4)
    assert np.isfinite(out).all()


def test_a_vector_of_other_starts_changes_nothing():
    """Each start is as it is among others, bit for bit."""
    rng = np.random.default_rng(0)
    q, places, lanes = parameters(32, 7, rng), np.arange(7) - 3.0, vector.lanes_for(np.float64, 32)
    true, v = rng.standard_normal(49), len(lanes)
    whole, part = np.empty(SUMS * 32), np.empty(SUMS * v)
    gabor_sums.sums(q, 7, places, np.empty(0), true, lanes, whole)
    gabor_sums.sums(np.ascontiguousarray(q[:, v : 2 * v]), 7, places, np.empty(0), true, lanes, part)
    assert np.array_equal(whole.reshape(SUMS, 32)[:, v : 2 * v], part.reshape(SUMS, v))


def _tables(q, size, lanes):
    work = np.empty(q.shape[1] * (8 * ((size + 1) // 2) + 2))
    gabor_orbits.tables(q, size, lanes, work)
    return work


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15])
def test_orbits_agree(size):
    rng = np.random.default_rng(size)
    lanes = vector.lanes_for(np.float64, 64)
    q, places = parameters(64, size, rng), np.arange(size) - (size - 1) / 2
    true, outer = rng.standard_normal(size**2), rng.standard_normal(size**2 * 64)
    work, a, slow_a = _tables(q, size, lanes), *np.empty((2, size**2 * 64))
    gabor_orbits.parts(work, size, true, lanes, 64, a)
    plain.orbit_parts(q, size, true, slow_a)
    # As above: products of powers of so many factors, and a phase that is rounded once here and twice there.
    reach = 8 * size**2 * EPS + 8 * EPS * np.max(np.abs(2 * np.pi / q[1])) * size
    np.testing.assert_allclose(a, slow_a, rtol=0, atol=reach * np.abs(q[5]).max())
    out, slow = np.empty((2, 12 * 64))
    gabor_orbits.sums(work, size, places, outer, lanes, 64, out)
    plain.orbit_sums(q, size, outer, slow)
    largest = np.abs(q[5]).max() * max(1.0, places[-1]) ** 2 * size**2 * np.abs(outer).max()
    np.testing.assert_allclose(out, slow, rtol=0, atol=8 * reach * largest)
    assert np.isfinite(out).all()


def test_orbits_of_a_vector_of_other_starts_change_nothing():
    rng = np.random.default_rng(0)
    q, lanes = parameters(32, 7, rng), vector.lanes_for(np.float64, 32)
    v, true = len(lanes), rng.standard_normal(49)
    whole, part = np.empty(49 * 32), np.empty(49 * v)
    gabor_orbits.parts(_tables(q, 7, lanes), 7, true, lanes, 32, whole)
    few = np.ascontiguousarray(q[:, v : 2 * v])
    gabor_orbits.parts(_tables(few, 7, lanes), 7, true, lanes, v, part)
    assert np.array_equal(whole.reshape(49, 32)[:, v : 2 * v], part.reshape(49, v))
