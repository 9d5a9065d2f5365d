r"""The loss on a sample too large to hold: ℓ(w) = (1/2n) Σₙ (f(w, Zₙ) − f(w*, Zₙ))², its samples drawn whenever needed.

The sample is cut into units, and each has a random stream of its own: Philox, with the seed as its key and the number
of the unit as the highest word of its counter, so that no two units ever meet. A block of units is drawn, used and
forgotten; threads share the blocks, whose sums are added in their order. So the sample follows from the law, n and
the seed, and the bits of a result from those and the size of a block, whatever the number of threads.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from jaxtyping import Float

from theory import arrays, checks
from theory.arrays import halving, shared_namespace
from theory.distributions import GaussianImages, ImagePatches
from theory.objectives.relu_filter import SampleLoss, _columns

NUMBERS = 1 << 18
"""Random numbers that one stream gives, 2 MiB: they take a few milliseconds to draw. Another value, another sample."""


class StreamLoss:
    r"""``SampleLoss`` on n samples of a law, in memory that does not grow with n.

    A gradient draws the whole sample anew, the same one every time: it costs what drawing it costs, and holds a few
    blocks. On NumPy all CPUs share the blocks.

    Parameters
    ----------
    law
        With ``dim`` and ``sample(n, rng=...)``: any law of :mod:`theory.distributions`. The patches of
        ``GaussianImages`` are read from the images.
    n
        Samples in all.
    teacher
        w*, p numbers, not zero. Its backend and type are those of the computation.
    seed
        Of the sample, at least 0.
    block
        Samples that a thread holds at once, rounded up to whole units; one unit, if not given.

    Raises
    ------
    BadInput
        If the teacher has not the law's dimension, or a number is out of range.

    Examples
    --------
    >>> from theory.distributions import Gaussian
    >>> loss = StreamLoss(Gaussian(2), 10_000, teacher=np.array([1.0, 0.0]), seed=0)
    >>> loss.gradient(loss.teacher).tolist(), round(float(loss.value(np.zeros(2))), 2)
    ([0.0, 0.0], 0.25)
    """

    def __init__(self, law: Any, n: int, teacher: Any, *, seed: int, block: int | None = None) -> None:
        xp = shared_namespace("teacher", teacher, teacher)
        self.law = law
        self.n = checks.integer("n", n, least=1)
        self.teacher = checks.nonzero("teacher", teacher, xp)
        if self.teacher.shape != (law.dim,):
            raise checks.refuse("teacher", f"an array of shape {self.teacher.shape}", f"of shape ({law.dim},)")
        self.seed = checks.integer("seed", seed, least=0)
        self._images = isinstance(law, GaussianImages) and is_numpy_array(self.teacher)
        each = math.prod(law.shape) if self._images else getattr(law, "k", 1) * law.dim
        self.unit = max(1, NUMBERS // each)
        self._units = 1 if block is None else -(-checks.integer("block", block, least=1) // self.unit)

    @property
    def dim(self) -> int:
        """p."""
        return self.teacher.shape[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, k, p)."""
        return self.n, getattr(self.law, "k", 1), self.dim

    @property
    def blocks(self) -> int:
        """How many blocks the sample has."""
        return -(-self.n // (self.unit * self._units))

    def gradient(self, w: Float[Any, "p *runs"]) -> Float[Any, "p *runs"]:
        """∇ℓ(w)."""
        return self._mean(lambda loss: loss.gradient(w), w)

    def value(self, w: Float[Any, "p *runs"]) -> Float[Any, "*runs"]:
        """ℓ(w)."""
        return self._mean(lambda loss: loss.value(w), w)

    def part(self, block: int, units: int | None = None) -> SampleLoss:
        """The loss on one block of the sample, of so many units if not of as many as were asked for."""
        size = units or self._units
        drawn = range(block * size, min((block + 1) * size, -(-self.n // self.unit)))
        xp, z = array_namespace(self.teacher), np.concatenate([self._drawn(unit) for unit in drawn])
        z = xp.asarray(z, dtype=self.teacher.dtype)
        return SampleLoss(ImagePatches(z, self.law.filter_size, self.law.stride) if self._images else z, self.teacher)

    def _drawn(self, unit: int) -> Float[np.ndarray, "m *shape"]:
        """The samples of one unit; images where the law has them."""
        rng = np.random.Generator(np.random.Philox(key=_key(self.seed), counter=[0, 0, 0, unit]))
        draw = self.law.images if self._images else self.law.sample
        return draw(min(self.unit, self.n - unit * self.unit), rng=rng)

    def _mean(self, what: Callable[[SampleLoss], Any], w: Any) -> Any:
        """``what`` of the whole sample; where memory does not suffice for blocks of so many units, of half as many."""
        _columns(w, self.teacher)
        return halving(lambda units: self._added(what, units), self._units)

    def _added(self, what: Callable[[SampleLoss], Any], units: int) -> Any:
        """Σ_b (n_b/n) what(block b), added in the order of the blocks."""
        xp, length, total = array_namespace(self.teacher), self.unit * units, 0.0

        def share(block: int) -> Any:
            return what(self.part(block, units)) * (min(length, self.n - block * length) / self.n)

        for found in _in_order(share, -(-self.n // length), arrays.threads() if is_numpy_array(self.teacher) else 1):
            total = total + found
        return xp.asarray(total)


def _key(seed: int) -> Any:
    """128 bits for Philox."""
    return np.random.SeedSequence(seed).generate_state(2, np.uint64)


def _in_order(work: Callable[[int], Any], count: int, threads: int) -> Iterator[Any]:
    """``work`` of 0, 1, …, one after the other, by so many threads; no more results wait than there are threads."""
    if threads == 1 or count == 1:
        yield from map(work, range(count))
        return

    def alone(block: int) -> Any:
        with arrays.limited(1):
            return work(block)

    with ThreadPoolExecutor(min(threads, count)) as pool:
        waiting: deque[Future[Any]] = deque()
        for block in range(count):
            waiting.append(pool.submit(alone, block))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
