"""Networks of conventional and extended layers: matrices, gradients, the excesses, the curvature, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate2d
from scipy.special import expit

from theory.checks import BadInput
from theory.objectives.extended_conv import (
    ConventionalLoss,
    ExtendedLoss,
    Network,
    curvatures,
    matrix,
    plain,
    respond,
)

NETWORKS = {
    "one channel": Network((7, 6), depth=2),
    "zero": Network((5, 6), depth=3, padding="zero"),
    "channels and bias": Network((2, 6, 5), depth=2, channels=(3, 2), padding="zero", bias=True),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
every_form = pytest.mark.parametrize("form", ["excess", "free"])


def case(network, seed=0, nets=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(network.input), rng.random(network.output), rng.standard_normal((nets, network.primary))


class TestNetwork:
    def test_counts_of_the_program(self):
        network = Network((16, 16), depth=4, padding="zero")
        assert (network.primary, network.auxiliary, network.excesses) == (4 * 9, 4 * 9 * 256, 4 * 256)
        assert network.output == (1, 16, 16)
        assert Network((16, 16), depth=4).output == (1, 8, 8)

    @every_network
    def test_gather_is_the_transpose_of_spread(self, network):
        rng = np.random.default_rng(1)
        w, u = rng.standard_normal((2, network.primary)), rng.standard_normal((2, network.auxiliary))
        left, right = np.sum(network.spread(w) * u, axis=1), np.sum(w * network.gather(u), axis=1)
        np.testing.assert_allclose(left, right, rtol=1e-11, atol=1e-11)

    def test_filters_cover_the_weights(self):
        network = NETWORKS["channels and bias"]
        assert np.concatenate([np.arange(here.start, here.stop) for here in network.filters]).tolist() == list(
            range(network.primary)
        )
        assert [here.stop - here.start for here in network.filters] == [19] * 3 + [28] * 2

    def test_one_layer_is_scipys_correlation(self):
        x, _, w = case(Network((7, 6), depth=1), nets=1)
        expected = expit(correlate2d(x[0], w.reshape(3, 3), mode="valid"))
        np.testing.assert_allclose(respond(Network((7, 6), depth=1), x, w[0])[0], expected, rtol=1e-13)


@every_network
class TestMatrix:
    """Equations 2 and 4: the matrix and the layer agree."""

    def test_conventional(self, network):
        x, _, w = case(network, nets=1)
        a = x
        for layer, kernel in zip(network.layers, network.kernels(w[0]), strict=True):
            operator, offset = matrix.conventional(layer, kernel)
            a = expit(operator @ a.ravel() + offset).reshape(layer.shape)
        np.testing.assert_allclose(a, respond(network, x, w[0]), rtol=1e-12)

    def test_extended(self, network):
        x, _, w = case(network, nets=1)
        u = np.random.default_rng(2).standard_normal((1, network.auxiliary))
        a = x
        for layer, field in zip(network.layers, network.fields(u[0]), strict=True):
            operator, offset = matrix.extended(layer, field)
            a = expit(operator @ a.ravel() + offset).reshape(layer.shape)
        np.testing.assert_allclose(a, plain.forward(network, x, w, u, "free")[-1].out[0], rtol=1e-12)

    def test_spread_weights_have_the_conventional_matrix(self, network):
        w = case(network, nets=1)[2][0]
        fields = network.fields(network.spread(w))
        for layer, kernel, field in zip(network.layers, network.kernels(w), fields, strict=True):
            assert abs(matrix.conventional(layer, kernel)[0] - matrix.extended(layer, field)[0]).max() == 0


def differences(function, at, directions, h=1e-5):
    return np.array([(function(at + h * d) - function(at - h * d)) / (2 * h) for d in directions]).T


@every_network
class TestGradients:
    """Against central differences: an error h² of the third derivative, and ε/h of rounding, some 1e-9 of order one."""

    def test_conventional(self, network):
        x, y, w = case(network)
        loss = ConventionalLoss(network, x, y)
        d = np.random.default_rng(4).standard_normal((4, *w.shape))
        found = np.einsum("np,knp->nk", loss.gradient(w), d)
        np.testing.assert_allclose(found, differences(loss.value, w, d), rtol=1e-6, atol=1e-8)

    @every_form
    def test_extended(self, network, form):
        x, y, w = case(network)
        loss = ExtendedLoss(network, x, y, 0.3, form=form, half=False)
        rng = np.random.default_rng(5)
        u = rng.standard_normal((3, loss.own))
        along_w, along_u = loss.gradient(w, u)
        d, e = rng.standard_normal((4, *w.shape)), rng.standard_normal((4, *u.shape))
        of_w = differences(lambda v: loss.value(v, u), w, d)
        of_u = differences(lambda v: loss.value(w, v), u, e)
        np.testing.assert_allclose(np.einsum("np,knp->nk", along_w, d), of_w, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(np.einsum("np,knp->nk", along_u, e), of_u, rtol=1e-6, atol=1e-6)


class TestExtended:
    @every_network
    def test_at_the_primary_weights_it_is_the_conventional_loss(self, network):
        x, y, w = case(network)
        plainly = ConventionalLoss(network, x, y).value(w)
        for form, u in (("free", network.spread(w)), ("excess", np.zeros((3, network.excesses)))):
            data, penalty = ExtendedLoss(network, x, y, 0.3, form=form).parts(w, u)
            np.testing.assert_allclose(data, plainly, rtol=1e-12)
            np.testing.assert_array_equal(penalty, 0)

    @every_network
    def test_excesses_stand_for_the_nearest_weights(self, network):
        """The same output; no other weights with these pre-activations are as near to ŵ."""
        x, y, w = case(network)
        tied, free = (ExtendedLoss(network, x, y, 0.3, form=form) for form in ("excess", "free"))
        u = np.random.default_rng(6).standard_normal((3, network.auxiliary))
        s = tied.from_weights(w, u)
        data, penalty = tied.parts(w, s)
        of_u, of_s = free.parts(w, u), free.parts(w, tied.weights(w, s))
        np.testing.assert_allclose(data, of_u[0], rtol=1e-11)
        np.testing.assert_allclose([data, penalty], of_s, rtol=1e-11)
        assert np.all(penalty < of_u[1])
        np.testing.assert_allclose(tied.from_weights(w, tied.weights(w, s)), s, atol=1e-11)

    def test_normal_weights_have_these_excesses(self):
        """Not bit by bit, but in law: zᵢ/‖pᵢ‖ ~ N(0, 1), so that the mean square of 20,000 is 1 within five errors."""
        network = Network((5, 5), depth=1)
        x, y, _ = case(network)
        loss = ExtendedLoss(network, x, y, 0.3)
        w = np.tile(np.random.default_rng(8).standard_normal(network.primary), (20_000, 1))
        s = loss.starts(w, rng=np.random.default_rng(9))
        u = np.random.default_rng(10).standard_normal((20_000, network.auxiliary))
        for found in (s, loss.from_weights(w, u)):
            passed = plain.forward(network, x, w[:1], found[:1], "excess")[0]
            tied = np.sum(w[:1, :, None, None] * passed.patches, axis=1) / passed.norm
            z = found + tied.reshape(1, -1)
            assert np.max(np.abs(np.mean(z**2, axis=0) - 1)) < 5 * np.sqrt(2 / 20_000)

    def test_the_half_only_rescales_the_penalty(self):
        """THEOREMS F (ii): c = 1 at λ is twice c = ½ at λ/√2."""
        network = NETWORKS["zero"]
        x, y, w = case(network)
        s = np.random.default_rng(7).standard_normal((3, network.excesses))
        whole = ExtendedLoss(network, x, y, 0.3, half=False).value(w, s)
        np.testing.assert_allclose(whole, 2 * ExtendedLoss(network, x, y, 0.3 / 2**0.5).value(w, s), rtol=1e-13)

    @every_form
    def test_a_stack_of_one_network_or_none(self, form):
        network = NETWORKS["zero"]
        x, y, w = case(network)
        loss = ExtendedLoss(network, x[0], y, 0.3, form=form)
        u = np.random.default_rng(7).standard_normal((3, loss.own))
        assert loss.value(w[0], u[0]).shape == ()
        np.testing.assert_allclose(loss.value(w[0], u[0]), loss.value(w, u)[0], rtol=1e-14)
        assert [part.shape for part in loss.gradient(w[0], u[0])] == [w[0].shape, u[0].shape]

    @every_form
    def test_single_precision_is_left_to_the_plain_way(self, form):
        network = NETWORKS["zero"]
        x, y, w = case(network)
        u = np.random.default_rng(7).standard_normal((3, ExtendedLoss(network, x, y, 0.3, form=form).own))
        single = ExtendedLoss(network, x.astype(np.float32), y.astype(np.float32), 0.3, form=form)
        found = single.value(w.astype(np.float32), u.astype(np.float32))
        assert found.dtype == np.float32
        assert single.minimise(w, u) is None
        # Sums of some hundred terms in float32.
        np.testing.assert_allclose(found, ExtendedLoss(network, x, y, 0.3, form=form).value(w, u), rtol=1e-4)


class TestCurvature:
    NETWORK = Network((6, 6), depth=2, channels=(2, 1), bias=True)

    def by_hand(self, lam, half):
        """J by differences, then the formula with its inverse: errors 1e-9 of J."""
        x, _, w = case(self.NETWORK, nets=1)
        u, h = self.NETWORK.spread(w), 1e-5
        steps = h * np.eye(u.size)
        out = [
            plain.forward(self.NETWORK, x, np.tile(w, (u.size, 1)), u + sign * steps, "free")[-1].out.reshape(
                u.size, -1
            )
            for sign in (1, -1)
        ]
        J = ((out[0] - out[1]) / (2 * h)).T
        d = np.random.default_rng(1).standard_normal((2, w.size))
        c = 0.5 if half else 1.0
        JE = J @ self.NETWORK.spread(d).T
        inner = np.eye(J.shape[0]) + 2 * c * J @ J.T / lam**2
        found = curvatures(self.NETWORK, x, w[0], d, [lam], half=half)
        return found, 2 * c * np.sum(JE**2, axis=0), 2 * c * np.sum(JE * np.linalg.solve(inner, JE), axis=0)

    @pytest.mark.parametrize("half", [True, False])
    @pytest.mark.parametrize("lam", [0.02, 0.5, 20.0])
    def test_is_that_of_the_jacobian(self, lam, half):
        found, conventional, extended = self.by_hand(lam, half)
        np.testing.assert_allclose(found.conventional, conventional, rtol=1e-6)
        np.testing.assert_allclose(found.extended[:, 0], extended, rtol=1e-6)

    def test_is_never_sharper_and_the_same_in_the_limit(self):
        x, _, w = case(self.NETWORK, nets=1)
        d = np.random.default_rng(2).standard_normal((5, w.size))
        lams = np.geomspace(1e-3, 1e6, 10)
        widening = curvatures(self.NETWORK, x, w[0], d, lams).widening
        assert np.all(widening >= 1)
        assert np.all(np.diff(widening, axis=1) < 0)
        # ‖JJᵀ‖/λ² of an order one J, halved: below 1e-10.
        np.testing.assert_allclose(widening[:, -1], 1, atol=1e-10)


X, Y = np.zeros((5, 5)), np.zeros((1, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network((5, 5), depth=0), "depth is 0; it must be at least 1"),
        (lambda: Network((5, 5), depth=1, size=6), r"size is 6; it must be at most 5, as is the input of layer 1"),
        (lambda: Network((5, 5), depth=3), r"size is 3; it must be at most 1, as is the input of layer 3"),
        (lambda: Network((5, 5), padding="same"), "padding is 'same'; it must be 'valid' or 'zero'"),
        (lambda: Network((5, 5), size=2, padding="zero"), "size is 2; it must be odd"),
        (lambda: Network(5), r"shape is 5; it must be \(rows, columns\) or"),
        (lambda: Network((5,)), r"shape is \(5,\); it must be \(rows, columns\) or"),
        (lambda: Network((5, 0)), "shape is 0; it must be at least 1"),
        (lambda: Network((5, 5), depth=2, channels=(1,)), "channels is 1 numbers; it must be one, or one for each"),
        (lambda: Network((5, 5), depth=2, channels=0), "channels is 0; it must be at least 1"),
        (lambda: ConventionalLoss("net", X, Y), "network is str; it must be a theory"),
        (lambda: ConventionalLoss(Network((5, 5), depth=2), np.zeros((4, 5)), Y), r"x is an array of shape \(4, 5\)"),
        (lambda: ConventionalLoss(Network((5, 5), depth=2), X, np.full((1, 1), np.nan)), "y is an array with NaN"),
        (lambda: ExtendedLoss(Network((5, 5), depth=2), X, Y, -0.1), "lam is -0.1; it must be at least 0"),
        (lambda: ExtendedLoss(Network((5, 5), depth=2), X, Y, np.nan), "lam is NaN"),
        (lambda: ExtendedLoss(Network((5, 5), depth=2), X, Y, 1, form="tied"), "form is 'tied'"),
        (
            lambda: ConventionalLoss(Network((5, 5), depth=2), X, Y).value(np.zeros(17)),
            r"w is an array of shape \(17,\)",
        ),
        (
            lambda: ExtendedLoss(Network((5, 5), depth=2), X, Y, 1).value(np.zeros((2, 18)), np.zeros((3, 10))),
            r"u is an array of shape \(3, 10\); it must be of as many networks as w",
        ),
        (lambda: curvatures(Network((5, 5), depth=2), X[None], np.zeros(18), np.zeros((1, 18)), 0), "lam is 0.0"),
        (lambda: curvatures(Network((5, 5), depth=2), X, np.zeros(18), np.zeros((1, 17)), 1), "directions is an array"),
        (lambda: curvatures(Network((5, 5), depth=2), X[1:], np.zeros(18), np.zeros((1, 18)), 1), "x is an array of"),
        (lambda: respond(Network((5, 5), depth=2), X, np.zeros(17)), r"w is an array of shape \(17,\)"),
        (lambda: matrix.extended(Network((5, 5)[:2], depth=1).layers[0], np.zeros((1, 9, 2, 2))), "field is an array"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(BadInput, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
