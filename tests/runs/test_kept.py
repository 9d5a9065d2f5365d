"""Kept cells: what is read back is what was kept, to the last bit, or nothing."""

import dataclasses
import hashlib
import pickle
import shutil
import types

import numpy as np
import pytest

from theory.claims.claim import Cell, Evidence, Finding, Relation
from theory.runs import code, engine
from theory.runs import kept as module
from theory.runs.cells import Outcome, Task
from theory.runs.kept import Kept
from theory.runs.sources import Source

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
    details={"count": 3, "share": 0.1, "word": "é", "yes": True, "list": [1, 2.5]},
)
POINTS = {
    "step/..": np.arange(3),
    "value": np.array([0.1, np.nan, -np.inf]),
    "single": np.array([0.1, 1e-45, 3], dtype=np.float32),
    "law": np.array(["a", "bc", "é"]),
    "good": np.array([True, False, True]),
    "every other": np.arange(6.0)[::2],
}


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def outcome(task=TASK, **points):
    return Outcome(task, Evidence([FINDING, Finding(1.0, 2.0)], points or POINTS), "", 1.5)


def files(kept):
    return sorted(path for path in kept.folder.rglob("*") if path.is_file() and path.name != ".gitignore")


class TestRoundTrip:
    def test_comes_back_as_it_was(self, kept, fakes):
        kept.keep(outcome(), fakes.HOLDS)
        found = kept.find(TASK, fakes.HOLDS)
        assert (found.task, found.error, found.seconds) == (TASK, "", 1.5)
        assert repr(found.evidence.findings) == repr(outcome().evidence.findings)
        assert list(found.evidence.points) == list(POINTS)
        for name, column in POINTS.items():
            again = found.evidence.points[name]
            assert again.dtype == column.dtype
            assert again.tobytes() == column.tobytes()

    def test_a_cell_without_points_or_findings(self, kept, fakes):
        kept.keep(Outcome(TASK, Evidence([], {}), "", 0.1), fakes.HOLDS)
        assert kept.find(TASK, fakes.HOLDS).evidence == Evidence([], {})

    @pytest.mark.parametrize(
        "odd",
        [
            Outcome(TASK, None, "ValueError: two", 0.1),
            Outcome(TASK, Evidence([], {"x": np.array([object()])}), "", 0.1),
            Outcome(TASK, Evidence([Finding(1.0, 1.0, details={"what": object()})], {}), "", 0.1),
            Outcome(TASK, Evidence([Finding(1.0, 1.0, details={"what": (1, 2)})], {}), "", 0.1),
            Outcome(TASK, Evidence([Finding(1.0, 1.0, details={3: 4})], {}), "", 0.1),
        ],
        ids=["failed", "objects", "an object", "a tuple", "a number for a name"],
    )
    def test_what_failed_or_would_come_back_otherwise_is_not_kept(self, kept, fakes, odd):
        kept.keep(odd, fakes.HOLDS)
        assert files(kept) == []

    def test_of_every_fake_claim(self, kept, fakes):
        """What a run makes of evidence, NumPy scalars and all, can be kept."""
        for claim in (fakes.HOLDS, fakes.SPREAD, fakes.UNDECIDED):
            (fresh,) = engine.run([claim], jobs=1, kept=kept)
            (again,) = engine.run([claim], jobs=1, kept=kept)
            assert len(files(kept)) == len(fresh.outcomes)
            assert [o.seconds for o in again.outcomes] == [o.seconds for o in fresh.outcomes]
            for one, two in zip(again.outcomes, fresh.outcomes, strict=True):
                assert repr(one.evidence.findings) == repr(two.evidence.findings)
                assert {k: v.tolist() for k, v in one.evidence.points.items()} == {
                    k: v.tolist() for k, v in two.evidence.points.items()
                }
            kept.forget(claim, [o.task for o in fresh.outcomes])


class TestFind:
    @pytest.mark.parametrize(
        "change",
        [
            {"seed": 1},
            {"profile": "paper"},
            {"backend": "cupy"},
            {"cell": Cell({"n": 2})},
            {"cell": dataclasses.replace(TASK.cell, control="halved")},
            {"images": Source("/a", "a", "1" * 64)},
        ],
        ids=str,
    )
    def test_another_cell_is_another(self, kept, fakes, monkeypatch, change):
        monkeypatch.setattr(module.provenance, "device", lambda backend: "any")
        kept.keep(outcome(), fakes.HOLDS)
        assert kept.find(dataclasses.replace(TASK, **change), fakes.HOLDS) is None
        assert kept.find(dataclasses.replace(TASK, index=7), fakes.HOLDS) is not None

    def test_images_are_what_is_in_them(self, kept, fakes):
        here, there = (Source(f"/{name}", name, "1" * 64) for name in "ab")
        kept.keep(outcome(dataclasses.replace(TASK, images=here)), fakes.HOLDS)
        assert kept.find(dataclasses.replace(TASK, images=there), fakes.HOLDS) is not None

    @pytest.mark.parametrize("what", ["version", "package", "own code", "device", "installed"])
    def test_not_what_another_state_has_measured(self, kept, fakes, monkeypatch, what):
        claim = fakes.HOLDS
        kept.keep(outcome(), claim)
        module._machine.cache_clear()
        if what == "version":
            claim = dataclasses.replace(claim, version=2)
        elif what == "package":
            monkeypatch.setattr(code, "_package", lambda: "other")
        elif what == "own code":
            monkeypatch.setattr(code, "_of_module", lambda module: "other")
        elif what == "device":
            monkeypatch.setattr(module.provenance, "device", lambda backend: "other")
        else:
            monkeypatch.setattr(module, "distributions", lambda: [types.SimpleNamespace(name="numpy", version="99")])
        assert kept.find(TASK, claim) is None
        module._machine.cache_clear()

    def test_anew_finds_nothing_and_keeps(self, kept, fakes, tmp_path):
        kept.keep(outcome(), fakes.HOLDS)
        assert Kept(tmp_path, anew=True).find(TASK, fakes.HOLDS) is None
        Kept(tmp_path, anew=True).keep(outcome(value=np.ones(2)), fakes.HOLDS)
        assert kept.find(TASK, fakes.HOLDS).evidence.points["value"].tolist() == [1, 1]


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


