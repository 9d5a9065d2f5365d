"""Where figures come from: commit, versions, device, seed and threads."""

from __future__ import annotations

import importlib
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import theory
from theory.runs.sources import DIGITS, Source

THREADS = 1
"""Threads that a cell may use: see :mod:`theory.runs.cells`."""

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow")
_PACKAGE = Path(theory.__file__).resolve().parent


def collect(*, seed: int, backend: str, profile: str, images: Source = DIGITS) -> dict[str, Any]:
    """All that the figures of a run may depend on; the same for every run of the same code on the same machine.

    Of the real images it has the label and the digest, not the folder.
    """
    return {
        "commit": commit(),
        "versions": versions(backend),
        "device": device(backend),
        "platform": platform.platform(),
        "profile": profile,
        "backend": backend,
        "seed": seed,
        "images": images.label,
        "images_sha256": images.digest,
        "threads": THREADS,
    }


def dated(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the date (UTC), on which no figure depends; for the store only."""
    return {**provenance, "date": datetime.now(UTC).isoformat(timespec="seconds")}


def commit(folder: Path = _PACKAGE) -> str:
    """The commit of the checkout that ``folder`` belongs to, with "-dirty" if files in it differ; else "unknown".

    Only changes within the package count: results written beside it are no change of the code. A package that merely
    lies inside somebody's checkout, such as one installed in an environment there, is not tracked by it.
    """
    if not _git(folder, "ls-files", "--error-unmatch", "__init__.py"):
        return "unknown"
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if not head:
        return "unknown"
    return f"{head}-dirty" if _git(folder, "status", "--porcelain", "--", ".") else head


def _git(folder: Path, *arguments: str) -> str:
    try:
        # Without optional locks, asking for the status never writes, nor stands in the way of another git.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def versions(backend: str = "numpy") -> dict[str, str]:
    """Versions of Python, of this package, and of the libraries that compute and store."""
    found = {"python": platform.python_version(), "theory": theory.__version__}
    found |= {name: version(name) for name in _LIBRARIES}
    return found if backend == "numpy" else found | {backend: _backend_version(backend)}


def _backend_version(backend: str) -> str:
    try:
        return str(importlib.import_module(backend).__version__)
    except (ImportError, AttributeError, PackageNotFoundError):
        return "unknown"


def device(backend: str = "numpy") -> str:
    """The model of the CPU, or of the CUDA device that CuPy uses."""
    if backend == "cupy":
        runtime = importlib.import_module("cupy").cuda.runtime
        return str(runtime.getDeviceProperties(runtime.getDevice())["name"].decode())
    return _cpu(Path("/proc/cpuinfo"))


def _cpu(info: Path) -> str:
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, models), platform.processor() or platform.machine() or "unknown")
