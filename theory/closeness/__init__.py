"""The constants of Theorems 3.1 and 3.3 for patches that share a filter."""

from __future__ import annotations

from typing import Any

from theory import checks
from theory.closeness.exact import FACTORS, Constants, Curve, exact_constants, law_curve
from theory.closeness.sample import Brackets, Sample, plane_brackets, sample_curve
from theory.distributions import ClosePatches

__all__ = ["FACTORS", "Brackets", "Constants", "Curve", "closeness", "curve"]


def closeness(law: Any, angle: float, *, teacher: Any = None, **options: Any) -> Constants | Brackets:
    phi = checks.angle("angle", angle)
    if isinstance(law, ClosePatches):
        return exact_constants(law, phi, teacher=teacher)
    return plane_brackets(Sample.of(law, teacher, options.pop("weights", None)), phi, **options)


def curve(law: Any, *, teacher: Any = None, weights: Any = None) -> Curve:
    if isinstance(law, ClosePatches):
        return law_curve(law, teacher)
    return sample_curve(Sample.of(law, teacher, weights))
