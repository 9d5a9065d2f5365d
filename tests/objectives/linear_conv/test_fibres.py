"""Factors, fibres and flows, against exact algebra, root finders of their own, and closed forms."""

from __future__ import annotations

import itertools
import math

import array_api_strict as strict
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import brentq

from theory.arrays import to_numpy
from theory.checks import BadInput
from theory.objectives.linear_conv import (
    SquaredLoss,
    StridedNet,
    conserved,
    distinct,
    fibre,
    follow,
    function_flow,
    jacobian,
    kernel,
    lift,
    metric,
    peel,
    rank,
    scales,
    search,
    splits,
    spread,
    square_norms,
    stages,
    unique,
    weight_descent,
    weight_flow,
)
from theory.objectives.linear_conv import fibres as fibres_module
from theory.problems import correlated_loss, random_filters, real_rooted

EPS = np.finfo(float).eps
STRIDED = {
    "1-D": StridedNet((3, 2, 4), (2, 3, 1)),
    "long first filter": StridedNet((5, 3), (2, 1)),
    "first filter shorter than the stride": StridedNet((2, 3), (4, 1)),
    "plane": StridedNet(((2, 3), (3, 2), (2, 2)), ((2, 1), (1, 2), (1, 1))),
    "space": StridedNet(((2, 2, 2), (2, 1, 2)), ((2, 2, 1), (1, 1, 1))),
}
PLANE = StridedNet(((2, 2), (3, 2)), ((1, 1), (1, 1)))
STRIDE_ONE = StridedNet((2, 3, 2), (1, 1, 1))
strided = pytest.mark.parametrize("network", STRIDED.values(), ids=STRIDED)


def point(network, runs=1, seed=0, make=random_filters):
    weights = make(network, runs, rng=np.random.default_rng(seed))
    return weights, network.predictor(weights), conserved(weights)


def parallel(a, b):
    """sin of the angle between two arrays, read as vectors."""
    a, b = np.ravel(a) / np.linalg.norm(a), np.ravel(b) / np.linalg.norm(b)
    return np.linalg.norm(a - (a @ b) * b)


# ---------------------------------------------------------------------------------------------------------- geometry


def test_the_kernel_by_hand():
    """The example without a metric: both K, written out."""
    network, s = StridedNet((2, 2), (1, 1)), math.sqrt(2)
    weights = (np.array([[2.0, 0.0], [s, s]]), np.array([[0.5, 0.5], [1 / s, 0.0]]))
    expected = [
        [[4.25, 0.25, 0.0], [0.25, 4.5, 0.25], [0.0, 0.25, 0.25]],
        [[2.5, 2.0, 0.0], [2.0, 4.5, 2.0], [0.0, 2.0, 2.0]],
    ]
    np.testing.assert_allclose(kernel(network, weights), expected, rtol=0, atol=16 * EPS)
    np.testing.assert_allclose(conserved(weights), 3.5, rtol=0, atol=16 * EPS)
    # Six entries of ±1.75 and a norm of K.
    assert spread(kernel(network, weights)) == pytest.approx(math.sqrt(18.375) / np.linalg.norm(expected[0]), rel=1e-14)


@strided
def test_the_kernel_its_rank_and_its_metric(network):
    weights, v, _ = point(network, runs=4)
    K = kernel(network, weights)
    by_pullbacks = sum(J @ np.swapaxes(J, 1, 2) for J in jacobian(network, weights))
    np.testing.assert_allclose(K, by_pullbacks, rtol=0, atol=1e3 * EPS)
    assert rank(K).tolist() == [network.dimension] * 4
    np.testing.assert_allclose(K @ metric(K) @ K, K, rtol=0, atol=1e-9 * np.abs(K).max())
    # v = J_i w_i is a direction in which K moves: K⁺ measures it.
    np.testing.assert_allclose((K @ metric(K) @ v[:, :, None])[:, :, 0], v, rtol=0, atol=1e-9 * np.abs(v).max())


