"""Stochastic gradient descent: its streams, its limits, and what Theorem 3.2 and its sharp form say of its mean."""

from __future__ import annotations

import math
import weakref

import numpy as np
import pytest

from theory.checks import BadInput
from theory.descent import (
    Constant,
    Outcome,
    Prescribed,
    Progress,
    Scaled,
    Schedule,
    descend,
    descend_stochastically,
    stochastic,
)
from theory.distributions import AngularMixture, GaussianImages, ImagePatches, UniformSphere
from theory.objectives import FixedSample, FreshSamples, PopulationLoss, SampleLoss
from theory.smoothness import smoothness

EPS = np.finfo(float).eps
STAR = np.array([1.5, 0.0, 0.0])
PATCHES = np.random.default_rng(0).standard_normal((23, 4, 3))
SAMPLERS = {
    "fresh, one neuron": FreshSamples(AngularMixture(3, 0.7), STAR),
    "fresh, noise": FreshSamples(UniformSphere(3), STAR, noise=0.1),
    "fresh, images": FreshSamples(GaussianImages(9, 3, 1), STAR),
    "with replacement": FixedSample(PATCHES, STAR),
    "without replacement, noise": FixedSample(PATCHES, STAR, replace=False, noise=0.1),
    "images": FixedSample(ImagePatches(PATCHES.reshape(23, 12), 3, 2), STAR, replace=False),
}
samplers = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())


def starts(runs: int, size: float = 0.5, dim: int = 3, star=STAR, seed: int = 1):
    """w₀ at the distance size ‖w*‖ from w*, in random directions."""
    d = np.random.default_rng(seed).standard_normal((dim, runs))
    return star[:, None] + size * np.linalg.norm(star) * d / np.linalg.norm(d, axis=0)


def sgd(sampler, start, seed: int = 0, **options):
    options = {"step": Constant(0.2), "steps": 100, "batch": 2, "tolerance": 0.0} | options
    return descend_stochastically(sampler, start, rng=np.random.default_rng(seed), **options)


# ---------------------------------------------------------------------------------------------------------- streams


@samplers
@pytest.mark.parametrize("batch", [1, 5])
def test_a_run_does_not_depend_on_the_others(sampler, batch):
    """Bit for bit: the matrix product of each run is its own."""
    start = starts(9)
    whole = sgd(sampler, start, batch=batch)
    for runs in (1, 2, 5):
        part = sgd(sampler, start[:, :runs], batch=batch)
        np.testing.assert_array_equal(part.w, whole.w[:, :runs])
        # A sum of squares of three numbers may be taken in another order.
        np.testing.assert_allclose(part.distance, whole.distance[:, :runs], rtol=8 * EPS)


@samplers
def test_nor_on_which_of_them_have_ended(sampler):
    """Half of the runs converge, at different times, in the middle of a stretch."""
    start, options = starts(40), {"steps": 59, "batch": 1}
    options["tolerance"] = float(np.median(sgd(sampler, start, **options).final))
    whole = sgd(sampler, start, **options)
    assert 5 < np.sum(whole.taken < 59) < 35
    assert len(set(whole.taken)) > 5
    for runs in (1, 7, 39):
        part = sgd(sampler, start[:, :runs], **options)
        assert part.outcome == whole.outcome[:runs]
        np.testing.assert_array_equal(part.taken, whole.taken[:runs])
        np.testing.assert_array_equal(part.w, whole.w[:, :runs])


@samplers
def test_nor_on_the_groups_that_bound_the_memory(sampler, monkeypatch):
    start, step = starts(9), Constant(np.linspace(0.1, 0.3, 9).tolist())
    whole = sgd(sampler, start, step=step, record=5)
    monkeypatch.setattr(stochastic, "HELD", 2 * sampler.numbers(2))
    draw, drawn = sampler.draw, []
    monkeypatch.setattr(sampler, "draw", lambda streams, batch: (drawn.append(len(streams)), draw(streams, batch))[1])
    parts = sgd(sampler, start, step=step, record=5)
    assert max(drawn) == 2
    np.testing.assert_array_equal(parts.w, whole.w)
    np.testing.assert_array_equal(parts.step, whole.step)
    np.testing.assert_array_equal(parts.iterations, whole.iterations)
    np.testing.assert_allclose(parts.distance, whole.distance, rtol=8 * EPS)
    assert parts.outcome == whole.outcome


