"""The digest of the code that a claim is measured with, by which one state of it is told from another."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import theory
from theory.claims.claim import Claim

_NO_FIGURES = frozenset({"report", "commands", "cli.py"})
"""Parts of the package on which no figure can depend: the layers above the runs."""


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
