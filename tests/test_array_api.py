"""The same results on arrays of a library that offers the array standard and nothing else: no call is NumPy's own."""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.descent import Admissible, Constant, Scaled, Schedule, descend
from theory.distributions import AngularMixture, Atoms, Gaussian, UniformSphere, Watson
from theory.objectives import PopulationLoss, SampleLoss

EPS = np.finfo(float).eps
LAWS = [Gaussian(3), UniformSphere(3), AngularMixture(3, 0.5), Watson(3, -2.0), Atoms(np.eye(3), [1.0, 2.0, 1.0])]
W_STAR = np.array([2.0, 0.0, 0.0])
W = np.random.default_rng(0).standard_normal((3, 7))
PATCHES = np.random.default_rng(1).standard_normal((30, 4, 3))
LOSSES = {
    **{law.label: lambda xp, law=law: PopulationLoss(law, xp.asarray(W_STAR)) for law in LAWS},
    "one neuron": lambda xp: SampleLoss(xp.asarray(PATCHES[:, 0, :]), xp.asarray(W_STAR)),
    "patches": lambda xp: SampleLoss(xp.asarray(PATCHES), xp.asarray(W_STAR), weights=xp.asarray(np.full(30, 1 / 30))),
}


def same(found, expected, size: float = 100.0) -> None:
    """Arrays of the standard, equal to NumPy's up to the order of their sums (120 terms of at most ``size``)."""
    assert type(found).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=120 * EPS * size)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("w", [W, W[:, 0], W[:, :0], 0 * W, W_STAR], ids=["batch", "one", "none", "zero", "teacher"])
def test_losses(kind, w):
    here, there = LOSSES[kind](np), LOSSES[kind](strict)
    same(there.value(strict.asarray(w)), here.value(w))
    same(there.gradient(strict.asarray(w)), here.gradient(w))


RULES = {
    "constant": Constant(0.3),
    "constant a run": Constant(tuple(0.1 * (run + 1) for run in range(7))),
    "schedule": Schedule((0.5, 0.3)),
    "admissible": Admissible(Gaussian(3)),
    "scaled": Scaled(Admissible(Gaussian(3), form="proof"), 2.0),
}


@pytest.mark.parametrize("kind", ["gaussian", "mixture(0.5)", "patches"])
@pytest.mark.parametrize("rule", RULES)
def test_descent(kind, rule):
    settings = {"step": RULES[rule], "steps": 40, "record": "all", "tolerance": 0.05}
    here = descend(LOSSES[kind](np), W, **settings)
    there = descend(LOSSES[kind](strict), strict.asarray(W), **settings)
    assert there.outcome == here.outcome
    assert there.taken.tolist() == here.taken.tolist()
    for field in ("distance", "angle", "loss", "step", "final", "w"):
        found = getattr(there, field)
        assert isinstance(found, np.ndarray)
        # Forty steps, each with roundings of its own that no later one blows up by more than a few.
        np.testing.assert_allclose(found, getattr(here, field), rtol=0, atol=40 * 120 * EPS * 10)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.label)
def test_samples_are_the_same_on_every_library(law):
    here = law.sample(50, rng=np.random.default_rng(3))
    there = law.sample(50, rng=np.random.default_rng(3), xp=strict)
    assert type(there).__module__.startswith("array_api_strict")
    np.testing.assert_array_equal(to_numpy(there), here)


def test_libraries_do_not_mix():
    ours, theirs = LOSSES["gaussian"](np), LOSSES["gaussian"](strict)
    for call in (
        lambda: ours.value(strict.asarray(W)),
        lambda: theirs.gradient(W),
        lambda: descend(theirs, W, step=Constant(0.1), steps=1),
        lambda: SampleLoss(strict.asarray(PATCHES), W_STAR),
    ):
        with pytest.raises(BadInput, match=r"is an array of .*; it must be one of"):
            call()


def test_single_precision_runs_stay_near():
    """float32 may run experiments: the sampled loss then errs by its roundings."""
    loss = SampleLoss(strict.asarray(PATCHES, dtype=strict.float32), strict.asarray(W_STAR, dtype=strict.float32))
    found = loss.gradient(strict.asarray(W, dtype=strict.float32))
    assert found.dtype == strict.float32
    expected = LOSSES["patches"](np).gradient(W)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=120 * np.finfo(np.float32).eps * 10)
