"""The figures of the Gabor question; ``DRAWINGS`` says how each is drawn and the columns that it needs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 1e-16
"""Losses below are rounding, and are drawn there."""

AT_REST = 10.0
"""Jumps smaller than the smallest predicted one by this factor are drawn there."""

WINDOW = 40
"""Iterations of the cycle that are drawn."""

NAMES = {"white": "white noise", "smooth": "smooth noise", "photo": "photograph"}

SETTLES = 0.9
"""Momentum with which 400 steps shrink a deviation by 0.9²⁰⁰ = 1e-9."""

TURN = (-180, -90, 0, 90, 180)


def original(rows: pd.DataFrame) -> Figure:
    """The asker's runs and the cured one: on the landscape, and their angle against the iteration; no momentum.

    Of the asker's steps the smallest is drawn, which ends in a false minimum, and the largest, which cycles.
    """
    from matplotlib.figure import Figure

    kinds, momenta = list(rows["on"].unique()), sorted(rows["momentum"].unique())
    figure = Figure(figsize=(3.2 * len(kinds), 4.8))
    axes = figure.subplots(2, len(kinds), squeeze=False)
    for (above, below), kind in zip(axes.T, kinds, strict=True):
        here = rows[(rows["on"] == kind) & (rows["momentum"] == momenta[0])]
        runs = _runs(here)
        _on_landscape(above, here[here["what"] == "landscape"], runs)
        _against_iteration(below, runs)
        above.set(title=NAMES.get(kind, kind))
    axes[0, 0].set_ylabel("root mean squared error")
    axes[1, 0].set_ylabel("θ − θ*")
    found = {label: line for line, label in zip(*axes[1, 0].get_legend_handles_labels(), strict=True)}
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=4)
    return figure


def _runs(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Of one kind of image: the runs that are drawn."""
    asked = rows[rows["what"] == "asked"]
    jumps = sorted(asked["jump"].unique().tolist())
    runs = {f"as asked, ηs = {jump:g}": asked[asked["jump"] == jump] for jump in dict.fromkeys((jumps[0], jumps[-1]))}
    return {**runs, "cured": rows[rows["what"] == "cured"]}


def _wrapped(theta: pd.Series) -> pd.Series:
    """Degrees from the truth, at π/4, in [−180°, 180°)."""
    return (theta.map(math.degrees) - 45 + 180) % 360 - 180


def _on_landscape(ax: Axes, landscape: pd.DataFrame, runs: Mapping[str, pd.DataFrame]) -> None:
    from theory.report.style import GUIDE

    curve = landscape.assign(off=_wrapped(landscape["theta"])).drop_duplicates("off").sort_values("off")
    ax.plot(curve["off"], curve["rmse"], color=GUIDE, linewidth=1.0)
    for (run, points), look in zip(runs.items(), _looks(), strict=False):
        off = _wrapped(points["theta"])
        ax.plot(off[::2], points["rmse"][::2], label=run, linestyle="none", alpha=0.75, **look)
        ax.plot(off.iloc[-1:], points["rmse"].iloc[-1:], linestyle="none", **{**look, "markersize": 9, "zorder": 5})
    _degrees(ax.xaxis, ax.set_xlim)
    ax.set(xlabel="θ − θ*", ylim=(0, None))
    for truth in (-180, 0, 180):
        ax.axvline(truth, color=GUIDE, linestyle=":", linewidth=1.1)


def _against_iteration(ax: Axes, runs: Mapping[str, pd.DataFrame]) -> None:
    from theory.report.style import GUIDE

    for (run, points), look in zip(runs.items(), _looks(), strict=False):
        ordered = points.sort_values("iteration")
        ax.plot(ordered["iteration"] + 1, _wrapped(ordered["theta"]), label=run, linewidth=0.7, markevery=0.012, **look)
    _degrees(ax.yaxis, ax.set_ylim)
    for truth in (-180, 0, 180):
        ax.axhline(truth, color=GUIDE, linestyle=":", linewidth=1.1)
    ax.set(xlabel="iteration + 1", xscale="log")


