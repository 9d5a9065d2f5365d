"""Linear convolutional networks: predictors that are products of filters, their losses, and what descent finds."""

from theory.objectives.linear_conv.network import Network, Weights, jacobian

__all__ = ["Network", "Weights", "jacobian"]
