"""The constants of a whole file: for any cut into blocks the same, around those of a search, and near them."""

import math
import tracemalloc

import numpy as np
import pytest

from theory.closeness import band_bounds, sample_margin
from theory.distributions import ClosePatches
from theory.own import streamed as module
from theory.own.coverage import constants
from theory.own.files import Samples
from theory.own.streamed import RATIO, sharpened, streamed

ACCURACY, PHI = 0.02, 0.6
ANGLES = (0.3, PHI)


def neuron(p, n=500):
    return np.random.default_rng(p).standard_normal((n, 1, p))


CASES = {
    "neuron in the plane": neuron(2),
    "neuron": neuron(4),
    "filter": ClosePatches(2, 3, 0.5, 0.1).sample(500, rng=np.random.default_rng(0)),
    "filter in space": np.random.default_rng(1).standard_normal((300, 2, 3)),
    "with blanks": neuron(2) * (np.arange(500) % 5 > 0)[:, None, None],
}


def of(z, cuts=1, **options):
    w_star = np.eye(1, z.shape[2])[0]
    ((_, found),) = streamed(np.array_split(z, cuts), [w_star], ANGLES, ACCURACY, 0.0, **options)
    return found, w_star


@pytest.mark.parametrize("name", CASES)
def test_blocks_do_not_matter(name):
    (one, _), (many, _) = of(CASES[name]), of(CASES[name], 7)
    for bracket in ("gamma", "L", "beta", "cross", "mu"):
        a, b = getattr(one, bracket), getattr(many, bracket)
        # Sums of 500 terms in another order.
        assert (a.lower, a.upper) == (pytest.approx(b.lower, rel=1e-11, abs=1e-13), pytest.approx(b.upper, rel=1e-11))


@pytest.mark.parametrize("name", CASES)
def test_they_hold_what_a_search_finds(name):
    z = CASES[name]
    found, w_star = of(z)
    searched = constants(z, w_star, PHI, ACCURACY, 64)
    for bracket in ("gamma", "L", "beta", "cross", "mu"):
        a, b = getattr(found, bracket), getattr(searched, bracket)
        assert a.lower <= b.upper, bracket
        assert b.lower <= a.upper, bracket
    both = sharpened(searched, found)
    assert both.gamma.upper - both.gamma.lower <= searched.gamma.upper - searched.gamma.lower
    assert both.beta.upper <= searched.beta.upper
    assert both.closeness == searched.closeness or math.isnan(searched.closeness)


@pytest.mark.parametrize("name", CASES)
def test_counted_is_as_good_as_sorted_but_for_one_per_cent(name):
    z = CASES[name]
    found, w_star = of(z)
    options = {"teacher": w_star, "least_angle": ACCURACY}
    mu, bounds = sample_margin(z, PHI, **options), band_bounds(z, PHI, **options)
    assert mu.upper <= found.mu.upper <= mu.upper * RATIO * (1 + 1e-9) + 1 / (len(z) * PHI)
    assert mu.lower / RATIO - 1 / (len(z) * PHI) <= found.mu.lower <= mu.upper
    if z.shape[1] > 1:
        # What enters between φ and the next edge counts as well: here less than the supremum changes.
        assert bounds.cross <= found.cross.upper <= 1.05 * bounds.cross


def test_a_block_without_a_point_on_the_far_side():
    z = np.array([[[1.0, 0.5]], [[-1.0, 0.5]], [[1.0, -0.5]]])
    (found, _), (split, _) = of(z), of(z, 3)
    assert split.beta.upper == pytest.approx(found.beta.upper, rel=1e-12)
    assert of(np.abs(z))[0].beta.upper == 0.0


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_beta_bounds_what_is_attained(dim, monkeypatch):
    z = neuron(dim)
    found, w_star = of(z)
    attained, rng = 0.0, np.random.default_rng(5)
    for _ in range(500):
        e = rng.standard_normal(dim)
        e[0] = 0
        theta = math.exp(rng.uniform(math.log(ACCURACY), math.log(PHI)))
        w = math.cos(theta) * w_star + math.sin(theta) * e / np.linalg.norm(e)
        inside = z[(z @ w >= 0) & (z @ w_star < 0)]
        attained = max(attained, float(np.linalg.eigvalsh(inside.T @ inside / len(z))[-1]) / theta)
    assert attained <= found.beta.upper
    monkeypatch.setattr(module, "MATRICES", 0)
    traced, _ = of(z)
    assert found.beta.upper < traced.beta.upper


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    """24 MB of float32, twice that as float64, in blocks of half a megabyte."""
    z = np.random.default_rng(0).standard_normal((1_500_000, 4), dtype=np.float32)
    np.save(tmp_path / "z.npy", z)
    del z
    monkeypatch.setattr("theory.own.files.BLOCK", 1 << 16)
    tracemalloc.start()
    try:
        data = Samples.open(tmp_path / "z.npy")
        blocks = (block for block, _ in data.blocks())
        ((found,),) = streamed(blocks, [np.ones(4)], [PHI], ACCURACY, 0.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.gamma.lower > 0
    assert peak < 16 << 20  # some twenty arrays of a block, beside the counts
