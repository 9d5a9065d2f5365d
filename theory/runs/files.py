"""Files that are there whole or not at all, whatever interrupts the writing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file beside its place, then move it there.

    Power may fail at any line: the old file is there, or the new one, whole. A process that is killed leaves at most
    the draft, ``.NAME.PID.tmp``.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk itself, where that can be."""
    with contextlib.suppress(OSError):  # some systems cannot open a folder; there the move is as safe as it gets
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
