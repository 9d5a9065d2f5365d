"""Sweeps on Dask: a real scheduler and two real workers, each a process; one of them is killed in the middle."""

import contextlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from theory.checks import BadInput
from theory.runs import cluster, sweep
from theory.runs.child import NONE
from theory.runs.grid import Grid, over

pytest.importorskip("distributed", reason="Dask is not installed")

DOCS = Path(__file__).parent.parent.parent / "docs" / "cluster.md"
SLOW = "0.1"


def wait_for(ready, seconds=100):
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def tables(folder, key="fake.tiny"):
    return [pq.read_table(path / f"{key}.parquet").drop_columns("commit") for path in (folder, folder / "findings")]


def serially(claim, grid, tmp_path_factory):
    """The tables of the same sweep in this process."""
    here = tmp_path_factory.mktemp("here")
    laid = sweep.lay([claim], grid, here)
    list(laid.run())
    laid.tables()
    return tables(here, claim.key)


def done(tmp_path):
    """Cells that are in the store's journals, more or less: they are as long as each other."""
    paths = (tmp_path / "results" / "sweep" / ".cells" / "fake.tiny").glob("*.journal")
    return sum(path.read_bytes().count(b"\x93CELL") for path in paths)


@pytest.fixture
def dask(environment, tmp_path):
    """A scheduler and two workers; the file that says where it is, and the processes."""
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    near = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(file)]
    worker = [*dask, "worker", *near, "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path / "dask")]
    with (tmp_path / "dask.log").open("w") as log:
        options = {"cwd": tmp_path, "env": environment, "stdout": log, "stderr": log}
        scheduler = subprocess.Popen([*dask, "scheduler", *near, "--port", "0"], **options)
        wait_for(lambda: file.exists() and file.stat().st_size)
        workers = [subprocess.Popen(worker, **options) for _ in range(2)]
        try:
            yield file, scheduler, workers
        finally:
            for process in (scheduler, *workers):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()


def begin(environment, tmp_path, *arguments):
    run = [sys.executable, "-m", "theory", "sweep", "fake.tiny", "--over", "a=1,2,3", *arguments]
    return subprocess.Popen(
        run, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_worker_costs_nothing_and_rows_are_those_of_one_process(
    dask, environment, fakes, command, tmp_path, tmp_path_factory
):
    file, _, workers = dask
    (tmp_path / "pids" / "slow").write_text(SLOW)
    running = begin(environment, tmp_path, "--repeat", "40", "--dask", str(file))
    wait_for(lambda: done(tmp_path) > 20 or running.poll() is not None)
    workers[0].send_signal(signal.SIGKILL)
    assert done(tmp_path) < 120
    out, err = running.communicate(timeout=200)
    assert (running.returncode, out.partition(";")[0]) == (0, "fake.tiny  120 of 120 cells done"), err
    found = tables(tmp_path / "results" / "sweep")
    assert found == serially(fakes.TINY, Grid((over("a=1,2,3"),), 40), tmp_path_factory)
    # The same in processes of this machine.
    (tmp_path / "pids" / "slow").unlink()
    assert (
        command("sweep", "fake.tiny", "--over", "a=1,2,3", "--repeat", "40", "--jobs", "2", "--rerun").returncode == 0
    )
    assert tables(tmp_path / "results" / "sweep") == found
    # Products of matrices, whose last bits tell the number of threads; with the address instead of the file.
    address = json.loads(file.read_text())["address"]
    assert command("sweep", "fake.holds", "--dask", address).returncode == 0
    found = tables(tmp_path / "results" / "sweep", "fake.holds")
    assert found == serially(fakes.HOLDS, Grid(), tmp_path_factory)
    assert command("sweep", "fake.holds", "--jobs", "2", "--rerun").returncode == 0
    assert tables(tmp_path / "results" / "sweep", "fake.holds") == found


def test_a_killed_scheduler_ends_the_sweep_which_goes_on_elsewhere(dask, environment, command, tmp_path):
    file, scheduler, _ = dask
    (tmp_path / "pids" / "slow").write_text(SLOW)
    # By default, Dask hopes for half a minute that the scheduler comes back.
    environment["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "2s"
    running = begin(environment, tmp_path, "--repeat", "100", "--dask", str(file))
    wait_for(lambda: done(tmp_path) > 10 or running.poll() is not None)
    scheduler.send_signal(signal.SIGKILL)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 1, err
    assert "stopped: the workers are gone (" in out
    kept = int(out.split()[1])
    assert 10 < kept < 300
    (tmp_path / "pids" / "slow").unlink()
    again = command("sweep", "fake.tiny", "--over", "a=1,2,3", "--repeat", "100", "--jobs", "1")
    assert (again.returncode, again.stdout.partition(";")[0]) == (
        0,
        f"fake.tiny  300 of 300 cells done ({kept} earlier)",
    )


class TestWithoutAScheduler:
    @pytest.mark.parametrize(
        ("place", "message"),
        [
            ("nowhere.json", "dask is 'nowhere.json'; it must be an address, such as tcp://host:8786, or a scheduler"),
            ("tcp://127.0.0.1:1", "dask is 'tcp://127.0.0.1:1', and no scheduler answers there"),
        ],
    )
    def test_the_option_is_refused(self, place, message):
        import dask.config

        patience = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
        with patience, pytest.raises(BadInput, match=re.escape(message)), cluster.crew(place, NONE):
            pass

    def test_so_is_it_without_dask(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(BadInput, match="Dask is missing; it must be installed"), cluster.crew("tcp://a:1", NONE):
            pass


# ------------------------------------------------------------------------------------------------------- the document


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)


def test_the_scripts_for_the_shell_are_scripts():
    for text in blocks("bash"):
        assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0


SBATCH = """#!/bin/bash
# What dask-jobqueue asks of SLURM, on this machine: run a copy of the script, and say what its number is.
copy=$(mktemp "$FAKE_PIDS/job.XXXXXX")
cp "$1" "$copy"
setsid bash "$copy" >>"$FAKE_PIDS/jobs.log" 2>&1 &
echo $! >>"$FAKE_PIDS/jobs"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/bash
for job in "$@"; do kill -- "-$job"; done
"""


@pytest.fixture
def slurm(environment, tmp_path):
    """A machine on which SLURM seems to be."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    environment["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"
    yield environment
    for pid in (tmp_path / "pids" / "jobs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)


# Not imported: it would take Ctrl-C from all tests that come later in this process.
@pytest.mark.skipif(not importlib.util.find_spec("dask_jobqueue"), reason="dask-jobqueue is not installed")
def test_the_script_for_slurm_works(slurm, tmp_path):
    (script,) = blocks("python")
    (tmp_path / "slurm_sweep.py").write_text(script)
    (grid,) = blocks("toml")
    (tmp_path / "grid.toml").write_text(grid.replace("dim = [2, 5, 10]", "a = [1, 2]").split("law = ")[0])
    run = [sys.executable, "slurm_sweep.py", "fake.tiny", "--grid", "grid.toml"]
    environment = {**slurm, "SWEEP_JOBS": "1", "SWEEP_CORES": "2"}
    ended = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert (ended.returncode, ended.stdout.partition(";")[0]) == (0, "fake.tiny  6 of 6 cells done"), ended.stderr


@pytest.mark.parametrize("place", ["foo://127.0.0.1:3", "tcp://127.0.0.1", "empty.json", "junk.json"])
def test_what_is_no_address_is_refused_and_leaves_no_client_behind(command, tmp_path, place):
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "junk.json").write_text("junk")
    done = command("sweep", "fake.tiny", "--dask", place)
    assert done.returncode == 2
    assert "and no scheduler answers there" in done.stderr
