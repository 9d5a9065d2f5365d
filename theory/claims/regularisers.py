"""What claims about induced regularisers share: the predictors, and the three ways to R."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.claims.claim import Finding

AGREE = 1e-6
"""Relative agreement asked of the SDP, its dual and direct minimisation: a hundred times the solver's own 1e-8."""


def predictor(kind: str, dim: int, inputs: int, *, rng: Any) -> Any:
    """W (D, R): normal entries; cosines of three frequencies; a decaying spectrum; or of rank 1.

    >>> predictor("normal", 8, 2, rng=np.random.default_rng(0)).shape
    (8, 2)
    """
    normal = rng.standard_normal((dim, inputs))
    if kind == "rank 1":
        return normal[:, :1] * normal[:1]
    half = np.arange(dim // 2 + 1)
    few = np.isin(half, (1, dim // 4, dim // 2))
    shape: dict[str, Any] = {"normal": half >= 0, "three frequencies": few, "decaying": (1.0 + half) ** -2}
    return np.fft.irfft(np.fft.rfft(normal, axis=0) * shape[kind][:, None], n=dim, axis=0)


def kernels(dim: int, count: int) -> list[int]:
    """As many kernel sizes from 1 to D as asked for, spaced logarithmically; all of them if that is as many.

    >>> kernels(64, 4), kernels(8, 8)
    ([1, 4, 16, 64], [1, 2, 3, 4, 5, 6, 7, 8])
    """
    if count >= dim:
        return list(range(1, dim + 1))
    return sorted({round(dim ** (i / (count - 1))) for i in range(count)})


def tight(predicted: float, measured: float, form: str, *, control: str = "", **details: Any) -> Finding:
    """Two of the three ways beside each other."""
    return Finding(predicted, measured, rounding=AGREE, form=form, control=control, details=details)
