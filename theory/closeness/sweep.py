r"""The matrices of the filter's theorem along one path of filters, all of its angles at once, for given patches.

Write w = cos θ w*/‖w*‖ + sin θ e with a unit vector e ⟂ w*. As θ runs from 0 to φ < π/2 a patch z = (z₁, e·y) changes
at most once, where w·z = 0: it enters S(w,−w*) at tan θ = −z₁/(e·y), or it goes from S(w,w*) to S(−w,w*) just after
tan θ = −z₁/(e·y). So u₊₊, u₊₋ and u₋₊ of a sample are constant between these angles, and so are their products:

    E[u₊₊u₊₊ᵀ], E[u₊₋u₊₋ᵀ], E[u₊₊u₊₋ᵀ], E[u₊₊u₋₊ᵀ], E[u₊₋u₋₊ᵀ]

Summing the changes in the order of their angles gives every value that they take. Source: Du, Lee & Tian (2018),
Section 3; the sweep is derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.axial import reflect

PRODUCTS = ((0, 0), (1, 1), (0, 1), (0, 2), (1, 2))
"""Which of (u₊₊, u₊₋, u₋₊) the five matrices multiply."""


@dataclass(frozen=True)
class Patches:
    """Samples of k patches in the frame of w*: the first coordinate along it; ``weights`` sum to 1."""

    z: Float[np.ndarray, "n k p"]
    weights: Float[np.ndarray, " n"]

    @classmethod
    def of(cls, patches: Any, teacher: Any, weights: Any = None) -> Patches:
        """The patches, checked and turned; (n, p) is one patch a sample.

        Raises
        ------
        BadInput
            If shapes disagree, an entry is NaN or infinite, a weight is negative, or the teacher is zero.
        """
        z = np.asarray(checks.array("patches", patches, np, ndim=(2, 3)), dtype=np.float64)
        z = z[:, None, :] if z.ndim == 2 else z
        n, k, p = z.shape
        for name, size, least in (("number of samples", n, 1), ("number of patches", k, 1), ("dim", p, 2)):
            checks.integer(name, size, least=least)
        w_star = np.asarray(checks.nonzero("teacher", teacher, np), dtype=np.float64)
        if w_star.shape != (p,):
            raise checks.refuse("teacher", f"an array of shape {w_star.shape}", f"of shape ({p},), as the patches say")
        unit = w_star / np.linalg.norm(w_star)
        turned = reflect(z.reshape(-1, p), unit).reshape(z.shape).copy()
        # The sign of w*·z decides a region, so it is taken from the product itself, not from the turned frame.
        turned[:, :, 0] = z @ unit
        return cls(turned, _probabilities(weights, n))

    @property
    def dim(self) -> int:
        """p."""
        return self.z.shape[2]

    def parts(self, active: np.ndarray) -> Float[np.ndarray, "3 n p"]:
        """u₊₊, u₊₋, u₋₊ of every sample, where ``active``, shape (n, k), are the patches with w·z ≥ 0."""
        taught = self.z[:, :, 0] >= 0
        regions = np.stack([active & taught, active & ~taught, ~active & taught])
        return np.einsum("rnk,nkp->rnp", regions / self.z.shape[1], self.z)

    def at(self, angle: float, e: Float[np.ndarray, " m"]) -> Float[np.ndarray, "5 p p"]:
        """The five matrices at one filter, by their definition."""
        active = np.cos(angle) * self.z[:, :, 0] + np.sin(angle) * (self.z[:, :, 1:] @ e) >= 0
        return self.products(self.parts(active))

    def products(self, u: Float[np.ndarray, "3 n p"]) -> Float[np.ndarray, "5 p p"]:
        """The five matrices of these u₊₊, u₊₋, u₋₊."""
        return np.stack([(self.weights[:, None] * u[i]).T @ u[j] for i, j in PRODUCTS])


def _probabilities(weights: Any, n: int) -> Float[np.ndarray, " n"]:
    if weights is None:
        return np.full(n, 1 / n)
    found = np.asarray(checks.array("weights", weights, np, ndim=(1,)), dtype=np.float64)
    if found.shape != (n,):
        raise checks.refuse("weights", f"an array of shape {found.shape}", f"of shape ({n},), one a sample")
    if np.any(found < 0) or not np.any(found > 0):
        raise checks.refuse("weights", "an array", "nonnegative, and not all zero")
    return found / found.sum()


def sweep(
    patches: Patches, e: Float[np.ndarray, " m"], angle: float
) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, "s 5 p p"]]:
    """The angles in [0, φ] from which on, and the values that, the five matrices take along e; the first angle is 0.

    Exact up to the rounding of the sums; of two changes nearer than the rounding of their angles either may come first.

    Examples
    --------
    >>> one = Patches.of([[0.6, 0.8], [-0.6, 0.8]], teacher=[1.0, 0.0])
    >>> angles, matrices = sweep(one, np.ones(1), angle=1.0)
    >>> angles.round(4).tolist(), matrices[:, 1, 1, 1].tolist()
    ([0.0, 0.6435], [0.0, 0.32000000000000006])
    """
    k = patches.z.shape[1]
    at, leaves = _changes(patches.z, e, angle)
    # An entering patch is active at its angle, a leaving one still is.
    order = np.lexsort((leaves, at), axis=1)
    at, leaves = np.take_along_axis(at, order, axis=1), np.take_along_axis(leaves, order, axis=1)
    share = np.take_along_axis(patches.z, order[:, :, None], axis=1) / k
    happens = np.isfinite(at)
    gained = np.cumsum(share * (happens & ~leaves)[:, :, None], axis=1)
    lost = np.cumsum(share * (happens & leaves)[:, :, None], axis=1)
    before = np.einsum("nk,nkp->np", patches.z[:, :, 0] >= 0, patches.z)[:, None, :] / k
    u = np.stack([before - lost, gained, lost])
    start = np.stack([before, 0 * before, 0 * before])
    u = np.concatenate([start, u], axis=2)
    sample, place = np.nonzero(happens)
    last = np.lexsort((leaves[sample, place], at[sample, place]))
    sample, place = sample[last], place[last]
    after, ahead, weight = u[:, sample, place + 1], u[:, sample, place], patches.weights[sample]
    values = np.stack(
        [_outer(after[i], after[j], weight) - _outer(ahead[i], ahead[j], weight) for i, j in PRODUCTS], axis=1
    )
    values = np.cumsum(np.concatenate([patches.products(start[:, :, 0])[None], values]), axis=0)
    angles = np.concatenate([[0.0], at[sample, place]])
    leaving = np.concatenate([[False], leaves[sample, place]])
    # Of simultaneous changes only what they leave behind is a value that is taken.
    kept = np.append((np.diff(angles) > 0) | (np.diff(leaving.astype(int)) > 0), True)
    return angles[kept], values[kept]


def _changes(z: np.ndarray, e: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """The angle at which each patch changes, infinite if not up to φ, and whether it then leaves."""
    first, across = z[:, :, 0], z[:, :, 1:] @ e
    leaves = (first >= 0) & (across < 0)
    enters = (first < 0) & (across > 0)
    at = np.where(leaves | enters, np.arctan2(np.abs(first), np.abs(across)), np.inf)
    return np.where(at <= angle, at, np.inf), leaves


def _outer(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> Float[np.ndarray, "s p p"]:
    return weight[:, None, None] * a[:, :, None] * b[:, None, :]
