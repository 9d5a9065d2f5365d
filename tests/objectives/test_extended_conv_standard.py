"""The same on arrays of a library that offers the array standard and nothing else, as CuPy's are: no call is NumPy's.

No device has run these: what is tested is that the namespace is taken from the arguments everywhere.
"""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.descent import Reduced, adam, minimise, project
from theory.landscapes import Plane, landscape
from theory.objectives.extended_conv import ConventionalLoss, ExtendedLoss, Network, curvatures, respond

NETWORK = Network((2, 5, 4), depth=2, channels=(2, 1), padding="zero", bias=True)
RNG = np.random.default_rng(0)
X, Y, W = RNG.standard_normal(NETWORK.input), RNG.random(NETWORK.output), RNG.standard_normal((3, NETWORK.primary))
EPS = np.finfo(float).eps
every_form = pytest.mark.parametrize("form", ["excess", "free"])


def extended(xp, form, lam=0.3):
    return ExtendedLoss(NETWORK, xp.asarray(X), xp.asarray(Y), lam, form=form)


def same(found, expected, size=1.0):
    """Sums of all weights' terms of this size, each with a few roundings."""
    assert type(found).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=100 * NETWORK.auxiliary * EPS * size)


@pytest.mark.parametrize("w", [W, W[0]], ids=["batch", "one"])
def test_conventional(w):
    here, there = (ConventionalLoss(NETWORK, xp.asarray(X), xp.asarray(Y)) for xp in (np, strict))
    same(there.value(strict.asarray(w)), here.value(w))
    same(there.gradient(strict.asarray(w)), here.gradient(w))
    assert there.scale == pytest.approx(here.scale)
    same(respond(NETWORK, strict.asarray(X), strict.asarray(W[0])), respond(NETWORK, X, W[0]))


@every_form
def test_extended(form):
    here, there = (extended(xp, form) for xp in (np, strict))
    u = np.random.default_rng(1).standard_normal((3, here.own))
    v, s = strict.asarray(W), strict.asarray(u)
    for name in ("parts", "gradient"):
        for found, expected in zip(getattr(there, name)(v, s), getattr(here, name)(W, u), strict=True):
            same(found, expected, 10.0)
    same(there.envelope(v, s), here.envelope(W, u), 10.0)
    same(there.stationarity(v, s), here.stationarity(W, u), 10.0)
    same(there.weights(v, s), here.weights(W, u), 10.0)
    same(there.from_weights(v, there.weights(v, s)), here.from_weights(W, here.weights(W, u)), 10.0)
    drawn = [loss.starts(w, rng=np.random.default_rng(2)) for loss, w in ((there, v), (here, W))]
    same(*drawn, 10.0)


def test_curvatures():
    of = [curvatures(NETWORK, xp.asarray(X), xp.asarray(W[0]), xp.asarray(W), [0.1]) for xp in (strict, np)]
    np.testing.assert_allclose(of[0].extended, of[1].extended, rtol=1e-9)


@every_form
@pytest.mark.parametrize("start", ["primary", "random", "better"])
def test_projection(form, start, monkeypatch):
    """Five iterations; beside the plain way of NumPy, whose steps are the same up to rounding, which they let grow."""
    monkeypatch.setattr(ExtendedLoss, "minimise", lambda *_, **__: None)
    there, here = (
        project(extended(xp, form), xp.asarray(W), start=start, iterations=5, rng=np.random.default_rng(3))
        for xp in (strict, np)
    )
    assert type(there.u).__module__.startswith("array_api_strict")
    assert isinstance(there.value, np.ndarray)
    assert there.taken.tolist() == here.taken.tolist()
    for name in ("value", "data", "slope", "gain"):
        np.testing.assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-6)


@pytest.mark.parametrize("outer", [minimise, adam])
def test_outer_descents(outer):
    there, here = (
        outer(Reduced(extended(xp, "excess"), iterations=4), xp.asarray(W), iterations=2) for xp in (strict, np)
    )
    assert type(there.u).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(there.log, here.log, rtol=1e-6)


def test_landscape():
    plane = Plane(W[0], W[1], W[2])
    there, here = (landscape(extended(xp, "excess"), plane, ticks=3, iterations=4) for xp in (strict, np))
    np.testing.assert_allclose(there.value, here.value, rtol=1e-6)


def test_libraries_do_not_mix():
    loss, s = extended(strict, "excess"), strict.zeros((3, NETWORK.excesses))
    for call in (
        lambda: ExtendedLoss(NETWORK, strict.asarray(X), Y, 0.3),
        lambda: loss.value(W, s),
        lambda: loss.value(strict.asarray(W), np.zeros((3, NETWORK.excesses))),
        lambda: project(loss, W),
    ):
        with pytest.raises(BadInput, match=r"[ywu] is an array of .*; it must be one of"):
            call()