def _degrees(axis: Any, limits: Callable[..., Any]) -> None:
    axis.set_ticks(TURN, [f"{angle}°" for angle in TURN])
    limits(-190, 190)


def _looks() -> list[dict[str, Any]]:
    from theory.report.style import COLOURS, MARKERS

    order = (1, 2, 0)
    return [
        {
            "color": COLOURS[i],
            "marker": MARKERS[i],
            "markersize": 3.5,
            "markeredgecolor": "white",
            "markeredgewidth": 0.3,
        }
        for i in order
    ]


def kink(rows: pd.DataFrame) -> Figure:
    """The cycle about the truth, and its jumps against step × slope, which predicts them."""
    from matplotlib.figure import Figure

    from theory.report.style import looks

    figure = Figure(figsize=(9.8, 3.4))
    left, right = figure.subplots(1, 2)
    momenta = sorted(rows["momentum"].unique().tolist())
    plain = rows[rows["momentum"] == momenta[0]]
    # The last kind of image on which all runs are about the truth; if there is none, the last.
    far = plain.assign(far=(plain["off"] / plain["predicted_jump"]).abs()).groupby("on", sort=False)["far"].max()
    one = plain[plain["on"] == [*far.index[-1:], *far.index[far < 1]][-1]]
    jumps = sorted(one["predicted_jump"].unique().tolist())
    colours, markers = looks(jumps)
    for jump in jumps:
        run = one[one["predicted_jump"] == jump].sort_values("iteration").tail(WINDOW)
        look: dict[str, Any] = {"color": colours[jump], "marker": markers[jump], "markersize": 3, "linewidth": 0.8}
        left.plot(run["iteration"], run["off"] / jump, label=f"ηs = {jump:g}", **look)
    left.set(xlabel="iteration (the last ones)", ylabel="(θ − θ*) / (η s)", ylim=(-1.6, 1.1))
    left.set_title(f"{NAMES.get(one['on'].iloc[0], one['on'].iloc[0])}, no momentum")
    left.legend(ncols=2, loc="lower center")
    _jumps(right, rows, momenta)
    return figure


def _jumps(ax: Axes, rows: pd.DataFrame, momenta: Sequence[float]) -> None:
    """The mean jump of the last iterations, a mark for each image and step."""
    from theory.report.style import GUIDE, looks

    kinds = list(rows["on"].unique())
    colours, markers = looks(kinds)
    ends = [rows["predicted_jump"].min() / 1.5, rows["predicted_jump"].max() * 1.5]
    run = ["on", "momentum", "predicted_jump"]
    ordered = rows.sort_values([*run, "iteration"])
    jumps = ordered.assign(jump=ordered.groupby(run)["off"].diff().abs()).groupby(run)["jump"].mean().reset_index()
    for kind in kinds:
        for momentum in momenta:
            here = jumps[(jumps["on"] == kind) & (jumps["momentum"] == momentum)]
            fill = colours[kind] if momentum == momenta[0] else "white"
            look: dict[str, Any] = {"color": colours[kind], "marker": markers[kind], "markerfacecolor": fill}
            name = f"{kind}, momentum {momentum:g}"
            level = here["jump"].clip(lower=ends[0] / AT_REST)
            ax.plot(here["predicted_jump"], level, linestyle="none", label=name, **look)
    ax.plot(ends, ends, color=GUIDE, linestyle=":", linewidth=1.1, label="measured = predicted", zorder=0)
    ax.set(
        xscale="log", yscale="log", xlabel="predicted: step × slope η s (radians)", ylabel="mean jump |Δθ| (radians)"
    )
    resting = " (at the bottom: at rest in another valley)" if jumps["jump"].min() < ends[0] / AT_REST else ""
    ax.set_title(f"jumps at the end{resting}")
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def stability(rows: pd.DataFrame) -> Figure:
    """Loss after all steps against the step over its predicted threshold; a panel for each loss, with and without μ."""
    from theory.report.style import GUIDE, label_outer, looks, panels

    losses, momenta = list(rows["loss"].unique()), sorted(rows["momentum"].unique().tolist())
    # With more momentum than SETTLES a run from so far has not come down in as many steps.
    momenta = list(dict.fromkeys((momenta[0], max(mu for mu in momenta if mu <= SETTLES))))
    kinds = list(rows["on"].unique())
    colours, markers = looks(kinds)
    figure, axes = panels(len(losses) * len(momenta), width=3.6, height=2.5)
    shown = [(loss, momentum) for loss in losses for momentum in momenta]
    for ax, (loss, momentum) in zip(axes, shown, strict=True):
        for index, kind in enumerate(kinds):
            here = (rows["loss"] == loss) & (rows["momentum"] == momentum) & (rows["on"] == kind)
            curve = rows[here].sort_values("over_threshold")
            look = {"color": colours[kind], "marker": markers[kind], "markersize": 3.5, "markeredgecolor": "white"}
            level = curve["value"].clip(lower=LEAST)
            ax.plot(curve["over_threshold"], level, label=kind, markevery=(index, 5), linewidth=1.1, **look)
        ax.axvline(1, color=GUIDE, linestyle=":", linewidth=1.3)
        ax.set(yscale="log", title=f"{'mean squared error' if loss == 'mse' else loss}, momentum {momentum:g}")
    label_outer(axes, "step / predicted threshold 2(1 + μ)/ℓ''(θ*)", "largest loss at the end")
    start = "from 0.1 radians off the truth, where a smaller step, too, may throw a run out of its valley"
    figure.suptitle(f"descent {start}", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(kinds))
    return figure


