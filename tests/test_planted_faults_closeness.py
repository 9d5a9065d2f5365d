"""One formula of the filter's theory at a time is made wrong, and a check must turn red: see test_planted_faults.py."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from planting import Plant, entry_scaled, scaled, suite

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Setting
from theory.claims.du2018 import closeness as closeness_claim
from theory.claims.du2018 import filter_rate
from theory.closeness import (
    bounds,
    closeness,
    closeness_bound,
    closeness_of,
    confident,
    cross_bounds,
    curve,
    estimated,
    exact,
    gamma_bound,
    gaussian,
    margin_of,
    sample,
    searched,
)
from theory.descent import Along, Progress
from theory.distributions import (
    ClosePatches,
    GaussianImages,
    close_moments,
    close_table,
    close_tables,
    forget_close_tables,
    plane_moments,
)
from theory.objectives import ClosePlaneLoss, close_plane
from theory.problems import crossed_pairs

EPS = np.finfo(float).eps
LAW = ClosePatches(2, 3, 0.6, 0.5)
W_STAR = np.array([1.0, 0.0])
W = np.array([[0.9, 0.3, -0.5, -2.0], [0.2, -1.0, 0.7, -0.1]])


# ------------------------------------------------------------------------------------------------------------- checks


def on_the_circle(theta: float, rho: float, m: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """What one patch and what two give for centres uniform on the circle, by antiderivatives and a midpoint rule."""
    alpha = (np.arange(m) + 0.5) * 2 * math.pi / m - math.pi
    one, means = np.zeros((6, 6)), []
    for i, (low, high) in enumerate(((theta - math.pi, 0.0), (0.0, theta), (-math.pi, theta - math.pi))):
        mean, second = np.zeros((m, 2)), np.zeros((2, 2))
        for turn in (-2 * math.pi, 0.0, 2 * math.pi):
            a, b = np.maximum(alpha + turn - rho, low), np.minimum(alpha + turn + rho, high)
            a = np.minimum(a, b)
            mean += np.stack([np.cos(b) - np.cos(a), np.sin(b) - np.sin(a)], axis=1) / (2 * rho)
            s, c = (np.sum(f(2 * b) - f(2 * a)) / 4 for f in (np.sin, np.cos))
            second += np.array([[np.sum(b - a) / 2 - s, c], [c, np.sum(b - a) / 2 + s]]) / (2 * rho)
        one[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = second / m
        means.append(mean)
    v = np.concatenate(means, axis=1)
    return one, v.T @ v / m


def moments() -> None:
    """Uniform centres: the midpoint rule is off by 1/m² times second derivatives of order 1/ρ², below 1e-5 here."""
    law = ClosePatches(2, 3, math.inf, 0.5)
    for theta in (0.7, 1.6):
        one, two = on_the_circle(theta, 0.5)
        found = plane_moments(law, np.array([theta]))
        np.testing.assert_allclose(found.one[0], one, rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.two[0], two, rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.of(3)[0], one / 3 + 2 * two / 3, rtol=0, atol=1e-5)


def sums() -> None:
    """The half space of w: E‖Z‖² over it is ½; and one narrow wedge is g θ (θ²/3, −θ/2, 1)."""
    found = plane_moments(LAW, np.array([1.1, 1e-6])).one
    assert np.trace(found[0, :2, :2] + found[0, 2:4, 2:4]) == pytest.approx(0.5, rel=1e-13)
    g = found[1, 3, 3] / 1e-6
    np.testing.assert_allclose(found[1, 2:4, 2:4] / g, [[1e-18 / 3, -1e-12 / 2], [-1e-12 / 2, 1e-6]], rtol=1e-5)


def table() -> None:
    """The table is what it interpolates, at every size of angle, over the angle as well."""
    theta = np.array([1e-6, 1e-2, 0.7, 2.5])
    found, expected = close_table(LAW), plane_moments(LAW, theta).of(3)
    np.testing.assert_allclose(found(theta), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found(theta)[0, 2:], expected[0, 2:], rtol=1e-8)
    over = found.over_angle(theta)
    np.testing.assert_allclose(over[:, :, 2:], expected[:, :, 2:] / theta[:, None, None], rtol=1e-7, atol=1e-12)


def loss() -> None:
    """Value and gradient against a sample, five standard errors, and the gradient against differences."""
    n, h = 40_000, 1e-5
    z, exactly = LAW.sample(n, rng=np.random.default_rng(1)), ClosePlaneLoss(LAW, W_STAR)
    active = z @ W >= 0
    residual = (np.maximum(z @ W, 0) - np.maximum(z @ W_STAR, 0)[..., None]).mean(axis=1)
    each = residual[:, None, :] * np.einsum("nkp,nkr->npr", z, active) / 3
    assert np.all(np.abs(exactly.gradient(W) - each.mean(axis=0)) <= 5 * each.std(axis=0) / math.sqrt(n))
    squares = residual**2 / 2
    assert np.all(np.abs(exactly.value(W) - squares.mean(axis=0)) <= 5 * squares.std(axis=0) / math.sqrt(n))
    steps = [h * e[:, None] for e in np.eye(2)]
    central = np.stack([(exactly.value(W + s) - exactly.value(W - s)) / (2 * h) for s in steps])
    np.testing.assert_allclose(exactly.gradient(W), central, rtol=0, atol=1e3 * h**2 + 1024 * EPS / h)


def tilted() -> None:
    """A teacher beside the axis sees on its two sides what a sample sees."""
    n, beside = 40_000, np.array([0.6, 0.8])
    law = ClosePatches(2, 2, 0.4, 0.3)
    z = law.sample(n, rng=np.random.default_rng(2))
    residual = (np.maximum(z @ W, 0) - np.maximum(z @ beside, 0)[..., None]).mean(axis=1)
    each = residual[:, None, :] * np.einsum("nkp,nkr->npr", z, z @ W >= 0) / 2
    found = ClosePlaneLoss(law, beside).gradient(W)
    assert np.all(np.abs(found - each.mean(axis=0)) <= 5 * each.std(axis=0) / math.sqrt(n))


def constants() -> None:
    """γ, L, L_cross and β from general eigenvalues and norms on a fine grid, and from the curve beside them."""
    theta = np.linspace(1e-3, 0.9, 600)
    a = plane_moments(LAW, theta).of(3)
    both, only = np.linalg.eigvalsh(a[:, :2, :2]), np.linalg.eigvalsh(a[:, 2:4, 2:4])
    cross = sum(np.linalg.norm(a[:, i : i + 2, j : j + 2], 2, axis=(1, 2)) for i, j in ((0, 2), (0, 4), (2, 4)))
    expected = (both[:, 0].min(), both[:, 1].max(), (cross / theta).max(), (only[:, 1] / theta).max())
    found = closeness(LAW, 0.9)
    # The grid leaves out θ < 0.001, and an entry of the curve is 0.0004: both times slopes of order 1.
    assert (found.gamma, found.L, found.cross, found.beta) == pytest.approx(expected, abs=1e-4, rel=5e-3)
    beside = curve(LAW).at(0.9)
    assert (beside.gamma, beside.L, beside.cross, beside.beta) == pytest.approx(expected, abs=1e-4, rel=5e-3)


def promises() -> None:
    """⟨∇ℓ, Δ⟩ ≥ γ'‖Δ‖² and ‖∇ℓ‖ ≤ Λ‖Δ‖ on the sample's own constants where both come near to being attained."""
    c = theory.closeness.Constants(0.5, gamma=0.2, L=0.4, cross=0.01, beta=0.1)
    assert c.margin == pytest.approx(0.14)
    assert c.step == pytest.approx(0.14 / (2 * 0.9**2))
    assert c.contraction(1.0) == pytest.approx(0.07)
    # The suprema of the proof, over the disc: twice 2.0982 and 1.1222.
    d, psi = np.meshgrid(np.linspace(1e-3, 1, 300), np.linspace(1e-3, math.pi, 600))
    x, y = 1 + d * np.cos(psi), d * np.sin(psi)
    r, theta = np.hypot(x, y), np.arctan2(y, x)
    most = (theta * np.maximum(d + r, 1) / d).max(), (theta * r / d).max()
    lipschitz = 0.4 + most[0] * 0.01 + most[1] * 0.1
    assert c.proof_margin == pytest.approx(0.2 - most[0] * 0.01, abs=2e-6)
    assert c.best_step == pytest.approx(c.proof_margin / lipschitz**2, rel=1e-4)


def step() -> None:
    """What the rule gives is what the constants admit at φ = arcsin of the distance, or a little less."""
    law = ClosePatches(2, 2, 0.3, 0.1)
    for distance in (0.1, 0.6):
        given = float(Along(curve(law))(Progress(0, np.array([distance])))[0])
        assert 0.99 * closeness(law, math.asin(distance)).step <= given <= closeness(law, math.asin(distance)).step
        promised = float(curve(law).along(np.array([distance]))[0][0])
        assert promised == pytest.approx(closeness(law, math.asin(distance)).margin, rel=0.01)


def swept() -> None:
    """Crossed pairs: √3/8 over 15°, and L = λ_max at w*; then a random sample against what is seen just behind 0.4."""
    found = closeness(crossed_pairs(), 1.2, teacher=W_STAR)
    assert found.cross.lower == pytest.approx(math.sqrt(3) / 8 / math.radians(15), rel=1e-9)
    z = LAW.sample(200, rng=np.random.default_rng(3))
    known = closeness(z, 0.9, teacher=W_STAR, least_angle=0.4)
    for theta in np.linspace(0.4, 0.9, 120):
        for side in (1, -1):
            active, taught = z @ np.array([math.cos(theta), side * math.sin(theta)]) >= 0, z @ W_STAR >= 0
            u = [(z * r[..., None]).mean(axis=1) for r in (active & taught, active & ~taught, ~active & taught)]
            values = np.linalg.eigvalsh(u[0].T @ u[0] / 200)
            assert known.gamma.upper <= values[0] + 1e-12
            assert values[1] <= known.L.upper
            assert (
                sum(np.linalg.norm(u[i].T @ u[j] / 200, 2) for i, j in ((0, 1), (0, 2), (1, 2)))
                <= theta * known.cross.upper
            )
            assert np.linalg.eigvalsh(u[1].T @ u[1] / 200)[1] <= theta * known.beta.upper
    assert known.gamma.upper - known.gamma.lower < 1e-10


def boxed() -> None:
    """Branch and bound in the plane holds what the sweep finds, and comes near to it."""
    known = sample.Sample.of(LAW.sample(40, rng=np.random.default_rng(6)), W_STAR)
    wide, narrow = searched.searched_brackets(known, 0.9, 0.2, 600), sample.plane_brackets(known, 0.9, 0.2)
    for name in ("gamma", "L", "cross", "beta"):
        here, there = getattr(wide, name), getattr(narrow, name)
        assert here.lower <= there.upper
        assert there.lower <= here.upper
    assert wide.gamma.lower >= 0.7 * narrow.gamma.lower
    assert wide.L.lower >= 0.99 * narrow.L.lower
    # In space: nothing that a few hundred directions attain at φ lies outside.
    z, rng = ClosePatches(3, 2, 0.8, 0.4).sample(40, rng=np.random.default_rng(7)), np.random.default_rng(8)
    found = closeness(z, 0.9, teacher=np.eye(3)[0], least_angle=0.6, budget=200)
    for turn in rng.uniform(0, 2 * math.pi, 300):
        active = z @ np.array([math.cos(0.9), math.sin(0.9) * math.cos(turn), math.sin(0.9) * math.sin(turn)]) >= 0
        u = [(z * r[..., None]).mean(axis=1) for r in (active & (z[..., 0] >= 0), active & (z[..., 0] < 0))]
        assert np.linalg.eigvalsh(u[0].T @ u[0] / 40)[0] >= found.gamma.lower
        assert np.linalg.eigvalsh(u[1].T @ u[1] / 40)[-1] <= 0.9 * found.beta.upper


def image() -> None:
    """Apart patches: the suprema over θ ≤ φ = 0.3 are at θ → 0 (β) and φ, on stretches of φ/2048."""
    phi, k = 0.3, 6
    found = closeness(GaussianImages(30, 5, 5), phi)
    gamma = (math.pi - phi - math.sin(phi)) / (2 * math.pi * k)
    assert found.gamma.lower <= gamma * (1 + 1e-14)
    assert gamma * (1 - 1e-14) <= found.gamma.upper
    assert found.gamma.upper == pytest.approx(gamma, rel=1e-12)
    mean = math.sin(phi / 2) ** 2 / (2 * math.pi * phi)
    beta = (1 + math.sin(phi) / phi) / (2 * math.pi * k) + (1 - 1 / k) * mean
    cross = (1 - 1 / k) * (math.sin(phi) / (2 * math.pi * phi) + mean)
    assert found.beta.upper == pytest.approx(beta, rel=1e-3)
    assert found.cross.upper == pytest.approx(cross, rel=1e-3)


def near() -> None:
    """ρ of a sample, and the extreme case of its bound; the bound on γ for one neuron on the circle."""
    angles = np.array([[-0.4, 0.4, 0.4, 0.4]])
    z = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    assert closeness_of(z) == pytest.approx(closeness_bound(ClosePatches(2, 4, 1.0, 0.4)), rel=1e-12)
    middle = z.mean(axis=1)[0]
    assert closeness_of(z) == pytest.approx(math.atan2(middle[1], middle[0]) + 0.4, rel=1e-12)


def bound() -> None:
    """Part (i): a moment of the average of a sample over the event, within five standard errors, p = 3."""
    law, n = ClosePatches(3, 2, 0.8, 0.5), 60_000
    centres = law.centres(n, rng=np.random.default_rng(4))
    average = law.sample(n, rng=np.random.default_rng(4)).mean(axis=1)
    for half in (False, True):
        event = centres[:, 0] >= (0.0 if half else math.sin(0.9))
        parts = event * average[:, 0] ** 2, event * np.sum(average[:, 1:] ** 2, axis=1) / 2
        least = min(parts, key=np.mean)
        assert abs(gamma_bound(law, 0.4, half_space=half) - least.mean()) <= 5 * least.std() / math.sqrt(n)


def counts() -> None:
    """Part (ii): μ of the circle is 2/π, and what it bounds in both forms for k = 4."""
    mu = margin_of(ClosePatches(2, 4, math.inf, 0.3), 0.9)
    assert mu == pytest.approx(2 / math.pi, rel=1e-9)
    assert cross_bounds(mu, 4) == (pytest.approx(6 / math.pi), pytest.approx(1.5 / math.pi))


def limits() -> None:
    """The estimated limits hold the exact constants, and are as wide as 20,000 samples leave them: twice the error."""
    found, mu = estimated(LAW, 0.9, n=20_000, rng=np.random.default_rng(5), least_angle=0.3)
    known = closeness(LAW, 0.9)
    assert found.gamma.lower <= known.gamma <= found.gamma.upper
    assert found.L.lower <= known.L <= found.L.upper
    share = np.trace(plane_moments(LAW, np.array([0.9])).one[0, 2:4, 2:4])
    assert mu.lower <= 4 * share / 0.9 <= mu.upper
    # L is one mean at θ = 0: its variance is known from the sample, its limit from Maurer and Pontil.
    z = LAW.sample(20_000, rng=np.random.default_rng(5))
    u = (z * (z @ W_STAR >= 0)[..., None]).mean(axis=1)
    log = math.log(4 * 29 * 1025 / 1e-4)
    radius = [
        math.sqrt(2 * v / 19_999 * log) + 7 * log / (3 * 19_999)
        for v in ((u[:, 0] ** 2).var(), (u[:, 1] ** 2).var(), u.prod(axis=1).var())
    ]
    expected = math.sqrt(radius[0] ** 2 + radius[1] ** 2 + 2 * radius[2] ** 2)
    assert found.L.upper - known.L >= 0.5 * expected
    assert found.L.upper - found.L.lower <= 3 * expected + 0.01


def on(module, *cells: Cell) -> Callable[[], None]:
    """The verdict of a claim on these cells: it holds, and every control is refuted."""

    def check() -> None:
        found = []
        for cell in cells:
            setting = Setting(rng=np.random.default_rng(2), xp=np, profile="quick")
            found += module.measure(cell, setting).findings
        assert verdict.conclude(module.CLAIM, found).passed

    return check


SIZE = {"runs": 8, "steps": 300, "longest": 400}
CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        moments, sums, table, loss, tilted, constants, promises, step, swept, boxed, image, near, bound, counts, limits,
    )
}  # fmt: skip
CHECKS |= {
    "verdict of filter rate": on(
        filter_rate,
        Cell({"centre": "mixture(0.3)", "closeness": 0.1, "k": 2, **SIZE}),
        Cell({"centre": filter_rate.CROSSED, "closeness": 0.0, "k": 2, **SIZE, "runs": 256}, filter_rate.UNCROSSED),
    ),
    "verdict of closeness": on(
        closeness_claim, Cell({"dim": 2, "centre": "mixture(0.3)", "closeness": 0.07, "k": 4, "samples": 1000})
    ),
}


# ------------------------------------------------------------------------------------------------------------- plants


PART, MEAN, SECOND = close_moments._part, close_moments._mean, close_moments._second
DEFECT, DENSITY, SPECTRA = close_moments._sine_defect, close_moments._density, exact.spectra
PRODUCT, TILT = ClosePlaneLoss._product, theory.distributions.tilt_of
RANGE = searched._Search._range
CHANGE, REGIONS, FOUR = sample._change, confident._regions, confident._four
ALONG, CALL, STEP, WORST = exact.Curve.along, Along.__call__, exact.Curve.step, filter_rate.worst_step


def two_cross_norms(a, over):
    """``spectra`` that forgets E[u_{++}u_{−+}ᵀ]."""
    smallest, largest, cross, only = SPECTRA(a, over)
    return smallest, largest, cross - exact._norm(over[:, 0:2, 4:6]), only


def wide_share(alpha, low, high, rho):
    """A share of 2ρ in place of that of the interval: 2 % too little."""
    part = PART(alpha, low, high, rho)
    return part._replace(share=0.98 * part.share)


def turned_mean(parts):
    """m with its part across w* turned."""
    along, across = MEAN(parts)
    return along, -across


def as_many_pairs(self, k):
    """E[U Uᵀ] with k pairs in place of k − 1."""
    return (self.one + k * self.two) / k


def no_teacher_region(self, w):
    """q without w*: the region −+ left out of the residual."""
    product, q, side = PRODUCT(self, w)
    return product * 0.98, q, side


def no_side(self, w):
    """w on the wrong side of w* seen as on the right one."""
    product, q, side = PRODUCT(self, w)
    return product, q, abs(side)


def along_distance(self, distance, form="paper"):
    """The distance taken for the angle."""
    return ALONG(self, np.sin(distance), form)


def no_arcsine(rule, progress):
    """The distance taken for the angle in the step."""
    return CALL(rule, progress._replace(distance=np.sin(progress.distance)))


def stays_active(z, taught):
    """What leaves S(w,w*) stays in it as well."""
    change = CHANGE(z, taught)
    return np.concatenate([0 * change[:, :, :2], change[:, :, 2:]], axis=2)


def never_enters(z, taught):
    """S(w,−w*) left empty by the sweep."""
    return np.concatenate([CHANGE(z, taught)[:, :, :2], 0 * z, CHANGE(z, taught)[:, :, 4:]], axis=2)


def points_for_caps(self, cap):
    """The range of e·y over a cap of no radius."""
    return RANGE(self, dataclasses.replace(cap, radius=0.0))


def without_doubt(self, state, angle):
    """β without the samples in doubt."""
    u = self.regions(state)[1]
    return 0.9 * float(np.linalg.eigvalsh(self._product(u, u, ~np.any(state.doubtful, axis=1)))[-1]) / angle


def half_gone(z, taught):
    """A start with 5 % more in S(w,w*) than there is."""
    start, change = REGIONS(z, taught)
    return 1.05 * start, change


def narrow(mean, radius, dim):
    """Limits of a tenth of their width."""
    return FOUR(mean, radius / 10, dim)


def fitted(run, promised, *, form="", control=""):
    """worst_step with its prediction fitted to the run: nine tenths of what was measured."""
    finding = WORST(run, promised, form=form, control=control)
    return dataclasses.replace(finding, predicted=finding.measured - 0.1 * abs(finding.measured))


def thousandfold(mu, k):
    """Bounds on L_cross with 1000 μ for μ."""
    return tuple(1000 * bound for bound in cross_bounds(mu, k))


def forms(**changes):
    """FACTORS with other numbers."""
    return {**exact.FACTORS, **changes}


PLANTS: dict[str, Plant] = {
    "a share of the patches × 0.98": Plant(close_moments, "_part", wide_share, ["moments", "sums", "loss"]),
    "m with a sign turned": Plant(close_moments, "_mean", turned_mean, ["moments", "loss"]),
    "m × 1.02": Plant(close_moments, "_mean", lambda parts: tuple(1.02 * m for m in MEAN(parts)), ["moments"]),
    "M × 1.02": Plant(close_moments, "_second", scaled(SECOND, 1.02), ["moments", "sums"]),
    "1 − sin x/x × 1.02": Plant(close_moments, "_sine_defect", scaled(DEFECT, 1.02), ["sums"]),
    "the density × 1.02": Plant(close_moments, "_density", scaled(DENSITY, 1.02), ["moments", "sums"]),
    "k for k − 1": Plant(close_moments.PlaneMoments, "of", as_many_pairs, ["moments", "table"]),
    "a power of θ lost": Plant(close_tables, "_LEADING", np.array([0, 0, 1, 1, 1, 1]), ["table"]),
    "a tilt turned": Plant(close_plane, "tilt_of", scaled(TILT, -1.0), ["tilted"]),
    "E q × 0.98": Plant(ClosePlaneLoss, "_product", no_teacher_region, ["loss"]),
    "the side of w lost": Plant(ClosePlaneLoss, "_product", no_side, ["loss"]),
    "loss without ½": Plant(ClosePlaneLoss, "value", scaled(ClosePlaneLoss.value, 2.0), ["loss"]),
    "γ × 1.02": Plant(exact, "spectra", entry_scaled(SPECTRA, 0, 1.02), ["constants"]),
    "L × 1.02": Plant(exact, "spectra", entry_scaled(SPECTRA, 1, 1.02), ["constants"]),
    "a cross norm forgotten": Plant(exact, "spectra", two_cross_norms, ["constants"]),
    "β × 1.02": Plant(exact, "spectra", entry_scaled(SPECTRA, 3, 1.02), ["constants"]),
    "6 L_cross for the proof": Plant(exact, "FACTORS", forms(proof=(6.0, 10.0, 4.0)), ["promises"]),
    "a factor of the proof × 0.98": Plant(exact, "FACTORS", forms(proof=(2.056, 2.056, 1.1)), ["promises"]),
    "5 for the paper's 6": Plant(exact, "FACTORS", forms(paper=(5.0, 10.0, 4.0)), ["promises"]),
    "4 for the paper's 10": Plant(exact, "FACTORS", forms(paper=(6.0, 4.0, 4.0)), ["promises"]),
    "η of the proof for that of the theorem": Plant(
        exact.Curve, "step", lambda self, angle, form="paper": STEP(self, angle, "proof"), ["step"]
    ),
    "θ for φ in the step": Plant(Along, "__call__", no_arcsine, ["step"]),
    "θ for φ in the factor": Plant(exact.Curve, "along", along_distance, ["step"]),
    "a patch that stays": Plant(sample, "_change", stays_active, ["swept"]),
    "a region that stays empty": Plant(sample, "_change", never_enters, ["swept"]),
    "γ of a sample × 1.02": Plant(sample, "spectra", entry_scaled(SPECTRA, 0, 1.02), ["swept"]),
    "L_cross of a sample × 0.98": Plant(sample, "spectra", entry_scaled(SPECTRA, 2, 0.98), ["swept"]),
    "caps taken for points": Plant(searched._Search, "_range", points_for_caps, ["boxed"]),
    "samples in doubt forgotten": Plant(searched._Search, "beta", without_doubt, ["boxed"]),
    "γ of a box × 1.1": Plant(searched._Search, "gamma", scaled(searched._Search.gamma, 1.1), ["boxed"]),
    "a bound on ρ that is ρ": Plant(sys.modules[__name__], "closeness_bound", lambda law: law.closeness, ["near"]),
    "γ of an image × 1.02": Plant(gaussian, "_least", scaled(gaussian._least, 1.02), ["image"]),
    "β of an image × 1.02": Plant(gaussian, "_thin", scaled(gaussian._thin, 1.02), ["image"]),
    "‖m_{+−}‖² × 1.02": Plant(gaussian, "_mean", scaled(gaussian._mean, 1.02), ["image"]),
    "‖m_{++}‖‖m_{+−}‖ × 1.02": Plant(gaussian, "_product", scaled(gaussian._product, 1.02), ["image"]),
    "E[Z_avg Z_avgᵀ] × 1.02": Plant(gaussian, "average_moment", scaled(gaussian.average_moment, 1.02), ["image"]),
    "the bound on γ × 1.1": Plant(bounds, "_beyond", scaled(bounds._beyond, 1.1), ["bound"]),
    "μ halved": Plant(bounds, "_raised", scaled(bounds._raised, 0.5), ["counts"]),
    "sums × 1.05": Plant(confident, "_regions", half_gone, ["limits"]),
    "limits of a tenth": Plant(confident, "_four", narrow, ["limits"]),
    "a tenth of Bernstein's limit": Plant(confident, "_bernstein", scaled(confident._bernstein, 0.1), ["limits"]),
    "a prediction fitted to the run": Plant(filter_rate, "worst_step", fitted, ["verdict of filter rate"]),
    "μ × 1000": Plant(theory.closeness, "cross_bounds", thousandfold, ["verdict of closeness"]),
}


@pytest.fixture(autouse=True)
def nothing_remembered():
    forget_close_tables()
    yield
    forget_close_tables()


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, before=forget_close_tables
)
