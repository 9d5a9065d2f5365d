"""The claims about a filter's rate and about the closeness of its patches, each on a reduced grid."""

from __future__ import annotations

import functools
import json
import math

import numpy as np
import pytest

import theory
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import closeness, filter_rate
from theory.claims.verdict import Verdict, conclude, judge

MODULES = {module.CLAIM.key: module for module in (filter_rate, closeness)}
SMALL = {"samples": 300, "runs": 8, "steps": 600}
REDUCED = {
    "du2018.filter_rate": [
        Cell({"law": "close", "spread": 0.3, "closeness": 0.1} | SMALL),
        Cell({"law": "close", "spread": 0.1, "closeness": 0.4} | SMALL),
        Cell({"law": "close", "spread": 1.0, "closeness": 0.7} | SMALL),
        Cell(
            {"law": "pairs", "spread": 0.0, "closeness": math.pi / 3} | SMALL | {"runs": 128},
            control=filter_rate.FORGOTTEN,
        ),
    ],
    "du2018.closeness": [
        Cell({"dim": 2, "spread": 1.0, "closeness": 0.07, "samples": 400}),
        Cell({"dim": 2, "spread": 0.3, "closeness": 0.7, "samples": 400}),
        Cell({"dim": 5, "spread": 1.0, "closeness": 0.4, "samples": 10_000}),
    ],
}
each = pytest.mark.parametrize("key", MODULES)


def measured(key, cell):
    return MODULES[key].CLAIM.measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile="quick"))


@functools.cache
def evidence(key):
    return [measured(key, cell) for cell in REDUCED[key]]


def findings(key):
    return [finding for found in evidence(key) for finding in found.findings]


@each
def test_is_registered_and_says_what_it_must(key):
    claim = MODULES[key].CLAIM
    assert registry()[key] is claim
    for part in (claim.title, claim.statement, claim.proof, claim.source, *claim.hypotheses, *claim.controls.values()):
        assert part.strip() == part != ""
        assert "\n" not in part


@each
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_plain(key, profile):
    cells = MODULES[key].cells(profile)
    described = [json.dumps([cell.control, dict(cell.parameters)], sort_keys=True) for cell in cells]
    assert len(set(described)) == len(described) > 0
    assert {cell.control for cell in cells} <= {"", *MODULES[key].CLAIM.controls}
    kinds = {tuple((name, type(value)) for name, value in cell.parameters.items()) for cell in cells}
    assert len(kinds) == 1
    assert set(cells[0].parameters) == set(REDUCED[key][0].parameters)


@each
def test_holds_and_its_controls_are_refuted(key):
    verdict = conclude(MODULES[key].CLAIM, findings(key))
    assert verdict.verdict is Verdict.HOLDS
    assert [control.name for control in verdict.controls if not control.refuted] == []
    assert verdict.passed


@each
def test_findings_and_points_are_plain(key):
    for found in evidence(key):
        assert {len(np.atleast_1d(column)) for column in found.points.values()} == {1}
        for finding in found.findings:
            json.dumps([dict(finding.details), dict(finding.margins), finding.predicted, finding.measured])
            assert isinstance(finding.measured, float)


@each
def test_the_same_stream_gives_the_same_evidence(key):
    assert list(measured(key, REDUCED[key][0]).findings) == list(evidence(key)[0].findings)


# ----------------------------------------------------------------------------------------------------- the rate (A5)


def test_outside_the_hypotheses_descent_converges_all_the_same():
    covered, spiky, loose, _ = evidence("du2018.filter_rate")
    assert [bool(found.points["covered"][0]) for found in (covered, spiky, loose)] == [True, True, False]
    assert loose.points["converged"] == [1.0]
    ordinary = [f for f in loose.findings if not f.control]
    assert [judge(f, filter_rate.CLAIM.relation) for f in ordinary] == [Verdict.HYPOTHESES_NOT_MET]
    assert ordinary[0].margins[filter_rate.COVERED] == loose.points["margin"][0] < 0
    assert ordinary[0].details["converged"] == SMALL["runs"]
    assert math.isnan(loose.points["slack"][0])


def test_the_slack_is_what_the_simplified_proof_gives_away():
    """The proof keeps 3ηg/2 of the contraction and the theorem ηg/2: 3 at least, with g ≤ ⟨∇ℓ, d⟩/‖d‖²."""
    for found in evidence("du2018.filter_rate")[:2]:
        assert found.points["slack"][0] >= 3
        assert [f.form for f in found.findings] == ["paper", "proof"]
        proof = found.findings[1]
        assert proof.measured / proof.predicted >= 1


def test_the_map_has_what_its_figure_needs():
    for found in evidence("du2018.filter_rate"):
        needed = {"law", "spread", "closeness", "margin", "covered", "converged", "slack", "gamma", "L_cross", "reach"}
        assert set(found.points) == needed


def test_only_the_crossed_pairs_refute_the_forgotten_cross_matrices():
    _, _, loose, pairs = evidence("du2018.filter_rate")
    (among_close,) = [f for f in loose.findings if f.control]
    (among_pairs,) = pairs.findings
    assert judge(among_close, filter_rate.CLAIM.relation) is Verdict.HOLDS
    assert judge(among_pairs, filter_rate.CLAIM.relation) is Verdict.VIOLATED
    assert among_pairs.measured < 0  # descent leaves the teacher


def test_descent_leaves_the_teacher_of_the_crossed_pairs():
    """By hand: ⟨∇ℓ(w), w − w*⟩ < 0 at a w within ‖w − w*‖ < ‖w*‖, though γ > 0."""
    loss = theory.objectives.SampleLoss(theory.problems.crossed_pairs(), np.array([1.0, 0.0]))
    w = np.array([0.485, 0.515])
    d = w - np.array([1.0, 0.0])
    assert np.linalg.norm(d) < 0.8
    assert float(loss.gradient(w) @ d) < 0
    curve = theory.closeness.Curve(theory.problems.crossed_pairs(), [1.0, 0.0])
    assert float(curve.gamma(math.asin(float(np.linalg.norm(d))))) > 0.02


# ----------------------------------------------------------------------------------------------- the closeness (A7)


def test_the_bound_on_gamma_falls_as_the_patches_part():
    near, far, _ = evidence("du2018.closeness")
    assert near.points["rho"][0] < far.points["rho"][0]
    assert near.points["gamma bound"][0] > far.points["gamma bound"][0] == 0


def test_the_sharp_bound_is_below_the_papers():
    for found in evidence("du2018.closeness"):
        assert found.points["L_cross"][0] <= found.points["sharp"][0] < found.points["3 mu"][0] / 3
