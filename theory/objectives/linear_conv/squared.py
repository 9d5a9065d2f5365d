"""The squared loss of a linear predictor, for any covariance of the data."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, shared_namespace
from theory.checks import refuse


class SquaredLoss:
    """ℓ(β) = ½ (β − t)ᵀ Σ (β − t) + c of predictors (runs, n): what ½ E(β·x − y)² is, with Σ = E xxᵀ and Σ t = E y x.

    Parameters
    ----------
    covariance
        Σ, (n, n), symmetric and positive semidefinite.
    target
        t, (n,).
    least
        c ≥ 0, what noise leaves.

    Raises
    ------
    BadInput
        If Σ is not symmetric and positive semidefinite, shapes do not fit, or c < 0.

    Examples
    --------
    >>> import numpy as np
    >>> loss = SquaredLoss(np.diag([1.0, 4.0]), np.zeros(2))
    >>> beta = np.array([[1.0, 1.0]])
    >>> loss.value(beta), loss.gradient(beta)
    (array([2.5]), array([[1., 4.]]))
    """

    def __init__(self, covariance: Float[Any, "n n"], target: Float[Any, " n"], least: float = 0.0) -> None:
        xp = shared_namespace("target", target, covariance)
        self.covariance = checks.array("covariance", covariance, xp, ndim=(2,))
        self.target = checks.array("target", target, xp, ndim=(1,))
        n = self.target.shape[0]
        if self.covariance.shape != (n, n):
            raise refuse("covariance", f"an array of shape {self.covariance.shape}", f"of shape ({n}, {n})")
        size, eps = float(xp.max(xp.abs(self.covariance))), float(xp.finfo(self.covariance.dtype).eps)
        # n roundings of sums of n terms.
        rounding = 4 * n * eps * size
        if float(xp.max(xp.abs(self.covariance - self.covariance.T))) > rounding:
            raise refuse("covariance", "not symmetric", "symmetric")
        if (smallest := float(xp.min(xp.linalg.eigvalsh(self.covariance)))) < -n * rounding:
            raise refuse("covariance", f"a matrix with the eigenvalue {smallest:.3g}", "positive semidefinite")
        self.least = checks.finite("least", least)
        if self.least < 0:
            raise refuse("least", self.least, "at least 0")

    @classmethod
    def of(cls, x: Float[Any, "samples n"], y: Float[Any, " samples"]) -> SquaredLoss:
        """The mean ½(β·x − y)² over samples; of the targets that fit them equally well, the shortest.

        Examples
        --------
        >>> import numpy as np
        >>> SquaredLoss.of(np.eye(2), np.array([1.0, 2.0])).target
        array([1., 2.])
        """
        xp = shared_namespace("y", y, x)
        x, y = checks.array("x", x, xp, ndim=(2,)), checks.array("y", y, xp, ndim=(1,))
        if x.shape[0] != y.shape[0] or not x.shape[0]:
            raise refuse("y", f"{y.shape[0]} values", f"one for each of the samples of x, {x.shape[0]}, at least one")
        target = xp.linalg.pinv(x) @ y
        return cls(x.T @ x / x.shape[0], target, float(xp.mean((x @ target - y) ** 2)) / 2)

    def value(self, beta: Float[Any, "runs n"]) -> Float[Any, " runs"]:
        """ℓ(β)."""
        xp = array_namespace(beta)
        off = beta - self.target
        return xp.sum(off * (off @ self.covariance), axis=-1) / 2 + self.least

    def gradient(self, beta: Float[Any, "runs n"]) -> Float[Any, "runs n"]:
        """∇ℓ(β) = Σ(β − t)."""
        return (beta - self.target) @ self.covariance
