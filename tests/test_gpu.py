"""The same results on a device, through CuPy."""

from __future__ import annotations

import numpy as np
import pytest

from theory.arrays import namespace, to_numpy
from theory.checks import BadInput
from theory.descent import Admissible, Constant, Schedule, descend, descend_stochastically
from theory.distributions import AngularMixture, Atoms, Gaussian, GaussianImages, Watson
from theory.objectives import FixedSample, FreshSamples, OverlapLoss, PopulationLoss, SampleLoss

pytestmark = pytest.mark.gpu

EPS = np.finfo(float).eps
W_STAR = np.array([2.0, 0.0, 0.0])
W = np.random.default_rng(0).standard_normal((3, 64))
PATCHES = np.random.default_rng(1).standard_normal((200, 4, 3))
LAWS = [Gaussian(3), AngularMixture(3, 0.5), Watson(3, -2.0), Atoms(np.eye(3), [1.0, 2.0, 1.0])]
LOSSES = {
    **{law.label: lambda xp, law=law: PopulationLoss(law, xp.asarray(W_STAR)) for law in LAWS},
    "patches": lambda xp: SampleLoss(xp.asarray(PATCHES), xp.asarray(W_STAR)),
}


@pytest.fixture(scope="module")
def cupy():
    """CuPy with a device, or a reason to skip."""
    try:
        return namespace("cupy")
    except BadInput as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("w", [W, W[:, 0], 0 * W, W_STAR], ids=["batch", "one", "zero", "teacher"])
def test_losses(cupy, kind, w):
    here, there = LOSSES[kind](np), LOSSES[kind](cupy)
    # 800 terms of at most 100, summed in another order, with fused multiplications and the device's own atan2 (2 ulp).
    for method in ("value", "gradient"):
        found = getattr(there, method)(cupy.asarray(w))
        assert isinstance(found, cupy.ndarray)
        np.testing.assert_allclose(to_numpy(found), getattr(here, method)(w), rtol=0, atol=800 * EPS * 100)


@pytest.mark.parametrize("kind", ["gaussian", "mixture(0.5)", "patches"])
@pytest.mark.parametrize(
    "rule",
    [
        Constant(0.3),
        Constant(tuple(0.005 * (run + 1) for run in range(64))),
        Schedule((0.5, 0.3)),
        Admissible(Gaussian(3)),
    ],
    ids=["constant", "constant a run", "schedule", "admissible"],
)
def test_descent(cupy, kind, rule):
    settings = {"step": rule, "steps": 40, "record": "all", "tolerance": 0.0}
    here = descend(LOSSES[kind](np), W, **settings)
    there = descend(LOSSES[kind](cupy), cupy.asarray(W), **settings)
    assert there.outcome == here.outcome
    for field in ("distance", "angle", "loss", "step", "final", "w"):
        found = getattr(there, field)
        assert isinstance(found, np.ndarray)
        # Forty steps of the above. The step is taken from the table's next entry: at a boundary the neighbour may be.
        limit = (
            {"rtol": 2e-3, "atol": 1e-6} if isinstance(rule, Admissible) else {"rtol": 0, "atol": 40 * 800 * EPS * 10}
        )
        np.testing.assert_allclose(found, getattr(here, field), **limit)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.label)
def test_samples_are_the_same_on_every_library(cupy, law):
    here = law.sample(50, rng=np.random.default_rng(3))
    there = law.sample(50, rng=np.random.default_rng(3), xp=cupy)
    assert isinstance(there, cupy.ndarray)
    np.testing.assert_array_equal(to_numpy(there), here)


def test_libraries_do_not_mix(cupy):
    with pytest.raises(BadInput, match="it must be one of"):
        LOSSES["gaussian"](cupy).value(W)


# What the host cannot show of the device's own pass: tests/kernels runs its sources on the CPU.


