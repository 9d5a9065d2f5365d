"""Recursions in mean square: their formulas, their bounds on a gradient's square, and runs that left."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.descent import Descent, Outcome, Recursion
from theory.distributions import ClosePatches
from theory.objectives.sampling import filter_gradient

EPS = np.finfo(float).eps


def ended(distances, outcomes, taken, final):
    """A Descent with these distances, one column a run, recorded at every iteration."""
    distance = np.array(distances, dtype=float)
    return Descent(
        iterations=np.arange(distance.shape[0]),
        distance=distance,
        angle=distance,
        loss=distance,
        step=distance,
        outcome=outcomes,
        taken=np.array(taken),
        final=np.array(final, dtype=float),
        w=np.zeros((2, distance.shape[1])),
        evaluated=0,
        engine="loop",
    )


@pytest.mark.parametrize(
    ("rule", "factor", "added"),
    [
        (Recursion.bounded(0.1, 0.3, 2.0), 1 - 0.06, 0.04),
        (Recursion.realizable(0.1, 0.3, radius=2.0), 1 - 0.06 + 0.16, 0.0),
        (Recursion.realizable(0.1, 0.3, radius=2.0, noise=3.0), 1 - 0.06 + 0.16, 0.36),
        (Recursion.one_neuron(0.1, 0.3, radius=2.0), 1 - (0.2 - 0.04) * 0.3, 0.0),
        (Recursion.one_neuron(0.1, 0.3, radius=2.0, noise=3.0), 1 - (0.2 - 0.04) * 0.3, 0.36),
    ],
)
def test_forms(rule, factor, added):
    # Worked out by hand for η = 0.1, γ' = 0.3, R = 2 or B = 2, s = 3; a few roundings.
    assert rule.factor == pytest.approx(factor, rel=8 * EPS)
    assert rule.added == pytest.approx(added, rel=8 * EPS)


@given(st.floats(0, 1.5), st.floats(0, 2), st.floats(0, 3), st.integers(0, 40))
def test_after_is_that_many_steps(factor, added, start, steps):
    x = start
    for _ in range(steps):
        x = factor * x + added
    # 1 − q^s over 1 − q loses ε/(1 − q) where q is near 1; both are sums of nonnegative terms.
    slope = 1 if factor == 1 else min(1e16, 1 / abs(1 - factor))
    assert Recursion(factor, added).after(start, steps) == pytest.approx(x, rel=200 * EPS * (1 + slope), abs=1e-300)


def test_floor_is_where_it_tends_to():
    rule = Recursion(0.9, 0.2)
    assert rule.floor == pytest.approx(2.0)
    assert rule.after(7.0, 2000) == pytest.approx(rule.floor)
    assert Recursion(1.1).floor == 0
    assert Recursion(1.1, 0.1).floor == math.inf


@pytest.mark.parametrize("values", [(-0.1, 0.0), (0.5, -1.0), (math.nan, 0.0), (0.5, math.inf)])
def test_refuses(values):
    with pytest.raises(BadInput, match="must be"):
        Recursion(*values)


def test_refuses_where_nothing_is_promised():
    with pytest.raises(BadInput, match=r"eta is 0\.6; it must be at most 2/R²"):
        Recursion.one_neuron(0.6, 0.1, radius=2.0)
    with pytest.raises(BadInput, match=r"factor is -0\.\d+; it must be 0 or more"):
        Recursion.bounded(2.0, 0.3, 1.0)


def test_a_run_that_left_is_carried_on():
    run = ended(
        [[0.5, 0.5, 0.5], [0.4, 1.2, 0.6], [0.3, np.nan, 0.7], [0.2, np.nan, 0.8]],
        (Outcome.STEP_LIMIT, Outcome.LEFT_REGION, Outcome.STEP_LIMIT),
        [3, 1, 3],
        [0.2, 1.2, 0.8],
    )
    rule = Recursion(0.5, 0.1)
    found = rule.carried(run)
    np.testing.assert_array_equal(found[:, [0, 2]], run.distance[:, [0, 2]] ** 2)
    np.testing.assert_allclose(found[:, 1], [0.25, 1.44, 0.82, 0.51], rtol=8 * EPS)


def test_a_run_that_arrived_stays_there():
    run = ended([[0.5], [0.0], [np.nan]], (Outcome.CONVERGED,), [1], [0.0])
    assert Recursion(0.5).carried(run)[:, 0].tolist() == [0.25, 0.0, 0.0]


def test_carrying_leaves_the_recorded_distances_alone():
    run = ended([[0.5], [2.0], [np.nan]], (Outcome.LEFT_REGION,), [1], [2.0])
    Recursion(0.5).carried(run)
    assert np.isnan(run.distance[2, 0])


class TestSquaresOfGradients:
    """What the three forms rest on, for every single sample."""

    w_star = np.array([1.0, 0.0, 0.0])

    def gradients(self, k, radius, seed=0, n=4000):
        rng = np.random.default_rng(seed)
        z = radius * ClosePatches(3, k, math.inf, 1.5).sample(n, rng=rng)
        w = self.w_star[:, None] + rng.standard_normal((3, n))
        return w - self.w_star[:, None], filter_gradient(w, z[:, None], self.w_star)

    @pytest.mark.parametrize("k", [1, 4])
    def test_norm_is_at_most_radius_squared_times_the_distance(self, k):
        d, g = self.gradients(k, 1.7)
        ratio = np.linalg.norm(g, axis=0) / np.linalg.norm(d, axis=0)
        assert ratio.max() <= 1.7**2 * (1 + 16 * EPS)

    def test_one_neuron_goes_no_farther(self):
        d, g = self.gradients(1, 1.7)
        # Equal where w* sees z as well, so the rounding of the residual counts: ε R² ‖w‖ times the gradient's size.
        rounding = 32 * EPS * 1.7**4 * (2 + np.linalg.norm(d, axis=0)) ** 2
        assert np.all((g * g).sum(axis=0) <= 1.7**2 * (g * d).sum(axis=0) + rounding)

    def test_several_patches_may_go_farther(self):
        """So that the form of one neuron is not claimed of them."""
        d, g = self.gradients(4, 1.7)
        assert np.any((g * d).sum(axis=0) < -1e-3)
