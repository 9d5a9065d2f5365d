"""The finished cells of sweeps, in files to which they are only ever appended: ``OUT/sweep/.cells/KEY/*.journal``.

Every process writes a file of its own, so that several may sweep into one store. A record is a mark, the cell's key,
what became of it, the length and the SHA-256 of the content, and the content. What a killed process, a full disk or a
damaged one has left of a record does not agree with its digest, and is passed over; the others are read all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import secrets
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from theory.claims.claim import Cell
from theory.runs.cells import Outcome, Task
from theory.runs.files import sync_folder
from theory.runs.packing import packed, unpacked
from theory.runs.sorting import Sorting
from theory.runs.sources import Source
from theory.runs.streams import plain

FOLDER = ".cells"
SYNC = 1.0
"""Seconds of finished cells that a power failure may cost; a process that is killed costs none."""

_MARK = b"\x93CELL\r\n\x1a"
_HEAD = struct.Struct("<8s16sBQ16s")
DONE, FAILED = 1, 2

Place = tuple[Path, int]
"""A file, and where in it a record begins."""

_KEY = 16
KEYS = np.dtype((np.bytes_, _KEY))
"""Keys in an array; one that ends with zeros is the same without them."""


def key(task: Task, version: int) -> bytes:
    """What tells a cell from every other, in 16 bytes: the claim and its version, the parameters, the seed …

    … the repetition, the profile (which a claim may look at), the library that measures, the images. Not the commit:
    whoever changes what a claim measures raises its version.
    """
    parameters = {name: plain(value) for name, value in task.cell.parameters.items()}
    asked = [task.key, version, parameters, task.cell.control, task.repetition]
    asked += [task.seed, task.profile, task.backend, task.images.digest]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()[:16]


class Places:
    """Places as bytes that are sorted as they lie on the disk, in files that come in order. The names are kept once."""

    SIZE = 12
    _FORMAT = struct.Struct(">IQ")

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def packed(self, place: Place) -> bytes:
        """As so many bytes: the number of the file, and the place in it."""
        if not self._paths or self._paths[-1] != place[0]:
            self._paths.append(place[0])
        return self._FORMAT.pack(len(self._paths) - 1, place[1])

    def unpacked(self, string: bytes) -> Place:
        """The place that is behind whatever else is in the string."""
        number, offset = self._FORMAT.unpack(string[-self.SIZE :])
        return self._paths[number], offset


@dataclass(frozen=True)
class Entry:
    """Where a record stands, of which cell it is, and whether that is done."""

    key: bytes
    done: bool
    place: Place


class Journal:
    """The records of one claim; those appended here go to a file that no other process writes to.

    ``foreign`` counts the whole records that the last look at all of them found to be of another format, as another
    version of this package may have left them. They are passed over, and their cells are measured again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.foreign = 0
        self._file: IO[bytes] | None = None
        self._end = 0
        self._synced = time.monotonic()

    def open(self) -> None:
        """Make the file that ``append`` writes to.

        Raises
        ------
        OSError
            If that cannot be.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._next()}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.journal"
        self._file = (self.folder / name).open("xb", buffering=0)
        sync_folder(self.folder)  # else a power failure may take the file itself, however often it is synced
        with contextlib.suppress(OSError):
            (self.folder.parent / ".gitignore").write_text("*\n")

    def _next(self) -> int:
        """The time in nanoseconds, or more where the clock went back: the files are in the order of their making."""
        begun = (path.name.partition("-")[0] for path in self.folder.glob("*.journal"))
        return max(time.time_ns(), 1 + max((int(stamp) for stamp in begun if stamp.isdecimal()), default=0))

    def append(self, key: bytes, content: bytes, *, done: bool) -> None:
        """Add a record, whole or not at all.

        Raises
        ------
        OSError
            If there is no room, or no such file any more.
        """
        if self._file is None:
            self.open()
        assert self._file is not None
        record = _record(key, content, done)
        try:
            written = 0
            while written < len(record):
                written += self._file.write(memoryview(record)[written:])
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise
        self._end += len(record)
        if time.monotonic() - self._synced > SYNC:
            self.sync()

    def sync(self) -> None:
        """Have what was appended written to the disk itself."""
        self._synced = time.monotonic()
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """End the file; one without a record is deleted."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self.sync()
            self._file.close()
            if not self._end:
                with contextlib.suppress(OSError):
                    Path(self._file.name).unlink()
            self._file = None

    def entries(self) -> Iterator[Entry]:
        """All whole records of this format, in the order of their files' making; of one cell the last one counts."""
        self.foreign = 0
        for path in sorted(self.folder.glob("*.journal")):
            with contextlib.suppress(OSError), path.open("rb") as file:
                for entry, content in _entries(path, file):
                    if _understood(content):
                        yield entry
                    else:
                        self.foreign += 1

    def latest(self) -> Iterator[Place]:
        """Where that stands which counts for each cell, as it lies on the disk.

        It is the last time that the cell was done, else the last time that it failed. However many cells there are, few
        of them are in memory.
        """
        places = Places()
        with Sorting(self.folder) as by_key, Sorting(self.folder) as by_place:
            for entry in self.entries():
                by_key.add(entry.key + bytes([entry.done]) + places.packed(entry.place))
            for _, group in itertools.groupby(by_key, key=lambda string: string[:_KEY]):
                *_, last = group
                by_place.add(last[-Places.SIZE :])
            yield from map(places.unpacked, by_place)

    def done(self) -> np.ndarray:
        """The keys of the cells that are done, 16 bytes each, in order."""
        keys = bytearray()
        for entry in self.entries():
            if entry.done:
                keys += entry.key
        return np.unique(np.frombuffer(keys, KEYS))


