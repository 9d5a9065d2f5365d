"""Confidence limits beside their closed forms, that they cover, and bad input."""

import math

import numpy as np
import pytest
from scipy import stats

from theory.checks import BadInput
from theory.claims import confidence


class TestProportion:
    @pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (3, 10), (1, 1), (499, 1000), (5, 100_000)])
    def test_equals_the_quantiles_of_the_beta_law(self, successes, trials):
        """Clopper & Pearson's limits in closed form; scipy solves for them, so they agree to its solver's 1e-10."""
        tail = (1 - confidence.CONFIDENCE) / 2
        low = stats.beta.ppf(tail, successes, trials - successes + 1) if successes else 0.0
        high = stats.beta.ppf(1 - tail, successes + 1, trials - successes) if successes < trials else 1.0
        assert confidence.proportion(successes, trials) == pytest.approx((low, high), rel=1e-8, abs=1e-12)

    @pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.99])
    def test_covers_the_truth_as_often_as_promised(self, p):
        """The exact coverage, summed over all outcomes: no luck is involved."""
        trials = 60
        limits = [confidence.proportion(k, trials) for k in range(trials + 1)]
        inside = [low <= p <= high for low, high in limits]
        assert stats.binom.pmf(range(trials + 1), trials, p)[inside].sum() >= confidence.CONFIDENCE


class TestBootstrap:
    def test_the_limits_surround_the_mean_and_shrink_with_the_sample(self):
        values = np.random.default_rng(5).exponential(size=4000)
        few = confidence.bootstrap(values[:40], rng=np.random.default_rng(1))
        many = confidence.bootstrap(values, rng=np.random.default_rng(1))
        assert few[0] < values[:40].mean() < few[1]
        assert many[0] < values.mean() < many[1]
        assert (many[1] - many[0]) < (few[1] - few[0]) / 5  # ten times narrower, but for chance

    def test_near_the_normal_limits_for_a_large_sample(self):
        """The skewness of a mean of 4,000 is below 0.04, which moves a limit by less than a tenth of the half-width."""
        values = np.random.default_rng(6).exponential(size=4000)
        half = stats.norm.ppf((1 + confidence.CONFIDENCE) / 2) * values.std() / math.sqrt(len(values))
        low, high = confidence.bootstrap(values, rng=np.random.default_rng(2))
        assert low == pytest.approx(values.mean() - half, abs=half / 5)
        assert high == pytest.approx(values.mean() + half, abs=half / 5)

    def test_the_same_stream_gives_the_same_limits(self):
        values = np.random.default_rng(7).normal(size=50)
        one, two = (confidence.bootstrap(values, rng=np.random.default_rng(3)) for _ in range(2))
        assert one == two


def reach(limits, values):
    """How far limits go from the mean, in units of s/√n."""
    low, high = limits
    return (high - low) / 2 / (np.std(values, ddof=1) / math.sqrt(len(values)))


class TestMean:
    def test_tabulated_quantiles(self):
        """t of 10 degrees of freedom and 99.99 % is 6.211 (Fisher & Yates, Table III, at 0.0001)."""
        values = np.arange(11.0)
        centre, low, high = confidence.mean(values)
        assert centre == 5
        assert reach((low, high), values) == pytest.approx(6.211, abs=5e-4)
        assert high - centre == pytest.approx(centre - low, rel=1e-12)

    @pytest.mark.parametrize(("law", "most"), [("standard_normal", 30), ("laplace", 30), ("uniform", 60)])
    def test_misses_the_truth_as_rarely_as_promised(self, law, most):
        """200,000 samples of 50: 20 misses are expected of normal ones, and above 30 once in fifty such tests; 68 where
        limits end at 3.85 s/√n, as those of resamples do. Tails heavier than the normal's make them fewer, lighter ones
        more: the uniform law's kurtosis of −1.2 moves the tail of t by a factor of 1 + 1.2 (t⁴ − 6t² + 3)/(24 n) < 2.
        """
        rng, expected = np.random.default_rng(1), {"uniform": 0.5}.get(law, 0.0)
        sample = getattr(rng, law)(size=50)
        factor, misses = reach(confidence.mean(sample)[1:], sample), 0
        for _ in range(20):
            drawn = getattr(rng, law)(size=(10_000, 50))
            t = (drawn.mean(axis=1) - expected) / (drawn.std(axis=1, ddof=1) / math.sqrt(50))
            misses += int(np.sum(np.abs(t) > factor))
        assert misses <= most

    def test_reaches_farther_than_resamples_do(self):
        values = stats.norm.ppf((np.arange(50) + 0.5) / 50)
        ends = confidence.bootstrap(values, rng=np.random.default_rng(0))
        # Five of 100,000 resamples lie beyond: their place is known to 1/√5 in log-probability, 0.1 in units of s/√n.
        assert reach(ends, values) == pytest.approx(3.85, abs=0.15)
        assert reach(confidence.mean(values)[1:], values) == pytest.approx(4.24, abs=0.01)

    @pytest.mark.parametrize(
        ("values", "message"),
        [([1.0], "values is 1 of them; it must be at least 2"), ([1.0, math.nan], "values is an array with NaN")],
    )
    def test_bad_input(self, values, message):
        with pytest.raises(BadInput, match=message):
            confidence.mean(values)


