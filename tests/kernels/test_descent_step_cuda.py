"""Descent in blocks of steps by the device's kernels, run on the host, beside the plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from theory import closeness
from theory.descent import Admissible, Along, Constant, Outcome, Prescribed, Scaled, Schedule, blocks, descend
from theory.distributions import ClosePatches, Gaussian, GaussianImages, ImagePatches, Watson
from theory.kernels import cuda
from theory.objectives import ImageLoss, OverlapLoss, PopulationLoss, SampleLoss, on_device

EPS = np.finfo(float).eps
RNG = np.random.default_rng(7)
Z = RNG.standard_normal((41, 3, 9))
W_STAR = np.array([1.0, 0.5, 0, 0, -1.0, 0, 0.25, 0, 0])
W = W_STAR[:, None] + RNG.standard_normal((9, 5)) / 4
IMAGES = RNG.standard_normal((23, 4, 5))
CURVE = closeness.curve(ClosePatches(dim=2, k=4, spread=0.3, closeness=0.1))

LOSSES = {
    "sample": lambda dtype: SampleLoss(Z.astype(dtype), W_STAR.astype(dtype)),
    "images": lambda dtype: OverlapLoss(GaussianImages((6, 6), 3), W_STAR),
    "cut": lambda dtype: SampleLoss(ImagePatches(IMAGES.astype(dtype), 3, (1, 2)), W_STAR.astype(dtype)),
    "gaussian": lambda dtype: PopulationLoss(Gaussian(9), W_STAR),
    "watson": lambda dtype: PopulationLoss(Watson(9, -2.0, axis=W_STAR), W_STAR),
}


@pytest.fixture
def device(on_host, monkeypatch):
    """NumPy arrays are taken for the device's when ``on`` is set. Blocks of up to 8 steps, and few threads."""
    on_host["on"] = True
    monkeypatch.setattr(on_device, "is_cupy_array", lambda array: on_host["on"])
    monkeypatch.setattr(blocks, "FIRST", 2)
    monkeypatch.setattr(blocks, "LONGEST", 8)
    monkeypatch.setattr(on_device, "THREADS", 32)
    monkeypatch.setattr(on_device, "ROWS", 2)
    return on_host


def run(loss, start, device, on, **other):
    """The descent in blocks or by the plain loop."""
    device["on"] = on
    settings = {"step": Constant(0.3), "steps": 40, "tolerance": 0.0, "record": 12} | other
    found = descend(loss, start, **settings)
    assert set(found.engine) == {"blocks" if on else "loop"}
    return found


def alike(found, wanted, limit):
    assert (found.outcome, found.taken.tolist()) == (wanted.outcome, wanted.taken.tolist())
    np.testing.assert_array_equal(found.iterations, wanted.iterations)
    np.testing.assert_array_equal(found.step, wanted.step)
    for field in ("distance", "angle", "loss", "final", "w"):
        np.testing.assert_allclose(getattr(found, field), getattr(wanted, field), rtol=0, atol=limit, err_msg=field)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("record", [12, "all", [0, 17, 40]], ids=str)
def test_it_is_the_plain_loop(kind, record, device):
    loss = LOSSES[kind](float)
    wanted = run(loss, W, device, False, record=record)
    assert device["graphs"] == 0
    found = run(loss, W, device, True, record=record)
    # 2, 4 and 8 steps as they are, three times 8 by a graph, and what is left.
    assert device["graphs"] == 1
    # Forty steps, each with sums of a few hundred terms of size one, that shrink what went before.
    alike(found, wanted, 40 * 300 * EPS)


def test_float32(device):
    loss, start = LOSSES["sample"](np.float32), W.astype(np.float32)
    found, wanted = (run(loss, start, device, on, steps=40) for on in (True, False))
    assert found.w.dtype == wanted.w.dtype == np.float32
    alike(found, wanted, 40 * 300 * np.finfo(np.float32).eps)
    # A step a run makes iterates in float64, which is the plain loop's.
    device["on"] = True
    assert set(descend(loss, start, step=Constant((0.1,) * 5), steps=3).engine) == {"loop"}


