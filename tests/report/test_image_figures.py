"""The figures of the claims about images: what they show."""

import numpy as np
import pandas as pd
import pytest

from theory.report import image_figures, style

T = [0, 1, 10, 100]
DESCENT = pd.DataFrame(
    [(s, t, d, -d - 0.01 * t * s) for s in (1, 2, 3) for t in T for d in (0.1, 0.9)],
    columns=["start", "iteration", "initial", "log_loss"],
)
SEGMENT = pd.DataFrame(
    [(f, s, a, (1 - a) ** 2 * s, 1 + a) for f in ("random", "gabor") for s in (1, 2, 3) for a in (0.0, 0.5, 1.0)],
    columns=["filter", "start", "a", "relative", "elsewhere"],
)
PIXELS = pd.DataFrame(
    [("gabors", n, r, c, r - c, 2.0 * (r - c), 0.75) for n in range(3) for r in range(3) for c in range(3)],
    columns=["filter", "teacher", "row", "column", "true", "learned", "cosine"],
)
MAP = pd.DataFrame(
    [(0.1, 0.1, True, True), (0.3, 0.1, False, True), (0.3, 1.0, False, False)],
    columns=["spread", "closeness", "covered", "converged"],
)
ROWS = {
    "du2018.fig3c": DESCENT,
    "du2018.fig3d": DESCENT,
    "du2018.interpolation": SEGMENT,
    "du2018.fig4": PIXELS,
    "du2018.filter_rate": MAP,
}


def drawn(key):
    with style.style():
        return image_figures.DRAWINGS[key][0](ROWS[key])


@pytest.mark.parametrize("key", image_figures.DRAWINGS)
def test_draws_the_same_files_from_the_columns_it_names(key, tmp_path):
    assert set(image_figures.DRAWINGS[key][1]) <= set(ROWS[key])
    for name in ("a", "b"):
        with style.style():
            style.save(image_figures.DRAWINGS[key][0](ROWS[key]), tmp_path / name)
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_starts_show_the_median_for_each_distance():
    figure = drawn("du2018.fig3c")
    (ax,) = figure.axes
    line = next(line for line in ax.lines if line.get_color() == style.COLOURS[1])
    assert line.get_xdata().tolist() == [1, 10, 100]
    assert line.get_ydata() == pytest.approx([-0.9 - 0.02 * t for t in T[1:]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0.1", "0.9"]


def test_interpolation_has_a_panel_for_each_filter():
    figure = drawn("du2018.interpolation")
    assert [ax.get_title() for ax in figure.axes] == ["random filter", "gabor filter"]
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([2.0, 0.5])


def test_filters_are_shown_true_above_learned():
    pictures = [ax for ax in drawn("du2018.fig4").axes if ax.images]
    assert len(pictures) == 6
    true = pictures[0].images[0].get_array()
    np.testing.assert_array_equal(true, np.subtract.outer(np.arange(3), np.arange(3)))
    assert {ax.get_title() for ax in pictures} == {"gabors, true", "true", "learned, cos 0.75"}


def test_the_map_names_what_occurs():
    figure = drawn("du2018.filter_rate")
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["covered by the theorem, converges", "not covered, converges", "not covered, does not converge"]
