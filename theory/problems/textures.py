"""Images for filters to be learned on: white noise, smooth noise, and pieces of photographs."""

from __future__ import annotations

import functools
import math

import numpy as np
from jaxtyping import Float

from theory import checks

KINDS = ("white", "smooth", "photo")

CORRELATION = 1.5
"""Of smooth noise, in pixels: S(f) = exp(−|ωℓ|²/2), ω = 2πf, is the power of white noise blurred by a Gaussian."""

GREY = (0.299, 0.587, 0.114)
"""Luma of red, green and blue. Source: ITU-R BT.601."""


def spectrum(kind: str, side: int) -> Float[np.ndarray, "side side"]:
    """The power spectrum of white or smooth noise at the frequencies of a side × side image.

    >>> spectrum("white", 4).tolist() == np.ones((4, 4)).tolist()
    True
    """
    checks.integer("side", side, least=1)
    if kind not in ("white", "smooth"):
        raise checks.refuse("images", repr(kind), "white or smooth")
    omega = 2 * math.pi * np.fft.fftfreq(side)
    width = CORRELATION if kind == "smooth" else 0.0
    return np.exp(-(omega[:, None] ** 2 + omega**2) * width**2 / 2)


def textures(kind: str, n: int, side: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n side side"]:
    """n images: ``white`` or ``smooth`` Gaussian noise, periodic, or ``photo``, disjoint pieces of two photographs.

    Raises
    ------
    BadInput
        If there is no such kind, or the photographs have fewer pieces of that size.

    Examples
    --------
    >>> textures("photo", 120, 64, rng=np.random.default_rng(0)).shape
    (120, 64, 64)
    """
    checks.integer("number of images", n, least=1)
    checks.integer("side", side, least=1)
    if kind == "photo":
        pieces = np.concatenate([_pieces(photograph(name), side) for name in PHOTOGRAPHS])
        if n > len(pieces):
            raise checks.refuse("number of images", n, f"at most {len(pieces)}, the pieces of {side}x{side} there are")
        return pieces[rng.permutation(len(pieces))[:n]]
    if kind not in KINDS:
        raise checks.refuse("images", repr(kind), f"one of {', '.join(KINDS)}")
    noise = np.fft.fft2(rng.standard_normal((n, side, side)))
    return np.fft.ifft2(noise * np.sqrt(spectrum(kind, side))).real


PHOTOGRAPHS = ("china", "flower")


@functools.cache
def photograph(name: str = "china") -> Float[np.ndarray, "427 640"]:
    """A photograph that scikit-learn brings along, grey, from 0 to 1: ``china`` (a temple) or ``flower``.

    >>> photograph().shape
    (427, 640)
    """
    if name not in PHOTOGRAPHS:
        raise checks.refuse("photograph", repr(name), f"one of {', '.join(PHOTOGRAPHS)}")
    from sklearn.datasets import load_sample_image

    grey = load_sample_image(f"{name}.jpg") @ np.array(GREY) / 255
    grey.flags.writeable = False
    return grey


def _pieces(image: Float[np.ndarray, "h w"], side: int) -> Float[np.ndarray, "n side side"]:
    """All disjoint pieces of an image, row by row."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    whole = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return whole.swapaxes(1, 2).reshape(-1, side, side)


def whitened(images: Float[np.ndarray, "... h w"], floor: float = 1e-3) -> Float[np.ndarray, "... h w"]:
    """Images whose Fourier coefficients all have size one, but those below ``floor`` of the root mean square.

    A convolution commutes with a convolution, so this can be done to an image and its filtered version alike.

    >>> x = np.random.default_rng(0).standard_normal((8, 8)) + 5
    >>> bool(np.allclose(np.abs(np.fft.fft2(whitened(x))).ravel()[1:], 1))
    True
    """
    waves = np.fft.fft2(images - np.mean(images, axis=(-2, -1), keepdims=True))
    size = np.abs(waves)
    least = floor * np.sqrt(np.mean(size**2, axis=(-2, -1), keepdims=True))
    return np.fft.ifft2(waves / np.maximum(size, np.maximum(least, np.finfo(float).tiny))).real
