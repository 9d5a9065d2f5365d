"""Descent that uses activations again, against the plain loop: random samples, teachers, patches, starts and steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.descent import Admissible, Constant, Outcome, Prescribed, Scaled, Schedule, descend, leaps, trajectory
from theory.descent import known as known_sides
from theory.distributions import Gaussian, ImagePatches
from theory.kernels import constants, pattern, plain_pattern
from theory.objectives import ImageLoss, PopulationLoss, SampleLoss, StreamLoss

EPS = np.finfo(float).eps
FIELDS = ("distance", "angle", "loss", "step")


@pytest.fixture(autouse=True)
def worth(monkeypatch):
    """However small the problem, activations are used again, from the first step."""
    force(monkeypatch)


def force(monkeypatch, worth=0, calm=np.inf):
    monkeypatch.setattr(trajectory, "WORTH", worth)
    monkeypatch.setattr(trajectory, "CALM", calm)


def plainly(*arguments, **settings):
    """The plain loop."""
    with pytest.MonkeyPatch.context() as patch:
        force(patch, worth=np.inf)
        return descend(*arguments, **settings)


def problem(n=400, k=1, p=4, runs=1, seed=0, far=0.5):
    """A Gaussian sample, and starts at this distance from the teacher, relative to its norm."""
    rng = np.random.default_rng(seed)
    patches, teacher, d = rng.standard_normal((n, k, p)), rng.standard_normal(p), rng.standard_normal((p, runs))
    return SampleLoss(patches, teacher), teacher[:, None] + far * np.linalg.norm(teacher) * d / np.linalg.norm(
        d, axis=0
    )


def agree(found, expected, *, scale=1.0, atol=1e-9, ends=True):
    """The same fate, and the same records to ``atol`` of the teacher's norm.

    1e-9 is what is promised. The rounding of either loop is far below it: ε a step, which the next ones contract.
    """
    assert found.outcome == expected.outcome
    if ends:
        np.testing.assert_array_equal(found.taken, expected.taken)
    np.testing.assert_allclose(found.w, expected.w, rtol=0, atol=atol * scale)
    np.testing.assert_allclose(found.final, expected.final, rtol=0, atol=atol)
    np.testing.assert_array_equal(found.iterations, expected.iterations)
    for field, size in zip(FIELDS, (1.0, 1.0, scale**2, 1.0), strict=True):
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-9, atol=atol * size)


# ------------------------------------------------------------------------------------------------------ the same runs

RULES = {
    "constant": Constant(0.01),
    "large": Constant(0.7),
    "one a run": Constant((0.01, 0.03, 0.002)),
    "schedule": Schedule((0.5, 0.1, 0.02, 0.05)),
    "scaled": Scaled(Scaled(Constant(0.02), 0.5), 2.0),
    "scaled schedule": Scaled(Schedule((0.5, 0.1, 0.02)), 0.5),
    "prescribed": Prescribed(accuracy=0.3, gamma=0.1, bound=1.0),
    "adaptive": Admissible(Gaussian(4)),
    "adaptive, scaled": Scaled(Admissible(Gaussian(4), form="proof"), 0.25),
}


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", RULES)
def test_every_rule_goes_where_the_plain_loop_goes(name, k):
    loss, starts = problem(k=k, runs=3)
    settings = {"step": RULES[name], "steps": 1500, "record": 60}
    found = descend(loss, starts, **settings)
    agree(found, plainly(loss, starts, **settings), scale=np.linalg.norm(loss.teacher))
    assert "reuse" in found.engine[0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(100, 300), st.sampled_from([1, 1, 2, 5]), st.integers(1, 6)),
    law=st.sampled_from(["gaussian", "heavy", "integers", "sparse", "weighted", "scaled"]),
    far=st.sampled_from([1e-6, 0.3, 0.9, 1.5]),
    eta=st.sampled_from([0.003, 0.05, 0.4]),
)
def test_random_problems(seed, shape, law, far, eta):
    rng = np.random.default_rng(seed)
    patches, teacher = rng.standard_normal(shape), rng.standard_normal(shape[2])
    weights, scale = None, 1.0
    if law == "heavy":
        patches *= np.exp(rng.standard_normal(shape[:2]))[..., None] / 2
    if law == "integers":
        patches, teacher = np.round(patches), np.round(4 * teacher) + (teacher.size == 1)
        teacher[0] = teacher[0] or 1.0
    if law == "sparse":
        patches *= rng.random(shape) < 0.3
    if law == "weighted":
        weights = rng.random(shape[0]) * (rng.random(shape[0]) < 0.7) + 1e-3
    if law == "scaled":
        scale = 2.0**30
    d = rng.standard_normal(shape[2])
    start = teacher + far * np.linalg.norm(teacher) * d / np.linalg.norm(d)
    loss = SampleLoss(patches, scale * teacher, weights=weights)
    arguments = {"step": Constant(eta), "steps": 400, "record": 20}
    with pytest.MonkeyPatch.context() as patch:
        force(patch)
        found = descend(loss, scale * start, **arguments)
    # A run at rest is found by the rounding of its gradient, which is not the same; so is what it has reached by then.
    resting = found.outcome[0] is Outcome.STALLED
    agree(found, plainly(loss, scale * start, **arguments), scale=scale * np.linalg.norm(teacher), ends=not resting)


@pytest.mark.parametrize("kernel", [pattern, plain_pattern], ids=["compiled", "plain"])
@pytest.mark.parametrize("k", [1, 2])
def test_both_kernels(monkeypatch, kernel, k):
    monkeypatch.setattr(known_sides, "_compiled", lambda: kernel)
    monkeypatch.setattr(trajectory, "FREE", 32)
    loss, starts = problem(n=150, k=k, p=3, runs=2, seed=k)
    for rule in (Constant(0.02), Schedule((0.3, 0.02))):
        settings = {"step": rule, "steps": 1200, "record": 40}
        agree(descend(loss, starts, **settings), plainly(loss, starts, **settings), scale=3.0)


@pytest.mark.parametrize("k", [1, 3])
def test_the_kernels_look_at_the_same_patches(monkeypatch, k):
    loss, starts = problem(n=300, k=k, p=5, seed=2)
    looked = {}
    for kernel in (pattern, plain_pattern):
        monkeypatch.setattr(known_sides, "_compiled", lambda kernel=kernel: kernel)
        looked[kernel] = descend(loss, starts, step=Constant(0.01), steps=300).evaluated[0]
    # Limits differ by roundings; none of some thousands lies within them of the path.
    assert looked[pattern] == looked[plain_pattern]


def test_fifty_thousand_steps():
    loss, starts = problem(n=500, p=5, seed=4)
    settings = {"step": Constant(1e-3), "steps": 50_000, "tolerance": 0.0}
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    agree(found, expected, scale=np.linalg.norm(loss.teacher))
    assert (found.taken == 50_000).all()
    assert (found.evaluated < 100 * 500).all()


# -------------------------------------------------------------------------------------------------------------- fates


@pytest.mark.parametrize("eta", [0.01, 3.0, 50.0, 1e300])
@pytest.mark.parametrize("region", [None, 0.55, 1e9])
def test_fates(eta, region):
    loss, starts = problem(k=2, runs=4, seed=5)
    settings = {"step": Constant(eta), "steps": 300, "region": region, "record": [0, 1, 5, 300]}
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    assert found.outcome == expected.outcome
    np.testing.assert_array_equal(found.taken, expected.taken)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-6, atol=1e-9)


def test_a_stationary_point_away_from_the_teacher():
    """Symmetric samples, a start opposite the teacher on the ray through it: w → 0, where the loss is not least."""
    rng = np.random.default_rng(6)
    points = rng.standard_normal((200, 1)) * [[1.0, 0.0]]
    loss = SampleLoss(np.concatenate([points, -points, points[:, ::-1]]), np.array([1.0, 0.5]))
    settings = {"step": Constant(0.05), "steps": 10_000, "record": [0]}
    found, expected = descend(loss, np.array([-0.5, 0.2]), **settings), plainly(loss, np.array([-0.5, 0.2]), **settings)
    assert found.outcome == expected.outcome == (Outcome.STALLED,)
    # Stationary to 1e-14 ‖∇ℓ(0)‖, at a rounding of 1e-16: at most one part in a hundred, of which a step takes as much.
    np.testing.assert_allclose(found.w, expected.w, rtol=0, atol=1e-9)
    assert abs(found.taken[0] - expected.taken[0]) <= 0.01 * expected.taken[0]


@pytest.mark.parametrize("tolerance", [0.3, 1e-3, 1e-8, 1e-10])
def test_convergence_is_found_at_its_iteration(monkeypatch, tolerance):
    monkeypatch.setattr(trajectory, "FREE", 64)
    loss, starts = problem(n=300, runs=6, seed=7)
    settings = {"step": Constant(0.004), "steps": 30_000, "tolerance": tolerance, "record": 300}
    found = descend(loss, starts, **settings)
    agree(found, plainly(loss, starts, **settings), scale=np.linalg.norm(loss.teacher))
    assert found.converged.all()


def test_a_filter_that_no_longer_moves_is_at_rest():
    """Steps below a rounding of w change nothing: all later iterations are alike, at no cost."""
    loss, starts = problem(n=200, p=3, seed=8)
    settings = {"step": Constant(0.01), "tolerance": 0.0, "stationary": 0.0}
    found = descend(loss, starts, steps=10**9, record=50, **settings)
    assert found.outcome[0] in (Outcome.STEP_LIMIT, Outcome.CONVERGED)
    assert found.distance[found.iterations <= found.taken[0]][-1, 0] < 1e-12
    if found.outcome[0] is Outcome.STEP_LIMIT:
        assert not np.isnan(found.distance).any()
        assert np.isnan(found.step[:, 0]).tolist() == [False] * (found.iterations.size - 1) + [True]
    expected = plainly(loss, starts, steps=20_000, record=50, **settings)
    assert abs(found.final[0] - expected.final[0]) < 1e-12


# -------------------------------------------------------------------------------------------------------------- leaps


def quadratic(seed=9, p=4, eta=0.3, singular=False, r=0.1):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((p - singular, p))
    values, vectors = np.linalg.eigh(root.T @ root)
    values = np.maximum(values, 0.0) / values[-1]
    if singular:
        values[0] = 0.0
    return leaps.Quadratic(eta, values, vectors, rng.standard_normal(p), r * rng.standard_normal(p))


@pytest.mark.parametrize("singular", [False, True])
@pytest.mark.parametrize("eta", [1e-3, 0.3, 1.0, 1.5, 1.9, 2.0])
@pytest.mark.parametrize("r", [0.0, 0.1])
def test_a_leap_is_its_steps(singular, eta, r):
    q = quadratic(eta=eta, singular=singular, r=r)
    delta, start = q.delta.copy(), q.delta
    farthest, least, most, slope = np.zeros(4), np.abs(start), np.abs(start), np.inf
    for m in range(1, 400):
        delta = delta - eta * (q.values * delta + q.r)
        np.testing.assert_allclose(q.at(m), delta, rtol=1e-12, atol=8 * m * EPS * np.linalg.norm(start))
        farthest = np.maximum(farthest, np.abs(delta - start))
        least, most = np.minimum(least, np.abs(delta)), np.maximum(most, np.abs(delta))
        # No coordinate has been farther than it is said to be, and each has been as far.
        np.testing.assert_allclose(q.far(m), np.linalg.norm(farthest), rtol=1e-11)
        low, high = q.between(m)
        assert np.all(low <= least + 8 * m * EPS)
        np.testing.assert_allclose(high, most, rtol=1e-11)
        gradient = q.powers(m)[0] * q.gradient
        np.testing.assert_allclose(gradient, q.values * delta + q.r, rtol=0, atol=8 * m * EPS * np.linalg.norm(start))
        assert np.linalg.norm(gradient) <= slope * (1 + 1e-12)
        slope = np.linalg.norm(gradient)
    if not r:
        # Around w* itself nothing is given away.
        np.testing.assert_allclose(low, least, rtol=1e-5, atol=1e-12)


def test_no_leap_where_a_coordinate_grows():
    assert [quadratic(eta=eta).stable for eta in (0.5, 1.0, 1.999, 2.0, 2.0 * (1 + 4 * EPS), 2.5)] == [True] * 4 + [
        False
    ] * 2


@pytest.mark.parametrize("eta", [0.05, 1.95])
@pytest.mark.parametrize("seed", range(8))
def test_a_leap_keeps_within_its_bounds(seed, eta):
    """Not an iterate of it is out of bounds, and where no coordinate changes sign the next one after it is."""
    q = quadratic(seed=seed, eta=eta, r=0.05 * (seed % 2))
    rng = np.random.default_rng(seed)
    size = np.linalg.norm(q.delta)
    # A step that goes to and fro goes as far as twice its own length at once, and a leap is refused if that is too far.
    room = rng.uniform(0.1, 1) * size if eta < 1 else 3 * size
    bounds = leaps.Bounds(room, 0.3 * size, 1.5 * size, 1e-3 * size)
    m = q.longest(10**6, bounds)

    def kept(delta):
        slope = np.linalg.norm(q.values * delta + q.r)
        near = bounds.near < np.linalg.norm(delta) < bounds.region
        return near and slope > bounds.still and np.linalg.norm(delta - q.delta) < bounds.room

    assert all(kept(q.at(j)) for j in range(m + 1))
    if not q.r.any() and eta < 1:
        assert not all(kept(q.at(j)) for j in range(m + 1, m + 3 + int(1e-5 * m)))
    assert m == q.longest(m, bounds)
    assert q.longest(0, bounds) == 0


def test_leaps_are_taken(monkeypatch):
    taken = []
    leap = known_sides.Known.leap

    def counted(*arguments):
        taken.append(leap(*arguments))
        return taken[-1]

    monkeypatch.setattr(known_sides.Known, "leap", counted)
    monkeypatch.setattr(trajectory, "FREE", 512)
    loss, starts = problem(n=300, seed=11)
    settings = {"step": Constant(1e-3), "steps": 40_000, "record": 500}
    found = descend(loss, starts, **settings)
    assert sum(taken) > 0.5 * found.taken[0]
    agree(found, plainly(loss, starts, **settings), scale=np.linalg.norm(loss.teacher))


def behind(single):
    """By how much the clock is behind where a leap of one step has come, relatively: at most, and that it was one."""
    worst, taken = -np.inf, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        loss = SampleLoss(rng.standard_normal((12, 3)), rng.standard_normal(3))
        known = known_sides.Known(loss, single=single)
        known.survey((loss.teacher + 0.1 * rng.standard_normal(3)).astype(np.float32))
        number, start = known.pattern.number, known.pattern.w.copy()
        # As short as steps of a leap may be: w is rounded by up to a thousandth of them.
        fine = known_sides.FINE * known.rounding * (np.linalg.norm(start) + known.norm)
        before, eta = number[constants.PATH], 1.05 * fine / np.linalg.norm(known.gradient())
        limits = type("", (), {"steps": 1, "tolerance": 0.0, "region": np.inf})
        taken += known.leap(eta, np.zeros(0, dtype=int), np.empty((4, 0)), limits, 0.0)
        gone = (number[constants.PATH] - before) * number[constants.C]
        worst = max(worst, np.linalg.norm(known.pattern.w - start) / gone - 1)
    return worst, taken


@pytest.mark.parametrize("single", [False, True])
def test_the_clock_is_never_behind_a_leap(monkeypatch, single):
    """A limit is certain until the clock reaches it: w, as it is rounded, must not be farther away than that."""
    worst, taken = behind(single)
    assert worst <= 0
    assert taken >= 10
    # Without a look at where w has come, it is.
    far = known_sides.Known._land

    def blind(known, end, distance):
        number, before = known.pattern.number, known.pattern.number[constants.PATH]
        far(known, end, distance)
        number[constants.PATH] = before + distance * leaps.CERTAIN / number[constants.C]

    monkeypatch.setattr(known_sides.Known, "_land", blind)
    assert behind(single)[0] > 1e-5


def stiff(k=1, runs=2, dtype=float, far=0.2):
    """Patches whose curvatures differ by a factor of 400, starts near w*, and the largest curvature there."""
    rng = np.random.default_rng(19)
    patches = rng.standard_normal((200, k, 4)) * [1.0, 0.5, 0.05, 0.05]
    loss = SampleLoss(patches.astype(dtype), np.ones(4, dtype=dtype))
    s = np.mean(patches * (patches @ np.ones(4) >= 0)[..., None], axis=1)
    return loss, (1 + far * rng.standard_normal((4, runs))).astype(dtype), np.linalg.eigvalsh(s.T @ s / 200)[-1]


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("product", "far"), [(1.5, 0.2), (1.9, 0.2), (1.9999, 1e-5), (2.3, 0.2)])
def test_steps_up_to_the_last_stable_one(monkeypatch, product, far, k):
    """ηλ_max at w* is this; beyond 2 the filter goes on for ever about w*, one step after the other, and no leap is."""
    taken, leap = [], known_sides.Known.leap
    monkeypatch.setattr(known_sides.Known, "leap", lambda *given: taken.append(leap(*given)) or taken[-1])
    monkeypatch.setattr(trajectory, "FREE", 64)
    monkeypatch.setattr(trajectory, "RESTLESS", 1e6)
    loss, starts, largest = stiff(k, far=far)
    settings = {
        "step": Constant(product / largest),
        "steps": 3000 if product < 2 else 300,
        "record": 200,
        "tolerance": min(1e-4, far / 1e3),
    }
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    assert (found.engine == "reuse").all()
    if product < 2:
        agree(found, expected, scale=2.0)
        assert sum(taken) > 0.4 * found.taken.sum()
        assert found.converged.all() == (product < 1.99)
    else:
        # Such a run is chaotic: roundings grow, so that only the first steps are the same.
        assert found.outcome == expected.outcome
        assert sum(taken) == 0
        early = found.iterations < 30
        np.testing.assert_allclose(found.distance[early], expected.distance[early], rtol=1e-9)


# ---------------------------------------------------------------------------------------- all that is served, and how

COMBINATIONS = [(k, runs, rule) for k in (1, 4) for runs in (1, 3) for rule in ("constant", "adaptive")]


def images(k, runs, *, normalise="none"):
    """Images of overlapping 3×3 patches in the strides that make k of them, a teacher, and starts."""
    rng = np.random.default_rng(20)
    law = ImagePatches(rng.standard_normal((300, 3, 3) if k == 1 else (300, 4, 4)), 3, normalise=normalise)
    teacher = rng.standard_normal(9)
    return law, teacher, teacher[:, None] + 0.3 * rng.standard_normal((9, runs))


KINDS = {
    "array": lambda law, teacher: SampleLoss(law.take(slice(None)), teacher),
    "overlapping": SampleLoss,
    "images": ImageLoss,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_every_combination_is_served(combination, kind):
    """One neuron and k patches, one run and batches, constant and adaptive steps: by reuse, and with few looks."""
    k, runs, rule = combination
    law, teacher, starts = images(k, runs)
    settings = {"step": Constant(0.05) if rule == "constant" else Admissible(Gaussian(9)), "steps": 250, "record": 20}
    assert law.k == k
    found = descend(KINDS[kind](law, teacher), starts, **settings)
    # The twin unfolds the patches, and looks at all of them in every step.
    expected = plainly(KINDS["array"](law, teacher), starts, **settings)
    agree(found, expected, scale=np.linalg.norm(teacher))
    assert found.engine.tolist() == ["reuse"] * runs
    passes = 300 * k
    assert ((found.evaluated >= passes) & (found.evaluated < 60 * passes)).all()
    assert (expected.evaluated > 250 * passes).all()


@pytest.mark.parametrize("combination", [*COMBINATIONS, (4, 3, "one a run")], ids=str)
def test_float32_is_served(combination):
    """Its iterates are float32 where the plain loop's are.

    Each errs by u‖w‖ + η(nk + p)u‖H‖‖w‖ in a step, u = 2⁻²⁴, which contracts by 1 − ηλ: they are apart by
    u‖w‖ (1/ηλ + (nk + p) ‖H‖/λ) at most.
    """
    k, runs, rule = combination
    law, teacher, starts = images(k, runs)
    z = law.take(slice(None)).astype(np.float32)
    loss, starts = SampleLoss(z, teacher.astype(np.float32)), starts.astype(np.float32)
    eta = 0.05
    rules = {"constant": Constant(eta), "adaptive": Admissible(Gaussian(9)), "one a run": Constant((eta,) * runs)}
    settings = {"step": rules[rule], "steps": 250, "record": 20, "tolerance": 0.0}
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    assert found.engine.tolist() == ["reuse"] * runs
    assert found.w.dtype == expected.w.dtype == np.float32
    s = np.mean(z * (z @ loss.teacher >= 0)[..., None], axis=1)
    values = np.linalg.eigvalsh(s.T @ s / 300)
    least_step = 1e-2 if rule == "adaptive" else eta
    assert found.step[:-1].min() >= least_step
    limit = 2.0**-24 * (1 / (least_step * values[0]) + (300 * k + 9) * values[-1] / values[0])
    np.testing.assert_allclose(found.distance, expected.distance, rtol=0, atol=limit)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=4 * limit, atol=limit**2 * 9)
    assert (found.evaluated < 60 * 300 * k).all()


def test_a_leap_in_float32_is_apart_from_the_loop_by_a_rounding_a_step_and_nearer_to_float64():
    """One coordinate goes to and fro in large steps, the other in steps of 1.5 half units in the last place."""
    patches = np.zeros((80, 2))
    patches[:40, 0], patches[40:, 1] = 1.0, 3e-4
    teacher, start, steps = np.ones(2), np.array([1.02, 1.5]), 10_000
    settings = {"step": Constant(1.99999 / 0.5), "steps": steps, "tolerance": 0.0, "record": [0]}
    single = SampleLoss(patches.astype(np.float32), teacher.astype(np.float32))
    found = descend(single, start.astype(np.float32), **settings)
    loop = plainly(single, start.astype(np.float32), **settings)
    exact = 1 + 0.5 * (1 - settings["step"].eta * float(np.float32(3e-4)) ** 2 / 2) ** steps
    assert found.engine.tolist() == ["reuse"]
    # Some steps one by one before and after: each errs as the loop's do.
    assert abs(found.w[1, 0] - exact) < 300 * 2.0**-24
    assert 2000 * 2.0**-24 < abs(loop.w[1, 0] - exact) < steps * 2.0**-24 * 1.0001


def test_float32_rests_where_its_own_steps_move_nothing():
    """At η = 10⁻² a step is below the rounding of w long before w* is near, in the plain loop as here."""
    law, teacher, starts = images(1, 1)
    single = SampleLoss(law.take(slice(None)).astype(np.float32), teacher.astype(np.float32))
    settings = {"step": Constant(1e-2), "steps": 200_000, "tolerance": 0.0, "record": 30}
    found = descend(single, starts.astype(np.float32), **settings)
    expected = plainly(single, starts.astype(np.float32), step=Constant(1e-2), steps=5000, tolerance=0.0, record=2)
    double = descend(SampleLoss(law.take(slice(None)), teacher), starts, **settings)
    assert double.final[0] < 1e-12
    # No coordinate of a step is above half a unit in the last place: ηλ_min‖Δ‖ ≤ √p u max|w|, and some are not below.
    assert 1e-7 < found.final[0] < 1e-4
    assert 0.2 < found.final[0] / expected.final[0] < 5
    assert found.outcome == expected.outcome == (Outcome.STEP_LIMIT,)


def test_float64_iterates_of_a_step_a_run():
    """A step a run is float64 and makes float64 iterates, which reach w* as far as the labels' roundings let them."""
    loss, starts, largest = stiff(runs=3, dtype=np.float32)
    rule = Constant((0.5 / largest, 1.0 / largest, 1.9 / largest))
    rules = rule, Scaled(rule, 2.0), Constant(1.0)
    assert [trajectory.rounds(loss, starts, one) for one in rules] == [False, False, True]
    assert not trajectory.rounds(loss, starts.astype(float), Constant(1.0))
    settings = {"step": rule, "steps": 40, "tolerance": 0.0}
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    np.testing.assert_allclose(found.distance, expected.distance, rtol=1e-4)


