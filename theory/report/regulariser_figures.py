"""Figures of induced regularisers: R against the kernel size, and the spectra of what descent finds on images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES = (1, 2, 4, 8, 16, 32)
PANELS = 4
"""Predictors that are shown, those with the most kernel sizes first; and pairs of classes, with one panel of all."""

SMALLEST = 1e-4
"""Part of the largest |ŵ| below which a spectrum is not drawn."""

WAYS: Mapping[str, tuple[int, dict[str, Any]]] = {
    "SDP": (0, {}),
    "dual": (1, {"linestyle": "", "marker": "x", "markersize": 9}),
    "direct, C = 1": (2, {"linestyle": "", "marker": "^", "markersize": 7}),
    "direct, C = 2": (4, {"linestyle": "", "marker": "s", "markersize": 5}),
    "direct, C = 4": (6, {"linestyle": "", "marker": "o", "markersize": 3}),
}
"""Colour and look of the ways to R: they lie on top of each other, the later ones smaller."""


def kernel_sizes(rows: pd.DataFrame) -> Figure:
    """R_K by the SDP, its dual and direct minimisation, between its two closed forms; one panel for each predictor."""
    from theory.report.style import label_outer, panels

    shown = _longest(rows)
    figure, axes = panels(len(shown), width=4.2, height=3.0)
    for ax, curve in zip(axes, shown, strict=True):
        _between(ax, curve)
        first = curve.iloc[0]
        ax.set(title=f"{first['kind']}, D = {first['dim']}", xscale="log")
        ax.set_xticks(SIZES, labels=[str(size) for size in SIZES])
        ax.set_xticks([], minor=True)
    label_outer(axes, "kernel size K", "R, from 2‖ŵ‖₁ (0) to 2√D ‖w‖₂ (1)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _longest(rows: pd.DataFrame) -> list[pd.DataFrame]:
    curves = [curve for _, curve in rows.groupby(["kind", "dim"], sort=False)]
    return sorted(curves, key=lambda curve: -curve["kernel"].nunique())[:PANELS]


def _between(ax: Axes, curve: pd.DataFrame) -> None:
    """0 is the closed form of K = D, 1 that of K = 1."""
    from theory.report.style import COLOURS, DASHED, GUIDE

    most, least = curve[curve["way"] == "closed form"].sort_values("kernel")["value"].tolist()
    ax.axhline(1.0, color=GUIDE, label="2√D ‖w‖₂, that of K = 1", **DASHED)
    ax.axhline(0.0, color=COLOURS[8], label="2‖ŵ‖₁, that of K = D", **DASHED)
    for way, (colour, look) in WAYS.items():
        found = curve[curve["way"] == way].sort_values("kernel")
        part = (found["value"] - least) / (most - least)
        ax.plot(found["kernel"], part, color=COLOURS[colour], label=way, mfc="none", **look)


def spectra(rows: pd.DataFrame) -> Figure:
    """|ŵ| of what descent found, largest first, beside those of the minimisers; and R_K on the way there.

    The spectra are those of a pair of classes, and of the worst.
    """
    from theory.report.style import DASHED, label_outer, looks, panels

    ways, rows = rows[rows["which"] == "way"], rows[rows["which"] != "way"]
    pairs = _first_and_furthest([pair for _, pair in rows.groupby(["first", "second", "channels"], sort=False)])
    colours, markers = looks(sorted(rows["kernel"].unique().tolist()))
    figure, axes = panels(len(pairs) + 1, width=4.6, height=3.2)
    grid = axes.pop().get_subplotspec()
    figure.axes[-1].remove()  # it shared the others' axes
    for ax, pair in zip(axes, pairs, strict=True):
        for (kernel, which), curve in pair.groupby(["kernel", "which"]):
            line: dict[str, Any] = {"color": colours[kernel], "marker": markers[kernel], "markevery": 0.13}
            line |= {"mfc": "white", **DASHED} if which == "least" else {"mec": "white"}
            label = f"K = {kernel}, {'found' if which == 'found' else 'least R'}"
            ax.plot(curve["rank"], curve["size"], label=label, **line)
        first = pair.iloc[0]
        channels = f"{first['channels']} channel{'s' if first['channels'] > 1 else ''}"
        ax.set(title=f"{first['first']} and {first['second']}, {channels}", yscale="log", ylim=(SMALLEST, 1.5))
    label_outer(axes, "frequency, by rank", "|ŵ| / largest")
    seen = {kernel for pair in pairs for kernel in pair["kernel"]}
    _on_the_way(figure.add_subplot(grid), ways[ways["kernel"].isin(seen)], colours, markers)
    labelled = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    sources = ", ".join(map(str, rows["image_source"].unique()))
    figure.legend(
        labelled.values(), labelled.keys(), loc="outside lower center", ncols=2 * min(len(pairs), 2), title=sources
    )
    return figure


def _on_the_way(ax: Axes, rows: pd.DataFrame, colours: Any, markers: Any) -> None:
    """R_K of the direction over the least, less 1, against ‖β‖: the median of all pairs, and the most."""
    above = rows.assign(above=rows["value"] / rows["bound"] - 1, norm=10.0 ** rows["norm"].map(math.log10).round())
    for kernel, of in above.groupby("kernel"):
        by_norm = of.groupby("norm")["above"]
        line: dict[str, Any] = {"color": colours[kernel], "marker": markers[kernel], "mec": "white"}
        ax.plot(by_norm.median().index, by_norm.median(), **line)
        ax.plot(by_norm.max().index, by_norm.max(), color=colours[kernel], linestyle=":", linewidth=1.1)
    ax.set(title="on the way, all pairs (dotted: the most)", xscale="log", yscale="log", xlabel="‖β‖")
    ax.set_ylabel("R of the direction / least − 1")


def _first_and_furthest(pairs: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """The first pair of classes, and those in which the number of frequencies is furthest from the minimiser's."""
    return pairs[:1] + sorted(pairs[1:], key=_away, reverse=True)[: PANELS - 2]


def _away(pair: pd.DataFrame) -> float:
    """The largest |log| of the ratio of (Σ|ŵ|)²/Σ|ŵ|², what was found over the least."""
    import numpy as np

    sums = pair.assign(square=pair["size"] ** 2).groupby(["which", "kernel"])[["size", "square"]].sum()
    frequencies = sums["size"] ** 2 / sums["square"]
    return float(np.abs(np.log(frequencies["found"] / frequencies["least"])).max())


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "jagadeesan2022.one_channel": (kernel_sizes, ("kind", "dim", "kernel", "way", "value")),
    "jagadeesan2022.images": (
        spectra,
        ("first", "second", "channels", "kernel", "which", "rank", "size", "value", "bound", "norm", "image_source"),
    ),
}
