"""The table of a device, from figures made up: no device is needed to write it, and one is to measure."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import gpu_table
from theory.arrays import namespace
from theory.checks import BadInput


def test_the_table_says_what_was_measured_and_what_is_missing():
    times = {gpu_table.OURS: [1e-3, 2e-3], "PyTorch eager": [4e-3, 6e-3], "product": [1e12, 1e12], "copy": [1e11, 1e11]}
    size = {"n": 1_000_000, "k": 1, "p": 25, "runs": 10, "side": 0, "engine": "cuda"}
    found = gpu_table.rows({"sizes": [{**size, "times": times, "missing": {"X": "no X"}, "float64": 1e-15}]})
    # 10⁹ operations and 10⁸ bytes in 1 and 2 ms, at 10¹² and 10¹¹ a second: 100 % and 50 % of either, 75 % halfway.
    assert found[2:] == [
        "| 1,000,000 × 1 × 25, 10 runs | theory | 1.5000 | 75% | 75% | 1.00 (1.00 – 1.00) |",
        "| 1,000,000 × 1 × 25, 10 runs | PyTorch eager | 5.0000 | 21% | 21% | 3.50 (3.00 – 4.00) |",
        "| 1,000,000 × 1 × 25, 10 runs | X | missing: no X | | | |",
        "| 1,000,000 × 1 × 25, 10 runs | float64, apart from the CPU | 1.0e-15 of the largest entry | | | |",
    ]


def test_the_second_table_compares_what_agrees():
    """On NumPy, where every engine is the plain one."""
    held = {
        name: given
        for name, given in gpu_table.objectives(np).items()
        if name.endswith("Watson in 25 dimensions, 1 runs")
    }
    found = gpu_table.versus(held, rounds=2)
    assert [row["what"].split(": ")[1] for row in found] == ["descent of 1024 steps", "gradient"]
    assert [len(times) for row in found for times in row["times"].values()] == [2] * 4
    lines = gpu_table.more_rows([{"what": "X", "times": {gpu_table.OURS: [1e-3, 2e-3], "loop": [3e-3, 4e-3]}}])
    assert lines[2:] == ["| X | theory | 1.5000 | 1.00 (1.00 – 1.00) |", "| X | loop | 3.5000 | 2.50 (2.00 – 3.00) |"]


def test_engines_that_differ_are_refused(monkeypatch):
    engines = {gpu_table.OURS: lambda: np.ones(2), "other": lambda: np.array([1.0, 1.1])}
    monkeypatch.setattr(gpu_table, "works", lambda name, loss, w: {name: engines})
    with pytest.raises(RuntimeError, match="these differ from ours: other"):
        gpu_table.versus({"X": (None, None)})


def test_without_a_device_nothing_is_written(tmp_path, monkeypatch):
    try:
        namespace("cupy")
    except BadInput:
        monkeypatch.setattr(gpu_table, "FOLDER", tmp_path / "gpu")
        with pytest.raises(BadInput, match="backend is 'cupy'"):
            gpu_table.main()
        assert not (tmp_path / "gpu").exists()
    else:
        pytest.skip("a device is here")
