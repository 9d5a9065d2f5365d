"""The claims measured on arrays of a library that offers the array standard and nothing else, as CuPy's are."""

from __future__ import annotations

import functools

import array_api_strict as strict
import numpy as np
import pytest

from theory.claims import extended, registry, widths
from theory.claims.claim import Cell, Setting
from theory.descent import projection

SOLVE = projection._solve
PLACE = {"preset": "program", "weights": "uniform"}
CELLS = {
    "primary": {"optimiser": "Adam", "networks": 2},
    "width_normal": {"lam": 0.4, "start": widths.SOLVED, "half": True, "networks": 2, "ticks": 3},
    "envelope": {"lam": 0.4, "networks": 1},
    "limits": {"form": "infinite", "networks": 1},
    "curvature": {"lam": 0.4, "networks": 2},
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small networks, and a few steps of every descent: that these agree is all that is asked."""

    def shortly(loss, w, u, options):
        return SOLVE(loss, w, u, {**options, "iterations": min(options["iterations"], 6)})

    monkeypatch.setattr(projection, "_solve", shortly)
    monkeypatch.setattr(extended, "OUTER", 3)
    monkeypatch.setattr(widths, "EXCHANGES", 1)
    monkeypatch.setattr(extended, "problem", functools.partial(extended.problem, shape=(5, 5), depth=2))


@pytest.mark.parametrize("name", CELLS)
def test_measures_the_same_there(name):
    claim, cell = registry()[f"siahkoohi2021.{name}"], Cell({**PLACE, **CELLS[name]})
    here, there = (claim.measure(cell, Setting(np.random.default_rng(0), xp, "quick")) for xp in (np, strict))
    assert [f.form for f in here.findings] == [f.form for f in there.findings]
    for one, other in zip(here.findings, there.findings, strict=True):
        # A rounding grows tenfold from step to step, and the smallest differences are 1e-6 of what they are between.
        assert other.measured == pytest.approx(one.measured, rel=1e-3, abs=1e-6)
        assert isinstance(other.measured, float)
    for name_, column in here.points.items():
        if np.asarray(column).dtype.kind == "f" and name_ not in ("gain", "certificate", "error", "unsolved", "centre"):
            np.testing.assert_allclose(there.points[name_], column, rtol=1e-2, atol=1e-5)
