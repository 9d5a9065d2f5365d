"""Gradient descent, batched over runs: one loop, any objective, any step rule."""

from theory.descent.angles import Adam, DoubleAngle, HeavyBall, inward, turn
from theory.descent.gradient import Descent, descend
from theory.descent.meansquare import Recursion
from theory.descent.outcome import Outcome
from theory.descent.records import guaranteed, least, tidy
from theory.descent.remedies import REMEDIES, Task
from theory.descent.steps import Admissible, Along, Constant, Prescribed, Progress, Scaled, Schedule, StepRule
from theory.descent.stochastic import descend_stochastically

__all__ = [
    "REMEDIES",
    "Adam",
    "Admissible",
    "Along",
    "Constant",
    "Descent",
    "DoubleAngle",
    "HeavyBall",
    "Outcome",
    "Prescribed",
    "Progress",
    "Recursion",
    "Scaled",
    "Schedule",
    "StepRule",
    "Task",
    "descend",
    "descend_stochastically",
    "guaranteed",
    "inward",
    "least",
    "tidy",
    "turn",
]
