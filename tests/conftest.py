"""Fixtures shared by all tests: fake claims, installed as a third party installs its own, and the real command."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from theory.claims import ENTRY_POINTS, registry

# The same examples in every run: a test that fails by chance fails for nobody's change.
settings.register_profile("seeded", derandomize=True, deadline=None)  # speed is for benchmarks
settings.load_profile("seeded")

TESTS = Path(__file__).parent
ROOT = TESTS.parent


def install(folder: Path, distribution: str, entries: dict[str, str]) -> Path:
    """Make ``folder`` look as if ``distribution``, with these entry points, were installed in it."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [f"[{ENTRY_POINTS}]", *(f"{name} = {target}" for name, target in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def fake_paths(tmp_path_factory) -> list[str]:
    """What sys.path needs for the fake claims to be found."""
    sys.path.insert(0, str(TESTS / "fakes"))
    try:
        module = importlib.import_module("fake_claims")
    finally:
        sys.path.remove(str(TESTS / "fakes"))
    names = [name for name in dir(module) if name.isupper() and name != "ALL"]
    site = install(tmp_path_factory.mktemp("site"), "fakes", {name: f"fake_claims:{name}" for name in names})
    return [str(TESTS / "fakes"), str(site)]


@pytest.fixture
def fakes(fake_paths, monkeypatch):
    """The module of the fake claims, which are in the registry for as long as the test runs."""
    for path in fake_paths:
        monkeypatch.syspath_prepend(path)
    registry.cache_clear()
    yield importlib.import_module("fake_claims")
    registry.cache_clear()


@pytest.fixture
def environment(fake_paths, tmp_path) -> dict[str, str]:
    """The environment of a process that sees this package and the fake claims, and has a folder for process ids."""
    (tmp_path / "pids").mkdir()
    paths = os.pathsep.join([*fake_paths, str(ROOT)])
    return {**os.environ, "PYTHONPATH": paths, "FAKE_PIDS": str(tmp_path / "pids"), "COLUMNS": "80"}


@pytest.fixture
def command(environment, tmp_path):
    """Run ``theory`` with these arguments in a real process, in an empty folder."""

    def run(*arguments: str, **other) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "theory", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            **other,
        )

    return run


@pytest.fixture(scope="session")
def twin():
    """The wedge moments by another formula, from none of the package's quadrature."""
    spec = importlib.util.spec_from_file_location("wedge_twin", TESTS / "distributions" / "wedge_twin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What a shell starts in the background ignores Ctrl-C, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
