"""The claims of Achour, Kohn & Rauhut: each holds on a reduced grid, each control is refuted, and hypotheses count."""

from __future__ import annotations

import functools
import json
import math

import numpy as np
import pytest

import theory
from theory.claims import geometry, registry
from theory.claims.achour2025 import conserved, higher_dimensions, no_metric, riemannian
from theory.claims.claim import Cell, Relation, Setting
from theory.claims.verdict import Verdict, conclude, judge
from theory.objectives import linear_conv as lc

MODULES = {m.CLAIM.key: m for m in (conserved, higher_dimensions, no_metric, riemannian)}
CLAIMS = {key: module.CLAIM for key, module in MODULES.items()}
REDUCED = {
    "achour2025.conserved": [
        Cell({"network": name, "runs": 3, "steps": 512}) for name in ("3,2,4 / 2,3,1", "2x2,3x2 / 1x1,1x1")
    ],
    "achour2025.riemannian": [
        Cell({"network": "4,3 / 2,1", "runs": 2}),
        Cell({"network": "2,2 / 1,1", "runs": 2}, riemannian.STRIDE_ONE),
    ],
    "achour2025.higher_dimensions": [
        Cell({"network": "2x2,3x2 / 1x1,1x1", "runs": 2}),
        Cell({"network": "2x2,2x2 / 1x1,1x1", "runs": 2}),
        Cell({"network": "3,2 / 1,1", "runs": 8}, higher_dimensions.FLAT),
    ],
    "achour2025.no_metric": [
        Cell({"network": "2,2 / 1,1", "runs": 0}),
        Cell({"network": "2,3 / 1,1", "runs": 2}),
        Cell({"network": "2,2 / 2,1", "runs": 0}, no_metric.STRIDE_TWO),
        Cell({"network": "2,2 / 1,1", "runs": 2}, no_metric.BALANCED),
    ],
}
each = pytest.mark.parametrize("key", CLAIMS)


def measured(key, cell, profile="quick"):
    return CLAIMS[key].measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile=profile))


@pytest.fixture(autouse=True)
def shorter_flows(monkeypatch):
    monkeypatch.setattr(geometry, "TIMES", (0.25, 0.5))


@functools.cache
def evidence(key):
    """The evidence of the reduced grid, measured once."""
    return [measured(key, cell) for cell in REDUCED[key]]


def findings(key):
    return [finding for found in evidence(key) for finding in found.findings]


@each
def test_is_registered_and_says_what_it_must(key):
    claim = CLAIMS[key]
    assert registry()[key] is claim
    for part in (claim.title, claim.statement, claim.proof, claim.source, *claim.hypotheses, *claim.controls.values()):
        assert part.strip() == part != ""
        assert "\n" not in part
    assert claim.controls
    assert "derived here" in claim.source


@each
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_plain_and_named(key, profile):
    cells = CLAIMS[key].cells(profile)
    described = [json.dumps([cell.control, dict(cell.parameters)], sort_keys=True) for cell in cells]
    assert len(set(described)) == len(described) > 0
    assert {cell.control for cell in cells} <= {"", *CLAIMS[key].controls}
    assert len({tuple((name, type(value)) for name, value in cell.parameters.items()) for cell in cells}) == 1
    assert set(cells[0].parameters) == set(REDUCED[key][0].parameters)


@each
def test_there_are_twenty_networks_at_least(key):
    cells = [cell for cell in CLAIMS[key].cells("quick") if not cell.control]
    assert sum(int(cell.parameters["runs"]) for cell in cells) >= 20


@each
def test_holds_and_its_controls_are_refuted(key):
    verdict = conclude(CLAIMS[key], findings(key))
    assert verdict.verdict is Verdict.HOLDS
    assert {control.name for control in verdict.controls} == set(CLAIMS[key].controls)
    assert [control.name for control in verdict.controls if not control.refuted] == []
    assert verdict.passed


@each
def test_findings_and_points_can_be_kept(key):
    for found in evidence(key):
        assert len({len(np.atleast_1d(column)) for column in found.points.values()}) == 1
        for finding in found.findings:
            json.dumps([dict(finding.details), dict(finding.margins), finding.predicted, finding.measured])
            assert isinstance(finding.measured, float)
            assert all(margin > 0 for margin in finding.margins.values())


@each
def test_the_same_stream_gives_the_same_evidence(key):
    assert list(measured(key, REDUCED[key][-1]).findings) == list(evidence(key)[-1].findings)


def test_networks_by_name():
    assert geometry.network(Cell({"network": "3,2 / 2,1"})) == lc.StridedNet((3, 2), (2, 1))
    named = geometry.network(Cell({"network": "2x3,3x2 / 2x1,1x1"}))
    assert named == lc.StridedNet(((2, 3), (3, 2)), ((2, 1), (1, 1)))


def test_ways_to_order_layers():
    for name, orders in (
        ("2x2,3x2 / 1x1,1x1", 1),
        ("2x2,2x2 / 1x1,1x1", 2),
        ("2x2,2x2 / 2x1,1x1", 1),
        ("2x2,2x2,2x2 / 1x1,1x1,1x1", 6),
        ("2x2,3x2,2x2 / 1x1,1x1,1x1", 2),
    ):
        assert higher_dimensions.orders(geometry.network(Cell({"network": name}))) == orders


