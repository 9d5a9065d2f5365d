"""The loss continued from the circle of angles to its disc, where descent can pass through the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from theory.arrays import to_numpy
from theory.objectives.gabor.filter import GaborFilter, kernels
from theory.objectives.gabor.moments import WindowMoments
from theory.objectives.gabor.series import Series


class Disc:
    """ℓ(z) = (g(z) − g*)ᵀ C (g(z) − g*) for z in the unit disc, on each of several images.

    Every pixel of g(θ) is a trigonometric series, and g(z) = Re Σ_k a_k z^k continues it as a harmonic function of
    z = exp(imθ), m = 2 for an even filter (the double angle) and 1 for any other: within the disc it is the filter
    averaged over angles (Poisson's kernel), at z = 0 over all of them. On the circle ℓ is the mean squared error.

    Derived here. A false minimum on the circle need be none in the disc: there the filter is as wrong as at any angle
    near it, and a mean over angles is less so, so descent goes inward and comes out elsewhere.

    Examples
    --------
    >>> from theory.objectives.gabor import white
    >>> disc = Disc([white(15)], GaborFilter())
    >>> z = np.exp(2j * np.array([[np.pi / 4, -np.pi / 4]]))
    >>> disc.value(z).round(2)[0, 1]
    np.float64(54.33)
    """

    def __init__(self, moments: Sequence[WindowMoments], truth: GaborFilter) -> None:
        self.truth = truth
        series = Series.sampled(lambda theta: kernels(truth.at(theta), truth.size))
        a = series.coefficients
        self.fold = series.stride
        """m, the multiple of θ that is the argument of z."""
        # g(z) = V (Re z^k, Im z^k)
        self._parts = np.concatenate([a.real, -a.imag], axis=1)
        self.orders = a.shape[1]
        g_star = truth.kernel()[:, None]
        seen = [to_numpy(one.apply(np.concatenate([self._parts, g_star], axis=1))) for one in moments]
        self._form = np.stack([self._parts.T @ one[:, :-1] for one in seen])
        self._lean = np.stack([self._parts.T @ one[:, -1] for one in seen])[..., None]
        self._scale = np.stack([g_star[:, 0] @ one[:, -1] for one in seen])[:, None]

    def start(self, theta: Any) -> Complex[np.ndarray, "..."]:
        """z of an angle."""
        return np.exp(1j * self.fold * np.asarray(theta))

    def angle(self, z: Complex[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The angle of the nearest point of the circle."""
        return np.angle(z) / self.fold

    def value(self, z: Complex[np.ndarray, "n starts"]) -> Float[np.ndarray, "n starts"]:
        """ℓ(z)."""
        u = self._stacked(self._powers(z))
        return np.sum(u * (self._form @ u - 2 * self._lean), axis=1) + self._scale

    def gradient(self, z: Complex[np.ndarray, "n starts"]) -> Complex[np.ndarray, "n starts"]:
        """∂ℓ/∂Re z + i ∂ℓ/∂Im z."""
        powers = self._powers(z)
        outer = 2 * (self._form @ self._stacked(powers) - self._lean)
        k = np.arange(1, self.orders)[:, None]
        # d(Re z^k) = Re(k z^{k−1} dz), d(Im z^k) = Im(k z^{k−1} dz)
        inner = outer[:, 1 : self.orders] - 1j * outer[:, self.orders + 1 :]
        return np.conj(np.sum(inner * k * powers[:, :-1], axis=1))

    def _powers(self, z: Any) -> Any:
        """1, z, z², …: problems × orders × starts."""
        powers = np.repeat(z[:, None, :], self.orders, axis=1)
        powers[:, 0] = 1
        return np.cumprod(powers, axis=1)

    def _stacked(self, powers: Any) -> Any:
        return np.concatenate([powers.real, powers.imag], axis=1)

    def steepest(self) -> Float[np.ndarray, " n"]:
        """A bound on the second derivatives in the disc: ‖H‖ (max ‖∂u‖² + max ‖u − u*‖ max ‖∂²u‖), u = (z^k)."""
        k = np.arange(self.orders)
        largest = np.linalg.eigvalsh(self._form)[:, -1]
        slope, bend = np.sum(k**2), np.sqrt(np.sum((k * (k - 1)) ** 2))
        return 2 * largest * (slope + 2 * np.sqrt(self.orders) * bend)
