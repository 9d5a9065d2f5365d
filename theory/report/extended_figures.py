"""Figures of extended convolutional layers: landscapes, descents and their trajectories, and width against λ."""

from __future__ import annotations

import math
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
    """Conventional landscapes above extended ones (the paper's Figures 1 and 2), a column for a pair of directions.

    Upon them the ways of both optimisers (Figure 3), where they were recorded.
    """
    from matplotlib.figure import Figure

    laws, pairs = list(rows["weights"].unique()), sorted(rows["pair"].unique())[:PAIRS]
    kinds = [(law, objective) for law in laws for objective in OBJECTIVES]
    figure = Figure(figsize=(1.8 * len(pairs) + 0.9, 1.8 * len(kinds) + 0.8))
    grid = figure.subplots(len(kinds), len(pairs), sharex=True, sharey=True, squeeze=False)
    drawn: Any = None
    for line, (law, objective) in enumerate(kinds):
        for column, pair in enumerate(pairs):
            here = rows[(rows["weights"] == law) & (rows["pair"] == pair)]
            drawn = _landscape(grid[line, column], here[here["objective"] == ""], f"{objective}_normal")
            _upon(grid[line, column], here[here["objective"] == objective])
        grid[line, 0].set_ylabel(f"w* {law}, {objective}\nβ")
    for column, pair in enumerate(pairs):
        grid[0, column].set_title(f"network {pair + 1}")
        grid[-1, column].set_xlabel("α")
    label = "ρ = (L − min) / (max − min)"
    figure.colorbar(drawn, ax=grid, label=label, ticks=LEVELS, spacing="uniform", shrink=0.8 / len(laws), aspect=15)
    handles = [line for line in grid[0, 0].get_lines() if not line.get_label().startswith("_")]
    if handles:
        title = "from the crosses, 200 iterations, projected on the plane; ends are dots, × is w*"
        figure.legend(handles=handles, loc="outside lower center", ncols=2, title=title)
    return figure


def _landscape(ax: Axes, rows: pd.DataFrame, column: str) -> Any:
    table = rows.pivot(index="beta", columns="alpha", values=column)
    drawn = ax.contourf(table.columns, table.index, table.to_numpy(), levels=LEVELS, cmap="cividis", rasterized=True)
    ax.contour(table.columns, table.index, table.to_numpy(), levels=LEVELS[1:4], colors="white", linewidths=0.5)
    ax.plot(0, 0, marker="x", color="white", markersize=4)
    ax.set(aspect="equal", xticks=(-4, 0, 4), yticks=(-4, 0, 4), xlim=(-4, 4), ylim=(-4, 4))
    return drawn


def _upon(ax: Axes, rows: pd.DataFrame) -> None:
    """The ways of L-BFGS and of Adam, every tenth iteration, with dark edges: they are seen on light and dark."""
    from matplotlib.patheffects import Normal, Stroke

    edge = [Stroke(linewidth=2.0, foreground="black"), Normal()]
    looks: dict[str, dict[str, Any]] = {
        "L-BFGS": {"color": "white"},
        "Adam": {"color": "#F0A030", "linestyle": (0, (3, 1))},
    }
    for optimiser, look in looks.items():
        here = rows[rows["optimiser"] == optimiser]
        for number, start in enumerate(here["start"].unique()):
            way = here[here["start"] == start].sort_values("iteration").iloc[::2]
            alpha, beta = way["alpha"].to_numpy(), way["beta"].to_numpy()
            ax.plot(alpha, beta, linewidth=1.0, label="_" if number else optimiser, path_effects=edge, **look)
            ax.plot(alpha[0], beta[0], marker="P", color=look["color"], mec="black", markersize=5, mew=0.5)
            ax.plot(alpha[-1], beta[-1], marker="o", color=look["color"], mec="black", markersize=3.5, mew=0.5)


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
    begun = rows[(rows["iteration"] == 0) & (rows["objective"] == OBJECTIVES[0])]
    first = begun.set_index("network")["value"]
    looks: list[dict[str, Any]] = [{"color": COLOURS[0]}, {"color": COLOURS[2], **DASHED}]
    for objective, look in zip(OBJECTIVES, looks, strict=True):
        _fall(right, rows[rows["objective"] == objective], first, objective, look)
    right.set(yscale="log", xlabel="iteration", ylabel="objective / conventional one at the start")
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