class TestDamage:
    def test_of_any_byte_is_noticed(self, kept, fakes):
        kept.keep(outcome(), fakes.HOLDS)
        (path,) = files(kept)
        whole = path.read_bytes()
        for place in range(0, len(whole), 37):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert kept.find(TASK, fakes.HOLDS) is None

    @pytest.mark.parametrize("length", [0, 10, 64, 65, 66, 500, -1])
    def test_a_truncated_file_is_none(self, kept, fakes, length):
        kept.keep(outcome(), fakes.HOLDS)
        (path,) = files(kept)
        path.write_bytes(path.read_bytes()[:length])
        assert kept.find(TASK, fakes.HOLDS) is None

    def test_another_cell_s_file_is_none(self, kept, fakes):
        other = dataclasses.replace(TASK, seed=1)
        kept.keep(outcome(other), fakes.HOLDS)
        (there,) = files(kept)
        kept.keep(outcome(), fakes.HOLDS)
        (here,) = set(files(kept)) - {there}
        shutil.copy(there, here)
        assert kept.find(TASK, fakes.HOLDS) is None
        assert kept.find(other, fakes.HOLDS) is not None

    @pytest.mark.parametrize("content", [pickle.dumps(Harmful()), b"PK\x03\x04", b"\x93NUMPY\x01\x00", b""])
    def test_a_forged_file_runs_no_code(self, kept, fakes, content):
        kept.keep(outcome(), fakes.HOLDS)
        (path,) = files(kept)
        path.write_bytes(module._seal(path, content) + b"\n" + content)
        assert kept.find(TASK, fakes.HOLDS) is None

    def test_a_folder_in_its_place_is_none_and_said_once(self, fakes, tmp_path):
        said = []
        kept = Kept(tmp_path, warn=said.append)
        kept.keep(outcome(), fakes.HOLDS)
        (path,) = files(kept)
        path.unlink()
        path.mkdir()
        assert kept.find(TASK, fakes.HOLDS) is None
        kept.keep(outcome(), fakes.HOLDS)
        kept.keep(outcome(), fakes.HOLDS)
        (line,) = said
        assert line.startswith(f"cells cannot be kept in {tmp_path / '.cells'} (Is a directory)")

    def test_nobody_needs_to_listen(self, fakes, tmp_path):
        (tmp_path / ".cells").write_text("")
        Kept(tmp_path).keep(outcome(), fakes.HOLDS)


class TestForget:
    def test_leaves_nothing(self, kept, fakes, tmp_path):
        kept.keep(outcome(), fakes.HOLDS)
        (path,) = files(kept)
        path.with_name(f".{path.stem}.123.tmp").write_text("a draft that a killed process left")
        assert (kept.folder / ".gitignore").read_text() == "*\n"
        kept.forget(fakes.HOLDS, [TASK])
        assert list(tmp_path.iterdir()) == []

    def test_of_nothing_is_nothing(self, kept, fakes):
        kept.forget(fakes.HOLDS, [TASK])
        kept.forget(fakes.HOLDS, [])

    def test_leaves_other_questions_and_other_claims_alone(self, kept, fakes):
        others = [dataclasses.replace(TASK, seed=1), dataclasses.replace(TASK, key="fake.violated")]
        for task in (TASK, *others):
            kept.keep(outcome(task), fakes.HOLDS)
        kept.forget(fakes.HOLDS, [TASK])
        assert [kept.find(task, fakes.HOLDS) is None for task in (TASK, *others)] == [True, False, False]

    def test_takes_what_older_code_has_left(self, kept, fakes, monkeypatch):
        newer = dataclasses.replace(fakes.HOLDS, version=2)
        kept.keep(outcome(dataclasses.replace(TASK, seed=1)), fakes.HOLDS)
        kept.keep(outcome(), newer)
        assert len(files(kept)) == 2
        kept.forget(newer, [TASK])
        assert files(kept) == []


def test_the_seal_is_a_digest(kept, fakes):
    kept.keep(outcome(), fakes.HOLDS)
    (path,) = files(kept)
    seal, _, content = path.read_bytes().partition(b"\n")
    place = f"{path.parent.name}/{path.name}\n".encode()
    assert seal.decode() == hashlib.sha256(place + content).hexdigest()


def test_without_files_nothing_is_kept(kept, fakes):
    space = {"__name__": "typed_at_a_prompt"}
    exec("def measure(cell, setting): ...", space)
    claim = dataclasses.replace(fakes.HOLDS, measure=space["measure"])
    kept.keep(outcome(), claim)
    assert kept.find(TASK, claim) is None
    assert files(kept) == []
