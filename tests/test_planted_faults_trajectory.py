"""Faults planted in the engine that uses activations again, one at a time; a check must turn red.

The compiled kernels are run as plain Python here, from their own source, of which a fault replaces a piece.
"""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planting import Plant, scaled, suite

from theory.descent import Constant, Outcome, Scaled, Schedule, descend, leaps, trajectory
from theory.descent import known as known_sides
from theory.distributions import ImagePatches
from theory.kernels import limits, pattern, pattern_sums
from theory.objectives import ImageLoss, SampleLoss

EPS = np.finfo(float).eps
SOURCES = {module.__file__: Path(module.__file__).read_text() for module in (limits, pattern_sums, pattern)}
COMPILED = ("from theory.kernels.compiled", "@compiled", "from theory.kernels.limits", "from theory.kernels.pattern")


def interpreted(old: str = "", new: str = "") -> Any:
    """The module of the kernels with a piece of its source replaced, and nothing compiled.

    Lines are where they were: coverage, which sees nothing of compiled code, counts them.
    """
    assert not old or sum(source.count(old) for source in SOURCES.values()) == 1, old
    module = types.ModuleType("planted")
    for file, source in SOURCES.items():
        planted = source.replace(old, new) if old else source
        lines = ["" if line.startswith(COMPILED) else line for line in planted.splitlines()]
        exec(compile("\n".join(lines), file, "exec"), module.__dict__)
    return module


# ------------------------------------------------------------------------------------------------------------- checks


def runs(*, step: Any, n=70, k=1, p=3, seed=0, record: Any = 25, start: Any = None, **settings: Any) -> Any:
    """A descent with reuse, and the plain loop's."""
    rng = np.random.default_rng(seed)
    patches, teacher, d = rng.standard_normal((n, k, p)), rng.standard_normal(p), rng.standard_normal(p)
    loss, start = SampleLoss(patches, teacher), teacher + d / 2 if start is None else start
    found = descend(loss, start, step=step, record=record, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trajectory, "WORTH", np.inf)
        return found, descend(loss, start, step=step, record=record, **settings)


def agree(found: Any, expected: Any) -> None:
    assert found.outcome == expected.outcome
    assert found.taken.tolist() == expected.taken.tolist()
    np.testing.assert_allclose(found.w, expected.w, rtol=0, atol=1e-9)
    for field in ("distance", "angle", "loss", "step"):
        # Losses of 1e-10 and more have nine digits: they lose nothing near the teacher.
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-9, atol=1e-19)


def one_neuron() -> None:
    """To the teacher in a few hundred steps, laid out beforehand."""
    agree(*runs(step=Schedule((0.1, 0.3, 0.2)), steps=300, tolerance=1e-5, seed=4))


def patches() -> None:
    """Three patches that share the filter."""
    agree(*runs(step=Constant(0.2), k=3, steps=200, tolerance=1e-5))


def opposite() -> None:
    """A start opposite the teacher: to 0, of which nothing is lost by rounding, as all that are active have label 0."""
    z = np.random.default_rng(3).standard_normal((20, 1)) * [[1.0, 0.0]]
    loss = SampleLoss(np.concatenate([z, -z, z[:, ::-1], -z[:, ::-1]]), np.array([1.0, 0.5]))
    found = descend(loss, -0.5 * loss.teacher, step=Constant(0.2), steps=2000, stationary=1e-20)
    assert found.outcome == (Outcome.STALLED,)
    # Stationary to 1e-20 of a gradient of order one, where no curvature is below a tenth.
    assert np.linalg.norm(found.w) < 1e-18


def line() -> Any:
    """One dimension, where Cauchy and Schwarz leave nothing: all 200 patches change sides where w does."""
    loss = SampleLoss(np.repeat([[1.0], [-1.0]], 100, axis=0), np.array([1.0]))
    known = known_sides.Known(loss)
    known.survey(np.array([0.5]))
    return known


def margins() -> None:
    """A filter just across its kink is seen there, and was not looked at before."""
    known = line()
    known.to(np.array([0.002]))
    assert known.looked == 400
    known.to(np.array([-0.001]))
    assert (known.pattern.limit > 0).tolist() == [False] * 100 + [True] * 100


