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
from theory.problems.kernel_file import read_kernels
from theory.problems.known_kernels import known_kernels
from theory.problems.laws import DIMENSIONS, crossed_pairs, filter_law, law
from theory.problems.pictures import picture
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
from theory.problems.textures import photograph, spectrum, textures, whitened

__all__ = [
    "DIMENSIONS",
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
    "known_kernels",
    "law",
    "load",
    "near_teacher",
    "patch_moment",
    "photograph",
    "picture",
    "read_idx",
    "read_kernels",
    "segment",
    "spectrum",
    "teacher",
    "textures",
    "whitened",
]
