r"""What the patches near the hyperplane of w* say about a sample: μ, and bounds on L_cross and β that need no search.

With ψ = |∠(Z, w*) − π/2| of a patch, the band of half-width t is {ψ ≤ t}; S(w,−w*) and S(−w,w*) lie in that of θ. Sort
the ψ: every quantity below only changes there, and a quotient by t is largest where a patch enters. So each is a
maximum over n k numbers, in any dimension. The rounding of every ψ is bounded, and taken to the unsafe side.

* μ = sup_{0<t≤φ} (1/nk) #{ψ ≤ t}/t. Theorem 3.3 has it for w; its proof uses it at w* only, and in the mean over i.
* With b = (1/k) Σ ‖Zᵢ‖ over the band and R = (1/k) Σ ‖Zᵢ‖ over all, ‖u_{++}‖ ≤ R − s and ‖u_{+−}‖ + ‖u_{−+}‖ ≤ s for
  some s ≤ b, so that the three cross norms are at most E[g(b)], g(b) = max_{s≤b} ((R − s) s + s²/4), s = min(b, 2R/3).
* λ_max(A_{w,−w*}) ≤ E[b²], with b of the patches w*·Z < 0 alone.

Both expectations grow with t. So divided by max(t, ε) they bound what Theorems 2.2 and 3.1 need as long as
‖w − w*‖ ≥ ε ‖w*‖: their proofs use θ ≤ (π/2) ‖w − w*‖/‖w*‖, which is as true of max(θ, ε). A finite sample has a patch
nearest to the hyperplane, at an angle of the order of 1/nk, and nothing that is divided by it converges as n grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.sample import Sample
from theory.smoothness.brackets import TINY, Bracket
from theory.smoothness.caps import EPS


@dataclass(frozen=True)
class BandBounds:
    """Suprema over 0 < θ ≤ φ of what cannot exceed L_cross θ and β θ, each over max(θ, least_angle).

    ``cross_near`` and ``beta_near`` are those over θ ≤ least_angle only; 0 where there is no such θ.
    """

    cross: float
    beta: float
    cross_near: float
    beta_near: float


def sample_margin(
    patches: Any, angle: float, *, teacher: Any, weights: Any = None, least_angle: float = 0.0
) -> Bracket:
    """μ of a sample (n, k, p): the least with P(|∠(Zᵢ, w*) − π/2| ≤ t) ≤ μ t for ``least_angle`` ≤ t ≤ φ, certified.

    The probability is the mean over n and i. From 0 on, if ``least_angle`` is not given: then it is infinite where a
    patch lies on the hyperplane of w*. Patches that are zero throughout have no angle and count in no band.

    Raises
    ------
    BadInput
        As for :func:`theory.closeness.closeness`.

    Examples
    --------
    >>> patches = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> found = sample_margin(patches, 1.5, teacher=[1.0, 1.0])
    >>> found.lower <= 1 / (math.pi / 4) <= found.upper, sample_margin(patches, 0.7, teacher=[1.0, 1.0]).upper
    (True, 0.0)
    """
    sample, phi, least = _checked(patches, angle, teacher, weights, least_angle)
    low, high = _elevations(sample)
    share = np.broadcast_to(sample.weights[:, None] / sample.shape[1], low.shape)
    rounding = (low.size + 8) * EPS
    below, above = _supremum(high, share, phi, least), _supremum(low, share, phi, least)
    return Bracket(below * (1 - rounding), above * (1 + rounding))


def band_bounds(
    patches: Any, angle: float, *, teacher: Any, weights: Any = None, least_angle: float = 0.0
) -> BandBounds:
    """Certified upper bounds on L_cross and β of a sample (n, k, p), in any dimension, from its order alone.

    Raises
    ------
    BadInput
        As for :func:`theory.closeness.closeness`.

    Examples
    --------
    >>> patches = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> found = band_bounds(patches, 0.5, teacher=[2.0, 1.0])  # one patch at 0.4636 from the hyperplane, R = 1
    >>> round(found.cross * math.atan(0.5), 9), found.beta  # ½ − ¾ · ¼; w* sees both
    (0.3125, 0.0)
    """
    sample, phi, least = _checked(patches, angle, teacher, weights, least_angle)
    low, _ = _elevations(sample)
    norms = np.linalg.norm(sample.patches, axis=2) / sample.shape[1]
    cross = _increments(low, norms, _cross_of(norms.sum(axis=1, keepdims=True))) * sample.weights[:, None]
    beta = _increments(low, np.where(sample.first < 0, norms, 0.0), np.square) * sample.weights[:, None]
    up = 1 + (4 * low.size + 8 * sample.shape[2]) * EPS
    order = np.sort(low, axis=1)
    whole = [_supremum(order, steps, phi, least) * up for steps in (cross, beta)]
    near = [_supremum(order, steps, least, least) * up if least else 0.0 for steps in (cross, beta)]
    return BandBounds(*whole, *near)


def _cross_of(reach: Float[np.ndarray, "n 1"]) -> Any:
    """g: the largest that three cross norms can add up to with b in the band, of R in all."""

    def largest(b: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
        s = np.minimum(b, 2 * reach / 3)
        return reach * s - 3 * s**2 / 4

    return largest


def _increments(low: Float[np.ndarray, "n k"], norms: Float[np.ndarray, "n k"], function: Any) -> Any:
    """What f(b) grows by as the patches of a sample enter the band, in the order of their angles."""
    inside = np.cumsum(np.take_along_axis(norms, np.argsort(low, axis=1), axis=1), axis=1)
    return np.diff(function(inside), axis=1, prepend=0.0)


def _supremum(angles: Float[np.ndarray, "n k"], steps: Any, phi: float, least: float) -> float:
    """max over t = ψ ≤ φ of what has come in up to there, over max(t, least)."""
    order = np.argsort(angles, axis=None)
    t, total = angles.ravel()[order], np.cumsum(steps.ravel()[order])
    within = (t <= phi) & (total > 0)
    if not np.any(within):
        return 0.0
    t, total = np.maximum(t[within], least), total[within]
    return float(np.max(np.divide(total, t, out=np.full_like(t, math.inf), where=t > 0)))


def _elevations(sample: Sample) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """ψ of every patch from below and from above; infinite for a patch that is zero, or of a sample without weight."""
    p = sample.shape[2]
    first, reach = np.abs(sample.first), np.linalg.norm(sample.rest, axis=2)
    # Where the sign was in doubt the product was computed in rational numbers, and is right but for its last rounding.
    error = np.where(first <= sample.doubt, 4 * (p + 4) * EPS * first, sample.doubt)
    square = first**2 + reach**2
    known = (square > 0) & (sample.weights[:, None] > 0)
    psi = np.arctan2(first, reach)
    wrong = np.divide(2 * (reach * error + first * sample.doubt), square, out=np.zeros_like(psi), where=known)
    wrong += 4 * EPS * psi
    low = np.where(first <= TINY, 0.0, np.maximum(psi - wrong, 0.0))  # what is too small for a float may be anything
    return np.where(known, low, math.inf), np.where(known, psi + wrong, math.inf)


def _checked(patches: Any, angle: float, teacher: Any, weights: Any, least_angle: Any) -> tuple[Sample, float, float]:
    sample, phi = Sample.of(patches, teacher, weights), checks.angle("angle", angle)
    least = checks.finite("least_angle", least_angle)
    if not 0 <= least < phi:
        raise checks.refuse("least_angle", least, f"at least 0 and below the angle {phi}")
    return sample, phi, least
