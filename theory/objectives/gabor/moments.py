"""Second moments of the windows that a filter sees: all that a loss on filtered images depends on.

With d = g − g*, the mean square of x ⋆ d over the valid positions of an image x is dᵀCd, where C is the mean of zzᵀ
over all windows z of x (⋆ is what deep learning calls a convolution: the filter is not turned round). So the image is
looked at once, and a step of descent costs the same for a stamp and for a poster.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.objectives.gabor.orbits import Orbits, serves


@dataclass(frozen=True)
class WindowMoments:
    """C = E[zzᵀ] and m = E[z] over windows of size × size pixels; ``gram`` None stands for C = variance · I."""

    size: int
    gram: Any = None
    mean: Any = None
    variance: float = 1.0
    label: str = "white"

    @property
    def largest(self) -> float:
        """The largest entry of C, which lies on its diagonal."""
        if self.gram is None:
            return self.variance
        xp = array_namespace(self.gram)
        return float(xp.max(xp.linalg.diagonal(self.gram)))

    def apply(self, v: Float[Any, "p starts"]) -> Float[Any, "p starts"]:
        """Cv."""
        return self.variance * v if self.gram is None else self.gram @ v

    @functools.cached_property
    def orbits(self) -> Orbits | None:
        """The product with C by orbits, where it falls into parts."""
        return Orbits(self.gram, self.size) if serves(self.gram, self.size) else None

    def apply_centred(self, v: Float[Any, "p starts"]) -> Float[Any, "p starts"]:
        """(C − mmᵀ)v: of it the mean over the filtered image is taken off."""
        if self.mean is None:
            return self.apply(v)
        return self.apply(v) - self.mean[:, None] * (self.mean @ v)


def white(size: int, variance: float = 1.0) -> WindowMoments:
    """White noise, as a population: C = variance · I, whatever the size of the image.

    >>> white(3).apply(np.ones((9, 1))).ravel().tolist() == [1.0] * 9
    True
    """
    return WindowMoments(checks.integer("size", size, least=1), variance=checks.positive("variance", variance))


def stationary(spectrum: Float[np.ndarray, "h w"], size: int) -> WindowMoments:
    """Stationary Gaussian images with this power at the frequencies of their discrete Fourier transform, a population.

        C[a, b] = r(a − b),   r(d) = (hw)⁻¹ Σ_f S(f) exp(2πi f·d),   mean 0

    Raises
    ------
    BadInput
        If the spectrum is negative somewhere, zero throughout, not S(−f) = S(f), or smaller than the filter.

    Examples
    --------
    >>> bool(np.allclose(stationary(np.full((8, 8), 2.0), 3).gram, 2 * np.eye(9)))
    True
    """
    power = _image("spectrum", spectrum, size)
    if power.min() < 0 or not power.any():
        raise checks.refuse("spectrum", f"from {power.min():.3g} to {power.max():.3g}", "nonnegative, and not all 0")
    mirrored = np.roll(power[::-1, ::-1], (1, 1), axis=(0, 1))
    if np.max(np.abs(power - mirrored)) > 1e-9 * power.max():
        raise checks.refuse("spectrum", "different at f and −f", "symmetric, as that of a real image is")
    covariance = _even(np.fft.ifft2(power).real, power)
    row, column = (place.ravel() for place in np.divmod(np.arange(size * size), size))
    gram = covariance[row[:, None] - row, column[:, None] - column]
    return WindowMoments(size, gram=gram, mean=None, label="stationary")


def of_image(image: Float[Any, "h w"], size: int) -> WindowMoments:
    """C and m of one image, exactly.

    For each offset (p, q) between two pixels of a window, the products x[i, j] x[i + p, j + q] are summed over all
    positions of the window: R D Rᵀ, where D holds the products and R the indicator of where the window may be.

    Raises
    ------
    BadInput
        If the image is not two-dimensional, finite, as large as the filter, or is constant.

    Examples
    --------
    >>> image = np.arange(12.0).reshape(3, 4) ** 2
    >>> windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2)).reshape(-1, 4)
    >>> bool(np.allclose(of_image(image, 2).gram, windows.T @ windows / len(windows)))
    True
    """
    xp = array_namespace(image) if hasattr(image, "shape") else np
    return of_images(_image("image", image, size, xp)[None, :, :], size)[0]


def of_images(images: Float[np.ndarray, "n h w"], size: int) -> list[WindowMoments]:
    """The moments of every image, all of one shape: see :func:`of_image`.

        C[a, b] = (R D Rᵀ)[a],   D the products of pixels b − a apart,   R where the window may be

    Raises
    ------
    BadInput
        If one of them is constant or not finite, or they are smaller than the filter.

    Examples
    --------
    >>> images = np.random.default_rng(0).standard_normal((2, 5, 6))
    >>> bool(np.allclose(of_images(images, 3)[1].gram, of_image(images[1], 3).gram))
    True
    """
    xp = array_namespace(images) if hasattr(images, "shape") else np
    x = checks.array("images", images, xp, ndim=(3,))
    n, h, w = x.shape
    for one in range(n):
        _image("image", x[one, ...], size, xp)
        if float(xp.max(x[one, ...])) == float(xp.min(x[one, ...])):
            raise checks.refuse("image", f"{float(xp.max(x[one, ...])):.6g} at every pixel", "not constant")
    rows, columns = (_windows(length, size, xp) for length in (h, w))
    gram = xp.empty((size**2, size**2, n), dtype=x.dtype)
    for p in range(size):
        for q in range(1 - size, size):
            _offset(gram, x, (p, q), size, rows, columns, xp)
    windows, label = (h - size + 1) * (w - size + 1), f"image({h}x{w})"
    means = xp.reshape(rows @ x @ columns.T, (n, -1)) / windows
    return [WindowMoments(size, gram=gram[:, :, one] / windows, mean=means[one, :], label=label) for one in range(n)]


def filtered(images: Float[np.ndarray, "*n h w"], kernel: Float[np.ndarray, " p"]) -> Float[np.ndarray, "*n i j"]:
    """x ⋆ g at the valid positions: by FFT where that is faster, as ``scipy.signal.choose_conv_method`` tells.

    >>> filtered(np.arange(9.0).reshape(3, 3), np.array([1.0, 0.0, 0.0, -1.0])).tolist()
    [[-4.0, -4.0], [-4.0, -4.0]]
    """
    from scipy import signal

    x = np.asarray(images, dtype=float)
    size = math.isqrt(kernel.size)
    turned = kernel.reshape((1,) * (x.ndim - 2) + (size, size))[..., ::-1, ::-1]
    return signal.convolve(x, turned, mode="valid")


def _image(argument: str, image: Any, size: int, xp: Any = np) -> Any:
    checks.integer("size", size, least=1)
    x = checks.array(argument, image, xp, ndim=(2,))
    if min(x.shape) < size:
        raise checks.refuse(argument, f"of {x.shape[0]}x{x.shape[1]}", f"no smaller than the filter, {size}x{size}")
    return x


def _even(covariance: Any, power: Any) -> Any:
    """r, as even as it is but for rounding: under half a turn, and in each direction in which the spectrum is."""
    rows, columns = np.roll(covariance[::-1], 1, axis=0), np.roll(covariance[:, ::-1], 1, axis=1)
    turned = np.roll(rows[:, ::-1], 1, axis=1)
    if np.array_equal(power, np.roll(power[::-1], 1, axis=0)) and np.array_equal(power, np.roll(power[:, ::-1], 1, 1)):
        # In pairs, so that the sum is the same, bit by bit, whichever of the four it is made of.
        return ((covariance + turned) + (rows + columns)) / 4
    return (covariance + turned) / 2


def _windows(length: int, size: int, xp: Any) -> Any:
    """R[a, i] = 1 where pixel i is at place a of some window: a ≤ i ≤ a + length − size."""
    place = np.arange(length) - np.arange(size)[:, None]
    return xp.asarray(((place >= 0) & (place <= length - size)).astype(float))


def _offset(gram: Any, x: Any, offset: tuple[int, int], size: int, rows: Any, columns: Any, xp: Any) -> None:
    """Fill in C[(a, b), (a + p, b + q)] of every image, and its mirror image."""
    (p, q), (_, h, w) = offset, x.shape
    first, last = max(0, -q), size - max(0, q)
    left, right = x[:, : h - p, max(0, -q) : w - max(0, q)], x[:, p:, max(0, q) : w - max(0, -q)]
    sums = rows[: size - p, : h - p] @ (left * right) @ columns[first:last, max(0, -q) : w - max(0, q)].T
    here = xp.asarray((np.arange(size - p)[:, None] * size + np.arange(first, last)).ravel())
    there = here + (p * size + q)
    gram[here, there] = gram[there, here] = xp.reshape(sums, (sums.shape[0], -1)).T
