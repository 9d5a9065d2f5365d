"""Certified constants of a sample in more dimensions: against the plane, thousands of directions, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.closeness import closeness
from theory.closeness.sample import Sample, plane_brackets
from theory.closeness.searched import _Search, _State, searched_brackets
from theory.distributions import ClosePatches
from theory.smoothness import smoothness

NAMES = ("gamma", "L", "cross", "beta")


def states(patches, w_star, theta, e, weights):
    """−λ_min, λ_max, cross/θ and λ_max/θ for w = cos θ w* + sin θ e, from the definition."""
    active, taught = patches @ (math.cos(theta) * w_star + math.sin(theta) * e) >= 0, patches @ w_star >= 0
    u = [(patches * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)]
    a = [[(x * weights[:, None]).T @ y for y in u] for x in u]
    values = np.linalg.eigvalsh(a[0][0])
    cross = sum(np.linalg.norm(a[i][j], 2) for i, j in ((0, 1), (0, 2), (1, 2)))
    return -values[0], values[-1], cross / theta, np.linalg.eigvalsh(a[1][1])[-1] / theta


@pytest.mark.parametrize(("dim", "k", "spread", "rho"), [(3, 2, 0.5, 0.1), (3, 3, 1.0, 0.9), (5, 2, 0.6, 0.4)])
def test_nothing_that_is_attained_lies_outside(dim, k, spread, rho):
    rng = np.random.default_rng(dim)
    z, w_star = ClosePatches(dim, k, spread, rho).sample(60, rng=rng), rng.standard_normal(dim)
    w_star, weights, least, phi = w_star / np.linalg.norm(w_star), rng.uniform(0.5, 2.0, 60), 0.2, 0.9
    found = closeness(z, phi, teacher=w_star, weights=weights, least_angle=least, budget=400)
    best = np.full(4, -math.inf)
    for _ in range(600):
        e = rng.standard_normal(dim)
        e -= (e @ w_star) * w_star
        row = states(z, w_star, rng.uniform(least, phi), e / np.linalg.norm(e), weights / weights.sum())
        best = np.maximum(best, row)
    # The bound is beyond everything that 600 states attain; its other end is attained by some state itself.
    assert -best[0] >= found.gamma.lower
    for value, name in zip(best[1:], NAMES[1:], strict=True):
        assert value <= getattr(found, name).upper
    for name in NAMES:
        assert 0 <= getattr(found, name).lower <= getattr(found, name).upper


def test_in_the_plane_it_holds_what_the_sweep_finds():
    z = ClosePatches(2, 3, 0.8, 0.6).sample(40, rng=np.random.default_rng(0))
    sample = Sample.of(z, [2.0, 1.0])
    exact = plane_brackets(sample, 0.9, 0.1)
    for budget, relative in ((1, 30.0), (3000, 0.4)):
        found = searched_brackets(sample, 0.9, 0.1, budget)
        for name in NAMES:
            wide, narrow = getattr(found, name), getattr(exact, name)
            assert wide.lower <= narrow.upper
            assert narrow.lower <= wide.upper
        # Boxes of 1/30 of each of two widths leave a few of 120 patches in doubt.
        assert found.L.upper - found.L.lower <= relative * exact.L.lower


def test_one_patch_is_one_neuron():
    z = ClosePatches(3, 1, 0.6, 0.5).sample(50, rng=np.random.default_rng(1))
    w_star = [1.0, 0.0, 0.0]
    found = closeness(z, 0.9, teacher=w_star, least_angle=0.3)
    one = smoothness(z[:, 0], 0.9, teacher=w_star, least_angle=0.3)
    for name in ("gamma", "L", "beta"):
        here, there = getattr(found, name), getattr(one, name)
        assert here.lower <= there.upper
        assert there.lower <= here.upper


def test_patches_that_never_go_over():
    """Far from the hyperplane: u_{++} is Z_avg for every w, and there are no cross terms."""
    z = np.array([[[1.0, 0.1, 0.0], [1.0, -0.1, 0.0]], [[1.0, 0.0, 0.2], [1.0, 0.0, 0.2]], [[1.0, 0.3, 0.0]] * 2])
    found = closeness(z, 0.5, teacher=[1.0, 0.0, 0.0])
    average = z.mean(axis=1)
    values = np.linalg.eigvalsh(average.T @ average / 3)
    assert found.gamma.lower == pytest.approx(values[0], abs=1e-12)
    assert found.gamma.upper == pytest.approx(values[0], abs=1e-12)
    assert found.L.upper == pytest.approx(values[-1], rel=1e-12)
    assert found.cross.upper == found.beta.upper == 0


def test_a_patch_on_the_hyperplane_leaves_the_quotients_open():
    z = np.array([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]])
    assert closeness(z, 0.5, teacher=[1.0, 0.0, 0.0]).cross.upper == math.inf
    # It goes over for half of the directions: ‖E[u_{++}u_{−+}ᵀ]‖ = ¼. Where that is in doubt, R²/3 with R = 1.
    found = closeness(z, 0.5, teacher=[1.0, 0.0, 0.0], least_angle=0.2).cross
    assert 0.99 * 0.25 / 0.2 <= found.lower <= 0.25 / 0.2 <= found.upper <= (1 / 3 + 1e-9) / 0.2


def test_in_doubt_of_all_patches_the_cross_norms_reach_their_bound():
    """A third of the patches in each region, all along one line: the three norms are 1/9 each, and 1/3 at most."""
    z = np.array([[[1e-3, 1.0, 0.0], [-1e-3, 1.0, 0.0], [1e-3, -1.0, 0.0]]])
    w_star, everything = np.eye(3)[0], np.ones((1, 3), dtype=bool)
    attained = states(z, w_star, 0.5, np.eye(3)[1], np.ones(1))[2] * 0.5
    # Patches are 1e-6 longer than 1.
    assert attained == pytest.approx(1 / 3, rel=1e-5)
    bound = _Search(Sample.of(z, w_star)).cross(_State(~everything, everything), 1.0)
    assert attained <= bound * (1 + 1e-12)
    assert bound == pytest.approx(1 / 3, rel=1e-5)
