"""The loss on a streamed sample: which sample it is, that neither blocks nor threads matter, and its memory."""

from __future__ import annotations

import subprocess
import sys

import array_api_strict as strict
import numpy as np
import pytest

from theory import arrays
from theory.checks import BadInput
from theory.descent import Constant, descend
from theory.distributions import AngularMixture, Gaussian, GaussianImages, UniformSphere, Watson
from theory.objectives import PopulationLoss, SampleLoss, StreamLoss, stream

EPS = np.finfo(float).eps
IMAGES = GaussianImages((6, 7), filter_size=3, stride=2)
LAWS = [Gaussian(4), UniformSphere(3), AngularMixture(3, 0.5), Watson(4, 2.0), IMAGES]
laws = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.label)


@pytest.fixture
def small(monkeypatch):
    """Units of a few dozen samples: a sample of a thousand has many."""
    monkeypatch.setattr(stream, "NUMBERS", 200)


def teacher(law, dtype=np.float64):
    return np.arange(1, law.dim + 1).astype(dtype) / law.dim


def filters(law, runs: int = 5):
    return np.random.default_rng(0).standard_normal((law.dim, runs))


def whole(loss):
    """The same sample at once, as an array."""
    units = [loss._drawn(unit) for unit in range(-(-loss.n // loss.unit))]
    z = np.concatenate(units)
    if loss._images:
        law, same = loss.law, loss.law.sample(len(z), rng=np.random.default_rng(0))
        cut = np.lib.stride_tricks.sliding_window_view(z, law.filter_size, axis=(1, 2))
        z = cut[:, :: law.stride[0], :: law.stride[1]].reshape(same.shape)
    return z


@laws
@pytest.mark.parametrize("n", [1, 49, 1000])
def test_equals_the_loss_on_the_sample_held(law, n, small):
    loss, w = StreamLoss(law, n, teacher(law), seed=3), filters(law)
    z = whole(loss)
    assert len(z) == n
    held = SampleLoss(z, teacher(law))
    # Sums of n k p terms below 20 in size, in another order.
    limit = z.size * EPS * 20
    np.testing.assert_allclose(loss.gradient(w), held.gradient(w), rtol=0, atol=limit)
    np.testing.assert_allclose(loss.value(w), held.value(w), rtol=0, atol=limit)
    assert loss.gradient(w[:, 0]).shape == (law.dim,)
    assert loss.value(w[:, 0]).shape == ()
    assert (loss.n, loss.dim) == (n, law.dim)


@laws
def test_the_size_of_a_block_does_not_matter(law, small):
    w, results = filters(law), []
    for block in (None, 1, 60, 333, 5000):
        loss = StreamLoss(law, 1000, teacher(law), seed=3, block=block)
        results.append(np.vstack([loss.gradient(w), loss.value(w)]))
    assert loss.blocks == 1
    # The same sums in another order: as above.
    for found in results[1:]:
        np.testing.assert_allclose(found, results[0], rtol=0, atol=1000 * 6 * 9 * EPS * 20)


@laws
def test_any_number_of_threads_gives_the_same_bits(law, small):
    loss, w, results = StreamLoss(law, 1000, teacher(law), seed=3), filters(law), set()
    for threads in (1, 2, 3, 50):
        with arrays.limited(threads):
            results.add((loss.gradient(w).tobytes(), loss.value(w).tobytes()))
    assert len(results) == 1


@laws
def test_a_longer_sample_begins_like_a_shorter_one(law, small):
    shorter, longer = (whole(StreamLoss(law, n, teacher(law), seed=3)) for n in (200, 1000))
    same = StreamLoss(law, 200, teacher(law), seed=3)
    # Whole units; the last one of the shorter sample may be drawn in another shape.
    certain = 200 // same.unit * same.unit
    np.testing.assert_array_equal(longer[:certain], shorter[:certain])


def test_units_and_seeds_share_no_number(small):
    loss = StreamLoss(Gaussian(4), 1000, np.ones(4), seed=3)
    other = StreamLoss(Gaussian(4), 1000, np.ones(4), seed=4)
    numbers = np.concatenate([whole(loss).ravel(), whole(other).ravel()])
    assert np.unique(numbers).size == numbers.size


def test_it_estimates_the_population():
    law, n = Gaussian(5), 400_000
    w, w_star = filters(law), teacher(law)
    loss, exact = StreamLoss(law, n, w_star, seed=0), PopulationLoss(law, w_star)
    z = law.sample(20_000, rng=np.random.default_rng(1))
    residual = np.maximum(z @ w, 0) - np.maximum(z @ w_star, 0)[:, None]
    each = residual[:, None, :] * z[:, :, None] * (z @ w >= 0)[:, None, :]
    # Five standard errors of a sample of n, whose spread 20,000 others tell to 5 %.
    assert np.all(np.abs(loss.gradient(w) - exact.gradient(w)) <= 5.5 * each.std(axis=0) / np.sqrt(n))
    assert np.all(np.abs(loss.value(w) - exact.value(w)) <= 5.5 * (residual**2 / 2).std(axis=0) / np.sqrt(n))


def test_it_can_be_descended():
    loss = StreamLoss(Gaussian(3), 3000, np.array([1.0, 0.0, 0.0]), seed=0)
    run = descend(loss, np.array([0.5, 0.5, 0.0]), step=Constant(0.5), steps=200)
    assert run.outcome[0].name == "CONVERGED"


def test_the_teacher_gives_type_and_library(small):
    law = Gaussian(4)
    here = StreamLoss(law, 300, teacher(law), seed=3)
    single = StreamLoss(law, 300, teacher(law, np.float32), seed=3)
    w = filters(law)
    found = single.gradient(w.astype(np.float32))
    assert found.dtype == np.float32
    # Sums of 1200 terms below 20.
    np.testing.assert_allclose(found, here.gradient(w), rtol=0, atol=1200 * np.finfo(np.float32).eps * 20)
    there = StreamLoss(law, 300, strict.asarray(teacher(law)), seed=3)
    for name in ("gradient", "value"):
        elsewhere = getattr(there, name)(strict.asarray(w))
        assert type(elsewhere).__module__.startswith("array_api_strict")
        np.testing.assert_allclose(np.asarray(elsewhere), getattr(here, name)(w), rtol=0, atol=1200 * EPS * 20)


def test_images_are_not_unfolded():
    part = StreamLoss(GaussianImages((28, 28), 5), 40, np.ones(25), seed=0).part(0)
    assert part.patches.images.shape == (40, 28, 28)
    assert part.engine(8) == "fused"


def test_a_thread_that_fails_is_heard(small):
    class Failing(Gaussian):
        def sample(self, n, **other):
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"), arrays.limited(2):
        StreamLoss(Failing(4), 1000, np.ones(4), seed=0).gradient(np.ones(4))


MISTAKES = {
    "no samples": (lambda: StreamLoss(Gaussian(3), 0, np.ones(3), seed=0), "n is 0; it must be at least 1"),
    "half a sample": (lambda: StreamLoss(Gaussian(3), 1.5, np.ones(3), seed=0), "n is 1.5; it must be a whole number"),
    "dimensions": (lambda: StreamLoss(Gaussian(3), 9, np.ones(2), seed=0), r"teacher is an array of shape \(2,\)"),
    "zero": (lambda: StreamLoss(Gaussian(3), 9, np.zeros(3), seed=0), "teacher is the zero vector"),
    "seed": (lambda: StreamLoss(Gaussian(3), 9, np.ones(3), seed=-1), "seed is -1; it must be at least 0"),
    "block": (lambda: StreamLoss(Gaussian(3), 9, np.ones(3), seed=0, block=0), "block is 0; it must be at least 1"),
    "filters": (lambda: StreamLoss(Gaussian(3), 9, np.ones(3), seed=0).value(np.ones(2)), r"w is an array of shape"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_refused(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises(BadInput, match=message):
        call()


MEMORY = """
import resource, sys
import numpy as np
from theory.distributions import Gaussian
from theory.objectives import StreamLoss

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

w = np.ones((25, 2))
StreamLoss(Gaussian(25), 20_000, np.ones(25), seed=0).gradient(w)
before = peak()
StreamLoss(Gaussian(25), 400_000, np.ones(25), seed=0).gradient(w)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_memory_does_not_grow_with_the_sample():
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=120)
    # 400,000 samples take 76 MiB at once. One block a thread and what waits of them: a few of 2 MiB.
    assert int(run.stdout) < 32 * 1024


def test_memory_for_smaller_blocks(small, monkeypatch):
    """A block of eight units does not fit, nor does one of four: two are taken, as if they had been asked for."""
    law, w, tried, part = Gaussian(4), filters(Gaussian(4)), [], StreamLoss.part
    loss = StreamLoss(law, 1000, teacher(law), seed=5, block=400)
    wanted = StreamLoss(law, 1000, teacher(law), seed=5, block=100).gradient(w)

    def scarce(self, block, units=None):
        tried.append(units)
        if units > 2:
            raise MemoryError
        return part(self, block, units)

    monkeypatch.setattr(StreamLoss, "part", scarce)
    with arrays.limited(1):
        np.testing.assert_array_equal(loss.gradient(w), wanted)
    assert tried == [8, 4] + [2] * 10
