"""Cells that an interrupted run had finished, kept under ``OUT/PROFILE/.cells`` until their claim is stored.

One file a cell, ``KEY/STATE/CELL.cell``: CELL is what the cell is and what was asked of it, STATE the code and the
machine that measured it. The file is a line with the SHA-256 of the rest, then a NumPy archive without pickled objects,
so that reading one runs no code. One that is damaged, or of another state, is as good as none.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import io
import json
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import theory
from theory.claims.claim import Claim, Evidence, Finding, Relation
from theory.runs import provenance
from theory.runs.cells import Outcome, Task
from theory.runs.files import replacing
from theory.runs.streams import identity

FOLDER = ".cells"

_NO_FIGURES = frozenset({"report", "cli.py"})
"""Parts of the package on which no figure can depend: the layers above the runs."""

_ENTRIES = tuple(entry.name for entry in fields(Finding))

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
        except Exception:  # noqa: BLE001  whatever is written there, at worst the cell is measured again
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


@functools.cache
def _package() -> str:
    """The digest of this package's code, but for what draws and prints."""
    root = Path(theory.__file__).parent
    return _of_files(root, [path for path in _code(root) if path.relative_to(root).parts[0] not in _NO_FIGURES])


def source(claim: Claim) -> str | None:
    """SHA-256 of the code that a claim is measured with: this package, and the claim's own if it is another.

    None if there are no files to tell from, as for a claim typed at a prompt.
    """
    measure: Any = claim.measure
    while isinstance(measure, functools.partial):
        measure = measure.func
    module = inspect.getmodule(inspect.unwrap(measure))
    top = sys.modules.get(module.__name__.partition(".")[0]) if module else None
    if top is theory:
        return _package()
    own = next((digest for place in (top, module) if place and (digest := _of_module(place))), None)
    return own and hashlib.sha256(f"{_package()} {own}".encode()).hexdigest()


@functools.cache
def _of_module(module: ModuleType) -> str | None:
    file = Path(getattr(module, "__file__", None) or "")
    if not file.is_file():
        return None
    return _of_files(file.parent, _code(file.parent) if file.name == "__init__.py" else [file])


def _code(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if path.is_file())


def _of_files(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


# -------------------------------------------------------------------------------------------------------------- files


def _packed(outcome: Outcome) -> bytes | None:
    """The cell as bytes; None if it failed, or would not come back from them as it is."""
    evidence = outcome.evidence
    if evidence is None or any(column.dtype.hasobject for column in evidence.points.values()):
        return None
    head = {
        "seconds": outcome.seconds,
        "names": list(evidence.points),
        "findings": [{name: getattr(finding, name) for name in _ENTRIES} for finding in evidence.findings],
    }
    columns = {f"c{place}": column for place, column in enumerate(evidence.points.values())}
    file = io.BytesIO()
    try:
        words = json.dumps(head)
        same = repr(_findings(json.loads(words))) == repr(list(evidence.findings))
        np.savez(file, head=np.frombuffer(words.encode(), dtype=np.uint8), **columns)
    except (TypeError, ValueError):
        return None
    return file.getvalue() if same else None


def _unpacked(content: bytes, task: Task) -> Outcome:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        head = json.loads(archive["head"].tobytes())
        points = {name: archive[f"c{place}"] for place, name in enumerate(head["names"])}
    return Outcome(task, Evidence(_findings(head), points), "", float(head["seconds"]))


def _findings(head: Mapping[str, Any]) -> list[Finding]:
    return [Finding(**{**entries, "relation": _relation(entries["relation"])}) for entries in head["findings"]]


def _relation(name: str | None) -> Relation | None:
    return None if name is None else Relation(name)
