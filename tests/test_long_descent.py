"""The long descent beside its peers: what is timed is checked, and the page has the figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import long_descent

FIGURES = {
    "seconds": {"theory": [0.2, 0.25, 0.1], long_descent.TENFOLD: [0.22, 0.25, 0.12], "JAX jit": [2.0, 1.0, 3.0]},
    "apart": {"JAX jit": 1.5e-16, "the plain loop, all steps": 3e-15},
    "missing": {"PyTorch eager": "No module named 'torch'"},
    "factor": 100.0,
    "device": "a CPU",
    "load": 0.25,
    "commit": "0123456789",
}


def in_numpy(scale: float = 1.0):
    """A peer that descends in NumPy, with its steps this long."""

    def make(loss, start):
        def run(steps):
            w = start
            for _ in range(steps):
                w = w - scale * long_descent.ETA * loss._plain_gradient(w[:, None], np)[:, 0]
            return w

        return run

    return make


def absent(loss, start):
    """A peer that is not installed."""
    raise ImportError("No module named 'torch'")


def test_a_measurement_has_every_engine_and_says_which_is_missing(monkeypatch):
    monkeypatch.setattr(long_descent, "PEERS", {"PyTorch eager": absent, "JAX jit": in_numpy()})
    found = long_descent.measure(2, steps=40, scaled=10, samples=60)
    assert list(found["seconds"]) == ["theory", long_descent.TENFOLD, "JAX jit"]
    assert all(len(seconds) == 2 for seconds in found["seconds"].values())
    assert found["missing"] == {"PyTorch eager": "No module named 'torch'"}
    assert found["factor"] == 4
    assert max(found["apart"].values()) < 1e-14


def test_a_peer_that_goes_elsewhere_ends_the_measurement(monkeypatch):
    monkeypatch.setattr(long_descent, "PEERS", {"JAX jit": in_numpy(1.02)})
    with pytest.raises(RuntimeError, match="filters are apart"):
        long_descent.measure(1, steps=40, scaled=10, samples=60)


def test_ratios_are_taken_within_a_round():
    assert long_descent.ratios(FIGURES, "JAX jit") == pytest.approx([400, 1000, 3000])
    assert long_descent.ratios(FIGURES, long_descent.TENFOLD) == pytest.approx([1.0, 1.1, 1.2])


def test_the_page_has_the_figures():
    page = f"before\n{long_descent.BEGIN}\nold\n{long_descent.END}\nafter\n"
    found = long_descent.render(page, FIGURES)
    assert "| JAX jit | 200 | 1,000 (400 – 3,000) | 1.5e-16 |" in found
    assert "| PyTorch eager | missing: No module named 'torch' | | |" in found
    assert "filter is 3.0e-15 away" in found
    assert "old" not in found
    assert found.startswith("before\n")
    assert found.endswith("after\n")
    assert long_descent.render(found, FIGURES) == found
    with pytest.raises(RuntimeError, match="the page has no"):
        long_descent.render("nothing", FIGURES)


def test_the_page_is_written_from_the_figures_kept():
    page = long_descent.PAGE.read_text(encoding="utf-8")
    assert long_descent.render(page, json.loads(long_descent.FIGURES.read_text(encoding="utf-8"))) == page
