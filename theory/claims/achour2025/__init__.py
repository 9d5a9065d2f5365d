"""Achour, Kohn & Rauhut on the geometry of gradient flows of linear convolutional networks (2025)."""

PAPER = (
    "Achour, Kohn & Rauhut, The Riemannian Geometry associated to Gradient Flows of Linear Convolutional Networks, "
    "2025 (arXiv:2507.06367)"
)
