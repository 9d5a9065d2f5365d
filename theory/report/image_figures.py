"""The figures of the claims about patches and real images; ``DRAWINGS`` says what each of them needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BAND = 90
"""Per cent of the runs that a band covers, from one percentile to the other; the line is their median."""

SHOWN = 6
"""Pairs of filters in a line of the grid."""


def starts(rows: pd.DataFrame) -> Figure:
    """log₁₀ of the relative loss along descent (Figures 3c, 3d), a curve and a band over the runs for each distance."""
    import seaborn as sns

    from theory.report.style import looks, panels

    distances = sorted(rows["initial"].unique().tolist())
    colours, markers = looks(distances)
    figure, (ax,) = panels(1, width=5.2, height=3.6)
    for index, distance in enumerate(distances):
        sns.lineplot(
            rows[(rows["initial"] == distance) & (rows["iteration"] > 0)],
            x="iteration",
            y="log_loss",
            ax=ax,
            color=colours[distance],
            marker=markers[distance],
            markeredgecolor="white",
            markevery=(0.03 * index, 0.2),
            estimator="median",
            errorbar=("pi", BAND),
            err_kws={"alpha": 0.16, "linewidth": 0},
            label=f"{distance:g}",
        )
    ax.set(xscale="log", xlabel="iteration", ylabel="log₁₀ (mean squared error / mean square label)")
    handles = ax.get_legend_handles_labels()
    ax.legend().remove()
    figure.legend(*handles, loc="outside right upper", title=f"‖w₀ − w*‖ / ‖w*‖\n(median,\n{BAND} % of runs)")
    return figure


def interpolation(rows: pd.DataFrame) -> Figure:
    """Relative loss from the learned filter to the true one, and as far in a random direction; a panel per teacher."""
    import seaborn as sns

    from theory.report.style import COLOURS, DASHED, label_outer, panels

    kinds: list[str] = list(rows["filter"].unique())
    figure, axes = panels(len(kinds), width=3.8, height=3.0)
    looks = {
        "relative": {"color": COLOURS[0], "label": "to the true filter"},
        "elsewhere": {"color": COLOURS[2], "label": "as far in a random direction", **DASHED},
    }
    for ax, kind in zip(axes, kinds, strict=True):
        for value, look in looks.items():
            # At w* the loss is 0, which has no place on a log axis.
            here = rows[(rows["filter"] == kind) & (rows["a"] < 1)]
            band: dict[str, Any] = {"errorbar": ("pi", BAND), "err_kws": {"alpha": 0.16, "linewidth": 0}}
            sns.lineplot(here, x="a", y=value, ax=ax, estimator="median", **band, **look)
        ax.set(title=f"{kind} filter", yscale="log")
        ax.legend().remove()
    label_outer(axes, "a in (1 − a) w + a w*", "mean squared error / mean square label")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def filters(rows: pd.DataFrame) -> Figure:
    """True filters above learned ones (Figure 4), every filter on a grey scale of its own that is symmetric about 0."""
    from matplotlib.figure import Figure

    kinds: list[str] = list(rows["filter"].unique())
    figure = Figure(figsize=(1.1 * SHOWN, 2.5 * len(kinds)))
    grid = figure.subplots(2 * len(kinds), SHOWN, squeeze=False)
    for ax in grid.flatten():
        ax.set_axis_off()
    for line, kind in enumerate(kinds):
        here = rows[rows["filter"] == kind]
        for place, (_, one) in zip(range(SHOWN), here.groupby("teacher"), strict=False):
            for below, value in enumerate(("true", "learned")):
                _picture(grid[2 * line + below, place], one.pivot(index="row", columns="column", values=value))
            grid[2 * line, place].set_title(f"{kind}, true" if place == 0 else "true", fontsize=7.5)
            grid[2 * line + 1, place].set_title(f"learned, cos {one['cosine'].iloc[0]:.2f}", fontsize=7.5)
    return figure


def _picture(ax: Any, pixels: pd.DataFrame) -> None:
    largest = float(pixels.abs().to_numpy().max()) or 1.0
    ax.imshow(pixels.to_numpy(), cmap="gray", vmin=-largest, vmax=largest, interpolation="nearest")


def covered(rows: pd.DataFrame) -> Figure:
    """Where Theorem 3.1 speaks, and where descent converges all the same: a map over closeness and spread."""
    from theory.report.style import COLOURS, GUIDE, panels

    figure, (ax,) = panels(1, width=5.2, height=3.8)
    inside, arrives = rows["covered"].astype(bool), rows["converged"].astype(bool)
    looks: list[tuple[Any, dict[str, Any]]] = [
        (inside & arrives, {"marker": "o", "color": COLOURS[0], "label": "covered by the theorem, converges"}),
        (
            ~inside & arrives,
            {"marker": "o", "facecolor": "none", "edgecolor": COLOURS[2], "label": "not covered, converges"},
        ),
        (~inside & ~arrives, {"marker": "x", "color": GUIDE, "label": "not covered, does not converge"}),
        (inside & ~arrives, {"marker": "X", "color": COLOURS[5], "label": "covered, does not converge"}),
    ]
    for which, look in looks:
        if which.any():
            ax.scatter(rows.loc[which, "closeness"], rows.loc[which, "spread"], s=42, **look)
    ax.set(xlabel="closeness of the patches, ρ", ylabel="spread of their common direction, σ")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "du2018.fig3c": (starts, ("start", "iteration", "initial", "log_loss")),
    "du2018.fig3d": (starts, ("start", "iteration", "initial", "log_loss")),
    "du2018.interpolation": (interpolation, ("filter", "start", "a", "relative", "elsewhere")),
    "du2018.fig4": (filters, ("filter", "teacher", "row", "column", "true", "learned", "cosine")),
    "du2018.filter_rate": (covered, ("spread", "closeness", "covered", "converged")),
}
"""How a claim's rows become a figure, and the columns that they must have."""
