"""Figures: what they show, that they repeat bit for bit, and that nobody's matplotlib is touched."""

import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from theory.checks import BadInput
from theory.claims.claim import Cell, Claim, Evidence, Relation
from theory.claims.verdict import conclude
from theory.report import figures, style
from theory.runs import store
from theory.runs.cells import Outcome, Task
from theory.runs.engine import ClaimResult

ORIGIN = {"commit": "abc", "backend": "numpy", "seed": 7, "images": "digits"}


def rate_points(start_rates, iterations=(0, 1, 3, 10, 30)):
    """Columns of du2018.rate for starts that converge at these rates."""
    grid = [(start, t) for start in range(len(start_rates)) for t in iterations]
    return {
        "start": np.array([start for start, _ in grid]),
        "form": np.array(["paper"] * len(grid)),
        "iteration": np.array([t for _, t in grid]),
        "distance": np.array([(0.5 + 0.1 * start) * np.exp(-start_rates[start] * t) for start, t in grid]),
        "bound": np.array([(0.5 + 0.1 * start) * np.exp(-0.01 * t) for start, t in grid]),
    }


RATE = [
    (Cell({"law": law, "dim": dim}, control), rate_points(rates))
    for law, dim, rates, control in [
        ("gaussian", 2, (0.1, 0.2, 0.4), ""),
        ("sphere", 2, (0.2, 0.3, 0.5), ""),
        ("gaussian", 25, (0.05, 0.1, 0.3), ""),
        ("gaussian", 5, (9.0,), "wrong"),
    ]
]
FIG3A = [
    (
        Cell({"law": f"mixture({spread})", "dim": dim, "spread": spread}),
        {"ratio": [1 + 1 / spread], "steps_taken": [round(20 / spread) + dim], "target": [1e-3]},
    )
    for dim in (2, 5)
    for spread in (0.1, 0.5, 2.0)
]


def put(out, key, cells):
    claim = Claim(key, "", Relation.UPPER, "", (), "", "", {"wrong": ""}, lambda profile: [], None)
    outcomes = tuple(
        Outcome(Task(key, index, cell, "quick", 0, "numpy"), Evidence([], points), "", 0.0)
        for index, (cell, points) in enumerate(cells)
    )
    store.write(ClaimResult(claim, outcomes, conclude(claim, [])), ORIGIN, store.prepare(out, "quick"))


@pytest.fixture
def filled(tmp_path):
    put(tmp_path, "du2018.rate", RATE)
    put(tmp_path, "du2018.fig3a", FIG3A)
    return tmp_path


def frame(out, key):
    return next(stored.frame for stored in store.read(out, "quick") if stored.key == key).query("control == ''")


@pytest.fixture
def rate(filled):
    with style.style():
        yield figures.convergence(frame(filled, "du2018.rate"))


def lines(ax, colour, solid):
    return [line for line in ax.lines if line.get_color() == colour and (line.get_linestyle() == "-") == solid]


class TestConvergence:
    def test_has_a_panel_for_each_dimension(self, rate):
        assert [ax.get_title() for ax in rate.axes] == ["dimension 2", "dimension 25"]
        assert all(ax.get_yscale() == "log" and ax.get_xscale() == "log" for ax in rate.axes)

    def test_shows_the_median_over_the_starts_in_units_of_their_first_distance(self, rate):
        (line,) = lines(rate.axes[0], style.COLOURS[0], solid=True)
        assert line.get_xdata().tolist() == [1, 3, 10, 30]
        assert line.get_ydata() == pytest.approx([np.exp(-0.2 * t) for t in (1, 3, 10, 30)])

    def test_shows_the_band_from_percentile_to_percentile(self, rate):
        band = rate.axes[0].collections[0].get_paths()[0].vertices
        last = band[band[:, 0] == 30][:, 1]
        ends = np.percentile([np.exp(-r * 30) for r in (0.1, 0.2, 0.4)], [5, 95])
        assert [last.min(), last.max()] == pytest.approx(ends)

    def test_shows_the_guarantee_dashed_in_the_same_colour(self, rate):
        (line,) = [line for line in lines(rate.axes[1], style.COLOURS[0], solid=False) if len(line.get_xdata())]
        assert line.get_ydata() == pytest.approx([np.exp(-0.01 * t) for t in (1, 3, 10, 30)])

    def test_names_every_law_and_both_kinds_of_line(self, rate):
        words = [text.get_text() for legend in rate.legends for text in legend.get_texts()]
        assert {"gaussian", "sphere", "guaranteed by the theorem"} < set(words)

    def test_stops_where_the_first_start_stopped(self, filled):
        rows = frame(filled, "du2018.rate")
        rows = rows[~((rows["start"] == 0) & (rows["iteration"] > 3))]
        assert figures._reached_by_all(rows)["iteration"].max() == 3

    def test_leaves_out_other_forms_and_zeros(self, filled):
        rows = frame(filled, "du2018.rate").copy()
        rows.loc[rows["iteration"] == 30, "distance"] = 0.0
        others = rows.assign(form="sharp", distance=7.0)
        figure = figures.convergence(pd.concat([rows, others]))
        (line,) = lines(figure.axes[0], style.COLOURS[0], solid=True)
        assert line.get_xdata().max() == 10
        assert line.get_ydata().max() == pytest.approx(np.exp(-0.2))


