r"""γ(φ), L(φ), L_cross(φ) and β(φ) of a sample of patches in the plane, exactly, and its curve over φ.

In the plane w can turn from w* to two sides. On either, as θ = ∠(w, w*) grows, a patch changes its region once at most:
from S(w,w*) to S(−w,w*), just after the angle at which it lies on the hyperplane of w, or into S(w,−w*), at that angle.
So E[U Uᵀ] of U = (u_{++}, u_{+−}, u_{−+}) is constant between those angles, and one sweep over them in order sees
everything there is. A quotient by θ is largest where its stretch begins.

What the order of two angles is may be hidden by rounding. Then every state between them is bounded, by how much all of
their changes together can change E[U Uᵀ], and the constants come as brackets; otherwise the brackets are as narrow as
the rounding of a sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.closeness.exact import Constants, Curve, spectra
from theory.smoothness import Bracket
from theory.smoothness.brackets import _heights
from theory.smoothness.caps import EPS

NEAR = 32 * EPS
"""Angles of unit vectors nearer than that may be in another order than they are computed."""


@dataclass(frozen=True)
class Sample:
    """Patches (n, k, p) in the frame of w*, the signs of w*·Z exact; what a comparison may be wrong by; the weights."""

    first: Float[np.ndarray, "n k"]
    rest: Float[np.ndarray, "n k p-1"]
    doubt: Float[np.ndarray, "n k"]
    weights: Float[np.ndarray, " n"]

    @classmethod
    def of(cls, patches: Any, teacher: Any, weights: Any = None) -> Sample:
        """The sample, after making sure that it is one: ``weights`` are scaled to sum to 1, 1/n if not given.

        Raises
        ------
        BadInput
            If a shape is wrong, a weight is negative or all are zero, or the teacher is zero.
        """
        if teacher is None:
            raise checks.refuse("teacher", None, "given with patches: the vector w* of as many numbers as a patch")
        z = np.asarray(checks.array("patches", patches, np, ndim=(3,)), dtype=float)
        checks.moderate("patches", z, np)
        n = checks.integer("number of samples", z.shape[0], least=1)
        checks.integer("number of patches", z.shape[1], least=1)
        p = checks.integer("dim", z.shape[2], least=2)
        w_star = np.asarray(checks.nonzero("teacher", teacher, np), dtype=float)
        if w_star.shape != (p,):
            raise checks.refuse("teacher", f"an array of shape {w_star.shape}", f"of shape ({p},), as the patches say")
        share = np.ones(n) if weights is None else checks.array("weights", weights, np, ndim=(1,))
        if share.shape != (n,) or np.any(share < 0) or not np.any(share > 0):
            raise checks.refuse("weights", share.tolist(), f"{n} numbers, one a sample, none negative, not all zero")
        flat = z.reshape(-1, p)
        # p products and sums of a rotated point, each rounded: |error of a dot product| ≤ p ε ‖z‖, thrice over.
        doubt = 4 * p * EPS * np.linalg.norm(flat, axis=1)
        first = _heights(flat, w_star, doubt).reshape(z.shape[:2])
        return cls(first, z @ _across(w_star), doubt.reshape(z.shape[:2]), share / share.sum())

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, k, p)."""
        n, k = self.first.shape
        return n, k, self.rest.shape[2] + 1

    @property
    def patches(self) -> Float[np.ndarray, "n k p"]:
        """The patches in the frame of w*."""
        return np.concatenate([self.first[:, :, None], self.rest], axis=2)

    @property
    def size(self) -> float:
        """E[(mean of ‖Zᵢ‖)²], which no entry of E[U Uᵀ] exceeds."""
        return float(self.weights @ np.mean(np.linalg.norm(self.patches, axis=2), axis=1) ** 2)

    @property
    def rounding(self) -> float:
        """Of a sum of n k products, and of the eigenvalues of what it gives."""
        n, k, p = self.shape
        return (n * k + 64 * p) * EPS * self.size


