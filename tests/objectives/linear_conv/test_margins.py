"""References: against closed forms, their certificates against others' solutions, and what is refused or missing."""

import builtins
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import optimize

from theory.checks import BadInput
from theory.objectives.linear_conv import (
    NoSolution,
    NotSeparable,
    hard_margin,
    least_spectrum,
    lower_bound,
    own_power,
    separate,
    spectral_norm,
    spectrum,
    stationarity,
)
from theory.problems import data_sets, separable, tone

DATA = data_sets(4, rng=np.random.default_rng(7))


def test_separation_is_found_and_its_margin_is_the_largest():
    for x, y in DATA:
        w, margin = separate(x, y)
        assert abs(w).max() <= 1 + 1e-9
        assert (x @ w * y).min() == pytest.approx(margin, rel=1e-7)
        # The dual: no convex combination of y x has a smaller ‖·‖_1; random ones are larger.
        for _ in range(20):
            combination = np.random.default_rng(1).dirichlet(np.ones(len(y)))
            assert abs(combination @ (x * y[:, None])).sum() >= margin


@pytest.mark.parametrize("seed", range(5))
def test_a_refusal_carries_its_certificate(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((12, 3)), rng.choice([-1.0, 1.0], 12)
    x[-1], y[-1] = -0.5 * y[0] * x[0] - 0.25 * y[1] * x[1], 1.0
    with pytest.raises(NotSeparable, match="is not separable: a convex combination of y_n x_n, of samples") as refusal:
        separate(x, y)
    combination = refusal.value.combination
    assert combination.min() >= 0
    assert combination.sum() == pytest.approx(1)
    # The solver's tolerance.
    assert abs(combination @ (x * y[:, None])).sum() <= 1e-8
    assert isinstance(refusal.value, BadInput)
    assert "\n" not in str(refusal.value)


def test_data_at_the_origin_are_refused():
    with pytest.raises(NotSeparable):
        separate(np.zeros((2, 3)), np.ones(2))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("solve", [hard_margin, least_spectrum])
def test_one_sample(solve, scale):
    """‖β‖_2 = 1/‖x‖ and ‖β̂‖_1 = 1/max|x̂_d|."""
    x = scale * tone(9, 0.5, rng=np.random.default_rng(0))
    dual = np.linalg.norm(x) if solve is hard_margin else abs(spectrum(x)).max()
    found = solve(x[None], np.ones(1))
    assert found.norm == pytest.approx(1 / dual, rel=1e-6)
    assert found.gap <= 1e-6


def test_the_hard_margin_satisfies_its_conditions():
    for x, y in DATA:
        found = hard_margin(x, y)
        margins = x @ found.beta * y
        assert margins.min() == pytest.approx(1, rel=1e-12)
        assert found.multipliers.min() >= 0
        combined = found.multipliers @ (x * y[:, None])
        assert np.linalg.norm(combined / np.linalg.norm(combined) - found.beta / found.norm) <= 1e-10
        assert found.gap <= 1e-10


def test_the_least_spectrum_lies_between_its_bounds_and_below_every_other():
    for x, y in DATA:
        found = least_spectrum(x, y)
        assert -1e-12 <= found.gap <= 1e-6
        assert (x @ found.beta * y).min() == pytest.approx(1)
        for other in (hard_margin(x, y).beta, separate(x, y)[0]):
            assert spectral_norm(other / (x @ other * y).min()) >= found.lower
        assert lower_bound(x, y, np.ones(len(y))) <= found.norm
        assert lower_bound(x, y, 3 * found.multipliers) == pytest.approx(found.lower)


def test_the_least_spectrum_is_stationary_for_its_own_exponent_alone():
    for x, y in DATA:
        found = least_spectrum(x, y)
        right, wrong = (stationarity(x, y, found.beta, found.multipliers, p) for p in (1.0, 2.0))
        # The square root of the solver's 1e-8.
        assert max(right.residual, abs(right.beyond), right.slack) <= 1e-3
        assert right.support < 2 or wrong.residual >= 0.05


def test_the_hard_margin_is_stationary_for_exponent_two():
    for x, y in DATA:
        found = hard_margin(x, y)
        assert stationarity(x, y, found.beta, found.multipliers, 2.0).residual <= 1e-10


def test_slack_and_support():
    x, y = np.eye(4), np.ones(4)
    # β̂ of (1, 2, 1, 2) has two frequencies; margins 1, 2, 1, 2 with weights 1, 3, 1, 3: mean slack 6/8.
    found = stationarity(x, y, np.array([1.0, 2, 1, 2]), np.array([1.0, 3, 1, 3]), 2.0)
    assert (found.slack, found.support) == (pytest.approx(0.75), 2)
    # ŝ = (4, 0, −2, 0), β̂ = (3, 0, −1, 0): c = Σ|β̂|² ŝβ̂/Σ(ŝβ̂)² = (9·12 + 2)/(144 + 4).
    c = 110 / 148
    assert found.beyond == pytest.approx(4 * c - 1)
    assert found.residual == pytest.approx(np.hypot(9 - 12 * c, 1 - 2 * c) / np.hypot(9, 1))


@pytest.mark.parametrize("solve", [hard_margin, least_spectrum])
def test_references_refuse_what_cannot_be_separated(solve):
    with pytest.raises(NotSeparable):
        solve(np.array([[1.0, 0], [-1.0, 0]]), np.ones(2))


@pytest.mark.parametrize("call", [separate, hard_margin, least_spectrum])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[math.nan, 1.0]], [1.0], "x is an array with NaN or infinity"),
        ([[math.inf, 1.0]], [1.0], "x is an array with NaN or infinity"),
        ([[1.0, 2.0]], [math.nan], "y is an array with NaN or infinity"),
        ([[1.0, 2.0]], [0.5], "y is labels other than 1 and -1"),
        ([[1.0, 2.0]], [1.0, 1.0], "y is 2 labels; it must be as many"),
        ([[1e200, 2.0]], [1.0], "x is an array whose largest entry is 1e"),
        ([1.0, 2.0], [1.0], "x is an array of shape"),
    ],
)
def test_bad_data(call, x, y, message):
    with pytest.raises(BadInput, match=message):
        call(np.array(x), np.array(y))


