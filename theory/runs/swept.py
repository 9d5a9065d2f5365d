"""The tables of a sweep, from its journal: ``OUT/sweep/KEY.parquet`` has a row per recorded point of all cells done.

``OUT/sweep/findings/KEY.parquet`` has a row per finding, ``OUT/sweep/failed/KEY.csv`` a line per cell that has failed
and why. They are written anew, batch by batch, whenever a sweep of the claim ends, and in the order of the parameters:
what was measured where, or when, leaves no trace in them.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import itertools
import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from theory.claims.claim import Claim
from theory.claims.verdict import Verdict, judge
from theory.runs.code import source
from theory.runs.files import replacing
from theory.runs.journal import FOLDER, Journal, Places, Record, key, read_all
from theory.runs.sorting import Sorting
from theory.runs.store import packing
from theory.runs.streams import plain
from theory.runs.tables import findings, points

NAME = "sweep"
"""The folder of the store."""

_BATCH = 1000
"""Cells that are in memory at a time."""


@dataclass
class Swept:
    """What the store has of a claim: cells done and failed, verdicts, and how often each control was refuted.

    ``other_code`` counts the cells that were measured by other code of the claim's present version, ``foreign`` the
    records of another format, which are in no table.
    """

    cells: int = 0
    failed: int = 0
    other_code: int = 0
    foreign: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    controls: dict[str, Counter[str]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "cells": self.cells,
            "failed": self.failed,
            "other_code": self.other_code,
            "foreign": self.foreign,
            "findings": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            "controls": {name: {str(v): count[v] for v in Verdict} for name, count in self.controls.items()},
        }


def journal(folder: Path, claim: Claim) -> Journal:
    """Where the cells of a claim are kept in the store."""
    return Journal(folder / FOLDER / claim.key)


def write(claim: Claim, folder: Path, provenance: Mapping[str, Any]) -> Swept:
    """Write the tables of a claim, and say what is in them.

    Raises
    ------
    OSError
        If they cannot be written; what was there before is there still.
    """
    cells = journal(folder, claim)
    with _alone(cells.folder), contextlib.ExitStack() as stack:
        kept = _Kept(claim, cells, stack)
        swept = Swept(len(kept.done), len(kept.failed), kept.other_code, cells.foreign)
        swept.controls = {name: Counter() for name in claim.controls}
        _write_failures(folder / "failed" / f"{claim.key}.csv", kept)
        if len(kept.done):
            content = {"provenance": dict(provenance), "claim": _document(claim, swept)}
            _write_tables(claim, folder, kept, swept, content)
    return swept


def _document(claim: Claim, swept: Swept) -> dict[str, Any]:
    return {
        "key": claim.key,
        "title": claim.title,
        "version": claim.version,
        "relation": str(claim.relation),
        "cells": swept.cells,
        "failed": swept.failed,
    }


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: the tables of the last one have all that was finished when it began to read."""
    try:
        import fcntl
    except ImportError:  # no locks here; tables are whole all the same
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Kept:
    """What counts in a journal, in the order of the parameters, and a cell of every kind of columns.

    The cells themselves stay where they are: ``done`` and ``failed`` have their places.
    """

    def __init__(self, claim: Claim, cells: Journal, stack: contextlib.ExitStack) -> None:
        self.done, self.failed = (stack.enter_context(Sorting(cells.folder)) for _ in range(2))
        self.other_code = 0
        self.examples: list[Record] = []
        self._places = Places()
        code, kinds = source(claim), set()
        for place, record in read_all(cells.latest()):
            if record.version != claim.version:
                continue
            done = record.outcome.evidence is not None
            (self.done if done else self.failed).add(_order(record) + self._places.packed(place))
            self.other_code += done and record.outcome.task.code != code
            if done and (kind := _kind(record)) not in kinds:
                kinds.add(kind)
                self.examples.append(record)
        self.examples.sort(key=_order)

    def records(self, some: Sorting) -> Iterator[Record]:
        """Those done, or those that failed, one after the other."""
        return (record for _, record in read_all(map(self._places.unpacked, some)))


