"""One formula of the geometry of linear networks at a time is made wrong, and a check must turn red."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from planting import Plant, scaled, suite

import theory
from theory.checks import BadInput
from theory.claims import geometry as shared
from theory.claims import verdict
from theory.claims.achour2025 import conserved as conserved_claim
from theory.claims.achour2025 import higher_dimensions, no_metric, riemannian
from theory.claims.claim import Cell, Setting
from theory.objectives import linear_conv as lc
from theory.objectives.linear_conv import factors, fibres, geometry, squared

RNG = np.random.default_rng
NET = lc.StridedNet((3, 2, 2), (2, 2, 1))
PLANE = lc.StridedNet(((2, 2), (3, 2)), ((1, 1), (1, 1)))
STRIDE_ONE = lc.StridedNet((2, 3), (1, 1))


# ------------------------------------------------------------------------------------------------------------- checks


def product() -> None:
    """End to end as composed, layer by layer, on a signal."""
    net = lc.StridedNet((3, 2, 2), (2, 2, 1))
    w = theory.problems.random_filters(net, 1, rng=RNG(0))
    x = RNG(1).standard_normal(net.size + 8)
    y = x
    for one, (s,) in zip(w, net.strides, strict=True):
        y = np.lib.stride_tricks.sliding_window_view(y, one.shape[1])[::s] @ one[0]
    end = net.predictor(w)[0]
    expected = np.lib.stride_tricks.sliding_window_view(x, net.size)[::4] @ end
    np.testing.assert_allclose(y, expected[: len(y)], rtol=0, atol=1e-13)
    composed = np.eye(len(x))
    for matrix in lc.matrices(net, w, len(x)):
        composed = matrix[0] @ composed
    np.testing.assert_allclose(composed @ x, y, rtol=0, atol=1e-13)


def slopes() -> None:
    """Pullback, pushforward and Jacobian against differences."""
    w, t = (theory.problems.random_filters(NET, 2, rng=RNG(seed)) for seed in (0, 1))
    g = RNG(2).standard_normal((2, NET.size))
    h = 1e-6
    up, down = (tuple(a + sign * h * b for a, b in zip(w, t, strict=True)) for sign in (1, -1))
    central = (NET.predictor(up) - NET.predictor(down)) / (2 * h)
    np.testing.assert_allclose(NET.pushforward(w, t), central, rtol=0, atol=1e-9)
    by_jacobian = sum((J @ b[:, :, None])[:, :, 0] for J, b in zip(NET.jacobian(w), t, strict=True))
    np.testing.assert_allclose(by_jacobian, central, rtol=0, atol=1e-9)
    pulled = sum(np.sum(a * b, axis=1) for a, b in zip(NET.pullback(w, g), t, strict=True))
    np.testing.assert_allclose(pulled, np.sum(central * g, axis=1), rtol=0, atol=1e-8)


def loss() -> None:
    """The mean of ½ squares, and its gradient."""
    x, y, beta = RNG(0).standard_normal((9, 4)), RNG(1).standard_normal(9), RNG(2).standard_normal((3, 4))
    found, residual = lc.SquaredLoss.of(x, y), beta @ x.T - y
    np.testing.assert_allclose(found.value(beta), (residual**2).mean(axis=1) / 2, rtol=1e-12)
    np.testing.assert_allclose(found.gradient(beta), residual @ x / 9, rtol=0, atol=1e-12)


def kernels() -> None:
    """The counterexample, by hand."""
    w = (np.array([[2.0, 0.0]]), np.array([[0.5, 0.5]]))
    K = lc.kernel(lc.StridedNet((2, 2), (1, 1)), w)
    np.testing.assert_allclose(K[0], no_metric.KERNELS[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(lc.conserved(w), 3.5, rtol=0, atol=1e-14)


def scale() -> None:
    """Π c_i = α and differences of squares δ."""
    delta = np.array([[3.0, -1.0], [-2.0, 5.0]])
    c = lc.scales(np.array([2.0, 0.1]), delta)
    np.testing.assert_allclose(c.prod(axis=1), [2.0, 0.1], rtol=1e-12)
    np.testing.assert_allclose(c[:, :-1] ** 2 - c[:, 1:] ** 2, delta, rtol=0, atol=1e-12)


def peeled() -> None:
    """Factors of a product are those that were multiplied."""
    w = theory.problems.random_filters(NET, 3, rng=RNG(0))
    found, gap = lc.peel(NET, NET.predictor(w))
    assert gap.min() > 1e-3
    for one, other in zip(found, w, strict=True):
        cosine = np.abs(np.sum(one * other, axis=1)) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        np.testing.assert_allclose(cosine, 1, rtol=0, atol=1e-12)


def complete() -> None:
    """Twelve points with stride 1, two of them the plane's, each of which solves the equations; its own among them."""
    for net, count in ((NET, 4), (PLANE, 2), (STRIDE_ONE, 6)):
        make = theory.problems.real_rooted if net is STRIDE_ONE else theory.problems.random_filters
        w = make(net, 1, rng=RNG(3))
        v, delta = net.predictor(w)[0], lc.conserved(w)[0]
        found = lc.fibre(net, v, delta).points
        assert len(lc.distinct(found)[0]) == count
        np.testing.assert_allclose(net.predictor(found), np.tile(v, (count, 1)), rtol=0, atol=1e-11)
        np.testing.assert_allclose(lc.conserved(found), np.tile(delta, (count, 1)), rtol=0, atol=1e-11)


