"""The constants of patches: the sweep against their definition, k = 1 against the one-neuron study, and every limit."""

from __future__ import annotations

import math

import numpy as np
import pytest

import theory
from theory.checks import BadInput
from theory.closeness import (
    Curve,
    Patches,
    certified_constants,
    closeness_of,
    cross_bounds,
    estimate_constants,
    exact_constants,
    gamma_bound,
    half_space_moment,
    margin_of,
    sweep,
)
from theory.closeness.constants import along, norms
from theory.distributions import AngularMixture, ClosePatches
from theory.objectives import SampleLoss

EPS = np.finfo(float).eps
PHI = 0.9
TEACHER = np.array([0.6, -0.8])
CONSTANTS = ("gamma", "L", "beta", "cross")


def patches(n, k, p, seed=0, closeness=0.3, spread=1.0):
    return ClosePatches(p, k, spread, closeness).sample(n, rng=np.random.default_rng(seed))


def by_definition(z, teacher, w):
    """The five matrices, patch by patch."""
    total = np.zeros((5, z.shape[2], z.shape[2]))
    for sample in z:
        u = np.zeros((3, z.shape[2]))
        for patch in sample:
            active, taught = w @ patch >= 0, teacher @ patch >= 0
            if active or taught:
                u[0 if active and taught else 1 if active else 2] += patch / len(sample)
        total += [np.outer(u[i], u[j]) / len(z) for i, j in ((0, 0), (1, 1), (0, 1), (0, 2), (1, 2))]
    return total


def values(matrices, theta):
    """λ_min and λ_max of u₊₊, λ_max of u₊₋ over θ, and the three norms over θ."""
    spectra = np.linalg.eigvalsh(matrices[:2])
    cross = sum(np.linalg.norm(m, ord=2) for m in matrices[2:])
    return np.array([spectra[0, 0], spectra[0, -1], spectra[1, -1] / theta, cross / theta])


def around(z, teacher, angles, directions, rng):
    """``values`` at filters turned by these angles from the teacher in random directions."""
    unit, found = teacher / np.linalg.norm(teacher), []
    for _ in range(directions):
        e = rng.standard_normal(unit.size)
        e -= (e @ unit) * unit
        e /= np.linalg.norm(e)
        found += [values(by_definition(z, teacher, math.cos(t) * unit + math.sin(t) * e), t) for t in angles]
    return np.array(found)


# ------------------------------------------------------------------------------------------------ in the plane: exact


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_sweep_is_the_definition_at_every_angle(k, side):
    z = np.random.default_rng(k).standard_normal((12, k, 2))
    angles, matrices = sweep(Patches.of(z, [1.0, 0.0]), np.array([side]), 1.5)
    for theta in np.random.default_rng(9).uniform(0, 1.5, 60):
        w = np.array([math.cos(theta), side * math.sin(theta)])
        held = matrices[np.searchsorted(angles, theta, side="right") - 1]
        # Sums of at most 12 k products of numbers of a few units.
        np.testing.assert_allclose(held, by_definition(z, np.array([1.0, 0.0]), w), rtol=0, atol=1000 * EPS)


def test_the_curve_bounds_every_filter_and_is_attained():
    z = patches(40, 3, 2)
    curve = Curve(z, TEACHER)
    found = around(z, TEACHER, np.linspace(1e-3, PHI, 300), 6, np.random.default_rng(0))
    exact = np.array([float(getattr(curve, name)(PHI)) for name in CONSTANTS])
    tiny = 1e-12
    assert np.all(found[:, 0] >= exact[0] - tiny)
    assert np.all(found[:, 1:] <= exact[1:] + tiny)
    # γ and L are constant between the changes, of which 300 angles to either side miss few.
    assert found[:, 0].min() == pytest.approx(exact[0], rel=0.02)
    assert found[:, 1].max() == pytest.approx(exact[1], rel=0.02)


def test_patches_that_are_one_neuron_repeated_have_its_constants():
    z = AngularMixture(2, 0.7).sample(200, rng=np.random.default_rng(0))
    curve, one = (
        Curve(np.repeat(z[:, None, :], 4, axis=1), TEACHER),
        theory.smoothness.smoothness(z, PHI, teacher=TEACHER),
    )
    assert float(curve.cross(PHI)) == 0.0
    for name in ("gamma", "L", "beta"):
        bracket = getattr(one, name)
        # Sums of 800 numbers in another order.
        assert bracket.lower * (1 - 1e-10) <= float(getattr(curve, name)(PHI)) <= bracket.upper * (1 + 1e-10)


def test_constants_are_monotone_in_the_angle():
    curve, phi = Curve(patches(100, 3, 2), [1.0, 0.0]), np.linspace(0, 1.5, 50)
    assert np.all(np.diff(curve.gamma(phi)) <= 0)
    assert all(np.all(np.diff(part(phi)) >= 0) for part in (curve.L, curve.beta, curve.cross))


