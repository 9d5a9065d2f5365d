"""Strided networks: the product is what composing real convolutions gives, and its derivatives are derivatives."""

from __future__ import annotations

import math

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.objectives.linear_conv import SquaredLoss, StridedNet, jacobian, matrices
from theory.problems import correlated_loss, random_filters, real_rooted

EPS = np.finfo(float).eps
NETWORKS = {
    "one layer": StridedNet((4,), (3,)),
    "strides": StridedNet((3, 2, 4), (2, 3, 1)),
    "stride 1": StridedNet((2, 3, 2), (1, 1, 1)),
    "sizes of 1": StridedNet((1, 3, 1), (2, 1, 5)),
    "plane": StridedNet(((2, 3), (3, 2), (2, 2)), ((2, 1), (1, 2), (1, 1))),
    "space": StridedNet(((2, 2, 2), (2, 1, 2)), ((2, 2, 1), (1, 1, 1))),
}
every = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def weights_of(network, runs=3, seed=0):
    return random_filters(network, runs, rng=np.random.default_rng(seed))


def by_polynomials(network, weights):
    """Π P_i(x^{S_i}), one pair of terms a time."""
    found = []
    for run in range(weights[0].shape[0]):
        product = {(0,) * len(network.shapes[0]): 1.0}
        S = (1,) * len(network.shapes[0])
        for w, s in zip(weights, network.strides, strict=True):
            terms: dict = {}
            for place, value in product.items():
                for tap in np.ndindex(w.shape[1:]):
                    at = tuple(p + t * step for p, t, step in zip(place, tap, S, strict=True))
                    terms[at] = terms.get(at, 0.0) + value * w[run][tap]
            product, S = terms, tuple(a * b for a, b in zip(S, s, strict=True))
        dense = np.zeros(network.shape)
        for place, value in product.items():
            dense[place] = value
        found.append(dense.ravel())
    return np.array(found)


@every
def test_the_predictor_is_the_product_of_sparse_polynomials(network):
    weights = weights_of(network)
    # Sums of at most 2·3·... products of three numbers below 4.
    np.testing.assert_allclose(network.predictor(weights), by_polynomials(network, weights), rtol=0, atol=1e3 * EPS)


@every
def test_composed_convolutions_are_one_with_the_product_of_the_strides(network):
    """The whole composition, as matrices on signals of a length that fits, and by sliding windows on one signal."""
    weights = weights_of(network)
    total = tuple(math.prod(s) for s in zip(*network.strides, strict=True))
    inputs = tuple(n + 2 * s for n, s in zip(network.shape, total, strict=True))
    composed = None
    for matrix in matrices(network, weights, inputs):
        composed = matrix if composed is None else matrix @ composed
    one = StridedNet((network.shape,), (total,))
    end = network.predictor(weights).reshape(-1, *network.shape)
    np.testing.assert_allclose(composed, next(matrices(one, (end,), inputs)), rtol=0, atol=1e3 * EPS)
    signal = np.random.default_rng(1).standard_normal(inputs)
    windows = np.lib.stride_tricks.sliding_window_view(signal, network.shape)
    windows = windows[tuple(slice(None, None, s) for s in total)].reshape(-1, network.size)
    np.testing.assert_allclose(windows @ end[0].ravel(), composed[0] @ signal.ravel(), rtol=0, atol=1e4 * EPS)


@every
def test_the_last_stride_does_not_matter(network):
    other = StridedNet(network.filter_sizes, (*network.strides[:-1], tuple(7 for _ in network.strides[-1])))
    weights = weights_of(network)
    np.testing.assert_array_equal(other.predictor(weights), network.predictor(weights))


