"""The table of a device, from figures made up: no device is needed to write it, and one is to measure."""

from __future__ import annotations

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
