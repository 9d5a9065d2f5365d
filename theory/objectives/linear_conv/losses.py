"""Exponential and logistic losses of linear predictors, by their logarithm: the loss itself underflows.

With margins m_n = y_n ⟨β, x_n⟩ and weights α_n = −∂ log loss/∂m_n,

    ∇_β log loss = −Σ α_n y_n x_n,   ∂α/∂m = α αᵀ − diag(c)

Arrays carry the runs first. Source: Gunasekar et al. (2018), Section 2; the logarithms are our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace
from theory.checks import refuse


@dataclass(frozen=True, eq=False)
class _MarginLoss:
    """Data ``x`` (samples, n) with labels ``y`` of ±1."""

    x: Float[Any, "samples n"]
    y: Float[Any, " samples"]

    def __post_init__(self) -> None:
        try:
            xp = array_namespace(self.x)
        except TypeError:
            raise refuse("x", type(self.x).__name__, "an array of real numbers") from None
        x, y = checks.array("x", self.x, xp, ndim=(2,)), checks.array("y", self.y, xp, ndim=(1,))
        if x.shape[0] != y.shape[0] or 0 in x.shape:
            raise refuse(
                "y", f"{y.shape[0]} labels", f"as many as there are samples in x, {x.shape[0]}, and at least 1"
            )
        if not bool(xp.all(abs(y) == 1)):
            raise refuse("y", "labels other than 1 and -1", "1 or -1 for each sample")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)

    @cached_property
    def signed(self) -> Float[Any, "samples n"]:
        """The rows y_n x_n."""
        return self.x * self.y[:, None]

    @cached_property
    def largest_square(self) -> float:
        """max_n ‖x_n‖²."""
        xp = array_namespace(self.x)
        return float(xp.max(xp.sum(self.x**2, axis=1)))

    def margins(self, beta: Float[Any, "runs n"]) -> Float[Any, "runs samples"]:
        """m_n = y_n ⟨β, x_n⟩."""
        return beta @ array_namespace(self.x).matrix_transpose(self.signed)

    def gradient(self, beta: Float[Any, "runs n"]) -> Float[Any, "runs n"]:
        """∇_β log loss = −Σ α_n y_n x_n, which is the gradient of the loss over the loss."""
        return -(self.weights(self.margins(beta)) @ self.signed)

    def weights(self, margins: Float[Any, "runs samples"]) -> Float[Any, "runs samples"]:
        """α_n."""
        raise NotImplementedError


class ExponentialLoss(_MarginLoss):
    """Σ_n exp(−m_n).

    Examples
    --------
    >>> import numpy as np
    >>> loss = ExponentialLoss(np.array([[1.0, 0], [0, 2]]), np.array([1.0, -1]))
    >>> margins = loss.margins(np.array([[1e8, -5e7]]))
    >>> loss.log_value(margins).round(1), loss.weights(margins)
    (array([-99999999.3]), array([[0.5, 0.5]]))
    """

    def log_value(self, margins: Float[Any, "runs samples"]) -> Float[Any, " runs"]:
        """log Σ_n exp(−m_n)."""
        return _log_sum_exp(-margins)

    def weights(self, margins: Float[Any, "runs samples"]) -> Float[Any, "runs samples"]:
        """α_n = exp(−m_n)/Σ_k exp(−m_k), which add up to 1."""
        return array_namespace(margins).exp(-margins - self.log_value(margins)[:, None])

    def curvature(self, margins: Float[Any, "runs samples"]) -> Float[Any, "runs samples"]:
        """c_n = α_n."""
        return self.weights(margins)


class LogisticLoss(_MarginLoss):
    """Σ_n log(1 + exp(−m_n)).

    Examples
    --------
    >>> import numpy as np
    >>> loss = LogisticLoss(np.array([[1.0, 0], [0, 2]]), np.array([1.0, -1]))
    >>> loss.log_value(np.array([[0.0, 0], [1e8, 2e8]])).round(3)
    array([ 3.27e-01, -1.00e+08])
    """

    def log_value(self, margins: Float[Any, "runs samples"]) -> Float[Any, " runs"]:
        """log Σ_n log(1 + exp(−m_n))."""
        return _log_sum_exp(_log_softplus(-margins))

    def weights(self, margins: Float[Any, "runs samples"]) -> Float[Any, "runs samples"]:
        """α_n = σ(−m_n)/loss; they add up to nearly 1 once the loss is small."""
        return array_namespace(margins).exp(-_softplus(margins) - self.log_value(margins)[:, None])

    def curvature(self, margins: Float[Any, "runs samples"]) -> Float[Any, "runs samples"]:
        """c_n = α_n (1 − σ(−m_n))."""
        return self.weights(margins) * array_namespace(margins).exp(-_softplus(-margins))


def _log_sum_exp(z: Float[Any, "runs samples"]) -> Float[Any, " runs"]:
    xp = array_namespace(z)
    largest = xp.max(z, axis=1)
    return largest + xp.log(xp.sum(xp.exp(z - largest[:, None]), axis=1))


def _softplus(z: Any) -> Any:
    """log(1 + e^z)."""
    xp = array_namespace(z)
    return (z + abs(z)) / 2 + xp.log1p(xp.exp(-abs(z)))


ROUNDED = math.log(2**-53)
"""Below it log(1 + e^z) is e^z to rounding."""


def _log_softplus(z: Any) -> Any:
    xp = array_namespace(z)
    above = xp.where(z > ROUNDED, z, xp.full_like(z, ROUNDED))
    return xp.where(z > ROUNDED, xp.log(_softplus(above)), z)
