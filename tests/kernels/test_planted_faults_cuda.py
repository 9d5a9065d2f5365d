"""Faults planted in the CUDA sources, one at a time, and run on the host: a comparison turns red for each of them."""

from __future__ import annotations

import numpy as np
import pytest

from theory.kernels import cuda
from theory.objectives import on_device

# What stands in the source, and what is put in its place.
STEP = {
    "the side of zero": ("active = activation >= 0", "active = activation >= (REAL)0.1"),
    "two per cent in the mean": ("const REAL share = (REAL)1 / K", "const REAL share = (REAL)1.02 / K"),
    "the label": ("response * share - side[0]", "response * share - (REAL)1.02 * side[0]"),
    "the weight": ("weighted = rest * side[1]", "weighted = rest * (REAL)1.02 * side[1]"),
    "patches that are not active": ("seen[j] += active * patch", "seen[j] += patch"),
    "what the sample before left": ("            response = 0;\n            held", "            held"),
    "a lane is lost": ("shared_sum(total[j], TEAM, WARP)", "shared_sum(total[j], 2 * TEAM, WARP)"),
    "a warp is lost": ("group < THREADS / GROUP;", "group < THREADS / GROUP - 1;"),
    "a part of the patch is lost": ("1, PARTS);", "1, PARTS / 2);"),
    "the last row of sums": ("row < rows; row += ROWS", "row < rows - 1; row += ROWS"),
    "the last of the rows added side by side": ("row < ROWS; ++row", "row < ROWS - 1; ++row"),
    "no barrier once the tile is full": ("tile, sides);\n        __syncthreads();", "tile, sides);"),
    "no barrier before the tile is overwritten": ("base += CHUNK) {\n        __syncthreads();", "base += CHUNK) {"),
    "a barrier that not all reach": (
        "        if (++held < K)\n",
        "        if (lane) __syncthreads();\n        if (++held < K)\n",
    ),
}


def sums(given, on_host, backwards: bool):
    z, labels, weights, w = given
    on_host["backwards"] = backwards
    return on_device.sums(z, w, labels, weights, slope=True)


@pytest.fixture(scope="module")
def given():
    """Two parts a patch, two lanes a warp, four warps, tiles that are refilled, units of which the last is not full."""
    rng, (n, k, p, runs) = np.random.default_rng(0), (1087, 9, 17, 8)
    z, labels, weights = rng.standard_normal((n, k, p)), rng.uniform(0, 1, n), rng.uniform(0.1, 1, n)
    return z, labels, weights, rng.standard_normal((p, runs))


def right(given, on_host) -> bool:
    """Whether the gradient is that of the longhand in both orders of threads and blocks."""
    z, labels, weights, w = given
    a = z @ w
    rest = np.maximum(a, 0).mean(axis=1) - labels[:, None]
    wanted = np.einsum("nkp,nkr->pr", z, (a >= 0) * (weights[:, None] * rest)[:, None, :] / z.shape[1])
    # Ten thousand terms of at most 100, in another order.
    return all(np.all(np.abs(sums(given, on_host, way) - wanted) <= 1e4 * 100 * 2.3e-16) for way in (False, True))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A lane gets several samples, a tile not all of them."""
    monkeypatch.setattr(on_device, "TILE", 1 << 12)
    monkeypatch.setattr(on_device, "UNITS", 40)


def test_without_a_fault_it_is_right(given, on_host):
    cut = on_device.plan(given[0].shape, 8, np.float64, slope=True)
    m = cut.macros
    assert (m["PARTS"], m["LANES"], m["CHUNK"] < cut.per * 9, cut.per > 1, cut.units > 32) == (2, 8, *3 * [True])
    assert right(given, on_host)


@pytest.mark.parametrize("name", STEP)
def test_a_fault_in_the_step_is_seen(name, given, on_host):
    whole, (before, after) = cuda.source("filter_step"), STEP[name]
    assert whole.count(before) == 1
    on_host["source"] = whole.replace(before, after)
    if name == "a barrier that not all reach":
        with pytest.raises(AssertionError, match="not all threads came to the same barrier"):
            right(given, on_host)
    else:
        assert not right(given, on_host)
