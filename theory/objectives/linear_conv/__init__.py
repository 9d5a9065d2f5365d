"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.factors import peel, splits, stages
from theory.objectives.linear_conv.fibres import Fibre, Searched, distinct, fibre, follow, lift, scales, search, unique
from theory.objectives.linear_conv.flows import WeightFlow, descend, function_flow, weight_flow
from theory.objectives.linear_conv.geometry import conserved, kernel, metric, rank, spread, square_norms
from theory.objectives.linear_conv.network import Network, Weights, jacobian
from theory.objectives.linear_conv.squared import SquaredLoss
from theory.objectives.linear_conv.strided import StridedNet, matrices

__all__ = [
    "Fibre",
    "Network",
    "Searched",
    "SquaredLoss",
    "StridedNet",
    "WeightFlow",
    "Weights",
    "conserved",
    "descend",
    "distinct",
    "fibre",
    "follow",
    "function_flow",
    "jacobian",
    "kernel",
    "lift",
    "matrices",
    "metric",
    "peel",
    "rank",
    "scales",
    "search",
    "splits",
    "spread",
    "square_norms",
    "stages",
    "unique",
    "weight_flow",
]
