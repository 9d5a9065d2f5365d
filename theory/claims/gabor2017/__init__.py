"""The Gabor question: why learning the angle of a Gabor kernel by descent on an RMSE fails, and what works."""

PAPER = (
    "The Gabor question (2017): a kernel constrained to a Gabor filter, its θ learned from −π/4 towards π/4 by "
    "gradient descent on an RMSE, moves, jumps back and cycles for ever, with and without momentum"
)