def test_more_patches_need_all_angles_not_only_the_last():
    """Two patches of which one takes from the other: γ falls below what it is at θ = 0, and rises again."""
    angles, matrices = sweep(Patches.of(patches(6, 2, 2, closeness=2.5, spread=3.0), [1.0, 0.0]), np.ones(1), 1.5)
    least = along(angles, matrices, 0.1)[0]
    assert np.any(np.diff(least) > 0)


def test_the_least_angle_only_lowers_what_is_divided():
    z = patches(100, 3, 2)
    free, held = Curve(z, [1.0, 0.0]), Curve(z, [1.0, 0.0], least_angle=0.2)
    assert float(held.gamma(PHI)) == float(free.gamma(PHI))
    assert float(held.beta(PHI)) <= float(free.beta(PHI))
    assert 0 < float(held.cross(PHI)) <= float(free.cross(PHI))


def test_step_and_margin_are_the_theorems():
    curve = Curve(patches(400, 4, 2, closeness=0.05, spread=0.3), [1.0, 0.0], least_angle=0.01)
    g, top, beta, cross = (float(getattr(curve, name)(PHI)) for name in CONSTANTS)
    step = (g - 6 * cross) / (2 * (top + 10 * cross + 4 * beta) ** 2)
    assert float(curve.step(np.array([PHI]))[0]) == pytest.approx(step, rel=1e-12)
    assert curve.margin(math.sin(PHI)) == pytest.approx((g - 6 * cross) / (g + 6 * cross), rel=1e-12)
    assert (curve.margin(math.sin(PHI)) > 0) == (curve.reach() > PHI)
    assert curve.along(np.array([np.nan, 0.5]))[0].tolist()[1] > 0
    assert np.isnan(curve.along(np.array([np.nan, 0.5]))[1][0])


def test_the_two_inequalities_behind_the_rate():
    """⟨∇ℓ, d⟩ ≥ (γ − (3π/2) L_cross)‖d‖² and ‖∇ℓ‖ ≤ (L + (3π/2) L_cross + 4β)‖d‖ at random filters."""
    z, rng = patches(60, 3, 2, closeness=0.8), np.random.default_rng(1)
    loss, curve = SampleLoss(z, np.array([1.0, 0.0])), Curve(z, [1.0, 0.0])
    r, turn = rng.uniform(0.01, 0.99, 500), rng.uniform(0, 2 * math.pi, 500)
    d = r * np.stack([np.cos(turn), np.sin(turn)])
    gradient = loss.gradient(d + np.array([[1.0], [0.0]]))
    net, lipschitz = curve.along(r, gap=theory.closeness.PROOF, more=theory.closeness.PROOF)
    assert np.all(np.sum(gradient * d, axis=0) >= net * r**2 - 1e-12)
    assert np.all(np.linalg.norm(gradient, axis=0) <= lipschitz * r + 1e-12)


# ----------------------------------------------------------------------------------- in more dimensions: within limits


@pytest.mark.parametrize(("p", "k"), [(3, 1), (3, 3), (4, 2)])
def test_certified_limits_contain_every_filter(p, k):
    z, least = patches(60, k, p), 0.05
    found = certified_constants(z, PHI, np.eye(p)[0], budget=120, least_angle=least)
    seen = around(z, np.eye(p)[0], np.linspace(least, PHI, 12), 12, np.random.default_rng(3))
    assert np.all(seen[:, 0] >= found.gamma.low)
    assert np.all(seen[:, 1:] <= [found.L.high, found.beta.high, found.cross.high])
    for name in CONSTANTS:
        limit = getattr(found, name)
        assert limit.low <= limit.value <= limit.high


def test_one_patch_gives_the_brackets_of_the_one_neuron_study():
    z = patches(150, 1, 3)
    found = certified_constants(z, PHI, np.eye(3)[0], budget=300, least_angle=0.05)
    one = theory.smoothness.smoothness(z[:, 0], PHI, teacher=np.eye(3)[0], least_angle=0.05, budget=300)
    for name in ("gamma", "L", "beta"):
        limit, bracket = getattr(found, name), getattr(one, name)
        assert max(limit.low, bracket.lower) <= min(limit.high, bracket.upper) * (1 + 1e-12)
    assert found.cross.high == 0


def test_a_larger_budget_closes_the_limits():
    z = patches(60, 3, 3)
    wide, narrow = (certified_constants(z, PHI, np.eye(3)[0], budget=b, least_angle=0.05) for b in (5, 400))
    for name in CONSTANTS:
        before, after = getattr(wide, name), getattr(narrow, name)
        assert after.high - after.low <= (before.high - before.low) * (1 + 1e-9)
    assert narrow.cross.high < 2 * narrow.cross.low


