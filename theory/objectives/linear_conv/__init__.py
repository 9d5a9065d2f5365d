"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.channels import Minimiser, minimiser, one_channel_filters, one_channel_weights
from theory.objectives.linear_conv.circular import CircularNet, FullyConnectedNet
from theory.objectives.linear_conv.directions import angle, cosines, exponents, lacking, phases_turned, turned
from theory.objectives.linear_conv.implicit_bias import Outcome, Path, descend, flow, squared_norm
from theory.objectives.linear_conv.losses import ExponentialLoss, LogisticLoss
from theory.objectives.linear_conv.margins import (
    NotSeparable,
    Reference,
    Stationarity,
    hard_margin,
    least_spectrum,
    lower_bound,
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
    "Reference",
    "Stationarity",
    "Weights",
    "angle",
    "closed_form",
    "cosines",
    "descend",
    "dual",
    "dual_bound",
    "effective_frequencies",
    "exponents",
    "flow",
    "hard_margin",
    "jacobian",
    "lacking",
    "least_norm",
    "least_regulariser",
    "least_spectrum",
    "lower_bound",
    "minimiser",
    "one_channel_filters",
    "one_channel_weights",
    "phases_turned",
    "regulariser",
    "sdp",
    "separate",
    "spectral_norm",
    "spectrum",
    "squared_norm",
    "stationarity",
    "turned",
]
