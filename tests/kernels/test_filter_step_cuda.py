"""The CUDA kernels of the step, run on the host: their indices, their sums, their barriers, and what drives them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from theory.kernels import cuda
from theory.objectives import SampleLoss, on_device

TYPES = [np.float32, np.float64]
types = pytest.mark.parametrize("dtype", TYPES, ids=["float32", "float64"])

# (n, k, p, runs): one of everything; more runs than fit side by side; patches of one, two, four and more threads;
# several samples a lane; samples of more patches than a tile holds, and tiles of more patches than a sample.
SHAPES = [
    (1, 1, 1, 1),
    (5, 1, 3, 2),
    (7, 3, 4, 33),
    (40, 9, 25, 32),
    (33, 2, 40, 5),
    (9, 1, 100, 70),
    (3, 2, 300, 3),
    (2, 400, 25, 16),
    (1500, 1, 5, 1),
]


@pytest.fixture(autouse=True)
def few_units(monkeypatch):
    """A lane gets several samples, and a tile not all of them, in small problems too."""
    monkeypatch.setattr(on_device, "UNITS", 5)
    monkeypatch.setattr(on_device, "TILE", 1 << 13)


def problem(shape, dtype, seed: int = 0):
    """Patches, labels, weights, filters."""
    (n, k, p, runs), rng = shape, np.random.default_rng(seed)
    z, labels = rng.standard_normal((n, k, p)), rng.uniform(0, 1, n)
    return [array.astype(dtype) for array in (z, labels, rng.uniform(0.1, 1, n), rng.standard_normal((p, runs)))]


def longhand(z, labels, weights, w):
    """Gradient and value in float64, and how large a relative rounding u of every operation can make their errors.

    With 𝔞 = Σⱼ|Zᵢⱼ wⱼ|, an activation errs by p u 𝔞, a residual by (p + k + 3) u (mean 𝔞 + |y|), and a sum of N terms
    by N u times that of their sizes.
    """
    z, labels, weights, w = (array.astype(float) for array in (z, labels, weights, w))
    n, k, p = z.shape
    a, size = z @ w, np.abs(z) @ np.abs(w)
    rest = np.maximum(a, 0).mean(axis=1) - labels[:, None]
    rest_size = size.mean(axis=1) + np.abs(labels)[:, None]
    slope = np.einsum("nkp,nkr->pr", z, (a >= 0) * (weights[:, None] * rest)[:, None, :] / k)
    slope_size = np.einsum("nkp,nr->pr", np.abs(z), weights[:, None] * rest_size / k)
    value, value_size = (weights[:, None] * rest**2).sum(axis=0) / 2, (weights[:, None] * rest_size**2).sum(axis=0)
    return slope, (n * k + p + k + 8) * slope_size, value, (n + p + k + 8) * value_size, np.min(np.abs(a) / (p * size))


def within(found, given):
    """The gradient and the value found are those of the longhand, but for rounding."""
    u = np.finfo(given[0].dtype).eps
    slope, slope_error, value, value_error, margin = longhand(*given)
    assert margin > u, "an activation of this problem may have either sign"
    assert np.all(np.abs(found[0] - slope) <= u * slope_error)
    assert np.all(np.abs(found[1] - value) <= u * value_error)


def both(z, labels, weights, w):
    """Gradient and value."""
    return [on_device.sums(z, w, labels, weights, slope=slope) for slope in (True, False)]


@types
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_within_rounding_of_the_longhand(shape, dtype, on_host):
    given = problem(shape, dtype)
    found = both(*given)
    assert [array.shape for array in found] == [given[3].shape, given[3].shape[1:]]
    assert [array.dtype for array in found] == [dtype, dtype]
    within(found, given)


@types
def test_the_order_of_threads_and_blocks_does_not_matter(dtype, on_host):
    given = problem((300, 3, 25, 8), dtype)
    forwards = both(*given)
    on_host["backwards"] = True
    for one, other in zip(forwards, both(*given), strict=True):
        np.testing.assert_array_equal(one, other)


@types
def test_memory_for_fewer_sums_changes_no_bit(dtype, on_host, monkeypatch):
    """The rows of sums do not fit at first; half of them, then a quarter, do. Nor does it matter how many are held."""
    monkeypatch.setattr(on_device, "UNITS", 60)
    monkeypatch.setattr(on_device, "ROWS", 4)
    given = problem((900, 1, 5, 33), dtype)
    cut = on_device.plan(given[0].shape, 33, dtype, slope=True)
    assert -(-cut.units // on_device.ROWS) == 15
    whole, tried, empty, w_shape = both(*given), [], np.empty, given[3].shape

    def scarce(shape, **other):
        if len(shape) == 2 and shape != w_shape:
            tried.append(shape[0])
            if shape[0] > 4 * on_device.ROWS:
                raise MemoryError
        return empty(shape, **other)

    monkeypatch.setattr(on_device, "array_namespace", lambda array: Namespace(scarce))
    for one, other in zip(whole, both(*given), strict=True):
        np.testing.assert_array_equal(one, other)
    assert tried == [cut.units, 7 * on_device.ROWS, 3 * on_device.ROWS] * 2
    monkeypatch.setattr(on_device, "HELD", 1)
    for one, other in zip(whole, both(*given), strict=True):
        np.testing.assert_array_equal(one, other)
    assert tried[6:] == [on_device.ROWS] * 2


class Namespace:
    """NumPy with another ``empty``."""

    def __init__(self, empty):
        self.empty = empty

    def __getattr__(self, name):
        return getattr(np, name)


@types
def test_views_are_read_where_they_lie(dtype, on_host):
    """Windows of signals overlap, others go backwards; nothing is copied, nothing between them is read."""
    signals = np.random.default_rng(3).standard_normal((20, 30)).astype(dtype)
    signals[:, 1::2] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(signals, 13, axis=1)[:, ::4, ::-2]
    _, labels, weights, w = problem((20, 5, 7, 6), dtype)
    assert windows.shape == (20, 5, 7)
    given = windows, labels, weights, w
    within(both(*given), given)


@pytest.fixture
def as_on_a_device(on_host, monkeypatch):
    """A sample loss takes NumPy arrays for the device's."""
    monkeypatch.setattr(on_device, "is_cupy_array", lambda array: isinstance(array, np.ndarray))
    monkeypatch.setattr("theory.objectives.fused.LEAST", 1 << 60)
    return on_host


