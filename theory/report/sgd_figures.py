"""Figures of the filter's steps: how close its patches are (the paper's Figure 3b), and descent in mean square."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = ("prescribed", "sharp", "neuron")
"""The steps that are shown, and what they are called in a title."""

TITLES = {"prescribed": "the theorem's step, η = ε²γ'/B²", "sharp": "η = γ'/R⁴", "neuron": "η = 1/R²"}
BOUNDS = {"paper": "Theorem 3.2", "sharp": "sharp form", "neuron": "one neuron's form"}
LEAST = 3e-3
"""Mean square, in units of the first, below which limits that reach 0 would fill the panel."""


def closeness(rows: pd.DataFrame) -> Figure:
    """Steps to a given error against the spread ρ of the patches (the paper's Figure 3b); one panel per dimension."""
    from theory.report.style import label_outer, looks, panels

    laws, dims = list(rows.sort_values("spread")["law"].unique()), sorted(rows["dim"].unique().tolist())
    colours, markers = looks(laws)
    figure, axes = panels(len(dims), width=3.9, height=3.4)
    for ax, dim in zip(axes, dims, strict=True):
        for law in laws:
            curve = rows[(rows["dim"] == dim) & (rows["law"] == law)].sort_values("closeness")
            look: dict[str, Any] = {"color": colours[law], "marker": markers[law], "markeredgecolor": "white"}
            ax.plot(curve["closeness"], curve["steps_taken"], label=str(law), **look)
        ax.set(title=f"dimension {dim}", yscale="log")
    targets = ", ".join(f"{target:g}" for target in sorted(rows["target"].unique()))
    label_outer(axes, "spread of the patches, ρ (radians)", f"steps to ‖w − w*‖ / ‖w*‖ ≤ {targets}")
    names, labels = axes[-1].get_legend_handles_labels()
    figure.legend(names, labels, title="common direction", loc="outside lower center", ncols=len(laws))
    return figure


def mean_square(rows: pd.DataFrame) -> Figure:
    """E‖w − w*‖² over the runs with its limits, with and without noise on the labels, against what bounds it.

    A panel for every step: the first law of one patch, and the first of several.
    """
    from theory.report.style import label_outer, panels

    shown = _shown(rows)
    figure, axes = panels(len(shown), height=2.9)
    for ax, curve in zip(axes, shown, strict=True):
        _bounds(ax, curve)
        _measured(ax, curve, "", 0, "measured")
        _measured(ax, curve, "noisy_", 2, "measured, noisy labels")
        title = f"{_title(curve.iloc[0])}, T = {curve['iteration'].max()}"
        ax.set(yscale="log", ylim=(LEAST, 3.0), xlim=(0.0, 1.0), title=title)
    label_outer(axes, "iteration / T", "E ‖w − w*‖² / ‖w₀ − w*‖²")
    labelled = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(labelled.values(), labelled.keys(), loc="outside lower center", ncols=3)
    return figure


def _shown(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each panel: of one patch and of several, for every step the first cell that has it."""
    found = []
    for several in (False, True):
        for step in STEPS:
            these = rows[(rows["step"] == step) & ((rows["patches"] > 1) == several)]
            if not these.empty:
                cell = these[["law", "dim", "patches", "closeness", "region"]]
                found.append(these[(cell == cell.iloc[0]).all(axis=1)].sort_values("iteration"))
    return found


def _title(first: Mapping[str, Any] | Any) -> str:
    patches = "" if first["patches"] == 1 else f", {first['patches']} patches"
    return f"{first['law']}, p = {first['dim']}{patches}\n{TITLES[first['step']]}"


def _bounds(ax: Axes, curve: pd.DataFrame) -> None:
    from theory.report.style import COLOURS, DASHED

    time = curve["iteration"] / curve["iteration"].max()
    for colour, (name, label) in zip((COLOURS[5], COLOURS[4], COLOURS[6]), BOUNDS.items(), strict=True):
        ax.plot(time, curve[name], color=colour, label=label, **DASHED)


def _measured(ax: Axes, curve: pd.DataFrame, prefix: str, colour: int, label: str) -> None:
    from theory.report.style import COLOURS, MARKERS

    time = curve["iteration"] / curve["iteration"].max()
    low, high = curve[f"{prefix}low"].clip(lower=LEAST / 10), curve[f"{prefix}high"]
    ax.fill_between(time, low, high, color=COLOURS[colour], alpha=0.2, linewidth=0)
    look: dict[str, Any] = {"color": COLOURS[colour], "marker": MARKERS[colour], "markeredgecolor": "white"}
    ax.plot(time, curve[f"{prefix}mean"], label=label, markevery=0.12, **look)


_MEAN_SQUARE = "law dim patches closeness region step iteration mean low high noisy_mean noisy_low noisy_high".split()

DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "du2018.fig3b": (closeness, ("law", "dim", "spread", "closeness", "steps_taken", "target")),
    "du2018.sgd": (mean_square, (*_MEAN_SQUARE, *BOUNDS)),
}
