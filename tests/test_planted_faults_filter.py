"""One formula of the filter's study is made wrong at a time, and a check must turn red; all are green without."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Evidence, Setting
from theory.claims.du2018 import closeness, filter_rate
from theory.closeness import Curve, Patches, bounds, certified_constants, constants, law
from theory.closeness import brackets as certain
from theory.distributions import ClosePatches
from theory.objectives import SampleLoss

PHI = 0.9
E1 = np.array([1.0, 0.0])
SWEEP = importlib.import_module("theory.closeness.sweep")  # the function of the same name hides the module


def patches(k=3, p=2, closeness=0.6, n=60):
    return ClosePatches(p, k, 1.0, closeness).sample(n, rng=np.random.default_rng(0))


# ------------------------------------------------------------------------------------------------------------- checks


def definition() -> None:
    """The matrices along a path, against single filters; ∇ℓ from them, against the loss's own gradient."""
    z = patches()
    angles, matrices = SWEEP.sweep(Patches.of(z, E1), np.ones(1), 1.5)
    loss = SampleLoss(z, E1)
    for theta in (0.2, 0.8, 1.3):
        w = np.array([math.cos(theta), math.sin(theta)])
        held = matrices[np.searchsorted(angles, theta, side="right") - 1]
        active, taught = z @ w >= 0, z @ E1 >= 0
        u = [np.einsum("nk,nkp->np", m, z) / 3 for m in (active & taught, active & ~taught, ~active & taught)]
        each = [u[i].T @ u[j] / len(z) for i, j in ((0, 0), (1, 1), (0, 1), (0, 2), (1, 2))]
        np.testing.assert_allclose(held, each, rtol=0, atol=1e-13)
        a, b, c, d, e = held
        # ∇ℓ = E[(u₊₊·(w − w*) + u₊₋·w − u₋₊·w*)(u₊₊ + u₊₋)]
        slope = (a + c.T) @ (w - E1) + (c + b) @ w - (d + e) @ E1
        np.testing.assert_allclose(loss.gradient(w), slope, rtol=0, atol=1e-13)


def inequalities() -> None:
    """⟨∇ℓ, d⟩ and ‖∇ℓ‖ against γ, L, β and L_cross, and each constant attained at a filter."""
    z, rng = patches(), np.random.default_rng(1)
    loss, curve = SampleLoss(z, E1), Curve(z, E1)
    r, turn = rng.uniform(0.01, 0.99, 300), rng.uniform(0, 2 * math.pi, 300)
    d = r * np.stack([np.cos(turn), np.sin(turn)])
    net, lipschitz = curve.along(r, gap=theory.closeness.PROOF, more=theory.closeness.PROOF)
    gradient = loss.gradient(d + E1[:, None])
    assert np.all(np.sum(gradient * d, axis=0) >= net * r**2 - 1e-12)
    assert np.all(np.linalg.norm(gradient, axis=0) <= lipschitz * r + 1e-12)


def attained() -> None:
    """The constants are the extremes over a fine grid of filters: never beyond, and near."""
    z = patches()
    sample, found = Patches.of(z, E1), []
    for theta in np.linspace(0.002, PHI, 2500):
        for side in (-1.0, 1.0):
            m = sample.at(theta, np.array([side]))
            s, cross = np.linalg.eigvalsh(m[:2]), sum(np.linalg.norm(c, ord=2) for c in m[2:])
            found.append([-s[0, 0], s[0, -1], s[1, -1] / theta, cross / theta])
    top = np.max(found, axis=0) * [-1, 1, 1, 1]
    curve = Curve(z, E1)
    exact = [float(part(PHI)) for part in (curve.gamma, curve.L, curve.beta, curve.cross)]
    # A step of the grid is 0.0004: quotients lose up to that over the angle at which they peak.
    np.testing.assert_allclose(exact, top, rtol=0.02)
    assert exact[0] <= top[0] + 1e-12


def step() -> None:
    """The theorem's step and margin at a place where they can be worked out by hand."""
    curve = Curve(patches(closeness=0.05), E1, least_angle=0.05)
    g, top, beta, cross = (float(part(PHI)) for part in (curve.gamma, curve.L, curve.beta, curve.cross))
    by_hand = (g - 6 * cross) / (2 * (top + 10 * cross + 4 * beta) ** 2)
    assert float(curve.step(np.array([PHI]))[0]) == pytest.approx(by_hand, rel=1e-12)
    assert curve.margin(math.sin(PHI)) == pytest.approx((g - 6 * cross) / (g + 6 * cross), rel=1e-12)


