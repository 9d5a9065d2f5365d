"""The compiled pass of a sample loss: its twins, its bits, when it is used, and what it reads."""

from __future__ import annotations

import subprocess
import sys

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import arrays
from theory.distributions import ImagePatches
from theory.distributions.patches import patches
from theory.kernels import filter_step, plain, vector
from theory.objectives import SampleLoss, fused, relu_filter
from theory.runs import cells

TYPES = [np.float32, np.float64]
types = pytest.mark.parametrize("dtype", TYPES, ids=["float32", "float64"])

# Rows that fill no tile of six or eight, entries that fill no tile of eight, columns that fill no vector; one run.
SHAPES = [
    (1, 1, 1, 1),
    (1, 1, 1, 2),
    (5, 1, 3, 1),
    (37, 1, 33, 1),
    (50, 1, 16, 1),
    (19, 3, 7, 1),
    (19, 3, 8, 2),
    (23, 1, 25, 4),
    (41, 2, 9, 8),
    (13, 5, 17, 9),
    (31, 1, 25, 16),
    (29, 1, 10, 17),
    (11, 4, 25, 33),
    (3, 60, 4, 50),
    (700, 2, 5, 3),
]


@pytest.fixture
def always(monkeypatch):
    """The compiled pass is used on problems of any size, in small blocks, by all threads that there are."""
    monkeypatch.setattr(fused, "ROWS", (1, 1))
    monkeypatch.setattr(fused, "CACHE", (1 << 12, 1 << 11))
    monkeypatch.setattr(fused, "LEAST", 0)
    monkeypatch.setattr(fused, "SHARED", (0, 0))


def problem(shape, dtype, seed: int = 0):
    """Loss and filters."""
    (n, k, p, runs), rng = shape, np.random.default_rng(seed)
    z = rng.standard_normal((n, k, p)).astype(dtype)
    weights = rng.uniform(0.1, 1.0, n).astype(dtype)
    w_star, w = rng.standard_normal(p).astype(dtype), rng.standard_normal((p, runs)).astype(dtype)
    return SampleLoss(z, w_star, weights=weights), w


def longhand(z, labels, weights, w):
    """Gradient and value in float64, and how large a relative rounding u of every operation can make their errors.

    With 𝔞 = Σⱼ|Zᵢⱼ wⱼ|, an activation errs by p u 𝔞, a residual by (p + k + 3) u (mean 𝔞 + |y|), and a sum of N terms
    by N u times that of their sizes.
    """
    z, labels, weights, w = (array.astype(float) for array in (z, labels, weights, w))
    n, k, p = z.shape
    a, size = z @ w, np.abs(z) @ np.abs(w)
    rest = np.maximum(a, 0).mean(axis=1) - labels[:, None]
    rest_size = size.mean(axis=1) + np.abs(labels)[:, None]
    weight = weights[:, None]
    slope = np.einsum("nkp,nkr->pr", z, (a >= 0) * (weight * rest)[:, None, :] / k)
    slope_size = np.einsum("nkp,nr->pr", np.abs(z), weight * rest_size / k)
    value, value_size = (weight * rest**2).sum(axis=0) / 2, (weight * rest_size**2).sum(axis=0)
    return slope, (n * k + p + k + 8) * slope_size, value, (n + p + k + 8) * value_size, np.min(np.abs(a) / (p * size))


def within(loss, z, w):
    """Gradient and value beside the longhand, after making sure that no activation may have either sign."""
    u = np.finfo(w.dtype).eps
    slope, slope_error, value, value_error, margin = longhand(z, loss.labels, loss.weights, w)
    assert margin > u
    found = loss.gradient(w), loss.value(w)
    assert [array.dtype for array in found] == [w.dtype, w.dtype]
    assert np.all(np.abs(found[0] - slope) <= u * slope_error)
    assert np.all(np.abs(found[1] - value) <= u * value_error)


@types
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_within_rounding_of_the_longhand(shape, dtype, always, monkeypatch):
    loss, w = problem(shape, dtype)
    assert loss.engine(w.shape[1]) == "fused"
    within(loss, loss.patches, w)
    monkeypatch.setattr(fused, "LEAST", 1 << 60)
    assert loss.engine(w.shape[1]) == "plain"
    within(loss, loss.patches, w)


@types
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_its_twin(shape, dtype, always, monkeypatch):
    loss, w = problem(shape, dtype, seed=1)
    found = loss.gradient(w), loss.value(w)
    for name in ("several", "single"):
        monkeypatch.setattr(filter_step, name, getattr(plain, name))
    _, slope_error, _, value_error, _ = longhand(loss.patches, loss.labels, loss.weights, w)
    u = np.finfo(dtype).eps
    assert np.all(np.abs(found[0] - loss.gradient(w)) <= 2 * u * slope_error)
    assert np.all(np.abs(found[1] - loss.value(w)) <= 2 * u * value_error)


