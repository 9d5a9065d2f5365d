"""Sweeps in this process: which cells are measured, what the store has of them, and what the tables say."""

import csv
import dataclasses
import errno
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from theory.checks import BadInput
from theory.claims.claim import Cell, Evidence
from theory.runs import engine, store, sweep, swept
from theory.runs.child import Limits
from theory.runs.grid import Grid, over
from theory.runs.journal import Journal
from theory.runs.pool import Lost, Where
from theory.runs.sources import Source
from theory.runs.store import METADATA


def grid(*axes, repetitions=1):
    return Grid(tuple(map(over, axes)), repetitions)


@pytest.fixture
def run(tmp_path):
    def run(claims, grid, folder=tmp_path, **options):
        laid = sweep.lay(claims, grid, folder, **options)
        events = list(laid.run())
        return laid, events, laid.tables()

    return run


def tables(folder, key="fake.tiny"):
    """Points and findings, without the commit, as plain data."""
    return [pq.read_table(path / f"{key}.parquet").drop_columns("commit") for path in (folder, folder / "findings")]


class TestCells:
    def test_are_measured_once(self, fakes, run):
        first, events, _ = run([fakes.TINY], grid("a=1,2", repetitions=3))
        assert (first.total, first.complete, first.plans[0].earlier, first.plans[0].measured) == (6, True, 0, 6)
        assert [event.all_done for event in events] == list(range(7))
        second, events, found = run([fakes.TINY], grid("a=2,3", repetitions=4))
        assert (second.total, second.complete, second.plans[0].earlier, second.plans[0].measured) == (8, True, 3, 5)
        assert (events[0].all_done, len(events)) == (3, 6)
        assert found["fake.tiny"].cells == 11
        third, events, _ = run([fakes.TINY], grid("a=2,3", repetitions=4))
        assert (third.complete, len(events)) == (True, 1)

    def test_are_measured_anew_if_asked(self, fakes, run):
        run([fakes.TINY], grid("a=1,2"))
        again, _, found = run([fakes.TINY], grid("a=1,2"), rerun=True)
        assert (again.plans[0].earlier, again.plans[0].measured, found["fake.tiny"].cells) == (0, 2, 2)

    @pytest.mark.parametrize(
        "options",
        [{"seed": 1}, {"profile": "paper"}, {"images": Source("/a", "a", "1" * 64)}],
        ids=str,
    )
    def test_of_other_options_are_others_and_both_are_in_the_store(self, fakes, run, options):
        run([fakes.TINY], grid("a=1,2"))
        other, _, found = run([fakes.TINY], grid("a=1,2"), **options)
        assert (other.plans[0].measured, found["fake.tiny"].cells) == (2, 4)

    def test_of_another_version_are_others_and_alone_in_the_tables(self, fakes, run, tmp_path):
        run([fakes.TINY], grid("a=1,2"))
        newer = dataclasses.replace(fakes.TINY, version=2)
        other, _, found = run([newer], grid("a=1"))
        assert (other.plans[0].measured, found["fake.tiny"].cells) == (1, 1)
        assert set(tables(tmp_path)[0]["version"].to_pylist()) == {2}

    def test_of_other_code_are_the_same_and_counted(self, fakes, run, monkeypatch):
        run([fakes.TINY], grid("a=1,2"))
        for place in ("theory.runs.sweep.source", "theory.runs.swept.source", "theory.runs.cells.source"):
            monkeypatch.setattr(place, lambda claim: "other")
        laid, _, found = run([fakes.TINY], grid("a=1,2,3"))
        assert (laid.plans[0].measured, found["fake.tiny"].other_code) == (1, 2)

    def test_are_not_measured_by_code_that_is_not_this(self, fakes, run, monkeypatch):
        monkeypatch.setattr("theory.runs.cells.source", lambda claim: "other")
        laid, _, _ = run([fakes.TINY], grid("a=1"))
        assert "code is other; it must be" in laid.failures[0]

    def test_come_in_an_order_that_the_seed_decides(self, fakes, run, tmp_path):
        def order(name, **options):
            _, events, _ = run([fakes.TINY, fakes.HOLDS], grid(repetitions=20), tmp_path / name, **options)
            return [(e.key, e.outcome.task.index) for e in events if e.outcome]

        first = order("a")
        assert (first == order("b"), first == order("c", seed=1), first == sorted(first)) == (True, False, False)

    def test_have_the_figures_of_verify_where_they_are_its_own(self, fakes, run, tmp_path):
        run([fakes.HOLDS], Grid())
        (result,) = engine.run([fakes.HOLDS], jobs=1)
        verified = np.concatenate([outcome.evidence.points["value"] for outcome in result.outcomes])
        assert np.array_equal(tables(tmp_path, "fake.holds")[0]["value"].to_numpy(), verified)


