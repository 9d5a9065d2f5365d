"""The performance page: written from the figures kept, right in its arithmetic, and whole when a peer is missing."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def performance(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return import_module("benchmarks.performance")


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return import_module("benchmarks.peers")


def figures(**others):
    """One size of 1e9 operations and 25 million numbers, three rounds."""
    times = {"theory": [0.1, 0.2, 0.1], "NumPy in blocks": [0.2, 0.2, 0.3], "product": [2e10] * 3, "copy": [1e10] * 3}
    size = {"n": 1_000_000, "k": 1, "p": 25, "runs": 10, "side": 0, "engine": "fused", "missing": {}, "apart": {}}
    growth = [{"axis": "n", "value": 1000, "operations": 1e9, "times": [0.5, 0.5, 7.0]}]
    return {"machine": {"cpus": 2}, "rounds": 3, "sizes": [{**size, "times": {**times, **others}}], "growth": growth}


def test_the_page_is_written_from_the_figures_kept(performance):
    assert performance.PAGE.read_text() == performance.page(json.loads(performance.FIGURES.read_text()))


def test_ratios_are_taken_within_a_round(performance):
    found = figures(slow=[3.0, 3.0, 3.0], fast=[0.3, 0.2, 0.4])
    assert performance.fastest(found["sizes"][0]["times"]) == "fast"
    # 3, 1 and 4 times; the medians of the two are 3 times apart.
    assert performance.ratio([0.3, 0.2, 0.4], [0.1, 0.2, 0.1]) == "3.0 (1.0 – 4.0)"
    assert performance.mean_ratio(found) == pytest.approx(3.0)
    table = performance.table(found)
    # 1e9 operations in 0.1 s at 2e10 a second; 1e8 bytes at 1e10 a second.
    assert "| 1,000,000 × 1 × 25, 10 | fused | 100.00 | 50% | 10% | fast | 3.0 (1.0 – 4.0) | 2.0 (1.0 – 3.0) |" in table
    assert "n: 1,000: 500.00 ms, 2." in performance.growth(found)


def test_a_missing_peer_is_a_row_that_says_so(performance):
    found = figures()
    found["sizes"][0]["missing"] = {"JAX jit": "ModuleNotFoundError: No module named 'jax'"}
    table = performance.table(found)
    assert "none is installed | –" in table
    assert "JAX jit: missing (ModuleNotFoundError: No module named 'jax')" in table


@pytest.mark.parametrize("side", [0, 7])
def test_engines_agree_and_those_that_fail_are_named(side, peers, monkeypatch):
    def absent(problem, *_, **__):
        raise ModuleNotFoundError("No module named 'torch'")

    for name in ("torch_eager", "jax_jit"):
        monkeypatch.setattr(peers, name, absent)
    size = peers.Size(50, 9 if side else 3, 25, 4, side=side)
    found = peers.compare(size, rounds=2, seconds=1e-4)
    assert set(found["times"]) == {"theory", "NumPy in blocks", "product", "copy"}
    assert all(len(times) == 2 for times in found["times"].values())
    assert found["missing"]["JAX jit"] == "ModuleNotFoundError: No module named 'torch'"


def test_engines_that_disagree_are_refused(peers, monkeypatch):
    monkeypatch.setattr(peers, "plain", lambda problem: lambda w, count: w * 1.01)
    monkeypatch.setattr(peers, "engines", lambda problem: {
        "theory": lambda: peers.ours(problem), "NumPy in blocks": lambda: peers.plain(problem)
    })  # fmt: skip
    with pytest.raises(RuntimeError, match=r"these differ from ours: NumPy in blocks by"):
        peers.compare(peers.Size(50, 3, 25, 4), rounds=1, seconds=1e-4)
