"""The figures of the Gabor question: what they show, and of which rows."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from theory.report import figures, gabor_figures, style

KINDS = ("white", "photo")


def original():
    parts = []
    for on, momentum in itertools.product(KINDS, (0.0, 0.9)):
        theta = np.radians(np.arange(-180, 181, 5.0))
        parts.append(pd.DataFrame({"what": "landscape", "jump": 0.0, "iteration": range(73), "theta": theta}))
        for jump in (0.1, 1.0, 4.0):
            theta = -math.pi / 4 + jump * (np.arange(6) % 2)
            parts.append(pd.DataFrame({"what": "asked", "jump": jump, "iteration": range(6), "theta": theta}))
        theta = np.linspace(-math.pi / 4, math.pi / 4, 6)
        parts.append(pd.DataFrame({"what": "cured", "jump": 0.0, "iteration": range(6), "theta": theta}))
        for part in parts[-5:]:
            part[["on", "momentum"]] = on, momentum
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(rmse=1 - np.cos(2 * (rows["theta"] - math.pi / 4)))


def kink():
    grid = itertools.product(KINDS, (0.0, 0.9), (0.01, 0.1), range(100, 200))
    rows = pd.DataFrame(grid, columns=["on", "momentum", "predicted_jump", "iteration"])
    return rows.assign(off=rows["predicted_jump"] * (-0.5) ** (1 + rows["iteration"] % 2))


def stability():
    grid = itertools.product(KINDS, ("mse", "correlation"), (0.0, 0.9), np.linspace(0.1, 2, 9))
    rows = pd.DataFrame(grid, columns=["on", "loss", "momentum", "over_threshold"])
    return rows.assign(value=np.where(rows["over_threshold"] < 1, 0.0, 0.3))


def rest():
    grid = itertools.product(KINDS, (0.0, 0.9), (0.1, 1.1, 10.0, math.inf))
    rows = pd.DataFrame(grid, columns=["on", "momentum", "over_limit"])
    return rows.assign(moved=np.where(rows["over_limit"] > 1, 0.5, 0.0))


def population():
    grid = itertools.product((15, 31), (0.5, 1.0), (4.0, 6.0), (2.0, 3.0))
    rows = pd.DataFrame(grid, columns=["size", "gamma", "wavelength_", "sigma_"])
    rows = rows.assign(what="landscape", psi=0.0, minima=3.0, share=0.25 * rows["wavelength_"] / 6)
    return pd.concat([rows, rows.assign(what="mean", share=np.nan), rows.assign(psi=0.8, share=0.9)])


def remedies():
    grid = itertools.product((("white", False), ("photo", True)), ("plain descent", "disc"))
    rows = pd.DataFrame([(*one, name) for one, name in grid], columns=["on", "whitened", "remedy"])
    rate = np.where(rows["remedy"] == "disc", 1.0, 0.25)
    return rows.assign(pictures=120, rate=rate, rate_low=rate - 0.05, rate_high=np.minimum(rate + 0.05, 1))


ROWS = {f"gabor2017.{rows.__name__}": rows for rows in (original, kink, stability, rest, population, remedies)}


def drawn(key, rows=None):
    with style.style():
        return figures.FIGURES[key].draw(ROWS[key]() if rows is None else rows)


def tiles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_every_drawing_is_tested():
    assert set(ROWS) == set(gabor_figures.DRAWINGS)


@pytest.mark.parametrize("key", ROWS)
def test_is_drawn_of_the_columns_that_it_names_and_no_others(key, tmp_path):
    rows = ROWS[key]()
    needed = list(figures.FIGURES[key].columns)
    with style.style():
        figure = figures.FIGURES[key].draw(rows[needed])
        assert all(path.stat().st_size > 1000 for path in style.save(figure, tmp_path / "a"))
    for name in needed:
        with pytest.raises(KeyError):
            drawn(key, rows[needed].drop(columns=name))


class TestOriginal:
    def test_a_column_for_each_kind_of_image(self):
        figure = drawn("gabor2017.original")
        assert [ax.get_title() for ax in figure.axes[:2]] == ["white noise", "photograph"]

    def test_the_smallest_step_the_largest_and_the_cure(self):
        (legend,) = drawn("gabor2017.original").legends
        said = [text.get_text() for text in legend.get_texts()]
        assert said == ["as asked, ηs = 0.1", "as asked, ηs = 4", "cured"]

    def test_angles_are_degrees_from_the_truth(self):
        below = drawn("gabor2017.original").axes[2]
        cured = below.lines[2].get_ydata()
        assert cured[0] == pytest.approx(-90)
        assert cured[-1] == pytest.approx(0)

    def test_the_landscape_is_in_order(self):
        curve = drawn("gabor2017.original").axes[0].lines[0]
        assert np.all(np.diff(curve.get_xdata()) > 0)
        assert curve.get_ydata()[np.argmin(np.abs(curve.get_xdata()))] == pytest.approx(0, abs=1e-12)


class TestKink:
    def test_the_cycle_is_in_units_of_its_jump(self):
        left, _ = drawn("gabor2017.kink").axes
        assert [line.get_label() for line in left.lines] == ["ηs = 0.01", "ηs = 0.1"]
        for line in left.lines:
            assert len(line.get_xdata()) == gabor_figures.WINDOW
            assert sorted(set(np.round(line.get_ydata(), 9))) == [-0.5, 0.25]

    def test_jumps_are_means_of_differences(self):
        _, right = drawn("gabor2017.kink").axes
        marks = right.lines[0]
        assert marks.get_xdata().tolist() == [0.01, 0.1]
        assert marks.get_ydata() == pytest.approx([0.0075, 0.075])

    def test_runs_at_rest_are_drawn_at_the_bottom(self):
        rows = kink()
        rows.loc[(rows["momentum"] == 0.9) & (rows["predicted_jump"] == 0.1), "off"] = 1.0
        _, right = drawn("gabor2017.kink", rows).axes
        assert right.get_title() == "jumps at the end (at the bottom: at rest in another valley)"
        assert min(right.lines[1].get_ydata()) == pytest.approx(0.01 / 15)


class TestStability:
    def test_a_panel_for_each_loss_and_momentum(self):
        titles = [ax.get_title() for ax in drawn("gabor2017.stability").axes]
        expected = ["mean squared error, momentum 0", "mean squared error, momentum 0.9"]
        assert titles == [*expected, "correlation, momentum 0", "correlation, momentum 0.9"]

    def test_zeros_have_a_place(self):
        line = drawn("gabor2017.stability").axes[0].lines[0]
        assert line.get_ydata().min() == gabor_figures.LEAST
        assert line.get_ydata().max() == 0.3


class TestRest:
    def test_a_panel_for_each_momentum_without_pictures_that_have_no_false_minimum(self):
        figure = drawn("gabor2017.rest")
        assert [ax.get_title() for ax in figure.axes] == ["momentum 0", "momentum 0.9"]
        marks = figure.axes[0].lines[0]
        assert marks.get_xdata().tolist() == [0.1, 1.1, 10.0]
        assert marks.get_ydata().tolist() == [gabor_figures.LEAST, 0.5, 0.5]


class TestPopulation:
    def test_a_panel_for_each_gamma_and_size_without_the_control(self):
        figure = drawn("gabor2017.population")
        assert [ax.get_title() for ax in figure.axes] == [
            f"γ = {gamma}, {size}×{size} pixels" for size in (15, 31) for gamma in ("0.5", "1")
        ]
        assert all(len(tiles(ax)) == 4 for ax in figure.axes)
        assert set(words(figure.axes[0])) == {"17%\n3", "25%\n3"}


class TestRemedies:
    def test_a_tile_for_each_remedy_and_kind(self):
        (ax,) = drawn("gabor2017.remedies").axes
        assert [label.get_text() for label in ax.get_yticklabels()] == ["plain descent", "disc"]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["white noise", "photograph,\nwhitened"]
        assert sorted(words(ax)) == ["100.0%\n95% – 100%"] * 2 + ["25.0%\n20% – 30%"] * 2

    def test_darker_is_better(self):
        (ax,) = drawn("gabor2017.remedies").axes
        plain, disc = (sum(tiles(ax)[i].get_facecolor()[:3]) for i in (0, 1))
        assert disc < plain
