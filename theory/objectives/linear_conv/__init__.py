"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.circular import CircularNet, FullyConnectedNet
from theory.objectives.linear_conv.implicit_bias import Outcome, Path, descend, flow, squared_norm
from theory.objectives.linear_conv.losses import ExponentialLoss, LogisticLoss
from theory.objectives.linear_conv.margins import NotSeparable, separate
from theory.objectives.linear_conv.network import Network, Weights, jacobian

__all__ = [
    "CircularNet",
    "ExponentialLoss",
    "FullyConnectedNet",
    "LogisticLoss",
    "Network",
    "NotSeparable",
    "Outcome",
    "Path",
    "Weights",
    "descend",
    "flow",
    "jacobian",
    "separate",
    "squared_norm",
]
