"""One style for all figures: legible in grey and to the colour-blind, and drawn without touching anybody's matplotlib.

Colours tell curves apart for most readers, markers and dashes for all of them.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe & Ito's palette (https://jfly.uni-koeln.de/color/), which every kind of colour vision tells apart, dark and
# light hues alternating so that neighbours differ in grey too; a grey and a dark brown stand in for its pale yellow.
COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#56B4E9", "#009E73", "#000000", "#CC79A7", "#7F7F7F", "#661100")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "p")

GUIDE = "#595959"
"""Grey of reference lines: contrast 7 to 1 on white."""

DASHED: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.1}
"""The line of what is predicted; what is measured is solid."""

PALETTE = 256
"""Colours of a PNG."""

_RC: Any = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.dpi": 200,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 8.5,
    "legend.handlelength": 2.4,
    "svg.hashsalt": "filter-theory",  # else the ids within an SVG differ from run to run
    "svg.fonttype": "path",
}

Level = TypeVar("Level", bound=Hashable)


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Within this block figures are drawn in the house style; after it, matplotlib's settings are as before."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def looks(levels: Sequence[Level]) -> tuple[dict[Level, str], dict[Level, str]]:
    """A colour and a marker for each level; they start again together only after ``len(COLOURS)`` levels."""
    colours = {level: COLOURS[index % len(COLOURS)] for index, level in enumerate(levels)}
    markers = {level: MARKERS[(index + index // len(COLOURS)) % len(MARKERS)] for index, level in enumerate(levels)}
    return colours, markers


def panels(count: int, *, width: float = 3.6, height: float = 2.7) -> tuple[Figure, list[Any]]:
    """A figure of ``count`` panels with shared axes, at most two side by side, outside pyplot's list of figures."""
    columns = min(count, 2)
    lines = math.ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * lines))
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for unused in axes[count:]:
        unused.remove()
        axes[count - columns].tick_params(labelbottom=True)  # it is the lowest of its column now
    return figure, list(axes[:count])


def label_outer(axes: Sequence[Any], x: str, y: str) -> None:
    """Label the shared axes where their numbers stand."""
    for ax in axes:
        numbered = ax.xaxis.get_tick_params()["labelbottom"]
        ax.set(xlabel=x if numbered else "", ylabel=y if ax.get_subplotspec().is_first_col() else "")


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write the figure as SVG and PNG, without a date: the same figure is the same file.

    The PNG has ``PALETTE`` colours, which nobody sees and which makes it a third as large; the SVG has all of them.
    """
    from PIL import Image

    svg, png = (stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "png"))
    figure.savefig(svg, metadata={"Date": None})
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(PALETTE, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE)
    few.save(png, optimize=True)
    return [svg, png]
