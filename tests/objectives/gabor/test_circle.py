"""The loss on the circle, its landscape, the disc and the plane: against the pixels, and against counting on a grid."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.objectives.gabor import (
    LOSSES,
    Circle,
    Disc,
    GaborFilter,
    GaborLoss,
    PlaneLoss,
    complex_step,
    diagnose,
    landscape,
    of_images,
    white,
)
from theory.objectives.gabor.series import Series
from theory.problems import textures

RNG = np.random.default_rng
TRUTHS = [GaborFilter(size=9, sigma=2.0), GaborFilter(0.3, 4.0, 1.7, 1.4, 0.8, size=8)]
SEEN = {size: [white(size), *of_images(textures("white", 2, 24, rng=RNG(0)), size)] for size in (8, 9)}


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_the_series_are_the_losses_of_the_pixels(kind, truth):
    circle = Circle(SEEN[truth.size], truth, kind)
    theta = np.linspace(-3, 3, 40)
    for row, seen in enumerate(SEEN[truth.size]):
        pixels, at = GaborLoss(seen, truth, kind), np.tile(theta, (3, 1))
        # Series of up to sixty terms, of a size of c, of which E is a difference.
        scale = circle.scale[row] if kind == "mse" else max(1.0, math.sqrt(circle.scale[row]))
        np.testing.assert_allclose(circle.value(at)[row], pixels.value(theta[None]), rtol=0, atol=1e-11 * scale)
        np.testing.assert_allclose(
            circle.gradient(at)[row], pixels.gradient(theta[None])[0], rtol=0, atol=1e-10 * scale
        )


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_root_is_right_next_to_the_truth(truth):
    """E and E' there, where E as a difference would have lost all its figures: f → s|u|."""
    circle = Circle(SEEN[truth.size], truth, "rmse")
    slope = np.sqrt(circle.curvature() / 2)
    for away in (1e-4, -1e-6, 1e-8):
        at = np.full((3, 1), truth.theta + away)
        # The next order is |u| times the third derivative, some hundred times the second; θ* + u is off by 1e-16.
        rtol = 100 * abs(away) + 4e-16 / abs(away)
        np.testing.assert_allclose(circle.value(at)[:, 0], slope * abs(away), rtol=rtol)
        np.testing.assert_allclose(circle.gradient(at)[:, 0], slope * np.sign(away), rtol=rtol)


@pytest.mark.parametrize("kind", LOSSES)
def test_curvature_and_its_bound(kind):
    circle = Circle(SEEN[9], TRUTHS[0], kind)
    smooth = circle if kind != "rmse" else Circle(SEEN[9], TRUTHS[0])
    h, at = 1e-5, np.full((3, 1), 0.9)
    expected = (smooth.gradient(at + h) - smooth.gradient(at - h))[:, 0] / (2 * h)
    np.testing.assert_allclose(circle.curvature(0.9), expected, rtol=1e-5)
    grid = np.tile(np.linspace(0, 2 * math.pi, 999), (3, 1))
    steepest = np.abs(np.diff(smooth.gradient(grid), axis=1)).max(axis=1) / (grid[0, 1] - grid[0, 0])
    # On a grid of 2,048, the largest quotient is below the largest slope by the square of its spacing.
    assert (smooth.steepest() >= steepest * (1 - 1e-3)).all()


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_the_landscape_is_that_counted_on_a_grid(kind, truth):
    theta = 0.0007 + 2 * math.pi * np.arange(20_000) / 20_000
    circle = Circle(SEEN[truth.size], truth, kind)
    for row, seen in enumerate(SEEN[truth.size]):
        chart, loss = landscape(circle, row), GaborLoss(seen, truth, kind).value(theta[None])
        valleys = np.flatnonzero((loss < np.roll(loss, 1)) & (loss < np.roll(loss, -1)))
        assert chart.certain
        assert [one.angle for one in chart.minima] == pytest.approx(theta[valleys], abs=2 * math.pi / 20_000)
        assert chart.highest == pytest.approx(loss.max(), rel=1e-6)
        assert sum(one.width for one in chart.minima) == pytest.approx(2 * math.pi)
        assert sum(one.true for one in chart.minima) == len(circle.truths())
        for start in (0.1, 2.0, 4.4):
            place = int(np.argmin(np.abs(theta - start)))
            while (loss[place - 1], loss[(place + 1) % 20_000]) < (loss[place],) * 2 or place not in valleys:
                place = (place + (1 if loss[(place + 1) % 20_000] < loss[place] else -1)) % 20_000
            assert chart.basin(start).angle == pytest.approx(theta[place], abs=1e-3)


