"""What the theorems say about a sample: one step from anywhere keeps the promise, and figures follow from others."""

import dataclasses
import math

import numpy as np
import pytest

from theory.distributions import ClosePatches
from theory.objectives import SampleLoss
from theory.own.coverage import Constants, constants, covered, practical, steps_to, theorems, wide
from theory.own.descents import anywhere, bold, prescribed
from theory.problems import ball_chance_bounds
from theory.smoothness import Bracket

ACCURACY = 0.02


def neuron(p, n=400):
    return np.random.default_rng(p).standard_normal((n, 1, p))


def close(p, spread=0.4, rho=0.03):
    return ClosePatches(dim=p, k=3, spread=spread, closeness=rho).sample(400, rng=np.random.default_rng(1))


CASES = {
    "neuron in the plane": (neuron(2), 0.9),
    "neuron": (neuron(3), 0.4),
    "filter": (close(2), 0.6),
    "filter in space": (close(3), 0.3),
}


def known(name):
    z, phi = CASES[name]
    w_star = 1.7 * np.eye(1, z.shape[2])[0]
    return z, w_star, constants(z, w_star, phi, ACCURACY, 64)


@pytest.mark.parametrize("name", CASES)
def test_one_step_from_anywhere_keeps_the_promise(name):
    """All w with ε ≤ ‖w − w*‖/‖w*‖ ≤ sin φ, near the hyperplanes of patches as well: ‖w − η∇ℓ − w*‖² by definition."""
    z, w_star, found = known(name)
    assert found.step > 0
    rng, p, k = np.random.default_rng(2), z.shape[2], z.shape[1]
    e = rng.standard_normal((300, p))
    # Along w* as well, where θ is far below ε although w is not near.
    e[:100] = np.eye(1, p) * np.sign(e[:100, :1]) + 1e-3 * e[:100]
    distance = np.exp(rng.uniform(math.log(ACCURACY), math.log(math.sin(found.angle)), 300))
    for w in w_star + np.linalg.norm(w_star) * distance[:, None] * e / np.linalg.norm(e, axis=1, keepdims=True):
        active = z @ w >= 0
        error = np.mean(z @ w * active, axis=1) - np.mean(np.maximum(z @ w_star, 0), axis=1)
        gradient = np.mean(error[:, None] * np.sum(z * active[:, :, None], axis=1) / k, axis=0)
        before, after = np.sum((w - w_star) ** 2), np.sum((w - found.step * gradient - w_star) ** 2)
        assert after <= (1 - found.contraction) * before * (1 + 1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_brackets_hold_what_is_measured(name):
    z, w_star, found = known(name)
    rng, k = np.random.default_rng(3), z.shape[1]
    taught = z @ w_star >= 0
    for _ in range(200):
        w = w_star + np.linalg.norm(w_star) * math.sin(found.angle) * rng.random() * _unit(rng, z.shape[2])
        theta = math.acos(min(1.0, w @ w_star / np.linalg.norm(w) / np.linalg.norm(w_star)))
        active = z @ w >= 0
        u = [np.sum(z * mask[:, :, None], axis=1) / k for mask in (active & taught, active & ~taught, ~active & taught)]
        values = np.linalg.eigvalsh(u[0].T @ u[0] / len(z))
        assert found.gamma.lower <= values[0]
        assert values[-1] <= found.L.upper * (1 + 1e-12)
        reach = max(theta, ACCURACY)
        assert np.linalg.eigvalsh(u[1].T @ u[1] / len(z))[-1] <= found.beta.upper * reach * (1 + 1e-12)
        cross = sum(np.linalg.norm(u[a].T @ u[b] / len(z), 2) for a, b in ((0, 1), (0, 2), (1, 2)))
        assert cross <= found.cross.upper * reach * (1 + 1e-12) + 1e-15
    assert found.gamma_bound <= found.gamma.upper


def _unit(rng, p):
    e = rng.standard_normal(p)
    return e / np.linalg.norm(e)


def test_the_step_and_the_number_of_steps():
    one = Constants(
        0.5, Bracket(0.2, 0.3), Bracket(0.4, 0.5), Bracket(0.0, 0.1), Bracket(0.0, 0.01), Bracket(0, 1), 0.1, 0.0
    )
    assert one.margin == pytest.approx(0.14)
    assert one.step == pytest.approx(0.14 / (2 * (0.5 + 0.1 + 0.4) ** 2))
    assert one.contraction == pytest.approx(0.07 * 0.14 / 2)
    total = one.steps(0.01)
    assert (
        (1 - one.contraction) ** total * math.sin(0.5) ** 2
        <= 0.01**2
        < (1 - one.contraction) ** (total - 1) * math.sin(0.5) ** 2
    )
    assert steps_to(0.5, 0.4, 0.1) == 0


def made(angle, gamma, cross):
    return Constants(
        angle,
        Bracket(gamma, gamma),
        Bracket(0.5, 0.5),
        Bracket(0.1, 0.1),
        Bracket(cross, cross),
        Bracket(0.2, 0.2),
        0.1,
        gamma / 2,
    )


def test_the_largest_angle_is_what_is_covered_and_a_practical_one_what_is_run():
    found = [made(0.2, 0.3, 0.0), made(0.4, 0.2, 0.0), made(0.9, 1e-5, 0.0), made(1.2, 0.01, 0.01)]
    assert covered(found).angle == 0.9
    limit = int(found[1].steps(0.01))
    assert practical(found, 0.01, limit).angle == 0.4
    assert practical(found, 0.01, limit - 1).angle == 0.2
    assert practical(found, 0.01, 1).angle == 0.2  # the promise is checked all the same
    assert practical(found[3:], 0.01, limit) is None


@pytest.mark.parametrize(
    ("constant", "realizable", "why"),
    [
        (made(0.1, 0.3, 0.1), True, "γ ≤ 0.3 is not above 6 L_cross ≥ 0.6, for certain"),
        (
            dataclasses.replace(made(0.1, 0.3, 0.1), cross=Bracket(0.0, 0.1)),
            True,
            "6 L_cross may be 0.6: a larger budget",
        ),
        (dataclasses.replace(made(0.1, 0.3, 0.0), gamma=Bracket(0.0, 0.3)), True, "γ may be 0: take more samples"),
        (made(0.1, 0.3, 0.0), False, "the labels are not those of the filter"),
    ],
)
def test_why_a_theorem_does_not_cover(constant, realizable, why):
    rate, closeness, start = theorems([constant], (10, 3, 4), 1.0, 0.01, realizable)
    assert not rate.covers
    assert not start.covers
    assert why in rate.why
    assert closeness.theorem == "3.3"


def test_closeness_by_homogeneity():
    figures = [theorems([made(0.1, 0.3, 0.0)], (10, 3, 4), reach, 0.01, True)[1].figures for reach in (1.0, 3.0)]
    assert figures[1]["L_cross at most"] == pytest.approx(9 * figures[0]["L_cross at most"]) == pytest.approx(27 * 0.2)
    silent = theorems([dataclasses.replace(made(0.1, 0.3, 0.0), closeness=math.nan)], (10, 3, 4), 1.0, 0.01, True)[1]
    assert not silent.covers
    assert "no angle" in silent.why


@pytest.mark.parametrize("p", [2, 5, 100])
def test_random_starts_need_a_wide_angle(p):
    *_, start = theorems([made(wide(p), 0.3, 0.0)], (10, 1, p), 1.0, 0.01, True)
    assert start.covers
    assert (
        start.figures["chance, the paper's bound"] == pytest.approx(0.25) == ball_chance_bounds(p, math.cos(wide(p)))[0]
    )
    chance, m = start.figures["chance"], start.figures["starts for 99 %"]
    assert (1 - chance) ** m <= 0.01 < (1 - chance) ** (m - 1)
    *_, narrow = theorems([made(0.5, 0.3, 0.0)], (10, 1, p), 1.0, 0.01, True)
    assert not narrow.covers


def test_descents_do_what_is_promised_and_a_wrong_promise_is_seen():
    z, w_star, found = known("neuron in the plane")
    loss, given = SampleLoss(z, w_star), {"limit": 4000, "starts": 4}
    run = prescribed(loss, found.angle, found.step, found.contraction, ACCURACY, rng=np.random.default_rng(0), **given)
    assert run.kept
    assert run.slack >= 1
    assert run.arrived == run.starts == 4
    assert run.steps[2] <= found.steps(ACCURACY)
    assert max(run.distance["worst"][0], run.distance["median"][0]) <= math.sin(found.angle)
    assert np.all(np.array(run.distance["worst"]) >= run.distance["median"])
    # The control: ten times the contraction is more than descent has.
    wrong = prescribed(
        loss, found.angle, found.step, 20 * found.contraction, ACCURACY, rng=np.random.default_rng(0), **given
    )
    assert wrong.kept is False
    assert wrong.slack < 1
    fast = bold(loss, found.angle, ACCURACY, rng=np.random.default_rng(0), **given)
    assert fast.kept is None
    assert fast.steps[2] < run.steps[2]
    start = anywhere(loss, ACCURACY, rng=np.random.default_rng(0), **{**given, "starts": 100})
    assert sum(start.outcomes.values()) == 100
    assert 20 < start.within < 80  # about half of a small ball


def test_a_truncated_run_has_no_steps():
    z, w_star, found = known("neuron")
    run = prescribed(
        SampleLoss(z, w_star),
        0.4,
        found.step,
        found.contraction,
        ACCURACY,
        limit=3,
        starts=2,
        rng=np.random.default_rng(0),
    )
    assert (run.steps, run.arrived, run.outcomes, run.kept) == (None, 0, {"step limit": 2}, True)
