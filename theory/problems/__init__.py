"""Named instances that claims, tests and benchmarks share."""

from theory.problems.filters import (
    around,
    cosine,
    curvature_along,
    directions,
    energy_in_small,
    filter_named,
    gabor,
    image_patches,
    patch_moment,
    segment,
)
from theory.problems.images import digits, load, read_idx
from theory.problems.laws import DIMENSIONS, crossed_pairs, filter_law, law
from theory.problems.networks import LAM, PRESETS, NetworkProblem, network_problem
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
    "LAM",
    "PRESETS",
    "NetworkProblem",
    "around",
    "ball_chance",
    "ball_chance_bounds",
    "below_zero",
    "beside",
    "cosine",
    "crossed_pairs",
    "curvature_along",
    "digits",
    "directions",
    "disc",
    "energy_in_small",
    "filter_law",
    "filter_named",
    "gabor",
    "half_disc",
    "image_patches",
    "in_ball",
    "law",
    "load",
    "near_teacher",
    "network_problem",
    "patch_moment",
    "read_idx",
    "segment",
    "teacher",
]
