"""The figures of extended convolutional layers: what they show, and of which rows."""

import itertools

import numpy as np
import pandas as pd
import pytest

from theory.report import extended_figures, figures, style


def drawn(name, rows):
    with style.style():
        return figures.FIGURES[name].draw(rows)


def landscape(pairs=5):
    ticks = np.linspace(-4, 4, 5)
    rows = [
        {
            "pair": pair,
            "alpha": a,
            "beta": b,
            "conventional_normal": (a * a + b * b) / 32,
            "extended_normal": a * a / 16,
        }
        for pair, a, b in itertools.product(range(pairs), ticks, ticks)
    ]
    return pd.DataFrame(rows).assign(weights="uniform")


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
        {"weights": law, "lam": lam, **dict.fromkeys(extended_figures.MEASURES, 1 + 0.1 * n / lam)}
        for law, lam, n in itertools.product(("uniform", "normal"), (0.04, 0.4), range(5))
    ]
    return pd.DataFrame(rows).assign(preset="program", start="primary", half=True)


ROWS = {
    "siahkoohi2021.landscape": landscape,
    "siahkoohi2021.lbfgs": descent,
    "siahkoohi2021.adam": descent,
    "siahkoohi2021.width": widths,
}


def test_every_drawing_is_registered():
    assert set(ROWS) == set(extended_figures.DRAWINGS)
    for name, make in ROWS.items():
        assert set(figures.FIGURES[name].columns) <= set(make().columns)


def test_landscapes_are_four_pairs_above_each_other():
    axes = drawn("siahkoohi2021.landscape", landscape()).axes
    assert len(axes) == 2 * extended_figures.PAIRS + 1  # and the colour bar
    assert [ax.get_ylabel() for ax in (axes[0], axes[4])] == ["conventional\nβ", "extended\nβ"]


def test_a_descent_is_drawn_relative_to_its_start():
    *ways, fall = drawn("siahkoohi2021.lbfgs", descent()).axes
    assert [line.get_ydata()[0] for line in fall.get_lines()] == [1.0, 1.0]
    last = [line.get_ydata()[-1] for line in fall.get_lines()]
    assert last == [pytest.approx(0.8**10), pytest.approx(0.5**10)]
    # Three starts, two runs each, of three lines; and the cross at w*.
    assert [len(ax.get_lines()) for ax in ways] == [3 * 2 * 3 + 1] * 2


def test_width_has_a_panel_a_law_and_a_line_a_measure():
    figure = drawn("siahkoohi2021.width", widths())
    assert [ax.get_title() for ax in figure.axes] == ["w* uniform", "w* normal"]
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert lines["10 %"].get_ydata().tolist() == pytest.approx([1 + 0.2 / 0.04, 1 + 0.2 / 0.4])
