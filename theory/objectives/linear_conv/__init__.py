"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.least_norm import LeastNorm, least_norm
from theory.objectives.linear_conv.multichannel import MultiChannelNet
from theory.objectives.linear_conv.network import Network, Weights, jacobian
from theory.objectives.linear_conv.regularisers import Certified, NoSolution, closed_form, dual, lower_bound, sdp

__all__ = [
    "Certified",
    "LeastNorm",
    "MultiChannelNet",
    "Network",
    "NoSolution",
    "Weights",
    "closed_form",
    "dual",
    "jacobian",
    "least_norm",
    "lower_bound",
    "sdp",
]
