"""A run that is interrupted or killed is taken up again: same figures, bit for bit, and no cell measured twice."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from theory.runs import store

WAITS = ["verify", "fake.waits", "--jobs"]


def wait_for(ready):
    deadline = time.monotonic() + 100
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def cells(tmp_path, key="fake.waits"):
    return sorted((tmp_path / "results" / "quick" / ".cells" / key).glob("*/[!.]*.cell"))


def measured(tmp_path):
    """The cells of the claim that waits, as they were measured since the last time somebody asked."""
    path = tmp_path / "measured"
    found = sorted(path.read_text().split()) if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def figures(tmp_path):
    """All that was stored, to the last bit, without what tells one run from another."""
    stored = {}
    for one in store.read(tmp_path / "results", "quick"):
        columns = {name: column.to_numpy() for name, column in one.frame.items()}
        rows = {name: c.tobytes() if c.dtype != object else c.tolist() for name, c in columns.items()}
        stored[one.key] = rows, {**one.claim, "seconds": 0}, {**one.provenance, "date": ""}
    return stored


@pytest.fixture
def stopped(environment, tmp_path):
    """Start a run, and stop it once the cells 1 and 2 of the claim that waits are kept, and 3 is being measured."""

    def stop(how, *arguments):
        (tmp_path / "wait").touch()
        command = [sys.executable, "-m", "theory", *arguments]
        with (tmp_path / "said").open("w+") as said:
            process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=said)
            log = tmp_path / "measured"
            wait_for(
                lambda: (
                    process.poll() is not None
                    or (len(cells(tmp_path)) == 2 and log.exists() and "3" in log.read_text().split())
                )
            )
            running = process.poll() is None
            process.send_signal(how)
            process.wait(100)
            said.seek(0)
            assert running, said.read()
        (tmp_path / "wait").unlink()
        measured(tmp_path)
        return process.returncode

    return stop


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_ended_run_is_taken_up_again(stopped, command, tmp_path, how, code):
    assert stopped(how, *WAITS, "2") == code
    assert not list((tmp_path / "results" / "quick").glob("*.parquet"))
    done = command(*WAITS, "2")
    assert done.returncode == 0
    assert measured(tmp_path) == ["3", "3halved"]
    assert done.stderr.splitlines()[0] == ("taking up 2 of 4 cells of an interrupted run (--rerun measures them anew)")
    taken_up = figures(tmp_path)
    shutil.rmtree(tmp_path / "results")
    assert command(*WAITS, "2").returncode == 0
    assert figures(tmp_path) == taken_up


def test_so_are_the_claims_that_were_finished(stopped, command, tmp_path):
    """A claim's verdict is stored when its cells are done, but they are kept until the whole run has ended."""
    arguments = ["verify", "fake.holds", "fake.waits", "--jobs", "1"]
    assert stopped(signal.SIGINT, *arguments) == 130
    before = figures(tmp_path)
    assert list(before) == ["fake.holds"]
    done = command(*arguments)
    assert done.stderr.startswith("taking up 6 of 8 cells")
    assert figures(tmp_path)["fake.holds"] == before["fake.holds"]
    assert not (tmp_path / "results" / "quick" / ".cells").exists()


class TestAFinishedRun:
    def test_keeps_no_cells_and_is_measured_anew(self, command, tmp_path):
        for _ in range(2):
            done = command(*WAITS, "1")
            assert (done.returncode, len(measured(tmp_path))) == (0, 4)
            assert "taking up" not in done.stderr
            assert [path.name for path in (tmp_path / "results" / "quick").iterdir()] == ["fake.waits.parquet"]

    def test_with_errors_keeps_what_was_measured(self, command, tmp_path):
        """What fails may be for want of memory: the other cells need not be measured again."""
        assert command("verify", "fake.raises", "fake.holds", "--jobs", "1").returncode == 1
        assert len(cells(tmp_path, "fake.raises")) == 3
        assert cells(tmp_path, "fake.holds") == []
        assert command("verify", "fake.raises", "--jobs", "1").stderr.startswith("taking up 3 of 4 cells")


