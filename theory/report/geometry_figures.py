"""Figures of the geometry of linear convolutional networks: what is conserved, and a function with two metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 1e-17
"""A drift of nothing, on an axis of logarithms."""

PLANES = ((0, 1), (1, 2))
"""The entries of v whose planes are shown."""


def conserved(rows: pd.DataFrame) -> Figure:
    """‖w₁‖² moves along the flow and δ₁ does not; in descent δ₁ moves as the step, by as much as predicted."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    from theory.report.style import DASHED, looks

    networks = list(rows["network"].unique())
    colours, markers = looks(networks)
    figure = Figure(figsize=(7.8, 4.0))
    flow, descent = figure.subplots(1, 2)
    for name in networks:
        look: dict[str, Any] = {"color": colours[name], "marker": markers[name], "markeredgecolor": "white"}
        here = rows[(rows["network"] == name) & (rows["kind"] == "flow")].sort_values("x")
        flow.plot(here["x"], here["moved"].clip(lower=FLOOR), **look)
        flow.plot(here["x"], here["drift"].clip(lower=FLOOR), color=colours[name], **DASHED)
        here = rows[(rows["network"] == name) & (rows["kind"] == "descent")].sort_values("x")
        descent.plot(here["x"], here["drift"], linestyle="none", label=name, **look)
        descent.plot(here["x"], here["predicted"], color=colours[name], **DASHED)
    flow.set(yscale="log", xlabel="time", title="gradient flow", ylabel="change since time 0")
    descent.set(
        xscale="log", yscale="log", xlabel="step η", ylabel="change of δ₁ up to time 1", title="gradient descent"
    )
    descent.xaxis.set_minor_formatter(NullFormatter())
    _kinds(flow)
    figure.legend(title="filters / strides", loc="outside lower center", ncols=2)
    return figure


def _kinds(ax: Axes) -> None:
    """What a solid and a dashed line are, between the two bundles of them."""
    from theory.report.style import GUIDE

    middle: dict[str, Any] = {"color": GUIDE, "transform": ax.transAxes, "ha": "center", "fontsize": 8.5}
    ax.text(0.5, 0.74, "solid: ‖w₁‖²", **middle)
    ax.text(0.5, 0.36, "dashed: δ₁ = ‖w₁‖² − ‖w₂‖²", **middle)


def two_metrics(rows: pd.DataFrame) -> Figure:
    """Unit balls of both metrics at v = (1, 1, 0), in two planes, and where the flow goes from each of the points."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.7))
    *planes, flow = figure.subplots(1, 3)
    for ax, (first, second) in zip(planes, PLANES, strict=True):
        for point, look in _looks().items():
            x, y = _ball(rows[(rows["kind"] == "kernel") & (rows["point"] == point)], first, second)
            ax.plot(x, y, **look)
        ax.set(xlabel=f"v̇{_low(first)}", ylabel=f"v̇{_low(second)}", aspect="equal", xlim=(-2.4, 2.4), ylim=(-2.4, 2.4))
        ax.set_title(f"unit ball, seen along v{_low(3 - first - second)}")
    _paths(flow, rows[rows["kind"] == "flow"])
    names, labels = planes[0].get_legend_handles_labels()
    figure.legend(names, labels, loc="outside lower center", ncols=2)
    return figure


def _looks() -> dict[int, dict[str, Any]]:
    from theory.report.style import COLOURS

    return {
        0: {"color": COLOURS[0], "label": "(2, 0), (½, ½)"},
        1: {"color": COLOURS[2], "label": "(√2, √2), (1/√2, 0)", "linestyle": (0, (4, 2))},
    }


def _low(index: int) -> str:
    return "₁₂₃"[index]


def _ball(rows: pd.DataFrame, first: int, second: int) -> tuple[Any, Any]:
    """The shadow of {ξ: ξᵀK⁺ξ ≤ 1} on a plane: the ellipse of the block of K, whose square root maps a circle there."""
    import numpy as np

    K = rows.pivot_table(index="row", columns="entry", values="value").to_numpy()
    block = K[np.ix_([first, second], [first, second])]
    turn = np.linspace(0, 2 * np.pi, 200)
    return tuple(np.linalg.cholesky(block) @ np.stack([np.cos(turn), np.sin(turn)]))


def _paths(ax: Axes, rows: pd.DataFrame) -> None:
    """v against time down ½‖v‖²: equal at first, and not for long."""
    from matplotlib.lines import Line2D

    from theory.report.style import GUIDE, MARKERS

    for point, look in _looks().items():
        for entry in range(3):
            here = rows[(rows["point"] == point) & (rows["entry"] == entry)].sort_values("time")
            offset = 2 * entry + 3 * point  # so that the markers of curves that fall together do not
            ax.plot(here["time"], here["value"], **look, marker=MARKERS[entry], markevery=(offset, 8), mec="white")
    ax.set(xlabel="time", ylabel="entries of v", title="flow down ½‖v‖² from v = (1, 1, 0)")
    entries = [Line2D([], [], color=GUIDE, ls="none", marker=MARKERS[i], label=f"v{_low(i)}") for i in range(3)]
    ax.legend(handles=entries, loc="upper right")


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "achour2025.conserved": (conserved, ("network", "kind", "x", "moved", "drift", "predicted")),
    "achour2025.no_metric": (two_metrics, ("kind", "point", "time", "row", "entry", "value")),
}