@settings(max_examples=40, deadline=None)
@given(shape=st.tuples(*(st.integers(1, most) for most in (60, 6, 40, 20))), seed=st.integers(0, 1000))
def test_equals_the_plain_path_whatever_the_shape(shape, seed):
    loss, w = problem(shape, np.float64, seed)
    found = [fused.fused(loss._layout, w, loss.labels, loss.weights, slope=slope) for slope in (True, False)]
    _, slope_error, _, value_error, _ = longhand(loss.patches, loss.labels, loss.weights, w)
    u = np.finfo(float).eps
    assert np.all(np.abs(found[0] - loss._plain_gradient(w, np)) <= 2 * u * slope_error)
    assert np.all(np.abs(found[1] - loss._plain_value(w, np)) <= 2 * u * value_error)


# ------------------------------------------------------------------------------------------------- the same bits


@types
@pytest.mark.parametrize("shape", [(5000, 1, 25, 1), (700, 9, 25, 9), (3, 60, 4, 50), (1, 1, 3, 2)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(shape, dtype, always, monkeypatch):
    loss, w = problem(shape, dtype)
    results = []
    for threads in (1, 2, 3, 7, 100):
        monkeypatch.setattr(fused, "threads", lambda threads=threads: threads)
        results.append((loss.gradient(w).tobytes(), loss.value(w).tobytes()))
    assert len(set(results)) == 1


@pytest.mark.parametrize("least", [1, 100])
@pytest.mark.parametrize("block", [1, 3, 50, 20_000])
@pytest.mark.parametrize("samples", [1, 7, 31, 32, 33, 1000, 12_345])
def test_units_cover_every_sample_once(samples, block, least):
    bounds = fused._bounds(samples, block, least)
    assert (bounds[0], bounds[-1]) == (0, samples)
    assert np.all(np.diff(bounds) > 0)
    assert bounds.size <= fused.UNITS + 1
    # Only the last one ends within a block; the longest is one block longer than the shortest.
    assert np.all(bounds[:-1] % block == 0)
    assert np.ptp(-(-np.diff(bounds) // block)) <= 1
    assert bounds.size == 2 or np.min(np.diff(bounds)) > least - block


def test_a_cell_has_one_thread():
    before = arrays.threads()
    with cells._one_thread():
        assert arrays.threads() == 1
    assert arrays.threads() == before == arrays.available()


def test_a_thread_that_fails_is_heard(always, monkeypatch):
    loss, w = problem((700, 9, 25, 9), np.float64)
    monkeypatch.setattr(fused, "threads", lambda: 2)

    def failing(*arguments):
        if arguments[8][0]:
            raise MemoryError("no room")

    monkeypatch.setattr(filter_step, "several", failing)
    with pytest.raises(MemoryError, match="no room"):
        loss.gradient(w)


# -------------------------------------------------------------------------------------------- when it is used


def test_small_problems_are_left_to_numpy():
    assert problem((100, 1, 25, 1), np.float64)[0].engine(1) == "plain"
    loss, _ = problem((2000, 9, 25, 1), np.float64)
    assert (loss.engine(0), loss.engine(1), loss.engine(32)) == ("plain", "fused", "fused")


def test_small_problems_do_not_load_the_compiler():
    code = (
        "import sys, numpy as np; from theory.objectives import SampleLoss\n"
        "z = np.random.default_rng(0).standard_normal((100, 9, 25))\n"
        "SampleLoss(z, np.ones(25)).gradient(np.zeros((25, 8))); print('numba' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "False"


Z = np.random.default_rng(0).standard_normal((30, 4, 9))
ELSEWHERE = {
    "another library": lambda: SampleLoss(strict.asarray(Z), strict.asarray(np.ones(9))),
    "another type": lambda: SampleLoss(Z.astype(np.float16), np.ones(9, dtype=np.float16)),
    "weights of another type": lambda: SampleLoss(Z.astype(np.float32), np.ones(9, np.float32), weights=np.ones(30)),
    "a teacher of another type": lambda: SampleLoss(Z.astype(np.float32), np.ones(9)),
    "backwards in memory": lambda: SampleLoss(Z[::-1], np.ones(9)),
    "the other byte order": lambda: SampleLoss(Z.astype(">f8"), np.ones(9)),
    "normalised images": lambda: SampleLoss(ImagePatches(Z, 2, normalise="unit"), np.ones(4)),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_what_it_cannot_read_is_left_to_the_plain_path(case, always):
    loss = ELSEWHERE[case]()
    assert loss.engine(3) == "plain"
    xp = arrays.array_namespace(loss.teacher)
    w = xp.asarray(np.ones((loss.dim, 3)), dtype=loss.teacher.dtype)
    assert loss.gradient(w).shape == (loss.dim, 3)


def test_filters_of_another_type_are_left_to_the_plain_path(always):
    loss, w = problem((30, 4, 9, 3), np.float32)
    assert loss.engine(3, w.astype(float).dtype) == "plain"
    assert loss.gradient(w.astype(float)).dtype == np.float64


def test_no_runs(always):
    loss, w = problem((30, 4, 9, 3), np.float64)
    assert loss.gradient(w[:, :0]).shape == (9, 0)
    assert loss.value(w[:, :0]).shape == (0,)


@types
def test_one_vector_has_the_shape_of_one(dtype, always):
    loss, w = problem((30, 4, 9, 1), dtype)
    assert loss.gradient(w[:, 0]).shape == (9,)
    assert loss.value(w[:, 0]).shape == ()
    np.testing.assert_array_equal(loss.gradient(w[:, 0]), loss.gradient(w)[:, 0])


# -------------------------------------------------------------------------------------------- what it reads


VIEWS = {
    "every other sample": lambda z: z[::2],
    "some of the patches": lambda z: z[:, 1:4:2],
    "some of the entries": lambda z: z[:, :, 3:10],
    "entries apart": lambda z: z[:, :, ::3],
    "samples last": np.asfortranarray,
    "one sample repeated": lambda z: np.broadcast_to(z[:1], z.shape),
}


@types
@pytest.mark.parametrize("runs", [1, 5])
@pytest.mark.parametrize("view", VIEWS)
def test_views_are_read_where_they_lie(view, runs, dtype, always):
    rng = np.random.default_rng(3)
    # What a view leaves out is NaN, and would be seen.
    z = VIEWS[view](rng.standard_normal((20, 5, 13)).astype(dtype))
    around = VIEWS[view](
        surroundings := np.full((20, 5, 13), np.nan, dtype=dtype, order="F" if view == "samples last" else "C")
    )
    if view != "one sample repeated":
        around[...] = z
        z = around if view != "samples last" else surroundings
    w_star, w = (rng.standard_normal((z.shape[2], count)).astype(dtype) for count in (1, runs))
    loss = SampleLoss(z, w_star[:, 0])
    assert loss.engine(runs) == "fused"
    assert np.shares_memory(loss._layout.flat, z)
    within(loss, np.array(z), w)


@types
@pytest.mark.parametrize("runs", [1, 7])
@pytest.mark.parametrize("stride", [1, (2, 3)])
def test_overlapping_patches_are_read_from_their_image(stride, runs, dtype, always):
    rng = np.random.default_rng(4)
    images = rng.standard_normal((12, 11, 9)).astype(dtype)
    cut = ImagePatches(images, (3, 4), stride)
    loss = SampleLoss(cut, np.ones(12, dtype=dtype))
    assert loss.engine(runs) == "fused"
    assert np.shares_memory(loss._layout.flat, images)
    w = rng.standard_normal((12, runs)).astype(dtype)
    within(loss, cut.take(slice(None)), w)
    # The same patches as an array give the same labels and weights.
    unfolded = SampleLoss(cut.take(slice(None)), np.ones(12, dtype=dtype))
    np.testing.assert_allclose(loss.labels, unfolded.labels, rtol=0, atol=12 * np.finfo(dtype).eps * 10)
    assert loss.dim == 12


def test_patches_of_images_are_cut_a_few_at_a_time(monkeypatch):
    loss = SampleLoss(ImagePatches(np.ones((12, 11, 9)), (3, 4)), np.ones(12))
    monkeypatch.setattr(relu_filter, "BLOCK", 2000)
    sizes = [block.size for block, _ in loss._blocks(1)]
    # 54 patches of 12 numbers an image.
    assert max(sizes) <= 2000
    assert sum(sizes) == 12 * 54 * 12


@types
def test_windows_of_a_signal_are_read_from_it(dtype, always):
    rng = np.random.default_rng(5)
    signals = rng.standard_normal((20, 31)).astype(dtype)
    loss = SampleLoss(patches(signals, 6, 2), np.ones(6, dtype=dtype))
    assert np.shares_memory(loss._layout.flat, signals)
    within(loss, np.array(patches(signals, 6, 2)), rng.standard_normal((6, 4)).astype(dtype))


@types
@pytest.mark.parametrize("runs", [1, 4])
def test_overflow_is_not_hidden(runs, dtype, always):
    loss, w = problem((30, 2, 9, runs), dtype)
    huge = w * np.sqrt(np.finfo(dtype).max).astype(dtype) * 4
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.any(np.isfinite(loss.value(huge)))


@types
@pytest.mark.parametrize("runs", [1, 4])
def test_at_zero_every_patch_is_active(runs, dtype, always):
    loss, w = problem((40, 3, 9, runs), dtype)
    expected = -np.mean(loss.patches.astype(float), axis=1).T @ (loss.weights * loss.labels)
    u = np.finfo(dtype).eps
    found = loss.gradient(0 * w)
    # Sums of 120 terms below 5 · 5.
    np.testing.assert_allclose(found, np.repeat(expected[:, None], runs, axis=1), rtol=0, atol=120 * u * 25)


def test_vectors_are_as_wide_as_is_of_use(monkeypatch):
    monkeypatch.setattr(vector, "_bytes", lambda: 64)
    widths = {columns: len(vector.lanes_for(np.float32, columns)) for columns in (1, 8, 9, 16, 17, 24, 25, 32)}
    assert widths == {1: 8, 8: 8, 9: 16, 16: 16, 17: 8, 24: 8, 25: 16, 32: 16}
    assert len(vector.lanes_for(np.float64, 8)) == 8
    monkeypatch.setattr(vector, "_bytes", lambda: 32)
    assert [len(vector.lanes_for(np.float32, columns)) for columns in (4, 8, 9)] == [4, 8, 4]
