"""One formula of stochastic descent, restarts or Figure 3b is made wrong at a time, and a check must turn red."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from planting import Plant, suite

import theory
from theory.claims import confidence, verdict
from theory.claims.claim import Cell, Evidence, Finding, Relation, Setting
from theory.claims.du2018 import fig3b, restarts, sgd
from theory.claims.verdict import Verdict
from theory.descent import Descent, Outcome, Recursion
from theory.objectives import FreshSamples, sampling

W_STAR = np.array([1.0, 0.0, 0.0])
# Patches with ‖Z‖ ≤ R = 1.5, and γ' of no law in particular: the recursions are checked as algebra.
ETA, GAMMA, RADIUS, SIGMA = 0.2, 0.4, 1.5, 0.7


# ------------------------------------------------------------------------------------------------------------- checks


def recursions() -> None:
    """A step of each form, by its expansion E d² − 2η γ' E d² + η² E‖g‖², with each form's bound on E‖g‖²."""
    square, bound = 0.8, 2.0
    for rule, gradient in (
        (Recursion.bounded(ETA, GAMMA, bound), bound**2),
        (Recursion.realizable(ETA, GAMMA, radius=RADIUS), RADIUS**4 * square),
        (Recursion.realizable(ETA, GAMMA, radius=RADIUS, noise=SIGMA), RADIUS**4 * square + (RADIUS * SIGMA) ** 2),
        # ‖g‖² ≤ R²⟨g, d⟩, where −2η⟨g, d⟩ + η²R²⟨g, d⟩ with ⟨g, d⟩ ≥ γ'd².
        (Recursion.one_neuron(ETA, GAMMA, radius=RADIUS), RADIUS**2 * GAMMA * square),
        (
            Recursion.one_neuron(ETA, GAMMA, radius=RADIUS, noise=SIGMA),
            RADIUS**2 * GAMMA * square + (RADIUS * SIGMA) ** 2,
        ),
    ):
        by_hand = square - 2 * ETA * GAMMA * square + ETA**2 * gradient
        assert rule.after(square, 1) == pytest.approx(by_hand, rel=1e-13)


def repeated() -> None:
    """Many steps at once are as many single ones, and their end is the floor."""
    rule, x = Recursion(0.9, 0.3), 2.0
    for _ in range(7):
        x = 0.9 * x + 0.3
    assert rule.after(2.0, 7) == pytest.approx(x, rel=1e-13)
    assert rule.after(2.0, 1000) == pytest.approx(rule.floor, rel=1e-13)


def carried() -> None:
    """A run that left at 1 with d = 1.2 counts from there as the recursion carries on; one that stays as it is."""
    distance = np.array([[0.5, 0.5], [1.2, 0.4], [np.nan, 0.3], [np.nan, 0.2]])
    run = Descent(
        np.arange(4), distance, distance, distance, distance, (Outcome.LEFT_REGION, Outcome.STEP_LIMIT),
        np.array([1, 3]), np.array([1.2, 0.2]), np.zeros((2, 2)), 0, "loop",
    )  # fmt: skip
    found = Recursion(0.5, 0.1).carried(run)
    np.testing.assert_allclose(found[:, 0], [0.25, 1.44, 0.82, 0.51], rtol=1e-13)
    np.testing.assert_allclose(found[:, 1], distance[:, 1] ** 2, rtol=1e-13)


def limits() -> None:
    """The empirical Bernstein limits by their formula."""
    values = np.tile([0.0, 1.0], 20_000)
    log = math.log(4 / (1 - confidence.CONFIDENCE))
    width = math.sqrt(2 * 0.25 * 40_000 / 39_999 * log / 40_000) + 7 * log / (3 * 39_999)
    assert confidence.bounded_mean(values, 1.0) == pytest.approx((0.5 - width, 0.5 + width), rel=1e-9)


@functools.cache
def close_patches() -> Any:
    return theory.problems.filter_law("mixture(1)", 3, 4, 0.5).sample(20_000, rng=np.random.default_rng(0))


def single_gradients() -> None:
    """The gradients that a descent uses, one sample at a time: their mean is that of the loss on all of them."""
    z, w = close_patches(), np.array([0.6, 0.5, -0.2])
    each = sampling.filter_gradient(np.tile(w[:, None], len(z)), z[:, None], W_STAR)
    whole = theory.objectives.SampleLoss(z, W_STAR).gradient(w)
    np.testing.assert_allclose(each.mean(axis=1), whole, rtol=0, atol=1e-13)


def noise_of_labels() -> None:
    """At w = w* the gradient is the noise alone: E‖g‖² = s² E‖u‖², which for one unit patch is s²/2."""
    sampler = FreshSamples(theory.distributions.UniformSphere(3), W_STAR, noise=SIGMA)
    drawn = sampler.draw([np.random.default_rng(seed) for seed in range(40)], 64)
    w = np.tile(W_STAR[:, None], 40)
    parts = [slice(t, t + 1) for t in range(drawn[0].shape[1])]
    squares = [(sampler.gradient(w, drawn, np.arange(40), part) ** 2).sum(axis=0) for part in parts]
    found = np.array(squares).ravel()
    # Five standard errors of that many samples.
    assert abs(found.mean() - SIGMA**2 / 2) < 5 * found.std() / math.sqrt(found.size)


def on(module, *cells: Cell, expected: Verdict = Verdict.HOLDS) -> Callable[[], None]:
    """The verdict of a claim on these cells is the expected one, and every control is refuted."""

    def check() -> None:
        found = []
        for cell in cells:
            found += module.measure(cell, Setting(rng=np.random.default_rng(2), xp=np, profile="quick")).findings
        concluded = verdict.conclude(module.CLAIM, found)
        assert concluded.verdict is expected
        assert concluded.refuted

    return check


ONE = {"law": "sphere", "dim": 2, "patches": 1, "closeness": 0.0}
START = ONE | {"stride": 0, "share": 1.0, "trials": 100, "steps": 20_000}
SIGNALS = {"law": "signals", "dim": 5, "patches": 26, "closeness": 0.0, "stride": 1, "share": 0.02, "steps": 20_000}
ORDER = {"dim": 5, "spread": 1.0, "samples": 1000, "patches": 4, "eta": 0.5, "target": 1e-2, "steps": 20_000}


def steps_of_the_figure() -> None:
    """Patches that agree are one, so the figure counts the steps of the one-neuron loss."""
    cell = Cell(ORDER | {"dim": 2, "samples": 0, "spread": math.inf, "target": 1e-6})
    setting = Setting(rng=np.random.default_rng(2), xp=np, profile="quick")
    loss = theory.objectives.PopulationLoss(theory.distributions.UniformSphere(2), theory.problems.teacher(2))
    run = theory.descent.descend(
        loss,
        theory.problems.beside(theory.problems.teacher(2), 0.8, 2.0),
        step=theory.descent.Constant(0.5),
        steps=20_000,
        tolerance=1e-6,
    )
    assert fig3b._learn(cell, setting, 0.0) == run.taken[0]


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (recursions, repeated, carried, limits, single_gradients, noise_of_labels, steps_of_the_figure)
} | {
    "verdict of sgd": on(
        sgd,
        Cell(ONE | {"region": 0.2, "step": "prescribed", "runs": 1000}),
        Cell(ONE | {"region": 0.2, "step": "sharp", "runs": 2000}),
        Cell(ONE | {"region": 0.2, "step": "neuron", "runs": 4000}),
    ),
    "verdict of restarts": on(restarts, Cell(START), Cell(SIGNALS | {"trials": 80}, control=restarts.OVERLAP)),
    "verdict of figure 3b": on(fig3b, Cell(ORDER)),
    "verdict of figure 3b, spiky": on(fig3b, Cell(ORDER | {"spread": 0.3}), expected=Verdict.VIOLATED),
}


# ------------------------------------------------------------------------------------------------------------- plants

AFTER, CARRIED, BOUNDED, LIMITS = Recursion.after, Recursion.carried, Recursion.bounded, confidence.bounded_mean
REALIZABLE, NEURON, MEASURE, CHANCE = (
    Recursion.realizable, Recursion.one_neuron, sgd.measure, theory.problems.ball_chance_bounds,
)  # fmt: skip
GRADIENT, UPPER, LAW, SLOPE = sampling.filter_gradient, sgd._upper, fig3b._law, confidence.rank_slope


def bounded_twice(eta, gamma, bound):
    """Theorem 3.2 with γ' for 2γ'."""
    return BOUNDED(eta, gamma / 2, bound)


def without_fourth_power(eta, gamma, *, radius=1.0, noise=0.0):
    """R² for R⁴."""
    rule = REALIZABLE(eta, gamma, radius=1.0, noise=noise)
    return Recursion(rule.factor, rule.added * radius**2)


def noise_once(eta, gamma, *, radius=1.0, noise=0.0):
    """η²s² without R²."""
    return Recursion(REALIZABLE(eta, gamma, radius=radius).factor, (eta * noise) ** 2)


def without_gamma(eta, gamma, *, radius=1.0, noise=0.0):
    """1 − 2ηγ' + η²R² for 1 − (2η − η²R²)γ'."""
    return Recursion(1 - 2 * eta * gamma + (eta * radius) ** 2, (eta * radius * noise) ** 2)


def twice_the_rate(eta, gamma, *, radius=1.0, noise=0.0):
    """γ' doubled for one neuron."""
    return NEURON(eta, 2 * gamma, radius=radius, noise=noise)


