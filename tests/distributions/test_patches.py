"""How images are cut into patches, against loops; the laws of patches, against closed forms; and what they cost."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import math
import tracemalloc

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.checks import BadInput
from theory.distributions import AngularMixture, Atoms, ClosePatches, Gaussian, GaussianImages, ImagePatches, PatchGrid
from theory.distributions.patches import BLOCK, around, normalised, patch_blocks, patches


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_loops(images: np.ndarray, grid: PatchGrid) -> np.ndarray:
    """The slow twin: patch by patch, each a slice, in the order of reading."""
    starts = [range(0, d - f + 1, s) for d, f, s in zip(grid.shape, grid.filter_size, grid.stride, strict=True)]
    result = [
        [image[tuple(slice(a, a + f) for a, f in zip(at, grid.filter_size, strict=True))].ravel()
         for at in itertools.product(*starts)]
        for image in images
    ]  # fmt: skip
    return np.array(result).reshape(len(images), grid.k, grid.dim)


@st.composite
def grids(draw) -> PatchGrid:
    shape = draw(st.lists(st.integers(1, 9), min_size=1, max_size=2))
    size = [draw(st.integers(1, length)) for length in shape]
    stride = [draw(st.integers(1, 10)) for _ in shape]
    return PatchGrid(shape, size, stride)


def peak(work) -> int:
    """Most bytes held at a time by what ``work`` allocates."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


COUNTS = {
    "one patch": (PatchGrid((5, 4), (5, 4)), (1, 1)),
    "not overlapping": (PatchGrid((28, 28), 7, 7), (4, 4)),
    "MNIST": (PatchGrid((28, 28), 5, 1), (24, 24)),
    "left over": (PatchGrid((28, 28), 5, 2), (12, 12)),
    "gaps": (PatchGrid((10, 11), (2, 3), (5, 4)), (2, 3)),
    "signal": (PatchGrid(20, 5, 2), (8,)),
}


@pytest.mark.parametrize(("grid", "counts"), COUNTS.values(), ids=COUNTS)
def test_how_many_patches_there_are(grid, counts):
    assert grid.counts == counts
    assert grid.k == math.prod(counts)


class TestPatches:
    @settings(deadline=None)
    @given(grid=grids(), n=st.integers(0, 3))
    def test_loops_give_the_same(self, grid, n):
        images = rng().standard_normal((n, *grid.shape))
        view = patches(images, grid.filter_size, grid.stride)
        assert view.shape == (n, *grid.counts, *grid.filter_size)
        np.testing.assert_array_equal(view.reshape(n, grid.k, grid.dim), by_loops(images, grid))

    @settings(deadline=None)
    @given(grid=grids(), block=st.integers(1, 4))
    def test_the_stream_gives_the_same(self, grid, block):
        images = rng().standard_normal((5, *grid.shape))
        whole, seen = np.empty((5, grid.k, grid.dim)), 0
        for chunk, part in patch_blocks(images, grid.filter_size, grid.stride, block):
            assert part.start == seen
            assert len(chunk) <= block
            whole[part], seen = chunk, part.stop
        assert seen == 5
        np.testing.assert_array_equal(whole, by_loops(images, grid))

    @settings(deadline=None)
    @given(grid=grids())
    def test_a_library_without_strides_gives_the_same(self, grid):
        images = rng().standard_normal((2, *grid.shape))
        strict = array_api_strict.asarray(images)
        view = patches(strict, grid.filter_size, grid.stride)
        assert view.shape == (2, *grid.counts, *grid.filter_size)
        (chunk, _), *others = patch_blocks(strict, grid.filter_size, grid.stride)
        assert not others
        np.testing.assert_array_equal(np.asarray(chunk), by_loops(images, grid))

    @pytest.mark.parametrize("shape", [(3, 28, 28), (3, 50)])
    @pytest.mark.parametrize("stride", [1, 2, 5])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.bool_])
    def test_a_view_shares_the_memory_of_the_images(self, shape, stride, dtype):
        images = np.zeros(shape, dtype)
        view = patches(images, 5, stride)
        assert np.shares_memory(view, images)
        assert view.dtype == dtype
        images[-1] = 1
        assert np.all(view[-1] == 1)

    def test_nobody_writes_through_it(self):
        with pytest.raises(ValueError, match="read-only"):
            patches(np.zeros((1, 5)), 2)[0, 0, 0] = 1.0

    def test_images_need_not_be_contiguous(self):
        images = rng().standard_normal((2, 9, 8, 3))[:, ::-1, :, 1]
        grid = PatchGrid((9, 8), 3, 2)
        np.testing.assert_array_equal(patches(images, 3, 2).reshape(2, grid.k, 9), by_loops(images, grid))
        assert np.shares_memory(patches(images, 3, 2), images)

    def test_vectors_of_a_signal_are_a_view_too(self):
        signals = np.zeros((2, 30))
        (chunk, _), = patch_blocks(signals, 5, 2)  # fmt: skip
        assert np.shares_memory(chunk, signals)

    def test_lists_are_arrays(self):
        assert patches([[1, 2, 3]], 2).tolist() == [[[1, 2], [2, 3]]]

    def test_a_view_takes_no_memory_to_speak_of(self):
        images = np.zeros((10_000, 28, 28))
        assert peak(lambda: patches(images, 5)) < 1 << 15

    def test_the_stream_holds_two_chunks_at_the_most(self):
        """The one in the loop's hand, and the next. All patches at once would take 230 MB."""
        images = np.zeros((2000, 28, 28))

        def walk():
            for chunk, _ in patch_blocks(images, 5, block=50):
                assert chunk.shape == (50, 576, 25)

        chunk = 50 * 576 * 25 * 8
        assert chunk < peak(walk) < 2 * chunk + (1 << 16)

    def test_a_chunk_is_of_a_fixed_size_if_none_is_given(self):
        chunks = [len(chunk) for chunk, _ in patch_blocks(np.zeros((200, 28, 28)), 5)]
        assert chunks[0] == BLOCK // (576 * 25)
        assert sum(chunks) == 200

    def test_a_chunk_is_at_least_one_image(self):
        assert [len(chunk) for chunk, _ in patch_blocks(np.zeros((2, 120, 120)), 20)] == [1, 1]


