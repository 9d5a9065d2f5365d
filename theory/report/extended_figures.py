"""Figures of extended convolutional layers: landscapes, descents and their trajectories, and width against λ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = 50
"""Per cent of the networks that a band covers; the line is their median."""

PAIRS = 4
"""Pairs of directions side by side."""

PATHS = 2
"""Runs from each start whose way is drawn."""

LEVELS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Edges of the bands of (L − min)/(max − min); those at 0.05, 0.1 and 0.25 are the widths' own."""

OBJECTIVES = ("conventional", "extended")

MEASURES = {
    "area_5": "area, ρ ≤ 5 %",
    "area_10": "10 %",
    "area_25": "25 %",
    "level": "level at radius 1",
    "radius": "curvature",
}


def landscapes(rows: pd.DataFrame) -> Figure:
    """Conventional landscapes above extended ones (the paper's Figures 1 and 2), a column for a pair of directions."""
    from matplotlib.figure import Figure

    law = rows["weights"].iloc[0]
    rows = rows[rows["weights"] == law]
    pairs = sorted(rows["pair"].unique())[:PAIRS]
    figure = Figure(figsize=(2.3 * len(pairs) + 0.9, 4.9))
    grid = figure.subplots(2, len(pairs), sharex=True, sharey=True, squeeze=False)
    drawn: Any = None
    for column, pair in enumerate(pairs):
        here = rows[rows["pair"] == pair]
        for line, objective in enumerate(OBJECTIVES):
            table = here.pivot(index="beta", columns="alpha", values=f"{objective}_normal")
            ax = grid[line, column]
            drawn = ax.contourf(table.columns, table.index, table.to_numpy(), levels=LEVELS, cmap="cividis")
            ax.contour(table.columns, table.index, table.to_numpy(), levels=LEVELS[1:4], colors="white", linewidths=0.7)
            ax.plot(0, 0, marker="x", color="white", markersize=4)
            ax.set(aspect="equal", xticks=(-4, 0, 4), yticks=(-4, 0, 4))
        grid[0, column].set_title(f"network {pair + 1}")
        grid[1, column].set_xlabel("α")
    for line, objective in enumerate(OBJECTIVES):
        grid[line, 0].set_ylabel(f"{objective}\nβ")
    label = "ρ = (L − min) / (max − min)"
    figure.colorbar(drawn, ax=grid, label=label, ticks=LEVELS, spacing="uniform", shrink=0.8)
    return figure


def descents(rows: pd.DataFrame) -> Figure:
    """The ways of some runs on their planes (Figure 3), and how far both objectives come down (Figure 4)."""
    from matplotlib.figure import Figure

    from theory.report.style import COLOURS, DASHED

    rows = rows[(rows["preset"] == rows["preset"].iloc[0]) & (rows["weights"] == rows["weights"].iloc[0])]
    figure = Figure(figsize=(9.6, 3.5))
    left, middle, right = figure.subplots(1, 3)
    for ax, objective in zip((left, middle), OBJECTIVES, strict=True):
        _ways(ax, rows[rows["objective"] == objective])
        ax.set(title=f"{objective}: the ways of {PATHS} runs a start", xlabel="α")
    left.set_ylabel("β")
    looks: list[dict[str, Any]] = [{"color": COLOURS[0]}, {"color": COLOURS[2], **DASHED}]
    for objective, look in zip(OBJECTIVES, looks, strict=True):
        _fall(right, rows[rows["objective"] == objective], objective, look)
    right.set(yscale="log", xlabel="iteration", ylabel="objective / at the start")
    right.set_title(f"median and {BAND} % of the runs")
    right.legend()
    return figure


def _ways(ax: Axes, rows: pd.DataFrame) -> None:
    from theory.report.style import looks

    starts = sorted(rows["start"].unique())
    colours, markers = looks(starts)
    for start in starts:
        here = rows[rows["start"] == start]
        for network in sorted(here["network"].unique())[:PATHS]:
            way = here[here["network"] == network].sort_values("iteration")
            ax.plot(way["alpha"], way["beta"], color=colours[start], linewidth=0.9)
            ax.plot(way["alpha"].iloc[0], way["beta"].iloc[0], color=colours[start], marker=markers[start])
            ax.plot(way["alpha"].iloc[-1], way["beta"].iloc[-1], color=colours[start], marker=".")
    ax.plot(0, 0, marker="x", color="black")
    ax.set(aspect="equal", xlim=(-4, 4), ylim=(-4, 4))


def _fall(ax: Axes, rows: pd.DataFrame, label: str, look: Mapping[str, Any]) -> None:
    first = rows[rows["iteration"] == 0].set_index("network")["value"]
    table = rows.assign(part=rows["value"] / rows["network"].map(first)).pivot(
        index="iteration", columns="network", values="part"
    )
    low, middle, high = (table.quantile(q, axis=1) for q in (0.5 - BAND / 200, 0.5, 0.5 + BAND / 200))
    ax.plot(middle.index, middle, label=label, **look)
    ax.fill_between(low.index, low, high, color=look["color"], alpha=0.16, linewidth=0)


def width(rows: pd.DataFrame) -> Figure:
    """By how much the extended valley is wider, against λ; a panel for each law of w*."""
    from theory.report.style import GUIDE, label_outer, looks, panels

    rows = rows[(rows["preset"] == "program") & (rows["start"] == "primary") & rows["half"]]
    laws = list(rows["weights"].unique())
    colours, markers = looks(list(MEASURES))
    figure, axes = panels(len(laws), width=4.2, height=3.4)
    for ax, law in zip(axes, laws, strict=True):
        here = rows[rows["weights"] == law]
        ax.axhline(1.0, color=GUIDE, linewidth=0.9, linestyle=":")
        for measure, name in MEASURES.items():
            by = here.groupby("lam")[measure]
            low, middle, high = (by.quantile(q) for q in (0.5 - BAND / 200, 0.5, 0.5 + BAND / 200))
            ax.plot(middle.index, middle, color=colours[measure], marker=markers[measure], mec="white", label=name)
            ax.fill_between(low.index, low, high, color=colours[measure], alpha=0.12, linewidth=0)
        ax.set(title=f"w* {law}", xscale="log", yscale="log")
    label_outer(axes, "λ", "extended / conventional width")
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=5,
        title=f"median and {BAND} % of the networks; 1 is no wider",
    )
    return figure


_DESCENT = ("preset", "weights", "objective", "network", "start", "iteration", "value", "alpha", "beta")

DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "siahkoohi2021.landscape": (
        landscapes,
        ("weights", "pair", "alpha", "beta", "conventional_normal", "extended_normal"),
    ),
    "siahkoohi2021.lbfgs": (descents, _DESCENT),
    "siahkoohi2021.adam": (descents, _DESCENT),
    "siahkoohi2021.width": (width, ("preset", "weights", "start", "half", "lam", *MEASURES)),
}
