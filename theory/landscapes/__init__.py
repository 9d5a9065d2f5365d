"""Landscapes of an objective around a network, on planes of random directions, and how wide their valleys are."""

from theory.landscapes.exchange import neighbours, settled
from theory.landscapes.planes import Landscape, Plane, Row, directions, landscape, values
from theory.landscapes.valleys import RADIUS, TAUS, Widths, area, widths

__all__ = [
    "RADIUS",
    "TAUS",
    "Landscape",
    "Plane",
    "Row",
    "Widths",
    "area",
    "directions",
    "landscape",
    "neighbours",
    "settled",
    "values",
    "widths",
]
