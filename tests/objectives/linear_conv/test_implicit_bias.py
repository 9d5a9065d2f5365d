"""Descent and flow to large ‖β‖: against closed forms, against each other, and what they refuse."""

import functools

import array_api_strict as strict
import numpy as np
import pytest
from scipy.optimize import brentq

from theory.checks import BadInput
from theory.objectives.linear_conv import (
    CircularNet,
    ExponentialLoss,
    FullyConnectedNet,
    LogisticLoss,
    NotSeparable,
    Outcome,
    angle,
    descend,
    flow,
)
from theory.objectives.linear_conv.fields import Field, field_of
from theory.problems import layers, separable, tone

NORMS = [1e2, 1e4, 1e8]


def data(dim=6, samples=4, seed=0):
    return separable(samples, dim, rng=np.random.default_rng(seed))


def start(network, seed=1, runs=1):
    return layers(network.shapes, rng=np.random.default_rng(seed), runs=runs)


@pytest.mark.parametrize("loss", [ExponentialLoss, LogisticLoss])
def test_one_layer_and_one_sample_is_a_straight_line(loss):
    x, y = data(samples=1)
    network = CircularNet(6, 1)
    (w,) = start(network)
    for path in (
        *flow(network, loss(x, y), (w,), norms=NORMS),
        *descend(network, loss(x, y), (w,), norms=NORMS[:1], steps=10**5),
    ):
        for norm, direction in zip(path.norm, path.direction, strict=True):
            along = brentq(lambda a, norm=norm: np.linalg.norm(w[0] + a * y[0] * x[0]) - norm, 0, 2 * norm)
            # The flow's tolerance.
            assert angle(direction, w[0] + along * y[0] * x[0]) <= 1e-8


def test_two_layers_and_one_sample_are_hyperbolic():
    """Of every frequency, d(ŵ_1, conj ŵ_2)/dt = [[0, ŝ], [conj ŝ, 0]] (ŵ_1, conj ŵ_2): a matrix exponential."""
    x = tone(7, 0.6, rng=np.random.default_rng(3))
    network, (w1, w2) = CircularNet(7, 2), start(CircularNet(7, 2))
    s, a, b = (np.fft.fft(v, norm="ortho") for v in (x, w1[0], w2[0]))

    def predictor(t):
        grow, mix = np.cosh(abs(s) * t), np.sinh(abs(s) * t) * s / abs(s)
        first, second = grow * a + mix * np.conj(b), grow * b + mix * np.conj(a)
        return np.fft.ifft(first * second, norm="ortho").real

    (path,) = flow(network, ExponentialLoss(x[None], np.ones(1)), (w1, w2), norms=NORMS)
    for norm, direction in zip(path.norm, path.direction, strict=True):
        t = brentq(lambda t, norm=norm: np.log(np.linalg.norm(predictor(t)) / norm), 0, 30, xtol=1e-14)
        assert angle(direction, predictor(t)) <= 1e-8


@pytest.mark.parametrize("network", [CircularNet(6, 2), CircularNet(6, 3), FullyConnectedNet((6, 3))], ids=str)
def test_descent_tends_to_the_flow_as_its_steps_shrink(network):
    """Two honest ways, one direction: their distance is of first order in the step."""
    loss, weights = ExponentialLoss(*data()), start(network)
    distances = []
    for rate in (0.1, 0.02):
        (walked,) = descend(network, loss, weights, norms=[1.0, 5.0], steps=10**5, rate=rate)
        # The first point beyond a norm is another one for every step; the flow is asked at the same.
        (path,) = flow(network, loss, weights, norms=np.geomspace(0.5, 6, 200).tolist())
        log_norm = np.log(path.norm)
        between = np.stack([np.interp(np.log(walked.norm), log_norm, column) for column in path.direction.T], axis=1)
        distances.append(float(angle(walked.direction, between).max()))
    assert distances[1] <= 0.02
    # A fifth, plus what interpolation and the second order leave.
    assert distances[1] <= 0.4 * distances[0] + 1e-4