def test_in_the_plane_the_limits_coincide():
    z = patches(50, 3, 2)
    found = certified_constants(z, PHI, [1.0, 0.0], least_angle=0.05)
    assert found == exact_constants(z, PHI, [1.0, 0.0], least_angle=0.05)
    assert found.gamma.low == found.gamma.high


def test_estimates_of_one_patch_contain_the_exact_constants():
    law = AngularMixture(5, 0.7)
    found = estimate_constants(law.sample(20_000, rng=np.random.default_rng(0)), PHI, np.eye(5)[0])
    exact = theory.smoothness.smoothness(law, PHI)
    assert found.gamma.low <= exact.gamma <= found.gamma.high
    assert found.L.low <= exact.L <= found.L.high
    # β on the grid is below the supremum, by what lies between its angles.
    assert found.beta.low <= exact.beta
    assert found.beta.high >= 0.95 * exact.beta
    assert found.cross.value == 0


# -------------------------------------------------------------------------------------------------------- the bounds


@pytest.mark.parametrize("closeness", [0.0, 0.1, 0.4, 1.0])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_bounds_of_closeness_hold_for_samples(closeness, k):
    z = patches(300, k, 2, closeness=closeness)
    rho, mu = closeness_of(z), margin_of(z, PHI, [1.0, 0.0])
    curve, (three, sharp) = Curve(z, [1.0, 0.0]), cross_bounds(mu, k)
    assert gamma_bound(z, PHI, [1.0, 0.0], rho=rho) <= float(curve.gamma(PHI)) + 1e-12
    assert float(curve.cross(PHI)) <= sharp * (1 + 1e-12) < three


def test_closeness_is_to_the_average_not_to_the_centre():
    z = patches(4000, 4, 5, closeness=0.4)
    assert 0.4 < closeness_of(z) < 0.8
    assert closeness_of(patches(10, 4, 5, closeness=0.0)) < 1e-7
    assert closeness_of(np.array([[[1.0, 0.0], [-1.0, 0.0]]])) == math.pi


def test_mu_of_patches_at_known_angles():
    turns = np.array([[math.pi / 2 - 0.1], [math.pi / 2 + 0.2], [0.0], [math.pi / 2 + 1.2]])
    z = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    assert margin_of(z, PHI, [1.0, 0.0]) == pytest.approx(2.5)  # ¼ over 0.1, ½ over 0.2, and nothing else up to φ
    assert margin_of(z, PHI, [1.0, 0.0], least_angle=0.5) == pytest.approx(1.0)
    assert margin_of(z, 0.05, [1.0, 0.0]) == 0


def test_the_half_space_is_no_bound():
    z = patches(300, 4, 2, closeness=0.7)
    assert half_space_moment(z, [1.0, 0.0]) > float(Curve(z, [1.0, 0.0]).gamma(PHI))


def test_norms_of_plane_matrices():
    m = np.random.default_rng(0).standard_normal((20, 2, 2))
    np.testing.assert_allclose(norms(m), np.linalg.norm(m, ord=2, axis=(1, 2)), rtol=8 * EPS)
    np.testing.assert_allclose(norms(np.stack([np.eye(3)])), [1.0])


# --------------------------------------------------------------------------------------------------------- bad input

Z = np.ones((4, 2, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Curve(np.ones((4, 2, 3)), [1.0, 0, 0]), "patches is of 3 entries each; it must be of 2"),
        (lambda: Curve(Z, [1.0, 0, 0]), r"teacher is an array of shape \(3,\)"),
        (lambda: Curve(Z, [1.0, 0], least_angle=2.0), "least_angle is 2.0"),
        (lambda: Curve(Z, [1.0, 0], weights=[1.0, 2.0]), "weights is an array of shape"),
        (lambda: Curve(Z, [1.0, 0], weights=[-1.0, 1, 1, 1]), "nonnegative"),
        (lambda: Curve(np.full((4, 2, 2), np.nan), [1.0, 0]), "finite everywhere"),
        (lambda: certified_constants(Z, 2.0, [1.0, 0]), "angle is 2.0"),
        (lambda: certified_constants(Z, 1.0, [1.0, 0], budget=0), "budget is 0"),
        (lambda: certified_constants(Z, 1.0, [1.0, 0], least_angle=1.5), "least_angle is 1.5"),
        (lambda: estimate_constants(Z, 1.0, [1.0, 0], grid=0), "grid is 0"),
        (lambda: closeness_of(np.ones((2, 2))), "patches is an array of shape"),
        (lambda: cross_bounds(1.0, 0), "k is 0"),
        (lambda: theory.problems.filter_patches("x", 1.0, 0.1, 3, rng=np.random.default_rng(0)), "law is 'x'"),
    ],
)
def test_bad_input_is_one_clear_line(call, words):
    with pytest.raises(BadInput, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