class TestFailures:
    @pytest.fixture
    def bad(self, fakes, run, tmp_path, monkeypatch):
        monkeypatch.setenv("FAKE_PIDS", str(tmp_path))
        (tmp_path / "bad").touch()
        found = run([fakes.BAD], grid("how=well,raise", repetitions=2))
        (tmp_path / "bad").unlink()
        return found

    def test_are_named_and_listed(self, bad, tmp_path):
        laid, _, found = bad
        reason = "ValueError: never today"
        assert sorted(laid.failures) == [f"fake.bad how=raise repetition=1: {reason}", f"fake.bad how=raise: {reason}"]
        assert (laid.complete, laid.plans[0].failed, found["fake.bad"].failed, found["fake.bad"].cells) == (
            False,
            2,
            2,
            2,
        )
        with (tmp_path / "failed" / "fake.bad.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [(json.loads(row["parameters"]), row["repetition"], row["reason"]) for row in rows] == [
            ({"how": "raise"}, "0", reason),
            ({"how": "raise"}, "1", reason),
        ]

    def test_are_measured_again(self, fakes, run, bad, tmp_path):
        laid, _, found = run([fakes.BAD], grid("how=well,raise", repetitions=2))
        assert (laid.complete, laid.plans[0].earlier, laid.plans[0].measured) == (True, 2, 2)
        assert (found["fake.bad"].failed, found["fake.bad"].cells) == (0, 4)
        assert list((tmp_path / "failed").iterdir()) == []

    def test_of_many_only_some_are_named(self, fakes, run, tmp_path, monkeypatch):
        monkeypatch.setenv("FAKE_PIDS", str(tmp_path))
        (tmp_path / "bad").touch()
        laid, _, found = run([fakes.BAD], grid("how=raise", repetitions=30))
        assert (len(laid.failures), laid.plans[0].failed, found["fake.bad"].failed) == (sweep.SHOWN, 30, 30)

    def test_of_evidence_that_no_file_gives_back(self, fakes, run):
        odd = dataclasses.replace(fakes.TINY, measure=lambda cell, setting: Evidence([], {"v": [object()]}))
        laid, _, found = run([odd], grid("a=1"))
        assert "a file would not give it back" in laid.failures[0]
        assert found["fake.tiny"].cells == 0


