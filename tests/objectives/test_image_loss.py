"""The fast loss on images beside its plain twin, SampleLoss."""

import numpy as np
import pytest

from theory.checks import BadInput
from theory.descent import Constant, descend
from theory.distributions import ImagePatches
from theory.objectives import ImageLoss, SampleLoss, image_loss
from theory.problems import digits, gabor

EPS = np.finfo(float).eps
RNG = np.random.default_rng(3)


def blank(n):
    images = digits()[:n].copy()
    images[n // 2] = 0.0  # an image without ink, in the middle
    return images


LAWS = {
    "digits": ImagePatches(blank(60), 5),
    "small stride 2": ImagePatches(blank(40), 3, 2),
    "one patch": ImagePatches(blank(50), 8),
    "signs": ImagePatches(RNG.standard_normal((30, 9, 7)), (3, 4)),
    "mean": ImagePatches(blank(20), 4, normalise="mean"),
    "signals": ImagePatches(RNG.standard_normal((40, 11)), 3),
    "empty at both ends": ImagePatches(np.concatenate([np.zeros((2, 8, 8)), digits()[:9], np.zeros((3, 8, 8))]), 4),
}


def both(law):
    teacher = np.random.default_rng(1).standard_normal(law.dim)
    return ImageLoss(law, teacher), SampleLoss(law.take(slice(None)), teacher)


def close(fast, plain, w):
    """Sums of k p products an image, in two orders; the gradient is at most ‖u‖ |residual|."""
    size = np.abs(plain.patches).max() ** 2 * plain.dim * max(np.abs(w).max(), np.abs(plain.teacher).max())
    tolerance = 16 * plain.patches.shape[1] * plain.dim * EPS * size
    np.testing.assert_allclose(fast.gradient(w), plain.gradient(w), rtol=0, atol=tolerance)
    np.testing.assert_allclose(fast.value(w), plain.value(w), rtol=1e-11, atol=tolerance**2)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("runs", [None, 1, 7])
@pytest.mark.parametrize("stride", [1e-4, 1e-2, 0.3])
def test_agrees_with_the_twin_along_a_walk(law, runs, stride):
    """Short strides reuse the references, long ones leave them."""
    fast, plain = both(law)
    rng = np.random.default_rng(2)
    shape = (law.dim,) if runs is None else (law.dim, runs)
    w = rng.standard_normal(shape)
    for _ in range(12):
        close(fast, plain, w)
        w = w + stride * rng.standard_normal(shape)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_agrees_with_the_twin_at_special_places(law):
    fast, plain = both(law)
    for w in (fast.teacher, 0 * fast.teacher, -fast.teacher, np.eye(law.dim), fast.teacher):
        close(fast, plain, w)


def test_flips_on_the_way_are_seen(monkeypatch):
    """Every patch in reach: what has flipped must be found, without a new reference."""
    monkeypatch.setattr(image_loss, "SHARE", 1.0)
    fast, plain = both(LAWS["digits"])
    w = np.random.default_rng(4).standard_normal(25)
    fast.gradient(w)
    (reference,) = fast._references
    other = w + 0.2 * reference.reach * np.eye(25)[7]
    assert reference.flipped(other).image.size > 0
    close(fast, plain, other)
    assert fast._references == [reference]


def test_a_short_walk_makes_one_reference(monkeypatch):
    made, passes = ImageLoss._made, []
    monkeypatch.setattr(ImageLoss, "_made", lambda self, batch: passes.append(batch.shape[1]) or made(self, batch))
    fast, _ = both(LAWS["digits"])
    w = np.random.default_rng(5).standard_normal((25, 3))
    for step in range(50):
        fast.gradient(w * (1 + 1e-9 * step))
    assert passes == [3]


@pytest.mark.parametrize("rows", [1, 100, 1 << 14])
def test_blocks_change_nothing(rows, monkeypatch):
    monkeypatch.setattr(image_loss, "ROWS", rows)
    fast, plain = both(LAWS["digits"])
    close(fast, plain, np.random.default_rng(6).standard_normal((25, 3)))


def test_descent_agrees_with_the_twin():
    fast, plain = both(LAWS["digits"])
    start = fast.teacher[:, None] + np.random.default_rng(7).standard_normal((25, 4))
    settings = {"step": Constant(1 / fast.curvature), "steps": 200, "tolerance": 0.0}
    here, there = descend(fast, start, **settings), descend(plain, start, **settings)
    # A contraction does not amplify the rounding of its steps: 200 of them.
    np.testing.assert_allclose(here.w, there.w, rtol=0, atol=200 * 400 * EPS * np.abs(start).max())
    assert np.all(np.diff(here.loss, axis=0) <= 0)


def test_runs_that_end_or_diverge_do_not_disturb_the_others():
    fast, plain = both(LAWS["signs"])
    start = np.stack([fast.teacher, np.full(12, np.nan), fast.teacher + 0.1], axis=1)
    with np.errstate(invalid="ignore"):
        found = fast.gradient(start)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_allclose(found[:, 2], plain.gradient(start[:, 2]), rtol=1e-10)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_curvature_is_a_bound(law):
    fast, _ = both(law)
    z = law.take(slice(None))
    for w in np.random.default_rng(8).standard_normal((20, law.dim)):
        u = np.mean(z * (z @ w >= 0)[:, :, None], axis=1)
        assert np.linalg.eigvalsh(u.T @ u / law.n)[-1] <= fast.curvature * (1 + 1e-12)


def test_labels_of_ones_own():
    law = LAWS["digits"]
    labels = np.random.default_rng(9).standard_normal(law.n)
    loss = ImageLoss(law, gabor(5), labels=labels)
    assert loss.power == pytest.approx(np.mean(labels**2))
    assert float(loss.value(np.zeros(25))) == pytest.approx(loss.power / 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"teacher": np.ones(3)}, r"teacher is an array of shape \(3,\); it must be of shape \(25,\)"),
        ({"teacher": np.zeros(25)}, "teacher is the zero vector"),
        ({"labels": np.ones(3)}, r"labels is an array of shape \(3,\); it must be of shape \(60,\), one an image"),
        ({"labels": np.full(60, np.nan)}, "labels is an array with NaN or infinity"),
    ],
)
def test_bad_input_is_refused(change, words):
    with pytest.raises(BadInput, match=words):
        ImageLoss(LAWS["digits"], **{"teacher": np.ones(25), **change})


def test_a_wrong_w_is_refused():
    with pytest.raises(BadInput, match="w is an array of shape"):
        both(LAWS["digits"])[0].gradient(np.ones(3))