@pytest.mark.parametrize("k", [1, 4])
def test_labels_that_are_not_the_teachers(k):
    law, teacher, starts = images(k, 2)
    labels = np.random.default_rng(21).permutation(SampleLoss(law, teacher).labels)
    settings = {"step": Constant(0.05), "steps": 300, "record": 30, "stationary": 0.0}
    found = descend(ImageLoss(law, teacher, labels=labels), starts, **settings)
    assert found.engine.tolist() == ["reuse"] * 2
    agree(found, plainly(ImageLoss(law, teacher, labels=labels), starts, **settings), scale=np.linalg.norm(teacher))
    assert found.loss[-1].min() > 1e-3


@pytest.mark.parametrize("normalise", ["mean", "unit"])
def test_normalised_patches_are_unfolded_where_they_fit(monkeypatch, normalise):
    law, teacher, starts = images(4, 2, normalise=normalise)
    settings = {"step": Constant(0.3), "steps": 200, "record": 20}
    for kind in ("overlapping", "images"):
        loss = KINDS[kind](law, teacher)
        found = descend(loss, starts, **settings)
        assert found.engine.tolist() == ["reuse"] * 2
        agree(found, plainly(KINDS["array"](law, teacher), starts, **settings), scale=np.linalg.norm(teacher))
    loss = KINDS["overlapping"](law, teacher)
    monkeypatch.setattr(known_sides, "BUDGET", 8 * 300 * 4 * 9 - 1)
    assert engine(loss, starts) == ["loop"] * 2
    # Patches as they are, in float64, are read where they lie.
    assert engine(KINDS["overlapping"](images(4, 2)[0], teacher), starts) == ["reuse"] * 2


