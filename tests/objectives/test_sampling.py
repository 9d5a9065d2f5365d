"""Stochastic gradients: a slow twin, unbiasedness, what a stretch holds, and the callers' mistakes."""

from __future__ import annotations

import math

import array_api_strict
import numpy as np
import pytest

from theory.checks import BadInput
from theory.distributions import AngularMixture, Gaussian, GaussianImages, ImagePatches, UniformSphere
from theory.objectives import FixedSample, FreshSamples, PopulationLoss, SampleLoss
from theory.objectives.sampling import LONGEST, STRETCH, filter_gradient

EPS = np.finfo(float).eps
LAWS = [Gaussian(4), UniformSphere(3), AngularMixture(3, 0.5), GaussianImages(8, 3, 1), GaussianImages((5, 5), 3, 2)]
laws = pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.label}-{law.dim}")


def streams(n: int, seed: int = 0):
    return [np.random.Generator(np.random.Philox(s)) for s in np.random.SeedSequence(seed).spawn(n)]


def teacher(dim: int):
    """Along the axis that a law has if none is given."""
    return 1.5 * np.eye(1, dim)[0]


def gradients(sampler, w, batch: int, count: int):
    """So many independent stochastic gradients at w, (p, count): fresh ones from all steps of a stretch."""
    places = sampler.stretch(batch) if isinstance(sampler, FreshSamples) else 1
    runs = -(-count // places)
    drawn, same = sampler.draw(streams(runs), batch), np.tile(w[:, None], runs)
    parts = [slice(place * batch, (place + 1) * batch) for place in range(places)]
    return np.concatenate([sampler.gradient(same, drawn, np.arange(runs), part) for part in parts], axis=1)


def within_its_error(found, truth) -> None:
    """Five standard errors: at most a chance of 1e-5 for the few means of a test, and the seeds are fixed."""
    error = found.std(axis=1) / math.sqrt(found.shape[1])
    assert np.all(np.abs(found.mean(axis=1) - truth) <= 5 * error)
    assert 0 < error.max() < 0.1


# ----------------------------------------------------------------------------------------------------- the gradient


@pytest.mark.parametrize("shape", [(4, 1, 1, 3), (3, 5, 1, 2), (2, 3, 4, 3), (1, 1, 1, 1)], ids=str)
@pytest.mark.parametrize("noisy", [False, True])
def test_equals_a_slow_twin(shape, noisy):
    rng = np.random.default_rng(0)
    runs, batch, k, p = shape
    z, w, w_star = rng.standard_normal(shape), rng.standard_normal((p, runs)), rng.standard_normal(p)
    noise = rng.standard_normal((runs, batch)) if noisy else None
    found = filter_gradient(w, z, w_star, noise)
    for run in range(runs):
        expected = np.zeros(p)
        for b in range(batch):
            label = np.maximum(z[run, b] @ w_star, 0).mean() + (noise[run, b] if noisy else 0)
            residual = np.maximum(z[run, b] @ w[:, run], 0).mean() - label
            expected += residual * sum(x for x in z[run, b] if x @ w[:, run] >= 0) / (batch * k)
        # A dozen products of numbers of order one a term.
        np.testing.assert_allclose(found[:, run], expected, rtol=0, atol=64 * EPS * np.abs(z).max() ** 2)


def test_the_derivative_at_zero_is_one():
    z = np.random.default_rng(0).standard_normal((1, 4, 3, 2))
    expected = SampleLoss(z[0], np.ones(2)).gradient(np.zeros(2))
    np.testing.assert_allclose(filter_gradient(np.zeros((2, 1)), z, np.ones(2))[:, 0], expected, rtol=0, atol=32 * EPS)


@laws
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_fresh_samples_are_unbiased(law, batch, noise):
    w_star, w = teacher(law.dim), np.random.default_rng(1).standard_normal(law.dim)
    found = gradients(FreshSamples(law, w_star, noise=noise), w, batch, 8000)
    within_its_error(found, PopulationLoss(law, w_star).gradient(w))


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_minibatches_of_a_sample_are_unbiased(replace, noise):
    rng = np.random.default_rng(2)
    z, w = rng.standard_normal((20, 3, 4)), rng.standard_normal(4)
    found = gradients(FixedSample(z, teacher(4), replace=replace, noise=noise), w, 6, 8000)
    within_its_error(found, SampleLoss(z, teacher(4)).gradient(w))


@laws
def test_a_larger_batch_has_less_variance(law):
    """Var g = Var g₁ / B."""
    w = np.random.default_rng(1).standard_normal(law.dim)
    one, many = (gradients(FreshSamples(law, teacher(law.dim)), w, batch, 8000) for batch in (1, 16))
    ratio = one.var(axis=1).sum() / many.var(axis=1).sum()
    # The variance of a variance is (kurtosis − 1)/n; 4th moments of these gradients are below 60 variances squared.
    assert ratio == pytest.approx(16, rel=5 * math.sqrt(2 * 60 / 8000))


def test_noise_adds_its_variance_along_the_active_patch():
    """For one neuron of unit norm: E‖g − g₀‖² = σ² P(w·z ≥ 0) = σ²/2."""
    law, w = UniformSphere(3), np.array([0.3, 0.4, -0.2])
    quiet, noisy = (gradients(FreshSamples(law, teacher(3), noise=noise), w, 1, 20_000) for noise in (0, 0.7))
    square, n = np.sum((noisy - quiet) ** 2, axis=0), quiet.shape[1]
    # The same patches in both: what differs is the noise alone.
    assert np.count_nonzero(square) == np.count_nonzero(quiet.any(axis=0))
    assert square.mean() == pytest.approx(0.7**2 / 2, abs=5 * square.std() / math.sqrt(n))


# -------------------------------------------------------------------------------------------------------- stretches


@laws
@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_what_a_stretch_holds(law, batch):
    sampler = FreshSamples(law, teacher(law.dim))
    patches, noise = sampler.draw(streams(2), batch)
    assert noise is None
    assert patches.shape == (2, sampler.stretch(batch) * batch, getattr(law, "k", 1), law.dim)
    assert patches[0].size == sampler.numbers(batch) <= max(STRETCH, batch * patches[0, 0].size)
    assert 1 <= sampler.stretch(batch) <= LONGEST


@pytest.mark.parametrize("batch", [1, 3, 4, 10])
def test_without_replacement_each_sample_comes_once(batch):
    sampler = FixedSample(np.eye(10), teacher(10), replace=False)
    order, _ = sampler.draw(streams(5), batch)
    assert sampler.stretch(batch) == math.ceil(10 / batch)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(10), (5, 1)))
    assert len({tuple(row) for row in order}) == 5


