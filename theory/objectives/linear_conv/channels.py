"""How many channels a predictor takes: to be realised at all, and to be realised at the least norm."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.objectives.linear_conv.network import Weights
from theory.objectives.linear_conv.regularisers import as_matrix, hankel, realised
from theory.objectives.linear_conv.weight_norm import least_norm

SMALL = 1e-6
"""Part of the largest singular value below which one counts as 0: far above the rounding, and above what is left of
the descent that M and q come from."""

SURE = 1e-6
"""Largest duality gap, relative, with which M and q count as optimal."""


def one_channel_filters(predictor: Float[Any, "d r"], kernel_size: int) -> Float[np.ndarray, "filters k r"]:
    """Orthonormal filters U that span those with which one channel can realise W; without any, none can.

    Ŵ_m = v̂_m Û_m asks that Ŵ_m[r] Û_m[s] = Ŵ_m[s] Û_m[r] for all r, s: linear in U. For almost every W, KR unknowns
    and D(R−1) independent equations leave max(0, KR − D(R−1)).

    Raises
    ------
    BadInput
        As for ``as_matrix``.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.random.default_rng(0).standard_normal((6, 3))
    >>> [len(one_channel_filters(w, kernel)) for kernel in (2, 4, 5, 6)]
    [0, 0, 3, 6]
    """
    w, k = as_matrix(predictor, kernel_size)
    d, inputs = w.shape
    w_hat, f = np.fft.fft(w, axis=0, norm="ortho"), np.fft.fft(np.eye(d)[:, :k], axis=0, norm="ortho")
    rows = [np.zeros((1, k * inputs))]
    for r in range(inputs):
        for s in range(r):
            block = np.zeros((d, k, inputs), dtype=complex)
            block[:, :, s], block[:, :, r] = w_hat[:, r, None] * f, -w_hat[:, s, None] * f
            rows += [block.reshape(d, -1).real, block.reshape(d, -1).imag]
    values, vectors = np.linalg.svd(np.concatenate(rows))[1:]
    rank = int(np.sum(values > SMALL * values[0]))
    return vectors[rank:].reshape(-1, k, inputs)


def one_channel_weights(predictor: Float[Any, "d r"], kernel: Float[Any, "k r"]) -> Weights:
    """The best weights of one channel with a multiple of this filter: V̂_m = ⟨Û_m, Ŵ_m⟩/‖Û_m‖², and ‖U‖ = ‖V‖.

    They realise W if the filter is one of those that can; where there is a single one, they are those of least norm.

    Examples
    --------
    >>> import numpy as np
    >>> from theory.objectives.linear_conv import MultiChannelNet
    >>> w = np.random.default_rng(0).standard_normal((5, 2))
    >>> only, = one_channel_filters(w, 3)
    >>> found = MultiChannelNet(5, 3, 1, 2).predictor(one_channel_weights(w, only))
    >>> bool(np.allclose(found[0], w.ravel()))
    True
    """
    w, k = as_matrix(predictor, len(kernel))
    u_hat, w_hat = (np.fft.fft(x, n=len(w), axis=0, norm="ortho") for x in (kernel, w))
    v_hat = np.sum(np.conj(u_hat) * w_hat, axis=1) / np.sum(np.abs(u_hat) ** 2, axis=1)
    v = np.fft.ifft(v_hat, norm="ortho").real
    balance = np.sqrt(np.linalg.norm(v) / np.linalg.norm(kernel))
    return (kernel * balance).reshape(1, k, 1, -1), (v / balance).reshape(1, -1, 1)


class Minimiser(NamedTuple):
    """The M of least 2‖M‖_* that realises W: its rank, and how far it is from having another beside it.

    Every minimiser is P S P'ᵀ, with P and P' the singular vectors of Q(q) where that is ‖Q(q)‖_op, and S symmetric.
    ``unique`` is the least singular value of S ↦ W, relative to the largest: above 0 there is one minimiser alone, and
    fewer channels than its ``rank`` have a larger R. ``value`` is R for as many channels as it takes. All that is
    proved only of an optimal pair: ``gap`` is that of M and q, and where it is not ``sure`` nothing is decided.
    """

    rank: int
    unique: float
    value: float
    gap: float

    @property
    def sure(self) -> bool:
        """Whether the duality gap is at most 1e-6, which NaN is not."""
        return self.gap <= SURE


def minimiser(predictor: Float[Any, "d r"], kernel_size: int, *, rng: Any, starts: int = 4) -> Minimiser:
    """The minimiser for as many channels as it takes, found directly; the gap to its dual bound says how sure it is.

    Raises
    ------
    BadInput
        As for ``least_norm``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = minimiser(rng.standard_normal((6, 3)), 3, rng=rng)
    >>> found.rank, found.unique > 1e-3, found.sure
    (2, True, True)
    """
    w, k = as_matrix(predictor, kernel_size)
    found = least_norm(w, k, min(k * w.shape[1], len(w)), rng=rng, starts=starts)
    best = int(np.argmin(found.values))
    u, v = (weight[best] for weight in found.weights)
    values = np.linalg.svd(np.einsum("dc,kcr->dkr", v, u).reshape(len(w), -1), compute_uv=False)
    left, sizes, right = np.linalg.svd(hankel(found.multiplier, k), full_matrices=False)
    top = int(np.sum(sizes > sizes[0] * (1 - SMALL)))
    rank = int(np.sum(values > SMALL * values[0]))
    return Minimiser(rank, _injective(left[:, :top], right[:top], k), found.bounds.upper, found.bounds.gap)


def _injective(left: Any, right: Any, kernel_size: int) -> float:
    """Least over largest singular value of S ↦ the W of P S P'ᵀ, for symmetric S."""
    top = left.shape[1]
    images = []
    for i in range(top):
        for j in range(i + 1):
            unit = np.zeros((top, top))
            unit[i, j] = unit[j, i] = 1.0 if i == j else np.sqrt(0.5)
            images.append(realised(left @ unit @ right, kernel_size).ravel())
    if len(images) > images[0].size:
        return 0.0
    values = np.linalg.svd(np.stack(images), compute_uv=False)
    return float(values[-1] / values[0])
