"""The figures of stochastic descent and of close patches: what they show, and of which rows."""

import numpy as np
import pandas as pd
import pytest

from theory.report import figures, sgd_figures, style

STEPS = {(0.3, 2): [300, 250, 200], (1.0, 2): [60, 90, 130], (1.0, 5): [200, 300, 400]}


def fig3b():
    points = [
        (*place, rho, n) for place, counts in STEPS.items() for rho, n in zip((0.1, 0.5, 1.0), counts, strict=True)
    ]
    rows = pd.DataFrame(points[::-1], columns=["spread", "dim", "closeness", "steps_taken"])
    return rows.assign(law=[f"mixture({spread:g})" for spread in rows["spread"]], target=1e-3)


def cell(patches, step, law="sphere", last=8):
    t = np.arange(0, last + 1, 2)
    mean = np.exp(-0.3 * t)
    columns = {"iteration": t, "mean": mean, "low": 0.9 * mean - 0.2, "high": 1.1 * mean + 0.1}
    columns |= {"noisy_mean": mean + 0.1, "noisy_low": mean, "noisy_high": mean + 0.2}
    columns |= {"paper": mean + 0.5, "sharp": mean + 0.05, "neuron": np.nan if patches > 1 else mean + 0.02}
    fixed = {"law": law, "dim": 2, "patches": patches, "closeness": 0.1 * (patches > 1), "region": 0.2, "step": step}
    return pd.DataFrame(columns | fixed)


def drawn(name, rows):
    with style.style():
        return figures.FIGURES[name].draw(rows)


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


class TestCloseness:
    def test_has_a_panel_for_each_dimension_and_a_curve_for_each_law(self):
        figure = drawn("du2018.fig3b", fig3b())
        assert [ax.get_title() for ax in figure.axes] == ["dimension 2", "dimension 5"]
        spiky = figure.axes[0].lines[0]
        assert spiky.get_xdata().tolist() == [0.1, 0.5, 1.0]
        assert spiky.get_ydata().tolist() == [300, 250, 200]

    def test_laws_are_in_the_order_of_their_spread(self):
        assert labels(drawn("du2018.fig3b", fig3b())) == ["mixture(0.3)", "mixture(1)"]

    def test_names_the_target(self):
        assert "≤ 0.001" in drawn("du2018.fig3b", fig3b()).axes[0].get_ylabel()

    def test_needs_what_it_reads(self):
        assert set(figures.FIGURES["du2018.fig3b"].columns) == set(fig3b().columns)


class TestMeanSquare:
    @pytest.fixture
    def figure(self):
        cells = [cell(1, "prescribed"), cell(1, "sharp", last=20), cell(1, "sharp", law="other"), cell(4, "sharp")]
        return drawn("du2018.sgd", pd.concat(cells))

    def test_has_a_panel_for_the_first_law_of_each_step(self, figure):
        titles = [ax.get_title() for ax in figure.axes]
        assert [title.splitlines()[0] for title in titles] == ["sphere, p = 2"] * 2 + ["sphere, p = 2, 4 patches"]
        assert [title.split("T = ")[1] for title in titles] == ["8", "20", "8"]

    def test_shows_the_mean_its_limits_and_every_bound(self, figure):
        ax = figure.axes[0]
        by_label = {line.get_label(): line for line in ax.lines}
        assert set(by_label) == {"measured", "measured, noisy labels", *sgd_figures.BOUNDS.values()}
        mean = np.exp(-0.3 * np.arange(0, 9, 2))
        assert by_label["measured"].get_ydata() == pytest.approx(mean)
        assert by_label["Theorem 3.2"].get_ydata() == pytest.approx(mean + 0.5)
        assert by_label["measured"].get_xdata() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
        band = ax.collections[0].get_paths()[0].vertices
        assert band[:, 1].max() == pytest.approx(1.2)
        assert band[:, 1].min() > 0

    def test_names_each_curve_once(self, figure):
        assert len(labels(figure)) == len(set(labels(figure))) == 5

    def test_needs_what_it_reads(self):
        assert set(figures.FIGURES["du2018.sgd"].columns) == set(cell(1, "sharp").columns)