def test_with_replacement_samples_are_independent():
    order, _ = FixedSample(np.eye(10), teacher(10)).draw(streams(200), 50)
    counts = np.bincount(order.ravel(), minlength=10)
    # Binomial, five standard deviations.
    assert np.all(np.abs(counts - order.size / 10) <= 5 * math.sqrt(order.size * 0.09))


def test_what_a_run_draws_is_its_own():
    law = AngularMixture(3, 0.5)
    for sampler in (FreshSamples(law, teacher(3), noise=0.1), FixedSample(np.eye(3), teacher(3), noise=0.1)):
        few, many = sampler.draw(streams(2), 3), sampler.draw(streams(9), 3)
        for here, there in zip(few, many, strict=True):
            np.testing.assert_array_equal(here, there[:2])


def test_image_patches_are_cut_when_needed():
    images = np.random.default_rng(3).standard_normal((12, 7, 7))
    lazy, w = ImagePatches(images, 3, 2), np.random.default_rng(4).standard_normal(9)
    here = FixedSample(lazy, teacher(9))
    there = FixedSample(lazy.take(np.arange(12)), teacher(9))
    np.testing.assert_array_equal(gradients(here, w, 5, 6), gradients(there, w, 5, 6))
    assert here.numbers(5) == max(here.stretch(5) * 5, 5 * 9 * 9)


@pytest.mark.parametrize("kind", ["fresh", "fixed"])
def test_any_array_library(kind):
    xp, z = array_api_strict, np.random.default_rng(5).standard_normal((12, 4, 3))
    rows, part = np.array([0, 2]), slice(2, 4)
    w = np.random.default_rng(6).standard_normal((3, 2))

    def found(xp):
        star = xp.asarray(teacher(3))
        law = GaussianImages(6, 3, 1)
        sampler = FreshSamples(law, star, noise=1) if kind == "fresh" else FixedSample(xp.asarray(z), star, noise=1)
        return sampler.gradient(xp.asarray(w), sampler.draw(streams(3), 2), rows, part)

    np.testing.assert_array_equal(np.asarray(found(xp)), found(np))


# -------------------------------------------------------------------------------------------------------- bad input

REFUSED = {
    "teacher of another length": (lambda: FreshSamples(Gaussian(3), teacher(2)), r"teacher is .* of shape \(3,\)"),
    "zero teacher": (lambda: FreshSamples(Gaussian(3), np.zeros(3)), "teacher is the zero vector"),
    "negative noise": (lambda: FreshSamples(Gaussian(3), teacher(3), noise=-1), "noise is -1.0; .* greater than 0"),
    "NaN noise": (lambda: FixedSample(np.eye(3), teacher(3), noise=math.nan), "noise is NaN"),
    "teacher of another length than the patches": (lambda: FixedSample(np.eye(3), teacher(2)), r"of shape \(3,\)"),
    "NaN patches": (lambda: FixedSample(np.eye(3) * np.nan, teacher(3)), "patches is an array with NaN"),
    "patches of one dimension": (lambda: FixedSample(np.ones(3), teacher(3)), r"patches is .* shape \(3,\)"),
    "no patches": (lambda: FixedSample(np.ones((2, 0, 3)), teacher(3)), "number of patches is 0"),
    "no samples": (lambda: FixedSample(np.ones((0, 3)), teacher(3)), "number of samples is 0"),
    "more than there are": (
        lambda: FixedSample(np.eye(3), teacher(3), replace=False).stretch(4),
        "batch is 4; it must be at most 3, the size of the sample, or replace=True",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    call, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
