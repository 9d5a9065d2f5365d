"""Faults in the losses of a Gabor filter, in its landscape and in descent on angles: each makes a check turn red."""

from __future__ import annotations

import importlib
import math
from types import SimpleNamespace

import numpy as np
import pytest
from planting import Plant, entry_scaled, scaled, suite

from theory.descent import Adam, DoubleAngle, HeavyBall, inward, turn
from theory.objectives.gabor import (
    PARAMETERS,
    Circle,
    Disc,
    GaborFilter,
    GaborLoss,
    PlaneLoss,
    compiled,
    gradient_errors,
    landscape,
    moments,
    of_image,
    orbits,
    stationary,
    white,
)
from theory.objectives.gabor import (
    filter as filters,
)
from theory.objectives.gabor.series import Series

# Modules whose names in their packages are those of their functions.
problems = importlib.import_module("theory.problems.textures")
transients = importlib.import_module("theory.descent.transient")
cycles = importlib.import_module("theory.objectives.gabor.cycle")
charts = importlib.import_module("theory.objectives.gabor.landscape")

EPS = np.finfo(float).eps
TRUTH = GaborFilter(theta=0.3, wavelength=5.0, sigma=2.0, gamma=0.7, psi=0.4, size=9)
EVEN = GaborFilter(size=9, sigma=2.0)
POWER = np.random.default_rng(5).random((12, 12))
POWER += np.roll(POWER[::-1, ::-1], (1, 1), axis=(0, 1))
IMAGE = np.random.default_rng(0).standard_normal((20, 23)) + 0.2


def derivatives() -> None:
    """All six of every loss, by complex steps."""
    for kind in ("mse", "rmse", "correlation"):
        assert gradient_errors(GaborLoss(of_image(IMAGE, 9), TRUTH, kind, PARAMETERS)).max() < 1e-12


