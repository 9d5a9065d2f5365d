"""The cycle about a kink: on a root whose slopes are known, in closed form, and on runs; and what momentum leaves."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from theory.descent import HeavyBall, turn
from theory.objectives.gabor import Circle, GaborFilter, cycle, least_jump, of_images
from theory.problems import textures

S, B = 3.0, 0.8
"""|f'| = S (1 + B u) at θ* + u."""


def bent(b=B):
    theta = 0.4
    return SimpleNamespace(
        truth=SimpleNamespace(theta=theta),
        curvature=lambda: np.array([2 * S * S]),
        gradient=lambda at: np.sign(at - theta) * S * (1 + b * (at - theta)),
    )


@pytest.mark.parametrize("jump", [0.001, 0.05])
def test_slopes_that_differ_on_either_side(jump):
    """On the right the slope is up to 1 + BR, on the left 1 − BL at least: R = ηs, L = ηs(1 + BR)."""
    found = cycle(bent(), np.array([[jump / S]]), 10**9)
    left = jump * (1 + B * jump)
    assert found.held.all()
    assert found.reach[0, 0] == pytest.approx(left)
    assert found.jump[0, 0] == pytest.approx(jump)

    def balanced(a, b):
        return 2 * a * b / (a + b)

    assert found.least[0, 0] == pytest.approx(jump * balanced(1, 1 - B * left))
    assert found.most[0, 0] == pytest.approx(jump * balanced(1 + B * jump, 1))


def test_the_ends_of_a_run_widen_the_bounds_by_their_share():
    long, short = (cycle(bent(), np.array([[0.05 / S]]), n) for n in (10**9, 50))
    apart = np.maximum(0.05 * B, B * 0.05 * (1 + 0.05 * B)) + 0.05 * B
    # |D| (m₊ − m₋)/(m₊ + m₋)/50, D ≤ L + R, the slopes from 1 − BL to 1 + BR.
    over = (0.05 + 0.052) / 50 * (apart + 0.0) / (2 - B * 0.052)
    assert short.most[0, 0] - long.most[0, 0] == pytest.approx(over, rel=0.05)
    assert long.least[0, 0] - short.least[0, 0] == pytest.approx(over, rel=0.05)


def test_without_a_trap_nothing_is_held():
    steep = cycle(bent(b=40.0), np.array([[0.05 / S]]), 100)
    assert not steep.held.any()


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_least_jump_with_momentum(momentum):
    jump = 0.05 / (1 + momentum)
    assert least_jump(bent(), np.array([[0.05 / S]]), momentum)[0, 0] == pytest.approx(jump * (1 - B * jump))
    assert least_jump(bent(b=100.0), np.array([[0.05 / S]]), momentum)[0, 0] == 0


def test_runs_lie_within_the_bounds():
    """On photographs, whose slopes differ most; and the bounds say something."""
    truth = GaborFilter(size=9, sigma=2.0)
    circle = Circle(of_images(textures("photo", 6, 48, rng=np.random.default_rng(2)), 9), truth, "rmse")
    s = np.sqrt(circle.curvature() / 2)[:, None]
    eta = np.array([0.0005, 0.002]) / s
    found = cycle(circle, eta, 200)
    _, kept = turn(circle.gradient, truth.theta + np.full(eta.shape, 1e-3), HeavyBall(eta), 600, keep=range(400, 601))
    path = np.stack([kept[t] for t in range(400, 601)])
    mean, off = np.abs(np.diff(path, axis=0)).mean(axis=0), np.abs(path - truth.theta).max(axis=0)
    held = found.held
    assert held.sum() >= 8
    assert (found.least[held] <= mean[held]).all()
    assert (mean[held] <= found.most[held]).all()
    # θ* + u is rounded to 2⁻⁵³ of θ*.
    assert (off[held] <= found.reach[held] * (1 + 1e-12) + 1e-15).all()