def _across(w_star: Float[np.ndarray, " p"]) -> Float[np.ndarray, "p p-1"]:
    """An orthonormal basis of what is orthogonal to w*; in the plane w* turned by a right angle."""
    direction = w_star / np.linalg.norm(w_star)
    if direction.size == 2:
        return np.array([[-direction[1]], [direction[0]]])
    normal = direction - np.eye(1, direction.size)[0]
    square = normal @ normal
    reflected = np.eye(direction.size) - (np.outer(normal, normal) * (2 / square) if square else 0.0)
    return reflected[:, 1:]


@dataclass(frozen=True)
class Stretches:
    """Stretches of θ, on either side of w*, on which E[U Uᵀ] is constant, each from its angle on.

    Rows: −λ_min and λ_max of A_{w,w*}, the three cross norms over θ, λ_max(A_{w,−w*})/θ, of which the largest count.
    They are surely above ``low`` and below ``high``, also where rounding hides the order of several changes.
    """

    angle: Float[np.ndarray, " m"]
    low: Float[np.ndarray, "4 m"]
    high: Float[np.ndarray, "4 m"]


def sweep(sample: Sample, least_angle: float = 0.0) -> Stretches:
    """The stretches on both sides of w*; for a quotient by θ, what of them lies beyond ``least_angle``.

    Raises
    ------
    BadInput
        If the patches are not in the plane.
    """
    if sample.shape[2] != 2:
        raise checks.refuse("dim", sample.shape[2], "2, the plane")
    sides = [_side(sample, side) for side in (1, -1)]
    angle, first, moments, hidden = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    end = np.concatenate([np.append(side[0][1:], math.inf) for side in sides])
    values = np.stack(spectra(moments, moments)) * np.array([-1, 1, 1, 1])[:, None]
    # What no patch has entered is 0 without rounding. Each of the three cross norms may be off by as much.
    slack = np.where(values == 0, 0.0, sample.rounding) * np.array([1, 1, 3, 1])[:, None]
    low, high = values - slack, values + slack + hidden * np.array([1, 1, 3, 1])[:, None]
    # Stretches that end below ``least_angle`` have no quotient there.
    low[2:] = np.where(end > least_angle + NEAR, _over(low[2:], np.maximum(angle, least_angle)), 0.0)
    high[2:] = np.where(end > least_angle - NEAR, _over(high[2:], np.maximum(first, least_angle)), 0.0)
    return Stretches(first, low, high)


