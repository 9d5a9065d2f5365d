"""Programs that find Gröbner bases: one subprocess each time, its input in a file, within a time limit."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from theory.checks import positive, refuse

PROGRAMS = ("Singular", "sympy")
MARK = "dimension"
"""What begins a line of output that holds an answer."""

_ANSWER = re.compile(rf"{MARK} (-1|[0-9]{{1,18}})\s*")
_SCRIPT = Path(__file__).with_name("sympy_basis.py")


@dataclass(frozen=True)
class Problem:
    """Polynomials over the field of ``prime`` elements, as text that multiplies, adds and subtracts.

    Asked for is the dimension of the quotient by ``equations``: the number of their common zeros, each as often as it
    counts. With the rows of ``matrix``, also that of the quotient by them and its determinant.
    """

    prime: int
    variables: tuple[str, ...]
    equations: tuple[str, ...]
    matrix: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Answer:
    """The dimensions (−1: infinite), or nothing and the reason why, in one line."""

    program: str
    dimensions: tuple[int, ...] = ()
    reason: str = ""


def available() -> str:
    """The program that will be used: Singular where it is on PATH, else sympy where it is installed, else none.

    >>> available() in ("Singular", "sympy", "")
    True
    """
    if shutil.which("Singular"):
        return "Singular"
    return "sympy" if find_spec("sympy") else ""


def solve(problem: Problem, *, limit: float = 20.0, program: str | None = None) -> Answer:
    """Dimension of the quotient by the equations, or why there is none.

    Raises
    ------
    BadInput
        If the limit, in seconds, is not positive, or the program unknown.
    """
    limit = positive("limit", limit)
    if program is not None and program not in PROGRAMS:
        raise refuse("program", repr(program), " or ".join(PROGRAMS))
    name = available() if program is None else program
    if not name:
        return Answer("", reason="no program for Gröbner bases: neither Singular (on PATH) nor sympy is installed")
    if name == "Singular" and not shutil.which(name):
        return Answer(name, reason="Singular is not on PATH")
    with tempfile.TemporaryDirectory(prefix="theory-") as folder:
        path = Path(folder) / "input"
        path.write_text(_for_singular(problem) if name == "Singular" else _for_sympy(problem), encoding="ascii")
        command = [name, "-q", "-t", "--no-rc"] if name == "Singular" else [sys.executable, str(_SCRIPT)]
        return _run(name, [*command, str(path)], limit, 2 if problem.matrix else 1)


def evaluate(script: str, *, wanted: int, limit: float = 20.0) -> Answer:
    """The ``wanted`` numbers that a script of Singular's prints, each after ``MARK``, or why there are none.

    Raises
    ------
    BadInput
        If the limit, in seconds, is not positive.
    """
    limit = positive("limit", limit)
    if not shutil.which("Singular"):
        return Answer("Singular", reason="Singular is not on PATH")
    with tempfile.TemporaryDirectory(prefix="theory-") as folder:
        path = Path(folder) / "input"
        path.write_text(script, encoding="ascii")
        return _run("Singular", ["Singular", "-q", "-t", "--no-rc", str(path)], limit, wanted)


def _for_singular(problem: Problem) -> str:
    lines = [
        f"ring field = {problem.prime}, ({', '.join(problem.variables)}), dp;",
        f"ideal basis = slimgb(ideal({', '.join(problem.equations)}));",
        f'"{MARK} " + string(vdim(basis));',
    ]
    if problem.matrix:
        size, entries = len(problem.matrix), ", ".join(entry for row in problem.matrix for entry in row)
        lines += [
            f"matrix rows[{size}][{size}] = {entries};",
            "ideal more = slimgb(basis + ideal(reduce(det(rows), basis)));",
            f'"{MARK} " + string(vdim(more));',
        ]
    return "\n".join([*lines, "quit;", ""])


def _for_sympy(problem: Problem) -> str:
    import json

    return json.dumps([problem.prime, problem.variables, problem.equations, problem.matrix])


def _run(name: str, command: Sequence[str], limit: float, wanted: int) -> Answer:
    """The answers that a program prints; the program, and whatever it has started, ends with this call."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Answer(name, reason=f"{name} cannot be started ({error.strerror})")
    try:
        printed, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return Answer(name, reason=f"{name} was stopped after {limit:g} s")
    finally:
        _end(process)
    lines = printed.splitlines()
    found = tuple(int(answer[1]) for line in lines if (answer := _ANSWER.fullmatch(line)))
    if process.returncode < 0:
        return Answer(name, reason=f"{name} was killed by {_signal(-process.returncode)}")
    if process.returncode or len(found) != wanted:
        said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return Answer(name, reason=f"{name} failed: {said[:120]}")
    return Answer(name, found)


def _signal(number: int) -> str:
    """Its name, which those for real time do not have."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the process group of a process that still runs, and collect it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