@samplers
def test_a_shorter_descent_is_the_beginning_of_a_longer(sampler):
    short, long = (sgd(sampler, starts(3), steps=steps, record="all") for steps in (30, 200))
    np.testing.assert_array_equal(short.distance, long.distance[:31])


def test_the_same_seed_gives_the_same_and_another_another():
    here, again, other = (sgd(SAMPLERS["fresh, images"], starts(3), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(here.w, again.w)
    assert not np.any(here.w == other.w)


def test_one_stream_serves_two_descents_with_different_runs():
    rng, results = np.random.default_rng(0), []
    for _ in range(2):
        options = {"step": Constant(0.2), "steps": 10, "batch": 1, "rng": rng}
        results.append(descend_stochastically(SAMPLERS["with replacement"], starts(3), **options).w)
    assert not np.any(results[0] == results[1])


def test_noise_leaves_the_patches_as_they_are():
    """Without steps so large that a patch changes sides, the difference is linear in the noise."""
    law, start = UniformSphere(3), starts(50, size=0.2)
    quiet, one, two = (sgd(FreshSamples(law, STAR, noise=s), start, steps=20).w for s in (0, 1e-9, 2e-9))
    np.testing.assert_allclose(two - quiet, 2 * (one - quiet), rtol=0, atol=200 * EPS)
    assert np.all(np.abs(one - quiet).max(axis=0) > 1e-11)


# ------------------------------------------------------------------------------------- minibatches of a fixed sample


def test_a_full_batch_is_plain_gradient_descent():
    loss = SampleLoss(PATCHES, STAR)
    plain = descend(loss, starts(6), step=Constant(0.2), steps=50, tolerance=0.0, record="all")
    full = sgd(FixedSample(PATCHES, STAR, replace=False), starts(6), steps=50, batch=23, record="all", objective=loss)
    # A sum over 23 · 4 patches in another order at each of 50 steps, each smaller than the last.
    np.testing.assert_allclose(full.distance, plain.distance, rtol=0, atol=50 * 23 * 4 * EPS)
    np.testing.assert_allclose(full.loss, plain.loss, rtol=0, atol=50 * 23 * 4 * EPS)
    np.testing.assert_array_equal(full.step, plain.step)


@pytest.mark.parametrize("batch", [1, 5, 23])
def test_without_replacement_an_epoch_visits_each_sample_once(batch, monkeypatch):
    sampler, seen = FixedSample(PATCHES, STAR, replace=False), []
    take = sampler.patches.take
    monkeypatch.setattr(sampler.patches, "take", lambda which, *, xp: (seen.append(which), take(which, xp=xp))[1])
    epoch = math.ceil(23 / batch)
    sgd(sampler, starts(3), steps=3 * epoch, batch=batch)
    assert len(seen) == 3 * epoch
    orders = [np.concatenate([part.reshape(3, -1) for part in seen[e * epoch :][:epoch]], axis=1) for e in range(3)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(23), (3, 1)))
    # Another permutation each epoch, and for each run.
    assert len({tuple(row) for order in orders for row in order}) == 9


def test_the_mean_step_is_that_of_gradient_descent():
    sampler, w = FixedSample(PATCHES, STAR), starts(1)[:, 0]
    runs, eta = 8000, 0.2
    moved = sgd(sampler, np.tile(w[:, None], runs), steps=1, step=Constant(eta), batch=1).w
    expected = w - eta * SampleLoss(PATCHES, STAR).gradient(w)
    error = moved.std(axis=1) / math.sqrt(runs)
    assert np.all(np.abs(moved.mean(axis=1) - expected) <= 5 * error)


# ------------------------------------------------------------------------------------------------------ Theorem 3.2

LAW = UniformSphere(5)
E1 = np.eye(1, 5)[0]


def on_the_sphere(size: float, runs: int, noise: float = 0.0, **options):
    """SGD of one neuron, one sample a step, on the unit sphere: there ‖g‖ ≤ R² ‖w − w*‖ with R = 1."""
    sampler = FreshSamples(LAW, E1, noise=noise)
    return sgd(sampler, starts(runs, size, 5, E1), **({"batch": 1, "record": "all"} | options))


def gamma(distance) -> np.ndarray:
    """γ(φ) = (π − φ − sin φ)/2πp, sin φ = ‖w − w*‖/‖w*‖: the Gaussian's, divided by p."""
    phi = np.arcsin(distance)
    return (math.pi - phi - np.sin(phi)) / (2 * math.pi * 5)


def excess(run, factor):
    """Mean over the runs of d²_{t+1} − factor(d_t) d_t² at every step, and its standard error."""
    square = run.distance**2
    over = square[1:] - factor(run.distance[:-1]) * square[:-1]
    return over.mean(axis=1), over.std(axis=1) / math.sqrt(over.shape[1])


def test_the_closed_form_of_gamma_is_the_packages():
    assert gamma(np.sin(0.8)) == pytest.approx(smoothness(LAW, 0.8).gamma, rel=1e-9)


def test_one_step_in_expectation_is_exact():
    """E‖w₁ − w*‖² = ‖d‖² − 2η d·∇ℓ(w) + η²(2ℓ(w) − w*ᵀA_{w,−w*}w*), d = w − w*: the last where w·z < 0 ≤ w*·z."""
    eta, runs, w = 0.8, 40_000, starts(1, 0.4, 5, E1)[:, 0]
    loss, theta = PopulationLoss(LAW, E1), math.acos(w[0] / np.linalg.norm(w))
    square = sgd(FreshSamples(LAW, E1), np.tile(w[:, None], runs), steps=1, step=Constant(eta), batch=1).final ** 2
    norm = 2 * loss.value(w) - LAW.region_moments(theta).only[0, 0]
    exact = 0.4**2 - 2 * eta * (w - E1) @ loss.gradient(w) + eta**2 * norm
    error = square.std() / math.sqrt(runs)
    assert square.mean() == pytest.approx(exact, abs=5 * error)
    assert 5 * error < 0.1 * (0.4**2 - exact)


@pytest.mark.parametrize("eta", [0.02, 0.08, 0.15])
def test_the_sharp_form_holds_at_every_step(eta):
    """E‖w_{t+1} − w*‖² ≤ (1 − 2ηγ' + η²R⁴) E‖w_t − w*‖², γ' = γ(φ_t) of each run: no noise floor."""
    run = on_the_sphere(0.5, 2000, step=Constant(eta), steps=100)
    assert run.distance.max() < 1
    over, error = excess(run, lambda d: 1 - 2 * eta * gamma(d) + eta**2)
    # Five standard errors: over 100 steps a chance of 3e-5.
    assert np.all(over <= 5 * error)


def test_the_sharp_form_with_gamma_doubled_is_refuted():
    run = on_the_sphere(0.1, 2000, step=Constant(0.02), steps=100)
    over, error = excess(run, lambda d: 1 - 4 * 0.02 * gamma(d) + 0.02**2)
    # Together, as successive steps are uncorrelated given where they start.
    assert over.sum() > 5 * math.sqrt(np.sum(error**2))


def test_a_constant_step_converges_to_the_teacher_itself():
    run = on_the_sphere(0.5, 300, step=Constant(1.0), steps=2000, record=20, tolerance=1e-12)
    assert run.converged.all()


SIGMA = 1e-3


def floor(eta: float) -> float:
    """Near w* the step is linear, d' = (I − ηuuᵀ)d + ησεu with E[uuᵀ] = I/2p: E d² → ησ²p/(2 − η), p = 5."""
    return eta * SIGMA**2 * 5 / (2 - eta)


@pytest.mark.parametrize("eta", [0.1, 0.5])
def test_label_noise_makes_a_floor(eta):
    steps = round(100 / eta)
    run = on_the_sphere(0.01, 3000, noise=SIGMA, step=Constant(eta), steps=steps, record=[steps])
    # The start is forgotten like exp(−ηt(2 − η)/2p) ≤ exp(−15), of 1e-4 against 2e-7. Not linear is a share of the
    # order of the angle: below 5e-3.
    square = run.final**2
    assert square.mean() == pytest.approx(floor(eta), abs=5 * square.std() / math.sqrt(3000) + 1e-2 * floor(eta))


def test_the_sharp_form_is_refuted_by_label_noise():
    eta, steps = 0.1, 1000
    run = on_the_sphere(0.01, 200, noise=SIGMA, step=Constant(eta), steps=steps, record=[steps])
    promised = 0.01**2 * (1 - 2 * eta * gamma(0.01) + eta**2) ** steps
    square = run.final**2
    assert square.mean() - 5 * square.std() / math.sqrt(200) > 10 * promised


def test_the_prescribed_step_reaches_its_accuracy():
    accuracy, region = 0.3, math.sin(1.0)
    rule = Prescribed(accuracy=accuracy, gamma=float(gamma(region)), bound=region)
    steps = rule.steps(0.4)
    run = on_the_sphere(0.4, 200, step=rule, steps=steps, record=[0, steps], region=region)
    assert Outcome.LEFT_REGION not in run.outcome
    square = run.final**2
    assert square.mean() + 5 * square.std() / math.sqrt(200) <= accuracy**2
    # By its own recursion too, and with one step less it would not.
    after = [(1 - 2 * rule.eta * rule.gamma) ** t * 0.4**2 for t in (steps, steps - 1)]
    assert after[0] <= accuracy**2 / 2 < after[1]
    assert rule.eta * rule.bound**2 / (2 * rule.gamma) == pytest.approx(accuracy**2 / 2, rel=8 * EPS)


def test_prescribed_is_scaled_by_the_teacher():
    rule = Prescribed(accuracy=0.1, gamma=0.2, bound=3.0, norm=1.5)
    assert rule.eta == pytest.approx(0.01 * 0.2 * 1.5**2 / 9, rel=8 * EPS)
    assert rule(Progress(7, np.ones(3))) == rule.eta
    assert rule.steps(0.01) == 0
    assert Scaled(rule, 2.0)(Progress(0, np.ones(3))) == 2 * rule.eta


# ------------------------------------------------------------------------------------------------- how a run ends


def test_every_fate():
    """Two runs that start at w*, four that arrive, and as many as a large step throws out."""
    start = np.concatenate([np.tile(STAR[:, None], 2), starts(4)], axis=1)
    sampler = FixedSample(PATCHES, STAR)
    arrived = sgd(sampler, start, tolerance=1e-6, steps=3000)
    assert set(arrived.outcome) == {Outcome.CONVERGED}
    assert list(arrived.taken[:2]) == [0, 0]
    assert np.all(arrived.final <= 1e-6)
    left = sgd(sampler, starts(4), step=Constant(50.0), region=1.0)
    assert set(left.outcome) == {Outcome.LEFT_REGION}
    lost = sgd(sampler, starts(4), step=Constant(50.0), steps=2000)
    assert set(lost.outcome) == {Outcome.DIVERGED}
    assert np.all(np.isnan(lost.distance[-1]))
    still = sgd(sampler, starts(4), steps=3)
    assert set(still.outcome) == {Outcome.STEP_LIMIT}
    assert list(still.taken) == [3] * 4


def test_what_is_recorded():
    law = SAMPLERS["fresh, images"].law
    loss, start = PopulationLoss(law, STAR), starts(5)
    steps = Schedule([0.3, 0.2, 0.1])
    run = sgd(SAMPLERS["fresh, images"], start, steps=5, record=[0, 1, 5], step=steps, objective=loss)
    np.testing.assert_array_equal(run.iterations, [0, 1, 5])
    np.testing.assert_array_equal(run.step[:2], [[0.3] * 5, [0.2] * 5])
    np.testing.assert_allclose(run.distance[0], 0.5, rtol=8 * EPS)
    np.testing.assert_array_equal(run.loss[0], loss.value(start))
    np.testing.assert_array_equal(run.loss[-1], loss.value(run.w))
    assert np.all(np.isnan(sgd(SAMPLERS["fresh, images"], start, steps=5).loss))


def test_one_start_without_an_axis_of_runs():
    run = sgd(SAMPLERS["with replacement"], starts(1)[:, 0])
    assert run.w.shape == (3, 1)
    np.testing.assert_array_equal(run.w, sgd(SAMPLERS["with replacement"], starts(1)).w)


def test_any_stochastic_gradient_will_do():
    """A quadratic bowl ½‖w − w*‖² whose gradient comes with noise: not a filter at all."""

    class Bowl:
        teacher = STAR

        def stretch(self, batch):
            return 3

        def numbers(self, batch):
            return 9 * batch

        def draw(self, streams, batch):
            return np.stack([rng.standard_normal((3 * batch, 3)) for rng in streams])

        def gradient(self, w, drawn, rows, part):
            return w - STAR[:, None] + drawn[rows, part].mean(axis=1).T

    run = sgd(Bowl(), starts(2000), step=Constant(0.5), steps=40, batch=4)
    # E d² = η/(2 − η) · p/4 in the end, over ‖w*‖².
    square = run.final**2
    assert square.mean() == pytest.approx(0.5 / 1.5 * 3 / 4 / 2.25, abs=5 * square.std() / math.sqrt(2000))


# -------------------------------------------------------------------------------------------------------- bad input

REFUSED = {
    "start of another length": ({"start": np.ones(2)}, r"start is .* shape \(2,\); it must be of shape \(3,\)"),
    "no runs": ({"start": np.ones((3, 0))}, "number of runs is 0"),
    "NaN start": ({"start": np.full(3, np.nan)}, "start is an array with NaN"),
    "batch 0": ({"batch": 0}, "batch is 0; it must be at least 1"),
    "half a sample": ({"batch": 0.5}, "batch is 0.5; it must be a whole number"),
    "larger than the sample": ({"batch": 24}, "batch is 24; it must be at most 23"),
    "negative steps": ({"steps": -1}, "steps is -1; it must be at least 0"),
    "a seed for a stream": ({"rng": 0}, "rng is 0; it must be a numpy.random.Generator"),
    "negative tolerance": ({"tolerance": -1.0}, "tolerance is -1.0; it must be greater than 0"),
    "region 0": ({"region": 0.0}, "region is 0.0; it must be greater than 0"),
    "a number for a step": ({"step": 0.5}, "step is 0.5; it must be a step rule"),
    "steps of other runs": ({"step": Constant([0.1, 0.2])}, "step is 2 constant steps; it must be one, or one a run"),
    "unknown record": ({"record": [7000]}, "record is iterations from 7000 to 7000; it must be within 0 … 5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    options, message = REFUSED[case]
    given = {"start": starts(3), "step": Constant(0.1), "steps": 5, "batch": 2, "rng": np.random.default_rng(0)}
    given |= options
    with pytest.raises(BadInput, match=message) as caught:
        descend_stochastically(FixedSample(PATCHES, STAR, replace=False), given.pop("start"), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["accuracy", "gamma", "bound", "norm"])
def test_prescribed_refuses_what_is_not_positive(name):
    with pytest.raises(BadInput, match=f"{name} is 0.0; it must be greater than 0"):
        Prescribed(**({"accuracy": 0.1, "gamma": 0.1, "bound": 1.0} | {name: 0.0}))


def test_prescribed_refuses_a_bound_that_is_none():
    with pytest.raises(BadInput, match=r"accuracy is 3\.0; it must be below"):
        Prescribed(accuracy=3.0, gamma=0.5, bound=1.0)


def test_where_memory_does_not_suffice_halves_find_that_of_the_whole_free(monkeypatch):
    """What a group had drawn when memory ended is held by nobody when the next one begins."""
    alive, most, advance = weakref.WeakSet(), [], stochastic._Group.gradient

    def gradient(group, *given):
        alive.add(group)
        most.append(len(alive))
        if len(group._streams) > 2:
            raise MemoryError
        return advance(group, *given)

    expected = sgd(SAMPLERS["fresh, one neuron"], starts(8))
    monkeypatch.setattr(stochastic._Group, "gradient", gradient)
    found = sgd(SAMPLERS["fresh, one neuron"], starts(8))
    np.testing.assert_array_equal(found.w, expected.w)
    assert max(most) == 1