@pytest.mark.parametrize("loss", [ExponentialLoss, LogisticLoss])
@pytest.mark.parametrize(
    "network", [CircularNet(5, 1), CircularNet(5, 2), CircularNet(5, 4), FullyConnectedNet((5, 3, 2))], ids=str
)
def test_the_jacobian_of_the_flow(network, loss):
    field = field_of(network, loss(*data(dim=5, samples=3)))
    state = field.pack(start(network))
    state[-1] = 0.3
    h = 1e-6
    exact = np.stack(
        [(field.rates(0, state + h * e) - field.rates(0, state - h * e)) / (2 * h) for e in np.eye(state.size)], axis=1
    )
    # A rounding over h.
    assert field.jacobian(0.0, state) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("dim", [5, 8])
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_circular_layers_have_the_field_of_any_network(dim, depth):
    network, loss = CircularNet(dim, depth), ExponentialLoss(*data(dim=dim, samples=3))
    own, any_network = field_of(network, loss), Field(network, loss)
    state = own.pack(start(network))
    # A dozen operations of rounding each; and of the second derivatives a rounding over the step 1e-3, and from the
    # fourth layer on the step squared, times the fourth derivatives of weights of norm 1.
    assert own.rates(0.0, state) == pytest.approx(any_network.rates(0.0, state), abs=1e-13)
    assert own.log_norm(*own.unpack(state)) == pytest.approx(any_network.log_norm(*own.unpack(state)), abs=1e-13)
    twice = own.bend(state[:-1], loss.signed[0]), any_network.bend(state[:-1], loss.signed[0])
    assert twice[0] == pytest.approx(twice[1], abs=1e-12 if depth <= 3 else 1e-5)
    np.testing.assert_array_equal(twice[0], twice[0].T)


@pytest.mark.parametrize("way", ["flow", "descent"])
def test_records_are_the_first_points_at_their_norms(way):
    network, loss = CircularNet(6, 2), ExponentialLoss(*data())
    norms = [1e-9, 0.5, 10.0, 20.0]
    if way == "flow":
        (path,) = flow(network, loss, start(network), norms=norms)
    else:
        (path,) = descend(network, loss, start(network), norms=norms, steps=10**5)
    assert np.all(path.norm >= norms)
    assert path.norm[2:] == pytest.approx(norms[2:], rel=0.1)
    assert path.outcome is Outcome.REACHED
    assert path.norm[0] == pytest.approx(np.linalg.norm(network.predictor(start(network))))
    assert np.linalg.norm(path.direction, axis=1) == pytest.approx(np.ones(4))
    assert path.margins == pytest.approx(loss.margins(path.beta), rel=1e-12)
    assert path.alpha.sum(axis=1) == pytest.approx(np.ones(4))
    rebuilt = np.exp(2 * path.log_scale)[:, None] * network.predictor(path.weights)
    assert rebuilt == pytest.approx(path.beta, rel=1e-10)


def test_runs_do_not_touch_each_other():
    network, loss, weights = CircularNet(6, 2), ExponentialLoss(*data()), start(CircularNet(6, 2), runs=3)
    together = flow(network, loss, weights, norms=[1e3])
    walked = descend(network, loss, weights, norms=[3.0], steps=10**5)
    for run in range(3):
        alone = tuple(weight[run : run + 1] for weight in weights)
        assert together[run].direction == pytest.approx(flow(network, loss, alone, norms=[1e3])[0].direction, rel=1e-12)
        (single,) = descend(network, loss, alone, norms=[3.0], steps=10**5)
        assert single.steps == walked[run].steps
        assert single.direction == pytest.approx(walked[run].direction, rel=1e-10)


def test_the_loss_falls_in_every_step_of_descent():
    network, loss, weights = CircularNet(6, 3), ExponentialLoss(*data()), start(CircularNet(6, 3))
    (path,) = descend(network, loss, weights, norms=np.geomspace(1, 10, 30).tolist(), steps=10**5)
    assert np.all(np.diff(path.log_loss[np.unique(path.norm, return_index=True)[1]]) < 0)


