r"""Which theorems cover a sample, up to which angle φ, with which step, in how many steps.

The sample is taken as a law of its own, so that every constant is certified. The quotients by θ, β and L_cross, are
divided by max(θ, ε) with ε the relative accuracy asked for: that is all that the proofs need until ‖w − w*‖ ≤ ε‖w*‖
(:mod:`theory.closeness.margins`). With φ₀ = φ, γ' = γ(φ) − 6 L_cross (γ for one neuron) and Λ = L + 10 L_cross + 4β,

    η = γ'/(2Λ²),   ‖w_{t+1} − w*‖² ≤ (1 − ηγ'/2) ‖w_t − w*‖²,   T = ⌈2 ln(sin φ/ε) / −ln(1 − ηγ'/2)⌉

and the same with the best step and the factor of the proof itself, 1 − γ'²/Λ².

Source: Du, Lee & Tian (2018), Theorems 2.2, 3.1, 3.3 and 4.1 (its number from memory).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory.closeness import (
    band_bounds,
    closeness,
    closeness_of,
    cross_bounds,
    sample_gamma_bound,
    sample_margin,
)
from theory.problems import ball_chance, ball_chance_bounds
from theory.smoothness import Bracket, smoothness

ANGLES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.9, 1.2)
"""φ at which the constants are bracketed, if the caller names none; and that of ``wide``."""


def wide(p: int) -> float:
    """φ = arccos(½/√(2πp)), at which half of the largest radius that Theorem 4.1 allows is enough: P ≥ ¼."""
    return math.acos(0.5 / math.sqrt(2 * math.pi * p))


FLAT = 1e-12
"""γ below this share of L is 0 but for rounding."""

TOO_FLAT = (
    "γ is 0 but for rounding: the patches span too few dimensions; give their coordinates in those that they span"
)
NOT_ENOUGH = "γ may be 0: take more samples, a smaller angle, or a larger budget"


@dataclass(frozen=True)
class Constants:
    """Certified brackets at φ; β and L_cross over max(θ, ε), μ from ε on."""

    angle: float
    gamma: Bracket
    L: Bracket
    beta: Bracket
    cross: Bracket
    mu: Bracket
    closeness: float
    gamma_bound: float

    @property
    def margin(self) -> float:
        """γ − 6 L_cross from the safe ends, which Theorem 3.1, and for L_cross = 0 Theorem 2.2, needs above 0."""
        return self.gamma.lower - 6 * self.cross.upper

    @property
    def lipschitz(self) -> float:
        """L + 10 L_cross + 4β from the safe ends."""
        return self.L.upper + 10 * self.cross.upper + 4 * self.beta.upper

    @property
    def step(self) -> float:
        """The step that the theorem prescribes; 0 where it prescribes none."""
        return max(0.0, self.margin) / (2 * self.lipschitz**2)

    @property
    def contraction(self) -> float:
        """What a step takes off ‖w − w*‖², as a fraction of it: ηγ'/2."""
        return self.step * max(0.0, self.margin) / 2

    def steps(self, accuracy: float) -> float:
        """T from ‖w₀ − w*‖ = sin φ ‖w*‖ to ε‖w*‖; infinite where nothing is promised."""
        return steps_to(accuracy, math.sin(self.angle), self.contraction)


def steps_to(accuracy: float, distance: float, contraction: float) -> float:
    """The least T with (1 − c)^T d² ≤ ε², c the contraction; infinite for none.

    >>> steps_to(0.01, 1.0, 0.5), steps_to(0.01, 0.5, 0.0)
    (14.0, inf)
    """
    if distance <= accuracy:
        return 0.0
    if contraction <= 0:
        return math.inf
    return float(math.ceil(2 * math.log(distance / accuracy) / -math.log1p(-contraction)))


def constants(
    z: Float[np.ndarray, "n k p"], w_star: Float[np.ndarray, " p"], angle: float, accuracy: float, budget: int
) -> Constants:
    """The brackets of one sample at φ = ``angle`` > ε = ``accuracy``, from at most ``budget`` boxes for each."""
    k, options = z.shape[1], dict[str, Any](teacher=w_star, least_angle=accuracy)
    bounds = band_bounds(z, angle, **options)
    if k == 1:
        one = smoothness(z[:, 0, :], angle, budget=budget, **options)
        gamma, L, cross = one.gamma, one.L, Bracket(0.0, 0.0)
        # S(w,−w*) grows with θ along a plane: below ε the supremum over max(θ, ε) is that at ε.
        beta = Bracket(one.beta.lower, min(one.beta.upper, bounds.beta))
    else:
        found = closeness(z, angle, budget=budget, **options)
        gamma, L = found.gamma, found.L
        cross = _tightened(found.cross, bounds.cross, bounds.cross_near)
        beta = _tightened(found.beta, bounds.beta, bounds.beta_near)
    directed = np.all(np.any(z != 0, axis=2), axis=1) & np.any(z.mean(axis=1) != 0, axis=1)
    rho = closeness_of(z) if directed.all() else math.nan
    close = 0.0 if math.isnan(rho) else sample_gamma_bound(z, angle, rho, teacher=w_star)
    mu = sample_margin(z, angle, **options)
    return Constants(angle, gamma, L, beta, cross, mu, rho, close)


def _tightened(searched: Bracket, over: float, near: float) -> Bracket:
    """Over θ ≥ ε from a search or from the order of the sample, whichever is less; below ε from the order alone."""
    return Bracket(searched.lower, min(over, max(searched.upper, near)))


