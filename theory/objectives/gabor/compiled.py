"""Gabor filters and their gradients by the compiled loops, where these serve and are worth loading."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from theory.kernels.constants import LARGEST, SUMS

LEAST = 32_768
"""Pixels of all starts together, from which on numba is worth loading."""


def serves(q: Any, size: int) -> bool:
    """Whether the loops serve: many starts, of NumPy, real and finite, and no factor of a filter overflows."""
    return isinstance(q, np.ndarray) and q.dtype == np.float64 and q.shape[1] * size**2 >= LEAST and exact(q, size)


def exact(q: Float[np.ndarray, "6 starts"], size: int) -> bool:
    """Whether all is finite, and no factor of a filter overflows."""
    sigma, gamma, amplitude = q[2], q[3], q[5]
    exponents = ((size - 1) / 2) ** 2 * (1 + gamma**2) / np.where(sigma == 0, np.nan, sigma) ** 2
    return bool(np.all(exponents <= LARGEST) and np.all(amplitude != 0) and np.all(q[1] != 0) and np.isfinite(q).all())


def filters(q: Float[np.ndarray, "6 starts"], size: int) -> Float[np.ndarray, "p starts"]:
    """g of every column."""
    from theory.kernels import gabor_sums

    whole, lanes = _whole(q)
    g = np.empty(size**2 * whole.shape[1])
    gabor_sums.filters(whole, size, lanes, g)
    return g.reshape(size**2, -1)[:, : q.shape[1]]


def pulled(
    q: Float[np.ndarray, "6 starts"],
    size: int,
    *,
    outer: Float[np.ndarray, "p starts"] | None = None,
    true: Float[np.ndarray, " p"] | None = None,
) -> tuple[Float[np.ndarray, "6 starts"], Float[np.ndarray, " starts"]]:
    """Σ e ∂g/∂q over the pixels, for all six parameters, and Σ e²; e is ``outer``, or else g less ``true``."""
    from theory.kernels import gabor_sums

    whole, lanes = _whole(q)
    out = np.empty((SUMS, whole.shape[1]))
    given = np.empty(0) if outer is None else _padded(outer, whole.shape[1]).ravel()
    # The loops know no strides, and no other type.
    wanted = np.empty(0) if true is None else np.ascontiguousarray(true, dtype=float)
    gabor_sums.sums(whole, size, np.arange(size) - (size - 1) / 2, given, wanted, lanes, out.ravel())
    sums = out[:, : q.shape[1]]
    return _chained(q, sums), sums[-1]


def _chained(q: Any, sums: Any) -> Any:
    """∂/∂(θ, λ, σ, γ, ψ, A) of the sums over x and y."""
    theta, wavelength, sigma, gamma, _, amplitude = q
    total, gxx, gxy, gyy, odd, sx, sy, _ = sums
    c, s, k = np.cos(theta), np.sin(theta), 2 * np.pi / wavelength
    # x' = cx + sy, y' = cy − sx
    along = c * c * gxx + 2 * c * s * gxy + s * s * gyy
    across = s * s * gxx - 2 * c * s * gxy + c * c * gyy
    both = c * s * (gyy - gxx) + (c * c - s * s) * gxy
    return np.stack(
        [
            -(1 - gamma**2) * both / sigma**2 - k * (c * sy - s * sx),
            k * (c * sx + s * sy) / wavelength,
            (along + gamma**2 * across) / sigma**3,
            -gamma * across / sigma**2,
            -odd,
            total / amplitude,
        ]
    )


def _whole(q: Any) -> tuple[Any, tuple[int, ...]]:
    """The starts, filled up to whole vectors with copies of the last one."""
    from theory.kernels.vector import lanes_for

    lanes = lanes_for(q.dtype, q.shape[1])
    return _padded(q, -(-q.shape[1] // len(lanes)) * len(lanes)), lanes


def _padded(rows: Any, width: int) -> Any:
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, width - rows.shape[1])), mode="edge"), dtype=float)