def _order(record: Record) -> bytes:
    """Sorts cells by their control, then parameter by parameter, then by all else that they differ in."""
    task = record.outcome.task
    parts = [task.cell.control.encode(), b"\0"]
    for name, value in task.cell.parameters.items():
        parts += [name.encode(), b"\0", _ordered(value), b"\0"]
    parts += [task.profile.encode(), struct.pack(">QQ", task.seed, task.repetition), key(task, record.version)]
    return b"".join(parts)


def _ordered(value: Any) -> bytes:
    if isinstance(value, str):
        return b"\1" + value.encode()
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(value)))
    return b"\0" + struct.pack(">Q", ~bits & (1 << 64) - 1 if bits >> 63 else bits | 1 << 63)


def _kind(record: Record) -> tuple[Any, ...]:
    """What the types of a cell's columns depend on."""
    task, evidence = record.outcome.task, record.outcome.evidence
    assert evidence is not None
    columns = tuple(
        (n, c.dtype.str.rstrip("0123456789") if c.dtype.kind in "US" else c.dtype.str)
        for n, c in evidence.points.items()
    )
    return tuple((name, type(value)) for name, value in task.cell.parameters.items()), columns


# -------------------------------------------------------------------------------------------------------------- tables


def _write_tables(claim: Claim, folder: Path, kept: _Kept, swept: Swept, content: Mapping[str, Any]) -> None:
    paths = folder / f"{claim.key}.parquet", folder / "findings" / f"{claim.key}.parquet"
    examples = _rows(claim, kept.examples)
    with contextlib.ExitStack() as stack:
        writers = []
        for path, example in zip(paths, examples, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep_drafts(path)
            file = stack.enter_context(replacing(path))
            writers.append(stack.enter_context(packing(file, example.schema, content)))
        cells = kept.records(kept.done)
        for start in range(0, len(kept.done), _BATCH):
            records = list(itertools.islice(cells, _BATCH))
            _count(claim, records, swept)
            # Beside a cell of every kind, those of the batch get the columns and the types of the whole.
            tables = _rows(claim, [*kept.examples, *records], start - len(kept.examples))
            for writer, table, example in zip(writers, tables, examples, strict=True):
                writer.write_table(table.slice(example.num_rows))


def _rows(claim: Claim, records: Sequence[Record], start: int = 0) -> tuple[pa.Table, pa.Table]:
    outcomes = [
        replace(record.outcome, task=replace(record.outcome.task, index=index))
        for index, record in enumerate(records, start)
    ]
    origins = [_origin(record) for record in records]
    return points(claim, outcomes, origins), findings(claim, outcomes, origins)


def _origin(record: Record) -> dict[str, Any]:
    task = record.outcome.task
    return {
        "repetition": task.repetition,
        "profile": task.profile,
        "seed": task.seed,
        "commit": record.origin["commit"],
        "backend": task.backend,
        "image_source": task.images.label,
    }


def _count(claim: Claim, records: Sequence[Record], swept: Swept) -> None:
    for record in records:
        assert record.outcome.evidence is not None
        for finding in record.outcome.evidence.findings:
            counter = swept.controls.setdefault(finding.control, Counter()) if finding.control else swept.verdicts
            counter[judge(finding, claim.relation)] += 1


def _sweep_drafts(path: Path) -> None:
    """Nobody else writes this table now: drafts are what killed processes have left."""
    for draft in path.parent.glob(f".{path.stem}.*.tmp"):
        with contextlib.suppress(OSError):
            draft.unlink()


def _write_failures(path: Path, kept: _Kept) -> None:
    """A line for each cell that has failed; no file where there is none."""
    if not len(kept.failed):
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        writer = csv.writer(codecs.getwriter("utf-8")(file), lineterminator="\n")
        writer.writerow(["claim", "parameters", "control", "repetition", "profile", "seed", "reason"])
        for task, error in ((r.outcome.task, r.outcome.error) for r in kept.records(kept.failed)):
            parameters = json.dumps({name: plain(value) for name, value in task.cell.parameters.items()})
            writer.writerow([task.key, parameters, task.cell.control, task.repetition, task.profile, task.seed, error])
