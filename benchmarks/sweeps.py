"""What a sweep costs beside its cells: time for each, and the memory of the main process, from 10,000 to 100,000 cells.

    python -m benchmarks.sweeps             # measure, keep the figures in results/sweeps.json, write them in docs/
    python -m benchmarks.sweeps --render    # write them anew, without measuring

The claim takes no time: it draws three numbers. ``theory sweep`` runs as a user runs it, in a process of its own, which
is asked twenty times a second what it holds. Linux alone tells.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import theory
from theory.runs import provenance

ROOT = Path(__file__).resolve().parent.parent
FIGURES, PAGE = ROOT / "results" / "sweeps.json", ROOT / "docs" / "cluster.md"
BEGIN, END = "<!-- costs: written by python -m benchmarks.sweeps -->", "<!-- end of costs -->"
CELLS, JOBS = (10_000, 50_000, 100_000), 2
MEASURING, TABLES = "measuring", "tables"
COLUMNS = (
    "cells",
    "ms a cell, by the clock",
    "ms a cell, processors",
    "MB, measuring",
    "MB, writing tables",
    "the same command again",
    "on disk",
)

CLAIM = '''
"""A claim that takes no time."""

from theory.claims.claim import Cell, Claim, Evidence, Finding, Relation


def measure(cell, setting):
    drawn = setting.rng.random(3)
    return Evidence([Finding(1.0, float(drawn.mean()))], {"step": range(3), "value": drawn})


CLAIM = Claim(
    key="costs.none",
    title="A number",
    relation=Relation.UPPER,
    statement="It is at most one.",
    hypotheses=(),
    proof="It is drawn so.",
    source="Nobody",
    controls={},
    cells=lambda profile: [Cell({"a": 1, "b": 0.5, "word": "x"})],
    measure=measure,
)
'''


def install(folder: Path) -> None:
    """Make the claim one that another package has brought."""
    (folder / "costs_none.py").write_text(CLAIM)
    info = folder / "costs_none-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: costs-none\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[theory.claims]\ncosts = costs_none:CLAIM\n")


def measure(cells: int, jobs: int = JOBS) -> dict[str, Any]:
    """One sweep of so many cells, and the same command once more, which finds all of them done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        command = [sys.executable, "-m", "theory", "sweep", "costs.none", "--over", "a=1,2,3,4,5", "--jobs", str(jobs)]
        command += ["--repeat", str(cells // 5), "--out", str(folder / "out")]
        first, again = _followed(command, folder), _followed(command, folder)
        held = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file())
    return {"cells": cells, "jobs": jobs, **first, "again": again, "disk": held}


def _followed(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Seconds by the clock and of processors, and the most memory that the main process held in each part."""
    paths = os.pathsep.join([str(folder), str(Path(theory.__file__).resolve().parent.parent)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    begin, before = time.perf_counter(), os.times()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part, most = [MEASURING], {MEASURING: 0, TABLES: 0}

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("writing the tables"):
                part[0] = TABLES

    listener = threading.Thread(target=listen)
    listener.start()
    while process.poll() is None:
        now = part[0]
        most[now] = max(most[now], resident(process.pid))
        time.sleep(0.05)
    listener.join()
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        words = process.stdout.read()
    if process.returncode or " cells done" not in words:
        raise RuntimeError(f"the sweep ended with {process.returncode}: {words}")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": time.perf_counter() - begin, "processor": spent, "memory": most}


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it is gone."""
    try:
        found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


# --------------------------------------------------------------------------------------------------------------- words


def text(figures: dict[str, Any]) -> str:
    """The figures as a table of Markdown."""
    rows = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for run in figures["runs"]:
        count, memory, again = run["cells"], run["memory"], run["again"]
        most = max(again["memory"].values())
        rows.append(
            f"| {count:,} | {1e3 * run['seconds'] / count:.2f} | {1e3 * run['processor'] / count:.2f} | "
            f"{memory[MEASURING] / 1e6:.0f} | {memory[TABLES] / 1e6:.0f} | "
            f"{again['seconds']:.0f} s, {most / 1e6:.0f} MB | {run['disk'] / 1e6:.0f} MB |"
        )
    about = f"{figures['device']}, {figures['cpus']} CPUs, load before {figures['load']:.1f}"
    return "\n".join([BEGIN, "", *rows, "", f"{about}, commit {figures['commit'][:8]}.", "", END])


def render(page: str, figures: dict[str, Any]) -> str:
    """The page with these figures between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise RuntimeError(f"the page has no {BEGIN} and {END}")
    return before + text(figures) + after


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure unless told not to, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--render", action="store_true")
    if not parser.parse_args(arguments).render:
        about = {
            "device": provenance.device(),
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
            "commit": provenance.commit(),
        }
        figures = about | {"runs": [measure(cells) for cells in CELLS]}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), json.loads(FIGURES.read_text())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
