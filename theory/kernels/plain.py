"""The twins of the compiled kernels in NumPy: the same arguments and results, slowly.

Those of :mod:`theory.kernels.sides` go image by image, those of :mod:`theory.kernels.filter_step` unit by unit, and
those of :mod:`theory.kernels.gabor_sums` take an exponential and a turn for every pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from theory.kernels.constants import BLOCK, DOWN, FLOOR, HUGE, TINY, UP


def activation(image: Any, first: int, entry: Any, w: Any) -> float:
    """w·z."""
    return float(image[first + entry] @ w)


def survey(images: Float[np.ndarray, "n d"], first: Int[np.ndarray, " k"], entry: Int[np.ndarray, " p"]) -> Any:
    """‖Zₙᵢ‖ in float32, rounded up, and the mean over i of |Zₙᵢ|, shape (n, p)."""
    z = images[:, first[:, None] + entry]
    square = np.sum(z**2, axis=2)
    norm = np.where(square > 0, np.maximum(np.sqrt(square) * UP, TINY), 0.0)
    return np.where(norm < HUGE, norm, np.inf).astype(np.float32), np.mean(np.abs(z), axis=1)


def move(
    images: Any,
    first: Any,
    entry: Any,
    norm: Any,
    w: Any,
    allowance: float,
    path: float,
    most: int,
    total: Any,
    limit: Any,
    least: Any,
    flips: Any,
) -> int:
    """Look at the patches whose limit the path has passed, and at no others; returns how many that were."""
    looked = 0
    for m, image in enumerate(images):
        fresh = flips[m] > most or least[m, 0] == 0
        if flips[m] > most:
            flips[m], total[m], limit[m] = 0, 0.0, 0.0
        due = np.flatnonzero(np.abs(limit[m]) <= path)
        z = image[first[due][:, None] + entry]
        size = norm[m, due].astype(np.float64)
        inked = size > 0
        a = z @ w
        side = (a >= 0) | ~inked
        margin = np.maximum(np.abs(a) / np.where(inked, size, 1.0) - allowance, 0.0)
        reach = np.maximum((np.minimum(path + margin, HUGE) * DOWN).astype(np.float32), np.float32(FLOOR))
        flipped = np.where(inked & (side != (limit[m, due] > 0)), np.where(side, 1.0, -1.0), 0.0)
        total[m] += flipped @ z
        flips[m] += 0 if fresh else np.count_nonzero(flipped)
        limit[m, due] = np.where(inked, np.where(side, reach, -reach), np.float32(np.inf))
        ends = [np.abs(limit[m, at : at + BLOCK]).min() for at in range(0, first.size, BLOCK)]
        least[m] = [min(ends), *ends]
        looked += due.size
    return looked


def several(
    z: Any,
    stride: int,
    first: Any,
    entry: Any,
    w: Any,
    labels: Any,
    weights: Any,
    bounds: Any,
    units: Any,
    block: int,
    lanes: Any,
    slope: Any,
    loss: Any,
) -> None:
    """Gradient and loss of the units of this range, a row each; without rows in ``slope`` only the loss."""
    width = loss.shape[1]
    columns = w.reshape(-1, width)[: entry.size]
    for u in range(*units):
        part = np.arange(bounds[u], bounds[u + 1])
        patches = z[part[:, None, None] * stride + first[:, None] + entry]
        activation = patches @ columns
        active = activation >= 0
        rest = np.mean(activation * active, axis=1) - labels[part, None]
        back = rest * weights[part, None]
        loss[u] += np.sum(rest * back, axis=0)
        if slope.shape[0]:
            each = active * back[:, None, :] / z.dtype.type(first.size)
            slope[u].reshape(-1, width)[: entry.size] += np.einsum("nkp,nkc->pc", patches, each)


single = several


def _responses(q: Any, size: int) -> tuple[Any, Any, Any]:
    """h of every pixel and start, as a complex number, and the places x and y."""
    theta, wavelength, sigma, gamma, psi, amplitude = q
    places = np.arange(size) - (size - 1) / 2
    x, y = np.repeat(places, size)[:, None], np.tile(places, size)[:, None]
    along, across = x * np.cos(theta) + y * np.sin(theta), y * np.cos(theta) - x * np.sin(theta)
    exponent = -(along**2 + (gamma * across) ** 2) / (2 * sigma**2)
    return amplitude * np.exp(exponent + 1j * (2 * np.pi / wavelength * along + psi)), x, y


def filters(q: Float[np.ndarray, "6 n"], size: int, lanes: Any, g: Float[np.ndarray, " pixels_times_n"]) -> None:
    """Every filter's pixels."""
    g[:] = _responses(q, size)[0].real.ravel()


def sums(q: Any, size: int, places: Any, outer: Any, true: Any, lanes: Any, out: Any) -> None:
    """Σ eg, Σ eg x², Σ eg xy, Σ eg y², Σ es, Σ es x, Σ es y, Σ e² of every start."""
    h, x, y = _responses(q, size)
    e = outer.reshape(h.shape) if outer.size else h.real - true[:, None]
    g, s = e * h.real, e * h.imag
    out[:] = np.stack(
        [np.sum(one, axis=0) for one in (g, g * x * x, g * x * y, g * y * y, s, s * x, s * y, e**2)]
    ).ravel()


def orbits(square: Float[np.ndarray, "p n"]) -> Float[np.ndarray, "p n"]:
    """ee, oo, oe and eo of what the pixels have: means over their images under reflection, of sign + or −."""
    size = round(len(square) ** 0.5)
    g = square.reshape(size, size, -1)
    rows, columns, both = g[::-1], g[:, ::-1], g[::-1, ::-1]
    up, off = slice(size // 2, None), slice((size + 1) // 2, None)
    parts = (
        (g + rows + columns + both)[up, up],
        (g - rows - columns + both)[off, off],
        (g - rows + columns - both)[off, up],
        (g + rows - columns - both)[up, off],
    )
    return np.concatenate([part.reshape(-1, g.shape[2]) for part in parts]) / 4


def orbit_parts(q: Any, size: int, true: Any, out: Any) -> None:
    """The orbits of every filter, less those of ``true``."""
    out[:] = (orbits(_responses(q, size)[0].real) - true[:, None]).ravel()


def orbit_sums(q: Any, size: int, outer: Any, out: Any) -> None:
    """Σ uc {1, x², xy, y²}, Σ vn {1, x², xy, y²}, Σ un {x, y}, Σ vc {x, y} of every start, twice each."""
    h, x, y = _responses(q, size)
    h = h * np.exp(-1j * q[4])
    c, n, e = h.real, h.imag, 2 * outer.reshape(h.shape)
    even = np.arange(len(e))[:, None] < ((size + 1) // 2) ** 2 + (size // 2) ** 2
    u, v = np.where(even, e, 0.0), np.where(even, 0.0, e)
    terms = [(u, c * one) for one in (1, x * x, x * y, y * y)] + [(v, n * one) for one in (1, x * x, x * y, y * y)]
    terms += [(u, n * x), (u, n * y), (v, c * x), (v, c * y)]
    out[:] = np.stack([np.sum(one * orbits(other), axis=0) for one, other in terms]).ravel()
