"""What a sweep costs beside its cells: the journal, the tables, and finding what is finished already."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import unit
from theory.claims.claim import Cell, Claim, Evidence, Finding, Relation
from theory.runs import sweep
from theory.runs.grid import Grid

CELLS = 1000


def measure(cell: Cell, setting: Any) -> Evidence:
    """Three numbers."""
    drawn = setting.rng.random(3)
    return Evidence([Finding(1.0, float(drawn.mean()))], {"step": range(3), "value": drawn})


CLAIM = Claim(
    key="benchmark.tiny",
    title="Three numbers",
    relation=Relation.UPPER,
    statement="Their mean is at most one.",
    hypotheses=(),
    proof="Each of them is.",
    source="Nobody",
    controls={},
    cells=lambda profile: [Cell({"a": 1})],
    measure=measure,
)


class Sweeps:
    """Cells that take no time, in this process."""

    version = "1"
    timeout = 60.0

    def setup(self) -> None:
        """A store, and what only the first cell of a process waits for."""
        self.folder = tempfile.TemporaryDirectory()
        self._swept("warm", 10)

    def teardown(self) -> None:
        """Delete the store."""
        self.folder.cleanup()

    def _swept(self, name: str, cells: int) -> sweep.Sweep:
        laid = sweep.lay([CLAIM], Grid(repetitions=cells), Path(self.folder.name) / name)
        for _ in laid.run():
            pass
        laid.tables()
        return laid

    @unit("ms of CPU a cell")
    def track_overhead(self) -> float:
        """Laying out, measuring, keeping, and writing the tables."""
        begin = time.process_time()
        assert self._swept("all", CELLS).complete
        return 1000 * (time.process_time() - begin) / CELLS

    @unit("ms of CPU a cell")
    def track_taking_up(self) -> float:
        """The same, where everything is finished already: what is found is not measured."""
        self._swept("all", CELLS)
        begin = time.process_time()
        assert self._swept("all", CELLS).plans[0].earlier == CELLS
        return 1000 * (time.process_time() - begin) / CELLS
