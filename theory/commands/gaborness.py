"""``theory gaborness``: which of the kernels in a file look like Gabor filters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from theory.commands.options import OK, Json, note

File = Annotated[Path, typer.Argument(metavar="FILE", help="Kernels in a .npy or .npz file; pickles are refused.")]
Pixels = Annotated[
    str, typer.Option(metavar="last|first", help="Axes of the pixels: last as in PyTorch, first as in Keras.")
]
Each = Annotated[bool, typer.Option("--each", help="A line for every kernel.")]


def gaborness(file: File, pixels: Pixels = "last", each: Each = False, as_json: Json = False) -> int:
    """Say which kernels look like Gabor filters.

    A Gabor filter is fitted to every kernel. It is called one if R² is more than white noise of that size reaches by
    chance (less than one in a thousand), and the fit is better than that of a Gaussian blob.
    """
    from theory.problems import read_kernels
    from theory.report.gabor_text import gaborness as text
    from theory.report.gabor_text import gaborness_document

    found = {name: _fitted(name, kernels) for name, kernels in read_kernels(file, pixels=pixels).items()}
    typer.echo(gaborness_document(file, found) if as_json else text(file, found, each))
    return OK


def _fitted(name: str, kernels: Any) -> Any:
    """The places in the array, and the fits, of those that are not constant."""
    import numpy as np

    from theory.checks import BadInput
    from theory.objectives.gabor import constant, fit

    flat = constant(kernels)
    places = np.flatnonzero(~flat)
    if flat.any():
        note(f"{name}: {int(flat.sum())} of {flat.size} kernels are constant, and left out")
    try:
        return places, fit(kernels[places]) if places.size else None
    except BadInput as error:
        raise BadInput(f"array {name}: {error}") from None
