"""What claims on the Gabor question share: the filter to be found, and the images or the population it is found on."""

from __future__ import annotations

import math
from typing import Any

import theory
from theory.claims.claim import Cell, Setting

SIDE = 64
"""Of the images, in pixels."""

WORST = -math.pi / 4
"""The asker's start; the asker's truth is π/4."""

POPULATIONS = ("white population", "smooth population")
IMAGES = ("white", "smooth", "photo")


def truth(cell: Cell) -> Any:
    """g* of the cell: θ* = π/4, ψ = 0, and what the cell says of the rest; else 15×15, λ = 6, σ = 3, γ = ½."""
    given = {
        name: cell.parameters[name]
        for name in ("wavelength", "sigma", "gamma", "psi", "size")
        if name in cell.parameters
    }
    return theory.objectives.gabor.GaborFilter(**given)  # type: ignore[arg-type]


def moments(cell: Cell, setting: Setting, *, side: int = SIDE) -> list[Any]:
    """One a picture of the cell's images; the one of its population."""
    kind, size = str(cell.parameters["on"]), truth(cell).size
    if kind in POPULATIONS:
        power = theory.problems.spectrum(kind.removesuffix(" population"), SIDE)
        return [theory.objectives.gabor.stationary(power, size)]
    pictures = theory.problems.textures(kind, int(cell.parameters["pictures"]), side, rng=setting.rng)
    return theory.objectives.gabor.of_images(pictures, size)
