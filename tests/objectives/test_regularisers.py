"""Induced regularisers: three ways to R agree, each is certified by itself, and R is the norm that it should be."""

from __future__ import annotations

import sys

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.objectives import linear_conv as nets
from theory.objectives.linear_conv import quasi_newton, regularisers

AGREE = 1e-6
"""What the issue asks for; the solver's own tolerance is 1e-8."""

EXACT = 1e-8
"""Direct minimisation: a gradient of 1e-11 of the value leaves its square; the lower bound is off by the first power,
times a condition number of up to a thousand."""


def draw(dim, inputs=1, seed=0):
    return np.random.default_rng(seed).standard_normal((dim, inputs))


def directly(w, kernel, channels=1, *, starts=16, seed=1):
    return nets.least_norm(w, kernel, channels, rng=np.random.default_rng(seed), starts=starts)


@pytest.mark.parametrize("kernel", range(1, 7))
def test_three_ways_agree_for_one_input(kernel):
    w = draw(6)
    sdp, dual = nets.sdp(w, kernel), nets.dual(w, kernel)
    assert dual == pytest.approx(sdp, rel=AGREE)
    for channels in (1, 2, 4):
        found = directly(w, kernel, channels)
        assert found.bounds.upper == pytest.approx(sdp, rel=AGREE)
        assert -EXACT <= found.bounds.gap <= EXACT


@pytest.mark.parametrize(("dim", "inputs", "kernel"), [(5, 2, 1), (5, 2, 2), (4, 3, 3), (5, 2, 5)])
def test_three_ways_agree_for_several_inputs(dim, inputs, kernel):
    w = draw(dim, inputs)
    found = directly(w, kernel, min(kernel * inputs, dim), starts=2)
    assert nets.sdp(w, kernel) == pytest.approx(found.bounds.upper, rel=AGREE)
    assert nets.dual(w, kernel) == pytest.approx(found.bounds.upper, rel=AGREE)
    assert found.bounds.gap <= 10 * EXACT
    assert found.agreeing == 1


@pytest.mark.parametrize("dim", [1, 2, 9, 32])
def test_closed_forms(dim):
    w = draw(dim)[:, 0]
    w_hat = np.exp(-2j * np.pi * np.outer(np.arange(dim), np.arange(dim)) / dim) @ w / np.sqrt(dim)
    ends = {1: 2 * np.sqrt(dim * (w @ w)), dim: 2 * np.abs(w_hat).sum()}
    for kernel, expected in ends.items():
        assert nets.closed_form(w, kernel) == pytest.approx(expected, rel=1e-12)
        assert directly(w, kernel).bounds.upper == pytest.approx(expected, rel=EXACT)
        assert nets.sdp(w, kernel) == pytest.approx(expected, rel=AGREE)


def test_the_reduced_dual_is_the_whole_one():
    w = draw(7)
    assert nets.dual(w, 3, reduced=False) == pytest.approx(nets.dual(w, 3), rel=AGREE)


def test_the_program_for_several_inputs_holds_for_one_as_well():
    w, k = draw(6), 3
    m = regularisers._solve_product(w, k)
    assert regularisers._upper_from_product(w, m, k) == pytest.approx(nets.sdp(w, k), rel=AGREE)


@pytest.mark.parametrize(("dim", "inputs", "kernel"), [(5, 1, 2), (6, 3, 4), (4, 2, 4)])
def test_what_makes_w_and_what_bounds_it_are_adjoint(dim, inputs, kernel):
    rng = np.random.default_rng(3)
    m, q = rng.standard_normal((dim, kernel * inputs)), rng.standard_normal((dim, inputs))
    made = regularisers.realised(m, kernel)
    assert np.sum(made * q) == pytest.approx(np.sum(m * regularisers.hankel(q, kernel)), rel=1e-12)
    net = nets.MultiChannelNet(dim, kernel, 2, inputs)
    u, v = (rng.standard_normal(shape) for shape in net.shapes)
    product = np.einsum("dc,kcr->dkr", v, u).reshape(dim, -1)
    expected = net.predictor((u[None], v[None]))[0]
    np.testing.assert_allclose(regularisers.realised(product, kernel).ravel(), expected, rtol=0, atol=1e-13)


@limits(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), dim=st.integers(2, 7), kernel=st.integers(1, 7), shift=st.integers(0, 6))
def test_r_is_a_norm_that_shifts_and_reversals_leave_alone(seed, dim, kernel, shift):
    kernel = min(kernel, dim)
    w, other = draw(dim, seed=seed)[:, 0], draw(dim, seed=seed + 1)[:, 0]
    r = directly(w, kernel, 2).bounds.upper
    for same in (-w, np.roll(w, shift), w[::-1]):
        assert directly(same, kernel, 2).bounds.upper == pytest.approx(r, rel=EXACT)
    assert directly(1e-6 * w, kernel, 2).bounds.upper == pytest.approx(1e-6 * r, rel=EXACT)
    total = directly(w + other, kernel, 2).bounds.lower
    assert total <= (r + directly(other, kernel, 2).bounds.upper) * (1 + EXACT)


