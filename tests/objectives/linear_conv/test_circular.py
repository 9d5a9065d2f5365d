"""Circular and fully connected networks, against their definitions written out in loops."""

import array_api_strict as strict
import numpy as np
import pytest

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.objectives.linear_conv import CircularNet, FullyConnectedNet, jacobian, squared_norm
from theory.problems import layers

EPS = np.finfo(float).eps
CIRCULAR = [CircularNet(1, 2), CircularNet(2, 1), CircularNet(7, 3), CircularNet(8, 2), CircularNet(6, 4)]
CONNECTED = [
    FullyConnectedNet((4,)),
    FullyConnectedNet((5, 3)),
    FullyConnectedNet((4, 2, 3)),
    FullyConnectedNet((1, 1)),
]
NETWORKS = [*CIRCULAR, *CONNECTED]


def weights_of(network, runs=3, seed=0):
    return layers(network.shapes, rng=np.random.default_rng(seed), runs=runs, scale=2.0)


def output(network, weights, x):
    """What the network makes of x, by its definition."""
    if isinstance(network, FullyConnectedNet):
        for weight in weights:
            x = weight @ x
        return x[0]
    dim = network.dim
    for weight in weights[:-1]:
        x = np.array([sum(weight[k] * x[(d + k) % dim] for k in range(dim)) for d in range(dim)]) / np.sqrt(dim)
    return x @ weights[-1]


def rounding(network, weights):
    """A few roundings of every product of norms."""
    return 100 * EPS * np.prod([np.linalg.norm(weight) + 1 for weight in weights])


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_the_predictor_gives_the_output(network):
    weights = weights_of(network)
    beta = network.predictor(weights)
    assert beta.shape == (3, network.size)
    for run in range(3):
        alone = [weight[run] for weight in weights]
        expected = [output(network, alone, x) for x in np.eye(network.size)]
        assert beta[run] == pytest.approx(expected, rel=0, abs=rounding(network, alone))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_the_jacobian_is_the_predictor_with_one_layer_a_unit(network):
    """β is linear in each layer: no step is small, none is in error."""
    weights = weights_of(network)
    blocks = jacobian(network, weights)
    for layer, shape in enumerate(network.shapes):
        for index, place in enumerate(np.ndindex(shape)):
            unit = np.zeros((3, *shape))
            unit[:, *place] = 1.0
            exact = network.predictor((*weights[:layer], unit, *weights[layer + 1 :]))
            assert blocks[layer][:, :, index] == pytest.approx(exact, rel=0, abs=rounding(network, weights))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_it_is_homogeneous_of_its_degree(network):
    weights = weights_of(network)
    thrice = network.predictor(tuple(3 * weight for weight in weights))
    expected = 3.0**network.degree * network.predictor(weights)
    assert thrice == pytest.approx(expected, rel=0, abs=3.0**network.degree * rounding(network, weights))


@pytest.mark.parametrize("network", CIRCULAR, ids=str)
def test_frequencies_multiply(network):
    weights = weights_of(network)
    product = np.prod([np.fft.fft(weight, norm="ortho") for weight in weights], axis=0)
    beta_hat = np.fft.fft(network.predictor(weights), norm="ortho")
    assert np.abs(beta_hat - product).max() <= rounding(network, weights)


class Bare:
    """A network that does not know the norm of its Jacobian."""

    def __init__(self, network):
        self.network, self.size = network, network.size

    def pullback(self, weights, gradient):
        return self.network.pullback(weights, gradient)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_the_norm_of_the_jacobian(network):
    weights = weights_of(network)
    J = np.concatenate(jacobian(network, weights), axis=2)
    exact = np.linalg.norm(J, 2, axis=(1, 2)) ** 2
    known = squared_norm(network, weights)
    if isinstance(network, CircularNet) or network.degree == 1:
        assert known == pytest.approx(exact, rel=1e-12)
    else:
        assert np.all(known >= exact * (1 - 1e-12))
    assert squared_norm(Bare(network), weights) == pytest.approx(np.sum(J**2, axis=(1, 2)), rel=1e-12)


def test_the_bound_of_rank_one_layers_is_nearly_exact():
    rng = np.random.default_rng(1)
    u, v, w = rng.standard_normal(3), rng.standard_normal(4), rng.standard_normal(2)
    weights = (np.outer(u, v)[None], np.outer(w, u)[None], w[None, None])
    network = FullyConnectedNet((4, 3, 2))
    exact = np.linalg.norm(np.concatenate(jacobian(network, weights), axis=2)[0], 2) ** 2
    assert network.squared_norm(weights) == pytest.approx([exact], rel=1e-12)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_on_arrays_of_the_standard(network):
    weights, gradient = weights_of(network), np.random.default_rng(2).standard_normal((3, network.size))
    there = tuple(strict.asarray(weight) for weight in weights)
    size = rounding(network, weights)
    pairs = [
        (network.predictor(there), network.predictor(weights)),
        (network.squared_norm(there), network.squared_norm(weights)),
        *zip(network.pullback(there, strict.asarray(gradient)), network.pullback(weights, gradient), strict=True),
    ]
    for found, expected in pairs:
        assert type(found).__module__.startswith("array_api_strict")
        assert to_numpy(found) == pytest.approx(expected, rel=1e-13, abs=size)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CircularNet(0, 2), "dim is 0; it must be at least 1"),
        (lambda: CircularNet(4, 0), "depth is 0; it must be at least 1"),
        (lambda: CircularNet(4, 1.5), "depth is 1.5; it must be a whole number"),
        (lambda: FullyConnectedNet(()), r"widths is \(\); it must be the widths of the input"),
        (lambda: FullyConnectedNet(3), "widths is 3; it must be the widths"),
        (lambda: FullyConnectedNet((3, 0)), "widths is 0; it must be at least 1"),
        (lambda: CircularNet(4, 2).predictor((np.ones((1, 4)),)), "weights is arrays of shapes"),
        (lambda: CircularNet(4, 2).predictor((np.ones((1, 4)), np.ones((2, 4)))), "weights is arrays of shapes"),
        (lambda: FullyConnectedNet((4, 2)).predictor((np.ones((1, 4, 2)), np.ones((1, 1, 2)))), "weights is arrays"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(BadInput, match=message):
        make()
