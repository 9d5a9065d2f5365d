"""The loss on patches: finite differences, weights, blocks, and a slow twin."""

from __future__ import annotations

import numpy as np
import pytest

from theory.objectives import SampleLoss, relu_filter

EPS = np.finfo(float).eps
SHAPES = [(40, 3), (40, 1, 3), (25, 4, 3), (1, 6, 2), (30, 2, 7)]


def problem(shape, seed: int = 0):
    """Patches, teacher, weights and a batch of w."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(shape)
    weights = rng.uniform(0.1, 1.0, shape[0])
    return z, rng.standard_normal(shape[-1]), weights / weights.sum(), rng.standard_normal((shape[-1], 5))


def twin(z, w_star, weights, w):
    """Loss and gradient of one w, with a loop over samples and patches."""
    z = z.reshape(z.shape[0], -1, z.shape[-1])
    k, value, gradient = z.shape[1], 0.0, np.zeros(w.size)
    for patches, weight in zip(z, weights, strict=True):
        residual = sum(max(0.0, patch @ w) - max(0.0, patch @ w_star) for patch in patches) / k
        value += weight * residual**2 / 2
        gradient += weight * residual * sum((patch for patch in patches if patch @ w >= 0), np.zeros(w.size)) / k
    return value, gradient


shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


@shapes
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_a_slow_twin(shape, weighted):
    z, w_star, weights, w = problem(shape)
    weights = weights if weighted else np.full(shape[0], 1 / shape[0])
    loss = SampleLoss(z, w_star, weights=weights if weighted else None)
    # n·k terms of size ‖z‖²‖w‖ ~ 10², each of p roundings.
    limit = z.size * EPS * 10
    for column in w.T:
        value, gradient = twin(z, w_star, weights, column)
        assert loss.value(column) == pytest.approx(value, rel=limit)
        np.testing.assert_allclose(loss.gradient(column), gradient, rtol=0, atol=limit)


@shapes
def test_gradient_is_that_of_the_value(shape):
    z, w_star, weights, w = problem(shape, seed=1)
    loss, h = SampleLoss(z, w_star, weights=weights), 1e-6
    # No kink within h of any w: there the loss is quadratic, and central differences are exact up to rounding.
    assert np.min(np.abs(z @ w)) > h * np.abs(z).max()
    steps = h * np.eye(shape[-1])
    central = np.stack([(loss.value(w + s[:, None]) - loss.value(w - s[:, None])) / (2 * h) for s in steps])
    # Each of the two values carries the rounding of a sum of positive terms of p + k operations each.
    limit = (shape[-1] + 8) * EPS * loss.value(w).max() * 8 / h
    assert limit < 1e-4 * np.abs(central).max()
    np.testing.assert_allclose(loss.gradient(w), central, rtol=0, atol=limit)


@shapes
def test_zero_at_the_teacher_and_nowhere_negative(shape):
    z, w_star, weights, w = problem(shape)
    loss = SampleLoss(z, w_star, weights=weights)
    # The same product in another batch may differ in its last bit.
    assert loss.value(w_star) <= (z.size * EPS) ** 2
    assert np.max(np.abs(loss.gradient(w_star))) <= z.size * EPS * 10
    assert np.all(loss.value(w) > 0)


def test_at_zero_every_patch_is_active():
    z, w_star, weights, _ = problem((20, 3, 4))
    labels = np.maximum(z @ w_star, 0).mean(axis=1)
    expected = -(weights * labels) @ z.mean(axis=1)
    found = SampleLoss(z, w_star, weights=weights).gradient(np.zeros(4))
    np.testing.assert_allclose(found, expected, rtol=0, atol=20 * 3 * 4 * EPS)


@shapes
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_do_not_matter(shape, block, monkeypatch):
    z, w_star, weights, w = problem(shape)
    whole = SampleLoss(z, w_star, weights=weights)
    value, gradient = whole.value(w), whole.gradient(w)
    monkeypatch.setattr(relu_filter, "BLOCK", block)
    parts = SampleLoss(z, w_star, weights=weights)
    # Only the order of the sum changes.
    np.testing.assert_allclose(parts.labels, whole.labels, rtol=0, atol=32 * EPS)
    np.testing.assert_allclose(parts.value(w), value, rtol=z.size * EPS * 8)
    np.testing.assert_allclose(parts.gradient(w), gradient, rtol=0, atol=z.size * EPS * 8)


def test_blocks_bound_what_is_held_at_once(monkeypatch):
    z, w_star, _, w = problem((50, 4, 3))
    monkeypatch.setattr(relu_filter, "BLOCK", 100)
    loss = SampleLoss(z, w_star)
    sizes = [block.shape[0] * 4 * w.shape[1] for block, _ in loss._blocks(w.shape[1])]
    assert max(sizes) <= 100
    assert sum(sizes) == 50 * 4 * 5
    assert loss.dim == 3
