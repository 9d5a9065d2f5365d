"""The map of covered hypotheses: which tile is what, what it says, and what the key names."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from theory.report import figures, filter_figures, style
from theory.report.filter_figures import KINDS

# k, σ, ρ, γ − 6 L_cross, γ − 2.1 L_cross, L_cross, converged: one of each kind, the last without cross terms.
ROWS = [
    (2, 0.3, 0.1, 0.04, 0.05, 0.01, 8),
    (2, 0.3, 0.4, -0.01, 0.02, 0.01, 8),
    (2, math.inf, 0.1, -0.03, -0.01, 0.01, 8),
    (2, math.inf, 0.4, -0.03, -0.01, 0.01, 7),
    (16, 0.3, 0.1, 0.04, 0.04, 0.0, 8),
]
COLUMNS = ["k", "spread", "closeness", "margin", "proof_margin", "cross", "converged"]


@pytest.fixture
def covered():
    with style.style():
        yield filter_figures.covered(pd.DataFrame(ROWS, columns=COLUMNS).assign(starts=8))


def tiles(ax) -> dict[tuple[float, float], str]:
    """Colour of each filled tile by its middle."""
    filled = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_facecolor()[3] > 0]
    return {(patch.get_x() + 0.5, patch.get_y() + 0.5): to_hex(patch.get_facecolor()).upper() for patch in filled}


def test_a_panel_for_each_number_of_patches(covered):
    assert [ax.get_title() for ax in covered.axes] == ["2 patches", "16 patches"]


def test_tiles_are_what_the_margins_say(covered):
    colours = [colour.upper() for _, colour, _, _ in KINDS]
    assert tiles(covered.axes[0]) == {(0, 0): colours[0], (0, 1): colours[1], (1, 0): colours[2], (1, 1): colours[3]}
    assert tiles(covered.axes[1]) == {(0, 0): colours[0]}


def test_axes_name_spread_and_closeness(covered):
    first = covered.axes[0]
    assert [label.get_text() for label in first.get_xticklabels()] == ["0.3", "∞"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["0.1", "0.4"]


def test_a_tile_says_the_ratio_that_the_theorem_needs_above_six(covered):
    words = {tuple(text.xy): text.get_text() for text in covered.axes[0].texts}
    assert words == {(0, 0): "10", (0, 1): "5", (1, 0): "3", (1, 1): "3"}
    assert [text.get_text() for text in covered.axes[1].texts] == ["∞"]


def test_the_key_names_the_kinds_that_occur(covered):
    (legend,) = covered.legends
    assert [text.get_text() for text in legend.get_texts()] == [kind[0] for kind in KINDS]
    some = filter_figures.covered(pd.DataFrame(ROWS[:1], columns=COLUMNS).assign(starts=8))
    assert [text.get_text() for text in some.legends[0].get_texts()] == [KINDS[0][0]]


def test_it_is_drawn_from_the_columns_of_the_claim():
    drawing = figures.FIGURES["du2018.filter_rate"]
    assert drawing.draw is filter_figures.covered
    assert set(drawing.columns) == {*COLUMNS, "starts"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.inf, "∞"), (0.0976, "0.098"), (6.14, "6.1"), (99.4, "99"), (99.6, "100"), (1852.2, "1852")],
)
def test_a_tile_has_no_powers_of_ten(value, text):
    assert filter_figures._short(value) == text
