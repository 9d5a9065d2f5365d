"""Evidence as bytes, and back, to the last bit: a line of JSON, then the columns as they lie in memory.

Reading it runs no code: there is nothing in it but numbers and words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from theory.claims.claim import Evidence, Finding, Relation

_ENTRIES = tuple(entry.name for entry in fields(Finding))


def packed(evidence: Evidence) -> bytes | None:
    """The evidence as bytes; None if it would not come back from them as it is."""
    columns = [np.ascontiguousarray(column) for column in evidence.points.values()]
    if any(column.dtype.hasobject or column.dtype.names for column in columns):
        return None
    head = {
        "columns": [
            [name, column.dtype.str, column.size] for name, column in zip(evidence.points, columns, strict=True)
        ],
        "findings": [{name: getattr(finding, name) for name in _ENTRIES} for finding in evidence.findings],
    }
    try:
        words = json.dumps(head)
        if repr(_findings(json.loads(words))) != repr(list(evidence.findings)):
            return None
    except (TypeError, ValueError):
        return None
    return b"".join([words.encode(), b"\n", *(column.tobytes() for column in columns)])


def unpacked(content: bytes) -> Evidence:
    """The evidence of ``packed``.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the bytes are not whole, or are something else.
    """
    words, _, columns = content.partition(b"\n")
    head = json.loads(words)
    points, place = {}, 0
    for name, kind, size in head["columns"]:
        dtype = np.dtype(kind)
        points[name] = np.ndarray(size, dtype, columns, place).copy()
        place += dtype.itemsize * size
    if place != len(columns):
        raise ValueError(f"{len(columns)} bytes of columns; the head speaks of {place}")
    return Evidence(_findings(head), points)


def _findings(head: Mapping[str, Any]) -> list[Finding]:
    return [Finding(**{**entries, "relation": _relation(entries["relation"])}) for entries in head["findings"]]


def _relation(name: str | None) -> Relation | None:
    return None if name is None else Relation(name)
