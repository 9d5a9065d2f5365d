"""The journal of finished cells: what was appended is there, whatever becomes of the rest of the file."""

import dataclasses
import errno
import os

import numpy as np
import pytest

from theory.claims.claim import Cell, Evidence, Finding
from theory.runs import journal as module
from theory.runs.cells import Outcome, Task
from theory.runs.journal import Journal, content, key, read, read_all
from theory.runs.sources import Source

TASK = Task("fake.tiny", 3, Cell({"a": 1, "b": 0.5}), "quick", 0, "numpy")
KEYS = [bytes([place]) * 16 for place in range(5)]


def record(task=TASK, evidence=None, error=""):
    """What a journal is given."""
    return content(Outcome(task, evidence, error, 0.25), 4, {"commit": "c"})[1]


def done(journal):
    """The keys with the zeros that an array drops."""
    return {word.ljust(16, b"\0") for word in journal.done().tolist()}


X = record()


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path / ".cells" / "fake.tiny")
    yield found
    found.close()


def filled(journal, count=5):
    for place in range(count):
        journal.append(KEYS[place], X, done=True)
    (path,) = journal.folder.glob("*.journal")
    return path


def test_the_last_one_made_counts_though_the_clock_went_back(journal, monkeypatch):
    journal.append(KEYS[0], X, done=True)
    now = module.time.time_ns()
    for hours in (1, 2):
        monkeypatch.setattr(module.time, "time_ns", lambda hours=hours: now - hours * 3600 * 10**9)
        again = Journal(journal.folder)
        again.append(KEYS[0], record(error="again" * hours), done=True)
        again.close()
    (place,) = journal.latest()
    assert read(place).outcome.error == "againagain"


class TestKey:
    @pytest.mark.parametrize(
        "change",
        [
            {"key": "fake.other"},
            {"cell": Cell({"a": 2, "b": 0.5})},
            {"cell": Cell({"a": 1, "b": 0.5}, control="halved")},
            {"cell": Cell({"a": 1.0, "b": 0.5})},
            {"repetition": 1},
            {"seed": 1},
            {"profile": "paper"},
            {"backend": "cupy"},
            {"images": Source("/a", "a", "1" * 64)},
        ],
        ids=str,
    )
    def test_of_another_cell_is_another(self, change):
        assert key(dataclasses.replace(TASK, **change), 1) != key(TASK, 1)

    def test_of_another_version_is_another(self):
        assert key(TASK, 1) != key(TASK, 2)

    @pytest.mark.parametrize(
        "change", [{"index": 7}, {"code": "x"}, {"cell": Cell({"b": np.float64(0.5), "a": np.int64(1)})}], ids=str
    )
    def test_of_the_same_cell_is_the_same(self, change):
        assert key(dataclasses.replace(TASK, **change), 1) == key(TASK, 1)

    def test_is_what_it_was(self):
        """A key that changes means that no finished cell of any store is found again."""
        assert key(TASK, 1).hex() == "cb9437b19db6bb4b73944cf414638af5"


class TestRecords:
    def test_come_back(self, journal):
        evidence = Evidence([Finding(1.0, 0.5, details={"word": "φ"})], {"value": np.arange(3.0)})
        task = dataclasses.replace(TASK, repetition=2, code="abc", images=Source("/x/a.idx", "a.idx", "1" * 64))
        journal.append(KEYS[0], record(task, evidence), done=True)
        journal.append(KEYS[1], record(task, error="why"), done=False)
        well, failed = journal.entries()
        assert (well.key, well.done, failed.key, failed.done) == (KEYS[0], True, KEYS[1], False)
        found = read(well.place)
        own = dataclasses.replace(task, index=0, images=Source("a.idx", "a.idx", "1" * 64))
        assert (found.version, found.origin, found.outcome.seconds, found.outcome.task) == (
            4,
            {"commit": "c"},
            0.25,
            own,
        )
        assert repr(found.outcome.evidence) == repr(evidence)
        both = read_all(iter([well.place, failed.place]))
        assert [(place, found.outcome.error) for place, found in both] == [(well.place, ""), (failed.place, "why")]
        assert done(journal) == {KEYS[0]}

    def test_of_evidence_that_cannot_be_written_are_failures(self):
        outcome, _ = content(Outcome(TASK, Evidence([], {"value": np.array([None])}), "", 1.0), 1, {})
        assert outcome.evidence is None
        assert "a file would not give it back" in outcome.error

    def test_the_last_time_it_was_done_counts_else_the_last_time_it_failed(self, journal, tmp_path):
        for well in (True, False, True, False):
            journal.append(KEYS[0], X, done=well)
        for _ in range(2):
            journal.append(KEYS[1], X, done=False)
        later = Journal(journal.folder)
        later.append(KEYS[2], X, done=False)
        later.append(KEYS[2], X, done=True)
        places = [entry.place for entry in journal.entries()]
        assert list(journal.latest()) == [places[2], places[5], places[7]]
        later.close()

    def test_every_process_has_a_file_of_its_own_and_an_empty_one_is_deleted(self, journal):
        one, other = Journal(journal.folder), Journal(journal.folder)
        one.open()
        other.open()
        assert len(list(journal.folder.iterdir())) == 2
        one.append(KEYS[0], X, done=True)
        one.close()
        other.close()
        other.close()
        assert len(list(journal.folder.iterdir())) == 1
        assert (journal.folder.parent / ".gitignore").read_text() == "*\n"


