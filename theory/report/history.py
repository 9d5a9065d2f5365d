"""The history: ``OUT/history.html``, speed, memory and accuracy against commits, from what ASV measured (``OUT/asv``).

ASV's own pages can show more, but need a server and fetch their libraries from the network; this one opens from disk.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory.runs.store import Warn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {
    "time": ("Speed", "time", "seconds"),
    "peakmemory": ("Memory", "peak memory", "bytes"),
    "track": ("Accuracy", "value", ""),
}
"""ASV's kinds of benchmark: heading, what is measured, and its unit."""

SHOWN = 5
"""Commits that a table shows, the latest; a figure shows all."""

PAGES = "history/asv/index.html"
"""ASV's own pages, where ``asv publish`` writes them: ``html_dir`` of asv.conf.json, seen from the store."""


@dataclass(frozen=True)
class Series:
    """A benchmark at one combination of parameters: its values by commit; None where it failed or was skipped."""

    benchmark: str
    kind: str
    unit: str
    parameters: str
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Machine:
    """What one machine measured, its commits in the order of their dates."""

    name: str
    about: str
    commits: Mapping[str, str]
    series: Sequence[Series]


# ----------------------------------------------------------------------------------------------------------- reading


def machines(folder: Path, *, warn: Warn | None = None) -> list[Machine]:
    """Everything in a folder of ASV's results; a file that cannot be read is left out, and ``warn`` is told."""
    described = _load(folder / "benchmarks.json", warn) or {}
    about = {name: entry for name, entry in described.items() if isinstance(entry, dict)}
    found = [_machine(path.parent, about, warn) for path in sorted(folder.glob("*/machine.json"))]
    return [machine for machine in found if machine.commits]


def _machine(folder: Path, about: Mapping[str, Any], warn: Warn | None) -> Machine:
    loaded = [_load(path, warn) for path in sorted(folder.glob("*.json")) if path.name != "machine.json"]
    files = sorted((file for file in loaded if file and "commit_hash" in file), key=lambda file: file["date"])
    commits = {file["commit_hash"][:8]: _day(file["date"]) for file in files}
    values: dict[tuple[str, str], dict[str, float | None]] = {}
    for file in files:
        for name, row in file["results"].items():
            for parameters, value in _values(row) if _present(row, about.get(name)) else ():
                values.setdefault((name, parameters), {})[file["commit_hash"][:8]] = value
    series = [
        Series(name, about[name]["type"], about[name]["unit"], parameters, by_commit)
        for (name, parameters), by_commit in sorted(values.items())
        if any(value is not None for value in by_commit.values())
    ]
    machine = _load(folder / "machine.json", warn) or {}
    return Machine(folder.name, ", ".join(filter(None, (machine.get(k, "") for k in ("cpu", "os")))), commits, series)


def _present(row: Sequence[Any], about: Mapping[str, Any] | None) -> bool:
    """Whether the benchmark is there still, and measured in this version of it; figures of others do not compare."""
    return about is not None and (len(row) < 3 or row[2] == about.get("version", row[2]))


