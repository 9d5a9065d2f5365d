"""Products with stationary moments by orbits: beside the plain product, and gradients beside the pixels'."""

from __future__ import annotations

import numpy as np
import pytest

from theory.objectives.gabor import LOSSES, PARAMETERS, GaborFilter, GaborLoss, compiled, of_image, stationary, white
from theory.objectives.gabor.orbits import Orbits, _basis, serves
from theory.problems import spectrum

RNG = np.random.default_rng
EPS = np.finfo(float).eps


def lopsided(side=24):
    """A spectrum that is even under half a turn only."""
    one = RNG(3).random((side, side))
    return one + np.roll(one[::-1, ::-1], (1, 1), axis=(0, 1))


SPECTRA = {"even in both": spectrum("smooth", 24), "lopsided": lopsided()}


@pytest.mark.parametrize("size", [2, 5, 8])
@pytest.mark.parametrize(("name", "blocks"), [("even in both", 4), ("lopsided", 2)])
def test_the_product_is_the_plain_one(name, blocks, size):
    seen, a = stationary(SPECTRA[name], size), RNG(size).standard_normal((size**2, 7))
    basis = _basis(size)
    assert len(seen.orbits.blocks) == blocks
    # Sums of up to 64 products of numbers of some units, taken in another order.
    atol = 64 * EPS * size**2 * seen.largest * np.abs(a).max()
    np.testing.assert_allclose(seen.orbits.apply(a), basis.T @ (seen.gram @ (basis @ a)), rtol=0, atol=atol)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_orbits_are_orthogonal_and_hold_every_pixel(size):
    basis = _basis(size)
    overlap = basis.T @ basis
    assert basis.shape == (size**2, size**2)
    assert np.array_equal(overlap, np.diag(np.diag(overlap)))
    assert set(np.diag(overlap)) <= {1.0, 2.0, 4.0}


@pytest.mark.parametrize("name", SPECTRA)
def test_the_autocovariance_is_the_sum_over_frequencies(name):
    """Against cosines, one by one; and even to the last bit."""
    power, seen = SPECTRA[name], stationary(SPECTRA[name], 5)
    f = np.arange(24) / 24
    for here, there in ((0, 0), (0, 7), (3, 21), (24, 1), (10, 4)):
        rows, columns = (a - b for a, b in zip(divmod(here, 5), divmod(there, 5), strict=True))
        expected = np.mean(power * np.cos(2 * np.pi * (f[:, None] * rows + f * columns)))
        assert seen.gram[here, there] == pytest.approx(expected, abs=64 * EPS * power.mean())
    assert serves(seen.gram, 5)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("size", [8, 9])
def test_gradients_are_those_of_the_pixels(kind, name, size, monkeypatch):
    """Also where the starts fill more than one room, and not whole vectors; 0 at the truth but for the correlation."""
    truth = GaborFilter(0.3, 4.0, 1.7, 1.4, 0.8, 0.7, size=size)
    loss = GaborLoss(stationary(SPECTRA[name], size), truth, kind, PARAMETERS)
    w = np.repeat(loss.teacher[:, None], 300, axis=1) * (1 + 0.1 * RNG(1).standard_normal((6, 300)))
    w[:, 7] = loss.teacher
    monkeypatch.setattr(compiled, "LEAST", 0)
    fast = loss.gradient(w)
    monkeypatch.setattr(compiled, "LEAST", np.inf)
    slow = loss.gradient(w)
    others = np.arange(300) != 7
    # Sums of 81 terms of products of powers that are off by some tens of roundings; of the root, over its size.
    np.testing.assert_allclose(fast[:, others], slow[:, others], rtol=0, atol=1e-12 * np.abs(slow).max())
    if kind != "correlation":
        assert not fast[:, 7].any()


def test_what_has_no_orbits():
    image = RNG(0).standard_normal((20, 20))
    assert white(5).orbits is None
    assert of_image(image, 5).orbits is None
    assert stationary(SPECTRA["lopsided"], 1).orbits is None
    assert isinstance(stationary(SPECTRA["lopsided"], 2).orbits, Orbits)
