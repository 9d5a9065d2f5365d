"""One formula of the induced regularisers at a time is made wrong, and a check must turn red."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from planting import Plant, scaled, suite

from theory.claims import verdict
from theory.claims.claim import Cell, Setting
from theory.claims.jagadeesan2022 import channels_matter, closed_forms, images, one_channel, several_channels
from theory.objectives import linear_conv as nets
from theory.objectives.linear_conv import channels, quasi_newton, regularised_margins, regularisers, weight_norm

AGREE = 1e-6


def draw(dim, inputs=1, seed=0):
    return np.random.default_rng(seed).standard_normal((dim, inputs))


def directly(w, kernel, count, starts=4):
    return nets.least_norm(w, kernel, count, rng=np.random.default_rng(1), starts=starts)


# ------------------------------------------------------------------------------------------------------------- checks


def network() -> None:
    """The sum of the definition, and its pullback by differences of a bilinear map, which are exact."""
    net, rng = nets.MultiChannelNet(5, 3, 2, 2), np.random.default_rng(0)
    u, v = (rng.standard_normal((2, *shape)) for shape in net.shapes)
    expected = np.zeros((2, 5, 2))
    for d in range(5):
        for k in range(3):
            expected[:, (d + k) % 5] += np.einsum("nc,ncr->nr", v[:, d], u[:, k]) / np.sqrt(5)
    np.testing.assert_allclose(net.predictor((u, v)), expected.reshape(2, 10), rtol=0, atol=1e-12)
    s, t = (rng.standard_normal(weight.shape) for weight in (u, v))
    g = rng.standard_normal((2, 10))
    change = np.sum(g * (net.predictor((u + s, v + t)) - net.predictor((u - s, v - t))) / 2)
    pulled = net.pullback((u, v), g)
    assert np.sum(pulled[0] * s) + np.sum(pulled[1] * t) == pytest.approx(change, rel=1e-10)


def adjoint() -> None:
    """⟨Q(q), M⟩ = ⟨q, W(M)⟩, and W(V·U) is the network's."""
    net, rng = nets.MultiChannelNet(5, 3, 2, 2), np.random.default_rng(0)
    u, v = (rng.standard_normal(shape) for shape in net.shapes)
    m, q = np.einsum("dc,kcr->dkr", v, u).reshape(5, -1), rng.standard_normal((5, 2))
    made = regularisers.realised(m, 3)
    np.testing.assert_allclose(made.ravel(), net.predictor((u[None], v[None]))[0], rtol=0, atol=1e-12)
    assert np.sum(regularisers.hankel(q, 3) * m) == pytest.approx(np.sum(q * made), rel=1e-12)


def one_input() -> None:
    """SDP, dual and direct minimisation, of even and odd D."""
    for dim, kernel in ((6, 3), (5, 2)):
        w = draw(dim)
        sdp = nets.sdp(w, kernel)
        assert nets.dual(w, kernel) == pytest.approx(sdp, rel=AGREE)
        assert nets.dual(w, kernel, reduced=False) == pytest.approx(sdp, rel=AGREE)
        for count in (1, 2):
            found = directly(w, kernel, count, starts=8)
            assert found.bounds.upper == pytest.approx(sdp, rel=AGREE)
            assert found.bounds.lower == pytest.approx(sdp, rel=AGREE)


def several_inputs() -> None:
    """The same for two inputs, with as many channels as it takes and with one."""
    w = draw(4, 2)
    found, sdp = directly(w, 2, 4, starts=2), nets.sdp(w, 2)
    assert nets.dual(w, 2) == pytest.approx(sdp, rel=AGREE)
    assert found.bounds.upper == pytest.approx(sdp, rel=AGREE)
    assert abs(found.bounds.gap) <= AGREE
    assert directly(w, 4, 1).bounds.upper == pytest.approx(directly(w, 4, 4).bounds.upper, rel=AGREE)


def ends() -> None:
    """Closed forms with numbers by hand: R_1 of a unit vector of four, R_4 of a cosine, K = 1 of orthogonal columns."""
    assert nets.closed_form(np.eye(4)[0], 1) == pytest.approx(4)
    assert nets.closed_form(np.array([1.0, 0, -1.0, 0]), 4) == pytest.approx(4)
    assert nets.closed_form(np.diag([3.0, 4.0]), 1) == pytest.approx(14 * np.sqrt(2))
    # Ŵ of two positions: (1, 1)/√2 and (1, −1)/√2.
    assert nets.closed_form(np.eye(2), 2) == pytest.approx(4)