@limits(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), inputs=st.integers(1, 2))
def test_any_q_bounds_any_weights(seed, inputs):
    net = nets.MultiChannelNet(6, 3, 2, inputs)
    rng = np.random.default_rng(seed)
    u, v = (rng.standard_normal((1, *shape)) for shape in net.shapes)
    w = net.predictor((u, v)).reshape(6, inputs)
    lower = regularisers.dual_bound(w, w + 0.1 * rng.standard_normal(w.shape), 3)
    assert lower <= nets.sdp(w, 3) * (1 + AGREE)
    assert nets.sdp(w, 3) <= (np.sum(u**2) + np.sum(v**2)) * (1 + AGREE)


def test_weights_realise_w_and_have_the_norm_that_is_reported():
    w = 7 * draw(6, 3)
    found = directly(w, 2, 3, starts=4)
    made = nets.MultiChannelNet(6, 2, 3, 3).predictor(found.weights)
    np.testing.assert_allclose(made, np.repeat(w.reshape(1, -1), 4, axis=0), rtol=0, atol=1e-10)
    u, v = found.weights
    np.testing.assert_allclose(found.values, (u**2).sum((1, 2, 3)) + (v**2).sum((1, 2)), rtol=1e-12)
    assert regularisers.dual_bound(w, found.multiplier, 2) == found.bounds.lower


def test_a_spectrum_with_zeros():
    """A cosine: R_D is 2‖ŵ‖₁ = 2√D, where G is singular."""
    w = np.cos(2 * np.pi * np.arange(8) / 8)
    assert nets.closed_form(w, 8) == pytest.approx(2 * np.sqrt(8), rel=1e-12)
    assert directly(w, 8).bounds.upper == pytest.approx(2 * np.sqrt(8), rel=EXACT)
    assert nets.sdp(w, 8) == pytest.approx(2 * np.sqrt(8), rel=AGREE)
    assert nets.dual(w, 8) == pytest.approx(2 * np.sqrt(8), rel=AGREE)


def test_lists_will_do():
    assert directly([3, 4, 0, 0], 1).bounds.upper == pytest.approx(20, rel=EXACT)
    assert nets.sdp([3, 4, 0, 0], 1) == pytest.approx(20, rel=AGREE)


def test_one_channel_that_cannot():
    found = directly(draw(6, 3), 2, 1, starts=2)
    assert found.bounds.upper == np.inf
    assert found.agreeing == 0
    assert np.all(found.missing > 0.1)


def test_on_another_library():
    w = draw(5)
    there = nets.least_norm(strict.asarray(w), 2, rng=np.random.default_rng(1), starts=4)
    assert isinstance(there.values, np.ndarray)
    assert there.bounds.upper == pytest.approx(directly(w, 2, starts=4).bounds.upper, rel=EXACT)
    w = draw(5, 2)
    there = nets.least_norm(strict.asarray(w), 2, 4, rng=np.random.default_rng(1), starts=2)
    assert there.bounds.upper == pytest.approx(directly(w, 2, 4, starts=2).bounds.upper, rel=EXACT)
    w = draw(5)
    for kernel in (1, 2, 5):
        assert nets.regulariser(strict.asarray(w), kernel) == nets.regulariser(w, kernel)


# ---------------------------------------------------------------------------------------------------------- channels


@pytest.mark.parametrize(
    ("dim", "inputs", "kernel"), [(6, 3, 2), (6, 3, 5), (5, 2, 3), (5, 2, 2), (4, 1, 3), (4, 4, 4)]
)
def test_one_channel_filters_are_counted(dim, inputs, kernel):
    w = draw(dim, inputs)
    filters = nets.one_channel_filters(w, kernel)
    assert filters.shape == (max(0, kernel * inputs - dim * (inputs - 1)), kernel, inputs)
    net = nets.MultiChannelNet(dim, kernel, 1, inputs)
    for one in filters:
        made = net.predictor(nets.one_channel_weights(w, one))[0]
        np.testing.assert_allclose(made, w.ravel(), rtol=0, atol=1e-9)  # divided by |Û|, here above 1e-5


