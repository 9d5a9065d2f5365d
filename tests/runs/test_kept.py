"""Kept cells: what is read back is what was kept, to the last bit, or nothing."""

import dataclasses
import hashlib
import pickle

import numpy as np
import pytest

from theory.claims.claim import Cell, Evidence, Finding, Relation
from theory.runs import kept as module
from theory.runs.cells import Outcome, Task
from theory.runs.kept import Kept

TASK = Task("fake.holds", 0, Cell({"n": 1, "law": "uniform", "spread": float("inf")}), "quick", 0, "numpy")
FINDING = Finding(
    predicted=0.1,
    measured=float("nan"),
    low=-0.0,
    high=float("inf"),
    rounding=5e-324,
    margins={"m": 1 / 3},
    form="f",
    relation=Relation.TIGHT,
    details={"count": 3, "share": 0.1, "word": "é", "yes": True},
)
POINTS = {
    "step/..": np.arange(3),
    "value": np.array([0.1, np.nan, -np.inf]),
    "law": np.array(["a", "bc", "é"]),
    "good": np.array([True, False, True]),
}


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / ".cells")


def outcome(task=TASK, **points):
    return Outcome(task, Evidence([FINDING, Finding(1, 2.0)], points or POINTS), "", 1.5)


def files(kept):
    return sorted(kept.folder.glob("*.cell"))


def test_comes_back_as_it_was(kept, fakes):
    kept.keep(outcome(), fakes.HOLDS)
    found = kept.find(TASK, fakes.HOLDS)
    assert (found.task, found.error, found.seconds) == (TASK, "", 1.5)
    assert repr(found.evidence.findings) == repr(outcome().evidence.findings)
    assert type(found.evidence.findings[1].predicted) is int
    for name, column in POINTS.items():
        again = found.evidence.points[name]
        assert again.dtype == column.dtype
        assert again.tobytes() == column.tobytes()
    assert list(found.evidence.points) == list(POINTS)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"profile": "paper"},
        {"key": "fake.other"},
        {"cell": Cell({"n": 2})},
        {"cell": dataclasses.replace(TASK.cell, control="halved")},
    ],
)
def test_another_cell_is_not_found(kept, fakes, change):
    kept.keep(outcome(), fakes.HOLDS)
    assert kept.find(dataclasses.replace(TASK, **change), fakes.HOLDS) is None


def test_another_version_or_other_code_is_measured_again_in_the_same_place(kept, fakes, monkeypatch):
    kept.keep(outcome(), fakes.HOLDS)
    newer = dataclasses.replace(fakes.HOLDS, version=2)
    assert kept.find(TASK, newer) is None
    kept.keep(outcome(), newer)
    assert len(files(kept)) == 1
    assert kept.find(TASK, newer)
    monkeypatch.setattr(module, "_package", lambda: "other")
    assert kept.find(TASK, newer) is None


def test_anew_finds_nothing_and_keeps(kept, fakes):
    kept.keep(outcome(), fakes.HOLDS)
    assert Kept(kept.folder, anew=True).find(TASK, fakes.HOLDS) is None
    Kept(kept.folder, anew=True).keep(outcome(value=np.ones(2)), fakes.HOLDS)
    assert kept.find(TASK, fakes.HOLDS).evidence.points["value"].tolist() == [1, 1]


def test_every_single_damaged_byte_is_noticed(kept, fakes):
    kept.keep(outcome(), fakes.HOLDS)
    (path,) = files(kept)
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert kept.find(TASK, fakes.HOLDS) is None
    path.unlink()
    path.mkdir()
    assert kept.find(TASK, fakes.HOLDS) is None
    kept.keep(outcome(), fakes.HOLDS)  # cannot be written, and stops nothing


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


@pytest.mark.parametrize("content", [pickle.dumps(Harmful()), b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_forged_file_runs_no_code(kept, fakes, content):
    kept.keep(outcome(), fakes.HOLDS)
    (path,) = files(kept)
    path.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    assert kept.find(TASK, fakes.HOLDS) is None


def test_what_failed_or_cannot_be_kept_plainly_is_not(kept, fakes):
    kept.keep(Outcome(TASK, None, "ValueError: two", 0.1), fakes.HOLDS)
    kept.keep(outcome(value=np.array([Harmful()], dtype=object)), fakes.HOLDS)
    kept.keep(Outcome(TASK, Evidence([Finding(1.0, 1.0, details={"what": Harmful()})], {}), "", 0.1), fakes.HOLDS)
    assert files(kept) == []


def test_leaves_nothing_half_written(kept, fakes):
    kept.keep(outcome(), fakes.HOLDS)
    assert {path.suffix for path in kept.folder.iterdir()} == {".cell", ""}
    assert (kept.folder / ".gitignore").read_text() == "*\n"