def test_what_was_evaluated_where_nothing_is_used_again():
    """Every loss on a sample says it: a pass, or as many patches as were looked at."""
    law, teacher, starts = images(4, 2)
    settings = {"step": Constant(0.05), "steps": 10, "record": [0]}
    stream = StreamLoss(Gaussian(9), 1000, teacher, seed=0)
    assert plainly(KINDS["overlapping"](law, teacher), starts, **settings).evaluated.tolist() == [11 * 1200] * 2
    assert plainly(stream, starts, **settings).evaluated.tolist() == [11 * 1000] * 2
    looked = plainly(KINDS["images"](law, teacher), starts, **settings).evaluated
    assert ((looked > 1200) & (looked < 6 * 1200)).all()


# -------------------------------------------------------------------------------------------------------------- sides


@pytest.mark.parametrize("k", [1, 4])
def test_sides_and_sums_along_a_path(k):
    """Whatever the path, what is known is what a look at every patch finds."""
    loss, _ = problem(n=700, k=k, p=4, seed=12)
    known, rng = known_sides.Known(loss), np.random.default_rng(13)
    w = rng.standard_normal(4)
    known.survey(w)
    for size in [*10.0 ** rng.uniform(-6, -0.5, 200), 0.0, 1e-18, 5.0]:
        w = w + size * rng.standard_normal(4)
        known.to(w)
        activation = loss.patches @ w
        np.testing.assert_array_equal((known.pattern.limit > 0).reshape(700, k), activation >= 0)
        s = np.mean(loss.patches * (activation >= 0)[..., None], axis=1)
        e = s @ loss.teacher - loss.labels
        # As many roundings as there are terms, of which the sum of the sizes is below p.
        limit = 4 * 700 * EPS
        np.testing.assert_allclose(known.pattern.H, s.T @ s / 700, rtol=0, atol=limit)
        np.testing.assert_allclose(known.pattern.r, e @ s / 700, rtol=0, atol=limit * 4)
        assert known.pattern.number[constants.Q] == pytest.approx(np.mean(e**2), rel=1e-9, abs=limit * 4)
        np.testing.assert_allclose(known.pattern.c, loss.labels @ s / 700, rtol=0, atol=limit * 4)
        np.testing.assert_allclose(
            known.gradient(), loss.gradient(w), rtol=0, atol=8 * limit * max(1, np.linalg.norm(w))
        )
    assert known.looked < 200 * 700 * k / 2


