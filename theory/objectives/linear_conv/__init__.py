"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

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
    "Reference",
    "Stationarity",
    "Weights",
    "angle",
    "cosines",
    "descend",
    "exponents",
    "flow",
    "hard_margin",
    "jacobian",
    "lacking",
    "least_spectrum",
    "lower_bound",
    "phases_turned",
    "separate",
    "spectral_norm",
    "spectrum",
    "squared_norm",
    "stationarity",
    "turned",
]
