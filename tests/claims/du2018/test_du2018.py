"""The claims of Du, Lee & Tian: each holds on a reduced grid, each control is refuted, and hypotheses count."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest

import theory
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import (
    closeness,
    fig3a,
    filter_rate,
    isotropy,
    random_start,
    rate,
    rate_without_beta,
    recovery,
    schedule,
)
from theory.claims.verdict import Verdict, conclude, judge, slack

MODULES = {
    module.CLAIM.key: module
    for module in (
        closeness,
        fig3a,
        filter_rate,
        isotropy,
        random_start,
        rate,
        rate_without_beta,
        recovery,
        schedule,
    )
}
CLAIMS = {key: module.CLAIM for key, module in MODULES.items()}
PROFILES = ("quick", "paper")
# A few small cells of each claim: enough for every form and every control.
REDUCED = {
    "du2018.rate": [
        Cell({"law": law, "dim": dim, "runs": 8, "steps": 60})
        for law, dim in (("sphere", 5), ("gaussian", 2), ("mixture(0.5)", 2), ("watson(5)", 25))
    ],
    "du2018.recovery": [
        Cell({"law": "gaussian", "dim": 5, "runs": 8, "steps": 2000}),
        Cell({"law": "watson(-5)", "dim": 3, "runs": 8, "steps": 20_000}),
        Cell({"law": "atoms", "dim": 2, "runs": 1, "steps": 2000}, control=recovery.SINGULAR),
        Cell({"law": "gaussian", "dim": 5, "runs": 1, "steps": 2000}, control=recovery.OPPOSITE),
    ],
    "du2018.rate_without_beta": [
        Cell({"law": law, "dim": dim, "runs": 8, "steps": 60}) for law, dim in (("gaussian", 5), ("mixture(0.5)", 2))
    ],
    "du2018.schedule": [
        Cell({"law": law, "dim": dim, "runs": 4, "steps": 20_000}) for law, dim in (("gaussian", 2), ("watson(5)", 5))
    ],
    "du2018.isotropy": [
        Cell({"law": law, "dim": dim, "samples": 40_000}) for law, dim in (("sphere", 5), ("gaussian", 2))
    ],
    "du2018.random_start": [
        Cell({"dim": dim, "share": share, "draws": 20_000}) for dim, share in ((2, 1.0), (25, 0.5))
    ],
    "du2018.fig3a": [Cell({"dim": 2, "eta": 0.5, "target": 1e-3, "steps": 50_000})],
    "du2018.filter_rate": [
        Cell({"centre": "mixture(0.3)", "closeness": 0.1, "k": 4, "runs": 8, "steps": 300, "longest": 2000}),
        Cell(
            {"centre": filter_rate.CROSSED, "closeness": 0.0, "k": 2, "runs": 256, "steps": 60, "longest": 0},
            control=filter_rate.UNCROSSED,
        ),
    ],
    "du2018.closeness": [
        Cell({"dim": 2, "centre": "mixture(0.5)", "closeness": 0.2, "k": 4, "samples": 1000}),
        Cell({"dim": 5, "centre": "mixture(1)", "closeness": 0.07, "k": 4, "samples": 60_000}),
    ],
}

each = pytest.mark.parametrize("key", CLAIMS)


def measured(key: str, cell: Cell, profile="quick"):
    return CLAIMS[key].measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile=profile))


@functools.cache
def evidence(key: str):
    """The evidence of the reduced grid, measured once."""
    return [measured(key, cell) for cell in REDUCED[key]]


def findings(key: str):
    return [finding for found in evidence(key) for finding in found.findings]


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr(fig3a, "PERMUTATIONS", 60)


# ------------------------------------------------------------------------------------------------- what a claim says


@each
def test_is_registered_and_says_what_it_must(key):
    claim = CLAIMS[key]
    assert registry()[key] is claim
    for part in (claim.title, claim.statement, claim.proof, claim.source):
        assert part.strip() == part != ""
        assert "\n" not in part
    assert claim.hypotheses
    assert all(claim.hypotheses)
    assert claim.controls
    assert all(claim.controls.values())
    assert claim.version >= 1


def test_every_claim_of_the_paper_is_tested_here():
    assert set(CLAIMS) == set(REDUCED)
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [key for key in registry() if key.startswith("du2018.") and f'"{key}"' not in tests] == []


@each
@pytest.mark.parametrize("profile", PROFILES)
def test_cells_are_unique_plain_and_named(key, profile):
    cells = CLAIMS[key].cells(profile)
    described = [json.dumps([cell.control, dict(cell.parameters)], sort_keys=True) for cell in cells]
    assert len(set(described)) == len(described) > 0
    assert {cell.control for cell in cells} <= {"", *CLAIMS[key].controls}
    # Columns of the store: the same parameters, of the same kinds, in every cell.
    kinds = {tuple((name, type(value)) for name, value in cell.parameters.items()) for cell in cells}
    assert len(kinds) == 1


@each
def test_the_paper_profile_asks_for_more(key):
    def work(profile):
        return sum(v for cell in CLAIMS[key].cells(profile) for v in cell.parameters.values() if isinstance(v, int))

    assert work("paper") > work("quick")


@each
def test_reduced_cells_have_the_parameters_of_real_ones(key):
    real = set(CLAIMS[key].cells("quick")[0].parameters)
    assert all(set(cell.parameters) == real for cell in REDUCED[key])


# ---------------------------------------------------------------------------------------------------- what it finds


@each
def test_holds_and_its_controls_are_refuted(key):
    verdict = conclude(CLAIMS[key], findings(key))
    assert verdict.verdict is Verdict.HOLDS
    assert {control.name for control in verdict.controls} == set(CLAIMS[key].controls)
    assert [control.name for control in verdict.controls if not control.refuted] == []
    assert verdict.passed
    assert (verdict.slack is None) == (CLAIMS[key].headline is None)


@each
def test_findings_name_declared_controls_and_plain_details(key):
    named = {finding.control for finding in findings(key)} - {""}
    assert named == set(CLAIMS[key].controls)
    for finding in findings(key):
        json.dumps([dict(finding.details), dict(finding.margins), finding.predicted, finding.measured])
        assert isinstance(finding.measured, float)


@each
def test_points_are_equally_long_columns(key):
    for found in evidence(key):
        lengths = {len(np.atleast_1d(column)) for column in found.points.values()}
        assert len(lengths) == 1
        assert lengths != {0}


@each
def test_the_same_stream_gives_the_same_evidence(key):
    again = measured(key, REDUCED[key][0])
    assert list(again.findings) == list(evidence(key)[0].findings)


@each
def test_hypotheses_are_met_with_a_margin(key):
    for finding in findings(key):
        assert all(margin > 0 for margin in finding.margins.values())


# ------------------------------------------------------------------------------------------------------- the rate (A2)


def test_rate_is_as_loose_as_its_proof_says():
    """The proof keeps 3ηγ/2, of which the theorem takes ηγ/2; at its own best step the proof is an upper bound too."""
    for finding in findings("du2018.rate"):
        ratio = slack(finding, rate.CLAIM.relation)
        if not finding.control:
            assert ratio >= (3 if finding.form == "paper" else 1)


def test_rate_checks_every_step_of_every_run():
    found = evidence("du2018.rate")[0].findings[0]
    assert found.details["steps checked"] == 8 * 60


def test_rate_outside_the_ball_has_nothing_to_say(monkeypatch):
    outside = functools.partial(theory.problems.half_disc, radius=1.2)
    monkeypatch.setattr(theory.problems, "half_disc", outside)
    found = measured("du2018.rate", REDUCED["du2018.rate"][0]).findings
    ordinary = [f for f in found if not f.control]
    assert all(judge(f, rate.CLAIM.relation) is Verdict.HYPOTHESES_NOT_MET for f in ordinary)
    assert conclude(rate.CLAIM, ordinary).verdict is Verdict.HYPOTHESES_NOT_MET
    assert not conclude(rate.CLAIM, found).passed


def test_rate_bound_lies_above_the_measured_distance():
    for found in evidence("du2018.rate"):
        distance, bound = found.points["distance"], found.points["bound"]
        first = found.points["iteration"] == 0
        np.testing.assert_allclose(bound[first], distance[first], rtol=1e-15)
        assert np.all(bound[~first] > distance[~first])


def test_a_spiky_law_refutes_neither_control():
    """A control has to be refuted on some instance, not on every one: the slack is the finding."""
    found = measured("du2018.rate", Cell({"law": "mixture(0.15)", "dim": 2, "runs": 8, "steps": 60})).findings
    assert {judge(f, rate.CLAIM.relation) for f in found if f.control == rate.STEP} == {Verdict.HOLDS}


# --------------------------------------------------------------------------------------------------- the recovery (A1)


def test_recovery_needs_a_start_below_zero(monkeypatch):
    def above(law, n, *, rng):
        return -0.5 * np.eye(law.dim)[:, :1] + 0.5 * np.eye(law.dim)[:, 1:2] + np.zeros((1, n))

    monkeypatch.setattr(theory.problems, "below_zero", above)
    found = measured("du2018.recovery", REDUCED["du2018.recovery"][0])
    assert conclude(recovery.CLAIM, found.findings).verdict is Verdict.HYPOTHESES_NOT_MET


def test_recovery_without_enough_steps_is_undecided():
    found = measured("du2018.recovery", Cell({"law": "mixture(0.5)", "dim": 2, "runs": 8, "steps": 5}))
    assert conclude(recovery.CLAIM, found.findings).verdict is Verdict.INCONCLUSIVE


def test_recovery_controls_end_where_the_theorem_says():
    """(0, 1) beside w* = (1, 1): distance 1/√2 relative, loss ⅛. At 0: distance 1, loss ½ · ½ for the Gaussian."""
    singular, opposite = (found.findings[0] for found in evidence("du2018.recovery")[2:])
    # A stalled run stops within 1e-14 of two gradients of order one.
    assert singular.measured == pytest.approx(1 / math.sqrt(2), rel=1e-12)
    assert singular.details["final loss"] == pytest.approx(1 / 8, rel=1e-12)
    assert opposite.measured == pytest.approx(1, rel=1e-12)
    assert opposite.details["final loss"] == pytest.approx(1 / 4, rel=1e-12)
    assert singular.details["outcome"] == opposite.details["outcome"] == "STALLED"


# --------------------------------------------------------------------------------------------------- the schedule (A4)


def test_a_reversed_schedule_never_breaks_the_contraction():
    """It breaks the admissibility alone: every step is below 1/2L, where ¾ of 2ηγ is left whatever β."""
    reversed_ = [f for f in findings("du2018.schedule") if f.form == "reversed"]
    assert all(f.measured >= 3 for f in reversed_)
    assert all(f.details["largest step over the admissible"] > 1.5 for f in reversed_)


def test_a_constant_step_that_does_not_arrive_leaves_its_control_undecided():
    cell = Cell({"law": "gaussian", "dim": 2, "runs": 4, "steps": 5})
    found = measured("du2018.schedule", cell).findings
    counts = [f for f in found if f.form == "steps"]
    assert {judge(f, schedule.CLAIM.relation) for f in counts} == {Verdict.INCONCLUSIVE}


# --------------------------------------------------------------------------------------- isotropy, starts, figure 3a


@pytest.mark.parametrize(("law", "dim", "bound"), [("sphere", 5, 1.0), ("gaussian", 2, 2.0)])
def test_isotropy_reports_the_slack_of_the_bound(law, dim, bound):
    found = measured("du2018.isotropy", Cell({"law": law, "dim": dim, "samples": 2000})).findings
    assert found[0].predicted == bound
    # Closed form: the bound over πp, to the rounding of the quotient's maximum.
    assert found[0].measured == pytest.approx(bound / (math.pi * dim), rel=1e-12)


def test_random_start_beyond_the_largest_radius_is_outside_the_theorem():
    found = measured("du2018.random_start", Cell({"dim": 5, "share": 1.5, "draws": 2000}))
    assert conclude(random_start.CLAIM, found.findings).verdict is Verdict.HYPOTHESES_NOT_MET


def test_random_start_at_the_largest_radius_is_inside():
    for finding in findings("du2018.random_start"):
        assert judge(finding, random_start.CLAIM.relation) is not Verdict.HYPOTHESES_NOT_MET


@pytest.mark.parametrize(
    ("dim", "profile", "laws"), [(2, "quick", "SPREADS"), (2, "paper", "PAPER_SPREADS"), (25, "paper", "SPREADS")]
)
def test_figure_3a_takes_the_spikiest_laws_where_they_can_be_afforded(dim, profile, laws, monkeypatch):
    monkeypatch.setattr(fig3a, "PAPER_SPREADS", (0.3, 0.4, *fig3a.SPREADS[-2:]))
    monkeypatch.setattr(fig3a, "SPREADS", fig3a.SPREADS[-3:])
    found = measured("du2018.fig3a", Cell({**REDUCED["du2018.fig3a"][0].parameters, "dim": dim}), profile)
    assert found.points["spread"] == getattr(fig3a, laws)
    assert len(set(found.points["law"])) == len(getattr(fig3a, laws))


def test_figure_3a_says_which_law_did_not_arrive():
    cell = Cell({"dim": 2, "eta": 0.5, "target": 1e-3, "steps": 3})
    with pytest.raises(RuntimeError, match=r"mixture\(0.1\) in 2 dimensions ended with: step limit"):
        measured("du2018.fig3a", cell)