class TestGaussianImages:
    def test_it_is_hashable_and_equal_to_its_like(self):
        law = GaussianImages((8, 8), 3, 2)
        assert law == GaussianImages([8, 8], (3, 3), (2, 2))
        assert hash(law) == hash(GaussianImages((8, 8), (3, 3), 2))
        assert law != GaussianImages((8, 8), 3, 1)
        assert law != PatchGrid((8, 8), 3, 2)
        with pytest.raises(dataclasses.FrozenInstanceError):
            law.stride = (1, 1)

    def test_what_it_is(self):
        law = GaussianImages((28, 28), 5, 1)
        assert (law.k, law.dim, law.label) == (576, 25, "gaussian_images(28x28,5x5,1x1)")
        assert GaussianImages(20, 5, 2).label == "gaussian_images(20,5,2)"

    @pytest.mark.parametrize("shape", [(6, 7), (12,)])
    def test_its_patches_are_those_of_its_images(self, shape):
        law = GaussianImages(shape, 3, 2)
        images = law.images(4, rng=rng(5))
        np.testing.assert_array_equal(law.sample(4, rng=rng(5)), by_loops(images, law))
        strict = law.sample(4, rng=rng(5), xp=array_api_strict)
        np.testing.assert_array_equal(np.asarray(strict), law.sample(4, rng=rng(5)))

    def test_its_second_moments(self):
        """E[Zᵢ Zⱼᵀ] = Pᵢ Pⱼᵀ. Entries have variance at most 2/n: six standard errors."""
        law, n = GaussianImages((4, 4), 2, 1), 40_000
        z = law.sample(n, rng=rng()).reshape(n, -1)
        places = by_loops(np.eye(16).reshape(16, 4, 4), law).reshape(16, -1)
        np.testing.assert_allclose(z.T @ z / n, places.T @ places, atol=6 * math.sqrt(2 / n))


LAWS = {"mixture": None, "gaussian": Gaussian(4), "atoms": Atoms([[0, 0, 2, 0], [1, 1, 1, 1]])}
RHO = (0.0, 1e-9, 0.07, 0.4, 1.2, math.pi)


def turn(z: np.ndarray, c: np.ndarray) -> np.ndarray:
    """∠(z, c) of unit vectors, right to rounding for all angles (Kahan)."""
    return 2 * np.arctan2(np.linalg.norm(z - c, axis=-1), np.linalg.norm(z + c, axis=-1))


