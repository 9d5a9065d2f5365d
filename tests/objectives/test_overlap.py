"""The exact loss of overlapping patches: all pairs, finite differences, samples, many digits, and one patch."""

from __future__ import annotations

import math

import array_api_strict
import mpmath
import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import Gaussian, GaussianImages, ImagePatches
from theory.objectives import OverlapLoss, PopulationLoss, SampleLoss, overlap
from theory.objectives.overlap import patch_pairs

EPS = np.finfo(float).eps
GRIDS = {
    "signal, stride 1": GaussianImages(12, 5, 1),
    "signal, stride 2": GaussianImages(15, 5, 2),
    "signal, even filter, what is left over": GaussianImages(14, 4, 3),
    "signal, side by side": GaussianImages(15, 5, 5),
    "signal, gaps": GaussianImages(11, 3, 4),
    "signal, fewer patches than the filter reaches": GaussianImages(8, 6, 1),
    "image, stride 1": GaussianImages((6, 7), (3, 2), 1),
    "image, stride 2": GaussianImages((9, 8), 3, 2),
    "image, stride 2 and 1": GaussianImages((7, 6), (4, 2), (2, 1)),
    "image, side by side": GaussianImages((8, 9), (4, 3), (4, 3)),
    "image, one row": GaussianImages((1, 9), (1, 4), 1),
    "image, 576 patches": GaussianImages((28, 28), 5, 1),
    "one patch of a signal": GaussianImages(5, 5, 1),
    "one patch of an image": GaussianImages((3, 4), (3, 4), 2),
    "one pixel": GaussianImages(7, 1, 1),
}
ONE = {name: law for name, law in GRIDS.items() if law.k == 1}
SMALL = {name: law for name, law in GRIDS.items() if law.k < 100}


def grids(table):
    return pytest.mark.parametrize("law", table.values(), ids=table.keys())


