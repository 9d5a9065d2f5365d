"""Verdicts as plain data: the document that ``theory verify --json`` prints, and what the store keeps beside the rows.

Between two runs of the same code on the same machine, only ``seconds`` differs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from theory.claims.claim import Cell, Claim, Finding
from theory.claims.verdict import judge, slack, summary
from theory.runs.engine import ClaimResult
from theory.runs.streams import plain


def claim_document(result: ClaimResult) -> dict[str, Any]:
    """A claim's verdict, its control's, and every instance in the order of the grid."""
    verdict = result.verdict
    return {
        "key": result.claim.key,
        "title": result.claim.title,
        "version": result.claim.version,
        "relation": str(result.claim.relation),
        "verdict": str(verdict.verdict),
        "slack": _number(verdict.slack),
        "control": finite(summary(verdict)),
        "instances": [_instance(result.claim, cell, finding) for cell, finding in result.findings],
        "errors": list(result.errors),
        "seconds": round(result.seconds, 3),
    }


def _instance(claim: Claim, cell: Cell, finding: Finding) -> dict[str, Any]:
    relation = finding.relation or claim.relation
    return {
        "parameters": {name: _word(value) for name, value in cell.parameters.items()},
        "form": finding.form,
        "control": finding.control,
        "relation": str(relation),
        "predicted": _number(finding.predicted),
        "measured": _number(finding.measured),
        "low": _number(finding.low),
        "high": _number(finding.high),
        "margins": {name: _number(margin) for name, margin in finding.margins.items()},
        "verdict": str(judge(finding, relation)),
        "slack": _number(slack(finding, relation)),
        **finite(finding.details),
    }


def document(claims: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The whole document: claims in the order of their keys, and where the figures come from."""
    return {"claims": sorted(claims, key=lambda claim: claim["key"]), "provenance": dict(provenance)}


def dumps(data: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """The document as JSON that every parser accepts: NaN and infinity have become null."""
    return json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)


def passed(claim: Mapping[str, Any]) -> bool:
    """Whether a claim's document says that it holds and that every control is refuted."""
    return bool(claim["verdict"] == "HOLDS" and claim["control"]["refuted"])


def finite(value: Any) -> Any:
    """The value in JSON's terms: NumPy scalars as Python's, NaN and infinity as null, all the way down."""
    if isinstance(value, Mapping):
        return {str(name): finite(inner) for name, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [finite(inner) for inner in value]
    value = plain(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _word(value: Any) -> Any:
    """A parameter tells instances apart, so an infinite one stays what it is, in words."""
    value = plain(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
