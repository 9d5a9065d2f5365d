"""The exact loss of close patches in the plane: one neuron, samples, finite differences, many digits, any teacher."""

from __future__ import annotations

import math

import array_api_strict
import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import AngularMixture, Atoms, ClosePatches, Gaussian, UniformSphere, Watson
from theory.objectives import ClosePlaneLoss, PopulationLoss, SampleLoss

EPS = np.finfo(float).eps
CENTRES = [AngularMixture(2, 0.4), Watson(2, 3.0), UniformSphere(2), Watson(2, -2.0, [1.0, 1.0])]
centres = pytest.mark.parametrize("centre", CENTRES, ids=str)
CASES = [(0.05, 2), (0.6, 4), (1.7, 3), (math.pi, 2)]
cases = pytest.mark.parametrize(("rho", "k"), CASES)
# All angles and both sides, norms from 0.3 to 3, and w = w* itself among them below.
W = np.array([[0.9, 0.3, -0.5, -2.0, 1.2, -0.1], [0.2, 1.0, 0.7, 0.1, -2.5, -0.3]])
TEACHERS = {"along the axis": [2.0, 0.0], "against it": [-0.5, 0.0], "beside it": [0.7, -1.1]}
teachers = pytest.mark.parametrize("teacher", TEACHERS.values(), ids=TEACHERS.keys())


def loss_of(centre, rho, k, teacher) -> ClosePlaneLoss:
    return PopulationLoss(ClosePatches(2, k, None, rho, centre), np.array(teacher))


@pytest.mark.parametrize("centre", CENTRES[:3], ids=str)
@pytest.mark.parametrize(("rho", "k"), [(0.0, 1), (0.0, 5)])
def test_one_neuron_repeated_is_one_neuron(centre, rho, k):
    here, there = loss_of(centre, rho, k, [2.0, 0.0]), PopulationLoss(centre, np.array([2.0, 0.0]))
    # Both tables are right to 64 ε of entries of at most ½, here times |w|, |w*| ≤ 3.
    np.testing.assert_allclose(here.gradient(W), there.gradient(W), rtol=0, atol=256 * EPS)
    np.testing.assert_allclose(here.value(W), there.value(W), rtol=0, atol=1024 * EPS)


def test_one_patch_is_one_neuron_of_the_law_of_a_patch():
    """The circle turned by anything is the circle: k = 1 at any ρ is the uniform law."""
    here, there = loss_of(UniformSphere(2), 1.1, 1, [2.0, 0.0]), PopulationLoss(UniformSphere(2), np.array([2.0, 0.0]))
    np.testing.assert_allclose(here.gradient(W), there.gradient(W), rtol=0, atol=256 * EPS)


