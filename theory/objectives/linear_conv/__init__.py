"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.channels import Minimiser, minimiser, one_channel_filters, one_channel_weights
from theory.objectives.linear_conv.circular import CircularNet, FullyConnectedNet
from theory.objectives.linear_conv.directions import (
    angle,
    cosines,
    exponents,
    lacking,
    least_share,
    phases_turned,
    turned,
)
from theory.objectives.linear_conv.factors import peel, splits, stages
from theory.objectives.linear_conv.fibres import Fibre, Searched, distinct, fibre, follow, lift, scales, search, unique
from theory.objectives.linear_conv.flows import WeightFlow, function_flow, weight_descent, weight_flow
from theory.objectives.linear_conv.geometry import conserved, kernel, metric, rank, spread, square_norms
from theory.objectives.linear_conv.implicit_bias import Outcome, Path, descend, flow, squared_norm
from theory.objectives.linear_conv.losses import ExponentialLoss, LogisticLoss
from theory.objectives.linear_conv.margins import (
    NotSeparable,
    Reference,
    Stationarity,
    hard_margin,
    least_spectrum,
    lower_bound,
    own_power,
    separate,
    spectral_norm,
    spectrum,
    stationarity,
)
from theory.objectives.linear_conv.multichannel import MultiChannelNet
from theory.objectives.linear_conv.network import Network, Weights, jacobian
from theory.objectives.linear_conv.regularised_margins import (
    LeastRegulariser,
    effective_frequencies,
    least_regulariser,
    regulariser,
)
from theory.objectives.linear_conv.regularisers import Certified, NoSolution, closed_form, dual, dual_bound, sdp
from theory.objectives.linear_conv.squared import SquaredLoss
from theory.objectives.linear_conv.strided import StridedNet, matrices
from theory.objectives.linear_conv.weight_norm import LeastNorm, least_norm

__all__ = [
    "Certified",
    "CircularNet",
    "ExponentialLoss",
    "Fibre",
    "FullyConnectedNet",
    "LeastNorm",
    "LeastRegulariser",
    "LogisticLoss",
    "Minimiser",
    "MultiChannelNet",
    "Network",
    "NoSolution",
    "NotSeparable",
    "Outcome",
    "Path",
    "Reference",
    "Searched",
    "SquaredLoss",
    "Stationarity",
    "StridedNet",
    "WeightFlow",
    "Weights",
    "angle",
    "closed_form",
    "conserved",
    "cosines",
    "descend",
    "distinct",
    "dual",
    "dual_bound",
    "effective_frequencies",
    "exponents",
    "fibre",
    "flow",
    "follow",
    "function_flow",
    "hard_margin",
    "jacobian",
    "kernel",
    "lacking",
    "least_norm",
    "least_regulariser",
    "least_share",
    "least_spectrum",
    "lift",
    "lower_bound",
    "matrices",
    "metric",
    "minimiser",
    "one_channel_filters",
    "one_channel_weights",
    "own_power",
    "peel",
    "phases_turned",
    "rank",
    "regulariser",
    "scales",
    "sdp",
    "search",
    "separate",
    "spectral_norm",
    "spectrum",
    "splits",
    "spread",
    "square_norms",
    "squared_norm",
    "stages",
    "stationarity",
    "turned",
    "unique",
    "weight_descent",
    "weight_flow",
]
