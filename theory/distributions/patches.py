r"""Patches that share one filter: how images are cut into them, and the laws of Z = (Z₁, …, Z_k).

An image x and a filter give patches Zᵢ = Pᵢ x, where Pᵢ picks the window at the i-th place of a grid. Source: Du, Lee
& Tian (2018), Section 2. Patches of unit norm that no image stands behind are in :mod:`theory.distributions.close`.

What can be a view: the windows of a signal have shape (n, k, p) and strides of their own, so no copy is made. Those of
an image need one axis for the row and one for the column, both of the place and of the entry, since no single stride
leads from the end of one row to the start of the next: the view has shape (n, rows, columns, height, width), and
its reshape to (n, k, p) copies. ``patches`` always is the view; ``patch_blocks`` makes that copy chunk by chunk.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_cupy_array, is_numpy_array
from jaxtyping import Float, Shaped

from theory import checks
from theory.arrays import shared_namespace
from theory.distributions.close import ClosePatches, around

BLOCK = 1 << 20
"""Numbers in one chunk of patches, if the caller does not say: 8 MiB in float64. At least one image's patches."""

NORMALISATIONS = ("none", "mean", "unit")
"""Patches as they are, with their mean removed, or scaled to unit norm."""


@dataclass(frozen=True)
class PatchGrid:
    """Where the patches of a signal or an image lie: as many as fit, in the order of reading.

    What the last patch leaves over at the end of an axis is in no patch.

    Parameters
    ----------
    shape
        d, or (d,), for signals; (h, w) for images.
    filter_size
        Entries of the filter along each axis; one number for the same along all.
    stride
        Entries from one patch to the next along each axis; one number for the same along all.

    Raises
    ------
    BadInput
        If a number is below 1, there are more of them than axes, or the filter is larger than the image.

    Examples
    --------
    >>> grid = PatchGrid((28, 28), filter_size=5, stride=1)
    >>> grid.counts, grid.k, grid.dim
    ((24, 24), 576, 25)
    """

    shape: tuple[int, ...]
    filter_size: tuple[int, ...]
    stride: tuple[int, ...]

    def __init__(self, shape: Any, filter_size: Any, stride: Any = 1) -> None:
        axes = len(shape) if isinstance(shape, tuple | list) else 1
        if axes not in (1, 2):
            raise checks.refuse("shape", shape, "of one axis (signals) or two (images)")
        object.__setattr__(self, "shape", _along_axes("shape", shape, axes))
        object.__setattr__(self, "filter_size", _along_axes("filter_size", filter_size, axes))
        object.__setattr__(self, "stride", _along_axes("stride", stride, axes))
        if any(size > length for size, length in zip(self.filter_size, self.shape, strict=True)):
            raise checks.refuse("filter_size", self.filter_size, f"no larger than the shape {self.shape}")

    @property
    def counts(self) -> tuple[int, ...]:
        """Patches along each axis: ⌊(length − size)/stride⌋ + 1."""
        sizes = zip(self.shape, self.filter_size, self.stride, strict=True)
        return tuple((length - size) // stride + 1 for length, size, stride in sizes)

    @property
    def k(self) -> int:
        """Patches in all."""
        return math.prod(self.counts)

    @property
    def dim(self) -> int:
        """p, the entries of a patch."""
        return math.prod(self.filter_size)

    @property
    def text(self) -> str:
        """Shape, filter size and stride, for labels."""
        return ",".join("x".join(map(str, part)) for part in (self.shape, self.filter_size, self.stride))


def _along_axes(argument: str, value: Any, axes: int) -> tuple[int, ...]:
    """One whole number, at least 1, an axis."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(values) != axes:
        raise checks.refuse(argument, value, f"a whole number, or {axes}, one an axis")
    return tuple(checks.integer(argument, entry, least=1) for entry in values)


def patches(images: Any, filter_size: Any, stride: Any = 1) -> Shaped[Any, "n ..."]:
    """The patches of images (n, h, w) as a view (n, rows, columns, height, width), of signals (n, d) as one (n, k, p).

    Nothing is copied, converted or looked at: the result has the images' dtype and shares their memory, so it is
    read-only in NumPy. With rows · columns = k and height · width = p, ``reshape(n, k, p)`` gives the patches as
    vectors in the order of reading; for images that copies, which ``patch_blocks`` does chunk by chunk. An array
    library without strides, neither NumPy nor CuPy, gets a copy of the same shape.

    Parameters
    ----------
    images
        Shape (n, h, w), or (n, d) for signals.
    filter_size, stride
        A whole number, or one an axis: see :class:`PatchGrid`. Patches overlap where the stride is below the size.

    Raises
    ------
    BadInput
        If ``images`` has another number of axes, or the filter does not fit.

    Examples
    --------
    >>> patches(np.arange(5.0)[None], filter_size=3, stride=2).tolist()
    [[[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]]]
    >>> patches(np.zeros((7, 28, 28)), filter_size=(5, 4), stride=2).shape
    (7, 12, 13, 5, 4)
    """
    images = _images(images)
    return _windows(images, PatchGrid(images.shape[1:], filter_size, stride))


def patch_blocks(
    images: Any, filter_size: Any, stride: Any = 1, block: int | None = None
) -> Iterator[tuple[Shaped[Any, "m k p"], slice]]:
    """The patches as vectors, (m, k, p), of ``block`` images at a time, each with the slice of images that they are.

    Never more than one chunk is made at a time, and none is kept here: a plain ``for`` loop, which lets go of one chunk
    when it has the next, holds two.

    Parameters
    ----------
    images, filter_size, stride
        As for ``patches``.
    block
        Images a chunk; if not given, as many as have ``BLOCK`` entries in their patches, and at least one.

    Raises
    ------
    BadInput
        At the call, not at the first chunk, for the reasons of ``patches``, or if ``block`` is below 1.

    Examples
    --------
    >>> [(chunk.shape, part) for chunk, part in patch_blocks(np.zeros((3, 8, 8)), filter_size=3, block=2)]
    [((2, 36, 9), slice(0, 2, None)), ((1, 36, 9), slice(2, 3, None))]
    """
    images = _images(images)
    grid = PatchGrid(images.shape[1:], filter_size, stride)
    return ((_vectors(images[part, ...], grid), part) for part in _parts(images.shape[0], grid, block))


def _images(images: Any) -> Any:
    xp = shared_namespace("images", images, images)
    try:
        result = xp.asarray(images)
    except (TypeError, ValueError):
        raise checks.refuse("images", type(images).__name__, "an array of real numbers") from None
    if result.ndim not in (2, 3) or not xp.isdtype(result.dtype, ("bool", "integral", "real floating")):
        found = f"an array of shape {result.shape} and type {result.dtype}"
        raise checks.refuse("images", found, "real numbers of shape (n, h, w), or (n, d) for signals")
    return result


def _windows(images: Any, grid: PatchGrid) -> Any:
    """(n, *counts, *filter_size)."""
    if not (is_numpy_array(images) or is_cupy_array(images)):
        return _stacked(images, grid)
    strided = importlib.import_module("numpy" if is_numpy_array(images) else "cupy").lib.stride_tricks
    axes = tuple(range(1, images.ndim))
    every = strided.sliding_window_view(images, grid.filter_size, axis=axes)
    return every[(slice(None), *(slice(None, None, stride) for stride in grid.stride))]


def _stacked(images: Any, grid: PatchGrid) -> Any:
    """The same by the array API standard, which knows no strides: for each entry of the filter, what it meets."""
    xp = array_namespace(images)
    spans = [(count - 1) * stride + 1 for count, stride in zip(grid.counts, grid.stride, strict=True)]
    entries = []
    for first in itertools.product(*map(range, grid.filter_size)):
        places = (slice(a, a + span, s) for a, span, s in zip(first, spans, grid.stride, strict=True))
        entries.append(images[(slice(None), *places)])
    return xp.reshape(xp.stack(entries, axis=-1), (images.shape[0], *grid.counts, *grid.filter_size))


def _vectors(images: Any, grid: PatchGrid) -> Any:
    """(n, k, p): a copy for images, a view for signals."""
    return array_namespace(images).reshape(_windows(images, grid), (images.shape[0], grid.k, grid.dim))


def _parts(n: int, grid: PatchGrid, block: int | None) -> Iterator[slice]:
    whole = max(1, BLOCK // (grid.k * grid.dim))
    length = whole if block is None else checks.integer("block", block, least=1)
    return (slice(start, min(n, start + length)) for start in range(0, n, length))


def normalised(z: Float[Any, "*n p"], normalise: str) -> Float[Any, "*n p"]:
    """Every patch as it is (``none``), less its mean (``mean``), or scaled to unit norm (``unit``).

    A patch that is zero throughout, such as the empty corner of an image, has no direction and stays zero.

    Raises
    ------
    BadInput
        If there is no such normalisation.

    Examples
    --------
    >>> normalised(np.array([[3.0, 4.0], [0.0, 0.0]]), "unit").tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    if normalise not in NORMALISATIONS:
        raise checks.refuse("normalise", repr(normalise), f"one of {', '.join(NORMALISATIONS)}")
    xp = array_namespace(z)
    if normalise == "none":
        return z
    if normalise == "mean":
        return z - xp.mean(z, axis=-1, keepdims=True)
    # Divided by the largest entry first: the squares of a faint patch would underflow.
    largest = xp.max(xp.abs(z), axis=-1, keepdims=True)
    scaled = z / xp.where(largest > 0, largest, xp.ones_like(largest))
    norm = xp.linalg.vector_norm(scaled, axis=-1, keepdims=True)
    return scaled / xp.where(norm > 0, norm, xp.ones_like(norm))


@dataclass(frozen=True)
class GaussianImages(PatchGrid):
    """The patches Zᵢ = Pᵢ x of an image x ~ N(0, I): each standard Gaussian in R^p, and dependent where they overlap.

    E[Zᵢ Zⱼᵀ] = Pᵢ Pⱼᵀ. Parameters are those of :class:`PatchGrid`. Source: Du, Lee & Tian (2018), Section 2.

    Examples
    --------
    >>> law = GaussianImages((8, 8), filter_size=3, stride=2)
    >>> law.sample(10, rng=np.random.default_rng(0)).shape, law.label
    ((10, 9, 9), 'gaussian_images(8x8,3x3,2x2)')
    """

    def __init__(self, shape: Any, filter_size: Any, stride: Any = 1) -> None:
        super().__init__(shape, filter_size, stride)

    @property
    def label(self) -> str:
        """A short name for tables."""
        return f"gaussian_images({self.text})"

    def images(self, n: int, *, rng: np.random.Generator, xp: Any = np) -> Float[Any, "n ..."]:
        """n independent images, shape (n, h, w), or signals, (n, d). Every backend sees the same."""
        return xp.asarray(rng.standard_normal((checks.integer("n", n, least=0), *self.shape)))

    def sample(self, n: int, *, rng: np.random.Generator, xp: Any = np) -> Float[Any, "n k p"]:
        """The patches of n independent images: those that ``images`` draws with the same ``rng``."""
        return _vectors(self.images(n, rng=rng, xp=xp), self)


@dataclass(frozen=True, eq=False)
class ImagePatches:
    """The patches of given images, each image as likely as any other.

    Parameters
    ----------
    images
        Shape (n, h, w), or (n, d) for signals, n at least 1. Floating-point images are held where they are, not copied.
    filter_size, stride
        A whole number, or one an axis: see :class:`PatchGrid`.
    normalise
        ``none``, ``mean`` or ``unit``, patch by patch: see :func:`normalised`.

    Raises
    ------
    BadInput
        If an entry is NaN or infinite, a shape is wrong, the filter does not fit, or there is no such normalisation.

    Examples
    --------
    >>> law = ImagePatches(np.eye(6)[None], filter_size=3, stride=3, normalise="unit")
    >>> law.sample(2, rng=np.random.default_rng(0)).shape, law.label
    ((2, 4, 9), 'image_patches(1,6x6,3x3,3x3,unit)')
    """

    images: Float[Any, "n ..."]
    grid: PatchGrid
    normalise: str

    def __init__(self, images: Any, filter_size: Any, stride: Any = 1, *, normalise: str = "none") -> None:
        xp = shared_namespace("images", images, images)
        held = checks.moderate("images", checks.array("images", images, xp, ndim=(2, 3)), xp)
        checks.integer("number of images", held.shape[0], least=1)
        normalised(np.ones(1), normalise)
        object.__setattr__(self, "images", held)
        object.__setattr__(self, "grid", PatchGrid(held.shape[1:], filter_size, stride))
        object.__setattr__(self, "normalise", normalise)

    @property
    def n(self) -> int:
        """How many images."""
        return self.images.shape[0]

    @property
    def k(self) -> int:
        """Patches in an image."""
        return self.grid.k

    @property
    def dim(self) -> int:
        """p, the entries of a patch."""
        return self.grid.dim

    @property
    def label(self) -> str:
        """A short name for tables."""
        return f"image_patches({self.n},{self.grid.text},{self.normalise})"

    def take(self, which: Any, *, xp: Any = np) -> Float[Any, "m k p"]:
        """The patches of the images at these indices, or in this slice, on ``xp`` if the images are on NumPy."""
        found = self.images[which]
        return normalised(_vectors(xp.asarray(found) if is_numpy_array(found) else found, self.grid), self.normalise)

    def sample(self, n: int, *, rng: np.random.Generator, xp: Any = np) -> Float[Any, "n k p"]:
        """The patches of n images, drawn independently and with replacement."""
        return self.take(rng.integers(self.n, size=checks.integer("n", n, least=0)), xp=xp)

    def blocks(self, block: int | None = None, *, xp: Any = np) -> Iterator[tuple[Float[Any, "m k p"], slice]]:
        """The patches of every image once, in order and in chunks, as ``patch_blocks`` gives them."""
        return ((self.take(part, xp=xp), part) for part in _parts(self.n, self.grid, block))


__all__ = [
    "BLOCK",
    "NORMALISATIONS",
    "ClosePatches",
    "GaussianImages",
    "ImagePatches",
    "PatchGrid",
    "around",
    "normalised",
    "patch_blocks",
    "patches",
]
