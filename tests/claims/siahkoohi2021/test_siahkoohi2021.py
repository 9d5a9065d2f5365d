"""The claims on extended convolutional layers: what they record, that their controls are refuted, and what came out.

Cells are reduced, and descents have 30 iterations: what the full ones say, the README says.
"""

from __future__ import annotations

import math

import claiming
import numpy as np
import pytest
from claiming import Reduced

from theory.claims import extended, widths
from theory.claims.claim import Cell
from theory.claims.siahkoohi2021 import (
    adam,
    curvature,
    envelope,
    landscape,
    lbfgs,
    limits,
    primary,
    width_normal,
    width_uniform,
)
from theory.claims.verdict import Verdict, conclude, judge

MODULES = {
    module.CLAIM.key: module
    for module in (adam, curvature, envelope, landscape, lbfgs, limits, primary, width_normal, width_uniform)
}
PLACE = {"preset": "program", "weights": "uniform"}
WIDTH = {"half": True, "networks": 3, "ticks": 5}
REDUCED = {
    "siahkoohi2021.adam": [Cell({**PLACE, "optimiser": "Adam", "networks": 3})],
    "siahkoohi2021.lbfgs": [Cell({**PLACE, "optimiser": "L-BFGS", "networks": 3})],
    "siahkoohi2021.primary": [Cell({**PLACE, "optimiser": name, "networks": 3}) for name in extended.OPTIMISERS],
    **{
        f"siahkoohi2021.width_{law}": [
            Cell({**PLACE, "weights": law, "lam": lam, "start": start, **WIDTH}, control=control)
            for lam, start, control in (
                (0.04, widths.SOLVED, ""),
                (0.04, "random", ""),
                (extended.LIMIT, widths.SOLVED, widths.LIMIT),
            )
        ]
        for law in ("normal", "uniform")
    },
    "siahkoohi2021.landscape": [
        Cell({**PLACE, "pair": 0, "ticks": 5, "iterations": 40, "ways": False}, control=control)
        for control in ("", landscape.WHOLE)
    ],
    "siahkoohi2021.envelope": [
        Cell({**PLACE, "lam": lam, "networks": 2}, control=control)
        for lam, control in ((0.4, ""), (0.4, envelope.DATA), (0.04, envelope.EARLY))
    ],
    "siahkoohi2021.limits": [
        Cell({**PLACE, "form": form, "networks": 2}, control=control)
        for form, control in (
            ("infinite", ""),
            ("zero", ""),
            ("infinite", limits.LINEAR),
            ("zero", limits.OUTSIDE),
        )
    ],
    "siahkoohi2021.curvature": [
        Cell({**PLACE, "lam": lam, "networks": networks}, control=control)
        for lam, networks, control in (
            *((0.04, 6, ""), (4.0, 6, "")),
            *((0.04, 2, curvature.OTHER), (0.04, 2, curvature.PLAIN)),
        )
    ],
}
HOLD = ("curvature", "envelope", "landscape", "limits")
each = pytest.mark.parametrize("key", MODULES)


@pytest.fixture(autouse=True)
def shorter(monkeypatch):
    monkeypatch.setattr(extended, "OUTER", 30)
    monkeypatch.setattr(extended, "INNER", 100)
    monkeypatch.setattr(widths, "MORE", 50)
    monkeypatch.setattr(widths, "EXCHANGES", 1)


reduced = Reduced((module.CLAIM for module in MODULES.values()), REDUCED)
measured, evidence, findings = reduced.measured, reduced.evidence, reduced.findings


@each
def test_is_registered_and_says_what_it_must(key):
    claiming.is_registered_and_says_what_it_must(MODULES[key].CLAIM)


@each
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_like_the_reduced_ones(key, profile):
    cells = claiming.has_unique_cells(MODULES[key].CLAIM, profile)
    kinds = {tuple(sorted((name, type(v)) for name, v in c.parameters.items()) and sorted(c.parameters)) for c in cells}
    assert kinds == {tuple(sorted(REDUCED[key][0].parameters))}


@each
def test_every_control_is_refuted(key):
    reduced.refutes_every_control(key)


@pytest.mark.parametrize("name", HOLD)
def test_what_is_derived_holds(name):
    assert conclude(MODULES[f"siahkoohi2021.{name}"].CLAIM, findings(f"siahkoohi2021.{name}")).verdict is Verdict.HOLDS


@each
def test_measures_the_same_again(key):
    reduced.measures_the_same_again(key)


@each
def test_findings_have_plain_details(key):
    reduced.has_plain_details(key)


@each
def test_points_are_equally_long_columns_without_gaps(key):
    points = evidence(key)[0].points
    assert len({np.shape(np.asarray(column)) for column in points.values()}) == 1
    for column in points.values():
        values = np.asarray(column)
        assert values.dtype.kind in "US" or np.all(np.isfinite(values))


def test_a_limit_is_no_wider():
    control = [f for f in findings("siahkoohi2021.width_uniform") if f.control == widths.LIMIT]
    assert len(control) == 5
    for finding in control:
        assert judge(finding, width_uniform.CLAIM.relation) is Verdict.VIOLATED
        # At most (‖J‖/λ)² / 2 in a radius, 1e-6 where ‖J‖ is 0.5, and no more of a level or an area.
        assert finding.measured == pytest.approx(1, abs=1e-5)


def test_the_descents_begin_at_the_starts_and_leave_the_plane():
    points = evidence("siahkoohi2021.lbfgs")[0].points
    first = np.array(points["iteration"]) == 0
    at = np.stack([np.array(points["alpha"])[first], np.array(points["beta"])[first]], axis=1)
    np.testing.assert_allclose(at, np.repeat(extended.STARTS, 2, axis=0), atol=1e-9)
    assert np.max(np.array(points["apart"])[first]) < 1e-9
    last = np.array(points["iteration"]) == 30
    assert np.min(np.array(points["apart"])[last]) > 0


@pytest.mark.parametrize(("right", "expected"), [(0.5, Verdict.HOLDS), (2.0, Verdict.VIOLATED)])
def test_pairs_are_judged_by_which_is_lower(right, expected):
    left = np.linspace(1, 2, 40)
    finding = extended.lower(left, right * left, "objective")
    assert judge(finding, lbfgs.CLAIM.relation) is expected
    assert finding.details["median ratio"] == pytest.approx(right)


def test_of_pairs_that_differ_by_nothing_but_chance_nothing_is_said():
    rng = np.random.default_rng(0)
    finding = extended.lower(rng.random(200), rng.random(200), "objective")
    assert judge(finding, lbfgs.CLAIM.relation) is Verdict.INCONCLUSIVE


def test_ratios_are_averaged_as_ratios():
    finding = extended.ratio(np.array([0.5, 2.0] * 20), 1.05, "area")
    assert finding.measured == pytest.approx(1)
    assert finding.low < 1 < finding.high
    same = extended.ratio(np.full(9, 1.2), 1.05, "area")
    assert (same.low, same.high) == (pytest.approx(1.2), pytest.approx(1.2))


def test_the_first_order_of_the_limit():
    finding = next(f for f in findings("siahkoohi2021.limits") if f.form == "infinite" and not f.control)
    assert math.isclose(finding.measured, 1, rel_tol=1e-3)
