"""The predictor of least R_K among those with all margins at least 1: what descent should find, for one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import to_numpy
from theory.objectives.linear_conv.margins import separate
from theory.objectives.linear_conv.regularisers import (
    Certified,
    as_matrix,
    closed_form,
    convex,
    gram_rows,
    hankel,
    multiplicities,
    realised,
    sdp,
    solve,
)

FACE = 1e-3
"""Singular values of Q this near to the largest count as it: the face of all minimisers, or one that contains it."""

SPANNED = 1e-9
"""Part of the largest singular value below which a direction is none: rounding."""


@dataclass(frozen=True)
class LeastRegulariser:
    """The predictor w (D,), scaled to least margin 1, and bounds on the least R_K: its own, and that of the dual.

    ``unique`` is the least singular value, relative to the largest, of what takes the predictors of the dual's face to
    their margins at the samples with α_n > 0: above 0 there is no other minimiser.
    """

    predictor: Float[np.ndarray, " d"]
    bounds: Certified
    unique: float = 0.0


def regulariser(predictor: Float[Any, " d"], kernel_size: int) -> float:
    """R_K: in closed form where there is one, else by the semidefinite program.

    Raises
    ------
    NoSolution, BadInput
        As for ``sdp``.
    """
    w, k = as_matrix(predictor, kernel_size)
    return (closed_form if k in (1, len(w)) else sdp)(w, k)


def least_regulariser(signed: Float[Any, "samples d"], kernel_size: int) -> LeastRegulariser:
    """min R_K(w) over w with ⟨w, z_n⟩ ≥ 1 for every row z_n = y_n x_n of ``signed``, a convex program.

    Its dual is max Σ α_n over α ≥ 0 with ‖Q(½ Σ α_n z_n)‖_op ≤ 1; the multipliers found, scaled to that, give the lower
    bound.

    Raises
    ------
    NoSolution
        As for ``sdp``.
    NotSeparable
        If no w has margins above 0, with the certificate of ``separate``.
    BadInput
        If ``signed`` is not a finite matrix with a row, or K is not between 1 and D.

    Examples
    --------
    One sample: of all w with ⟨w, z⟩ = 1, K = 1 takes z/‖z‖².

    >>> import numpy as np
    >>> found = least_regulariser(np.array([[3.0, 4.0, 0.0, 0.0]]), 1)
    >>> found.predictor.round(5).tolist(), round(found.bounds.upper, 5)
    ([0.12, 0.16, 0.0, 0.0], 0.8)
    """
    z = checks.array("signed", to_numpy(signed), np, ndim=(2,)).astype(np.float64)
    k = checks.integer("kernel_size", kernel_size, least=1)
    d = z.shape[1]
    if k > d:
        raise checks.refuse("kernel_size", k, f"at most the {d} numbers of a sample")
    if not z.size:
        raise checks.refuse("signed", f"an array of shape {z.shape}", "at least one sample of at least one number")
    separate(z, np.ones(len(z)))
    size = np.linalg.norm(z, axis=1).max()
    w, alpha = _solve(z / size, k)
    w = w / (z @ w).min()
    alpha = np.maximum(alpha, 0)
    q = (alpha @ z)[:, None]
    lower = 2 * alpha.sum() / np.linalg.norm(hankel(q, k), 2)
    unique = alone(q, z[alpha > 1e-6 * alpha.max()], k)
    return LeastRegulariser(w, Certified(float(lower), regulariser(w, k)), unique)


def alone(q: Float[np.ndarray, "d 1"], tight: Float[np.ndarray, "n d"], kernel_size: int) -> float:
    """How far the minimiser is from having another beside it; 0 where another may be.

    Every M of least norm is P S P'ᵀ, with the singular vectors of Q(q) at ‖Q(q)‖_op and S ⪰ 0, and its w has margin 1
    at every sample whose multiplier is not 0 (complementary slackness). So two minimisers differ by a w of some
    symmetric S with ⟨w, z_n⟩ = 0 at all of these. Measured is the least singular value of w ↦ (⟨w, z_n⟩)_n on all such
    w, over the largest.
    """
    left, sizes, right = np.linalg.svd(hankel(q, kernel_size), full_matrices=False)
    top = int(np.sum(sizes >= sizes[0] * (1 - FACE)))
    pairs = [(i, j) for i in range(top) for j in range(i + 1)]
    m = [np.outer(left[:, i], right[j]) + np.outer(left[:, j], right[i]) for i, j in pairs]
    values, basis = np.linalg.svd(np.stack([realised(one, kernel_size)[:, 0] for one in m]), full_matrices=False)[1:]
    basis = basis[values > SPANNED * values[0]]
    if len(basis) > len(tight):
        return 0.0
    margins = np.linalg.svd(basis @ tight.T, compute_uv=False)
    return float(margins[-1] / margins[0])


def _solve(z: Any, k: int) -> tuple[Any, Any]:
    """w and the multipliers of its margins."""
    cp = convex()
    d = z.shape[1]
    w, count = cp.Variable(d), multiplicities(d)
    f = np.fft.fft(np.eye(d), axis=0, norm="ortho")[: len(count)]
    spectrum = cp.vstack([f.real @ w, f.imag @ w])
    margins, extra = z @ w >= 1, []
    if k == 1:
        goal = 2 * np.sqrt(d) * cp.norm(w)
    elif k == d:
        goal = 2 * count @ cp.norm(spectrum, axis=0)
    else:
        gram, each = cp.Variable((k, k), PSD=True), cp.Variable(len(count))
        power = gram_rows(d, k) @ cp.vec(gram, order="C")
        extra = [cp.quad_over_lin(spectrum[:, m], power[m]) <= each[m] for m in range(len(count))]
        goal = cp.trace(gram) + count @ each
    solve(cp.Problem(cp.Minimize(goal), [margins, *extra]), "least regulariser")
    return w.value, margins.dual_value


def effective_frequencies(predictor: Float[Any, "*runs d"]) -> Float[np.ndarray, "*runs"]:
    """(Σ|ŵ|)²/Σ|ŵ|²: how many frequencies a predictor of one input channel uses, from 1 to D.

    Raises
    ------
    BadInput
        If a predictor is not finite, or zero.

    >>> import numpy as np
    >>> effective_frequencies(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0], [1.0, 0.0, -1.0, 0.0]])).round(6)
    array([1., 4., 2.])
    """
    w = to_numpy(predictor)
    w = checks.array("predictor", w, np, ndim=(max(np.ndim(w), 1),))
    if not np.all(np.any(w, axis=-1)):
        raise checks.refuse("predictor", "zero", "different from zero")
    w_hat = np.abs(np.fft.fft(w, axis=-1, norm="ortho"))
    return np.sum(w_hat, axis=-1) ** 2 / np.sum(w_hat**2, axis=-1)