def feasible() -> None:
    """What is not optimal is still bounded: any G, any M and any q stay on their side of R."""
    w, rng = draw(6), np.random.default_rng(2)
    r = directly(w, 3, 2, starts=4).bounds.upper
    b = rng.standard_normal((3, 3))
    u = b.T[None, :, :, None].transpose(0, 2, 1, 3)
    spectrum = np.sum(np.abs(np.fft.fft(b, n=6, axis=0, norm="ortho")) ** 2, axis=1)
    v = np.abs(np.fft.fft(w[:, 0], norm="ortho")) ** 2 / spectrum
    expected = 2 * np.sqrt(np.sum(u**2) * v.sum())
    assert regularisers._upper_from_gram(w, b @ b.T) == pytest.approx(expected, rel=1e-9)
    assert regularisers._upper_from_product(w, regularisers.hankel(w, 3) * 2, 3) == pytest.approx(
        regularisers._upper_from_product(w, np.zeros((6, 3)), 3), rel=1e-9
    )
    assert regularisers.dual_bound(w, directly(w, 3, 2).multiplier, 3) == pytest.approx(r, rel=AGREE)


def counts() -> None:
    """Filters of one channel, counted and used; the minimiser's rank, and whether it is alone."""
    for dim, inputs, kernel in ((5, 2, 3), (6, 3, 2), (6, 3, 5)):
        w = draw(dim, inputs)
        filters = nets.one_channel_filters(w, kernel)
        assert len(filters) == max(0, kernel * inputs - dim * (inputs - 1))
        net = nets.MultiChannelNet(dim, kernel, 1, inputs)
        for one in filters[:1]:
            weights = nets.one_channel_weights(w, one)
            np.testing.assert_allclose(net.predictor(weights)[0], w.ravel(), rtol=0, atol=1e-9)
            assert np.linalg.norm(weights[0]) == pytest.approx(np.linalg.norm(weights[1]))
    # One input: any of many nonnegative polynomials, so never alone; this one of several inputs is.
    assert nets.minimiser(draw(6), 3, rng=np.random.default_rng(0)).unique < 1e-6
    best = nets.minimiser(draw(8, 4, seed=5), 2, rng=np.random.default_rng(0))
    assert (best.rank, best.unique > 1e-3) == (4, True)


def margins() -> None:
    """Two orthogonal samples, the hard margin; a duality gap for every kernel; and the frequencies of a cosine."""
    z = np.array([[2.0, 0, 0, 0, 0], [0, 0, 0, 1.0, 0]])
    assert nets.least_regulariser(z, 1).bounds.upper == pytest.approx(5, rel=AGREE)
    signed = np.random.default_rng(6).standard_normal((5, 8)) + 1
    for kernel in (1, 3, 8):
        found = nets.least_regulariser(signed, kernel)
        assert abs(found.bounds.gap) <= AGREE
        assert (signed @ found.predictor).min() == pytest.approx(1)
    flat, tone = np.eye(8)[:1], np.cos(np.arange(8) * np.pi / 2)
    assert [nets.least_regulariser(z, 8).unique for z in (flat, flat + 0.1 * tone)] == [0, 1]
    assert nets.effective_frequencies(tone) == pytest.approx(2)


def descent() -> None:
    """Rosenbrock's valley within 40 steps: steepest descent takes thousands, and so does a memory that is wrong."""

    def valley(x: Any) -> tuple[Any, Any]:
        a, b = x[:, 0], x[:, 1]
        slope = np.stack([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)], axis=1)
        return 1 + (1 - a) ** 2 + 100 * (b - a**2) ** 2, slope

    found = quasi_newton.minimise(valley, np.array([[-1.2, 1.0], [0.5, -1.0]]), steps=60, tolerance=1e-9)
    np.testing.assert_allclose(found.x, 1, rtol=0, atol=1e-6)


