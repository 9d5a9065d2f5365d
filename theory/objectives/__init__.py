"""Losses and their exact gradients."""

from theory.objectives.relu_filter import PopulationLoss, SampleLoss

__all__ = ["PopulationLoss", "SampleLoss"]
