"""The constants of Theorems 3.1 and 3.3 for patches that share a filter."""

from theory.closeness.exact import FACTORS, Constants, Curve, exact_constants

__all__ = ["FACTORS", "Constants", "Curve", "exact_constants"]