class TestAnInterruptedRun:
    @pytest.fixture
    def interrupted(self, stopped):
        stopped(signal.SIGKILL, *WAITS, "1")

    @pytest.mark.parametrize("options", [["--rerun"], ["--seed", "1"], ["--profile", "paper"]])
    def test_is_measured_anew_if_asked_or_if_something_differs(self, interrupted, command, tmp_path, options):
        done = command(*WAITS, "1", *options)
        assert done.returncode == 0
        assert len(measured(tmp_path)) == (6 if "paper" in options else 4)
        assert "taking up" not in done.stderr
        assert len(cells(tmp_path)) == (0 if "--rerun" in options else 2)

    def test_a_damaged_cell_is_measured_again(self, interrupted, command, tmp_path):
        path = cells(tmp_path)[0]
        path.write_bytes(path.read_bytes()[:-7])
        done = command(*WAITS, "1")
        assert done.returncode == 0
        assert len(measured(tmp_path)) == 3
        assert done.stderr.startswith("taking up 1 of 4 cells")

    def test_so_is_what_changed_code_would_measure(self, interrupted, command, environment, fakes, tmp_path):
        changed = tmp_path / "changed"
        changed.mkdir()
        text = Path(fakes.__file__).read_text()
        (changed / "fake_claims.py").write_text(text + "\n# another line\n")
        environment["PYTHONPATH"] = os.pathsep.join([str(changed), environment["PYTHONPATH"]])
        assert "taking up" not in command(*WAITS, "1").stderr
        assert len(measured(tmp_path)) == 4


class TestImages:
    IMAGES = ["verify", "fake.images", "--jobs", "2", "--json"]

    def write(self, path, fill):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2, 4, 4) + bytes([fill]) * 32)

    def test_are_found_by_every_process_and_recorded_without_their_folder(self, command, tmp_path):
        self.write(tmp_path / "mine" / "some.idx", 255)
        done = command(*self.IMAGES, "--images", "mine/some.idx")
        document = json.loads(done.stdout)
        assert {i["sum"] for i in document["claims"][0]["instances"]} == {32}
        (stored,) = store.read(tmp_path / "results", "quick")
        digest = document["provenance"]["images_sha256"]
        assert len(digest) == 64
        assert stored.provenance["images_sha256"] == digest
        assert set(stored.frame["image_source"]) == {f"some.idx ({digest[:8]})"}
        assert stored.provenance["images"] == document["provenance"]["images"] == f"some.idx ({digest[:8]})"
        assert "mine" not in json.dumps(document["provenance"])

    def test_are_the_digits_by_default_and_leave_the_random_streams_alone(self, command, tmp_path):
        self.write(tmp_path / "some.idx", 7)
        bundled, own = (
            json.loads(command(*self.IMAGES[:3], "1", "--json", *more).stdout)
            for more in ([], ["--images", "some.idx"])
        )
        assert (bundled["provenance"]["images"], own["provenance"]["images"][:8]) == ("digits", "some.idx")
        drawn = [[i["drawn"] for i in document["claims"][0]["instances"]] for document in (bundled, own)]
        assert drawn[0] == drawn[1]

    def test_other_images_at_the_same_path_are_measured_anew(self, stopped, command, tmp_path):
        arguments = [*WAITS, "1", "--images", "some.idx"]
        self.write(tmp_path / "some.idx", 7)
        stopped(signal.SIGKILL, *arguments)
        self.write(tmp_path / "some.idx", 8)
        assert "taking up" not in command(*arguments).stderr
        self.write(tmp_path / "some.idx", 7)
        assert "taking up 2 of 4" in command(*arguments).stderr


class TestEstimate:
    PAPER = ["verify", "fake.holds", "--jobs", "1", "--profile", "paper"]

    def test_the_paper_profile_begins_with_one(self, command):
        first = command(*self.PAPER).stderr.splitlines()[0]
        assert first == "paper profile: no earlier run of these claims to estimate the time by"
        first = command(*self.PAPER).stderr.splitlines()[0]
        assert re.fullmatch(r"paper profile: about \d+ s on 1 process, going by the last run", first)

    def test_the_quick_profile_does_not(self, command):
        assert "process" not in command("verify", "fake.holds", "--jobs", "1").stderr
