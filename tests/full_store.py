"""A store in which every claim there is has results, made up: for tests of the page, which must bear them all."""

from __future__ import annotations

import numpy as np

from theory.claims import registry
from theory.claims.claim import Cell, Claim, Evidence, Finding, Relation
from theory.claims.verdict import conclude
from theory.runs import store
from theory.runs.cells import Outcome, Task
from theory.runs.engine import ClaimResult

ORIGIN = {
    "commit": "0123456789abcdef",
    "versions": {"python": "3.11", "theory": "0.1"},
    "device": "a CPU",
    "platform": "a system",
    "profile": "paper",
    "backend": "numpy",
    "seed": 7,
    "images": "digits",
    "images_sha256": "ab",
    "threads": 1,
    "date": "2026-01-02T03:04:05+00:00",
}


def finding(claim: Claim, control: str, measured: float) -> Finding:
    """Predicted is 1, so that the measured value alone decides; a control is refuted whatever the relation."""
    good = {Relation.UPPER: 0.5, Relation.LOWER: 2.0, Relation.ORDER: 1.5}.get(claim.relation, 1.0)
    bad = {Relation.UPPER: 2.0, Relation.LOWER: 0.5, Relation.ORDER: 0.5}.get(claim.relation, 3.0)
    margins = {hypothesis.partition(":")[0]: 0.25 for hypothesis in claim.hypotheses}
    value = bad if control else good * measured
    return Finding(1.0, value, margins=margins, control=control, form="" if control else "paper")


def result(claim: Claim, rows: int = 3, measured: float = 1.0) -> ClaimResult:
    """Three instances and one of each control, with the columns that a figure may ask for left out."""
    cells = [Cell({"dim": dim, "law": "uniform"}) for dim in (2, 3, 4)]
    cells += [Cell({"dim": 2, "law": "uniform"}, control) for control in claim.controls]
    outcomes = tuple(
        Outcome(
            Task(claim.key, index, cell, "paper", 7, "numpy"),
            Evidence([finding(claim, cell.control, measured)], {"value": np.arange(rows) / 3}),
            "",
            0.5,
        )
        for index, cell in enumerate(cells)
    )
    return ClaimResult(claim, outcomes, conclude(claim, [f for o in outcomes for f in o.evidence.findings]))


def fill(out, claims=None, *, profile="paper", origin=None, **other):
    """Write every claim, or these, into a store."""
    folder = store.prepare(out, profile)
    for claim in registry().values() if claims is None else claims:
        store.write(result(claim, **other), {**ORIGIN, **(origin or {})}, folder)
    return out
