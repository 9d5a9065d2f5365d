"""How long a run will take: an estimate from what other runs took, and on what it rests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import theory
from theory.claims.claim import Claim
from theory.runs.cells import Task
from theory.runs.kept import Kept
from theory.runs.store import read

PUBLISHED = Path(theory.__file__).parent.parent / "results"
"""The results that come with the source; there are none beside an installed package."""


@dataclass(frozen=True)
class Estimate:
    """Seconds in the cells that are left, and for how many claims they rest on what ("nothing": no figure)."""

    seconds: float
    rests: Mapping[str, int]
    cells: int
    kept: int

    def sentence(self, jobs: int) -> str:
        """The estimate in words, for so many processes.

        >>> Estimate(900.0, {"results/paper": 2, "nothing": 1}, cells=40, kept=0).sentence(jobs=2)
        'about 8 min on 2 processes for all cells; rests on results/paper for 2 claims, no figure for 1 claim'
        """
        left = f"{self.cells - self.kept} of {self.cells} cells ({self.kept} are kept)" if self.kept else "all cells"
        known = {source: count for source, count in self.rests.items() if source != "nothing"}
        said = [f"{source} for {_claims(count)}" for source, count in known.items()]
        if missing := self.rests.get("nothing"):
            said.append(f"no figure for {_claims(missing)}")
        took = f"about {_time(self.seconds / jobs)} on {jobs} process{'es' if jobs > 1 else ''} for {left}"
        return (
            f"{took}; rests on {', '.join(said)}" if known else f"no estimate for {left}; nothing was recorded before"
        )


def _claims(count: int) -> str:
    return f"{count} claim{'s' if count > 1 else ''}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate(
    claims: Sequence[Claim],
    profile: str,
    out: Path,
    kept: Kept,
    task: Callable[..., Task],
    *,
    published: Path | None = None,
) -> Estimate:
    """The estimate for these claims: a grid that raises counts for nothing here, and is reported by the run itself.

    Of each claim, the first that there is: the seconds recorded by an earlier run of the profile in ``out``, those of
    the published results, or those of the quick profile, per cell; all scaled to the cells that are not kept. Other
    machines are faster or slower, and cells of the paper profile are larger than the quick one's: the sentence names
    its source so that the reader can tell.
    """
    sources = _sources(profile, out, published or PUBLISHED)
    seconds, rests, cells, found = 0.0, dict[str, int](), 0, 0
    for claim in claims:
        grid = _grid(claim, profile, task)
        here = sum(kept.find(laid, claim) is not None for laid in grid)
        recorded = [(name, stored[claim.key]) for name, stored in sources if claim.key in stored]
        source, each = recorded[0] if recorded else ("nothing", 0.0)
        seconds += each * (len(grid) - here)
        rests[source] = rests.get(source, 0) + 1
        cells, found = cells + len(grid), found + here
    return Estimate(seconds, rests, cells, found)


def _grid(claim: Claim, profile: Any, task: Callable[..., Task]) -> list[Task]:
    try:
        return [task(claim.key, index, cell) for index, cell in enumerate(claim.cells(profile))]
    except Exception:  # noqa: BLE001  a claim may raise anything
        return []


def _sources(profile: str, out: Path, published: Path) -> list[tuple[str, Mapping[str, float]]]:
    """Seconds per cell of each claim, by where they were recorded, the best first."""
    folders = list(dict.fromkeys([(out, profile), (published, profile), (out, "quick"), (published, "quick")]))
    named = [
        (f"the seconds recorded in {folder / which}" + (" (smaller cells)" if which != profile else ""), folder, which)
        for folder, which in folders
    ]
    return [(name, _seconds_per_cell(folder, which)) for name, folder, which in named]


def _seconds_per_cell(folder: Path, profile: str) -> dict[str, float]:
    found = {}
    for stored in read(folder, profile, warn=lambda _: None):
        instances = stored.claim.get("instances", ())
        cells = {repr((i["control"], sorted(i["parameters"].items()))) for i in instances}
        found[stored.key] = float(stored.claim["seconds"]) / max(1, len(cells))
    return found
