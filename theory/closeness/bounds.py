r"""What the closeness of patches says about the constants: ρ, μ, and the two parts of Theorem 3.3.

(i) Where ∠(Z_avg, w*) ≤ π/2 − φ − ρ and every ∠(Z_i, Z_avg) ≤ ρ, all patches are active under every w with θ ≤ φ, so
that u_{++} = Z_avg there and γ(φ) ≥ λ_min(E[Z_avg Z_avgᵀ 1{∠(Z_avg, w*) ≤ π/2 − φ − ρ}]). Any other direction within ρ
of all the patches serves as well as that of Z_avg, such as the centre of ``ClosePatches``: then the bound is exact.

(ii) Let N_{ab} count the patches in S(aw, bw*). For unit x and y, |E (x·u_{++})(y·u_{+−})| ≤ E[N_{++}N_{+−}]/k², and so
on. With s = N_{+−} + N_{−+}, N_{++} ≤ k − s and N_{+−}N_{−+} ≤ s²/4, which is 0 for s = 1, the three add up to at most
(k−1) s, so that the three norms add up to at most (k−1)/k² E[s]. A patch in S(w,−w*) or S(−w,w*) lies within θ of the
hyperplane of w*, so E[s] ≤ k μθ and L_cross ≤ (1 − 1/k) μ. The paper has 3μ.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.exact import GRID
from theory.closeness.sample import Sample
from theory.distributions import AxisSymmetric, ClosePatches, close_table, tilt_of
from theory.distributions.wedge import integrate
from theory.smoothness.exact import _raised


def closeness_of(patches: Float[np.ndarray, "n k p"]) -> float:
    """ρ of a sample: the largest ∠(Z_i, Z_avg), in radians.

    Raises
    ------
    BadInput
        If it is no sample of patches, or a patch or the average of one sample's patches is zero.

    Examples
    --------
    >>> round(closeness_of(np.array([[[1.0, 0.0], [0.0, 1.0]]])), 6)
    0.785398
    """
    z = checks.array("patches", patches, np, ndim=(3,))
    norms = np.linalg.norm(z, axis=2, keepdims=True)
    average = np.mean(z, axis=1, keepdims=True)
    length = np.linalg.norm(average, axis=2, keepdims=True)
    if not (np.all(norms > 0) and np.all(length > 0)):
        raise checks.refuse("patches", "an array with a zero patch or average", "of directions and averages not zero")
    u, v = z / norms, average / length
    # Kahan's formula: an arccosine would lose half of the digits of a small angle.
    return float(2 * np.max(np.arctan2(np.linalg.norm(u - v, axis=2), np.linalg.norm(u + v, axis=2))))


def closeness_bound(law: ClosePatches) -> float:
    """What no ∠(Z_i, Z_avg) of ``ClosePatches`` exceeds: that of one patch at −ρ beside k − 1 at ρ, for ρ ≤ π/4.

    The angle between Z_i and the sum of all grows with that of every other patch to Z_i as long as none exceeds π/2.
    For larger ρ < π/2 it is 2ρ: all patches, and so Z_avg, are in the convex cap of radius ρ. Beyond it is π.

    Examples
    --------
    >>> round(closeness_bound(ClosePatches(dim=5, k=2, spread=1.0, closeness=0.4)), 6)
    0.4
    """
    rho, k = _close(law).closeness, law.k
    if rho <= math.pi / 4:
        return 2 * rho - math.atan2(math.sin(2 * rho), k - 1 + math.cos(2 * rho)) if k > 1 else 0.0
    return 2 * rho if rho < math.pi / 2 else math.pi


def gamma_bound(law: ClosePatches, angle: float, *, half_space: bool = False) -> float:
    """Part (i) for ``ClosePatches`` in any dimension, exactly, with the centre c in the place of Z_avg.

        λ_min(E[Z_avg Z_avgᵀ 1{∠(c, w*) ≤ π/2 − φ − ρ}]),   w* along the axis of the centres

    Given c, E[Z_i Z_iᵀ] = E cos²a · ccᵀ + E sin²a (I − ccᵀ)/(p − 1) and E[Z_i] = (sin ρ/ρ) c, with E sin²a = ½(1 − sin
    2ρ/2ρ). With ``half_space`` the event is c·w* ≥ 0 instead, which proves nothing.

    Raises
    ------
    BadInput
        If the centres have no axis of symmetry, or the angle is out of range.

    Examples
    --------
    >>> law = ClosePatches(dim=2, k=4, spread=math.inf, closeness=0.0)
    >>> round(gamma_bound(law, math.pi / 4), 6), gamma_bound(law, math.pi / 2 - 1e-9) < 1e-18
    (0.045423, True)
    """
    if not isinstance(_close(law).law, AxisSymmetric):
        raise checks.refuse("law", law.label, "close patches around centres with an axis of symmetry")
    centre, p, rho = law.law, law.dim, law.closeness
    lowest = 0.0 if half_space else checks.angle("angle", angle) + rho
    if lowest >= math.pi / 2:
        return 0.0
    edges = np.append(lowest, centre.elevations[centre.elevations > lowest])
    mass, along = (_beyond(centre, edges, power) for power in (0, 2))
    across = (mass - along) / (p - 1)
    mean, double = np.sinc(rho / math.pi), np.sinc(2 * rho / math.pi)
    off = (1 - double) / 2
    found = []
    for moment in (along, across):  # E[ccᵀ 1{…}], of which I − ccᵀ leaves the mass of the event
        single = (1 - off) * moment + off / (p - 1) * (mass - moment)
        found.append((single + (law.k - 1) * mean**2 * moment) / law.k)
    return float(min(found))


def _beyond(centre: AxisSymmetric, edges: np.ndarray, power: int) -> float:
    """E[sin^power δ 1{δ ≥ the first edge}] of the elevation δ of the centre."""
    return integrate(lambda d: np.exp(centre.log_density(d)) * np.sin(d) ** power, edges)


def sample_gamma_bound(
    patches: Any, angle: float, closeness: float, *, teacher: Any, half_space: bool = False
) -> float:
    """Part (i) for a sample (n, k, p): λ_min((1/n) Σ Z_avg Z_avgᵀ 1{∠(Z_avg, w*) ≤ π/2 − φ − ρ}), less its rounding.

    With ``half_space`` the event is Z_avg·w* ≥ 0 instead, which proves nothing.

    Raises
    ------
    BadInput
        If a shape or a number is not as required.

    Examples
    --------
    >>> patches = np.array([[[1.0, 0.4], [1.0, 0.4]], [[1.0, -0.4], [1.0, -0.4]]])
    >>> round(sample_gamma_bound(patches, 0.5, 0.0, teacher=[1.0, 0.0]), 9)
    0.16
    """
    sample = Sample.of(patches, teacher)
    average = np.mean(sample.patches, axis=1)
    elevation = np.arctan2(average[:, 0], np.linalg.norm(average[:, 1:], axis=1))
    rho = checks.finite("closeness", closeness)
    if rho < 0:
        raise checks.refuse("closeness", rho, "0 or more, an angle that no patch exceeds")
    event = elevation >= (0.0 if half_space else checks.angle("angle", angle) + rho)
    moment = average.T @ ((sample.weights * event)[:, None] * average)
    return max(0.0, float(np.linalg.eigvalsh(moment)[0]) - sample.rounding)


def margin_of(law: ClosePatches, angle: float, *, teacher: Any = None) -> float:
    """μ of ``ClosePatches`` in the plane: the least with P(|∠(Z_i, w*) − π/2| ≤ t) ≤ μ t for 0 < t ≤ φ; to rounding.

    Only w* matters in the proof of part (ii), and in the plane the band of half-width t is four wedges of opening t.

    Raises
    ------
    BadInput
        If the law has no exact form, the angle is out of range, or the teacher is no vector of the plane.

    Examples
    --------
    >>> law = ClosePatches(dim=2, k=4, spread=math.inf, closeness=0.3)
    >>> round(margin_of(law, 0.5) * math.pi, 9)
    2.0
    """
    phi = checks.angle("angle", angle)
    tilt = tilt_of(law, np.ones(2) if teacher is None else checks.nonzero("teacher", teacher, np))
    tilt = 0.0 if teacher is None else tilt
    grid = np.linspace(0.0, phi, GRID + 1)
    one = replace(law, k=1)
    # ‖Z‖ = 1: the probability of a wedge is the trace of its moment.
    wedges = [
        np.trace(close_table(one, side).over_angle(grid)[:, 2:4, 2:4], axis1=1, axis2=2) for side in (tilt, -tilt)
    ]
    return float(_raised(2 * (wedges[0] + wedges[1])).max())


def cross_bounds(mu: float, k: int) -> tuple[float, float]:
    """Part (ii): the paper's 3μ, and the (1 − 1/k) μ of its own proof, above.

    Raises
    ------
    BadInput
        If μ is not a number, or k is below 1.
    """
    mu, k = checks.number("mu", mu), checks.integer("k", k, least=1)
    return 3 * mu, (1 - 1 / k) * mu


def _close(law: Any) -> ClosePatches:
    if not isinstance(law, ClosePatches):
        raise checks.refuse("law", getattr(law, "label", type(law).__name__), "a ClosePatches")
    return law