def test_what_one_channel_made_is_recognised():
    net = nets.MultiChannelNet(6, 2, 1, 3)
    rng = np.random.default_rng(4)
    u, v = (rng.standard_normal((1, *shape)) for shape in net.shapes)
    w = net.predictor((u, v)).reshape(6, 3)
    (only,) = nets.one_channel_filters(w, 2)
    cosine = np.sum(only * u[0, :, 0]) / np.linalg.norm(u)
    assert abs(cosine) == pytest.approx(1, rel=1e-12)
    again = nets.one_channel_weights(w, only)
    norm = sum(np.sum(part**2) for part in again)
    assert norm == pytest.approx(2 * np.linalg.norm(u) * np.linalg.norm(v), rel=1e-9)


def test_a_unique_minimiser_of_too_high_a_rank():
    w = draw(8, 4, seed=5)
    best = nets.minimiser(w, 2, rng=np.random.default_rng(0))
    assert best.value == pytest.approx(nets.sdp(w, 2), rel=AGREE)
    assert (best.rank, best.unique > 1e-3) == (4, True)
    assert directly(w, 2, 4, starts=4).bounds.upper == pytest.approx(best.value, rel=EXACT)
    assert directly(w, 2, 3, starts=4).bounds.upper > best.value * (1 + AGREE)


# ----------------------------------------------------------------------------------------------------------- margins


def test_least_norm_of_all_that_have_margins():
    """K = 1: the hard margin, which for two orthogonal samples is Σ z/‖z‖²."""
    z = np.array([[2.0, 0, 0, 0, 0], [0, 0, 0, 1.0, 0]])
    found = nets.least_regulariser(z, 1)
    np.testing.assert_allclose(found.predictor, [0.5, 0, 0, 1, 0], rtol=0, atol=1e-6)
    assert found.bounds.upper == pytest.approx(2 * np.sqrt(5) * np.sqrt(1.25), rel=AGREE)


@pytest.mark.parametrize("kernel", [1, 2, 5, 8])
def test_least_regulariser_is_certified(kernel):
    rng = np.random.default_rng(6)
    z = rng.standard_normal((5, 8)) + 1
    found = nets.least_regulariser(z, kernel)
    assert (z @ found.predictor).min() == pytest.approx(1, rel=1e-12)
    assert -AGREE <= found.bounds.gap <= AGREE
    assert found.bounds.upper == pytest.approx(nets.regulariser(found.predictor, kernel), rel=1e-12)
    for other in found.predictor + 0.1 * rng.standard_normal((20, 8)):
        margin = (z @ other).min()
        if margin > 0:
            assert nets.regulariser(other / margin, kernel) >= found.bounds.lower * (1 - AGREE)


def test_a_minimiser_is_proved_to_be_the_only_one_or_is_not():
    """A sample with a flat spectrum: at K = D every cosine has the least R, and at K = 1 the sample alone."""
    delta = np.eye(8)[:1]
    cosines = [np.cos(2 * np.pi * m * np.arange(8) / 8) for m in range(5)]
    values = [nets.regulariser(cosine / cosine[0], 8) for cosine in cosines]
    np.testing.assert_allclose(values, nets.least_regulariser(delta, 8).bounds.lower, rtol=1e-6)
    assert nets.least_regulariser(delta, 8).unique == 0
    assert nets.least_regulariser(delta, 1).unique == 1
    # One frequency leads: the only direction of the face is its cosine.
    assert nets.least_regulariser(delta + 0.1 * cosines[1], 8).unique == 1
    # A second sample decides between the two frequencies that are left.
    z = np.stack([cosines[1] + cosines[2], cosines[1] + 0.5 * cosines[2]])
    assert 0.01 < nets.least_regulariser(z, 8).unique <= 1


def test_effective_frequencies():
    cosine = np.cos(2 * np.pi * 3 * np.arange(10) / 10)
    assert nets.effective_frequencies(cosine) == pytest.approx(2)
    np.testing.assert_allclose(nets.effective_frequencies(np.stack([cosine, np.eye(10)[4]])), [2, 10], rtol=1e-12)


# ------------------------------------------------------------------------------------------------------ quasi-Newton


def rosenbrock(x):
    a, b = x[:, 0], x[:, 1]
    value = 1 + (1 - a) ** 2 + 100 * (b - a**2) ** 2
    return value, np.stack([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)], axis=1)


def test_every_run_reaches_the_minimum():
    start = np.array([[-1.2, 1.0], [2.0, 2.0], [0.0, -1.0], [1.0, 1.0]])
    found = quasi_newton.minimise(rosenbrock, start, steps=500, tolerance=1e-10)
    np.testing.assert_allclose(found.x, 1, rtol=0, atol=1e-7)  # ‖∇‖ ≤ 1e-10, and the least curvature is 0.4
    np.testing.assert_allclose(found.value, 1, rtol=0, atol=1e-14)
    assert np.all(found.gradient <= 1e-10)