class TestClosePatches:
    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
    @pytest.mark.parametrize("rho", RHO)
    def test_every_patch_is_a_unit_vector_near_its_centre(self, law, rho):
        close = ClosePatches(4, 3, 0.5 if law is None else None, rho, law)
        z, c = close.sample(500, rng=rng(1)), close.centres(500, rng=rng(1))
        assert z.shape == (500, 3, 4)
        # A few roundings of p = 4 coordinates.
        np.testing.assert_allclose(np.linalg.norm(z, axis=2), 1, rtol=0, atol=2e-15)
        assert np.max(turn(z, c[:, None])) <= rho + 2e-15

    def test_at_closeness_zero_it_is_one_neuron_repeated(self):
        close = ClosePatches(5, 4, 0.3, 0.0)
        z, c = close.sample(100, rng=rng(2)), close.centres(100, rng=rng(2))
        np.testing.assert_array_equal(z, np.repeat(c[:, None], 4, axis=1))
        np.testing.assert_allclose(c, AngularMixture(5, 0.3).sample(100, rng=rng(2)), rtol=0, atol=1e-15)

    def test_more_closeness_moves_the_same_draws_further(self):
        """a = ρU in the same direction: twice the angle for twice ρ. Angles are right to a few roundings of 1."""
        near, far = (ClosePatches(5, 4, 0.3, rho) for rho in (0.2, 0.4))
        c = near.centres(50, rng=rng(3))[:, None]
        once, twice = turn(near.sample(50, rng=rng(3)), c), turn(far.sample(50, rng=rng(3)), c)
        np.testing.assert_allclose(twice, 2 * once, rtol=0, atol=4e-15)

    @pytest.mark.parametrize("dim", [2, 3, 7])
    def test_how_its_angles_and_directions_are_spread(self, dim):
        """E a = ρ/2, E[Zᵢ | c] = (sin ρ/ρ) c, and directions ⟂ c have covariance I/(p−1): six standard errors."""
        rho, n = 0.8, 40_000
        c = ClosePatches(dim, 1, 0.5, 0.0).centres(1, rng=rng(4))
        z = around(np.repeat(c, n, axis=0), 1, rho, rng=rng(5))[:, 0]
        error = 6 / math.sqrt(n)
        assert turn(z, c).mean() == pytest.approx(rho / 2, abs=rho / math.sqrt(12) * error)
        np.testing.assert_allclose(z.mean(axis=0), math.sin(rho) / rho * c[0], atol=error)
        across = z - (z @ c.T) * c
        v = across / np.linalg.norm(across, axis=1, keepdims=True)
        np.testing.assert_allclose(v.T @ v / n, (np.eye(dim) - c.T @ c) / (dim - 1), atol=error)

    def test_patches_are_independent_given_their_centre(self):
        """E[Zᵢ·Zⱼ] = (sin ρ/ρ)²: the two directions have mean 0 each. |Zᵢ·Zⱼ| ≤ 1: six standard errors."""
        rho, n = 1.2, 40_000
        z = ClosePatches(5, 3, 0.5, rho).sample(n, rng=rng(6))
        expected = (math.sin(rho) / rho) ** 2
        for i, j in [(0, 1), (0, 2), (1, 2)]:
            assert np.mean(np.sum(z[:, i] * z[:, j], axis=1)) == pytest.approx(expected, abs=6 / math.sqrt(n))

    @pytest.mark.parametrize(
        "c", [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [-1.0, -0.0, 1e-9], [1.0, 1e-300, 0.0], [0.0, 0.0, 1.0]]
    )
    def test_no_centre_is_awkward(self, c):
        """Directions stay orthogonal to their centre, to rounding, where a reflection might have cancelled."""
        z = around(np.array([c]), 200, 1.5, rng=rng(7))
        np.testing.assert_allclose(np.linalg.norm(z, axis=2), 1, rtol=0, atol=2e-15)
        assert np.max(turn(z, np.array(c))) <= 1.5 + 2e-15

    def test_it_is_hashable_and_equal_to_its_like(self):
        close = ClosePatches(5, 4, 0.3, 0.1)
        assert close == ClosePatches(5, 4, None, 0.1, AngularMixture(5, 0.3))
        assert hash(close) == hash(ClosePatches(5, 4, 0.3, 0.1))
        assert dataclasses.replace(close, closeness=0.2) == ClosePatches(5, 4, 0.3, 0.2)
        assert close.label == "close(mixture(0.3),4,0.1)"
        assert ClosePatches(5, 4, None, 0.1, Gaussian(5)).label == "close(gaussian,4,0.1)"

    def test_the_same_seed_draws_the_same(self):
        close = ClosePatches(5, 4, 0.3, 0.1)
        np.testing.assert_array_equal(close.sample(9, rng=rng(1)), close.sample(9, rng=rng(1)))
        assert not np.array_equal(close.sample(9, rng=rng(1)), close.sample(9, rng=rng(2)))
        strict = close.sample(9, rng=rng(1), xp=array_api_strict)
        np.testing.assert_array_equal(np.asarray(strict), close.sample(9, rng=rng(1)))

    def test_it_takes_about_twice_the_memory_of_what_it_draws(self):
        close = ClosePatches(25, 16, 0.5, 0.3)
        size = 10_000 * 16 * 25 * 8
        assert peak(lambda: close.sample(10_000, rng=rng())) < 2.3 * size


