"""Byte strings in order, however many there are: sorted part by part, and merged from a file without a name.

The file lies in a folder of the store, where there is room or the tables could not be written either. It has no name
from the start, so that a process that is killed leaves nothing. A single part needs no file.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

PART = 8192
"""Strings that are sorted in memory at a time."""

_BLOCK = 1 << 14
"""Bytes of each part that are in memory while the parts are merged: enough that few reads are needed."""

_LENGTH = struct.Struct("<I")


class Sorting:
    """Strings go in with ``add``; iterating gives them all, the least first. Close it to free the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[bytes] = []
        self._parts: list[tuple[int, int]] = []
        self._file: IO[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Sorting:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, string: bytes) -> None:
        """Take a string in.

        Raises
        ------
        OSError
            If there is no room for the part that it completes.
        """
        self._held.append(string)
        self._count += 1
        if len(self._held) == PART:
            self._put_down()

    def _put_down(self) -> None:
        """Write the strings in memory behind the parts that are there, in order."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  open for as long as this is
        self._held.sort()
        begin = self._file.seek(0, 2)
        for string in self._held:
            self._file.write(_LENGTH.pack(len(string)) + string)
        self._parts.append((begin, self._file.tell()))
        self._held = []

    def __iter__(self) -> Iterator[bytes]:
        self._held.sort()
        return heapq.merge(self._held, *(self._read(*part) for part in self._parts))

    def _read(self, place: int, end: int) -> Iterator[bytes]:
        assert self._file is not None
        rest = b""
        while place < end:
            self._file.seek(place)  # the other parts are read in between
            block = self._file.read(min(_BLOCK, end - place))
            place += len(block)
            rest += block
            begin = 0
            while begin + _LENGTH.size <= len(rest):
                stop = begin + _LENGTH.size + _LENGTH.unpack_from(rest, begin)[0]
                if stop > len(rest):
                    break
                yield rest[begin + _LENGTH.size : stop]
                begin = stop
            rest = rest[begin:]
