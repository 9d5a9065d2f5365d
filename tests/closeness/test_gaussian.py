"""Brackets for the patches of Gaussian images: one neuron, no overlap, the lemma that they rest on, and samples."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.closeness import closeness
from theory.closeness.gaussian import average_moment
from theory.distributions import GaussianImages
from theory.distributions.patches import patches
from theory.objectives.overlap import patch_pairs
from theory.problems import law
from theory.smoothness import smoothness

PHI = 0.9
PARTS = 2048


def wedge(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """m and A of a standard Gaussian in the plane between two angles: E r = √(π/2), E r² = 2, by antiderivatives."""
    m = math.sqrt(math.pi / 2) * np.array([math.sin(high) - math.sin(low), math.cos(low) - math.cos(high)])
    sine, cosine = (f(2 * high) - f(2 * low) for f in (math.sin, math.cos))
    A = np.array([[high - low + sine / 2, -cosine / 2], [-cosine / 2, high - low - sine / 2]])
    return m / (2 * math.pi), A / (2 * math.pi)


def apart(k: int, theta: float) -> np.ndarray:
    """E[U Uᵀ] in the plane of w (at θ) and w* (at 0) of k independent Gaussian patches."""
    half = math.pi / 2
    regions = [wedge(theta - half, half), wedge(-half, theta - half), wedge(half, half + theta)]
    means = np.concatenate([m for m, _ in regions])
    own = np.zeros((6, 6))
    for i, (_, A) in enumerate(regions):
        own[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = A
    return own / k + (1 - 1 / k) * np.outer(means, means)


@pytest.mark.parametrize("p", [2, 5, 25])
def test_one_patch_is_a_gaussian_neuron(p):
    found, exact = closeness(GaussianImages(p, p), PHI), smoothness(law("gaussian", p), PHI)
    for name in ("gamma", "L", "beta"):
        bracket = getattr(found, name)
        assert bracket.lower <= getattr(exact, name) <= bracket.upper
        # Weyl's 4 p ε and 64 roundings.
        assert bracket.upper - bracket.lower <= (8 * p + 128) * 2.3e-16
    assert found.cross.lower == found.cross.upper == 0.0


@pytest.mark.parametrize(("k", "phi"), [(2, 0.3), (6, 0.9), (36, 1.5)])
def test_without_overlap(k, phi):
    """θ on the grid of the brackets, whose stretches are φ/2048 long: quotients with slopes below 1/π."""
    found = closeness(GaussianImages(2 * k, 2, 2), phi)
    theta = np.linspace(0, phi, PARTS + 1)[1:]
    moments = np.array([apart(k, t) for t in theta])
    pp, pm, mp = slice(0, 2), slice(2, 4), slice(4, 6)
    active = np.linalg.eigvalsh(moments[:, pp, pp])
    beta = np.linalg.eigvalsh(moments[:, pm, pm])[:, -1] / theta
    norms = sum(np.linalg.norm(moments[:, a, b], ord=2, axis=(1, 2)) for a, b in ((pp, pm), (pp, mp), (pm, mp)))
    assert found.gamma.lower <= active[-1, 0] + 1e-15
    assert found.gamma.upper >= active[-1, 0] - 1e-15
    assert found.gamma.upper - found.gamma.lower < 1e-14
    # At θ = 0 the active patches are those of w*: A = I/2, m = w*/√2π.
    at_zero = np.linalg.eigvalsh(apart(k, 0.0)[pp, pp])[-1]
    assert found.L.lower == pytest.approx(at_zero, abs=1e-14)
    assert found.L.upper == pytest.approx(at_zero, abs=1e-14)
    for bracket, values in ((found.beta, beta), (found.cross, norms / theta)):
        assert bracket.lower <= max(values) + (1 / math.pi) * phi / PARTS
        assert max(values) - 1e-15 <= bracket.upper <= max(values) + (1 / math.pi) * phi / PARTS


def quotients(theta: float) -> tuple[float, float, float, float]:
    """√(λ_max(A_a) λ_max(A_b)) and ‖m_a‖‖m_b‖ of the pairs (++, +−) and (+−, −+), by integrals in the plane."""
    wide, thin = wedge(theta - math.pi / 2, math.pi / 2), wedge(-math.pi / 2, theta - math.pi / 2)
    top, narrow = (np.linalg.eigvalsh(A)[-1] for _, A in (wide, thin))
    mean, small = (np.linalg.norm(m) for m, _ in (wide, thin))
    return math.sqrt(top * narrow), narrow, mean * small, small**2


@pytest.mark.parametrize("arguments", [(30, 5, 1), (30, 5, 2), (9, 3, 2), ((5, 5), (2, 2), 1)])
def test_the_bounds_on_the_cross_terms(arguments):
    """Stretch by stretch: what falls from its beginning on, ‖m_{+−}‖²/θ up to its end."""
    grid = GaussianImages(*arguments)
    pairs, found = patch_pairs(grid), closeness(grid, PHI).cross
    g, top = np.linalg.eigvalsh(average_moment(pairs))[[0, -1]]
    c, h, theta = (top + g) / 2, (top - g) / 2, np.linspace(0, PHI, PARTS + 1)
    roots, narrow, product, square = np.array([quotients(t) for t in theta[1:]]).T / theta[1:]
    # At θ = 0: thin/θ → 1/π and ‖m_{++}‖‖m_{+−}‖/θ → 1/4π.
    first = (math.inf, 1 / math.pi, 1 / (4 * math.pi))
    roots0, narrow0, product0 = (np.append(f, v[:-1]) for f, v in zip(first, (roots, narrow, product), strict=True))
    share = sum(pairs.share) - 1 / grid.k
    by_pairs = 3 * share * narrow0 + pairs.apart * (2 * product0 + square)
    by_degree = (1 - c) * (2 * product0 + square) + h * (2 * roots0 + narrow0)
    assert found.upper == pytest.approx(np.minimum(by_pairs, by_degree).max(), rel=1e-9)
    mixed = np.maximum(0, (1 - c) * product - h * roots)
    assert found.lower == pytest.approx((2 * mixed + np.maximum(0, (1 - c) * square - h * narrow)).max(), rel=1e-9)


@pytest.mark.parametrize("arguments", [(7, 3, 1), (9, 4, 2), ((4, 5), (2, 3), 1), ((6, 5), (3, 2), (2, 1)), (6, 2, 2)])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_every_degree_lies_between_the_eigenvalues_of_the_first(arguments, degree):
    grid = GaussianImages(*arguments)
    pairs, p = patch_pairs(grid), grid.dim
    total = np.zeros((p**degree, p**degree))
    for o, share in enumerate(pairs.share):
        move = np.zeros((p, p + 1))
        move[np.arange(p), pairs.moved[o]] = 1
        total += share * functools.reduce(np.kron, [move[:, :p]] * degree)
    first, values = np.linalg.eigvalsh(average_moment(pairs)), np.linalg.eigvalsh(total)
    assert first[0] - 1e-14 <= values[0]
    assert values[-1] <= first[-1] + 1e-14


@pytest.mark.parametrize("arguments", [(9, 3, 1), (12, 4, 2), ((5, 5), (2, 2), 1), (12, 4, 4)])
def test_the_average_patch(arguments):
    """E[Z_avg Z_avgᵀ] of pixels: (1/k²) times how often two entries of the filter see the same pixel."""
    grid = GaussianImages(*arguments)
    pixels = math.prod(grid.shape)
    numbered = np.arange(pixels).reshape(1, *grid.shape)
    average = np.zeros((grid.dim, pixels))
    for patch in patches(numbered, grid.filter_size, grid.stride)[0].reshape(grid.k, grid.dim):
        average[np.arange(grid.dim), patch] += 1 / grid.k
    np.testing.assert_allclose(average_moment(patch_pairs(grid)), average @ average.T, rtol=0, atol=1e-15)


@pytest.mark.parametrize("arguments", [(9, 3, 1), (9, 3, 2), ((5, 5), (2, 2), 1), (20, 5, 1)])
def test_samples_lie_within(arguments):
    """In random directions of w and w*: an entry of a moment is a mean of n numbers of size 1, a norm of p of them."""
    grid, n, rng = GaussianImages(*arguments), 40_000, np.random.default_rng(0)
    found, z = closeness(grid, PHI), grid.sample(n, rng=rng)
    noise = 3 * grid.dim / math.sqrt(n)
    for theta in (0.2, 0.5, PHI):
        w_star, e = np.linalg.qr(rng.standard_normal((grid.dim, 2)))[0].T
        active, taught = z @ (math.cos(theta) * w_star + math.sin(theta) * e) >= 0, z @ w_star >= 0
        u = [(z * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)]
        values = np.linalg.eigvalsh(u[0].T @ u[0] / n)
        assert found.gamma.lower - noise <= values[0]
        assert values[-1] <= found.L.upper + noise
        assert np.linalg.eigvalsh(u[1].T @ u[1] / n)[-1] <= theta * found.beta.upper + noise / 10
        cross = sum(np.linalg.norm(u[i].T @ u[j] / n, 2) for i, j in ((0, 1), (0, 2), (1, 2)))
        assert cross <= theta * found.cross.upper + noise / 3
    assert values[0] <= found.gamma.upper + noise


def test_overlap_leaves_no_guarantee_near_a_right_angle():
    """γ' < 0 whatever the constants in the brackets: that these patches are not covered is certain."""
    for arguments in ((30, 5, 1), (30, 5, 2), (30, 5, 5), ((12, 12), (3, 3), 1), ((28, 28), (5, 5), 1)):
        assert closeness(GaussianImages(*arguments), PHI).best.margin < 0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((5, 1, 1), {}, "dim is 1"),
        ((5, 2, 1), {"weights": [1.0]}, "options is"),
        ((5, 2, 1), {"teacher": [1.0, 0.0, 0.0]}, "teacher is an array of shape"),
        ((5, 2, 1), {"teacher": [0.0, 0.0]}, "teacher"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(BadInput, match=message):
        closeness(GaussianImages(*arguments), PHI, **options)


def test_bad_angle():
    with pytest.raises(BadInput, match=r"angle is 1\.6"):
        closeness(GaussianImages(5, 2, 1), 1.6)