def test_runs_do_not_disturb_each_other():
    start = np.array([[-1.2, 1.0], [2.0, 2.0]])
    together = quasi_newton.minimise(rosenbrock, start, steps=12, tolerance=0.0)
    alone = quasi_newton.minimise(rosenbrock, start[1:], steps=12, tolerance=0.0)
    np.testing.assert_array_equal(together.x[1:], alone.x)


def test_a_run_without_a_number_stays():
    start = np.array([[np.nan, 1.0], [2.0, 2.0]])
    found = quasi_newton.minimise(rosenbrock, start, steps=200, tolerance=1e-8)
    assert np.isnan(found.value[0])
    np.testing.assert_allclose(found.x[1], 1, rtol=0, atol=1e-5)


# --------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("w", "kernel", "message"),
    [
        (np.ones(4), 5, "kernel_size is 5; it must be at most the 4 positions"),
        (np.ones(4), 0, "kernel_size is 0"),
        (np.ones(4), 1.5, "kernel_size is 1.5"),
        (np.zeros(4), 1, "predictor is zero"),
        (np.array([1.0, np.nan]), 1, "predictor is an array with NaN"),
        (np.ones((2, 2, 2)), 1, "predictor is an array of shape"),
        (["a"], 1, "predictor is"),
        (3.0, 1, "predictor is an array of shape"),
    ],
)
@pytest.mark.parametrize("way", [nets.sdp, nets.dual, nets.closed_form, nets.regulariser, directly])
def test_bad_predictors_and_kernels(way, w, kernel, message):
    with pytest.raises(BadInput, match=message) as refused:
        way(w, kernel)
    assert "\n" not in str(refused.value)


def test_more_bad_input():
    for call, message in (
        (lambda: nets.closed_form(np.ones(4), 2), "kernel_size is 2; it must be 1 or 4"),
        (lambda: directly(np.ones(4), 2, 0), "channels is 0"),
        (lambda: directly(np.ones(4), 2, starts=0), "starts is 0"),
        (lambda: nets.least_regulariser(np.ones((2, 3)), 4), "kernel_size is 4; it must be at most the 3"),
        (
            lambda: nets.least_regulariser(np.array([[1.0, 0], [-1.0, 0]]), 1),
            "not separable: a convex combination of .*, of samples 0, 1, v",
        ),
        (lambda: nets.least_regulariser(np.zeros((2, 3)), 2), "not separable: a convex combination"),
        (lambda: nets.least_regulariser(np.ones((0, 3)), 2), r"signed is an array of shape \(0, 3\)"),
        (lambda: nets.least_regulariser(np.full((2, 3), np.nan), 2), "signed is an array with NaN"),
        (lambda: nets.effective_frequencies(np.array([1.0, np.nan])), "predictor is an array with NaN"),
        (lambda: nets.effective_frequencies(np.array([[1.0, 0.0], [0.0, 0.0]])), "predictor is zero"),
        (lambda: nets.effective_frequencies(1.0), "predictor is an array of shape"),
    ):
        with pytest.raises(BadInput, match=message):
            call()


def test_samples_that_cannot_be_separated_come_with_a_certificate():
    z = np.array([[1.0, 0.0, 2.0], [-2.0, 0.0, -4.0], [0.0, 1.0, 0.0]])
    with pytest.raises(nets.NotSeparable) as refused:
        nets.least_regulariser(z, 2)
    np.testing.assert_allclose(refused.value.combination, [2 / 3, 1 / 3, 0], rtol=0, atol=1e-9)
    assert "\n" not in str(refused.value)


def test_without_a_solver(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    for way in (nets.sdp, nets.dual):
        with pytest.raises(nets.NoSolution, match=r"cvxpy is missing; it must be installed \(extra convex\)"):
            way(np.ones(4), 2)
    assert directly(draw(4), 2).bounds.gap <= EXACT


def test_without_clarabel(monkeypatch):
    import cvxpy

    monkeypatch.setattr(cvxpy, "installed_solvers", list)
    with pytest.raises(nets.NoSolution, match="Clarabel is missing"):
        nets.sdp(np.ones(4), 2)


def test_a_solver_that_fails(monkeypatch):
    import cvxpy

    def fails(self, **options):
        raise cvxpy.error.SolverError("it broke\nbadly")

    monkeypatch.setattr(cvxpy.Problem, "solve", fails)
    with pytest.raises(nets.NoSolution, match=r"SDP is not solved \(it broke badly\); Clarabel must"):
        nets.sdp(draw(4), 2)
