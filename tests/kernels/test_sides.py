"""The compiled kernels beside their twins in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from theory.distributions import ImagePatches
from theory.kernels import plain, sides
from theory.kernels.compiled import compiled
from theory.kernels.constants import BLOCK, FLOOR
from theory.objectives.image_loss import Cut
from theory.problems import digits

EPS = np.finfo(float).eps
LAWS = {
    "digits": ImagePatches(digits()[:25], 3),
    "both signs": ImagePatches(np.random.default_rng(0).standard_normal((9, 7, 8)), (2, 3), 2),
    "unit": ImagePatches(digits()[:9], 5, normalise="unit"),
    "faint and glaring": ImagePatches(np.geomspace(1e-60, 1e60, 5)[:, None, None] * digits()[:5], 3),
}
every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
interpreted = pytest.mark.parametrize("python", [False, True], ids=["compiled", "interpreted"])


def kernel(name, python):
    return getattr(getattr(sides, name), "py_func" if python else "__call__")


@interpreted
@pytest.mark.parametrize("p", range(1, 11))
def test_activation(p, python):
    rng = np.random.default_rng(p)
    image, w, entry = rng.standard_normal(40), rng.standard_normal(p), rng.permutation(20)[:p]
    found = kernel("activation", python)(image, 3, entry, w)
    bound = 2 * p * EPS * np.abs(image[3 + entry]) @ np.abs(w)
    assert abs(found - plain.activation(image, 3, entry, w)) <= bound


@interpreted
@every_law
def test_survey(law, python):
    cut = Cut.of(law)
    (norm, mass), (slow_norm, slow_mass) = (
        survey(cut.images, cut.first, cut.entry) for survey in (kernel("survey", python), plain.survey)
    )
    assert norm.dtype == np.float32
    # A rounding of float32; and sums of k terms.
    np.testing.assert_allclose(norm, slow_norm, rtol=2.0**-22)
    np.testing.assert_allclose(mass, slow_mass, rtol=2 * law.k * EPS)


@every_law
def test_norms_are_rounded_up(law):
    cut = Cut.of(law)
    norm = sides.survey(cut.images, cut.first, cut.entry)[0].astype(float)
    exact = np.linalg.norm(law.take(slice(None)), axis=2)
    assert np.all((norm >= exact * (1 + 2.0**-24)) | (exact == 0))
    assert np.array_equal(norm == 0, exact == 0)


@interpreted
@every_law
@pytest.mark.parametrize("most", [2, 256])
def test_move(law, python, most):
    """Looks at the same patches, and leaves the same limits and sums, along a walk."""
    cut, rng = Cut.of(law), np.random.default_rng(1)
    norm, _ = sides.survey(cut.images, cut.first, cut.entry)
    blocks = -(-law.k // BLOCK)
    fast, slow = (
        [np.zeros((law.n, law.dim)), np.zeros((law.n, law.k), np.float32), np.zeros((law.n, 1 + blocks), np.float32)]
        for _ in range(2)
    )
    flips, slow_flips = np.zeros(law.n, dtype=np.int64), np.zeros(law.n, dtype=np.int64)
    w, path = rng.standard_normal(law.dim), FLOOR
    for _ in range(6):
        given = (cut.images, cut.first, cut.entry, norm, w, 1e-14, path, most)
        assert kernel("move", python)(*given, *fast, flips) == plain.move(*given, *slow, slow_flips)
        np.testing.assert_array_equal(flips, slow_flips)
        size = np.abs(law.take(slice(None))).sum(axis=1)[:, None]
        assert np.all(np.abs(fast[0] - slow[0]) <= (4 * law.k * EPS * size).max(axis=2))
        for one, other in zip(fast[1:], slow[1:], strict=True):
            assert np.array_equal(np.signbit(one), np.signbit(other))
            # The activations' roundings, over the norm, and one of float32.
            np.testing.assert_allclose(one, other, rtol=2.0**-22, atol=64 * EPS)
        step = 0.02 * rng.standard_normal(law.dim)
        w, path = w + step, path + 1.001 * np.linalg.norm(step)


@interpreted
def test_smallest(python):
    row = np.array([0.5, -3.0, 2.0, np.inf, -0.25], dtype=np.float32)
    smallest = kernel("smallest", python)
    assert smallest(row, 0, 5) == 0.25
    assert smallest(row, 1, 4) == 2
    assert smallest(row, 3, 4) == np.inf


def test_limits_are_rounded_down():
    """Below path + |w·z|/‖z‖ even where float32 would round up, and no further below than it must."""
    cut = Cut.of(LAWS["digits"])
    n, k = len(cut.images), cut.first.size
    norm, _ = sides.survey(cut.images, cut.first, cut.entry)
    total, limit = np.zeros((n, 9)), np.zeros((n, k), np.float32)
    least, flips = np.zeros((n, 1 + -(-k // 16)), np.float32), np.zeros(n, dtype=np.int64)
    w = np.random.default_rng(2).standard_normal(9)
    sides.move(cut.images, cut.first, cut.entry, norm, w, 0.0, 0.7, 256, total, limit, least, flips)
    z = LAWS["digits"].take(slice(None))
    size = np.linalg.norm(z, axis=2)
    inked = size > 0
    exact = 0.7 + np.abs(z @ w)[inked] / size[inked]
    given = np.abs(limit[inked]).astype(float)
    assert np.all(given < exact)
    assert np.all(given > exact * (1 - 1e-6))
    np.testing.assert_array_equal(least[:, 0], np.abs(limit).min(axis=1))


def test_a_read_only_installation_compiles_anew(monkeypatch):
    """Where numba finds no folder to keep compiled code in, it refuses to be asked for it."""
    from numba.core import caching

    named = caching.CacheImpl if hasattr(caching, "CacheImpl") else caching._CacheImpl
    monkeypatch.setattr(named, "_locator_classes", [])
    assert compiled()(abs_of)(-2.0) == 2.0


def abs_of(x):
    return abs(x)
