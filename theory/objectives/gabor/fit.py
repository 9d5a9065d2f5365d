"""How well a Gabor filter fits a given kernel, and whether that is more than chance and better than a blob does.

The amplitude and the phase are linear: A cos(kx' + ψ) = a cos kx' − b sin kx'. For every θ, λ, σ and γ the best of them
is a projection (variable projection), so that only four parameters are searched: all kernels at once on a grid, then
by Levenberg–Marquardt from the best places of each, and at last by SciPy's bounded least squares in all six.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from theory import checks
from theory.objectives.gabor.filter import Parts
from theory.objectives.gabor.search import Family, Found, search

STARTS = 4
"""Places on the grid from which each kernel is fitted."""

LEAST = 3
"""Side of the smallest kernel: one of 2×2 has fewer pixels than the filter has parameters."""

BROADEST = math.pi / math.sqrt(math.log(2) / 2)
"""Largest λ/σ, 5.34: there the band of half amplitude reaches down to frequency 0, and no octave measures it.

Source: Daugman (1985), JOSA A 2, 1160: σ/λ = √(ln 2/2)/π · (2ᵇ + 1)/(2ᵇ − 1) for a bandwidth of b octaves; b → ∞.
"""

NARROWEST = 0.5
"""Smallest λ/σ: a quarter of an octave, less than any simple cell's."""

STRETCH = 5.0
"""γ lies between its reciprocal and this."""

_TOLERANCES = {"ftol": 1e-9, "xtol": 1e-9, "gtol": 1e-9}
_EVALUATIONS = 25
"""By then the fit has long been found, or creeps along a wall of the box."""

_FLAT = 1e9
"""λ of a blob."""

THRESHOLDS = {3: 0.9985, 4: 0.9105, 5: 0.7549, 6: 0.6258, 7: 0.5550, 9: 0.3288, 11: 0.2405, 15: 0.1557}
"""R² that white noise reaches in less than one kernel of a thousand, by the kernel's side: see ``threshold``."""


def gabors(size: int) -> Family:
    """The Gabor filters that a kernel of this size is compared with.

    2 ≤ λ ≤ 2·size (from the shortest wave that pixels show to half a wave across the kernel), ``NARROWEST`` ≤ λ/σ ≤
    ``BROADEST``, 1/``STRETCH`` ≤ γ ≤ ``STRETCH``; θ, ψ and A are free. Coordinates: θ, log λ, log λ/σ, log γ.
    """
    wave, ratio, gamma = (math.log(2), math.log(2 * size)), (math.log(NARROWEST), math.log(BROADEST)), _stretch()
    places = (
        np.pi * np.arange(8) / 8,
        np.linspace(math.log(2.4), math.log(1.4 * size), 6),
        np.log([1.0, 2.0, 3.2, 4.8]),
        np.log([0.5, 1.0, 2.0]),
    )
    return Family(
        size,
        to_logs=np.array([[0.0, 1, 0, 0], [0, 1, -1, 0], [0, 0, 0, 1]]),
        at_zero=np.zeros(3),
        lower=np.array([-np.inf, wave[0], ratio[0], gamma[0]]),
        upper=np.array([np.inf, wave[1], ratio[1], gamma[1]]),
        grid=_product(places),
        apart=48,
        linear=("amplitude", "psi"),
    )


def blobs(size: int) -> Family:
    """Gaussians without a wave, ½ ≤ σ ≤ size, as stretched as the filters. Coordinates: θ, log σ, log γ."""
    wide, gamma = (math.log(0.5), math.log(size)), _stretch()
    places = np.pi * np.arange(8) / 8, np.linspace(math.log(0.7), math.log(0.7 * size), 6), np.log([0.35, 1.0])
    return Family(
        size,
        to_logs=np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
        at_zero=np.array([math.log(_FLAT), 0.0, 0.0]),
        lower=np.array([-np.inf, wide[0], gamma[0]]),
        upper=np.array([np.inf, wide[1], gamma[1]]),
        grid=_product(places),
        apart=48,
        linear=("amplitude",),
    )


def _stretch() -> tuple[float, float]:
    return -math.log(STRETCH), math.log(STRETCH)


def _product(places: Any) -> Float[np.ndarray, "d m"]:
    return np.stack([axis.ravel() for axis in np.meshgrid(*places, indexing="ij")])


FITTED = ("parameters", "r2", "blob_r2")
"""The fields of ``Fits`` that have a column for each kernel."""


