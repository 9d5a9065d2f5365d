"""Figure 3b (A10): the order of steps and closeness, whichever way it comes out."""

import math

import numpy as np
import pytest

from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import fig3b
from theory.claims.verdict import Verdict, judge


def measured(spread, monkeypatch=None, **changes):
    cell = Cell({"dim": 5, "spread": spread, "samples": 300, "target": 0.01, "steps": 20_000, **changes})
    return fig3b.CLAIM.measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile="quick"))


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    monkeypatch.setattr(fig3b, "PERMUTATIONS", 60)


def test_is_registered():
    assert registry()["du2018.fig3b"] is fig3b.CLAIM


@pytest.mark.parametrize(
    ("spread", "verdict"), [(math.inf, Verdict.HOLDS), (1.0, Verdict.HOLDS), (0.3, Verdict.VIOLATED)]
)
def test_the_order_depends_on_the_law_of_the_common_direction(spread, verdict):
    """A spiky common direction gains from patches that scatter: there the observation is reversed, and so reported."""
    order, permuted = measured(spread).findings
    assert judge(order, fig3b.CLAIM.relation) is verdict
    assert permuted.control == fig3b.PERMUTED
    assert judge(permuted, fig3b.CLAIM.relation) is Verdict.VIOLATED


def test_has_a_point_for_every_closeness():
    points = measured(math.inf).points
    assert points["closeness"] == fig3b.CLOSENESS
    assert points["law"] == ["mixture(inf)"] * len(fig3b.CLOSENESS)
    assert len(points["steps_taken"]) == len(fig3b.CLOSENESS)


def test_closeness_zero_is_one_neuron_repeated(monkeypatch):
    """k copies of a patch are learned in exactly as many steps as one."""
    cell = Cell({"dim": 5, "spread": 1.0, "samples": 300, "target": 0.01, "steps": 20_000})
    setting = Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
    four = fig3b._learn(cell, setting, 0.0, 7)
    monkeypatch.setattr(fig3b, "PATCHES", 1)
    assert abs(fig3b._learn(cell, setting, 0.0, 7) - four) <= 1


def test_says_which_law_did_not_arrive():
    with pytest.raises(RuntimeError, match=r"close\(mixture\(1\),4,0\) in 5 dimensions ended with: step limit"):
        measured(1.0, steps=3)


def test_the_same_stream_gives_the_same_evidence():
    assert list(measured(1.0).findings) == list(measured(1.0).findings)
