"""The figures of the claims about real images; ``DRAWINGS`` says how each is drawn and the columns that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = 90
"""Per cent of the runs that a band covers, from one percentile to the other; the line is their median."""

CURVES = 4
"""Distances of the starts that are drawn at most: the nearest, the farthest, and some between."""

SHOWN = 6
"""Pairs of filters in a line of the grid."""

_LOSS = "mean squared error / mean square label"


def starts(rows: pd.DataFrame) -> Figure:
    """Descent from near and far starts (Figures 3c, 3d): their loss, that in units of their first, and their distance.

    The loss says which starts end lower, the loss in units of its own first value which are faster, and the distance
    how far the filter still is from the true one.
    """
    from matplotlib.figure import Figure

    from theory.report.style import looks

    distances = _some(sorted(rows["initial"].unique().tolist()))
    colours, markers = looks(distances)
    figure = Figure(figsize=(9.6, 3.4))
    axes = figure.subplots(1, 3, sharex=True)
    shown = {
        "relative": _LOSS,
        "reduction": "the same / at the run's own start",
        "distance": "‖w − w*‖ / ‖w*‖",
    }
    for ax, (value, label) in zip(axes, shown.items(), strict=True):
        _bands(ax, rows, value, colours, markers)
        ax.set(xscale="log", yscale="log", xlabel="iteration", ylabel=label)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=CURVES,
        title=f"{_source(rows)}: ‖w₀ − w*‖ / ‖w*‖ (median and {BAND} % of the runs)",
    )
    return figure


def _source(rows: pd.DataFrame) -> str:
    """Which images these are."""
    return ", ".join(map(str, rows["image_source"].unique()))


def _some(levels: list[float]) -> list[float]:
    if len(levels) <= CURVES:
        return levels
    return [levels[round(i * (len(levels) - 1) / (CURVES - 1))] for i in range(CURVES)]


def _bands(ax: Axes, rows: pd.DataFrame, value: str, colours: Mapping[Any, str], markers: Mapping[Any, str]) -> None:
    import seaborn as sns

    for index, level in enumerate(colours):
        sns.lineplot(
            rows[(rows["initial"] == level) & (rows["iteration"] > 0)],
            x="iteration",
            y=value,
            ax=ax,
            color=colours[level],
            marker=markers[level],
            markeredgecolor="white",
            markevery=(0.03 * index, 0.2),
            estimator="median",
            errorbar=("pi", BAND),
            err_kws={"alpha": 0.16, "linewidth": 0},
            label=f"{level:g}",
            legend=False,
        )


def interpolation(rows: pd.DataFrame) -> Figure:
    """Relative loss from the learned filter to the true one, and to a random one; a panel per kind of teacher."""
    import seaborn as sns

    from theory.report.style import COLOURS, DASHED, label_outer, panels

    kinds: list[str] = list(rows["filter"].unique())
    figure, axes = panels(len(kinds), width=3.8, height=3.0)
    looks = {
        "relative": {"color": COLOURS[0], "label": "to the true filter"},
        "elsewhere": {"color": COLOURS[2], "label": "to a random filter as long", **DASHED},
    }
    for ax, kind in zip(axes, kinds, strict=True):
        for value, look in looks.items():
            # At w* the loss is 0, which has no place on a log axis.
            here = rows[(rows["filter"] == kind) & (rows["a"] < 1)]
            band: dict[str, Any] = {"errorbar": ("pi", BAND), "err_kws": {"alpha": 0.16, "linewidth": 0}}
            sns.lineplot(here, x="a", y=value, ax=ax, estimator="median", legend=False, **band, **look)
        ax.set(title=f"{kind} filter", yscale="log")
    label_outer(axes, "a in (1 − a) w_learned + a w*", _LOSS)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
        title=f"{_source(rows)}: median and {BAND} % of the runs",
    )
    return figure


def filters(rows: pd.DataFrame) -> Figure:
    """True filters above learned ones (Figure 4), every filter on a grey scale of its own that is symmetric about 0."""
    from matplotlib.figure import Figure

    kinds: list[str] = list(rows["filter"].unique())
    figure = Figure(figsize=(1.15 * SHOWN + 0.5, 2.7 * len(kinds) + 0.3))
    figure.suptitle(f"learned on {_source(rows)}", fontsize=9)
    grid = figure.subplots(2 * len(kinds), SHOWN, squeeze=False)
    for ax in grid.flatten():
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for line, kind in enumerate(kinds):
        here = rows[rows["filter"] == kind]
        for place, (_, one) in zip(range(SHOWN), here.groupby("pair"), strict=False):
            for below, value in enumerate(("true", "learned")):
                _picture(grid[2 * line + below, place], one.pivot(index="row", columns="column", values=value))
            cosine, loss = one[["cosine", "relative"]].iloc[0]
            grid[2 * line + 1, place].set_xlabel(f"cos {cosine:.2f}\nloss {100 * loss:.2g} %", fontsize=8)
        for below, value in enumerate(("true", "learned")):
            grid[2 * line + below, 0].set_ylabel(f"{kind}, {value}")
    return figure


def _picture(ax: Axes, pixels: pd.DataFrame) -> None:
    largest = float(pixels.abs().to_numpy().max()) or 1.0
    ax.imshow(pixels.to_numpy(), cmap="gray", vmin=-largest, vmax=largest, interpolation="nearest")


_STARTS = ("image_source", "start", "iteration", "initial", "relative", "reduction", "distance")

DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "du2018.fig3c": (starts, _STARTS),
    "du2018.fig3d": (starts, _STARTS),
    "du2018.interpolation": (interpolation, ("image_source", "filter", "start", "a", "relative", "elsewhere")),
    "du2018.fig4": (
        filters,
        ("image_source", "filter", "pair", "row", "column", "true", "learned", "cosine", "relative"),
    ),
}
