"""Cells that are measured already, kept on disk under ``OUT/PROFILE/.cells``: what an interrupted run takes up again.

One file a cell: a line with the SHA-256 of all that follows, then a NumPy archive without pickled objects, so that
reading one runs no code. What the figures depend on stands in it, and a file that is damaged, or of other code,
versions or images, is as good as none: the cell is measured again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

import theory
from theory.claims.claim import Claim, Evidence, Finding, Relation
from theory.runs import provenance
from theory.runs.cells import Outcome, Task
from theory.runs.sources import fingerprint
from theory.runs.streams import identity, plain

FOLDER = ".cells"

_UNRELATED = frozenset({"report", "cli.py", "claims"})
"""Parts of the package on which no figure depends, the other claims among them."""

_ENTRIES = tuple(entry.name for entry in fields(Finding))


@dataclass(frozen=True)
class Kept:
    """The kept cells of one folder. With ``anew`` none is taken up, and all are measured and kept again."""

    folder: Path
    anew: bool = False
    _machine: dict[str, Any] = field(default_factory=dict, repr=False)

    def find(self, task: Task, claim: Claim) -> Outcome | None:
        """What became of this cell, if it was measured before by the same code with the same input."""
        if self.anew:
            return None
        try:
            digest, _, content = self._path(task).read_bytes().partition(b"\n")
            if hashlib.sha256(content).hexdigest().encode() != digest:
                return None
            return _unpack(content, task, self._identity(task, claim))
        except (OSError, ValueError, LookupError, TypeError, MemoryError, zipfile.BadZipFile):
            return None

    def keep(self, outcome: Outcome, claim: Claim) -> None:
        """Keep a cell, whole or not at all. What went wrong is not kept, nor what a plain file cannot hold."""
        if outcome.evidence is None or any(column.dtype.hasobject for column in outcome.evidence.points.values()):
            return
        with contextlib.suppress(OSError, TypeError, ValueError):
            content = _pack(outcome, self._identity(outcome.task, claim))
            self._write(self._path(outcome.task), hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n")
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _path(self, task: Task) -> Path:
        """One place a cell: what another version of the code measured there is written over."""
        slot = [identity(task.key, task.cell), task.profile, task.seed, task.backend, task.images]
        return self.folder / f"{hashlib.sha256(json.dumps(slot).encode()).hexdigest()[:32]}.cell"

    def _identity(self, task: Task, claim: Claim) -> dict[str, Any]:
        """All that the figures of a cell depend on."""
        if not self._machine:
            found = provenance.collect(seed=task.seed, backend=task.backend, profile=task.profile, images=task.images)
            self._machine.update({name: found[name] for name in ("versions", "device", "platform", "threads")})
        return {
            "cell": identity(task.key, task.cell),
            "version": claim.version,
            "profile": task.profile,
            "seed": task.seed,
            "backend": task.backend,
            "images": fingerprint(task.images),
            "code": code(claim),
            **self._machine,
        }


@functools.cache
def _package() -> str:
    root, digest = Path(theory.__file__).parent, hashlib.sha256()
    own = [path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in _UNRELATED]
    for path in sorted([*own, *(root / "claims").glob("*.py")]):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def code(claim: Claim) -> str:
    """SHA-256 of the code that measures a claim: its own module, and the package but other claims and reports."""
    try:
        own = Path(inspect.getfile(claim.measure)).read_bytes()
    except (OSError, TypeError):
        own = repr(claim.measure).encode()
    return hashlib.sha256(_package().encode() + own).hexdigest()


def _pack(outcome: Outcome, known: Mapping[str, Any]) -> bytes:
    evidence = outcome.evidence
    assert evidence is not None
    head = {
        "identity": known,
        "seconds": outcome.seconds,
        "names": list(evidence.points),
        "findings": [{name: _plain(getattr(f, name)) for name in _ENTRIES} for f in evidence.findings],
    }
    columns = {f"c{place}": column for place, column in enumerate(evidence.points.values())}
    file = io.BytesIO()
    np.savez(file, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), **columns)
    return file.getvalue()


def _plain(value: Any) -> Any:
    return {name: plain(v) for name, v in value.items()} if isinstance(value, Mapping) else plain(value)


def _unpack(content: bytes, task: Task, known: Mapping[str, Any]) -> Outcome | None:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        head = json.loads(archive["head"].tobytes())
        if head["identity"] != known:
            return None
        points = {name: archive[f"c{place}"] for place, name in enumerate(head["names"])}
    findings = [Finding(**{**f, "relation": f["relation"] and Relation(f["relation"])}) for f in head["findings"]]
    return Outcome(task, Evidence(findings, points), "", float(head["seconds"]))
