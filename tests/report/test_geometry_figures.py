"""The figures of the geometry: what they show, and of which rows."""

import math

import numpy as np
import pandas as pd
import pytest

from theory.report import figures, geometry_figures, style

K = (
    ((4.25, 0.25, 0.0), (0.25, 4.5, 0.25), (0.0, 0.25, 0.25)),
    ((2.5, 2.0, 0.0), (2.0, 4.5, 2.0), (0.0, 2.0, 2.0)),
)


def conserved():
    points = [(n, "flow", t, s * t, 1e-15, math.nan) for n, s in (("a", 1), ("b", 2)) for t in (0.5, 1.0)]
    points += [(n, "descent", x, math.nan, s * x, 1.1 * s * x) for n, s in (("a", 1), ("b", 2)) for x in (1e-3, 2e-3)]
    return pd.DataFrame(points[::-1], columns=["network", "kind", "x", "moved", "drift", "predicted"])


def no_metric():
    rows = [("kernel", p, 0.0, i, j, K[p][i][j]) for p in (0, 1) for i, j in np.ndindex(3, 3)]
    rows += [("flow", p, t, 0, j, math.exp(-t) + p) for p in (0, 1) for t in (0.0, 1.0) for j in range(3)]
    frame = pd.DataFrame(rows, columns=["kind", "point", "time", "row", "entry", "value"])
    other = pd.DataFrame([{"kind": None, "run": 0}])  # rows of the other cells, which have columns of their own
    return pd.concat([frame, other], ignore_index=True)


def fibres():
    own = [("", "3,2 / 2,1", 2, 0.0, 1e-12 * n, 1e-11 * n) for n in (1, 2, 3)]
    own.append(("", "3,2 / 2,1", 2, 0.0, 1e-6, 1e-6))
    control = [("stride 1", "2,2 / 1,1", points, 0.5, math.nan, math.nan) for points in (4, 2)]
    return pd.DataFrame([*control, *own], columns=["control", "network", "points", "apart", "flows", "doubt"])


ROWS = {"achour2025.conserved": conserved, "achour2025.no_metric": no_metric}
ROWS |= dict.fromkeys(("achour2025.riemannian", "achour2025.higher_dimensions"), fibres)


def drawn(key):
    with style.style():
        return figures.FIGURES[key].draw(ROWS[key]())


@pytest.mark.parametrize("key", geometry_figures.DRAWINGS)
def test_needs_what_it_reads_and_is_registered(key):
    draw, columns = geometry_figures.DRAWINGS[key]
    assert figures.FIGURES[key] == figures.Drawing(draw, columns)
    assert set(columns) <= set(ROWS[key]())


@pytest.mark.parametrize("key", geometry_figures.DRAWINGS)
def test_every_axis_says_what_it_shows(key):
    for ax in drawn(key).axes:
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert ax.get_title()


def test_the_flow_moves_norms_and_not_their_difference():
    flow, descent = drawn("achour2025.conserved").axes
    moved, drift = (line.get_ydata().tolist() for line in flow.lines[:2])
    assert {tuple(moved), tuple(drift)} <= {(0.5, 1.0), (1.0, 2.0), (1e-15, 1e-15)}
    measured, predicted = descent.lines[:2]
    np.testing.assert_allclose(predicted.get_ydata(), 1.1 * np.asarray(measured.get_ydata()), rtol=1e-15)
    assert descent.get_xscale() == descent.get_yscale() == "log"


def test_the_balls_are_those_of_the_metrics():
    """A point ξ of the shadow on a plane has ξᵀB⁻¹ξ = 1 with B the block of K; the widest is √K_ii."""
    planes = drawn("achour2025.no_metric").axes[:2]
    for ax, (i, j) in zip(planes, geometry_figures.PLANES, strict=True):
        for line, matrix in zip(ax.lines, K, strict=True):
            x, y = line.get_data()
            block = np.array(matrix)[np.ix_([i, j], [i, j])]
            xi = np.stack([x, y])
            np.testing.assert_allclose(np.sum(xi * np.linalg.solve(block, xi), axis=0), 1, rtol=1e-12)
            # Two hundred angles: the widest is missed by at most 1 − cos(π/200).
            assert np.max(x) == pytest.approx(math.sqrt(block[0, 0]), rel=2e-4)


def test_the_flows_of_both_points_are_shown():
    flow = drawn("achour2025.no_metric").axes[2]
    assert len(flow.lines) == 6
    assert {line.get_ydata()[0] for line in flow.lines} == {1.0, 2.0}


def test_fibres_by_network_and_the_flows_that_are_resolved():
    kernels, flows = drawn("achour2025.riemannian").axes
    labels = [label.get_text() for label in kernels.get_yticklabels()]
    assert labels == ["2,2 / 1,1:  2 or 4", "3,2 / 2,1:  2"]
    control, own = kernels.lines[:2]
    assert set(control.get_xdata()) == {0.5}
    assert set(own.get_xdata()) == {geometry_figures.FLOOR}
    assert control.get_color() != own.get_color()
    kept, left_out = flows.lines[:2]
    np.testing.assert_allclose(kept.get_ydata(), [1e-12, 2e-12, 3e-12])
    np.testing.assert_allclose(kept.get_xdata(), [1e-11, 2e-11, 3e-11])
    assert (left_out.get_xdata().tolist(), left_out.get_label()) == ([1e-6], "left out: not resolved")
