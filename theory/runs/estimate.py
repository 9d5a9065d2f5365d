"""How long a run will take: from what its cells took before, corrected by what they take now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        self._measured: list[tuple[str, str, float]] = []

    def add(self, outcome: Outcome) -> None:
        """A cell has been measured."""
        self._waiting.pop(_name(outcome.task), None)
        self._measured.append((_name(outcome.task), outcome.task.key, outcome.seconds))

    @property
    def left(self) -> float | None:
        """Seconds until the last cell is done; None while there is nothing to go by."""
        known, unknown = self._known(), [key for name, key in self._waiting.items() if name not in self._before]
        if unknown and not self._measured:
            return None
        return self._shared(self._pace() * known + sum(map(self._average, unknown)))

    def _pace(self) -> float:
        """How much longer cells take now, as if at first ``TRUST`` of the run had taken what it took before."""
        trusted = TRUST * sum(self._before.values())
        both = [(now, self._before[name]) for name, _, now in self._measured if name in self._before]
        expected = sum(before for _, before in both) + trusted
        return (sum(now for now, _ in both) + trusted) / expected if expected else 1.0

    def _known(self) -> float:
        return sum(self._before[name] for name in self._waiting if name in self._before)

    def _average(self, key: str) -> float:
        own = [now for _, claim, now in self._measured if claim == key] or [now for *_, now in self._measured]
        return sum(own) / len(own)

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