def test_the_rank_falls_where_neighbours_share_a_root():
    """(x − 2)(x − 3) · (x − 2): the tangents are all multiples of x − 2."""
    network = StridedNet((3, 2), (1, 1))
    assert rank(kernel(network, (np.array([[6.0, -5.0, 1.0]]), np.array([[-2.0, 1.0]])))).tolist() == [3]
    assert rank(kernel(network, (np.array([[6.0, -5.0, 1.0]]), np.array([[-1.0, 1.0]])))).tolist() == [4]


def test_geometry_on_every_library():
    network = STRIDED["plane"]
    weights, _, _ = point(network, runs=2)
    there = tuple(strict.asarray(w) for w in weights)
    K = kernel(network, there)
    np.testing.assert_allclose(to_numpy(K), kernel(network, weights), rtol=0, atol=1e3 * EPS)
    np.testing.assert_allclose(to_numpy(conserved(there)), conserved(weights), rtol=0, atol=100 * EPS)
    assert to_numpy(rank(K)).tolist() == rank(kernel(network, weights)).tolist()
    assert spread(K) == pytest.approx(spread(kernel(network, weights)), rel=1e-12)
    np.testing.assert_allclose(to_numpy(metric(K)), metric(kernel(network, weights)), rtol=1e-6, atol=1e-6)


# ----------------------------------------------------------------------------------------------------------- factors


def test_stages():
    assert stages(StridedNet((2, 2, 2, 2), (1, 2, 1, 1))) == ((0, 1), (2, 3))
    assert [unique(network) for network in (*STRIDED.values(), PLANE)] == [True] * 5 + [False]


@strided
def test_peeling_gives_the_factors(network):
    weights, v, _ = point(network, runs=3)
    factors, gap = peel(network, v)
    assert np.all(gap > 1e-3)
    for factor, w in zip(factors, weights, strict=True):
        # Rounding, times what the least singular value blows it up by.
        assert max(parallel(a, b) for a, b in zip(factor, w, strict=True)) <= 1e3 * EPS / gap.min()
    product = network.predictor(tuple(f.reshape(3, *k) for f, k in zip(factors, network.shapes, strict=True)))
    np.testing.assert_allclose(product, v, rtol=0, atol=1e3 * EPS / gap.min())


def test_peeling_is_the_greatest_common_divisor():
    """v = P(x) Q(x²) with whole coefficients: Q is the exact common divisor of the even and the odd part."""
    import sympy

    y = sympy.symbols("y")
    network, rng = StridedNet((4, 3), (2, 1)), np.random.default_rng(0)
    weights = tuple(rng.integers(-5, 6, (1, k)).astype(float) for k in (4, 3))
    v = network.predictor(weights)
    even, odd = (sympy.Poly([int(c) for c in part[::-1]], y) for part in (v[0, ::2], v[0, 1::2]))
    common = [float(c) for c in sympy.gcd(even, odd).all_coeffs()][::-1]
    (_, second), _ = peel(network, v)
    assert parallel(second[0], common) <= 1e-12


def test_where_the_factors_are_not_unique_the_gap_closes():
    """(1 − x²) · Q(x²): the even factor may belong to either."""
    network = StridedNet((3, 2), (2, 1))
    v = network.predictor((np.array([[1.0, 0.0, -1.0]]), np.array([[1.0, 3.0]])))
    _, gap = peel(network, v)
    assert gap[0] <= 8 * EPS
    found = fibre(network, v[0], np.array([0.3]))
    assert (found.ways, len(found.points[0])) == (0, 0)


def test_splitting_by_roots():
    """(x − 1)(x − 2)(x² + 1) into degrees 2 and 2: the conjugate pair goes to one layer, to either."""
    f = np.convolve(np.convolve([-1.0, 1.0], [-2.0, 1.0]), [1.0, 0.0, 1.0])
    ways, _ = splits(f, ((3,), (3,)))
    assert len(ways) == 2
    for a, b in ways:
        assert min(parallel(a, [1, 0, 1]), parallel(b, [1, 0, 1])) <= 1e-12
        assert parallel(np.convolve(a, b), f) <= 1e-12
    assert len(splits(f, ((2,), (4,)))[0]) == 2
    # Two pairs alone leave two layers of odd degree nothing.
    assert splits(np.convolve([1.0, 0.0, 1.0], [2.0, 0.0, 1.0]), ((2,), (4,)))[0] == []


