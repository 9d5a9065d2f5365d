"""Gradient descent, batched over runs: one loop, any objective, any step rule."""

from theory.descent.gradient import Descent, descend
from theory.descent.outcome import Outcome
from theory.descent.records import guaranteed, least, tidy
from theory.descent.steps import Admissible, Constant, Progress, Scaled, Schedule, StepRule

__all__ = [
    "Admissible",
    "Constant",
    "Descent",
    "Outcome",
    "Progress",
    "Scaled",
    "Schedule",
    "StepRule",
    "descend",
    "guaranteed",
    "least",
    "tidy",
]
