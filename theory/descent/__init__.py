"""Gradient descent, batched over runs: one loop, any objective, any step rule."""

from theory.descent.adam import adam
from theory.descent.angles import Adam, DoubleAngle, HeavyBall, inward, turn
from theory.descent.gradient import Descent, descend
from theory.descent.lbfgs import Ending, Minimum, minimise
from theory.descent.meansquare import Recursion
from theory.descent.outcome import Outcome
from theory.descent.projection import Projection, Reduced, project
from theory.descent.records import guaranteed, least, tidy
from theory.descent.remedies import REMEDIES, Task
from theory.descent.steps import Admissible, Along, Constant, Prescribed, Progress, Scaled, Schedule, StepRule
from theory.descent.stochastic import descend_stochastically
from theory.descent.transient import Transient, transient

__all__ = [
    "REMEDIES",
    "Adam",
    "Admissible",
    "Along",
    "Constant",
    "Descent",
    "DoubleAngle",
    "Ending",
    "HeavyBall",
    "Minimum",
    "Outcome",
    "Prescribed",
    "Progress",
    "Projection",
    "Recursion",
    "Reduced",
    "Scaled",
    "Schedule",
    "StepRule",
    "Task",
    "Transient",
    "adam",
    "descend",
    "descend_stochastically",
    "guaranteed",
    "inward",
    "least",
    "minimise",
    "project",
    "tidy",
    "transient",
    "turn",
]