def test_what_clarabel_calls_infeasible_is_one_line():
    """They can be separated, by 3e-9 of their size, but not for Clarabel."""
    x = np.array([[1, 3e-9], [-1, 3e-9]])
    assert separate(x, np.ones(2))[1] == pytest.approx(3e-9)
    with pytest.raises(NoSolution, match=r"^the hard margin is infeasible; Clarabel must find a solution$"):
        hard_margin(x, np.ones(2))


def test_a_linear_program_that_fails_is_one_line(monkeypatch):
    failed = SimpleNamespace(status=4, message="numerical\ndifficulties", fun=None)
    monkeypatch.setattr(optimize, "linprog", lambda *_, **__: failed)
    with pytest.raises(NoSolution, match=r"the separation of x is not found \(numerical difficulties\)"):
        separate(np.eye(2), np.ones(2))


@pytest.mark.parametrize(
    ("beta", "alpha", "message"),
    [
        ([1.0, -1.0], [1.0, 1.0], "beta is a predictor whose least margin is -1; it must be one with all margins"),
        ([1.0, 0.0], [1.0, 1.0], "whose least margin is 0"),
        ([math.nan, 1.0], [1.0, 1.0], "beta is an array with NaN"),
        ([1.0, 1.0], [math.inf, 1.0], "alpha is an array with NaN or infinity"),
        ([1.0, 1.0, 1.0], [1.0, 1.0], "beta and alpha is 3 and 2 long; it must be 2 and 2"),
    ],
)
def test_stationarity_is_of_what_separates(beta, alpha, message):
    with pytest.raises(BadInput, match=message):
        stationarity(np.eye(2), np.ones(2), np.array(beta), np.array(alpha), 1.0)


@pytest.mark.parametrize("exponent", [math.nan, 0.0, -1.0, "one"])
def test_stationarity_has_an_exponent(exponent):
    with pytest.raises(BadInput, match="exponent is"):
        stationarity(np.eye(2), np.ones(2), np.ones(2), np.ones(2), exponent)


def test_a_missing_library_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "cvxpy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NoSolution, match=r"cvxpy is missing; it must be installed \(extra convex\)"):
        hard_margin(*separable(2, 3, rng=np.random.default_rng(0)))


def test_a_missing_solver_is_named(monkeypatch):
    cvxpy = pytest.importorskip("cvxpy")
    monkeypatch.setattr(cvxpy, "installed_solvers", list)
    with pytest.raises(NoSolution, match=r"Clarabel is missing; it must be installed \(extra convex\)"):
        least_spectrum(*separable(2, 3, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("power", [2 / 5, 1.0, 2.0])
def test_own_power_is_that_of_a_stationary_point(power):
    """ŝ_d = |β̂_d|^{p−1} e^{iφ_d} on the support, anything off it; one sample, then the same split in two."""
    rng = np.random.default_rng(3)
    size = np.array([0.0, 1.0, 3.0, 0.2, 0.0, 0.5])
    turn = np.exp(2j * np.pi * rng.random(6)) * np.array([0, 1, 1, 1, 1, 0]) + np.array([1, 0, 0, 0, 0, 1])
    beta = np.fft.irfft(size * turn, n=10, norm="ortho")
    pull = np.where(size > 0, np.where(size > 0, size, 1.0) ** (power - 1), 0.01)
    s = np.fft.irfft(pull * turn, n=10, norm="ortho")
    assert own_power(s[None], np.ones(1), 7 * beta, np.ones(1)) == pytest.approx(power, rel=1e-12)
    parts = np.stack([s + beta, beta])
    signs = np.array([1.0, -1.0])
    assert own_power(parts, signs, beta, np.ones(2)) == pytest.approx(power, rel=1e-12)


def test_own_power_of_a_single_frequency_is_none():
    beta = np.cos(2 * np.pi * np.arange(8) / 8)
    assert np.isnan(own_power(beta[None], np.ones(1), beta, np.ones(1)))
    with pytest.raises(BadInput, match=r"beta and alpha is 8 and 2 long; it must be 8 and 1 long|beta and alpha"):
        own_power(beta[None], np.ones(1), beta, np.ones(2))
