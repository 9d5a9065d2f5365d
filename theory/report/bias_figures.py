"""Figures of implicit bias: how fast directions are found, and the spectra of what is learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = 8
"""Data sets shown of one sample, spread evenly over what was measured."""

ANGLE = "angle to the limit (radians)"
NORM = "‖β‖"


def _levels(column: pd.Series) -> list[Any]:
    return sorted(column.unique().tolist())


def _predicted(ax: Axes, curve: pd.DataFrame, **line: Any) -> None:
    """The predicted slope, through the last point."""
    from theory.report.style import DASHED

    end = curve.iloc[-1]
    slope = end["angle"] * (curve["norm"] / end["norm"]) ** end["exponent"]
    ax.plot(curve["norm"], slope, **{**DASHED, **line})


def connected(rows: pd.DataFrame) -> Figure:
    """The angle to the hard margin against ‖β‖, for every data set, with the predicted slope; a panel a depth."""
    from theory.report.style import COLOURS, GUIDE, label_outer, panels

    depths = _levels(rows["layers"])
    figure, axes = panels(len(depths), width=3.9, height=3.2)
    for ax, depth in zip(axes, depths, strict=True):
        here = rows[rows["layers"] == depth]
        for _, curve in here.groupby("set"):
            ax.plot(curve["norm"], curve["angle"], color=COLOURS[0], alpha=0.35, linewidth=0.9)
        middle = here.groupby("norm_asked")[["norm", "angle", "exponent"]].median().sort_values("norm")
        ax.plot(middle["norm"], middle["angle"], color=COLOURS[0], marker="o", mec="white", label="measured, median")
        _predicted(ax, middle, color=GUIDE, label="predicted slope, −1/L")
        ax.set(title=f"{depth} layer{'s' * (depth > 1)}", xscale="log", yscale="log")
    label_outer(axes, NORM, ANGLE)
    axes[0].plot([], [], color=COLOURS[0], alpha=0.35, linewidth=0.9, label="measured, each data set")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def one_sample(rows: pd.DataFrame) -> Figure:
    """The angle to the cosine against ‖β‖, a curve for a sample, with the slope that its two frequencies predict."""
    from theory.report.style import GUIDE, looks, panels

    order = rows.groupby("set")["second"].first().sort_values()
    chosen = order.iloc[[round(i * (len(order) - 1) / max(1, CURVES - 1)) for i in range(min(CURVES, len(order)))]]
    colours, markers = looks(chosen.index.tolist())
    figure, (ax,) = panels(1, width=5.6, height=3.8)
    for number in chosen.index:
        curve = rows[rows["set"] == number].sort_values("norm")
        look: dict[str, Any] = {"color": colours[number], "marker": markers[number], "markeredgecolor": "white"}
        ax.plot(curve["norm"], curve["angle"], label=f"{chosen[number]:.2f}", **look)
        _predicted(ax, curve, color=colours[number])
    ax.plot([], [], color=GUIDE, linestyle=(0, (4, 2)), linewidth=1.1, label="predicted\nslope")
    ax.set(xscale="log", yscale="log", xlabel=NORM, ylabel="angle to the cosine (radians)")
    figure.legend(title="q = |x̂|₍₂₎/|x̂|₍₁₎", loc="outside right center")
    return figure


def excess(rows: pd.DataFrame) -> Figure:
    """‖β̂‖_1 over its least, minus 1, against ‖β‖; and the same of the hard margin, which does not fall."""
    from theory.report.style import COLOURS, DASHED, GUIDE, panels

    figure, (ax,) = panels(1, width=5.2, height=3.6)
    for _, curve in rows.groupby("set"):
        ax.plot(curve["norm"], curve["excess"], color=COLOURS[0], alpha=0.35, linewidth=0.9)
    by_norm = rows.groupby("norm_asked")[["norm", "excess"]].median()
    look: dict[str, Any] = {"color": COLOURS[0], "marker": "o", "markeredgecolor": "white"}
    ax.plot([], [], color=COLOURS[0], alpha=0.35, linewidth=0.9, label="two convolutions, each data set")
    ax.plot(by_norm["norm"], by_norm["excess"], label="median", **look)
    hard = rows.groupby("set")["hard_margin"].first().median()
    ax.axhline(hard, color=COLOURS[2], linestyle="-.", linewidth=1.4, label="hard margin, median")
    ends = rows["norm"].sort_values()
    ax.plot(ends, 1 / (math.e * ends.map(math.log)), color=GUIDE, label="1/(e ln‖β‖)", **DASHED)
    ax.set(xscale="log", yscale="log", xlabel=NORM, ylabel="‖β̂‖₁ / least ‖β̂‖₁ − 1")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def spectra(rows: pd.DataFrame) -> Figure:
    """|β̂| of what circular networks of every depth learn from one data set, beside a fully connected one."""
    from theory.report.style import COLOURS, label_outer, panels

    # Of a depth measured on more data sets than one, the one with the fewest samples: the sparser spectrum.
    rows = rows[rows["share"] == rows.groupby("layers")["share"].transform("min")]
    depths = _levels(rows["layers"])
    figure, axes = panels(len(depths) + 1, width=3.9, height=2.4)
    shown = [("fully connected, 2 layers", rows[rows["layers"] == depths[0]], "connected", COLOURS[2])]
    for depth in depths:
        title = f"circular, {depth} layer{'s' * (depth > 1)}"
        shown.append((title, rows[rows["layers"] == depth], "circular", COLOURS[0]))
    for ax, (title, curve, name, colour) in zip(axes, shown, strict=True):
        ax.vlines(curve["frequency"], 0, curve[name], color=colour, linewidth=1.6)
        ax.plot(curve["frequency"], curve[name], color=colour, marker="o", linestyle="none", markersize=3.5)
        ax.set_title(title)
    axes[0].set_ylim(bottom=0)  # of all: they share it
    label_outer(axes, "frequency", "|β̂| / ‖β‖")
    return figure


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "gunasekar2018.fully_connected": (connected, ("set", "layers", "norm_asked", "norm", "angle", "exponent")),
    "gunasekar2018.one_sample": (one_sample, ("set", "second", "norm", "angle", "exponent")),
    "gunasekar2018.convolution": (excess, ("set", "norm_asked", "norm", "excess", "hard_margin")),
    "gunasekar2018.stationary": (spectra, ("layers", "share", "frequency", "circular", "connected")),
}
