"""Filter, moments and losses: pixel by pixel, by brute force over windows, and by complex steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.objectives.gabor import (
    LOSSES,
    PARAMETERS,
    GaborFilter,
    GaborLoss,
    WindowMoments,
    compiled,
    complex_step,
    filtered,
    gradient_errors,
    jacobian,
    of_image,
    of_images,
    stationary,
    white,
)
from theory.objectives.gabor.filter import turns
from theory.problems import spectrum, textures

RNG = np.random.default_rng
EPS = np.finfo(float).eps
TRUTH = GaborFilter(theta=0.3, wavelength=5.0, sigma=2.0, gamma=0.7, psi=0.4, amplitude=1.5, size=9)


def image(seed=0, shape=(24, 31)):
    return RNG(seed).standard_normal(shape) + 0.3


def others(size=9, n=5):
    """Parameters about the truth's, in columns."""
    return TRUTH.parameters[:, None] * (1 + 0.2 * RNG(1).standard_normal((6, n)))


@pytest.mark.parametrize("size", [1, 4, 7])
def test_every_pixel(size):
    gabor = GaborFilter(0.3, 2.7, 1.4, 0.8, 0.6, -2.0, size)
    found = gabor.kernel().reshape(size, size)
    for i in range(size):
        for j in range(size):
            x, y = i - (size - 1) / 2, j - (size - 1) / 2
            u, v = x * math.cos(0.3) + y * math.sin(0.3), y * math.cos(0.3) - x * math.sin(0.3)
            value = -2 * math.exp(-(u * u + 0.64 * v * v) / (2 * 1.96)) * math.cos(2 * math.pi * u / 2.7 + 0.6)
            # A few roundings of factors up to 2, and of a phase up to 10.
            assert found[i, j] == pytest.approx(value, abs=64 * EPS)


@given(st.floats(-7, 7), st.floats(1.5, 20), st.floats(0.5, 9), st.floats(0.1, 3), st.floats(-4, 4), st.integers(1, 9))
def test_derivatives_of_the_filter(theta, wavelength, sigma, gamma, psi, size):
    """Of any filter, against complex steps; the second in θ against that of the first."""
    w = np.array([theta, wavelength, sigma, gamma, psi, 1.3])[:, None]
    g, slopes = jacobian(w, size)
    # Sums of terms up to (k y')² with k ≤ 2π/1.5, |y'| ≤ 6, and 1/σ³ ≤ 8 times 36.
    atol = 1e4 * EPS
    for row, slope in enumerate(slopes):
        moved = w.astype(complex)
        moved[row] += 1e-30j
        np.testing.assert_allclose(slope, jacobian(moved, size, [])[0].imag / 1e-30, rtol=0, atol=atol)
    moved = w.astype(complex)
    moved[0] += 1e-30j
    first, second = turns(moved, size)[1], turns(w, size)[2]
    np.testing.assert_allclose(second, first.imag / 1e-30, rtol=0, atol=10 * atol)
    assert g.shape == (size * size, 1)


def test_even_filters_return_after_a_half_turn():
    even, odd = GaborFilter(psi=0.0), GaborFilter(psi=math.pi / 2)
    assert (even.even, GaborFilter(psi=math.pi).even, odd.even) == (True, True, False)
    np.testing.assert_allclose(even.turned(even.theta + math.pi).kernel(), even.kernel(), atol=64 * EPS)
    np.testing.assert_allclose(odd.turned(odd.theta + math.pi).kernel(), -odd.kernel(), atol=64 * EPS)


