r"""The population loss of the convolutional ReLU filter on close patches in the plane: exact, for any teacher.

With U = (u_{++}, u_{+−}, u_{−+}), see :mod:`theory.distributions.close_moments`, and q = (w − w*, w, −w*), both in R⁶,
f(w, Z) − f(w*, Z) = U·q and the gradient of f is u_{++} + u_{+−}, so that with E = E[U Uᵀ], which depends on ∠(w, w*)
and on the side to which w leans alone,

    ℓ(w) = ½ qᵀ E q,   ∇ℓ(w) = (I I 0) E q

Near w* the entries of E vanish with their own powers of the angle, so that every term is of the order of the result: a
loss of 1e-18 is right to nearly all its digits.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks
from theory.arrays import shared_namespace, to_numpy
from theory.distributions import ClosePatches, close_table, tilt_of
from theory.objectives.relu_filter import _columns


class ClosePlaneLoss:
    """Population loss of ``ClosePatches`` in the plane; ``gradient`` and ``value`` take w of shape (2,) or (2, runs).

    Parameters
    ----------
    law
        Close patches with dim 2, around centres with an axis of symmetry.
    teacher
        w*, two numbers, not zero, in any direction.

    Raises
    ------
    BadInput
        If the law has no exact form, or the teacher is not a vector of the plane.

    Examples
    --------
    >>> import numpy as np
    >>> loss = ClosePlaneLoss(ClosePatches(dim=2, k=4, spread=np.inf, closeness=0.0), teacher=[1.0, 0.0])
    >>> round(float(loss.value(np.array([0.0, 1.0]))), 6), loss.gradient(np.array([1.0, 0.0])).tolist()
    (0.170423, [0.0, 0.0])
    """

    def __init__(self, law: ClosePatches, teacher: Any) -> None:
        xp = shared_namespace("teacher", teacher, teacher)
        self.teacher = xp.astype(checks.nonzero("teacher", teacher, xp), xp.float64)
        tilt = tilt_of(law, to_numpy(self.teacher))
        self._norm = float(xp.linalg.vector_norm(self.teacher))
        along = self.teacher / self._norm
        self._frame = xp.stack([along, xp.stack([-along[1], along[0]])])
        # Turned towards the other side, w sees the mirrored law, whose axis lies at the opposite angle.
        self._left, self._right = close_table(law, tilt).to(xp), close_table(law, -tilt).to(xp)
        self._symmetric = tilt == 0

    def gradient(self, w: Float[Any, "2 *runs"]) -> Float[Any, "2 *runs"]:
        """∇ℓ(w)."""
        batch, xp = _columns(w, self.teacher)
        product, _, side = self._product(batch)
        flat = product[:, :2] + product[:, 2:4]
        local = xp.stack([flat[:, 0], side * flat[:, 1]])
        return xp.reshape(xp.matrix_transpose(self._frame) @ local, w.shape)

    def value(self, w: Float[Any, "2 *runs"]) -> Float[Any, "*runs"]:
        """ℓ(w)."""
        batch, xp = _columns(w, self.teacher)
        product, q, _ = self._product(batch)
        result = xp.sum(product * q, axis=1) / 2
        # Where terms cancel to rounding the sum may fall below 0, which no loss does.
        return xp.reshape(xp.where(result < 0, 0.0, result), w.shape[1:])

    def _product(self, w: Float[Any, "2 runs"]) -> tuple[Any, Any, Any]:
        """E q and q, (runs, 6), in the basis (w*, the direction that w leans to), and the side of that direction."""
        xp = array_namespace(w)
        # w − w* before it is turned: near w* that is exact, while turning each would leave the rounding of both.
        difference = self._frame @ (w - self.teacher[:, None])
        along, across = self._norm + difference[0, :], difference[1, :]
        side = xp.where(across < 0, -1.0, xp.ones_like(across))
        rho = xp.abs(across)
        zero = xp.zeros_like(rho)
        teacher = xp.full_like(rho, -self._norm)
        q = xp.stack([difference[0, :], rho, along, rho, teacher, zero], axis=1)
        theta = xp.atan2(rho, along)
        moments = self._left(theta)
        if not self._symmetric:
            moments = xp.where((side > 0)[:, None, None], moments, self._right(theta))
        return (moments @ q[:, :, None])[:, :, 0], q, side
