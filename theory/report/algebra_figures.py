"""Figures of critical points: how many are real, of how many complex ones, for each architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def real_points(rows: pd.DataFrame) -> Figure:
    """Left, histograms of the real critical points over the data sets; right, them and the minima below the complex."""
    from matplotlib.figure import Figure

    networks = list(rows.sort_values("bound", kind="stable")["network"].unique())
    figure = Figure(figsize=(8.6, 3.6))
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.15, 1]})
    _histograms(left, rows, networks)
    _medians(right, rows, networks)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _histograms(ax: Any, rows: pd.DataFrame, networks: Sequence[str]) -> None:
    from theory.report.style import COLOURS

    largest = int(rows["real"].max())
    for height, name in enumerate(networks):
        shares = rows[rows["network"] == name]["real"].value_counts(normalize=True)
        bars = {"bottom": height, "width": 0.8, "color": COLOURS[height % len(COLOURS)], "edgecolor": "white"}
        ax.bar(shares.index, 0.85 * shares / shares.max(), **bars)
    ax.set(
        title="share of the data sets",
        xlabel="real critical points",
        ylabel="sizes / strides",
        xlim=(-0.6, largest + 0.6),
    )
    ax.set_yticks(range(len(networks)), [_short(name) for name in networks])
    ax.grid(visible=False, axis="x")


def _medians(ax: Any, rows: pd.DataFrame, networks: Sequence[str]) -> None:
    from theory.report.style import COLOURS, DASHED

    grouped = rows.groupby("network")
    places = range(len(networks))
    bound = [grouped["bound"].first()[name] for name in networks]
    ax.plot(
        places, bound, color=COLOURS[5], marker="o", markerfacecolor="white", label="complex, by the formula", **DASHED
    )
    for column, colour, marker, aside in (("real", COLOURS[0], "s", -0.08), ("minima", COLOURS[2], "^", 0.08)):
        middle, low, high = (grouped[column].quantile(q).loc[list(networks)].to_numpy() for q in (0.5, 0.05, 0.95))
        ax.errorbar(
            [place + aside for place in places],
            middle,
            yerr=[middle - low, high - middle],
            color=colour,
            marker=marker,
            capsize=2,
            linestyle="none",
            label=f"{column} (median, 90 % of the data sets)",
        )
    ax.set(title="critical points", yscale="log", ylim=(0.7, 1.6 * max(bound)))
    ax.set_xticks(places, [_short(name).replace(" / ", "\n/ ") for name in networks])
    ax.set_xlim(-0.4, len(networks) - 0.6)


def _short(name: str) -> str:
    """Sizes and strides, such as 2×3 / 2."""
    return name.replace(" stride ", " / ")


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "shahverdi2024.real_points": (real_points, ("network", "bound", "real", "minima")),
}