class TestNormalised:
    @settings(deadline=None)
    @given(grid=grids(), scale=st.sampled_from([1e-200, 1.0, 1e200]))
    def test_a_loop_gives_the_same(self, grid, scale):
        """Tolerance: the roundings of two sums of up to 81 entries."""
        images = rng().standard_normal((2, *grid.shape))
        z = by_loops(images, grid)
        z[0, 0] = 0
        mean, unit = normalised(scale * z, "mean"), normalised(scale * z, "unit")
        rows = (array.reshape(-1, grid.dim) for array in (z, mean, unit))
        for one, less, scaled in zip(*rows, strict=True):
            np.testing.assert_allclose(less / scale, one - math.fsum(one) / grid.dim, rtol=0, atol=1e-14)
            norm = math.hypot(*one)
            np.testing.assert_allclose(scaled, one / norm if norm else one, rtol=0, atol=1e-14)
        assert normalised(z, "none") is z


class TestImagePatches:
    IMAGES = rng(8).random((12, 7, 6))

    @pytest.mark.parametrize("normalise", ["none", "mean", "unit"])
    def test_its_blocks_are_all_patches_in_order(self, normalise):
        law = ImagePatches(self.IMAGES, 3, 2, normalise=normalise)
        expected = normalised(by_loops(self.IMAGES, law.grid), normalise)
        assert (law.n, law.k, law.dim) == (12, 6, 9)
        for block in (1, 5, 12, None):
            chunks = list(law.blocks(block))
            np.testing.assert_array_equal(np.concatenate([self.IMAGES[part] for _, part in chunks]), self.IMAGES)
            np.testing.assert_array_equal(np.concatenate([chunk for chunk, _ in chunks]), expected)
        np.testing.assert_array_equal(law.take([3, 3, 0]), expected[[3, 3, 0]])

    def test_it_draws_images_uniformly_and_whole(self):
        """Each of 12 images is drawn n/12 times: six standard errors of a binomial count."""
        law, n = ImagePatches(self.IMAGES, 3, 2), 12_000
        z, everything = law.sample(n, rng=rng(1)), law.take(slice(None))
        drawn = np.argmin(np.abs(z[:, None, 0, 0] - everything[None, :, 0, 0]), axis=1)
        np.testing.assert_array_equal(z, everything[drawn])
        counts = np.bincount(drawn, minlength=12)
        np.testing.assert_allclose(counts, n / 12, rtol=0, atol=6 * math.sqrt(n / 12))
        np.testing.assert_array_equal(law.sample(5, rng=rng(1)), law.sample(5, rng=rng(1)))

    def test_images_are_held_and_not_copied(self):
        assert np.shares_memory(ImagePatches(self.IMAGES, 3).images, self.IMAGES)

    def test_single_precision_stays_and_bytes_become_floats(self):
        assert ImagePatches(self.IMAGES.astype(np.float32), 3).sample(2, rng=rng()).dtype == np.float32
        assert ImagePatches(np.ones((2, 4, 4), np.uint8), 3).sample(2, rng=rng()).dtype == np.float64

    def test_normalising_changes_nobody_elses_images(self):
        """The patches of signals are a view, which must not be scaled in place."""
        signals = self.IMAGES.reshape(12, -1)
        before = signals.copy()
        for normalise in ("none", "mean", "unit"):
            list(ImagePatches(signals, 5, normalise=normalise).blocks())
        np.testing.assert_array_equal(signals, before)

    def test_another_backend_sees_the_same(self):
        law = ImagePatches(self.IMAGES, 3, normalise="unit")
        (strict, _), = law.blocks(xp=array_api_strict)  # fmt: skip
        np.testing.assert_allclose(np.asarray(strict), law.take(slice(None)), rtol=1e-15)

    def test_two_laws_are_the_same_only_if_they_are_one(self):
        law = ImagePatches(self.IMAGES, 3)
        assert law == law
        assert law != ImagePatches(self.IMAGES, 3)

    def test_its_stream_holds_a_few_chunks_at_the_most(self):
        """Two as in ``patch_blocks``, and two more while one is normalised. All patches would take 230 MB."""
        law = ImagePatches(np.ones((2000, 28, 28)), 5, normalise="unit")
        chunk = 50 * 576 * 25 * 8
        assert peak(lambda: [None for _ in law.blocks(50)]) < 4.5 * chunk