def paths() -> None:
    """A step of the kernel across the kink, by 1 % of its length."""
    loss = SampleLoss(np.repeat([[1.0], [-1.0]], 100, axis=0), np.array([1.0]))
    # λ = ½: w₁ = 1 + (1 − η/2) · 2 = −0.03, back, against D, to −0.01 · w₁, and then on towards 1.
    found = descend(loss, np.array([3.0]), step=Schedule((3.03, 2.02, 1.0)), steps=20, record="all")
    expected = [3.0, -0.03, 0.0003, 1 - 0.9997 / 2]
    np.testing.assert_allclose(found.distance[:4, 0], [abs(w - 1) for w in expected], rtol=1e-14)


def straight() -> None:
    """A straight move in the direction of D, in small parts: patches that it takes across their kink are seen there."""
    rng = np.random.default_rng(8)
    loss, w = SampleLoss(rng.standard_normal((400, 3)), np.array([1.0, -0.5, 0.3])), np.array([-0.4, 0.6, 0.5])
    known = known_sides.Known(loss)
    known.survey(w)
    direction = known.pattern.D.copy()
    np.testing.assert_allclose(direction, -loss.gradient(w) / np.linalg.norm(loss.gradient(w)), rtol=0, atol=1e-12)
    for _ in range(50):
        w = w + 0.02 * direction
        known.to(w)
        np.testing.assert_array_equal(known.pattern.limit > 0, (loss.patches @ w)[:, 0] >= 0)


def frugal() -> None:
    """Straight on, no other D is chosen: each patch is given a limit twice at first, and a few times later."""
    rng = np.random.default_rng(9)
    known = known_sides.Known(SampleLoss(rng.standard_normal((400, 3)), np.array([1.0, -0.5, 0.3])))
    known.survey(np.array([-0.4, 0.6, 0.5]))
    for _ in range(20):
        known.to(known.pattern.w + 0.05 * known.pattern.D)
    assert known.looked < 6 * 400


def sides() -> None:
    """Along a random path, sides and sums are those of a look at every patch."""
    rng = np.random.default_rng(1)
    loss, w = SampleLoss(rng.standard_normal((90, 2, 3)), np.array([1.0, -0.5, 0.3])), rng.standard_normal(3)
    known = known_sides.Known(loss)
    known.survey(w)
    for _ in range(60):
        w = w + 0.1 * rng.standard_normal(3)
        known.to(w)
        activation = loss.patches @ w
        np.testing.assert_array_equal((known.pattern.limit > 0).reshape(90, 2), activation >= 0)
        # As many roundings as the sum has terms.
        np.testing.assert_allclose(known.gradient(), loss.gradient(w), rtol=0, atol=32 * 90 * EPS)
        assert known.value() == pytest.approx(float(loss.value(w)), rel=1e-11)
    # Most are left alone even where a filter goes nowhere in particular.
    assert known.looked < 0.75 * 60 * 180


def window() -> None:
    """More patches than the heap takes whole, in the plane, where half of the length of a step goes across a kink."""
    rng = np.random.default_rng(2)
    loss = SampleLoss(rng.standard_normal((pattern.WHOLE + 100, 2)), np.array([1.0, 0.2]))
    known, w = known_sides.Known(loss), np.array([1.0, 0.0])
    known.survey(w)
    for _ in range(12):
        w = w + np.array([0.0, 0.01])
        known.to(w)
        np.testing.assert_array_equal(known.pattern.limit > 0, (loss.patches @ w)[:, 0] >= 0)
    assert known.looked < 3 * loss.patches.shape[0]


def leap() -> None:
    """A leap is its steps, which stay within what it is said to reach."""
    rng = np.random.default_rng(4)
    values, delta, r = np.array([0.0, 0.3, 1.0]), rng.standard_normal(3), 0.1 * rng.standard_normal(3)
    q, w = leaps.Quadratic(0.4, values, np.eye(3), delta, r), delta
    for m in range(1, 60):
        w = w - 0.4 * (values * w + r)
        np.testing.assert_allclose(q.at(m), w, rtol=1e-12)
        assert q.far(m) == pytest.approx(np.linalg.norm(w - delta), rel=1e-12)


