"""The constants of the filter's theorem for patches: ρ, μ, γ(φ), L(φ), β(φ) and L_cross(φ).

For a sample in the plane they are exact (:class:`Curve`), in more dimensions certified (:func:`certified_constants`);
for a law that no rotation about the teacher alters they come with confidence limits (:func:`estimate_constants`).
"""

from __future__ import annotations

from theory.closeness.bounds import (
    averages_within,
    closeness_of,
    cross_bounds,
    gamma_bound,
    gamma_bound_estimate,
    half_space_estimate,
    half_space_moment,
    margin_of,
)
from theory.closeness.brackets import certified_constants
from theory.closeness.constants import CROSS, NORM, PROOF, Curve, exact_constants
from theory.closeness.law import Estimate, Estimates, estimate_constants, least_moment
from theory.closeness.sweep import Patches, sweep

__all__ = [
    "CROSS",
    "NORM",
    "PROOF",
    "Curve",
    "Estimate",
    "Estimates",
    "Patches",
    "averages_within",
    "certified_constants",
    "closeness_of",
    "cross_bounds",
    "estimate_constants",
    "exact_constants",
    "gamma_bound",
    "gamma_bound_estimate",
    "half_space_estimate",
    "half_space_moment",
    "least_moment",
    "margin_of",
    "sweep",
]