def _record(key: bytes, content: bytes, done: bool) -> bytes:
    kind = DONE if done else FAILED
    return _HEAD.pack(_MARK, key, kind, len(content), _digest(key, kind, content)) + content


def _digest(key: bytes, kind: int, content: bytes) -> bytes:
    return hashlib.sha256(key + bytes([kind]) + len(content).to_bytes(8, "little") + content).digest()[:16]


def _entries(path: Path, file: IO[bytes]) -> Iterator[tuple[Entry, bytes]]:
    """The whole records of a file. Behind a damaged one, the next mark with a record that agrees is looked for."""
    size, place = os.fstat(file.fileno()).st_size, 0
    while place + _HEAD.size <= size:
        found = _at(file, place, size)
        if found is None:
            place = _next_mark(file, place + 1)
            if place < 0:
                return
            continue
        key, kind, content = found
        yield Entry(key, kind == DONE, (path, place)), content
        place += _HEAD.size + len(content)


def _at(file: IO[bytes], place: int, size: int) -> tuple[bytes, int, bytes] | None:
    """Key, kind and content of the record at that place, if there is a whole one."""
    file.seek(place)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    mark, key, kind, length, digest = _HEAD.unpack(head)
    if mark != _MARK or place + _HEAD.size + length > size:
        return None
    content = file.read(length)
    return (key, kind, content) if _digest(key, kind, content) == digest else None


def _next_mark(file: IO[bytes], place: int) -> int:
    file.seek(place)
    before = b""
    for block in iter(lambda: file.read(1 << 20), b""):
        found = (before + block).find(_MARK)
        if found >= 0:
            return place - len(before) + found
        before = (before + block)[-len(_MARK) + 1 :]
        place = file.tell()
    return -1


# ------------------------------------------------------------------------------------------------ what is in a record


@dataclass(frozen=True)
class Record:
    """A cell as it was measured, by whom, and with what version of the claim."""

    outcome: Outcome
    version: int
    origin: Mapping[str, Any]


def content(outcome: Outcome, version: int, origin: Mapping[str, Any]) -> tuple[Outcome, bytes]:
    """The record's content; the outcome comes back with an error where its evidence cannot be written down."""
    task = outcome.task
    evidence = b"" if outcome.evidence is None else packed(outcome.evidence)
    if evidence is None:
        error = "the evidence is more than numbers and words: a file would not give it back"
        outcome, evidence = Outcome(task, None, error, outcome.seconds), b""
    head = {
        "task": {name: getattr(task, name) for name in _TASK},
        "parameters": {name: plain(value) for name, value in task.cell.parameters.items()},
        "control": task.cell.control,
        "images": [task.images.name, task.images.digest],
        "version": version,
        "origin": dict(origin),
        "seconds": outcome.seconds,
        "error": outcome.error,
    }
    return outcome, json.dumps(head).encode() + b"\n" + evidence


_TASK = ("key", "profile", "seed", "backend", "repetition", "code")


def read(place: Place) -> Record:
    """The record at a place that ``entries`` has given."""
    path, offset = place
    with path.open("rb") as file:
        return _parsed(_content(file, offset))


def read_all(places: Iterator[Place]) -> Iterator[tuple[Place, Record]]:
    """The records at these places, with each file opened once as long as the next place is in it."""
    for path, group in itertools.groupby(places, key=lambda place: place[0]):
        with path.open("rb") as file:
            for place in group:
                yield place, _parsed(_content(file, place[1]))


def _content(file: IO[bytes], offset: int) -> bytes:
    found = _at(file, offset, os.fstat(file.fileno()).st_size)
    if found is None:
        raise OSError(f"the record at {offset} of {file.name} has changed")
    return found[2]


def _parsed(content: bytes) -> Record:
    words, _, evidence = content.partition(b"\n")
    head = json.loads(words)
    name, digest = head["images"]
    cell, images = Cell(head["parameters"], head["control"]), Source(name, name, digest)
    task = Task(**head["task"], index=0, cell=cell, images=images)
    outcome = Outcome(task, unpacked(evidence) if evidence else None, head["error"], head["seconds"])
    return Record(outcome, head["version"], head["origin"])


def _understood(content: bytes) -> bool:
    """Whether it is of this format: a whole record of another one is no damage, and its fields are others."""
    try:
        _parsed(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True
