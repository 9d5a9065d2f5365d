"""Networks of several channels: the predictor against loops, the pullback against differences, and bad input."""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.objectives.linear_conv import MultiChannelNet, jacobian

EPS = np.finfo(float).eps
SIZES = [(1, 1, 1, 1), (4, 2, 1, 1), (5, 3, 2, 1), (6, 6, 3, 2), (7, 2, 4, 3), (8, 5, 1, 3)]


def weights(net, runs=3, seed=0, xp=np):
    rng = np.random.default_rng(seed)
    return tuple(xp.asarray(rng.standard_normal((runs, *shape))) for shape in net.shapes)


def by_loops(net, u, v):
    """f(X) = D^{-1/2} Σ V[d,c] U[k,c,r] X[(d+k) mod D, r], read off entry by entry."""
    w = np.zeros((net.dim, net.inputs))
    for d in range(net.dim):
        for k in range(net.kernel_size):
            for c in range(net.channels):
                for r in range(net.inputs):
                    w[(d + k) % net.dim, r] += v[d, c] * u[k, c, r] / np.sqrt(net.dim)
    return w.ravel()


def rounding(net):
    """Sums of K·C products of entries below 5, twice as many through the transforms."""
    return 100 * net.kernel_size * net.channels * EPS


@pytest.mark.parametrize("size", SIZES)
def test_predictor_is_the_sum(size):
    net = MultiChannelNet(*size)
    u, v = weights(net)
    expected = np.stack([by_loops(net, u[run], v[run]) for run in range(3)])
    found = net.predictor((u, v))
    assert found.shape == (3, net.size)
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding(net))
    np.testing.assert_allclose(net.predictor((3 * u, 3 * v)), 3**net.degree * found, rtol=0, atol=9 * rounding(net))


@pytest.mark.parametrize("size", SIZES)
def test_pullback_is_the_adjoint_of_the_derivative(size):
    """The predictor is bilinear: half its central difference is its derivative, but for rounding."""
    net = MultiChannelNet(*size)
    here, way = weights(net), weights(net, seed=1)
    ahead = net.predictor(tuple(w + s for w, s in zip(here, way, strict=True)))
    behind = net.predictor(tuple(w - s for w, s in zip(here, way, strict=True)))
    gradient = np.random.default_rng(2).standard_normal((3, net.size))
    expected = np.sum(gradient * (ahead - behind) / 2, axis=1)
    pulled = net.pullback(here, gradient)
    found = sum(np.sum((p * s).reshape(3, -1), axis=1) for p, s in zip(pulled, way, strict=True))
    np.testing.assert_allclose(found, expected, rtol=0, atol=10 * net.size * rounding(net))
    assert [p.shape for p in pulled] == [(3, *shape) for shape in net.shapes]
    assert [j.shape for j in jacobian(net, here)] == [(3, net.size, int(np.prod(shape))) for shape in net.shapes]


@pytest.mark.parametrize("size", SIZES[1:4])
def test_on_another_library(size):
    net = MultiChannelNet(*size)
    gradient = np.random.default_rng(2).standard_normal((3, net.size))
    found = net.predictor(weights(net, xp=strict))
    assert type(found).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(to_numpy(found), net.predictor(weights(net)), rtol=0, atol=rounding(net))
    there = net.pullback(weights(net, xp=strict), strict.asarray(gradient))
    for one, other in zip(there, net.pullback(weights(net), gradient), strict=True):
        np.testing.assert_allclose(to_numpy(one), other, rtol=0, atol=rounding(net))


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((4, 5), "kernel_size is 5; it must be at most dim, which is 4"),
        ((4, 0), "kernel_size is 0; it must be a whole number, at least 1|kernel_size is 0; it must be at least 1"),
        ((0, 1), "dim is 0"),
        ((4, 2, 0), "channels is 0"),
        ((4, 2, 1, 0), "inputs is 0"),
        ((4, 1.5), "kernel_size is 1.5; it must be a whole number"),
    ],
)
def test_bad_sizes(size, message):
    with pytest.raises(BadInput, match=message) as refused:
        MultiChannelNet(*size)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "shapes", [[(1, 2, 1, 1), (1, 5, 1)], [(1, 2, 1, 1)], [(1, 2, 1, 1), (2, 4, 1)], [(2, 1, 1), (4, 1)]]
)
def test_bad_weights(shapes):
    net, given = MultiChannelNet(4, 2), tuple(np.ones(shape) for shape in shapes)
    for call in (net.predictor, lambda w: net.pullback(w, np.ones((1, 4)))):
        with pytest.raises(BadInput, match=r"weights is arrays of shapes .*; it must be \(runs, …\) with") as refused:
            call(given)
        assert "\n" not in str(refused.value)