def problem(law, runs: int = 5, seed: int = 0):
    """A teacher and a batch of w of all angles, with norms between ½ and 2."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((law.dim, runs + 1))
    w *= rng.uniform(0.5, 2.0, runs + 1) / np.linalg.norm(w, axis=0)
    return w[:, 0], w[:, 1:]


# ------------------------------------------------------------------------------------------------------ slow twins


def windows(law) -> np.ndarray:
    """Which entries of the image each patch sees, (k, p): patches of the numbered entries."""
    numbered = np.arange(math.prod(law.shape)).reshape(1, *law.shape)
    return ImagePatches(numbered.astype(float), law.filter_size, law.stride).take([0])[0].astype(int)


def in_image(law, v) -> np.ndarray:
    """P_iᵀ v for every patch, (k, d)."""
    image = np.zeros((law.k, math.prod(law.shape)))
    image[np.arange(law.k)[:, None], windows(law)] = v
    return image


def pair_angles(law, u, v) -> np.ndarray:
    """∠(P_iᵀu, P_jᵀv) for every pair, (k, k)."""
    cosine = in_image(law, u / np.linalg.norm(u)) @ in_image(law, v / np.linalg.norm(v)).T
    # A vector and itself: the rounding of the p products must not be taken for an angle of √ε.
    cosine = np.where(cosine > 1 - 2 * law.dim * EPS, 1.0, np.where(cosine < -1 + 2 * law.dim * EPS, -1.0, cosine))
    return np.arccos(cosine)


def twin_value(law, w, w_star) -> float:
    """½ E f(w)² + ½ E f(w*)² − E f(w) f(w*), each a sum over all k² pairs."""

    def mean(u, v):
        theta = pair_angles(law, u, v)
        size = np.linalg.norm(u) * np.linalg.norm(v)
        return size * np.mean(np.sin(theta) + (math.pi - theta) * np.cos(theta)) / (2 * math.pi)

    return mean(w, w) / 2 + mean(w_star, w_star) / 2 - mean(w, w_star)


def twin_gradient(law, w, w_star) -> np.ndarray:
    """Σ_ij (‖v‖ sin θ_ij w/‖w‖ + (π − θ_ij) P_i P_jᵀ v)/2πk² for v = w, less the same for v = w*."""

    def slope(v):
        theta = pair_angles(law, w, v)
        seen = ((math.pi - theta) @ in_image(law, v))[np.arange(law.k)[:, None], windows(law)]
        return (np.linalg.norm(v) * np.sum(np.sin(theta)) * w / np.linalg.norm(w) + seen.sum(axis=0)) / law.k**2

    return (slope(w) - slope(w_star)) / (2 * math.pi)


def in_many_digits(law, w, w_star) -> tuple[float, np.ndarray]:
    """Loss and gradient from 60 digits at these very floats, by pairs of patches."""
    p, sites = law.dim, windows(law)
    with mpmath.workdps(60):
        w, t = ([mpmath.mpf(float(x)) for x in v] for v in (w, w_star))
        norms = [mpmath.sqrt(mpmath.fsum(x * x for x in v)) for v in (w, t)]
        value, gradient = mpmath.mpf(0), [mpmath.mpf(0)] * p
        for i in range(law.k):
            for j in range(law.k):
                where = {int(site): b for b, site in enumerate(sites[j])}
                both = [(a, where[int(site)]) for a, site in enumerate(sites[i]) if int(site) in where]
                for u, v, weight in ((w, w, 0.5), (t, t, 0.5), (w, t, -1)):
                    r, s = (norms[0 if x is w else 1] for x in (u, v))
                    cosine = mpmath.fsum(u[a] * v[b] for a, b in both) / (r * s)
                    theta = mpmath.acos(max(mpmath.mpf(-1), min(mpmath.mpf(1), cosine)))
                    value += weight * r * s * (mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta))
                    if u is w:
                        sign = 1 if v is w else -1
                        gradient = [g + sign * s * mpmath.sin(theta) * x / r for g, x in zip(gradient, w, strict=True)]
                        for a, b in both:
                            gradient[a] += sign * (mpmath.pi - theta) * v[b]
        scale = 2 * mpmath.pi * law.k**2
        return float(value / scale), np.array([float(g / scale) for g in gradient])


# -------------------------------------------------------------------------------------------------------- all pairs


@grids(GRIDS)
def test_equals_the_sum_over_all_pairs(law):
    w_star, w = problem(law, runs=5 if law.k < 100 else 1)
    loss = OverlapLoss(law, w_star)
    # Terms of size (‖w‖ + ‖w*‖)² ≤ 16, each of p products and a few functions; their mean adds log k² roundings.
    limit = 16 * (law.dim + 32) * EPS
    for column in w.T:
        assert loss.value(column) == pytest.approx(twin_value(law, column, w_star), rel=0, abs=limit)
        np.testing.assert_allclose(loss.gradient(column), twin_gradient(law, column, w_star), rtol=0, atol=limit)


@grids(GRIDS)
def test_pairs_are_all_counted(law):
    pairs, sites = patch_pairs(law), windows(law)
    shared = sum(len(np.intersect1d(a, b)) > 0 for a in sites for b in sites) if law.k < 100 else None
    assert pairs.share.sum() + pairs.apart == pytest.approx(1, abs=8 * EPS)
    assert shared is None or round(pairs.share.sum() * law.k**2) == shared
    np.testing.assert_array_equal(pairs.share, pairs.share[::-1])
    middle = pairs.share.size // 2
    assert pairs.share[middle] * law.k == pytest.approx(1)
    np.testing.assert_array_equal(pairs.moved[middle], np.arange(law.dim))


@grids({name: law for name, law in GRIDS.items() if "side" in name or "gaps" in name})
def test_without_overlap_only_the_norms_interact(law):
    """(1/k) ∇ℓ₁ + (1 − 1/k)(‖w‖ − ‖w*‖) w/2π‖w‖, with ℓ₁ the loss of one neuron."""
    w_star, w = problem(law)
    one, norms = PopulationLoss(Gaussian(law.dim), w_star), np.linalg.norm(w, axis=0)
    gap = (1 - 1 / law.k) * (norms - np.linalg.norm(w_star)) / (2 * math.pi)
    expected = one.gradient(w) / law.k + gap * w / norms
    np.testing.assert_allclose(OverlapLoss(law, w_star).gradient(w), expected, rtol=0, atol=4 * (law.dim + 32) * EPS)


# ------------------------------------------------------------------------------------------------------- one patch


@grids(ONE)
def test_one_patch_is_one_neuron(law):
    w_star, w = problem(law, runs=20)
    one, many = PopulationLoss(Gaussian(law.dim), w_star), PopulationLoss(law, w_star)
    cases = np.concatenate([w, np.stack([0 * w_star, -w_star, w_star, 2 * w_star], axis=1)], axis=1)
    # The table's tolerance of 64 ε and p roundings, of terms of size (‖w‖ + ‖w*‖)² at most.
    size = (np.linalg.norm(cases, axis=0) + np.linalg.norm(w_star)) ** 2
    limit = (64 + 4 * law.dim) * EPS * size
    assert np.all(np.abs(many.value(cases) - one.value(cases)) <= limit)
    assert np.all(np.abs(many.gradient(cases) - one.gradient(cases)) <= limit)


# ---------------------------------------------------------------------------------------------- finite differences


@grids(GRIDS)
def test_gradient_is_that_of_the_value(law):
    w_star, w = problem(law, runs=3, seed=1)
    loss, h = OverlapLoss(law, w_star), 1e-3

    def central(h):
        steps = h * np.eye(law.dim)
        return np.stack([(loss.value(w + s[:, None]) - loss.value(w - s[:, None])) / (2 * h) for s in steps])

    # One step of Richardson: h⁴ = 1e-12 times fifth derivatives, and the roundings of values of order one over h.
    found = (4 * central(h / 2) - central(h)) / 3
    np.testing.assert_allclose(loss.gradient(w), found, rtol=0, atol=1e-8)


# ------------------------------------------------------------------------------------------------ against sampling


@grids(GRIDS)
def test_exact_and_sampled_agree(law):
    w_star, w = problem(law, runs=1, seed=2)
    rng, w = np.random.default_rng(3), w[:, 0]
    chunk = max(50, 20_000 // law.k**2)
    slopes, losses = [], []
    for _ in range(10):
        z = law.sample(chunk, rng=rng)
        residual = (np.maximum(z @ w, 0) - np.maximum(z @ w_star, 0)).mean(axis=1)
        losses.append(residual**2 / 2)
        slopes.append(residual[:, None] * np.mean(z * (z @ w >= 0)[:, :, None], axis=1))
    # Five standard errors of the sample itself: at most a chance of 1e-4 over all grids, and the seed is fixed.
    exact = PopulationLoss(law, w_star)
    for found, truth in ((np.concatenate(losses), exact.value(w)), (np.concatenate(slopes), exact.gradient(w))):
        error = found.std(axis=0) / math.sqrt(10 * chunk)
        assert np.all(np.abs(found.mean(axis=0) - truth) <= 5 * error)
        assert error.max() < 0.05


# ------------------------------------------------------------------------------------------------- many digits

FEW = {name: law for name, law in SMALL.items() if law.k <= 6 or name == "signal, stride 1"}


def conditioning(law, w_star) -> float:
    """The condition number of ∇²ℓ(w*), from gradients beside it."""
    h, loss = 1e-6, OverlapLoss(law, w_star)
    steps = h * np.eye(law.dim)
    hessian = (loss.gradient(w_star[:, None] + steps) - loss.gradient(w_star[:, None] - steps)) / (2 * h)
    return float(np.linalg.cond(hessian))


@grids(FEW)
@pytest.mark.parametrize("size", [1e-2, 1e-5, 1e-8, 1e-12])
def test_near_the_teacher_loss_and_gradient_keep_their_digits(law, size):
    w_star, w = problem(law, runs=1)
    w = w_star + size * w[:, 0]
    value, gradient = in_many_digits(law, w, w_star)
    loss = OverlapLoss(law, w_star)
    # p roundings a product, a dozen functions, and what the directions of small curvature make of it.
    limit = 2 * (law.dim + 12) * EPS * conditioning(law, w_star)
    assert limit < 1e-11
    assert loss.value(w) == pytest.approx(value, rel=limit)
    assert np.linalg.norm(loss.gradient(w) - gradient) <= limit * np.linalg.norm(gradient)


MOVED = GaussianImages(12, 5, 1)
SHIFT, HERE = np.array([1.0, 2.0, -1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 2.0, -1.0])


@pytest.mark.parametrize(
    "w",
    [
        SHIFT,
        -1.3 * SHIFT,
        SHIFT + 1e-9 * HERE,
        -HERE + 1e-9 * SHIFT,
        1e-9 * HERE + 1e-12 * SHIFT,
        1e-9 * SHIFT,
        1e9 * SHIFT,
    ],
    ids=["moved", "moved, opposite", "nearly moved", "nearly opposite", "nearly 0", "small", "large"],
)
def test_where_a_cosine_is_next_to_one_the_digits_stay(w):
    """The arc cosine would lose half of them."""
    value, gradient = in_many_digits(MOVED, w, HERE)
    loss, limit = OverlapLoss(MOVED, HERE), 2 * (MOVED.dim + 12) * EPS
    assert loss.value(w) == pytest.approx(value, rel=limit)
    assert np.linalg.norm(loss.gradient(w) - gradient) <= limit * np.linalg.norm(gradient)


# ------------------------------------------------------------------------------------------------- special points


@grids(GRIDS)
def test_zero_at_the_teacher_and_nowhere_negative(law):
    w_star, far = problem(law, runs=100)
    near = w_star[:, None] + far * 10.0 ** np.linspace(-16, 0, 100)
    loss = OverlapLoss(law, w_star)
    assert loss.value(w_star) == 0
    assert np.all(loss.gradient(w_star) == 0)
    assert np.all(loss.value(near) >= 0)
    assert np.all(loss.value(far) > 0)


@grids(GRIDS)
def test_at_zero_every_patch_is_active(law):
    """ℓ(0) = ½ E f(w*)²; ∇ℓ(0) = −(1/k²) Σ_ij P_i P_jᵀ w*/2."""
    w_star, _ = problem(law)
    loss, limit = OverlapLoss(law, w_star), 4 * (law.dim + 32) * EPS
    seen = in_image(law, w_star).sum(axis=0)[windows(law)].sum(axis=0) / (2 * law.k**2)
    np.testing.assert_allclose(loss.gradient(0 * w_star), -seen, rtol=0, atol=limit)
    theta = pair_angles(law, w_star, w_star)
    square = w_star @ w_star * np.mean(np.sin(theta) + (math.pi - theta) * np.cos(theta)) / (4 * math.pi)
    assert loss.value(0 * w_star) == pytest.approx(square, rel=limit / square)
    # Both go on to there without a jump, but for the gradient's angle.
    assert loss.value(1e-9 * w_star) == pytest.approx(square, rel=1e-8)


@grids(SMALL)
def test_opposite_of_the_teacher(law):
    w_star, _ = problem(law)
    loss, limit = OverlapLoss(law, w_star), 16 * (law.dim + 32) * EPS
    assert loss.value(-w_star) == pytest.approx(twin_value(law, -w_star, w_star), abs=limit)
    np.testing.assert_allclose(loss.gradient(-w_star), twin_gradient(law, -w_star, w_star), rtol=0, atol=limit)


# ------------------------------------------------------------------------------------------------------ symmetries


@grids(GRIDS)
def test_a_mirrored_filter_has_the_mirrored_gradient(law):
    w_star, w = problem(law)
    here, there = OverlapLoss(law, w_star), OverlapLoss(law, w_star[::-1].copy())
    limit = 16 * (law.dim + 32) * EPS
    np.testing.assert_allclose(there.value(w[::-1]), here.value(w), rtol=0, atol=limit)
    np.testing.assert_allclose(there.gradient(w[::-1]), here.gradient(w)[::-1], rtol=0, atol=limit)


@grids(GRIDS)
@pytest.mark.parametrize("c", [1e-3, 1e3])
def test_scaling_both_filters_scales_loss_and_gradient(law, c):
    w_star, w = problem(law)
    here, there = OverlapLoss(law, w_star), OverlapLoss(law, c * w_star)
    # Nothing in the loss is near 0 for these w: relative to 16, the size of its terms.
    limit = 16 * (law.dim + 32) * EPS
    np.testing.assert_allclose(there.value(c * w), c**2 * here.value(w), rtol=0, atol=c**2 * limit)
    np.testing.assert_allclose(there.gradient(c * w), c * here.gradient(w), rtol=0, atol=c * limit)


def test_a_larger_image_is_a_smaller_share_of_overlap():
    """The loss tends to that of independent patches, (‖w‖ − ‖w*‖)²/4π, like 1/k."""
    w_star, w = problem(GaussianImages(20, 3, 1), runs=1)
    limit = (np.linalg.norm(w) - np.linalg.norm(w_star)) ** 2 / (4 * math.pi)
    excess = [OverlapLoss(GaussianImages(n, 3, 1), w_star).value(w)[0] - limit for n in (1002, 2002, 4002)]
    # n_o = (k − |o|)/k², so that the excess is a/k + b/k²: half the next, to a few 1/k.
    assert excess[0] / excess[1] == pytest.approx(2, rel=4e-3)
    assert excess[1] / excess[2] == pytest.approx(2, rel=2e-3)


# ---------------------------------------------------------------------------------------------- batches and shapes


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 6), (5, 0)], ids=str)
def test_shapes_out_follow_shapes_in(shape):
    w = np.random.default_rng(4).standard_normal(shape)
    loss = OverlapLoss(MOVED, HERE)
    assert loss.dim == 5
    assert loss.gradient(w).shape == shape
    assert loss.value(w).shape == shape[1:]
    assert loss.gradient(w).dtype == np.float64


@pytest.mark.parametrize("block", [1, 200])
def test_blocks_of_runs_do_not_matter(block, monkeypatch):
    law = GRIDS["image, stride 1"]
    w_star, w = problem(law, runs=9)
    loss = OverlapLoss(law, w_star)
    value, gradient = loss.value(w), loss.gradient(w)
    monkeypatch.setattr(overlap, "BLOCK", block)
    np.testing.assert_allclose(loss.value(w), value, rtol=64 * EPS)
    np.testing.assert_allclose(loss.gradient(w), gradient, rtol=0, atol=64 * EPS)


def test_any_array_library():
    xp = array_api_strict
    w_star, w = problem(GRIDS["image, stride 2"])
    here = OverlapLoss(GRIDS["image, stride 2"], w_star)
    there = PopulationLoss(GRIDS["image, stride 2"], xp.asarray(w_star))
    # The same operations in the same order.
    np.testing.assert_array_equal(np.asarray(there.value(xp.asarray(w))), here.value(w))
    np.testing.assert_array_equal(np.asarray(there.gradient(xp.asarray(w))), here.gradient(w))


def test_a_sample_of_images_tends_to_the_law():
    law = GRIDS["image, stride 2"]
    w_star, w = problem(law, runs=4)
    sample = SampleLoss(law.sample(20_000, rng=np.random.default_rng(0)), w_star)
    # 5 standard errors; the losses are nonnegative with a standard deviation of about twice their mean.
    np.testing.assert_allclose(sample.value(w), PopulationLoss(law, w_star).value(w), rtol=5 * 3 / math.sqrt(20_000))


# ------------------------------------------------------------------------------------------------------- bad input

REFUSED = {
    "no grid": (lambda: OverlapLoss(Gaussian(5), HERE), "images is Gaussian; it must be GaussianImages"),
    "given images": (
        lambda: PopulationLoss(ImagePatches(np.ones((1, 6)), 5), HERE),
        "law is ImagePatches; it must be .* use SampleLoss",
    ),
    "teacher too short": (lambda: OverlapLoss(MOVED, HERE[:4]), r"teacher is .* shape \(4,\); .* of shape \(5,\)"),
    "teacher an image": (lambda: PopulationLoss(MOVED, HERE[None]), r"teacher is .* shape \(1, 5\); .* 1 dimension"),
    "zero teacher": (lambda: OverlapLoss(MOVED, 0 * HERE), "teacher is the zero vector"),
    "NaN teacher": (lambda: OverlapLoss(MOVED, np.nan * HERE), "teacher is an array with NaN"),
    "w too short": (lambda: OverlapLoss(MOVED, HERE).value(HERE[:4]), r"w is .* shape \(4,\); .* \(5, runs\)"),
    "w a list": (lambda: OverlapLoss(MOVED, HERE).gradient(HERE.tolist()), r"w is list; it must be of shape \(5,\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    call, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_memory_for_fewer_runs_at_once(monkeypatch):
    """Where the arrays of all runs do not fit, those of half of them do, or of half of those; each is its own."""
    law = GRIDS["image, stride 1"]
    teacher, w = problem(law, runs=13)
    loss, tried, view = OverlapLoss(law, teacher), [], OverlapLoss._view
    wanted = loss.gradient(w), loss.value(w)

    def scarce(self, w):
        tried.append(w.shape[1])
        if w.shape[1] > 3:
            raise MemoryError
        return view(self, w)

    monkeypatch.setattr(OverlapLoss, "_view", scarce)
    monkeypatch.setattr(overlap, "BLOCK", 13 * loss._index.shape[0])
    # The sums of one run are as long as before.
    np.testing.assert_allclose(loss.gradient(w), wanted[0], rtol=0, atol=100 * EPS)
    np.testing.assert_allclose(loss.value(w), wanted[1], rtol=0, atol=100 * EPS)
    assert tried[:3] == [13, 6, 3]
