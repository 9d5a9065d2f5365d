"""Running claims: the same figures however they are spread, and no cell that stops another."""

import contextlib
import dataclasses
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from theory import arrays
from theory.checks import BadInput
from theory.claims.verdict import Verdict
from theory.runs import engine
from theory.runs.document import claim_document
from theory.runs.kept import Kept


def results(claims, **options):
    return {result.claim.key: result for result in engine.run(claims, **options)}


def figures(result):
    document = claim_document(result)
    document.pop("seconds")
    points = [{name: column.tolist() for name, column in o.evidence.points.items()} for o in result.outcomes]
    return document, points


class TestFigures:
    def test_are_the_same_bit_for_bit_for_any_number_of_processes(self, fakes):
        claims = [fakes.HOLDS, fakes.PRINTS]
        one, three = results(claims, jobs=1), results(claims, jobs=3)
        assert list(map(figures, one.values())) == [figures(three[key]) for key in one]

    def test_are_the_same_whatever_else_is_run(self, fakes):
        alone = results([fakes.HOLDS], jobs=1)["fake.holds"]
        beside = results([fakes.VIOLATED, fakes.HOLDS], jobs=1)["fake.holds"]
        assert figures(alone) == figures(beside)

    def test_of_a_cell_are_the_same_in_a_larger_grid(self, fakes):
        quick = results([fakes.HOLDS], jobs=1)["fake.holds"]
        paper = results([fakes.HOLDS], jobs=1, profile="paper")["fake.holds"]
        assert len(paper.outcomes) == 6
        assert claim_document(paper)["instances"][:3] == claim_document(quick)["instances"][:3]

    def test_depend_on_the_seed(self, fakes):
        one, two = (results([fakes.HOLDS], jobs=1, seed=seed)["fake.holds"] for seed in (1, 2))
        assert figures(one) != figures(two)

    def test_come_in_the_order_of_the_grid(self, fakes):
        result = results([fakes.HOLDS], jobs=2)["fake.holds"]
        assert [outcome.task.index for outcome in result.outcomes] == [0, 1, 2, 3]
        assert [cell.parameters["n"] for cell, _ in result.findings] == [1, 2, 3, 3]


class TestTakingUp:
    """A run with a folder of kept cells."""

    @pytest.fixture
    def interrupted(self, fakes, tmp_path):
        """Two of four cells of a claim, measured and kept."""
        kept = Kept(tmp_path)

        def stop(event):
            if event.all_done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(engine.run([fakes.HOLDS], jobs=1, kept=kept, on_event=stop))
        return kept

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_gives_the_figures_of_one_go(self, fakes, interrupted, jobs):
        events = []
        found = results([fakes.HOLDS], jobs=jobs, kept=interrupted, on_event=events.append)["fake.holds"]
        assert figures(found) == figures(results([fakes.HOLDS], jobs=1)["fake.holds"])
        assert (events[0].key, events[0].all_done, events[0].all_total, events[0].outcome) == ("", 2, 4, None)
        assert [task.index for task in events[0].waiting] == [2, 3]
        assert [(event.done, event.all_done) for event in events[1:]] == [(3, 3), (4, 4)]
        assert sorted(event.outcome.task.index for event in events[1:]) == [2, 3]

    def test_of_all_cells_measures_none(self, fakes, interrupted, monkeypatch):
        first = results([fakes.HOLDS], jobs=1, kept=interrupted)["fake.holds"]
        monkeypatch.setattr(engine, "outcomes", lambda tasks, where, claims: iter(tasks))
        again = results([fakes.HOLDS], jobs=1, kept=interrupted)["fake.holds"]
        assert figures(again) == figures(first)
        assert again.seconds == first.seconds

    def test_is_per_seed(self, fakes, interrupted):
        events = []
        results([fakes.HOLDS], jobs=1, seed=1, kept=interrupted, on_event=events.append)
        assert (events[0].all_done, len(events[0].waiting)) == (0, 4)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("name", "verdict", "passed"),
        [
            ("HOLDS", Verdict.HOLDS, True),
            ("VIOLATED", Verdict.VIOLATED, False),
            ("UNREFUTED", Verdict.HOLDS, False),
            ("UNCONTROLLED", Verdict.HOLDS, False),
            ("UNMET", Verdict.HYPOTHESES_NOT_MET, False),
            ("UNDECIDED", Verdict.INCONCLUSIVE, False),
            ("RAISES", Verdict.INCONCLUSIVE, False),
            ("LEAVES", Verdict.INCONCLUSIVE, False),
            ("NO_GRID", Verdict.INCONCLUSIVE, False),
            ("EMPTY", Verdict.INCONCLUSIVE, False),
            ("TWICE", Verdict.INCONCLUSIVE, False),
        ],
    )
    def test_of_each_kind(self, fakes, name, verdict, passed):
        claim = getattr(fakes, name)
        result = results([claim], jobs=1)[claim.key]
        assert result.verdict.verdict is verdict
        assert result.verdict.passed is passed

    def test_an_error_names_the_cell(self, fakes):
        assert results([fakes.RAISES], jobs=1)["fake.raises"].errors == (
            "n=2 law=uniform: ValueError: two is too many",
        )

    def test_an_error_leaves_the_other_cells_and_a_violation_as_they_are(self, fakes):
        def measure(cell, setting):
            return fakes.raising(cell, setting) if cell.parameters["n"] == 2 else fakes.too_large(cell, setting)

        result = results([dataclasses.replace(fakes.HOLDS, measure=measure)], jobs=1)["fake.holds"]
        assert result.verdict.verdict is Verdict.VIOLATED
        assert len(result.errors) == 1
        assert len(list(result.findings)) == 3

    def test_a_grid_that_fails_names_the_profile(self, fakes):
        errors = results([fakes.NO_GRID], jobs=1, profile="paper")["fake.nogrid"].errors
        assert errors == ("the grid of profile paper: RuntimeError: no grid today",)

    def test_a_cell_that_stands_twice_is_an_error(self, fakes):
        assert "cell 2 is a second n=1" in results([fakes.TWICE], jobs=1)["fake.twice"].errors[0]


