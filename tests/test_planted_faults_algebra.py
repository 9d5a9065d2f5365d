"""Faults planted in the algebra of linear networks, one at a time, and the checks that must turn red."""

from __future__ import annotations

import dataclasses
import itertools
import random
import shutil

import numpy as np
import pytest
from planting import Plant, suite

import theory
from theory.algebra import Architecture, certified, ed_degree, groebner, homotopy, neurovariety, programs
from theory.claims import verdict
from theory.claims.claim import Cell, Setting
from theory.claims.shahverdi2024 import critical_points, rank_loss, real_points, white_data
from theory.claims.shahverdi2024 import neurovariety as neurovariety_claim

needs_singular = pytest.mark.skipif(not shutil.which("Singular"), reason="Singular is not on PATH: sympy is too slow")
TWO = Architecture((2, 2), (2,))


# ------------------------------------------------------------------------------------------------------------- checks


def degrees():
    known = {(2, 2): 6, (3, 4): 83, (2, 2, 2): 34, (2, 2, 2, 2): 280}
    assert {sizes: ed_degree.generic_ed_degree(sizes) for sizes in known} == known


def tensors():
    assert [ed_degree.frobenius_ed_degree(sizes) for sizes in ((3, 4), (2, 2, 2), (2, 2, 3))] == [3, 6, 8]


def products():
    assert Architecture((2, 3), (2,)).filter([[1, 2], [3, 4, 5]]) == [3, 6, 4, 8, 5, 10]


def ranks():
    assert ed_degree.rank_loss_degree(Architecture((2, 2, 2), (1, 2))) == 14
    assert ed_degree.rank_loss_degree(Architecture((3, 3), (1,))) == 33


def members():
    rng = random.Random(0)
    for network in (Architecture((3, 2, 2), (2, 2)), Architecture((2, 2, 2), (2, 2))):
        assert not any(neurovariety.equations(network, neurovariety.member(network, rng=rng)))


def solutions():
    for network in (Architecture((3, 2, 2), (2, 2)), Architecture((2, 2), (3,))):
        assert neurovariety.solution_dimension(network, rng=random.Random(0)) == network.dimension


def derivatives():
    network, rng = Architecture((2, 3, 2), (2, 3)), np.random.default_rng(3)
    chart = homotopy.Chart(network, rng=rng)
    losses, z = certified.random_losses(network, 1, rng=rng), rng.standard_normal((1, chart.dimension))
    step = 1e-5  # central differences: 1e-10 in error
    for i in range(chart.dimension):
        e = step * np.eye(chart.dimension)[[i]]
        ends = [chart.differential(z + sign * e)[0] for sign in (1, -1)]
        values = [np.sum(v * (losses.force(v) - losses.q)) / 2 for v in ends]
        gradient, hessian = chart.both(z, losses)
        assert gradient[0, i] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6, abs=1e-7)
        slope = (chart.gradient(z + e, losses) - chart.gradient(z - e, losses))[0] / (2 * step)
        np.testing.assert_allclose(hessian[0, i], slope, rtol=1e-6, atol=1e-7)


def balls():
    rng = np.random.default_rng(7)
    chart = homotopy.Chart(TWO, rng=rng)
    z, home = homotopy.monodromy(chart, rng=rng)
    losses, units = home[np.zeros(len(z), dtype=int)], chart.units(z)
    moved = z + 1e-9 * units
    radius, alone = certified.certificate(chart, moved, losses)
    assert np.all((radius >= 0.9e-9) & (radius < 1e-3) & (alone > radius))
    # How much the Hessian changes over a hundredth, against K.
    change = (
        units[:, :, None] * (chart.both(z + 1e-2 * units, losses)[1] - chart.both(z, losses)[1]) * units[:, None, :]
    )
    assert np.all(np.abs(change.sum(axis=2)).max(axis=1) <= 1e-2 * certified._curving(chart, z, losses, 1e-2))
    assert len(z) == 6


