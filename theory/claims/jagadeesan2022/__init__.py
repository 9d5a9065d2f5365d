"""Jagadeesan, Razenshteyn & Gunasekar on multi-channel linear convolutional networks (COLT 2022)."""

PAPER = (
    "Jagadeesan, Razenshteyn & Gunasekar, Inductive Bias of Multi-Channel Linear Convolutional Networks with Bounded "
    "Weight Norm, COLT 2022 (arXiv:2102.12238)"
)
