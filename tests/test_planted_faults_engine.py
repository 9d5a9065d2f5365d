"""Faults planted in the compiled pass and in the streamed sample: each turns a check red that is green without it.

Compiled code cannot be patched, so what stands in for it here is its twin with one line changed; that the compiled code
and the twin agree, tests/objectives/test_engine.py says.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from planting import Plant, suite

from theory import arrays
from theory.distributions import Gaussian, ImagePatches
from theory.kernels import filter_step, plain
from theory.objectives import SampleLoss, StreamLoss, fused, stream

EPS = np.finfo(float).eps
RNG = np.random.default_rng(0)
Z, W_STAR, W = RNG.standard_normal((400, 3, 5)), RNG.standard_normal(5), RNG.standard_normal((5, 4))
IMAGES = RNG.standard_normal((30, 6, 7))
WEIGHTS = RNG.uniform(0.5, 1.5, 400)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The compiled pass is used on small problems, its blocks are of a few samples, and a stream gives few numbers."""
    monkeypatch.setattr(fused, "LEAST", 0)
    monkeypatch.setattr(fused, "SHARED", (0, 0))
    monkeypatch.setattr(fused, "CACHE", (1 << 10, 1 << 10))
    monkeypatch.setattr(fused, "ROWS", (1, 1))
    monkeypatch.setattr(stream, "NUMBERS", 200)


# ------------------------------------------------------------------------------------------------------------- checks


def agree(loss: SampleLoss, w: np.ndarray) -> None:
    """The pass equals the plain path: sums of n k p terms below 20, in another order."""
    limit = 400 * 3 * 5 * EPS * 20
    assert loss.engine(w.shape[1]) == "fused"
    np.testing.assert_allclose(loss.gradient(w), loss._plain_gradient(w, np), rtol=0, atol=limit)
    np.testing.assert_allclose(loss.value(w), loss._plain_value(w, np), rtol=0, atol=limit)


def several() -> None:
    """Many runs, weighted."""
    agree(SampleLoss(Z, W_STAR, weights=WEIGHTS), W)


def single() -> None:
    """One run."""
    agree(SampleLoss(Z, W_STAR, weights=WEIGHTS), W[:, :1])


def images() -> None:
    """Overlapping patches, read from their image."""
    agree(SampleLoss(ImagePatches(IMAGES, (2, 3), (2, 1)), np.ones(6)), RNG.standard_normal((6, 3)))


def views() -> None:
    """Patches that do not lie side by side."""
    agree(SampleLoss(Z[::2, :, ::2], W_STAR[::2]), W[::2])


def threads() -> None:
    """The same bits for any number of threads."""
    loss, found = SampleLoss(Z, W_STAR), set()
    for count in (1, 2, 5):
        with arrays.limited(count):
            found.add(loss.gradient(W).tobytes())
    assert len(found) == 1


def streamed() -> None:
    """A stream is the sample that it says, whatever the block: 1000 samples of 4 numbers, sums as above."""
    loss = StreamLoss(Gaussian(5), 990, W_STAR, seed=1)
    z = np.concatenate([loss._drawn(unit) for unit in range(loss.blocks)])
    assert len(z) == 990
    held, limit = SampleLoss(z, W_STAR), 990 * 5 * EPS * 20
    for same in (loss, StreamLoss(Gaussian(5), 990, W_STAR, seed=1, block=100)):
        np.testing.assert_allclose(same.gradient(W), held.gradient(W), rtol=0, atol=limit)
        np.testing.assert_allclose(same.value(W), held.value(W), rtol=0, atol=limit)


def independent() -> None:
    """No number is drawn twice, in another unit or from another seed."""
    drawn = [StreamLoss(Gaussian(5), 990, W_STAR, seed=seed)._drawn(unit) for seed in (1, 2) for unit in range(9)]
    assert np.unique(drawn).size == np.size(drawn)


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check for check in (several, single, images, views, threads, streamed, independent)
}


# ------------------------------------------------------------------------------------------------------------- plants


def mutant(right: str, wrong: str) -> Callable[..., None]:
    """The twin of the pass with one expression changed."""
    source = inspect.getsource(plain.several)
    assert source.count(right) == 1
    names = dict(vars(plain))
    exec(source.replace(right, wrong), names)
    return names["several"]


BOUNDS, OF_IMAGES, FLAT, ON_THREADS = fused._bounds, fused._of_images, fused._flat, fused._on_threads


def without_the_last(samples, block, least):
    """_bounds that forget the last sample."""
    return np.minimum(BOUNDS(samples, block, least), samples - 1)


def without_a_unit(samples, block, least):
    """_bounds that forget the last unit."""
    return BOUNDS(samples, block, least)[:-1]


