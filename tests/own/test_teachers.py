"""The teacher: given, estimated, or drawn."""

import numpy as np
import pytest

from theory.checks import BadInput
from theory.own.teachers import ESTIMATED, GIVEN, RANDOM, curvature, estimated, find, relative_loss


def patches(seed, n=150, k=2, p=3):
    return np.random.default_rng(seed).standard_normal((n, k, p))


def answers(z, w):
    """f(w, Z), a patch at a time."""
    return np.array([sum(max(0.0, float(patch @ w)) for patch in sample) / len(sample) for sample in z])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [1, 3])
def test_labels_of_a_filter_give_it_back(seed, k):
    z, w = patches(seed, k=k), np.random.default_rng(seed + 100).standard_normal(3)
    found = find(z, None, answers(z, w), 1, rng=np.random.default_rng(0))[0]
    assert found.source == ESTIMATED
    assert found.realizable
    # Least squares on 150 rows of condition below 100: rounding times that.
    assert np.allclose(found.w, w, rtol=0, atol=1e-12 * np.linalg.norm(w))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_do_not_matter(scale):
    z, w = patches(1), np.array([1.0, -2.0, 0.5])
    y = answers(z, w)
    assert np.allclose(estimated(scale * z, y, rng=np.random.default_rng(0)) * scale, w, rtol=0, atol=1e-9)
    assert np.allclose(estimated(z, scale * y, rng=np.random.default_rng(0)) / scale, w, rtol=0, atol=1e-9)


def test_labels_of_no_filter_leave_a_residual():
    z, w = patches(2), np.array([1.0, -2.0, 0.5])
    y = answers(z, w) + 0.1 * np.random.default_rng(3).standard_normal(150)
    found = find(z, None, y, 1, rng=np.random.default_rng(0))[0]
    assert not found.realizable
    # No worse than the filter that the noise was added to.
    assert relative_loss(z, found.w, y) == found.residual <= relative_loss(z, w, y)


def test_float32_labels_count_as_those_of_a_filter():
    z, w = patches(4).astype(np.float32).astype(float), np.array([1.0, -2.0, 0.5])
    y = answers(z, w).astype(np.float32).astype(float)
    assert find(z, None, y, 1, rng=np.random.default_rng(0))[0].realizable


def test_given_and_drawn():
    z, w = patches(5), np.array([1.0, 2.0, 3.0])
    (given,) = find(z, w, None, 4, rng=np.random.default_rng(0))
    assert (given.source, given.residual, given.realizable) == (GIVEN, None, True)
    (both,) = find(z, w, answers(z, 2 * w), 4, rng=np.random.default_rng(0))
    assert both.residual == pytest.approx(0.25, rel=1e-12)
    assert not both.realizable
    drawn = find(z, None, None, 4, rng=np.random.default_rng(0))
    assert [each.source for each in drawn] == [RANDOM] * 4
    assert [np.linalg.norm(each.w) for each in drawn] == pytest.approx([1.0] * 4, rel=1e-15)


def test_the_curvature_bounds_every_second_derivative():
    z = patches(6, k=3)
    for w in np.random.default_rng(7).standard_normal((50, 3)):
        u = np.mean(z * (z @ w >= 0)[:, :, None], axis=1)
        assert np.linalg.eigvalsh(u.T @ u / len(z))[-1] <= curvature(z)
    positive = np.abs(z)  # all active at w = (1, 1, 1): attained
    u = positive.mean(axis=1)
    assert curvature(positive) == pytest.approx(np.linalg.eigvalsh(u.T @ u / len(z))[-1], rel=1e-12)


@pytest.mark.parametrize(
    ("y", "said"), [(0.0, "0 for every sample used"), (-1.0, "fitted by no filter better than by")]
)
def test_labels_refused(y, said):
    with pytest.raises(BadInput, match=f"labels is {said}"):
        find(patches(8), None, np.full(150, y), 1, rng=np.random.default_rng(0))
