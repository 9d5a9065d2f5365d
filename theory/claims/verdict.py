"""How a verdict is reached. All statistics of the suite live here.

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
from typing import Any

from theory.checks import refuse
from theory.claims.claim import Claim, Finding, Relation

CONFIDENCE = 0.9999
"""Level of every confidence interval: a hundred true findings are all confirmed in 99 runs of a hundred."""

RESOLUTION = 0.1
"""Relative half-width above which the interval of a TIGHT or EXPONENT finding says too little to count."""


BLOCKS = 512
"""Blocks into which a large sample is averaged before it is resampled."""


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


# ---------------------------------------------------------------------------------------------- confidence limits


def proportion(successes: int, trials: int) -> tuple[float, float]:
    """Exact (Clopper–Pearson) limits of a proportion."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="exact")
    return float(interval.low), float(interval.high)


def trials(share: float, apart: float, power: float = 0.99) -> int:
    """Trials after which ``proportion`` tells a share p from (1 − apart) p and from (1 + apart) p, with this power.

        n = (z √(p(1 − p)) + z' √(q(1 − q)))²/(p − q)²,   q = (1 ± apart) p, the larger of both

    z is the normal quantile of the limits' level, z' that of the power.

    Source: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, Section 2.5.

    >>> trials(0.5, 0.5), trials(0.04, 0.25)
    (140, 16115)
    """
    from scipy.stats import norm

    z, other = float(norm.ppf((1 + CONFIDENCE) / 2)), float(norm.ppf(power))
    wide = z * math.sqrt(share * (1 - share))
    rivals = ((1 - apart) * share, (1 + apart) * share)
    return max(math.ceil((wide + other * math.sqrt(q * (1 - q))) ** 2 / (share - q) ** 2) for q in rivals)


def bootstrap(values: Any, *, rng: Any) -> tuple[float, float]:
    """Bias-corrected bootstrap limits (BCa) of the mean of independent values.

    Many values are averaged in blocks first: the mean of equal blocks is the same, and resampling them is as valid.
    """
    import numpy as np
    from scipy import stats

    values = np.asarray(values, dtype=float)
    per_block = max(1, values.size // BLOCKS)
    blocks = values[: values.size // per_block * per_block].reshape(-1, per_block).mean(axis=1)
    # Five of the resamples lie beyond each limit.
    resamples = round(10 / (1 - CONFIDENCE))
    drawn = stats.bootstrap((blocks,), np.mean, confidence_level=CONFIDENCE, n_resamples=resamples, batch=4096, rng=rng)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def median(values: Any) -> tuple[float, float, float]:
    """The median of n independent values, and exact limits of the median of their law, whatever that is.

        P(x_(r) ≤ median ≤ x_(n+1−r)) ≥ 1 − 2 P(B < r),   B binomial(n, 1/2), r the largest that leaves ``CONFIDENCE``

    Source: David & Nagaraja (2003), Order Statistics, Section 7.1.

    Raises
    ------
    BadInput
        If one of the values is not finite, or they are fewer than 15: then no limits would be finite.

    Examples
    --------
    >>> median(range(1, 25))
    (12.5, 3.0, 22.0)
    """
    import numpy as np

    values = np.sort(_sample(values))
    rank = _rank(values.size)
    return float(np.median(values)), float(values[rank - 1]), float(values[-rank])


def _sample(values: Any) -> Any:
    import numpy as np

    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all():
        raise refuse("values", "an array with NaN or infinity in it", "finite everywhere")
    return values


def _rank(count: int) -> int:
    """r of ``median``, from 1 on."""
    from scipy.stats import binom

    rank = int(binom.ppf((1 - CONFIDENCE) / 2, count, 0.5))
    if rank < 1:
        raise refuse("values", f"{count} of them", f"at least {math.ceil(math.log2(2 / (1 - CONFIDENCE)))}")
    return rank


def drifting(values: Any, earlier: Any) -> tuple[float, float, float]:
    """The median of independent values, and limits of the median of what they converge to.

    ``earlier`` are the same values one stage before. Where each stage at least halves the distance to the limit, that
    distance is at most the last change c: the limits of the ``median`` are those of v − c below and of v + c above.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.linspace(0.9, 1.1, 15)
    >>> [round(limit, 6) for limit in drifting(values, values + 0.5)]
    [1.0, 0.4, 1.6]
    """
    import numpy as np

    values = _sample(values)
    change = abs(values - _sample(earlier))
    return float(np.median(values)), median(values - change)[1], median(values + change)[2]


def bounded_mean(values: Any, largest: float) -> tuple[float, float]:
    """Limits of the mean of n independent values in [0, ``largest``], whatever their law (empirical Bernstein).

        |mean − E| ≤ √(2 V ln(4/δ)/n) + 7 M ln(4/δ)/(3(n − 1)),   M the largest, V the sample variance, δ = 1 − level

    Source: Maurer & Pontil (2009), Theorem 4, on either side with half of δ.

    Raises
    ------
    BadInput
        If there are fewer than two values, or one is not in [0, ``largest``].

    Examples
    --------
    >>> low, high = bounded_mean([0.0, 1.0] * 5000, 1.0)
    >>> round(low, 3), round(high, 3)
    (0.475, 0.525)
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    if values.size < 2:
        raise refuse("values", f"{values.size} of them", "at least 2")
    if not (values.min() >= 0 and values.max() <= largest):
        raise refuse("values", f"from {values.min()} to {values.max()}", f"within [0, {largest}]")
    mean, log = float(values.mean()), math.log(4 / (1 - CONFIDENCE))
    width = math.sqrt(2 * float(values.var(ddof=1)) * log / values.size) + 7 * largest * log / (3 * (values.size - 1))
    return max(0.0, mean - width), max(mean, min(float(largest), mean + width))


def rank_slope(x: Any, y: Any) -> tuple[float, float, float]:
    """Theil–Sen slope of the ranks of y on those of x, with its limits: 1 perfect order, 0 none, −1 reversed.

    Where all y are equal there is no order to be seen, and none that could be excluded.
    """
    from scipy.stats import rankdata, theilslopes

    if len(set(y)) == 1:
        return 0.0, -1.0, 1.0
    result = theilslopes(rankdata(y), rankdata(x), alpha=CONFIDENCE)
    return float(result.slope), float(min(result.low_slope, result.slope)), float(max(result.high_slope, result.slope))


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