def many() -> None:
    """The same of so many starts that they are compiled, and their values."""
    for kind in ("mse", "rmse", "correlation"):
        for seen in (white(9), of_image(IMAGE, 9), stationary(POWER, 9)):
            loss = GaborLoss(seen, TRUTH, kind, PARAMETERS)
            assert gradient_errors(loss, -(-compiled.LEAST // 81)).max() < 1e-12


def autocovariance() -> None:
    """C of a population, frequency by frequency."""
    f = np.arange(12) / 12
    here = np.mean(POWER * np.cos(2 * np.pi * (2 * f[:, None] - f)))
    assert stationary(POWER, 3).gram[6, 1] == pytest.approx(here, abs=64 * EPS)


def cycling() -> None:
    """Where |f'| = s(1 + bu): from ηs(1 − bL) on the left to ηs(1 + bR) on the right; and with momentum."""
    b, jump = 0.8, 0.05
    root = SimpleNamespace(
        truth=SimpleNamespace(theta=0.4),
        curvature=lambda: np.array([2.0]),
        gradient=lambda at: np.sign(at - 0.4) * (1 + b * (at - 0.4)),
    )
    found, left = cycles.cycle(root, np.array([[jump]]), 10**9), jump * (1 + b * jump)
    assert found.reach[0, 0] == pytest.approx(left)
    assert found.least[0, 0] == pytest.approx(jump * 2 * (1 - b * left) / (2 - b * left))
    assert found.most[0, 0] == pytest.approx(jump * 2 * (1 + b * jump) / (2 + b * jump))
    assert cycles.least_jump(root, np.array([[jump]]), 0.9)[0, 0] == pytest.approx(jump / 1.9 * (1 - b * jump / 1.9))


def flat() -> None:
    """A filter that hardly turns: E as a closed form of the angle, and what rounding leaves of it."""
    round_ = GaborFilter(wavelength=1e3, gamma=1.0, size=3)
    ring = Circle([white(3)], round_)
    theta = np.array([[1.3, 3.0]])
    x, y = np.repeat(np.arange(-1, 2), 3)[:, None], np.tile(np.arange(-1, 2), 3)[:, None]
    sine = [np.sin(np.pi * (x * np.cos(t) + y * np.sin(t)) / 1e3) for t in (theta, np.full((1, 1), math.pi / 4))]
    change = -2 * np.exp(-(x * x + y * y) / 18) * (sine[0] - sine[1]) * (sine[0] + sine[1])
    np.testing.assert_allclose(ring.square(theta)[0], np.sum(change**2, axis=0), rtol=1e-7)
    assert 1e-12 < ring.square.noise[0] / np.abs(ring.square.coefficients).max() < 1e-8


def pixel() -> None:
    """The pixel at x = 1, y = 2."""
    x, y = math.cos(0.3) + 2 * math.sin(0.3), 2 * math.cos(0.3) - math.sin(0.3)
    value = math.exp(-(x * x + 0.49 * y * y) / 8) * math.cos(2 * math.pi * x / 5 + 0.4)
    assert TRUTH.kernel().reshape(9, 9)[5, 6] == pytest.approx(value, abs=16 * EPS)


def windows() -> None:
    """C and m by brute force."""
    z = np.lib.stride_tricks.sliding_window_view(IMAGE, (5, 5)).reshape(-1, 25)
    found = moments.of_images(IMAGE[None], 5)[0]
    np.testing.assert_allclose(found.gram, z.T @ z / len(z), rtol=0, atol=1e3 * EPS)
    np.testing.assert_allclose(found.mean, z.mean(axis=0), rtol=0, atol=1e3 * EPS)


def curvature() -> None:
    """ℓ'' in closed form is that of the gradient."""
    loss = GaborLoss(of_image(IMAGE, 9), TRUTH)
    moved = loss.gradient(np.array([[0.7 + 1e-30j]]))[0].imag / 1e-30
    np.testing.assert_allclose(loss.curvature(np.array([0.7])), moved, rtol=1e-11)


def circle() -> None:
    """Series are the pixels' losses, next to the truth as well."""
    theta = np.array([[0.9, 2.0, 0.3 + 1e-6]])
    for kind in ("mse", "rmse", "correlation"):
        found, pixels = (
            loss(kind)
            for loss in (
                lambda k: Circle([of_image(IMAGE, 9)], TRUTH, k),
                lambda k: GaborLoss(of_image(IMAGE, 9), TRUTH, k),
            )
        )
        np.testing.assert_allclose(found.value(theta)[0, :2], pixels.value(theta[:, :2]), rtol=1e-10)
        np.testing.assert_allclose(found.gradient(theta)[0], pixels.gradient(theta)[0], rtol=1e-6, atol=1e-12)


def chart() -> None:
    """Minima, valleys and truths counted on a grid."""
    found = landscape(Circle([white(9)], EVEN))
    theta = 0.001 + 2 * math.pi * np.arange(4000) / 4000
    loss = GaborLoss(white(9), EVEN).value(theta[None])
    valleys = theta[(loss < np.roll(loss, 1)) & (loss < np.roll(loss, -1))]
    peaks = theta[(loss > np.roll(loss, 1)) & (loss > np.roll(loss, -1))]
    assert found.certain
    assert [one.angle for one in found.minima] == pytest.approx(valleys, abs=2e-3)
    assert [one.angle for one in found.maxima] == pytest.approx(peaks, abs=2e-3)
    assert sum(one.true for one in found.minima) == 2


def resting() -> None:
    """Curvatures at the minima by differences of the gradient, and the largest step that is stable at one of them."""
    for kind in ("rmse", "mse", "correlation"):
        ring = Circle([of_image(IMAGE, 9)], EVEN, kind)
        found = landscape(ring)
        smooth = [one for one in found.minima if kind != "rmse" or not one.true]
        at, h = np.array([[one.angle for one in smooth]]), 1e-5
        bends = (ring.gradient(at + h) - ring.gradient(at - h))[0] / (2 * h)
        np.testing.assert_allclose([one.curvature for one in smooth], bends, rtol=1e-5)
        assert found.stable == pytest.approx(2 / bends.min(), rel=1e-5)


def carried() -> None:
    """The transient of a heavy ball is that of descent on ½u²; a push from rest, that of u_0 = 1, u_{−1} = 0."""
    s, mu = 3.7, 0.9
    found = transients.transient(s, mu)
    _, kept = turn(lambda u: u, np.array([1.0]), HeavyBall(s, mu), 400, keep=range(401))
    path = np.abs([kept[t][0] for t in range(401)])
    assert found.peak == pytest.approx(path.max())
    assert found.settled == np.flatnonzero(path > 0.5)[-1] + 1
    pushed, before, total = 1.0, 0.0, 0.0
    for _ in range(400):
        total += abs(pushed)
        pushed, before = (1 + mu - s) * pushed - mu * before, pushed
    assert found.gain == pytest.approx(total, rel=1e-5)


def disc() -> None:
    """On the rim the loss of the circle; within, a gradient that agrees with differences."""
    field, ring = Disc([of_image(IMAGE, 9)], EVEN), Circle([of_image(IMAGE, 9)], EVEN)
    theta = np.array([[0.2, 1.3]])
    np.testing.assert_allclose(field.value(field.start(theta)), ring.value(theta), rtol=1e-10)
    z, h = np.array([[0.3 + 0.4j]]), 1e-6
    across = (field.value(z + h) - field.value(z - h)) / (2 * h)
    upwards = (field.value(z + 1j * h) - field.value(z - 1j * h)) / (2 * h)
    np.testing.assert_allclose(field.gradient(z), across + 1j * upwards, rtol=1e-7)


def plane() -> None:
    """A window so wide that nothing is cut off."""
    wide, theta = GaborFilter(size=41, sigma=2.0, psi=0.3), np.array([[0.1, 1.4, 2.6]])
    np.testing.assert_allclose(PlaneLoss(wide).loss(theta)[0], GaborLoss(white(41), wide).value(theta), rtol=1e-7)


def methods() -> None:
    """On ℓ = ½θ²: one step of each by hand, momentum by its recursion, and the disc's projection."""
    one = np.array([1.0])
    assert turn(lambda t: t, one, HeavyBall(0.1, 0.5), 2)[0][0] == pytest.approx(0.9 - 0.1 * (0.9 + 0.5))
    assert turn(lambda t: t, one, Adam(0.1, 2), 1)[0][0] == pytest.approx(0.9, abs=1e-8)
    first, second = 0.9 * 0.1 + 0.1 * 0.9, 0.999 * 0.001 + 0.001 * 0.81
    ratio = (first / (1 - 0.9**2)) / math.sqrt(second / (1 - 0.999**2))
    assert turn(lambda t: t, one, Adam(0.1, 2), 2)[0][0] == pytest.approx(0.9 - 0.05 * ratio, abs=1e-8)
    twice = turn(lambda t: t, one, DoubleAngle(0.4), 2)[0][0]
    after = 1 - math.atan(0.2) / 2
    length = math.hypot(1, 0.2)
    assert twice == pytest.approx(after - math.atan(0.4 * after / (2 * length**2)) / 2)
    assert abs(inward(lambda z: -10 + 0 * z, np.array([0j]), 1.0, 1)[0]) == pytest.approx(1)


def noise() -> None:
    """The power of smooth noise is that of a Gaussian blur; photographs are grey and whole; whitening flattens."""
    omega = 2 * math.pi * 3 / 16
    assert problems.spectrum("smooth", 16)[3, 0] == pytest.approx(math.exp(-(omega**2) * 1.5**2 / 2))
    pictures = problems.textures("smooth", 4000, 8, rng=np.random.default_rng(1))
    power = np.mean(np.abs(np.fft.fft2(pictures)) ** 2, axis=0) / 64
    # A periodogram has a relative deviation of up to √2: over 4,000 images, five standard errors.
    np.testing.assert_allclose(power, problems.spectrum("smooth", 8), rtol=5 * math.sqrt(2 / 4000))
    flat = np.abs(np.fft.fft2(problems.whitened(IMAGE))).ravel()
    np.testing.assert_allclose(flat[1:], 1, rtol=1e-9)
    assert flat[0] == pytest.approx(0, abs=1e-9)


CHECKS = {
    check.__name__: check
    for check in (
        derivatives,
        many,
        pixel,
        windows,
        autocovariance,
        cycling,
        flat,
        curvature,
        circle,
        chart,
        resting,
        carried,
        disc,
        plane,
        methods,
        noise,
    )
}


def flipped(function):
    return lambda *args, **kwargs: -function(*args, **kwargs)


def without_shear(self):
    return -self.amplitude * self.envelope * self.wavenumber * self.across * self.sin


def one_side_only(gram, x, offset, size, rows, columns, xp):
    if offset[1] != 1:
        OFFSET(gram, x, offset, size, rows, columns, xp)
    else:
        OFFSET(gram, 1.02 * x, offset, size, rows, columns, xp)


TURNED, SLOPES = compiled.ByOrbits._turned, cycles._slopes
PARTS, OFFSET = filters.Parts, moments._offset

PLANTS = {
    **{
        f"∂g/∂{name} × 1.02": Plant(PARTS, f"d_{name}", scaled(getattr(PARTS, f"d_{name}"), 1.02), ["derivatives"])
        for name in PARAMETERS
    },
    "the envelope does not turn": Plant(PARTS, "d_theta", without_shear, ["derivatives", "curvature"]),
    "∂²g/∂θ² × 1.02": Plant(PARTS, "d_theta_twice", scaled(PARTS.d_theta_twice, 1.02), ["curvature"]),
    "g × 1.02": Plant(PARTS, "g", scaled(PARTS.g, 1.02), ["pixel", "plane"]),
    "one offset of C × 1.04": Plant(moments, "_offset", one_side_only, ["windows"]),
    "a window too few": Plant(
        moments,
        "_windows",
        lambda length, size, xp: (lambda place: ((place >= 0) & (place < length - size)).astype(float))(
            np.arange(length) - np.arange(size)[:, None]
        ),
        ["windows"],
    ),
    "outer gradient × 1.02": Plant(GaborLoss, "_outer", scaled(GaborLoss._outer, 1.02), ["derivatives", "circle"]),
    "compiled ∂g/∂q × 1.02": Plant(compiled, "_chained", scaled(compiled._chained, 1.02), ["many"]),
    "compiled g × 1.02": Plant(compiled, "filters", scaled(compiled.filters, 1.02), ["many"]),
    "Σ e² × 1.02": Plant(compiled, "pulled", entry_scaled(compiled.pulled, 1, 1.02), ["many"]),
    "a product by orbits × 1.02": Plant(orbits.Orbits, "apply", scaled(orbits.Orbits.apply, 1.02), ["many"]),
    "orbits' sums × 1.02": Plant(
        compiled.ByOrbits, "_turned", staticmethod(lambda psi, sums: TURNED(psi, 1.02 * sums)), ["many"]
    ),
    "orbits' sums at another phase": Plant(
        compiled.ByOrbits, "_turned", staticmethod(lambda psi, sums: TURNED(1.02 * psi, sums)), ["many"]
    ),
    "r × 1.02": Plant(moments, "_even", scaled(moments._even, 1.02), ["autocovariance"]),
    "a jump's balance × 1.02": Plant(cycles, "_balanced", scaled(cycles._balanced, 1.02), ["cycling"]),
    "slopes about the kink × 1.02": Plant(
        cycles, "_slopes", lambda *a: tuple(1.02 * s for s in SLOPES(*a)), ["cycling"]
    ),
    "E × 1.02": Plant(Circle, "_square", scaled(Circle._square, 1.02), ["circle", "flat", "disc"]),
    "noise that is none": Plant(Circle, "_rounding", scaled(Circle._rounding, 1e4), ["flat"]),
    "ℓ'' × 1.02": Plant(GaborLoss, "curvature", scaled(GaborLoss.curvature, 1.02), ["curvature"]),
    "overlap × 1.02": Plant(Circle, "_overlap", scaled(Circle._overlap, 1.02), ["circle"]),
    "energy × 1.02": Plant(Circle, "_energy", scaled(Circle._energy, 1.02), ["circle"]),
    "E near the truth × 1.02": Plant(Series, "about", entry_scaled(Series.about, 0, 1.02), ["circle"]),
    "E' near the truth × 1.02": Plant(Series, "about", entry_scaled(Series.about, 1, 1.02), ["circle"]),
    "E' × 1.02": Plant(Series, "both", entry_scaled(Series.both, 1, 1.02), ["circle"]),
    "rising turned round": Plant(
        Circle, "rising", lambda self: Series(-self.square.derivative().coefficients, 2), ["chart"]
    ),
    "ℓ'' of the circle × 1.02": Plant(Circle, "curvature", scaled(Circle.curvature, 1.02), ["resting"]),
    "the root's ℓ'' where the loss is 1.02 times as high": Plant(
        charts, "_loss", lambda circle, angle: 1.02 * LOSS(circle, angle), ["resting"]
    ),
    "a stable step × 1.02": Plant(charts.Landscape, "stable", property(lambda self: 1.02 * STABLE(self)), ["resting"]),
    "|u_t| × 1.02": Plant(transients, "_run", scaled(transients._run, 1.02), ["carried"]),
    "no truth": Plant(Circle, "off", lambda self, theta: 1 + 0 * theta, ["chart"]),
    "a crossing lost": Plant(Series, "_crossings", lambda self, *a: CROSSINGS(self, *a)[1:], ["chart"]),
    "∇ in the disc turned round": Plant(Disc, "gradient", flipped(Disc.gradient), ["disc"]),
    "∇ in the disc conjugated": Plant(Disc, "gradient", lambda self, z: np.conj(GRADIENT(self, z)), ["disc"]),
    "z of another angle": Plant(Disc, "start", lambda self, theta: np.exp(1j * np.asarray(theta)), ["disc"]),
    "overlap in the plane × 1.02": Plant(PlaneLoss, "_overlap", scaled(PlaneLoss._overlap, 1.02), ["plane"]),
    "move with momentum × 1.02": Plant(HeavyBall, "move", entry_scaled(HeavyBall.move, 0, 1.02), ["methods"]),
    "velocity × 1.02": Plant(HeavyBall, "move", entry_scaled(HeavyBall.move, 1, 1.02), ["methods"]),
    "Adam × 1.02": Plant(Adam, "move", entry_scaled(Adam.move, 0, 1.02), ["methods"]),
    "|z| × 1.02": Plant(DoubleAngle, "move", entry_scaled(DoubleAngle.move, 1, 1.02), ["methods"]),
    "angle × 1.02": Plant(DoubleAngle, "move", entry_scaled(DoubleAngle.move, 0, 1.02), ["methods"]),
    "spectrum of a wider blur": Plant(problems, "CORRELATION", 1.02 * problems.CORRELATION, ["noise"]),
    "the mean stays": Plant(problems, "whitened", lambda x: problems_whitened(x) + 1.0, ["noise"]),
}
LOSS, STABLE = charts._loss, charts.Landscape.stable.fget
CROSSINGS, GRADIENT, problems_whitened = Series._crossings, Disc.gradient, problems.whitened


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
