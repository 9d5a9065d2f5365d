"""The exact losses' kernels, run on the host, beside their plain twins."""

from __future__ import annotations

import numpy as np
import pytest

from theory.distributions import AngularMixture, Gaussian, GaussianImages, Watson
from theory.kernels import cuda
from theory.objectives import OverlapLoss, PopulationLoss, exact_on_device, on_device

EPS = np.finfo(float).eps

# The image, the filter, the stride: one offset alone, a line, more offsets than threads, more entries than threads.
GRIDS = [((3, 3), 3, 1), ((30,), 5, 1), ((12, 12), 3, 1), ((15, 15), 5, 2), ((28, 28), 7, 1), ((14, 14), 12, 1)]
LAWS = [Gaussian(4), AngularMixture(4, 0.5), Watson(4, -2.0)]


@pytest.fixture
def device(on_host, monkeypatch):
    """NumPy arrays are taken for the device's when ``on`` is set."""
    on_host["on"] = True
    monkeypatch.setattr(on_device, "is_cupy_array", lambda array: on_host["on"])
    return on_host


def filters(teacher: np.ndarray, seed: int = 0) -> np.ndarray:
    """Far, at 0, at w*, opposite to it, parallel, and near it at several distances."""
    noise = np.random.default_rng(seed).standard_normal((teacher.size, 12))
    columns = [0 * teacher, teacher, -teacher, 0.3 * teacher, 3 * teacher]
    near = [teacher + 10.0**-k * noise[:, k] for k in range(1, 10)]
    return np.stack([*noise[:, :3].T, *columns, *near], axis=1)


def overlap(shape, size, stride, seed=1) -> tuple[OverlapLoss, np.ndarray]:
    law = GaussianImages(shape, size, stride)
    teacher = np.random.default_rng(seed).standard_normal(law.dim)
    return OverlapLoss(law, teacher), filters(teacher)


def both(loss, w, device, on):
    device["on"] = on
    return loss.gradient(w), loss.value(w)


def alike(found, wanted, w, loss, terms):
    """But for rounding, relative to the distance for a gradient and to its square for a value: both shrink so."""
    far = np.linalg.norm(w - loss.teacher[:, None], axis=0)
    assert [array.shape for array in found] == [array.shape for array in wanted]
    assert np.all(np.abs(found[0] - wanted[0]) <= terms * EPS * far)
    assert np.all(np.abs(found[1] - wanted[1]) <= terms * EPS * far**2)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_overlapping_loss(grid, device):
    loss, w = overlap(*grid)
    found, wanted = (both(loss, w, device, on) for on in (True, False))
    # Sums over the filter and over the offsets.
    alike(found, wanted, w, loss, loss.dim + loss._share.size)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.label)
def test_the_loss_in_the_plane(law, device):
    loss = PopulationLoss(law, teacher=[2.0, 0.0, 0.0, 0.0])._flat
    w = filters(loss.teacher)
    found, wanted = (both(loss, w, device, on) for on in (True, False))
    alike(found, wanted, w, loss, 8)  # the degree of the polynomials