def realizable_twice(eta, gamma, *, radius=1.0, noise=0.0):
    """γ' doubled in the sharp form."""
    return REALIZABLE(eta, 2 * gamma, radius=radius, noise=noise)


def one_more(rule, start, steps):
    """A step too many."""
    return AFTER(rule, start, np.asarray(steps) + 1)


def no_series(rule, start, steps):
    """What is added counted once."""
    return rule.factor ** np.asarray(steps) * start + rule.added


def dropped(rule, run):
    """A run that left counts as 0."""
    return np.where(np.isnan(run.distance), 0.0, run.distance**2)


def of_the_distance(rule, run):
    """Distances for their squares."""
    return np.sqrt(CARRIED(rule, run))


def bare_mean(values, largest):
    """No limits at all."""
    mean = float(np.mean(values))
    return mean, mean


def one_sided(values, largest):
    """Limits at half of their width."""
    mean = float(np.mean(values))
    low, high = LIMITS(values, largest)
    return (low + mean) / 2, (high + mean) / 2


def scaled_gradient(w, z, teacher, noise=None):
    """A stochastic gradient 2 % too long."""
    return 1.02 * GRADIENT(w, z, teacher, noise)


def backwards(w, z, teacher, noise=None):
    """A stochastic gradient that points the other way."""
    return -GRADIENT(w, z, teacher, noise)


