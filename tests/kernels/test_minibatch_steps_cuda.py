"""Stochastic descent by the device's kernel, run on the host, beside the plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from theory import closeness
from theory.descent import Admissible, Along, Constant, Outcome, Scaled, Schedule, descend_stochastically
from theory.distributions import ClosePatches, Gaussian, GaussianImages
from theory.kernels import cuda
from theory.objectives import FixedSample, FreshSamples, SampleLoss, on_device

EPS = np.finfo(float).eps
RNG = np.random.default_rng(11)
Z = RNG.standard_normal((37, 3, 40))
W_STAR = np.eye(40)[0]
W = W_STAR[:, None] + RNG.standard_normal((40, 5)) / 8
CURVE = closeness.curve(ClosePatches(dim=2, k=4, spread=0.3, closeness=0.1))

SAMPLERS = {
    "fresh": lambda dtype: FreshSamples(Gaussian(40), W_STAR),
    "fresh, noise": lambda dtype: FreshSamples(Gaussian(40), W_STAR, noise=0.1),
    "images": lambda dtype: FreshSamples(GaussianImages((6, 6), 3), np.eye(9)[0]),
    "replaced": lambda dtype: FixedSample(Z.astype(dtype), W_STAR.astype(dtype)),
    "epochs": lambda dtype: FixedSample(Z.astype(dtype), W_STAR.astype(dtype), replace=False),
    "epochs, noise": lambda dtype: FixedSample(Z, W_STAR, replace=False, noise=0.1),
    "a view": lambda dtype: FixedSample(Z.astype(dtype)[:, ::-1, ::-2], W_STAR.astype(dtype)[:20]),
}


@pytest.fixture
def device(on_host, monkeypatch):
    """NumPy arrays are taken for the device's when ``on`` is set."""
    on_host["on"] = True
    monkeypatch.setattr(on_device, "is_cupy_array", lambda array: on_host["on"])
    return on_host


def run(sampler, start, device, on, **other):
    """The descent by the kernel or by the plain loop."""
    device["on"] = on
    settings = {"step": Constant(0.02), "steps": 50, "batch": 6, "tolerance": 0.0, "record": 4} | other
    return descend_stochastically(sampler, start, rng=np.random.default_rng(1), **settings)


def alike(found, wanted, limit):
    assert (found.outcome, found.taken.tolist()) == (wanted.outcome, wanted.taken.tolist())
    np.testing.assert_array_equal(found.iterations, wanted.iterations)
    np.testing.assert_array_equal(found.step, wanted.step)
    for field in ("distance", "angle", "loss", "final", "w"):
        np.testing.assert_allclose(getattr(found, field), getattr(wanted, field), rtol=0, atol=limit)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_it_is_the_plain_loop(kind, dtype, device, monkeypatch):
    sampler = SAMPLERS[kind](dtype)
    if dtype == np.float32 and sampler.teacher.dtype != dtype:
        return  # laws and noise are float64
    calls, step = [], on_device.minibatch_steps

    def counted(*given, **other):
        calls.append(other)
        return step(*given, **other)

    monkeypatch.setattr(on_device, "minibatch_steps", counted)
    p = sampler.teacher.shape[0]
    start = (sampler.teacher[:, None] + W[:p] - W_STAR[:p, None]).astype(dtype)
    wanted = run(sampler, start, device, False)
    assert not calls
    found = run(sampler, start, device, True)
    # Several steps a call, never beyond a record or the end of a stretch.
    assert 0 < len(calls) < 30
    # Fifty steps, each with sums of a few hundred terms of size one, that shrink what went before.
    alike(found, wanted, 50 * 300 * np.finfo(dtype).eps)


def test_a_longer_stretch_of_steps_changes_no_bit(device):
    """Records cut the steps into other pieces."""
    sampler = SAMPLERS["epochs"](np.float64)
    pieces = [run(sampler, W, device, True, record=record).w for record in (2, "all", [0, 7, 23])]
    for other in pieces[1:]:
        np.testing.assert_array_equal(other, pieces[0])


def test_the_order_of_threads_does_not_matter(device):
    sampler = SAMPLERS["epochs, noise"](np.float64)
    found = run(sampler, W, device, True).w
    device["backwards"] = True
    np.testing.assert_array_equal(run(sampler, W, device, True).w, found)


def test_runs_end_at_their_own_step(device):
    """Some converge, some leave the region, one begins at w*, one diverges: each where the plain loop ends it."""
    sampler = SAMPLERS["replaced"](np.float64)
    start = W_STAR[:, None] + (W - W_STAR[:, None]) * np.array([0.1, 0.5, 1.0, 0.0, 1.0])
    rule = Constant((0.05, 0.02, 0.2, 0.02, 50.0))
    settings = {"step": rule, "steps": 300, "tolerance": 0.05, "record": [0, 150]}
    for region in (None, 1.2):
        wanted, found = (run(sampler, start, device, on, region=region, **settings) for on in (False, True))
        assert len(set(wanted.outcome)) >= 2
        assert len(set(wanted.taken.tolist())) >= 4
        assert (found.outcome, found.taken.tolist()) == (wanted.outcome, wanted.taken.tolist())
        ended = np.isin([outcome.name for outcome in wanted.outcome], ["CONVERGED", "STEP_LIMIT"])
        np.testing.assert_allclose(found.w[:, ended], wanted.w[:, ended], rtol=0, atol=300 * 300 * EPS)


