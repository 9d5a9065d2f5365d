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
from theory.runs.grid import Grid

pytest.importorskip("distributed", reason="Dask is not installed")

DOCS = Path(__file__).parent.parent.parent / "docs" / "cluster.md"


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


@pytest.fixture
def begin(environment, tmp_path):
    """Start a sweep on Dask, with cells that take so many seconds."""
    # By default, Dask hopes for half a minute that a scheduler comes back.
    environment["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "2s"

    def begin(place, *arguments, seconds):
        (tmp_path / "pids" / "slow").write_text(str(seconds))
        run = [sys.executable, "-m", "theory", "sweep", *arguments, "--dask", str(place)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(run, cwd=tmp_path, env=environment, **options)

    return begin


def measuring(worker):
    """The processes of a worker that measure its cells, but for those that have ended."""
    found = []
    for task in Path(f"/proc/{worker.pid}/task").glob("*/children"):
        for pid in task.read_text().split():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()  # empty where it has ended
                found += [int(pid)] if b"theory.runs.child" in words else []
    return found


def test_whatever_dies_no_cell_is_lost_and_nothing_is_left(dask, begin, fakes, command, tmp_path, tmp_path_factory):
    """A worker, the process that sweeps, the scheduler, one after the other, each in the middle of a sweep."""
    file, scheduler, workers = dask
    _a_worker(file, workers[0], begin, command, tmp_path, lambda *given: serially(*given, tmp_path_factory), fakes)
    _whoever_sweeps(file, workers[1], begin)
    _the_scheduler(file, scheduler, begin, command, tmp_path)


def _a_worker(file, worker, begin, command, tmp_path, serially, fakes):
    """Costs nothing, and rows are those of one process, among them products of matrices, that tell of threads."""
    claims, results = ("fake.tiny", "fake.holds"), tmp_path / "results" / "sweep"
    running = begin(file, *claims, "--repeat", "10", seconds=0.2)
    wait_for(lambda: done(tmp_path) > 3 or running.poll() is not None)
    worker.send_signal(signal.SIGKILL)
    assert done(tmp_path) < 20
    out, err = running.communicate(timeout=200)
    counts = [re.match(r"\S+ +(\d+ of \d+) cells done;", line)[1] for line in out.splitlines()]
    assert (running.returncode, counts) == (0, ["40 of 40", "20 of 20"]), err
    found = {claim: tables(results, claim) for claim in claims}
    assert found == {claim.key: serially(claim, Grid((), 10)) for claim in (fakes.TINY, fakes.HOLDS)}
    (tmp_path / "pids" / "slow").unlink()
    assert command("sweep", *claims, "--repeat", "10", "--jobs", "2", "--rerun").returncode == 0
    assert found == {claim: tables(results, claim) for claim in claims}


def _whoever_sweeps(file, worker, begin):
    """The processes that measure for it on other machines end, in the middle of a cell, and the worker stays."""
    running = begin(file, "fake.tiny", "--seed", "1", seconds=100)
    wait_for(lambda: measuring(worker) and running.poll() is None)
    running.kill()
    running.communicate()
    wait_for(lambda: not measuring(worker), seconds=30)
    assert worker.poll() is None


def _the_scheduler(file, scheduler, begin, command, tmp_path):
    """Ends the sweep, which goes on elsewhere. It is found by its address as well as by its file."""
    arguments = ["fake.tiny", "--seed", "2", "--over", "a=1,2,3", "--repeat", "100"]
    before = done(tmp_path)
    running = begin(json.loads(file.read_text())["address"], *arguments, seconds=0.1)
    wait_for(lambda: done(tmp_path) > before + 10 or running.poll() is not None)
    scheduler.send_signal(signal.SIGKILL)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 1, err
    assert "stopped: the workers are gone (" in out
    kept = int(out.split()[1])
    assert 10 < kept < 300
    (tmp_path / "pids" / "slow").unlink()
    again = command("sweep", *arguments, "--jobs", "1")
    said = f"fake.tiny  300 of 300 cells done ({kept} earlier)"
    assert (again.returncode, again.stdout.partition(";")[0]) == (0, said)


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


REFUSED = """
import sys
from theory.checks import BadInput
from theory.runs.child import NONE
from theory.runs.cluster import crew

for place in sys.argv[1:]:
    try:
        with crew(place, NONE):
            pass
    except BadInput as reason:
        print(reason)
"""


def test_what_is_no_address_is_refused_and_leaves_no_client_behind(environment, tmp_path):
    """A client that stays would keep the process from its end."""
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "junk.json").write_text("junk")
    places = ["foo://127.0.0.1:3", "tcp://127.0.0.1", "empty.json", "junk.json"]
    run = [sys.executable, "-c", REFUSED, *places]
    ended = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    lines = ended.stdout.splitlines()
    assert (ended.returncode, len(lines)) == (0, len(places)), ended.stderr
    for place, line in zip(places, lines, strict=True):
        assert line.startswith(f"dask is {place!r}, and no scheduler answers there")