def covered(found: Sequence[Constants]) -> Constants | None:
    """The constants at the largest angle at which Theorem 2.2, or 3.1, certainly covers the sample."""
    return max((each for each in found if each.step > 0), key=lambda each: each.angle, default=None)


def practical(found: Sequence[Constants], accuracy: float, limit: int) -> Constants | None:
    """Those at the largest covered angle from which the promised steps are within the limit; else at the smallest."""
    sure = sorted((each for each in found if each.step > 0), key=lambda each: each.angle)
    short = [each for each in sure if each.steps(accuracy) <= limit]
    return short[-1] if short else next(iter(sure), None)


@dataclass(frozen=True)
class Coverage:
    """What a theorem says about a sample: whether it covers it, up to which angle, why not, and its figures."""

    theorem: str
    title: str
    covers: bool
    angle: float | None
    why: str
    figures: dict[str, Any]


def theorems(
    found: Sequence[Constants], shape: tuple[int, int, int], reach: float, accuracy: float, realizable: bool
) -> list[Coverage]:
    """Every theorem, in the order of the paper; ``reach`` is the largest ‖Zᵢ‖."""
    _, k, p = shape
    best = covered(found) if realizable else None
    return [rate(found, k, accuracy, realizable), *([_close(found, k, reach)] if k > 1 else []), _random_start(best, p)]


def rate(found: Sequence[Constants], k: int, accuracy: float, realizable: bool) -> Coverage:
    """Theorem 2.2 for one neuron, 3.1 for a filter."""
    best = covered(found) if realizable else None
    number, title = ("2.2", "linear rate of one neuron") if k == 1 else ("3.1", "linear rate of a filter")
    at = best or min(found, key=lambda each: each.angle)
    figures = {"γ'": at.margin, "at φ": at.angle}
    if best:
        figures |= {"step": best.step, "contraction": best.contraction, "steps": best.steps(accuracy)}
        return Coverage(number, title, True, best.angle, f"γ' = {best.margin:.3g} > 0", figures)
    if not realizable:
        why = "the labels are not those of the filter, so w* is no zero of the loss"
    elif at.gamma.upper <= FLAT * at.L.upper:
        why = TOO_FLAT
    elif at.gamma.upper <= 6 * at.cross.lower:
        why = f"γ ≤ {at.gamma.upper:.3g} is not above 6 L_cross ≥ {6 * at.cross.lower:.3g}, for certain"
    elif at.gamma.lower > 0:
        why = f"γ ≥ {at.gamma.lower:.3g}, but 6 L_cross may be {6 * at.cross.upper:.3g}: a larger budget may tell"
    else:
        why = NOT_ENOUGH
    return Coverage(number, title, False, None, why, figures)


def _close(found: Sequence[Constants], k: int, reach: float) -> Coverage:
    """Theorem 3.3: its two bounds; patches of norm ≤ R instead of 1, so that L_cross ≤ 3μR²."""
    title = "closeness of patches"
    if math.isnan(found[0].closeness):
        return Coverage("3.3", title, False, None, "a patch, or the average of some, is zero: no angle ρ", {})
    said = [each for each in found if each.gamma_bound > 0]
    at = max(said, key=lambda each: each.angle) if said else min(found, key=lambda each: each.angle)
    paper, sharp = (bound * reach**2 for bound in cross_bounds(at.mu.upper, k))
    figures = {
        "ρ": at.closeness,
        "margin of φ + ρ < π/2": math.pi / 2 - at.angle - at.closeness,
        "at φ": at.angle,
        "γ at least": at.gamma_bound,
        "L_cross at most": paper,
        "L_cross at most, sharper": sharp,
    }
    if not said:
        return Coverage("3.3", title, False, None, "part (i) bounds γ by 0: no patches close enough to w*", figures)
    enough = "which gives Theorem 3.1" if at.gamma_bound > 6 * sharp else "too little for Theorem 3.1 by itself"
    return Coverage("3.3", title, True, at.angle, f"γ ≥ {at.gamma_bound:.3g}, {enough}", figures)


def _random_start(best: Constants | None, p: int) -> Coverage:
    """Theorem 4.1: w₀ uniform in the ball of radius α‖w*‖, α = cos φ, is within sin φ ‖w*‖ of w*."""
    title = "random initialisation"
    if best is None:
        return Coverage("4.1", title, False, None, "no rate is guaranteed from anywhere", {})
    alpha = math.cos(best.angle)
    paper, sharp = ball_chance_bounds(p, alpha)
    exact = ball_chance(p, alpha)
    figures = {
        "α = cos φ": alpha,
        "margin of α ≤ 1/√(2πp)": 1 - alpha * math.sqrt(2 * math.pi * p),
        "chance, the paper's bound": max(0.0, paper),
        "chance, its sharp form": max(0.0, sharp),
        "chance": exact,
        "starts for 99 %": float(math.ceil(math.log(0.01) / math.log1p(-exact))) if exact > 1e-300 else math.inf,
    }
    if paper > 0:
        return Coverage("4.1", title, True, best.angle, f"a start is good with probability ≥ {paper:.3g}", figures)
    why = f"φ = {best.angle:g} is too small for its radius; the exact chance is {exact:.3g}"
    return Coverage("4.1", title, False, None, why, figures)
