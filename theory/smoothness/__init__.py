"""The constants γ(φ), L(φ), β of the one-neuron theorem: exact for a law, certified brackets for a sample."""

from __future__ import annotations

from typing import Any, overload

from theory import checks
from theory.distributions import Atoms, AxisSymmetric
from theory.smoothness.brackets import Bracket, Brackets, bracket_constants
from theory.smoothness.exact import Constants, Curve, exact_constants, largest_half, least_eigenvalue
from theory.smoothness.sampled import sampled_wedge_energy, wedge_energy

__all__ = [
    "Bracket",
    "Brackets",
    "Constants",
    "Curve",
    "largest_half",
    "least_eigenvalue",
    "sampled_wedge_energy",
    "smoothness",
    "wedge_energy",
]


@overload
def smoothness(law: AxisSymmetric, angle: float, *, teacher: Any = None) -> Constants: ...
@overload
def smoothness(law: Any, angle: float, *, teacher: Any = None, **options: Any) -> Brackets: ...
def smoothness(law: Any, angle: float, *, teacher: Any = None, **options: Any) -> Constants | Brackets:
    r"""γ(φ), L(φ) and β(φ) of the input, and the step they allow, at φ = ``angle``.

        γ(φ) = min_{θ ≤ φ} λ_min(A_{w,w*})
        L(φ) = max_{θ ≤ φ} λ_max(A_{w,w*})
        β(φ) = sup_{0 < θ ≤ φ} λ_max(A_{w,−w*})/θ

    where θ = ∠(w, w*). Source: Du, Lee & Tian (2018), Section 2.

    Parameters
    ----------
    law
        An axis-symmetric law (the teacher is along its axis): the constants are exact. Or points of shape (n, p), or
        ``Atoms``: certified brackets for that sample, see :func:`theory.smoothness.brackets.bracket_constants`.
    angle
        φ in radians, strictly between 0 and π/2.
    teacher
        w*, needed with points; with an axis-symmetric law it must be along its axis.
    options
        For points only: ``budget`` and ``least_angle`` of ``bracket_constants``.

    Raises
    ------
    BadInput
        If an argument is out of its range, or the teacher is not along the axis of the law.

    Examples
    --------
    >>> from theory.distributions import UniformSphere
    >>> smoothness(UniformSphere(dim=4), angle=1.0).L
    0.125
    """
    phi = checks.angle("angle", angle)
    if isinstance(law, AxisSymmetric):
        if teacher is not None:
            checks.along(law, teacher)
        if options:
            raise checks.refuse("options", sorted(options), "left out: the constants of a law are exact")
        return exact_constants(law, phi)
    if teacher is None:
        raise checks.refuse("teacher", None, "given with points: the vector w* of as many numbers as a point")
    points, weights = (law.points, law.weights) if isinstance(law, Atoms) else (law, None)
    return bracket_constants(points, phi, teacher, weights=weights, **options)