def primes():
    answers = iter([(5,), (6,), (6,)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groebner, "solve", lambda *_, **__: programs.Answer("Singular", next(answers)))
        assert groebner.count(TWO, program="Singular").points == 6


def on(module, *cells: Cell):
    """The verdict of a claim on these cells: it holds, and every control is refuted."""

    def check():
        found = []
        for cell in cells:
            setting = Setting(rng=np.random.default_rng(2), xp=np, profile="quick")
            found += module.measure(cell, setting).findings
        assert verdict.conclude(module.CLAIM, found).passed

    return check


def at(label, control="", **more):
    return Cell({"network": label, **more}, control=control)


CHECKS = {
    one.__name__: one for one in (degrees, tensors, products, ranks, members, solutions, derivatives, balls, primes)
}
WHITE = critical_points.WHITE
CHECKS |= {
    "verdict of critical points": on(critical_points, at("2×3 stride 2"), at("2×2 stride 2", WHITE)),
    "verdict of rank loss": on(rank_loss, at("2×2 stride 1"), at("2×2×2 stride 1,2"), at("2×2 stride 2")),
    "verdict of white data": on(white_data, at("2×2 stride 2"), at("3×2 stride 2", white_data.OVERLAPS)),
    "verdict of neurovariety": on(neurovariety_claim, at("3×2 stride 2"), at("2×2×2 stride 2,2")),
    "verdict of real points": on(real_points, at("2×2 stride 2", sets=4)),
}
COUNTING = {"verdict of critical points", "verdict of rank loss", "verdict of white data"}


# ------------------------------------------------------------------------------------------------------------- plants

CHERN, COUNT, GRADIENT = ed_degree.chern_degrees, groebner.count, homotopy.Chart.gradient
BOTH, DERIVATIVE, CURVING, CLASSIFIED = (
    homotopy.Chart.both,
    groebner._derivative,
    certified._curving,
    certified._classified,
)
EQUATIONS = neurovariety._equations


def first_chern_lost(sizes):
    """c_1 h^{n−1} one less than it is."""
    values = CHERN(sizes)
    return [values[0], values[1] - 1, *values[2:]]


def half_bent(self, z, losses):
    """The Hessian without what the second derivatives give."""
    gradient = BOTH(self, z, losses)[0]
    rows = self.differential(z)[1]
    return gradient, rows @ (losses.sigma @ np.swapaxes(rows, 1, 2))


def one_more(network, **options):
    """A point too many."""
    found = COUNT(network, **options)
    return dataclasses.replace(found, points=found.points + 1)


def all_ranks_full(network, **options):
    """No point without rank."""
    found = COUNT(network, **options)
    return dataclasses.replace(found, without_rank=0)


def always_white(network, prime, kind, rng):
    """The identity for every covariance."""
    return [[int(a == b) for b in range(network.length)] for a in range(network.length)]


def first_equations(network, v):
    """One equation for all."""
    return itertools.islice(EQUATIONS(network, v), 1)


def one_saddle_more(*args):
    """A minimum taken for a saddle."""
    complete, points, real, minima, signs = CLASSIFIED(*args)
    return complete, points, real, minima - 1, signs - 2


PLANTS = {
    "a Chern number less one": Plant(ed_degree, "chern_degrees", first_chern_lost, ["degrees", "ranks"]),
    "binomials of the wrong place": Plant(ed_degree, "comb", lambda n, k: max(n, 1), ["degrees"]),
    "a singular vector more": Plant(theory.algebra, "frobenius_ed_degree", lambda sizes: 3, ["verdict of white data"]),
    "T_j with t_j": Plant(ed_degree, "_times_others", lambda power, j, top: power, ["tensors"]),
    "all strides one": Plant(Architecture, "steps", property(lambda self: (1,) * len(self.sizes)), ["products"]),
    "roots shared in one way": Plant(ed_degree, "factorizations", lambda network: 1, ["ranks"]),
    "a point too many": Plant(theory.algebra, "count", one_more, ["verdict of critical points"]),
    "no rank lost": Plant(theory.algebra, "count", all_ranks_full, ["verdict of rank loss"]),
    "every covariance white": Plant(groebner, "_covariance", always_white, ["verdict of critical points"]),
    "a derivative in another layer": Plant(
        groebner, "_derivative", lambda terms, i, j: DERIVATIVE(terms, 0, j), ["verdict of critical points"]
    ),
    "no third prime": Plant(groebner, "PRIMES", (32003, 31991), ["primes"]),
    "pieces for components": Plant(
        neurovariety, "components", lambda v, s: [tuple(part) for part in np.array_split(np.array(v), s)], ["members"]
    ),
    "fewer equations": Plant(neurovariety, "_equations", first_equations, ["solutions"]),
    "no equations": Plant(neurovariety, "_equations", lambda network, v: iter(()), ["verdict of neurovariety"]),
    "the Hessian of a linear map": Plant(homotopy.Chart, "both", half_bent, ["derivatives"]),
    "the gradient × 1.02": Plant(
        homotopy.Chart, "gradient", lambda self, z, losses: 1.02 * GRADIENT(self, z, losses), ["derivatives"]
    ),
    "K of a certificate too small": Plant(certified, "_curving", lambda *args: 1e-3 * CURVING(*args), ["balls"]),
    "a saddle for a minimum": Plant(certified, "_classified", one_saddle_more, ["verdict of real points"]),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, marks=dict.fromkeys(COUNTING, needs_singular)
)
