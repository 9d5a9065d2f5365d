"""A user's own arrays: ``.npy`` files, memory-mapped, never unpickled, and looked at a block at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks

BLOCK = 1 << 20
"""Entries read at once, 8 MiB as float64: memory does not grow with the file."""

KINDS = "biuf"
"""NumPy's letters for truth values, whole numbers with and without a sign, and real numbers."""


@dataclass(frozen=True)
class Samples:
    """Patches (n, k, p) in a file, one neuron's as k = 1; what is on disk stays there."""

    path: Path
    array: Any

    @classmethod
    def open(cls, path: Path) -> Samples:
        """The patches in a file of shape (n, p) or (n, k, p).

        Raises
        ------
        BadInput
            If it is no such file.
        """
        array = opened("samples", path, (2, 3))
        if min(array.shape) < 1 or array.shape[-1] < 2:
            required = "of shape (n, p), or (n, k, p) for filters, with n and k at least 1 and p at least 2"
            raise checks.refuse("samples", f"{path}, an array of shape {array.shape}", required)
        return cls(path, array if array.ndim == 3 else array.reshape(array.shape[0], 1, array.shape[1]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, k, p)."""
        n, k, p = self.array.shape
        return n, k, p

    def blocks(self) -> Iterator[tuple[Float[np.ndarray, "m k p"], slice]]:
        """All of it in float64, in order, with the slice that each block is.

        Raises
        ------
        BadInput
            If an entry is NaN, infinite, or too large or too small for a product of three.
        """
        n, k, p = self.shape
        length = max(1, BLOCK // (k * p))
        for start in range(0, n, length):
            part = slice(start, min(n, start + length))
            yield self._checked(self.array[part], f"samples {part.start} to {part.stop - 1}"), part

    def take(self, rows: Any) -> Float[np.ndarray, "m k p"]:
        """Some of them, in float64."""
        return self._checked(self.array[rows], "samples")

    def _checked(self, block: Any, name: str) -> Float[np.ndarray, "m k p"]:
        z = checks.array(f"{self.path}: {name}", np.asarray(block, dtype=np.float64), np, ndim=(3,))
        return checks.moderate(f"{self.path}: {name}", z, np)


def drawn(n: int, most: int, *, rng: np.random.Generator) -> Any:
    """The rows of a sample of ``most`` out of n without replacement, in order; all rows where that is all.

    Examples
    --------
    >>> drawn(5, 9, rng=np.random.default_rng(0))
    slice(0, 5, None)
    >>> drawn(5, 2, rng=np.random.default_rng(0)).tolist()
    [3, 4]
    """
    return slice(0, n) if n <= most else np.sort(rng.choice(n, size=most, replace=False, shuffle=False))


def labels_of(path: Path, n: int) -> Any:
    """The n labels in a file, still on disk, shape (n,) or (n, 1).

    Raises
    ------
    BadInput
        If it is no such file.
    """
    array = opened("labels", path, (1, 2))
    if array.shape not in ((n,), (n, 1)):
        raise checks.refuse("labels", f"{path}, an array of shape {array.shape}", f"of shape ({n},), one a sample")
    return array.reshape(n)


def teacher_of(path: Path, p: int) -> Float[np.ndarray, " p"]:
    """The vector w* in a file, shape (p,).

    Raises
    ------
    BadInput
        If it is no such file, or zero.
    """
    array = opened("teacher", path, (1,))
    if array.shape != (p,):
        required = f"of shape ({p},), as many numbers as a patch has"
        raise checks.refuse("teacher", f"{path}, an array of shape {array.shape}", required)
    return checks.nonzero("teacher", np.array(array, dtype=np.float64), np)


def opened(argument: str, path: Path, ndim: tuple[int, ...]) -> Any:
    """The array of real numbers in a ``.npy`` file, memory-mapped; nothing in it is run.

    Raises
    ------
    BadInput
        If there is no such file, or no such array in it.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise checks.refuse(argument, f"{path} ({error.strerror or error})", "a file that can be read") from None
    except (ValueError, TypeError, EOFError, OverflowError, SyntaxError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        required = "in NumPy's format .npy, without pickled objects, and whole"
        raise checks.refuse(argument, f"{path} ({reason})", required) from None
    if array.dtype.kind not in KINDS or array.dtype.itemsize > 8:
        raise checks.refuse(argument, f"{path}, an array of type {array.dtype}", "of real numbers of at most 64 bits")
    if array.ndim not in ndim:
        wanted = " or ".join(map(str, ndim))
        raise checks.refuse(
            argument, f"{path}, an array of shape {array.shape}", f"an array with {wanted} dimension(s)"
        )
    return np.asarray(array)


@dataclass(frozen=True)
class Whole:
    """What one pass over the whole file says: see :func:`whole`."""

    largest_norm: float
    least_norm: float
    closeness: float
    without_direction: int
    mean_square: float


def whole(samples: Samples) -> Whole:
    """The norms of all patches, ρ = max ∠(Zᵢ, Z_avg), and how many samples have a patch or an average that is zero.

    ρ is over the other samples; NaN where there are none.
    """
    from theory.closeness import closeness_of

    largest, least, rho, lost, square = 0.0, math.inf, math.nan, 0, 0.0
    n, k, _ = samples.shape
    for z, part in samples.blocks():
        norms = np.linalg.norm(z, axis=2)
        largest, least = max(largest, float(norms.max())), min(least, float(norms.min()))
        square += float(np.sum(norms**2)) / (n * k)
        directed = np.all(norms > 0, axis=1) & np.any(z.mean(axis=1) != 0, axis=1)
        lost += part.stop - part.start - int(directed.sum())
        if directed.any():
            rho = float(np.fmax(rho, closeness_of(z[directed])))
    return Whole(largest, least, rho, lost, square)
