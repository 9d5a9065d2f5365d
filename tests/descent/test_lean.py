"""Steps on a small sample that go ahead of the loop: its iterates, records and fates, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
from planting import Plant, all_caught, catches

from theory.descent import Admissible, Constant, Outcome, Schedule, descend, lean
from theory.distributions import Gaussian
from theory.objectives import SampleLoss

FIELDS = ("distance", "angle", "loss", "step", "final", "w", "taken")


def problem(k=1, runs=5, dtype=float, n=60):
    rng = np.random.default_rng(3)
    loss = SampleLoss(rng.standard_normal((n, k, 4)).astype(dtype), rng.standard_normal(4).astype(dtype))
    # One begins at w*, one opposite to it.
    scale = np.array([0.5, 0.1, 0.0, 0.3, 1.0])[:runs]
    start = loss.teacher[:, None] + (scale * rng.standard_normal((4, runs))).astype(dtype)
    return loss, start


def both(loss, start, **settings):
    """With what goes ahead, and without."""
    found = descend(loss, start, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lean, "ahead", lambda *given: None)
        return found, descend(loss, start, **settings)


def same(found, expected):
    """Bit for bit: the same operations in the same order."""
    assert found.outcome == expected.outcome
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)


def gradients() -> None:
    """The lean gradient is the plain one: bit for bit of one patch, of several a sum in another order."""
    for k, dtype in ((1, float), (3, float), (3, np.float32)):
        loss, start = problem(k, dtype=dtype)
        plain, found = loss._plain_gradient(start, np), loss.lean(start)
        # nk terms |Zᵢⱼ| |f − y| / (nk) at most, each of p + k + 3 operations, in either order.
        z = np.abs(loss.patches)
        size = z.max() * (np.abs(start).max() * z.sum(axis=-1).max() + np.abs(loss.labels).max())
        limit = 0 if k == 1 else 2 * (60 * k + 4 + k + 3) * np.finfo(dtype).eps * size
        np.testing.assert_allclose(found, plain, rtol=0, atol=limit)
        np.testing.assert_array_equal(loss.gradient(start), found)
        one = loss._plain_gradient(start[:, :1], np)[:, 0]
        np.testing.assert_allclose(loss.gradient(start[:, 0]), one, rtol=0, atol=limit)


def records() -> None:
    """Everything that is recorded, at any iterations, for steps that are laid out and steps that are not."""
    loss, start = problem(k=2)
    for rule in (Constant(0.05), Schedule((0.5, 0.1, 0.05, 0.2)), Constant((0.1,) * 5)):
        for record in ("all", 7, [0, 3, 50]):
            same(*both(loss, start, step=rule, steps=50, record=record, tolerance=0.0))


def fates() -> None:
    """Runs that converge, leave the region, diverge, stall and are cut off, each at its own step."""
    seen = set()
    for eta in (0.3, 30.0):
        for region in (None, 1.5):
            loss, start = problem()
            settings = {
                "step": Constant(eta),
                "steps": 14 if region else 70,
                "tolerance": 1e-2,
                "region": region,
                "record": "all",
            }
            found, expected = both(loss, start, **settings)
            same(found, expected)
            seen |= set(found.outcome)
    one = SampleLoss(np.abs(np.random.default_rng(4).standard_normal((30, 3))), np.ones(3))
    found, expected = both(one, np.array([[-1.0], [-1.0], [-1.0]]), step=Constant(0.1), steps=9)
    same(found, expected)
    assert seen | set(found.outcome) == set(Outcome), set(Outcome) - seen


def counts() -> None:
    """Gradients beyond the end are in vain, and counted; there are fewer of them than the longest stretch."""
    loss, start = problem(runs=1)
    found, expected = both(loss, start, step=Constant(0.3), steps=500, tolerance=1e-3, record=[0])
    assert found.taken == expected.taken
    assert expected.evaluated[0] < found.evaluated[0] < expected.evaluated[0] + 60 * (lean.LONGEST + 1)


CHECKS = {check.__name__: check for check in (gradients, records, fates, counts)}


def test_green_without_a_plant():
    for check in CHECKS.values():
        check()


def test_who_goes_ahead(monkeypatch):
    went, go = [], lean.Ahead.__call__
    monkeypatch.setattr(lean.Ahead, "__call__", lambda self, *given: went.append(1) or go(self, *given))

    def goes(loss, start, rule):
        went.clear()
        descend(loss, start, step=rule, steps=5)
        return bool(went)

    loss, start = problem()
    assert goes(loss, start, Constant(0.1))
    assert goes(*problem(dtype=np.float32), Constant(0.1))
    # Steps of a table by the distance, one a run, of another type, of a sample that others serve.
    assert not goes(loss, start, Admissible(Gaussian(4)))
    assert not goes(loss, start, Constant((0.1, 0.2, 0.1, 0.1, 0.1)))
    assert not goes(loss, start.astype(np.float32), Constant(0.1))
    assert not goes(*problem(dtype=np.float32), Constant((0.1,) * 5))
    assert not goes(*problem(n=20_000), Constant(0.1))


def blind(self, t, runs, norm):
    """Ahead that never asks whether a run is over."""
    self._limits = self._limits.__class__(self._limits.steps, 0.0, np.inf, False, 0.0)
    self._still = -1.0
    return CALL(self, t, runs, norm)


def ahead_by_one(self, t, runs, norm):
    """Ahead with the next step of the schedule."""
    self._laid = self._laid[1:] or self._laid
    return CALL(self, t, runs, norm)


def unrecorded(self, *given):
    """Ahead._record that does not."""


def two_per_cent(loss):
    """SampleLoss.lean × 1.02."""
    slope = LEAN(loss)
    return lambda w: 1.02 * slope(w)


CALL, LEAN = lean.Ahead.__call__, SampleLoss.lean.func
PLANTS = {
    "gradient × 1.02": Plant(SampleLoss, "lean", property(two_per_cent), ["gradients"]),
    "no run is over": Plant(lean.Ahead, "__call__", blind, ["fates", "counts"]),
    "a schedule one step ahead": Plant(lean.Ahead, "__call__", ahead_by_one, ["records"]),
    "nothing recorded": Plant(lean.Ahead, "_record", unrecorded, ["records", "fates"]),
}


@pytest.mark.parametrize("fault", PLANTS)
def test_red_with_the_plant(fault, monkeypatch):
    catches(PLANTS[fault], CHECKS, monkeypatch)


def test_every_check_catches_something():
    all_caught(PLANTS, CHECKS)