def test_splitting_knows_roots_at_infinity_and_double_ones():
    assert len(splits(np.array([1.0, 1.0, 0.0]), ((2,), (2,)))[0]) == 2
    assert len(splits(np.array([1.0, 0.0, 0.0]), ((2,), (2,)))[0]) == 1
    assert len(splits(np.array([4.0, -4.0, 1.0]), ((2,), (2,)))[0]) == 1


def test_splitting_in_the_plane_against_exact_factors():
    import sympy

    x, y = sympy.symbols("x y")
    rng = np.random.default_rng(6)
    shapes = ((2, 2), (3, 2), (2, 3))
    factors = [rng.integers(1, 10, shape) for shape in shapes]
    exact = math.prod(sum(int(f[i, j]) * x**i * y**j for i, j in np.ndindex(f.shape)) for f in factors)
    poly = sympy.Poly(sympy.expand(exact), x, y)
    f = np.array([[float(poly.coeff_monomial(x**i * y**j)) for j in range(5)] for i in range(5)])
    _, found = sympy.factor_list(poly)
    assert len(found) == 3
    ways, gap = splits(f, shapes)
    assert len(ways) == 1
    assert gap > 1e-6
    for part, shape in zip(ways[0], shapes, strict=True):
        dense = [
            np.array([[float(one.coeff_monomial(x**i * y**j)) for j in range(shape[1])] for i in range(shape[0])])
            for one, _ in found
            if all(d < k for d, k in zip(one.degree_list(), shape, strict=True))
        ]
        assert min(parallel(part, one) for one in dense) <= 1e-9


def test_more_factors_than_layers_are_no_smooth_point():
    """A layer (1 + x)(1 + 2y) has two factors: they could be dealt out otherwise, and nothing is returned."""
    f = StridedNet(((2, 2), (2, 2)), ((1, 1), (1, 1)))
    weights = (np.outer([1.0, 1.0], [1.0, 2.0])[None], np.array([[[1.0, 2.0], [3.0, -1.0]]]))
    ways, gap = splits(f.predictor(weights)[0].reshape(3, 3), f.shapes)
    assert ways == []
    assert gap <= 64 * EPS


def test_fewer_factors_than_layers_are_no_product():
    """A generic polynomial is irreducible."""
    f = np.random.default_rng(2).standard_normal((3, 3))
    assert splits(f, ((2, 2), (2, 2))) == ([], 0.0)


# ------------------------------------------------------------------------------------------------------------ fibres


def test_scales_against_a_bracketing_root_finder():
    rng = np.random.default_rng(0)
    alpha, delta = np.exp(3 * rng.standard_normal(50)), 5 * rng.standard_normal((50, 3))
    found = scales(alpha, delta)
    np.testing.assert_allclose(found.prod(axis=1), alpha, rtol=1e-12)
    np.testing.assert_allclose(found[:, :-1] ** 2 - found[:, 1:] ** 2, delta, rtol=0, atol=1e-12 * found.max() ** 2)
    for a, d, c in zip(alpha, delta, found, strict=True):
        D = np.array([d.sum(), d[1:].sum(), d[2], 0.0])
        root = brentq(
            lambda t, D=D, a=a: np.log(t + (D - D.min())).sum() - 2 * math.log(a), 1e-30, 1e6, xtol=1e-30, rtol=1e-14
        )
        # Squares are sums of numbers as large as the largest of them.
        np.testing.assert_allclose(c**2, root + (D - D.min()), rtol=1e-11, atol=64 * EPS * np.abs(D).max())


