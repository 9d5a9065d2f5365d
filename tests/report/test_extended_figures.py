"""The figures of extended convolutional layers: what they show, and of which rows."""

import itertools

import numpy as np
import pandas as pd
import pytest

from theory.report import extended_figures, figures, style


def drawn(name, rows):
    with style.style():
        return figures.FIGURES[name].draw(rows)


def landscape(pairs=5, laws=("uniform", "normal")):
    ticks = np.linspace(-4, 4, 5)
    words = {"objective": "", "optimiser": "", "start": "", "iteration": 0.0}
    rows = [
        {
            "weights": law,
            "pair": pair,
            "alpha": a,
            "beta": b,
            "conventional_normal": (a * a + b * b) / 32,
            "extended_normal": a * a / 16,
            **words,
        }
        for law, pair, a, b in itertools.product(laws, range(pairs), ticks, ticks)
    ]
    return pd.DataFrame(rows)


def ways():
    """Two starts, two optimisers, on both objectives of one pair."""
    rows = [
        {"objective": objective, "optimiser": optimiser, "start": start, "iteration": t, "alpha": 2 - t, "beta": 2.0}
        for objective, optimiser, start, t in itertools.product(
            extended_figures.OBJECTIVES, ("L-BFGS", "Adam"), ("a", "b"), (0.0, 1.0, 2.0)
        )
    ]
    more = {"weights": "uniform", "pair": 0, "conventional_normal": 0.0, "extended_normal": 0.0}
    return pd.DataFrame(rows).assign(**more)


def descent():
    rows = []
    for network, objective in itertools.product(range(6), extended_figures.OBJECTIVES):
        for t in (0, 5, 10):
            place = {"alpha": 2 - t / 10, "beta": -2.0, "start": f"start {network % 3}"}
            value = (network + 1) * (0.5 if objective == "extended" else 0.8) ** t
            rows.append({"network": network, "objective": objective, "iteration": t, "value": value, **place})
    return pd.DataFrame(rows).assign(preset="program", weights="uniform")


def widths():
    rows = [
        {"lam": lam, "half": half, **dict.fromkeys(extended_figures.MEASURES, 1 + 0.1 * n / lam)}
        for (lam, half), n in itertools.product(((0.04, True), (0.4, True), (0.04, False)), range(15))
    ]
    program = [pd.DataFrame(rows).assign(preset="program", start=start) for start in ("primary", "solved")]
    text = pd.DataFrame(rows)[lambda r: ~r["half"]].assign(preset="text", start="random")
    return pd.concat([*program, text]).assign(weights="normal")


ROWS = {
    "siahkoohi2021.landscape": landscape,
    "siahkoohi2021.lbfgs": descent,
    "siahkoohi2021.adam": descent,
    "siahkoohi2021.width_normal": widths,
    "siahkoohi2021.width_uniform": widths,
}


def test_every_drawing_is_registered():
    assert set(ROWS) == set(extended_figures.DRAWINGS)
    for name, make in ROWS.items():
        assert set(figures.FIGURES[name].columns) <= set(make().columns)


def test_landscapes_are_four_pairs_above_each_other():
    axes = drawn("siahkoohi2021.landscape", landscape()).axes
    assert len(axes) == 4 * extended_figures.PAIRS + 1  # and the colour bar
    labels = [f"w* {law}, {kind}\nβ" for law in ("uniform", "normal") for kind in extended_figures.OBJECTIVES]
    assert [ax.get_ylabel() for ax in axes[:-1:4]] == labels
    assert len(drawn("siahkoohi2021.landscape", landscape(laws=("normal",))).axes) == 2 * extended_figures.PAIRS + 1


def test_ways_lie_upon_the_landscape_of_their_objective():
    figure = drawn("siahkoohi2021.landscape", pd.concat([landscape(), ways()]))
    # The cross at w*; of each of four ways the line, its start and its end.
    assert [len(ax.get_lines()) for ax in figure.axes[:5]] == [1 + 4 * 3, 1, 1, 1, 1 + 4 * 3]
    assert figure.axes[0].get_lines()[1].get_xdata().tolist() == [2.0, 0.0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["L-BFGS", "Adam"]


def test_a_descent_is_drawn_relative_to_where_the_conventional_one_starts():
    rows = descent()
    rows["value"] *= np.where(rows["objective"] == "extended", 0.1, 1.0)
    *ways, fall = drawn("siahkoohi2021.lbfgs", rows).axes
    assert [line.get_ydata()[0] for line in fall.get_lines()] == pytest.approx([1.0, 0.1])
    last = [line.get_ydata()[-1] for line in fall.get_lines()]
    assert last == pytest.approx([0.8**10, 0.1 * 0.5**10])
    # Three starts, two runs each, of three lines; and the cross at w*.
    assert [len(ax.get_lines()) for ax in ways] == [3 * 2 * 3 + 1] * 2


def test_width_has_a_panel_a_setting_and_a_line_a_measure():
    figure = drawn("siahkoohi2021.width_normal", widths())
    assert [ax.get_title() for ax in figure.axes] == [
        "program, solved",
        "text, 100 iterations from W ~ N(0, I)",
        "program, 100 iterations from Ŵ",
    ]
    guides, halves, wholes = 2, 5, 5
    assert [len(ax.get_lines()) for ax in figure.axes] == [
        guides + n for n in (halves + wholes, wholes, halves + wholes)
    ]
    first, without = figure.axes[0].get_lines()[2:4]
    assert first.get_ydata().tolist() == pytest.approx([1 + 0.7 / 0.04, 1 + 0.7 / 0.4])
    assert without.get_xdata().tolist() == pytest.approx([0.04 / 2**0.5])
    assert without.get_markerfacecolor() == "none"
    assert "w* normal" in figure.legends[0].get_title().get_text()
