"""A run that is interrupted or killed is taken up again: same figures, bit for bit, and no cell measured twice."""

import json
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest

from theory.runs import store

WAITS = ["verify", "fake.waits", "--jobs"]


def wait_for(ready):
    deadline = time.monotonic() + 100
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def cells(tmp_path):
    return sorted((tmp_path / "results" / "quick" / ".cells").glob("*.cell"))


def measured(tmp_path):
    return sorted((tmp_path / "measured").read_text().split())


def figures(tmp_path):
    """Rows and verdict as they were stored, without what tells one run from another."""
    (stored,) = store.read(tmp_path / "results", "quick")
    return stored.frame.to_csv(float_format="%.17g"), {**stored.claim, "seconds": 0}


@pytest.fixture
def stopped(environment, tmp_path):
    """Start a run, and stop it once the cells 1 and 2 are kept and 3 is being measured."""

    def stop(how, jobs):
        (tmp_path / "wait").touch()
        arguments = [sys.executable, "-m", "theory", *WAITS, jobs]
        process = subprocess.Popen(arguments, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: process.poll() is not None or (len(cells(tmp_path)) == 2 and "3" in measured(tmp_path)))
        assert process.poll() is None, process.stderr.read()
        process.send_signal(how)
        process.communicate(timeout=100)
        (tmp_path / "wait").unlink()
        return process.returncode

    return stop


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_ended_run_is_taken_up_again(stopped, command, tmp_path, how, code, jobs):
    assert stopped(how, jobs) == code
    assert not list((tmp_path / "results" / "quick").glob("*.parquet"))
    (tmp_path / "measured").unlink()
    done = command(*WAITS, jobs)
    assert done.returncode == 0
    assert measured(tmp_path) == ["3", "3halved"]
    assert done.stderr.startswith("2 of 4 cells are taken from results/quick/.cells; --rerun measures them anew\n")
    taken_up = figures(tmp_path)
    shutil.rmtree(tmp_path / "results")
    assert command(*WAITS, jobs).returncode == 0
    assert figures(tmp_path) == taken_up


class TestAFinishedRun:
    @pytest.fixture
    def finished(self, command, tmp_path):
        assert command(*WAITS, "1").returncode == 0
        (tmp_path / "measured").unlink()
        return figures(tmp_path)

    def again(self, command, tmp_path, *options):
        done = command(*WAITS, "1", *options)
        found = measured(tmp_path) if (tmp_path / "measured").exists() else []
        return done, found

    def test_is_not_measured_again(self, finished, command, tmp_path):
        done, found = self.again(command, tmp_path)
        assert (done.returncode, found) == (0, [])
        assert figures(tmp_path) == finished

    @pytest.mark.parametrize("options", [["--rerun"], ["--seed", "1"], ["--profile", "paper", "--rerun"]])
    def test_is_measured_anew_if_asked_or_if_something_differs(self, finished, command, tmp_path, options):
        done, found = self.again(command, tmp_path, *options)
        assert done.returncode == 0
        assert len(found) == (6 if "paper" in options else 4)
        assert "cells are taken" not in done.stderr

    @pytest.mark.parametrize("damage", [b"", b"\n", b"0" * 64 + b"\nhalf", None])
    def test_a_damaged_cell_is_measured_again(self, finished, command, tmp_path, damage):
        path = cells(tmp_path)[0]
        path.write_bytes(path.read_bytes()[:-7] if damage is None else damage)
        done, found = self.again(command, tmp_path)
        assert (done.returncode, len(found)) == (0, 1)
        assert figures(tmp_path) == finished
        assert self.again(command, tmp_path)[1] == found


class TestImages:
    def write(self, path, fill):
        path.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2, 4, 4) + bytes([fill]) * 32)

    def test_are_passed_on_and_recorded(self, command, tmp_path):
        self.write(tmp_path / "some.idx", 7)
        done = command("verify", "fake.images", "--jobs", "2", "--json", "--images", "some.idx")
        document = json.loads(done.stdout)
        assert {i["images"] for i in document["claims"][0]["instances"]} == {"some.idx"}
        (stored,) = store.read(tmp_path / "results", "quick")
        assert stored.provenance["images"] == document["provenance"]["images"] == "some.idx"
        assert len(stored.provenance["images_sha256"]) == 64

    def test_are_the_bundled_digits_by_default(self, command):
        document = json.loads(command("verify", "fake.images", "--jobs", "1", "--json").stdout)
        assert {i["images"] for i in document["claims"][0]["instances"]} == {"digits"}

    def test_other_images_at_the_same_path_are_measured_anew(self, command, tmp_path):
        arguments = ["verify", "fake.images", "--jobs", "1", "--images", "some.idx"]
        for fill, taken in ((7, False), (7, True), (8, False)):
            self.write(tmp_path / "some.idx", fill)
            assert ("cells are taken" in command(*arguments).stderr) is taken


class TestEstimate:
    def test_the_paper_profile_begins_with_one_that_names_its_source(self, command):
        first = command("verify", "fake.holds", "--jobs", "1", "--profile", "paper").stderr.splitlines()[0]
        assert first == "paper profile: no estimate for all cells; nothing was recorded before"
        command("verify", "fake.holds", "--jobs", "1")
        first = command("verify", "fake.holds", "--jobs", "2", "--profile", "paper", "--rerun").stderr.splitlines()[0]
        assert first.endswith(
            " on 2 processes for all cells; rests on the seconds recorded in results/paper for 1 claim"
        )

    def test_the_quick_profile_stands_in_where_there_is_nothing_better(self, command):
        command("verify", "fake.holds", "--jobs", "1")
        first = command("verify", "fake.holds", "--jobs", "1", "--profile", "paper").stderr.splitlines()[0]
        assert first.endswith("recorded in results/quick (smaller cells) for 1 claim")