def test_curvatures_at_the_minima_are_those_of_the_gradient():
    """A central difference of the exact gradient, off by h²f⁗/6."""
    for kind in LOSSES:
        circle = Circle(SEEN[9], TRUTHS[0], kind)
        for problem in range(3):
            for one in landscape(circle, problem).minima:
                at = np.full((3, 1), one.angle)
                slopes = (circle.gradient(at + 1e-5) - circle.gradient(at - 1e-5)) / 2e-5
                if one.true and kind == "rmse":
                    assert one.curvature == math.inf
                else:
                    assert one.curvature == pytest.approx(slopes[problem, 0], rel=1e-6)


def test_zeros_of_series_with_known_ones():
    cosine = Series.sampled(lambda theta: np.cos(3 * theta) - 0.5)
    expected = sorted((k * 2 * math.pi + s * math.pi / 3) / 3 % (2 * math.pi) for k in range(3) for s in (-1, 1))
    found = cosine.zeros()
    np.testing.assert_allclose(found.angles, expected, atol=1e-14)
    np.testing.assert_allclose(np.abs(found.slopes), 3 * math.sin(math.pi / 3), rtol=1e-12)
    assert found.certain
    none = Series.sampled(lambda theta: np.cos(theta) + 1.001).zeros()
    assert (none.angles.size, none.certain) == (0, True)
    # A double zero can be told from none, or from two, by no rounded evaluation.
    assert not Series.sampled(lambda theta: np.cos(theta) + 1).zeros().certain


def test_a_function_too_rough_for_a_series_is_refused():
    with pytest.raises(BadInput, match="filter is too rough a function of its angle"):
        Series.sampled(lambda theta: np.abs(np.sin(theta)))


def test_a_filter_whose_angle_is_not_seen_is_refused():
    """Of E nothing but rounding is left; or there is no second angle."""
    round_ = GaborFilter(wavelength=1e8, gamma=1.0, size=3)
    for kind in ("mse", "rmse"):
        with pytest.raises(BadInput, match="filter is so alike at all angles that of its loss"):
            diagnose(white(3), round_, start=0.0, step=0.1, loss=kind)
    for kind in LOSSES:
        with pytest.raises(BadInput, match="no angle is seen"):
            diagnose(white(1), GaborFilter(size=1), start=0.0, step=0.1, loss=kind)


@pytest.mark.parametrize("wavelength", [100.0, 1e3, 1e4])
def test_a_filter_that_hardly_turns_is_charted(wavelength):
    """E/c down to 3e-14, beside sums of pixels in extended precision; the landscape has two truths, and is certain."""
    truth = GaborFilter(wavelength=wavelength, gamma=1.0, size=3)
    circle, theta = Circle([white(3)], truth), np.linspace(0, 6, 9)
    x, y = (np.repeat(np.arange(-1, 2), 3).astype(np.longdouble), np.tile(np.arange(-1, 2), 3).astype(np.longdouble))

    def pixels(angle):
        along = x * np.cos(np.longdouble(angle)) + y * np.sin(np.longdouble(angle))
        return np.exp(-(x * x + y * y) / 18) * (-2 * np.sin(np.longdouble(math.pi) * along / wavelength) ** 2)

    expected = [float(np.sum((pixels(angle) - pixels(truth.theta)) ** 2)) for angle in theta]
    noise = float(circle.square.noise[0])
    # g − g* is −2 env (sin² − sin*²), exact here; there to the noise that the series tells of.
    np.testing.assert_allclose(circle.square(theta[None])[0], expected, rtol=0, atol=4 * noise)
    assert noise < 1e-6 * max(expected)
    chart = landscape(circle)
    assert chart.certain
    assert [one.true for one in chart.minima] == [True, True]


def test_a_step_too_small_to_be_seen_is_not_rest():
    truth = GaborFilter(wavelength=1e5, gamma=1.0, size=3)
    found = diagnose(white(3), truth, start=0.0, step=0.1, loss="mse")
    assert (found.outcome, found.reaches) == ("moving", False)


