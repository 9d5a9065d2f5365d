"""Faults in extended convolutional layers, their descents, landscapes and claims: each makes a check turn red."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from planting import Plant, entry_scaled, scaled, suite

import theory
from theory.claims import confidence, extended, widths
from theory.claims.claim import Cell, Setting
from theory.claims.siahkoohi2021 import curvature, envelope, landscape, limits, width_normal
from theory.claims.verdict import Verdict, conclude
from theory.descent import lbfgs, project
from theory.landscapes import exchange, planes, valleys
from theory.objectives.extended_conv import ExtendedLoss, Network, compiled, matrix, plain
from theory.objectives.extended_conv import curvature as curved

NETWORK = Network((6, 7), depth=2, padding="zero", channels=(2, 1), bias=True)
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal(NETWORK.input), RNG.random(NETWORK.output)
W = RNG.standard_normal((2, NETWORK.primary))
U, S = RNG.standard_normal((2, NETWORK.auxiliary)), RNG.standard_normal((2, NETWORK.excesses))
LAM, H = 0.3, 1e-5

# ------------------------------------------------------------------------------------------------------------- checks


def twin() -> None:
    """The kernel and the plain way agree, in all that they return."""
    for mode, own in (("excess", S), ("free", U), ("tied", None)):
        more = {"mode": mode, "factor": 0.5, "lam": LAM}
        for fast, slow in zip(
            compiled.evaluate(NETWORK, X, Y, W, own, **more), plain.evaluate(NETWORK, X, Y, W, own, **more), strict=True
        ):
            np.testing.assert_allclose(fast, slow, rtol=1e-10, atol=1e-10)


def slopes() -> None:
    """Gradients are central differences."""
    for form, u in (("excess", S), ("free", U)):
        loss = ExtendedLoss(NETWORK, X, Y, LAM, form=form)
        along_w, along_u = loss.gradient(W, u)
        d, e = np.ones_like(W), np.ones_like(u)
        of_w = (loss.value(W + H * d, u) - loss.value(W - H * d, u)) / (2 * H)
        of_u = (loss.value(W, u + H * e) - loss.value(W, u - H * e)) / (2 * H)
        np.testing.assert_allclose(along_w.sum(axis=1), of_w, rtol=1e-5)
        np.testing.assert_allclose(along_u.sum(axis=1), of_u, rtol=1e-5)


def operator() -> None:
    """Equation 4 is the layer."""
    a = X
    for layer, field in zip(NETWORK.layers, NETWORK.fields(U[0]), strict=True):
        one, offset = matrix.extended(layer, field)
        a = 1 / (1 + np.exp(-(one @ a.ravel() + offset))).reshape(layer.shape)
    np.testing.assert_allclose(a, plain.forward(NETWORK, X, W[:1], U[:1], "free")[-1].out[0], rtol=1e-10)


def nearest() -> None:
    """Excesses stand for weights with the same output and the same penalty; and come back from them."""
    loss = ExtendedLoss(NETWORK, X, Y, LAM)
    weights = loss.weights(W, S)
    np.testing.assert_allclose(ExtendedLoss(NETWORK, X, Y, LAM, form="free").parts(W, weights), loss.parts(W, S))
    np.testing.assert_allclose(loss.from_weights(W, weights), S, atol=1e-9)


def made(seed=1):
    rng = np.random.default_rng(seed)
    problem = theory.problems.network_problem(rng=rng, shape=(7, 7), depth=2)
    return problem, problem.plane(rng=rng)


def reduced() -> None:
    """The envelope's gradient is that of the reduced objective, kernel by kernel, and the certificate small."""
    problem, plane = made()
    w, options = plane.at(0.5, 0.7), {"iterations": 500, "tolerance": 1e-18}
    loss = problem.extended(0.3)
    here = project(loss, w, **options)
    for kernel in problem.network.filters:  # the first one's gradient is 1e-4 of the last one's
        d = np.zeros_like(w)
        d[:, kernel] = 1
        ends = [project(loss, w + s * 1e-3 * d, start=here.u, **options).value[0] for s in (1, -1)]
        np.testing.assert_allclose(here.gradient[:, kernel].sum(), (ends[0] - ends[1]) / 2e-3, rtol=1e-3)
    assert here.gain[0] < 1e-14


