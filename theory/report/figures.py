"""The figures, drawn from the store alone. A figure is a function of one claim's rows; ``FIGURES`` says of which."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory.checks import BadInput, refuse
from theory.report import extended_figures, filter_figures, image_figures, sgd_figures
from theory.runs.store import Stored, Warn, read

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = 90
"""Per cent of the starts that a band covers, from one percentile to the other; the line is their median."""


def convergence(rows: pd.DataFrame) -> Figure:
    """Distance to the teacher against what the theorem guarantees, per iteration; one panel per dimension.

    Distances are relative to that of the start, so that all runs begin at 1 and a band shows how their rates differ,
    not where they began.
    """
    from theory.report.style import DASHED, label_outer, looks, panels

    rows = _reached_by_all(_relative_to_start(rows[rows["form"] == "paper"]))
    laws, dims = _levels(rows["law"]), _levels(rows["dim"])
    colours, markers = looks(laws)
    figure, axes = panels(len(dims))
    for ax, dim in zip(axes, dims, strict=True):
        here = rows[rows["dim"] == dim]
        _curves(ax, here, "bound", colours, markers, errorbar=None, markerfacecolor="white", **DASHED)
        _curves(ax, here, "distance", colours, markers, errorbar=("pi", BAND), markeredgecolor="white")
        ax.set(title=f"dimension {dim}", xscale="log", yscale="log", ylim=_window(rows["distance"]))
        ax.set_xlim(left=1)
    label_outer(axes, "iteration", "‖w − w*‖ / ‖w₀ − w*‖")
    _legends(figure, colours, markers)
    return figure


def _relative_to_start(rows: pd.DataFrame) -> pd.DataFrame:
    """Distances and bounds in units of each run's first distance; iteration 0, where all are 1, is left out."""
    run = ["law", "dim", "start"]
    first = rows[rows["iteration"] == 0].set_index(run)["distance"]
    unit = rows[run].join(first, on=run)["distance"]
    return rows.assign(distance=rows["distance"] / unit, bound=rows["bound"] / unit)[rows["iteration"] > 0]


def _window(distances: pd.Series) -> tuple[float, float]:
    """What was measured, and rounding error at the least; a guarantee may well leave it."""
    seen = distances[distances > 0]
    return max(float(seen.min()), 1e-16) / 3, float(seen.max()) * 3


def _curves(
    ax: Axes,
    rows: pd.DataFrame,
    value: str,
    colours: Mapping[Any, str],
    markers: Mapping[Any, str],
    **line: Any,
) -> None:
    """The median over the starts and a percentile band, for each law; zeros have no place on a log axis."""
    import seaborn as sns

    for index, law in enumerate(colours):
        curve = rows[(rows["law"] == law) & (rows[value] > 0)]
        if curve.empty:
            continue
        sns.lineplot(
            curve,
            x="iteration",
            y=value,
            ax=ax,
            color=colours[law],
            marker=markers[law],
            markevery=(0.03 * index, 0.16),  # in parts of the diagonal, set off so that markers do not hide each other
            estimator="median",
            err_kws={"alpha": 0.16, "linewidth": 0} if line["errorbar"] else {},
            legend=False,
            **{"markeredgecolor": colours[law], **line},
        )


def _reached_by_all(rows: pd.DataFrame) -> pd.DataFrame:
    """Only the iterations that every start of a curve has reached: a median over the slow ones alone would mislead."""
    curve = ["law", "dim"]
    starts = rows.groupby(curve)["start"].transform("nunique")
    return rows[rows.groupby([*curve, "iteration"])["start"].transform("nunique") == starts]


def _legends(figure: Figure, colours: Mapping[Any, str], markers: Mapping[Any, str]) -> None:
    """Above, what is measured and what is guaranteed; below, the laws."""
    from matplotlib.lines import Line2D

    from theory.report.style import DASHED, GUIDE

    kinds = [
        Line2D([], [], color=GUIDE, marker="o", label=f"measured (median and {BAND} % of the starts)"),
        Line2D([], [], color=GUIDE, marker="o", mfc="white", label="guaranteed by the theorem", **DASHED),
    ]
    laws = [Line2D([], [], color=colours[law], marker=markers[law], mec="white", label=str(law)) for law in colours]
    figure.legend(handles=kinds, loc="outside upper center", ncols=2)
    figure.legend(handles=laws, loc="outside lower center", ncols=math.ceil(len(laws) / math.ceil(len(laws) / 5)))


