"""Filters, starts around them, and spectra: closed forms and hand-made examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import ImagePatches
from theory.problems import (
    around,
    cosine,
    curvature_along,
    digits,
    directions,
    energy_in_small,
    filter_named,
    gabor,
    image_patches,
    patch_moment,
    segment,
)

RNG = np.random.default_rng
EPS = np.finfo(float).eps


def test_gabor_pixel_by_pixel():
    """The formula, at every pixel, with all parameters set."""
    theta, wavelength, sigma, gamma, psi = 0.3, 2.7, 1.4, 0.8, 0.6
    found = gabor(4, theta=theta, wavelength=wavelength, sigma=sigma, gamma=gamma, psi=psi).reshape(4, 4)
    for i in range(4):
        for j in range(4):
            x, y = i - 1.5, j - 1.5
            u, v = x * math.cos(theta) + y * math.sin(theta), y * math.cos(theta) - x * math.sin(theta)
            wave = math.cos(2 * math.pi * u / wavelength + psi)
            value = math.exp(-(u * u + gamma**2 * v * v) / (2 * sigma**2)) * wave
            # Every factor is off by a few roundings of 1; the phase, of a size of 4, by four times that.
            assert found[i, j] == pytest.approx(value, abs=16 * EPS)


def test_gabor_is_even_and_turns_with_theta():
    square = gabor(5).reshape(5, 5)
    np.testing.assert_allclose(square, square[::-1, ::-1], atol=16 * EPS)
    upright, level = (gabor(5, theta=theta).reshape(5, 5) for theta in (math.pi / 2, 0.0))
    np.testing.assert_allclose(upright, level.T, atol=16 * EPS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 0}, "size is 0; it must be at least 1"),
        ({"size": 3, "sigma": 0}, "sigma is 0.0; it must be greater than 0"),
        ({"size": 3, "wavelength": -1}, "wavelength is -1.0; it must be greater than 0"),
    ],
)
def test_bad_gabors_are_refused(arguments, words):
    with pytest.raises(BadInput, match=words):
        gabor(**arguments)


def test_named_filters():
    assert np.array_equal(filter_named("gabor", 5, rng=RNG(0)), gabor(5))
    assert np.array_equal(filter_named("random", 3, rng=RNG(0)), RNG(0).standard_normal(9))
    drawn = [filter_named("gabors", 5, rng=rng) for rng in (RNG(0), RNG(0), RNG(1))]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    with pytest.raises(BadInput, match="filter is 'blob'; it must be one of random, gabor, gabors"):
        filter_named("blob", 3, rng=RNG(0))


@pytest.mark.parametrize(("side", "size"), [(3, 3), (14, 3), (15, 5), (28, 5)])
def test_the_filter_is_as_large_as_the_image_has_room_for(side, size, monkeypatch):
    from theory.problems import filters

    monkeypatch.setattr(filters, "load", lambda source: np.ones((4, side, side + 1)))
    found = image_patches("anything", 2)
    assert found.grid.filter_size == (size, size)
    assert found.n == 2


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((4, 8, 8)), "'anything', of which the first 2 are zero throughout; it must be with some ink"),
        (np.ones((4, 2, 8)), "'anything', of 2x8; it must be 3x3 or larger"),
        (np.ones((4, 8)), "'anything', signals of shape"),
    ],
)
def test_images_that_teach_nothing_are_refused(images, words, monkeypatch):
    from theory.problems import filters

    monkeypatch.setattr(filters, "load", lambda source: images)
    with pytest.raises(BadInput, match=words):
        image_patches("anything", 2)


def test_starts_are_at_their_distances():
    w, distances = RNG(1).standard_normal(7), [0.1, 0.5, 0.5, 2.0]
    found = np.linalg.norm(around(w, distances, rng=RNG(2)) - w[:, None], axis=0) / np.linalg.norm(w)
    np.testing.assert_allclose(found, distances, rtol=64 * EPS)


def test_directions_are_unit_and_even():
    e = directions(20_000, 3, rng=RNG(3))
    np.testing.assert_allclose(np.linalg.norm(e, axis=0), 1, rtol=8 * EPS)
    # Means have standard deviation 1/√(3n) = 0.0041, and second moments √(4/45)/√n = 0.0021: five of them.
    np.testing.assert_allclose(e.mean(axis=1), 0, atol=0.021)
    np.testing.assert_allclose(e @ e.T / 20_000, np.eye(3) / 3, atol=0.011)


def test_moment_is_the_mean_over_all_patches(monkeypatch):
    law = ImagePatches(digits()[:30], 4, 2)
    z = law.take(slice(None)).reshape(-1, 16)
    np.testing.assert_allclose(patch_moment(law), z.T @ z / len(z), rtol=1e-13)


def test_energy_of_an_isotropic_moment_has_no_small_part():
    energy, fraction = energy_in_small(np.eye(5), RNG(4).standard_normal((5, 3)), 0.01)
    assert (energy.tolist(), fraction) == ([0, 0, 0], 0)


def test_energy_and_curvature_turn_with_the_moment():
    turn = np.linalg.qr(RNG(5).standard_normal((4, 4)))[0]
    moment, v = np.diag([0.004, 0.005, 0.5, 0.5]), RNG(6).standard_normal((4, 6))
    energy, fraction = energy_in_small(turn @ moment @ turn.T, turn @ v, 0.01)
    assert fraction == 0.5
    np.testing.assert_allclose(energy, np.sum(v[:2] ** 2, axis=0) / np.sum(v**2, axis=0), rtol=1e-12)
    weighted = np.array([0.008, 0.01, 1, 1]) @ v**2 / np.sum(v**2, axis=0)
    np.testing.assert_allclose(curvature_along(turn @ moment @ turn.T, turn @ v), weighted, rtol=1e-12)


def test_segment_and_cosine():
    u, v = RNG(7).standard_normal((2, 6))
    points = segment(u, v, [0.0, 0.25, 1.0])
    np.testing.assert_array_equal(points[:, [0, 2]], np.stack([u, v], axis=1))
    np.testing.assert_allclose(points[:, 1], u + (v - u) / 4, rtol=0, atol=16 * EPS)
    assert cosine(u[:, None], -3 * u[:, None])[0] == pytest.approx(-1, rel=8 * EPS)


def test_small_eigenvalues_are_those_within_the_share_and_no_more():
    for first, dimensions in ((1.0, 0.5), (1.01, 0.0)):
        moment = np.diag([first, 100 - first])
        assert energy_in_small(moment, np.ones((2, 1)), 0.01)[1] == dimensions
