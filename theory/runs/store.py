"""The store: one Parquet file per claim, ``OUT/PROFILE/KEY.parquet``, with one tidy row per recorded point.

The file's metadata (key ``theory``) holds the provenance and the claim's document as JSON, so that figures and pages
need nothing but the store. A file is there whole or not at all: it is written beside its place, then moved there.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from theory.checks import BadInput, refuse
from theory.runs.cells import Outcome
from theory.runs.document import claim_document, dumps
from theory.runs.engine import ClaimResult
from theory.runs.files import replacing
from theory.runs.streams import identity

if TYPE_CHECKING:
    import pandas as pd

METADATA = b"theory"

Warn = Callable[[str], None]


class DamagedFile(UserWarning):
    """A file of the store cannot be read; it was kept, and left out."""


@dataclass(frozen=True)
class Stored:
    """One claim as it was read back: its rows, its document and where its figures come from."""

    key: str
    frame: pd.DataFrame
    claim: Mapping[str, Any]
    provenance: Mapping[str, Any]


def prepare(out: Path, profile: str) -> Path:
    """The folder ``OUT/PROFILE``, after making sure that files can be written there.

    Raises
    ------
    BadInput
        If the folder cannot be created or written.
    """
    folder = out / profile
    probe = folder / f".{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise refuse("out", f"{out} ({error.strerror})", "a folder that can be created and written") from None
    return folder


def write(result: ClaimResult, provenance: Mapping[str, Any], folder: Path, *, warn: Warn | None = None) -> Path:
    """Store a claim's rows, verdict and provenance; an unreadable file in its place is kept as ``*.damaged``.

    Raises
    ------
    BadInput
        If the file cannot be written.
    """
    path = folder / f"{result.claim.key}.parquet"
    content = {"provenance": dict(provenance), "claim": claim_document(result), "seconds": _seconds(result)}
    table = rows(result, provenance)
    try:
        _rescue(path, warn or _warn)
        # Arrow's own schema would hold the metadata a second time, in base64.
        with (
            replacing(path) as file,
            pq.ParquetWriter(file, table.schema, compression="zstd", store_schema=False) as writer,
        ):
            writer.write_table(table)
            writer.add_key_value_metadata({METADATA: dumps(content, indent=None).encode()})
    except OSError as error:
        raise refuse("out", f"{folder} ({error.strerror or error})", "a folder that can be written") from None
    return path


def _seconds(result: ClaimResult) -> dict[str, float]:
    """What each cell took, by its identity: no figure, and the best guide to what it will take again."""
    measured = (outcome for outcome in result.outcomes if outcome.evidence)
    return {identity(result.claim.key, outcome.task.cell): round(outcome.seconds, 3) for outcome in measured}


def _rescue(path: Path, warn: Warn) -> None:
    """Move an unreadable file out of the way of the one that is about to be written: nothing is lost."""
    if not path.exists():
        return
    try:
        _load(path)
    except BadInput as reason:
        names = (path.with_name(f"{path.name}.damaged{number}") for number in ["", *range(2, 10_000)])
        kept = next(name for name in names if not name.exists())
        path.rename(kept)
        warn(f"{reason}; kept as {kept.name}")


# ---------------------------------------------------------------------------------------------------------------- rows


def rows(result: ClaimResult, provenance: Mapping[str, Any]) -> pa.Table:
    """One row per recorded point: what it belongs to, the cell's parameters, where it comes from, the point itself."""
    cells = [outcome for outcome in result.outcomes if outcome.evidence]
    lengths = [_length(outcome) for outcome in cells]
    parameters = _names(outcome.task.cell.parameters for outcome in cells)
    points = _names(outcome.evidence.points for outcome in cells if outcome.evidence)
    columns = {
        "claim": pa.array([result.claim.key] * sum(lengths), pa.string()),
        "version": pa.array([result.claim.version] * sum(lengths), pa.int64()),
        "control": _repeated([outcome.task.cell.control for outcome in cells], lengths),
        "cell": pa.array(np.repeat([outcome.task.index for outcome in cells], lengths).astype(np.int64)),
    }
    for name in parameters:
        if name != "dtype":
            columns[name] = _repeated([outcome.task.cell.parameters.get(name) for outcome in cells], lengths)
    origin = {"seed": "seed", "commit": "commit", "backend": "backend", "image_source": "images"}
    for name, entry in origin.items():
        columns[name] = _repeated([provenance[entry]] * len(cells), lengths)
    columns["dtype"] = _repeated([outcome.task.cell.parameters.get("dtype", "float64") for outcome in cells], lengths)
    for name in points:  # a point that repeats a parameter knows it best
        columns[name] = _stacked(name, cells, lengths)
    return pa.table(columns)


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


# ------------------------------------------------------------------------------------------------------------- reading


def read(out: Path, profile: str, *, warn: Warn | None = None) -> Iterator[Stored]:
    """Every claim in the store, in the order of the keys.

    A file that cannot be read is kept and left out, and ``warn`` is given one line that names it; by default, a
    :class:`DamagedFile` warning.
    """
    for path in sorted((out / profile).glob("*.parquet")):
        try:
            table, content = _load(path)
        except BadInput as reason:
            (warn or _warn)(f"{reason}; kept, and left out")
        else:
            yield Stored(path.stem, table.to_pandas(), content["claim"], content["provenance"])


def records(out: Path, profile: str) -> Iterator[Mapping[str, Any]]:
    """The metadata of every claim in the store, without its rows: ``claim``, ``provenance``, ``seconds`` by cell.

    Files that cannot be read are left out. Older ones have no ``seconds`` but the claim's.
    """
    for path in sorted((out / profile).glob("*.parquet")):
        with contextlib.suppress(BadInput):
            yield _load(path, rows=False)[1]


def _load(path: Path, *, rows: bool = True) -> tuple[pa.Table, Mapping[str, Any]]:
    try:
        # Not pq.read_table: that would take a folder named like "a=b" on the way for a column.
        with pq.ParquetFile(path) as file:
            table = file.read() if rows else file.schema_arrow.empty_table()
        content = json.loads((table.schema.metadata or {})[METADATA])
        content["claim"]["key"], content["provenance"]["commit"]
    except KeyError:
        raise BadInput(f"{path} was not written by this command; it has no claim in its metadata") from None
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise BadInput(f"{path} cannot be read ({reason})") from None
    return table, content


def _warn(message: str) -> None:
    warnings.warn(message, DamagedFile, stacklevel=4)
