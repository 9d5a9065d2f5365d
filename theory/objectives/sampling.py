r"""Unbiased stochastic gradients of one ReLU filter: fresh samples of a law, or minibatches of a fixed sample.

    g = (1/B) Σ_b (f(w, Z_b) − y_b) (1/k) Σᵢ Z_bi 1{w·Z_bi ≥ 0},   y_b = f(w*, Z_b) + noise · N(0, 1)

Every run of a batch has patches and noise of its own, which follow from its own random stream alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.arrays import shared_namespace
from theory.objectives import on_device
from theory.objectives.on_device import Course

STRETCH = 1 << 12
"""Random numbers that one run draws at once, if a step needs fewer. Another value makes other runs."""

LONGEST = 64
"""Steps that a run draws at once at most: one that ends early has not drawn much in vain."""

Streams = Sequence[np.random.Generator]


class _Sampler(ABC):
    """What the samplers share: the teacher, the noise of its labels, and the gradient on given patches."""

    def __init__(self, teacher: Any, noise: float) -> None:
        xp = shared_namespace("teacher", teacher, teacher)
        self.teacher = checks.nonzero("teacher", teacher, xp)
        self.noise = checks.positive("noise", noise) if noise else 0.0

    @abstractmethod
    def stretch(self, batch: int) -> int:
        """Steps that a run draws at once. It must not depend on how many runs there are."""

    @abstractmethod
    def numbers(self, batch: int) -> int:
        """How many numbers a run holds at once."""

    @abstractmethod
    def draw(self, streams: Streams, batch: int) -> tuple[Any, Any]:
        """What each of these runs takes for its next stretch: patches or their indices, and the noise of the labels."""

    @abstractmethod
    def _minibatch(self, drawn: Any, rows: np.ndarray, part: slice) -> Float[Any, "runs batch k p"]:
        """The patches of one step."""

    def gradient(
        self, w: Float[Any, "p runs"], drawn: tuple[Any, Any], rows: np.ndarray, part: slice
    ) -> Float[Any, "p runs"]:
        """g of each column of w, on the samples ``part`` of what the runs ``rows`` have drawn."""
        data, noise = drawn
        z = self._minibatch(data, rows, part)
        return filter_gradient(w, z, self.teacher, None if noise is None else _rows(noise, rows, part))

    @abstractmethod
    def on_device(self, w: Float[Any, "p runs"]) -> bool:
        """Whether ``advance`` serves these filters."""

    @abstractmethod
    def _indexed(self, data: Any) -> tuple[Any, Any]:
        """What was drawn, as patches (n, k, p) and which of them each run takes, if not those that are its own."""

    def advance(
        self,
        w: Float[Any, "p runs"],
        drawn: tuple[Any, Any],
        rows: np.ndarray,
        part: slice,
        course: Course,
        ends: tuple[float, float],
    ) -> tuple[Float[Any, "p runs"], np.ndarray]:
        """w after the steps of the course, the first on the samples ``part``, all of them on the device.

        A run ends once ‖w − w*‖² is at most the first limit, or not at most the second; the steps that it took come
        with it.
        """
        data, noise = drawn
        patches, order = self._indexed(data)
        where = {"rows": rows, "drawn": data.shape[1], "part": part, "batch": part.stop - part.start}
        return on_device.minibatch_steps(patches, order, noise, w, self.teacher, **where, course=course, limits=ends)

    def _noise(self, streams: Streams, samples: int, xp: Any) -> Any:
        """From a stream that the run's own gives birth to: with noise or without, a run sees the same patches."""
        if not self.noise:
            return None
        return xp.asarray(np.stack([self.noise * rng.spawn(1)[0].standard_normal(samples) for rng in streams]))