def test_what_ends_early_says_so():
    network, loss = CircularNet(6, 2), ExponentialLoss(*data())
    for way in (flow, descend):
        (path,) = way(network, loss, start(network), norms=[1e-9, 1e8], steps=5)
        assert (path.outcome, path.norm.size) == (Outcome.STEP_LIMIT, 1)
    # Weights of frequency 1 alone, data of frequency 0 alone: the gradient, and so β, is 0 for ever.
    apart = ExponentialLoss(np.ones((1, 2)), np.ones(1))
    (path,) = flow(CircularNet(2, 2), apart, (np.array([[1.0, -1.0]]), np.zeros((1, 2))), norms=[1.0])
    assert path.outcome is not Outcome.REACHED
    assert path.norm.size == 0


def test_descent_on_arrays_of_the_standard():
    network, (x, y) = CircularNet(6, 2), data()
    weights = start(network, runs=2)
    here = descend(network, ExponentialLoss(x, y), weights, norms=[1.0, 5.0], steps=1000)
    there = descend(
        network,
        ExponentialLoss(strict.asarray(x), strict.asarray(y)),
        tuple(strict.asarray(weight) for weight in weights),
        norms=[1.0, 5.0],
        steps=1000,
    )
    for one, other in zip(here, there, strict=True):
        assert isinstance(other.direction, np.ndarray)
        assert one.direction == pytest.approx(other.direction, abs=1e-10)


NET = CircularNet(6, 2)
GOOD = {"network": NET, "loss": ExponentialLoss(*data()), "weights": start(NET), "norms": [1.0]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norms": []}, r"norms is \[\]; it must be at least one"),
        ({"norms": [2.0, 1.0]}, "in ascending order"),
        ({"norms": [-1.0]}, "norms is -1.0; it must be greater than 0"),
        ({"weights": tuple(0 * w for w in start(NET))}, "weights is all zero in one of the runs"),
        ({"weights": tuple(np.nan * w for w in start(NET))}, "weights is an array with NaN"),
        ({"weights": ()}, "weights is tuple; it must be an array for each layer"),
        ({"weights": [[1.0, 2.0], [3.0, 4.0]]}, "weights is list; it must be an array for each layer"),
        ({"loss": ExponentialLoss(*data(dim=5))}, "loss is of samples with 5 numbers; it must be of 6"),
        ({"steps": -1}, "steps is -1; it must be at least 0"),
    ],
)
def test_bad_input(changes, message):
    for way in (flow, descend):
        given = {"steps": 10} | GOOD | changes
        with pytest.raises(BadInput, match=message):
            way(given.pop("network"), given.pop("loss"), given.pop("weights"), **given)


@pytest.mark.parametrize("network", [CircularNet(6, 3), FullyConnectedNet((6, 2, 2)), CircularNet(6, 2)])
@pytest.mark.parametrize("way", [flow, functools.partial(descend, steps=10)])
def test_where_the_gradient_vanishes_nothing_starts(network, way):
    """Zero in one layer has a gradient, in that layer; zero in two has none, and was NaN after a step of descent."""
    loss, weights = ExponentialLoss(*data()), start(network)
    dead = (weights[0], *(0 * w for w in weights[1:]))
    if network.degree > 2:
        with pytest.raises(BadInput, match="weights is zero in two layers or more, in one of the runs"):
            way(network, loss, dead, norms=[1.0])
    else:
        (path,) = way(network, loss, dead, norms=[1e-3])
        assert np.isfinite(path.direction).all()
        assert len(path.norm) == 1


def test_bad_steps():
    with pytest.raises(BadInput, match="rate is 0"):
        descend(**GOOD, steps=1, rate=0.0)
    with pytest.raises(BadInput, match="rtol is 0"):
        flow(**GOOD, rtol=0.0)


def test_data_that_cannot_be_separated_are_refused():
    x = np.vstack([np.eye(6), -np.eye(6)])
    loss = ExponentialLoss(x, np.ones(12))
    for way in (
        lambda: flow(NET, loss, start(NET), norms=[1.0]),
        lambda: descend(NET, loss, start(NET), norms=[1.0], steps=3),
    ):
        with pytest.raises(NotSeparable, match="not separable: a convex combination"):
            way()