def test_many_patches_are_found_through_the_window():
    """More than the heap takes whole."""
    loss, starts = problem(n=3 * pattern.WHOLE, p=6, seed=14)
    settings = {"step": Constant(0.01), "steps": 400, "record": 30}
    found = descend(loss, starts, **settings)
    agree(found, plainly(loss, starts, **settings), scale=np.linalg.norm(loss.teacher))
    assert found.evaluated[0] < 60 * loss.patches.shape[0]


def test_a_tie_counts_as_active():
    """w runs along the axis to where the second sample's activation is 0 exactly, in binary fractions."""
    rest = np.tile([[1.0, 0.0]], (62, 1))
    loss = SampleLoss(
        np.concatenate([[[0.0, 1.0], [0.0, -1.0]], rest]), np.array([1.0, 1.0]), weights=np.full(64, 1 / 64)
    )
    known = known_sides.Known(loss)
    known.survey(np.array([0.5, -0.5]))
    for second, sides in ((-0.25, (False, True)), (0.0, (True, True)), (0.25, (True, False)), (0.0, (True, True))):
        known.to(np.array([0.5, second]))
        assert tuple(known.pattern.limit[:2] > 0) == sides
        np.testing.assert_array_equal(known.gradient(), loss.gradient(known.pattern.w))