def test_a_teacher_of_another_type(device):
    loss = SampleLoss(Z, W_STAR.astype(np.float32))
    found, wanted = (run(loss, W, device, on, steps=9) for on in (True, False))
    alike(found, wanted, 40 * 300 * EPS)


RULES = [Constant((0.5, 0.1, 0.2, 0.3, 0.4)), Schedule((0.5, 0.1, 0.4)), Prescribed(0.1, 0.1, 0.2)]


@pytest.mark.parametrize("rule", [*RULES, *(Scaled(rule, 0.5) for rule in RULES)], ids=lambda rule: str(rule)[:30])
def test_steps_known_beforehand(rule, device):
    found, wanted = (run(LOSSES["images"](float), W, device, on, step=rule) for on in (True, False))
    alike(found, wanted, 40 * 300 * EPS)


@pytest.mark.parametrize("kind", LOSSES)
def test_runs_end_at_their_own_step(kind, device):
    """Some converge, one begins at w*, one diverges or leaves the region, some are cut off: as in the loop."""
    start = np.concatenate([W[:, :3], W_STAR[:, None], W[:, 3:], -W_STAR[:, None]], axis=1)
    rule, seen = Constant((1.0, 0.5, 0.05, 0.3, 400.0, 0.3, 0.7)), set()
    for region in (None, 1.2):
        settings = {"step": rule, "steps": 60, "tolerance": 0.02, "region": region}
        wanted, found = (run(LOSSES[kind](float), start, device, on, **settings) for on in (False, True))
        assert len(set(wanted.taken.tolist())) >= 3
        assert (found.outcome, found.taken.tolist()) == (wanted.outcome, wanted.taken.tolist())
        np.testing.assert_array_equal(np.isnan(found.loss), np.isnan(wanted.loss))
        near = ~np.isin([outcome.name for outcome in wanted.outcome], ["DIVERGED", "LEFT_REGION"])
        np.testing.assert_allclose(found.w[:, near], wanted.w[:, near], rtol=0, atol=60 * 300 * EPS)
        np.testing.assert_allclose(found.distance[:, near], wanted.distance[:, near], rtol=0, atol=60 * 300 * EPS)
        # A gradient errs by its own rounding, which stays as small beside a run that flees from w*; at w* a loss is 0.
        np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-9, atol=1e-28)
        seen |= {outcome.name for outcome in wanted.outcome}
    assert seen >= {"CONVERGED", "STEP_LIMIT", "DIVERGED", "LEFT_REGION"}


def test_a_run_that_stalls(device):
    """Where no patch is active the gradient is 0: at the opposite of a filter that all patches see."""
    loss = SampleLoss(np.abs(Z), np.abs(W_STAR))
    start = np.stack([-np.ones(9), np.ones(9)], axis=1)
    found, wanted = (run(loss, start, device, on, step=Constant(0.05), stationary=1e-3) for on in (True, False))
    assert wanted.outcome[0] is Outcome.STALLED
    alike(found, wanted, 40 * 300 * EPS)


@pytest.mark.parametrize("steps", [0, 1, 7, 8, 9, 24, 40])
def test_any_number_of_steps(steps, device):
    found, wanted = (run(LOSSES["sample"](float), W, device, on, steps=steps, record="all") for on in (True, False))
    alike(found, wanted, 40 * 300 * EPS)


def test_little_memory_makes_shorter_blocks_and_changes_no_bit(device, monkeypatch):
    whole = run(LOSSES["images"](float), W, device, True, record="all")
    monkeypatch.setattr(blocks, "HELD", 3 * W.size)
    found = run(LOSSES["images"](float), W, device, True, record="all")
    for field in ("distance", "loss", "w"):
        np.testing.assert_array_equal(getattr(found, field), getattr(whole, field))
    assert found.taken.tolist() == whole.taken.tolist()