class TestTables:
    def test_have_a_row_for_each_point_and_each_finding(self, fakes, run, tmp_path):
        _, _, found = run([fakes.HOLDS], grid("n=1,2,3", repetitions=2))
        points, findings = tables(tmp_path, "fake.holds")
        assert (points.num_rows, findings.num_rows) == (12 * 3, 12)
        assert found["fake.holds"].document() == {
            "cells": 12,
            "failed": 0,
            "other_code": 0,
            "foreign": 0,
            "findings": {"HOLDS": 6, "VIOLATED": 0, "HYPOTHESES_NOT_MET": 0, "INCONCLUSIVE": 0},
            "controls": {"halved": {"HOLDS": 0, "VIOLATED": 6, "HYPOTHESES_NOT_MET": 0, "INCONCLUSIVE": 0}},
        }
        assert findings["cell"].to_pylist() == list(range(12))
        assert findings["control"].to_pylist() == [""] * 6 + ["halved"] * 6
        assert findings["n"].to_pylist() == [1, 1, 2, 2, 3, 3] * 2
        assert findings["repetition"].to_pylist() == [0, 1] * 6
        assert findings["form"].to_pylist() == ["paper"] * 12
        assert json.loads(findings["margins"][0].as_py()) == {"n ≥ 1": 1.0}

    def test_are_a_store(self, fakes, run, tmp_path):
        run([fakes.TINY], grid("a=1,2"), tmp_path / swept.NAME)
        (stored,) = store.read(tmp_path, swept.NAME)
        assert (stored.key, stored.claim["cells"], len(stored.frame)) == ("fake.tiny", 2, 6)
        assert json.loads(pq.read_metadata(tmp_path / "sweep/fake.tiny.parquet").metadata[METADATA])["provenance"][
            "date"
        ]

    def test_are_in_the_order_of_the_parameters(self, fakes, run, tmp_path):
        run([fakes.TINY], grid("a=30,4", "b=-0.0,1e-9,inf,-2.5", "word=b,a,aa"))
        run([fakes.TINY], grid("a=-1,1000000", "b=0.5", "word=a"), seed=1)
        findings = tables(tmp_path)[1]
        rows = list(zip(*(findings[name].to_pylist() for name in ("a", "b", "word")), strict=True))
        assert rows == sorted(rows)
        assert len(rows) == 26

    def test_of_unlike_cells_have_the_columns_and_types_of_all(self, fakes, run, tmp_path, monkeypatch):
        monkeypatch.setattr(swept, "_BATCH", 2)

        def measure(cell, setting):
            kinds = {1: {"x": np.arange(2)}, 2: {"x": np.ones(1), "y": ["u"]}, 3: {"z": np.zeros(3, "f4")}}
            return Evidence([fakes.finding(cell, 0.5)], kinds[1 + cell.parameters["a"] % 3])

        own = [Cell({"a": 0, "start": 0.5}), Cell({"a": 0, "start": "far"}), Cell({"a": 0})]
        claim = dataclasses.replace(fakes.TINY, measure=measure, cells=lambda profile: own)
        run([claim], grid("a=0,1,2,3,4"))
        points, _ = tables(tmp_path)
        whole = {name: str(points.schema.field(name).type) for name in ("a", "start", "x", "y", "z")}
        assert whole == {"a": "int64", "start": "string", "x": "double", "y": "string", "z": "float"}
        assert points.num_rows == 3 * (2 + 1 + 3 + 2 + 1)
        assert points["x"].null_count == 9
        assert set(points["start"].to_pylist()) == {None, "0.5", "far"}

    def test_a_parameter_does_not_hide_what_was_found(self, fakes, run, tmp_path):
        claim = dataclasses.replace(fakes.TINY, cells=lambda profile: [Cell({"form": "tall", "slack": 3})])
        run([claim], Grid())
        _, findings = tables(tmp_path)
        assert (findings["cell_form"].to_pylist(), findings["form"].to_pylist()) == (["tall"], [""])
        assert (findings["cell_slack"].to_pylist(), findings["slack"].type) == ([3], "double")