def rest(rows: pd.DataFrame) -> Figure:
    """The largest move at the end of each run against its step; a panel for each momentum.

    Steps are over the largest at which the flattest false minimum is stable: to the right of 1 no run can rest.
    """
    import numpy as np

    from theory.report.style import GUIDE, label_outer, looks, panels

    momenta, kinds = sorted(rows["momentum"].unique().tolist()), list(rows["on"].unique())
    colours, markers = looks(kinds)
    figure, axes = panels(len(momenta), width=4.4, height=3.0)
    for ax, momentum in zip(axes, momenta, strict=True):
        for kind in kinds:
            here = rows[(rows["on"] == kind) & (rows["momentum"] == momentum) & np.isfinite(rows["over_limit"])]
            look = {"color": colours[kind], "marker": markers[kind], "markersize": 3.5, "markeredgewidth": 0.3}
            level = here["moved"].clip(lower=LEAST)
            ax.plot(here["over_limit"], level, label=kind, linestyle="none", markeredgecolor="white", **look)
        ax.axvline(1, color=GUIDE, linestyle=":", linewidth=1.3)
        ax.axhline(1e-6, color=GUIDE, linewidth=0.8)
        ax.set(xscale="log", yscale="log", title=f"momentum {momentum:g}")
    label_outer(axes, "step / largest stable step", "largest last move |Δθ|")
    said = "descent on the root; largest stable step: 2(1 + μ)/f'' at the flattest false minimum; at rest: below 1e-6"
    figure.suptitle(said, fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(kinds))
    return figure


