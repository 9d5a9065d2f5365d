"""What must not matter, or matter in a known way: rotations, scale, order of the samples, batching, shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.distributions import AngularMixture, Gaussian, UniformSphere, Watson
from theory.objectives import PopulationLoss, SampleLoss

EPS = np.finfo(float).eps
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=25, deadline=None, derandomize=True)


def rotation(dim: int, rng) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((dim, dim)))[0]


def draw(seed: int, dim: int):
    """A random stream, a rotation, a teacher of norm between ½ and 2, and four w."""
    rng = np.random.default_rng(seed)
    w_star = rng.standard_normal(dim)
    w_star *= rng.uniform(0.5, 2.0) / np.linalg.norm(w_star)
    return rng, rotation(dim, rng), w_star, rng.standard_normal((dim, 4))


def close(found, expected, size: float, terms: float) -> None:
    """Equal up to ``terms`` roundings of numbers of this size."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=terms * EPS * size)


@pytest.mark.parametrize("law", [Gaussian(3), UniformSphere(4)], ids=["gaussian", "sphere"])
@FEW
@given(seed=SEEDS)
def test_isotropic_laws_turn_with_the_frame(law, seed):
    _, turn, w_star, w = draw(seed, law.dim)
    here, there = PopulationLoss(law, w_star), PopulationLoss(law, turn @ w_star)
    size = (2 + np.linalg.norm(w, axis=0).max()) ** 2
    # p roundings in the rotation, twice, and the reduction to the plane; slopes of the loss are below its size.
    close(there.value(turn @ w), here.value(w), size, 64)
    close(there.gradient(turn @ w), turn @ here.gradient(w), size, 64)


@pytest.mark.parametrize(
    "family", [lambda a: Watson(4, 3.0, a), lambda a: AngularMixture(4, 0.6, a)], ids=["watson", "mixture"]
)
@settings(FEW, max_examples=6)  # each makes a table of its own
@given(seed=SEEDS)
def test_a_law_turned_with_its_teacher_gives_the_same_loss(family, seed):
    _, turn, _, w = draw(seed, 4)
    w_star = 1.5 * np.eye(4)[0]
    here, there = PopulationLoss(family(None), w_star), PopulationLoss(family(turn[:, 0]), turn @ w_star)
    size = (2 + np.linalg.norm(w, axis=0).max()) ** 2
    close(there.value(turn @ w), here.value(w), size, 64)
    close(there.gradient(turn @ w), turn @ here.gradient(w), size, 64)


@FEW
@given(seed=SEEDS, k=st.integers(1, 3))
def test_a_sample_turned_with_its_teacher_gives_the_same_loss(seed, k):
    rng, turn, w_star, w = draw(seed, 3)
    z = rng.standard_normal((30, k, 3))
    here, there = SampleLoss(z, w_star), SampleLoss(z @ turn.T, turn @ w_star)
    size = np.abs(z).max() ** 2 * 3 * (2 + np.linalg.norm(w, axis=0).max()) ** 2
    # A product within its rounding of 0 may change sides: there the response is as small, but not the slope.
    clear = np.min(np.abs(z @ w), axis=(0, 1)) > 64 * EPS * size
    close(there.value(turn @ w), here.value(w), size, 64)
    close(there.gradient(turn @ w)[:, clear], (turn @ here.gradient(w))[:, clear], size, 64)


@pytest.mark.parametrize(
    "build",
    [
        lambda rng, w_star: PopulationLoss(Gaussian(3), w_star),
        lambda rng, w_star: PopulationLoss(
            Watson(3, 2.0, [1.0, 2.0, 2.0]), np.linalg.norm(w_star) * np.array([1.0, 2.0, 2.0])
        ),
        lambda rng, w_star: SampleLoss(rng.standard_normal((20, 2, 3)), w_star),
    ],
    ids=["gaussian", "watson", "sample"],
)
@FEW
@given(seed=SEEDS, c=st.floats(1e-3, 1e3))
def test_scaling_both_filters_scales_loss_and_gradient(build, seed, c):
    """ℓ(cw; cw*) = c² ℓ(w; w*) and ∇ℓ(cw; cw*) = c ∇ℓ(w; w*)."""
    _, _, w_star, w = draw(seed, 3)
    here = build(np.random.default_rng(seed), w_star)
    there = build(np.random.default_rng(seed), c * w_star)
    size = 20 * (2 + np.linalg.norm(w, axis=0).max()) ** 2
    close(there.value(c * w), c**2 * here.value(w), c**2 * size, 64)
    close(there.gradient(c * w), c * here.gradient(w), c * size, 64)


@FEW
@given(seed=SEEDS, k=st.integers(1, 3))
def test_the_order_of_samples_and_of_patches_does_not_matter(seed, k):
    rng, _, w_star, w = draw(seed, 3)
    z, weights = rng.standard_normal((30, k, 3)), rng.uniform(0.5, 1.5, 30)
    order, inner = rng.permutation(30), rng.permutation(k)
    here = SampleLoss(z, w_star, weights=weights)
    there = SampleLoss(z[order][:, inner], w_star, weights=weights[order])
    np.testing.assert_allclose(there.value(w), here.value(w), rtol=90 * EPS * 8)
    size = 45 * np.abs(z).max() ** 2 * 3 * np.linalg.norm(w, axis=0).max()
    close(there.gradient(w), here.gradient(w), size, 90)


LOSSES = {
    "gaussian": lambda: PopulationLoss(Gaussian(3), [0.0, 2.0, 0.0]),
    "mixture": lambda: PopulationLoss(AngularMixture(3, 0.4, [0.0, 2.0, 0.0]), [0.0, 2.0, 0.0]),
    "sample": lambda: SampleLoss(np.random.default_rng(0).standard_normal((20, 2, 3)), [0.0, 2.0, 0.0]),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_batch_is_a_loop(kind):
    loss, w = LOSSES[kind](), np.random.default_rng(4).standard_normal((3, 9))
    one_by_one = np.stack([loss.gradient(column) for column in w.T], axis=1)
    size = 20 * np.linalg.norm(w, axis=0).max() ** 2
    close(loss.gradient(w), one_by_one, size, 32)
    close(loss.value(w), np.array([float(loss.value(column)) for column in w.T]), size, 32)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 5), (3, 0)], ids=str)
def test_shapes_out_follow_shapes_in(kind, shape):
    w = np.random.default_rng(4).standard_normal(shape)
    loss = LOSSES[kind]()
    assert loss.gradient(w).shape == shape
    assert loss.value(w).shape == shape[1:]
    assert loss.gradient(w).dtype == np.float64