def on(module, *cells: Cell) -> Callable[[], None]:
    """The verdict of a claim on these cells: it holds, and every control is refuted."""

    def check() -> None:
        found = []
        for cell in cells:
            setting = Setting(rng=np.random.default_rng(2), xp=np, profile="quick")
            found += module.measure(cell, setting).findings
        assert verdict.conclude(module.CLAIM, found).passed

    return check


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (network, adjoint, one_input, several_inputs, ends, feasible, counts, margins, descent)
}
CHECKS |= {
    "verdict of one channel": on(
        one_channel,
        Cell({"kind": "decaying", "dim": 5, "kernels": 3, "starts": 8}),
        Cell({"kind": "normal", "dim": 6, "kernels": 1, "starts": 8}, control=one_channel.INPUTS),
    ),
    "verdict of closed forms": on(closed_forms, Cell({"kind": "decaying", "dim": 6, "starts": 4})),
    "verdict of several channels": on(several_channels, Cell({"kind": "normal", "dim": 4, "inputs": 2, "starts": 2})),
    "verdict of channels matter": on(
        channels_matter,
        Cell({"dim": 5, "inputs": 2, "kernel": 3, "draw": 0, "starts": 2}),
        Cell({"dim": 4, "inputs": 2, "kernel": 2, "draw": 0, "starts": 2}),
    ),
    "verdict of images": on(images, Cell({"first": 0, "second": 1, "kernels": 2, "channels": 1, "most": 30})),
}


# ------------------------------------------------------------------------------------------------------------- plants

FORTH, BACK = nets.MultiChannelNet._forth, nets.MultiChannelNet.inverse
PULLBACK = nets.MultiChannelNet.pullback
HANKEL, REALISED, CLOSED = regularisers.hankel, regularisers.realised, regularisers.closed_form
ROWS, LOWER = regularisers.gram_rows, regularisers.dual_bound
GRAM, PRODUCT = regularisers._upper_from_gram, regularisers._upper_from_product
ELIMINATED, VALUE = weight_norm._eliminated, weight_norm._value
FILTERS, WEIGHTS, INJECTIVE = channels.one_channel_filters, channels.one_channel_weights, channels._injective
MARGINS, FREQUENCIES = regularised_margins._solve, regularised_margins.effective_frequencies
PAIR, FLOW, LEAST, TIGHT = quasi_newton._pair, nets.flow, nets.least_regulariser, one_channel.regularisers.tight


def half_turned(w, kernel):
    """V̂ with Û in place of its conjugate."""
    u, v = WEIGHTS(w, kernel)
    turned = np.fft.fft(kernel, n=len(w), axis=0, norm="ortho")
    w_hat = np.fft.fft(w, axis=0, norm="ortho")
    wrong = np.sum(turned * w_hat, axis=1) / np.sum(np.abs(turned) ** 2, axis=1)
    return u, np.fft.ifft(wrong, norm="ortho").real.reshape(v.shape) * (u.ravel()[0] / kernel.ravel()[0]) ** -1


def unconjugated(net, target, u, epsilon):
    """V̂ = Û q̂."""
    v, q = ELIMINATED(net, target, u, epsilon)
    return v.conj(), q


def early(*arguments, **options):
    """The flow stopped at ‖β‖ = 10."""
    return FLOW(*arguments, **{**options, "norms": [10.0] * len(options["norms"])})