def parabola() -> None:
    """Both curvatures are second differences at w*."""
    problem, plane = made()
    known = curved.curvatures(problem.network, problem.x, problem.w_star, plane.delta[None], 0.1)
    w = plane.at([1e-3, -1e-3], [0, 0])
    np.testing.assert_allclose(problem.conventional().value(w).sum() / 1e-6, known.conventional, rtol=1e-3)
    value = project(problem.extended(0.1), w, iterations=1000, tolerance=1e-20).value
    np.testing.assert_allclose(value.sum() / 1e-6, known.extended[:, 0], rtol=1e-3)


def bowl(u, rows):
    """Half the square, along axes of curvature 1 to 30."""
    scale = np.linspace(1, 30, u.shape[1])
    return np.sum(scale * u**2, axis=1) / 2, scale * u


def quadratic() -> None:
    """L-BFGS needs few iterations for a bowl."""
    found = lbfgs.minimise(bowl, np.ones((2, 6)), iterations=25)
    assert np.all(np.abs(found.u) < 1e-7)


def places() -> None:
    """Directions as long as the filters, coordinates recovered, areas of a wedge."""
    d = planes.directions(NETWORK, W[0], 3, rng=np.random.default_rng(2))
    for here in NETWORK.filters:
        np.testing.assert_allclose(np.linalg.norm(d[:, here], axis=1), np.linalg.norm(W[0, here]), rtol=1e-12)
    plane = planes.Plane(W[0], *d[:2])
    np.testing.assert_allclose(plane.project(plane.at(1.5, -2.0))[0], [[1.5, -2.0]], atol=1e-10)
    assert valleys.area(np.abs(np.linspace(-1, 1, 9))[:, None] + np.zeros(9), 0.25) == pytest.approx(0.25)


def limits_of_a_mean() -> None:
    """Of −1, 0, 1: s = 1, n = 3, and t of 2 degrees of freedom has its quantiles in closed form."""
    p = confidence.CONFIDENCE
    t = p * np.sqrt(2 / (1 - p**2))
    np.testing.assert_allclose(confidence.mean([-1.0, 0.0, 1.0]), (0.0, -t / np.sqrt(3), t / np.sqrt(3)), rtol=1e-9)


def exchanged() -> None:
    """W = w* everywhere costs the penalty alone; a neighbour's W is taken where it is the better."""
    problem, plane = made()
    loss, at = problem.extended(0.1), np.array([-1.0, 0.0, 1.0])
    found = planes.values(loss, plane, at, at, start="true", iterations=0)
    w = plane.at(at, at)
    np.testing.assert_allclose(found.data, 0, atol=1e-20)
    rng = np.random.default_rng(2)
    problem = theory.problems.network_problem(rng=rng, shape=(8, 8), depth=3, weights="normal")
    plane, loss = problem.plane(rng=np.random.default_rng(3)), problem.extended(0.1)
    alpha, beta = (part.ravel() for part in np.meshgrid(np.linspace(-4, 4, 5), np.linspace(-4, 4, 5)))
    w, near = plane.at(alpha, beta), exchange.neighbours(alpha, beta)
    ended = exchange.settled(loss, w, near, "primary", exchanges=8, iterations=600)
    kept = loss.weights(w, ended.u)
    for column in near.T:
        fits = loss.value(w, loss.from_weights(w, kept[column]))
        assert np.all(fits >= ended.value - 1e-3 * np.ptp(ended.value))


