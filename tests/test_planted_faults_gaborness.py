"""Faults in the fit of Gabor filters, in the known kernels and in the claim on both: each makes a check turn red."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from planting import Plant, scaled, suite
from scipy.stats import binom, norm

from theory import problems
from theory.claims import confidence, verdict
from theory.claims.claim import Cell, Finding, Relation, Setting
from theory.claims.gabor2017 import gaborness
from theory.claims.verdict import judge
from theory.objectives import gabor
from theory.objectives.gabor import GaborFilter, kernels, search
from theory.problems import pictures

# The package's functions of these names hide their modules.
fit = sys.modules["theory.objectives.gabor.fit"]
known = sys.modules["theory.problems.known_kernels"]


def rng(seed=0):
    return np.random.default_rng(seed)


def unit(kind, n, size, **more):
    k = problems.known_kernels(kind, n, size, rng=rng(), **more).reshape(n, -1).T
    return k / np.linalg.norm(k, axis=0)


WHITE = unit("white", 20, 7)
GABORS = rng(5).uniform([0, math.log(3), 0.1, -0.6], [3, math.log(8), 1.2, 0.3], (20, 4)).T


# ------------------------------------------------------------------------------------------------------------- checks


def recovered() -> None:
    """A Gabor filter's own parameters come out again."""
    truth = GaborFilter(theta=2.5, wavelength=5.0, sigma=2.5, gamma=0.7, psi=-2.0, amplitude=3.0, size=9)
    found = fit.fit(truth.kernel().reshape(9, 9))
    np.testing.assert_allclose(found.parameters[:, 0], truth.parameters, rtol=1e-4)
    assert found.r2[0] == pytest.approx(1, abs=1e-9)
    turned = np.array([[2.5 + math.pi, 5.0, 2.5, 0.7, 2.0, 3.0]]).T
    np.testing.assert_allclose(fit._canonical(turned)[:, 0], truth.parameters, rtol=1e-12)


def projected() -> None:
    """What is left is what least squares leave, and the parameters make it."""
    made = fit.gabors(7)
    at = search._project(made, GABORS, WHITE)
    for n in range(20):
        columns = np.stack([column[:, n] for column in at.columns], axis=1)
        rest = np.linalg.lstsq(columns, WHITE[:, n])[1]
        assert at.rest[n] == pytest.approx(float(rest[0]), rel=1e-8)
    np.testing.assert_allclose(kernels(at.parameters, 7), WHITE - at.residual, rtol=0, atol=1e-10)


def slopes() -> None:
    """The gradient of what is left, by central differences."""
    made, h = fit.gabors(7), 1e-6
    at = search._project(made, GABORS, WHITE)
    gradient = -2 * np.einsum("dpn,pn->dn", search._slopes(made, at), at.residual)
    for d in range(4):
        step = h * np.eye(4)[:, d : d + 1]
        up, down = (search._project(made, GABORS + sign * step, WHITE).rest for sign in (1, -1))
        # Rounding of a difference of 1e-16 over 2h, and h² of the third derivative.
        np.testing.assert_allclose(gradient[d], (up - down) / (2 * h), rtol=0, atol=1e-8)


def quick() -> None:
    """From a start nearby every run settles at the true filter: with wrong slopes, or walls, it does not."""
    made = fit.gabors(7)
    k = kernels(made.parameters(GABORS), 7)
    _, rest = search._descend(made, GABORS + 0.05, k / np.linalg.norm(k, axis=0))
    assert rest.max() < 1e-6


def polished() -> None:
    """SciPy alone comes from a start nearby to the true filter."""
    made = fit.gabors(7)
    for u in GABORS[:, :3].T:
        k = kernels(made.parameters(u[:, None]), 7)[:, 0]
        _, rest, _ = fit._least_squares(u + 0.05, np.array([0.1, 1.1]), k, made)
        assert rest < 1e-7


def table() -> None:
    """The largest of 1,000 is a little below the largest of 10,000."""
    assert fit.THRESHOLDS[3] - 0.01 < fit.largest_of_noise(3, rng=rng(3), n=1000) <= fit.THRESHOLDS[3]


def meaning() -> None:
    """More hits than this are seen once in 10⁴ times, if the chance is a thousandth."""
    r2 = 1 - search.search(fit.gabors(5), unit("white", 600, 5), 4).rest
    assert np.sum(r2 >= fit.threshold(5)) <= binom.ppf(0.9999, 600, 1e-3)


def bound() -> None:
    """The plane's part of the energy, drawn."""
    p, signal = 25, np.eye(25)[0]
    k = signal + math.sqrt(0.3 / 0.7 / p) * rng().standard_normal((40_000, p))
    rate = np.mean(np.sum(k[:, :2] ** 2, axis=1) >= fit.threshold(5) * np.sum(k**2, axis=1))
    # Four standard deviations.
    assert fit.least_found(5, 0.3) == pytest.approx(rate, abs=4 * math.sqrt(0.25 / 40_000))


def noise() -> None:
    """Three tenths of the energy."""
    clean, noisy = (known.known_kernels("gabor", 4000, 5, rng=rng(), noise=nu) for nu in (0.0, 0.3))
    share = np.mean(np.sum((noisy - clean) ** 2, axis=(1, 2)) / np.sum(clean**2, axis=(1, 2)))
    assert share == pytest.approx(0.3 / 0.7, rel=4 * math.sqrt(2 / 1e5))