def test_a_start_at_zero_and_patches_of_zeros():
    rng = np.random.default_rng(15)
    patches = rng.standard_normal((300, 2, 3)) * (rng.random((300, 2, 1)) < 0.5)
    loss = SampleLoss(patches, np.array([1.0, -1.0, 0.5]))
    settings = {"step": Constant(0.02), "steps": 800, "record": 40}
    agree(descend(loss, np.zeros(3), **settings), plainly(loss, np.zeros(3), **settings), scale=1.5)


def test_sums_are_taken_afresh(monkeypatch):
    """After as many terms as there are samples: a filter that goes to and fro past half of the patches."""
    surveys, renewals = [], []
    survey, renew = known_sides.Known.survey, known_sides.Known.renew
    monkeypatch.setattr(known_sides.Known, "survey", lambda known, w: surveys.append(survey(known, w)))
    monkeypatch.setattr(known_sides.Known, "renew", lambda known: renewals.append(renew(known)))
    for k in (1, 3):
        loss, _ = problem(n=200, k=k, seed=16)
        known, w = known_sides.Known(loss), np.array([1.0, 0.2, -0.4, 0.7])
        known.survey(w)
        for turn in range(20):
            known.to(w if turn % 2 else -w)
            expected = loss.gradient(known.pattern.w)
            np.testing.assert_allclose(known.gradient(), expected, rtol=0, atol=200 * 16 * EPS)
        assert (known.pattern.flips <= 3).all()
    # 600 flips a turn, of two terms each, of three patches: the samples' own sums are kept, and no patch is looked at.
    # 200 flips of one neuron, one term each, are too many in every second turn, and then all patches are.
    assert (len(surveys), len(renewals)) == (1 + 10 + 1, 10 + 20)


