"""``theory sweep``: claims on a grid of one's own. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theory.checks import refuse
from theory.commands.options import FAILED, INTERRUPTED, OK, Json, note, number, whole

if TYPE_CHECKING:
    from theory.report.progress import Follower
    from theory.runs.grid import Grid
    from theory.runs.sweep import Sweep

EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""

MANY = 10_000
"""Cells from which on the tables take so long that it is said."""

Keys = Annotated[list[str], typer.Argument(metavar="KEY|GLOB", help="Claims.")]
GridFile = Annotated[
    Path | None, typer.Option("--grid", metavar="FILE.toml", help="The grid: [over], [[tied]], repetitions.")
]
Over = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=A,B,…", help="An axis of the grid; NAME,NAME=A:B,… for parameters that are tied."),
]
Repeat = Annotated[int, typer.Option(metavar="N", help="How often each cell is measured.", parser=whole)]
Profile = Annotated[str, typer.Option(metavar="quick|paper", help="Where what is not swept comes from.")]
Backend = Annotated[str, typer.Option(metavar="numpy|cupy", help="Library that measures.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all random streams.", parser=whole)]
Images = Annotated[
    str, typer.Option(metavar="SOURCE", help="Real images: digits, the path of an IDX file, or a name on OpenML.")
]
Jobs = Annotated[
    int | None, typer.Option(metavar="N", help="Processes; by default one per available CPU.", parser=whole)
]
Dask = Annotated[
    str, typer.Option(metavar="ADDRESS|FILE", help="Measure on the workers of this Dask scheduler, such as tcp://….")
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="A cell that takes longer has failed.", parser=number)
]
Memory = Annotated[
    str | None, typer.Option("--memory-limit", metavar="SIZE", help="Memory of one cell at most, such as 2GB (Linux).")
]
Rerun = Annotated[bool, typer.Option("--rerun", help="Measure anew what is finished already.")]
Out = Annotated[Path, typer.Option(metavar="FOLDER", help="The store; the tables are in FOLDER/sweep.")]


def sweep(
    keys: Keys,
    grid: GridFile = None,
    over: Over = None,
    repeat: Repeat = 1,
    profile: Profile = "quick",
    backend: Backend = "numpy",
    seed: Seed = 0,
    images: Images = "digits",
    jobs: Jobs = None,
    dask: Dask = "",
    timeout: Timeout = None,
    memory: Memory = None,
    rerun: Rerun = False,
    as_json: Json = False,
    out: Out = Path("results"),
) -> int:
    """Measure claims on a grid of your own.

    The axes take the place of those parameters in the claim's own cells. A finished cell stays in the store and is not
    measured again, whatever becomes of the sweep; rows, findings and failures are tables in OUT/sweep.

    The exit code is 0 if every cell is finished, 1 if not, 2 for bad usage: verdicts are in the tables.
    """
    from theory.arrays import available
    from theory.claims import select
    from theory.report.progress import follow
    from theory.runs.pool import Where
    from theory.runs.sources import find
    from theory.runs.sweep import lay
    from theory.runs.swept import NAME

    where = Where(available() if jobs is None else jobs, _limits(timeout, memory), dask)
    whole_grid = _grid(grid, over or [], repeat)
    claims = select(keys)
    options: dict[str, Any] = {"profile": profile, "backend": backend, "seed": seed, "images": find(images)}
    swept = lay(claims, whole_grid, out / NAME, **options, where=where, rerun=rerun)
    try:
        with follow(sys.stderr, len(claims)) as follower:
            _measure(swept, follower)
        return _present(swept, as_json)
    except KeyboardInterrupt:
        note(f"interrupted; every finished cell is kept in {swept.folder}; the same command goes on from there")
        return INTERRUPTED


def _grid(path: Path | None, axes: list[str], repeat: int) -> Grid:
    from theory.runs.grid import Grid, over, read

    return (read(path) if path else Grid()) | Grid(tuple(map(over, axes)), repeat)


def _measure(sweep: Sweep, follower: Follower) -> None:
    """Measure, and say how far it is: by the display on a terminal, elsewhere with a line now and then."""
    from theory.runs.estimate import Pace

    pace, said, terminal = Pace(sweep.waiting()), time.monotonic(), sys.stderr.isatty()
    for event in sweep.run():
        if event.outcome is not None:
            pace.add(event.key, event.outcome.seconds)
        elif event.all_done:
            follower.say(
                f"{event.all_done} of {event.all_total} cells are finished already (--rerun measures them anew)"
            )
        if terminal:
            follower.cell(event, pace.left and pace.left[0])
        elif time.monotonic() - said >= EVERY:
            said = time.monotonic()
            follower.say(f"{event.all_done} of {event.all_total} cells; {pace.words()}")
    if sweep.total >= MANY:
        follower.say("writing the tables")


def _present(sweep: Sweep, as_json: bool) -> int:
    from theory.commands.sweep_text import document, lines
    from theory.runs import provenance
    from theory.runs.document import dumps

    found = sweep.tables()
    if as_json:
        typer.echo(dumps(document(sweep, found, provenance.collect(**sweep.options))))
    else:
        for line in lines(sweep, found):
            typer.echo(line)
    return OK if sweep.complete and not sweep.stopped else FAILED


_SIZES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def _limits(timeout: float | None, memory: str | None) -> Any:
    from theory.checks import positive
    from theory.runs.child import Limits

    if timeout is not None:
        positive("timeout", timeout)
    if memory is None:
        return Limits(timeout)
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]?i?)B?", memory)
    if not found or found[2] not in _SIZES or not float(found[1]):
        raise refuse("memory-limit", repr(memory), "a size, such as 500MB or 2GB")
    if not sys.platform.startswith("linux"):
        raise refuse("memory-limit", repr(memory), "left out: only Linux limits the memory of one cell")
    return Limits(timeout, int(float(found[1]) * _SIZES[found[2]]))