def swinging() -> None:
    """The same for coordinates that go to and fro, whose farthest iterate is the first."""
    delta, r, values = np.array([1.0, -0.5, 0.7]), np.array([0.1, 0.3, -0.4]), np.array([0.2, 1.6, 2.0])
    q, w, seen = leaps.Quadratic(0.97, values, np.eye(3), delta, r), delta, [delta]
    for m in range(1, 40):
        w = w - 0.97 * (values * w + r)
        seen.append(w)
        np.testing.assert_allclose(q.at(m), w, rtol=1e-12)
        assert q.far(m) == pytest.approx(np.linalg.norm(np.max(np.abs(np.array(seen) - delta), axis=0)), rel=1e-12)
        low, high = q.between(m)
        assert np.all(low <= np.min(np.abs(seen), axis=0) + 1e-14)
        np.testing.assert_allclose(high, np.max(np.abs(seen), axis=0), rtol=1e-12)
    around = leaps.Quadratic(0.97, values, np.eye(3), delta, 0 * r)
    np.testing.assert_allclose(around.between(9)[0], np.abs(around.at(9)), rtol=1e-5)
    assert q.stable
    assert not leaps.Quadratic(1.03, values, np.eye(3), delta, r).stable


def turning() -> None:
    """A filter that goes to and fro leaps, although its path is longer than any limit."""
    loss = SampleLoss(np.repeat([[1.0], [-1.0]], 40, axis=0), np.array([1.0]))
    taken, leap = [], known_sides.Known.leap
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_sides.Known, "leap", lambda *given: taken.append(leap(*given)) or taken[-1])
        # λ = ½: ρ = −0.999, and the 200 steps before a leap is tried for their length alone are not to be had.
        found = descend(loss, np.array([1.1]), step=Constant(3.998), steps=150, tolerance=1e-5, record="all")
    assert sum(taken) > 100
    np.testing.assert_allclose(found.distance[:, 0], 0.1 * 0.999 ** np.arange(151), rtol=1e-11)


def apart() -> None:
    """Patches of images, whose entries lie apart, with labels of the teacher and with others."""
    rng = np.random.default_rng(10)
    law, teacher = ImagePatches(rng.standard_normal((30, 3, 4)), 2), np.array([1.0, -0.5, 0.3, 0.2])
    for labels in (None, rng.uniform(0, 1, 30)):
        loss, w = ImageLoss(law, teacher, labels=labels), rng.standard_normal(4)
        known = known_sides.Known(loss)
        known.survey(w)
        for _ in range(40):
            w = w + 0.2 * rng.standard_normal(4)
            known.to(w)
            np.testing.assert_allclose(known.gradient(), loss.gradient(w), rtol=0, atol=32 * 30 * EPS)
            assert known.value() == pytest.approx(float(loss.value(w)), rel=1e-11)
        # Where no side differs from the teacher's, nothing is left of r, unless labels are given.
        known.stale = 10**9
        known.to(1.0001 * teacher)
        np.testing.assert_allclose(known.gradient(), loss.gradient(1.0001 * teacher), rtol=0, atol=32 * 30 * EPS)


def single() -> None:
    """In float32 a step below the rounding of w moves nothing."""
    loss = SampleLoss(np.full((40, 1), 1.0, dtype=np.float32), np.ones(1, dtype=np.float32))
    start = np.array([1 + 2.0**-20], dtype=np.float32)
    # Each of 40 samples has 1: the step is 0.3 of 2⁻²⁰, which is 2.4 units in the last place, and 0.3 of what is left.
    found = descend(loss, start, step=Constant(0.3), steps=20, tolerance=0.0, stationary=0.0, record="all")
    assert (found.distance[:6, 0] * 2**23).tolist() == [8.0, 6.0, 4.0, 3.0, 2.0, 1.0]
    assert found.distance[-1, 0] * 2**23 == 1.0


def bounds() -> None:
    """Each of the bounds ends a leap by itself, at the last iterate that keeps it."""
    q = leaps.Quadratic(0.05, np.array([0.5, 1.0]), np.eye(2), np.array([1.0, 1.0]), np.zeros(2))
    away = leaps.Quadratic(0.05, np.array([0.5, 1.0]), np.eye(2), np.array([1.0, 1.0]), np.array([-2.0, -4.0]))
    path = [q.at(m) for m in range(200)]
    free = leaps.Bounds(np.inf, 0.0, np.inf, 0.0)
    cases = {
        "room": (q, 0.5, [np.linalg.norm(d - path[0]) < 0.5 for d in path]),
        "near": (q, 0.5, [np.linalg.norm(d) > 0.5 for d in path]),
        "still": (q, 0.3, [np.linalg.norm(q.values * d) > 0.3 for d in path]),
        "region": (away, 2.0, [np.linalg.norm(away.at(m)) < 2.0 for m in range(200)]),
    }
    for name, (which, bound, kept) in cases.items():
        assert which.longest(10**9, free._replace(**{name: bound})) == kept.index(False) - 1


