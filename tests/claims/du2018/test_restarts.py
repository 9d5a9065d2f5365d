"""Random restarts (A8, corollary): the bound on failing holds, ½ does not, and overlap is reported as it is."""

import functools
import math

import numpy as np
import pytest

import theory
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import restarts
from theory.claims.verdict import Verdict, conclude, judge

NEURON = {"law": "sphere", "stride": 0, "dim": 2, "share": 1.0, "trials": 3000, "steps": 2000}
SIGNALS = {"law": "signals", "stride": 1, "dim": 5, "share": 0.5, "trials": 128, "steps": 1000}


@functools.cache
def findings(**changes):
    cell = Cell({**(SIGNALS if changes.get("law") == "signals" else NEURON), **changes})
    return restarts.CLAIM.measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile="quick")).findings


def test_is_registered_and_holds_with_its_control_refuted():
    assert registry()["du2018.restarts"] is restarts.CLAIM
    assert conclude(restarts.CLAIM, [*findings(), *findings(share=0.5)]).passed


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_frequency_is_that_of_the_exact_chance(share):
    near = findings(share=share)[0]
    exact = (1 - theory.problems.ball_chance(2, share / math.sqrt(4 * math.pi))) ** 4
    assert near.low <= exact <= near.high


def test_predictions_are_the_formulas():
    # p = 2, share ½: ½ − α√(πp/2) = ¼; share 1: ½ − α Γ(2)/(√π Γ(3/2)) = ½ − 2α/π with α = 1/√(4π).
    assert findings(share=0.5)[0].predicted == pytest.approx(0.75**4)
    assert findings()[0].predicted == pytest.approx((0.5 + 2 / math.pi / math.sqrt(4 * math.pi)) ** 4)
    assert findings()[-1].predicted == 1 / 16


def test_every_good_start_of_one_neuron_learns():
    details = findings()[1].details
    assert details["good ones that learn"] == details["good starts"] > 0


def test_overlap_is_reported_and_not_judged():
    near, learned = findings(law="signals")
    assert judge(near, restarts.CLAIM.relation) is Verdict.HOLDS
    assert judge(learned, restarts.CLAIM.relation) is Verdict.HYPOTHESES_NOT_MET
    assert math.isnan(learned.margins["γ(φ*) − 6 L_cross"])
    assert learned.details["good ones that learn"] < learned.details["good starts"]


def test_without_overlap_every_start_learns():
    details = findings(law="signals", stride=5)[1].details
    assert details["good ones that learn"] + details["others that learn"] == details["starts"]


def test_one_patch_of_signals_is_one_neuron(monkeypatch):
    monkeypatch.setattr(restarts, "SIGNAL", 5)
    assert "γ(φ*) − 6 L_cross" not in findings(law="signals", stride=3)[1].margins
