"""Named instances that claims, tests and benchmarks share."""

from theory.problems.classes import labels, two_classes
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
from theory.problems.networks import LAM, PRESETS, NetworkProblem, network_problem
from theory.problems.pictures import picture
from theory.problems.separation import SIZES, data_sets, layers, separable, tone
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
from theory.problems.strided_nets import correlated_loss, random_filters, real_rooted
from theory.problems.textures import photograph, spectrum, textures, whitened

__all__ = [
    "DIMENSIONS",
    "LAM",
    "PRESETS",
    "SIZES",
    "NetworkProblem",
    "around",
    "ball_chance",
    "ball_chance_bounds",
    "below_zero",
    "beside",
    "correlated_loss",
    "cosine",
    "crossed_pairs",
    "curvature_along",
    "data_sets",
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
    "labels",
    "law",
    "layers",
    "load",
    "near_teacher",
    "network_problem",
    "patch_moment",
    "photograph",
    "picture",
    "random_filters",
    "read_idx",
    "read_kernels",
    "real_rooted",
    "segment",
    "separable",
    "spectrum",
    "teacher",
    "textures",
    "tone",
    "two_classes",
    "whitened",
]
