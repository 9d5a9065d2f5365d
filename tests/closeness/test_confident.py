"""Limits of the constants at a stated confidence: against the exact ones, and each of their parts by its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theory.checks import BadInput
from theory.closeness import closeness, confident, estimated, margin_of
from theory.distributions import AngularMixture, Atoms, ClosePatches

NAMES = ("gamma", "L", "cross", "beta")


@pytest.mark.parametrize(("k", "spread", "rho"), [(4, 0.5, 0.2), (3, 1.0, 1.2), (1, 0.4, 0.3), (2, 0.6, 2.8)])
def test_the_exact_constants_lie_within(k, spread, rho):
    law, least = ClosePatches(2, k, spread, rho), 0.1
    found, mu = estimated(law, 0.9, n=20_000, rng=np.random.default_rng(0), least_angle=least)
    exact = closeness(law, 0.9)
    assert found.gamma.lower <= exact.gamma <= found.gamma.upper
    assert found.L.lower <= exact.L <= found.L.upper
    # From 0.1 on the suprema are those over all θ where they are not attained before.
    assert found.cross.lower <= exact.cross
    assert found.beta.lower <= exact.beta
    assert mu.lower <= margin_of(law, 0.9)
    assert (found.confidence, found.least_angle, found.angle) == (0.9999, least, 0.9)


def test_the_suprema_from_the_least_angle_on():
    law, least = ClosePatches(2, 4, 0.5, 0.4), 0.3
    theta = np.linspace(least, 0.9, 400)
    from theory.closeness.exact import spectra
    from theory.distributions import plane_moments

    moments = plane_moments(law, theta).of(4)
    _, _, cross, only = spectra(moments, moments)
    found, _ = estimated(law, 0.9, n=40_000, rng=np.random.default_rng(1), least_angle=least)
    assert found.cross.lower <= (cross / theta).max() <= found.cross.upper
    assert found.beta.lower <= (only / theta).max() <= found.beta.upper


def test_in_more_dimensions_against_a_plain_sample():
    """γ(φ) and L(φ) of p = 5 from as many other samples at five angles: within their limits and the sample's error."""
    law, n = ClosePatches(5, 3, None, 0.4, AngularMixture(5, 0.8, [0.0, 0.0, 2.0, 0.0, 0.0])), 60_000
    found, _ = estimated(law, 0.9, n=n, rng=np.random.default_rng(2))
    z = law.sample(n, rng=np.random.default_rng(3))
    w_star, e = np.eye(5)[2], np.eye(5)[4]
    smallest, largest, pieces = [], [], []
    for theta in np.linspace(0.06, 0.9, 5):
        active, taught = z @ (math.cos(theta) * w_star + math.sin(theta) * e) >= 0, z @ w_star >= 0
        u = [(z * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)]
        values = np.linalg.eigvalsh(u[0].T @ u[0] / n)
        smallest.append(values[0])
        largest.append(values[-1])
        pieces.append(sum(np.linalg.norm(u[i].T @ u[j] / n, 2) for i, j in ((0, 1), (0, 2), (1, 2))) / theta)
    noise = 5 / math.sqrt(n)  # an entry is a mean of n numbers in a range of 1; five of them in a row
    assert found.gamma.lower - noise <= min(smallest) <= found.gamma.upper + noise
    assert found.L.lower - noise <= max(largest) <= found.L.upper + noise
    assert max(pieces) <= found.cross.upper + noise / 0.06


def test_more_samples_close_the_brackets():
    law, width = ClosePatches(3, 2, 0.5, 0.2), []
    for n in (2000, 32_000):
        found, _ = estimated(law, 0.9, n=n, rng=np.random.default_rng(4))
        width.append(found.L.upper - found.L.lower)
    # 1/√16, and what falls like 1/n and what lies between two angles besides.
    assert 1 / 16 < width[1] / width[0] < 1 / 3


def test_the_same_whatever_the_block(monkeypatch):
    law = ClosePatches(3, 2, 0.5, 0.2)
    whole = confident._Sums(np.linspace(0, 0.9, 33))
    parts = confident._Sums(np.linspace(0, 0.9, 33))
    z = law.sample(500, rng=np.random.default_rng(0))
    whole.add(z)
    parts.add(z[:200])
    parts.add(z[200:])
    for name in ("product", "square", "changes", "bands"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=0, atol=1e-12)
    assert parts.n == whole.n == 500


def test_sums_at_the_angles_are_those_of_the_regions_there():
    """Slow twin: at every angle of the grid, u from its definition."""
    law, angles = ClosePatches(4, 3, 0.7, 0.9), np.linspace(0, 1.2, 7)
    z = law.sample(200, rng=np.random.default_rng(6))
    sums = confident._Sums(angles)
    sums.add(z)
    product, square = np.cumsum(sums.product, axis=0), np.cumsum(sums.square, axis=0)
    taught = z[:, :, 0] >= 0
    for j, theta in enumerate(angles):
        active = math.cos(theta) * z[:, :, 0] + math.sin(theta) * z[:, :, 1] >= 0
        u = np.stack(
            [(z * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)], axis=1
        )
        plane = u[:, :, :2].reshape(200, 6)
        expected = [plane[:, a] * plane[:, b] for a in range(6) for b in range(a, 6)]
        expected += [np.sum(u[:, a, 2:] * u[:, b, 2:], axis=1) for a in range(3) for b in range(a, 3)]
        # Sums of 200 numbers of at most 1, added and taken away in another order.
        np.testing.assert_allclose(product[j], np.sum(expected, axis=1), rtol=0, atol=1e-12)
        np.testing.assert_allclose(square[j], np.sum(np.square(expected), axis=1), rtol=0, atol=1e-12)


