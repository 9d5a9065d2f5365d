"""Step rules: what they give, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.closeness import closeness, curve
from theory.descent import Admissible, Along, Constant, Progress, Scaled, Schedule
from theory.distributions import AngularMixture, Atoms, ClosePatches, Gaussian, UniformSphere, Watson
from theory.smoothness import Curve, smoothness

LAWS = [
    Gaussian(2),
    Gaussian(100),
    UniformSphere(5),
    AngularMixture(2, 0.5),
    AngularMixture(5, 0.3),
    Watson(5, 5.0),
    Watson(25, 50.0),
    Watson(5, -5.0),
]
DISTANCES = np.sin(np.linspace(1e-4, 1.57, 25))
ENTRY = math.pi / 2 / Curve.ANGLES


def progress(distance, iteration: int = 0) -> Progress:
    return Progress(iteration, np.asarray(distance), np.arange(np.size(distance)))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.label}-{law.dim}")
def test_admissible_is_the_step_of_the_theorem_within_a_table_entry_and_never_above(law):
    given = Admissible(law)(progress(DISTANCES))
    for eta, phi in zip(given, np.arcsin(DISTANCES), strict=True):
        # 1e-9 is what the constants promise; the step falls as φ grows, so the next entry's bounds it from below.
        assert eta <= smoothness(law, phi).step * (1 + 1e-9)
        assert eta >= smoothness(law, min(phi + ENTRY, math.pi / 2 - 1e-9)).step * (1 - 1e-8)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.label}-{law.dim}")
def test_admissible_grows_as_the_angle_falls(law):
    assert np.all(np.diff(Admissible(law)(progress(DISTANCES))) <= 0)


def test_outside_the_ball_the_step_of_a_right_angle_is_taken():
    rule = Admissible(Gaussian(3))
    np.testing.assert_array_equal(rule(progress([1.0, 1.5, 1e6])), rule(progress([1.0]))[0])


def test_proof_form_is_twice_and_scaled_a_factor():
    law, here = UniformSphere(4), progress(DISTANCES)
    once = Admissible(law)(here)
    np.testing.assert_array_equal(Admissible(law, form="proof")(here), 2 * once)
    np.testing.assert_array_equal(Scaled(Admissible(law), 40.0)(here), 40 * once)
    assert Scaled(Constant(0.5), 3)(here) == 1.5


def test_proof_step_is_where_the_proof_contracts_fastest():
    constants = smoothness(Gaussian(5), 0.7)
    best = constants.best_step
    assert best == 2 * constants.step
    for other in (0.9 * best, 1.1 * best):
        assert constants.proof_contraction(other) < constants.proof_contraction(best)
    # 1 − 3ηγ/2 from the proof, 1 − ηγ/2 in the theorem: at the admissible step the theorem gives up a factor of 3.
    assert constants.proof_contraction(constants.step) == pytest.approx(
        3 * constants.contraction(constants.step), rel=1e-14
    )


def test_schedule_goes_on_with_its_last_entry():
    rule = Schedule([0.3, 0.2, 0.1])
    assert [rule(progress([0.5], t)) for t in range(5)] == [0.3, 0.2, 0.1, 0.1, 0.1]
    assert Schedule(np.array([0.5])).etas == (0.5,)


def test_constant_steps_follow_the_runs_that_go_on():
    rule = Constant([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(rule(Progress(7, np.array([0.5, 0.5]), np.array([2, 0]))), [0.3, 0.1])


def test_rules_are_values():
    assert Constant(0.5) == Constant(0.5)
    assert Admissible(Gaussian(3)) == Admissible(Gaussian(3))
    assert "curve" not in repr(Admissible(Gaussian(3)))
    with pytest.raises(AttributeError):
        Constant(0.5).eta = 1.0


REFUSED = {
    "negative step": (lambda: Constant(-0.1), "eta is -0.1; it must be greater than 0"),
    "zero step of one run": (lambda: Constant((0.1, 0)), "eta is 0.0; it must be greater than 0"),
    "NaN step": (lambda: Constant(math.nan), "eta is NaN; it must be a real number"),
    "infinite step": (lambda: Constant(math.inf), "eta is inf; it must be finite"),
    "step of words": (lambda: Constant(None), "eta is None; it must be a real number"),
    "empty schedule": (lambda: Schedule(()), r"etas is \(\); it must be a list of one step or more"),
    "schedule of a number": (lambda: Schedule(0.5), "etas is 0.5; it must be a list of one step or more"),
    "schedule with a NaN": (lambda: Schedule((0.1, math.nan)), "etas is NaN; it must be a real number"),
    "unknown form": (lambda: Admissible(Gaussian(2), form="best"), "form is 'best'; it must be 'paper' or 'proof'"),
    "law without constants": (lambda: Admissible(Atoms([[1, 0]])), "law is Atoms; it must be axis-symmetric"),
    "negative factor": (lambda: Scaled(Constant(1.0), -2), "factor is -2.0; it must be greater than 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    call, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------- along a curve


def test_along_a_curve_of_the_filter():
    """The admissible step at φ = arcsin d, twice and more in the form of the proof; 0 where nothing is admissible."""
    law = ClosePatches(2, 4, 0.3, 0.1)
    found = curve(law)
    for form, name in (("paper", "step"), ("proof", "best_step")):
        given = Along(found, form)(progress([0.1, 0.8, 1.3]))
        for eta, d in zip(given[:2], (0.1, 0.8), strict=True):
            exact = getattr(closeness(law, math.asin(d)), name)
            assert 0.98 * exact <= eta <= exact
        assert given[2] == found.step(np.array([math.pi / 2]), form)[0] == 0


def test_along_refuses():
    with pytest.raises(BadInput, match="form is 'sharp'; it must be 'paper' or 'proof'"):
        Along(curve(ClosePatches(2, 4, 0.3, 0.1)), "sharp")
    with pytest.raises(BadInput, match=r"curve is 0\.5; it must be a curve of the constants"):
        Along(0.5)
