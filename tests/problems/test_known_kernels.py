"""Kernels of known kind: how much noise they have, and that they are what they are called."""

import numpy as np
import pytest

from theory.checks import BadInput
from theory.problems import known_kernels


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", ["gabor", "blob"])
def test_noise_is_so_much_of_the_energy(kind):
    clean, noisy = (known_kernels(kind, 4000, 5, rng=rng(), noise=noise) for noise in (0.0, 0.3))
    energy = np.sum(clean**2, axis=(1, 2))
    added = np.sum((noisy - clean) ** 2, axis=(1, 2))
    # Of 25 · 4000 squares of normal numbers the mean is known to √(2/10⁵); four standard deviations.
    assert np.mean(added / energy) == pytest.approx(0.3 / 0.7, rel=4 * np.sqrt(2 / 1e5))


def test_blobs_have_one_sign_and_gabor_filters_two():
    assert np.all(known_kernels("blob", 50, 7, rng=rng()) >= 0)
    k = known_kernels("gabor", 50, 7, rng=rng())
    assert np.mean((k.min(axis=(1, 2)) < 0) & (k.max(axis=(1, 2)) > 0)) > 0.9


def test_smooth_noise_is_correlated_and_white_noise_is_not():
    for kind, expected in (("white", 0.0), ("smooth", np.exp(-1 / 4))):  # exp(−d²/4s²), s = 1 the width of the blur
        k = known_kernels(kind, 4000, 5, rng=rng())
        along = np.mean(k[:, 2, 2] * k[:, 2, 3]) / np.mean(k[:, 2, 2] ** 2)
        # Four standard deviations of the mean of 4000 products.
        assert along == pytest.approx(expected, abs=4 / np.sqrt(4000))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "edge"}, "kind is 'edge'; it must be one of gabor, blob, white, smooth"),
        ({"n": 0}, "number of kernels is 0"),
        ({"size": 2}, "size is 2"),
        ({"noise": 1.0}, "noise is 1.0"),
        ({"noise": -0.1}, "noise is -0.1"),
    ],
)
def test_bad_input(change, message):
    given = {"kind": "gabor", "n": 2, "size": 5, "noise": 0.0, **change}
    with pytest.raises(BadInput, match=message):
        known_kernels(given.pop("kind"), given.pop("n"), given.pop("size"), rng=rng(), **given)
