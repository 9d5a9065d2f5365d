"""A process that kills its own children in the middle of a sweep, again and again: run by test_survival.py.

It has loaded everything once, so that a sweep in a child costs milliseconds. A child tells, line by line, of the cells
that the sweep says are done; after it was killed, all of them must be in the store, and every table that is there must
be whole. Prints how many were killed in the middle, and how many cells each of the last ones found.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from theory.claims import registry
from theory.runs import sweep, swept
from theory.runs.grid import Grid, over
from theory.runs.pool import Where

CELLS = 24
GRID = Grid((over("a=1,2,3"),), CELLS // 3)


def child(folder: Path, told: int, jobs: int, rerun: bool) -> None:
    """Sweep, and leave without a word to the parent's machinery."""
    laid = sweep.lay([registry()["fake.tiny"]], GRID, folder, where=Where(jobs), rerun=rerun)
    for event in laid.run():
        if event.outcome:
            os.write(told, b"%d\n" % event.outcome.task.index)
    laid.tables()
    os._exit(0 if laid.complete and not laid.stopped else 1)


def killed(folder: Path, after: float, jobs: int, rerun: bool) -> tuple[int, set[int]]:
    """The child's exit code, and the cells that it told of, if it is killed so many seconds from its first breath."""
    tell, told = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            child(folder, told, jobs, rerun)
        finally:
            os._exit(3)
    os.close(told)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with os.fdopen(tell, "rb") as file:
        return code, {int(line) for line in file.read().split(b"\n")[:-1]}


def check(folder: Path, known: set[bytes], before: set[bytes]) -> set[bytes]:
    """What is done, after making sure that nothing is lost and nothing is half."""
    done = {word.ljust(16, b"\0") for word in swept.journal(folder, registry()["fake.tiny"]).done().tolist()}
    assert known <= done, "a finished cell is lost"
    assert before <= done
    for path in (folder / "fake.tiny.parquet", folder / "findings" / "fake.tiny.parquet"):
        if path.exists():
            cells = np.unique(pq.read_table(path)["cell"].to_numpy(), return_counts=True)[1]
            assert set(cells) <= {3 if path.parent == folder else 1}, "half a row set"
    return done


def main(folder: Path, kills: int, jobs: int, longest: float) -> None:
    """Kill so many, at random moments up to ``longest``; begin anew whenever the sweep was finished."""
    rng = np.random.default_rng(jobs)
    claim = registry()["fake.tiny"]
    keys = {
        index: swept.key(sweep._task(plan, index, plan_options), claim.version)
        for plan_options in [{"profile": "quick", "seed": 0, "backend": "numpy", "images": sweep.DIGITS}]
        for plan in [sweep._plan(claim, GRID, "quick", folder, plan_options, False)]
        for index in range(CELLS)
    }
    in_the_middle, done = 0, set()
    while in_the_middle < kills:
        rerun = len(done) == CELLS and bool(rng.random() < 0.7)  # else only the tables are left to write
        code, told = killed(folder, float(rng.uniform(0, longest)), jobs, rerun)
        assert code in (0, -signal.SIGKILL), code
        in_the_middle += code != 0
        done = check(folder, {keys[index] for index in told}, done)
    print(in_the_middle, len(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
