"""Gabor filters and their gradients by the compiled loops, where these serve and are worth loading."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from theory.kernels.constants import LARGEST, SUMS
from theory.objectives.gabor.orbits import Orbits

LEAST = 32_768
"""Pixels of all starts together, from which on numba is worth loading."""


TOGETHER = 128
"""Starts whose filters are held at once: with those of 15×15, half a megabyte. Whole vectors of any processor."""


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


class _Room:
    """Memory for some starts: taken once, as the system is slow to give it."""

    def __init__(self, size: int, starts: int) -> None:
        self.work = np.empty(starts * (8 * ((size + 1) // 2) + 2))
        self.a, self.u = np.empty((2, size**2, starts))


class ByOrbits:
    """Gradients by the orbits of the pixels, on moments that fall into parts: see :class:`Orbits`."""

    def __init__(self, orbits: Orbits, true: Float[np.ndarray, " 6"], size: int) -> None:
        self.orbits, self.size = orbits, size
        self.places = np.arange(size) - (size - 1) / 2
        # The true filter as the loops make it among others, so that nothing is left of a − a* at the truth.
        q, lanes = _whole(np.repeat(true[:, None], 8, axis=1))
        self.star = self._filled(_Room(size, q.shape[1]), q, lanes, np.zeros(size**2)).a[:, 0].copy()
        self.seen = orbits.apply(self.star[:, None])[:, 0]

    def gradient(self, q: Float[np.ndarray, "6 starts"], kind: str) -> Float[np.ndarray, "6 starts"]:
        """∂/∂(θ, λ, σ, γ, ψ, A) of the loss of this kind, of so many starts at a time as stay in the cache."""
        from theory.kernels import gabor_orbits

        whole, lanes = _whole(q)
        starts = whole.shape[1]
        room, out = _Room(self.size, min(TOGETHER, starts)), np.empty((12, starts))
        for first in range(0, starts, TOGETHER):
            part = np.ascontiguousarray(whole[:, first : first + TOGETHER])
            if part.shape[1] < room.a.shape[1]:
                room = _Room(self.size, part.shape[1])
            self._filled(room, part, lanes, self.star if kind != "correlation" else np.zeros_like(self.star))
            self._weighed(room, kind)
            few = np.empty((12, part.shape[1]))
            gabor_orbits.sums(room.work, self.size, self.places, room.u.ravel(), lanes, part.shape[1], few.reshape(-1))
            out[:, first : first + TOGETHER] = few
        return _chained(q, self._turned(q[4], out[:, : q.shape[1]] / 2))

    def _filled(self, room: _Room, q: Any, lanes: Any, true: Any) -> _Room:
        """The tables of these starts, and a − ``true``."""
        from theory.kernels import gabor_orbits

        gabor_orbits.tables(q, self.size, lanes, room.work)
        gabor_orbits.parts(room.work, self.size, true, lanes, q.shape[1], room.a.reshape(-1))
        return room

    def _weighed(self, room: _Room, kind: str) -> None:
        """u, the gradient in a, up to what is left of the pixels: ΦᵀC(g − g*), as ``GaborLoss`` weighs it."""
        a, u = room.a, self.orbits.apply(room.a, room.u)
        if kind == "correlation":
            across, own, true = self.seen @ a, np.einsum("ij,ij->j", a, u), float(self.star @ self.seen)
            u *= across / own
            u -= self.seen[:, None]
            u /= np.sqrt(own * true)
        elif kind == "rmse":
            root = np.sqrt(np.maximum(np.einsum("ij,ij->j", a, u), 0.0))
            u /= np.where(root > 0, root, np.inf)
        else:
            u *= 2

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