def test_memory_that_does_not_suffice_makes_shorter_blocks(device, monkeypatch):
    loss, tried = LOSSES["images"](float), []
    whole, room = run(loss, W, device, True), blocks._room

    def scarce(w, steps):
        tried.append(steps)
        if steps > 3:
            raise MemoryError
        return room(w, steps)

    monkeypatch.setattr(blocks, "_room", scarce)
    np.testing.assert_array_equal(run(loss, W, device, True).w, whole.w)
    assert tried == [8, 4, 2]


def test_what_was_evaluated(device):
    """A gradient for each step of every block, a value for each record; an ended run's until the end of its block."""
    loss = LOSSES["sample"](float)
    found = run(loss, W, device, True, steps=50, record=[0, 10, 50])
    assert found.evaluated.tolist() == [(51 + 3) * 41 * 3] * 5
    assert run(LOSSES["images"](float), W, device, True).evaluated.tolist() == [0] * 5


def test_the_order_of_threads_does_not_matter(device):
    found = run(LOSSES["sample"](float), W, device, True).w
    device["backwards"] = True
    np.testing.assert_array_equal(run(LOSSES["sample"](float), W, device, True).w, found)


@pytest.mark.parametrize("kind", ["sample", "cut", "gaussian"])
@pytest.mark.parametrize(
    "rule",
    [Admissible(Gaussian(9)), Scaled(Admissible(Gaussian(9), form="proof"), 3.0), Along(CURVE)],
    ids=["a", "b", "c"],
)
def test_steps_that_follow_the_distance(kind, rule, device):
    """The device decides by its own distance, the host's but for rounding: a neighbour in the table is rare."""
    start = W_STAR[:, None] + (W - W_STAR[:, None]) * np.array([0.1, 1.0, 0.3, 2.5, 0.02])
    found, wanted = (run(LOSSES[kind](float), start, device, on, step=rule, record="all") for on in (True, False))
    assert device["graphs"] == 1
    alike(found, wanted, 40 * 300 * EPS)
    assert np.unique(wanted.step[:-1]).size > 10
    single = LOSSES["sample"](np.float32)
    device["on"] = True
    assert set(descend(single, start.astype(np.float32), step=rule, steps=3).engine) == {"loop"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlapping_patches_are_read_from_their_images(dtype, device):
    device["on"] = True
    images = RNG.standard_normal((23, 2, 7, 6)).astype(dtype)[:, 1]
    law = ImagePatches(images, (3, 2), (2, 1))
    teacher, w = law.take(slice(0, 1))[0, 0], RNG.standard_normal((6, 4)).astype(dtype)
    loss, whole = SampleLoss(law, teacher), SampleLoss(law.take(slice(None)).astype(float), teacher.astype(float))
    assert loss.engine(4) == "cuda"
    assert SampleLoss(ImagePatches(images, 3, normalise="unit"), np.ones(9, dtype=dtype)).engine(4) == "plain"
    found = loss.gradient(w), loss.value(w)
    device["on"] = False
    # 23 · 15 terms of size one.
    for one, other in zip(found, (whole.gradient(w.astype(float)), whole.value(w.astype(float))), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=23 * 15 * 10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("fault", [("first[row % K]", "first[0]"), ("entry[entry]", "entry[0] + entry")])
def test_a_fault_in_where_patches_lie_is_seen(fault, device):
    whole, loss = cuda.source("filter_step"), LOSSES["cut"](float)
    device["on"] = False
    wanted = loss.gradient(W)
    device["on"], device["source"] = True, ("filter_step", whole.replace("data." + fault[0], "data." + fault[1]))
    assert device["source"][1] != whole
    assert np.abs(loss.gradient(W) - wanted).max() > 1e-3


def test_an_image_loss_of_a_device_descends_there(device):
    """With the teacher's labels, and with others."""
    law = ImagePatches(RNG.standard_normal((23, 5, 5)), 3)
    for labels in (None, RNG.uniform(0, 1, 23)):
        device["on"] = True
        there = ImageLoss(law, W_STAR, labels=labels)
        device["on"] = False
        here = ImageLoss(law, W_STAR, labels=labels)
        settings = {"tolerance": 0.0, "stationary": 0.0}
        found, wanted = (run(loss, W, device, on, **settings) for loss, on in ((there, True), (here, False)))
        alike(found, wanted, 40 * 300 * EPS)
        for attribute in ("power", "curvature"):
            assert float(getattr(there, attribute)) == pytest.approx(getattr(here, attribute), rel=1e-12)
        np.testing.assert_allclose(there.hessian(W[:, 0]), here.hessian(W[:, 0]), rtol=0, atol=300 * EPS)


def test_what_no_kernel_serves_stays_in_the_loop(device):
    """Steps of no table, and a loss without kernels."""
    device["on"] = True
    loss = LOSSES["gaussian"](float)
    assert set(descend(loss, W, step=lambda progress: 0.1 * progress.distance, steps=3).engine) == {"loop"}
    wide = SampleLoss(np.ones((2, 1, 600)), np.ones(600))
    assert set(descend(wide, np.ones(600), step=Constant(0.1), steps=3).engine) == {"loop"}


FAULTS = {
    "the step": ("-= eta *", "-= (REAL)1.02 * eta *"),
    "the last step of the table": ("row < laid ? row : laid - 1", "0"),
    "the angle": ("asin(distance < 1", "(REAL)1.02 * asin(distance < 1"),
    "the edge": ("edges[middle] > angle", "edges[middle] > (REAL)1.02 * angle"),
    "whose step it is": ("(wide > 1 ? run : 0)", "0"),
    "the norm": ("sqrt(warp_sum(far)) / norm", "sqrt(warp_sum(far))"),
    "near enough": ("distance <= tolerance", "distance <= (REAL)1.02 * tolerance"),
    "too far": ("!(distance <= region)", "distance > (REAL)1e9 * region"),
    "the last step": ("t == steps", "t == steps - 1"),
    "where it was": ("t % ROWS", "(t + 1) % ROWS"),
    "stalled": ("stalled ? 2 : 0", "stalled ? 1 : 0"),
    "its own steps": ("over || stalled ? t : t + 1", "over || stalled ? t + 1 : t + 1"),
    "the distance it had": ("fate[2 * runs + run] = distance", "fate[2 * runs + run] = (REAL)1.02 * distance"),
}


def agrees(device) -> bool:
    """Whether runs that stall, converge, leave the region and are cut off do so as in the plain loop."""
    loss = SampleLoss(np.abs(Z), np.abs(W_STAR))
    start = np.stack([-np.ones(9), np.ones(9), np.abs(W_STAR) * 1.1, 4 * np.ones(9)], axis=1)
    settings = {"tolerance": 0.093, "region": 3.0, "stationary": 1e-3, "steps": 21}
    angles = Scaled(Admissible(Gaussian(9)), 0.2), Scaled(Along(CURVE), 0.05)
    for rule in (Constant((0.05, 0.01, 0.02, 0.03)), Schedule((0.05, 0.01)), *angles):
        wanted, found = (run(loss, start, device, on, step=rule, **settings) for on in (False, True))
        try:
            alike(found, wanted, 1e-9)
        except AssertionError:
            return False
    return True


def test_without_a_fault_they_agree(device):
    assert agrees(device)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_seen(name, device):
    whole = cuda.source("descent_step")
    assert whole.count(FAULTS[name][0]) == 1
    device["source"] = "descent_step", whole.replace(*FAULTS[name])
    assert not agrees(device)


def test_sums_that_begin_with_those_of_the_step_before_are_seen(device):
    whole = cuda.source("filter_step")
    device["source"] = "filter_step", whole.replace("fresh ? (REAL)0 : carry", "carry")
    assert device["source"][1] != whole
    loss = LOSSES["sample"](float)
    found, wanted = (run(loss, W, device, on, steps=9).w for on in (True, False))
    assert not np.allclose(found, wanted, rtol=0, atol=1e-6)