@every
def test_derivatives(network):
    """Pullback and pushforward are adjoint; the Jacobian is that by pullbacks of unit vectors, and by differences."""
    weights, tangents = weights_of(network), weights_of(network, seed=1)
    gradient = np.random.default_rng(2).standard_normal((3, network.size))
    pulled = network.pullback(weights, gradient)
    inner = sum(np.sum((a * b).reshape(3, -1), axis=1) for a, b in zip(pulled, tangents, strict=True))
    pushed = network.pushforward(weights, tangents)
    np.testing.assert_allclose(inner, np.sum(pushed * gradient, axis=1), rtol=0, atol=1e3 * EPS)
    for fast, slow in zip(network.jacobian(weights), jacobian(network, weights), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=0, atol=100 * EPS)
    h = 1e-6
    up, down = (tuple(w + sign * h * t for w, t in zip(weights, tangents, strict=True)) for sign in (1, -1))
    central = (network.predictor(up) - network.predictor(down)) / (2 * h)
    # The product is a polynomial of degree at most 3 in h: third differences of order 1, and rounding over h.
    np.testing.assert_allclose(pushed, central, rtol=0, atol=100 * h**2 + 100 * EPS / h)


@every
def test_it_is_homogeneous(network):
    weights = weights_of(network)
    doubled = network.predictor(tuple(2 * w for w in weights))
    np.testing.assert_array_equal(doubled, 2.0**network.degree * network.predictor(weights))


@every
def test_the_same_on_every_library(network):
    weights = weights_of(network)
    there = tuple(strict.asarray(w) for w in weights)
    gradient = np.random.default_rng(2).standard_normal((3, network.size))
    pairs = [(network.predictor(there), network.predictor(weights))]
    pairs += zip(network.pullback(there, strict.asarray(gradient)), network.pullback(weights, gradient), strict=True)
    pairs += zip(network.jacobian(there), network.jacobian(weights), strict=True)
    pairs += [(network.pushforward(there, there), network.pushforward(weights, weights))]
    for found, expected in pairs:
        assert type(found).__module__.startswith("array_api_strict")
        np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=1e3 * EPS)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4))
def test_sizes(layers):
    network = StridedNet(*zip(*layers, strict=True))
    S = 1
    expected = 1
    for k, s in layers:
        expected += (k - 1) * S
        S *= s
    assert network.size == expected == network.extents[-1][0]
    assert network.dimension == sum(k for k, _ in layers) - len(layers) + 1


def test_lengths_of_signals():
    assert StridedNet((3, 2), (2, 3)).lengths(11) == ((11,), (5,), (2,))
    assert StridedNet(((3, 1),), ((2, 1),)).lengths((5, 4)) == ((5, 4), (2, 4))


class TestBadInput:
    @pytest.mark.parametrize(
        ("sizes", "strides", "message"),
        [
            ((2, 3), (1,), "strides is .*; it must be as many as there are filters, 2"),
            (((2, 2), 3), ((1, 1), (1, 1)), "filter_sizes is .*; it must be of 2 dimension"),
            (((2, 2), (3, 2)), ((1, 1), (1,)), "strides is .*; it must be of 2 dimension"),
            ((2, 0), (1, 1), "filter_sizes is 0; it must be at least 1"),
            ((2, 2), (0, 1), "strides is 0; it must be at least 1"),
            ((2, 2.5), (1, 1), "filter_sizes is 2.5; it must be a whole number"),
            ((), (), "at least one layer"),
            (3, 1, "filter_sizes is 3; it must be one whole number"),
        ],
    )
    def test_networks(self, sizes, strides, message):
        with pytest.raises(BadInput, match=message):
            StridedNet(sizes, strides)

    @pytest.mark.parametrize("inputs", [2, 8, (7, 7), 0])
    def test_signals_that_do_not_fit(self, inputs):
        with pytest.raises(BadInput, match="inputs is"):
            StridedNet((3, 2), (2, 1)).lengths(inputs)

    def test_roots_in_the_plane(self):
        with pytest.raises(BadInput, match="network is of 2 dimensions; it must be of one"):
            real_rooted(NETWORKS["plane"], 2, rng=np.random.default_rng(0))

    @pytest.mark.parametrize(
        ("covariance", "target", "message"),
        [
            (np.eye(2), np.ones(3), r"covariance is an array of shape \(2, 2\); it must be of shape \(3, 3\)"),
            (np.array([[1.0, 1.0], [0.0, 1.0]]), np.ones(2), "covariance is not symmetric"),
            (np.diag([1.0, -0.1]), np.ones(2), "covariance is a matrix with the eigenvalue -0.1"),
            (np.diag([1.0, np.nan]), np.ones(2), "covariance is an array with NaN"),
            (np.eye(2), np.array([1.0, np.inf]), "target is an array with NaN or infinity"),
        ],
    )
    def test_losses(self, covariance, target, message):
        with pytest.raises(BadInput, match=message):
            SquaredLoss(covariance, target)

    def test_a_least_loss_below_zero(self):
        with pytest.raises(BadInput, match=r"least is -1\.0; it must be at least 0"):
            SquaredLoss(np.eye(2), np.ones(2), least=-1)

    @pytest.mark.parametrize("shapes", [[(1, 3), (1, 2)], [(1, 2)], [(1, 2), (2, 2)], [(2,), (2,)]])
    def test_weights(self, shapes):
        network, weights = StridedNet((2, 2), (2, 1)), tuple(np.ones(shape) for shape in shapes)
        for call in (network.predictor, network.jacobian, lambda w: network.pullback(w, np.ones((1, 4)))):
            with pytest.raises(
                BadInput, match=r"weights is arrays of shapes .*; it must be \(runs, …\) with"
            ) as refused:
                call(weights)
            assert "\n" not in str(refused.value)

    def test_samples(self):
        with pytest.raises(BadInput, match="y is 2 values; it must be one for each"):
            SquaredLoss.of(np.ones((3, 2)), np.ones(2))