def _fall(ax: Axes, rows: pd.DataFrame, first: pd.Series, label: str, look: Mapping[str, Any]) -> None:
    table = rows.assign(part=rows["value"] / rows["network"].map(first)).pivot(
        index="iteration", columns="network", values="part"
    )
    low, middle, high = (table.quantile(q, axis=1) for q in (0.5 - BAND / 200, 0.5, 0.5 + BAND / 200))
    ax.plot(middle.index, middle, label=label, **look)
    ax.fill_between(low.index, low, high, color=look["color"], alpha=0.16, linewidth=0)


PANELS = {
    ("program", "solved"): "program, solved",
    ("text", "solved"): "text, solved",
    ("program", "random"): "program, 100 iterations from W ~ N(0, I)",
    ("text", "random"): "text, 100 iterations from W ~ N(0, I)",
    ("program", "primary"): "program, 100 iterations from Ŵ",
}


def width(rows: pd.DataFrame) -> Figure:
    """By how much the extended valley is wider, against λ; a panel for each setting and auxiliary start."""
    from theory.claims.widths import SEEN
    from theory.report.style import GUIDE, label_outer, looks, panels

    known = {(preset, start) for preset, start in zip(rows["preset"], rows["start"], strict=True)}
    places = [place for place in PANELS if place in known]
    colours, markers = looks(list(MEASURES))
    figure, axes = panels(len(places), width=4.0, height=2.9)
    for ax, (preset, start) in zip(axes, places, strict=True):
        here = rows[(rows["preset"] == preset) & (rows["start"] == start)]
        for level, line in ((1.0, "-"), (SEEN, ":")):
            ax.axhline(level, color=GUIDE, linewidth=0.9, linestyle=line)
        for measure in MEASURES:
            _medians(ax, here[here["half"]], measure, colours[measure], markers[measure], filled=True)
            _medians(ax, here[~here["half"]], measure, colours[measure], markers[measure], filled=False)
        ax.set(title=PANELS[preset, start], xscale="log", yscale="log")
    label_outer(axes, "λ of the objective with ½ (without: λ/√2)", "extended / conventional width")
    _width_legend(figure, colours, markers, rows["weights"].iloc[0])
    return figure


def _medians(ax: Axes, rows: pd.DataFrame, measure: str, colour: str, marker: str, *, filled: bool) -> None:
    """Medians over the networks, and the limits of the law's median; without ½ an objective's λ counts as λ/√2."""
    from theory.claims.confidence import median

    if rows.empty:
        return
    lams = sorted(rows["lam"].unique())
    middle, low, high = zip(*(median(rows.loc[rows["lam"] == lam, measure]) for lam in lams), strict=True)
    lam = [one if filled else one / math.sqrt(2) for one in lams]
    ax.plot(
        lam, middle, color=colour, marker=marker, mec="white" if filled else colour, mfc=colour if filled else "none"
    )
    ax.fill_between(lam, low, high, color=colour, alpha=0.12, linewidth=0)
    if len(lam) == 1:
        ax.vlines(lam, low, high, color=colour, linewidth=0.8)


def _width_legend(figure: Figure, colours: Mapping[str, str], markers: Mapping[str, str], law: str) -> None:
    from matplotlib.lines import Line2D

    from theory.claims.confidence import CONFIDENCE

    limits = f"medians of the networks and their {100 * CONFIDENCE:g} % limits"
    handles = [
        Line2D([], [], color=colours[name], marker=markers[name], mec="white", label=label)
        for name, label in MEASURES.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=5,
        title=f"w* {law}; {limits}; hollow: without ½; dotted: 1.05",
    )


_DESCENT = ("preset", "weights", "objective", "network", "start", "iteration", "value", "alpha", "beta")

DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "siahkoohi2021.landscape": (
        landscapes,
        (
            *("weights", "pair", "alpha", "beta", "conventional_normal", "extended_normal"),
            *("objective", "optimiser", "start", "iteration"),
        ),
    ),
    "siahkoohi2021.lbfgs": (descents, _DESCENT),
    "siahkoohi2021.adam": (descents, _DESCENT),
    **{
        f"siahkoohi2021.width_{law}": (
            width,
            ("preset", "weights", "start", "half", "lam", *MEASURES),
        )
        for law in ("uniform", "normal")
    },
}
