"""Sweeps: claims measured on a grid, cell by cell, into a store that every finished cell stays in."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from pyarrow import ArrowException

from theory.arrays import namespace
from theory.checks import BadInput, integer, refuse
from theory.claims.claim import Claim, Profile
from theory.runs import provenance, swept
from theory.runs.cells import Outcome, Task, one_line
from theory.runs.code import source
from theory.runs.engine import LARGEST_SEED, PROFILES, Progress, require_registered
from theory.runs.grid import Cells, Grid
from theory.runs.journal import KEYS, Journal, content, key
from theory.runs.pool import HERE, Lost, Where, outcomes
from theory.runs.sources import DIGITS, Source

_LOOKED_UP = 8192
"""Cells whose keys are in memory at a time."""

SHOWN = 20
"""Failures that are named one by one; all of them are in the store."""


@dataclass
class Plan:
    """A claim's cells on the grid: all of them, which were done before, and what has become of the others so far."""

    claim: Claim
    cells: Cells
    journal: Journal
    code: str | None
    waiting: np.ndarray
    measured: int = 0
    failed: int = 0

    @property
    def earlier(self) -> int:
        """Cells that an earlier sweep has finished."""
        return len(self.cells) - len(self.waiting)

    @property
    def done(self) -> int:
        """Cells that are finished by now."""
        return self.earlier + self.measured


@dataclass
class Sweep:
    """A sweep that is laid out: iterate over ``run`` to measure it, then ask ``tables`` for the tables.

    ``failures`` are the first that happened, in words; ``stopped`` says why cells are left, if it was not their fault.
    """

    plans: Sequence[Plan]
    options: Mapping[str, Any]
    where: Where
    folder: Path
    failures: list[str] = field(default_factory=list)
    stopped: str = ""

    @property
    def total(self) -> int:
        """All cells of the grid."""
        return sum(len(plan.cells) for plan in self.plans)

    @property
    def complete(self) -> bool:
        """Whether every cell of the grid is finished."""
        return all(plan.done == len(plan.cells) for plan in self.plans)

    def waiting(self) -> dict[str, int]:
        """How many cells of each claim are to be measured."""
        return {plan.claim.key: len(plan.waiting) for plan in self.plans}

    def run(self) -> Generator[Progress, None, None]:
        """Measure what is not finished yet; each cell is in the store before it is told of.

        They come in a random order, so that those that are done stand for those that are left. A cell that fails stops
        nothing; a store that takes no more cells, or workers that are gone, end the sweep: see ``stopped``.
        """
        origin = {"commit": provenance.commit()}
        plans = {plan.claim.key: plan for plan in self.plans}
        done = sum(plan.earlier for plan in self.plans)
        yield Progress("", 0, 0, done, self.total)
        try:
            for plan in self.plans:
                if len(plan.waiting):
                    plan.journal.open()  # a store that cannot be written is known before anything is measured
            with contextlib.closing(self._outcomes()) as found:
                for outcome in found:
                    plan = plans[outcome.task.key]
                    outcome = self._kept(plan, outcome, origin)
                    done += not outcome.error
                    yield Progress(plan.claim.key, plan.done, len(plan.cells), done, self.total, outcome)
        except OSError as error:
            self.stopped = f"the store in {self.folder} takes no more cells ({error.strerror or error})"
        except Lost as error:
            self.stopped = f"the workers are gone ({error})"
        finally:
            for plan in self.plans:
                plan.journal.close()

    def _outcomes(self) -> Generator[Outcome, None, None]:
        if any(self.waiting().values()):  # else there is no need of workers
            yield from outcomes(self._tasks(), self.where, {plan.claim.key: plan.claim for plan in self.plans})

    def _tasks(self) -> Iterator[Task]:
        """Every cell that waits, one at a time, in an order that only the seed knows."""
        owners = np.repeat(np.arange(len(self.plans), dtype=np.int32), [len(plan.waiting) for plan in self.plans])
        indices = np.concatenate([plan.waiting for plan in self.plans])
        for place in np.random.default_rng(self.options["seed"]).permutation(len(indices)):
            yield _task(self.plans[owners[place]], int(indices[place]), self.options)

    def _kept(self, plan: Plan, outcome: Outcome, origin: Mapping[str, Any]) -> Outcome:
        outcome, written = content(outcome, plan.claim.version, origin)
        plan.journal.append(key(outcome.task, plan.claim.version), written, done=not outcome.error)
        if outcome.error:
            plan.failed += 1
            if len(self.failures) < SHOWN:
                self.failures.append(f"{plan.claim.key} {outcome.task.describe()}: {outcome.error}")
        else:
            plan.measured += 1
        return outcome

    def tables(self) -> dict[str, swept.Swept]:
        """Write the tables of all claims that were swept; what the store has of each."""
        dated = provenance.dated(provenance.collect(**self.options))
        found = {}
        for plan in self.plans:
            try:
                found[plan.claim.key] = swept.write(plan.claim, self.folder, dated)
            except (OSError, ArrowException) as error:  # no room, or columns of a kind that Parquet does not have
                self.stopped = self.stopped or (
                    f"the tables of {plan.claim.key} in {self.folder} cannot be written "
                    f"({getattr(error, 'strerror', None) or error}); what is finished is kept beside them"
                )
        return found


