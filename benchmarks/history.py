"""Run ASV over the last commits, publish its pages, and write the report with its page of history.

    python -m benchmarks.history COMMITS [--out results] [--quick]

Commits that have results on this machine already are left as they are, so that it can be run again and again.
``--quick`` runs every benchmark once, which shows that they run and not how fast.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def last(commits: int, folder: Path = ROOT) -> list[str]:
    """The last commits of the checkout, without those of merged branches, the oldest first."""
    command = ["git", "-C", str(folder), "rev-list", "--first-parent", f"--max-count={commits}", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[::-1]


def commands(commits: Sequence[str], *, quick: bool = False, out: str = "results") -> list[list[str]]:
    """What is to be run, in this order."""
    asv = [sys.executable, "-m", "asv"]
    run = [*asv, "run", "--skip-existing-successful", *(["--quick"] if quick else [])]
    return [
        [*asv, "machine", "--yes"],
        *([*run, f"{commit}^!"] for commit in commits),
        [*asv, "publish"],
        [sys.executable, "-m", "theory", "report", "--out", out],
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the commands; a commit whose benchmarks fail does not keep the others from being measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", type=int)
    parser.add_argument("--out", default="results")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    if options.commits < 1:
        parser.error(f"commits is {options.commits}; it must be at least 1")
    codes = [
        subprocess.run(command, cwd=ROOT, check=False).returncode
        for command in commands(last(options.commits), quick=options.quick, out=options.out)
    ]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