def searched() -> None:
    """Levenberg's and Marquardt's steps find all six, and settle."""
    w = theory.problems.real_rooted(STRIDE_ONE, 1, rng=RNG(3))
    found = lc.search(STRIDE_ONE, STRIDE_ONE.predictor(w)[0], lc.conserved(w)[0], rng=RNG(4), batches=20)
    assert found.settled
    assert len(found.hits) == 6
    assert found.hits.sum() <= found.starts


def lifted() -> None:
    """A little off the end-to-end filters, what is lifted is the nearest."""
    w = theory.problems.random_filters(NET, 1, rng=RNG(6))
    v = NET.predictor(w)
    across = np.linalg.svd(np.concatenate(NET.jacobian(w), axis=2)[0])[0][:, NET.dimension :].sum(axis=1)
    lift = lc.lift(NET, v + 1e-7 * across, lc.conserved(w))
    assert np.abs(NET.predictor(lift) - v).max() <= 1e-9
    exact = lc.lift(NET, v, lc.conserved(w))
    np.testing.assert_allclose(lc.conserved(exact), lc.conserved(w), rtol=0, atol=1e-12)


def followed() -> None:
    """Newton's steps take a point to one that has other v and δ."""
    w = theory.problems.random_filters(STRIDE_ONE, 1, rng=RNG(7))
    v, delta = 1.01 * STRIDE_ONE.predictor(w), 1.01 * lc.conserved(w)
    found = lc.follow(STRIDE_ONE, v, delta, w)
    np.testing.assert_allclose(STRIDE_ONE.predictor(found), v, rtol=0, atol=1e-12)
    np.testing.assert_allclose(lc.conserved(found), delta, rtol=0, atol=1e-12)


def initial_slope(at_0, at_h, at_2h, h):
    """The derivative at 0, up to h²/3 times the third."""
    return (4 * at_h - at_2h - 3 * at_0) / (2 * h)


def flow() -> None:
    """v̇ = −K∇ℓ in both flows and descent, and the integral of squares grows at its own rate."""
    w = theory.problems.random_filters(NET, 1, rng=RNG(5))
    problem = theory.problems.correlated_loss(NET, rng=RNG(6))
    v, h = NET.predictor(w), 1e-3
    g = problem.gradient(v)
    run = lc.weight_flow(NET, problem, w, [h, 2 * h])
    at = [NET.predictor(tuple(one[time] for one in run.weights)) for time in range(2)]
    expected = -(lc.kernel(NET, w) @ g[:, :, None])[:, :, 0]
    np.testing.assert_allclose(initial_slope(v, *at, h), expected, rtol=0, atol=100 * h**2)
    squares = lc.square_norms(NET.pullback(w, g))
    grown = initial_slope(0, *run.squares, h)
    np.testing.assert_allclose(grown, squares[:, :-1] - squares[:, 1:], rtol=0, atol=100 * h**2)
    alone = lc.function_flow(NET, problem, v, lc.conserved(w), [h, 2 * h])
    np.testing.assert_allclose(initial_slope(v, *alone, h), expected, rtol=0, atol=100 * h**2)
    once = lc.weight_descent(NET, problem, w, eta=1e-7, steps=1)
    np.testing.assert_allclose((NET.predictor(once) - v) / 1e-7, expected, rtol=0, atol=1e-5)