def leaping() -> None:
    """With leaps at every chance: the same records, and few steps one by one."""
    agree(*runs(step=Constant(0.01), steps=5000, n=60, tolerance=1e-5, record=100, seed=4))


def afresh() -> None:
    """Sums are taken afresh after as many terms as there are samples, and sₙ after k flips."""
    renewals, renew = [], known_sides.Known.renew
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_sides.Known, "renew", lambda known: renewals.append(renew(known)))
        rng = np.random.default_rng(6)
        loss, w = SampleLoss(rng.standard_normal((20, 2, 2)), np.array([1.0, 0.5])), np.ones(2)
        known = known_sides.Known(loss)
        known.survey(w)
        for turn in range(6):
            known.to(w if turn % 2 else -w)
            # As many roundings as the sum has terms.
            np.testing.assert_allclose(known.gradient(), loss.gradient(known.pattern.w), rtol=0, atol=32 * 20 * EPS)
        assert len(renewals) == 6
        known.stale = 10**9
        flips = []
        for turn in range(6):
            known.to(w if turn % 2 else -w)
            flips.append(int(known.pattern.flips.max()))
    assert max(flips) == 2


def rules() -> None:
    """Rules that know their steps beforehand."""
    agree(*runs(step=Scaled(Schedule((0.1, 0.3)), 0.5), steps=60))
    agree(*runs(step=Scaled(Constant(0.1), 2.0), steps=60))


def resting() -> None:
    """Steps below a rounding end the work, and every later iteration is recorded all the same."""
    loss = SampleLoss(np.array([[1.0], [0.5], [0.3]] * 20), np.array([0.7]))
    settings = {"steps": 10**8, "tolerance": 0.0, "stationary": 0.0, "record": [0, 10**7, 10**8]}
    found = descend(loss, np.array([1.0]), step=Constant(0.01), **settings)
    assert found.taken.tolist() == [10**8]
    assert not np.isnan(found.distance).any()
    assert np.isnan(found.step[:, 0]).tolist() == [False, False, True]