@pytest.mark.parametrize("kind", ["overlap", "plane"])
def test_neither_the_order_of_threads_nor_the_other_runs_matter(kind, device):
    loss = overlap(*GRIDS[2])[0] if kind == "overlap" else PopulationLoss(LAWS[0], teacher=[1.0, 0, 0, 0])._flat
    w = filters(loss.teacher)
    forwards = both(loss, w, device, True)
    device["backwards"] = True
    for one, other in zip(forwards, both(loss, w, device, True), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(forwards, both(loss, w[:, 3:4], device, True), strict=True):
        np.testing.assert_array_equal(one[..., 3:4], other)


def test_one_filter_and_a_view_are_read_as_they_lie(device):
    loss, w = overlap(*GRIDS[2])
    slope, value = both(loss, w, device, True)
    wide = np.full((2 * loss.dim, w.shape[1]), np.nan)
    wide[::2] = w
    np.testing.assert_array_equal(loss.gradient(wide[::2]), slope)
    assert loss.gradient(w[:, 1]).shape == (loss.dim,)
    np.testing.assert_array_equal(loss.gradient(w[:, 1]), slope[:, 1])
    assert loss.value(w[:, 1]) == value[1] > 0
    assert loss.value(loss.teacher) == 0


def test_what_no_kernel_serves_is_left_to_the_plain_path(device, monkeypatch):
    loss, w = overlap(*GRIDS[2])
    assert loss.launches(w.astype(np.float32), w) is None
    assert loss.launches(w[:, :0], w[:, :0]) is None
    assert loss.gradient(w[:, :0]).shape == (loss.dim, 0)
    monkeypatch.setattr(exact_on_device, "WIDEST", loss.dim - 1)
    assert loss.launches(w, w) is None
    monkeypatch.setattr(cuda, "load", None)
    found = both(loss, w, device, True)
    for one, other in zip(found, both(loss, w, device, False), strict=True):
        np.testing.assert_array_equal(one, other)


OVERLAP = {
    "the angle's share": ("(active - turn);", "(active - (REAL)1.02 * turn);"),
    "the move": ("e[moved[place]]", "e[moved_across[place]]"),
    "the radial part": ("gap * ww.sine - s * rise", "gap * ww.sine - (REAL)1.02 * s * rise"),
    "pairs that are apart": ("(total + apart * gap)", "(total + (REAL)1.02 * apart * gap)"),
    "what the move drops": ("sqrt(across + dropped[o])", "sqrt(across + (REAL)0.98 * dropped[o])"),
    "a filter longer than w*": ("(r < s ? s : r)", "s"),
    "the share of the offsets": ("along_t[threadIdx.x] = shares[o]", "along_t[threadIdx.x] = shares[0]"),
    "Kahan's sine": ("short_side * long_side / 2", "short_side"),
    "a term of the series": ("TERMS; k > 1", "1; k > 1"),
    "the far angle": ("near - 2 * far", "near - (REAL)2.02 * far"),
    "the value's radial part": ("gap * gap * kappa[o]", "(REAL)1.02 * gap * gap * kappa[o]"),
    "a warp is lost": ("warp < THREADS / WARP;", "warp < THREADS / WARP - 1;"),
    "the last chunk of offsets": ("base < OFFSETS;", "base + THREADS < OFFSETS;"),
    "no barrier before the entries": ("continue;\n        __syncthreads();", "continue;"),
    "no barrier after the entries": ("        }\n        __syncthreads();\n    }\n\n", "        }\n    }\n\n"),
    "no barrier before what is folded": (
        "    __syncthreads();\n    if (threadIdx.x % WARP == 0)",
        "    if (threadIdx.x % WARP == 0)",
    ),
    "no barrier once it is folded": ("    __syncthreads();\n    REAL sum = 0;", "    REAL sum = 0;"),
}
PLANE = {
    "the panel": ("edges[middle + 1] <= angle", "edges[middle] <= angle"),
    "a power of the angle": ("wedge = square * angle * first", "wedge = square * first"),
    "the other half": ("s1 - wedge", "(REAL)1.02 * s1 - wedge"),
    "the side": ("y < 0 ? (REAL)-1", "y < 0 ? (REAL)1"),
    "across": ("out[runs + run] = s2 * y", "out[runs + run] = (REAL)1.02 * s2 * y"),
    "a coefficient": ("row[2 * power + 1]", "row[2 * power]"),
    "the value": ("a * b11 + rho * b12", "a * b11 + (REAL)1.02 * rho * b12"),
}


def seen(source, change, loss, w, device) -> bool:
    """Whether a fault planted in the source makes a difference, in either order of the threads."""
    whole = cuda.source(source)
    assert whole.count(change[0]) == 1
    device["source"] = whole.replace(*change)
    wanted = both(loss, w, device, False)
    for device["backwards"] in (False, True):
        try:
            alike(both(loss, w, device, True), wanted, w, loss, 500)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("name", OVERLAP)
def test_a_fault_in_the_overlapping_loss_is_seen(name, device):
    assert seen("overlap_sums", OVERLAP[name], *overlap((20, 20), 7, 1), device)


@pytest.mark.parametrize("name", PLANE)
def test_a_fault_in_the_plane_is_seen(name, device):
    loss = PopulationLoss(Watson(4, -2.0), teacher=[2.0, 0, 0, 0])._flat
    assert seen("plane_sums", PLANE[name], loss, filters(loss.teacher), device)
