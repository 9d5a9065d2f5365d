"""The figures of the claims about images: what they show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from theory.report import figures, image_figures, style

T = [0, 1, 10, 100]
DESCENT = pd.DataFrame(
    [(s, t, d, d / (1 + t * s), 1 / (1 + t * s), d / s) for s in (1, 2, 3) for t in T for d in (0.1, 0.9)],
    columns=["start", "iteration", "initial", "relative", "reduction", "distance"],
)
SEGMENT = pd.DataFrame(
    [(f, s, a, (1 - a) ** 2 * s, 1 + a) for f in ("random", "gabor") for s in (1, 2, 3) for a in (0.0, 0.5, 1.0)],
    columns=["filter", "start", "a", "relative", "elsewhere"],
)
PIXELS = pd.DataFrame(
    [("gabors", n, r, c, r - c, 2.0 * (r - c), 0.75, 0.012) for n in range(8) for r in range(3) for c in range(3)],
    columns=["filter", "pair", "row", "column", "true", "learned", "cosine", "relative"],
)
for table in (DESCENT, SEGMENT, PIXELS):
    table["image_source"] = "digits"

ROWS = {
    "du2018.fig3c": DESCENT,
    "du2018.fig3d": DESCENT,
    "du2018.interpolation": SEGMENT,
    "du2018.fig4": PIXELS,
}


def drawn(key, rows=None):
    with style.style():
        return image_figures.DRAWINGS[key][0](ROWS[key] if rows is None else rows)


@pytest.mark.parametrize("key", image_figures.DRAWINGS)
def test_draws_the_same_files_from_the_columns_it_names(key, tmp_path):
    draw, columns = image_figures.DRAWINGS[key]
    assert set(columns) == set(ROWS[key])
    assert figures.FIGURES[key] == figures.Drawing(draw, columns)
    for name in ("a", "b"):
        with style.style():
            style.save(draw(ROWS[key]), tmp_path / name)
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.parametrize(("panel", "last"), [(0, 0.9 / 201), (1, 1 / 201), (2, 0.45)])
def test_starts_show_the_median_for_each_distance(panel, last):
    figure = drawn("du2018.fig3c")
    ax = figure.axes[panel]
    line = next(line for line in ax.lines if line.get_color() == style.COLOURS[1])
    assert line.get_xdata() == pytest.approx([1, 10, 100])
    assert line.get_ydata()[-1] == pytest.approx(last)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0.1", "0.9"]


def test_says_which_images_they_are():
    titles = [drawn(key).legends[0].get_title().get_text() for key in ("du2018.fig3c", "du2018.interpolation")]
    assert all(title.startswith("digits: ") for title in titles)
    assert drawn("du2018.fig4").get_suptitle() == "learned on digits"


def test_starts_show_a_band_over_the_runs():
    band = drawn("du2018.fig3c").axes[0].collections[0].get_paths()[0].vertices
    last = band[band[:, 0] == 100][:, 1]
    ends = np.percentile([0.1 / (1 + 100 * s) for s in (1, 2, 3)], [5, 95])
    assert [last.min(), last.max()] == pytest.approx(ends)


def test_of_many_distances_the_nearest_and_the_farthest_are_shown():
    rows = pd.concat([DESCENT[DESCENT["initial"] == 0.1].assign(initial=d) for d in np.linspace(0.1, 0.8, 8).round(1)])
    words = [text.get_text() for text in drawn("du2018.fig3d", rows).legends[0].get_texts()]
    assert words == ["0.1", "0.3", "0.6", "0.8"]


def test_interpolation_has_a_panel_for_each_filter():
    figure = drawn("du2018.interpolation")
    assert [ax.get_title() for ax in figure.axes] == ["random filter", "gabor filter"]
    true, other = figure.axes[0].lines
    assert true.get_ydata() == pytest.approx([2.0, 0.5])
    assert other.get_ydata() == pytest.approx([1.0, 1.5])


def test_filters_are_shown_true_above_learned():
    pictures = [ax for ax in drawn("du2018.fig4").axes if ax.images]
    assert len(pictures) == 2 * image_figures.SHOWN
    true, learned = (pictures[line * image_figures.SHOWN] for line in (0, 1))
    np.testing.assert_array_equal(true.images[0].get_array(), np.subtract.outer(np.arange(3), np.arange(3)))
    # Each on a scale of its own, symmetric about 0.
    assert (true.images[0].get_clim(), learned.images[0].get_clim()) == ((-2, 2), (-4, 4))
    assert learned.get_xlabel() == "cos 0.75\nloss 1.2 %"
    assert (true.get_ylabel(), learned.get_ylabel()) == ("gabors, true", "gabors, learned")
