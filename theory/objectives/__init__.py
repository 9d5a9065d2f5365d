"""Losses and their gradients: exact, on a sample, and stochastic."""

from theory.objectives import gabor
from theory.objectives.close_plane import ClosePlaneLoss
from theory.objectives.image_loss import ImageLoss
from theory.objectives.overlap import OverlapLoss
from theory.objectives.relu_filter import PopulationLoss, SampleLoss
from theory.objectives.sampling import FixedSample, FreshSamples
from theory.objectives.stream import StreamLoss

__all__ = [
    "ClosePlaneLoss",
    "FixedSample",
    "FreshSamples",
    "ImageLoss",
    "OverlapLoss",
    "PopulationLoss",
    "SampleLoss",
    "StreamLoss",
    "gabor",
]