def chosen() -> None:
    """Reuse where it pays, and nowhere else."""
    loss = SampleLoss(np.zeros((100, 1, 4)) + 1.0, np.ones(4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trajectory, "WORTH", 400 * 30)
        assert trajectory.worthwhile(loss, 2, 15)
        assert not trajectory.worthwhile(loss, 2, 14)
        assert not trajectory.worthwhile(SampleLoss(np.zeros((63, 4)) + 1.0, np.ones(4)), 1, 10**9)


NAMED = (one_neuron, patches, opposite, margins, paths, straight, frugal, sides, window, leap, swinging, turning, apart)
CHECKS = {check.__name__: check for check in (*NAMED, single, bounds, leaping, afresh, rules, resting, chosen)}


# ------------------------------------------------------------------------------------------------------------- faults


def edited(old: str, new: str, red: list[str]) -> Plant:
    """The kernels with a piece of their source replaced."""
    module = interpreted(old, new)
    return Plant(known_sides, "_compiled", lambda: module, red)


KERNELS: dict[str, Plant] = {
    "margins 2 % too wide": edited("(abs(a) - allow", "(1.02 * abs(a) - allow", ["margins", "paths"]),
    "the clock forgotten in a limit": edited("(path + margin) * (1", "margin * (1", ["sides"]),
    "a clock 2 % too slow": edited("max(along, aside) * LONGER", "0.98 * max(along, aside)", ["margins", "paths"]),
    "what is aside of D forgotten": edited(
        "aside = np.sqrt(square) / known.number[C]", "aside = 0.0", ["margins", "paths"]
    ),
    "a patch thought to go the other way": edited("-b if side else b)", "b if side else -b)", ["straight"]),
    "no patch thought to go along D": edited("rate = max(0.0, -b if side else b) + lean", "rate = lean", ["straight"]),
    "limits for another D": edited("known.number[WINDOW] = 0.0\n", "known.D[:] = 1.0\n", ["straight"]),
    "a way taken for straight": edited("<= (along / 2) ** 2:", "<= np.inf:", ["sides"]),
    "always another D": edited("if astray and", "if True or", ["frugal"]),
    "η × 1.02": edited("known.w[j] - eta * g[j]", "known.w[j] - 1.02 * eta * g[j]", ["one_neuron", "patches"]),
    "a schedule one step ahead": edited("etas[min(t, etas", "etas[min(t + 1, etas", ["one_neuron"]),
    "a tie that is not active": edited("side, old = a >= 0,", "side, old = a > 1e-3,", ["sides"]),
    "1/k dropped in a flip": edited("sign * row[j] / k", "sign * row[j]", ["patches", "sides"]),
    "a patch left out of a sum taken afresh": edited(
        "known.flips[m] = 0\n    for i in range(k):", "known.flips[m] = 0\n    for i in range(k - 1):", ["sides"]
    ),
    "eₙ not updated": edited("known.e[m] += sign * b / k", "known.e[m] += 0.0", ["patches", "sides"]),
    "a flip that keeps its sign": edited("weight if side else -weight, row", "weight, row", ["one_neuron"]),
    "old sₙ left in H": edited("add(known, -weight, s, known.e[m], y)", "pass", ["patches", "sides"]),
    "the teacher's own sides counted": edited("row, min(b, 0.0), y)", "row, b, y)", ["one_neuron"]),
    "labels × 1.02": edited("part * y", "1.02 * part * y", ["sides"]),
    "q without its missed half": edited("* max(b, 0.0) ** 2", "* 0.0", ["one_neuron"]),
    "r forgotten too early": edited("if known.count[OFF] == 0 and", "if known.count[OFF] <= 5 and", ["one_neuron"]),
    "sides counted wrong": edited("-1 if side == (b >= 0) else 1", "1 if side == (b >= 0) else -1", ["one_neuron"]),
    "c with its sign turned": edited("if near else -known.c[j]", "if near else known.c[j]", ["sides"]),
    "far from 0 taken for near": edited("near = here <= there", "near = True", ["opposite"]),
    "loss with r once": edited("g[i] = 2 * known.r[i]", "g[i] = known.r[i]", ["one_neuron", "sides"]),
    "loss without ½": edited("return max(total / 2, 0.0)", "return max(total, 0.0)", ["one_neuron", "sides"]),
    "a heap upside down": edited("if abs(limit[heap[child]]) >= key:", "if abs(limit[heap[child]]) <= key:", ["sides"]),
    "a look that is not put back": edited("if new > known.number[WINDOW]:", "if True:", ["sides", "window"]),
    "a window half empty": edited(
        "if abs(limit[i]) <= window and", "if i % 2 and abs(limit[i]) <= window and", ["window"]
    ),
    "a window never opened again": edited(
        "if path >= known.number[WINDOW]:", "if known.number[WINDOW] == 0:", ["window"]
    ),
    "no flips counted": edited("known.flips[m] += 1", "pass", ["afresh"]),
    "terms not counted": edited("known.count[UPDATES] += 1", "pass", ["afresh"]),
    "stalled too early": edited("np.sqrt(np.sum(g * g)) <= still", "np.sum(g * g) <= still", ["opposite"]),
    "rest not recorded": edited("while known.count[MARK] < marks.size:", "while False:", ["resting"]),
    "a step recorded after the last": edited("if marks[known.count[MARK]] < steps:", "if True:", ["resting"]),
    "converged at a wrong distance": edited(
        "if number[DISTANCE] <= tolerance", "if number[DISTANCE] <= 1.02 * tolerance", ["leaping"]
    ),
    "no leap for one that goes to and fro": edited("swings = back < 0 and", "swings = False and", ["turning"]),
    "entries taken as if side by side": edited("start + known.entry[j]]", "start + j]", ["apart"]),
    "an image too far": edited("m * known.count[STRIDE]", "(m % 2) * known.count[STRIDE]", ["apart"]),
    "given labels forgotten": edited("    if known.count[GIVEN]:\n        return b if side else 0.0\n", "", ["apart"]),
    "given labels forgotten in a new sum": edited(
        "known.e[m] = -known.labels[m] if known.count[GIVEN] else 0.0", "known.e[m] = 0.0", ["apart"]
    ),
    "r of given labels forgotten": edited("== 0 and known.count[GIVEN] == 0:", "== 0:", ["apart"]),
    "iterates not rounded": edited("if known.count[SINGLE]:", "if False:", ["single"]),
}


def one_power_less(q, m):
    """Quadratic.powers of m − 1."""
    return POWERS(q, m - 1)


def r_forgotten(q, m):
    """Quadratic.at around w*."""
    return q.powers(m)[0] * q.delta


def last_is_farthest(q, m):
    """Quadratic.far of coordinates that go one way."""
    return np.linalg.norm(q.powers(m)[1] * q.gradient, axis=-1)


def straight_between(q, m):
    """Quadratic.between of the two ends."""
    ends = np.abs(q.delta), np.abs(q.at(m))
    return np.minimum(*ends), np.maximum(*ends)


def without(name, value):
    """Quadratic.longest that forgets a bound."""
    return lambda q, most, bounds: LONGEST(q, most, bounds._replace(**{name: value}))


def unscaled(rule, run):
    """_laid of the rule within."""
    return LAID(rule.rule if isinstance(rule, Scaled) else rule, run)


def standing(known, *arguments):
    """Known.leap that leaves the filter where it is."""
    w = known.pattern.w.copy()
    taken = LEAP(known, *arguments)
    known.pattern.w[:] = w
    return taken


def unrecorded(known, quadratic, eta, t, m, marks, seen):
    """Known._record one iteration late."""
    return RECORD(known, quadratic, eta, t - 1, m, marks, seen)


def never_afresh(known, objective):
    """Known whose sums are never taken afresh."""
    INIT(known, objective)
    known.stale = 10**9


def any_size(objective, runs, steps):
    """worthwhile that does not ask how many steps there are."""
    return True


Quadratic, Known = leaps.Quadratic, known_sides.Known
POWERS, LONGEST, LAID, LEAP, RECORD, INIT = (
    Quadratic.powers, Quadratic.longest, trajectory.laid_out, Known.leap, Known._record, Known.__init__,
)  # fmt: skip

PLANTS: dict[str, Plant] = KERNELS | {
    "a power less": Plant(Quadratic, "powers", one_power_less, ["leap", "leaping"]),
    "a leap around w*": Plant(Quadratic, "at", r_forgotten, ["leap"]),
    "the last iterate taken for the farthest": Plant(Quadratic, "far", last_is_farthest, ["swinging"]),
    "what is between the ends forgotten": Plant(Quadratic, "between", straight_between, ["swinging"]),
    "no sign in a power": Plant(Quadratic, "turning", property(lambda q: q.values < 0), ["swinging"]),
    "leaps where ηλ > 2": Plant(Quadratic, "stable", True, ["swinging"]),
    "a leap said to reach half as far": Plant(Quadratic, "far", scaled(Quadratic.far, 0.5), ["leap", "bounds"]),
    "no limit ends a leap": Plant(Quadratic, "longest", without("room", np.inf), ["bounds"]),
    "no convergence ends a leap": Plant(Quadratic, "longest", without("near", 0.0), ["bounds", "leaping"]),
    "no region ends a leap": Plant(Quadratic, "longest", without("region", np.inf), ["bounds"]),
    "no rest ends a leap": Plant(Quadratic, "longest", without("still", 0.0), ["bounds"]),
    "a leap that goes nowhere": Plant(Known, "leap", standing, ["leaping"]),
    "a leap recorded late": Plant(Known, "_record", unrecorded, ["leaping"]),
    "a factor forgotten": Plant(trajectory, "laid_out", unscaled, ["rules"]),
    "sums never taken afresh": Plant(Known, "__init__", never_afresh, ["afresh"]),
    "reuse everywhere": Plant(trajectory, "worthwhile", any_size, ["chosen"]),
}


@pytest.fixture(autouse=True)
def interpret(monkeypatch):
    """Reuse from the first step, in plain Python."""
    monkeypatch.setattr(trajectory, "WORTH", 0)
    monkeypatch.setattr(trajectory, "CALM", np.inf)
    monkeypatch.setattr(trajectory, "FREE", 200)
    monkeypatch.setattr(trajectory, "RESTLESS", 1e6)
    module = interpreted()
    monkeypatch.setattr(known_sides, "_compiled", lambda: module)


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
