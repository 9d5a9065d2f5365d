"""What the tests of most claims ask of theirs: reduced cells measured once, and what holds of any claim."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from theory.claims import registry
from theory.claims.claim import Cell, Claim, Evidence, Finding, Setting
from theory.claims.verdict import conclude

SEED = 5


class Reduced:
    """Claims by their keys, on cells that take no time; what a cell has once given is kept."""

    def __init__(self, claims: Iterable[Claim], cells: Mapping[str, Sequence[Cell]]) -> None:
        self.claims = {claim.key: claim for claim in claims}
        self.cells = cells
        self.evidence = functools.cache(self._evidence)

    def measured(self, key: str, cell: Cell, images: str = "digits") -> Evidence:
        """One cell, measured anew."""
        setting = Setting(rng=np.random.default_rng(SEED), xp=np, profile="quick", images=images)
        return self.claims[key].measure(cell, setting)

    def _evidence(self, key: str) -> list[Evidence]:
        return [self.measured(key, cell) for cell in self.cells[key]]

    def findings(self, key: str) -> list[Finding]:
        """Those of all its reduced cells."""
        return [finding for found in self.evidence(key) for finding in found.findings]

    def refutes_every_control(self, key: str) -> None:
        """A claim that does not proves nothing."""
        verdict = conclude(self.claims[key], self.findings(key))
        assert [control.name for control in verdict.controls if not control.refuted] == []
        assert verdict.refuted

    def measures_the_same_again(self, key: str) -> None:
        """The first cell has the same findings and points, to the last bit."""
        first, again = self.evidence(key)[0], self.measured(key, self.cells[key][0])
        assert list(again.findings) == list(first.findings)
        for name, column in first.points.items():
            np.testing.assert_array_equal(column, again.points[name])

    def has_plain_details(self, key: str) -> None:
        """Everything about a finding is what JSON knows."""
        for finding in self.findings(key):
            json.dumps([dict(finding.details), dict(finding.margins), finding.predicted, finding.measured])


def is_registered_and_says_what_it_must(claim: Claim) -> None:
    """Found by its key; every part of it is there, and is a line."""
    assert registry()[claim.key] is claim
    for part in (claim.title, claim.statement, claim.proof, claim.source, *claim.hypotheses, *claim.controls.values()):
        assert part.strip() == part != ""
        assert "\n" not in part


def has_unique_cells(claim: Claim, profile: Any) -> Sequence[Cell]:
    """The cells of the profile, none of which is there twice."""
    cells = claim.cells(profile)
    assert len({json.dumps([cell.control, dict(cell.parameters)]) for cell in cells}) == len(cells)
    return cells
