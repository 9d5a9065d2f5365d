"""The compiled network beside its twin in NumPy, and the compiled L-BFGS beside the batched one."""

from __future__ import annotations

import numpy as np
import pytest

from theory.arrays import limited
from theory.descent import minimise
from theory.objectives.extended_conv import ExtendedLoss, Network, compiled, plain

EPS = np.finfo(float).eps
NETWORKS = {
    "one layer": Network((5, 6), depth=1),
    "valid": Network((9, 8), depth=3),
    "zero": Network((6, 7), depth=2, padding="zero"),
    "channels and bias": Network((2, 6, 5), depth=3, channels=(3, 2, 1), padding="zero", bias=True),
    "one tap": Network((3, 3), depth=2, size=1, bias=True),
    "even": Network((7, 7), depth=2, size=2, channels=2),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
every_mode = pytest.mark.parametrize("mode", ["tied", "excess", "free"])


def case(network, mode, seed=0, nets=3):
    rng = np.random.default_rng(seed)
    own = {"tied": 1, "excess": network.excesses, "free": network.auxiliary}[mode]
    x, y = rng.standard_normal(network.input), rng.random(network.output)
    return network, x, y, rng.standard_normal((nets, network.primary)), rng.standard_normal((nets, own))


@every_network
@every_mode
def test_agrees_with_its_twin(network, mode):
    given, more = case(network, mode), {"mode": mode, "factor": 0.7, "lam": 0.3}
    # Sums of all weights' terms of order one, each with a few roundings.
    size = 100 * network.auxiliary * EPS
    for fast, slow in zip(compiled.evaluate(*given, **more), plain.evaluate(*given, **more), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=size, atol=size)


@every_mode
def test_the_kernel_as_python(mode, monkeypatch):
    """Line by line, interpreted: what the compiler was given is what runs."""
    from theory.kernels import network as kernel
    from theory.kernels import wide

    for name in ("forward", "free_row", "bias_row", "backward_row", "backward", "evaluate", "place_input"):
        monkeypatch.setattr(kernel, name, getattr(kernel, name).py_func)
    for name in ("sigmoids", "add", "product", "norms", "pre_activations", "forward", "slopes", "send_norms",
                 "backward"):  # fmt: skip
        monkeypatch.setattr(wide, name, getattr(wide, name).py_func)
    monkeypatch.setattr(kernel, "evaluate_all", kernel.evaluate_all.py_func)
    given, more = case(NETWORKS["channels and bias"], mode, nets=1), {"mode": mode, "factor": 0.7, "lam": 0.3}
    for fast, slow in zip(compiled.evaluate(*given, **more), plain.evaluate(*given, **more), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-10, atol=1e-10)


def test_the_sigmoid():
    """Beside NumPy's in extended precision: e^x is right to 2 ulp, the sum and the quotient to half of one each."""
    from theory.kernels.wide import sigmoids

    z = np.concatenate([np.linspace(-800, 800, 4001), np.linspace(-3, 3, 3001), [0.0, -0.0, 1e-300, np.inf, -np.inf]])
    power, found = np.empty_like(z), z.copy()
    sigmoids(found, power, power.view(np.int64))
    exact = 1 / (1 + np.exp(-np.clip(z, -700, 700).astype(np.longdouble)))
    np.testing.assert_allclose(found, exact.astype(float), rtol=3 * EPS)


def test_a_blank_patch_has_no_say():
    """Where ‖p‖ = 0 nothing is divided by it."""
    network = Network((6, 6), depth=2)
    _, x, y, w, s = case(network, "excess")
    x[:, :4, :4] = 0
    for engine in (compiled, plain):
        found = engine.evaluate(network, x, y, w, s, mode="excess", factor=0.5, lam=0.3)
        assert all(np.all(np.isfinite(part)) for part in found)


@pytest.mark.parametrize("form", ["excess", "free"])
def test_both_minimisations_take_the_same_steps(form):
    network = NETWORKS["valid"]
    rng = np.random.default_rng(3)
    x, y, w = rng.standard_normal(network.input), rng.random(network.output), rng.standard_normal((4, network.primary))
    loss = ExtendedLoss(network, x, y, 0.2, form=form)
    start = rng.standard_normal((4, loss.own))
    options = {"iterations": 12, "tolerance": 1e-7, "memory": 3, "trials": 30}
    u, taken, evaluations, logs = loss.minimise(w, start, **options)
    slow = minimise(lambda p, rows: (loss.value(w[rows], p), loss.gradient(w[rows], p)[1]), start, **options)
    # A rounding grows from step to step as the problem is curved: by about ten a step for the first few.
    np.testing.assert_allclose(logs[:, :6], slow.log[:, :6], rtol=1e-9)
    np.testing.assert_allclose(logs[:, -1], slow.log[:, -1], rtol=1e-3)
    assert np.array_equal(taken, slow.taken)
    assert np.all(np.abs(evaluations - slow.evaluations) <= 2)
    np.testing.assert_allclose(loss.value(w, u), slow.value, rtol=1e-3)


def test_threads_change_nothing():
    network, x, y, w, s = case(NETWORKS["zero"], "excess", nets=20)
    more = {"mode": "excess", "factor": 0.5, "lam": 0.1}
    steps = {"iterations": 9, "trials": 20, "tolerance": 0.0, "memory": 5}
    with limited(1):
        alone = compiled.minimise(network, x, y, w, s, **more, **steps)
    with limited(3):
        together = compiled.minimise(network, x, y, w, s, **more, **steps)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
