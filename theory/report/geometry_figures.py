"""Figures of the geometry of linear networks: what is conserved, fibres and flows, and a function with two metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 1e-17
"""A drift of nothing, on an axis of logarithms."""

LIMIT = 1e-7
"""How far apart the flows may be, and how far the integrator may leave one of them undecided."""

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


def fibres_and_flows(rows: pd.DataFrame) -> Figure:
    """How far K differs on every fibre, by network; and how far apart the two flows are, beside what is resolved."""
    from matplotlib.figure import Figure

    networks = [name for _, here in rows.groupby("control", sort=False) for name in here["network"].unique()]
    figure = Figure(figsize=(9.4, 1.9 + 0.23 * len(networks)))
    kernels, flows = figure.subplots(1, 2, width_ratios=(1, 1))
    _differences(kernels, rows, networks)
    _apart(flows, rows[rows["flows"].notna()])
    figure.legend(*flows.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _differences(ax: Axes, rows: pd.DataFrame, networks: Sequence[str]) -> None:
    """Of every fibre, a row for each network with the number of its points."""
    from theory.report.style import COLOURS, DASHED, GUIDE

    for place, name in enumerate(networks):
        here = rows[rows["network"] == name]
        colour = COLOURS[2] if here["control"].any() else COLOURS[0]
        look: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 4, "mfc": "none", "color": colour}
        ax.plot(here["apart"].clip(lower=FLOOR), [place] * len(here), **look)
    ax.axvline(1e-9, color=GUIDE, **DASHED)
    counts = [sorted(rows.loc[rows["network"] == name, "points"].unique().tolist()) for name in networks]
    labels = [f"{name}:  {' or '.join(map(str, each))}" for name, each in zip(networks, counts, strict=True)]
    ax.set_yticks(range(len(networks)), labels=labels, fontsize=7.5)
    ax.invert_yaxis()
    ax.set(xscale="log", xlim=(FLOOR / 3, 10), xlabel="largest ‖K − K'‖/‖K‖ on a fibre (0 at the left edge)")
    ax.set(ylabel="filters / strides:  points of the fibre", title="K on the points of a fibre")


def _apart(ax: Axes, rows: pd.DataFrame) -> None:
    """The distance of the flows against how far the one on functions moves with looser steps; the limit of both."""
    from theory.report.style import COLOURS, DASHED, GUIDE

    size = rows[["doubt", "flows"]].clip(lower=FLOOR)
    kept = size["doubt"] <= LIMIT
    for which, marker, label in ((kept, "o", "runs"), (~kept, "x", "left out: not resolved")):
        if not which.any():
            continue
        ax.plot(
            size.loc[which, "doubt"], size.loc[which, "flows"], ls="none", marker=marker, ms=4, mfc="none",
            color=COLOURS[0 if marker == "o" else 2], label=label,
        )  # fmt: skip
    ends = (FLOOR, max(1e-5, 2 * float(size.max().max())))
    ax.plot(ends, ends, color=GUIDE, linewidth=0.9, label="as far as its own doubt")
    ax.axhline(LIMIT, color=GUIDE, **DASHED)
    ax.axvline(LIMIT, color=GUIDE, **DASHED)
    ax.set(xscale="log", yscale="log", xlabel="flow on functions: move with ten times the error")
    ax.set(ylabel="distance to the flow on weights", xlim=ends, ylim=ends)
    ax.set_title("both flows, in units of the largest v")


FIBRES = ("control", "network", "points", "apart", "flows", "doubt")

DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "achour2025.conserved": (conserved, ("network", "kind", "x", "moved", "drift", "predicted")),
    "achour2025.riemannian": (fibres_and_flows, FIBRES),
    "achour2025.higher_dimensions": (fibres_and_flows, FIBRES),
    "achour2025.no_metric": (two_metrics, ("kind", "point", "time", "row", "entry", "value")),
}
