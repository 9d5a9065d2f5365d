"""How verdicts are reached: truth tables of every relation, what a claim's findings add up to, and the limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory.checks import BadInput
from theory.claims import verdict as v
from theory.claims.claim import Claim, Finding, Relation
from theory.claims.verdict import Verdict

HOLDS, VIOLATED = Verdict.HOLDS, Verdict.VIOLATED
UNMET, UNDECIDED = Verdict.HYPOTHESES_NOT_MET, Verdict.INCONCLUSIVE
UPPER, LOWER, TIGHT = Relation.UPPER, Relation.LOWER, Relation.TIGHT
EXPONENT, ORDER = Relation.EXPONENT, Relation.ORDER
INF, NAN = math.inf, math.nan


def claim(relation=UPPER, controls=()):
    return Claim("k", "t", relation, "", (), "", "", dict.fromkeys(controls, ""), lambda profile: [], None)


# relation, predicted, (low, measured, high), verdict
TRUTH = [
    (UPPER, 1, (0.5, 0.6, 0.7), HOLDS),
    (UPPER, 1, (0.5, 0.6, 1.0), HOLDS),
    (UPPER, 1, (0.5, 0.9, 1.1), UNDECIDED),
    (UPPER, 1, (1.0, 1.1, 1.2), UNDECIDED),
    (UPPER, 1, (1.1, 1.2, 1.3), VIOLATED),
    (UPPER, -1, (-3, -2, -1), HOLDS),
    (UPPER, 0, (0, 0, 0), HOLDS),
    (LOWER, 1, (1.1, 1.2, 1.3), HOLDS),
    (LOWER, 1, (1.0, 1.2, 1.3), HOLDS),
    (LOWER, 1, (0.9, 1.2, 1.3), UNDECIDED),
    (LOWER, 1, (0.5, 0.6, 1.0), UNDECIDED),
    (LOWER, 1, (0.5, 0.6, 0.9), VIOLATED),
    (TIGHT, 1, (0.95, 1.0, 1.05), HOLDS),
    (TIGHT, 1, (1.0, 1.05, 1.1), HOLDS),
    (TIGHT, 1, (0.8, 1.0, 1.2), UNDECIDED),  # the interval tells nothing: half-width 0.2
    (TIGHT, 1, (1.01, 1.05, 1.1), VIOLATED),
    (TIGHT, 1, (0.5, 0.6, 0.99), VIOLATED),
    (TIGHT, -1, (-1.05, -1, -0.95), HOLDS),
    (TIGHT, 0, (0, 0, 0), HOLDS),
    (TIGHT, 0, (-0.1, 0, 0.1), UNDECIDED),
    (EXPONENT, -0.5, (-0.52, -0.5, -0.48), HOLDS),
    (EXPONENT, -0.5, (-0.7, -0.5, -0.3), UNDECIDED),
    (EXPONENT, -0.5, (-0.45, -0.42, -0.4), VIOLATED),
    (ORDER, 0, (0.1, 0.5, 0.9), HOLDS),
    (ORDER, 0, (0.0, 0.5, 0.9), UNDECIDED),
    (ORDER, 0, (-0.2, 0.1, 0.4), UNDECIDED),
    (ORDER, 0, (-0.5, -0.1, 0.0), VIOLATED),
]


@pytest.mark.parametrize(("relation", "predicted", "between", "expected"), TRUTH)
def test_truth_table(relation, predicted, between, expected):
    low, measured, high = between
    assert v.judge(Finding(predicted, measured, low, high), relation) is expected


@pytest.mark.parametrize(("relation", "predicted", "between", "expected"), TRUTH)
def test_a_findings_own_relation_comes_first(relation, predicted, between, expected):
    low, measured, high = between
    other = LOWER if relation is UPPER else UPPER
    assert v.judge(Finding(predicted, measured, low, high, relation=relation), other) is expected


@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
class TestNothingFiniteNothingSaid:
    def test_of_the_prediction(self, relation, bad):
        assert v.judge(Finding(bad, 1.0), relation) is UNDECIDED

    def test_of_the_measurement(self, relation, bad):
        assert v.judge(Finding(1.0, bad), relation) is UNDECIDED

    def test_of_a_measurement_between_finite_limits(self, relation, bad):
        if math.isnan(bad):
            assert v.judge(Finding(1.0, bad, 0.99, 1.0), relation) is UNDECIDED

    def test_of_a_limit(self, relation, bad):
        low, high = (bad, 1.0) if bad < 0 else (1.0, bad)
        assert v.judge(Finding(1.0, 1.0, low, high), relation) is UNDECIDED


class TestHypotheses:
    @pytest.mark.parametrize("margin", [0.0, -1.0, NAN, -INF])
    def test_a_margin_that_is_not_above_zero_is_not_met(self, margin):
        assert v.judge(Finding(1.0, 9.0, margins={"fine": 1.0, "a": margin}), UPPER) is UNMET

    def test_margins_above_zero_are_met(self):
        assert v.judge(Finding(1.0, 9.0, margins={"a": 1e-300, "b": INF}), UPPER) is VIOLATED


class TestLimits:
    def test_an_exact_measurement_is_widened_by_its_rounding_error(self):
        assert v.limits(Finding(1.0, -2.0, rounding=0.5)) == (-3.0, -1.0)

    def test_rounding_decides_what_is_within_rounding(self):
        just_above = 1 + 1e-12
        assert v.judge(Finding(1.0, just_above), UPPER) is VIOLATED
        assert v.judge(Finding(1.0, just_above, rounding=1e-10), UPPER) is UNDECIDED
        assert v.judge(Finding(1.0, just_above, rounding=1e-10), TIGHT) is HOLDS

    @pytest.mark.parametrize(("low", "high"), [(1.1, 1.2), (0.8, 0.9), (None, 0.9), (1.1, None)])
    def test_limits_that_leave_the_measurement_out_are_refused(self, low, high):
        with pytest.raises(BadInput, match=r"around the measured 1\.0"):
            v.limits(Finding(2.0, 1.0, low, high))


finite = st.floats(-1e6, 1e6)


@given(finite, finite, st.floats(0, 1e3), st.floats(0, 1e3))
def test_upper_and_lower_mirror_each_other(predicted, measured, below, above):
    finding = Finding(predicted, measured, measured - below, measured + above)
    mirrored = Finding(-predicted, -measured, -measured - above, -measured + below)
    assert v.judge(finding, UPPER) is v.judge(mirrored, LOWER)


@given(finite, finite, st.floats(0, 1e3))
def test_upper_and_lower_both_hold_only_where_tight_does(predicted, measured, wide):
    finding = Finding(predicted, measured, measured - wide, measured + wide)
    if v.judge(finding, UPPER) is HOLDS and v.judge(finding, LOWER) is HOLDS:
        assert v.judge(finding, TIGHT) is HOLDS
    if v.judge(finding, UPPER) is VIOLATED or v.judge(finding, LOWER) is VIOLATED:
        assert v.judge(finding, TIGHT) is VIOLATED


class TestSlack:
    @pytest.mark.parametrize(
        ("finding", "relation", "expected"),
        [
            (Finding(4.0, 1.0), UPPER, 0.25),
            (Finding(-0.5, -0.25), EXPONENT, 0.5),
            (Finding(0.0, 0.3), UPPER, None),
            (Finding(0.2, 0.9), ORDER, 0.9),
            (Finding(0.2, 0.9, relation=ORDER), UPPER, 0.9),
            (Finding(0.25, 0.5, relation=UPPER), ORDER, 2.0),
            (Finding(1.0, NAN), UPPER, None),
            (Finding(0.0, INF), UPPER, None),
            (Finding(INF, INF), UPPER, None),
        ],
    )
    def test_slack(self, finding, relation, expected):
        assert v.slack(finding, relation) == expected

    @pytest.mark.parametrize(
        ("relation", "measured", "expected"),
        [
            (UPPER, (0.2, 0.9, 0.5), 0.9),
            (LOWER, (1.2, 3.0), 1.2),
            (TIGHT, (1.01, 0.95), 0.95),
            (ORDER, (0.9, 0.4), 0.4),
        ],
    )
    def test_nearest_is_the_one_nearest_to_failure(self, relation, measured, expected):
        assert v.nearest([Finding(1.0, m, m, m) for m in measured], relation) == expected

    def test_findings_outside_the_hypotheses_do_not_count(self):
        assert v.nearest([Finding(1.0, 0.5), Finding(1.0, 7.0, margins={"a": -1.0})], UPPER) == 0.5
        assert v.nearest([Finding(1.0, 7.0, margins={"a": -1.0})], UPPER) is None
        assert v.nearest([], UPPER) is None


GOOD, BAD, OPEN = Finding(1.0, 0.5), Finding(1.0, 1.5), Finding(1.0, 1.0, 0.5, 1.5)
OUT = Finding(1.0, 1.5, margins={"a": -1.0})


class TestConclude:
    @pytest.mark.parametrize(
        ("findings", "expected"),
        [
            ([GOOD], HOLDS),
            ([GOOD, OUT], HOLDS),
            ([GOOD, OPEN], UNDECIDED),
            ([GOOD, OPEN, BAD, OUT], VIOLATED),
            ([BAD], VIOLATED),
            ([OUT], UNMET),
            ([OUT, OPEN], UNDECIDED),
            ([], UNMET),
        ],
    )
    def test_the_worst_finding_decides(self, findings, expected):
        assert v.conclude(claim(), findings).verdict is expected

    def test_a_controls_findings_are_its_own(self):
        concluded = v.conclude(claim(controls=["c"]), [GOOD, Finding(1.0, 1.5, control="c")])
        assert concluded.verdict is HOLDS
        assert concluded.slack == 0.5
        assert concluded.controls == (v.ControlVerdict("c", refuted=True, verdict=VIOLATED, slack=1.5, instances=1),)
        assert concluded.passed

    @pytest.mark.parametrize("verdict", [GOOD, OPEN, OUT])
    def test_an_unrefuted_control_fails_a_claim_that_holds(self, verdict):
        control = Finding(1.0, verdict.measured, verdict.low, verdict.high, margins=verdict.margins, control="c")
        concluded = v.conclude(claim(controls=["c"]), [GOOD, control])
        assert concluded.verdict is HOLDS
        assert not concluded.refuted
        assert not concluded.passed

    def test_one_violated_instance_refutes_a_control(self):
        control = [Finding(1.0, m, control="c") for m in (0.5, 1.5, 0.7)]
        assert v.conclude(claim(controls=["c"]), [GOOD, *control]).passed

    def test_every_control_must_be_refuted(self):
        concluded = v.conclude(claim(controls=["c", "d"]), [GOOD, Finding(1.0, 1.5, control="c")])
        assert [control.refuted for control in concluded.controls] == [True, False]
        assert concluded.controls[1].instances == 0
        assert not concluded.passed

    def test_a_claim_without_a_control_proves_nothing(self):
        assert not v.conclude(claim(), [GOOD]).passed

    def test_a_violated_claim_does_not_pass_whatever_its_controls(self):
        assert not v.conclude(claim(controls=["c"]), [BAD, Finding(1.0, 1.5, control="c")]).passed

    def test_an_unknown_control_is_refused(self):
        with pytest.raises(BadInput, match=r"control is 'x'; it must be one of \['c'\], the controls of k"):
            v.conclude(claim(controls=["c"]), [Finding(1.0, 1.5, control="x")])


class TestSummary:
    def test_of_refuted_controls(self):
        found = v.summary(v.conclude(claim(controls=["c"]), [GOOD, Finding(1.0, 1.5, control="c")]))
        each = {"name": "c", "refuted": True, "verdict": "VIOLATED", "slack": 1.5, "instances": 1}
        assert found == {"verdict": "VIOLATED", "refuted": True, "each": [each]}

    def test_of_one_that_stands(self):
        findings = [GOOD, Finding(1.0, 1.5, control="c"), Finding(1.0, 0.5, control="d")]
        found = v.summary(v.conclude(claim(controls=["c", "d"]), findings))
        assert (found["verdict"], found["refuted"]) == ("HOLDS", False)

    def test_of_none(self):
        found = v.summary(v.conclude(claim(), [GOOD]))
        assert found == {"verdict": "HYPOTHESES_NOT_MET", "refuted": False, "each": []}


class TestProportion:
    @pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (3, 10), (1, 1), (499, 1000), (5, 100_000)])
    def test_equals_the_quantiles_of_the_beta_law(self, successes, trials):
        """Clopper & Pearson's limits in closed form; scipy solves for them, so they agree to its solver's 1e-10."""
        tail = (1 - v.CONFIDENCE) / 2
        low = stats.beta.ppf(tail, successes, trials - successes + 1) if successes else 0.0
        high = stats.beta.ppf(1 - tail, successes + 1, trials - successes) if successes < trials else 1.0
        assert v.proportion(successes, trials) == pytest.approx((low, high), rel=1e-8, abs=1e-12)

    @pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.99])
    def test_covers_the_truth_as_often_as_promised(self, p):
        """The exact coverage, summed over all outcomes: no luck is involved."""
        trials = 60
        limits = [v.proportion(k, trials) for k in range(trials + 1)]
        inside = [low <= p <= high for low, high in limits]
        assert stats.binom.pmf(range(trials + 1), trials, p)[inside].sum() >= v.CONFIDENCE


class TestBootstrap:
    def test_the_limits_surround_the_mean_and_shrink_with_the_sample(self):
        values = np.random.default_rng(5).exponential(size=4000)
        few = v.bootstrap(values[:40], rng=np.random.default_rng(1))
        many = v.bootstrap(values, rng=np.random.default_rng(1))
        assert few[0] < values[:40].mean() < few[1]
        assert many[0] < values.mean() < many[1]
        assert (many[1] - many[0]) < (few[1] - few[0]) / 5  # ten times narrower, but for chance

    def test_near_the_normal_limits_for_a_large_sample(self):
        """The skewness of a mean of 4,000 is below 0.04, which moves a limit by less than a tenth of the half-width."""
        values = np.random.default_rng(6).exponential(size=4000)
        half = stats.norm.ppf((1 + v.CONFIDENCE) / 2) * values.std() / math.sqrt(len(values))
        low, high = v.bootstrap(values, rng=np.random.default_rng(2))
        assert low == pytest.approx(values.mean() - half, abs=half / 5)
        assert high == pytest.approx(values.mean() + half, abs=half / 5)

    def test_the_same_stream_gives_the_same_limits(self):
        values = np.random.default_rng(7).normal(size=50)
        one, two = (v.bootstrap(values, rng=np.random.default_rng(3)) for _ in range(2))
        assert one == two


class TestMedian:
    @pytest.mark.parametrize(("count", "rank"), [(15, 1), (18, 1), (20, 2), (24, 3), (64, 17)])
    def test_known_ranks(self, count, rank):
        """The largest r with 2 P(B < r) ≤ 1 − level, summed here from the binomial coefficients."""
        beyond = [2 * sum(math.comb(count, k) for k in range(r)) / 2**count for r in (rank, rank + 1)]
        assert beyond[0] <= 1 - v.CONFIDENCE < beyond[1]
        shuffled = np.random.default_rng(0).permutation(count) + 1
        assert v.median(shuffled) == ((count + 1) / 2, rank, count + 1 - rank)

    @pytest.mark.parametrize("count", [15, 24, 51, 200])
    def test_covers_the_truth_as_often_as_promised(self, count):
        """Of values in [0, 1] with median ½ it matters only how many lie below it: the coverage is exact."""
        inside = []
        for below in range(count + 1):
            _, low, high = v.median([0.0] * below + [1.0] * (count - below))
            inside.append(low <= 0.5 <= high)
        assert stats.binom.pmf(range(count + 1), count, 0.5)[inside].sum() >= v.CONFIDENCE

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
            v.median(values)

    def test_drifting_limits_hold_the_limit(self):
        """Values that halve their distance to 1 at each stage: the last change is what is left."""
        spread = np.random.default_rng(0).uniform(0, 1, 30)
        middle, low, high = v.drifting(1 + 0.1 * spread, 1 + 0.2 * spread)
        assert low <= 1 <= middle <= high
        assert low == pytest.approx(1, abs=1e-12)
        assert v.drifting([2.0] * 15, [2.0] * 15) == (2.0, 2.0, 2.0)


class TestRankSlope:
    X = tuple(range(1, 13))

    def test_of_a_perfect_order(self):
        assert v.rank_slope(self.X, [x**3 for x in self.X]) == pytest.approx((1.0, 1.0, 1.0))

    def test_of_the_reversed_order(self):
        assert v.rank_slope(self.X, [-x for x in self.X]) == pytest.approx((-1.0, -1.0, -1.0))

    def test_equal_values_have_no_order_and_exclude_none(self):
        assert v.rank_slope(self.X, np.ones(len(self.X))) == (0, -1, 1)

    def test_one_exchange_of_neighbours_is_still_an_order(self):
        slope, low, high = v.rank_slope(self.X, [2, 1, *self.X[2:]])
        assert 0 < low <= slope <= high
        assert slope == pytest.approx(1.0)

    def test_of_no_order_the_limits_surround_zero(self):
        for seed in range(20):  # each of them fails once in a thousand
            slope, low, high = v.rank_slope(self.X, np.random.default_rng(seed).permutation(12))
            assert low <= slope <= high
            assert low < 0 < high


@pytest.mark.parametrize(
    ("relation", "limits", "expected"),
    [
        (UPPER, (1.0, 1.5, 1.8), 0.1),
        (UPPER, (1.0, 1.5, 2.2), -0.1),
        (LOWER, (2.5, 3.0, 4.0), 0.25),
        (ORDER, (1.0, 3.0, 4.0), -0.5),
        (TIGHT, (1.5, 2.0, 2.1), 0.05),
        (TIGHT, (1.2, 1.5, 1.8), -0.1),
    ],
)
def test_room(relation, limits, expected):
    low, measured, high = limits
    assert v.room(Finding(2.0, measured, low, high), relation) == pytest.approx(expected)
    assert v.room(Finding(-2.0, 3.0, relation=LOWER), relation) == pytest.approx(2.5)
    assert v.room(Finding(0.0, 3.0), LOWER) == 3.0


def test_the_worst_stands_for_all():
    def upper(measured, margin=1.0, control=""):
        return Finding(2.0, measured, margins={"a": margin}, control=control, details={"which": measured})

    chosen = v.worst([upper(1.0), upper(1.9), upper(5.0, margin=-1.0), upper(1.5)], UPPER)
    assert (chosen.measured, dict(chosen.details)) == (1.9, {"which": 1.9, "of": 4, "within the hypotheses": 3})
    assert v.worst([upper(1.0), upper(2.1)], UPPER).measured == 2.1
    none = v.worst([upper(1.0, margin=0.0)], UPPER)
    assert v.judge(none, UPPER) is UNMET
    assert none.details["within the hypotheses"] == 0
    # A control is refuted on all of them if it is where it has the most room.
    assert v.worst([upper(3.0, control="c"), upper(2.5, control="c")], UPPER).measured == 2.5


@pytest.mark.parametrize(("share", "apart"), [(0.04, 0.25), (0.3, 0.2), (0.5, 0.1)])
def test_so_many_trials_tell_a_share_from_its_neighbours(share, apart):
    """The exact limits of what a neighbouring share gives in all but one of a hundred samples leave the share out."""
    n = v.trials(share, apart)
    for other, of in (((1 - apart) * share, 0.99), ((1 + apart) * share, 0.01)):
        low, high = v.proportion(int(stats.binom.ppf(of, n, other)), n)
        # A normal law for a binomial one: a limit is off by some of a count's skewness, below 2 % of the share here.
        assert not low * 1.02 <= share <= high * 0.98
        few = v.proportion(int(stats.binom.ppf(of, n // 2, other)), n // 2)
        if of > 0.5:
            assert few[0] <= share <= few[1]