def short_teacher(w, z, teacher, noise=None):
    """Labels of a teacher that is a tenth shorter."""
    return GRADIENT(w, z, 0.9 * teacher, noise)


def quiet(sampler, streams, samples, xp):
    """Noise of half its standard deviation."""
    return xp.asarray(np.stack([0.5 * sampler.noise * rng.spawn(1)[0].standard_normal(samples) for rng in streams]))


def silent(sampler, streams, samples, xp):
    """No noise where some was asked for."""


def fitted(plan, run, name, **more):
    """Predictions fitted to the runs."""
    return [dataclasses.replace(f, predicted=1.1 * f.high) for f in UPPER(plan, run, name, **more)]


def no_controls(cell, setting):
    """Controls that are the claim."""
    evidence = MEASURE(cell, setting)
    kept = [
        f if not f.control else dataclasses.replace(evidence.findings[0], control=f.control) for f in evidence.findings
    ]
    return Evidence(kept, evidence.points)


def high_chance(dim, alpha):
    """1 − α… for ½ − α…"""
    return tuple(bound + 0.75 for bound in CHANCE(dim, alpha))


def low_chance(dim, alpha):
    """A bound below what even overlapping patches reach."""
    return tuple(0.3 * bound for bound in CHANCE(dim, alpha))


