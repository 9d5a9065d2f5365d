"""The loop of descent: against a slow twin, in the plane and in full, its outcomes and its records."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.descent import Admissible, Constant, Outcome, Scaled, Schedule, descend
from theory.distributions import AngularMixture, Atoms, Gaussian, Watson
from theory.objectives import PopulationLoss, SampleLoss
from theory.smoothness import Curve, smoothness

EPS = np.finfo(float).eps
ENTRY = math.pi / 2 / Curve.ANGLES
T = 60


def admitted(law, distance):
    """γ/(2(L+4β)²) at the tabulated angle above arcsin of the distance, from the exact constants."""
    return smoothness(law, math.ceil(math.asin(distance) / ENTRY) * ENTRY).step


LAW = Gaussian(4)
W_STAR = np.array([1.0, 2.0, -1.0, 0.5])
PATCHES = np.random.default_rng(8).standard_normal((60, 2, 4))
LOSSES = {"population": lambda: PopulationLoss(LAW, W_STAR), "sample": lambda: SampleLoss(PATCHES, W_STAR)}

# A rule, and the same as a plain function of iteration and relative distance.
RULES = {
    "constant": (Constant(0.3), lambda t, d: 0.3),
    "schedule": (Schedule((0.5, 0.1, 0.2)), lambda t, d: (0.5, 0.1, 0.2)[t] if t < 3 else 0.2),
    "admissible": (Admissible(LAW), lambda t, d: admitted(LAW, d)),
    "proof": (Admissible(LAW, form="proof"), lambda t, d: 2 * admitted(LAW, d)),
    "scaled": (Scaled(Admissible(LAW), 3.0), lambda t, d: 3 * admitted(LAW, d)),
}


def near(n: int, seed: int = 0):
    """n starts at relative distances between 0.3 and 0.9 from the teacher."""
    rng = np.random.default_rng(seed)
    d = rng.standard_normal((4, n))
    d *= np.linalg.norm(W_STAR) * rng.uniform(0.3, 0.9, n) / np.linalg.norm(d, axis=0)
    return W_STAR[:, None] + d


def twin(loss, w, eta, steps, tolerance=1e-8):
    """One run in full dimension: relative distances, steps, and the last w."""
    distances, etas = [], []
    for t in range(steps + 1):
        distances.append(np.linalg.norm(w - loss.teacher) / np.linalg.norm(loss.teacher))
        if distances[-1] <= tolerance or t == steps:
            return np.array(distances), np.array(etas), w
        etas.append(eta(t, distances[-1]))
        w = w - etas[-1] * loss.gradient(w)
    raise AssertionError


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("name", RULES)
def test_equals_a_slow_twin(kind, name):
    loss, (rule, eta) = LOSSES[kind](), RULES[name]
    starts = near(4)
    run = descend(loss, starts, step=rule, steps=T, record="all")
    # No step from here expands distances (η L ≤ 1): every step adds its own few roundings and no more. Twice as many
    # for the reduction to the plane; the exact constants are right to 1e-12 and move the iterate by at most that.
    limit = 64 * T * EPS + 1e-12
    for column, start in enumerate(starts.T):
        distances, etas, w = twin(loss, start, eta, T)
        found = run.distance[: distances.size, column]
        np.testing.assert_allclose(found, distances, rtol=0, atol=limit)
        np.testing.assert_allclose(run.step[: etas.size, column], etas, rtol=1e-9)
        assert np.isnan(run.distance[distances.size :, column]).all()
        assert np.isnan(run.step[etas.size :, column]).all()
        np.testing.assert_allclose(run.w[:, column], w, rtol=0, atol=limit * np.linalg.norm(W_STAR))
        assert run.taken[column] == etas.size
        assert run.final[column] == pytest.approx(distances[-1], abs=limit)


class InFull:
    """An objective without its plane."""

    def __init__(self, loss):
        self.teacher, self.value, self.gradient = loss.teacher, loss.value, loss.gradient


@pytest.mark.parametrize(
    "law",
    [Gaussian(6), AngularMixture(6, 0.5, np.arange(1.0, 7.0)), Watson(6, -3.0, np.arange(1.0, 7.0))],
    ids=lambda law: law.label,
)
def test_the_plane_of_start_and_teacher_is_enough(law):
    loss = PopulationLoss(law, np.arange(1.0, 7.0))
    starts = np.random.default_rng(3).standard_normal((6, 8)) * 4
    settings = {"step": Constant(0.5), "steps": T, "record": "all", "tolerance": 1e-3}
    flat, full = descend(loss, starts, **settings), descend(InFull(loss), starts, **settings)
    # Relative to ‖w*‖, as no start is farther than twice that; obtuse starts may double an error a few times.
    limit = 64 * T * EPS * 8
    for column in ("distance", "angle"):
        np.testing.assert_allclose(getattr(flat, column), getattr(full, column), rtol=0, atol=limit)
    np.testing.assert_allclose(flat.loss, full.loss, rtol=0, atol=limit * np.linalg.norm(loss.teacher) ** 2)
    np.testing.assert_allclose(flat.w, full.w, rtol=0, atol=limit * np.linalg.norm(loss.teacher))
    assert flat.outcome == full.outcome
    assert flat.taken.tolist() == full.taken.tolist()


def test_scale_of_the_teacher_does_not_matter():
    settings = {"step": Constant(0.3), "steps": T, "record": "all"}
    here = descend(PopulationLoss(LAW, W_STAR), near(3), **settings)
    there = descend(PopulationLoss(LAW, 2.0**40 * W_STAR), 2.0**40 * near(3), **settings)
    # A power of two scales every float exactly.
    np.testing.assert_array_equal(here.distance, there.distance)
    np.testing.assert_array_equal(here.angle, there.angle)
    assert here.outcome == there.outcome


# ------------------------------------------------------------------------------------------------------------- outcomes

CROSS = PopulationLoss(Atoms([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), [1.0, 1.0])
GAUSSIAN = PopulationLoss(Gaussian(2), [1.0, 0.0])

OUTCOMES = {
    "at the teacher": (GAUSSIAN, [1.0, 0.0], {}, Outcome.CONVERGED),
    "near": (GAUSSIAN, [0.5, 0.5], {}, Outcome.CONVERGED),
    "in one step": (GAUSSIAN, [0.5, 0.0], {"step": Constant(2.0), "steps": 1}, Outcome.CONVERGED),
    "no steps allowed": (GAUSSIAN, [0.5, 0.5], {"steps": 0}, Outcome.STEP_LIMIT),
    "few steps": (GAUSSIAN, [0.5, 0.5], {"steps": 3}, Outcome.STEP_LIMIT),
    "opposite the teacher": (GAUSSIAN, [-0.5, 0.0], {}, Outcome.STALLED),
    "singular moments": (CROSS, [-0.5, 1.0], {}, Outcome.STALLED),
    "singular moments, farther": (CROSS, [-1.0, 1.0], {}, Outcome.STALLED),
    "too large a step": (GAUSSIAN, [0.5, 0.5], {"step": Constant(50.0)}, Outcome.DIVERGED),
    "beyond all numbers": (GAUSSIAN, [0.5, 0.5], {"step": Constant(1e300)}, Outcome.DIVERGED),
    "start without bounds": (GAUSSIAN, [1e200, 1e200], {}, Outcome.DIVERGED),
    "diverged within a wide region": (GAUSSIAN, [0.5, 0.5], {"step": Constant(50.0), "region": 1e9}, Outcome.DIVERGED),
    "start outside": (GAUSSIAN, [0.0, 1.0], {"region": 1.0}, Outcome.LEFT_REGION),
    "left at the last step": (
        GAUSSIAN,
        [0.5, 0.5],
        {"step": Constant(9.0), "region": 1.0, "steps": 1},
        Outcome.LEFT_REGION,
    ),
    "left": (GAUSSIAN, [0.5, 0.5], {"step": Constant(9.0), "region": 1.0}, Outcome.LEFT_REGION),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_every_outcome(case):
    loss, start, changes, outcome = OUTCOMES[case]
    settings = {"step": Constant(0.5), "steps": 2000} | changes
    run = descend(loss, np.array(start), **settings)
    assert run.outcome == (outcome,)
    assert run.converged.tolist() == [outcome is Outcome.CONVERGED]
    # What was recorded of the run, its steps and its end agree.
    assert run.taken[0] <= settings["steps"]
    known = ~np.isnan(run.distance[:, 0])
    assert run.iterations[known].max() <= run.taken[0]


def test_outcomes_are_sentences_with_a_remedy():
    assert {outcome.name for outcome in Outcome} == {"CONVERGED", "STEP_LIMIT", "STALLED", "DIVERGED", "LEFT_REGION"}
    for outcome in Outcome:
        assert ":" in outcome
        assert outcome is Outcome.CONVERGED or ";" in outcome


@pytest.mark.parametrize("start", [[-0.5, 1.0], [-0.5, 0.5], [-1.0, 1.0]], ids=str)
def test_stalling_ends_at_the_point_that_the_theorem_names(start):
    run = descend(CROSS, np.array(start), step=Constant(1.0), steps=2000)
    # Stationary to 1e-14 of two gradients of order one, where the curvature is ¼.
    np.testing.assert_allclose(run.w[:, 0], [0.0, 1.0], rtol=0, atol=1e-13)
    # ½ · ¼ · (0 − 1)², and its slope is as small as the gradient.
    assert float(CROSS.value(run.w[:, 0])) == pytest.approx(1 / 8, rel=1e-12)


def test_a_gradient_that_is_not_a_number_is_divergence():
    class Broken(InFull):
        def __init__(self):
            super().__init__(GAUSSIAN)
            self.gradient = lambda w: w * np.nan

    run = descend(Broken(), np.array([0.5, 0.5]), step=Constant(0.5), steps=5, stationary=0.0)
    assert run.outcome == (Outcome.DIVERGED,)
    assert run.taken[0] == 1
    assert np.isnan(run.final[0])


def test_divergence_leaves_readable_records():
    run = descend(GAUSSIAN, np.array([0.5, 0.5]), step=Constant(1e300), steps=5, record="all")
    assert np.isfinite(run.distance[0, 0])
    assert run.final[0] > 1e6
    assert run.contraction.shape == (5, 1)


def test_a_tolerance_of_zero_waits_for_the_teacher_itself():
    settings = {"step": Constant(0.5), "steps": 3000}
    exact = descend(GAUSSIAN, np.array([0.5, 0.5]), tolerance=0.0, stationary=0.0, **settings)
    loose = descend(GAUSSIAN, np.array([0.5, 0.5]), tolerance=1e-3, **settings)
    assert exact.taken[0] > loose.taken[0]
    assert loose.final[0] <= 1e-3 < loose.distance[-2 if np.isfinite(loose.distance[-1, 0]) else 0, 0]
    assert exact.final[0] <= 8 * EPS


# -------------------------------------------------------------------------------------------------------------- batches


def test_runs_that_stop_by_themselves_equal_separate_runs():
    starts = np.array([[0.999, 0.5, -0.5, 1e3, 1.0], [0.0, 0.5, 0.0, 1e3, 1.2]])
    settings = {"steps": 90, "record": "all", "region": 100.0, "tolerance": 1e-4}
    batch = descend(GAUSSIAN, starts, step=Constant((0.5, 0.5, 1.9, 0.5, 0.01)), **settings)
    assert {outcome.name for outcome in batch.outcome} == {"CONVERGED", "STALLED", "LEFT_REGION", "STEP_LIMIT"}
    for column, eta in enumerate((0.5, 0.5, 1.9, 0.5, 0.01)):
        alone = descend(GAUSSIAN, starts[:, column], step=Constant(eta), **settings)
        assert alone.outcome == (batch.outcome[column],)
        assert alone.taken[0] == batch.taken[column]
        for field in ("distance", "angle", "loss", "step"):
            # Elementwise arithmetic, which vector units may round differently in a batch.
            found, expected = getattr(batch, field)[:, column], getattr(alone, field)[:, 0]
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=90 * 16 * EPS)
        np.testing.assert_allclose(batch.w[:, column], alone.w[:, 0], rtol=1e-12, atol=90 * 16 * EPS)


@pytest.mark.parametrize("kind", LOSSES)
def test_a_batch_is_a_loop(kind):
    loss, starts = LOSSES[kind](), near(5, seed=4)
    settings = {"step": Constant(0.4), "steps": T, "record": [0, 10, T], "tolerance": 1e-2}
    batch = descend(loss, starts, **settings)
    for column, start in enumerate(starts.T):
        alone = descend(loss, start, **settings)
        assert alone.taken[0] == batch.taken[column]
        np.testing.assert_allclose(batch.distance[:, column], alone.distance[:, 0], rtol=0, atol=64 * T * EPS)


# -------------------------------------------------------------------------------------------------------------- records


@pytest.mark.parametrize(
    ("record", "iterations"),
    [
        ("all", list(range(13))),
        ([0, 3, 7], [0, 3, 7]),
        ([7, 3, 3, 12], [3, 7, 12]),
        (np.array([2, 12]), [2, 12]),
        ([], []),
        (2, [0, 1, 12]),
        (np.int64(2), [0, 1, 12]),
        (3, [0, 1, 3, 12]),
        (1000, list(range(13))),
    ],
    ids=str,
)
def test_which_iterations_are_recorded(record, iterations):
    run = descend(GAUSSIAN, np.array([[0.5, 0.2], [0.5, 0.1]]), step=Constant(0.1), steps=12, record=record)
    assert run.iterations.tolist() == iterations
    every = descend(GAUSSIAN, np.array([[0.5, 0.2], [0.5, 0.1]]), step=Constant(0.1), steps=12, record="all")
    for field in ("distance", "angle", "loss", "step"):
        np.testing.assert_array_equal(getattr(run, field), getattr(every, field)[run.iterations])


def test_no_step_is_recorded_where_none_was_taken():
    run = descend(GAUSSIAN, np.array([0.5, 0.5]), step=Constant(0.1), steps=4, record="all")
    assert np.isnan(run.step[:, 0]).tolist() == [False] * 4 + [True]
    assert not np.isnan(run.distance).any()


def test_without_steps_the_start_is_recorded():
    run = descend(GAUSSIAN, np.array([0.0, 1.0]), step=Constant(0.1), steps=0)
    assert run.iterations.tolist() == [0]
    assert run.distance[0, 0] == pytest.approx(math.sqrt(2), rel=4 * EPS)
    assert run.angle[0, 0] == pytest.approx(math.pi / 2, rel=4 * EPS)
    assert run.loss[0, 0] == GAUSSIAN.value(np.array([0.0, 1.0]))
    np.testing.assert_array_equal(run.w[:, 0], [0.0, 1.0])


def test_loss_falls_along_a_run_with_small_steps():
    run = descend(PopulationLoss(LAW, W_STAR), near(6), step=Constant(0.5), steps=T, record="all")
    assert np.all(np.diff(run.loss, axis=0) < 0)


def test_contraction_is_what_a_step_takes_off_the_square():
    run = descend(PopulationLoss(LAW, W_STAR), near(3), step=Constant(0.3), steps=T, record="all")
    naive = 1 - run.distance[1:] ** 2 / run.distance[:-1] ** 2
    # The naive form rounds 1 − x at x's own size.
    np.testing.assert_allclose(run.contraction, naive, rtol=0, atol=8 * EPS)
    far = (T - 1, 0)
    assert run.rounding(far) == pytest.approx(8 * EPS / (run.distance[far] * run.contraction[far]), rel=1e-12)


def test_rounding_of_a_step_that_changes_nothing_is_not_divided_by_zero():
    class Flat(InFull):
        def __init__(self):
            super().__init__(GAUSSIAN)
            self.gradient = lambda w: 0 * w + 1e-30

    run = descend(Flat(), np.array([0.5, 0.5]), step=Constant(0.5), steps=1, record="all", stationary=0.0)
    assert run.contraction[0, 0] == 0
    assert run.rounding((0, 0)) == 0


def test_rounding_covers_the_error_of_the_contraction():
    """Against the exact contraction of the linear descent along w*: every step takes off 1 − (1 − η/2)²."""
    run = descend(GAUSSIAN, np.array([1.5, 0.0]), step=Constant(0.25), steps=150, record="all", tolerance=1e-9)
    exact = 1 - (1 - 0.25 / 2) ** 2
    for t in range(int(run.taken[0])):
        assert abs(run.contraction[t, 0] - exact) <= run.rounding((t, 0)) * exact
