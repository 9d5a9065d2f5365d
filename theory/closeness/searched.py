r"""Certified constants of a sample of patches in any dimension, by branch and bound over θ and the direction of w.

With w = cos θ w* + sin θ e, e on the unit sphere of R^{p−1}, take a box of angles times a cap of directions e, the
caps of :mod:`theory.smoothness.caps`. Over it w·Z/cos θ = z₁ + tan θ e·y ranges between two numbers, so that a patch is
active throughout, inactive throughout, or in doubt. Let u be that of the samples none of whose patches is in doubt, as
far as it matters, and R = (1/k) Σ ‖Zᵢ‖ of one that has some. Since uuᵀ ⪰ 0 and ‖u_{++}‖ + ‖u_{+−}‖ + ‖u_{−+}‖ ≤ R,

    λ_min(A_{w,w*}) ≥ λ_min(Σ pₙ uₙuₙᵀ),   λ_max ≤ λ_max(Σ pₙ uₙuₙᵀ) + Σ' pₙ Rₙ²
    the three cross norms ≤ those of the known samples + Σ' pₙ Rₙ²/3

with Σ' over the samples in doubt. What is attained in the middle of a box bounds the constants from the other side.
The boxes that it takes grow like the inverse of the precision to the power p − 1: the brackets stay as wide as the
budget leaves them, and are certified all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from theory.closeness.sample import NEAR, Brackets, Sample, brackets_of
from theory.smoothness.caps import EPS, Cap, Node, maximise

SPLIT = 1e-9
"""Boxes narrower than this are not divided."""


@dataclass(frozen=True)
class _Box:
    """Angles from ``low`` to ``high`` times the directions of a cap."""

    low: float
    high: float
    cap: Cap

    def split(self, quotient: bool) -> Iterator[_Box]:
        """Two halves of the angles, where those are wider than the cap, or the parts of the cap."""
        width = math.log(self.high / self.low) if quotient else self.high - self.low
        if width <= self.cap.radius and width <= SPLIT:
            return
        if width > self.cap.radius:
            middle = math.sqrt(self.low * self.high) if quotient else (self.low + self.high) / 2
            yield _Box(self.low, middle, self.cap)
            yield _Box(middle, self.high, self.cap)
        else:
            for part in self.cap.split():
                yield _Box(self.low, self.high, part)


@dataclass(frozen=True)
class _State:
    """Which patches are active and which in doubt; a state in doubt of nothing is that of one w."""

    active: np.ndarray
    doubtful: np.ndarray


class _Search:
    """The four functions of w over boxes: bounds from above of what is to be largest, and values attained."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.taught = sample.first >= 0
        self.z = sample.patches / sample.shape[1]
        self.reach = np.linalg.norm(sample.rest, axis=2)
        norms = np.linalg.norm(self.z, axis=2)
        self.most = sample.weights * np.sum(norms, axis=1) ** 2
        self.outside = sample.weights * np.sum(np.where(self.taught, 0.0, norms), axis=1) ** 2

    def state(self, box: _Box) -> _State:
        """What is sure over the whole box."""
        least, most = self._range(box.cap)
        slopes = np.tan([box.low, box.high])
        first, doubt = self.sample.first, 2 * self.sample.doubt / math.cos(box.high)
        lowest = first + np.minimum(slopes[0] * least, slopes[1] * least)
        highest = first + np.maximum(slopes[0] * most, slopes[1] * most)
        # The sign of z₁ is exact: what w* sees, w sees as well where e·y ≥ 0.
        active = (lowest >= doubt) | (self.taught & (least >= 0))
        return _State(active, ~active & (highest >= -doubt))

    def _range(self, cap: Cap) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest e·y over the cap."""
        product = self.sample.rest @ cap.centre
        cosine = np.divide(product, self.reach, out=np.zeros_like(self.reach), where=self.reach > 0)
        slack = 4 * self.sample.shape[2] * EPS
        farthest, nearest = (np.arccos(np.clip(cosine + s, -1, 1)) for s in (-slack, slack))
        least = self.reach * np.cos(np.minimum(math.pi, farthest + cap.radius))
        return least, self.reach * np.cos(np.maximum(0.0, nearest - cap.radius))

    def regions(self, state: _State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """u_{++}, u_{+−}, u_{−+} of the patches that are not in doubt, (n, p) each."""
        masks = (self.taught & state.active, ~self.taught & state.active, self.taught & ~state.active & ~state.doubtful)
        u = [np.sum(self.z * mask[:, :, None], axis=1) for mask in masks]
        return u[0], u[1], u[2]

    def gamma(self, state: _State, angle: float) -> float:
        """−λ_min of A_{w,w*}."""
        sure = ~np.any(state.doubtful & self.taught, axis=1)
        return -float(np.linalg.eigvalsh(self._product(self.regions(state)[0], self.regions(state)[0], sure))[0])

    def largest(self, state: _State, angle: float) -> float:
        """λ_max of A_{w,w*}."""
        sure, u = ~np.any(state.doubtful & self.taught, axis=1), self.regions(state)[0]
        return float(np.linalg.eigvalsh(self._product(u, u, sure))[-1] + self.most[~sure].sum())

    def cross(self, state: _State, angle: float) -> float:
        """The sum of the three cross norms, over θ."""
        sure, u = ~np.any(state.doubtful, axis=1), self.regions(state)
        norms = (np.linalg.norm(self._product(u[a], u[b], sure), 2) for a, b in ((0, 1), (0, 2), (1, 2)))
        return float(sum(norms) + self.most[~sure].sum() / 3) / angle

    def beta(self, state: _State, angle: float) -> float:
        """λ_max of A_{w,−w*}, over θ."""
        sure, u = ~np.any(state.doubtful & ~self.taught, axis=1), self.regions(state)[1]
        return float(np.linalg.eigvalsh(self._product(u, u, sure))[-1] + self.outside[~sure].sum()) / angle

    def _product(self, u: np.ndarray, v: np.ndarray, sure: np.ndarray) -> Float[np.ndarray, "p p"]:
        return (u * (self.sample.weights * sure)[:, None]).T @ v

    def node(self, value: Callable[[_State, float], float], box: _Box, quotient: bool) -> Node:
        """A node of the search: its bound, and the value in its middle unless rounding leaves that in doubt."""
        angle = math.sqrt(box.low * box.high) if quotient else (box.low + box.high) / 2
        here = self.state(_Box(angle, angle, Cap(box.cap.low, box.cap.high, box.cap.centre, 0.0)))
        attained = -math.inf if np.any(here.doubtful) else value(here, angle)
        return Node(
            bound=max(attained, value(self.state(box), box.low)),
            value=attained,
            split=lambda: (self.node(value, part, quotient) for part in box.split(quotient)),
        )


def searched_brackets(sample: Sample, angle: float, least_angle: float, budget: int) -> Brackets:
    """The constants of a sample at φ = ``angle``, in any dimension, from at most ``budget`` boxes for each."""
    search = _Search(sample)
    sphere = Cap.sphere(sample.shape[2] - 1)
    # Before the first patch can go over there are no cross terms, and nothing is in S(w,−w*).
    entry = np.arctan2(np.abs(sample.first), search.reach)
    first = max(least_angle, float(entry.min()) * (1 - NEAR))
    low, high = np.zeros(4), np.zeros(4)
    for row, value in enumerate((search.gamma, search.largest, search.cross, search.beta)):
        quotient = row >= 2
        if quotient and first >= angle:
            continue
        if quotient and first == 0:
            high[row] = math.inf
            continue
        root = search.node(value, _Box(first if quotient else 0.0, angle, sphere), quotient)
        slack = sample.rounding * (1, 1, 3, 1)[row] / (first if quotient else 1.0)
        attained, bound = maximise(root, budget)
        low[row], high[row] = attained - slack, bound + slack
    return brackets_of(angle, least_angle, low, high)