def grey() -> None:
    """Colours as they are weighed in BT.601."""
    from PIL import Image

    colours = rng().integers(0, 256, (5, 7, 3), dtype=np.uint8)
    expected = (0.299 * colours[..., 0] + 0.587 * colours[..., 1] + 0.114 * colours[..., 2]) / 255
    np.testing.assert_allclose(pictures._grey(Image.fromarray(colours)), expected, rtol=0, atol=1e-14)


def verdicts() -> None:
    """The claim's forms hold, and its controls are refuted, on few kernels."""
    for size, kind, part, n, control, expected in (
        (7, "gabor", 0.1, 120, "", "HOLDS"),
        (5, "gabor", 0.25, 150, "", "HOLDS"),
        (7, "blob", 0.1, 150, "", "INCONCLUSIVE"),
        (7, "gabor", 0.1, 60, "permuted pixels", "VIOLATED"),
        (7, "smooth", 1.0, 60, "smooth noise", "VIOLATED"),
    ):
        cell = Cell({"size": size, "kind": kind, "noise": part, "kernels": n}, control=control)
        (finding,) = gaborness.measure(cell, Setting(rng(), np, "quick")).findings
        assert judge(finding, gaborness.CLAIM.relation) == expected


def enough() -> None:
    """How many trials tell a share from another; and how much room the worst of some findings has."""
    z, other = norm.isf((1 - confidence.CONFIDENCE) / 2), norm.isf(0.01)
    assert confidence.trials(0.5, 0.5) == math.ceil(16 * (z / 2 + other * math.sqrt(3) / 4) ** 2)
    upper = [Finding(2.0, measured, relation=Relation.UPPER) for measured in (1.0, 1.5, 1.2)]
    assert verdict.worst(upper, Relation.TIGHT).measured == 1.5
    assert verdict.room(upper[1], Relation.TIGHT) == pytest.approx(0.25)
    lower = Finding(2.0, 3.0, 2.5, 4.0, relation=Relation.LOWER)
    assert verdict.room(lower, Relation.TIGHT) == pytest.approx(0.25)


CHECKS = {
    "recovered": recovered,
    "projected": projected,
    "slopes": slopes,
    "quick": quick,
    "polished": polished,
    "table": table,
    "meaning": meaning,
    "bound": bound,
    "noise": noise,
    "grey": grey,
    "verdicts": verdicts,
    "enough": enough,
}


# ------------------------------------------------------------------------------------------------------------- plants

PROJECT, CHAINED, FOUND = search._project, search.Family.chained, fit.least_found


def phase_turned(family, u, k):
    at = PROJECT(family, u, k)
    at.parameters[4] = -at.parameters[4]
    return at


def unchained(family, by, parameters):
    """λ moves with σ in these coordinates: here it does not."""
    by = np.array(by)
    by[1] *= 0.98
    return CHAINED(family, by, parameters)


def canonical_without_sign(parameters):
    turned = np.array(parameters)
    turned[0] = np.mod(turned[0], np.pi)
    return turned


def central(size, noise):
    """A central F law in place of the noncentral one."""
    from scipy.stats import f

    p, least = size**2, fit.threshold(size)
    return float(f.sf((p - 2) / 2 * least / (1 - least), 2, p - 2))


def noisier(kind, n, size, *, rng, noise=0.0):
    return KNOWN(kind, n, size, rng=rng, noise=noise * 1.05)


KNOWN = known.known_kernels

PLANTS = {
    "trials × 1.02": Plant(confidence, "trials", scaled(confidence.trials, 1.02), ["enough"]),
    "room × 1.02": Plant(verdict, "room", scaled(verdict.room, 1.02), ["enough"]),
    "room of the other sign": Plant(verdict, "room", scaled(verdict.room, -1.0), ["enough"]),
    "a phase of the other sign": Plant(search, "_project", phase_turned, ["projected", "slopes", "recovered"]),
    "an angle beyond π without its phase": Plant(fit, "_canonical", canonical_without_sign, ["recovered"]),
    "a slope in λ": Plant(search.Family, "chained", unchained, ["slopes"]),
    "no slopes": Plant(search, "_slopes", scaled(search._slopes, 0.0), ["slopes", "quick"]),
    "slopes of the other sign": Plant(search, "_slopes", scaled(search._slopes, -1.0), ["slopes", "quick", "verdicts"]),
    "the ridge of variable projection": Plant(search, "_RIDGE", 0.02, ["projected"]),
    "no evaluations for SciPy": Plant(fit, "_EVALUATIONS", 1, ["polished"]),
    "a narrower band": Plant(fit, "BROADEST", 0.5 * fit.BROADEST, ["quick"]),
    "a threshold": Plant(fit, "THRESHOLDS", {3: 0.98, 5: 0.5, 7: 0.99}, ["table", "meaning"]),
    "a bound from the wrong law": Plant(fit, "least_found", central, ["bound"]),
    "the bound of the claim": Plant(gabor, "least_found", lambda size, noise: 0.95, ["verdicts"]),
    "more noise": Plant(known, "known_kernels", noisier, ["noise"]),
    "weights of colours": Plant(pictures, "GREY", (0.305, 0.587, 0.108), ["grey"]),
    "blobs not told apart": Plant(
        fit.Fits, "above_blob", property(lambda fits: np.ones(fits.r2.size, dtype=bool)), ["verdicts"]
    ),
    "controls not heeded": Plant(gaborness, "PERMUTED", "another name", ["verdicts"]),
}


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(CHECKS, PLANTS)