PLANTS = {
    "transform 2 % too large": Plant(nets.MultiChannelNet, "_forth", scaled(FORTH, 1.02), ["network"]),
    "transform not unitary": Plant(
        nets.MultiChannelNet, "inverse", lambda self, a: np.fft.irfft(a, n=self.dim, axis=1), ["network"]
    ),
    "pullback of the wrong sign": Plant(
        nets.MultiChannelNet, "pullback", lambda *a: tuple(-part for part in PULLBACK(*a)), ["network"]
    ),
    "pullback in U 2 % too large": Plant(
        nets.MultiChannelNet, "pullback", lambda *a: (1.02 * PULLBACK(*a)[0], PULLBACK(*a)[1]), ["network"]
    ),
    "Q without 1/√D": Plant(regularisers, "hankel", lambda q, k: HANKEL(q, k) * np.sqrt(len(q)), ["adjoint"]),
    "Q shifted the other way": Plant(regularisers, "hankel", lambda q, k: HANKEL(q[::-1], k)[::-1], ["adjoint"]),
    "W of M rolled back": Plant(
        regularisers, "realised", lambda m, k: np.roll(REALISED(m, k), -1, axis=0), ["adjoint"]
    ),
    "rows of G of another K": Plant(regularisers, "gram_rows", lambda d, k: ROWS(d, k + 1)[:, : k * k], ["one_input"]),
    "every frequency twice": Plant(regularisers, "multiplicities", lambda d: np.full(d // 2 + 1, 2.0), ["one_input"]),
    "lower bound 2 % too high": Plant(regularisers, "dual_bound", scaled(LOWER, 1.02), ["one_input"]),
    "lower bound of direct 2 % too high": Plant(weight_norm, "dual_bound", scaled(LOWER, 1.02), ["several_inputs"]),
    "upper bound of G 2 % too high": Plant(regularisers, "_upper_from_gram", scaled(GRAM, 1.02), ["feasible"]),
    "upper bound of M 2 % too low": Plant(
        regularisers, "_upper_from_product", lambda *a: 0.98 * PRODUCT(*a), ["several_inputs"]
    ),
    "M not projected": Plant(
        regularisers,
        "_upper_from_product",
        lambda w, m, k: 2 * np.linalg.svd(m, compute_uv=False).sum(),
        ["feasible"],
    ),
    "V not conjugated": Plant(weight_norm, "_eliminated", unconjugated, ["several_inputs"]),
    "gradient without ‖U‖²": Plant(
        weight_norm,
        "_value",
        lambda n, t, u, e, c: (VALUE(n, t, u, e, c)[0], 0.98 * VALUE(n, t, u, e, c)[1] - 0.04 * u.reshape(len(u), -1)),
        ["one_input"],
    ),
    "value 2 % of ‖U‖² too large": Plant(
        weight_norm,
        "_value",
        lambda n, t, u, e, c: (
            VALUE(n, t, u, e, c)[0] + 0.02 * (u**2).sum((1, 2, 3)),
            VALUE(n, t, u, e, c)[1] + 0.04 * u.reshape(len(u), -1),
        ),
        ["one_input"],
    ),
    "the multipliers forgotten": Plant(weight_norm, "ROUNDS", 1, ["several_inputs"]),
    "W only nearly realised": Plant(weight_norm, "_project", lambda n, w, weights: weights, ["several_inputs"]),
    "closed form 2 % too large": Plant(nets, "closed_form", scaled(CLOSED, 1.02), ["ends"]),
    "closed form of K = 1 for every K": Plant(nets, "closed_form", lambda w, k: CLOSED(w, 1), ["ends"]),
    "one equation for one channel left out": Plant(
        nets, "one_channel_filters", lambda w, k: FILTERS(w[:-1], min(k, len(w) - 1)), ["counts"]
    ),
    "V of one channel not conjugated": Plant(nets, "one_channel_weights", half_turned, ["counts"]),
    "every minimiser alone": Plant(channels, "_injective", lambda *a: 1.0, ["counts"]),
    "singular values of Q not told apart": Plant(channels, "SMALL", 2.0, ["counts"]),
    "multipliers of the margins permuted": Plant(
        regularised_margins, "_solve", lambda z, k: (MARGINS(z, k)[0], MARGINS(z, k)[1][::-1]), ["margins"]
    ),
    "frequencies 2 % too many": Plant(nets, "effective_frequencies", scaled(FREQUENCIES, 1.02), ["margins"]),
    "memory of the wrong sign": Plant(
        quasi_newton, "_pair", lambda s, y: (s, -PAIR(s, y)[1], PAIR(s, y)[2]), ["descent"]
    ),
    "no memory": Plant(quasi_newton, "_pair", lambda s, y: (s, y, 0 * PAIR(s, y)[2]), ["descent"]),
    "the SDP of the claim 2 % too large": Plant(nets, "sdp", scaled(nets.sdp, 1.02), ["verdict of one channel"]),
    "the dual of the claim 2 % too small": Plant(
        nets, "dual", lambda *a: 0.98 * regularisers.dual(*a), ["verdict of one channel"]
    ),
    "agreement to 10 %": Plant(one_channel.regularisers, "AGREE", 10.0, ["verdict of one channel"]),
    "closed forms of the claim exchanged": Plant(
        nets, "closed_form", lambda w, k: CLOSED(w, 1 if k > 1 else len(w)), ["verdict of closed forms"]
    ),
    "nuclear norm by its square": Plant(
        nets, "closed_form", lambda w, k: CLOSED(w, k) ** 2, ["verdict of several channels"]
    ),
    "one channel counted too many": Plant(
        nets, "one_channel_filters", lambda w, k: np.repeat(FILTERS(w, k), 2, axis=0), ["verdict of channels matter"]
    ),
    "V of one channel in the claim not conjugated": Plant(
        nets, "one_channel_weights", half_turned, ["verdict of channels matter"]
    ),
    "every minimiser with margins alone": Plant(regularised_margins, "alone", lambda *_: 1.0, ["margins"]),
    "all singular vectors in the face": Plant(regularised_margins, "FACE", 1.0, ["margins"]),
    "the flow stopped early": Plant(nets, "flow", early, ["verdict of images"]),
    "the regulariser of another kernel": Plant(
        nets, "least_regulariser", lambda z, k: LEAST(z, 64 if k == 1 else 1), ["verdict of images"]
    ),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
