"""How long a run will take: from what its cells took before, corrected by what they take now.

How long a sweep will take: from what its cells have taken so far.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import theory
from theory.runs.cells import Outcome, Task
from theory.runs.store import records
from theory.runs.streams import identity

PUBLISHED = Path(theory.__file__).parent.parent / "results"
"""The results that come with the source; beside an installed package there are none."""

TRUST = 0.1
"""The share of a run after which its own pace counts for as much as that of the earlier one."""

Records = Mapping[str, Mapping[str, Any]]
"""The metadata of earlier runs, by claim: see ``theory.runs.store.records``."""


def earlier(out: Path, profile: str) -> Records:
    """What is known of each claim: from the store in ``out``, or else from the published results."""
    return {record["claim"]["key"]: record for folder in (PUBLISHED, out) for record in records(folder, profile)}


class Estimate:
    """The seconds that are left of a run on ``jobs`` processes, of which the cells ``waiting`` are to be measured.

    A cell will take what the same cell took before, or else an average one of its claim. That is scaled by how the
    cells of this run compare so far, so that another machine, or other images, count as soon as a few are measured.
    Where nothing was recorded, it will take what the cells of its claim, or else of the run, take on average.
    """

    def __init__(self, before: Records, waiting: Sequence[Task], jobs: int) -> None:
        self._jobs = jobs
        self._before = {_name(task): _recorded(before[task.key], task) for task in waiting if task.key in before}
        self._waiting = {_name(task): task.key for task in waiting}
        self._origins = [before[key]["provenance"] for key in set(self._waiting.values()) if key in before]
        self._taken: dict[str, list[float]] = {}  # by claim: cells measured, and the seconds of all of them
        self._both = [0.0, 0.0]  # seconds now and before of the cells measured that were recorded

    def add(self, outcome: Outcome) -> None:
        """A cell has been measured."""
        name = _name(outcome.task)
        self._waiting.pop(name, None)
        taken = self._taken.setdefault(outcome.task.key, [0, 0.0])
        taken[0] += 1
        taken[1] += outcome.seconds
        if name in self._before:
            self._both[0] += outcome.seconds
            self._both[1] += self._before[name]

    @property
    def left(self) -> float | None:
        """Seconds until the last cell is done; None while there is nothing to go by."""
        unknown = [key for name, key in self._waiting.items() if name not in self._before]
        if unknown and not self._taken:
            return None
        return self._shared(self._pace() * self._known() + sum(map(self._average, unknown)))

    def _pace(self) -> float:
        """How much longer cells take now, as if at first ``TRUST`` of the run had taken what it took before."""
        trusted = TRUST * sum(self._before.values())
        now, before = self._both
        return (now + trusted) / (before + trusted) if before + trusted else 1.0

    def _known(self) -> float:
        return sum(self._before[name] for name in self._waiting if name in self._before)

    def _average(self, key: str) -> float:
        taken = [self._taken[key]] if key in self._taken else list(self._taken.values())
        return sum(seconds for _, seconds in taken) / sum(count for count, _ in taken)

    def _shared(self, seconds: float) -> float:
        return seconds / max(1, min(self._jobs, len(self._waiting)))

    def sentence(self, provenance: Mapping[str, Any]) -> str:
        """The estimate before the first cell, and what it goes by, for a run whose figures come from ``provenance``."""
        if not self._origins:
            return "no earlier run of these claims to estimate the time by"
        claims, known = len(set(self._waiting.values())), len(self._origins)
        whole = f" for {known} of {claims} claims (nothing is known of the others)" if known < claims else ""
        differs = [
            words for name, words in _DIFFERENT.items() if any(_differ(o, provenance, name) for o in self._origins)
        ]
        processes = f"{self._jobs} process{'es' if self._jobs > 1 else ''}"
        going = " ".join(["going by the last run", *differs])
        return f"about {duration(self._shared(self._known()))} on {processes}{whole}, {going}"


_DIFFERENT = {"device": "on another machine", "images": "with other images"}
"""What makes an earlier run a worse guide, and how that is said."""


def _differ(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    """Whether two runs differ there; older results do not say which images, for none was used."""
    return name in one and one[name] != other.get(name)


def _name(task: Task) -> str:
    return identity(task.key, task.cell)


def _recorded(record: Mapping[str, Any], task: Task) -> float:
    """Seconds of this cell then, or of an average one where each was not recorded; parameters tell most cells apart."""
    each, claim = record.get("seconds", {}), record["claim"]
    if _name(task) in each:
        return float(each[_name(task)])
    cells = len(each) or len({str(instance["parameters"]) for instance in claim["instances"]})
    return float(claim["seconds"]) / max(1, cells)


def duration(seconds: float) -> str:
    """A length of time in words.

    >>> [duration(seconds) for seconds in (0.2, 50, 700, 9000)]
    ['1 s', '50 s', '12 min', '2.5 h']
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# -------------------------------------------------------------------------------------------------------------- sweeps

SURE = 0.2
"""Relative half-width above which the time left is a range."""


class Pace:
    """The time that is left of a sweep whose cells, ``waiting`` so many of each claim, come in a random order.

    Those that are done are then a sample of those that are left. With n done of a claim, r left, their mean m and
    their standard deviation s, what is left takes in all

        W = Σ r m ± 2 √(Σ r² s²/n + r s²)   seconds of cells, and   W t / Σ n m   seconds until it is done,

    where t is the time since the first of them was done: so whatever else takes time, and however many are measured at
    once, counts as it has counted so far. A claim of which none is done takes as long as the average cell.
    """

    def __init__(self, waiting: Mapping[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self._left = dict(waiting)
        self._moments: dict[str, tuple[int, float, float]] = {}
        self._clock = clock
        self._begun: float | None = None
        self._first = 0.0

    def add(self, key: str, seconds: float) -> None:
        """A cell of that claim is done, or has failed; the first one starts the clock."""
        self._left[key] -= 1
        count, total, squares = self._moments.get(key, (0, 0.0, 0.0))
        self._moments[key] = count + 1, total + seconds, squares + seconds**2
        if self._begun is None:
            self._begun, self._first = self._clock(), seconds

    @property
    def left(self) -> tuple[float, float, float] | None:
        """Seconds until the last cell is done, and the range they are likely in; None before two are done."""
        whole = [sum(column) for column in zip(*self._moments.values(), strict=True)]
        if self._begun is None or whole[0] < 2:
            return None
        work = variance = 0.0
        for key, left in self._left.items():
            count, total, squares = self._moments.get(key, whole)
            mean = total / count
            spread = max(0.0, squares / count - mean**2) * count / max(1, count - 1)
            work += left * mean
            variance += (left**2 / count + left) * spread
        rate = (self._clock() - self._begun) / max(whole[1] - self._first, 1e-9)
        error = 2 * math.sqrt(variance)
        return work * rate, max(0.0, work - error) * rate, (work + error) * rate

    def words(self) -> str:
        """The time left as it is shown: ``4 min left``, or a range while little is known."""
        if self.left is None:
            return ""
        best, low, high = self.left
        if high - low > 2 * SURE * best and duration(low) != duration(high):
            return f"{duration(low)} to {duration(high)} left"
        return f"{duration(best)} left"
