"""Run ASV over the last commits, publish its pages, and write the report with its page of history.

    python -m benchmarks.history COMMITS [--every N] [--bench REGEX] [--machine NAME] [--out results] [--quick]

Commits that have results on this machine already are left as they are, so that it can be run again and again.
``--every 10`` takes each tenth commit only, and so goes further back; ``--bench`` measures the benchmarks whose names
match. ``--quick`` runs every benchmark once, which shows that they run and not how fast.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def last(commits: int, folder: Path = ROOT, *, every: int = 1) -> list[str]:
    """The last commits of the checkout, or each so many of them, without those of merged branches, the oldest first."""
    count = 1 + every * (commits - 1)
    command = ["git", "-C", str(folder), "rev-list", "--first-parent", f"--max-count={count}", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[::every][::-1]


def commands(
    commits: Sequence[str], *, quick: bool = False, bench: str = "", machine: str = "", out: str = "results"
) -> list[list[str]]:
    """What is to be run, in this order."""
    asv = [sys.executable, "-m", "asv"]
    name = ["--machine", machine] if machine else []
    run = [*asv, "run", "--skip-existing-successful", *name]
    run += [*(["--quick"] if quick else []), *(["--bench", bench] if bench else [])]
    return [
        [*asv, "machine", "--yes", *name],
        *([*run, f"{commit}^!"] for commit in commits),
        [*asv, "publish"],
        [sys.executable, "-m", "theory", "report", "--out", out],
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the commands; a commit whose benchmarks fail does not keep the others from being measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", type=int)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--bench", default="")
    parser.add_argument("--machine", default="")
    parser.add_argument("--out", default="results")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    for name in ("commits", "every"):
        if getattr(options, name) < 1:
            parser.error(f"{name} is {getattr(options, name)}; it must be at least 1")
    todo = commands(
        last(options.commits, every=options.every),
        quick=options.quick,
        bench=options.bench,
        machine=options.machine,
        out=options.out,
    )
    codes = [subprocess.run(command, cwd=ROOT, check=False).returncode for command in todo]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