def certified() -> None:
    """Certain limits contain the values at filters, in three dimensions; few samples make narrow peaks."""
    w_star = np.eye(3)[0]
    for n, boxes in ((4, 1), (4, 150), (60, 150)):
        z = patches(p=3, n=n)
        found, sample = certified_constants(z, PHI, w_star, budget=boxes, least_angle=0.05), Patches.of(z, w_star)
        for turn in np.linspace(0, 2 * math.pi, 60):
            for theta in np.linspace(0.05, PHI, 12):
                m = sample.at(theta, np.array([math.cos(turn), math.sin(turn)]))
                s, cross = np.linalg.eigvalsh(m[:2]), sum(np.linalg.norm(c, ord=2) for c in m[2:])
                assert s[0, 0] >= found.gamma.low
                assert s[0, -1] <= found.L.high
                assert s[1, -1] / theta <= found.beta.high
                assert cross / theta <= found.cross.high


def estimated() -> None:
    """Limits of confidence contain the exact constants of one patch, and say something."""
    mixture = theory.distributions.AngularMixture(5, 0.7)
    found = law.estimate_constants(mixture.sample(20_000, rng=np.random.default_rng(0)), PHI, np.eye(5)[0])
    exact = theory.smoothness.smoothness(mixture, PHI)
    assert found.gamma.low <= exact.gamma <= found.gamma.high
    assert found.L.low <= exact.L <= found.L.high


def closeness_bounds() -> None:
    """ρ and μ of patches at known angles."""
    turns = np.array([[math.pi / 2 - 0.1], [math.pi / 2 + 0.2], [0.0], [math.pi / 2 + 1.2]])
    z = np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    assert theory.closeness.margin_of(z, PHI, E1) == pytest.approx(2.5)
    assert theory.closeness.closeness_of(np.array([[[1.0, 0.0], [0.0, 1.0]]])) == pytest.approx(math.pi / 4)


def on(module, *cells: Cell) -> Callable[[], None]:
    """The verdict of a claim on these cells: it holds, and every control is refuted."""

    def check() -> None:
        found = []
        for cell in cells:
            found += module.measure(cell, Setting(rng=np.random.default_rng(2), xp=np, profile="quick")).findings
        assert verdict.conclude(module.CLAIM, found).passed

    return check


SMALL = {"samples": 200, "runs": 4, "steps": 400}
CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (definition, inequalities, attained, step, certified, estimated, closeness_bounds)
} | {
    "verdict of filter rate": on(
        filter_rate,
        Cell({"law": "close", "spread": 0.2, "closeness": 0.1} | SMALL),
        Cell({"law": "close", "spread": 1.0, "closeness": 0.7} | SMALL),
        Cell({"law": "pairs", "spread": 0.0, "closeness": 1.0} | SMALL | {"runs": 128}, control=filter_rate.FORGOTTEN),
    ),
    "verdict of closeness": on(
        closeness,
        Cell({"dim": 2, "spread": 0.3, "closeness": 0.02, "samples": 400}),
        Cell({"dim": 2, "spread": 1.0, "closeness": 0.7, "samples": 400}),
    ),
}


# ------------------------------------------------------------------------------------------------------------- plants

PARTS, CHANGES, ALONG, SURE, CERTAIN = Patches.parts, SWEEP._changes, constants.along, certain._sure, certain._bound
CURVE_ALONG, MEASURE, MARGIN, EIGENVALUES = Curve.along, filter_rate.measure, bounds.margin_of, law._eigenvalues


def scaled(function, factor):
    """The function with its result multiplied."""
    return lambda *args, **kwargs: factor * function(*args, **kwargs)


def all_enter(z, e, angle):
    """_changes of patches that never leave."""
    at, leaves = CHANGES(z, e, angle)
    return np.where(leaves, np.inf, at), leaves


def early(z, e, angle):
    """_changes half an angle too early."""
    at, leaves = CHANGES(z, e, angle)
    return at / 2, leaves