@pytest.mark.parametrize(
    ("network", "ways", "make"),
    [
        *((network, 1, random_filters) for network in STRIDED.values()),
        (PLANE, 1, random_filters),
        (StridedNet(((2, 2), (2, 2)), ((1, 1), (1, 1))), 2, random_filters),
        (STRIDE_ONE, 12, real_rooted),
        (StridedNet((2, 2, 3), (1, 2, 1)), 2, random_filters),
        (StridedNet((3,), (1,)), 1, random_filters),
    ],
)
def test_the_fibre_holds_its_own_point_and_solves_its_equations(network, ways, make):
    weights, v, delta = point(network, seed=3, make=make)
    found = fibre(network, v[0], delta[0])
    assert found.ways == ways
    assert len(found.points[0]) == ways * 2 ** (network.degree - 1) == len(distinct(found.points)[0])
    # Newton's steps end at rounding, of sums of at most 48 terms of order 1.
    assert np.abs(network.predictor(found.points) - v).max() <= 1e-12
    assert np.abs(conserved(found.points) - delta).max(initial=0.0) <= 1e-12
    off = sum(np.sum((p - w).reshape(len(p), -1) ** 2, axis=1) for p, w in zip(found.points, weights, strict=True))
    assert math.sqrt(off.min()) <= 1e-9


@pytest.mark.parametrize("network", [STRIDED["1-D"], PLANE, STRIDE_ONE], ids=["strides", "plane", "stride 1"])
def test_a_search_that_knows_no_factors_finds_the_same(network):
    _, v, delta = point(network, seed=4, make=real_rooted if network is STRIDE_ONE else random_filters)
    found, known = search(network, v[0], delta[0], rng=np.random.default_rng(1)), fibre(network, v[0], delta[0])
    assert found.settled
    assert found.hits.min() >= 20
    assert len(found.hits) == len(known.points[0])
    both = tuple(np.concatenate(pair) for pair in zip(known.points, found.points, strict=True))
    assert len(distinct(both)[0]) == len(known.points[0])


def test_a_search_that_is_cut_short_says_so():
    _, v, delta = point(STRIDE_ONE, seed=4, make=real_rooted)
    found = search(STRIDE_ONE, v[0], delta[0], rng=np.random.default_rng(1), batches=1)
    assert (found.starts, found.settled) == (256, False)


@strided
def test_lifting_many_at_once(network):
    weights, v, delta = point(network, runs=5, seed=5)
    lifted = lift(network, v, delta)
    np.testing.assert_allclose(network.predictor(lifted), v, rtol=0, atol=1e-12)
    np.testing.assert_allclose(conserved(lifted), delta, rtol=0, atol=1e-12)
    for found, w in zip(lifted, weights, strict=True):
        np.testing.assert_allclose(np.abs(found), np.abs(w), rtol=0, atol=1e-9)


def test_lifting_takes_the_nearest_filter():
    """A little off the end-to-end filters, by e across them: what is lifted is that far off, and not e/gap."""
    network = STRIDED["long first filter"]
    weights, v, delta = point(network, seed=6)
    tangents = np.concatenate(network.jacobian(weights), axis=2)[0]
    across = np.linalg.svd(tangents)[0][:, network.dimension :].sum(axis=1)
    lifted = lift(network, v + 1e-7 * across, delta)
    # Of second order but for what δ asks along the fibre.
    assert np.abs(network.predictor(lifted) - v).max() <= 1e-9


def test_following_stays_on_its_sheet():
    network = StridedNet((2, 2), (1, 1))
    weights, v, delta = point(network, seed=7)
    moved = follow(network, v * 1.001, delta, weights)
    np.testing.assert_allclose(network.predictor(moved), v * 1.001, rtol=0, atol=1e-12)
    assert all(np.abs(a - b).max() < 0.01 for a, b in zip(moved, weights, strict=True))


def test_signs_have_product_one():
    signs = fibres_module._signs(4)
    assert len({tuple(row) for row in signs.tolist()}) == 8
    assert np.all(signs.prod(axis=1) == 1)
    assert set(itertools.chain(*signs.tolist())) == {1.0, -1.0}


# ------------------------------------------------------------------------------------------------------------- flows


