"""ASV warns when a figure gets worse for good: with this project's settings, on a history that is made up."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("asv", reason="ASV is not installed")

ROOT = Path(__file__).parent.parent
KNOWN = json.loads((ROOT / "results" / "asv" / "benchmarks.json").read_text())

WORSE = {  # before, and from the eighth of twelve commits on
    "losses.PopulationAccuracy.track_gradient_error": (1e-12, 1e-6),  # an error that is small still
    "gaborness.GaborFound.track_missed": (0.0, 0.3),  # there was none
    "claims.Rate.track_tightness": (0.25, 0.5),
    "losses.PopulationGradient.time_run": (1.0, 1.4),
    "losses.SampleGradient.peakmem_run": (1e8, 1.2e8),
}
NOT_WORSE = {
    "closeness.FilterRate.track_tightness": (0.5, 0.3),
    "descents.Recovery.track_angle_error": (1e-3, 1.4e-3),
    "losses.MomentTable.time_run": (1.0, 1.2),
    "constants.Constants.track_gamma_error": (1e-12, 1e-12),
}


def git(folder, *words, day=1):
    stamp = f"2026-01-{day:02d}T00:00:00+00:00"
    who = {f"GIT_{role}_{part}": "x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def history(tmp_path):
    """A repository of twelve commits, all of them measured."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "asv.conf.json").write_text((ROOT / "asv.conf.json").read_text())
    box = tmp_path / "results" / "asv" / "box"
    box.mkdir(parents=True)
    figures = WORSE | NOT_WORSE
    about = {name: KNOWN[name] for name in figures}
    (box.parent / "benchmarks.json").write_text(json.dumps({**about, "version": 2}))
    words = dict.fromkeys(("os", "arch", "cpu", "num_cpu", "ram"), "")
    (box / "machine.json").write_text(json.dumps({"machine": "box", "version": 1, **words}))
    for day in range(1, 13):
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", str(day), day=day)
        results = {}
        for name, values in figures.items():
            count = len(list(itertools.product(*about[name]["params"])))
            results[name] = [[values[day > 7]] * count, about[name]["params"], about[name]["version"]]
        content = {
            "commit_hash": git(tmp_path, "rev-parse", "HEAD"),
            "date": 1000 * int(git(tmp_path, "log", "-1", "--format=%ct")),
            "env_name": "environment",
            "params": {"machine": "box", "python": "3.11", **words},
            "python": "3.11",
            "requirements": {},
            "env_vars": {},
            "result_columns": ["result", "params", "version"],
            "results": results,
            "durations": {},
            "version": 2,
        }
        (box / f"{day}-environment.json").write_text(json.dumps(content))
    return tmp_path


def test_what_gets_worse_is_reported_and_nothing_else_is(history):
    run = [sys.executable, "-m", "asv", "publish"]
    environment = {**os.environ, "HOME": str(history)}
    done = subprocess.run(run, cwd=history, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = history / "results" / "history" / "asv"
    found = json.loads((pages / "regressions.json").read_text())["regressions"]
    assert {name.partition("(")[0] for name, *_ in found} == set(WORSE)
    assert "track_gradient_error" in (pages / "regressions.xml").read_text()  # the feed
