"""The figures of implicit bias: what they show, and of which rows."""

import numpy as np
import pandas as pd
import pytest

from theory.report import bias_figures, figures, style

NORM = np.array([1e2, 1e4, 1e8])


def connected():
    parts = [
        {
            "set": number,
            "layers": depth,
            "norm_asked": NORM,
            "norm": NORM * 1.01,
            "angle": number * NORM ** (-1 / depth),
        }
        | {"exponent": -1 / depth}
        for depth in (3, 2)
        for number in (1, 2, 3)
    ]
    return pd.concat([pd.DataFrame(part) for part in parts])


def one_sample():
    parts = [
        {"set": number, "second": second, "norm": NORM, "angle": NORM ** (second - 1), "exponent": second - 1}
        for number, second in enumerate(np.linspace(0.3, 0.8, 11))
    ]
    return pd.concat([pd.DataFrame(part) for part in parts])


def excess():
    parts = [
        {"set": number, "norm_asked": NORM, "norm": NORM, "excess": number * NORM**-0.3, "hard_margin": 0.1 * number}
        for number in (1, 2, 3)
    ]
    return pd.concat([pd.DataFrame(part) for part in parts])


def spectra():
    parts = [
        {"layers": depth, "share": share, "frequency": np.arange(5), "circular": np.eye(5)[where], "connected": 0.4}
        for depth, share, where in ((2, 0.25, 2), (1, 0.25, 1), (3, 0.75, 4), (3, 0.25, 3))
    ]
    return pd.concat([pd.DataFrame(part) for part in parts])


ROWS = {"fully_connected": connected, "one_sample": one_sample, "convolution": excess, "stationary": spectra}


def drawn(name):
    with style.style():
        return figures.FIGURES[f"gunasekar2018.{name}"].draw(ROWS[name]())


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize("name", ROWS)
def test_needs_what_it_reads(name):
    assert set(figures.FIGURES[f"gunasekar2018.{name}"].columns) == set(ROWS[name]().columns)


def test_a_panel_a_depth_with_the_median_and_the_predicted_slope_through_its_end():
    figure = drawn("fully_connected")
    assert [ax.get_title() for ax in figure.axes] == ["2 layers", "3 layers"]
    for ax, depth in zip(figure.axes, (2, 3), strict=True):
        by_label = {line.get_label(): line for line in ax.lines}
        measured, predicted = by_label["measured, median"], by_label["predicted slope, −1/L"]
        assert measured.get_ydata() == pytest.approx(2 * NORM ** (-1 / depth))
        assert predicted.get_ydata() == pytest.approx(measured.get_ydata())
    assert labels(figure) == ["measured, median", "predicted slope, −1/L", "measured, each data set"]


def test_samples_are_chosen_evenly_by_their_two_frequencies():
    figure = drawn("one_sample")
    shown = labels(figure)
    assert (shown[0], shown[-2]) == ("0.30", "0.80")
    assert len(shown) == bias_figures.CURVES + 1
    measured, predicted = figure.axes[0].lines[:2]
    assert measured.get_ydata() == pytest.approx(predicted.get_ydata())


def test_the_excess_stands_beside_the_hard_margin_and_the_yardstick():
    figure = drawn("convolution")
    by_label = {line.get_label(): line for line in figure.axes[0].lines}
    assert by_label["median"].get_ydata() == pytest.approx(2 * NORM**-0.3)
    assert by_label["hard margin, median"].get_ydata() == pytest.approx([0.2, 0.2])
    assert by_label["1/(e ln‖β‖)"].get_ydata()[-1] == pytest.approx(0.019971, rel=1e-4)
    assert len(labels(figure)) == 4


def test_spectra_share_an_axis_that_shows_them_all():
    figure = drawn("stationary")
    titles = ["fully connected, 2 layers", "circular, 1 layer", "circular, 2 layers", "circular, 3 layers"]
    assert [ax.get_title() for ax in figure.axes] == titles
    for ax, size in zip(figure.axes, (0.4, 1.0, 1.0, 1.0), strict=True):
        low, high = ax.get_ylim()
        assert low == 0
        assert high > 1
        assert max(ax.lines[0].get_ydata()) == size
