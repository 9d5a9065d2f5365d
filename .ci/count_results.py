"""Did the benchmarks measure anything? Counts the results of ASV runs, each of some, and fails when any is missing.

ASV stores one value per combination of parameters: a number, NaN (skipped with a reason), or null (failed).
Usage: count_results.py COMMIT RESULTS_DIR [RESULTS_DIR ...]. Exit code 1 when no result is found, when a benchmark
failed, when one was skipped for another reason than a backend without a device, or when one leaves its version or
timeout to chance.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

MAY_BE_SKIPPED = "'cupy'"
LONGEST_TIMEOUT = 120.0


def outcome(value: Any) -> str:
    """What became of one combination of parameters."""
    if value is None:
        return "failed"
    if math.isnan(value):
        return "skipped"
    return "measured" if math.isfinite(value) else "infinite"


def outcomes(row: list[Any]) -> list[tuple[tuple[str, ...], str]]:
    """The outcome for every combination of parameters in one row ``[values, parameters, ...]`` of a result file."""
    combinations = list(itertools.product(*row[1]))
    values = row[0] if isinstance(row[0], list) else [row[0]] * len(combinations)
    return [(combination, outcome(value)) for combination, value in zip(combinations, values, strict=True)]


def complaints(name: str, description: dict[str, Any], row: list[Any] | None) -> list[str]:
    """Everything that is wrong with one benchmark."""
    found = []
    if len(str(description["version"])) == 64:
        found.append("its version is a hash of its code; it must be set")
    if not 0 < (description.get("timeout") or math.inf) <= LONGEST_TIMEOUT:
        found.append(f"its timeout is {description.get('timeout')}; it must be set, to at most {LONGEST_TIMEOUT:g} s")
    if row is None:
        return [f"{name}: {complaint}" for complaint in [*found, "it left no result"]]
    for combination, what in outcomes(row):
        if what != "measured" and not (what == "skipped" and MAY_BE_SKIPPED in combination):
            found.append(f"({', '.join(combination)}) {what}")
    return [f"{name}: {complaint}" for complaint in found]


def main(commit: str, *results_dirs: str) -> int:
    """Print the counts and every complaint; return the exit code."""
    roots = [Path(results_dir) for results_dir in results_dirs]
    benchmarks: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    for root in roots:
        if not (root / "benchmarks.json").exists():
            print(f"no results in {root}")
            return 1
        described = json.loads((root / "benchmarks.json").read_text())
        benchmarks |= {name: entry for name, entry in described.items() if isinstance(entry, dict)}
        for file in sorted(root.glob(f"*/{commit[:8]}-*.json")):
            rows |= json.loads(file.read_text())["results"]
    counts = Counter(what for row in rows.values() for _, what in outcomes(row))
    for name, row in sorted(rows.items()):
        tally = Counter(what for _, what in outcomes(row))
        print(f"  {name}: " + ", ".join(f"{number} {what}" for what, number in sorted(tally.items())))
    wrong = [line for name in sorted(benchmarks) for line in complaints(name, benchmarks[name], rows.get(name))]
    print(
        f"{len(rows)} of {len(benchmarks)} benchmarks: "
        + (", ".join(f"{n} {what}" for what, n in counts.items()) or "no results")
    )
    for line in wrong:
        print(f"WRONG {line}")
    return 1 if wrong or not counts["measured"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
