r"""Many steps of descent at once, while ℓ is a quadratic: ∇ℓ(w* + Δ) = HΔ + r, H = V diag(λ) Vᵀ, the step η constant.

With ρ = 1 − ηλ, φ_m = (1 − ρᵐ)/λ, δ = VᵀΔ at the beginning of the leap and g = λδ + Vᵀr the gradient there, each
coordinate goes its own way,

    δ_m = ρᵐ δ − φ_m Vᵀr = δ − φ_m g,   g_m = ρᵐ g

For 0 ≤ ρ ≤ 1 the φ_m grow with m: δ_m moves one way, and no iterate of the leap is farther from δ than the last. For
−1 ≤ ρ < 0 it goes to and fro about f = −Vᵀr/λ, by |ρ|ᵐ a with a = g/λ = δ − f: even m come back from δ and odd ones
from δ₁ = δ − ηg, so that every iterate lies between those two, none is farther from δ than δ₁, as 0 ≤ φ_m ≤ φ₁ = η,
and the distance of δ_m from 0 is at least | |f| − |ρ|ⁱ |a| | of an i ≤ m: at least |a||ρ|ᵐ − |f|, and |f| − |a|. In
both cases |g_m| only falls. So for all m steps, where 0 ≤ ηλ ≤ 2 for every λ,

    ‖w_i − w‖ ≤ ‖top g‖,  top = φ_m or η       ‖w_i − w*‖ ≤ ‖max |δ|‖ at both ends, and ≥ ‖what is left of |δ|‖

and all of these bounds get worse with m alone: the longest leap that keeps within them is found by bisection. Where
ηλ > 2, a coordinate grows without end, and there is no leap: such a filter leaves its quadratic soon, or diverges, and
it is followed step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

CERTAIN, EXACT = 1 + 1e-6, 1e-7
"""A bound of a leap is kept by this factor: rounding errs by p ε m, relatively, which is kept below ``EXACT``, and by
p ε λ_max/λ_min. An eigenvalue errs by p ε λ_max: a ρ of −1 may be one of −1 − 2pε, which grows by
2 ``EXACT`` in as many steps."""


class Bounds(NamedTuple):
    """What a leap must not pass: how far w may go, ‖w − w*‖ from below and above, and ‖∇ℓ‖ from below."""

    room: float
    near: float
    region: float
    still: float


@dataclass(frozen=True)
class Quadratic:
    """Descent with the step η on ½ ΔᵀHΔ + r·Δ, in the coordinates of H's eigenvectors."""

    eta: float
    values: Float[np.ndarray, " p"]
    vectors: Float[np.ndarray, "p p"]
    delta: Float[np.ndarray, " p"]
    r: Float[np.ndarray, " p"]

    @classmethod
    def of(cls, known: Any, eta: float) -> Quadratic:
        """That of a pattern."""
        values, vectors = np.linalg.eigh(known.H)
        return cls(eta, np.maximum(values, 0.0), vectors, (known.w - known.teacher) @ vectors, known.r @ vectors)

    @property
    def stable(self) -> bool:
        """Whether no coordinate grows: ηλ ≤ 2."""
        return bool(self.eta * self.values[-1] <= 2)

    @property
    def gradient(self) -> Float[np.ndarray, " p"]:
        """∇ℓ(w_t)."""
        return self.values * self.delta + self.r

    @property
    def turning(self) -> Any:
        """Which coordinates go to and fro: ρ < 0."""
        return self.eta * self.values > 1

    def powers(self, m: Any) -> tuple[Any, Any]:
        """ρᵐ and φ_m, ηm where λ is 0."""
        x, back = self.eta * self.values, self.turning & (m % 2 == 1)
        with np.errstate(divide="ignore"):
            # ρ = 0 has no logarithm; any power but the 0th of so small a number is 0.
            log = np.maximum(np.where(self.turning, np.log(np.abs(x - 1)), np.log1p(-np.minimum(x, 1.0))), -1e300)
        flat, size = self.values == 0, np.exp(m * log)
        fallen = np.where(back, 1 + size, -np.expm1(m * log))
        return np.where(back, -size, size), np.where(flat, self.eta * m, fallen / np.where(flat, 1.0, self.values))

    def at(self, m: Any) -> Any:
        """Vᵀ(w_{t+m} − w*)."""
        power, total = self.powers(m)
        return power * self.delta - total * self.r

    def far(self, m: Any) -> Any:
        """A distance from w_t that no iterate before w_{t+m}, nor that itself, exceeds."""
        top = np.where(self.turning & (m > 0), self.eta, self.powers(m)[1])
        return np.linalg.norm(top * self.gradient, axis=-1)

    def between(self, m: Any) -> tuple[Any, Any]:
        """|δ| from below and above, of every iterate up to w_{t+m}."""
        ends, later = np.abs(self.delta), self.at(m)
        low = np.where(self.delta * later > 0, np.minimum(ends, np.abs(later)), 0.0)
        scale = np.where(self.turning, self.values, 1.0)
        # f and a of coordinates that go to and fro, where λ > 1/η.
        middle, size = np.abs(self.r / scale), np.abs(self.gradient / scale)
        left = np.abs(self.powers(m)[0]) * size
        swinging = np.maximum(left / CERTAIN - middle * CERTAIN, middle / CERTAIN - size * CERTAIN)
        high = np.where(self.turning, np.maximum(ends, np.abs(self.at(1))), np.maximum(ends, np.abs(later)))
        return np.where(self.turning, np.maximum(swinging, 0.0), low), high

    def fits(self, m: Int[np.ndarray, " many"], bounds: Bounds) -> Any:
        """Whether it is certain of the first m steps that they keep within the bounds."""
        m = m[:, None]
        low, high = self.between(m)
        slope = np.linalg.norm(self.powers(m)[0] * self.gradient, axis=1)
        return (
            (self.far(m) * CERTAIN < bounds.room)
            & (np.linalg.norm(low, axis=1) > CERTAIN * bounds.near)
            & (np.linalg.norm(high, axis=1) * CERTAIN < bounds.region)
            & (slope > CERTAIN * bounds.still)
        )

    def longest(self, most: int, bounds: Bounds) -> int:
        """The largest m ≤ most that fits; larger ones than one that does not fit do not fit either."""
        low, high = 0, most + 1
        while high - low > 1:
            m = np.unique(np.geomspace(max(1, low), high, 66).astype(np.int64)[1:-1].clip(low + 1, high - 1))
            fits = self.fits(m, bounds)
            last = int(np.argmin(fits)) if not fits.all() else m.size
            low, high = (int(m[last - 1]) if last else low), (int(m[last]) if last < m.size else high)
        return low
