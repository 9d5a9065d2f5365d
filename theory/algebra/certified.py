"""Real critical points of quadratic losses and their types, over many data sets, each certified complete."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.algebra.architecture import Architecture
from theory.algebra.homotopy import Chart, Losses, circle, follow, monodromy, newton
from theory.checks import integer

ATTEMPTS = 8
REACH = (0.3, 0.5, 0.8)
"""δ of the certificate: each gives a bound, and the least is taken."""

ROUNDINGS = 64
"""Roundings behind an entry of the gradient: products and sums over the layers, the covariance and the filter."""


@dataclass(frozen=True)
class Points:
    """What was found, one entry for each data set; ``known`` is the number of complex points of a generic loss.

    ``complete`` where as many certified distinct points were found as are known, each certified real or not, and each
    real one's type certain. ``signs`` is Σ (−1)^index over the real ones.
    """

    known: int
    complete: Any
    complex: Any
    real: Any
    minima: Any
    signs: Any


def random_losses(network: Architecture, count: int, *, rng: np.random.Generator) -> Losses:
    """Losses of ``count`` data sets: twice as many samples as the filter has entries, all Gaussian, targets too."""
    length = network.length
    x = rng.standard_normal((count, 2 * length, length))
    y = rng.standard_normal((count, 2 * length))
    transposed = np.swapaxes(x, 1, 2) / (2 * length)
    return Losses(transposed @ x, (transposed @ y[..., None])[..., 0])


def real_points(network: Architecture, losses: Losses, *, rng: np.random.Generator) -> Points:
    """All critical points v ≠ 0 of each loss on the network, found by following those of a random complex loss.

    Sets where some are missing are tried again in another chart, and from the same loss times another γ, ``ATTEMPTS``
    times in all; what was found before is kept.

    Raises
    ------
    BadInput
        If the network has no stride between its layers, or there is no data set.
    """
    count = integer("data sets", len(losses.q), least=1)
    chart = Chart(network, rng=rng)
    known, home = monodromy(chart, rng=rng)
    columns = [np.zeros(count, dtype=bool), *(np.zeros(count, dtype=int) for _ in range(4))]
    found = [[weight[:0] for weight in chart.weights(known)] for _ in range(count)]
    for attempt in range(ATTEMPTS):
        missing = np.flatnonzero(~columns[0])
        if not missing.size:
            break
        here = Chart(network, rng=rng) if attempt else chart
        which = np.repeat(missing, len(known))
        start = home[np.zeros(len(which), dtype=int)].times(circle(rng, count)[which])
        begin = here.coordinates(chart.weights(known))
        z, there = follow(here, np.tile(begin, (missing.size, 1)), start, losses[which], effort=attempt)
        for one in missing:
            more = here.weights(z[there & (which == one)])
            found[one] = [np.concatenate(pair) for pair in zip(found[one], more, strict=True)]
            result = _classified(here, here.coordinates(found[one]), losses[[one]], len(known))
            for column, value in zip(columns, result, strict=True):
                column[one] = value
    return Points(len(known), *columns)


def _classified(chart: Chart, z: Any, loss: Losses, known: int) -> tuple[bool, int, int, int, int]:
    """Complete or not, and the numbers of distinct, of real, of minimal points, and the sum of signs."""
    if not len(z):
        return False, 0, 0, 0, 0
    losses = loss[np.zeros(len(z), dtype=int)]
    for _ in range(3):
        z = z - newton(chart, z, losses)
    radius, alone = certificate(chart, z, losses)
    fine = np.flatnonzero(np.isfinite(radius))
    z, radius, alone = z[fine], radius[fine], alone[fine]
    kept = apart(z, radius[:, None] * chart.units(z))
    z, radius, alone, losses = z[kept], radius[kept], alone[kept], losses[kept]
    off = np.max(np.abs(z.imag) / chart.units(z), axis=1, initial=0)
    real, unreal = 2 * off + radius < alone, off > radius
    indices, sure = _indices(chart, z[real].real.astype(complex), losses[np.flatnonzero(real)], radius[real])
    complete = len(z) == known and bool(np.all(real | unreal)) and bool(np.all(sure))
    return complete, len(z), int(real.sum()), int((indices == 0).sum()), int(((-1) ** indices).sum())


def certificate(chart: Chart, z: Any, losses: Losses) -> tuple[Any, Any]:
    """Radii of the balls about each point in which there is a critical point, and there is no other (max norm).

    Newton and Kantorovich: with b ≥ |H⁻¹ g|, a = ‖H⁻¹‖ and K ≥ ‖H'‖ within a radius of r: if h = a b K ≤ ½ and 2b ≤ r,
    then there is exactly one in the ball of radius min(r, 1/(a K)), and it is within 2b. ∞ and 0 where h > ½.
    All in units of each point's: the largest coordinate of its filter.
    K: the gradient f with all coefficients made positive grows by f(ζ + δ) ≥ f''(ζ) δ²/2 for ζ = |z| + r. b has the
    rounding of the gradient added, ``ROUNDINGS`` · ε · f(|z|).
    """
    size, unit = np.abs(z), chart.units(z)
    r = 1e-2
    gradient, hessian = chart.both(z, losses)
    inverse = np.abs(np.linalg.inv(unit[:, :, None] * hessian * unit[:, None, :]))
    bounds, positive = losses.bounds(), chart.magnitude()
    rounding = ROUNDINGS * np.finfo(float).eps * positive.gradient(size, bounds)
    b = np.max((inverse @ (unit * (np.abs(gradient) + rounding))[..., None])[..., 0], axis=1)
    a = np.max(inverse.sum(axis=2), axis=1)
    k = _curving(chart, z, losses, r)
    proved = (a * b * k <= 0.5) & (2 * b <= r)
    return np.where(proved, 2 * b, math.inf), np.where(proved, np.minimum(r, 1 / (a * k)), 0.0)


def _curving(chart: Chart, z: Any, losses: Losses, r: float) -> Any:
    """K, in the units of each point."""
    unit, positive = chart.units(z), chart.magnitude()
    return np.min(
        [
            2 * np.max(unit * positive.gradient(np.abs(z) + (r + d) * unit, losses.bounds()), axis=1) / d**2
            for d in REACH
        ],
        axis=0,
    )


def apart(z: Any, reach: Any) -> list[int]:
    """Indices of points that are farther than their ``reach``, in some coordinate, from all those before."""
    kept: list[int] = []
    for i in range(len(z)):
        if np.all(np.any(np.abs(z[kept] - z[i]) > reach[kept] + reach[i], axis=1)):
            kept.append(i)
    return kept


def _indices(chart: Chart, z: Any, losses: Losses, radius: Any) -> tuple[Any, Any]:
    """How many eigenvalues of the Hessian are negative at real points, and whether none of them may be zero."""
    if not len(z):
        return np.zeros(0, dtype=int), np.zeros(0, dtype=bool)
    hessian = chart.both(z, losses)[1].real
    k, units = _curving(chart, z, losses, 1e-2), chart.units(z)
    values = np.linalg.eigvalsh(units[:, :, None] * hessian * units[:, None, :])
    # K bounds how far the Hessian changes over the radius; ‖·‖_2 ≤ m · largest entry.
    doubt = chart.dimension * k * (radius + ROUNDINGS * np.finfo(float).eps)
    return (values < 0).sum(axis=1), np.min(np.abs(values), axis=1) > doubt


def sum_of_signs(network: Architecture) -> int | None:
    """Σ (−1)^index over the real critical points of every loss with as many of them as are generic; None if it varies.

    By Poincaré and Hopf: with the best scale the loss is a function on X = Π RP^{k_i−1}, whose critical points are
    these and its maximum, on {uᵀΣp = 0}, of index 1 in one direction. So the sum is χ(X) + χ({uᵀΣp = 0}); in even
    dimension n = Σ (k_i − 1) the second is that of an odd-dimensional manifold, 0, and χ(X) is 1 if all k_i are odd,
    else 0.

    >>> sum_of_signs(Architecture((3, 3), (2,))), sum_of_signs(Architecture((2, 2), (2,)))
    (1, 0)
    """
    if (network.dimension - 1) % 2:
        return None
    return int(all(size % 2 for size in network.sizes))
