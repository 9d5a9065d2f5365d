"""Patches of unit norm around a common direction: how closely they agree is a parameter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.distributions.mixture import AngularMixture


@dataclass(frozen=True)
class ClosePatches:
    r"""k patches of unit norm around a common direction, which has a law of its own.

        Zᵢ = cos aᵢ · c + sin aᵢ · vᵢ,   c = z/‖z‖ with z from ``law``,   aᵢ = ρ Uᵢ,   vᵢ uniform on the sphere ⟂ c

    Uᵢ is uniform on [0, 1], and all of Uᵢ, vᵢ are independent of each other and of c. So ∠(Zᵢ, c) ≤ ρ always, its mean
    is ρ/2, and ρ = 0 is one neuron repeated k times. The same ``rng`` gives the same c, Uᵢ and vᵢ for every ρ. Two
    patches are up to 2ρ apart, and ∠(Zᵢ, Z_avg), which Theorem 3.3 is about, may exceed ρ; but
    E[Zᵢ | c] = (sin ρ/ρ) c. :func:`around` gives the patches of known centres. Source: Du, Lee & Tian (2018), after
    Theorem 3.3 and the experiment of Figure 3b.

    Parameters
    ----------
    dim
        p, at least 2.
    k
        Patches, at least 1.
    spread
        σ of ``AngularMixture(dim, spread)``, the law of the centre if no other is given.
    closeness
        ρ in radians, from 0 to π.
    law
        Any other law of one patch in p dimensions; then ``spread`` is its own, or None.

    Raises
    ------
    BadInput
        If a number is out of range, or ``law`` has other dimensions or another spread.

    Examples
    --------
    >>> law = ClosePatches(dim=5, k=4, spread=0.5, closeness=0.1)
    >>> z = law.sample(1000, rng=np.random.default_rng(0))
    >>> z.shape, bool(np.max(np.linalg.norm(z[:, 0] - z[:, 1], axis=1)) < 0.2), law.label
    ((1000, 4, 5), True, 'close(mixture(0.5),4,0.1)')
    """

    dim: int
    k: int
    spread: float | None
    closeness: float
    law: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", checks.integer("dim", self.dim, least=2))
        object.__setattr__(self, "k", checks.integer("k", self.k, least=1))
        object.__setattr__(self, "closeness", _turn(self.closeness))
        law = self.law
        if law is None:
            law = AngularMixture(self.dim, checks.positive("spread", self.spread, infinite=True))
        if getattr(law, "dim", None) != self.dim:
            raise checks.refuse("law", getattr(law, "label", type(law).__name__), f"a law in {self.dim} dimensions")
        spread = getattr(law, "spread", None)
        if self.spread not in (None, spread):
            raise checks.refuse("spread", self.spread, f"{spread}, as the law's own is, or None")
        object.__setattr__(self, "spread", spread)
        object.__setattr__(self, "law", law)

    @property
    def label(self) -> str:
        """A short name for tables: the centre's law, k and ρ, without the dimension."""
        return f"close({self.law.label},{self.k},{self.closeness:g})"

    def centres(self, n: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
        """n independent centres c = z/‖z‖.

        Raises
        ------
        BadInput
            If the law drew the zero vector, which has no direction.
        """
        drawn = self.law.sample(checks.integer("n", n, least=0), rng=rng)
        norms = np.linalg.norm(drawn, axis=1, keepdims=True)
        if not np.all(norms > 0):
            raise checks.refuse("law", self.law.label, "one that never draws the zero vector, which has no direction")
        return drawn / norms

    def sample(self, n: int, *, rng: np.random.Generator, xp: Any = np) -> Float[Any, "n k p"]:
        """n independent sets of patches: those of :func:`around` about the ``centres`` drawn first."""
        return xp.asarray(around(self.centres(n, rng=rng), self.k, self.closeness, rng=rng))


def around(
    centres: Float[np.ndarray, "n p"], k: int, closeness: float, *, rng: np.random.Generator
) -> Float[np.ndarray, "n k p"]:
    """k patches around each centre c, a unit vector: c turned by ρU, U uniform on [0, 1], in a uniform direction ⟂ c.

    Raises
    ------
    BadInput
        If a centre is not a unit vector, k is below 1, or ρ is not in [0, π].

    Examples
    --------
    >>> around(np.array([[0.0, 1.0]]), k=3, closeness=0.0, rng=np.random.default_rng(0)).tolist()
    [[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]]
    """
    centres = checks.array("centres", centres, np, ndim=(2,))
    n, p = centres.shape
    lengths = np.linalg.norm(centres, axis=1)
    # Rounding of a sum of p squares, twice: here, and where the caller made them.
    if not np.allclose(lengths, 1, rtol=0, atol=4 * p * np.finfo(centres.dtype).eps):
        raise checks.refuse("centres", "an array with a row not of norm 1", "unit vectors")
    k = checks.integer("k", k, least=1)
    angle = _turn(closeness) * rng.random((n, k))
    # Uniform on the sphere ⟂ e1, then taken to that ⟂ c by the reflection I − uuᵀ/(1 + |c₁|), u = c + sign(c₁) e1,
    # in which nothing cancels, whatever c is. Done in place: two arrays of the result's size are the most there is.
    z = rng.standard_normal((n, k, p))
    z[:, :, 0] = 0.0
    z *= (np.sin(angle) / np.linalg.norm(z, axis=2))[:, :, None]
    normal = centres.copy()
    normal[:, 0] += np.copysign(1.0, centres[:, 0])
    across = np.einsum("nkp,np->nk", z, normal) / (1 + np.abs(centres[:, :1]))
    z -= across[:, :, None] * normal[:, None, :]
    z += np.cos(angle)[:, :, None] * centres[:, None, :]
    return z


def _turn(closeness: Any) -> float:
    result = checks.finite("closeness", closeness)
    if not 0 <= result <= math.pi:
        raise checks.refuse("closeness", result, "between 0 and π, in radians")
    return result
