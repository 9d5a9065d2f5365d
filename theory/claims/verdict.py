"""How a verdict is reached. The limits that it judges come from :mod:`theory.claims.confidence`.

A finding is judged by its relation, in float64, with its confidence limits:

| relation | HOLDS                  | VIOLATED         |
|----------|------------------------|------------------|
| UPPER    | high ≤ predicted       | low > predicted  |
| LOWER    | low ≥ predicted        | high < predicted |
| TIGHT    | low ≤ predicted ≤ high | otherwise        |
| EXPONENT | low ≤ predicted ≤ high | otherwise        |
| ORDER    | low > predicted        | high ≤ predicted |

Anything else is INCONCLUSIVE, as is a TIGHT or EXPONENT interval too wide to tell ``RESOLUTION`` of the prediction.
A finding whose hypotheses are not all met is HYPOTHESES_NOT_MET, whatever was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from theory.checks import refuse
from theory.claims.claim import Claim, Finding, Relation

RESOLUTION = 0.1
"""Relative half-width above which the interval of a TIGHT or EXPONENT finding says too little to count."""


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    HYPOTHESES_NOT_MET = "HYPOTHESES_NOT_MET"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class ControlVerdict:
    """A control counts when its false statement was VIOLATED on some instance of the grid."""

    name: str
    refuted: bool
    verdict: Verdict
    slack: float | None
    instances: int


@dataclass(frozen=True)
class ClaimVerdict:
    """Verdict on a whole claim: the worst of its findings, the slack nearest to failure, and every control."""

    verdict: Verdict
    slack: float | None
    controls: tuple[ControlVerdict, ...]

    @property
    def refuted(self) -> bool:
        """Whether every control was refuted; a claim without a control proves nothing."""
        return bool(self.controls) and all(control.refuted for control in self.controls)

    @property
    def passed(self) -> bool:
        """The claim holds and every one of its controls is refuted."""
        return self.verdict is Verdict.HOLDS and self.refuted


def limits(finding: Finding) -> tuple[float, float]:
    """Confidence limits of the measurement; for an exact one, widened by its rounding error.

    Raises
    ------
    BadInput
        If the limits do not contain the measurement.
    """
    low = finding.measured if finding.low is None else finding.low
    high = finding.measured if finding.high is None else finding.high
    if low > finding.measured or high < finding.measured:
        raise refuse("limits", f"[{low}, {high}]", f"around the measured {finding.measured}")
    return low - finding.rounding * abs(low), high + finding.rounding * abs(high)


def judge(finding: Finding, relation: Relation) -> Verdict:
    """Verdict on one finding; the finding's own relation, where it has one, comes first."""
    if any(not margin > 0 for margin in finding.margins.values()):
        return Verdict.HYPOTHESES_NOT_MET
    low, high = limits(finding)
    if not all(map(math.isfinite, (low, high, finding.measured, finding.predicted))):
        return Verdict.INCONCLUSIVE
    holds, violated = _compare(finding.relation or relation, float(finding.predicted), float(low), float(high))
    return Verdict.VIOLATED if violated else Verdict.HOLDS if holds else Verdict.INCONCLUSIVE


def _compare(relation: Relation, predicted: float, low: float, high: float) -> tuple[bool, bool]:
    if relation is Relation.UPPER:
        return high <= predicted, low > predicted
    if relation is Relation.LOWER:
        return low >= predicted, high < predicted
    if relation is Relation.ORDER:
        return low > predicted, high <= predicted
    inside = low <= predicted <= high
    return inside and (high - low) / 2 <= RESOLUTION * abs(predicted), not inside


def slack(finding: Finding, relation: Relation) -> float | None:
    """Measured over predicted, so 1 is tight; for an ORDER finding the measured rank statistic itself.

    None where there is no such number: a prediction of 0, such as a vacuous bound, has no slack.
    """
    if (finding.relation or relation) is Relation.ORDER:
        return finding.measured if math.isfinite(finding.measured) else None
    if finding.predicted == 0:
        return None
    ratio = finding.measured / finding.predicted
    return ratio if math.isfinite(ratio) else None