def test_the_flow_of_one_layer_is_an_exponential():
    """w(t) = t* + e^{−Σt}(w₀ − t*)."""
    network, rng = StridedNet((3,), (1,)), np.random.default_rng(0)
    loss, w = correlated_loss(network, rng=rng), rng.standard_normal((2, 3))
    flow = weight_flow(network, loss, (w,), [0.5, 2.0])
    for time, found in zip((0.5, 2.0), flow.weights[0], strict=True):
        expected = loss.target + (w - loss.target) @ expm(-time * loss.covariance)
        # Some dozens of steps, each with a relative error of 1e-12.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert flow.squares.shape == (2, 2, 0)
    alone = function_flow(network, loss, w, np.zeros((2, 0)), [0.5, 2.0])
    np.testing.assert_allclose(alone, flow.weights[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("network", [STRIDED["1-D"], PLANE], ids=["by factors", "by Newton's steps"])
def test_functions_alone_do_as_the_weights_do(network):
    weights, v, delta = point(network, runs=2, seed=8)
    loss = correlated_loss(network, rng=np.random.default_rng(9))
    flow = weight_flow(network, loss, weights, [0.5, 1.0])
    alone = function_flow(network, loss, v, delta, [0.5, 1.0], near=None if unique(network) else weights)
    for time in range(2):
        now = tuple(w[time] for w in flow.weights)
        np.testing.assert_allclose(alone[time], network.predictor(now), rtol=0, atol=1e-9)
        np.testing.assert_allclose(conserved(now), delta, rtol=0, atol=1e-10)
        assert np.all(loss.value(network.predictor(now)) < loss.value(v))


def test_the_squares_are_what_a_quadrature_gives():
    network = STRIDED["1-D"]
    weights, _, _ = point(network, runs=1, seed=8)
    loss = correlated_loss(network, rng=np.random.default_rng(9))
    nodes, heights = np.polynomial.legendre.leggauss(80)
    flow = weight_flow(network, loss, weights, [*((nodes + 1) / 2), 1.0])
    rates = []
    for time in range(80):
        now = tuple(w[time] for w in flow.weights)
        norms = square_norms(network.pullback(now, loss.gradient(network.predictor(now))))
        rates.append(norms[0, :-1] - norms[0, 1:])
    # Gauss–Legendre with 80 nodes of a function that varies on times of order 0.1.
    np.testing.assert_allclose(flow.squares[-1, 0], np.array(heights) @ rates / 2, rtol=0, atol=1e-9)


def test_descent_step_by_step():
    network = StridedNet((2, 2), (2, 1))
    weights, v, delta = point(network, runs=2, seed=10)
    loss = SquaredLoss(np.eye(4), np.ones(4))
    g = network.pullback(weights, v - 1)
    once = weight_descent(network, loss, weights, eta=0.1, steps=1)
    for w, one, slope in zip(weights, once, g, strict=True):
        np.testing.assert_array_equal(one, w - 0.1 * slope)
    # A step moves δ by exactly η²(‖g_1‖² − ‖g_2‖²).
    squares = square_norms(g)
    np.testing.assert_allclose(conserved(once) - delta, 0.01 * (squares[:, :1] - squares[:, 1:]), rtol=0, atol=64 * EPS)
    none = weight_descent(network, loss, weights, eta=0.1, steps=0)
    assert all(a is b for a, b in zip(none, weights, strict=True))


class TestBadInput:
    def test_fibres(self):
        network = STRIDED["1-D"]
        with pytest.raises(BadInput, match=r"v and delta is arrays of shapes \(3,\) and \(2,\)"):
            fibre(network, np.ones(3), np.ones(2))
        with pytest.raises(BadInput, match="v is the zero vector"):
            fibre(network, np.zeros(23), np.ones(2))
        with pytest.raises(BadInput, match="v is an array with NaN"):
            fibre(network, np.full(23, np.nan), np.ones(2))

    @pytest.mark.parametrize(
        ("strides", "v"),
        [((2, 1), (1.0, 2.0, 3.0, 5.0)), ((3, 1), (1.0, 2.0, 7.0, 2.0, 4.0)), ((2, 1), (1.0, 2.0, 1.0, 2.00001))],
    )
    def test_no_filter_of_the_network(self, strides, v):
        with pytest.raises(BadInput, match=r"v is \[1.0, 2.0, .*\]; it must be an end-to-end filter of this network"):
            fibre(StridedNet((2, 2), strides), np.array(v), np.zeros(1))

    def test_a_filter_up_to_rounding(self):
        found = fibre(StridedNet((2, 2), (2, 1)), np.array([1.0, 2.0, 1.0, 2.0 + 1e-14]), np.zeros(1))
        assert len(found.points[0]) == 2

    def test_searches(self):
        network, rng = StridedNet((2, 2), (2, 1)), np.random.default_rng(0)
        for v, delta, message in (
            ([1.0, np.nan, 1.0, 2.0], [0.0], "v is an array with NaN"),
            ([1.0, 2.0, 1.0, 2.0], [np.nan], "delta is an array with NaN"),
            ([1.0, 2.0, 1.0], [0.0], "v and delta is arrays of shapes"),
            ([0.0, 0.0, 0.0, 0.0], [0.0], "v is the zero vector"),
        ):
            with pytest.raises(BadInput, match=message):
                search(network, np.array(v), np.array(delta), rng=rng)

    def test_flows(self):
        network, loss, other = (
            StridedNet((2,), (1,)),
            SquaredLoss(np.eye(2), np.ones(2)),
            SquaredLoss(np.eye(3), np.ones(3)),
        )
        good, v, delta = (np.ones((1, 2)),), np.ones((1, 2)), np.zeros((1, 0))
        for call, message in (
            (lambda: weight_flow(network, loss, (np.array([[1.0, np.nan]]),), [1.0]), "weights is an array with NaN"),
            (
                lambda: weight_flow(network, loss, (np.ones((1, 3)),), [1.0]),
                r"weights is arrays of shapes \[\(1, 3\)\]",
            ),
            (lambda: weight_flow(network, other, good, [1.0]), "loss is of filters with 3 entries; it must be of 2"),
            (lambda: weight_descent(network, other, good, eta=0.1, steps=1), "loss is of filters with 3 entries"),
            (lambda: function_flow(network, other, v, delta, [1.0]), "loss is of filters with 3 entries"),
            (lambda: function_flow(network, loss, v * np.nan, delta, [1.0]), "v is an array with NaN"),
            (lambda: function_flow(network, loss, v, np.ones((1, 1)), [1.0]), "v and delta is arrays of shapes"),
            (lambda: function_flow(network, loss, v, delta, [1.0], near=(v * np.nan,)), "weights is an array with NaN"),
        ):
            with pytest.raises(BadInput, match=message) as refused:
                call()
            assert "\n" not in str(refused.value)

    def test_splitting_in_space(self):
        shapes = ((2, 2, 2), (2, 2, 2))
        with pytest.raises(BadInput, match="of 2 layers with stride 1 in 3 dimensions; it must be of at most two"):
            splits(np.ones((3, 3, 3)), shapes)

    def test_lifting_where_there_is_a_choice(self):
        with pytest.raises(BadInput, match=r"network is .*; it must be of strides greater than 1"):
            lift(STRIDE_ONE, np.ones((1, 5)), np.zeros((1, 2)))

    def test_times(self):
        network = StridedNet((2,), (1,))
        with pytest.raises(BadInput, match="times is"):
            weight_flow(network, SquaredLoss(np.eye(2), np.ones(2)), (np.ones((1, 2)),), [1.0, 0.5])
        with pytest.raises(BadInput, match="times is empty; it must be at least one time after 0"):
            weight_flow(network, SquaredLoss(np.eye(2), np.ones(2)), (np.ones((1, 2)),), [])

    def test_steps(self):
        network, loss = StridedNet((2,), (1,)), SquaredLoss(np.eye(2), np.ones(2))
        for settings, message in (({"eta": -1.0, "steps": 1}, "eta is"), ({"eta": 1.0, "steps": -1}, "steps is")):
            with pytest.raises(BadInput, match=message):
                weight_descent(network, loss, (np.ones((1, 2)),), **settings)
