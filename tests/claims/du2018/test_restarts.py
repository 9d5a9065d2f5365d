"""Random restarts (A8, corollary): descent from random starts, where the theorem covers it and where it does not."""

import functools
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import theory
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import restarts
from theory.claims.verdict import Verdict, conclude, judge

BASE = {"law": "sphere", "dim": 2, "patches": 1, "closeness": 0.0, "stride": 0, "share": 1.0}
BASE |= {"trials": 200, "steps": 20_000}
CLOSE = {"law": "mixture(0.5)", "patches": 4, "closeness": 0.05, "trials": 60}
SIGNALS = {"law": "signals", "dim": 5, "patches": 26, "stride": 1, "share": 0.5, "trials": 60}


@functools.cache
def findings(control="", **changes):
    cell = Cell(BASE | changes, control=control)
    return restarts.CLAIM.measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile="quick")).findings


def overlap():
    return findings(restarts.OVERLAP, **SIGNALS | {"share": 0.02, "trials": 100})


def test_is_registered_and_holds_with_its_controls_refuted():
    assert registry()["du2018.restarts"] is restarts.CLAIM
    found = [*findings(), *findings(share=0.5), *findings(**CLOSE), *overlap()]
    assert conclude(restarts.CLAIM, found).passed


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_of_one_kind(profile):
    cells = restarts.CLAIM.cells(profile)
    assert len({json.dumps([cell.control, dict(cell.parameters)]) for cell in cells}) == len(cells)
    assert {tuple((n, type(v)) for n, v in cell.parameters.items()) for cell in cells} == {
        tuple((n, type(v)) for n, v in BASE.items())
    }
    for cell in cells:
        if cell.parameters["stride"]:
            law = theory.distributions.GaussianImages(
                *restarts.SHAPES[cell.parameters["law"]], cell.parameters["stride"]
            )
            assert (law.k, law.dim) == (cell.parameters["patches"], cell.parameters["dim"])


def test_predictions_are_the_formulas():
    # p = 2, share ½: ½ − α√(πp/2) = ¼; share 1: ½ − α Γ(2)/(√π Γ(3/2)) = ½ − 2α/π with α = 1/√(4π).
    assert [f.predicted for f in findings(share=0.5)] == pytest.approx([0.25, 0.75**4, 0.01])
    sharp = 0.5 - 2 / math.pi / math.sqrt(4 * math.pi)
    assert [f.predicted for f in findings()] == pytest.approx([sharp, (1 - sharp) ** 4, 0.01, 0.5])


def test_the_frequency_of_near_starts_is_the_exact_chance():
    near = findings()[-1]
    assert near.control == restarts.HALF
    assert near.low <= theory.problems.ball_chance(2, 1 / math.sqrt(4 * math.pi)) <= near.high


@pytest.mark.parametrize("changes", [{}, {"share": 0.5}, CLOSE])
def test_every_near_start_learns_at_the_theorems_step(changes):
    learned, _, near = findings(**changes)[:3]
    details = learned.details
    assert details["near ones that learn"] == details["near starts"] > 0
    assert near.measured <= restarts.TARGET
    assert learned.measured == (details["near ones that learn"] + details["others that learn"]) / details["starts"]


def test_the_step_is_the_theorems():
    phi = math.acos(1 / math.sqrt(4 * math.pi))
    neuron = theory.smoothness.smoothness(theory.distributions.UniformSphere(2), phi)
    assert findings()[0].details["eta"] == neuron.step
    close = theory.closeness.closeness(theory.distributions.ClosePatches(2, 4, 0.5, 0.05), phi)
    assert findings(**CLOSE)[0].details["eta"] == close.step
    assert findings(**CLOSE)[0].margins["γ'/γ(φ*)"] == pytest.approx(close.margin / close.gamma)


def test_patches_often_near_the_hyperplane_are_not_covered_however_close():
    """L_cross does not vanish with ρ: below it, patches of one sample are parted with a probability ∝ θ."""
    found = findings(law="mixture(1)", patches=4, closeness=0.05, trials=20)
    assert {judge(f, restarts.CLAIM.relation) for f in found if not f.control} == {Verdict.HYPOTHESES_NOT_MET}
    cross = [
        theory.closeness.closeness(theory.distributions.ClosePatches(2, 4, 1.0, rho), 1.3).cross
        for rho in (1e-2, 1e-3, 1e-4)
    ]
    assert min(cross) > 0.9 * max(cross) > 0.02


def test_overlap_is_surely_outside_the_hypothesis():
    found = findings(**SIGNALS)
    assert {judge(f, restarts.CLAIM.relation) for f in found} == {Verdict.HYPOTHESES_NOT_MET}
    assert found[0].margins["γ'/γ(φ*)"] < 0
    assert found[0].details["near ones that learn"] < found[0].details["near starts"]


def test_where_overlapping_runs_end_the_gradient_vanishes():
    """So the runs that did not arrive are in further minima, not on their way."""
    law = theory.distributions.GaussianImages(30, 5, 1)
    loss = theory.objectives.PopulationLoss(law, theory.problems.teacher(5))
    starts = theory.problems.in_ball(40, 5, rng=np.random.default_rng(5), radius=0.1)
    run = theory.descent.descend(
        loss, starts, step=theory.descent.Constant(restarts.ETA), steps=20_000, tolerance=0.01, stationary=1e-9
    )
    assert {outcome.name for outcome in run.outcome} == {"CONVERGED", "STALLED"}
    stuck = run.w[:, ~run.converged]
    assert loss.value(stuck).min() > 1e-4
    # Moved a little they are nowhere lower: minima, not saddles.
    moved = stuck + 1e-4 * np.random.default_rng(0).standard_normal(stuck.shape)
    assert np.all(loss.value(moved) > loss.value(stuck))


def test_without_overlap_every_start_learns():
    details = findings(**SIGNALS | {"stride": 5, "patches": 6})[0].details
    assert details["near ones that learn"] + details["others that learn"] == details["starts"]


def test_a_run_on_its_way_leaves_the_near_starts_undecided():
    near = findings(steps=5)[2]
    assert judge(near, restarts.CLAIM.relation) is Verdict.INCONCLUSIVE


def test_without_a_near_start_nothing_is_said_about_them():
    run = SimpleNamespace(final=np.array([0.001, 0.002]), outcome=(theory.descent.Outcome.CONVERGED,) * 2)
    finding = restarts._near_starts(np.array([False, False]), run, {})
    assert judge(finding, restarts.CLAIM.relation) is Verdict.INCONCLUSIVE


def test_beyond_the_largest_radius_is_outside_the_theorem():
    found = findings(share=1.5, trials=20)
    assert {judge(f, restarts.CLAIM.relation) for f in found} == {Verdict.HYPOTHESES_NOT_MET}