@dataclass(frozen=True)
class Fits:
    """The best Gabor filter of each kernel, and what part of the kernel it explains.

    Parameters
    ----------
    parameters
        (θ, λ, σ, γ, ψ, A) of every kernel; 0 ≤ θ < π, −π < ψ ≤ π, A ≥ 0.
    r2
        1 − ‖k − g‖²/‖k‖² of the filter: about 0, not about the mean, as the filter has no offset.
    blob_r2
        The same of the best Gaussian.
    size
        Side of the kernels.
    """

    parameters: Float[np.ndarray, "6 n"]
    r2: Float[np.ndarray, " n"]
    blob_r2: Float[np.ndarray, " n"]
    size: int

    @property
    def above_chance(self) -> Bool[np.ndarray, " n"]:
        """Whether R² reaches what white noise reaches in one kernel of a thousand."""
        return self.r2 >= threshold(self.size)

    @property
    def above_blob(self) -> Bool[np.ndarray, " n"]:
        """Whether Schwarz's criterion prefers the filter to a Gaussian, which has two parameters less.

        p log((1 − R²_blob)/(1 − R²)) > 2 log p, p pixels; where both are exact to rounding, the blob is preferred.
        """
        p, rounding = self.size**2, 1e-12
        gain = np.log((1 - self.blob_r2 + rounding) / (1 - self.r2 + rounding))
        return p * gain > 2 * math.log(p)

    @property
    def gaborlike(self) -> Bool[np.ndarray, " n"]:
        """The decision: above chance, and above a blob."""
        return self.above_chance & self.above_blob


def fit(kernels: Float[Any, "... size size"], *, starts: int = STARTS) -> Fits:
    """Fit a Gabor filter, centred in the kernel, to every kernel: the least squares within the bounds of ``gabors``.

    The fit is the best of several local ones, so R² may be too low, and never is too high.

    Parameters
    ----------
    kernels
        One or more, square, of any scale; further axes in front, such as those of a network's layer, are made one.
    starts
        Places from which each is fitted.

    Raises
    ------
    BadInput
        If they are not square, smaller than 3×3, not finite, or one is constant; the message says which.

    Examples
    --------
    >>> from theory.objectives.gabor import GaborFilter
    >>> kernel = GaborFilter(theta=0.3, wavelength=4.0, sigma=2.0, gamma=0.8, psi=0.5, size=9).kernel()
    >>> found = fit(kernel.reshape(9, 9))
    >>> found.parameters[:, 0].round(6).tolist(), round(float(found.r2[0]), 9), bool(found.gaborlike[0])
    ([0.3, 4.0, 2.0, 0.8, 0.5, 1.0], 1.0, True)
    """
    columns, size, norms = _columns(kernels)
    starts = checks.integer("starts", starts, least=1)
    best = _polished(search(gabors(size), columns, starts), columns, gabors(size))
    blob = search(blobs(size), columns, starts)
    parameters = _canonical(best.parameters)
    parameters[-1] *= norms
    return Fits(parameters, 1 - best.rest, 1 - blob.rest, size)


def constant(kernels: Float[Any, "... size size"]) -> Bool[np.ndarray, " n"]:
    """Which kernels are constant, to rounding: nothing can be fitted to them."""
    flat = np.reshape(kernels, (-1, kernels.shape[-2] * kernels.shape[-1]))
    spread, largest = np.ptp(flat, axis=1), np.max(np.abs(flat), axis=1)
    return spread <= 8 * np.finfo(float).eps * largest


def threshold(size: int) -> float:
    """R² that a kernel of white noise reaches with a chance below 0.001: high where pixels are few.

    It is the largest of 10,000 (``largest_of_noise``), so if the chance to exceed it were 0.001 or more, none of them
    would have done so with a chance of 0.999¹⁰⁰⁰⁰ = 5e-5. A side that is not in the table has the threshold of the next
    smaller one, which is higher.
    """
    return THRESHOLDS[max(side for side in THRESHOLDS if side <= size)]


def largest_of_noise(size: int, *, rng: np.random.Generator, n: int = 10_000) -> float:
    """Largest R² of n kernels of white noise: what ``THRESHOLDS`` holds, of the seed that is the kernel's side."""
    most = 0.0
    for _ in range(0, n, 1000):
        columns, _, _ = _columns(rng.standard_normal((min(n, 1000), size, size)))
        found = search(gabors(size), columns, STARTS)
        best = np.argsort(found.rest)[:10]
        few = Found(found.u[:, best], found.rest[best], found.parameters[:, best])
        most = max(most, float(1 - _polished(few, columns[:, best], gabors(size)).rest.min()))
    return most


