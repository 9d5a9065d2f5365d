"""The exact population loss: closed forms, finite differences, region moments, and its sampled twin."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from theory.distributions import AngularMixture, Atoms, Gaussian, UniformSphere, Watson
from theory.distributions.table import TOLERANCE, wedge_table
from theory.objectives import PopulationLoss, SampleLoss
from theory.objectives.relu_filter import angle_between

EPS = np.finfo(float).eps
LAWS = [
    Gaussian(2),
    Gaussian(5),
    UniformSphere(3),
    UniformSphere(25),
    AngularMixture(2, 0.5),
    AngularMixture(5, 0.3),
    AngularMixture(4, math.inf),
    Watson(2, 3.0),
    Watson(5, 5.0),
    Watson(5, -5.0),
]
ANGLES = [0.0, 1e-9, 1e-3, 0.4, 1.5, math.pi / 2, 1.6, 2.5, 3.1, math.pi]


def name(law) -> str:
    return f"{law.label}-{law.dim}"


laws = pytest.mark.parametrize("law", LAWS, ids=name)


def exact_error(law, w, norm: float = 1.0) -> float:
    """What the table, the moments (8 roundings) and the sums (8 more) may leave in a gradient.

    The table's own worst error is seen at its probes, which end at 0.99 of a panel; next to π/2 the moments of a law
    that is singular on its axis change like ε log ε, so that beyond the last probe the error may be a few times that.
    """
    size = norm + float(np.max(np.linalg.norm(w, axis=0)))
    return (8 * wedge_table(law).error + 16 * EPS) * max(law.half()) * size


def starts(law, n: int, seed: int = 1):
    """n random w of all angles, with the norm between ½ and 2."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((law.dim, n))
    return w / np.linalg.norm(w, axis=0) * rng.uniform(0.5, 2.0, n)


def central(value, w, h: float):
    """Central differences with step h, one coordinate after the other."""
    return np.stack([(value(w + h * e[:, None]) - value(w - h * e[:, None])) / (2 * h) for e in np.eye(w.shape[0])])


# ------------------------------------------------------------------------------------------------------ gradient = ∇ℓ


@laws
@pytest.mark.parametrize("norm", [1.0, 3.0])
def test_gradient_is_that_of_the_value(law, norm):
    loss, w = PopulationLoss(law, norm * np.eye(law.dim)[0]), starts(law, 12)
    h = 2e-3
    coarse, fine = central(loss.value, w, h), central(loss.value, w, h / 2)
    # The error is c h² + O(h⁴): that of the finer is a third of what the two differ by (factor 2 for the next order),
    # and each value carries the error of the table and a few roundings, divided by h.
    limit = 2 / 3 * np.abs(coarse - fine) + 4 * (norm + 2) * exact_error(law, w, norm) / h
    assert np.all(np.abs(loss.gradient(w) - fine) <= limit)
    # The limit itself says something: third derivatives are of order one.
    assert limit.max() < 1e-4 * (norm + 2)


# ------------------------------------------------------------------------------------------------------- closed forms


def gaussian_gradient(w, w_star):
    """½w − (1/2π)(‖w*‖ sin θ · w/‖w‖ + (π − θ) w*)."""
    theta = angle_between(w[:, None], w_star)[0]
    norm, star = np.linalg.norm(w), np.linalg.norm(w_star)
    return w / 2 - (star * math.sin(theta) * w / norm + (math.pi - theta) * w_star) / (2 * math.pi)


def gaussian_value(w, w_star):
    """¼‖w‖² + ¼‖w*‖² − ‖w‖‖w*‖ (sin θ + (π − θ) cos θ)/2π."""
    theta = angle_between(w[:, None], w_star)[0]
    norm, star = np.linalg.norm(w), np.linalg.norm(w_star)
    cross = norm * star * (math.sin(theta) + (math.pi - theta) * math.cos(theta)) / (2 * math.pi)
    return (norm**2 + star**2) / 4 - cross


@pytest.mark.parametrize("theta", ANGLES)
@pytest.mark.parametrize("dim", [2, 7])
def test_gaussian_closed_form(theta, dim):
    rng = np.random.default_rng(dim)
    frame = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    w_star = 2.0 * frame[:, 0]
    w = 0.7 * (math.cos(theta) * frame[:, 0] + math.sin(theta) * frame[:, 1])
    loss = PopulationLoss(Gaussian(dim), w_star)
    # Table error relative to ½, and a few roundings of θ, of the frame and of the closed form.
    limit = (TOLERANCE + 32 * EPS) * 2.7
    np.testing.assert_allclose(loss.gradient(w), gaussian_gradient(w, w_star), rtol=0, atol=limit)
    np.testing.assert_allclose(loss.value(w), gaussian_value(w, w_star), rtol=0, atol=limit)