def test_the_matrices_are_those_of_all_dimensions():
    """Slow twin in p = 4: with its images under the symmetries of a square about w and w* a sample has the symmetry."""
    z, theta = ClosePatches(4, 3, 0.7, 0.9).sample(300, rng=np.random.default_rng(8)), 0.7
    turns = [np.eye(4), np.diag([1.0, 1, -1, 1]), np.diag([1.0, 1, 1, -1]), np.diag([1.0, 1, -1, -1])]
    z = np.concatenate([z[..., order] @ turn for turn in turns for order in ([0, 1, 2, 3], [0, 1, 3, 2])])
    sums = confident._Sums(np.array([0.0, theta]))
    sums.add(z)
    mean = np.cumsum(sums.product, axis=0) / len(z)
    low, high = confident._four(mean, np.zeros_like(mean), 4)
    active, taught = math.cos(theta) * z[:, :, 0] + math.sin(theta) * z[:, :, 1] >= 0, z[:, :, 0] >= 0
    u = [(z * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)]
    a = [[x.T @ y / len(z) for y in u] for x in u]
    values = np.linalg.eigvalsh(a[0][0])
    cross = sum(np.linalg.norm(a[i][j], 2) for i, j in ((0, 1), (0, 2), (1, 2)))
    expected = [-values[0], values[-1], cross, np.linalg.eigvalsh(a[1][1])[-1]]
    np.testing.assert_allclose(low[1], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(high[1], expected, rtol=0, atol=1e-12)


def test_the_radius_of_a_matrix_is_that_of_its_entries():
    """√Σ r² of the 2 × 2 block of a pair of regions, or what the p − 2 others share, whichever reaches farther."""
    radius = np.full((1, confident.ENTRIES), 0.01)
    low, high = confident._four(np.zeros_like(radius), radius, 5)
    np.testing.assert_allclose(high[0], [0.02, 0.02, 0.06, 0.02], rtol=1e-12)
    # Of zero matrices the rest is known better: 0.01/3 either way.
    np.testing.assert_allclose(low[0], [-0.01 / 3, -0.01 / 3, -0.01, -0.01 / 3], rtol=1e-12)


def test_between_two_angles_every_constant_may_change_by_the_share_that_goes_over():
    sums = confident._Sums(np.array([0.0, 0.6]))
    sums.n, sums.changes = 10**12, np.array([0.0, 0.25e12])  # so many that the limits of a mean are next to nothing
    found = confident._brackets(sums, 2, 0.2, 0.9999)
    # From 0.2 on: the share itself, three times for the cross norms.
    assert found.L.upper == pytest.approx(0.25, rel=1e-4)
    assert found.cross.upper == pytest.approx(3 * 0.25 / 0.2, rel=1e-4)
    assert found.beta.upper == pytest.approx(0.25 / 0.2, rel=1e-4)


def test_what_goes_over_is_counted():
    """The share of the three patches that w meets or leaves between two angles, and of the first within the band."""
    angles = np.linspace(0, 1.2, 7)
    z = ClosePatches(4, 3, 0.7, 0.9).sample(200, rng=np.random.default_rng(6))
    sums = confident._Sums(angles)
    sums.add(z)
    seen = [math.cos(theta) * z[:, :, 0] + math.sin(theta) * z[:, :, 1] >= 0 for theta in angles]
    changed = [np.sum(a != b) / 3 for a, b in zip(seen[1:], seen[:-1], strict=True)]
    np.testing.assert_allclose(sums.changes, [0.0, *changed], rtol=1e-12)
    np.testing.assert_array_equal(np.cumsum(sums.bands), [np.sum(abs(z[:, 0, 0]) <= math.sin(t)) for t in angles])


def test_the_limits_share_what_the_confidence_leaves():
    """Of 27 means, a change and a band at each of 1,025 angles each has its part of δ, on both sides: ln(2·2/δ)."""
    assert confident._log_term(0.999) == pytest.approx(math.log(4 * 29 * 1025 / 0.001), rel=1e-12)


def test_the_limits_of_a_mean():
    """Maurer and Pontil's, of 1,000 fair coins at δ = 0.01: √(2 V ln(4/δ)/n) + 7 ln(4/δ)/(3 (n−1)), V the variance."""
    log, n = math.log(4 / 0.01), 1000
    variance = 0.25 * n / (n - 1)
    expected = math.sqrt(2 * variance * log / n) + 7 * log / (3 * (n - 1))
    assert float(confident._bernstein(np.array(0.25), n, log)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"law": ClosePatches(2, 2, None, 0.1, Atoms(np.eye(2)))}, "centres with an axis of symmetry"),
        ({"law": "close"}, "law is str; it must be close patches"),
        ({"angle": 2.0}, "angle is 2.0"),
        ({"n": 1}, "n is 1; it must be at least 2"),
        ({"confidence": 1.0}, "confidence is 1.0; it must be between 0 and 1"),
        ({"least_angle": 0.9}, "least_angle is 0.9; it must be below the angle 0.9"),
        ({"least_angle": 0.0}, "least_angle is 0.0; it must be greater than 0"),
    ],
)
def test_bad_input(options, message):
    given = {"law": ClosePatches(2, 2, 0.5, 0.1), "angle": 0.9, "n": 100, "rng": np.random.default_rng(0), **options}
    with pytest.raises(BadInput, match=message):
        estimated(given.pop("law"), given.pop("angle"), **given)