def test_a_schedule_and_a_recorded_loss(device):
    sampler, loss = SAMPLERS["epochs"](np.float64), SampleLoss(Z, W_STAR)
    settings = {"step": Schedule((0.05, 0.04, 0.01)), "objective": loss}
    found, wanted = (run(sampler, W, device, on, **settings) for on in (True, False))
    alike(found, wanted, 50 * 300 * EPS)


@pytest.mark.parametrize(
    "rule", [Admissible(Gaussian(40)), Scaled(Along(CURVE, form="proof"), 0.5)], ids=["admissible", "along"]
)
def test_a_step_that_follows_the_distance_is_found_on_the_device(rule, device, monkeypatch):
    """From the device's own distance, in the table that the rule has."""
    seen, step = [], on_device.minibatch_steps
    monkeypatch.setattr(on_device, "minibatch_steps", lambda *a, **k: seen.append(k["course"]) or step(*a, **k))
    found, wanted = (run(SAMPLERS["epochs"](np.float64), W, device, on, step=rule) for on in (True, False))
    assert wanted.outcome == (Outcome.STEP_LIMIT,) * 5
    assert {course.rule for course in seen} == {1 if isinstance(rule, Admissible) else 2}
    alike(found, wanted, 50 * 300 * EPS)
    assert np.unique(wanted.step[:-1]).size > 5


def test_a_rule_without_a_table_stays_on_the_host(device, monkeypatch):
    monkeypatch.setattr(on_device, "minibatch_steps", None)
    found = run(SAMPLERS["epochs"](np.float64), W, device, True, step=lambda progress: 0.01 * progress.distance)
    assert found.outcome == (Outcome.STEP_LIMIT,) * 5
    single = SAMPLERS["epochs"](np.float32)
    assert (
        run(single, W.astype(np.float32), device, True, step=Admissible(Gaussian(40)), steps=3).taken.tolist()
        == [3] * 5
    )


def test_a_fault_in_the_distance_is_seen(device):
    """Two per cent farther away, the steps of the table are others."""
    whole, rule = cuda.source("minibatch_steps"), Admissible(Gaussian(40))
    wanted = run(SAMPLERS["epochs"](np.float64), W, device, False, step=rule).w
    device["source"] = whole.replace("place(0, sqrt(square) / norm", "place(0, (REAL)1.02 * sqrt(square) / norm")
    assert device["source"] != whole
    found = run(SAMPLERS["epochs"](np.float64), W, device, True, step=rule).w
    assert np.abs(found - wanted).max() > 1e-6


def test_memory_for_fewer_runs_changes_no_bit(device, monkeypatch):
    """Half of the runs, and half of those, draw what they would have drawn together."""
    sampler, tried = SAMPLERS["epochs, noise"](np.float64), []
    whole, draw = run(sampler, W, device, True), FixedSample.draw

    def scarce(self, streams, batch):
        found = draw(self, streams, batch)
        tried.append(len(streams))
        if len(streams) > 2:
            raise MemoryError
        return found

    monkeypatch.setattr(FixedSample, "draw", scarce)
    found = run(sampler, W, device, True)
    for field in ("w", "loss", "step", "taken"):
        np.testing.assert_array_equal(getattr(found, field), getattr(whole, field))
    # Forty squares, which NumPy may add in another order.
    np.testing.assert_allclose(found.distance, whole.distance, rtol=40 * EPS)
    assert tried[:3] == [5, 2, 2]
    assert 3 in tried
    monkeypatch.setattr(FixedSample, "draw", lambda *given: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        run(sampler, W, device, True)


FAULTS = {
    "the step": ("at[j] -= length * sum", "at[j] -= (REAL)1.02 * length * sum"),
    "the noise": ("- (noise ?", "- (REAL)1.02 * (noise ?"),
    "the teacher's response": ("(wanted >= 0 ? wanted : (REAL)0)", "(REAL)1.02 * (wanted >= 0 ? wanted : (REAL)0)"),
    "a patch that is not active": ("seen[j] += mine >= 0 ? patch[j] : (REAL)0", "seen[j] += patch[j]"),
    "a minibatch that is not full": ("rest < batch ? rest : batch", "rest < batch ? rest - 1 : batch"),
    "the mean over the patches": ("response / K", "response / (K + (REAL)0.02)"),
    "a warp is lost": ("other < WARPS; ++other", "other < WARPS - 1; ++other"),
    "no barrier before the sum": ("slope[j];\n        __syncthreads();", "slope[j];"),
    "no barrier after the sum": ("sum;\n        }\n        __syncthreads();", "sum;\n        }"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_seen(name, device):
    sampler, whole = SAMPLERS["epochs, noise"](np.float64), cuda.source("minibatch_steps")
    assert whole.count(FAULTS[name][0]) == 1
    wanted = run(sampler, W, device, False)
    device["source"] = whole.replace(*FAULTS[name])
    seen = []
    for device["backwards"] in (False, True):
        found = run(sampler, W, device, True)
        seen.append(not np.all(np.abs(found.w - wanted.w) <= 50 * 300 * EPS))
    assert any(seen)