def test_zeros_within_the_noise_are_not_certain():
    """cos θ + 0.999 vanishes twice near π, at −0.001 below; noise of a hundredth leaves open whether it does."""

    def near(theta):
        return np.cos(theta) + 0.999

    assert Series.sampled(near).zeros().certain
    assert Series.sampled(near).zeros().angles.size == 2
    assert not Series.sampled(near, 2e-4 * 5).zeros().certain
    tilted = Series.sampled(lambda theta: np.cos(theta) - 0.5, 1e-6).zeros()
    assert tilted.certain
    np.testing.assert_allclose(tilted.angles, [math.pi / 3, 5 * math.pi / 3], atol=1e-12)
    with pytest.raises(BadInput, match=r"of its loss 2\.0e-02 is rounding"):
        Series.sampled(np.cos, 0.02)


def test_noise_of_a_derivative_is_that_of_its_harmonics():
    wave = Series.sampled(lambda theta: np.cos(theta) + np.cos(3 * theta), 1e-9)
    assert wave.derivative().noise[0] == pytest.approx(1e-9 * math.sqrt(1 + 4 + 9))
    assert wave.alone(0).noise[0] == 1e-9


def test_every_angle_lies_in_a_basin():
    """Also where two meet, a few roundings from a maximum and some turns on."""
    circle = Circle(SEEN[9], TRUTHS[0])
    for problem in range(3):
        chart = landscape(circle, problem)
        for top in chart.maxima:
            for turned in top.angle + 2 * math.pi * np.arange(-3, 4):
                for theta in turned + np.spacing(turned) * np.arange(-3, 4):
                    found = chart.basin(float(theta))
                    assert (
                        min(abs(math.remainder(theta - rim, 2 * math.pi)) for rim in (found.left, found.right)) < 1e-12
                    )


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_disc_is_the_circle_on_its_rim_and_the_mean_filter_at_its_centre(truth):
    disc, circle = Disc(SEEN[truth.size], truth), Circle(SEEN[truth.size], truth)
    assert disc.fold == (2 if truth.even else 1)
    theta = np.tile(np.linspace(-1.5, 1.5, 9), (3, 1))
    np.testing.assert_allclose(disc.value(disc.start(theta)), circle.value(theta), atol=1e-11 * circle.scale.max())
    np.testing.assert_allclose(disc.angle(disc.start(theta)), theta, atol=1e-14)
    angles = 2 * math.pi * np.arange(256) / 256
    mean = np.mean([truth.turned(a).kernel() for a in angles], axis=0) - truth.kernel()
    expected = [float(mean @ seen.apply(mean)) for seen in SEEN[truth.size]]
    np.testing.assert_allclose(disc.value(np.zeros((3, 1)))[:, 0], expected, rtol=1e-11)


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_gradient_in_the_disc(truth):
    disc, h = Disc(SEEN[truth.size], truth), 1e-6
    z = (0.8 * np.sqrt(RNG(1).random((3, 6))) * np.exp(2j * math.pi * RNG(2).random((3, 6)))).astype(complex)
    across = (disc.value(z + h) - disc.value(z - h)) / (2 * h)
    upwards = (disc.value(z + 1j * h) - disc.value(z - 1j * h)) / (2 * h)
    found = disc.gradient(z)
    # Central differences: h² times third derivatives, and roundings of the loss over h.
    np.testing.assert_allclose(found, across + 1j * upwards, rtol=0, atol=1e-8 * np.abs(found).max())


@pytest.mark.parametrize(
    "changes", [{}, {"psi": 0.7}, {"gamma": 1.3, "theta": 0.2}, {"wavelength": 9.0, "amplitude": 2.0}]
)
def test_the_plane_is_a_window_so_wide_that_nothing_is_cut_off(changes):
    truth = GaborFilter(**{"size": 61, "sigma": 2.5, "gamma": 0.5, **changes})
    theta = np.linspace(0, 6, 25)[None]
    found, pixels = PlaneLoss(truth).loss(theta)[0], GaborLoss(white(61), truth).value(theta)
    # Half the window is six deviations of the long side: e^{-36/2} is cut off of the product, and e^{-20} aliased.
    np.testing.assert_allclose(found, pixels, rtol=0, atol=1e-7 * pixels.max())


