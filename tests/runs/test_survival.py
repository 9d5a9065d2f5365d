"""Whatever happens to a sweep: the store can be read, no finished cell is lost, and the same command completes it."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from theory.runs import sweep
from theory.runs.grid import Grid, over

TINY = ["sweep", "fake.tiny"]


def tables(folder, key="fake.tiny"):
    """Both tables, to the last bit, without the commit."""
    return [pq.read_table(path / f"{key}.parquet").drop_columns("commit") for path in (folder, folder / "findings")]


@pytest.fixture
def undisturbed(fakes, tmp_path_factory):
    """The tables of a sweep in this process that nothing happens to."""

    def measure(axes, repetitions):
        folder = tmp_path_factory.mktemp("undisturbed")
        laid = sweep.lay([fakes.TINY], Grid(tuple(map(over, axes)), repetitions), folder)
        list(laid.run())
        laid.tables()
        return tables(folder)

    return measure


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid):
    """The processes of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def wait_for(ready, seconds=100):
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


class TestKilled:
    """``kill -9`` at 50 random moments, and more."""

    # In 24 cells of 2 ms, and the tables; where processes measure, they first have to start.
    @pytest.mark.parametrize(("jobs", "kills", "longest"), [(1, 50, 0.14), (2, 2, 3.0)])
    def test_the_main_process(self, environment, undisturbed, command, tmp_path, jobs, kills, longest):
        (tmp_path / "pids" / "slow").write_text("0.002")
        script = [sys.executable, str(Path(__file__).with_name("killed.py"))]
        arguments = [str(tmp_path / "results" / "sweep"), str(kills), str(jobs), str(longest)]
        done = subprocess.run([*script, *arguments], env=environment, capture_output=True, text=True, timeout=500)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split()[0] == str(kills)
        (tmp_path / "pids" / "slow").unlink()
        assert command(*TINY, "--over", "a=1,2,3", "--repeat", "8", "--jobs", "1").returncode == 0
        assert tables(tmp_path / "results" / "sweep") == undisturbed(["a=1,2,3"], 8)

    def test_workers(self, environment, undisturbed, command, tmp_path):
        """Four of them, in the middle of a cell: it is measured again; one that was hit twice has failed, for now."""
        (tmp_path / "pids" / "slow").write_text("0.1")
        arguments = [*TINY, "--over", "a=1,2,3", "--repeat", "40", "--jobs", "2"]
        run = [sys.executable, "-m", "theory", *arguments]
        process = subprocess.Popen(run, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        rng, dead = np.random.default_rng(0), set()
        journals = tmp_path / "results" / "sweep" / ".cells" / "fake.tiny"

        def size():
            return sum(path.stat().st_size for path in journals.glob("*.journal"))

        for _ in range(4):
            before = size()
            wait_for(lambda before=before: size() > before)
            living = wait_for(lambda: [pid for pid in children(process.pid) if alive(pid) and pid not in dead])
            dead.add(pid := int(rng.choice(living)))
            time.sleep(float(rng.uniform(0, 0.1)))
            os.kill(pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=200)
        failed = [line for line in out.splitlines() if line.startswith("failed: ")]
        assert process.returncode == bool(failed)
        assert all(line.endswith(": its worker process died (killed, or out of memory)") for line in failed)
        assert out.startswith(f"fake.tiny  {120 - len(failed)} of 120 cells done")
        assert len(failed) <= 2
        (tmp_path / "pids" / "slow").unlink()
        assert command(*arguments[:-2], "--jobs", "1").returncode == 0
        assert tables(tmp_path / "results" / "sweep") == undisturbed(["a=1,2,3"], 40)

    def test_its_workers_end_with_it(self, environment, tmp_path):
        (tmp_path / "pids" / "slow").write_text("60")
        run = [sys.executable, "-m", "theory", *TINY, "--over", "a=1,2,3", "--jobs", "2"]
        process = subprocess.Popen(run, cwd=tmp_path, env=environment)
        journals = tmp_path / "results" / "sweep" / ".cells" / "fake.tiny"
        workers = wait_for(lambda: len(found := children(process.pid)) == 2 and journals.is_dir() and found)
        process.kill()
        process.wait()
        wait_for(lambda: not any(map(alive, workers)))


class TestCells:
    def test_that_misbehave_fail_alone_and_the_next_sweep_completes(self, command, tmp_path):
        (tmp_path / "pids" / "bad").touch()
        arguments = ["sweep", "fake.bad", "--over", "how=well,raise,hang,die,eat", "--timeout", "6"]
        arguments += ["--memory-limit", "400MB", "--jobs"]
        done = command(*arguments, "2")
        assert done.returncode == 1
        first, *failed, last = done.stdout.splitlines()
        assert first.startswith("fake.bad  1 of 5 cells done, 4 failed; in the store 1 cells: 1 HOLDS")
        too_much = "MemoryError: Unable to allocate 76.3 MiB for an array with shape (10000000,) and data type float64"
        assert sorted(failed) == [
            "failed: fake.bad how=die: its worker process died (SIGSEGV)",
            f"failed: fake.bad how=eat: {too_much}",
            "failed: fake.bad how=hang: not done after 6 s (--timeout)",
            "failed: fake.bad how=raise: ValueError: never today",
        ]
        assert last == "4 of 5 cells are not done; the same command goes on from there"
        (tmp_path / "pids" / "bad").unlink()
        done = command(*arguments, "1")
        assert (done.returncode, done.stdout.partition(";")[0]) == (0, "fake.bad  5 of 5 cells done (1 earlier)")

    def test_the_same_command_with_one_job_has_its_limits_as_well(self, command, tmp_path):
        (tmp_path / "pids" / "bad").touch()
        done = command("sweep", "fake.bad", "--over", "how=hang,well", "--timeout", "2", "--jobs", "1")
        assert (done.returncode, done.stdout.partition(";")[0]) == (1, "fake.bad  1 of 2 cells done, 1 failed")


class TestTheStore:
    def test_of_two_sweeps_at_once_has_the_cells_of_both(self, environment, undisturbed, tmp_path):
        (tmp_path / "pids" / "slow").write_text("0.01")
        runs = [
            [sys.executable, "-m", "theory", *TINY, "--over", f"a={a}", "--repeat", "20", "--jobs", "1"]
            for a in ("1,2,3", "2,3,4")
        ]
        both = [subprocess.Popen(run, cwd=tmp_path, env=environment) for run in runs]
        assert [process.wait(200) for process in both] == [0, 0]
        assert tables(tmp_path / "results" / "sweep") == undisturbed(["a=1,2,3,4"], 20)

    def test_with_room_for_some_cells_keeps_those(self, command, undisturbed, tmp_path):
        """The system lets no file grow beyond 20 kB, and writes what still fits."""

        def narrow():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

        arguments = [*TINY, "--over", "a=1,2,3", "--repeat", "20", "--jobs", "1"]
        done = command(*arguments, preexec_fn=narrow)
        assert done.returncode == 1
        assert "stopped: the store in results/sweep takes no more cells (File too large)" in done.stdout
        kept = int(done.stdout.split()[1])
        assert 5 < kept < 55
        done = command(*arguments)
        assert (done.returncode, done.stdout.partition(";")[0]) == (
            0,
            f"fake.tiny  60 of 60 cells done ({kept} earlier)",
        )
        assert tables(tmp_path / "results" / "sweep") == undisturbed(["a=1,2,3"], 20)

    # A real disk that is full, then has room again, then can only be read; in a name space of its own.
    DISK = """
        mount -t tmpfs -o size=48k none results || exit 77
        "$@" --over a=1,2,3; echo "exit $?"
        mount -o remount,size=10m results
        "$@" --over a=1,2,3; echo "exit $?"
        mount -o remount,ro results
        "$@" --over a=1,2,3,4; echo "exit $?"
        cp -r results/sweep kept
    """

    def test_on_a_real_disk(self, environment, undisturbed, tmp_path):
        if not shutil.which("unshare"):
            pytest.skip("no unshare: a small disk cannot be mounted")
        (tmp_path / "results").mkdir()
        run = [sys.executable, "-m", "theory", *TINY, "--repeat", "20", "--jobs", "1"]
        mount = ["unshare", "--map-root-user", "--mount", "bash", "-c", self.DISK, "bash", *run]
        done = subprocess.run(mount, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        if done.returncode in (1, 77) and "exit" not in done.stdout:
            pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
        first, second, third = (part.strip() for part in done.stdout.split("exit ", 3)[:3])
        assert "takes no more cells (No space left on device)" in first
        assert "fake.tiny  60 of 60 cells done (" in second
        assert "takes no more cells (Read-only file system)" in third
        assert [line for line in done.stdout.splitlines() if line.startswith("exit")] == ["exit 1", "exit 0", "exit 1"]
        assert tables(tmp_path / "kept") == undisturbed(["a=1,2,3"], 20)


def test_memory_does_not_grow_with_the_cells(fakes, tmp_path):
    """4000 cells whose evidence is 100 kB each: kept, it would be 400 MB."""
    import dataclasses
    import tracemalloc

    def measure(cell, setting):
        return dataclasses.replace(fakes.tiny(cell, setting), points={"value": np.zeros(12_500)})

    claim = dataclasses.replace(fakes.TINY, measure=measure)
    laid = sweep.lay([claim], Grid((over("a=1"),), 400), tmp_path)
    tracemalloc.start()
    try:
        seen = [tracemalloc.get_traced_memory()[0] for _ in laid.run()]
        # What 300 cells leave behind is less than the evidence of three.
        assert max(seen[100:]) - seen[100] < 300_000
    finally:
        tracemalloc.stop()