def widening() -> None:
    """Second differences of both objectives say what the formula says."""
    setting = Setting(rng=np.random.default_rng(3), xp=np, profile="quick")
    found = curvature.measure(Cell({**PLACE, "lam": 0.4, "networks": 2}), setting)
    again, made_ = Setting(rng=np.random.default_rng(3), xp=np, profile="quick"), []
    for _ in range(2):
        one = extended.problem(Cell(PLACE), again)
        made_.append((one, one.plane(rng=again.rng)))
    known = [
        curved.curvatures(one.network, one.x, one.w_star, plane.delta[None], 0.4).widening[0, 0] for one, plane in made_
    ]
    np.testing.assert_allclose(found.points["widening"], known, rtol=1e-3)


PLACE = {"preset": "program", "weights": "uniform"}


def verdict_of(module: Any, *cells: Cell, holds: bool = True) -> Callable[[], None]:
    """On these cells the claim holds, if it should, and every control is refuted."""

    def check() -> None:
        settings = [Setting(rng=np.random.default_rng(3), xp=np, profile="quick") for _ in cells]
        found = [f for cell, s in zip(cells, settings, strict=True) for f in module.measure(cell, s).findings]
        judged = conclude(module.CLAIM, found)
        assert judged.refuted
        assert judged.verdict is Verdict.HOLDS or not holds

    return check


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        *(twin, slopes, operator, nearest, reduced, parabola, quadratic, places),
        *(limits_of_a_mean, exchanged, widening),
    )
}
CHECKS |= {
    "verdict of envelope": verdict_of(
        envelope,
        *(
            Cell({**PLACE, "lam": lam, "networks": 2}, control=control)
            for lam, control in ((0.4, ""), (0.4, envelope.DATA), (0.04, envelope.EARLY))
        ),
    ),
    "verdict of limits": verdict_of(
        limits,
        *(
            Cell({**PLACE, "form": form, "networks": 2}, control=control)
            for form, control in (("infinite", ""), ("zero", ""), ("infinite", limits.LINEAR), ("zero", limits.OUTSIDE))
        ),
    ),
    "verdict of curvature": verdict_of(
        curvature,
        *(
            Cell({**PLACE, "lam": lam, "networks": networks}, control=control)
            for lam, networks, control in (
                *((0.04, 6, ""), (4.0, 6, "")),
                *((0.04, 2, curvature.OTHER), (0.04, 2, curvature.PLAIN)),
            )
        ),
    ),
    "verdict of landscape": verdict_of(
        landscape,
        *(
            Cell({**PLACE, "pair": 0, "ticks": 4, "iterations": 30, "ways": False}, control=control)
            for control in ("", landscape.WHOLE)
        ),
    ),
    "verdict of width": verdict_of(
        width_normal,
        *(
            Cell(
                {**PLACE, "lam": lam, "start": "primary", "half": True, "networks": 4, "ticks": 5},
                control=control,
            )
            for lam, control in ((0.04, ""), (extended.LIMIT, widths.LIMIT))
        ),
        holds=False,
    ),
}

# ------------------------------------------------------------------------------------------------------------- plants

EVALUATE, PLAIN, SOLVE = compiled.evaluate, plain.evaluate, compiled.minimise
DIRECTION, REMEMBER, PROJECT = lbfgs._State.direction, lbfgs._State.remember, planes.Plane.project


def forgetful(state, rows, point, slope):
    """L-BFGS that keeps no pairs."""
    REMEMBER(state, rows, point, slope)
    state.count[rows] = 0


def lazy(*given, **options):
    """An inner problem that is left early."""
    return SOLVE(*given, **{**options, "iterations": min(options["iterations"], 3)})


ENVELOPE = ExtendedLoss.envelope


def without_first_layer(loss, w, u):
    """The envelope's gradient with a part of it 0."""
    found = ENVELOPE(loss, w, u).copy()
    found[:, : loss.network.layers[0].primary] = 0
    return found