IMAGES = np.zeros((2, 8, 8))
REFUSED = {
    "one axis": (lambda: patches(np.zeros(5), 2), r"images is an array of shape \(5,\) .*\(n, h, w\)"),
    "colours": (lambda: patches(np.zeros((2, 8, 8, 3)), 2), r"images is an array of shape \(2, 8, 8, 3\)"),
    "complex": (lambda: patches(IMAGES * 1j, 2), "images is an array .* type complex128; it must be real"),
    "words": (lambda: patches([["a", "b"]], 1), "images is an array .* it must be real numbers"),
    "ragged": (lambda: patches([[1.0], [1.0, 2.0]], 1), "images is list; it must be an array of real numbers"),
    "a filter too large": (lambda: patches(IMAGES, (3, 9)), r"filter_size is \(3, 9\); .* no larger than .*\(8, 8\)"),
    "no filter": (lambda: patches(IMAGES, 0), "filter_size is 0; it must be at least 1"),
    "half a filter": (lambda: patches(IMAGES, 2.5), "filter_size is 2.5; it must be a whole number"),
    "no stride": (lambda: patches(IMAGES, 3, (1, 0)), "stride is 0; it must be at least 1"),
    "three strides": (lambda: patches(IMAGES, 3, (1, 1, 1)), r"stride is \(1, 1, 1\); .* or 2, one an axis"),
    "a pair for signals": (lambda: patches(IMAGES[0], (3, 3)), r"filter_size is \(3, 3\); .* or 1, one an axis"),
    "an empty image": (lambda: patches(np.zeros((2, 0, 3)), 1), "shape is 0; it must be at least 1"),
    "no chunk": (lambda: patch_blocks(IMAGES, 3, block=0), "block is 0; it must be at least 1"),
    "a stream of nothing": (lambda: patch_blocks(IMAGES, 9), "filter_size is"),
    "three axes": (lambda: GaussianImages((2, 3, 4), 1), r"shape is \(2, 3, 4\); it must be of one axis"),
    "no axes": (lambda: GaussianImages((), 1), r"shape is \(\); it must be of one axis"),
    "fewer than none": (lambda: GaussianImages(9, 2).sample(-1, rng=rng()), "n is -1; it must be at least 0"),
    "a flat world": (lambda: ClosePatches(1, 2, 0.5, 0.1), "dim is 1; it must be at least 2"),
    "no patch": (lambda: ClosePatches(3, 0, 0.5, 0.1), "k is 0; it must be at least 1"),
    "negative closeness": (lambda: ClosePatches(3, 2, 0.5, -0.1), "closeness is -0.1; it must be between 0 and π"),
    "beyond opposite": (lambda: ClosePatches(3, 2, 0.5, 3.2), "closeness is 3.2; it must be between 0 and π"),
    "NaN closeness": (lambda: ClosePatches(3, 2, 0.5, math.nan), "closeness is NaN; it must be a real number"),
    "no spread": (lambda: ClosePatches(3, 2, None, 0.1), "spread is None; it must be a real number"),
    "two spreads": (
        lambda: ClosePatches(3, 2, 0.5, 0.1, AngularMixture(3, 0.4)),
        "spread is 0.5; it must be 0.4, as the law's own is, or None",
    ),
    "a spread too many": (lambda: ClosePatches(3, 2, 0.5, 0.1, Gaussian(3)), "spread is 0.5; it must be None"),
    "a law elsewhere": (lambda: ClosePatches(3, 2, None, 0.1, Gaussian(4)), "law is gaussian; .* in 3 dimensions"),
    "no law": (lambda: ClosePatches(3, 2, None, 0.1, "gaussian"), "law is str; it must be a law in 3 dimensions"),
    "no direction": (
        lambda: ClosePatches(2, 2, None, 0.1, Atoms([[0.0, 0.0]])).sample(3, rng=rng()),
        r"law is atoms\(1\); it must be one that never draws the zero vector",
    ),
    "long centres": (lambda: around(np.array([[1.0, 1.0]]), 2, 0.1, rng=rng()), "centres is .* must be unit vectors"),
    "NaN images": (lambda: ImagePatches(IMAGES * np.nan, 3), "images is an array with NaN"),
    "no images": (lambda: ImagePatches(IMAGES[:0], 3), "number of images is 0; it must be at least 1"),
    "no such normalisation": (
        lambda: ImagePatches(IMAGES, 3, normalise="max"),
        "normalise is 'max'; it must be one of none, mean, unit",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_mistakes_are_named_in_one_line(call, message):
    with pytest.raises(BadInput, match=f"^{message}") as caught:
        call()
    assert "\n" not in str(caught.value)