# ------------------------------------------------------------------------------------------------- which engine, when


def engine(loss, start, **settings):
    return descend(loss, start, **({"step": Constant(0.01), "steps": 40} | settings)).engine.tolist()


def test_the_engine_is_chosen(monkeypatch):
    loss, starts = problem(runs=2)
    assert engine(loss, starts) == ["reuse"] * 2
    monkeypatch.setattr(trajectory, "WORTH", 40 * 2 * loss.patches.size + 1)
    assert engine(loss, starts) == ["loop"] * 2
    assert engine(loss, starts, steps=41) == ["reuse"] * 2
    # Images, whose loss uses sides again by itself, from so many steps a patch on.
    monkeypatch.setattr(trajectory, "WORTH", 0)
    law, teacher, starts = images(4, 1)
    found = [engine(KINDS["images"](law, teacher), starts, steps=trajectory.LOOKS * 4 - less) for less in (1, 0)]
    assert found == [["loop"], ["reuse"]]


def test_other_objectives_keep_the_loop():
    loss, starts = problem()
    assert engine(StreamLoss(Gaussian(4), 2000, loss.teacher, seed=0), starts) == ["loop"]
    assert engine(PopulationLoss(Gaussian(4), loss.teacher), starts) == ["loop"]
    few = SampleLoss(loss.patches[:63], loss.teacher)
    assert engine(few, starts) == ["loop"]

    class Other(SampleLoss):
        """May have another gradient."""

    assert engine(Other(loss.patches, loss.teacher), starts) == ["loop"]