class TestTheStore:
    def test_that_is_full_ends_the_sweep(self, fakes, run, tmp_path, monkeypatch):
        whole = Journal.append

        def append(self, key, content, *, done):
            if self._end > 3000:
                raise OSError(errno.ENOSPC, "No space left on device")
            whole(self, key, content, done=done)

        monkeypatch.setattr(Journal, "append", append)
        laid, _, found = run([fakes.TINY], grid("a=1,2", repetitions=20))
        assert laid.stopped == f"the store in {tmp_path} takes no more cells (No space left on device)"
        assert 0 < laid.plans[0].measured == found["fake.tiny"].cells < 40
        monkeypatch.setattr(Journal, "append", whole)
        again, _, _ = run([fakes.TINY], grid("a=1,2", repetitions=20))
        assert (again.complete, again.plans[0].earlier) == (True, laid.plans[0].measured)

    def test_that_cannot_be_written_is_known_before_anything_is_measured(self, fakes, run, tmp_path):
        (tmp_path / "store").write_text("")
        laid, events, found = run([fakes.TINY], grid("a=1"), tmp_path / "store")
        assert (len(events), laid.complete, found) == (1, False, {})
        assert "takes no more cells (Not a directory)" in laid.stopped

    def test_whose_tables_cannot_be_written_keeps_the_cells(self, fakes, run, tmp_path):
        (tmp_path / "findings").write_text("")
        laid, _, found = run([fakes.TINY], grid("a=1"))
        assert (laid.complete, found) == (True, {})
        assert f"the tables of fake.tiny in {tmp_path} cannot be written (File exists)" in laid.stopped
        (tmp_path / "findings").unlink()
        laid, _, found = run([fakes.TINY], grid("a=1"))
        assert (laid.stopped, laid.plans[0].earlier, found["fake.tiny"].cells) == ("", 1, 1)

    def test_keeps_cells_that_have_no_table(self, fakes, run, tmp_path):
        odd = dataclasses.replace(fakes.TINY, measure=lambda cell, setting: Evidence([], {"v": np.ones(2, complex)}))
        laid, _, _ = run([odd], grid("a=1"))
        assert laid.complete
        assert "cannot be written (Unsupported numpy type" in laid.stopped
        assert not list(tmp_path.rglob("*.tmp"))

    def test_leaves_no_drafts(self, fakes, run, tmp_path):
        (tmp_path / ".fake.tiny.123.tmp").write_text("half a table")
        (tmp_path / ".fake.other.123.tmp").write_text("another's")
        run([fakes.TINY], grid("a=1"))
        assert [path.name for path in tmp_path.glob(".*.tmp")] == [".fake.other.123.tmp"]


def test_workers_that_are_gone_end_the_sweep(fakes, run, monkeypatch):
    def outcomes(tasks, where, claims):
        raise Lost("no scheduler")
        yield

    monkeypatch.setattr(sweep, "outcomes", outcomes)
    laid, _, _ = run([fakes.TINY], grid("a=1"))
    assert (laid.complete, laid.stopped) == (False, "the workers are gone (no scheduler)")


class TestInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"profile": "slow"}, "profile is 'slow'; it must be quick or paper"),
            ({"seed": -1}, "seed is -1; it must be at least 0"),
            ({"seed": 2**63}, "seed is 9223372036854775808; it must be below 2\\^63"),
            ({"backend": "torch"}, "backend is 'torch'; it must be numpy or cupy"),
            ({"where": Where(0)}, "jobs is 0; it must be at least 1"),
        ],
    )
    def test_is_checked_before_anything_is_measured(self, fakes, run, options, message):
        with pytest.raises(BadInput, match=message):
            run([fakes.TINY], grid("a=1"), **options)

    @pytest.mark.parametrize("where", [Where(2), Where(1, Limits(timeout=1)), Where(1, dask="tcp://a:1")])
    def test_a_claim_that_other_processes_cannot_find_is_refused(self, fakes, run, where):
        with pytest.raises(BadInput, match=r"claim is 'fake\.tiny'; it must be in the registry"):
            run([dataclasses.replace(fakes.TINY)], grid("a=1"), where=where)

    def test_a_grid_that_raises_is_refused(self, fakes, run):
        with pytest.raises(BadInput, match=r"the grid of fake\.nogrid in profile quick raises RuntimeError: no grid"):
            run([fakes.NO_GRID], Grid())
