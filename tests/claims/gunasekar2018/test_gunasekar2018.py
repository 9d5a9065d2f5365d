"""The claims of Gunasekar, Lee, Soudry & Srebro: each holds on a reduced grid, and each control is refuted."""

import functools
import json
import math

import numpy as np
import pytest

import theory.objectives.linear_conv as conv
from theory.claims import registry, separable
from theory.claims.claim import Cell, Setting
from theory.claims.gunasekar2018 import convolution, fully_connected, one_sample, stationary
from theory.claims.verdict import Verdict, conclude, judge

MODULES = {module.CLAIM.key: module for module in (convolution, fully_connected, one_sample, stationary)}
REDUCED = {
    "gunasekar2018.convolution": [Cell({"depth": 2, "sets": 6, "draw": 2018})],
    "gunasekar2018.fully_connected": [Cell({"depth": 2, "width": 2, "sets": 5, "draw": 2018})],
    "gunasekar2018.one_sample": [Cell({"depth": 2, "sets": 6})],
    "gunasekar2018.stationary": [Cell({"depth": depth, "sets": 3, "draw": 2018}) for depth in (2, 3)],
}


def setting():
    return Setting(rng=np.random.default_rng(5), xp=np, profile="quick")


@functools.cache
def evidence(key):
    return [registry()[key].measure(cell, setting()) for cell in REDUCED[key]]


@pytest.mark.parametrize("key", REDUCED)
def test_holds_with_its_controls_refuted(key):
    assert registry()[key] is MODULES[key].CLAIM
    assert conclude(registry()[key], [finding for one in evidence(key) for finding in one.findings]).passed


@pytest.mark.parametrize("key", REDUCED)
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_of_one_kind(key, profile):
    cells = registry()[key].cells(profile)
    assert len({json.dumps([cell.control, dict(cell.parameters)]) for cell in cells}) == len(cells)
    kind = {tuple((name, type(value)) for name, value in cell.parameters.items()) for cell in (*cells, *REDUCED[key])}
    assert len(kind) == 1


@pytest.mark.parametrize("key", REDUCED)
def test_at_least_twenty_data_sets(key):
    assert sum(cell.parameters["sets"] for cell in registry()[key].cells("quick")) >= 20


@pytest.mark.parametrize("key", REDUCED)
def test_what_is_stored_is_plain(key):
    for one in evidence(key):
        assert len({len(column) for column in one.points.values()}) == 1
        assert all(type(value) in (int, float, str) for column in one.points.values() for value in column)
        for finding in one.findings:
            assert all(type(value) in (int, float, str) for value in finding.details.values())
            assert all(type(value) is float for value in (finding.predicted, finding.measured))


def by_form(key, form):
    return [f for one in evidence(key) for f in one.findings if f.form == form and not f.control]


def test_predictions_are_the_formulas():
    assert by_form("gunasekar2018.fully_connected", "exponent")[0].predicted == -1 / 2
    assert by_form("gunasekar2018.one_sample", "exponent")[0].predicted == 1
    assert by_form("gunasekar2018.convolution", "excess")[0].predicted == pytest.approx(0.019971, abs=1e-6)
    # max_g g R^{−g}, by brute force.
    g = np.linspace(0, 1, 10**5)
    assert pytest.approx(np.max(g * separable.FAR**-g), rel=1e-6) == convolution.YARDSTICK
    (off,) = by_form("gunasekar2018.stationary", "off the support")
    assert any(off.predicted == pytest.approx(math.log(dim) / math.log(1e8), rel=1e-2) for dim in (8, 16, 32))


def test_the_residuals_bound_says_something():
    """The residual comes near to it where the direction turns."""
    for finding in by_form("gunasekar2018.stationary", "residual"):
        assert finding.measured <= finding.predicted <= 0.2
    assert max(f.measured / f.predicted for f in by_form("gunasekar2018.stationary", "residual")) >= 0.5


def test_spectra_are_kept_of_one_data_set():
    for depth, one in zip((2, 3), evidence("gunasekar2018.stationary"), strict=True):
        points = one.points
        assert points["frequency"] == list(range(17))
        assert set(points["layers"]) == {depth}
        # Unit vectors: the frequencies between 0 and D/2 count twice.
        for name in ("circular", "connected"):
            squares = np.square(points[name])
            assert squares[0] + squares[-1] + 2 * squares[1:-1].sum() == pytest.approx(1)


@pytest.mark.parametrize("key", ["gunasekar2018.convolution", "gunasekar2018.fully_connected"])
def test_without_a_solver_nothing_is_decided(key, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("cvxpy is missing; it must be installed (extra convex)")

    for name in ("hard_margin", "least_spectrum"):
        monkeypatch.setattr(conv, name, missing)
    cell = Cell({**REDUCED[key][0].parameters, "sets": 1})
    found = registry()[key].measure(cell, setting()).findings
    assert conclude(registry()[key], found).verdict is Verdict.INCONCLUSIVE
    assert not conclude(registry()[key], found).refuted
    assert {f.details["reason"] for f in found} == {"cvxpy is missing; it must be installed (extra convex)"}


def test_without_a_solver_stationarity_is_decided_but_for_one_control(monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("cvxpy is missing; it must be installed (extra convex)")

    monkeypatch.setattr(conv, "hard_margin", missing)
    found = registry()["gunasekar2018.stationary"].measure(REDUCED["gunasekar2018.stationary"][0], setting()).findings
    verdict = conclude(stationary.CLAIM, found)
    assert verdict.verdict is Verdict.HOLDS
    assert {control.name: control.refuted for control in verdict.controls}[stationary.HARD] is False


def test_a_direction_that_still_turns_is_outside_the_hypotheses():
    x = np.eye(2, 8) + 0.3
    network, loss = conv.CircularNet(8, 2), conv.ExponentialLoss(x, np.ones(2))
    path = separable.follow(network, loss, rng=np.random.default_rng(0))
    met = separable.converging([network], [loss], [path])
    assert set(met) == {"−log loss", "0.2 − turn of β", "0.2 − turn of the gradient", "0.2 − turn of a phase"}
    object.__setattr__(path, "direction", np.flip(path.direction, axis=0))
    assert separable.converging([network], [loss], [path])["0.2 − turn of β"] < met["0.2 − turn of β"]


def test_a_flow_that_does_not_arrive_is_an_error(monkeypatch):
    loss = conv.ExponentialLoss(np.eye(2, 8), np.ones(2))
    monkeypatch.setattr(conv, "flow", functools.partial(conv.flow, steps=3))
    with pytest.raises(RuntimeError, match="ended with: the steps ran out"):
        separable.follow(conv.CircularNet(8, 2), loss, rng=np.random.default_rng(0))


def test_drifting_limits_hold_the_limit():
    """Values that halve their distance to 1 at each stage: the last change is what is left."""
    from theory.claims.verdict import drifting

    rng = np.random.default_rng(0)
    spread = rng.uniform(0, 1, 30)
    mean, low, high = drifting(1 + 0.1 * spread, 1 + 0.2 * spread, rng=rng)
    assert low <= 1 <= mean <= high
    assert drifting([2.0, 2.0], [2.0, 2.0], rng=rng) == (2.0, 2.0, 2.0)


def test_controls_are_judged_like_the_claim():
    for key in REDUCED:
        claim = registry()[key]
        verdicts = [(f.control, judge(f, claim.relation)) for one in evidence(key) for f in one.findings if f.control]
        assert {control for control, verdict in verdicts if verdict is Verdict.VIOLATED} == set(claim.controls)
