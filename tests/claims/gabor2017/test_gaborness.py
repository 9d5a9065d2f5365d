"""The claim on gaborness: its grid, its forms, and that a rate is what the fits say."""

import numpy as np
import pytest

from theory.claims.claim import Cell, Relation, Setting
from theory.claims.confidence import proportion
from theory.claims.gabor2017 import gaborness
from theory.claims.verdict import Verdict, conclude, judge
from theory.objectives.gabor import FITTED, fit, least_found
from theory.problems import known_kernels

CLAIM = gaborness.CLAIM


def measured(**parameters):
    control = parameters.pop("control", "")
    cell = Cell({"size": 7, "kind": "gabor", "noise": 0.1, "kernels": 100, **parameters}, control=control)
    return gaborness.measure(cell, Setting(np.random.default_rng(0), np, "quick"))


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_the_grid_has_every_form_and_control(profile):
    cells = CLAIM.cells(profile)
    assert {cell.control for cell in cells} == {"", *CLAIM.controls}
    seen = {(cell.parameters["kind"], cell.parameters["size"]) for cell in cells if not cell.control}
    sizes = (5, 7) if profile == "quick" else (5, 7, 11)
    assert seen == {(kind, size) for kind in ("gabor", "blob", "white") for size in sizes}


def test_where_it_is_in_doubt_the_bound_tells_something():
    for size, noises in gaborness.MUCH.items():
        assert all(0.05 < least_found(size, noise) < 0.95 for noise in noises)


def test_so_many_blobs_as_tell_their_rate():
    """Whose exact limits tell 1/p from a rate a quarter of it away, where no more than the mean comes out."""
    for cell in CLAIM.cells("paper"):
        if cell.parameters["kind"] == "blob":
            n, rate = cell.parameters["kernels"], 1 / cell.parameters["size"] ** 2
            low, high = proportion(round(n * rate), n)
            assert rate * 0.75 < low < rate < high < rate * 1.25
            assert proportion(round(n * rate / 2), n // 2)[1] > rate * 1.2


def test_kernels_fitted_some_at_a_time_are_the_same(monkeypatch):
    kernels = known_kernels("gabor", 7, 5, rng=np.random.default_rng(3), noise=0.2)
    whole = fit(kernels)
    monkeypatch.setattr(gaborness, "AT_ONCE", 3)
    parts = gaborness._fitted(kernels)
    for name in FITTED:
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9)
    assert parts.size == whole.size


@pytest.mark.parametrize(
    ("cell", "form", "relation", "predicted"),
    [
        ({"noise": 0.45}, "found", Relation.LOWER, least_found(7, 0.45)),
        ({}, "Gabor filters", Relation.LOWER, 0.9),
        ({"kind": "blob"}, "blobs", Relation.UPPER, 1 / 49),
        ({"kind": "white", "noise": 1.0, "size": 5}, "false alarms", Relation.UPPER, 0.01),
    ],
)
def test_forms(cell, form, relation, predicted):
    (finding,) = measured(**cell).findings
    assert (finding.form, finding.relation, finding.predicted) == (form, relation, pytest.approx(predicted))
    assert finding.low <= finding.measured <= finding.high
    # A hundred kernels say little of rates of one in a hundred or ten, but nothing against them.
    assert judge(finding, CLAIM.relation) is not Verdict.VIOLATED


def test_points_are_the_fits():
    evidence = measured(noise=0.45)
    (finding,) = evidence.findings
    r2 = np.asarray(evidence.points["r2"])
    assert finding.measured == np.mean(r2 >= finding.details["threshold"])
    assert finding.details["called a Gabor filter"] == np.mean(evidence.points["called"])
    assert {len(column) for column in evidence.points.values()} == {100}


def test_controls_are_refuted():
    findings = [f for c in CLAIM.cells("quick") if c.control for f in gaborness.measure(c, _setting()).findings]
    assert conclude(CLAIM, findings).refuted


def _setting():
    return Setting(np.random.default_rng(1), np, "quick")
