"""The fast loss on images beside its plain twin, SampleLoss, and what it promises about its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.descent import Constant, descend
from theory.distributions import ImagePatches
from theory.objectives import ImageLoss, SampleLoss, image_loss
from theory.objectives.image_loss import Cut, Sides
from theory.problems import digits, gabor, load

EPS = np.finfo(float).eps
MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
needs_mnist = pytest.mark.skipif(not MNIST.is_file(), reason=f"MNIST's test images are not at {MNIST}")


def blank(n):
    images = digits()[:n].copy()
    images[n // 2] = 0.0  # an image without ink, in the middle
    return images


def noise(*shape):
    return np.random.default_rng(3).standard_normal(shape)


LAWS = {
    "digits": ImagePatches(blank(60), 5),
    "small, stride 2": ImagePatches(blank(40), 3, 2),
    "one patch": ImagePatches(blank(50), 8),
    "both signs": ImagePatches(noise(30, 9, 7), (3, 4)),
    "mean": ImagePatches(blank(20), 4, normalise="mean"),
    "unit": ImagePatches(blank(20), 4, normalise="unit"),
    "signals": ImagePatches(noise(40, 11), 3, 2),
    "one pixel": ImagePatches(noise(20, 4, 4), 1),
    "float32": ImagePatches(digits()[:20].astype(np.float32), 3),
    "faint": ImagePatches(1e-90 * blank(20), 3),
    "glaring": ImagePatches(1e60 * blank(20), 3),
    "empty at both ends": ImagePatches(np.concatenate([np.zeros((2, 8, 8)), digits()[:9], np.zeros((3, 8, 8))]), 4),
}
every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def both(law, **more):
    teacher = np.random.default_rng(1).standard_normal(law.dim)
    return ImageLoss(law, teacher, **more), SampleLoss(law.take(slice(None)).astype(float), teacher)


def close(fast, plain, w):
    """A sum has at most k p products and k + FLIPS further terms, each term of size ‖z‖ and each rounded by ε."""
    k, p = plain.patches.shape[1:]
    size = np.linalg.norm(plain.patches, axis=2).max()
    longest = max(np.linalg.norm(w, axis=0).max(), np.linalg.norm(plain.teacher))
    response = 4 * (p + k + image_loss.FLIPS) * EPS * size * longest
    np.testing.assert_allclose(fast.gradient(w), plain.gradient(w), rtol=1e-11, atol=response * size)
    # A loss is half the mean square of numbers that are off by as much.
    value = plain.value(w)
    np.testing.assert_array_less(np.abs(fast.value(w) - value), 4 * response * np.sqrt(value) + response**2 + 1e-300)


@every_law
@pytest.mark.parametrize("runs", [None, 1, 4])
@pytest.mark.parametrize("stride", [1e-6, 1e-2, 0.3])
def test_agrees_with_the_twin_along_a_walk(law, runs, stride):
    """Short strides use what is remembered, long ones leave it."""
    fast, plain = both(law)
    rng = np.random.default_rng(2)
    shape = (law.dim,) if runs is None else (law.dim, runs)
    w = rng.standard_normal(shape)
    for _ in range(8):
        close(fast, plain, w)
        w = w + stride * rng.standard_normal(shape)


@every_law
def test_agrees_with_the_twin_at_special_places(law):
    fast, plain = both(law)
    for w in (fast.teacher, 0 * fast.teacher, -fast.teacher, 1e-200 * fast.teacher, 1e6 * fast.teacher, fast.teacher):
        close(fast, plain, w)
    assert float(fast.value(fast.teacher)) == 0
    assert np.all(fast.gradient(fast.teacher) == 0)


def test_a_step_whose_length_underflows_is_taken():
    fast, plain = both(LAWS["digits"])
    w = np.random.default_rng(17).standard_normal(25)
    for scale in (0.0, 1e-200, -1e-200, -1e-160, 1e-165, 1e-308):
        close(fast, plain, scale * w)


def test_columns_whose_distance_overflows_agree_with_the_twin():
    """As of runs that diverge, and of one among others."""
    fast, plain = both(LAWS["digits"])
    u = np.random.default_rng(18).standard_normal((25, 3))
    with np.errstate(over="ignore"):
        for scales in ((1e160, -1e170, 1.0), (1.0, 1e160, 1e-3), (-1e160, 1e160, -1e160), (1.0, 1.0, 1.0)):
            w = u * scales
            gradient = plain.gradient(w)
            # Of each run by itself: a few thousand roundings of its largest entry.
            assert np.all(np.abs(fast.gradient(w) - gradient) <= 1e-11 * np.abs(gradient).max(axis=0))


@given(seed=st.integers(0, 2**32 - 1), stride=st.floats(1e-9, 2.0), columns=st.integers(1, 5))
def test_any_batches_in_any_order_agree_with_the_twin(seed, stride, columns):
    """Columns that come, go and change places: what is remembered changes nothing."""
    rng = np.random.default_rng(seed)
    fast, plain = both(LAWS["small, stride 2"])
    w = rng.standard_normal((9, 5))
    for _ in range(4):
        w = w[:, rng.permutation(5)] + stride * rng.standard_normal((9, 5))
        close(fast, plain, w[:, :columns])
        close(fast, plain, w[:, : rng.integers(1, 6)])


@every_law
def test_sides_are_those_of_the_activations(law):
    """After a walk of many short steps every side is that of a new look at it."""
    rng = np.random.default_rng(4)
    moved, w = Sides(Cut.of(law)), rng.standard_normal(law.dim)
    for _ in range(200):
        w = w + 0.01 * rng.standard_normal(law.dim)
        moved.to(w)
    fresh = Sides(Cut.of(law))
    fresh.to(w)
    np.testing.assert_array_equal(np.signbit(moved.limit), np.signbit(fresh.limit))
    size = np.abs(fresh.total).max()
    np.testing.assert_allclose(moved.total, fresh.total, rtol=0, atol=(image_loss.FLIPS + law.k) * EPS * size)


def test_a_limit_is_never_passed_unseen():
    """No patch whose limit lies ahead has flipped: checked against every activation, on the way."""
    law, rng = LAWS["digits"], np.random.default_rng(5)
    z, here, w = law.take(slice(None)), Sides(Cut.of(law)), np.ones(25)
    for _ in range(300):
        w = w + 0.003 * rng.standard_normal(25)
        here.to(w)
        inked = np.any(z != 0, axis=2)
        assert np.array_equal((z @ w >= 0)[inked], (here.limit > 0)[inked])
        assert np.all(np.abs(here.limit)[~inked] == np.inf)


def test_a_short_step_looks_at_few_patches_and_none_twice():
    law = ImagePatches(digits()[:200], 3)
    here, w = Sides(Cut.of(law)), np.random.default_rng(6).standard_normal(9)
    assert here.to(w) == 200 * 36
    assert here.to(w) == 0
    # A hundred-thousandth of ‖w‖: as large a share of the patches if margins were spread evenly, and a little more.
    assert here.to(w * (1 + 1e-5)) < 200 * 36 / 100


def test_a_sum_is_taken_afresh_after_many_flips(monkeypatch):
    law = LAWS["digits"]
    here, w = Sides(Cut.of(law)), np.random.default_rng(7).standard_normal(25)
    monkeypatch.setattr(image_loss, "FLIPS", 3)
    seen = 0
    for turn in (0.3, -0.3) * 10:
        w = w + turn * np.eye(25)[12]
        here.to(w)
        seen = max(seen, here.flips.max())
    assert seen > 3
    assert here.to(w + 1e-9) > 16  # whole images


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_no_bit(threads):
    one, many = (ImageLoss(LAWS["digits"], gabor(5), threads=n) for n in (1, threads))
    w = np.random.default_rng(8).standard_normal((25, 6))
    for _ in range(4):
        np.testing.assert_array_equal(one.gradient(w), many.gradient(w))
        np.testing.assert_array_equal(one.value(w), many.value(w))
        w = 0.99 * w


def test_a_run_that_ends_leaves_the_others_their_sides(monkeypatch):
    fast, _ = both(LAWS["digits"])
    w = np.random.default_rng(9).standard_normal((25, 5))
    fast.gradient(w)
    looked, to = [], Sides.to
    monkeypatch.setattr(Sides, "to", lambda here, w: looked.append(to(here, w)) or looked[-1])
    fast.gradient(w[:, [4, 1, 2]])
    fast.value(w[:, [0, 3]])
    assert looked == [0] * 5


def test_values_elsewhere_forget_nothing():
    fast, _ = both(LAWS["digits"])
    w = np.random.default_rng(10).standard_normal((25, 2))
    fast.gradient(w)
    kept = [here.w.copy() for here in fast._kept]
    fast.value(-w)
    assert [here.w.tolist() for here in fast._kept] == [w.tolist() for w in kept]


def test_no_more_is_remembered_than_the_budget_allows(monkeypatch):
    fast, plain = both(LAWS["digits"])
    monkeypatch.setattr(image_loss, "BUDGET", int(2.5 * Sides(fast._cut).nbytes))
    w = np.random.default_rng(11).standard_normal((25, 5))
    for _ in range(3):
        close(fast, plain, w)
        w = w * 0.999
    assert len(fast._kept) == 2


def test_distances_between_many_runs_count_as_well(monkeypatch):
    """The sides of a few small images are soon kept of so many runs that their distances are what takes memory."""
    fast, _ = both(ImagePatches(digits()[:2], 8))
    monkeypatch.setattr(image_loss, "BUDGET", 1 << 20)
    fast.gradient(np.random.default_rng(19).standard_normal((64, 1000)))
    assert 0 < 8 * len(fast._kept) * 1000 < 1 << 20


def test_descent_agrees_with_the_twin():
    fast, plain = both(LAWS["digits"])
    start = fast.teacher[:, None] + np.random.default_rng(12).standard_normal((25, 4))
    settings = {"step": Constant(1 / fast.curvature), "steps": 200, "tolerance": 0.0}
    here, there = descend(fast, start, **settings), descend(plain, start, **settings)
    # A contraction does not amplify the rounding of its steps: 200 of them, each of k p + FLIPS roundings.
    np.testing.assert_allclose(here.w, there.w, rtol=0, atol=200 * 656 * EPS * np.abs(start).max())
    assert np.all(np.diff(here.loss, axis=0) <= 0)


@every_law
def test_the_curvature_is_a_bound(law):
    fast, _ = both(law)
    for w in np.random.default_rng(13).standard_normal((20, law.dim)):
        assert np.linalg.eigvalsh(fast.hessian(w))[-1] <= fast.curvature * (1 + 1e-6)


def test_the_curvature_is_attained_where_all_patches_are_active():
    fast, _ = both(LAWS["digits"])
    assert np.linalg.eigvalsh(fast.hessian(np.ones(25)))[-1] == pytest.approx(fast.curvature, rel=1e-12)


def test_the_hessian_is_the_derivative_of_the_gradient():
    """The loss is quadratic while no patch flips: a central difference has no error but rounding."""
    fast, _ = both(LAWS["both signs"])
    w, h = np.random.default_rng(14).standard_normal(12), 1e-7
    steps = [h * e for e in np.eye(12)]
    slopes = np.stack([(fast.gradient(w + s) - fast.gradient(w - s)) / (2 * h) for s in steps])
    # At a kink the gradient is continuous at the teacher only, so no patch may flip here: h is that small.
    np.testing.assert_allclose(slopes, fast.hessian(w), rtol=0, atol=1e4 * EPS / h)


def test_labels_of_ones_own():
    law = LAWS["digits"]
    labels = np.random.default_rng(15).standard_normal(law.n)
    loss = ImageLoss(law, gabor(5), labels=labels)
    assert loss.power == pytest.approx(np.mean(labels**2))
    assert float(loss.value(np.zeros(25))) == pytest.approx(loss.power / 2)
    assert float(loss.relative(loss.value(np.zeros(25)))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patches": np.ones((3, 4))}, r"patches is ndarray; it must be a theory.distributions.ImagePatches"),
        ({"teacher": np.ones(3)}, r"teacher is an array of shape \(3,\); it must be of shape \(25,\)"),
        ({"teacher": np.zeros(25)}, "teacher is the zero vector"),
        ({"labels": np.ones(3)}, r"labels is an array of shape \(3,\); it must be of shape \(60,\), one an image"),
        ({"labels": np.full(60, np.nan)}, "labels is an array with NaN or infinity"),
        ({"threads": 0}, "threads is 0; it must be at least 1"),
    ],
)
def test_bad_input_is_refused(change, words):
    with pytest.raises(BadInput, match=words):
        ImageLoss(**{"patches": LAWS["digits"], "teacher": np.ones(25), **change})


def test_nothing_is_relative_to_labels_of_zero():
    loss = ImageLoss(LAWS["digits"], -np.ones(25))
    assert loss.power == 0
    with pytest.raises(BadInput, match="labels is 0 for every image"):
        loss.relative(1.0)


@pytest.mark.parametrize("w", [np.ones(3), np.full(25, np.nan), 7.0])
def test_a_wrong_w_is_refused(w):
    fast, _ = both(LAWS["digits"])
    for method in (fast.gradient, fast.value, fast.hessian):
        with pytest.raises(BadInput, match="w is"):
            method(w)


def test_numba_is_not_imported_before_it_is_needed():
    code = "import sys, theory.objectives; theory.objectives.ImageLoss; print('numba' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False"]


@needs_mnist
def test_agrees_with_the_twin_on_mnist():
    law = ImagePatches(load(str(MNIST))[:40], 5)
    fast, plain = both(law)
    w = np.random.default_rng(16).standard_normal((25, 2))
    for _ in range(10):
        close(fast, plain, w)
        w = w - fast.gradient(w) / fast.curvature
