"""The figures of induced regularisers: what they show, and of which rows."""

import numpy as np
import pandas as pd
import pytest

from theory.report import figures, style

WAYS = ("SDP", "dual", "direct, C = 1", "direct, C = 2", "direct, C = 4")


def sizes(kind="normal", dim=4, kernels=(1, 2, 4)):
    values = {kernel: 10 - 2 * place for place, kernel in enumerate(kernels)}
    rows = [(kernel, way, values[kernel]) for kernel in kernels for way in WAYS]
    rows += [(kernel, "closed form", values[kernel]) for kernel in (1, dim)]
    return pd.DataFrame(rows[::-1], columns=["kernel", "way", "value"]).assign(kind=kind, dim=dim)


def spectra(first=0, second=1, channels=1, kernels=(1, 64)):
    rows = [
        (kernel, which, rank, kernel ** (-rank / 4.0))
        for kernel in kernels
        for which in ("found", "least")
        for rank in (1, 2, 3)
    ]
    rows = pd.DataFrame(rows, columns=["kernel", "which", "rank", "size"])
    way = [(kernel, "way", 10.0**k, 3.0 + 10.0**-k) for kernel in kernels for k in (2, 5, 8)]
    way = pd.DataFrame(way, columns=["kernel", "which", "norm", "value"])
    rows = pd.concat([rows, way], ignore_index=True).assign(bound=3.0)
    return rows.assign(first=first, second=second, channels=channels, image_source="digits")


def drawn(name, rows):
    with style.style():
        return figures.FIGURES[name].draw(rows)


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


class TestKernelSizes:
    NAME = "jagadeesan2022.one_channel"

    def test_runs_from_one_closed_form_to_the_other(self):
        (ax,) = drawn(self.NAME, sizes()).axes
        curves = {line.get_label(): line for line in ax.lines}
        for way in WAYS:
            assert curves[way].get_xdata().tolist() == [1, 2, 4]
            assert curves[way].get_ydata().tolist() == pytest.approx([1, 0.5, 0])

    def test_shows_the_predictors_with_the_most_sizes(self):
        few = [sizes(f"few {i}", kernels=(1, 4)) for i in range(5)]
        figure = drawn(self.NAME, pd.concat([*few, sizes("many")]))
        assert [ax.get_title() for ax in figure.axes] == ["many, D = 4", *(f"few {i}, D = 4" for i in range(3))]

    def test_names_every_way(self):
        assert labels(drawn(self.NAME, sizes()))[2:] == list(WAYS)

    def test_needs_what_it_reads(self):
        assert set(figures.FIGURES[self.NAME].columns) == set(sizes().columns)


class TestSpectra:
    NAME = "jagadeesan2022.images"

    def test_has_a_panel_for_each_pair_and_both_predictors(self):
        figure = drawn(self.NAME, pd.concat([spectra(), spectra(3, 5, channels=4)]))
        titles = ["0 and 1, 1 channel", "3 and 5, 4 channels", "on the way, all pairs (dotted: the most)"]
        assert [ax.get_title() for ax in figure.axes] == titles
        last = figure.axes[0].lines[-1]
        assert last.get_label() == "K = 64, least R"
        np.testing.assert_allclose(last.get_ydata(), [64**-0.25, 64**-0.5, 64**-0.75])
        assert labels(figure) == ["K = 1, found", "K = 1, least R", "K = 64, found", "K = 64, least R"]

    def test_shows_the_norm_on_the_way_beside_the_least(self):
        lower = spectra(2, 3)
        lower["value"] = 3 + (lower["value"] - 3) / 4
        median, most, *_ = drawn(self.NAME, pd.concat([spectra(), lower])).axes[-1].lines
        np.testing.assert_allclose(most.get_xdata(), [1e2, 1e5, 1e8])
        np.testing.assert_allclose(most.get_ydata(), np.array([1e-2, 1e-5, 1e-8]) / 3, rtol=1e-6)
        np.testing.assert_allclose(median.get_ydata(), 5 / 8 * np.array([1e-2, 1e-5, 1e-8]) / 3, rtol=1e-6)

    def test_says_which_images(self):
        (legend,) = drawn(self.NAME, spectra()).legends
        assert legend.get_title().get_text() == "digits"

    def test_needs_what_it_reads(self):
        assert set(figures.FIGURES[self.NAME].columns) == set(spectra().columns)
