"""L-BFGS and Adam, batched: quadratics in closed form, SciPy beside them, problems that end by themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize

from theory.checks import BadInput
from theory.descent import Ending, adam, minimise


def quadratic(problems, n, condition, seed=0):
    """½ (u − c)ᵀ A (u − c), a different A and c for every problem."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((problems, n, n)))[0]
    A = q * np.geomspace(1, condition, n) @ np.swapaxes(q, 1, 2)
    centre = rng.standard_normal((problems, n))

    def function(u, rows):
        moved = np.einsum("kij,kj->ki", A[rows], u - centre[rows])
        return np.sum((u - centre[rows]) * moved, axis=1) / 2, moved

    return function, centre


def rosenbrock(u, rows):
    return np.array([optimize.rosen(one) for one in u]), np.array([optimize.rosen_der(one) for one in u])


@pytest.mark.parametrize("memory", [1, 3, 100])
def test_quadratics(memory):
    function, centre = quadratic(5, 6, 50.0)
    found = minimise(function, np.zeros((5, 6)), iterations=300, memory=memory, tolerance=1e-9)
    assert set(found.ending) == {Ending.STATIONARY}
    # The least eigenvalue is 1: ‖u − c‖ ≤ ‖∇‖.
    assert np.all(np.linalg.norm(found.u - centre, axis=1) <= found.slope + 1e-14)
    assert np.all(found.slope <= 1e-9)
    assert np.all(found.taken < (300 if memory == 1 else 100 if memory == 3 else 40))


def test_rosenbrock_takes_about_as_long_as_scipys():
    start = np.array([[-1.2, 1.0, -0.5, 2.0], [2.0, -1.0, 1.0, 0.0]])
    found = minimise(rosenbrock, start, iterations=500)
    np.testing.assert_allclose(found.u, 1.0, atol=1e-6)
    for row, one in enumerate(start):
        scipys = optimize.minimize(optimize.rosen, one, jac=optimize.rosen_der, method="L-BFGS-B")
        assert found.taken[row] < 2 * scipys.nit


def test_every_problem_is_solved_as_if_alone():
    function, _ = quadratic(7, 5, 20.0)
    found = minimise(function, np.ones((7, 5)))
    for row in range(7):
        alone = minimise(lambda u, rows, row=row: function(u, rows + row), np.ones((1, 5)))
        assert alone.taken[0] == found.taken[row]
        # Sums in another order.
        np.testing.assert_allclose(alone.u[0], found.u[row], atol=1e-9)


def test_the_finished_are_left_out():
    function, centre = quadratic(3, 4, 20.0)
    start = np.ones((3, 4))
    start[1] = centre[1]
    seen = []

    def spied(u, rows):
        seen.append(list(rows))
        return function(u, rows)

    found = minimise(spied, start)
    assert all(1 not in rows for rows in seen[1:])
    assert found.taken[1] == 0
    assert found.evaluations.sum() == sum(map(len, seen))


def test_each_iteration_is_lower_and_logged():
    seen = []
    found = minimise(
        rosenbrock, np.array([[-1.2, 1.0]]), watch=lambda t, rows, u: seen.append((t, float(optimize.rosen(u[0]))))
    )
    log = found.log[0][: found.taken[0] + 1]
    assert np.all(np.diff(log) < 0)
    assert [value for _, value in seen] == log[1:].tolist()
    assert [t for t, _ in seen] == list(range(1, found.taken[0] + 1))
    assert np.all(np.isnan(found.log[0, found.taken[0] + 1 :]))


def test_wolfe_conditions_hold_at_every_step():
    points = [np.array([-1.2, 1.0])]
    minimise(rosenbrock, points[0][None], iterations=30, watch=lambda t, rows, u: points.append(u[0].copy()))
    for before, after in itertools.pairwise(points):
        along = optimize.rosen_der(before) @ (after - before)
        assert along < 0
        assert optimize.rosen(after) <= optimize.rosen(before) + 1e-4 * along
        assert optimize.rosen_der(after) @ (after - before) >= 0.9 * along


def test_a_wrong_gradient_is_stuck():
    found = minimise(lambda u, rows: (np.sum(u**2, axis=1), -u), np.ones((2, 3)))
    assert found.ending == (Ending.STUCK,) * 2
    assert found.taken.tolist() == [0, 0]


def test_the_step_limit():
    found = minimise(rosenbrock, np.array([[-1.2, 1.0]]), iterations=3)
    assert found.ending == (Ending.STEP_LIMIT,)
    assert found.taken.tolist() == [3]


def test_the_start_is_not_written_on():
    start = np.ones((1, 2))
    minimise(rosenbrock, 2 * start)
    adam(rosenbrock, start, iterations=2)
    assert np.array_equal(start, np.ones((1, 2)))


def test_adam_is_its_papers_algorithm():
    """Kingma & Ba's Algorithm 1, number by number."""
    found = adam(rosenbrock, np.array([[-1.2, 1.0]]), step=0.01, iterations=20)
    u, m, v = np.array([-1.2, 1.0]), np.zeros(2), np.zeros(2)
    for t in range(1, 21):
        g = optimize.rosen_der(u)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        u = u - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(found.u[0], u, rtol=1e-12)
    assert found.value[0] == pytest.approx(optimize.rosen(u), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimise(rosenbrock, np.ones(2)), r"start is an array of shape \(2,\)"),
        (lambda: minimise(rosenbrock, np.full((1, 2), np.nan)), "start is an array with NaN"),
        (lambda: minimise(rosenbrock, np.ones((1, 2)), iterations=-1), "iterations is -1"),
        (lambda: minimise(rosenbrock, np.ones((1, 2)), memory=0), "memory is 0"),
        (lambda: minimise(rosenbrock, np.ones((1, 2)), trials=0), "trials is 0"),
        (lambda: adam(rosenbrock, np.ones((1, 2)), step=0), "step is 0.0"),
        (lambda: adam(rosenbrock, np.ones((1, 2)), beta1=1), "beta1 is 1.0; it must be at least 0 and below 1"),
        (lambda: adam(rosenbrock, np.ones((1, 2)), beta2=-0.1), "beta2 is -0.1; it must be at least 0 and below 1"),
        (lambda: adam(rosenbrock, np.ones((1, 2)), epsilon=0), "epsilon is 0.0; it must be greater than 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