def wrong_row(row: int, factor: float):
    """along with one of its constants multiplied."""

    def plant(*args):
        values = ALONG(*args)
        values[row] *= factor
        return values

    return plant


def without_cross(curve, distance, **more):
    """Curve.along of a theorem that forgets L_cross, whatever it is asked."""
    return CURVE_ALONG(curve, distance, gap=0.0, more=0.0)


def always_covered(curve, distance):
    """A margin that no law fails."""
    return 1.0


def never_open(sample, cap, span):
    """_sure that takes what is active at the centre of a cap for what is so all over it."""
    on, _ = SURE(sample, cap, span)
    middle = math.cos(span[1]) * sample.z[:, :, 0] + math.sin(span[1]) * (sample.z[:, :, 1:] @ cap.centre) >= 0
    return on | middle, ~(on | middle)


def only_settled(kind, settled, left, on, off):
    """_bound that leaves out the samples that are not settled."""
    return certain._value(kind, settled)


def of_one_patch(patches, *others, **more):
    """μ counted per sample of one patch too few: half of it."""
    return 0.5 * MARGIN(patches, *others, **more)


def rho_zero(patches):
    """Patches taken for one."""
    return 0.0


def no_error(mean, error):
    """Confidence limits that coincide, about a value that is off."""
    return EIGENVALUES(1.05 * mean, 0 * error)


def fitted(cell, setting):
    """filter_rate.measure whose predictions are fitted to the runs."""
    evidence = MEASURE(cell, setting)
    below = [dataclasses.replace(f, predicted=f.measured - 0.1 * abs(f.measured)) for f in evidence.findings]
    return Evidence(below, evidence.points)


class Plant(NamedTuple):
    """What is made wrong, what takes its place, and the checks that must turn red."""

    place: Any
    name: str
    wrong: Any
    red: list[str]


PLANTS: dict[str, Plant] = {
    "no patch leaves": Plant(SWEEP, "_changes", all_enter, ["definition", "attained"]),
    "patches change too early": Plant(SWEEP, "_changes", early, ["definition", "attained"]),
    "a product of the wrong two": Plant(SWEEP, "PRODUCTS", ((0, 0), (1, 1), (0, 1), (0, 2), (2, 2)), ["definition"]),
    "γ × 2": Plant(constants, "along", wrong_row(0, 2.0), ["attained"]),
    "γ × 20": Plant(constants, "along", wrong_row(0, 20.0), ["attained", "inequalities"]),
    "L_cross halved": Plant(constants, "along", wrong_row(3, 0.5), ["attained"]),
    "β × 1.1": Plant(constants, "along", wrong_row(2, 1.1), ["attained"]),
    "5 for 6 before L_cross": Plant(constants, "CROSS", 5.0, ["step"]),
    "L_cross forgotten": Plant(Curve, "along", without_cross, ["step"]),
    "a margin that nothing fails": Plant(Curve, "margin", always_covered, ["step"]),
    "the centre of a cap for the cap": Plant(certain, "_sure", never_open, ["certified"]),
    "samples left out of a bound": Plant(certain, "_bound", only_settled, ["certified"]),
    "limits without an error": Plant(law, "_eigenvalues", no_error, ["estimated"]),
    "μ halved": Plant(theory.closeness, "margin_of", of_one_patch, ["closeness_bounds"]),
    "ρ left out": Plant(theory.closeness, "closeness_of", rho_zero, ["closeness_bounds"]),
    "a bound × 1.2": Plant(theory.closeness, "gamma_bound", scaled(bounds.gamma_bound, 1.2), ["verdict of closeness"]),
    "a prediction fitted to the run": Plant(filter_rate, "measure", fitted, ["verdict of filter rate"]),
}


@pytest.mark.parametrize("check", CHECKS)
def test_green_without_a_plant(check):
    CHECKS[check]()


@pytest.mark.parametrize("fault", PLANTS)
def test_red_with_the_plant(fault, monkeypatch):
    plant = PLANTS[fault]
    assert plant.red
    monkeypatch.setattr(plant.place, plant.name, plant.wrong)
    for name in plant.red:
        with pytest.raises(AssertionError):
            CHECKS[name]()


def test_every_check_catches_something():
    assert {name for plant in PLANTS.values() for name in plant.red} == set(CHECKS)