def transposed_images(patches):
    """_of_images with the patches' entries in the wrong order."""
    found = OF_IMAGES(patches)
    return fused.Layout(found.flat, found.samples, found.stride, found.first, found.entry[::-1])


def neighbouring_images(patches):
    """_of_images with the stride of the images one too short."""
    found = OF_IMAGES(patches)
    return fused.Layout(found.flat, found.samples, found.stride - 1, found.first, found.entry)


def side_by_side(layout):
    """A layout whose entries lie side by side, wherever they really do."""
    return True


def one_range_only(work, units, share):
    """_on_threads that leaves out the range of the last thread."""
    ON_THREADS(lambda part: work(part) if share == 1 or part[1] < units else None, units, share)


def each_thread_for_itself(work, units, share):
    """_on_threads whose threads begin where they like."""
    ON_THREADS(lambda part: work((part[0], max(part[1] - (share > 1), part[0]))), units, share)


def drawn_at(counter):
    """StreamLoss._drawn with another counter, and the seed where it is."""

    def drawn(loss, unit):
        rng = np.random.Generator(np.random.Philox(key=stream._key(loss.seed), counter=[0, 0, 0, counter(unit)]))
        return loss.law.sample(min(loss.unit, loss.n - unit * loss.unit), rng=rng)

    return drawn


def always_whole(loss, unit):
    """StreamLoss._drawn whose last unit is as long as the others."""
    rng = np.random.Generator(np.random.Philox(key=stream._key(loss.seed), counter=[0, 0, 0, unit]))
    return loss.law.sample(loss.unit, rng=rng)


def unweighted(loss, what, w):
    """StreamLoss._mean that takes all blocks for as long."""
    return sum(what(loss.part(block)) for block in range(loss.blocks)) / loss.blocks


def first_only(work, count, threads):
    """_in_order that drops the last block."""
    yield from map(work, range(count - 1))


PLANTS = {
    "the mask turned": Plant(
        filter_step, "several", mutant("activation >= 0", "activation <= 0"), ["several", "views"]
    ),
    "a leaky unit": Plant(
        filter_step, "several", mutant("activation >= 0", "np.where(activation >= 0, 1.0, 0.02)"), ["several", "images"]
    ),
    "labels × 1.02": Plant(
        filter_step, "several", mutant("labels[part, None]", "1.02 * labels[part, None]"), ["several"]
    ),
    "the sign of the labels": Plant(filter_step, "single", mutant("- labels[part", "+ labels[part"), ["single"]),
    "weights forgotten": Plant(filter_step, "several", mutant("rest * weights[part, None]", "rest / 400"), ["several"]),
    "1/k forgotten on the way back": Plant(
        filter_step, "single", mutant("/ z.dtype.type(first.size)", "/ 1"), ["single"]
    ),
    "1/k forgotten in the response": Plant(
        filter_step, "several", mutant("np.mean(", "np.sum("), ["several", "images"]
    ),
    "the loss without its square": Plant(
        filter_step, "several", mutant("np.sum(rest * back", "np.sum(back"), ["several"]
    ),
    "a gradient × 1.02": Plant(filter_step, "single", mutant("+= np.einsum", "+= 1.02 * np.einsum"), ["single"]),
    "the last sample forgotten": Plant(fused, "_bounds", without_the_last, ["several", "single", "images"]),
    "the last unit forgotten": Plant(fused, "_bounds", without_a_unit, ["several", "single"]),
    "entries in the wrong order": Plant(fused, "_of_images", transposed_images, ["images"]),
    "images that overlap": Plant(fused, "_of_images", neighbouring_images, ["images"]),
    "entries taken for side by side": Plant(fused.Layout, "compact", property(side_by_side), ["strided single"]),
    "a thread forgotten": Plant(fused, "_on_threads", one_range_only, ["threads"]),
    "ranges that do not meet": Plant(fused, "_on_threads", each_thread_for_itself, ["threads"]),
    "one stream for all units": Plant(StreamLoss, "_drawn", drawn_at(lambda unit: 0), ["independent"]),
    "a stream for every two units": Plant(StreamLoss, "_drawn", drawn_at(lambda unit: unit // 2), ["independent"]),
    "one key for all seeds": Plant(stream, "_key", lambda seed: 0, ["independent"]),
    "the last unit too long": Plant(StreamLoss, "_drawn", always_whole, ["streamed"]),
    "blocks taken for equally long": Plant(StreamLoss, "_mean", unweighted, ["streamed"]),
    "the last block of the stream forgotten": Plant(stream, "_in_order", first_only, ["streamed"]),
}


def strided_single() -> None:
    """One run over patches that do not lie side by side."""
    agree(SampleLoss(Z[:, :, ::2], W_STAR[::2]), W[::2, :1])


CHECKS["strided single"] = strided_single


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
