"""Formulas of the check of one's own patches and of comparisons made wrong on purpose: each is caught by a check."""

import math

import numpy as np
import pytest
from planting import Plant, scaled, suite

from theory.closeness import band_bounds, margins, sample_margin
from theory.distributions import ClosePatches
from theory.own import coverage, descents, files, streamed, teachers
from theory.runs import compare as comparing

PHI, ACCURACY = 0.5, 0.05
W_STAR = np.array([1.0, 0.0])
CLOSE = ClosePatches(dim=2, k=3, spread=0.8, closeness=0.2).sample(200, rng=np.random.default_rng(1))
NEURON = np.random.default_rng(2).standard_normal((300, 1, 2))


def mu():
    """Four patches at 10°, 20°, 40° and 90° from the hyperplane: a quarter at 10°."""
    turned = np.radians([[80.0, 110.0, -50.0, 0.0]])
    z = np.stack([np.cos(turned), np.sin(turned)], axis=-1)
    found = sample_margin(z, math.radians(15), teacher=W_STAR)
    assert found.lower * (1 - 1e-12) <= 0.25 / math.radians(10) <= found.upper * (1 + 1e-12)
    later = sample_margin(z, math.radians(60), teacher=W_STAR, least_angle=math.radians(30))
    assert later.upper == pytest.approx(0.75 / math.radians(40), rel=1e-12)


def bands():
    """One patch of a pair, at 0.4636 from the hyperplane: R s − ¾ s² with R = 1, s = ½; on the other side, ¼ for β."""
    pair, angle = np.array([[[1.0, 0.0], [0.0, 1.0]]]), math.atan(0.5)
    assert band_bounds(pair, PHI, teacher=[2.0, 1.0]).cross * angle == pytest.approx(0.3125, rel=1e-12)
    assert band_bounds(pair, PHI, teacher=[2.0, -1.0]).beta * angle == pytest.approx(0.25, rel=1e-12)
    near = band_bounds(pair, 0.6, teacher=[2.0, -1.0], least_angle=PHI)
    assert (near.cross_near, near.beta_near) == (pytest.approx(0.3125 / PHI), pytest.approx(0.25 / PHI))


def search():
    """Below ε nothing is searched: there the constants of a filter come from the order of its angles."""
    z = np.array([[[0.01, 1.0], [0.01, -1.0]], [[1.0, 0.1], [1.0, -0.1]]])
    found, near = (
        coverage.constants(z, W_STAR, PHI, ACCURACY, 8),
        band_bounds(z, PHI, teacher=W_STAR, least_angle=ACCURACY),
    )
    assert near.cross_near > 0
    assert found.cross.upper >= near.cross_near


def formulas():
    """γ' = γ − 6 L_cross, Λ = L + 10 L_cross + 4β, η = γ'/2Λ², T, each with numbers of one's own."""
    known = [coverage.Bracket(value, value) for value in (0.3, 0.5, 0.1, 0.01, 0.2)]
    one = coverage.Constants(PHI, *known, 0.1, 0.05)
    assert one.margin == pytest.approx(0.24, rel=1e-12)
    assert one.lipschitz == pytest.approx(1.0, rel=1e-12)
    assert one.step == pytest.approx(0.12, rel=1e-12)
    assert one.contraction == pytest.approx(0.0144, rel=1e-12)
    assert coverage.steps_to(0.01, 1.0, 0.0144) == math.ceil(math.log(1e-4) / math.log(1 - 0.0144))
    close = coverage.theorems([one], (9, 3, 2), 2.0, 0.01, True)[1].figures
    assert close["L_cross at most"] == pytest.approx(2.4, rel=1e-12)
    assert coverage.wide(2) == pytest.approx(math.acos(0.25 / math.sqrt(math.pi)), rel=1e-12)


