"""What gradient flow on the weights does to the function: v̇ = −K ∇ℓ(v), and what it leaves as it is.

K(w) = Σ_i J_i J_iᵀ,   δ_i = ‖w_i‖² − ‖w_{i+1}‖² conserved,   metric K⁺ where K depends on v and δ alone.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float

from theory.arrays import array_namespace
from theory.objectives.linear_conv.network import Weights
from theory.objectives.linear_conv.strided import StridedNet

FLAT = 1e-9
"""Eigenvalue of K, in units of the largest, that counts as zero."""


def kernel(network: StridedNet, weights: Weights) -> Float[Any, "runs n n"]:
    """K = Σ_i J_i J_iᵀ, the neural tangent kernel of the predictor.

    Examples
    --------
    >>> import numpy as np
    >>> kernel(StridedNet((2, 2), (1, 1)), (np.array([[2.0, 0.0]]), np.array([[0.5, 0.5]])))
    array([[[4.25, 0.25, 0.  ],
            [0.25, 4.5 , 0.25],
            [0.  , 0.25, 0.25]]])
    """
    xp = array_namespace(*weights)
    blocks = network.jacobian(weights)
    return sum(J @ xp.permute_dims(J, (0, 2, 1)) for J in blocks)


def conserved(weights: Weights) -> Float[Any, "runs layers"]:
    """δ_i = ‖w_i‖² − ‖w_{i+1}‖², i < L.

    Examples
    --------
    >>> import numpy as np
    >>> conserved((np.array([[2.0, 0.0]]), np.array([[0.5, 0.5]])))
    array([[3.5]])
    """
    norms = square_norms(weights)
    return norms[:, :-1] - norms[:, 1:]


def square_norms(weights: Weights) -> Float[Any, "runs layers"]:
    """‖w_i‖² of each layer."""
    xp = array_namespace(*weights)
    return xp.stack([xp.sum(w**2, axis=tuple(range(1, w.ndim))) for w in weights], axis=1)


def rank(K: Float[Any, "runs n n"]) -> Any:
    """Number of eigenvalues of K above ``FLAT`` times the largest."""
    xp = array_namespace(K)
    values = xp.linalg.eigvalsh(K)
    return xp.sum(xp.astype(values > FLAT * values[:, -1:], xp.int64), axis=1)


def metric(K: Float[Any, "runs n n"]) -> Float[Any, "runs n n"]:
    """K⁺, the metric on the functions of which v̇ = −K ∇ℓ(v) is the gradient flow."""
    xp = array_namespace(K)
    return xp.linalg.pinv(K, rtol=FLAT)


def spread(K: Float[Any, "points n n"]) -> float:
    """The largest distance between the K of two points, in units of the first's norm."""
    xp = array_namespace(K)
    flat = xp.reshape(K, (K.shape[0], -1))
    apart = xp.sqrt(xp.sum((flat[:, None, :] - flat[None, :, :]) ** 2, axis=2))
    return float(xp.max(apart)) / float(xp.sqrt(xp.sum(flat[0, :] ** 2)))
