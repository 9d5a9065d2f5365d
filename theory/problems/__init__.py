"""Named instances that claims, tests and benchmarks share."""

from theory.problems.images import digits, load, read_idx
from theory.problems.laws import DIMENSIONS, crossed_pairs, filter_law, law
from theory.problems.starts import (
    ball_chance,
    ball_chance_bounds,
    below_zero,
    beside,
    disc,
    half_disc,
    in_ball,
    near_teacher,
    teacher,
)

__all__ = [
    "DIMENSIONS",
    "ball_chance",
    "ball_chance_bounds",
    "below_zero",
    "beside",
    "crossed_pairs",
    "digits",
    "disc",
    "filter_law",
    "half_disc",
    "in_ball",
    "law",
    "load",
    "near_teacher",
    "read_idx",
    "teacher",
]