def promise():
    """The contraction of a prescribed run: kept as it is, broken where it is many times what is promised."""
    found = coverage.constants(NEURON, W_STAR, PHI, ACCURACY, 8)
    for factor, kept in ((1.0, True), (40.0, False)):
        loss, given = descents.SampleLoss(NEURON, W_STAR), {"limit": 400, "starts": 2, "rng": np.random.default_rng(0)}
        run = descents.prescribed(loss, PHI, found.step, factor * found.contraction, ACCURACY, **given)
        assert run.kept is kept
        assert run.distance["worst"][0] == pytest.approx(math.sin(PHI), rel=1e-8)


def bold_step():
    """1/λ with λ no less than any second derivative: at this one all patches are active, and it is attained."""
    z = np.abs(CLOSE)
    u = z.mean(axis=1)
    top = float(np.linalg.eigvalsh(u.T @ u / len(z))[-1])
    run = descents.bold(descents.SampleLoss(z, W_STAR), PHI, ACCURACY, limit=5, starts=2, rng=np.random.default_rng(0))
    assert run.step == pytest.approx(1 / top, rel=1e-12)


def residual():
    z, w = CLOSE, np.array([1.0, 0.5])
    y = np.maximum(z @ w, 0).mean(axis=1)
    assert teachers.relative_loss(z, 1.5 * w, y) == pytest.approx(0.25, rel=1e-12)
    assert np.allclose(teachers.find(z, None, y, 1, rng=np.random.default_rng(0))[0].w, w, rtol=0, atol=1e-9)


def sampling():
    rows = [files.drawn(100, 30, rng=np.random.default_rng(seed)) for seed in range(200)]
    assert all(np.unique(each).size == 30 for each in rows)
    # Each row comes 60 times of 200 on average, with a standard deviation of 6.5.
    counts = np.bincount(np.concatenate(rows), minlength=100)
    assert 27 < counts.min() < counts.max() < 93


def changes():
    claim = {"key": "a.b", "version": 1, "verdict": "HOLDS", "control": {"refuted": True}, "errors": [], "slack": 0.5}
    instance = {"parameters": {"n": 1}, "control": "", "form": "", "verdict": "HOLDS"}
    claim |= {"instances": [instance]}
    saved = comparing.Saved({"a.b": claim}, {})
    for change in ({"verdict": "VIOLATED"}, {"control": {"refuted": False}}, {"instances": []}):
        assert comparing.compare(saved, [claim | change], {}).worse
    lost = [instance | {"verdict": "INCONCLUSIVE"}]
    assert comparing.compare(saved, [claim | {"instances": lost}], {}).worse
    assert [each.what for each in comparing.compare(saved, [claim | {"slack": 0.51}], {}).changes] == ["slack"]
    assert not comparing.compare(saved, [claim | {"slack": 0.5 + 1e-12}], {}).changes


def counted():
    """A whole file by one pass: λ_max of the far side, μ, and what every w within φ sees, of points known by hand."""
    turned = np.radians([[89.0], [110.0], [-95.0], [20.0], [-20.0]])
    z = np.stack([np.cos(turned), np.sin(turned)], axis=-1)
    ((found,),) = streamed.streamed([z[:2], z[2:]], [W_STAR], [math.radians(60)], math.radians(2), 0.0)
    assert 0.2 / math.radians(2) <= found.mu.upper * (1 + 1e-12)
    # At 5° two of five are in the band; the far side has one of five of norm 1 there.
    assert 0.2 / math.radians(5) <= found.beta.upper <= 0.2 / math.radians(5) * 1.011
    # Within 30° of w* are those at ±20°: λ_min = 2 sin² 20°/5; of all with w*·z ≥ 0, λ_max adds that at 89°.
    assert found.gamma.lower == pytest.approx(0.4 * math.sin(math.radians(20)) ** 2, rel=1e-9)
    taught = z[[0, 3, 4], 0]
    assert found.L.upper == pytest.approx(float(np.linalg.eigvalsh(taught.T @ taught / 5)[-1]), rel=1e-9)


CHECKS = {
    check.__name__: check
    for check in (mu, bands, search, formulas, promise, bold_step, residual, sampling, changes, counted)
}


