"""The constants of a sample in the plane: brute force over θ, hidden orders, ties, weights, the curve."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.closeness import closeness, curve
from theory.closeness.sample import Sample, _resolved
from theory.distributions import ClosePatches
from theory.problems import crossed_pairs
from theory.smoothness import smoothness

NAMES = ("gamma", "L", "cross", "beta")


def brute(patches, w_star, theta, weights=None) -> np.ndarray:
    """−λ_min, λ_max, cross/θ and λ_max/θ, the largest over both sides, at each θ, from the definition."""
    n = patches.shape[0]
    share = np.full(n, 1 / n) if weights is None else np.asarray(weights) / np.sum(weights)
    e_1 = np.asarray(w_star) / np.linalg.norm(w_star)
    e_2 = np.array([-e_1[1], e_1[0]])
    taught, rows = patches @ e_1 >= 0, []
    for t in theta:
        sides = []
        for side in (1, -1):
            active = patches @ (math.cos(t) * e_1 + side * math.sin(t) * e_2) >= 0
            u = [(patches * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)]
            a = [[np.einsum("n,ni,nj", share, x, y) for x in u] for y in u]
            values = np.linalg.eigvalsh(a[0][0])
            cross = sum(np.linalg.norm(a[i][j], 2) for i, j in ((0, 1), (0, 2), (1, 2)))
            sides.append([-values[0], values[1], cross / t, np.linalg.eigvalsh(a[1][1])[1] / t])
        rows.append(np.max(sides, axis=0))
    return np.array(rows)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("phi", [0.3, 1.2])
def test_brute_force(k, phi):
    """Just behind every angle at which a patch goes over, on both sides, there is nothing more to see."""
    rng = np.random.default_rng(k)
    patches, w_star = ClosePatches(2, k, 0.8, 0.9).sample(25, rng=rng), rng.standard_normal(2)
    weights = rng.uniform(0.5, 2.0, 25)
    e_1 = w_star / np.linalg.norm(w_star)
    angles = np.arctan(np.abs((patches @ e_1) / (patches @ np.array([-e_1[1], e_1[0]])))).ravel()
    theta = np.sort(np.append(angles[angles < phi - 1e-9] + 1e-11, phi))
    rows = np.max(brute(patches, w_star, theta, weights), axis=0)
    found = closeness(patches, phi, teacher=w_star, weights=weights)
    expected = (-rows[0], *rows[1:])
    for name, value in zip(NAMES, expected, strict=True):
        bracket = getattr(found, name)
        # The grid comes 1e-11 late, of angles above 1e-3 here; rounding is 1e-12.
        assert bracket.lower * (1 - 1e-8) - 1e-11 <= value <= bracket.upper + 1e-11
        assert bracket.upper - bracket.lower <= 1e-9 * max(1.0, bracket.upper)


def test_one_patch_is_one_neuron():
    z = ClosePatches(2, 1, 0.6, 0.5).sample(60, rng=np.random.default_rng(0))
    found, one = closeness(z, 1.1, teacher=[1.0, 0.0]), smoothness(z[:, 0], 1.1, teacher=[1.0, 0.0])
    for name in ("gamma", "L", "beta"):
        here, there = getattr(found, name), getattr(one, name)
        assert here.lower <= there.upper
        assert there.lower <= here.upper
    assert (found.cross.lower, found.cross.upper) == (0.0, 0.0)


def test_crossed_pairs_in_closed_form():
    """−45° goes over at 45° on one side, 15° and 75° at 75° and 15° on the other; norms of products of two vectors."""
    pairs = crossed_pairs()
    assert np.degrees(np.arctan2(pairs[..., 1], pairs[..., 0])).round(9).tolist() == [[-45.0, 75.0], [15.0, 75.0]]
    found = closeness(pairs, 1.4, teacher=[3.0, 0.0])
    # Behind 15°: 75° of both pairs in −+, so E[u_{++}u_{−+}ᵀ] = ⅛ (z₁ + z₂) z₃ᵀ, and |z₁ + z₂|² = 2 + 2 cos 60° = 3.
    assert found.cross.lower == pytest.approx(math.sqrt(3) / 8 / math.radians(15), rel=1e-9)
    assert found.beta.upper == 0
    # Behind 75° only −45° is left: E[uuᵀ] = ⅛ zzᵀ.
    assert found.gamma.upper == pytest.approx(0.0, abs=1e-12)


def test_a_patch_on_the_hyperplane():
    """It goes over at once on one side, and L_cross over all θ > 0 is infinite; from an angle on it is not."""
    patches = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    found = closeness(patches, 0.5, teacher=[1.0, 0.0])
    assert found.cross.upper == math.inf
    least = closeness(patches, 0.5, teacher=[1.0, 0.0], least_angle=0.1)
    assert least.cross.lower == pytest.approx(1 / 4 / 0.1)
    assert curve(patches, teacher=[1.0, 0.0]).step(np.array([0.2]))[0] == 0


def test_what_ends_below_the_least_angle_does_not_count():
    """75° is alone in −+ from 15° on, and −45° is in −+ from 45° on with nothing but cross terms before."""
    theta = np.append(np.linspace(0.3, 1.39, 4000), [0.3, np.radians(45) + 1e-9, np.radians(75) + 1e-9])
    found = closeness(crossed_pairs(), 1.4, teacher=[1.0, 0.0], least_angle=0.3)
    assert found.cross.lower == pytest.approx(brute(crossed_pairs(), [1.0, 0.0], theta)[:, 2].max(), rel=1e-8)


def test_what_rounding_hides_widens_the_bracket():
    """Two patches that go over within rounding of each other, on the same flank: between them u may be off by one."""
    z = np.array([[[1.0, -1.0], [-1.0, 1.0 + 3e-16], [1.0, 0.2]]])
    hidden = closeness(z, 1.2, teacher=[1.0, 0.0]).cross
    clear = closeness(z * np.array([1.0, 1.0 + 1e-9]) + 1e-9, 1.2, teacher=[1.0, 0.0]).cross
    assert hidden.upper - hidden.lower > 0.01
    assert hidden.lower - 1e-6 <= clear.lower <= clear.upper <= hidden.upper
    assert clear.upper - clear.lower < 1e-9


def test_ties_of_the_same_patch_hide_nothing():
    angle, change = np.array([0.1, 0.1, 0.1, 0.4]), np.ones(4)
    patch = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [3.0, 1.0]])
    last, hidden = _resolved(angle, patch, change)
    assert (last.tolist(), hidden.tolist()) == ([0, 3, 4], [0.0, 0.0, 0.0])
    patch[1] = [2.0, 4.0]
    last, hidden = _resolved(angle, patch, change)
    assert (last.tolist(), hidden.tolist()) == ([0, 3, 4], [0.0, 3.0, 0.0])
    last, hidden = _resolved(angle[:0], patch[:0], change[:0])
    assert (last.tolist(), hidden.tolist()) == ([0], [0.0])


def test_the_curve_is_that_of_the_brackets():
    z = ClosePatches(2, 3, 0.8, 0.9).sample(40, rng=np.random.default_rng(3))
    found = curve(z, teacher=[1.0, 0.0])
    for phi in np.random.default_rng(0).uniform(0.01, 1.5, 20):
        safe, worst = found.at(phi), closeness(z, phi, teacher=[1.0, 0.0]).worst
        for name in NAMES:
            assert getattr(safe, name) == pytest.approx(getattr(worst, name), rel=1e-12, abs=1e-14)


def test_a_large_sample_has_the_constants_of_the_law():
    law = ClosePatches(2, 4, 0.5, 0.4)
    exact = closeness(law, 0.9)
    z = law.sample(20_000, rng=np.random.default_rng(1))
    found = closeness(z, 0.9, teacher=[1.0, 0.0], least_angle=0.1)
    # Entries of E[uuᵀ] are means of 20,000 numbers in [0, 1]: 4 × ½/√n for each of the two to four that count.
    slack = 4 * 0.5 / math.sqrt(20_000)
    assert abs(found.gamma.lower - exact.gamma) <= slack
    assert abs(found.L.lower - exact.L) <= slack
    assert found.cross.lower <= exact.cross + 3 * slack / 0.1


def test_the_two_ends():
    found = closeness(crossed_pairs(), 0.2, teacher=[1.0, 0.0])
    assert found.worst.gamma <= found.best.gamma
    assert found.worst.L >= found.best.L
    assert (found.confidence, found.least_angle) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: closeness(crossed_pairs(), 0.5), "teacher is None; it must be given with patches"),
        (lambda: closeness(np.ones((3, 2)), 0.5, teacher=[1.0, 0.0]), r"patches is an array of shape \(3, 2\)"),
        (lambda: curve(np.ones((3, 2, 3)), teacher=[1.0, 0.0, 0.0]), "dim is 3; it must be 2, the plane"),
        (lambda: closeness(crossed_pairs(), 0.5, teacher=[1.0, 0.0], budget=0), "budget is 0; it must be at least 1"),
        (lambda: closeness(crossed_pairs(), 0.5, teacher=[1.0, 0.0, 0.0]), r"teacher is an array of shape \(3,\)"),
        (lambda: closeness(crossed_pairs(), 0.5, teacher=[1.0, 0.0], weights=[1.0, -1.0]), r"weights is \[1.0, -1.0\]"),
        (lambda: closeness(crossed_pairs(), 0.5, teacher=[1.0, 0.0], weights=[1.0]), r"weights is \[1.0\]"),
        (lambda: closeness(crossed_pairs(), 0.5, teacher=[1.0, 0.0], least_angle=0.6), "least_angle is 0.6; it must"),
        (lambda: closeness(crossed_pairs(), 0.5, teacher=[1.0, 0.0], steps=3), r"options is \['steps'\]"),
        (
            lambda: closeness(1e155 * crossed_pairs(), 0.5, teacher=[1.0, 0.0]),
            "patches is an array whose largest entry",
        ),
        (lambda: curve(1e-160 * crossed_pairs(), teacher=[1.0, 0.0]), "between 1e-100 and 1e100 in size"),
        (lambda: Sample.of(np.ones((0, 2, 2)), [1.0, 0.0]), "number of samples is 0"),
        (lambda: Sample.of(np.ones((2, 0, 2)), [1.0, 0.0]), "number of patches is 0"),
        (lambda: Sample.of(np.ones((2, 1, 1)), [1.0]), "dim is 1; it must be at least 2"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def test_more_dimensions_in_the_frame_of_the_teacher():
    z = np.random.default_rng(0).standard_normal((5, 3, 4))
    w_star = np.array([1.0, -2.0, 0.5, 3.0])
    sample = Sample.of(z, w_star)
    np.testing.assert_allclose(sample.first, z @ w_star / np.linalg.norm(w_star), rtol=1e-13)
    # A rotation: all products of patches stay what they are.
    turned = sample.patches.reshape(-1, 4)
    np.testing.assert_allclose(turned @ turned.T, z.reshape(-1, 4) @ z.reshape(-1, 4).T, atol=1e-13)
