"""Figures of the claims about k patches, each a function of one claim's rows, for ``theory.report.figures.FIGURES``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = (
    ("covered by the theorem: γ > 6 L_cross", "#0072B2", "white", ""),
    ("by its own proof alone: γ > 2.1 L_cross", "#56B4E9", "black", ""),
    ("nothing promised, but every run converged", "#F0F0F0", "black", ""),
    ("nothing promised, and not every run converged", "#D55E00", "black", "xx"),
)
"""What a tile of the map may be: its words, colour, ink and hatch. They differ in grey as well, or by the hatch."""


def covered(rows: pd.DataFrame) -> Figure:
    """Which hypotheses the theorem covers, over the closeness of the patches and the spread of their centres.

    One panel for each number of patches; a tile that was not measured stays white. The number in a tile is γ/L_cross
    at φ₀, which the theorem needs above 6.
    """
    from theory.report.style import label_outer, panels

    counts = sorted(rows["k"].unique().tolist())
    spreads, closeness = (sorted(rows[name].unique().tolist()) for name in ("spread", "closeness"))
    width, height = 0.5 * len(spreads) + 1.0, 0.36 * len(closeness) + 1.2
    figure, axes = panels(len(counts), width=max(2.9, width), height=max(2.9, height))
    for ax, k in zip(axes, counts, strict=True):
        for row in rows[rows["k"] == k].to_dict("records"):
            _tile(ax, spreads.index(row["spread"]), closeness.index(row["closeness"]), row)
        ax.set(title=f"{k} patches", xlim=(-0.5, len(spreads) - 0.5), ylim=(-0.5, len(closeness) - 0.5))
        ax.set_xticks(range(len(spreads)), [_short(value) for value in spreads])
        ax.set_yticks(range(len(closeness)), [_short(value) for value in closeness])
        ax.tick_params(length=0)
        ax.grid(visible=False)
    label_outer(axes, "spread of the centres, σ", "closeness of the patches, ρ")
    _key(figure, sorted({_kind(row) for row in rows.to_dict("records")}))
    return figure


def _kind(row: dict[Any, Any]) -> int:
    """Which of ``KINDS`` a row is."""
    if row["margin"] > 0:
        return 0
    if row["proof_margin"] > 0:
        return 1
    return 2 if row["converged"] == row["starts"] else 3


def _tile(ax: Axes, x: int, y: int, row: dict[Any, Any]) -> None:
    from matplotlib.patches import Rectangle

    _, colour, ink, hatch = KINDS[_kind(row)]
    place = (x - 0.5, y - 0.5)
    ax.add_patch(Rectangle(place, 1, 1, facecolor=colour, edgecolor="#BBBBBB", linewidth=0, hatch=hatch))
    ax.add_patch(Rectangle(place, 1, 1, facecolor="none", edgecolor="white", linewidth=1.2))
    # margin = γ − 6 L_cross, and L_cross itself is there.
    ratio = row["margin"] / row["cross"] + 6 if row["cross"] > 0 else math.inf
    ax.annotate(_short(ratio), (x, y), ha="center", va="center", fontsize=7, color=ink)


def _key(figure: Figure, kinds: list[int]) -> None:
    """Below, what the tiles are; only the kinds that occur."""
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=KINDS[kind][1], edgecolor="#BBBBBB", hatch=KINDS[kind][3], label=KINDS[kind][0])
        for kind in kinds
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=1, title="in a tile: γ/L_cross at φ₀ = 0.9")


def _short(value: float) -> str:
    """At most three characters."""
    if math.isinf(value):
        return "∞"
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "du2018.filter_rate": (
        covered,
        ("spread", "closeness", "k", "margin", "proof_margin", "cross", "converged", "starts"),
    ),
}