def on(module, *cells: Cell) -> Callable[[], None]:
    """The verdict of a claim on these cells: it holds, and every control is refuted."""

    def check() -> None:
        found = []
        for cell in cells:
            found += module.measure(cell, Setting(rng=RNG(2), xp=np, profile="quick")).findings
        assert verdict.conclude(module.CLAIM, found).passed

    return check


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (product, slopes, loss, kernels, scale, peeled, complete, searched, lifted, followed, flow)
}
CHECKS |= {
    "verdict of conserved": on(conserved_claim, Cell({"network": "3,2 / 2,1", "runs": 3, "steps": 256})),
    "verdict of riemannian": on(
        riemannian,
        Cell({"network": "3,2 / 2,1", "runs": 1}),
        Cell({"network": "2,2 / 1,1", "runs": 1}, riemannian.STRIDE_ONE),
    ),
    "verdict of higher dimensions": on(
        higher_dimensions,
        Cell({"network": "2x2,2x2 / 2x2,1x1", "runs": 1}),
        Cell({"network": "2x2,2x2 / 1x1,1x1", "runs": 1}),
        Cell({"network": "3,2 / 1,1", "runs": 8}, higher_dimensions.FLAT),
    ),
    "verdict of no metric": on(
        no_metric,
        Cell({"network": "2,2 / 1,1", "runs": 0}),
        Cell({"network": "2,3 / 1,1", "runs": 1}),
        Cell({"network": "2,2 / 2,1", "runs": 0}, no_metric.STRIDE_TWO),
        Cell({"network": "2,2 / 1,1", "runs": 1}, no_metric.BALANCED),
    ),
}


# ------------------------------------------------------------------------------------------------------------- plants

KERNEL, SQUARES, RANK = geometry.kernel, geometry.square_norms, geometry.rank
FIRST, SPLITS, SCALES = factors._first_factor, factors._by_roots, fibres.scales
SIGNS, SLOPES, DAMPED = fibres._signs, fibres._slopes, fibres._damped
FUNCTIONS, WEIGHT_FLOW, DESCEND = lc.function_flow, lc.weight_flow, lc.weight_descent
PULLBACK, PUSHFORWARD, JACOBIAN = lc.StridedNet.pullback, lc.StridedNet.pushforward, lc.StridedNet.jacobian
GRADIENT, VALUE = squared.SquaredLoss.gradient, squared.SquaredLoss.value
DIVIDE, SLOPE, COUNTED = factors._divide, factors._slope, shared.counted


def first_scaled(function, factor):
    """A tuple, the first entry multiplied."""

    def plant(*args, **kwargs):
        first, *others = function(*args, **kwargs)
        return (factor * first, *others)

    return plant


def squares_scaled(*args):
    """∫ ‖g_1‖² − ‖g_2‖² two per cent off."""
    found = WEIGHT_FLOW(*args)
    return found._replace(squares=1.02 * found.squares)


def drifting(*args):
    """A flow with 1 % more in the first layer at its last time, as of a loss that is not of the product."""
    found = WEIGHT_FLOW(*args)
    first = found.weights[0].copy()
    first[-1] *= 1.0001
    return found._replace(weights=(first, *found.weights[1:]))


def other_delta(net, problem, v, delta, times, **more):
    """Two per cent off in δ."""
    return FUNCTIONS(net, problem, v, 1.02 * delta, times, **more)


def first_way(f, degrees):
    """One way to deal out the roots left out."""
    return SPLITS(f, degrees)[1:]


def all_signs(layers):
    """Signs whose product may be −1."""
    return np.concatenate([SIGNS(layers), -SIGNS(layers)])


def one_sign(layers):
    """No changes of sign."""
    return SIGNS(layers)[:1]


def unpolished(network, weights, v, delta, steps=3):
    """Newton's steps left out."""
    return weights


def half_steps(network, weights):
    """Derivatives of δ without their factor 2."""
    found = SLOPES(network, weights).copy()
    found[:, network.size :] /= 2
    return found


def other_counterexample():
    """The second K with one entry two per cent off."""
    first, second = (np.array(K) for K in no_metric.KERNELS)
    second[1, 1] *= 1.02
    return tuple(tuple(map(tuple, K.tolist())) for K in (first, second))


def turned_steps(network, weights, off, damping):
    """Every damped step the other way."""
    return tuple(2 * w - moved for w, moved in zip(weights, DAMPED(network, weights, off, damping), strict=True))