@laws
@pytest.mark.parametrize("theta", ANGLES)
def test_gradient_is_the_sum_over_both_regions(law, theta):
    """∇ℓ(w) = A_{w,w*}(w − w*) + A_{w,−w*} w, obtuse angles included."""
    w = np.zeros(law.dim)
    w[:2] = 1.3 * np.array([math.cos(theta), math.sin(theta)])
    w_star = 2.0 * np.eye(law.dim)[0]
    both, only = law.region_moments(theta)
    expected = both @ (w - w_star) + only @ w
    found = PopulationLoss(law, w_star).gradient(w)
    np.testing.assert_allclose(found, expected, rtol=0, atol=exact_error(law, w[:, None], 2.0))


@laws
def test_values_at_the_teacher_at_zero_and_opposite(law):
    t, alpha = 2.0, 0.75
    w_star = t * np.eye(law.dim)[0]
    loss, along = PopulationLoss(law, w_star), law.half()[0]
    assert loss.value(w_star) == 0
    assert np.all(loss.gradient(w_star) == 0)
    # z → −z: ℓ(−αw*) = ½ s₁ t² (1 + α²); at 0 the derivative of σ is 1. Products of three factors: 4 roundings.
    assert loss.value(0 * w_star) == pytest.approx(along * t**2 / 2, rel=4 * EPS)
    np.testing.assert_allclose(loss.gradient(0 * w_star), -along * w_star, rtol=4 * EPS)
    assert loss.value(-alpha * w_star) == pytest.approx(along * t**2 * (1 + alpha**2) / 2, rel=8 * EPS)
    np.testing.assert_allclose(loss.gradient(-alpha * w_star), -alpha * along * w_star, rtol=8 * EPS)


@laws
def test_value_is_never_negative(law):
    w_star = np.eye(law.dim)[0]
    far = starts(law, 200, seed=3)
    near = w_star[:, None] + far * 10.0 ** np.linspace(-16, 0, 200)
    loss = PopulationLoss(law, w_star)
    assert np.all(loss.value(far) > 0)
    assert np.all(loss.value(near) >= 0)
    assert np.all(loss.value(w_star[:, None] * np.linspace(-1, 3, 33)) >= 0)


@laws
def test_gradient_is_bounded_by_its_progress(law):
    """‖∇ℓ‖² ≤ L ⟨∇ℓ, w − w*⟩, L = λ_max(A_{w*,w*}): with r = σ(w·z) − σ(w*·z) on {w·z ≥ 0}, which has the moments
    ½E[zzᵀ], the left is at most L E[r²] by Cauchy–Schwarz, and r² ≤ r (w − w*)·z there. So every step up to 1/2L takes
    at least 3ηγ/2 off the squared distance, whatever β: why a reversed schedule keeps contracting.
    """
    w_star, w = np.eye(law.dim)[0], starts(law, 400, seed=13)
    gradient = PopulationLoss(law, w_star).gradient(w)
    progress = np.sum(gradient * (w - w_star[:, None]), axis=0)
    square, L = np.sum(gradient**2, axis=0), max(law.half())
    assert np.all(square <= L * progress * (1 + 1e-12) + exact_error(law, w) ** 2)
    # With equality for the largest direction, so that no smaller L would do: along w* or across it, next to w*.
    sides = w_star[:, None] + 1e-6 * np.eye(law.dim)[:, :2]
    steep = PopulationLoss(law, w_star).gradient(sides)
    ratio = np.sum(steep**2, axis=0) / np.sum(steep * (sides - w_star[:, None]), axis=0)
    assert ratio.max() == pytest.approx(L, rel=1e-5)


# -------------------------------------------------------------------------------------------- accuracy near the teacher


@laws
@pytest.mark.parametrize("size", [1e-6, 1e-9, 1e-12])
def test_near_the_teacher_the_loss_is_its_quadratic_form(law, size):
    """ℓ = ½ dᵀ A_{w*,w*} d (1 + O(‖d‖)): relative to the result, not to 1."""
    w_star = np.eye(law.dim)[0]
    w = w_star[:, None] + size * starts(law, 20, seed=5)
    d = w - w_star[:, None]  # exact, as w and w* agree within a factor of two
    loss, hessian = PopulationLoss(law, w_star), law.region_moments(0.0).both
    # The next order: B12 = −θ² (F(0) …)/2 and θ ≤ ‖d‖, against s ‖d‖; the ratio is β ‖d‖ over the least s.
    theta = np.linalg.norm(d, axis=0).max()
    order = theta * max(law.half()) / min(law.half()) * 4
    largest = np.linalg.norm(hessian @ d, axis=0)
    assert np.all(np.linalg.norm(loss.gradient(w) - hessian @ d, axis=0) <= (order + 16 * EPS) * largest)
    quadratic = np.einsum("ir,ij,jr->r", d, hessian, d) / 2
    np.testing.assert_allclose(loss.value(w), quadratic, rtol=order + 16 * EPS)


