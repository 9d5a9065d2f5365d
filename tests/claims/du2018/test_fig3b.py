"""Figure 3b (A10): the order of steps and closeness, whichever way it comes out."""

import functools
import math

import numpy as np
import pytest

import theory
from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import fig3b
from theory.claims.verdict import Verdict, conclude, judge

BASE = {"dim": 5, "spread": 1.0, "samples": 200, "patches": 4, "eta": 0.5, "target": 1e-2, "steps": 20_000}


@functools.cache
def evidence(**changes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fig3b, "PERMUTATIONS", 60)
        return measure(**changes)


def measure(**changes):
    cell = Cell(BASE | changes)
    return fig3b.CLAIM.measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile="quick"))


def verdicts(**changes):
    return {(f.form, f.control): judge(f, fig3b.CLAIM.relation) for f in evidence(**changes).findings}


EXACT = {"dim": 2, "samples": 0}


def test_is_registered():
    assert registry()["du2018.fig3b"] is fig3b.CLAIM


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells(profile):
    cells = [dict(cell.parameters) for cell in fig3b.CLAIM.cells(profile)]
    assert {tuple(cell) for cell in cells} == {tuple(BASE)}
    assert {cell["spread"] for cell in cells} == set(fig3b.SPREADS)
    assert all((cell["samples"] == 0) == (cell["dim"] == 2) for cell in cells)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"spread": math.inf}, Verdict.HOLDS),
        ({"spread": 1.0}, Verdict.HOLDS),
        ({"spread": 0.3}, Verdict.VIOLATED),
        (EXACT | {"spread": math.inf}, Verdict.HOLDS),
        (EXACT | {"spread": 0.3}, Verdict.VIOLATED),
    ],
)
def test_the_order_depends_on_the_law_of_the_common_direction(changes, expected):
    """A spiky common direction gains from patches that scatter: there the observation is reversed, and so reported."""
    found = verdicts(**changes)
    assert found["closeness", ""] is expected
    assert found["closeness", fig3b.PERMUTED] is Verdict.VIOLATED


@pytest.mark.parametrize("spread", [0.3, math.inf])
def test_the_least_curvature_explains_both_orders(spread):
    assert verdicts(**EXACT, spread=spread)["curvature", ""] is Verdict.HOLDS
    gammas = [
        np.linalg.eigvalsh(theory.distributions.plane_moments(law, np.zeros(1)).of(4)[0, :2, :2])[0]
        for law in (theory.distributions.ClosePatches(2, 4, spread, rho) for rho in (0.05, 1.5))
    ]
    details = next(f for f in evidence(**EXACT, spread=spread).findings if f.form == "curvature").details
    # The curve takes γ at the next of its angles, π/8192 away.
    assert [details["gamma(0) at the closest"], details["at the loosest"]] == pytest.approx(gammas, rel=2e-3)
    assert (gammas[0] < gammas[1]) == (spread == 0.3)


def test_a_violated_cell_is_a_violated_claim():
    found = [*evidence(spread=0.3).findings, *evidence().findings]
    assert conclude(fig3b.CLAIM, found).verdict is Verdict.VIOLATED


def test_has_a_point_for_every_closeness():
    points = evidence().points
    assert points["closeness"] == fig3b.CLOSENESS
    assert points["law"] == ["mixture(1)"] * len(fig3b.CLOSENESS)
    assert len(points["steps_taken"]) == len(fig3b.CLOSENESS)


def test_every_closeness_has_the_same_draws():
    """As ρ goes to 0 the sample becomes that of ρ = 0, whose patches are all their common direction."""
    cell, setting = Cell(BASE), Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
    w_star = theory.problems.teacher(5)
    near, same = (fig3b._loss(fig3b._law(cell, rho), w_star, 200, setting).patches for rho in (1e-9, 0.0))
    np.testing.assert_allclose(near, same, rtol=0, atol=2e-9)


def test_closeness_zero_is_one_neuron_repeated():
    """k copies of a patch are learned in exactly as many steps as one."""
    setting = Setting(rng=np.random.default_rng(5), xp=np, profile="quick")
    counts = [fig3b._learn(Cell(BASE | EXACT | {"patches": k}), setting, 0.0) for k in (1, 4)]
    assert counts[0] == counts[1]


def test_says_which_law_did_not_arrive():
    with pytest.raises(RuntimeError, match=r"close\(mixture\(1\),4,0.05\) in 5 dimensions ended with: step limit"):
        measure(steps=3)


def test_the_same_stream_gives_the_same_evidence(monkeypatch):
    monkeypatch.setattr(fig3b, "PERMUTATIONS", 60)
    assert list(measure().findings) == list(measure().findings)


def test_the_curvature_at_the_teacher_is_exact():
    """λ_min(A_{w*,w*}) of four patches that are one, which the closest of the figure nearly are, and by the formula."""
    finding = evidence(**EXACT | {"spread": math.inf}).findings[-1]
    assert finding.form == "curvature"
    for rho, name in ((fig3b.CLOSENESS[0], "gamma(0) at the closest"), (fig3b.CLOSENESS[-1], "at the loosest")):
        law = theory.distributions.ClosePatches(2, 4, math.inf, rho)
        moment = theory.distributions.plane_moments(law, np.zeros(1)).of(4)[0, :2, :2]
        assert finding.details[name] == pytest.approx(np.linalg.eigvalsh(moment)[0], rel=1e-10)