def sample(cupy, shape, dtype):
    """A loss, its twin in float64 on NumPy, filters, and the error that rounding may make."""
    (n, k, p, runs), rng = shape, np.random.default_rng(5)
    z, w = rng.standard_normal((n, k, p)).astype(dtype), rng.standard_normal((p, runs)).astype(dtype)
    there = SampleLoss(cupy.asarray(z), cupy.asarray(z[0, 0]))
    here = SampleLoss(z.astype(float), z[0, 0].astype(float))
    # Means of n k terms, each two sums of p products: of patches and filters of size 1, below 2p, squared in the value.
    return there, here, w, (n * k + 2 * p) * np.finfo(dtype).eps * (2 * p) ** 2


@pytest.mark.parametrize("shape", [(2000, 9, 25, 32), (3000, 1, 25, 1), (500, 3, 100, 70)], ids=str)
def test_the_pass_agrees_with_the_cpu_in_float64(cupy, shape):
    there, here, w, limit = sample(cupy, shape, np.float64)
    assert there.engine(shape[3]) == "cuda"
    for method in ("gradient", "value"):
        found = getattr(there, method)(cupy.asarray(w))
        assert isinstance(found, cupy.ndarray)
        np.testing.assert_allclose(to_numpy(found), getattr(here, method)(w), rtol=0, atol=limit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_pass_gives_the_same_bits_every_time(cupy, dtype):
    there, _, w, _ = sample(cupy, (20_000, 9, 25, 32), dtype)
    first = [to_numpy(there.gradient(cupy.asarray(w))), to_numpy(there.value(cupy.asarray(w)))]
    for _ in range(20):
        np.testing.assert_array_equal(to_numpy(there.gradient(cupy.asarray(w))), first[0])
        np.testing.assert_array_equal(to_numpy(there.value(cupy.asarray(w))), first[1])


def test_out_of_memory_halves_the_block(cupy, monkeypatch):
    """A pool that has room for the data and a little more: fewer rows of sums are held, and no bit changes."""
    import cupy as real

    there, _, w, _ = sample(cupy, (20_000, 1, 25, 256), np.float64)
    there_w, pool = cupy.asarray(w), real.get_default_memory_pool()
    whole = to_numpy(there.gradient(there_w))
    pool.free_all_blocks()
    rows = 32 * w.nbytes
    before = pool.get_limit()
    pool.set_limit(size=pool.used_bytes() + 5 * rows)
    try:
        np.testing.assert_array_equal(to_numpy(there.gradient(there_w)), whole)
    finally:
        pool.set_limit(size=before)


EXACT = {
    "images": (lambda xp, t: OverlapLoss(GaussianImages((28, 28), 5), xp.asarray(t)), 25),
    "long": (lambda xp, t: OverlapLoss(GaussianImages((64,), 24), xp.asarray(t)), 24),
    "plane": (lambda xp, t: PopulationLoss(Watson(9, -2.0, axis=t), xp.asarray(t)), 9),
}


def near_and_far(p: int) -> tuple[np.ndarray, np.ndarray]:
    """A teacher; filters far from it, at distances down to 1e-9, at 0 and at the teacher."""
    rng = np.random.default_rng(2)
    teacher, noise = rng.standard_normal(p), rng.standard_normal((p, 30))
    near = teacher[:, None] + noise * 10.0 ** -np.linspace(0, 9, 30)
    return teacher, np.concatenate([noise, near, 0 * teacher[:, None], teacher[:, None]], axis=1)


@pytest.mark.parametrize("kind", EXACT)
def test_the_exact_kernels_agree_with_the_cpu(cupy, kind):
    """Near w* as well, where gradients and losses are small: relative to the distance, and to its square."""
    make, p = EXACT[kind]
    teacher, w = near_and_far(p)
    there, here, far = make(cupy, teacher), make(np, teacher), np.linalg.norm(w - teacher[:, None], axis=0)
    # Sums over the filter and at most 81 offsets; a plane's two coordinates, and the way to them, of w itself.
    for power, method in ((1, "gradient"), (2, "value")):
        found = getattr(there, method)(cupy.asarray(w))
        assert isinstance(found, cupy.ndarray)
        limit = (p + 81) * EPS * (far**power if kind != "plane" else np.linalg.norm(w) * np.ones_like(far))
        assert np.all(np.abs(to_numpy(found) - getattr(here, method)(w)) <= limit)
        np.testing.assert_array_equal(to_numpy(getattr(there, method)(cupy.asarray(w))), to_numpy(found))


def test_the_exact_kernel_serves_runs_alike_in_any_batch(cupy):
    make, p = EXACT["images"]
    teacher, w = near_and_far(p)
    loss, there = make(cupy, teacher), cupy.asarray(w)
    whole = to_numpy(loss.gradient(there))
    for run in (0, 40, 61):
        np.testing.assert_array_equal(to_numpy(loss.gradient(there[:, run])), whole[:, run])


def a_descent(kind: str, xp, **other):
    """300 steps: a graph of 64 of them is launched again and again."""
    if kind == "sample":
        loss, w = SampleLoss(xp.asarray(PATCHES), xp.asarray(W_STAR)), W
    else:
        make, p = EXACT[kind]
        teacher, w = near_and_far(p)
        loss, w = make(xp, teacher), w[:, :-1]  # at w* itself rounding alone says whether the distance is 0
    return descend(loss, xp.asarray(w), **({"step": Constant(0.3), "steps": 300, "tolerance": 0.0} | other))


@pytest.mark.parametrize("kind", ["sample", *EXACT])
def test_descent_in_blocks(cupy, kind):
    """In blocks as in the loop, the same bits every time; records at every iteration cut no block."""
    here, there, again = a_descent(kind, np), a_descent(kind, cupy), a_descent(kind, cupy, record="all")
    assert (set(here.engine), set(there.engine)) == ({"loop"}, {"blocks"})
    assert (there.outcome, there.taken.tolist()) == (here.outcome, here.taken.tolist())
    np.testing.assert_array_equal(there.step, here.step)
    for field in ("distance", "angle", "loss", "final", "w"):
        # Three hundred steps, each with sums of 800 terms of size one, that shrink what went before.
        np.testing.assert_allclose(getattr(there, field), getattr(here, field), rtol=0, atol=300 * 800 * EPS * 10)
    np.testing.assert_array_equal(again.w, there.w)
    np.testing.assert_array_equal(again.distance[there.iterations], there.distance)


def test_runs_end_within_blocks_as_in_the_loop(cupy):
    """Ends at many steps: the runs left go on in other graphs. Where a run ends within rounding is none of these."""
    rule = Constant(tuple(0.02 * (run + 1) for run in range(64)))
    settings = {"step": rule, "steps": 400, "tolerance": 0.05, "region": 1.5}
    here, there = a_descent("sample", np, **settings), a_descent("sample", cupy, **settings)
    assert len(set(here.taken.tolist())) > 10
    assert (there.outcome, there.taken.tolist()) == (here.outcome, here.taken.tolist())
    np.testing.assert_allclose(there.final, here.final, rtol=1e-9, atol=400 * 800 * EPS * 10)


STOCHASTIC = {
    "fresh": lambda xp: FreshSamples(Gaussian(3), xp.asarray(W_STAR), noise=0.1),
    "fixed": lambda xp: FixedSample(xp.asarray(PATCHES), xp.asarray(W_STAR), replace=False),
}


@pytest.mark.parametrize("kind", STOCHASTIC)
def test_stochastic_descent(cupy, kind):
    """The steps between two records are one kernel; here and there they see the same samples."""

    def run(xp):
        settings = {"step": Constant(0.05), "steps": 100, "batch": 7, "tolerance": 0.0, "record": 5}
        return descend_stochastically(STOCHASTIC[kind](xp), xp.asarray(W), rng=np.random.default_rng(2), **settings)

    here, there, again = run(np), run(cupy), run(cupy)
    assert there.outcome == here.outcome
    for field in ("distance", "angle", "final", "w"):
        # A hundred steps, of sums of 28 patches of 3 numbers below 6, of which little of an error is left.
        np.testing.assert_allclose(getattr(there, field), getattr(here, field), rtol=0, atol=100 * 28 * 36 * EPS)
        np.testing.assert_array_equal(getattr(there, field), getattr(again, field))