@pytest.mark.parametrize("size", [1e-2, 1e-6, 1e-12])
@pytest.mark.parametrize("turn", [0.3, 1.5, 2.8])
def test_near_the_teacher_against_many_digits(size, turn):
    """The Gaussian's closed form in 60 digits, at the very floats that the loss was given."""
    w = np.array([1 + size * math.cos(turn), size * math.sin(turn)])
    with mpmath.workdps(60):
        a, y = mpmath.mpf(float(w[0])), mpmath.mpf(float(w[1]))
        norm, theta = mpmath.hypot(a, y), mpmath.atan2(y, a)
        push = [mpmath.sin(theta) * a / norm + mpmath.pi - theta, mpmath.sin(theta) * y / norm]
        gradient = [float(x / 2 - p / (2 * mpmath.pi)) for x, p in zip((a, y), push, strict=True)]
        cross = norm * (mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)) / (2 * mpmath.pi)
        value = float((norm**2 + 1) / 4 - cross)
    loss = PopulationLoss(Gaussian(2), [1.0, 0.0])
    # Table and a dozen roundings, relative to terms of which no two cancel by more than half.
    limit = TOLERANCE + 32 * EPS
    assert np.linalg.norm(loss.gradient(w) - gradient) <= limit * np.linalg.norm(gradient)
    assert loss.value(w) == pytest.approx(value, rel=limit)


# ---------------------------------------------------------------------------------------------- exact against sampled


@laws
def test_exact_and_sampled_agree(law):
    n = 40_000
    rng = np.random.default_rng(7)
    w_star, w = np.eye(law.dim)[0], starts(law, 6, seed=11)
    z = law.sample(n, rng=rng)
    exact, sampled = PopulationLoss(law, w_star), SampleLoss(z, w_star)
    residual = np.maximum(z @ w, 0) - np.maximum(z @ w_star, 0)[:, None]
    losses = residual**2 / 2
    slopes = residual[:, None, :] * z[:, :, None] * (z @ w >= 0)[:, None, :]
    # Five standard errors of the sample itself: for the 6 · 26 means at most a chance of 1e-4, and the seed is fixed.
    for found, truth, each in (
        (sampled.value(w), exact.value(w), losses),
        (sampled.gradient(w), exact.gradient(w), slopes),
    ):
        error = np.std(each, axis=0) / math.sqrt(n)
        assert np.all(np.abs(found - truth) <= 5 * error)
        assert error.max() < 0.02
    # The sampled loss is the mean over its points: n roundings, most of which cancel.
    np.testing.assert_allclose(sampled.value(w), losses.mean(axis=0), rtol=1e3 * EPS)
    np.testing.assert_allclose(sampled.gradient(w), slopes.mean(axis=0), rtol=0, atol=1e3 * EPS)


def test_atoms_are_a_weighted_sample():
    rng = np.random.default_rng(2)
    points, counts = rng.standard_normal((6, 3)), np.array([1, 2, 1, 3, 0, 2])
    w_star, w = np.array([1.0, -1.0, 0.5]), rng.standard_normal((3, 4))
    population = PopulationLoss(Atoms(points, counts), w_star)
    repeated = SampleLoss(np.repeat(points, counts, axis=0), w_star)
    weighted = SampleLoss(points, w_star, weights=counts / 9)
    for other in (repeated, weighted):
        # Nine terms, each of a few roundings.
        np.testing.assert_allclose(population.value(w), other.value(w), rtol=32 * EPS)
        np.testing.assert_allclose(population.gradient(w), other.gradient(w), rtol=0, atol=256 * EPS)


# -------------------------------------------------------------------------------------------------------------- angles


@pytest.mark.parametrize("theta", ANGLES)
def test_angle_between_is_accurate_at_both_ends(theta):
    w = np.array([[3 * math.cos(theta)], [3 * math.sin(theta)]])
    truth = math.atan2(w[1, 0], w[0, 0])
    assert angle_between(w, np.array([2.0, 0.0]))[0] == pytest.approx(truth, rel=8 * EPS, abs=8 * EPS * (theta > 1))


def test_angle_of_zero_is_a_right_angle_without_a_warning():
    assert angle_between(np.zeros((2, 1)), np.array([2.0, 0.0]))[0] == pytest.approx(math.pi / 2, rel=4 * EPS)
