"""Variable projection: SciPy's minimum, the certificate, the envelope's gradient, and both limits of λ."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from theory.checks import BadInput
from theory.descent import Reduced, adam, minimise, project
from theory.objectives.extended_conv import ExtendedLoss
from theory.problems import network_problem


def problem(preset="program", weights="uniform", seed=0):
    rng = np.random.default_rng(seed)
    made = network_problem(preset, rng=rng, weights=weights, shape=(8, 8), depth=3)
    return made, made.plane(rng=rng)


@pytest.mark.parametrize("preset", ["program", "text"])
def test_scipy_finds_the_same_minimum(preset):
    """Within a thousandth of the range, in the auxiliary weights themselves, from the same start."""
    made, plane = problem(preset)
    loss = made.extended(form="free")
    w = plane.at([0.5, -2.0, 3.0, 0.0], [1.0, 1.0, -2.0, 4.0])
    found = project(made.extended(), w).value
    extent = np.ptp(project(made.extended(), plane.at(*np.meshgrid([-4, 0, 4], [-4, 0, 4]))).value)
    for one, value in zip(w, found, strict=True):
        scipys = optimize.minimize(
            lambda u, one=one: (float(loss.value(one, u)), loss.gradient(one, u)[1]),
            loss.network.spread(one), jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 0, "gtol": 1e-9},
        )  # fmt: skip
        assert abs(value - scipys.fun) <= 1e-3 * extent


@pytest.mark.parametrize("form", ["excess", "free"])
def test_the_gradient_is_that_of_the_reduced_objective(form):
    """Central differences of L_ext: an error of h², and of what is left to gain over h."""
    made, plane = problem()
    loss = made.extended(lam=0.3, form=form)
    w = plane.at([0.5, -0.6], [0.4, 0.7])
    options = {"iterations": 1000, "tolerance": 1e-18}
    here = project(loss, w, **options)
    d, h = np.random.default_rng(1).standard_normal((3, *w.shape)), 1e-4
    for one in d:
        there = [project(loss, w + sign * h * one, start=here.u, **options).value for sign in (1, -1)]
        difference = (there[0] - there[1]) / (2 * h)
        np.testing.assert_allclose(np.sum(here.gradient * one, axis=1), difference, rtol=1e-5)


def test_the_certificate_bounds_what_is_left():
    made, plane = problem()
    w = plane.at([0.5, -1.0, 2.0], [0.4, 0.7, -1.0])
    early, late = (project(made.extended(), w, iterations=n, tolerance=1e-16) for n in (12, 1000))
    assert np.all(early.value - late.value <= early.gain)
    assert np.all(late.gain < 1e-12)
    assert np.all(early.slope > late.slope)


def test_never_above_the_conventional_loss():
    """THEOREMS F (i), from the primary weights or the better start, with ½ on both."""
    made, plane = problem(weights="normal")
    w = plane.at(*np.meshgrid(np.linspace(-4, 4, 5), np.linspace(-4, 4, 5)))
    plainly = made.conventional().value(w)
    rng = np.random.default_rng(2)
    for start in ("primary", "better"):
        assert np.all(project(made.extended(), w, start=start, rng=rng).value <= plainly + 1e-12)


def test_the_better_start_is_the_lower():
    made, plane = problem(weights="normal")
    w = plane.at(*np.meshgrid(np.linspace(-4, 4, 5), np.linspace(-4, 4, 5)))
    near = project(made.extended(), w)
    far, better = (project(made.extended(), w, start=s, rng=np.random.default_rng(3)) for s in ("random", "better"))
    np.testing.assert_allclose(better.value, np.minimum(near.value, far.value), rtol=1e-12)
    assert np.array_equal(better.chosen, far.value < near.value)


def test_of_several_starts_the_lowest_goes_on():
    """As the starts by themselves do, and as the lowest of their ends does from there."""
    made, plane = problem(weights="normal")
    w, loss = plane.at([2.0, -3.0, 0.5], [3.0, 1.0, -4.0]), made.extended()
    starts = [np.zeros((3, loss.own)), loss.starts(w, rng=np.random.default_rng(4))]
    ends = [project(loss, w, start=one, iterations=20) for one in starts]
    lowest = np.argmin([end.value for end in ends], axis=0)
    heated = project(loss, w, start=starts, iterations=50, heat=20)
    assert heated.chosen.tolist() == lowest.tolist()
    assert set(lowest) == {0, 1}
    u = np.stack([ends[one].u[row] for row, one in enumerate(lowest)])
    on = project(loss, w, start=u, iterations=30)
    np.testing.assert_array_equal(heated.u, on.u)
    assert heated.taken.tolist() == [20 + taken for taken in on.taken]


def test_both_forms_find_the_same():
    made, plane = problem()
    w = plane.at([0.5, -0.6], [0.4, 0.7])
    options = {"iterations": 2000, "tolerance": 1e-18}
    tied, free = (project(made.extended(lam=0.2, form=form), w, **options) for form in ("excess", "free"))
    np.testing.assert_allclose(tied.value, free.value, rtol=1e-9)
    np.testing.assert_allclose(made.extended(lam=0.2).weights(w, tied.u), free.u, atol=1e-6)
    np.testing.assert_allclose(tied.gradient, free.gradient, rtol=1e-4, atol=1e-8)


def test_the_plain_way_finds_the_same(monkeypatch):
    made, plane = problem()
    w = plane.at([0.5, -0.6], [0.4, 0.7])
    loss = made.extended()
    fast = project(loss, w)
    monkeypatch.setattr(ExtendedLoss, "minimise", lambda *_, **__: None)
    slow = project(loss, w)
    np.testing.assert_allclose(fast.value, slow.value, rtol=1e-6)
    assert fast.taken.tolist() == slow.taken.tolist()


def test_without_a_penalty_there_is_no_certificate():
    made, plane = problem()
    assert np.isinf(project(made.extended(lam=0.0), plane.at([1.0], [1.0]), iterations=5).gain).all()


@pytest.mark.parametrize("outer", [minimise, adam])
def test_the_outer_descent_fits(outer):
    made, plane = problem()
    reduced = Reduced(made.extended())
    found = outer(reduced, plane.at([-1.0, 1.0], [1.0, 1.0]), iterations=30)
    assert np.all(found.value < 0.2 * found.log[:, 0])
    for row in range(2):
        assert reduced.data[row] <= found.log[row, 0]
        assert reduced.gain[row] < 1e-3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"start": "nearest"}, "start is 'nearest'; it must be 'primary', 'random', 'better' or an array"),
        ({"start": "random"}, "rng is None; it must be a random generator"),
        ({"start": "better", "rng": 3}, "rng is 3; it must be a random generator"),
        ({"start": ()}, "start is empty; it must be one start or more"),
        ({"heat": -1}, "heat is -1"),
        ({"start": np.zeros((1, 5))}, r"u is an array of shape \(1, 5\)"),
        ({"iterations": -1}, "iterations is -1"),
        ({"memory": 0}, "memory is 0"),
        ({"tolerance": -1.0}, "tolerance is -1.0; it must be at least 0"),
    ],
)
def test_bad_input(more, message):
    made, plane = problem()
    with pytest.raises(BadInput, match=message):
        project(made.extended(), plane.at([1.0], [1.0]), **more)


def test_no_network_is_refused():
    made, _ = problem()
    with pytest.raises(BadInput, match=r"w is an array of shape \(0, 27\); it must be of one network or more"):
        project(made.extended(), np.zeros((0, 27)))
    with pytest.raises(BadInput, match="w is an array of shape"):
        made.extended().starts(np.zeros(27), rng=np.random.default_rng(0))
    with pytest.raises(BadInput, match="of 27 numbers a network"):
        made.extended().starts(np.zeros((2, 26)), rng=np.random.default_rng(0))
