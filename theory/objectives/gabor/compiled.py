"""Gabor filters and their gradients by the compiled loops, where these serve and are worth loading."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from theory.kernels.constants import LARGEST, SUMS
from theory.objectives.gabor.orbits import Orbits

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


class ByOrbits:
    """Gradients by the orbits of the pixels, on moments that fall into parts: see :class:`Orbits`."""

    def __init__(self, orbits: Orbits, true: Float[np.ndarray, " 6"], size: int) -> None:
        self.orbits, self.size = orbits, size
        self.places = np.arange(size) - (size - 1) / 2
        # The true filter as one of many starts, so that nothing is left of a − a* at the truth.
        self.star = self._parts(*self._tables(np.repeat(true[:, None], 8, axis=1)), np.zeros(size**2))[:, 0].copy()

    def gradient(self, q: Float[np.ndarray, "6 starts"], kind: str) -> Float[np.ndarray, "6 starts"]:
        """∂/∂(θ, λ, σ, γ, ψ, A) of the loss of this kind."""
        from theory.kernels import gabor_orbits

        lanes, work, starts = self._tables(q)
        a = self._parts(lanes, work, starts, self.star if kind != "correlation" else np.zeros_like(self.star))
        outer = self._outer(a, kind)
        out = np.empty((12, starts))
        gabor_orbits.sums(work, self.size, self.places, outer.ravel(), lanes, starts, out.ravel())
        return _chained(q, self._turned(q[4], out[:, : q.shape[1]] / 2))

    def _tables(self, q: Any) -> tuple[Any, Any, int]:
        from theory.kernels import gabor_orbits

        whole, lanes = _whole(q)
        work = np.empty(whole.shape[1] * (8 * ((self.size + 1) // 2) + 2))
        gabor_orbits.tables(whole, self.size, lanes, work)
        return lanes, work, whole.shape[1]

    def _parts(self, lanes: Any, work: Any, starts: int, true: Any) -> Any:
        from theory.kernels import gabor_orbits

        a = np.empty((self.size**2, starts))
        gabor_orbits.parts(work, self.size, true, lanes, starts, a.ravel())
        return a

    def _outer(self, a: Any, kind: str) -> Any:
        """The gradient in a, up to what is left of the pixels: ΦᵀC(g − g*), as ``GaborLoss`` weighs it."""
        u = self.orbits.apply(a)
        if kind == "correlation":
            seen = self.orbits.apply(self.star[:, None])
            across, own, true = seen[:, 0] @ a, np.einsum("ij,ij->j", a, u), float(self.star @ seen[:, 0])
            u *= across / own
            u -= seen
            u /= np.sqrt(own * true)
        elif kind == "rmse":
            root = np.sqrt(np.maximum(np.einsum("ij,ij->j", a, u), 0.0))
            u /= np.where(root > 0, root, np.inf)
        else:
            u *= 2
        return u

    @staticmethod
    def _turned(psi: Any, sums: Any) -> Any:
        """Σ eg {1, x², xy, y²}, Σ es {1, x, y}, of g = cos ψ c − sin ψ n and s = sin ψ c + cos ψ n."""
        c, s = np.cos(psi), np.sin(psi)
        of_g = c * sums[:4] - s * sums[4:8]
        of_s = [s * sums[0] + c * sums[4], c * sums[8] + s * sums[10], c * sums[9] + s * sums[11]]
        return [*of_g, *of_s, None]


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
