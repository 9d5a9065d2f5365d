"""Networks of convolutional layers, conventional and extended: with a kernel for every pixel, tied by a penalty."""

from theory.objectives.extended_conv import matrix
from theory.objectives.extended_conv.curvature import Curvature, curvatures
from theory.objectives.extended_conv.loss import ConventionalLoss, ExtendedLoss, respond
from theory.objectives.extended_conv.network import Layer, Network

__all__ = ["ConventionalLoss", "Curvature", "ExtendedLoss", "Layer", "Network", "curvatures", "matrix", "respond"]