def conclude(claim: Claim, findings: Iterable[Finding]) -> ClaimVerdict:
    """Verdict on a claim from all its findings.

    VIOLATED if any finding is, else INCONCLUSIVE if any is, else HOLDS if at least one holds, else
    HYPOTHESES_NOT_MET. Findings outside the hypotheses never make a claim hold.
    """
    ordinary, controls = [], {name: [] for name in claim.controls}  # type: ignore[var-annotated]
    for finding in findings:
        if finding.control and finding.control not in controls:
            raise refuse("control", repr(finding.control), f"one of {sorted(controls)}, the controls of {claim.key}")
        (controls[finding.control] if finding.control else ordinary).append(finding)
    return ClaimVerdict(
        verdict=_worst([judge(finding, claim.relation) for finding in ordinary]),
        slack=nearest([f for f in ordinary if claim.headline in ("", f.form)], claim.relation),
        controls=tuple(_control(name, found, claim.relation) for name, found in controls.items()),
    )


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    for verdict in (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.HOLDS):
        if verdict in verdicts:
            return verdict
    return Verdict.HYPOTHESES_NOT_MET


def _control(name: str, findings: Sequence[Finding], relation: Relation) -> ControlVerdict:
    verdicts = [judge(finding, relation) for finding in findings]
    return ControlVerdict(
        name=name,
        refuted=Verdict.VIOLATED in verdicts,
        verdict=_worst(verdicts),
        slack=nearest(findings, relation),
        instances=len(findings),
    )


def nearest(findings: Sequence[Finding], relation: Relation) -> float | None:
    """The slack nearest to failure among the findings whose hypotheses are met.

    Findings of the claim's own relation come first: the slack of an upper bound and that of an equality do not compare.
    """
    met = [f for f in findings if judge(f, relation) is not Verdict.HYPOTHESES_NOT_MET]
    met = [f for f in met if f.relation in (None, relation)] or met
    ratios = [(ratio, f.relation or relation) for f in met if (ratio := slack(f, relation)) is not None]
    if not ratios:
        return None
    return max(ratios, key=lambda pair: _distress(*pair))[0]


def room(finding: Finding, relation: Relation) -> float:
    """How far a finding is from being not confirmed, over its prediction; negative where it is not confirmed.

    >>> room(Finding(2.0, 1.5, 1.0, 1.8), Relation.UPPER).__round__(3)
    0.1
    """
    low, high = limits(finding)
    below, above = finding.predicted - high, low - finding.predicted
    related = finding.relation or relation
    if related is Relation.UPPER:
        gap = below
    elif related in (Relation.LOWER, Relation.ORDER):
        gap = above
    else:
        gap = min(-below, -above)
    return float(gap / abs(finding.predicted) if finding.predicted else gap)


def worst(findings: Sequence[Finding], relation: Relation) -> Finding:
    """The one finding that stands for many of one kind: of those within their hypotheses that with the least room.

    So it is violated if one of them is; those of a control, which all shall be violated, are stood for by that with the
    most room. Its details say how many there were, and how many within their hypotheses.
    """
    within = [finding for finding in findings if all(margin > 0 for margin in finding.margins.values())]
    choose = max if findings[0].control else min
    one = choose(within or findings, key=lambda finding: room(finding, relation))
    return replace(one, details={**one.details, "of": len(findings), "within the hypotheses": len(within)})


def _distress(ratio: float, relation: Relation) -> float:
    """Grows as a slack comes nearer to failing its relation, and beyond."""
    if relation is Relation.UPPER:
        return ratio
    if relation in (Relation.LOWER, Relation.ORDER):
        return -ratio
    return abs(ratio - 1)


def summary(verdict: ClaimVerdict) -> Mapping[str, object]:
    """The control part of a verdict as plain data, for the table and the document."""
    controls = verdict.controls
    return {
        "verdict": str(Verdict.VIOLATED if verdict.refuted else _worst([c.verdict for c in controls if not c.refuted])),
        "refuted": verdict.refuted,
        "each": [
            {
                "name": control.name,
                "refuted": control.refuted,
                "verdict": str(control.verdict),
                "slack": control.slack,
                "instances": control.instances,
            }
            for control in controls
        ],
    }
