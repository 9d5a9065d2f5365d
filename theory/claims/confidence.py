"""Confidence limits of what is measured at random. All statistics of the suite live here."""

from __future__ import annotations

import math
from typing import Any

from theory.checks import refuse

CONFIDENCE = 0.9999
"""Level of every confidence interval: a hundred true findings are all confirmed in 99 runs of a hundred."""

BLOCKS = 512
"""Blocks into which a large sample is averaged before it is resampled."""


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


def mean(values: Any) -> tuple[float, float, float]:
    """The mean of n independent values, and Student's limits of the mean of their law.

        mean ± t s/√n,   s² the sample variance, t the (1 + ``CONFIDENCE``)/2 quantile with n − 1 degrees of freedom

    Exact for a normal law; for others of some tens of values nearer than the ``bootstrap``, whose limits are those of
    resamples: these have the variance (n − 1) s²/n and nearly normal quantiles, so that at n = 50 it reaches 3.85 s/√n
    from the mean where t is 4.24, and of normal samples misses 1 in 2,900, not 1 in 10,000. Source: Student (1908).

    Raises
    ------
    BadInput
        If one of the values is not finite, or there are fewer than two.

    Examples
    --------
    >>> [round(limit, 2) for limit in mean([1.0, 2.0, 3.0])]
    [2.0, -55.73, 59.73]
    """
    import numpy as np
    from scipy import stats

    values = _sample(values)
    if values.size < 2:
        raise refuse("values", f"{values.size} of them", "at least 2")
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size)
    return float(np.mean(values)), float(np.mean(values) - reach), float(np.mean(values) + reach)


def median(values: Any, *, above: int = 0, below: int = 0) -> tuple[float, float, float]:
    """The median of n independent values, and exact limits of the median of their law, whatever that is.

        P(x_(r) ≤ median ≤ x_(n+1−r)) ≥ 1 − 2 P(B < r),   B binomial(n, 1/2), r the largest that leaves ``CONFIDENCE``

    ``above`` and ``below`` more were drawn whose values are not known: they count as infinite, on that side.

    Source: David & Nagaraja (2003), Order Statistics, Section 7.1.

    Raises
    ------
    BadInput
        If one of the values is not finite, or they are fewer than 15: then no limits would be finite.

    Examples
    --------
    >>> median(range(1, 25))
    (12.5, 3.0, 22.0)
    >>> median(range(1, 23), above=2)
    (12.5, 3.0, 22.0)
    """
    import numpy as np

    known = np.sort(_sample(values))
    values = np.concatenate([np.full(below, -math.inf), known, np.full(above, math.inf)])
    rank, last = _rank(values.size), values.size - 1
    # Not NumPy's median, for which the middle of −∞ and ∞ is no number without a warning.
    low, high = float(values[last // 2]), float(values[last - last // 2])
    middle = low if low == high else (low + high) / 2 if math.isfinite(low) or math.isfinite(high) else math.nan
    return middle, float(values[rank - 1]), float(values[-rank])


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


def drifting(values: Any, earlier: Any, *, unknown: int = 0) -> tuple[float, float, float]:
    """The median of independent values, and limits of the median of what they converge to.

    ``earlier`` are the same values one stage before. Where each stage at least halves the distance to the limit, that
    distance is at most the last change c: the limits of the ``median`` are those of v − c below and of v + c above.
    ``unknown`` more were drawn whose values are not known: they count as −∞ below and as ∞ above.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.linspace(0.9, 1.1, 15)
    >>> [round(limit, 6) for limit in drifting(values, values + 0.5)]
    [1.0, 0.4, 1.6]
    >>> drifting(np.ones(15), np.ones(15), unknown=1)
    (1.0, -inf, inf)
    """
    import numpy as np

    values = _sample(values)
    change = abs(values - _sample(earlier))
    low, high = median(values - change, below=unknown)[1], median(values + change, above=unknown)[2]
    return float(np.median(values)) if values.size else math.nan, low, high


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