@pytest.mark.parametrize("centre", CENTRES[::3], ids=str)
@cases
@teachers
def test_samples(centre, rho, k, teacher):
    n, w_star = 30_000, np.array(teacher)
    z = ClosePatches(2, k, None, rho, centre).sample(n, rng=np.random.default_rng(1))
    active = z @ W >= 0
    residual = (np.maximum(z @ W, 0) - np.maximum(z @ w_star, 0)[..., None]).mean(axis=1)
    each = residual[:, None, :] * np.einsum("nkp,nkr->npr", z, active) / k
    loss = loss_of(centre, rho, k, teacher)
    # 12 and 6 numbers a case, within five standard errors.
    assert np.all(np.abs(loss.gradient(W) - each.mean(axis=0)) <= 5 * each.std(axis=0) / math.sqrt(n))
    squares = residual**2 / 2
    assert np.all(np.abs(loss.value(W) - squares.mean(axis=0)) <= 5 * squares.std(axis=0) / math.sqrt(n))
    # The gradient of a sample is made otherwise, and has the same mean.
    np.testing.assert_allclose(SampleLoss(z, w_star).gradient(W), each.mean(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("centre", CENTRES[::3], ids=str)
@cases
@teachers
def test_finite_differences(centre, rho, k, teacher):
    loss, h = loss_of(centre, rho, k, teacher), 1e-5
    steps = [h * e[:, None] for e in np.eye(2)]
    central = np.stack([(loss.value(W + s) - loss.value(W - s)) / (2 * h) for s in steps])
    # h² times a third derivative (below 1e4 where patches are as close as ρ = 0.05), and the rounding of values over h.
    np.testing.assert_allclose(loss.gradient(W), central, rtol=0, atol=1e4 * h**2 + 2048 * EPS / h)


@centres
@cases
def test_many_digits_near_the_teacher(centre, rho, k):
    """ℓ(w* + εv)/ε² and ∇ℓ(w* + εv)/ε tend to ½ vᵀAv and Av, A = A_{w*,w*}, with an error of the order of ε/ρ."""
    w_star = 2 * centre.direction
    loss = loss_of(centre, rho, k, w_star)
    moments = loss._left(np.zeros(1))[0, :2, :2]
    frame = np.stack([centre.direction, [-centre.direction[1], centre.direction[0]]])
    v = np.array([[0.6, -0.3, 0.0], [0.8, 0.9, -1.0]])
    slope = frame.T @ moments @ frame @ v
    # 3e-8 is exactly representable beside no teacher: what the rounded w differs by from w* is what counts.
    for size in (1e-4, 1e-9):
        w = w_star[:, None] + size * v
        moved = (w - w_star[:, None]) / size
        slope = frame.T @ moments @ frame @ moved
        limit = 40 * size / rho + 1e-9
        np.testing.assert_allclose(loss.gradient(w) / size, slope, rtol=0, atol=limit)
        np.testing.assert_allclose(loss.value(w) / size**2, (moved * slope).sum(axis=0) / 2, rtol=0, atol=limit)


@cases
def test_the_teacher_has_no_loss(rho, k):
    loss = loss_of(CENTRES[0], rho, k, [2.0, 0.0])
    assert loss.value(np.array([2.0, 0.0])) == 0
    assert loss.gradient(np.array([2.0, 0.0])).tolist() == [0.0, 0.0]


def test_the_other_side_mirrors():
    loss = loss_of(CENTRES[0], 0.6, 4, [2.0, 0.0])
    mirror = np.array([[1.0], [-1.0]])
    np.testing.assert_array_equal(loss.gradient(mirror * W), mirror * loss.gradient(W))


@teachers
def test_a_law_and_a_teacher_turned_together(teacher):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    here = loss_of(AngularMixture(2, 0.4), 0.6, 4, teacher)
    there = loss_of(AngularMixture(2, 0.4, turn[:, 0]), 0.6, 4, turn @ teacher)
    # Turning rounds each of |w|, |w*| ≤ 3 a few times, and the loss is smooth in them.
    np.testing.assert_allclose(there.gradient(turn @ W), turn @ here.gradient(W), rtol=0, atol=1e-14)
    np.testing.assert_allclose(there.value(turn @ W), here.value(W), rtol=0, atol=2e-14)


def test_shapes():
    loss = loss_of(CENTRES[0], 0.6, 4, [2.0, 0.0])
    assert loss.gradient(W[:, 0]).shape == (2,)
    assert loss.value(W[:, 0]).shape == ()
    assert loss.gradient(W[:, :0]).shape == (2, 0)
    np.testing.assert_array_equal(loss.gradient(W[:, 0]), loss.gradient(W)[:, 0])


@teachers
def test_another_namespace(teacher):
    here = loss_of(CENTRES[0], 0.6, 4, teacher)
    law = ClosePatches(2, 4, None, 0.6, CENTRES[0])
    there = PopulationLoss(law, array_api_strict.asarray(np.array(teacher)))
    w = array_api_strict.asarray(W)
    # The same operations, products of 6 × 6 matrices in another order.
    np.testing.assert_allclose(np.asarray(there.gradient(w)), here.gradient(W), rtol=0, atol=64 * EPS)
    np.testing.assert_allclose(np.asarray(there.value(w)), here.value(W), rtol=0, atol=64 * EPS)


@pytest.mark.parametrize(
    ("law", "teacher", "message"),
    [
        (ClosePatches(3, 2, 0.5, 0.1), [1.0, 0.0, 0.0], "dim 3; it must be of patches in the plane"),
        (ClosePatches(2, 2, None, 0.1, Atoms(np.eye(2))), [1.0, 0.0], "centres with an axis of symmetry"),
        (ClosePatches(2, 2, None, 0.1, Gaussian(2)), [1.0, 0.0, 0.0], r"teacher is an array of shape \(3,\)"),
        (ClosePatches(2, 2, 0.5, 0.1), [0.0, 0.0], "teacher is the zero vector"),
    ],
)
def test_bad_input(law, teacher, message):
    with pytest.raises(BadInput, match=message):
        PopulationLoss(law, np.array(teacher))


def test_a_wrong_w():
    with pytest.raises(BadInput, match=r"w is an array of shape \(3,\)"):
        loss_of(CENTRES[0], 0.6, 4, [2.0, 0.0]).gradient(np.ones(3))