def _load(path: Path, warn: Warn | None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if warn:
            warn(f"{path} cannot be read ({error}); left out")
        return None


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


def _values(row: Sequence[Any]) -> Iterator[tuple[str, float | None]]:
    """A row of ASV's, ``[values, parameters, …]``: each combination of parameters in words, and its value."""
    combinations = [", ".join(combination).replace("'", "") for combination in itertools.product(*row[1])]
    values = row[0] if isinstance(row[0], list) else [row[0]] * len(combinations)
    for words, value in zip(combinations, values, strict=True):
        yield words, value if value is not None and math.isfinite(value) else None


# ----------------------------------------------------------------------------------------------------------- drawing


def draw(machine: Machine, kind: str) -> Figure:
    """A line per benchmark: time and memory relative to its first commit, in the geometric mean over its parameters.

    Accuracies are shown as they are, likewise in the mean; a zero has no place on a log axis.
    """
    from theory.report.style import looks, panels

    names = list(dict.fromkeys(series.benchmark for series in machine.series if series.kind == kind))
    colours, markers = looks(names)
    figure, (ax,) = panels(1, width=8.4, height=3.2)
    for name in names:
        values = [_mean(machine, name, commit) for commit in machine.commits]
        first = next((value for value in values if value), 1.0) if kind != "track" else 1.0
        line = [math.nan if value is None else value / first for value in values]
        ax.plot(line, color=colours[name], marker=markers[name], markeredgecolor="white", label=name)
    ax.set(yscale="log", xticks=range(len(machine.commits)), xlabel="commit")
    ax.set_xticklabels(machine.commits, rotation=45, ha="right")
    what = KINDS[kind][1]
    ax.set_ylabel(
        f"{what},\nin the units of the table" if kind == "track" else f"{what},\nrelative to the first commit"
    )
    figure.legend(loc="outside right upper")
    return figure


def _mean(machine: Machine, benchmark: str, commit: str) -> float | None:
    """The geometric mean over the combinations that were measured at this commit."""
    found = [series.values.get(commit) for series in machine.series if series.benchmark == benchmark]
    positive = [math.log(value) for value in found if value]
    return math.exp(sum(positive) / len(positive)) if positive else None


# ----------------------------------------------------------------------------------------------------------- writing


def write(out: Path, *, warn: Warn | None = None) -> list[Path]:
    """Write the page and its figures from ``OUT/asv``; nothing where there are no results."""
    from theory.report import downloads
    from theory.report.page import render

    found = machines(out / "asv", warn=warn)
    if not found:
        return []
    shown = [_context(machine, out) for machine in found]
    pages = PAGES if (out / PAGES).exists() else ""
    page = out / "history.html"
    downloads.save(page, render("history.html", machines=shown, pages=pages).encode())
    return [page]


def _context(machine: Machine, out: Path) -> dict[str, Any]:
    commits = list(machine.commits.items())[-SHOWN:]
    return {
        "name": machine.name,
        "about": machine.about,
        "total": len(machine.commits),
        "commits": commits,
        "kinds": [_kind(machine, kind, [commit for commit, _ in commits], out) for kind in _kinds(machine)],
    }


def _kinds(machine: Machine) -> list[str]:
    return [kind for kind in KINDS if any(series.kind == kind for series in machine.series)]


def _kind(machine: Machine, kind: str, commits: Sequence[str], out: Path) -> dict[str, Any]:
    heading, what, _ = KINDS[kind]
    return {
        "heading": heading,
        "what": what,
        "figure": _figure(machine, kind, out) if len(machine.commits) > 1 else None,
        "lines": [
            {
                "name": series.benchmark,
                "parameters": series.parameters,
                "unit": series.unit,
                "values": [_words(series.values.get(commit), series.unit) for commit in commits],
                "change": _change([series.values.get(commit) for commit in commits]),
            }
            for series in machine.series
            if series.kind == kind
        ],
    }


def _figure(machine: Machine, kind: str, out: Path) -> dict[str, Any]:
    from theory.report.style import save, style
    from theory.runs.store import prepare

    folder = prepare(out, "history")
    with style():
        svg, png = save(draw(machine, kind), folder / f"{machine.name}.{kind}")
    png.unlink()  # the page shows the other
    return {"src": svg.relative_to(out).as_posix(), "width": 806, "height": 307, "text": ""}


def _words(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value / 1e6:.4g}" if unit == "bytes" else f"{value:.3g}"


def _change(values: Sequence[float | None]) -> str:
    """By how much the last commit's value exceeds that of the one before, in per cent."""
    known = [value for value in values if value is not None]
    return f"{100 * (known[-1] / known[-2] - 1):+.0f} %" if len(known) > 1 and known[-2] else "–"
