"""The Gabor question: losses of a Gabor filter's parameters, their landscape, and what keeps descent from the truth."""

from theory.objectives.gabor.advice import Advice
from theory.objectives.gabor.circle import Circle
from theory.objectives.gabor.cycle import Cycle, cycle, least_jump
from theory.objectives.gabor.diagnose import Diagnosis, central, complex_step, diagnose, gradient_errors
from theory.objectives.gabor.disc import Disc
from theory.objectives.gabor.filter import PARAMETERS, GaborFilter, jacobian, kernels
from theory.objectives.gabor.fit import FITTED, Fits, constant, fit, least_found, threshold
from theory.objectives.gabor.landscape import Landscape, Maximum, Minimum, landscape
from theory.objectives.gabor.loss import LOSSES, GaborLoss
from theory.objectives.gabor.moments import WindowMoments, filtered, of_image, of_images, stationary, white
from theory.objectives.gabor.plane import PlaneLoss

__all__ = [
    "FITTED",
    "LOSSES",
    "PARAMETERS",
    "Advice",
    "Circle",
    "Cycle",
    "Diagnosis",
    "Disc",
    "Fits",
    "GaborFilter",
    "GaborLoss",
    "Landscape",
    "Maximum",
    "Minimum",
    "PlaneLoss",
    "WindowMoments",
    "central",
    "complex_step",
    "constant",
    "cycle",
    "diagnose",
    "filtered",
    "fit",
    "gradient_errors",
    "jacobian",
    "kernels",
    "landscape",
    "least_found",
    "least_jump",
    "of_image",
    "of_images",
    "stationary",
    "threshold",
    "white",
]