def steps(rows: pd.DataFrame) -> Figure:
    """Steps to a given error against the smoothness L/γ (the paper's Figure 3a); one panel per family of laws."""
    from theory.report.style import label_outer, looks, panels

    family = rows["law"].str.partition("(")[0]
    families, dims = _levels(family), _levels(rows["dim"])
    colours, markers = looks(dims)
    figure, axes = panels(len(families), width=4.8, height=3.4)
    for ax, name in zip(axes, families, strict=True):
        _against_smoothness(ax, rows[family == name], dims, colours, markers)
        ax.set(title=name, xscale="log", yscale="log")
    label_outer(axes, "smoothness of the law, L/γ", _steps_label(rows))
    axes[0].legend(title="dimension")
    return figure


def _against_smoothness(
    ax: Axes, rows: pd.DataFrame, dims: Sequence[Any], colours: Mapping[Any, str], markers: Mapping[Any, str]
) -> None:
    import seaborn as sns

    sns.lineplot(
        rows,
        x="ratio",
        y="steps_taken",
        hue="dim",
        style="dim",
        hue_order=dims,
        style_order=dims,
        palette=dict(colours),
        markers=dict(markers),
        dashes=False,
        estimator="median",
        errorbar=("pi", BAND),
        ax=ax,
        legend="full",
    )
    _proportional(ax, rows)
    ax.legend().remove()


def _steps_label(rows: pd.DataFrame) -> str:
    targets = ", ".join(f"{target:g}" for target in _levels(rows["target"]))
    return f"steps to ‖w − w*‖ / ‖w*‖ ≤ {targets}"


def _proportional(ax: Axes, rows: pd.DataFrame) -> None:
    """A guide to the eye: steps in proportion to L/γ, just below all curves."""
    from theory.report.style import GUIDE

    slope = 0.7 * (rows["steps_taken"] / rows["ratio"]).min()
    ends = [rows["ratio"].min(), rows["ratio"].max()]
    ax.plot(ends, [slope * end for end in ends], color=GUIDE, linestyle=":", linewidth=1.1, label="∝ L/γ")


def _levels(column: pd.Series) -> list[Any]:
    """The values of a column in order: numbers by size, words as they first appear."""
    values: list[Hashable] = [getattr(value, "item", lambda v=value: v)() for value in column.unique()]
    return values if any(isinstance(value, str) for value in values) else sorted(values)


# ------------------------------------------------------------------------------------------------------------- drawing


@dataclass(frozen=True)
class Drawing:
    """How a claim's rows become a figure, and the columns that they must have."""

    draw: Callable[[pd.DataFrame], Figure]
    columns: Sequence[str]


FIGURES: Mapping[str, Drawing] = {
    "du2018.rate": Drawing(convergence, ("law", "dim", "start", "form", "iteration", "distance", "bound")),
    "du2018.fig3a": Drawing(steps, ("law", "dim", "spread", "ratio", "steps_taken", "target")),
    **{
        key: Drawing(*drawing)
        for drawings in (
            filter_figures.DRAWINGS,
            sgd_figures.DRAWINGS,
            image_figures.DRAWINGS,
            extended_figures.DRAWINGS,
        )
        for key, drawing in drawings.items()
    },
}


def draw_all(out: Path, profile: str, *, warn: Warn | None = None) -> list[Path]:
    """Draw every figure whose claim is in the store, as SVG and PNG into ``OUT/PROFILE/figures``.

    What cannot be read or drawn is left out, and ``warn`` is given a line about it.

    Raises
    ------
    BadInput
        If the store holds nothing to draw, or the folder cannot be written.
    """
    from theory.runs.engine import PROFILES
    from theory.runs.store import prepare

    if profile not in PROFILES:
        raise refuse("profile", repr(profile), " or ".join(PROFILES))
    drawable = [stored for stored in read(out, profile, warn=warn) if _drawable(stored, warn)]
    if not drawable:
        wanted = f"a store with the rows of {' or '.join(FIGURES)} in its folder {profile} (run `theory verify` first)"
        raise refuse("out", out, wanted)
    folder = prepare(out / profile, "figures")
    return [path for stored in drawable for path in _draw(stored, folder)]


def _drawable(stored: Stored, warn: Warn | None) -> bool:
    if stored.key not in FIGURES:
        return False
    missing = [name for name in FIGURES[stored.key].columns if name not in stored.frame]
    if missing or _own(stored).empty:
        lack = f"no column {', '.join(missing)}" if missing else "no rows"
        (warn or _warn)(f"{stored.key} is stored with {lack}; its figure is left out")
        return False
    return True


def _own(stored: Stored) -> pd.DataFrame:
    """The rows of the claim itself, without its controls'."""
    return stored.frame[stored.frame["control"] == ""]


def _draw(stored: Stored, folder: Path) -> list[Path]:
    from theory.report.style import save, style

    with style():
        figure = FIGURES[stored.key].draw(_own(stored))
        try:
            return save(figure, folder / stored.key)
        except OSError as error:
            raise BadInput(f"out is {folder} ({error.strerror}); it must be a folder that can be written") from None


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, UserWarning, stacklevel=3)
