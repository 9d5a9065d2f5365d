"""Faults in the loss on images, its kernels, the filters and their claims: each makes a check turn red."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from planting import Plant, entry_scaled, scaled, suite

import theory
from theory.claims import confidence, images
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import fig3c, fig3d, fig4, interpolation
from theory.claims.verdict import Verdict, conclude, judge
from theory.distributions import ImagePatches
from theory.kernels import sides
from theory.objectives import ImageLoss, SampleLoss, image_loss
from theory.objectives.image_loss import Cut, Sides
from theory.problems import digits, filters

EPS = np.finfo(float).eps
LAW = ImagePatches(digits()[:40], 3)
PATCHES = LAW.take(slice(None))
TEACHER = np.random.default_rng(0).standard_normal(9)


def walk(steps=60, stride=0.01):
    rng = np.random.default_rng(1)
    return np.cumsum(np.vstack([rng.standard_normal(9), stride * rng.standard_normal((steps, 9))]), axis=0)


# ------------------------------------------------------------------------------------------------------------- checks


def twin() -> None:
    """Loss and gradient are SampleLoss's, along a walk: sums of some hundred terms of order one."""
    fast, plain = ImageLoss(LAW, TEACHER), SampleLoss(PATCHES, TEACHER)
    for w in walk():
        np.testing.assert_allclose(fast.gradient(w), plain.gradient(w), rtol=0, atol=1e4 * EPS)
        np.testing.assert_allclose(fast.value(w), plain.value(w), rtol=0, atol=1e4 * EPS)


def certificate() -> None:
    """Every patch is on the side that its activation says, and no limit but a blank patch's is infinite."""
    here, inked = Sides(Cut.of(LAW)), np.any(PATCHES != 0, axis=2)
    for w in walk(300):
        here.to(w)
        assert np.array_equal((PATCHES @ w >= 0)[inked], (here.limit > 0)[inked])
        assert np.array_equal(np.isinf(here.limit), ~inked)


def thrift() -> None:
    """A short step looks at few patches: not at a tenth."""
    here, (w, *_) = Sides(Cut.of(LAW)), walk(0)
    here.to(w)
    assert here.to(w * (1 + 1e-5)) < PATCHES[..., 0].size / 10


def curvature() -> None:
    """A bound on the second derivative, attained where all patches are active."""
    loss, u = ImageLoss(LAW, TEACHER), np.mean(PATCHES, axis=1)
    assert loss.curvature == pytest.approx(np.linalg.eigvalsh(u.T @ u / LAW.n)[-1], rel=1e-12)
    u = np.mean(PATCHES * (PATCHES @ TEACHER >= 0)[..., None], axis=1)
    np.testing.assert_allclose(loss.hessian(TEACHER), u.T @ u / LAW.n, rtol=0, atol=1e3 * EPS)


def relative() -> None:
    """At w = 0 the squared error is the squared label."""
    loss = ImageLoss(LAW, TEACHER)
    assert float(loss.relative(loss.value(0 * TEACHER))) == pytest.approx(1, rel=1e-13)


def gabor_pixel() -> None:
    """The pixel at x = ½, y = 1½ of a 4×4 filter."""
    turn, wave, sigma, gamma, psi = 0.3, 2.7, 1.4, 0.8, 0.6
    found = filters.gabor(4, theta=turn, wavelength=wave, sigma=sigma, gamma=gamma, psi=psi).reshape(4, 4)[2, 3]
    x, y = 0.5 * math.cos(turn) + 1.5 * math.sin(turn), 1.5 * math.cos(turn) - 0.5 * math.sin(turn)
    expected = math.exp(-(x * x + gamma**2 * y * y) / (2 * sigma**2)) * math.cos(2 * math.pi * x / wave + psi)
    assert found == pytest.approx(expected, abs=16 * EPS)


def spectrum() -> None:
    """Energies and curvatures of a diagonal moment, and the moment itself."""
    v = np.array([[3.0], [4.0], [12.0]])
    energy, share = filters.energy_in_small(np.diag([0.5, 0.5, 99.0]), v, 0.01)
    assert (energy[0], share) == (pytest.approx(25 / 169), pytest.approx(2 / 3))
    assert filters.curvature_along(np.diag([0.5, 0.5, 99.0]), v)[0] == pytest.approx((12.5 / 99 + 144) / 169)
    z = PATCHES.reshape(-1, 9)
    np.testing.assert_allclose(filters.patch_moment(LAW), z.T @ z / len(z), rtol=1e-12)


