"""What a sweep costs: the documentation has the figures that are kept, and those are what they have to be."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def sweeps(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return import_module("benchmarks.sweeps")


@pytest.fixture
def figures(sweeps):
    return json.loads(sweeps.FIGURES.read_text())


def test_the_page_has_the_figures_that_are_kept(sweeps, figures):
    page = sweeps.PAGE.read_text(encoding="utf-8")
    assert sweeps.render(page, figures) == page


def test_figures_are_in_the_units_of_their_columns(sweeps):
    memory = {sweeps.MEASURING: 90_000_000, sweeps.TABLES: 110_000_000}
    again = {"seconds": 4.0, "processor": 3.0, "memory": {sweeps.MEASURING: 1_000_000, sweeps.TABLES: 95_000_000}}
    run = {"cells": 5000, "seconds": 10.0, "processor": 7.5, "memory": memory, "again": again, "disk": 6_000_000}
    about = {"device": "a CPU", "cpus": 2, "load": 0.25, "commit": "0123456789"}
    assert "| 5,000 | 2.00 | 1.50 | 90 | 110 | 4 s, 95 MB | 6 MB |" in sweeps.text({**about, "runs": [run]})


def test_a_page_without_marks_is_refused(sweeps, figures):
    with pytest.raises(RuntimeError, match="the page has no"):
        sweeps.render("# A page\n", figures)


def test_100_000_cells_cost_less_than_2_ms_each_and_no_more_memory_than_10_000(figures):
    """By the clock, on two cores. Cells in memory would be some 800 bytes each; a key and an index are 40."""
    runs = {run["cells"]: run for run in figures["runs"]}
    assert set(runs) == {10_000, 50_000, 100_000}
    assert all(run["seconds"] / cells < 2e-3 for cells, run in runs.items())
    for part in ("measuring", "tables"):
        grown = runs[100_000]["memory"][part] - runs[10_000]["memory"][part]
        assert grown / 90_000 < 100


def test_a_real_sweep_is_measured(sweeps):
    """A small one, which does not say when it writes the tables."""
    found = sweeps.measure(50, jobs=1)
    assert (found["cells"], found["jobs"]) == (50, 1)
    assert found["seconds"] > 0 < found["processor"]
    assert found["memory"][sweeps.MEASURING] > 10**7  # an interpreter and NumPy
    assert found["again"]["memory"][sweeps.MEASURING] > 10**7
    assert found["disk"] > 50 * 300