def stride_for_dilation(self):
    """S_i with the stride of the layer itself in it."""
    found = [tuple(1 for _ in self.shapes[0])]
    for stride in self.strides[1:]:
        found.append(tuple(S * s for S, s in zip(found[-1], stride, strict=True)))
    return tuple(found)


PLANTS: dict[str, Plant] = {
    "the stride after for the stride before": Plant(
        lc.StridedNet, "dilations", property(stride_for_dilation), ["product"]
    ),
    "the gradient × 1.02": Plant(squared.SquaredLoss, "gradient", scaled(GRADIENT, 1.02), ["loss"]),
    "the loss without ½": Plant(squared.SquaredLoss, "value", scaled(VALUE, 2.0), ["loss"]),
    "the pullback's first layer × 1.02": Plant(
        lc.StridedNet, "pullback", first_scaled(PULLBACK, 1.02), ["slopes", "flow"]
    ),
    "the pushforward × 1.02": Plant(lc.StridedNet, "pushforward", scaled(PUSHFORWARD, 1.02), ["slopes", "flow"]),
    "the Jacobian's first layer × 1.02": Plant(
        lc.StridedNet, "jacobian", first_scaled(JACOBIAN, 1.02), ["slopes", "kernels"]
    ),
    "K × 1.02": Plant(lc, "kernel", scaled(KERNEL, 1.02), ["kernels", "verdict of no metric"]),
    "norms × 1.02": Plant(geometry, "square_norms", scaled(SQUARES, 1.02), ["kernels"]),
    "a rank one too high": Plant(lc, "rank", lambda K: RANK(K) + 1, ["verdict of riemannian"]),
    "scales × 1.02": Plant(lc, "scales", scaled(SCALES, 1.02), ["scale"]),
    "δ turned": Plant(lc, "scales", lambda a, d: SCALES(a, -d), ["scale"]),
    "a step of the polish left out": Plant(fibres, "_polished", unpolished, ["lifted", "followed"]),
    "slopes of δ halved": Plant(fibres, "_slopes", half_steps, ["followed"]),
    "signs of product −1": Plant(fibres, "_signs", all_signs, ["complete"]),
    "no signs": Plant(fibres, "_signs", one_sign, ["complete"]),
    "a way to deal out roots forgotten": Plant(factors, "_by_roots", first_way, ["complete", "verdict of no metric"]),
    "the quotient × 1.02 in part": Plant(
        factors, "_divide", lambda *args: DIVIDE(*args) * np.linspace(1, 1.02, DIVIDE(*args).shape[1]), ["peeled"]
    ),
    "the first factor with an entry turned": Plant(
        factors,
        "_first_factor",
        lambda *args: (FIRST(*args)[0] * np.where(np.arange(FIRST(*args)[0].shape[1]) == 1, 0.98, 1), FIRST(*args)[1]),
        ["peeled"],
    ),
    "damped steps turned": Plant(fibres, "_damped", turned_steps, ["searched"]),
    "a derivative × its power + 1": Plant(factors, "_slope", lambda f, axis: SLOPE(f, axis) + 0.02, ["complete"]),
    "the squares × 1.02": Plant(lc, "weight_flow", squares_scaled, ["flow", "verdict of conserved"]),
    "a flow that drifts by 1e-4": Plant(lc, "weight_flow", drifting, ["verdict of conserved"]),
    "descent with η²/2": Plant(
        lc,
        "weight_descent",
        lambda *args, eta, steps: DESCEND(*args, eta=0.98 * eta, steps=steps),
        ["flow", "verdict of conserved"],
    ),
    "δ × 1.02 in the flow on functions": Plant(
        lc, "function_flow", other_delta, ["verdict of riemannian", "verdict of higher dimensions"]
    ),
    "an entry of the second K × 1.02": Plant(no_metric, "KERNELS", other_counterexample(), ["verdict of no metric"]),
    "2^L for 2^{L−1}": Plant(
        shared, "counted", lambda f, n, m, control="": COUNTED(f, 2 * n, m, control=control), ["verdict of riemannian"]
    ),
    "layers never change places": Plant(higher_dimensions, "orders", lambda net: 1, ["verdict of higher dimensions"]),
    "K that agree by definition": Plant(
        lc, "spread", lambda K: 0.0, ["verdict of riemannian", "verdict of higher dimensions", "verdict of no metric"]
    ),
}


@pytest.fixture(autouse=True)
def short_flows(monkeypatch):
    monkeypatch.setattr(shared, "TIMES", (0.25,))


# A fibre refuses points of another filter.
test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, red=(AssertionError, BadInput)
)
