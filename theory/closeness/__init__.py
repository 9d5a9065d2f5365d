"""The constants of Theorems 3.1 and 3.3 for k patches that share a filter: γ(φ), L(φ), L_cross(φ), β(φ), ρ and μ.

With U = (u_{++}, u_{+−}, u_{−+}), u_{ab} = (1/k) Σᵢ Zᵢ 1{Zᵢ ∈ S(aw, bw*)} and θ = ∠(w, w*):

    γ(φ) = min_{θ≤φ} λ_min(E[u_{++}u_{++}ᵀ]),   L(φ) = max_{θ≤φ} λ_max(E[u_{++}u_{++}ᵀ])
    β(φ) = sup_{0<θ≤φ} λ_max(E[u_{+−}u_{+−}ᵀ])/θ
    L_cross(φ) = sup_{0<θ≤φ} (‖E[u_{++}u_{+−}ᵀ]‖ + ‖E[u_{++}u_{−+}ᵀ]‖ + ‖E[u_{+−}u_{−+}ᵀ]‖)/θ

Which of them are known how well:

* **Exact**, to rounding: all four and μ for ``ClosePatches`` in the plane, for any teacher (``closeness``, ``curve``,
  ``margin_of``); the bound of Theorem 3.3 (i) on γ for ``ClosePatches`` in any dimension (``gamma_bound``).
* **Certified** for a sample, whatever it is: all four, in the plane as narrow as rounding allows (``closeness``,
  ``curve``), in more dimensions as narrow as the budget of a search leaves them (``closeness``); ρ, μ
  and the bound of Theorem 3.3 (i) in any dimension (``closeness_of``, ``sample_margin``, ``sample_gamma_bound``), and
  bounds on L_cross and β from above that need no search (``band_bounds``).
* **Certain brackets** for the law of ``GaussianImages`` and any teacher (``closeness``): all four. They are exact for
  one patch; without overlap γ and L are, and β and L_cross to the grid of θ on which their suprema are bounded.
* **At a stated confidence**, for every θ ≤ φ at once: all four and μ for ``ClosePatches`` in any dimension around an
  axis of symmetry along w* (``estimated``), the quotients by θ from a least angle on.

Source: Du, Lee & Tian (2018), Section 3.
"""

from __future__ import annotations

from typing import Any, overload

from theory import checks
from theory.closeness.bounds import (
    closeness_bound,
    closeness_of,
    cross_bounds,
    gamma_bound,
    margin_of,
    sample_gamma_bound,
)
from theory.closeness.confident import estimated
from theory.closeness.exact import FACTORS, Constants, Curve, exact_constants, law_curve
from theory.closeness.gaussian import gaussian_brackets
from theory.closeness.margins import BandBounds, band_bounds, sample_margin
from theory.closeness.sample import Brackets, Sample, plane_brackets, sample_curve
from theory.closeness.searched import searched_brackets
from theory.distributions import ClosePatches, GaussianImages, PatchGrid
from theory.smoothness.caps import BUDGET

__all__ = [
    "FACTORS",
    "BandBounds",
    "Brackets",
    "Constants",
    "Curve",
    "band_bounds",
    "closeness",
    "closeness_bound",
    "closeness_of",
    "cross_bounds",
    "curve",
    "estimated",
    "gamma_bound",
    "margin_of",
    "sample_gamma_bound",
    "sample_margin",
]


@overload
def closeness(law: ClosePatches, angle: float, *, teacher: Any = None) -> Constants: ...
@overload
def closeness(law: Any, angle: float, *, teacher: Any = None, **options: Any) -> Brackets: ...
def closeness(law: Any, angle: float, *, teacher: Any = None, **options: Any) -> Constants | Brackets:
    """γ(φ), L(φ), L_cross(φ) and β(φ) of patches at φ = ``angle``, and the step they allow.

    Parameters
    ----------
    law
        ``ClosePatches`` with dim 2 around centres with an axis of symmetry: the constants are exact.
        ``GaussianImages``: brackets that are certain. Or patches of shape (n, k, p): certified brackets for that
        sample, exact but for rounding in the plane.
    angle
        φ in radians, strictly between 0 and π/2.
    teacher
        w*, needed with patches; along the axis of the law if not given. For ``GaussianImages`` the brackets hold
        for every teacher.
    options
        For patches only: ``weights``, the probability of each sample up to a common factor (1/n if not given), and
        ``least_angle``, from where on θ counts in L_cross and β (0, that is all θ > 0, if not given). Over all θ > 0
        those of a sample do not converge as it grows, and are infinite where a patch lies on the hyperplane of w*. And
        ``budget``, in more than two dimensions the boxes examined for each constant.

    Raises
    ------
    BadInput
        If an argument is out of its range, or a law is in more than two dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> found = closeness(np.array([[[1.0, 0.0], [0.0, 1.0]]]), 0.5, teacher=[2.0, 1.0])
    >>> found.L.lower <= 0.5 <= found.L.upper, found.cross.upper < 0.54
    (True, True)
    """
    phi = checks.angle("angle", angle)
    if isinstance(law, ClosePatches):
        if options:
            raise checks.refuse("options", sorted(options), "left out: the constants of a law are exact")
        return exact_constants(law, phi, teacher=teacher)
    if isinstance(law, GaussianImages):
        if options:
            raise checks.refuse("options", sorted(options), "left out: the brackets of a law hold for every θ")
        return gaussian_brackets(law, phi, teacher=teacher)
    known = Sample.of(_patches(law, "ClosePatches, a GaussianImages"), teacher, options.pop("weights", None))
    least = checks.finite("least_angle", options.pop("least_angle", 0.0))
    budget = checks.integer("budget", options.pop("budget", BUDGET), least=1)
    if options:
        raise checks.refuse("options", sorted(options), "among weights, least_angle and budget")
    if not 0 <= least < phi:
        raise checks.refuse("least_angle", least, f"at least 0 and below the angle {phi}")
    if known.shape[2] == 2:
        return plane_brackets(known, phi, least)
    return searched_brackets(known, phi, least, budget)


def curve(law: Any, *, teacher: Any = None, weights: Any = None) -> Curve:
    """The constants of patches in the plane for every φ at once: of ``ClosePatches``, or of patches (n, k, 2).

    No entry is on the unsafe side, so that every step it admits is admissible.

    Raises
    ------
    BadInput
        As for :func:`closeness`.

    Examples
    --------
    >>> law = ClosePatches(dim=2, k=4, spread=0.3, closeness=0.1)
    >>> found = curve(law).at(0.5)
    >>> found.gamma <= closeness(law, 0.5).gamma < 1.001 * found.gamma
    True
    """
    if isinstance(law, ClosePatches):
        return law_curve(law, teacher)
    return sample_curve(Sample.of(_patches(law, "ClosePatches"), teacher, weights))


def _patches(given: Any, laws: str) -> Any:
    if hasattr(given, "sample") or isinstance(given, PatchGrid):
        required = f"a {laws}, or patches of shape (n, k, p); of any other law take a sample"
        raise checks.refuse("law", getattr(given, "label", type(given).__name__), required)
    return given