class TestMedian:
    @pytest.mark.parametrize(("count", "rank"), [(15, 1), (18, 1), (20, 2), (24, 3), (64, 17)])
    def test_known_ranks(self, count, rank):
        """The largest r with 2 P(B < r) ≤ 1 − level, summed here from the binomial coefficients."""
        beyond = [2 * sum(math.comb(count, k) for k in range(r)) / 2**count for r in (rank, rank + 1)]
        assert beyond[0] <= 1 - confidence.CONFIDENCE < beyond[1]
        shuffled = np.random.default_rng(0).permutation(count) + 1
        assert confidence.median(shuffled) == ((count + 1) / 2, rank, count + 1 - rank)

    @pytest.mark.parametrize("count", [15, 24, 51, 200])
    def test_covers_the_truth_as_often_as_promised(self, count):
        """Of values in [0, 1] with median ½ it matters only how many lie below it: the coverage is exact."""
        inside = []
        for below in range(count + 1):
            _, low, high = confidence.median([0.0] * below + [1.0] * (count - below))
            inside.append(low <= 0.5 <= high)
        assert stats.binom.pmf(range(count + 1), count, 0.5)[inside].sum() >= confidence.CONFIDENCE

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (range(14), "values is 14 of them; it must be at least 15"),
            ([], "values is 0 of them; it must be at least 15"),
            ([math.nan] * 20, "values is an array with NaN"),
        ],
    )
    def test_bad_input(self, values, message):
        with pytest.raises(BadInput, match=message):
            confidence.median(values)

    def test_values_that_are_not_known_count_as_infinite(self):
        values = list(range(20))
        for above, below in ((0, 0), (1, 0), (0, 2), (3, 1), (25, 0), (0, 25), (20, 20)):
            every = np.sort([*[-math.inf] * below, *values, *[math.inf] * above])
            rank = confidence._rank(every.size)
            middle, low, high = confidence.median(values, above=above, below=below)
            assert (low, high) == (every[rank - 1], every[-rank])
            assert middle in (np.median(every), math.inf, -math.inf)
            assert confidence.drifting(values, values, unknown=above)[1:] == (
                confidence.median(values, below=above)[1],
                confidence.median(values, above=above)[2],
            )
        assert confidence.median([1.0], above=20) == (math.inf, math.inf, math.inf)
        assert math.isnan(confidence.median([], above=10, below=10)[0])

    def test_drifting_limits_hold_the_limit(self):
        """Values that halve their distance to 1 at each stage: the last change is what is left."""
        spread = np.random.default_rng(0).uniform(0, 1, 30)
        middle, low, high = confidence.drifting(1 + 0.1 * spread, 1 + 0.2 * spread)
        assert low <= 1 <= middle <= high
        assert low == pytest.approx(1, abs=1e-12)
        assert confidence.drifting([2.0] * 15, [2.0] * 15) == (2.0, 2.0, 2.0)


class TestRankSlope:
    X = tuple(range(1, 13))

    def test_of_a_perfect_order(self):
        assert confidence.rank_slope(self.X, [x**3 for x in self.X]) == pytest.approx((1.0, 1.0, 1.0))

    def test_of_the_reversed_order(self):
        assert confidence.rank_slope(self.X, [-x for x in self.X]) == pytest.approx((-1.0, -1.0, -1.0))

    def test_equal_values_have_no_order_and_exclude_none(self):
        assert confidence.rank_slope(self.X, np.ones(len(self.X))) == (0, -1, 1)

    def test_one_exchange_of_neighbours_is_still_an_order(self):
        slope, low, high = confidence.rank_slope(self.X, [2, 1, *self.X[2:]])
        assert 0 < low <= slope <= high
        assert slope == pytest.approx(1.0)

    def test_of_no_order_the_limits_surround_zero(self):
        for seed in range(20):  # each of them fails once in a thousand
            slope, low, high = confidence.rank_slope(self.X, np.random.default_rng(seed).permutation(12))
            assert low <= slope <= high
            assert low < 0 < high


@pytest.mark.parametrize(("share", "apart"), [(0.04, 0.25), (0.3, 0.2), (0.5, 0.1)])
def test_so_many_trials_tell_a_share_from_its_neighbours(share, apart):
    """The exact limits of what a neighbouring share gives in all but one of a hundred samples leave the share out."""
    n = confidence.trials(share, apart)
    for other, of in (((1 - apart) * share, 0.99), ((1 + apart) * share, 0.01)):
        low, high = confidence.proportion(int(stats.binom.ppf(of, n, other)), n)
        # A normal law for a binomial one: a limit is off by some of a count's skewness, below 2 % of the share here.
        assert not low * 1.02 <= share <= high * 0.98
        few = confidence.proportion(int(stats.binom.ppf(of, n // 2, other)), n // 2)
        if of > 0.5:
            assert few[0] <= share <= few[1]