class TestDiagnosis:
    def test_of_the_question(self):
        found = diagnose(textures("white", 1, 64, rng=RNG(0))[0], GaborFilter(), start=-math.pi / 4, step=1e-3)
        assert (found.can_converge, found.reaches, found.outcome, found.largest_step) == (False, False, "trapped", 0.0)
        assert found.cycle == pytest.approx(1e-3 * math.sqrt(found.curvature / 2))
        assert [advice.name for advice in found.advice] == ["gradient", "landscape", "start", "loss", "step", "run"]
        assert [advice.good for advice in found.advice] == [True, False, False, False, False, False]
        assert json.loads(json.dumps(found.as_dict()))["image"] == "image(64x64)"

    def test_of_the_cure(self):
        found = diagnose(white(15), GaborFilter(), start=0.6, step=1e-3, loss="mse")
        assert (found.can_converge, found.reaches, found.outcome, found.cycle) == (True, True, "converged", 0.0)
        assert found.largest_step == pytest.approx(
            2 / GaborLoss(white(15), GaborFilter()).curvature(np.array([math.pi / 4]))[0]
        )
        assert all(advice.good for advice in found.advice if advice.name != "landscape")

    def test_of_a_cycle_at_the_truth(self):
        found = diagnose(white(15), GaborFilter(), start=0.7, step=1e-3, loss="rmse")
        assert (found.outcome, found.reaches) == ("cycles", True)
        assert abs(found.end - math.pi / 4) < found.cycle

    def test_of_too_large_a_step(self):
        found = diagnose(white(15), GaborFilter(), start=0.7, step=1.0, loss="mse")
        assert (found.outcome, found.cycle) == ("cycles", None)
        assert not next(advice for advice in found.advice if advice.name == "step").good

    def test_above_the_restless_step_it_cycles_and_below_it_rests(self):
        image = textures("white", 1, 64, rng=RNG(0))[0]
        limit = diagnose(image, GaborFilter(), start=-math.pi / 4, step=1e-3).restless_step
        flattest = min(
            one.curvature for one in landscape(Circle(of_images(image[None], 15), GaborFilter(), "rmse")).minima
        )
        assert limit == pytest.approx(2 / flattest)
        above = diagnose(image, GaborFilter(), start=-math.pi / 4, step=1.1 * limit)
        assert (above.outcome, above.reaches) == ("cycles", False)
        assert "thrown about for ever" in above.advice[4].sentence

    @pytest.mark.parametrize("step", [0.3, 1.0, 1e6, 1e20])
    def test_a_run_that_is_thrown_about_is_not_said_to_cycle_about_the_truth(self, step):
        """Though the predicted cycle, step times slope, is then wider than the circle."""
        for start in np.linspace(-1.0, 1.0, 4):
            found = diagnose(white(15), GaborFilter(), start=float(start), step=step)
            assert not found.reaches
            assert abs(found.end) < 4 * math.pi

    def test_a_start_on_a_maximum_stays_there(self):
        found = diagnose(white(15), GaborFilter(), start=-math.pi / 4, step=1e-3)
        assert (found.outcome, found.reaches) == ("balanced", False)

    def test_so_many_starts_are_needed_that_one_is_in_the_valley(self):
        found = diagnose(white(15), GaborFilter(), start=0.0, step=1e-3, loss="mse")
        widest = max(one.width for one in found.minima if one.true)
        assert 2 * math.pi / found.starts_needed < widest <= 2 * math.pi / (found.starts_needed - 1)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"step": 0}, "step is 0.0; it must be greater than 0"),
            ({"step": 1e308}, "step is 1e\\+308; it must be so small that a step of descent is finite"),
            ({"start": math.inf}, "start is inf; it must be finite"),
            ({"loss": "mae"}, "loss is 'mae'"),
        ],
    )
    def test_bad_input(self, changes, words):
        with pytest.raises(BadInput, match=words):
            diagnose(white(15), GaborFilter(), **{"start": 0.0, "step": 0.1, **changes})

    def test_an_angle_whose_place_is_lost(self):
        with pytest.raises(BadInput, match="start is 1e\\+30; it must be within 1e\\+06 radians"):
            diagnose(white(15), GaborFilter(), start=1e30, step=0.1)
        with pytest.raises(BadInput, match="truth is 1e\\+17; it must be within"):
            diagnose(white(15), GaborFilter(theta=1e17), start=0.0, step=0.1)

    def test_a_constant_image(self):
        with pytest.raises(BadInput, match="image is 3 at every pixel"):
            diagnose(np.full((20, 20), 3.0), GaborFilter(), start=0.0, step=0.1)


def test_complex_steps_are_exact():
    w = RNG(4).standard_normal((2, 3))
    np.testing.assert_allclose(
        complex_step(lambda w: w[0] ** 3 * w[1], w), [3 * w[0] ** 2 * w[1], w[0] ** 3], rtol=1e-15
    )