@types
@pytest.mark.parametrize("runs", [(), (1,), (6,)], ids=str)
def test_a_sample_loss_uses_it(runs, dtype, as_on_a_device):
    z, _, weights, w = problem((50, 3, 7, 6), dtype)
    w = w[:, 0] if runs == () else w[:, : runs[0]]
    loss = SampleLoss(z, z[0, 0], weights=weights)
    assert loss.engine(*runs) == "cuda"
    found = loss.gradient(w), loss.value(w)
    assert [array.shape for array in found] == [(7, *runs), runs]
    columns = w.reshape(7, -1)
    found = [found[0].reshape(7, -1), found[1].reshape(-1)]
    within(found, (z, loss.labels, loss.weights, columns))


def test_what_it_cannot_take_is_left_to_the_plain_path(as_on_a_device):
    z, _, _, w = problem((4, 1, 600, 2), np.float64)
    loss = SampleLoss(z, z[0, 0])
    assert (loss.engine(2), loss.engine(0), loss.engine(2, np.dtype("float32"))) == ("plain", "plain", "plain")
    np.testing.assert_array_equal(loss.gradient(w), loss._plain_gradient(w, np))
    assert SampleLoss(z[:, :, :512], z[0, 0, :512]).engine(2) == "cuda"


def test_the_plain_path_halves_its_block(monkeypatch):
    z, _, _, w = problem((40, 2, 3, 5), np.float64)
    loss, tried = SampleLoss(z, z[0, 0]), []
    response = SampleLoss._response

    def scarce(self, block, w):
        tried.append(block.shape[0])
        if block.shape[0] > 13:
            raise MemoryError
        return response(self, block, w)

    whole = loss.gradient(w), loss.value(w)
    monkeypatch.setattr("theory.objectives.relu_filter.BLOCK", 400)
    monkeypatch.setattr(SampleLoss, "_response", scarce)
    # 40 terms of each sum, added in another order.
    for one, other in zip(whole, (loss.gradient(w), loss.value(w)), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=40 * 100 * np.finfo(float).eps)
    assert tried[:3] == [40, 20, 10]


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_every_plan_is_one_that_a_device_can_run(name, monkeypatch):
    """48 KiB of shared memory, whole warps, every sample in one unit, every entry in one thread, every run in one."""
    dtype = np.dtype(name)
    monkeypatch.setattr(on_device, "UNITS", 528)
    monkeypatch.setattr(on_device, "TILE", 24 << 10)
    for n, k, p, runs in product([1, 1000, 10**8], [1, 9, 576], [1, 16, 17, 33, 100, 129, 512], [1, 2, 7, 32, 100]):
        cut = on_device.plan((n, k, p), runs, dtype, slope=True)
        m = cut.macros
        assert m["PARTS"] * m["RUNS"] * m["LANES"] == m["THREADS"]
        assert p <= m["PARTS"] * m["SLICE"]
        assert m["SLICE"] <= on_device.REGISTERS[name]
        assert (cut.units - 1) * cut.per * m["LANES"] < n <= cut.units * cut.per * m["LANES"]
        assert cut.units <= on_device.UNITS
        assert (cut.across - 1) * m["RUNS"] < runs <= cut.across * m["RUNS"]
        tile = 16 * max(m["LANES"] * m["PITCH"], -(-m["THREADS"] * m["SLICE"] * dtype.itemsize // 16))
        assert tile + 2 * m["LANES"] * m["CHUNK"] * dtype.itemsize <= 48 << 10


def test_what_no_grid_covers_has_no_plan():
    for shape, runs in [((10, 1, 1025), 1), ((10, 1, 25), 0), ((10, 1, 25), 32 << 16), ((1 << 40, 576, 25), 1)]:
        assert on_device.plan(shape, runs, np.float32, slope=True) is None
    assert on_device.plan((10, 1, 25), 32 * 65535, np.float32, slope=True) is not None


def test_importing_the_loader_loads_no_cupy():
    assert cuda.source("filter_step").startswith("//")
    assert "cupy" not in cuda.__dict__
