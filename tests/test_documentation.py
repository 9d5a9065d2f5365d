"""The README and the pages of docs/: their commands and their Python are run as they are written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import theory
from theory import cli

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
ELSEWHERE = {
    "cluster.md": "its commands are run by the tests of sweeps",
}

ENVIRONMENT = "python3 -m venv .venv && . .venv/bin/activate && python -m pip install -q"
# A command that no test here can run as it is written, and what is run in its place.
NOT_HERE = {
    f"{ENVIRONMENT} '.[convex]' && theory verify": (
        "installs, and measures every claim for minutes: .ci/run installs a wheel, and verifies one claim"
    ),
    f"{ENVIRONMENT} -e '.[dev]' && python -m pytest -n 2": "is the first step of .ci/run",
    "asv machine --yes": "describes the machine: .ci/run does, under the name ci",
    "asv run HEAD^!": "measures for an hour: .ci/run has asv run --quick",
    "asv continuous main HEAD": "measures for two hours",
    "python -m benchmarks.history 10": "measures for hours: tests/report/test_history.py has what it would run",
    "asv publish && asv preview": "serves pages until it is stopped",
}
EXIT = {"theory diagnose gabor": 1}  # it finds what is wrong with the example


def fences(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[str]:
    """Every line of its shell blocks, without the remark behind it."""
    for block in fences(page, "bash"):
        yield from (re.split(r"\s{2,}# ", line)[0] for line in block.splitlines() if line.strip())


HERE = [page for page in sorted(PAGES) if page not in ELSEWHERE]
COMMANDS = {page: found for page in HERE if (found := [line for line in commands(page) if line not in NOT_HERE])}


@pytest.fixture(scope="module")
def served():
    """A process that has loaded everything once, and is many commands; the socket to ask it at."""
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket must be short
        path = Path(folder, "s")
        process = subprocess.Popen([sys.executable, ROOT / "tests/fakes/documented.py", path])
        try:
            while not path.exists():
                assert process.poll() is None
                time.sleep(0.05)
            yield path
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def shell(tmp_path, served):
    """Run lines as a shell does, in a folder like a checkout, where ``theory`` measures nothing."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "theory"
    asked = [sys.executable, "-IS", f"{ROOT}/tests/fakes/documented_command.py", str(served)]
    command.write_text(f'#!/bin/sh\nexec {shlex.join(asked)} "$@"\n')
    command.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(ROOT / "README.md", work)
    images = struct.pack(">4B3I", 0, 0, 8, 3, 20, 28, 28) + bytes(range(196)) * 80
    (work / "t10k-images-idx3-ubyte.gz").write_bytes(images)  # plain is as good
    paths = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **paths}
        return subprocess.run(
            ["bash", "-c", line], cwd=work, env=environment, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.mark.parametrize("page", COMMANDS)
def test_commands_run_as_they_are_written(page, shell, tmp_path):
    for line in COMMANDS[page]:
        done = shell(line)
        assert done.returncode == EXIT.get(line, 0), f"{line}\n{done.stderr}"
    if page == "commands.md":
        published(tmp_path / "work")


def published(folder: Path) -> None:
    """The lines on publishing have written the page and the tables, with the stores in folders in them."""
    assert "`du2018.fig4` (mnist) | LOWER | HOLDS" in (folder / "README.md").read_text(encoding="utf-8")
    page = (folder / "results" / "index.html").read_text(encoding="utf-8")
    for card in ("du2018.fig4", "mnist-du2018.fig4", "seed1-achour2025.riemannian", "seed1-gunasekar2018.one_sample"):
        assert f'id="{card}"' in page


def test_what_is_not_run_here_is_still_written_there():
    assert set(NOT_HERE) <= {line for page in HERE for line in commands(page)}


# -------------------------------------------------------------------------------------------------------------- Python


def python(page: str) -> list[str]:
    return [block for block in fences(page, "python") if "CLAIM = " not in block]


@pytest.mark.parametrize("page", [page for page in HERE if python(page)])
def test_python_runs_as_it_is_written(page, tmp_path):
    for block in python(page):
        (tmp_path / "block.py").write_text(block)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "block.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_ten_lines_check_a_law():
    (block,) = python("README.md")
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


def test_the_theorem_of_the_readme_is_a_claim_where_the_readme_puts_it(tmp_path):
    """Saved as it is written, in a copy of the package, it is found, holds, and its control is refuted."""
    text = PAGES["README.md"]
    place = Path(re.search(r"Save it as `(theory/claims/.*?\.py)`", text)[1])
    says = re.search(r"`(PAPER = \".*?\")`", text)[1]
    key = re.search(r"`theory verify ([\w.]+)` measures it", text)[1]
    (claim,) = [block for block in fences("README.md", "python") if "CLAIM = " in block]
    shutil.copytree(ROOT / "theory", tmp_path / "theory", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).with_name("__init__.py").write_text(f"{says}\n")
    (tmp_path / place).write_text(claim)
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-m", "theory", "verify", key, "--jobs", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -------------------------------------------------------------------------------------------- what is only mentioned


def subcommands() -> dict[str, set[str]]:
    """Every subcommand and its options."""
    group = typer.main.get_command(cli.app)
    return {name: {option for each in sub.params for option in each.opts} for name, sub in group.commands.items()}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_commands_that_are_mentioned_exist(page):
    known = subcommands()
    for words in re.findall(r"(?:`|^)theory ([a-z]+)(.*?)(?:`|$)", PAGES[page], re.MULTILINE):
        assert words[0] in known, words
        if words[0] != "diagnose":  # its options are those of its own subcommands
            assert set(re.findall(r"(?<!\S)--[\w-]+", words[1].partition("   ")[0])) <= known[words[0]] | {"--help"}, (
                words
            )


def test_the_readme_names_every_subcommand():
    (usage,) = re.findall(r"^```\n(theory .*?)^```$", PAGES["README.md"], re.MULTILINE | re.DOTALL)
    assert {line.split()[1] for line in usage.splitlines()} == set(subcommands())


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_and_images_lead_somewhere(page):
    folder = ROOT if page == "README.md" else ROOT / "docs"
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", PAGES[page]):
        assert (folder / link).exists(), link


def test_how_to_cite_names_the_present_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == theory.__version__
    assert re.search(r"version = {(.*)}", PAGES["README.md"])[1] == theory.__version__