def population(rows: pd.DataFrame) -> Figure:
    """Which part of the circle drains into the truth, over λ and σ; a panel for each γ and size of the filter.

    The number below is that of the minima on a half-turn.
    """
    from matplotlib.figure import Figure

    rows = rows[(rows["what"] == "landscape") & (rows["psi"] == 0)]
    sizes, gammas, waves, sigmas = (
        sorted(rows[name].unique().tolist()) for name in ("size", "gamma", "wavelength_", "sigma_")
    )
    across, up = 0.39 * len(waves) * len(gammas) + 0.6, (0.31 * len(sigmas) + 0.5) * len(sizes) + 0.5
    figure = Figure(figsize=(across, up))
    axes = figure.subplots(len(sizes), len(gammas), squeeze=False)
    for ax, (size, gamma) in zip(axes.ravel(), itertools.product(sizes, gammas), strict=True):
        here = rows[(rows["size"] == size) & (rows["gamma"] == gamma)]
        if here.empty:
            ax.remove()
            continue
        for row in here.to_dict("records"):
            place = waves.index(row["wavelength_"]), sigmas.index(row["sigma_"])
            _tile(ax, *place, row["share"], f"{row['share']:.0%}\n{row['minima']:g}")
        _tiled(ax, [f"{x:g}" for x in waves], [f"{y:g}" for y in sigmas])
        lowest = size == sizes[-1] or rows[(rows["size"] > size) & (rows["gamma"] == gamma)].empty
        first = gamma == rows[rows["size"] == size]["gamma"].min()
        ax.set(title=f"γ = {gamma:g}, {size:g}×{size:g} pixels")
        ax.set(xlabel="wavelength λ" if lowest else "", ylabel="σ" if first else "")
    figure.suptitle("part of the circle that drains into the truth; below, minima on a half-turn", fontsize=9)
    return figure


def remedies(rows: pd.DataFrame) -> Figure:
    """The success of every remedy on every kind of image: rate over all starts, with its confidence limits."""
    from matplotlib.figure import Figure

    kinds = rows[["on", "whitened"]].drop_duplicates().to_dict("records")
    names = list(rows["remedy"].unique())
    figure = Figure(figsize=(1.25 * len(kinds) + 2.6, 0.5 * len(names) + 1.0))
    ax = figure.subplots()
    for row in rows.to_dict("records"):
        place = kinds.index({"on": row["on"], "whitened": row["whitened"]}), names.index(row["remedy"])
        _tile(ax, *place, row["rate"], f"{row['rate']:.1%}\n{row['rate_low']:.0%} – {row['rate_high']:.0%}")
    words = [NAMES.get(kind["on"], kind["on"]) + (",\nwhitened" if kind["whitened"] else "") for kind in kinds]
    _tiled(ax, words, names)
    ax.invert_yaxis()
    pictures = sorted(rows["pictures"].unique().tolist())
    ax.set(title=f"runs that find the truth; {pictures[0]:g} images or more × 64 starts", xlabel="images")
    return figure


def _tile(ax: Axes, column: int, line: int, share: float, text: str) -> None:
    """A square, the darker the larger the share, with words on it."""
    import matplotlib as mpl
    from matplotlib.patches import Rectangle

    colour = mpl.colormaps["Blues"](0.08 + 0.85 * share)
    ax.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
    ink = "white" if share > 0.55 else "black"
    ax.text(column, line, text, ha="center", va="center", fontsize=6.5, color=ink)


def _tiled(ax: Axes, across: Sequence[str], up: Sequence[str]) -> None:
    ax.set(xlim=(-0.5, len(across) - 0.5), ylim=(-0.5, len(up) - 0.5))
    ax.set_xticks(range(len(across)), across)
    ax.set_yticks(range(len(up)), up)
    ax.tick_params(length=0)
    ax.grid(visible=False)


DRAWINGS: Mapping[str, tuple[Callable[[pd.DataFrame], Figure], Sequence[str]]] = {
    "gabor2017.original": (original, ("on", "momentum", "what", "jump", "iteration", "theta", "rmse")),
    "gabor2017.kink": (kink, ("on", "momentum", "predicted_jump", "iteration", "off")),
    "gabor2017.stability": (stability, ("on", "loss", "momentum", "over_threshold", "value")),
    "gabor2017.rest": (rest, ("on", "momentum", "over_limit", "moved")),
    "gabor2017.population": (population, ("what", "psi", "size", "gamma", "wavelength_", "sigma_", "share", "minima")),
    "gabor2017.remedies": (remedies, ("on", "whitened", "pictures", "remedy", "rate", "rate_low", "rate_high")),
}
