"""Du, Lee & Tian, "When is a Convolutional Filter Easy To Learn?" (ICLR 2018)."""

PAPER = "Du, Lee & Tian, When is a Convolutional Filter Easy To Learn?, ICLR 2018 (arXiv:1709.06129)"
