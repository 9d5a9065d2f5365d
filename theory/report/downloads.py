"""The files beside the page: the rows of each claim and its findings as CSV, and one table of all verdicts.

The Parquet file is the exact one. CSV is for a spreadsheet or a glance: ``DIGITS`` digits, without columns that say the
same in every row and stand in the provenance, and compressed where it would be large.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from theory.checks import BadInput
from theory.report.table import number
from theory.runs.files import replacing
from theory.runs.store import Stored

DIGITS = 6
"""Digits of a number in a CSV file of rows."""

PLAIN = 100_000
"""Characters of a CSV file of rows above which it is compressed."""

_IN_PROVENANCE = ("claim", "version", "seed", "commit", "backend", "image_source", "dtype")


def rows(stored: Stored, folder: Path) -> Path:
    """Write the claim's rows as ``KEY.csv``, or, if that would be large, as ``KEY.csv.gz``."""
    frame = stored.frame
    told = [name for name in _IN_PROVENANCE if name in frame and frame[name].nunique(dropna=False) <= 1]
    text = frame.drop(columns=told).to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")
    plain, packed = (folder / f"{stored.key}.csv{ending}" for ending in ("", ".gz"))
    path, other = (plain, packed) if len(text) <= PLAIN else (packed, plain)
    content = text.encode()
    save(path, content if path == plain else gzip.compress(content, mtime=0))  # the same rows are the same file
    other.unlink(missing_ok=True)
    return path


def findings(stored: Stored, folder: Path) -> Path:
    """Write every prediction beside its measurement as ``KEY.findings.csv``: one line per instance, exactly."""
    lines = [_flat(instance) for instance in stored.claim["instances"]]
    return _table(folder / f"{stored.key}.findings.csv", lines)


def _flat(instance: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters first, then the finding, its margins and its details; a name that comes twice is told apart."""
    flat = dict(instance["parameters"])
    for name, value in instance.items():
        if name == "margins":
            flat |= {f"margin: {hypothesis}": margin for hypothesis, margin in value.items()}
        elif name != "parameters":
            flat[f"{name} (finding)" if name in instance["parameters"] else name] = value
    return flat


def verdicts(claims: Sequence[tuple[str, Stored]], path: Path) -> Path:
    """Write one line per claim and store: relation, verdict, slack, controls, and where they come from."""
    lines = [
        {
            "claim": stored.key,
            "store": name,
            "version": stored.claim["version"],
            "relation": stored.claim["relation"],
            "verdict": stored.claim["verdict"],
            "slack": number(stored.claim["slack"]),
            "controls refuted": stored.claim["control"]["refuted"],
            "instances": len(stored.claim["instances"]),
            "commit": stored.provenance["commit"],
            "date": stored.provenance.get("date", ""),
        }
        for name, stored in claims
    ]
    return _table(path, lines)


def _table(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    out = io.StringIO()
    columns = list(dict.fromkeys(name for line in lines for name in line))
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    save(path, out.getvalue().encode())
    return path


def save(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    BadInput
        If it cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise BadInput(f"out is {path.parent} ({error.strerror}); it must be a folder that can be written") from None


def size(path: Path) -> str:
    """The size of a file in words: ``2 kB``, ``1.3 MB``."""
    kilobytes = path.stat().st_size / 1000
    return f"{max(1, round(kilobytes))} kB" if kilobytes < 1000 else f"{kilobytes / 1000:.1f} MB"