def no_order(angles, steps, phi, least):
    """All that comes in at once, over φ."""
    return float(np.sum(steps[angles <= phi])) / phi


def from_zero(angles, steps, phi, least, real=margins._supremum):
    return real(angles, steps, phi, 0.0)


def without_square(reach):
    return lambda b: reach * np.minimum(b, 2 * reach / 3) - np.minimum(b, 2 * reach / 3) ** 2


def only_searched(searched, over, near):
    return coverage.Bracket(searched.lower, min(over, searched.upper))


def unsquared(accuracy, distance, contraction):
    return float(math.ceil(math.log(distance / accuracy) / -math.log1p(-contraction)))


def believed(run, contraction):
    return True, 1.0


def without_residual(z, w, labels):
    return 0.0


def first_rows(n, most, *, rng):
    return slice(0, min(n, most)) if n <= most else np.arange(most)


def no_instances(before, now):
    return iter(())


def edge_for_edge(self, inside, phi):
    """Divided by the upper end of its stretch."""
    return float(np.max(np.where(self.edges <= phi, inside[:-1] / self.n / self.edges, 0.0)))


def first_block(blocks, *others, real=streamed.streamed):
    return real([next(iter(blocks))], *others)


def factor(name, by):
    """A property of the constants multiplied."""
    honest = getattr(coverage.Constants, name).fget
    return property(lambda found: by * honest(found))


PLANTS = {
    "μ as the share at φ": Plant(margins, "_supremum", no_order, ["mu"]),
    "μ from 0 on": Plant(margins, "_supremum", from_zero, ["mu", "bands"]),
    "b₁b₂ ≤ 0": Plant(margins, "_cross_of", without_square, ["bands"]),
    "angles 2 % too large": Plant(
        margins, "_elevations", lambda s, real=margins._elevations: tuple(1.02 * e for e in real(s)), ["mu", "bands"]
    ),
    "nothing below ε": Plant(coverage, "_tightened", only_searched, ["search"]),
    "γ' 2 % too large": Plant(coverage.Constants, "margin", factor("margin", 1.02), ["formulas"]),
    "Λ 2 % too small": Plant(coverage.Constants, "lipschitz", factor("lipschitz", 0.98), ["formulas"]),
    "the step doubled, as the proof has it": Plant(coverage.Constants, "step", factor("step", 2.0), ["formulas"]),
    "ηγ' for half of it": Plant(coverage.Constants, "contraction", factor("contraction", 2.0), ["formulas"]),
    "the distance for its square": Plant(coverage, "steps_to", unsquared, ["formulas"]),
    "patches taken for unit ones": Plant(
        coverage, "_close", lambda found, k, reach, real=coverage._close: real(found, k, 1.0), ["formulas"]
    ),
    "the angle of the largest radius": Plant(
        coverage, "wide", lambda p: math.acos(1 / math.sqrt(2 * math.pi * p)), ["formulas"]
    ),
    "a promise taken on trust": Plant(descents, "_promise", believed, ["promise"]),
    "starts 2 % too near": Plant(descents, "INSIDE", 0.98, ["promise"]),
    "λ 2 % too small": Plant(descents, "curvature", scaled(descents.curvature, 0.98), ["bold_step"]),
    "labels fitted by anything": Plant(teachers, "relative_loss", without_residual, ["residual"]),
    "a polish that misses by 2 %": Plant(teachers, "_polished", lambda z, w, labels: 1.02 * w, ["residual"]),
    "the first rows for a sample": Plant(files, "drawn", first_rows, ["sampling"]),
    "counts over the wrong edge": Plant(streamed.Streamed, "_supremum", edge_for_edge, ["counted"]),
    "one block for all": Plant(streamed, "streamed", first_block, ["counted"]),
    "instances not compared": Plant(comparing, "_instances", no_instances, ["changes"]),
    "slacks not compared": Plant(comparing, "_same", lambda one, other: True, ["changes"]),
    "slacks to the last bit": Plant(comparing, "CLOSE", 0.0, ["changes"]),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
