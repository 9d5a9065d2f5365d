"""What a sweep has come to, in words and as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from theory.runs.sweep import SHOWN, Plan, Sweep
from theory.runs.swept import Swept


def document(sweep: Sweep, found: Mapping[str, Swept], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The whole as plain data: the claims, the failures that are named, why cells are left, where figures come from."""
    return {
        "claims": [_claim(plan, found.get(plan.claim.key)) for plan in sweep.plans],
        "complete": sweep.complete,
        "failures": sweep.failures,
        "stopped": sweep.stopped,
        "provenance": dict(provenance),
    }


def _claim(plan: Plan, stored: Swept | None) -> dict[str, Any]:
    return {
        "key": plan.claim.key,
        "version": plan.claim.version,
        "cells": len(plan.cells),
        "earlier": plan.earlier,
        "measured": plan.measured,
        "failed": plan.failed,
        "store": stored.document() if stored else None,
    }


def lines(sweep: Sweep, found: Mapping[str, Swept]) -> Iterator[str]:
    """A line for each claim, then what has failed and why, and what is left to do."""
    width = max(len(plan.claim.key) for plan in sweep.plans)
    for plan in sweep.plans:
        stored = found.get(plan.claim.key)
        yield f"{plan.claim.key:{width}}  {_counts(plan)}{f'; {_verdicts(stored)}' if stored else ''}"
    for stored, plan in ((found.get(plan.claim.key), plan) for plan in sweep.plans):
        if stored and stored.other_code:
            yield (
                f"{plan.claim.key}: {stored.other_code} cells were measured by other code of its version "
                f"{plan.claim.version} (--rerun measures them anew)"
            )
        if stored and stored.foreign:
            yield (
                f"{plan.claim.key}: {stored.foreign} records in {plan.journal.folder} are of another format, that of "
                "another version of this package; they are left out, and their cells measured anew"
            )
    yield from _failed(sweep)


def _counts(plan: Plan) -> str:
    earlier = f" ({plan.earlier} earlier)" if plan.earlier else ""
    failed = f", {plan.failed} failed" if plan.failed else ""
    return f"{plan.done} of {len(plan.cells)} cells done{earlier}{failed}"


def _verdicts(stored: Swept) -> str:
    """What the store has: verdicts of the findings, and how many of each control's refute it.

    A control is false somewhere, not everywhere: it counts as refuted where one of its findings is VIOLATED.
    """
    data = stored.document()
    counts = ", ".join(f"{count} {verdict}" for verdict, count in data["findings"].items() if count)
    refuted = [
        f"control '{name}' refuted by {count['VIOLATED']} of its {sum(count.values())} findings (one suffices)"
        for name, count in data["controls"].items()
        if sum(count.values())
    ]
    return "; ".join([f"in the store {stored.cells} cells: {counts or 'no finding'}", *refuted])


def _failed(sweep: Sweep) -> Iterator[str]:
    for failure in sweep.failures:
        yield f"failed: {failure}"
    failed = sum(plan.failed for plan in sweep.plans)
    if failed > SHOWN:
        yield f"failed: {failed - SHOWN} more, in {sweep.folder / 'failed'}"
    if sweep.stopped:
        yield f"stopped: {sweep.stopped}"
    if not sweep.complete:
        left = sum(len(plan.cells) - plan.done for plan in sweep.plans)
        yield f"{left} of {sweep.total} cells are not done; the same command goes on from there"
