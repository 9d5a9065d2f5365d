"""Run claims: lay out all their cells, measure them, and conclude on each claim as soon as its last cell is done."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

from theory.arrays import available, namespace
from theory.checks import integer, refuse
from theory.claims import registry
from theory.claims.claim import Cell, Claim, Finding, Profile
from theory.claims.verdict import ClaimVerdict, Verdict, conclude
from theory.runs.cells import Outcome, Task, one_line
from theory.runs.pool import outcomes
from theory.runs.streams import identity, plain

PROFILES: tuple[str, ...] = get_args(Profile)


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
    """A cell is done: cells done and to do, of its claim and of the whole run. ``key`` is empty before the first."""

    key: str
    done: int
    total: int
    all_done: int
    all_total: int


def run(
    claims: Sequence[Claim],
    *,
    profile: str = "quick",
    seed: int = 0,
    backend: str = "numpy",
    jobs: int | None = None,
    on_event: Callable[[Progress], None] | None = None,
) -> Generator[ClaimResult, None, None]:
    """Measure the cells of all claims, and yield each claim's result when its last cell is done.

    The figures do not depend on ``jobs``, the number of processes (by default, one per available CPU; 1 is this process
    itself). A cell that raises, or whose process dies, makes its claim INCONCLUSIVE and stops nothing else. The input
    is checked at once, before the first result is asked for. Close the iterator to stop early: the workers end too.

    Raises
    ------
    BadInput
        If the profile or the backend is unknown, the backend has no library or device, the seed is negative,
        ``jobs`` is below 1, or above 1 for a claim that is not registered.
    """
    if profile not in PROFILES:
        raise refuse("profile", repr(profile), " or ".join(PROFILES))
    seed = integer("seed", seed, least=0)
    if seed >= 2**63:
        raise refuse("seed", seed, "below 2^63, the largest number a column of the store holds")
    jobs = available() if jobs is None else integer("jobs", jobs, least=1)
    namespace(backend)
    if jobs > 1:
        _require_registered(claims)
    return _run(claims, cast(Profile, profile), seed, backend, jobs, on_event or _ignore)


def _require_registered(claims: Sequence[Claim]) -> None:
    for claim in claims:
        if registry().get(claim.key) is not claim:
            raise refuse("claim", repr(claim.key), "in the registry, where other processes find it, unless jobs is 1")


def _ignore(event: Progress) -> None:
    """Nobody listens."""


def _run(
    claims: Sequence[Claim],
    profile: Profile,
    seed: int,
    backend: str,
    jobs: int,
    on_event: Callable[[Progress], None],
) -> Generator[ClaimResult, None, None]:
    grids: dict[str, list[Task]] = {}
    for claim in claims:
        try:
            grids[claim.key] = _grid(claim, profile, seed, backend)
        except Exception as raised:  # noqa: BLE001  a claim may raise anything
            yield _conclude(claim, [], (f"the grid of profile {profile}: {one_line(raised)}",))
    tasks = [task for grid in grids.values() for task in grid]
    by_key = {claim.key: claim for claim in claims}
    done: dict[str, list[Outcome]] = {key: [] for key in grids}
    on_event(Progress("", 0, 0, 0, len(tasks)))
    for count, outcome in enumerate(outcomes(tasks, jobs, by_key), 1):
        key = outcome.task.key
        done[key].append(outcome)
        on_event(Progress(key, len(done[key]), len(grids[key]), count, len(tasks)))
        if len(done[key]) == len(grids[key]):
            yield _conclude(by_key[key], done.pop(key))


def _grid(claim: Claim, profile: Profile, seed: int, backend: str) -> list[Task]:
    """The claim's cells as tasks; two equal cells would share their random numbers, and count one finding twice."""
    seen: set[str] = set()
    tasks = []
    for index, cell in enumerate(claim.cells(profile)):
        own = Cell({name: plain(value) for name, value in cell.parameters.items()}, cell.control)
        task = Task(claim.key, index, own, profile, seed, backend)
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