def test_long_steps_are_taken_by_the_loop_until_they_are_short(monkeypatch):
    force(monkeypatch, calm=0.01)
    loss, starts = problem(n=2000, runs=2)
    settings = {"step": Constant(0.2), "steps": 400, "record": 50}
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    agree(found, expected, scale=np.linalg.norm(loss.teacher))
    assert found.engine.tolist() == ["reuse"] * 2
    assert (found.evaluated > 3 * 2000).all()
    assert (found.evaluated < expected.evaluated / 2).all()
    assert engine(loss, starts, step=Constant(3.0), steps=3) == ["loop"] * 2


@pytest.mark.parametrize("rule", [Constant(0.1), Admissible(Gaussian(4)), Schedule((1e-3,) * 30 + (0.7,))], ids=str)
def test_steps_too_long_for_reuse_go_back_to_the_loop(monkeypatch, rule):
    monkeypatch.setattr(trajectory, "RESTLESS", 1e-9)
    loss, starts = problem(n=300, runs=2, seed=17)
    settings = {"step": rule, "steps": 300, "record": 30}
    found, expected = descend(loss, starts, **settings), plainly(loss, starts, **settings)
    assert found.engine.tolist() == ["reuse, then loop"] * 2
    agree(found, expected, scale=np.linalg.norm(loss.teacher))


