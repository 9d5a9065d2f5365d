"""Faults planted in sweeps: each turns a check red that is green without it."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from planting import Plant, suite

from theory.checks import BadInput
from theory.claims.claim import Cell, Claim, Evidence, Finding, Relation
from theory.runs import cells, grid, journal, sorting, streams, sweep, swept
from theory.runs.cells import Outcome
from theory.runs.estimate import Pace
from theory.runs.grid import Cells, Grid, over
from theory.runs.journal import Journal, content
from theory.runs.sorting import Sorting


def measure(cell: Cell, setting: Any) -> Evidence:
    """One number, or none where it must not be."""
    if cell.parameters["a"] == 13:
        raise ValueError("13")
    drawn = setting.rng.random(2)
    return Evidence([Finding(1.0, float(drawn[0]))], {"value": drawn})


CLAIM = Claim(
    key="planted.sweep",
    title="A number",
    relation=Relation.UPPER,
    statement="It is at most one.",
    hypotheses=(),
    proof="It is drawn so.",
    source="Nobody",
    controls={},
    cells=lambda profile: [Cell({"a": 1, "b": 0.5})],
    measure=measure,
)


def swept_in(folder: Path, *axes: str, repetitions: int = 1, **options: Any) -> sweep.Sweep:
    laid = sweep.lay([CLAIM], Grid(tuple(map(over, axes)), repetitions), folder, **options)
    for _ in laid.run():
        pass
    laid.tables()
    return laid


def folder() -> Path:
    return Path(tempfile.mkdtemp(dir=FOLDERS[0]))


FOLDERS: list[Path] = []


@pytest.fixture(autouse=True)
def _folders(tmp_path, monkeypatch):
    """Small batches, in a folder that is deleted."""
    FOLDERS[:] = [tmp_path]
    monkeypatch.setattr(swept, "_BATCH", 2)
    monkeypatch.setattr(sorting, "PART", 3)


# ------------------------------------------------------------------------------------------------------------- checks


def once() -> None:
    """What is finished is not measured again; what is another cell, or has failed, is."""
    place = folder()
    counts = [
        swept_in(place, "a=1,2,13").plans[0].measured,
        swept_in(place, "a=1,2,3").plans[0].measured,
        swept_in(place, "a=1,2,3", seed=1).plans[0].measured,
        swept_in(place, "a=1,2,13").plans[0].failed,
    ]
    assert counts == [2, 1, 3, 1]


def whole() -> None:
    """A record of which a byte has changed does not count."""
    place = folder()
    swept_in(place, "a=1,2,3")
    (path,) = place.rglob("*.journal")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert len(Journal(path.parent).done()) == 2


def rows() -> None:
    """Two points for each cell, of its own numbers, in the order of the parameters."""
    place = folder()
    swept_in(place, "a=1,2", "b=0.5,-3", repetitions=2)
    table = pq.read_table(place / "planted.sweep.parquet")
    assert Counter(table["cell"].to_pylist()) == dict.fromkeys(range(8), 2)
    assert len(set(table["value"].to_pylist())) == 16
    order = list(zip(*(table[name].to_pylist() for name in ("a", "b", "repetition")), strict=True))
    assert order == sorted(order)


def kinds() -> None:
    """A whole number on an axis of numbers is one of those; a fraction on an axis of whole numbers is refused."""
    ((cell, _),) = Cells(CLAIM, "quick", Grid((over("b=1"),)))
    assert type(cell.parameters["b"]) is float
    try:
        Cells(CLAIM, "quick", Grid((over("a=1.5"),)))
    except BadInput:
        return
    raise AssertionError("1.5 was taken for a whole number")


def product() -> None:
    """Every point of the product is there, as often as it is repeated."""
    cells = Counter(
        (cell.parameters["a"], cell.parameters["b"])
        for cell, _ in Cells(CLAIM, "quick", Grid((over("a=1,2,3"), over("b=1.5,2.5")), 4))
    )
    assert cells == {(a, b): 4 for a in (1, 2, 3) for b in (1.5, 2.5)}


def left() -> None:
    """Equal cells: as many seconds as cells, by the clock."""
    now = [0.0]
    pace = Pace({"a": 10}, clock=lambda: now[0])
    for seconds in range(5):
        now[0] = float(seconds)
        pace.add("a", 0.5)
    assert pace.left == pytest.approx((5.0, 5.0, 5.0), rel=1e-9)


def parts() -> None:
    """However many parts strings are sorted in, they come in order, each of them once."""
    given = [b"%d" % (7 * number % 50) for number in range(50)]
    with Sorting(folder()) as found:
        for string in given:
            found.add(string)
        assert list(found) == sorted(given)


def latest() -> None:
    """Of a cell that was done twice the last time counts, whatever failed since."""
    place = folder()
    for _ in range(2):
        swept_in(place, "a=1,2", rerun=True)
    cells = swept.journal(place, CLAIM)
    entries = list(cells.entries())
    cells.append(entries[-1].key, content(Outcome(TASK, None, "why", 0.0), 1, {})[1], done=False)
    cells.close()
    assert list(cells.latest()) == [entry.place for entry in entries[2:]]


TASK = cells.Task(CLAIM.key, 0, Cell({"a": 1, "b": 0.5}), "quick", 0, "numpy")
CHECKS = {check.__name__: check for check in (once, whole, rows, kinds, product, left, parts, latest)}


# ------------------------------------------------------------------------------------------------------------- plants


def without(name: str) -> Any:
    """The key of a cell that does not look at one thing."""
    original = journal.key

    def key(task: Any, version: int) -> bytes:
        return original(replace(task, **{name: type(getattr(task, name))()}), version)

    return key


def unsealed(file: Any, place: int, size: int) -> Any:
    """The record without a look at its digest."""
    file.seek(place)
    _, key, kind, length, _ = journal._HEAD.unpack(file.read(journal._HEAD.size))
    return key, kind, file.read(length)


def unrepeated(seed: int, key: str, cell: Cell, repetition: int = 0) -> Any:
    return streams.stream(seed, key, cell)


def shifted(self: Cells, index: int) -> Any:
    return GETITEM(self, max(0, index - 1))


GETITEM = Cells.__getitem__
ROWS, LEFT = swept._rows, Pace.left.fget

PLANTS = {
    "a key without the seed": Plant(sweep, "key", without("seed"), ["once"]),
    "what has failed is done": Plant(
        Journal, "done", lambda self: np.unique(np.array([e.key for e in self.entries()], journal.KEYS)), ["once"]
    ),
    "a digest that nobody looks at": Plant(journal, "_at", unsealed, ["whole"]),
    "one stream for all repetitions": Plant(cells, "stream", unrepeated, ["rows"]),
    "the order of the measurements": Plant(swept, "_order", lambda record: b"", ["rows"]),
    "negative numbers last": Plant(swept, "_ordered", lambda value: b"%08.3f" % abs(float(value)), ["rows"]),
    "rows of the examples in every batch": Plant(
        swept,
        "_rows",
        lambda claim, records, start=0: ROWS(claim, records[: 1 if start < 0 else None], start),
        ["rows"],
    ),
    "parts one after the other": Plant(sorting.heapq, "merge", itertools.chain, ["parts"]),
    "a part that is not sorted": Plant(Sorting, "__iter__", lambda self: iter(self._held), ["parts"]),
    "the last to fail counts": Plant(
        journal,
        "bytes",
        lambda known: bytes([not known[0]]),
        ["latest"],
    ),
    "values as they were written": Plant(grid, "_typed", lambda claim, axis, cells: axis, ["kinds"]),
    "the first cell twice": Plant(Cells, "__getitem__", shifted, ["product"]),
    "a time left × 1.02": Plant(Pace, "left", property(lambda self: tuple(1.02 * s for s in LEFT(self))), ["left"]),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, raising=False
)