def _over(value: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """value/θ, of which 0/0 is 0."""
    infinite = np.where(value > 0, math.inf, 0.0)
    return np.divide(value, angle, out=infinite, where=np.broadcast_to(angle > 0, value.shape))


def _side(sample: Sample, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """On one side of w*: from where on E[U Uᵀ] surely is, may be, what it is, and how far off it may be before."""
    z = sample.patches * np.array([1, side]) / sample.shape[1]
    taught, along, across = sample.first >= 0, z[:, :, 0], z[:, :, 1]
    # At tan θ = |z₁|/|across| a patch goes over from ++ to −+, or, on the other flank, from −− to +−.
    moves = np.where(taught, across < 0, across > 0)
    angle = np.where(moves, np.arctan2(np.abs(along), np.abs(across)), math.inf)
    start, change = _start(z, taught), _change(z, taught)
    order = np.argsort(angle, axis=1, kind="stable")
    after = start[:, None, :] + np.cumsum(np.take_along_axis(change, order[:, :, None], axis=1), axis=1)
    states = np.concatenate([start[:, None, :], after], axis=1)
    squares = sample.weights[:, None, None, None] * (states[:, :, :, None] * states[:, :, None, :])
    angle = np.take_along_axis(angle, order, axis=1).ravel()
    events = np.argsort(angle, kind="stable")[: int(np.sum(angle < math.pi / 2))]
    delta = np.diff(squares, axis=1).reshape(-1, 6, 6)[events]
    moments = np.cumsum(np.concatenate([np.sum(squares[:, 0], axis=0)[None], delta]), axis=0)
    patch = np.take_along_axis(z, order[:, :, None], axis=1).reshape(-1, 2)[events]
    last, hidden = _resolved(angle[events], patch, _largest_change(z, sample.weights, order)[events])
    angle = np.append(0.0, angle[events])
    return angle[last], np.append(0.0, angle[last[:-1] + 1]), moments[last], hidden


def _start(z: np.ndarray, taught: np.ndarray) -> Float[np.ndarray, "n 6"]:
    """U at w = w*."""
    return np.concatenate([np.sum(taught[:, :, None] * z, axis=1), np.zeros((z.shape[0], 4))], axis=1)


def _change(z: np.ndarray, taught: np.ndarray) -> Float[np.ndarray, "n k 6"]:
    """What each patch adds to U when it goes over."""
    leaving, entering = taught[:, :, None] * z, ~taught[:, :, None] * z
    return np.concatenate([-leaving, entering, leaving], axis=2)


def _largest_change(z: np.ndarray, weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """How much each patch can change E[U Uᵀ] in norm, whatever went over before: ‖U‖ ≤ Σ ‖z‖ and ‖ΔU‖ ≤ √2 ‖z‖."""
    norms = np.linalg.norm(z, axis=2)
    most = weights[:, None] * (math.sqrt(8) * norms * np.sum(norms, axis=1, keepdims=True) + 2 * norms**2)
    return np.take_along_axis(most, order, axis=1).ravel()


def _resolved(angle: np.ndarray, patch: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the states that surely are one, the start's included, and what is hidden on the way to each.

    Changes within rounding of each other go together; what they hide is nothing where their patches are the same.
    """
    near = np.diff(angle) <= NEAR
    same = near & np.all(patch[1:] == patch[:-1], axis=1)
    group = np.cumsum(np.append(True, ~near)) if angle.size else np.zeros(0, dtype=int)
    last = np.append(0, 1 + np.flatnonzero(np.append(~near, True))) if angle.size else np.zeros(1, dtype=int)
    differs = np.bincount(group[1:], weights=near & ~same, minlength=last.size) > 0 if angle.size else np.zeros(1, bool)
    total = np.bincount(group, weights=change, minlength=last.size)
    return last, np.where(differs, total, 0.0)


@dataclass(frozen=True)
class Brackets:
    """Brackets of γ(φ), L(φ), L_cross(φ) and β(φ): certified for one sample, or for a law at a stated confidence.

    The last two are suprema over θ in [least_angle, φ], or (0, φ]. A confidence of 1 is certainty.
    """

    angle: float
    gamma: Bracket
    L: Bracket
    cross: Bracket
    beta: Bracket
    least_angle: float
    confidence: float = 1.0

    @property
    def worst(self) -> Constants:
        """The safe end of each: what these constants admit, the sample certainly admits."""
        return Constants(self.angle, self.gamma.lower, self.L.upper, self.cross.upper, self.beta.upper)

    @property
    def best(self) -> Constants:
        """The other ends: what not even these admit, the sample certainly does not."""
        return Constants(self.angle, self.gamma.upper, self.L.lower, self.cross.lower, self.beta.lower)


def plane_brackets(sample: Sample, angle: float, least_angle: float = 0.0) -> Brackets:
    """The constants of a sample in the plane at φ = ``angle``: exact up to rounding, unless rounding hides an order."""
    found = sweep(sample, least_angle)
    # What begins within rounding of φ may begin beyond it.
    sure, possible = found.angle <= angle - NEAR, found.angle <= angle + NEAR
    return brackets_of(angle, least_angle, np.max(found.low[:, sure], axis=1), np.max(found.high[:, possible], axis=1))


def brackets_of(angle: float, least_angle: float, low: Any, high: Any, confidence: float = 1.0) -> Brackets:
    """Brackets from what the four rows of ``Stretches`` attain for sure and what they surely do not exceed."""
    gamma = Bracket(max(0.0, -float(high[0])), max(0.0, -float(low[0])))
    L, cross, beta = (Bracket(max(0.0, float(a)), float(b)) for a, b in zip(low[1:], high[1:], strict=True))
    return Brackets(angle, gamma, L, cross, beta, least_angle, confidence)


def sample_curve(sample: Sample, least_angle: float = 0.0) -> Curve:
    """The curve of a sample in the plane."""
    found = sweep(sample, least_angle)
    order = np.argsort(found.angle, kind="stable")
    # A stretch counts for every φ beyond its beginning, so from the entry on whose angle is that of the next.
    angles = np.append(np.maximum(found.angle[order][1:] - NEAR, 0.0), math.pi / 2)
    return Curve(angles, found.high[:, order])