def test_more_patterns_than_the_budget_keep_the_loop(monkeypatch):
    loss, starts = problem(runs=3)
    monkeypatch.setattr(trajectory, "BUDGET", 2 * known_sides.Known.size(loss.shape))
    assert engine(loss, starts, step=Admissible(Gaussian(4))) == ["loop"] * 3
    assert engine(loss, starts) == ["reuse"] * 3


def test_memory_is_what_is_stated():
    for k in (1, 3):
        loss, _ = problem(k=k)
        known = known_sides.Known(loss).pattern
        held = sum(a.nbytes for a in (known.limit, known.heap, known.s, known.e, known.flips, known.H))
        assert held == known_sides.Known.size(loss.shape)


def test_evaluated_counts_passes_of_the_loop():
    loss, starts = problem(n=100, k=3, runs=2)
    run = plainly(loss, starts, step=Constant(0.01), steps=10, record=[0, 4])
    # Ten gradients and two losses; the last iterate is not recorded.
    assert run.evaluated.tolist() == [12 * 300] * 2
    assert descend(
        PopulationLoss(Gaussian(4), loss.teacher), starts, step=Constant(0.1), steps=3
    ).evaluated.tolist() == [0, 0]


def test_the_same_bits_twice():
    loss, starts = problem(n=5000, p=5, runs=2, seed=18)
    first, second = (descend(loss, starts, step=Constant(0.01), steps=2000) for _ in range(2))
    for field in (*FIELDS, "w", "final", "evaluated"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))


def test_patches_need_not_be_copied():
    """Overlapping windows, which may not be written to."""
    windows = np.lib.stride_tricks.sliding_window_view(np.random.default_rng(0).standard_normal((200, 5)), 4, axis=1)
    loss, starts = SampleLoss(windows, np.array([1.0, 0.5, -1.0, 0.2])), np.array([0.5, 0.8, -1.0, 0.5])
    settings = {"step": Constant(0.02), "steps": 300, "record": 20}
    agree(descend(loss, starts, **settings), plainly(loss, starts, **settings), scale=1.5)
