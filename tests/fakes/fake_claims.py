"""Small claims that a third party might have written, one for each thing that can become of a claim."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np

from theory.claims.claim import Cell, Claim, Evidence, Finding, Relation


def claim(name: str, measure, cells=None, controls=None, relation=Relation.UPPER) -> Claim:
    return Claim(
        key=f"fake.{name}",
        title=f"A fake claim: {name}",
        relation=relation,
        statement="The mean of n uniform numbers is at most one.\n\nA second paragraph, " + "long " * 30 + "end.",
        hypotheses=("n ≥ 1", "the numbers are uniform"),
        proof="Each of them is.",
        source="Nobody, 1900, Theorem 0",
        controls={"halved": "the bound is ½"} if controls is None else controls,
        cells=cells or grid,
        measure=measure,
    )


def grid(profile: str) -> list[Cell]:
    sizes = [1, 2, 3] if profile == "quick" else [1, 2, 3, 4, 5]
    return [Cell({"n": n, "law": "uniform"}) for n in sizes] + [Cell({"n": 3, "law": "uniform"}, control="halved")]


def finding(cell: Cell, measured: float, **other) -> Finding:
    predicted = 0.1 if cell.control else 1.0
    return Finding(predicted, measured, control=cell.control, **other)


def uniform_mean(cell: Cell, setting) -> Evidence:
    """Matrices large enough for BLAS to share them among threads, whose number the last bits would tell."""
    a, b = setting.rng.random((2, 400, 400))
    drawn = setting.rng.random(100 * int(cell.parameters["n"]))
    measured = float(drawn.mean()) + 1e-12 * float((a @ b).sum())
    details = {"draws": len(drawn)}
    points = {"step": range(3), "value": drawn[:3]}
    return Evidence([finding(cell, measured, margins={"n ≥ 1": 1.0}, form="paper", details=details)], points)


def too_large(cell: Cell, setting) -> Evidence:
    return Evidence([finding(cell, 2.0 + int(cell.parameters["n"]))])


def never_refuted(cell: Cell, setting) -> Evidence:
    return Evidence([finding(cell, 0.05)])


def outside(cell: Cell, setting) -> Evidence:
    return Evidence([finding(cell, 0.5, margins={"n ≥ 9": float(cell.parameters["n"]) - 9})])


def undecided(cell: Cell, setting) -> Evidence:
    return Evidence([finding(cell, float("nan") if cell.parameters["n"] == 2 else 0.5)])


def raising(cell: Cell, setting) -> Evidence:
    if cell.parameters["n"] == 2:
        raise ValueError("two is\ntoo many")
    return never_refuted(cell, setting)


def leaving(cell: Cell, setting) -> Evidence:
    raise SystemExit(0)


def dying(cell: Cell, setting) -> Evidence:
    if cell.parameters["n"] == 2:
        os._exit(9)
    return uniform_mean(cell, setting)


def printing(cell: Cell, setting) -> Evidence:
    print("a claim that prints")
    return uniform_mean(cell, setting)


def unsendable(cell: Cell, setting) -> Evidence:
    return Evidence([finding(cell, 0.5)], {"step": [(lambda: 0)]})


def endless(cell: Cell, setting) -> Evidence:
    Path(os.environ["FAKE_PIDS"], str(os.getpid())).touch()
    time.sleep(120)
    raise AssertionError("nobody stopped it")


def waiting(cell: Cell, setting) -> Evidence:
    """Says which cell is measured, a line a measurement; the last ones wait for as long as there is a file "wait"."""
    folder = Path(os.environ["FAKE_PIDS"]).parent
    with (folder / "measured").open("a") as file:
        file.write(f"{cell.parameters['n']}{cell.control}\n")
    while cell.parameters["n"] == 3 and (folder / "wait").exists():
        time.sleep(0.02)
    return uniform_mean(cell, setting)


def with_images(cell: Cell, setting) -> Evidence:
    """From another folder than the one that the command was given a path in."""
    from theory.problems import load

    with contextlib.chdir(Path(__file__).parent):
        total = float(load(setting.images).sum())
    details = {"place": setting.images, "sum": total, "drawn": setting.rng.random()}
    return Evidence([finding(cell, 0.5, details=details)], {"value": [0.5]})


def tiny(cell: Cell, setting) -> Evidence:
    """Takes no time, or the seconds in the file "slow" beside the process ids."""
    slow = Path(os.environ.get("FAKE_PIDS", ""), "slow")
    if slow.exists():
        time.sleep(float(slow.read_text()))
    drawn = setting.rng.random(3)
    return Evidence([finding(cell, float(drawn.mean()))], {"step": range(3), "value": drawn})


def tiny_grid(profile: str) -> list[Cell]:
    return [Cell({"a": a, "b": 0.5, "word": "x"}) for a in (1, 2)]


def misbehaving(cell: Cell, setting) -> Evidence:
    """Well, or badly as ``how`` says, for as long as there is a file "bad" beside the process ids."""
    how = cell.parameters["how"] if Path(os.environ["FAKE_PIDS"], "bad").exists() else "well"
    if how == "raise":
        raise ValueError("never today")
    if how == "hang":
        while True:
            time.sleep(0.01)
    if how == "eat":
        eaten = []
        while True:
            eaten.append(np.ones(10**7))
    if how == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    return tiny(cell, setting)


def misbehaving_grid(profile: str) -> list[Cell]:
    return [Cell({"how": "well"})]


def no_grid(profile: str) -> list[Cell]:
    raise RuntimeError("no grid today")


def twice_the_same(profile: str) -> list[Cell]:
    return [Cell({"n": 1}), Cell({"n": 2}), Cell({"n": 1})]


def unbounded(profile: str) -> list[Cell]:
    return [Cell({"spread": float("inf")}), Cell({"spread": 0.5, "n": 2}), Cell({"spread": 1}, control="halved")]


def spreading(cell: Cell, setting) -> Evidence:
    points = {"angle": [0.5], "bound": [float("inf")]} if "n" in cell.parameters else {"angle": [1]}
    return Evidence([finding(cell, 0.5, high=0.6, low=0.4)], points)


HOLDS = claim("holds", uniform_mean)
VIOLATED = claim("violated", too_large)
UNREFUTED = claim("unrefuted", never_refuted)
UNCONTROLLED = claim("uncontrolled", uniform_mean, lambda profile: grid(profile)[:-1], {})
UNMET = claim("unmet", outside)
UNDECIDED = claim("undecided", undecided)
RAISES = claim("raises", raising)
LEAVES = claim("leaves", leaving)
DIES = claim("dies", dying)
PRINTS = claim("prints", printing)
UNSENDABLE = claim("unsendable", unsendable)
SLOW = claim("slow", endless)
WAITS = claim("waits", waiting)
IMAGES = claim("images", with_images)
NO_GRID = claim("nogrid", uniform_mean, no_grid)
EMPTY = claim("empty", uniform_mean, lambda profile: [])
TWICE = claim("twice", uniform_mean, twice_the_same)
TINY = claim("tiny", tiny, tiny_grid, {})
BAD = claim("bad", misbehaving, misbehaving_grid, {})
SPREAD = claim("spread", spreading, unbounded)

ALL = [value for value in vars().values() if isinstance(value, Claim)]
