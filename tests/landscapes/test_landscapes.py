"""Directions, planes, landscapes that go on where they were interrupted, and widths in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from theory.checks import BadInput
from theory.landscapes import (
    TAUS,
    Plane,
    Row,
    area,
    directions,
    landscape,
    neighbours,
    settled,
    values,
    widths,
)
from theory.objectives.extended_conv import Network
from theory.problems import network_problem

NETWORK = Network((8, 8), depth=3, channels=(2, 1, 1), bias=True)
W = np.random.default_rng(0).standard_normal(NETWORK.primary)


class TestDirections:
    def test_norms(self):
        d = directions(NETWORK, W, 5, rng=np.random.default_rng(1))
        for here in NETWORK.filters:
            np.testing.assert_allclose(np.linalg.norm(d[:, here], axis=1), np.linalg.norm(W[here]), rtol=1e-13)

    def test_moments(self):
        d = directions(NETWORK, W, 5, rng=np.random.default_rng(1), match="moments")
        for here in NETWORK.filters:
            np.testing.assert_allclose(d[:, here].mean(axis=1), W[here].mean(), rtol=1e-12)
            np.testing.assert_allclose(d[:, here].std(axis=1), W[here].std(), rtol=1e-12)

    def test_a_dead_filter_stays_dead(self):
        w = W.copy()
        w[NETWORK.filters[1]] = 0
        for match in ("norm", "moments"):
            d = directions(NETWORK, w, 2, rng=np.random.default_rng(1), match=match)
            assert not d[:, NETWORK.filters[1]].any()


def test_least_squares_of_a_trajectory():
    rng = np.random.default_rng(2)
    plane = Plane(W, *rng.standard_normal((2, W.size)))
    across = rng.standard_normal(W.size)
    basis = np.linalg.qr(np.stack([plane.delta, plane.eta, across], axis=1))[0]
    w = plane.at([0.5, -2.0], [1.5, 3.0]) + np.array([[0.0], [7.0]]) * basis[:, 2]
    found, apart = plane.project(w)
    np.testing.assert_allclose(found, [[0.5, 1.5], [-2.0, 3.0]], atol=1e-12)
    np.testing.assert_allclose(apart, [0.0, 7.0], atol=1e-12)


class Bowl:
    """½ |w|² with one parameter a direction: a landscape that is known."""

    y = np.zeros(1)

    def __init__(self, power=2):
        self.power, self.calls = power, 0

    def value(self, w):
        self.calls += 1
        return np.sqrt(np.sum(w**2, axis=1)) ** self.power


PLANE = Plane(np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]))


class TestLandscape:
    def test_rows_are_alpha(self):
        found = landscape(Bowl(), Plane(np.zeros(2), np.array([3.0, 0]), np.array([0.0, 1])), ticks=5)
        assert found.ticks.tolist() == [-4, -2, 0, 2, 4]
        np.testing.assert_allclose(found.value[0], [160.0, 148.0, 144.0, 148.0, 160.0], rtol=1e-14)
        assert (found.normal.min(), found.normal.max()) == (0.0, 1.0)
        assert not found.gain.any()

    def test_goes_on_where_it_was_interrupted(self):
        made = network_problem(rng=np.random.default_rng(0), shape=(7, 7), depth=2)
        plane, loss = made.plane(rng=np.random.default_rng(1)), made.extended()
        whole = landscape(loss, plane, ticks=4, start="random", rng=np.random.default_rng(2))

        class Interrupted(dict):
            def __setitem__(self, number, row):
                if len(self) == 2:
                    raise KeyboardInterrupt
                super().__setitem__(number, row)

        known = Interrupted()
        with pytest.raises(KeyboardInterrupt):
            landscape(loss, plane, ticks=4, start="random", rng=np.random.default_rng(2), known=known)
        assert sorted(known) == [0, 1]
        again = landscape(loss, plane, ticks=4, start="random", rng=np.random.default_rng(2), known=dict(known))
        for name in ("value", "data", "gain"):
            np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))

    def test_known_rows_are_not_computed_again(self):
        bowl, known = Bowl(), {}
        landscape(bowl, PLANE, ticks=5, known=known)
        landscape(bowl, PLANE, ticks=5, known=known)
        assert bowl.calls == 5

    @pytest.mark.parametrize("other", ["plane", "reach", "lam", "network", "iterations"])
    def test_known_rows_of_another_landscape_are_refused(self, other):
        made = network_problem(rng=np.random.default_rng(0), shape=(6, 6), depth=1)
        plane, known, options = made.plane(rng=np.random.default_rng(1)), {}, {"ticks": 3, "iterations": 2}
        landscape(made.extended(), plane, known=known, **options)
        loss = made.extended(0.1) if other == "lam" else made.extended()
        if other == "network":
            loss = network_problem(rng=np.random.default_rng(9), shape=(6, 6), depth=1).extended()
        options |= {"reach": 2.0} if other == "reach" else {"iterations": 3} if other == "iterations" else {}
        there = made.plane(rng=np.random.default_rng(2)) if other == "plane" else plane
        with pytest.raises(
            BadInput, match="known is rows of another plane, objective or grid; it must be rows of this"
        ):
            landscape(loss, there, known=known, **options)

    @pytest.mark.parametrize(
        ("more", "message"), [({"ticks": 1}, "ticks is 1; it must be at least 2"), ({"reach": 0}, "reach is 0.0")]
    )
    def test_bad_input(self, more, message):
        with pytest.raises(BadInput, match=message):
            landscape(Bowl(), PLANE, **more)


@pytest.fixture(scope="module")
def case():
    made = network_problem(rng=np.random.default_rng(2), shape=(8, 8), depth=3, weights="normal")
    return made, made.plane(rng=np.random.default_rng(3))


class TestExchange:
    """Inner problems with false minima, from which a neighbour's weights lead out."""

    ALPHA, BETA = (part.ravel() for part in np.meshgrid(np.linspace(-4, 4, 5), np.linspace(-4, 4, 5)))

    def test_true_weights_bound_the_objective(self, case):
        """Before an iteration, with W = w* at every pixel: no data term, and a penalty of the excesses' at most."""
        made, plane = case
        loss = made.extended(0.1)
        found = values(loss, plane, self.ALPHA, self.BETA, start="true", iterations=0)
        apart = np.sum((plane.at(self.ALPHA, self.BETA) - made.w_star) ** 2, axis=1)
        assert np.all(found.data <= 1e-20)
        # 64 pixels a layer, each with its kernel's distance at most.
        assert np.all(found.value <= 0.01 / 2 * 64 * apart + 1e-15)
        assert np.ptp(found.value) > 0

    def test_leads_out_of_false_minima(self, case):
        """Never higher than without, up to rounding, lower by much somewhere, and bounded by every neighbour's W."""
        made, plane = case
        loss = made.extended(0.1)
        place = loss, plane, self.ALPHA, self.BETA
        alone = values(*place, start="primary", iterations=600)
        found = values(*place, start="primary", iterations=600, exchanges=8)
        extent = np.ptp(found.value)
        assert np.max(alone.value - found.value) > 0.1 * extent
        assert np.max(found.value - alone.value) < 0.02 * extent

    def test_a_neighbours_weights_are_no_better_at_the_end(self, case):
        made, plane = case
        loss, w = made.extended(0.1), plane.at(self.ALPHA, self.BETA)
        near = neighbours(self.ALPHA, self.BETA)
        found = settled(loss, w, near, "primary", exchanges=8, iterations=600)
        weights = loss.weights(w, found.u)
        for column in near.T:
            assert np.all(
                loss.value(w, loss.from_weights(w, weights[column])) >= found.value - 1e-3 * np.ptp(found.value)
            )

    def test_neighbours_of_a_grid_are_those_around(self):
        near = neighbours(self.ALPHA, self.BETA)
        assert sorted(near[12].tolist()) == [6, 7, 8, 11, 13, 16, 17, 18]
        assert near.shape == (25, 8)