# --------------------------------------------------------------------------------------------------- what can go wrong


def test_a_point_that_is_not_smooth_is_outside_the_theorem(monkeypatch):
    """P_1 = 1 − x² belongs to Q(x²) as well."""

    def shared(net, runs, *, rng, balanced=False):
        return np.tile([1.0, 0.0, -1.0], (runs, 1)), np.tile([1.0, 3.0], (runs, 1))

    monkeypatch.setattr(theory.problems, "random_filters", shared)
    monkeypatch.setattr(lc, "search", functools.partial(lc.search, batches=1))
    found = measured("achour2025.riemannian", Cell({"network": "3,2 / 2,1", "runs": 1}))
    assert conclude(riemannian.CLAIM, found.findings).verdict is Verdict.HYPOTHESES_NOT_MET


def test_a_search_that_did_not_settle_leaves_its_count_undecided(monkeypatch):
    monkeypatch.setattr(lc, "search", functools.partial(lc.search, batches=1))
    found = measured("achour2025.no_metric", Cell({"network": "2,2,3 / 1,1,1", "runs": 1})).findings
    counts = {f.form: judge(f, Relation.TIGHT) for f in found}
    assert counts["points found by search"] is Verdict.INCONCLUSIVE
    assert counts["points"] is Verdict.HOLDS


def test_a_point_that_the_factors_miss_is_counted(monkeypatch):
    def first_way_only(*arguments):
        found = fibre(*arguments)
        return found._replace(points=tuple(w[:2] for w in found.points))

    fibre = lc.fibre
    monkeypatch.setattr(lc, "fibre", first_way_only)
    net = lc.StridedNet((2, 2), (1, 1))
    weights = theory.problems.real_rooted(net, 1, rng=np.random.default_rng(0))
    found = geometry.fibres(net, weights, Setting(rng=np.random.default_rng(0), xp=np, profile="quick"))
    assert [f.measured for f in geometry.counted(found, 2, {})] == [4.0, 4.0]


def test_a_run_that_the_integrator_does_not_resolve_is_left_out():
    """Of three runs, one of them far off where looser steps lead elsewhere, two are judged; of one alone, none."""
    v = np.ones((1, 3, 3))
    off = v + np.array([1e-12, 1e-12, 1.0])[None, :, None]

    def found(doubt, runs=slice(None)):
        looser = off + np.array(doubt)[None, :, None]
        return geometry.agreement(geometry.Flows(v[:, runs], off[:, runs], looser[:, runs]), {})

    assert judge(found((1e-9, 1e-9, 1e-3)), Relation.UPPER) is Verdict.HOLDS
    told = {"networks": 2, "left out, not resolved": 1}
    # 1e-12 over a doubt of 1e-9, and 1 over one of 1e-3; distances beside 1 are rounded to 1e-16.
    ratios = {"largest distance over doubt": 1e-3, "the same, left out too": 1e3}
    assert found((1e-9, 1e-9, 1e-3)).details == pytest.approx(told | ratios, rel=1e-3)
    assert found((1e-9, 1e-9, 1e-3)).margins[geometry.KEPT] == pytest.approx(2 / 3 - 1 / 2)
    assert judge(found((1e-9, 1e-9, 1e-9)), Relation.UPPER) is Verdict.VIOLATED
    for doubt in ((1e-9, 1e-3, 1e-3), (1e-3, 1e-3, 1e-3)):
        assert judge(found(doubt), Relation.UPPER) is Verdict.HYPOTHESES_NOT_MET
    assert judge(found((1e-9, 1e-9, 1e-3), slice(1, None)), Relation.UPPER) is Verdict.HYPOTHESES_NOT_MET


def test_the_exponent_knows_how_far_it_is_from_its_limit():
    """Drifts η(1 + aη + bη²): the interval holds 1, whatever a and b, and is no wider than ten per cent."""
    etas = np.array([8, 4, 2, 1]) * 1e-3
    for a, b in ((3.0, 0.0), (-3.0, 300.0), (3.0, -300.0), (0.0, 200.0)):
        drifts = [np.array([eta * (1 + a * eta + b * eta**2)]) for eta in etas]
        assert judge(conserved._order(drifts, 1.0), Relation.EXPONENT) is Verdict.HOLDS
        assert judge(conserved._order(drifts, 2.0), Relation.EXPONENT) is Verdict.VIOLATED


def test_the_drift_is_told_to_a_per_cent():
    found = evidence("achour2025.conserved")[0]
    constant = next(f for f in found.findings if f.form == "drift over step")
    assert constant.low <= constant.predicted <= constant.high
    assert constant.high - constant.low <= 0.02 * constant.predicted


def test_the_counterexample_is_exact():
    found = {f.form: f for f in evidence("achour2025.no_metric")[0].findings}
    assert found["distance"].measured == pytest.approx(math.sqrt(18.375), rel=1e-12)
    assert found["velocity"].measured == pytest.approx(math.sqrt(6.125), rel=1e-13)
    points = evidence("achour2025.no_metric")[0].points
    rows = zip(points["kind"], points["point"], points["value"], strict=True)
    assert [value for kind, point, value in rows if (kind, point) == ("kernel", 0)] == [
        4.25,
        0.25,
        0.0,
        0.25,
        4.5,
        0.25,
        0.0,
        0.25,
        0.25,
    ]
