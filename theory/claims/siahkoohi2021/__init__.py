"""Siahkoohi, Louboutin & Herrmann, "Extended convolutional layers" (2021)."""

PAPER = "Siahkoohi, Louboutin & Herrmann, Extended convolutional layers, 2021"
