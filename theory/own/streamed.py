r"""Certified constants of a whole file from one pass over it, in memory that does not grow with it.

No search: what is certain of every w with ∠(w, w*) ≤ φ at once, summed over blocks of samples.

* γ(φ) ≥ λ_min(E[Z_avg Z_avgᵀ 1{every ∠(Zᵢ, w*) ≤ π/2 − φ}]), where all patches are active; γ(φ) ≤ λ_min(A_{w*,w*}).
* L(φ) ≥ λ_max(A_{w*,w*}), with equality for k = 1; otherwise L(φ) ≤ λ_max(E[vvᵀ]), v = meanᵢ |Zᵢ| entry by entry.
* L_cross, β and μ from the order of the angles to the hyperplane of w* (:mod:`theory.closeness.margins`), which are
  not sorted but counted between fixed angles, each 1 % above the last: what is in a band of half-width t is bounded by
  what is in the next larger one, so that the bounds are 1 % above those of the sorted sample at most. For one neuron β
  has λ_max(E[zzᵀ 1{w*·z < 0, z in the band}]) instead, whose matrices grow with t as well.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.closeness.margins import _cross_of, _elevations, _increments
from theory.closeness.sample import Sample
from theory.own.coverage import Constants
from theory.smoothness import Bracket
from theory.smoothness.caps import EPS

RATIO = 1.01
"""Of neighbouring angles between which patches are counted."""

MATRICES = 1 << 22
"""Entries of the matrices of all bands together; where p is too large for it, their traces serve."""


class Streamed:
    """The sums over all blocks for one teacher; see :func:`streamed`."""

    def __init__(self, teacher: Float[np.ndarray, " p"], angles: Sequence[float], least: float) -> None:
        p = teacher.size
        self.teacher, self.angles, self.least = teacher, tuple(angles), least
        self.edges = np.geomspace(least, math.pi / 2, 1 + math.ceil(math.log(math.pi / 2 / least) / math.log(RATIO)))
        self.sure, self.taught, self.mass = np.zeros((len(angles), p, p)), np.zeros((p, p)), np.zeros((p, p))
        # Rows: cross norms, b² on the far side of w*, patches; the last from above and from below.
        self.counts = np.zeros((4, self.edges.size + 1))
        self.far = np.zeros((self.edges.size + 1, p, p)) if self.counts.shape[1] * p**2 <= MATRICES else None
        self.n, self.k, self.size = 0, 0, 0.0

    def add(self, z: Float[np.ndarray, "m k p"]) -> None:
        """One block more."""
        sample = Sample.of(z, self.teacher)
        low, high = _elevations(sample)
        self.n, self.k = self.n + len(z), z.shape[1]
        self.size += len(z) * sample.size
        average = z.mean(axis=1)
        for matrix, phi in zip(self.sure, self.angles, strict=True):
            active = average[np.all((sample.first >= 0) & (low >= phi), axis=1)]
            matrix += active.T @ active
        u, v = np.mean(z * (sample.first >= 0)[:, :, None], axis=1), np.mean(np.abs(z), axis=1)
        self.taught += u.T @ u
        self.mass += v.T @ v
        self._count(sample, low, high)
        if self.k == 1 and self.far is not None:
            chosen = (sample.first < 0) & (low <= self.edges[-1])
            place, points = np.searchsorted(self.edges, low[chosen], side="left"), z[chosen]
            order = np.argsort(place, kind="stable")
            for group in np.split(order, 1 + np.flatnonzero(np.diff(place[order]))):
                if group.size:  # of no points there is one empty group
                    self.far[place[group[0]]] += points[group].T @ points[group]

    def _count(self, sample: Sample, low: Any, high: Any) -> None:
        norms = np.linalg.norm(sample.patches, axis=2) / self.k
        cross = _increments(low, norms, _cross_of(norms.sum(axis=1, keepdims=True)))
        beta = _increments(low, np.where(sample.first < 0, norms, 0.0), np.square)
        share = np.full(low.shape, 1 / self.k)
        ordered = np.sort(low, axis=1)
        for row, angles, steps in zip(
            self.counts, (ordered, ordered, low, high), (cross, beta, share, share), strict=True
        ):
            # edges[j − 1] < angle ≤ edges[j]
            place = np.searchsorted(self.edges, angles.ravel(), side="left")
            row += np.bincount(place, weights=steps.ravel(), minlength=row.size)

    def at(self, phi: float, closeness: float) -> Constants:
        """The constants at one of the angles."""
        rounding = (self.n * self.k + 64 * self.teacher.size) * EPS
        slack = rounding * self.size / self.n
        sure, taught, mass = (
            np.linalg.eigvalsh(matrix / self.n)
            for matrix in (self.sure[self.angles.index(phi)], self.taught, self.mass)
        )
        most = taught[-1] if self.k == 1 else mass[-1]
        lowest = max(0.0, float(sure[0]) - slack)
        cross, beta, mu = (self._supremum(np.cumsum(row), phi) * (1 + 4 * rounding) for row in self.counts[:3])
        if self._largest is not None:
            beta = min(beta, self._supremum(self._largest + slack * self.n * (self._largest > 0), phi))
        return Constants(
            angle=phi,
            gamma=Bracket(lowest, max(0.0, float(taught[0])) + slack),
            L=Bracket(max(0.0, float(taught[-1]) - slack), float(most) + slack),
            beta=Bracket(0.0, beta),
            cross=Bracket(0.0, cross if self.k > 1 else 0.0),
            mu=Bracket(self._attained(self.counts[3], phi) * (1 - 4 * rounding), mu),
            closeness=closeness,
            gamma_bound=lowest,
        )

    @functools.cached_property
    def _largest(self) -> Any:
        """λ_max of what is in every band on the far side; asked for when all is summed."""
        if self.k > 1 or self.far is None:
            return None
        return np.linalg.eigvalsh(np.cumsum(self.far, axis=0))[:, -1]

    def _supremum(self, inside: Any, phi: float) -> float:
        """At t ∈ (edges[j − 1], edges[j]] no more is in the band than at edges[j]; below the first edge over that."""
        total, below = inside[:-1] / self.n, np.append(self.edges[0], self.edges[:-1])
        return float(np.max(np.where(below < phi, total / below, 0.0)))

    def _attained(self, row: Any, phi: float) -> float:
        """What surely is in the band at an edge, over that edge."""
        total = np.cumsum(row[:-1]) / self.n
        return float(np.max(np.where(self.edges <= phi, total / self.edges, 0.0)))


def sharpened(one: Constants, other: Constants) -> Constants:
    """What two certified brackets of the same sample leave together; ρ, and what follows from it, of the first."""
    names = ("gamma", "L", "beta", "cross", "mu")
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    both: dict[str, Any] = {
        name: Bracket(max(a.lower, b.lower), min(a.upper, b.upper)) for name, (a, b) in pairs.items()
    }
    return replace(one, **both)


def streamed(
    blocks: Iterable[Float[np.ndarray, "m k p"]],
    teachers: Sequence[Float[np.ndarray, " p"]],
    angles: Sequence[float],
    least: float,
    closeness: float,
) -> list[list[Constants]]:
    """For every teacher the constants of all blocks together at every angle; β and L_cross over max(θ, ``least``).

    Examples
    --------
    >>> z = np.random.default_rng(0).standard_normal((1000, 1, 2))
    >>> ((found,),) = streamed([z[:600], z[600:]], [np.array([1.0, 0.0])], [0.5], 0.01, 0.0)
    >>> 0.15 < found.gamma.lower < found.gamma.upper < 0.55, round(found.L.upper, 1)
    (True, 0.5)
    """
    sums = [Streamed(teacher, angles, least) for teacher in teachers]
    for z in blocks:
        for each in sums:
            each.add(z)
    return [[each.at(phi, closeness) for phi in angles] for each in sums]
