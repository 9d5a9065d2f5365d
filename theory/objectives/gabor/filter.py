"""The Gabor filter, and its exact derivatives in every parameter."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks

PARAMETERS = ("theta", "wavelength", "sigma", "gamma", "psi", "amplitude")
"""θ, λ, σ, γ, ψ and A, the rows of every array of parameters."""


@dataclass(frozen=True)
class GaborFilter:
    """g(x, y) = A exp(−(x'² + γ²y'²)/2σ²) cos(2πx'/λ + ψ), size × size pixels, centred.

    x' = x cos θ + y sin θ, y' = −x sin θ + y cos θ; θ and ψ in radians, λ and σ in pixels; x counts rows, y columns.

    Raises
    ------
    BadInput
        If the size is below 1, λ, σ or γ is not positive, or the amplitude is 0.

    Examples
    --------
    >>> GaborFilter(theta=0.0, wavelength=2.0, sigma=2.0, size=3).kernel().reshape(3, 3).round(2).tolist()
    [[-0.86, -0.88, -0.86], [0.97, 1.0, 0.97], [-0.86, -0.88, -0.86]]
    """

    theta: float = math.pi / 4
    wavelength: float = 6.0
    sigma: float = 3.0
    gamma: float = 0.5
    psi: float = 0.0
    amplitude: float = 1.0
    size: int = 15

    def __post_init__(self) -> None:
        for name in ("theta", "psi", "amplitude"):
            object.__setattr__(self, name, checks.finite(name, getattr(self, name)))
        for name in ("wavelength", "sigma", "gamma"):
            object.__setattr__(self, name, checks.positive(name, getattr(self, name)))
        if self.amplitude == 0:
            raise checks.refuse("amplitude", self.amplitude, "different from 0")
        object.__setattr__(self, "size", checks.integer("size", self.size, least=1))

    @property
    def parameters(self) -> Float[np.ndarray, " 6"]:
        """(θ, λ, σ, γ, ψ, A)."""
        return np.array([getattr(self, name) for name in PARAMETERS])

    @property
    def even(self) -> bool:
        """Whether g(−x, −y) = g(x, y), so that θ and θ + π are the same filter."""
        return abs(math.sin(self.psi)) <= 1e-15 * max(1.0, abs(self.psi))

    def kernel(self) -> Float[np.ndarray, " p"]:
        """The filter, row by row.

        Raises
        ------
        BadInput
            If λ, σ or γ are so extreme that a pixel is not finite.
        """
        with np.errstate(all="ignore"):
            g = kernels(self.parameters[:, None], self.size)[:, 0]
        if not np.isfinite(g).all():
            raise checks.refuse("filter", "not finite at every pixel", "of a less extreme wavelength, sigma or gamma")
        return g

    def turned(self, theta: float) -> GaborFilter:
        """The same filter at another angle."""
        return replace(self, theta=theta)

    def at(self, thetas: Any) -> Float[np.ndarray, "6 starts"]:
        """The parameters, once for every angle."""
        columns = np.repeat(self.parameters[:, None], np.size(thetas), axis=1)
        columns[0] = thetas
        return columns


@functools.cache
def _places(size: int) -> tuple[Any, Any]:
    """x and y of every pixel, as columns."""
    places = np.arange(size) - (size - 1) / 2
    return np.repeat(places, size)[:, None], np.tile(places, size)[:, None]


class Parts:
    """What the filter and its derivatives are made of, each p × starts: x', y', the envelope, cosine and sine."""

    def __init__(self, parameters: Any, size: int) -> None:
        xp = array_namespace(parameters)
        theta, self.wavelength, self.sigma, self.gamma, psi, self.amplitude = (parameters[row] for row in range(6))
        x, y = (xp.asarray(places) for places in _places(size))
        self.along = x * xp.cos(theta) + y * xp.sin(theta)
        self.across = -x * xp.sin(theta) + y * xp.cos(theta)
        self.envelope = xp.exp(-(self.along**2 + self.gamma**2 * self.across**2) / (2 * self.sigma**2))
        self.wavenumber = 2 * math.pi / self.wavelength
        phase = 2 * math.pi * self.along / self.wavelength + psi
        self.cos, self.sin = xp.cos(phase), xp.sin(phase)

    def slopes(self, names: Sequence[str] = PARAMETERS) -> tuple[Any, ...]:
        """∂g/∂q for each named parameter q."""
        return tuple(getattr(self, f"d_{name}")() for name in names)

    def g(self) -> Any:
        return self.amplitude * (self.envelope * self.cos)

    def d_theta(self) -> Any:
        # ∂x'/∂θ = y', ∂y'/∂θ = −x'
        return self.amplitude * self.envelope * (self._shear() * self.cos - self.wavenumber * self.across * self.sin)

    def _shear(self) -> Any:
        """∂ log(envelope)/∂θ = −(1 − γ²) x'y'/σ²."""
        return -(1 - self.gamma**2) * self.along * self.across / self.sigma**2

    def d_wavelength(self) -> Any:
        return self.amplitude * self.envelope * self.sin * (self.wavenumber * self.along / self.wavelength)

    def d_sigma(self) -> Any:
        return self.g() * ((self.along**2 + self.gamma**2 * self.across**2) / self.sigma**3)

    def d_gamma(self) -> Any:
        return -self.g() * (self.gamma * self.across**2 / self.sigma**2)

    def d_psi(self) -> Any:
        return -self.amplitude * self.envelope * self.sin

    def d_amplitude(self) -> Any:
        return self.envelope * self.cos

    def d_theta_twice(self) -> Any:
        k, shear = self.wavenumber, self._shear()
        change = -(1 - self.gamma**2) * (self.across**2 - self.along**2) / self.sigma**2
        even = shear**2 + change - (k * self.across) ** 2
        odd = k * self.along - 2 * shear * k * self.across
        return self.amplitude * self.envelope * (even * self.cos + odd * self.sin)


def kernels(parameters: Float[Any, "6 starts"], size: int) -> Float[Any, "p starts"]:
    """g of every column (θ, λ, σ, γ, ψ, A), pixel by pixel; complex parameters are continued analytically."""
    return Parts(parameters, size).g()


def jacobian(
    parameters: Float[Any, "6 starts"], size: int, names: Sequence[str] = PARAMETERS
) -> tuple[Any, tuple[Any, ...]]:
    """g, and ∂g/∂q for each named parameter q, each p × starts.

    Examples
    --------
    >>> g, (by_amplitude,) = jacobian(GaborFilter(amplitude=2.0).parameters[:, None], 15, ["amplitude"])
    >>> bool(np.allclose(g, 2 * by_amplitude))
    True
    """
    parts = Parts(parameters, size)
    return parts.g(), parts.slopes(names)


def turns(parameters: Float[Any, "6 starts"], size: int) -> tuple[Any, Any, Any]:
    """g, ∂g/∂θ and ∂²g/∂θ²."""
    parts = Parts(parameters, size)
    return parts.g(), parts.d_theta(), parts.d_theta_twice()
