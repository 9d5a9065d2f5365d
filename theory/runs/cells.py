"""One cell, measured: the only function that runs in another process, and what it sends back."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory.arrays import limited, namespace, to_numpy
from theory.checks import refuse
from theory.claims import registry
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Setting
from theory.claims.verdict import limits
from theory.runs.code import source
from theory.runs.sources import DIGITS, Source
from theory.runs.streams import plain, stream

RESERVED = frozenset("claim version control cell repetition profile seed commit backend image_source dtype".split())
"""Columns of the store that a claim may not use for its points, nor (``dtype`` apart) for its parameters."""

INSTANCE = frozenset(
    {"parameters", "form", "control", "relation", "predicted", "measured", "low", "high", "margins"}
) | {
    "verdict",
    "slack",
}
"""Entries of an instance in the document, which a finding's details may not replace."""


@dataclass(frozen=True)
class Task:
    """A cell to be measured, as plain data that any process can be sent."""

    key: str
    index: int
    cell: Cell
    profile: Profile
    seed: int
    backend: str
    images: Source = DIGITS
    repetition: int = 0
    code: str | None = None
    """The digest of the code that must measure it, where another machine's may differ."""

    def describe(self) -> str:
        """The cell in words: ``dim=5 law=sphere``, the control that it belongs to, and which repetition it is."""
        words = [f"{name}={value}" for name, value in self.cell.parameters.items()]
        words += [f"control={self.cell.control}"] if self.cell.control else []
        words += [f"repetition={self.repetition}"] if self.repetition else []
        return " ".join(words) or "its only cell"


@dataclass(frozen=True)
class Outcome:
    """What became of a task: evidence, or else the reason why there is none, in one line."""

    task: Task
    evidence: Evidence | None
    error: str
    seconds: float


def measure(task: Task, claim: Claim | None = None) -> Outcome:
    """Measure one cell with one thread; whatever the claim raises becomes the outcome's ``error``.

    Another process cannot be sent the claim itself, which is code: it looks it up in the registry.
    """
    begin = time.perf_counter()
    evidence, error = None, ""
    try:
        evidence = _evidence(task, claim or registry()[task.key])
    except (Exception, SystemExit) as raised:  # noqa: BLE001  a claim may raise anything
        error = one_line(raised)
    return Outcome(task, evidence, error, time.perf_counter() - begin)


def one_line(error: BaseException) -> str:
    """An exception as one line: its type, without the names that libraries have for want of memory, and its message."""
    name = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    return " ".join(f"{name}: {error}".split())


def _evidence(task: Task, claim: Claim) -> Evidence:
    task.images.check()
    if task.code is not None and (own := source(claim)) != task.code:
        raise refuse("code", str(own)[:8], f"{task.code[:8]}: the same as where the sweep was begun")
    setting = Setting(
        rng=stream(task.seed, task.key, task.cell, task.repetition),
        xp=namespace(task.backend),
        profile=task.profile,
        images=task.images.place,
    )
    # A claim that prints must not break the document on standard output.
    with _one_thread(), contextlib.redirect_stdout(sys.stderr):
        evidence = claim.measure(task.cell, setting)
    return _normal(claim, task.cell, evidence)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The order of a sum depends on the number of BLAS threads, and so do its last bits: one thread, always.

    Our own loops give the same bits for any number, but the other processes have the other CPUs.
    """
    import scipy.linalg  # noqa: F401  brings its own BLAS, which must be loaded before it can be limited

    with _libraries.found().limit(limits=1), limited(1):
        yield


class _Libraries:
    """The libraries with threads of their own. To look for them takes 1 ms: only after modules were loaded."""

    def __init__(self) -> None:
        self._modules = 0
        self._found: Any = None

    def found(self) -> Any:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        if self._modules != len(sys.modules):
            self._found = ThreadpoolController()
            self._modules = len(sys.modules)
        return self._found


_libraries = _Libraries()


# ------------------------------------------------------------------- evidence, checked where the claim can be blamed


def _normal(claim: Claim, cell: Cell, evidence: Any) -> Evidence:
    """The evidence as plain data, after making sure that it can be judged, stored and printed."""
    if not isinstance(evidence, Evidence):
        raise refuse("evidence", type(evidence).__name__, "a theory.claims.claim.Evidence")
    points = {name: np.atleast_1d(to_numpy(column)) for name, column in evidence.points.items()}
    _check_points(points)
    _check_parameters(cell.parameters)
    return Evidence([_finding(claim, finding) for finding in evidence.findings], points)


def _finding(claim: Claim, finding: Finding) -> Finding:
    """In the double precision that verdicts are reached in, whatever measured it."""
    if finding.control and finding.control not in claim.controls:
        raise refuse("control", repr(finding.control), f"one of {sorted(claim.controls)}, the controls of {claim.key}")
    finding = replace(
        finding,
        predicted=float(finding.predicted),
        measured=float(finding.measured),
        low=None if finding.low is None else float(finding.low),
        high=None if finding.high is None else float(finding.high),
        rounding=float(finding.rounding),
    )
    limits(finding)
    if taken := sorted(INSTANCE.intersection(finding.details)):
        raise refuse("details", f"a mapping with {', '.join(taken)} in it", "free of the instance's own entries")
    return replace(
        finding,
        margins={name: float(margin) for name, margin in finding.margins.items()},
        details={name: plain(value) for name, value in finding.details.items()},
    )


def _check_points(points: Mapping[str, np.ndarray]) -> None:
    if taken := sorted(RESERVED.intersection(points)):
        raise refuse("points", f"a mapping with {', '.join(taken)} in it", "free of the store's own columns")
    shapes = {column.shape for column in points.values()}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        given = ", ".join(f"{name} {column.shape}" for name, column in points.items())
        raise refuse("points", f"columns of shapes {given}", "equally long columns")


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    if taken := sorted((RESERVED - {"dtype"}).intersection(parameters)):
        raise refuse("parameters", f"a mapping with {', '.join(taken)} in it", "free of the store's own columns")
