"""Gunasekar, Lee, Soudry & Srebro on the implicit bias of linear convolutional networks (NeurIPS 2018)."""

PAPER = (
    "Gunasekar, Lee, Soudry & Srebro, Implicit Bias of Gradient Descent on Linear Convolutional Networks, "
    "NeurIPS 2018 (arXiv:1806.00468)"
)
