"""Moments that a reflection leaves alone, by the orbits of the pixels: a product with C falls into two or four.

The autocovariance of stationary images is even, r(−d) = r(d), so C does not change when the window is turned by half a
turn, and Ce is that of the even and of the odd part of e; where the spectrum is also even in each frequency, of four.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float


class Orbits:
    """K = ΦᵀCΦ, Φ the orbits' sums of pixels, of sign + or −, in the order of ``kernels.gabor_orbits``.

    With e = Φa, Ce is known by u = ΦᵀCe = Ka: eᵀCe = aᵀu, and Σ (Ce)·∂g/∂q = uᵀ∂a/∂q. K has a block for each kind of
    orbit that C keeps apart.

    Parameters
    ----------
    gram
        C, which ``serves`` has been found true of.
    size
        Side of the window.
    """

    def __init__(self, gram: Float[np.ndarray, "p p"], size: int) -> None:
        basis = _basis(size)
        k = basis.T @ gram @ basis
        up, off = (size + 1) // 2, size // 2
        kinds = [up * up, off * off, off * up, up * off]
        if not np.array_equal(gram, _mirrored(gram, size)):
            kinds = [kinds[0] + kinds[1], kinds[2] + kinds[3]]
        ends = np.cumsum(kinds)
        self.blocks = [
            (int(end - n), np.ascontiguousarray(k[end - n : end, end - n : end]))
            for n, end in zip(kinds, ends, strict=True)
            if n
        ]
        """Where each begins, and the block."""

    def apply(self, a: Float[np.ndarray, "p starts"], out: Any = None) -> Float[np.ndarray, "p starts"]:
        """Ka."""
        u = np.empty_like(a) if out is None else out
        for first, block in self.blocks:
            np.matmul(block, a[first : first + len(block)], out=u[first : first + len(block)])
        return u


def serves(gram: Any, size: int) -> bool:
    """Whether C is the same after half a turn of the window, bit by bit."""
    return isinstance(gram, np.ndarray) and size > 1 and np.array_equal(gram, gram[::-1, ::-1])


def _mirrored(gram: Any, size: int) -> Any:
    """C of windows whose columns are exchanged."""
    return gram.reshape(size, size, size, size)[:, ::-1, :, ::-1].reshape(size**2, size**2)


def _basis(size: int) -> Float[np.ndarray, "p p"]:
    """Φ: a column for each orbit and kind."""
    up, off = (size + 1) // 2, size // 2
    columns = []
    for even_x, even_y in ((True, True), (False, False), (False, True), (True, False)):
        for i in range(up if even_x else off):
            for j in range(up if even_y else off):
                square = np.zeros((size, size))
                x, y = (off + i if even_x else up + i), (off + j if even_y else up + j)
                for here_x, sign_x in ((x, 1.0), (size - 1 - x, 1.0 if even_x else -1.0)):
                    for here_y, sign_y in ((y, 1.0), (size - 1 - y, 1.0 if even_y else -1.0)):
                        square[here_x, here_y] = sign_x * sign_y
                columns.append(square.ravel())
    return np.stack(columns, axis=1)