@pytest.mark.parametrize("size", [1, 2, 5, 24])
def test_moments_are_those_of_all_windows(size):
    x = np.stack([image(0), image(1)])
    for found, one in zip(of_images(x, size), x, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(one, (size, size)).reshape(-1, size * size)
        # Means of up to 700 products of numbers below 5.
        np.testing.assert_allclose(found.gram, windows.T @ windows / len(windows), rtol=0, atol=1e3 * EPS)
        np.testing.assert_allclose(found.mean, windows.mean(axis=0), rtol=0, atol=1e2 * EPS)
    np.testing.assert_array_equal(of_image(x[1], size).gram, of_images(x, size)[1].gram)


def test_losses_are_those_of_the_filtered_images():
    x, w = image(), others()
    answer = filtered(x, TRUTH.kernel())
    for kind in LOSSES:
        found = GaborLoss(of_image(x, 9), TRUTH, kind, PARAMETERS).value(w)
        for column, value in zip(w.T, found, strict=True):
            other = filtered(x, GaborFilter(*column, size=9).kernel())
            mse = np.mean((other - answer) ** 2)
            expected = {
                "mse": mse,
                "rmse": math.sqrt(mse),
                "correlation": 1 - np.corrcoef(other.ravel(), answer.ravel())[0, 1],
            }
            assert value == pytest.approx(expected[kind], rel=1e-11)


def test_filtering_is_the_sum_over_each_window():
    x, kernel = image(), RNG(2).standard_normal(16)
    windows = np.lib.stride_tricks.sliding_window_view(x, (4, 4))
    np.testing.assert_allclose(filtered(x, kernel), np.einsum("ijab,ab", windows, kernel.reshape(4, 4)), atol=1e-13)
    np.testing.assert_allclose(filtered(np.stack([x, 2 * x]), kernel)[1], 2 * filtered(x, kernel), atol=1e-13)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("seen", [white(9), stationary(spectrum("smooth", 32), 9), of_image(image(), 9)])
def test_gradients_agree_with_complex_steps(kind, seen):
    loss = GaborLoss(seen, TRUTH, kind, PARAMETERS)
    assert gradient_errors(loss).max() < 1e-12
    part = GaborLoss(seen, TRUTH, kind, ("psi", "theta"))
    w = others()[[4, 0]]
    np.testing.assert_allclose(part.gradient(w), complex_step(part.value, w), rtol=1e-11)


def test_the_root_has_no_gradient_at_its_minimum():
    loss = GaborLoss(white(9), TRUTH, "rmse")
    assert loss.gradient(np.array([[TRUTH.theta]])).tolist() == [[0.0]]


def test_curvature_is_the_derivative_of_the_gradient():
    loss, theta = GaborLoss(of_image(image(), 9), TRUTH), np.linspace(-3, 3, 7)
    moved = loss.gradient((theta + 1e-30j)[None])[0].imag / 1e-30
    np.testing.assert_allclose(loss.curvature(theta), moved, rtol=1e-11)


def test_populations_are_the_means_over_images():
    """Periodic noise of its spectrum: the mean over 4,000 images, each entry within 5 standard errors."""
    for kind in ("white", "smooth"):
        pictures = textures(kind, 4000, 8, rng=RNG(3))
        z = pictures[:, :3, :3].reshape(4000, 9)
        gram = stationary(spectrum(kind, 8), 3).gram
        # Var z_a z_b = C_aa C_bb + C_ab² ≤ 2 C_aa².
        assert np.max(np.abs(z.T @ z / 4000 - gram)) < 5 * math.sqrt(2 / 4000) * gram[0, 0]
    np.testing.assert_allclose(stationary(np.ones((8, 8)), 3).gram, np.eye(9), atol=8 * EPS)


def test_white_noise_needs_no_matrix():
    w = others()
    dense = WindowMoments(9, gram=2.0 * np.eye(81))
    for kind in LOSSES:
        plain, full = (GaborLoss(m, TRUTH, kind, PARAMETERS) for m in (white(9, 2.0), dense))
        np.testing.assert_allclose(plain.gradient(w), full.gradient(w), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaborFilter(sigma=0), "sigma is 0.0; it must be greater than 0"),
        (lambda: GaborFilter(wavelength=-1), "wavelength is -1.0; it must be greater than 0"),
        (lambda: GaborFilter(gamma=0), "gamma is 0.0; it must be greater than 0"),
        (lambda: GaborFilter(theta=math.nan), "theta is NaN; it must be a real number"),
        (lambda: GaborFilter(amplitude=0), "amplitude is 0.0; it must be different from 0"),
        (lambda: GaborFilter(sigma=1e-200).kernel(), "filter is not finite at every pixel"),
        (lambda: GaborFilter(size=0), "size is 0; it must be at least 1"),
        (lambda: of_image(np.ones((20, 20)), 5), "image is 1 at every pixel; it must be not constant"),
        (lambda: of_image(image(), 25), "image is of 24x31; it must be no smaller than the filter, 25x25"),
        (lambda: of_image(np.full((9, 9), np.nan), 3), "an array with NaN or infinity in it; it must be finite"),
        (lambda: of_image(np.ones(9), 3), r"an array of shape \(9,\); it must be an array with 2 dim"),
        (lambda: stationary(-np.ones((8, 8)), 3), "spectrum is from -1 to -1; it must be nonnegative"),
        (lambda: stationary(RNG(0).random((8, 8)), 3), "spectrum is different at f and −f; it must be symmetric"),
        (lambda: GaborLoss(white(9), GaborFilter()), "moments is of windows of 9x9; it must be of 15"),
        (lambda: GaborLoss(white(15), GaborFilter(), "mae"), "loss is 'mae'; it must be one of mse, rmse, correlation"),
        (lambda: GaborLoss(white(15), GaborFilter(), "mse", ["phi"]), "learned is .*phi.*; it must be some of theta"),
    ],
)
def test_bad_input_is_one_clear_line(make, words):
    with pytest.raises(BadInput, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("seen", [0, 1], ids=["white", "image"])
@pytest.mark.parametrize("truth", [GaborFilter(size=9, sigma=2.0), GaborFilter(0.3, 4.0, 1.7, 1.4, 0.8, 0.7, size=8)])
def test_many_starts_are_compiled_and_exact(kind, seen, truth, monkeypatch):
    """By complex steps; and bit for bit the same for the starts before a ragged end."""
    moments = [white(truth.size), of_images(textures("white", 1, 24, rng=RNG(0)), truth.size)[0]][seen]
    loss = GaborLoss(moments, truth, kind, PARAMETERS)
    monkeypatch.setattr(compiled, "LEAST", 0)
    assert gradient_errors(loss, 67).max() < 1e-12
    w = np.repeat(loss.teacher[:, None], 19, axis=1) * (1 + 0.1 * RNG(1).standard_normal((6, 19)))
    fast = loss.gradient(w), loss.value(w)
    monkeypatch.setattr(compiled, "LEAST", math.inf)
    # Sums of 81 terms, of products of powers that are off by some tens of roundings.
    np.testing.assert_allclose(fast[0], loss.gradient(w), rtol=0, atol=1e-12 * np.abs(fast[0]).max())
    np.testing.assert_allclose(fast[1], loss.value(w), rtol=1e-12)


@pytest.mark.parametrize("seen", [white(9), of_image(image(), 9)], ids=["white", "image"])
def test_the_compiled_root_has_no_gradient_at_its_minimum(seen, monkeypatch):
    monkeypatch.setattr(compiled, "LEAST", 0)
    loss = GaborLoss(seen, TRUTH, "rmse", PARAMETERS)
    w = np.repeat(loss.teacher[:, None], 11, axis=1)
    assert not loss.value(w).any()
    assert not loss.gradient(w).any()


def test_the_loops_are_given_no_strides():
    q = np.repeat(TRUTH.parameters[:, None], 11, axis=1) * (1 + 0.1 * RNG(2).standard_normal((6, 11)))
    apart = np.stack([TRUTH.kernel(), np.ones(81)], axis=1)[:, 0]
    whole = compiled.pulled(q, 9, true=TRUTH.kernel())
    for one, other in zip(compiled.pulled(np.asfortranarray(q), 9, true=apart), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    outer = RNG(3).standard_normal((81, 11)).astype(np.float32)
    double = compiled.pulled(q, 9, outer=outer.astype(float))[0]
    np.testing.assert_array_equal(compiled.pulled(q, 9, outer=np.asfortranarray(outer))[0], double)


def test_what_the_loops_do_not_serve(monkeypatch):
    monkeypatch.setattr(compiled, "LEAST", 0)
    good = np.repeat(GaborFilter().parameters[:, None], 3, axis=1)
    assert compiled.serves(good, 15)
    assert not compiled.serves(good.astype(complex), 15)
    for row, value in ((2, 0.0), (2, 0.1), (3, 40.0), (5, 0.0), (1, 0.0), (0, np.nan), (4, np.inf)):
        bad = good.copy()
        bad[row, 1] = value
        assert not compiled.serves(bad, 15)
    monkeypatch.setattr(compiled, "LEAST", 4 * 225)
    assert not compiled.serves(good, 15)