def at_rest(near, run, margins):
    """Near starts that end twice as far from w* as they must."""
    return Finding(restarts.TARGET, 2 * restarts.TARGET, form="near starts", relation=Relation.UPPER)


def of_one_closeness(cell, closeness):
    """The same law for every closeness."""
    return LAW(cell, 0.5)


def turned(cell, closeness):
    """The loosest for the closest."""
    return LAW(cell, 1.6 - closeness)


def no_order(x, y):
    """A rank slope that everything passes."""
    return 1.0, 1.0, 1.0


PLANTS: dict[str, Plant] = {
    "γ' for 2γ' in the theorem": Plant(Recursion, "bounded", bounded_twice, ["recursions", "verdict of sgd"]),
    "R² for R⁴": Plant(Recursion, "realizable", without_fourth_power, ["recursions"]),
    "noise without R²": Plant(Recursion, "realizable", noise_once, ["recursions"]),
    "2γ' in the sharp form": Plant(Recursion, "realizable", realizable_twice, ["recursions", "verdict of sgd"]),
    "η²R² without γ'": Plant(Recursion, "one_neuron", without_gamma, ["recursions"]),
    "2γ' for one neuron": Plant(Recursion, "one_neuron", twice_the_rate, ["recursions", "verdict of sgd"]),
    "a step too many": Plant(Recursion, "after", one_more, ["recursions", "repeated", "carried"]),
    "what is added counted once": Plant(Recursion, "after", no_series, ["repeated", "carried"]),
    "a floor twice as high": Plant(
        Recursion, "floor", property(lambda rule: 2 * rule.added / (1 - rule.factor)), ["repeated"]
    ),
    "runs that left are dropped": Plant(Recursion, "carried", dropped, ["carried"]),
    "distances for squares": Plant(Recursion, "carried", of_the_distance, ["carried", "verdict of sgd"]),
    "a bare mean": Plant(confidence, "bounded_mean", bare_mean, ["limits"]),
    "limits half as wide": Plant(confidence, "bounded_mean", one_sided, ["limits"]),
    "a gradient × 1.02": Plant(sampling, "filter_gradient", scaled_gradient, ["single_gradients"]),
    "a gradient backwards": Plant(sampling, "filter_gradient", backwards, ["single_gradients", "verdict of sgd"]),
    "labels of a shorter teacher": Plant(
        sampling, "filter_gradient", short_teacher, ["single_gradients", "verdict of sgd"]
    ),
    "noise halved": Plant(FreshSamples, "_noise", quiet, ["noise_of_labels"]),
    "no noise": Plant(FreshSamples, "_noise", silent, ["noise_of_labels", "verdict of sgd"]),
    "predictions fitted to the runs": Plant(sgd, "_upper", fitted, ["verdict of sgd"]),
    "controls that are the claim": Plant(sgd, "measure", no_controls, ["verdict of sgd"]),
    "a chance above the truth": Plant(theory.problems, "ball_chance_bounds", high_chance, ["verdict of restarts"]),
    "a chance that nothing fails": Plant(theory.problems, "ball_chance_bounds", low_chance, ["verdict of restarts"]),
    "near starts that did not arrive": Plant(restarts, "_near_starts", at_rest, ["verdict of restarts"]),
    "one law for every closeness": Plant(
        fig3b, "_law", of_one_closeness, ["steps_of_the_figure", "verdict of figure 3b"]
    ),
    "the loosest for the closest": Plant(
        fig3b, "_law", turned, ["verdict of figure 3b", "verdict of figure 3b, spiky"]
    ),
    "a slope that everything passes": Plant(
        confidence, "rank_slope", no_order, ["verdict of figure 3b", "verdict of figure 3b, spiky"]
    ),
}


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr(fig3b, "PERMUTATIONS", 60)


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
