"""The store: one Parquet file per claim, ``OUT/PROFILE/KEY.parquet``, with one tidy row per recorded point.

The file's metadata (key ``theory``) holds the provenance and the claim's document as JSON, so that figures and pages
need nothing but the store. A file is there whole or not at all: it is written beside its place, then moved there.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from theory.checks import BadInput, refuse
from theory.runs.document import claim_document, dumps
from theory.runs.engine import ClaimResult
from theory.runs.files import replacing
from theory.runs.streams import identity
from theory.runs.tables import points

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
        rescue(path, warn or _warn)
        with replacing(path) as file, packing(file, table.schema, content) as out:
            out.write_table(table)
    except OSError as error:
        raise refuse("out", f"{folder} ({error.strerror or error})", "a folder that can be written") from None
    return path


@contextlib.contextmanager
def packing(file: Any, schema: pa.Schema, content: Mapping[str, Any]) -> Iterator[pq.ParquetWriter]:
    """A writer of tables of this schema, and of what a file of the store holds beside its rows, as JSON.

    That is the file's metadata, not the table's own, of which Parquet would keep a second copy, in base64.
    Floating-point numbers share their high bytes and little else, so their bytes are kept by place: a third less, and
    the same bits.
    """
    numbers = [field.name for field in schema if pa.types.is_floating(field.type)]
    options: dict[str, Any] = {"compression": "zstd", "compression_level": 12, "use_byte_stream_split": numbers}
    others = [name for name in schema.names if name not in numbers]
    with pq.ParquetWriter(file, schema, use_dictionary=others, **options) as out:
        yield out
        out.add_key_value_metadata({METADATA.decode(): dumps(content, indent=None)})


def rows(result: ClaimResult, provenance: Mapping[str, Any]) -> pa.Table:
    """One row per recorded point: what it belongs to, the cell's parameters, where it comes from, the point itself."""
    names = {"seed": "seed", "commit": "commit", "backend": "backend", "image_source": "images"}
    origin = {column: provenance[entry] for column, entry in names.items()}
    cells = [outcome for outcome in result.outcomes if outcome.evidence]
    return points(result.claim, cells, [origin] * len(cells))


def _seconds(result: ClaimResult) -> dict[str, float]:
    """What each cell took, by its identity: no figure, and the best guide to what it will take again."""
    measured = (outcome for outcome in result.outcomes if outcome.evidence)
    return {identity(result.claim.key, outcome.task.cell): round(outcome.seconds, 3) for outcome in measured}


def rescue(path: Path, warn: Warn) -> None:
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
            content = json.loads((file.metadata.metadata or {})[METADATA])
        content["claim"]["key"], content["provenance"]["commit"]
    except KeyError:
        raise BadInput(f"{path} was not written by this command; it has no claim in its metadata") from None
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise BadInput(f"{path} cannot be read ({reason})") from None
    return table, content


def _warn(message: str) -> None:
    warnings.warn(message, DamagedFile, stacklevel=4)
