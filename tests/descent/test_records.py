"""What is read off a recorded descent."""

from __future__ import annotations

import numpy as np
import pytest

from theory.checks import BadInput
from theory.descent import Constant, Scaled, descend, guaranteed, least, tidy
from theory.descent.gradient import spaced
from theory.distributions import Gaussian
from theory.objectives import PopulationLoss

EPS = np.finfo(float).eps
LOSS = PopulationLoss(Gaussian(2), [1.0, 0.0])
STARTS = np.array([[0.9, 0.5, 0.3], [0.1, 0.5, -0.6]])


def run(**changes):
    settings = {"step": Constant(0.3), "steps": 80, "record": "all", "tolerance": 1e-3}
    return descend(LOSS, STARTS, **(settings | changes))


def test_guaranteed_by_the_measured_contraction_is_the_measured_distance():
    here = run()
    full = np.vstack([here.contraction, np.full((1, 3), np.nan)])
    # A product of t factors and a root: t roundings.
    np.testing.assert_allclose(guaranteed(here, full), here.distance, rtol=80 * 4 * EPS)


def test_guaranteed_by_a_constant_contraction_is_geometric():
    here = run()
    t = here.iterations[:, None]
    expected = here.distance[0] * np.sqrt(0.9) ** t
    np.testing.assert_allclose(guaranteed(here, np.full(here.distance.shape, 0.1)), expected, rtol=80 * 4 * EPS)


def test_least_passes_over_ended_runs():
    measured = np.array([[0.5, 0.4], [0.3, np.nan], [np.nan, np.nan]])
    promised = np.array([[0.1, 0.1], [0.1, 0.2], [0.1, 0.1]])
    assert least(measured, promised) == (1, 0)
    assert least(measured, promised * [[1, 1], [0.1, 1], [1, 1]]) == (0, 1)


@pytest.mark.parametrize("points", [2, 7, 1000])
def test_tidy_has_one_row_a_recorded_point(points):
    here = run()
    table = tidy(here, points=points, bound=here.distance / 2, form="paper")
    assert {len(column) for column in table.values()} == {len(table["start"])}
    assert set(table) == {"start", "iteration", "distance", "angle", "loss", "step", "bound", "form"}
    pairs = list(zip(table["start"].tolist(), table["iteration"].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    wished = [(s, t) for t in spaced(80, points).tolist() for s in range(3) if t <= here.taken[s]]
    assert sorted(pairs) == sorted(wished)
    for (start, t), distance, bound in zip(pairs, table["distance"], table["bound"], strict=True):
        assert distance == here.distance[t, start] == 2 * bound
    assert set(table["form"].tolist()) == {"paper"}


def test_tidy_has_no_row_twice_where_few_iterations_were_recorded():
    table = tidy(run(record=[0, 10, 80], tolerance=0.0))
    assert table["iteration"].tolist() == [0] * 3 + [10] * 3 + [80] * 3


@pytest.mark.parametrize("steps", [0, 1, 5, 1000])
@pytest.mark.parametrize("points", [2, 10])
def test_spaced_from_first_to_last(steps, points):
    chosen = spaced(steps, points)
    assert chosen[0] == 0
    assert chosen[-1] == steps
    assert np.all(np.diff(chosen) > 0)
    assert chosen.size <= points + 1


OK = {"step": Constant(0.5), "steps": 5}
START = np.array([0.5, 0.5])
REFUSED = {
    "NaN start": (np.array([np.nan, 0]), {}, "start is an array with NaN .*; it must be finite"),
    "infinite start": (np.array([np.inf, 0]), {}, "start is an array with NaN or inf.*; it must be finite"),
    "start of words": (["a", "b"], {}, "start is list; it must be an array of real numbers"),
    "start too long": (np.zeros(3), {}, r"start is .* shape \(3,\); it must be of shape \(2,\) or \(2, runs\)"),
    "start of three dimensions": (np.zeros((2, 1, 1)), {}, r"start is .* \(2, 1, 1\); .* 1 or 2 dimension"),
    "no runs": (np.zeros((2, 0)), {}, "number of runs is 0; it must be at least 1"),
    "negative steps": (START, {"steps": -1}, "steps is -1; it must be at least 0"),
    "steps of a float": (START, {"steps": 1.5}, "steps is 1.5; it must be a whole number, at least 0"),
    "negative tolerance": (START, {"tolerance": -1e-3}, "tolerance is -0.001; it must be greater than 0"),
    "NaN tolerance": (START, {"tolerance": np.nan}, "tolerance is NaN; it must be a real number"),
    "zero region": (START, {"region": 0}, "region is 0.0; it must be greater than 0"),
    "NaN stationary": (START, {"stationary": np.nan}, "stationary is NaN; it must be a real number"),
    "one point": (START, {"record": 1}, "record is 1; it must be at least 2"),
    "record of a word": (START, {"record": "some"}, "record is 'some'; it must be 'all', a number of points"),
    "record of halves": (START, {"record": [0.5]}, r"record is \[0.5\]; it must be 'all', a number of points"),
    "record beyond the end": (START, {"record": [0, 6]}, "record is iterations from 0 to 6; it must be within 0 … 5"),
    "record before the start": (START, {"record": [-1]}, "record is iterations from -1 to -1; it must be within 0 … 5"),
    "a number for a rule": (START, {"step": 0.1}, "step is 0.1; it must be a step rule"),
    "steps for other runs": (START, {"step": Constant((0.1, 0.2))}, "step is 2 constant steps; it must be .* run of 1"),
    "scaled steps for other runs": (
        START,
        {"step": Scaled(Constant((0.1, 0.2)), 2)},
        "step is 2 constant steps; it must",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    start, changes, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as caught:
        descend(LOSS, start, **(OK | changes))
    assert "\n" not in str(caught.value)


def test_a_list_is_a_start():
    assert descend(LOSS, [0.5, 0.5], **OK).final[0] == descend(LOSS, START, **OK).final[0]