class TestWidths:
    @pytest.mark.parametrize("tau", TAUS)
    def test_area_of_a_bowl(self, tau):
        """ρ = r²/32 ≤ τ is a disc of area 32 π τ of the 64. A bilinear surface lies above a bowl by h²/4 at most."""
        x = np.linspace(-4, 4, 41)
        rho = (x[:, None] ** 2 + x**2) / 32
        found, exact = area(rho, tau), np.pi * tau / 2
        low = np.pi * (32 * tau - 0.2**2 / 4) / 64
        assert low - 0.003 <= found <= exact + 0.003  # a sixteenth of a cell along the edge

    def test_of_a_bowl_and_of_its_multiple(self):
        one = widths(Bowl(), PLANE, 2.0, ticks=21)
        assert one.level == pytest.approx(1 / 32, rel=1e-12)
        assert one.radius == pytest.approx(32**0.5, rel=1e-12)
        assert one.range == pytest.approx(32)

        class Tall(Bowl):
            def value(self, w):
                return 1000 * super().value(w)

        tall = widths(Tall(), PLANE, 2000.0, ticks=21)
        np.testing.assert_allclose([tall.level, tall.radius], [one.level, one.radius], rtol=1e-9)
        # A point of the fine grid may lie on the edge.
        np.testing.assert_allclose(tall.areas, one.areas, rtol=1e-2)

    def test_a_flatter_valley_is_wider_by_the_areas_and_the_level(self):
        flat, steep = (widths(Bowl(power), PLANE, 1.0, ticks=21) for power in (4, 1))
        assert all(a > b for a, b in zip(flat.areas, steep.areas, strict=True))
        assert flat.level < steep.level


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: directions(NETWORK, W[1:], 2, rng=np.random.default_rng(0)), "w_star is an array of shape"),
        (lambda: directions(NETWORK, W, 0, rng=np.random.default_rng(0)), "count is 0"),
        (lambda: directions(NETWORK, W, 2, rng=np.random.default_rng(0), match="max"), "match is 'max'"),
        (lambda: area(np.zeros((5, 7)), 0.1), r"normal is an array of shape \(5, 7\); it must be a square"),
        (lambda: area(np.full((5, 5), np.nan), 0.1), "normal is an array with NaN"),
        (lambda: area(np.zeros((5, 5)), np.nan), "tau is NaN"),
        (lambda: widths(Bowl(), PLANE, 0.0, ticks=5), "curvature is 0.0; it must be greater than 0"),
        (lambda: widths(Bowl(0), PLANE, 1.0, ticks=5), "loss is 1 on all of the grid; it must be of some range there"),
        (
            lambda: landscape(Bowl(), PLANE, ticks=5, known={0: Row(*np.zeros((3, 3)))}),
            r"known is a row of shape \(3,\); it must be of 5 points a row",
        ),
        (lambda: directions(NETWORK, W, 2, rng=None), "rng is None; it must be a random generator"),
        (lambda: network_problem(rng=5), "rng is 5; it must be a random generator"),
        (lambda: landscape(Bowl(), PLANE, rng=5), "rng is 5; it must be a random generator"),
        (
            lambda: Plane(np.zeros(2), np.ones(3), np.ones(2)),
            r"delta is an array of shape \(3,\); it must be as long as",
        ),
        (lambda: Plane(np.zeros(2), np.ones(2), np.full(2, np.nan)), "eta is an array with NaN"),
        (lambda: PLANE.project(np.ones((4, 3))), r"w is an array of shape \(4, 3\); it must be of 2 numbers a point"),
        (
            lambda: landscape(network_problem(rng=np.random.default_rng(0)).extended(), PLANE, ticks=2, start="true"),
            "plane is one of 2 weights; it must be of 36, as the network's",
        ),
        (lambda: network_problem("paper", rng=np.random.default_rng(0)), "preset is 'paper'; it must be 'text' or"),
        (lambda: network_problem(rng=np.random.default_rng(0), weights="zero"), "weights is 'zero'"),
        (lambda: network_problem("text", rng=np.random.default_rng(0), shape=(8, 8)), "as is the input of layer 4"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
