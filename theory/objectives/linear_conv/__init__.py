"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.channels import Minimiser, minimiser, one_channel_filters, one_channel_weights
from theory.objectives.linear_conv.circular import CircularNet, FullyConnectedNet
from theory.objectives.linear_conv.implicit_bias import Outcome, Path, descend, flow, squared_norm
from theory.objectives.linear_conv.losses import ExponentialLoss, LogisticLoss
from theory.objectives.linear_conv.margins import NotSeparable, separate
from theory.objectives.linear_conv.multichannel import MultiChannelNet
from theory.objectives.linear_conv.network import Network, Weights, jacobian
from theory.objectives.linear_conv.regularised_margins import (
    LeastRegulariser,
    effective_frequencies,
    least_regulariser,
    regulariser,
)
from theory.objectives.linear_conv.regularisers import Certified, NoSolution, closed_form, dual, lower_bound, sdp
from theory.objectives.linear_conv.weight_norm import LeastNorm, least_norm

__all__ = [
    "Certified",
    "CircularNet",
    "ExponentialLoss",
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
    "Weights",
    "closed_form",
    "descend",
    "dual",
    "effective_frequencies",
    "flow",
    "jacobian",
    "least_norm",
    "least_regulariser",
    "lower_bound",
    "minimiser",
    "one_channel_filters",
    "one_channel_weights",
    "regulariser",
    "sdp",
    "separate",
    "squared_norm",
]
