r"""What a stochastic descent is promised in mean square, E d_{t+1}² ≤ q E d_t² + c, and what its runs make of it.

With d = ‖w − w*‖, while w is where ⟨∇ℓ(w), w − w*⟩ ≥ γ' d², and E g = ∇ℓ(w),

    E[d_{t+1}² | w_t] = d_t² − 2η ⟨∇ℓ, w_t − w*⟩ + η² E‖g_t‖²

and the three forms of :class:`Recursion` are three bounds on E‖g_t‖².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.descent.gradient import Descent
from theory.descent.outcome import Outcome


@dataclass(frozen=True)
class Recursion:
    """x ← q x + c: what bounds E ‖w_t − w*‖² from one step to the next.

    Parameters
    ----------
    factor
        q, not negative.
    added
        c, not negative.

    Raises
    ------
    BadInput
        If one of them is negative: an inequality cannot be multiplied by a negative factor, so where 2ηγ' > 1 the
        theorem's own recursion says nothing.

    Examples
    --------
    >>> rule = Recursion.bounded(eta=0.1, gamma=0.25, bound=1.0)
    >>> round(rule.factor, 3), round(rule.floor, 3), round(float(rule.after(1.0, 1)), 3)
    (0.95, 0.2, 0.96)
    """

    factor: float
    added: float = 0.0

    def __post_init__(self) -> None:
        for name in ("factor", "added"):
            value = checks.finite(name, getattr(self, name))
            if value < 0:
                raise checks.refuse(name, value, "0 or more")
            object.__setattr__(self, name, value)

    @classmethod
    def bounded(cls, eta: float, gamma: float, bound: float) -> Recursion:
        """q = 1 − 2ηγ', c = η²B² where E‖g‖² ≤ B². Source: Du, Lee & Tian (2018), Theorem 3.2."""
        return cls(1 - 2 * eta * gamma, (eta * bound) ** 2)

    @classmethod
    def realizable(cls, eta: float, gamma: float, *, radius: float = 1.0, noise: float = 0.0) -> Recursion:
        """q = 1 − 2ηγ' + η²R⁴, c = η²R²s² for patches with ‖Zᵢ‖ ≤ R and labels with noise of variance s².

        The residual is r = f(w) − f(w*), |r| ≤ R d, and g = (r − noise) u with ‖u‖ ≤ R, so E‖g‖² ≤ R⁴d² + R²s².
        """
        return cls(1 - 2 * eta * gamma + (eta * radius**2) ** 2, (eta * radius * noise) ** 2)

    @classmethod
    def one_neuron(cls, eta: float, gamma: float, *, radius: float = 1.0, noise: float = 0.0) -> Recursion:
        """q = 1 − (2η − η²R²)γ', c = η²R²s² for one patch and η ≤ 2/R².

        Where w·z ≥ 0, r² ≤ r (w − w*)·z: equal where w*·z ≥ 0, and else r = w·z ≤ (w − w*)·z. So ‖g‖² = r²‖z‖² ≤
        R² ⟨g, w − w*⟩, for every single sample: without noise no step ever takes w farther from w*.

        Raises
        ------
        BadInput
            If η is above 2/R².
        """
        if eta * radius**2 > 2:
            raise checks.refuse("eta", eta, "at most 2/R²")
        return cls(1 - (2 * eta - (eta * radius) ** 2) * gamma, (eta * radius * noise) ** 2)

    @property
    def floor(self) -> float:
        """c/(1 − q), to which x tends; infinite for q ≥ 1."""
        if self.added == 0:
            return 0.0
        return self.added / (1 - self.factor) if self.factor < 1 else float("inf")

    def after(self, start: Any, steps: Any) -> Any:
        """X after so many steps from ``start``: q^s x + c (1 + q + … + q^{s−1}). Both may be arrays."""
        power = self.factor ** np.asarray(steps)
        series = np.asarray(steps) if self.factor == 1 else (1 - power) / (1 - self.factor)
        return power * start + self.added * series

    def carried(self, run: Descent) -> Float[np.ndarray, "points runs"]:
        """d_t² of every run at every recorded iteration; for one that left the region at τ, what the bound makes of it.

        From τ on the run counts as the recursion would carry on from d_τ². Then x_T = carry(d_{T∧τ}², T − T∧τ) obeys
        E x_T ≤ q^T d₀² + c (1 + … + q^{T−1}), with nothing assumed about leaving: carry(·, T − t) of d_t² is a
        supermartingale until τ, and constant afterwards. The mean over the runs that stayed obeys no such bound, for it
        is conditioned on what comes later.
        """
        squares = run.distance**2
        for index, outcome in enumerate(run.outcome):
            if outcome in (Outcome.LEFT_REGION, Outcome.DIVERGED, Outcome.CONVERGED):
                late = run.iterations > run.taken[index]
                squares[late, index] = self.after(run.final[index] ** 2, run.iterations[late] - run.taken[index])
        return squares
