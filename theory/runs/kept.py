"""Cells that an interrupted run had finished, kept under ``OUT/PROFILE/.cells`` until their claim is stored.

One file a cell, ``KEY/STATE/CELL.cell``: CELL is what the cell is and what was asked of it, STATE the code and the
machine that measured it. The file is a line with the SHA-256 of the rest, a line with the seconds it took, then the
evidence as :mod:`theory.runs.packing` has it, so that reading one runs no code. One that is damaged, or of another
state, is as good as none.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import platform
import shutil
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from theory.claims.claim import Claim
from theory.runs import provenance
from theory.runs.cells import Outcome, Task
from theory.runs.code import source
from theory.runs.files import replacing
from theory.runs.packing import packed, unpacked
from theory.runs.streams import identity

FOLDER = ".cells"

Warn = Callable[[str], None]


class Kept:
    """The kept cells of the folder ``OUT/PROFILE``. With ``anew`` none is taken up, but cells are kept all the same.

    ``warn`` is given one line if cells cannot be kept; the run goes on without.
    """

    def __init__(self, folder: Path, *, anew: bool = False, warn: Warn | None = None) -> None:
        self.folder = folder / FOLDER
        self._anew = anew
        self._warn = warn

    def find(self, task: Task, claim: Claim) -> Outcome | None:
        """What became of the cell in an interrupted run, if there it was the same in every respect."""
        path = self._path(task, claim)
        if self._anew or path is None:
            return None
        try:
            seal, _, content = path.read_bytes().partition(b"\n")
            return _unpacked(content, task) if seal == _seal(path, content) else None
        except (OSError, ValueError, KeyError, TypeError):  # no cell, or one of another format: it is measured again
            return None

    def keep(self, outcome: Outcome, claim: Claim) -> None:
        """Keep a measured cell, whole or not at all; not one that failed, nor what a plain file does not give back."""
        path = self._path(outcome.task, claim)
        content = _packed(outcome)
        if path is None or content is None:
            return
        try:
            self._prepare(path.parent)
            with replacing(path) as file:
                file.write(_seal(path, content) + b"\n" + content)
        except OSError as error:
            warn, self._warn = self._warn, None  # once is enough
            if warn:
                warn(
                    f"cells cannot be kept in {self.folder} ({error.strerror or error}); an interrupted run starts anew"
                )

    def _prepare(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")

    def forget(self, claim: Claim, tasks: Iterable[Task]) -> None:
        """Delete these cells of a claim, and all that other code or another machine has measured of it.

        Those of the same state that something else was asked of, such as another seed, stay.
        """
        paths = [path for task in tasks if (path := self._path(task, claim))]
        own, states = {path.stem for path in paths}, {path.parent for path in paths}
        folder = self.folder / claim.key
        for state in _entries(folder):
            if state not in states:
                shutil.rmtree(state, ignore_errors=True)
        for path in (path for state in states for path in _entries(state)):
            # A draft that a killed process left bears the name of its cell as well.
            if path.name.removeprefix(".").partition(".")[0] in own:
                with contextlib.suppress(OSError):
                    path.unlink()
        _remove_empty([*states, folder, self.folder])

    def _path(self, task: Task, claim: Claim) -> Path | None:
        """Where the cell is kept; nowhere, if nobody can tell with what code it was measured."""
        code = source(claim)
        if code is None:
            return None
        state = [claim.version, code, _machine(task.backend)]
        asked = [identity(task.key, task.cell), task.profile, task.seed, task.backend, task.images.digest]
        return self.folder / task.key / _digest(state)[:16] / f"{_digest(asked)[:32]}.cell"


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _seal(path: Path, content: bytes) -> bytes:
    """Of the content and of its place: a file of another name is not this cell."""
    return hashlib.sha256(f"{path.parent.name}/{path.name}\n".encode() + content).hexdigest().encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _remove_empty(folders: Iterable[Path]) -> None:
    """From the inside out; the topmost holds nothing but its .gitignore when it is empty."""
    for folder in folders:
        with contextlib.suppress(OSError):
            if [path.name for path in _entries(folder)] == [".gitignore"]:
                (folder / ".gitignore").unlink()
            folder.rmdir()


# ------------------------------------------------------------------------------------------- what a figure depends on


@functools.cache
def _machine(backend: str) -> dict[str, Any]:
    """Python, the device, and every installed distribution: any of them may round otherwise."""
    return {
        "python": sys.version,
        "platform": platform.platform(),
        "device": provenance.device(backend),
        "threads": provenance.THREADS,
        "installed": sorted({f"{found.name} {found.version}" for found in distributions()}),
    }


# -------------------------------------------------------------------------------------------------------------- files


def _packed(outcome: Outcome) -> bytes | None:
    """The cell as bytes; None if it failed, or would not come back from them as it is."""
    content = None if outcome.evidence is None else packed(outcome.evidence)
    return None if content is None else f"{outcome.seconds!r}\n".encode() + content


def _unpacked(content: bytes, task: Task) -> Outcome:
    seconds, _, evidence = content.partition(b"\n")
    return Outcome(task, unpacked(evidence), "", float(seconds))
