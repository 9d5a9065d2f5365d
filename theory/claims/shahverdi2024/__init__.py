"""Shahverdi on the critical points of linear convolutional networks and the equations of what they express (2024)."""

PAPER = "Shahverdi, Algebraic Complexity and Neurovariety of Linear Convolutional Networks, 2024 (arXiv:2401.16613)"
