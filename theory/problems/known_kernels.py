"""Kernels of known kind, for a tool that tells Gabor filters from other kernels to be tried on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.objectives.gabor import kernels

KINDS = ("gabor", "blob", "white", "smooth")

SMOOTHED = 1.0
"""Of smooth kernels: width in pixels of the Gaussian by which white noise is blurred."""

_FLAT = 1e9


def known_kernels(
    kind: str, n: int, size: int, *, rng: np.random.Generator, noise: float = 0.0
) -> Float[np.ndarray, "n size size"]:
    """n kernels of a kind, drawn independently.

    ``gabor``: θ and ψ even; log λ even from 2.5 to 1.5·size, log λ/σ from 1 to 4, log γ from 0.4 to 1.5. ``blob``: a
    Gaussian, θ even, log σ even from 0.8 to size/2, log γ from 0.4 to 1. ``white``: noise. ``smooth``: blurred noise.

    Parameters
    ----------
    noise
        To Gabor filters and blobs white noise is added: this part of the kernel's energy, in the mean, is noise.

    Raises
    ------
    BadInput
        If there is no such kind, or ``noise`` is not in [0, 1).

    Examples
    --------
    >>> known_kernels("blob", 2, 5, rng=np.random.default_rng(0)).shape
    (2, 5, 5)
    """
    checks.integer("number of kernels", n, least=1)
    checks.integer("size", size, least=3)
    if not 0 <= checks.finite("noise", noise) < 1:
        raise checks.refuse("noise", noise, "at least 0 and less than 1")
    if kind in ("gabor", "blob"):
        k = kernels(_drawn(kind, n, size, rng), size).T.reshape(n, size, size)
        # E‖e‖² = ν/(1 − ν) ‖k‖²
        spread = math.sqrt(noise / (1 - noise)) * np.linalg.norm(k, axis=(1, 2), keepdims=True) / size
        return k + spread * rng.standard_normal(k.shape)
    if kind not in KINDS:
        raise checks.refuse("kind", repr(kind), f"one of {', '.join(KINDS)}")
    if kind == "white":
        return rng.standard_normal((n, size, size))
    return _blurred(rng.standard_normal((n, 3 * size, 3 * size)), size)


def _drawn(kind: str, n: int, size: int, rng: Any) -> Float[np.ndarray, "6 n"]:
    """(θ, λ, σ, γ, ψ, A)."""

    def between(low: float, high: float) -> Any:
        return np.exp(rng.uniform(math.log(low), math.log(high), n))

    theta = rng.uniform(0, math.pi, n)
    if kind == "blob":
        sigma, gamma = between(0.8, 0.5 * size), between(0.4, 1.0)
        return np.stack([theta, np.full(n, _FLAT), sigma, gamma, np.zeros(n), np.ones(n)])
    wavelength = between(2.5, 1.5 * size)
    sigma, gamma = wavelength / between(1.0, 4.0), between(0.4, 1.5)
    return np.stack([theta, wavelength, sigma, gamma, rng.uniform(-math.pi, math.pi, n), np.ones(n)])


def _blurred(white: Any, size: int) -> Any:
    """The middle of each, so that no edge is seen."""
    omega = 2 * math.pi * np.fft.fftfreq(3 * size)
    transfer = np.exp(-(omega[:, None] ** 2 + omega**2) * SMOOTHED**2 / 2)
    return np.fft.ifft2(np.fft.fft2(white) * transfer).real[:, size : 2 * size, size : 2 * size]
