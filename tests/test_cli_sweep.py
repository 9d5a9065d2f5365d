"""``theory sweep`` as a user meets it: what it prints, its exit codes, the commands of docs/cluster.md as written."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

DOCS = Path(__file__).parent.parent / "docs" / "cluster.md"
HERE = ["--jobs", "1"]


def test_says_what_became_of_the_cells_and_what_they_found(command, tmp_path):
    done = command("sweep", "fake.tiny", "fake.holds", "--repeat", "2", *HERE)
    assert (done.returncode, done.stderr) == (0, "")
    refuted = "control 'halved' refuted by 2 of its 2 findings (one suffices)"
    assert done.stdout.splitlines() == [
        f"fake.holds  8 of 8 cells done; in the store 8 cells: 6 HOLDS; {refuted}",
        "fake.tiny   4 of 4 cells done; in the store 4 cells: 4 HOLDS",
    ]
    done = command("sweep", "fake.tin?", "--over", "a=1", "--repeat", "3", *HERE)
    assert done.stderr == "2 of 3 cells are finished already (--rerun measures them anew)\n"
    assert done.stdout == "fake.tiny  3 of 3 cells done (2 earlier); in the store 5 cells: 5 HOLDS\n"
    assert pq.read_table(tmp_path / "results" / "sweep" / "findings" / "fake.tiny.parquet").num_rows == 5


def test_as_json(command):
    done = command("sweep", "fake.tiny", "--over", "a=1,2", "--json", *HERE)
    document = json.loads(done.stdout)
    assert document.keys() == {"claims", "complete", "failures", "stopped", "provenance"}
    assert document["claims"] == [
        {
            "key": "fake.tiny",
            "version": 1,
            "cells": 2,
            "earlier": 0,
            "measured": 2,
            "failed": 0,
            "store": {
                "cells": 2,
                "failed": 0,
                "other_code": 0,
                "foreign": 0,
                "findings": {"HOLDS": 2, "VIOLATED": 0, "HYPOTHESES_NOT_MET": 0, "INCONCLUSIVE": 0},
                "controls": {},
            },
        }
    ]
    assert (document["complete"], document["failures"], document["stopped"]) == (True, [], "")


def test_failures_are_named_and_the_exit_code_is_one(command, tmp_path):
    (tmp_path / "pids" / "bad").touch()
    done = command("sweep", "fake.bad", "--over", "how=raise", "--repeat", "22", *HERE)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "fake.bad  0 of 22 cells done, 22 failed; in the store 0 cells: no finding"
    assert len([line for line in lines if line.endswith(": ValueError: never today")]) == 20
    assert lines[-2:] == [
        "failed: 2 more, in results/sweep/failed",
        "22 of 22 cells are not done; the same command goes on from there",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["fake.tiny", "--over", "d=1"], "over is d; it must be a parameter of fake.tiny: a, b, word"),
        (["fake.tiny", "--grid", "none.toml"], "grid is none.toml (No such file or directory); it must be a TOML file"),
        (["fake.tiny", "--repeat", "0"], "repetitions is 0; it must be at least 1"),
        (["fake.tiny", "--timeout", "0"], "timeout is 0.0; it must be greater than 0"),
        (["fake.tiny", "--memory-limit", "much"], "memory-limit is 'much'; it must be a size, such as 500MB or 2GB"),
        (["fake.tiny", "--memory-limit", "0GB"], "memory-limit is '0GB'; it must be a size"),
        (["fake.tiny", "--dask", "none.json"], "dask is 'none.json'; it must be an address"),
        (["fake.tiny", "--jobs", "0"], "jobs is 0; it must be at least 1"),
    ],
)
def test_bad_usage_is_refused_in_one_line(monkeypatch, capsys, fakes, tmp_path, arguments, message):
    from theory import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["theory", "sweep", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("*.journal"))


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("2G", 2 * 10**9), ("1.5GiB", 3 * 2**29), ("500 MB", 5 * 10**8), ("7", 7), ("3KiB", 3072)],
)
def test_sizes(text, size):
    from theory.commands.sweep import _limits

    assert _limits(None, text).memory == size


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits the memory of one cell")
def test_limits_beyond_what_the_system_counts_are_none(command, tmp_path):
    cell = ["--over", "dim=2", "--over", "law=sphere", "--over", "runs=4", "--over", "steps=5", "--jobs", "1"]
    ran = command("sweep", "du2018.rate", *cell, "--timeout", "1e300", "--memory-limit", "99999999999999TB")
    assert ran.returncode == 0, ran.stderr
    assert "Error" not in ran.stderr


def test_sizes_are_for_linux(monkeypatch):
    from theory.checks import BadInput
    from theory.commands.sweep import _limits

    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(BadInput, match="only Linux limits the memory of one cell"):
        _limits(None, "2GB")


def test_ctrl_c_keeps_what_is_finished(environment, command, tmp_path):
    (tmp_path / "pids" / "slow").write_text("0.1")
    arguments = ["sweep", "fake.tiny", "--over", "a=1", "--repeat", "100"]
    run = [sys.executable, "-m", "theory", *arguments, "--jobs", "2"]
    process = subprocess.Popen(run, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    journals = tmp_path / "results" / "sweep" / ".cells" / "fake.tiny"
    deadline = time.monotonic() + 100
    while sum(path.stat().st_size for path in journals.glob("*.journal")) < 2000 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(2)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert err == (
        "theory: interrupted; every finished cell is kept in results/sweep; the same command goes on from there\n"
    )
    (tmp_path / "pids" / "slow").unlink()
    done = command(*arguments, *HERE)
    assert (done.returncode, "100 of 100 cells done (" in done.stdout) == (0, True)


def test_says_how_far_it_is_now_and_then(monkeypatch, fakes, tmp_path):
    from theory.commands import sweep as module
    from theory.report.progress import Follower
    from theory.runs import sweep
    from theory.runs.grid import Grid

    said, shown = [], []
    follower = Follower(cell=lambda event, left: shown.append((event.all_done, left)), claim=None, say=said.append)
    for terminal, every in ((False, 0.0), (False, 1e9), (True, 0.0)):
        monkeypatch.setattr(module, "EVERY", every)
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal, raising=False)
        module._measure(sweep.lay([fakes.TINY], Grid(repetitions=2), tmp_path / f"{terminal}{every}"), follower)
    assert [line.partition(";")[0] for line in said] == [f"{done} of 4 cells" for done in range(5)]
    assert said[-1].endswith("s left")
    assert [done for done, _ in shown] == [0, 1, 2, 3, 4]
    assert (shown[0][1], shown[-1][1]) == (None, 0)


# ------------------------------------------------------------------------------------------------------- the document


def test_the_commands_of_the_document_work(environment, tmp_path):
    """As written, but for the scheduler and SLURM, of which tests/runs/test_cluster.py has real ones."""
    text = DOCS.read_text()
    (grid,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "grid.toml").write_text(grid)
    commands = [line for line in re.findall(r"^theory sweep .*$", text, re.MULTILINE) if "--dask" not in line]
    assert len(commands) == 2
    script = "\n".join(["set -e", f'theory() {{ "{sys.executable}" -m theory "$@"; }}', *commands])
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("du2018.rate  18 of 18 cells done; in the store 18 cells: 36 HOLDS; ")
    assert second.startswith("du2018.rate  36 of 36 cells done (9 earlier); in the store 45 cells: 90 HOLDS; ")
    table = pq.read_table(tmp_path / "results" / "sweep" / "findings" / "du2018.rate.parquet").to_pandas()
    tied = table.groupby("steps")["runs"].unique().map(list).to_dict()
    assert tied == {100: [32], 400: [16]}
