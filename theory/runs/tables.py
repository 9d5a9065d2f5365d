"""Tidy tables of measured cells: a row per recorded point, or a row per finding."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from theory.claims.claim import Claim
from theory.claims.verdict import judge, slack
from theory.runs.cells import Outcome
from theory.runs.document import finite

Origin = Mapping[str, Any]
"""Columns that say where a cell comes from, such as its seed and the commit."""


_OF_FINDINGS = frozenset(
    "form of_control relation predicted measured low high rounding verdict slack margins details".split()
)


def points(claim: Claim, cells: Sequence[Outcome], origins: Sequence[Origin]) -> pa.Table:
    """One row per recorded point: what it belongs to, the cell's parameters, where it comes from, the point itself."""
    lengths = [_length(outcome) for outcome in cells]
    columns = _beside(claim, cells, origins, lengths)
    columns["dtype"] = _repeated([outcome.task.cell.parameters.get("dtype", "float64") for outcome in cells], lengths)
    # A point that repeats a parameter knows it best.
    for name in _names(outcome.evidence.points for outcome in cells if outcome.evidence):
        columns[name] = _stacked(name, cells, lengths)
    return pa.table(columns)


def findings(claim: Claim, cells: Sequence[Outcome], origins: Sequence[Origin]) -> pa.Table:
    """One row per finding: what it belongs to, prediction and measurement, the verdict, margins and details as JSON.

    ``of_control`` is the control that the finding is of; the cell itself may belong to none. A parameter that has the
    name of one of these columns is ``cell_NAME`` here.
    """
    found = [list(outcome.evidence.findings) if outcome.evidence else [] for outcome in cells]
    beside = _beside(claim, cells, origins, [len(each) for each in found])
    columns = {f"cell_{name}" if name in _OF_FINDINGS else name: column for name, column in beside.items()}
    flat = [finding for each in found for finding in each]
    columns["form"] = pa.array([finding.form for finding in flat], pa.string())
    columns["of_control"] = pa.array([finding.control for finding in flat], pa.string())
    columns["relation"] = pa.array([str(finding.relation or claim.relation) for finding in flat], pa.string())
    for name in ("predicted", "measured", "low", "high", "rounding"):
        columns[name] = pa.array([getattr(finding, name) for finding in flat], pa.float64())
    columns["verdict"] = pa.array([str(judge(finding, claim.relation)) for finding in flat], pa.string())
    columns["slack"] = pa.array([slack(finding, claim.relation) for finding in flat], pa.float64())
    columns["margins"] = pa.array([_json(finding.margins) for finding in flat], pa.string())
    columns["details"] = pa.array([_json(finding.details) for finding in flat], pa.string())
    return pa.table(columns)


def _json(mapping: Mapping[str, Any]) -> str:
    return json.dumps(finite(mapping), ensure_ascii=False)


def _beside(
    claim: Claim, cells: Sequence[Outcome], origins: Sequence[Origin], lengths: Sequence[int]
) -> dict[str, pa.Array]:
    """What stands beside every row of a cell: the claim, the parameters, the origin."""
    columns = {
        "claim": pa.array([claim.key] * sum(lengths), pa.string()),
        "version": pa.array([claim.version] * sum(lengths), pa.int64()),
        "control": _repeated([outcome.task.cell.control for outcome in cells], lengths),
        "cell": pa.array(np.repeat([outcome.task.index for outcome in cells], lengths).astype(np.int64)),
    }
    for name in _names(outcome.task.cell.parameters for outcome in cells):
        if name != "dtype":
            columns[name] = _repeated([outcome.task.cell.parameters.get(name) for outcome in cells], lengths)
    for name in _names(origins):
        columns[name] = _repeated([origin[name] for origin in origins], lengths)
    return columns


def _length(outcome: Outcome) -> int:
    columns = outcome.evidence.points.values() if outcome.evidence else ()
    return next((len(column) for column in columns), 0)


def _names(mappings: Any) -> list[str]:
    """All names, in the order in which they first appear."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _repeated(values: Sequence[Any], lengths: Sequence[int]) -> pa.Array:
    """Each value as often as its length says; values of several kinds become words."""
    return _array(values).take(pa.array(np.repeat(np.arange(len(values)), lengths)))


def _array(values: Sequence[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        values = [None if value is None else float(value) for value in values]
    elif len(kinds) > 1:
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, from_pandas=False)


def _stacked(name: str, cells: Sequence[Outcome], lengths: Sequence[int]) -> pa.Array:
    """A point column over all cells; cells that did not record it have its parameter, or nothing, instead."""
    parts = [_part(name, outcome, length) for outcome, length in zip(cells, lengths, strict=True)]
    kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
    if len(kinds) == 1:
        return pa.concat_arrays([part.cast(kinds.copy().pop()) for part in parts])
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.concat_arrays([part.cast(pa.float64(), safe=False) for part in parts])
    return pa.concat_arrays([part.cast(pa.string()) for part in parts])


def _part(name: str, outcome: Outcome, length: int) -> pa.Array:
    points = outcome.evidence.points if outcome.evidence else {}
    if name in points:
        return pa.array(points[name], from_pandas=False)
    return _repeated([outcome.task.cell.parameters.get(name)], [length])