class TestProcesses:
    def test_a_dead_worker_costs_its_own_cell_only(self, fakes):
        found = results([fakes.DIES, fakes.HOLDS], jobs=2)
        assert found["fake.dies"].errors == ("n=2 law=uniform: its worker process died (exit code 9)",)
        assert found["fake.dies"].verdict.verdict is Verdict.INCONCLUSIVE
        assert len(list(found["fake.dies"].findings)) == 3
        assert figures(found["fake.holds"]) == figures(results([fakes.HOLDS], jobs=1)["fake.holds"])

    def test_evidence_that_cannot_be_sent_is_the_claims_error(self, fakes):
        result = results([fakes.UNSENDABLE], jobs=2)["fake.unsendable"]
        assert len(result.errors) == 4
        assert "lambda" in result.errors[0]

    def test_closing_the_run_ends_its_workers_at_once(self, fakes, tmp_path, monkeypatch):
        monkeypatch.setenv("FAKE_PIDS", str(tmp_path))
        with contextlib.closing(engine.run([fakes.SLOW, fakes.HOLDS], jobs=2)) as running:
            threading.Thread(target=close_when, args=(lambda: len(list(tmp_path.iterdir())) == 2,)).start()
            with pytest.raises(KeyboardInterrupt):
                next(running)
        assert [pid for pid in tmp_path.iterdir() if alive(pid.name)] == []

    def test_a_claim_that_other_processes_cannot_find_is_refused(self, fakes):
        with pytest.raises(BadInput, match=r"claim is 'fake\.holds'; it must be in the registry"):
            engine.run([dataclasses.replace(fakes.HOLDS)], jobs=2)

    def test_available_cpus(self, monkeypatch):
        assert 1 <= arrays.available() <= (os.cpu_count() or 1)
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: None)
        assert arrays.available() == 1


def close_when(ready):
    """Press Ctrl-C, once it is time to."""
    deadline = time.monotonic() + 100
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def alive(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class TestInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"profile": "slow"}, "profile is 'slow'; it must be quick or paper"),
            ({"seed": -1}, "seed is -1; it must be at least 0"),
            ({"jobs": 0}, "jobs is 0; it must be at least 1"),
            ({"jobs": 1.5}, "jobs is 1.5; it must be a whole number, at least 1"),
            ({"backend": "torch"}, "backend is 'torch'; it must be numpy or cupy"),
        ],
    )
    def test_is_checked_before_the_first_result_is_asked_for(self, fakes, options, message):
        with pytest.raises(BadInput, match=message.replace("(", r"\(")):
            engine.run([fakes.HOLDS], **options)

    def test_jobs_are_one_per_cpu_by_default(self, fakes, monkeypatch):
        asked = []
        monkeypatch.setattr(engine, "outcomes", lambda tasks, where, claims: asked.append(where.jobs) or iter(()))
        assert list(engine.run([fakes.HOLDS])) == []
        assert asked == [arrays.available()]


def test_progress_counts_every_cell(fakes):
    events = []
    list(engine.run([fakes.HOLDS, fakes.VIOLATED], jobs=1, on_event=events.append))
    assert [event.all_done for event in events] == list(range(9))
    assert {event.all_total for event in events} == {8}
    assert [event.done for event in events if event.key == "fake.holds"] == [1, 2, 3, 4]


def test_streams_of_cells_differ(fakes):
    result = results([fakes.HOLDS], jobs=1)["fake.holds"]
    first = np.array([outcome.evidence.points["value"] for outcome in result.outcomes])
    assert len(np.unique(first)) == first.size