PLANTS: dict[str, Plant] = {
    "data term × 1.02": Plant(compiled, "evaluate", entry_scaled(EVALUATE, 0, 1.02), ["twin", "slopes", "parabola"]),
    "penalty × 1.02": Plant(compiled, "evaluate", entry_scaled(EVALUATE, 1, 1.02), ["twin", "slopes"]),
    "gradient × 1.02": Plant(compiled, "evaluate", entry_scaled(EVALUATE, 2, 1.02), ["twin", "slopes"]),
    "outer gradient × 1.02": Plant(compiled, "evaluate", entry_scaled(EVALUATE, 3, 1.02), ["twin", "slopes"]),
    "plain gradient × 1.02": Plant(plain, "evaluate", entry_scaled(PLAIN, 2, 1.02), ["twin"]),
    "sigmoid × 1.02": Plant(plain, "sigmoid", scaled(plain.sigmoid, 1.02), ["twin", "operator", "parabola"]),
    "transpose of the patches × 1.02": Plant(plain, "unpatched", scaled(plain.unpatched, 1.02), ["twin"]),
    "matrix × 1.02": Plant(matrix, "extended", entry_scaled(matrix.extended, 0, 1.02), ["operator"]),
    "weights of excesses × 1.02": Plant(plain, "weights_of", scaled(plain.weights_of, 1.02), ["nearest", "reduced"]),
    "excesses of weights × 1.02": Plant(plain, "excesses_of", scaled(plain.excesses_of, 1.02), ["nearest"]),
    "envelope × 1.02": Plant(
        ExtendedLoss, "envelope", scaled(ExtendedLoss.envelope, 1.02), ["reduced", "verdict of envelope"]
    ),
    "envelope without the first layer": Plant(
        ExtendedLoss, "envelope", without_first_layer, ["reduced", "verdict of envelope"]
    ),
    "envelope turned round": Plant(
        ExtendedLoss, "envelope", scaled(ExtendedLoss.envelope, -1), ["reduced", "verdict of envelope"]
    ),
    "‖∂Φ/∂W‖ × 1.02": Plant(
        ExtendedLoss, "stationarity", scaled(ExtendedLoss.stationarity, 1.02), ["verdict of limits"]
    ),
    "three inner iterations": Plant(
        compiled, "minimise", lazy, ["reduced", "parabola", "verdict of curvature", "verdict of envelope"]
    ),
    "JJ' × 1.02": Plant(
        curved, "_products", entry_scaled(curved._products, 0, 1.02), ["parabola", "verdict of curvature"]
    ),
    "JE × 1.02": Plant(
        curved, "_products", entry_scaled(curved._products, 1, 1.02), ["parabola", "verdict of curvature"]
    ),
    "uphill": Plant(lbfgs._State, "direction", scaled(DIRECTION, -1), ["quadratic"]),
    "no pairs kept": Plant(lbfgs._State, "remember", forgetful, ["quadratic"]),
    "directions × 1.02": Plant(planes, "directions", scaled(planes.directions, 1.02), ["places"]),
    "coordinates × 1.02": Plant(planes.Plane, "project", entry_scaled(PROJECT, 0, 1.02), ["places"]),
    "areas × 1.02": Plant(valleys, "area", scaled(valleys.area, 1.02), ["places"]),
    "limits of a mean × 1.02": Plant(confidence, "mean", entry_scaled(confidence.mean, 2, 1.02), ["limits_of_a_mean"]),
    "true weights × 1.02": Plant(planes, "_true", scaled(planes._true, 1.02), ["exchanged"]),
    "no exchange": Plant(exchange, "exchange", lambda _, __, found, *more, **options: found, ["exchanged"]),
    "second differences × 1.02": Plant(curvature, "_second", scaled(curvature._second, 1.02), ["verdict of curvature"]),
    "widening × 1.02": Plant(curvature, "_widening", scaled(curvature._widening, 1.02), ["widening"]),
    "a limit that is none": Plant(extended, "LIMIT", 0.04, ["verdict of landscape"]),
    "a tenth wider always": Plant(
        widths, "_ratios", lambda *pair: {"area 10 %": 1.1, "area 5 %": 1.1}, ["verdict of width"]
    ),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