def _rows(drawn: Any, rows: np.ndarray, part: slice) -> Any:
    """These columns of these rows; while no run has ended there is nothing to copy."""
    xp, columns = array_namespace(drawn), drawn[:, part.start : min(part.stop, drawn.shape[1]), ...]
    return columns if rows.size == drawn.shape[0] else xp.take(columns, xp.asarray(rows), axis=0)


def filter_gradient(
    w: Float[Any, "p runs"], z: Float[Any, "runs batch k p"], teacher: Float[Any, " p"], noise: Any = None
) -> Float[Any, "p runs"]:
    """The gradient of the loss of each column of w on patches of its own.

    Examples
    --------
    >>> w, z = np.array([[1.0, 0.0], [1.0, 2.0]]), np.ones((2, 1, 1, 2))
    >>> filter_gradient(w, z, np.array([1.0, 0.0])).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    xp = array_namespace(w)
    runs, batch, k, p = z.shape
    flat = xp.reshape(z, (runs, batch * k, p))
    both = xp.stack([xp.matrix_transpose(w), xp.broadcast_to(teacher, (runs, p))], axis=-1)
    activation = xp.reshape(flat @ both, (runs, batch, k, 2))
    active = xp.astype(activation >= 0, activation.dtype)
    response = xp.mean(activation * active, axis=2)
    residual = response[:, :, 0] - response[:, :, 1]
    residual = residual if noise is None else residual - noise
    back = (residual / (batch * k))[:, :, None] * active[:, :, :, 0]
    return xp.matrix_transpose((xp.reshape(back, (runs, 1, batch * k)) @ flat)[:, 0, :])


class FreshSamples(_Sampler):
    """Fresh samples from a law at every step: the true stochastic gradient, E g = ∇ℓ(w).

    Parameters
    ----------
    law
        With ``dim`` and ``sample(n, rng=...)``, which gives (n, p), or (n, k, p) where the law also has ``k``.
    teacher
        w*, p numbers, not zero.
    noise
        Standard deviation of the Gaussian noise added to every label, anew each time.

    Raises
    ------
    BadInput
        If the teacher is not one of the law's dimension, or the noise is negative.

    Examples
    --------
    >>> from theory.distributions import UniformSphere
    >>> sampler = FreshSamples(UniformSphere(3), teacher=np.array([1.0, 0.0, 0.0]))
    >>> patches, noise = sampler.draw([np.random.default_rng(0)], batch=2)
    >>> patches.shape, sampler.gradient(np.eye(3)[:, :1], (patches, noise), np.array([0]), slice(0, 2)).tolist()
    ((1, 128, 1, 3), [[0.0], [0.0], [0.0]])
    """

    def __init__(self, law: Any, teacher: Any, *, noise: float = 0.0) -> None:
        super().__init__(teacher, noise)
        self.law = law
        _same_dimension(self.teacher, law.dim)
        self._each = getattr(law, "k", 1) * law.dim

    def stretch(self, batch: int) -> int:
        return min(LONGEST, max(1, STRETCH // (batch * self._each)))

    def numbers(self, batch: int) -> int:
        return self.stretch(batch) * batch * self._each

    def draw(self, streams: Streams, batch: int) -> tuple[Any, Any]:
        xp, samples = array_namespace(self.teacher), self.stretch(batch) * batch
        z = np.stack([self.law.sample(samples, rng=rng) for rng in streams])
        return xp.asarray(z.reshape(len(streams), samples, -1, self.law.dim)), self._noise(streams, samples, xp)

    def _minibatch(self, drawn: Any, rows: np.ndarray, part: slice) -> Float[Any, "runs batch k p"]:
        return _rows(drawn, rows, part)

    def on_device(self, w: Float[Any, "p runs"]) -> bool:
        # Laws draw float64.
        return on_device.descends(self.teacher, w) and self.teacher.dtype == np.float64

    def _indexed(self, data: Any) -> tuple[Any, Any]:
        return array_namespace(data).reshape(data, (-1, *data.shape[2:])), None


class FixedSample(_Sampler):
    """Minibatches of a fixed sample: E g is the gradient of its ``SampleLoss``.

    Parameters
    ----------
    patches
        Shape (n, p) for one neuron, (n, k, p) for k patches; or an object with ``n``, ``k``, ``dim`` and
        ``take(indices, xp=...)``, such as ``ImagePatches``, whose patches are cut when they are needed.
    teacher
        w*, p numbers, not zero, on the backend of the patches.
    replace
        Whether a minibatch is drawn with replacement. If not, a run goes through a permutation of its own, a new one
        each epoch; the last minibatch of an epoch has what is left of it.
    noise
        Standard deviation of the Gaussian noise added to every label, anew each time.

    Raises
    ------
    BadInput
        If shapes disagree, an entry is NaN or infinite, or the noise is negative.

    Examples
    --------
    >>> sampler = FixedSample(np.eye(4), teacher=np.eye(4)[0], replace=False)
    >>> order, _ = sampler.draw([np.random.default_rng(0)], batch=2)
    >>> sampler.stretch(2), sorted(order[0].tolist())
    (2, [0, 1, 2, 3])
    """

    def __init__(self, patches: Any, teacher: Any, *, replace: bool = True, noise: float = 0.0) -> None:
        super().__init__(teacher, noise)
        self.patches = patches if hasattr(patches, "take") and hasattr(patches, "n") else _Held(patches, self.teacher)
        self.replace = replace
        _same_dimension(self.teacher, self.patches.dim)

    def stretch(self, batch: int) -> int:
        if self.replace:
            return min(LONGEST, max(1, STRETCH // batch))
        if batch > self.patches.n:
            raise checks.refuse("batch", batch, f"at most {self.patches.n}, the size of the sample, or replace=True")
        return -(-self.patches.n // batch)

    def numbers(self, batch: int) -> int:
        return max(self.stretch(batch) * batch, batch * self.patches.k * self.patches.dim)

    def draw(self, streams: Streams, batch: int) -> tuple[Any, Any]:
        n, drawn = self.patches.n, self.stretch(batch) * batch
        order = np.stack([rng.integers(n, size=drawn) if self.replace else rng.permutation(n) for rng in streams])
        return order, self._noise(streams, order.shape[1], array_namespace(self.teacher))

    def _minibatch(self, drawn: Any, rows: np.ndarray, part: slice) -> Float[Any, "runs batch k p"]:
        xp, which = array_namespace(self.teacher), drawn[rows, part]
        z = self.patches.take(which.ravel(), xp=xp)
        return xp.reshape(z, (*which.shape, self.patches.k, self.patches.dim))

    def on_device(self, w: Float[Any, "p runs"]) -> bool:
        # Noise is float64.
        alike = not self.noise or self.teacher.dtype == np.float64
        return alike and isinstance(self.patches, _Held) and on_device.descends(self.teacher, w, self.patches.patches)

    def _indexed(self, data: Any) -> tuple[Any, Any]:
        return self.patches.patches, data.astype(np.int64)


class _Held:
    """Patches in memory, as a sample to take from."""

    def __init__(self, patches: Any, teacher: Any) -> None:
        xp = shared_namespace("patches", patches, teacher)
        z = checks.array("patches", patches, xp, ndim=(2, 3))
        self.n = checks.integer("number of samples", z.shape[0], least=1)
        self.patches = xp.reshape(z, (self.n, 1, z.shape[-1])) if z.ndim == 2 else z
        self.k = checks.integer("number of patches", self.patches.shape[1], least=1)
        self.dim = z.shape[-1]

    def take(self, which: np.ndarray, *, xp: Any) -> Any:
        return xp.take(self.patches, xp.asarray(which), axis=0)


def _same_dimension(teacher: Any, dim: int) -> None:
    if teacher.shape != (dim,):
        raise checks.refuse("teacher", f"an array of shape {teacher.shape}", f"of shape ({dim},)")
