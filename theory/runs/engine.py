"""Run claims: lay out all their cells, measure them, and conclude on each claim as soon as its last cell is done."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

from theory.arrays import available, namespace
from theory.checks import integer, refuse
from theory.claims import registry
from theory.claims.claim import Cell, Claim, Finding, Profile
from theory.claims.verdict import ClaimVerdict, Verdict, conclude
from theory.runs.cells import Outcome, Task, one_line
from theory.runs.kept import Kept
from theory.runs.pool import Where, outcomes
from theory.runs.sources import DIGITS, Source
from theory.runs.streams import identity, plain

PROFILES: tuple[str, ...] = get_args(Profile)
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class ClaimResult:
    """A claim, what became of each of its cells in the order of the grid, the verdict, and what went wrong."""

    claim: Claim
    outcomes: tuple[Outcome, ...]
    verdict: ClaimVerdict
    errors: tuple[str, ...] = ()

    @property
    def findings(self) -> Iterator[tuple[Cell, Finding]]:
        """Every finding beside its cell, in the order of the grid."""
        for outcome in self.outcomes:
            for finding in outcome.evidence.findings if outcome.evidence else ():
                yield outcome.task.cell, finding

    @property
    def seconds(self) -> float:
        """Time spent in the cells, over all processes."""
        return sum(outcome.seconds for outcome in self.outcomes)


@dataclass(frozen=True)
class Progress:
    """A cell is done: cells done and to do, of its claim and of the whole run, and what became of it.

    Before the first one is measured ``key`` is empty, ``all_done`` counts the cells that were taken up, and ``waiting``
    has the others.
    """

    key: str
    done: int
    total: int
    all_done: int
    all_total: int
    outcome: Outcome | None = None
    waiting: tuple[Task, ...] = ()


def run(
    claims: Sequence[Claim],
    *,
    profile: str = "quick",
    seed: int = 0,
    backend: str = "numpy",
    jobs: int | None = None,
    images: Source = DIGITS,
    kept: Kept | None = None,
    on_event: Callable[[Progress], None] | None = None,
) -> Generator[ClaimResult, None, None]:
    """Measure the cells of all claims, and yield each claim's result when its last cell is done.

    The figures do not depend on ``jobs``, the number of processes (by default, one per available CPU; 1 is this process
    itself). A cell that raises, or whose process dies, makes its claim INCONCLUSIVE and stops nothing else. The input
    is checked at once, before the first result is asked for. Close the iterator to stop early: the workers end too.

    ``images`` are those of claims about real images: see :func:`theory.runs.sources.find`. Cells in ``kept`` are not
    measured again, and those that are measured are kept there; deleting them is up to whoever stores the results.

    Raises
    ------
    BadInput
        If the profile or the backend is unknown, the backend has no library or device, the seed is negative,
        ``jobs`` is below 1, or above 1 for a claim that is not registered.
    """
    if profile not in PROFILES:
        raise refuse("profile", repr(profile), " or ".join(PROFILES))
    seed = integer("seed", seed, least=0)
    if seed > LARGEST_SEED:
        raise refuse("seed", seed, "below 2^63, the largest number a column of the store holds")
    jobs = available() if jobs is None else integer("jobs", jobs, least=1)
    namespace(backend)
    if jobs > 1:
        require_registered(claims)
    lay = functools.partial(Task, profile=cast(Profile, profile), seed=seed, backend=backend, images=images)
    return _run(claims, cast(Profile, profile), lay, Where(jobs), kept, on_event or _ignore)


def require_registered(claims: Sequence[Claim]) -> None:
    """Refuse claims that another process would not find."""
    for claim in claims:
        if registry().get(claim.key) is not claim:
            raise refuse("claim", repr(claim.key), "in the registry, where other processes find it, unless jobs is 1")


def _ignore(event: Progress) -> None:
    """Nobody listens."""


def _run(
    claims: Sequence[Claim],
    profile: Profile,
    lay: Callable[[str, int, Cell], Task],
    where: Where,
    kept: Kept | None,
    on_event: Callable[[Progress], None],
) -> Generator[ClaimResult, None, None]:
    grids: dict[str, list[Task]] = {}
    for claim in claims:
        try:
            grids[claim.key] = _grid(claim, profile, lay)
        except Exception as raised:  # noqa: BLE001  a claim may raise anything
            yield _conclude(claim, [], (f"the grid of profile {profile}: {one_line(raised)}",))
    tasks = [task for grid in grids.values() for task in grid]
    by_key = {claim.key: claim for claim in claims}
    done, waiting = _take_up(tasks, by_key, kept)
    taken = len(tasks) - len(waiting)
    on_event(Progress("", 0, 0, taken, len(tasks), None, waiting))
    for key in [key for key, grid in grids.items() if len(done[key]) == len(grid)]:
        yield _conclude(by_key[key], done.pop(key))
    for count, outcome in enumerate(outcomes(waiting, where, by_key), taken + 1):
        key = outcome.task.key
        if kept:
            kept.keep(outcome, by_key[key])
        done[key].append(outcome)
        on_event(Progress(key, len(done[key]), len(grids[key]), count, len(tasks), outcome))
        if len(done[key]) == len(grids[key]):
            yield _conclude(by_key[key], done.pop(key))


def _take_up(
    tasks: Sequence[Task], claims: Mapping[str, Claim], kept: Kept | None
) -> tuple[dict[str, list[Outcome]], tuple[Task, ...]]:
    """What is known already, by claim, and the cells that are left to measure."""
    done: dict[str, list[Outcome]] = {task.key: [] for task in tasks}
    waiting = []
    for task in tasks:
        if kept and (outcome := kept.find(task, claims[task.key])):
            done[task.key].append(outcome)
        else:
            waiting.append(task)
    return done, tuple(waiting)


def _grid(claim: Claim, profile: Profile, lay: Callable[[str, int, Cell], Task]) -> list[Task]:
    """The claim's cells as tasks; two equal cells would share their random numbers, and count one finding twice."""
    seen: set[str] = set()
    tasks = []
    for index, cell in enumerate(claim.cells(profile)):
        own = Cell({name: plain(value) for name, value in cell.parameters.items()}, cell.control)
        task = lay(claim.key, index, own)
        if identity(claim.key, own) in seen:
            raise refuse(f"cell {index}", f"a second {task.describe()}", "different from every other cell")
        seen.add(identity(claim.key, own))
        tasks.append(task)
    if not tasks:
        raise refuse("cells", "empty", "at least one cell")
    return tasks


def _conclude(claim: Claim, found: Sequence[Outcome], errors: tuple[str, ...] = ()) -> ClaimResult:
    """The verdict from the cells in the order of the grid, in whatever order they were done."""
    cells = tuple(sorted(found, key=lambda outcome: outcome.task.index))
    errors += tuple(f"{outcome.task.describe()}: {outcome.error}" for outcome in cells if outcome.error)
    verdict = conclude(claim, [f for outcome in cells if outcome.evidence for f in outcome.evidence.findings])
    if errors and verdict.verdict is not Verdict.VIOLATED:
        verdict = replace(verdict, verdict=Verdict.INCONCLUSIVE)
    return ClaimResult(claim, cells, verdict, errors)
