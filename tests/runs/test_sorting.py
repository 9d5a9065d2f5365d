"""Strings sorted on the disk are those of ``sorted``, whatever their number, lengths and order."""

import numpy as np
import pytest

from theory.runs import sorting
from theory.runs.sorting import Sorting


def strings(count, longest=60):
    rng = np.random.default_rng(count)
    return [rng.bytes(int(rng.integers(0, longest))) for _ in range(count)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 24, 1000])
@pytest.mark.parametrize("block", [5, 64, 1 << 14])  # less than a string, some of them, all of a part
def test_is_that_of_sorted(tmp_path, monkeypatch, count, block):
    monkeypatch.setattr(sorting, "PART", 8)
    monkeypatch.setattr(sorting, "_BLOCK", block)
    given = strings(count)
    with Sorting(tmp_path) as found:
        for string in given:
            found.add(string)
        assert len(found) == count
        assert list(found) == sorted(given)
        assert list(found) == sorted(given)  # as often as it is asked
        found.add(b"\0late")
        assert list(found) == sorted([*given, b"\0late"])
    assert list(tmp_path.iterdir()) == []


def test_equal_strings_all_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(sorting, "PART", 4)
    with Sorting(tmp_path) as found:
        for string in [b"a", b"", b"b"] * 5:
            found.add(string)
        assert list(found) == [b""] * 5 + [b"a"] * 5 + [b"b"] * 5


def test_a_single_part_touches_no_disk(tmp_path):
    with Sorting(tmp_path / "nowhere") as found:
        found.add(b"b")
        found.add(b"a")
        assert list(found) == [b"a", b"b"]


def test_a_folder_that_is_gone_is_an_error_of_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(sorting, "PART", 2)
    with Sorting(tmp_path / "nowhere") as found:
        found.add(b"a")
        with pytest.raises(OSError, match="No such file"):
            found.add(b"b")
