"""Laws of the input, with exact region moments where they exist."""

from theory.distributions.atoms import Atoms
from theory.distributions.axial import AxisSymmetric, RegionMoments
from theory.distributions.close import ClosePatches
from theory.distributions.close_moments import plane_moments, tilt_of
from theory.distributions.close_tables import close_table, forget_close_tables
from theory.distributions.isotropic import Gaussian, UniformSphere
from theory.distributions.mixture import AngularMixture
from theory.distributions.patches import GaussianImages, ImagePatches, PatchGrid
from theory.distributions.watson import Watson

__all__ = [
    "AngularMixture",
    "Atoms",
    "AxisSymmetric",
    "ClosePatches",
    "Gaussian",
    "GaussianImages",
    "ImagePatches",
    "PatchGrid",
    "RegionMoments",
    "UniformSphere",
    "Watson",
    "close_table",
    "forget_close_tables",
    "plane_moments",
    "tilt_of",
]