def _task(plan: Plan, index: int, options: Mapping[str, Any]) -> Task:
    cell, repetition = plan.cells[index]
    return Task(plan.claim.key, index, cell, repetition=repetition, code=plan.code, **options)


def lay(
    claims: Sequence[Claim],
    grid: Grid,
    folder: Path,
    *,
    profile: str = "quick",
    seed: int = 0,
    backend: str = "numpy",
    images: Source = DIGITS,
    where: Where = HERE,
    rerun: bool = False,
) -> Sweep:
    """Lay out the cells of these claims on the grid, and find those that are finished in the store; measure none.

    A cell is the same cell if the claim and its version, the parameters, the repetition, the seed, the profile, the
    backend and the images are. With ``rerun`` all are measured anew.

    Raises
    ------
    BadInput
        If an option or the grid is refused, or a claim cannot be measured where it should be.
    """
    if profile not in PROFILES:
        raise refuse("profile", repr(profile), " or ".join(PROFILES))
    if integer("seed", seed, least=0) > LARGEST_SEED:
        raise refuse("seed", seed, "below 2^63, the largest number a column of the store holds")
    integer("jobs", where.jobs, least=1)
    namespace(backend)
    if not where.here:
        require_registered(claims)
    options = {"profile": profile, "seed": seed, "backend": backend, "images": images}
    plans = [_plan(claim, grid, cast(Profile, profile), folder, options, rerun) for claim in claims]
    return Sweep(plans, options, where, folder)


def _plan(claim: Claim, grid: Grid, profile: Profile, folder: Path, options: Mapping[str, Any], rerun: bool) -> Plan:
    try:
        cells = Cells(claim, profile, grid)
    except BadInput:
        raise
    except Exception as raised:  # a claim may raise anything
        raise BadInput(f"the grid of {claim.key} in profile {profile} raises {one_line(raised)}") from raised
    plan = Plan(claim, cells, swept.journal(folder, claim), source(claim), np.arange(len(cells)))
    if not rerun:
        plan.waiting = _waiting(plan, options)
    return plan


def _waiting(plan: Plan, options: Mapping[str, Any]) -> np.ndarray:
    """The cells of the plan that no earlier sweep has finished."""
    done = plan.journal.done()
    if not len(done):
        return plan.waiting
    parts = []
    for start in range(0, len(plan.waiting), _LOOKED_UP):
        indices = plan.waiting[start : start + _LOOKED_UP]
        keys = np.array([key(_task(plan, int(index), options), plan.claim.version) for index in indices], KEYS)
        nearest = done[np.minimum(np.searchsorted(done, keys), len(done) - 1)]
        parts.append(indices[nearest != keys])
    return np.concatenate(parts)
