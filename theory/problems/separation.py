"""Data that a linear predictor separates, and starts for the networks that learn them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.checks import refuse

SIZES = (8, 16, 32, 64, 8, 16, 8, 32)
"""Dimensions of the data sets in turn."""


def separable(samples: int, dim: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian samples with labels by the toss of a coin; no more of them than dimensions, so that any labels will do.

    Raises
    ------
    BadInput
        If there are more samples than dimensions.

    Examples
    --------
    >>> x, y = separable(3, 5, rng=np.random.default_rng(0))
    >>> x.shape, sorted(set(y.tolist()))
    ((3, 5), [-1.0, 1.0])
    """
    if not 1 <= samples <= dim:
        raise refuse("samples", samples, f"from 1 to {dim}, the number of dimensions")
    return rng.standard_normal((samples, dim)), rng.choice([-1.0, 1.0], samples)


def data_sets(count: int, *, rng: np.random.Generator, share: float = 0.25) -> list[tuple[np.ndarray, np.ndarray]]:
    """``count`` data sets of dimension 8 to 64, with ``share`` times as many samples, and 6 at least.

    Raises
    ------
    BadInput
        If the share is not above 0, or above 1.

    Examples
    --------
    >>> [x.shape for x, _ in data_sets(4, rng=np.random.default_rng(1))]
    [(6, 8), (6, 16), (8, 32), (16, 64)]
    >>> [x.shape for x, _ in data_sets(4, rng=np.random.default_rng(1), share=0.75)]
    [(6, 8), (12, 16), (24, 32), (48, 64)]
    """
    streams = rng.spawn(checks.integer("count", count, least=1))
    if not 0 < share <= 1:
        raise refuse("share", share, "above 0, and 1 at most")
    dims = [SIZES[index % len(SIZES)] for index in range(count)]
    return [separable(max(6, int(share * dim)), dim, rng=stream) for dim, stream in zip(dims, streams, strict=True)]


def tone(dim: int, second: float, *, rng: np.random.Generator) -> Float[np.ndarray, " dim"]:
    """A signal with |x̂| = 1 at one frequency, ``second`` at another, and at most half of that elsewhere.

    Both are in between 0 and D/2, where the phase is free; frequencies and phases are drawn.

    Raises
    ------
    BadInput
        If ``second`` is not between 0 and 1, or the dimension has no two such frequencies.
    """
    if not 0 < second < 1:
        raise refuse("second", second, "between 0 and 1 (both excluded)")
    checks.integer("dim", dim, least=5)
    size = rng.uniform(0, second / 2, dim // 2 + 1)
    first, other = 1 + rng.choice((dim - 1) // 2, 2, replace=False)
    size[first], size[other] = 1.0, second
    phase = np.exp(1j * rng.uniform(0, 2 * math.pi, size.size))
    # The frequencies 0 and D/2 are real.
    phase[0] = 1.0
    if dim % 2 == 0:
        phase[-1] = 1.0
    return np.fft.irfft(size * phase, n=dim, norm="ortho")


def layers(
    shapes: Sequence[tuple[int, ...]], *, rng: np.random.Generator, runs: int = 1, scale: float = 1.0
) -> tuple[np.ndarray, ...]:
    """Gaussian weights of every layer, of variance ``scale``² over the number of its inputs.

    >>> [weight.shape for weight in layers(((3, 2), (1, 3)), rng=np.random.default_rng(0), runs=5)]
    [(5, 3, 2), (5, 1, 3)]
    """
    scale = checks.positive("scale", scale)
    return tuple(scale / math.sqrt(shape[-1]) * rng.standard_normal((runs, *shape)) for shape in shapes)
