"""What is read off a path: angles, exponents, turns, and the bound on what stationarity lacks."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from theory.checks import BadInput
from theory.objectives.linear_conv import (
    CircularNet,
    ExponentialLoss,
    angle,
    cosines,
    exponents,
    flow,
    lacking,
    phases_turned,
    stationarity,
    turned,
)
from theory.problems import data_sets, layers, tone

NORMS = [1e3, 1e4, 0.8e5, 0.9e5, 1e5]


def learned(depth, seed=0):
    x, y = data_sets(1, rng=np.random.default_rng(seed))[0]
    network = CircularNet(x.shape[1], depth)
    start = layers(network.shapes, rng=np.random.default_rng(seed))
    (path,) = flow(network, ExponentialLoss(x, y), start, norms=NORMS, rtol=1e-12)
    return x, y, network, path


@pytest.mark.parametrize("size", [math.pi, 1.0, 1e-4, 1e-10, 0.0])
def test_angles_however_small(size):
    rows = np.array([[5 * math.cos(size), 5 * math.sin(size)]])
    assert angle(rows, np.array([2.0, 0.0])) == pytest.approx([size], rel=1e-7, abs=1e-15)


def test_exponents_by_stages():
    norm = np.array([1e2, 1e3, 1e4, 1.05e5, 1e6])
    error = np.where(norm <= 1e4, norm**-0.25, norm**-1.0 * 1e3)
    assert exponents(norm, error, [1e2, 1e4, 1e6]) == pytest.approx([-0.25, -1.0])
    with pytest.raises(BadInput, match="norm is 1 points from 10000"):
        exponents(norm[-1:], error[-1:], [1e4, 1e6])


def test_turns():
    network = CircularNet(3, 1)
    weights = np.array([[[1.0, 0, 0]], [[0.0, 1, 0]], [[0.0, 1, 0]]]).reshape(3, 3)
    path = SimpleNamespace(
        norm=np.array([1.0, 10, 100]),
        direction=weights,
        alpha=np.array([[1.0, 0], [0, 1], [1, 1]]),
        weights=(weights,),
    )
    loss = ExponentialLoss(np.eye(2, 3), np.ones(2))
    assert turned(path, loss, 1.0) == (pytest.approx(math.pi / 2), pytest.approx(math.pi / 4))
    assert turned(path, loss, 5.0) == (0.0, pytest.approx(math.pi / 4))
    # A shift by one turns the first of three frequencies by 2π/3.
    assert phases_turned(network, path, 1.0) == pytest.approx(2 * math.pi / 3)
    assert phases_turned(network, path, 5.0) == 0.0


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_residual_is_at_most_what_turning_and_imbalance_leave(depth, seed):
    x, y, network, path = learned(depth, seed)
    found = stationarity(x, y, path.beta[-1], path.alpha[-1], 2 / depth).residual
    assert found <= lacking(network, path) + 1e-12 * path.norm[-1]


def test_what_is_lacking_at_a_balanced_point_that_only_grows_is_nothing():
    w = np.array([[1.0, 2, 0.5]])
    w_hat = np.fft.fft(w)
    # The second layer conjugate, so that |ŵ_1| = |ŵ_2|.
    second = np.fft.ifft(np.conj(w_hat)).real
    network = CircularNet(3, 2)
    beta = network.predictor((w, second))
    direction = np.repeat(beta / np.linalg.norm(beta), 3, axis=0)
    path = SimpleNamespace(
        norm=np.array([1.0, 2.0, 3.0]), direction=direction, weights=(np.repeat(w, 3, 0), np.repeat(second, 3, 0))
    )
    assert lacking(network, path) <= 1e-15
    # ŵ_1 twice and ŵ_2 half as large: κ = 2/(¼ + 4) everywhere.
    path.weights = (2 * path.weights[0], path.weights[1] / 2)
    assert lacking(network, path) == pytest.approx(1 - 2 / (0.25 + 4))


def test_a_frequency_that_is_not_there_does_not_count():
    weights = (np.ones((3, 4)), np.ones((3, 4)))
    path = SimpleNamespace(norm=np.array([1.0, 2.0, 3.0]), direction=np.full((3, 4), 0.5), weights=weights)
    assert lacking(CircularNet(4, 2), path) == 0.0


@pytest.mark.parametrize("dim", [5, 8, 33])
def test_cosines(dim):
    x = tone(dim, 0.4, rng=np.random.default_rng(dim))
    first, second, ratio = cosines(x)
    assert ratio == pytest.approx(0.4)
    assert np.linalg.norm(first) == pytest.approx(math.sqrt(2))
    assert np.linalg.norm(second) == pytest.approx(0.4 * math.sqrt(2))
    assert first @ second == pytest.approx(0, abs=1e-12)
    assert x @ first == pytest.approx(2)


def test_the_turn_is_differentiated_where_it_ends():
    """One frequency whose share grows like t², t = log‖β‖: its rate at the end is 2/t, which a parabola has exactly."""
    t = np.array([1.0, 1.1, 1.3])
    b_hat = np.zeros((3, 3), complex)
    b_hat[:, 1] = t**2
    direction = np.fft.ifft(b_hat, norm="ortho")  # complex, so that one frequency stands alone
    layer = np.repeat(np.fft.ifft(np.array([1.0, t[-1] ** 2, 1.0]), norm="ortho")[None], 3, axis=0)
    path = SimpleNamespace(norm=np.exp(t), direction=direction, weights=(layer,))
    # One layer: κ = 1. The chord of the last two records has the slope t_2 + t_1.
    chord = (t[2] + t[1]) / t[2] ** 2
    assert lacking(CircularNet(3, 1), path) == pytest.approx(2 / t[2] + (2 / t[2] - chord))


def test_records_that_coincide_count_once():
    _, _, network, path = learned(2)
    twice = np.array([0, 1, 2, 3, 4, 4])
    fields = {name: getattr(path, name)[twice] for name in ("norm", "direction")}
    again = SimpleNamespace(**fields, weights=tuple(weight[twice] for weight in path.weights))
    assert lacking(network, again) == lacking(network, path)
    with pytest.raises(BadInput, match="path is of 2 different norms"):
        lacking(network, SimpleNamespace(norm=np.array([1.0, 2.0, 2.0])))