def places() -> None:
    """Starts at their distances, filters between two others, and the angle between them."""
    start = filters.around(TEACHER, [0.3], rng=np.random.default_rng(2))[:, 0]
    norm = np.linalg.norm(TEACHER)
    assert np.linalg.norm(start - TEACHER) / norm == pytest.approx(0.3, rel=1e-12)
    quarter = filters.segment(TEACHER, start, [0.25])[:, 0]
    np.testing.assert_allclose(quarter, 0.75 * TEACHER + 0.25 * start, rtol=1e-12)
    found = filters.cosine(start[:, None], TEACHER[:, None])[0]
    assert found == pytest.approx(start @ TEACHER / np.linalg.norm(start) / norm, rel=1e-12)


def found(module, *cells: Cell) -> list[Any]:
    """Findings on these cells."""
    settings = [Setting(rng=np.random.default_rng(2), xp=np, profile="quick") for _ in cells]
    return [f for cell, setting in zip(cells, settings, strict=True) for f in module.measure(cell, setting).findings]


def on(module, holds: set[str], *cells: Cell) -> Callable[[], None]:
    """On these cells the findings of these forms hold, and every control is refuted."""

    def check() -> None:
        all_of_them = found(module, *cells)
        assert conclude(module.CLAIM, all_of_them).refuted
        ordinary = [f for f in all_of_them if not f.control]
        held = {
            form: all(judge(f, module.CLAIM.relation) is Verdict.HOLDS for f in ordinary if f.form == form)
            for form in holds
        }
        assert all(held.values())

    return check


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check for check in (twin, certificate, thrift, curvature, relative, gabor_pixel, spectrum, places)
}
NEAR = {"visits": 2 * 8 * 36 * 60, "steps": 100, "images": 60}
CHECKS |= {
    "verdict of fig3c": on(
        fig3c, {"level"}, Cell({"filter": "random", "teacher": 0, **NEAR, "visits": 6 * 8 * 36 * 60})
    ),
    "verdict of fig3d": on(
        fig3d,
        {"loss", "filter"},
        *(Cell({"filter": "gabor", **NEAR}, control=control) for control in ("", fig3d.SHUFFLED, fig3d.NOISE)),
    ),
    "verdict of fig4": on(fig4, set(), Cell({"filter": "random", "teachers": 2, "steps": 100, "images": 60})),
    "verdict of interpolation": on(
        interpolation, {"barrier", "curvature"}, Cell({"filter": "gabor", "starts": 6, "steps": 300, "images": 150})
    ),
}

# ------------------------------------------------------------------------------------------------------------- plants


def after_move(**factors: float):
    """The kernel ``move`` that then multiplies the arrays of these names."""
    move, names = sides.move, ("total", "limit", "least")

    def plant(*given):
        looked = move(*given)
        for name, factor in factors.items():
            given[8 + names.index(name)][...] *= factor
        return looked

    return plant


def with_path(factor: float):
    """The kernel ``move`` that is told another length of path."""
    move = sides.move
    return lambda *given: move(*given[:6], factor * given[6], *given[7:])


TO, GABOR = Sides.to, filters.gabor
SURVEY, CURVATURE = sides.survey, ImageLoss.curvature.func
LEARN_3D, COSINE_4, CURVES = fig3d._learn, fig4._cosine, interpolation._curves


def lazily(here, w):
    """Sides.to that takes a short step for none."""
    return 0 if here.near(w) and np.linalg.norm(w - here.w) < 0.02 else TO(here, w)


def never_near(here, w):
    """Sides.near that knows nothing."""
    return False


def turned_gabor(size, *, theta=math.pi / 4, **more):
    """The filter turned the other way."""
    return GABOR(size, theta=-theta, **more)


def sure_of_order(x, y):
    """A rank slope that sees order everywhere."""
    return 1.0, 0.9, 1.1


def no_controls(cell, setting):
    """Learning that pays no heed to the control."""
    return LEARN_3D(dataclasses.replace(cell, control=""), setting)


def unpermuted(pair, setting, control):
    """A control that is the claim."""
    return dataclasses.replace(COSINE_4(pair._replace(learned=pair.true), setting, ""), control=control)


def home(loss, starts, ends, places):
    """Every segment leads to the teacher."""
    return CURVES(loss, starts, np.broadcast_to(loss.teacher[:, None], ends.shape), places)