class TestSquaredLoss:
    def test_is_the_mean_square_over_samples(self):
        rng = np.random.default_rng(0)
        x, y, beta = rng.standard_normal((30, 4)), rng.standard_normal(30), rng.standard_normal((5, 4))
        loss = SquaredLoss.of(x, y)
        residual = beta @ x.T - y
        np.testing.assert_allclose(loss.value(beta), (residual**2).mean(axis=1) / 2, rtol=1e-12)
        np.testing.assert_allclose(loss.gradient(beta), residual @ x / 30, rtol=0, atol=1e-13)

    def test_of_too_few_samples_takes_the_shortest_target(self):
        x, y = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]), np.array([3.0, 4.0])
        loss = SquaredLoss.of(x, y)
        np.testing.assert_allclose(loss.target, [3.0, 2.0, 0.0], rtol=0, atol=1e-14)
        assert loss.value(loss.target[None])[0] == pytest.approx(0, abs=1e-14)

    def test_the_same_on_every_library(self):
        rng = np.random.default_rng(1)
        loss, beta = correlated_loss(NETWORKS["strides"], rng=rng), rng.standard_normal((2, 23))
        there = SquaredLoss(strict.asarray(loss.covariance), strict.asarray(loss.target))
        for name in ("value", "gradient"):
            found = getattr(there, name)(strict.asarray(beta))
            np.testing.assert_allclose(to_numpy(found), getattr(loss, name)(beta), rtol=0, atol=1e3 * EPS)


class TestProblems:
    def test_roots_are_real_and_apart(self):
        network = StridedNet((3, 2, 4), (1, 1, 1))
        for run in zip(*real_rooted(network, 20, rng=np.random.default_rng(3)), strict=True):
            roots = np.concatenate([np.roots(w[::-1]) for w in run])
            assert np.abs(roots.imag).max() <= 1e-6 * (1 + np.abs(roots).max())
            angles = np.sort(np.arctan(roots.real))
            # π/12 as promised, less what a root loses by rounding.
            assert np.diff(angles).min() >= math.pi / 12 - 1e-6
            assert angles[0] + math.pi - angles[-1] >= math.pi / 12 - 1e-6

    @pytest.mark.parametrize("make", [random_filters, real_rooted])
    def test_balanced_layers_have_one_norm(self, make):
        weights = make(StridedNet((3, 2, 4), (1, 1, 1)), 5, rng=np.random.default_rng(3), balanced=True)
        norms = np.stack([np.linalg.norm(w, axis=1) for w in weights])
        np.testing.assert_allclose(norms, np.broadcast_to(norms[0], norms.shape), rtol=1e-13)