class TestSteps:
    def test_shows_steps_against_the_ratio_for_each_dimension(self, filled):
        figure = figures.steps(frame(filled, "du2018.fig3a"))
        (ax,) = figure.axes
        assert (ax.get_xscale(), ax.get_yscale(), ax.get_title()) == ("log", "log", "mixture")
        curve = lines(ax, style.COLOURS[0], solid=True)[0]
        assert curve.get_xdata() == pytest.approx([1.5, 3.0, 11.0])
        assert curve.get_ydata() == pytest.approx([12, 42, 202])
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2", "5", "∝ L/γ"]

    def test_families_of_laws_have_a_panel_each(self, filled):
        rows = frame(filled, "du2018.fig3a")
        figure = figures.steps(pd.concat([rows, rows.assign(law="watson(3)")]))
        assert [ax.get_title() for ax in figure.axes] == ["mixture", "watson"]


class TestDrawAll:
    def test_writes_svg_and_png(self, filled):
        paths = figures.draw_all(filled, "quick")
        folder = filled / "quick" / "figures"
        assert paths == [folder / f"{key}.{kind}" for key in ("du2018.fig3a", "du2018.rate") for kind in ("svg", "png")]
        assert paths[0].read_text().startswith("<?xml")
        with Image.open(paths[1]) as image:
            assert image.size == (960, 680)

    def test_draws_the_same_files_again(self, filled):
        first = [path.read_bytes() for path in figures.draw_all(filled, "quick")]
        assert [path.read_bytes() for path in figures.draw_all(filled, "quick")] == first

    def test_leaves_matplotlib_as_it_was(self, filled):
        with mpl.rc_context({"lines.linewidth": 7.5}):
            before = dict(mpl.rcParams)
            figures.draw_all(filled, "quick")
            assert dict(mpl.rcParams) == before

    def test_opens_no_window_and_keeps_no_figure(self, filled):
        import matplotlib.pyplot as plt

        figures.draw_all(filled, "quick")
        assert plt.get_fignums() == []

    def test_draws_what_it_can(self, filled):
        broken = filled / "quick" / "du2018.fig3a.parquet"
        broken.write_bytes(broken.read_bytes()[:200])
        said = []
        assert len(figures.draw_all(filled, "quick", warn=said.append)) == 2
        assert "du2018.fig3a.parquet cannot be read" in said[0]

    @pytest.mark.parametrize(
        ("cells", "words"),
        [
            ([(Cell({"law": "a"}), {"dim": [1]})], "no column start, form, iteration, distance, bound"),
            (RATE[3:], "no rows"),
        ],
    )
    def test_says_why_a_figure_is_left_out(self, filled, cells, words):
        put(filled, "du2018.rate", cells)
        with pytest.warns(UserWarning, match=words):
            assert len(figures.draw_all(filled, "quick")) == 2

    def test_other_claims_have_no_figure(self, filled):
        put(filled, "du2018.recovery", FIG3A)
        assert len(figures.draw_all(filled, "quick")) == 4

    def test_an_empty_store_is_refused(self, tmp_path):
        with pytest.raises(BadInput, match=r"out is .*; it must be a store with the rows of du2018\.rate or"):
            figures.draw_all(tmp_path, "quick")

    def test_an_unknown_profile_is_refused(self, tmp_path):
        with pytest.raises(BadInput, match="profile is 'slow'; it must be quick or paper"):
            figures.draw_all(tmp_path, "slow")

    def test_a_file_that_cannot_be_written_is_said(self, filled):
        (filled / "quick" / "figures" / "du2018.fig3a.svg").mkdir(parents=True)
        with pytest.raises(BadInput, match=r"figures \(Is a directory\); it must be a folder that can be written"):
            figures.draw_all(filled, "quick")


class TestStyle:
    def test_colours_and_markers_tell_more_levels_apart_than_there_are_colours(self):
        levels = range(3 * len(style.COLOURS))
        colours, markers = style.looks(levels)
        assert len({(colours[level], markers[level]) for level in levels}) == len(levels)

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
    def test_panels(self, count):
        figure, axes = style.panels(count)
        assert len(axes) == len(figure.axes) == count
        style.label_outer(axes, "x", "y")
        assert sum(ax.get_xlabel() == "x" for ax in axes) == min(count, 2)

    def test_curves_are_dark_enough_on_white(self):
        """WCAG asks for a contrast of 3 to 1 for graphics; light hues come near it, and have markers besides."""
        assert min(1.05 / (luminance(colour) + 0.05) for colour in style.COLOURS) > 2

    def test_neighbours_differ_in_grey(self):
        greys = [luminance(colour) for colour in style.COLOURS]
        assert min(abs(a - b) for a, b in itertools.pairwise(greys)) > 0.05


def luminance(colour):
    parts = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_figures_can_be_named_without_importing_matplotlib():
    code = "import sys, theory.report.figures; print('matplotlib' in sys.modules, 'seaborn' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