PLANTS: dict[str, Plant] = {
    "limits 2 % too long": Plant(sides, "move", after_move(limit=1.02, least=1.02), ["certificate"]),
    "least of a block 2 % too long": Plant(sides, "move", after_move(least=1.02), ["certificate"]),
    "s × 1.02": Plant(sides, "move", after_move(total=1.02), ["twin", "curvature"]),
    "path halved": Plant(sides, "move", with_path(0.5), ["certificate"]),
    "‖Z‖ halved": Plant(sides, "survey", entry_scaled(sides.survey, 0, 0.5), ["certificate"]),
    "‖Z‖ doubled thirty times": Plant(sides, "survey", entry_scaled(sides.survey, 0, 2.0**30), ["thrift"]),
    "a blank patch taken for an inked one": Plant(
        sides, "survey", lambda *given: (np.float32(1) + 0 * SURVEY(*given)[0], SURVEY(*given)[1]), ["certificate"]
    ),
    "mean |Z| × 1.01": Plant(sides, "survey", entry_scaled(sides.survey, 1, 1.01), ["curvature"]),
    "short steps not taken": Plant(Sides, "to", lazily, ["twin", "certificate"]),
    "nothing remembered": Plant(Sides, "near", never_near, ["thrift"]),
    "loss without ½": Plant(ImageLoss, "_half_square", scaled(ImageLoss._half_square, 2.0), ["twin", "relative"]),
    "gradient without 1/k": Plant(ImageLoss, "_slope", scaled(ImageLoss._slope, 36.0), ["twin"]),
    "gradient × 1.02": Plant(ImageLoss, "_slope", scaled(ImageLoss._slope, 1.02), ["twin"]),
    "labels × 1.02": Plant(
        image_loss.Sides,
        "response",
        property(lambda here: 1.02 * here._f, lambda here, f: setattr(here, "_f", f)),
        ["twin"],
    ),
    "H × 1.02": Plant(ImageLoss, "hessian", scaled(ImageLoss.hessian, 1.02), ["curvature"]),
    "λ ten thousand times too large": Plant(
        ImageLoss, "curvature", property(lambda loss: 1e4 * CURVATURE(loss)), ["curvature", "verdict of fig3d"]
    ),
    "relative loss without its 2": Plant(ImageLoss, "relative", scaled(ImageLoss.relative, 0.5), ["relative"]),
    "θ of the Gabor filter turned": Plant(filters, "gabor", turned_gabor, ["gabor_pixel"]),
    "Gabor × 1.02": Plant(filters, "gabor", scaled(GABOR, 1.02), ["gabor_pixel"]),
    "energy × 1.02": Plant(filters, "energy_in_small", entry_scaled(filters.energy_in_small, 0, 1.02), ["spectrum"]),
    "curvature × 1.02": Plant(filters, "curvature_along", scaled(filters.curvature_along, 1.02), ["spectrum"]),
    "curvature × 1000, in the claim": Plant(
        theory.problems, "curvature_along", scaled(filters.curvature_along, 1e3), ["verdict of interpolation"]
    ),
    "E[zz'] × 1.02": Plant(filters, "patch_moment", scaled(filters.patch_moment, 1.02), ["spectrum"]),
    "distances × 1.02": Plant(filters, "directions", scaled(filters.directions, 1.02), ["places"]),
    "a segment run backwards": Plant(
        filters,
        "segment",
        lambda start, end, at: (1 - np.asarray(at)) * end[:, None] + np.asarray(at) * start[:, None],
        ["places"],
    ),
    "cosine × 1.02": Plant(filters, "cosine", scaled(filters.cosine, 1.02), ["places"]),
    "cosine of every pair 1, in the claim": Plant(
        theory.problems, "cosine", lambda u, v: np.ones(u.shape[1]), ["verdict of fig4"]
    ),
    "order seen everywhere": Plant(confidence, "rank_slope", sure_of_order, ["verdict of fig3c", "verdict of fig3d"]),
    "all starts equally far": Plant(
        theory.problems, "around", lambda w, d, rng: filters.around(w, np.ones(len(d)), rng=rng), ["verdict of fig3c"]
    ),
    "controls not heeded": Plant(fig3d, "_learn", no_controls, ["verdict of fig3d"]),
    "a control that is the claim": Plant(fig4, "_cosine", unpermuted, ["verdict of fig4"]),
    "every segment to the teacher": Plant(interpolation, "_curves", home, ["verdict of interpolation"]),
}


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr(images, "PERMUTATIONS", 60)


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, raising=False
)
