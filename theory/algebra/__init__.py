"""Algebra of linear convolutional networks: critical points counted and found, equations of what they express."""

from theory.algebra.architecture import Architecture, architectures
from theory.algebra.certified import Points, random_losses, real_points, sum_of_signs
from theory.algebra.ed_degree import (
    chern_degrees,
    factorizations,
    frobenius_ed_degree,
    generic_ed_degree,
    rank_loss_degree,
)
from theory.algebra.eliminated import count_eliminated
from theory.algebra.groebner import Count, count, fully_connected, problem
from theory.algebra.neurovariety import equations, member, solution_dimension, tangent_dimension
from theory.algebra.programs import Answer, Problem, available, solve

__all__ = [
    "Answer",
    "Architecture",
    "Count",
    "Points",
    "Problem",
    "architectures",
    "available",
    "chern_degrees",
    "count",
    "count_eliminated",
    "equations",
    "factorizations",
    "frobenius_ed_degree",
    "fully_connected",
    "generic_ed_degree",
    "member",
    "problem",
    "random_losses",
    "rank_loss_degree",
    "real_points",
    "solution_dimension",
    "solve",
    "sum_of_signs",
    "tangent_dimension",
]