def least_found(size: int, noise: float) -> float:
    """At least so many of Gabor filters, of which noise is this part of the energy, reach the threshold.

    The best fit explains no less than the plane in which the true filter and its quadrature lie. With p pixels and
    noise N(0, τ²) in each, τ² = ν/(1 − ν) ‖g‖²/p, the part that this plane explains has a noncentral F law:

        P = P(F'(2, p − 2; p(1 − ν)/ν) ≥ (p − 2)/2 · T/(1 − T)),   T the threshold

    Raises
    ------
    BadInput
        If ``noise`` is not in (0, 1).

    Examples
    --------
    >>> round(least_found(7, 0.1), 6), round(least_found(7, 0.5), 3)
    (1.0, 0.335)
    """
    from scipy.stats import ncf

    if not 0 < checks.finite("noise", noise) < 1:
        raise checks.refuse("noise", noise, "greater than 0 and less than 1")
    p, least = checks.integer("size", size, least=LEAST) ** 2, threshold(size)
    return float(ncf.sf((p - 2) / 2 * least / (1 - least), 2, p - 2, p * (1 - noise) / noise))


def _columns(kernels: Any) -> tuple[Any, int, Any]:
    """The kernels as columns of norm 1, their side, and the norms."""
    k = checks.array("kernels", kernels, np, ndim=tuple(range(2, 9))).astype(np.float64)
    high, wide = k.shape[-2:]
    if high != wide or high < LEAST:
        raise checks.refuse("kernels", f"of {high}x{wide} pixels", f"square, and {LEAST}x{LEAST} or larger")
    if k.size == 0:
        raise checks.refuse("kernels", f"an array of shape {k.shape}", "one or more")
    flat = constant(k)
    if flat.any():
        first = int(np.flatnonzero(flat)[0])
        raise checks.refuse("kernels", f"constant in {int(flat.sum())} of {flat.size}, first {first}", "of some shape")
    columns = k.reshape(-1, high * high).T
    largest = np.max(np.abs(columns), axis=0)
    lengths = np.linalg.norm(columns / largest, axis=0)
    return columns / largest / lengths, high, largest * lengths


def _canonical(parameters: Any) -> Any:
    """0 ≤ θ < π: at θ + π the filter is that of −ψ at θ."""
    theta, psi = parameters[0], parameters[4]
    odd = np.mod(np.floor(theta / np.pi), 2) == 1
    turned = np.array(parameters)
    turned[0] = np.mod(theta, np.pi)
    turned[4] = np.where(odd, -psi, psi)
    return turned


def _polished(found: Any, columns: Any, family: Family) -> Any:
    """Each kernel's fit again by SciPy, in all parameters together; the better of both."""
    for n in range(columns.shape[1]):
        u, rest, parameters = _least_squares(found.u[:, n], found.parameters[4:, n], columns[:, n], family)
        if rest < found.rest[n]:
            found.u[:, n], found.rest[n], found.parameters[:, n] = u, rest, parameters
    return found


def _least_squares(u: Any, linear: Any, kernel: Any, family: Family) -> tuple[Any, float, Any]:
    from scipy.optimize import least_squares

    free = np.full(2, np.inf)

    def parameters(x: Any) -> Any:
        return np.concatenate([family.parameters(x[:-2, None])[:4, 0], x[-2:]])[:, None]

    @functools.lru_cache(maxsize=1)
    def parts(x: tuple[float, ...]) -> tuple[Any, Parts]:
        q = parameters(np.array(x))
        return q, Parts(q, family.size)

    def residuals(x: Any) -> Any:
        return parts(tuple(x))[1].g()[:, 0] - kernel

    def slopes(x: Any) -> Any:
        # SciPy asks for them where it last asked for the residuals, mostly.
        q, there = parts(tuple(x))
        by = there.slopes()
        return np.hstack([family.chained(np.stack(by[:4]), q)[..., 0].T, np.hstack(by[4:])])

    lower, upper = np.concatenate([family.lower, -free]), np.concatenate([family.upper, free])
    start = np.clip(np.concatenate([u, linear]), lower, upper)
    done = least_squares(residuals, start, slopes, (lower, upper), method="trf", max_nfev=_EVALUATIONS, **_TOLERANCES)
    return done.x[:-2], 2 * float(done.cost), parameters(done.x)[:, 0]
