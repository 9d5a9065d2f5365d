"""What has changed since a saved run, in lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from theory.runs.compare import Change, Comparison

MOST = 20
"""Lines about the instances of one claim; the rest is counted."""


def lines(found: Comparison) -> Iterator[str]:
    """The remarks, the changes, what is worse marked, and last the sum of it all."""
    for remark in found.remarks:
        yield f"compared with a run of which the {remark}: figures differ for that reason alone"
    shown: dict[str, int] = {}
    for change in found.changes:
        shown[change.key] = shown.get(change.key, 0) + 1
        if shown[change.key] <= MOST:
            yield line(change)
    yield from (f"{key}: {count - MOST} more changes" for key, count in shown.items() if count > MOST)
    yield total(found)


def line(change: Change) -> str:
    """One change.

    >>> line(Change("a.b", "slack", 2.0, 3.0, False))
    'a.b: slack 2 → 3 (+50 %)'
    """
    where = f" at {change.where}" if change.what == "instance" else f" ({change.where})" if change.where else ""
    worse = "  WORSE" if change.worse else ""
    before, now = _word(change.before), _word(change.now)
    return f"{change.key}: {change.what}{where} {before} → {now}{_percent(change)}{worse}"


def total(found: Comparison) -> str:
    """How much has changed, in one line."""
    worse = sum(change.worse for change in found.changes)
    verdicts = sum(change.what == "verdict" for change in found.changes)
    slacks = sum(change.what == "slack" for change in found.changes)
    counts = f"{verdicts} verdicts and {slacks} slacks of claims changed, {worse} changes are for the worse"
    return f"compared {found.compared} claims with the saved run: {counts}"


def _word(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _percent(change: Change) -> str:
    if change.what != "slack" or not isinstance(change.before, float) or change.now is None or not change.before:
        return ""
    return f" ({100 * (change.now / change.before - 1):+.3g} %)"
