"""Gabor filters fitted to kernels: closed forms, slow twins, what a fit must not depend on, and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import check_grad, least_squares
from scipy.stats import binom

from theory import problems
from theory.checks import BadInput
from theory.objectives.gabor import GaborFilter, constant, fit, kernels, least_found, threshold
from theory.objectives.gabor.fit import BROADEST, THRESHOLDS, blobs, gabors, largest_of_noise
from theory.objectives.gabor.search import _bases, _project, _slopes, search

FAMILIES = {"gabors": gabors, "blobs": blobs}


def rng(seed=0):
    return np.random.default_rng(seed)


def unit(kind, n, size, seed=0, **more):
    k = problems.known_kernels(kind, n, size, rng=rng(seed), **more).reshape(n, -1).T
    return k / np.linalg.norm(k, axis=0)


def inside(family, n, seed=0):
    """Coordinates within the box; θ anywhere."""
    low, high = np.maximum(family.lower, -4.0), np.minimum(family.upper, 4.0)
    return rng(seed).uniform(low, high, (n, low.size)).T


class TestExact:
    @pytest.mark.parametrize("size", [5, 8, 11])
    def test_gabor_filters_are_found(self, size):
        k = problems.known_kernels("gabor", 60, size, rng=rng())
        found = fit(k)
        # SciPy stops where the relative gain of the cost, which is of 1e-9 or less by then, is below 1e-9.
        assert found.r2.min() > 1 - 1e-8
        assert found.gaborlike.all()
        np.testing.assert_allclose(kernels(found.parameters, size).T, k.reshape(60, -1), rtol=0, atol=1e-3)

    def test_parameters_are_recovered_in_their_standard_form(self):
        truth = GaborFilter(theta=2.5, wavelength=5.0, sigma=2.5, gamma=0.7, psi=-2.0, amplitude=3.0, size=11)
        turned = GaborFilter(theta=2.5 + math.pi, wavelength=5.0, sigma=2.5, gamma=0.7, psi=2.0, amplitude=3.0, size=11)
        np.testing.assert_allclose(truth.kernel(), turned.kernel(), rtol=0, atol=1e-14)
        for one in (truth, turned):
            found = fit(one.kernel().reshape(11, 11))
            np.testing.assert_allclose(found.parameters[:, 0], truth.parameters, rtol=1e-4)

    def test_blobs_are_blobs(self):
        found = fit(problems.known_kernels("blob", 60, 9, rng=rng()))
        assert found.blob_r2.min() > 1 - 1e-6
        assert not found.gaborlike.any()

    @pytest.mark.parametrize("family", FAMILIES)
    def test_what_is_explained_is_what_the_parameters_explain(self, family):
        made, k = FAMILIES[family](7), unit("white", 30, 7)
        found = search(made, k, 2)
        left = np.sum((kernels(found.parameters, 7) - k) ** 2, axis=0)
        np.testing.assert_allclose(found.rest, left, rtol=0, atol=1e-12)
        assert np.all(found.u >= made.lower[:, None])
        assert np.all(found.u <= made.upper[:, None])

    def test_parameters_are_of_the_kernels_own_scale(self):
        k = problems.known_kernels("gabor", 5, 7, rng=rng(), noise=0.3)
        found = fit(k)
        left = np.sum((kernels(found.parameters, 7).T - k.reshape(5, -1)) ** 2, axis=1)
        np.testing.assert_allclose(1 - found.r2, left / np.sum(k.reshape(5, -1) ** 2, axis=1), rtol=1e-9)
        assert np.all((found.parameters[0] >= 0) & (found.parameters[0] < math.pi))
        assert np.all(found.parameters[5] >= 0)


class TestTwins:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_grid_projection_is_least_squares(self, family):
        made, k = FAMILIES[family](5), unit("white", 3, 5)
        basis, at = _bases(made, made.grid), _project(made, made.grid, np.tile(k[:, :1], made.grid.shape[1]))
        seen = np.sum((basis @ k[:, 0]) ** 2, axis=1)
        for i in range(0, made.grid.shape[1], 37):
            columns = np.stack([column[:, i] for column in at.columns], axis=1)
            _, rest, _, _ = np.linalg.lstsq(columns, k[:, 0], rcond=1e-6)
            left = float(rest[0]) if rest.size else 1 - seen[i]
            assert seen[i] == pytest.approx(1 - left, abs=1e-9)
            assert at.rest[i] == pytest.approx(left, abs=1e-9)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_gradient_of_the_projection(self, family):
        made, k = FAMILIES[family](7), unit("white", 1, 7)
        for u in inside(made, 10).T:

            def rest(x):
                return float(_project(made, x[:, None], k).rest[0])

            def slope(x):
                at = _project(made, x[:, None], k)
                return -2 * np.einsum("dpn,pn->d", _slopes(made, at), at.residual)

            # Forward differences: a step of 1.5e-8, a second derivative of some tens.
            assert check_grad(rest, slope, u) < 1e-5

    def test_no_start_of_many_does_better_by_much(self):
        """SciPy alone, in all six parameters with its own derivatives, from 25 places."""
        k = unit("gabor", 2, 5, noise=0.5)
        found = fit(k.T.reshape(2, 5, 5))
        lower, upper = [-10, math.log(2), math.log(0.5), -math.log(5), -10, -3], [10, math.log(10), math.log(BROADEST)]
        upper += [math.log(5), 10, 3]
        for n in range(2):

            def residual(x, n=n):
                q = np.array([x[0], math.exp(x[1]), math.exp(x[1] - x[2]), math.exp(x[3]), x[4], x[5]])
                return kernels(q[:, None], 5)[:, 0] - k[:, n]

            draws = rng(1).uniform(np.array(lower) * 0.3, np.array(upper) * 0.3 + 0.5, (25, 6))
            draws = np.clip(draws, np.array(lower) + 1e-3, np.array(upper) - 1e-3)
            best = min(2 * least_squares(residual, x, bounds=(lower, upper), max_nfev=60).cost for x in draws)
            # A valley that none of four starts found would show as a difference of some hundredths.
            assert found.r2[n] > 1 - best - 1e-3


class TestDegenerate:
    def test_coordinates_that_move_a_kernel_alike(self):
        """The blob of this kernel is so long that σ and γ do the same, to the last bit."""
        k = problems.known_kernels("gabor", 1000, 11, rng=np.random.default_rng([0, 13]), noise=0.75)
        assert 0 < fit(k[124]).blob_r2[0] < 1

    @pytest.mark.parametrize("place", [(0, 0), (2, 2), (1, 2)])
    def test_a_single_pixel(self, place):
        k = np.zeros((5, 5))
        k[place] = -2.0
        assert np.all((fit(k).r2 >= 0) & (fit(k).r2 <= 1))

    def test_a_kernel_that_no_blob_sees(self):
        """Odd about its centre: every centred Gaussian is orthogonal to it."""
        k = np.outer([-1.0, 0.0, 1.0], [1.0, 2.0, 1.0])
        assert fit(k).blob_r2[0] == pytest.approx(0, abs=1e-12)
        assert fit(k).r2[0] > 0.9


class TestInvariance:
    @pytest.mark.parametrize("scale", [1e-200, 1e-30, 0.3, 1e30, 1e200])
    def test_scale_and_sign(self, scale):
        k = problems.known_kernels("gabor", 20, 5, rng=rng(), noise=0.2)
        np.testing.assert_allclose(fit(-scale * k).r2, fit(k).r2, rtol=0, atol=1e-6)

    def test_turned_by_a_right_angle(self):
        k = problems.known_kernels("gabor", 20, 7, rng=rng(3), noise=0.1)
        one, other = fit(k), fit(np.rot90(k, axes=(1, 2)))
        np.testing.assert_allclose(other.r2, one.r2, rtol=0, atol=1e-4)
        np.testing.assert_allclose(np.cos(2 * (other.parameters[0] - one.parameters[0])), -1, atol=0.02)

    def test_kernels_do_not_mind_each_other(self):
        k = problems.known_kernels("white", 30, 5, rng=rng())
        np.testing.assert_allclose(fit(k).r2[7:9], fit(k[7:9]).r2, rtol=0, atol=1e-9)

    def test_axes_in_front_are_made_one(self):
        k = problems.known_kernels("white", 6, 5, rng=rng())
        np.testing.assert_array_equal(fit(k.reshape(2, 3, 5, 5)).r2, fit(k).r2)

    def test_more_starts_are_no_worse(self):
        k = unit("white", 50, 5)
        few, many = search(gabors(5), k, 1), search(gabors(5), k, 8)
        assert np.all(many.rest <= few.rest + 1e-9)
        assert np.any(many.rest < few.rest - 1e-3)


class TestDecision:
    def test_one_entry_of_the_table_comes_out_again(self):
        """Its digits were rounded up from this; another processor may stop a little elsewhere."""
        largest = largest_of_noise(3, rng=rng(3))
        assert THRESHOLDS[3] - 2e-4 < largest < THRESHOLDS[3] + 1e-5

    def test_noise_reaches_the_threshold_rarely(self):
        r2 = 1 - search(gabors(5), unit("white", 1000, 5, seed=9), 4).rest
        # If the chance were 1e-3, more than this many would be seen once in 10⁴ times.
        assert np.sum(r2 >= threshold(5)) <= binom.ppf(0.9999, 1000, 1e-3)

    def test_thresholds_fall_with_the_size(self):
        assert [threshold(size) for size in range(3, 30)] == sorted((threshold(s) for s in range(3, 30)), reverse=True)
        assert threshold(8) == threshold(7)

    def test_chance_of_being_found_is_that_of_the_true_plane(self):
        """Drawn: the part that the true filter and its quadrature explain, as they are orthogonal here."""
        size, noise, draws = 5, 0.3, 40_000
        p, signal = size**2, np.zeros(size**2)
        signal[0] = 1.0
        k = signal + math.sqrt(noise / (1 - noise) / p) * rng().standard_normal((draws, p))
        explained = np.sum(k[:, :2] ** 2, axis=1) / np.sum(k**2, axis=1)
        rate = np.mean(explained >= threshold(size))
        # Four standard deviations.
        assert rate == pytest.approx(least_found(size, noise), abs=4 * math.sqrt(0.25 / draws))

    def test_blobs_win_where_both_are_exact(self):
        blob = GaborFilter(wavelength=1e9, sigma=1.5, gamma=1.0, size=7).kernel()
        assert not fit(blob.reshape(7, 7)).above_blob[0]


class TestBadInput:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (np.ones((2, 5, 5)), "kernels is constant in 2 of 2, first 0; it must be"),
            (np.stack([np.eye(3), np.zeros((3, 3))]), "constant in 1 of 2, first 1"),
            (np.full((5, 5), np.nan), "NaN or infinity"),
            (np.eye(2), "of 2x2 pixels; it must be square, and 3x3 or larger"),
            (np.ones((3, 4)), "of 3x4 pixels"),
            (np.ones(9), r"an array of shape \(9,\)"),
            (np.ones((0, 5, 5)), r"shape \(0, 5, 5\)"),
            (np.eye(3) * 1j, "an array of real numbers"),
            ("kernels", "an array of real numbers"),
        ],
    )
    def test_is_refused_in_one_line(self, given, message):
        with pytest.raises(BadInput, match=message) as refused:
            fit(given)
        assert "\n" not in str(refused.value)

    def test_starts_and_noise(self):
        with pytest.raises(BadInput, match="starts"):
            fit(np.eye(3), starts=0)
        for noise in (0.0, 1.0, math.nan):
            with pytest.raises(BadInput, match="noise"):
                least_found(5, noise)

    def test_constant_to_rounding(self):
        flat = np.full((3, 3), 0.1)
        flat[0, 0] += 1e-17
        assert constant(np.stack([flat, np.eye(3), np.zeros((3, 3))])).tolist() == [True, False, True]