class TestForeign:
    """Whole records that another version of this package wrote, with other fields."""

    @pytest.mark.parametrize(
        ("found", "other"),
        [
            (b'"repetition"', b'"iteration"'),  # a field of a task that there is none of here
            (b'"images"', b'"photographs"'),
            (b'"origin": {', b'"origins": {'),
            (b'{"task"', b'"task"'),
            (b'"predicted"', b'"foreseen"'),
        ],
        ids=str,
    )
    def test_are_passed_over_and_counted(self, journal, found, other):
        own = record(evidence=Evidence([Finding(1.0, 0.5)], {"value": np.arange(3.0)}))
        assert own.count(found) == 1
        journal.append(KEYS[0], own.replace(found, other), done=True)
        journal.append(KEYS[1], own, done=True)
        assert (done(journal), journal.foreign) == ({KEYS[1]}, 1)
        (place,) = journal.latest()
        assert (read(place).outcome.error, journal.foreign) == ("", 1)

    def test_do_not_hide_what_was_done_before(self, journal):
        journal.append(KEYS[0], X, done=True)
        journal.append(KEYS[0], X.replace(b'"task"', b'"job"'), done=True)
        (entry,) = journal.entries()
        assert list(journal.latest()) == [entry.place]


class TestDamage:
    def test_of_any_byte_costs_one_record(self, journal):
        path = filled(journal)
        whole = path.read_bytes()
        size = len(whole) // 5
        for place in range(0, len(whole), 7):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert done(journal) == set(KEYS) - {KEYS[place // size]}

    def test_of_the_end_costs_the_record_that_is_cut(self, journal):
        path = filled(journal)
        whole = path.read_bytes()
        ends = {place + near for place in range(0, len(whole), len(whole) // 5) for near in (-1, 0, 1, 60)}
        for length in sorted({*range(0, len(whole), 29), *ends} - {-1}):
            path.write_bytes(whole[:length])
            assert done(journal) == set(KEYS[: length * 5 // len(whole)])

    def test_in_the_middle_is_passed_over(self, journal, monkeypatch):
        path = filled(journal)
        whole = path.read_bytes()
        path.write_bytes(whole[:10] + b"\x93CELL" * 300_000 + whole)  # more than is read at a time
        assert done(journal) == set(KEYS)

    def test_a_place_that_has_changed_raises(self, journal):
        path = filled(journal)
        places = [entry.place for entry in journal.entries()]
        path.write_bytes(b"\0" * path.stat().st_size)
        with pytest.raises(OSError, match="has changed"):
            read(places[2])


class Full:
    """A file with room for so many bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(self.room, len(data))
        self.room -= taken
        return self.file.write(data[:taken])

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", range(0, 5 * (len(X) + module._HEAD.size), 41))
def test_a_full_disk_leaves_whole_records(journal, room):
    size = module._HEAD.size + len(X)
    journal.open()
    journal._file = Full(journal._file, room)
    with pytest.raises(OSError, match="No space left"):
        filled(journal)
    assert done(journal) == set(KEYS[: room // size])
    (path,) = journal.folder.glob("*.journal")
    assert path.stat().st_size == room // size * size
    journal._file = journal._file.file  # room again
    journal.append(KEYS[4], X, done=True)
    assert done(journal) == {*KEYS[: room // size], KEYS[4]}


def test_the_name_of_a_file_is_on_the_disk_before_its_first_record(journal, monkeypatch):
    """What is synced of a file that no folder names is lost with it."""
    synced, fsync = [], module.os.fsync

    def noted(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(module.os, "fsync", noted)
    journal.open()
    assert journal.folder.stat().st_ino in synced
    journal.append(KEYS[0], X, done=True)
    assert done(journal) == {KEYS[0]}


def test_a_record_is_with_the_system_at_once_and_on_the_disk_soon(journal, monkeypatch):
    clock, synced = [0.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(module, "sync_folder", lambda folder: None)
    monkeypatch.setattr(module.os, "fsync", synced.append)
    journal._synced = 0.0
    for seconds in (0.1, 0.2, 1.3, 1.4, 2.5):
        clock[0] = seconds
        journal.append(KEYS[0], X, done=True)
    assert len(synced) == 2
    assert len(list(Journal(journal.folder).entries())) == 5
