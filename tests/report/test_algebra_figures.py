"""The figure of real critical points: what it shows, and of which rows."""

import pandas as pd
import pytest

from theory.report import figures, style

BOUNDS = {"3×3 stride 2": 39, "2×2 stride 2": 6}


@pytest.fixture
def figure():
    rows = pd.DataFrame(
        [(name, bound, real, 1) for name, bound in BOUNDS.items() for real in (2, 2, 4)],
        columns=["network", "bound", "real", "minima"],
    )
    with style.style():
        return figures.FIGURES["shahverdi2024.real_points"].draw(rows)


def test_architectures_are_in_the_order_of_their_complex_points(figure):
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["2×2 / 2", "3×3 / 2"]
    assert right.lines[0].get_ydata().tolist() == [6, 39]


def test_bars_are_shares(figure):
    first, second = (patch.get_height() for patch in figure.axes[0].patches[:2])
    assert second == pytest.approx(first / 2)


def test_medians_and_what_they_are(figure):
    (legend,) = figure.legends
    assert [text.get_text()[:7] for text in legend.get_texts()] == ["complex", "real (m", "minima "]
