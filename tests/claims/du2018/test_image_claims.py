"""The claims on real images: what they record, that their controls are refuted, and what came out."""

import functools
import json

import numpy as np
import pytest

from theory.claims import registry
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import fig3c, fig3d, fig4, interpolation
from theory.claims.verdict import Verdict, judge

MODULES = {module.CLAIM.key: module for module in (fig3c, fig3d, fig4, interpolation)}
REDUCED = {
    "du2018.fig3c": [Cell({"filter": "random", "teacher": 0, "directions": 4, "steps": 200, "images": 150})],
    "du2018.fig3d": [
        Cell({"filter": "gabor", "directions": 3, "steps": 500, "images": 150}, control=control)
        for control in ("", fig3d.SHUFFLED, fig3d.NOISE)
    ],
    "du2018.fig4": [Cell({"filter": "gabors", "teachers": 4, "steps": 200, "images": 150})],
    "du2018.interpolation": [Cell({"filter": "gabor", "starts": 4, "steps": 200, "images": 150})],
}
each = pytest.mark.parametrize("key", MODULES)


@functools.cache
def evidence(key):
    setting = {"xp": np, "profile": "quick"}
    claim = MODULES[key].CLAIM
    return [claim.measure(cell, Setting(rng=np.random.default_rng(5), **setting)) for cell in REDUCED[key]]


def findings(key):
    return [finding for found in evidence(key) for finding in found.findings]


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr(fig3c, "PERMUTATIONS", 60)


@each
def test_is_registered_and_says_what_it_must(key):
    claim = MODULES[key].CLAIM
    assert registry()[key] is claim
    assert all((claim.title, claim.statement, claim.proof, claim.source, claim.hypotheses, claim.controls))


@each
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_cells_are_unique_and_like_the_reduced_ones(key, profile):
    cells = MODULES[key].CLAIM.cells(profile)
    assert len({json.dumps([cell.control, dict(cell.parameters)]) for cell in cells}) == len(cells)
    kinds = {tuple((name, type(value)) for name, value in c.parameters.items()) for c in [*cells, *REDUCED[key]]}
    assert len(kinds) == 1


@each
def test_every_control_is_refuted(key):
    claim = MODULES[key].CLAIM
    found = [f for f in findings(key) if f.control]
    assert {f.control for f in found} == set(claim.controls)
    assert {judge(f, claim.relation) for f in found} == {Verdict.VIOLATED}


@each
def test_measures_the_same_again(key):
    claim, cell = MODULES[key].CLAIM, REDUCED[key][0]
    again = claim.measure(cell, Setting(rng=np.random.default_rng(5), xp=np, profile="quick"))
    for name, column in evidence(key)[0].points.items():
        np.testing.assert_array_equal(column, again.points[name])


@each
def test_points_are_equally_long_columns(key):
    assert len({np.shape(column) for column in evidence(key)[0].points.values()}) == 1


def test_nearer_starts_end_lower():
    level = next(f for f in findings("du2018.fig3c") if f.form == "level")
    assert level.low > 0


def test_the_loss_is_small_and_the_filter_another():
    by_form = {f.form: f for f in findings("du2018.fig3d") if not f.control}
    assert by_form["loss"].high < fig3d.SMALL
    assert by_form["distance"].low > fig3d.APART


def test_the_curve_ends_at_the_teacher():
    points = evidence("du2018.interpolation")[0].points
    # The labels are the teacher's own, computed in the same way: a few roundings squared.
    assert np.max(np.asarray(points["relative"])[np.asarray(points["a"]) == 1]) < 1e-25


def test_figure_4_has_a_row_a_pixel():
    points = evidence("du2018.fig4")[0].points
    assert len(points["true"]) == 4 * 25
    assert set(points["row"]) == set(points["column"]) == set(range(5))
