"""One formula at a time is made wrong, and a check must turn red; without the plant every check is green.

A check is a short twin of one in the tests beside it, or the verdict of a claim on a reduced grid. Every later study
adds its own rows.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from planting import Plant, entry_scaled, scaled, suite
from scipy import integrate, stats

import theory
from theory.claims import confidence, verdict
from theory.claims.claim import Cell, Evidence, Finding, Relation, Setting
from theory.claims.du2018 import isotropy, random_start, rate, rate_without_beta, recovery, schedule
from theory.claims.verdict import Verdict
from theory.descent import Admissible, Constant, Outcome, Progress, Schedule, descend, gradient
from theory.distributions import AngularMixture, Atoms, Gaussian, UniformSphere, Watson, axial, isotropic, table, wedge
from theory.objectives import PopulationLoss, SampleLoss, relu_filter
from theory.problems import starts
from theory.smoothness import Curve, exact, smoothness

EPS = np.finfo(float).eps
W_STAR = np.array([1.0, 0.0, 0.0])
W = np.array([[0.9, 0.3, -0.5, -2.0], [0.2, 1.0, 0.7, 0.1], [-0.1, 0.4, 0.6, -0.3]])
MIXTURE = AngularMixture(3, 0.6)
CROSS = Atoms([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


# ------------------------------------------------------------------------------------------------------------- checks


def closed_form() -> None:
    """The Gaussian's gradient and loss, as the paper gives them."""
    loss = PopulationLoss(Gaussian(3), W_STAR)
    norm = np.linalg.norm(W, axis=0)
    theta = np.arccos(W[0] / norm)
    slope = W / 2 - (np.sin(theta) * W / norm + (math.pi - theta) * W_STAR[:, None]) / (2 * math.pi)
    value = (norm**2 + 1) / 4 - norm * (np.sin(theta) + (math.pi - theta) * np.cos(theta)) / (2 * math.pi)
    # The table is right to 64 ε; arccos loses a few roundings at these angles.
    np.testing.assert_allclose(loss.gradient(W), slope, rtol=0, atol=256 * EPS)
    np.testing.assert_allclose(loss.value(W), value, rtol=0, atol=256 * EPS)


def differences() -> None:
    """Gradients are those of the values: central differences, of error h² (third derivatives are of order one)."""
    h, patches = 1e-5, np.random.default_rng(0).standard_normal((30, 2, 3))
    for loss in (PopulationLoss(MIXTURE, W_STAR), SampleLoss(patches, W_STAR)):
        steps = [h * e[:, None] for e in np.eye(3)]
        central = np.stack([(loss.value(W + s) - loss.value(W - s)) / (2 * h) for s in steps])
        np.testing.assert_allclose(loss.gradient(W), central, rtol=0, atol=100 * h**2 + 100 * EPS / h)


def regions() -> None:
    """∇ℓ = A_{w,w*}(w − w*) + A_{w,−w*} w by direct quadrature over the plane, obtuse angles included (p = 2)."""
    law = AngularMixture(2, 0.6)
    loss, teacher = PopulationLoss(law, [1.0, 0.0]), np.array([1.0, 0.0])
    # The signed angle to w* has density F(π/2 − |a|) on the half circle around w*, and its mirror on the other.
    for theta in (0.4, 1.3, 2.0, 2.9):
        w = 0.7 * np.array([math.cos(theta), math.sin(theta)])
        # Nodes on every arc between the hyperplanes of w and w*, where the integrand is smooth.
        kinks = np.sort(np.mod([0, math.pi / 2, -math.pi / 2, theta + math.pi / 2, theta - math.pi / 2], 2 * math.pi))
        arcs = np.append(kinks, 2 * math.pi)
        x, weight = np.polynomial.legendre.leggauss(40)
        total = np.zeros(2)
        for low, high in itertools.pairwise(arcs):
            a = (low + high) / 2 + (high - low) / 2 * x
            z = np.stack([np.cos(a), np.sin(a)])
            folded = np.arcsin(np.abs(z[0]))
            normal = np.exp(-((math.pi / 2 - folded) ** 2) / (2 * 0.36))
            density = normal / (2 * math.sqrt(2 * math.pi) * 0.6 * math.erf(math.pi / (2 * math.sqrt(2) * 0.6)))
            residual = np.maximum(w @ z, 0) - np.maximum(teacher @ z, 0)
            total += (high - low) / 2 * (z * (weight * density * residual * (w @ z >= 0))).sum(axis=1)
        # Gauss–Legendre with 40 nodes on arcs that resolve σ = 0.6 reaches rounding.
        np.testing.assert_allclose(loss.gradient(w), total, rtol=0, atol=1e-13)


@functools.cache
def drawn():
    return MIXTURE.sample(40_000, rng=np.random.default_rng(0))


def sampled() -> None:
    """The exact and the sampled gradient agree within five standard errors of the sample."""
    z = drawn()
    residual = np.maximum(z @ W, 0) - np.maximum(z @ W_STAR, 0)[:, None]
    each = residual[:, None, :] * z[:, :, None] * (z @ W >= 0)[:, None, :]
    error = each.std(axis=0) / math.sqrt(len(z))
    exactly = PopulationLoss(MIXTURE, W_STAR).gradient(W)
    assert np.all(np.abs(exactly - each.mean(axis=0)) <= 5 * error)
    assert np.all(np.abs(SampleLoss(z, W_STAR).gradient(W) - exactly) <= 5 * error)


def constants() -> None:
    """γ, L and β of the Gaussian in closed form, and of the sphere, which are those over p; from the curve as well."""
    for phi in (0.3, 1.2):
        gamma = (math.pi - phi - math.sin(phi)) / (2 * math.pi)
        for law, scale in ((Gaussian(5), 1.0), (UniformSphere(5), 0.2)):
            found = smoothness(law, phi)
            expected = (scale * gamma, scale / 2, scale / math.pi)
            # 1e-9 is what the constants promise.
            assert (found.gamma, found.L, found.beta) == pytest.approx(expected, rel=1e-9)
            curve = Curve(law)
            assert curve.at(phi) == pytest.approx((expected[0], expected[2]), rel=1e-9)
            np.testing.assert_allclose(curve.L, expected[1], rtol=1e-9)
    # Where β is no limit but attained, at φ itself: the quotient of the mixture rises with the angle.
    quotients = [np.linalg.eigvalsh(MIXTURE.region_moments(t).only)[-1] / t for t in np.linspace(0.03, 1.2, 40)]
    assert max(quotients) == quotients[-1]
    assert smoothness(MIXTURE, 1.2).beta == pytest.approx(quotients[-1], rel=1e-9)


def moments() -> None:
    """The wedge moments of a law without closed form, against an adaptive quadrature of their definition."""
    law, theta = Watson(4, 2.0), 0.8
    slope = math.tan(theta)

    def weight(d):
        return math.exp(2 * math.sin(d) ** 2) * math.cos(d) ** 2

    mass = 2 * integrate.quad(weight, 0, math.pi / 2, epsrel=1e-13)[0]
    coordinate = stats.beta(1.0, 1.0)  # one coordinate of the unit sphere of R³ is uniform on [−1, 1]

    def tail(power, d):
        x = math.tan(d) / slope
        return (1 - x ** (power + 1)) / (2 * (power + 1)) * coordinate.pdf(0.5)

    def over(factor):
        return integrate.quad(lambda d: weight(d) / mass * factor(d), 0, theta, epsrel=1e-12, epsabs=1e-14)[0]

    b22, second = over(lambda d: math.cos(d) ** 2 * tail(2, d)), over(lambda d: math.cos(d) ** 2 * tail(0, d))
    expected = (
        over(lambda d: math.sin(d) ** 2 * tail(0, d)),
        over(lambda d: -math.sin(d) * math.cos(d) * tail(1, d)),
        b22,
        (second - b22) / 2,  # t² and the p − 2 = 2 others share 1
    )
    np.testing.assert_allclose(law.wedge(np.array([theta]))[0], expected, rtol=1e-10)


def traces() -> None:
    """The trace of A_{w*,w*} is half of E‖z‖², by the symmetry z → −z: to rounding, for every law."""
    for law, square in ((Gaussian(5), 5.0), (UniformSphere(5), 1.0), (MIXTURE, 1.0), (Watson(5, 3.0), 1.0)):
        along, across = law.half()
        assert along + (law.dim - 1) * across == pytest.approx(square / 2, rel=64 * EPS)


def at_small_angles() -> None:
    """lim λ_max(A_{w,−w*})/θ is where the quotient goes: at θ = 1e-5 they differ by O(θ) relatively."""
    for law in (Gaussian(3), MIXTURE, Watson(5, -3.0)):
        assert exact.limit(law) == pytest.approx(float(exact._quotient(law, np.array([1e-5]))[0]), rel=1e-3)


def admissible_step() -> None:
    """The step of Theorem 2.2, within an entry of its table (0.2 % here) and never above."""
    for law in (Gaussian(4), MIXTURE):
        for d in (0.2, 0.7, 0.95):
            given = float(Admissible(law)(Progress(0, np.array([d])))[0])
            found = smoothness(law, math.asin(d))
            step = found.gamma / (2 * (found.L + 4 * found.beta) ** 2)
            assert 0.998 * step <= given <= step * (1 + 1e-9)


def promised_factor() -> None:
    """What the claim promises along a run is γ and L + 4β at φ = arcsin of the distance."""
    gamma, lipschitz = Curve(Gaussian(4)).along(np.array([0.8]))
    found = smoothness(Gaussian(4), math.asin(0.8))
    assert gamma[0] == pytest.approx(found.gamma, rel=1e-9)
    assert lipschitz[0] == pytest.approx(found.L + 4 * found.beta, rel=1e-6)


def loop() -> None:
    """A few steps by hand: iterates, distances, angles, steps and their number."""
    loss, etas = PopulationLoss(Gaussian(3), W_STAR), (0.5, 0.1, 0.3)
    w, distances, angles = W[:, 0], [], []
    for eta in etas:
        distances.append(np.linalg.norm(w - W_STAR))
        angles.append(math.acos(w[0] / np.linalg.norm(w)))
        w = w - eta * loss.gradient(w)
    run = descend(loss, W[:, 0], step=Schedule(etas), steps=3, record="all")
    np.testing.assert_allclose(run.distance[:3, 0], distances, rtol=1e-13)
    # arccos loses digits at small angles: ε/θ, with θ above 0.05 here.
    np.testing.assert_allclose(run.angle[:3, 0], angles, rtol=1e-12)
    np.testing.assert_allclose(run.w[:, 0], w, rtol=0, atol=64 * EPS)
    assert run.step[:3, 0].tolist() == list(etas)
    assert run.taken[0] == 3
    assert run.contraction[0, 0] == pytest.approx(1 - distances[1] ** 2 / distances[0] ** 2, rel=1e-10)


def ends() -> None:
    """Each run ends as what it is."""
    gaussian = PopulationLoss(Gaussian(3), W_STAR)
    for loss, start, eta, outcome in (
        (PopulationLoss(CROSS, [1.0, 1.0]), [-0.5, 1.0], 1.0, Outcome.STALLED),
        (gaussian, -0.5 * W_STAR, 0.5, Outcome.STALLED),
        (gaussian, W[:, 0], 0.5, Outcome.CONVERGED),
        (gaussian, W[:, 0], 50.0, Outcome.DIVERGED),
    ):
        run = descend(loss, np.array(start), step=Constant(eta), steps=500)
        assert run.outcome == (outcome,)


def rotations() -> None:
    """A law turned with its teacher gives the same loss, and its sample the same frequencies."""
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    here, there = PopulationLoss(MIXTURE, W_STAR), PopulationLoss(AngularMixture(3, 0.6, turn[:, 0]), turn @ W_STAR)
    np.testing.assert_allclose(there.gradient(turn @ W), turn @ here.gradient(W), rtol=0, atol=256 * EPS)
    turned = AngularMixture(3, 0.6, turn[:, 0]).sample(500, rng=np.random.default_rng(0))
    straight = MIXTURE.sample(500, rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(turned @ turn[:, 0]), np.abs(straight[:, 0]), rtol=0, atol=32 * EPS)


def guarantee() -> None:
    """A contraction of 0.19 at every step leaves 0.9 of the distance each time."""
    run = descend(PopulationLoss(Gaussian(3), W_STAR), W[:, 0], step=Constant(0.1), steps=5, record="all")
    found = theory.descent.guaranteed(run, np.full((6, 1), 0.19))[:, 0]
    np.testing.assert_allclose(found, run.distance[0, 0] * 0.9 ** np.arange(6), rtol=1e-13)


def chances() -> None:
    """The chance of a good start for p = 2 is the area that two discs share; the bounds lie below it."""
    alpha = 0.2
    beta = math.sqrt(1 - alpha**2)
    area = alpha**2 * math.acos(alpha) + beta**2 * math.acos(beta) - alpha * beta
    assert starts.ball_chance(2, alpha) == pytest.approx(area / (math.pi * alpha**2), rel=1e-11)
    paper, sharp = starts.ball_chance_bounds(2, alpha)
    assert paper == pytest.approx(0.5 - alpha * math.sqrt(math.pi), rel=1e-13)
    # The density of one coordinate of a uniform point of the disc, at 0, is 2/π.
    assert sharp == pytest.approx(0.5 - alpha * 2 / math.pi, rel=1e-13)


def rules() -> None:
    """Each relation on both of its sides, hypotheses, and rounding: small exact findings."""
    for relation, predicted, low, high, expected in (
        (Relation.UPPER, 1.0, 0.8, 0.9, Verdict.HOLDS),
        (Relation.UPPER, 1.0, 0.9, 1.1, Verdict.INCONCLUSIVE),
        (Relation.UPPER, 1.0, 1.1, 1.2, Verdict.VIOLATED),
        (Relation.LOWER, 1.0, 1.1, 1.2, Verdict.HOLDS),
        (Relation.LOWER, 1.0, 0.9, 1.1, Verdict.INCONCLUSIVE),
        (Relation.LOWER, 1.0, 0.8, 0.9, Verdict.VIOLATED),
        (Relation.TIGHT, 1.0, 0.97, 1.03, Verdict.HOLDS),
        (Relation.TIGHT, 1.0, 0.1, 1.9, Verdict.INCONCLUSIVE),
        (Relation.ORDER, 0.0, -0.1, 0.1, Verdict.INCONCLUSIVE),
        # An exact measurement that misses by less than float32 can tell.
        (Relation.UPPER, 1.0, None, None, Verdict.VIOLATED),
    ):
        middle = 1 + 1e-9 if low is None else (low + high) / 2
        finding = Finding(predicted, middle, low, high)
        assert verdict.judge(finding, relation) is expected
        unmet = dataclasses.replace(finding, margins={"a": 1.0, "b": 0.0})
        assert verdict.judge(unmet, relation) is Verdict.HYPOTHESES_NOT_MET


def all_controls() -> None:
    """One control that was not refuted spoils the claim."""
    claim = dataclasses.replace(rate.CLAIM, controls={"a": "false", "b": "false"})
    found = [Finding(1.0, 2.0), Finding(1.0, 0.5, control="a"), Finding(1.0, 2.0, control="b")]
    assert not verdict.conclude(claim, found).passed
    assert verdict.conclude(claim, [*found, Finding(1.0, 0.5, control="b")]).passed


def binomial() -> None:
    """Clopper and Pearson: none of n has the upper limit 1 − (½(1 − level))^{1/n}."""
    low, high = confidence.proportion(0, 50)
    assert low == 0
    assert high == pytest.approx(1 - ((1 - confidence.CONFIDENCE) / 2) ** (1 / 50), rel=1e-9)


def on(module, *cells: Cell) -> Callable[[], None]:
    """The verdict of a claim on these cells: it holds, and every control is refuted."""

    def check() -> None:
        found = []
        for cell in cells:
            setting = Setting(rng=np.random.default_rng(2), xp=np, profile="quick")
            found += module.measure(cell, setting).findings
        assert verdict.conclude(module.CLAIM, found).passed

    return check


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        closed_form, differences, regions, sampled, constants, moments, traces, at_small_angles, admissible_step,
        promised_factor, loop, ends, rotations, guarantee, chances, rules, all_controls, binomial,
    )
}  # fmt: skip
CHECKS |= {
    "verdict of rate": on(rate, Cell({"law": "sphere", "dim": 5, "runs": 8, "steps": 40})),
    "verdict of rate without beta": on(rate_without_beta, Cell({"law": "sphere", "dim": 5, "runs": 8, "steps": 40})),
    "verdict of recovery": on(
        recovery,
        Cell({"law": "gaussian", "dim": 5, "runs": 8, "steps": 2000}),
        Cell({"law": "atoms", "dim": 2, "runs": 1, "steps": 2000}, control=recovery.SINGULAR),
        Cell({"law": "gaussian", "dim": 5, "runs": 1, "steps": 2000}, control=recovery.OPPOSITE),
    ),
    "verdict of schedule": on(schedule, Cell({"law": "gaussian", "dim": 2, "runs": 4, "steps": 5000})),
    "verdict of isotropy": on(isotropy, Cell({"law": "sphere", "dim": 5, "samples": 20_000})),
    "verdict of random start": on(
        random_start, Cell({"dim": 5, "share": 1.0, "draws": 20_000}), Cell({"dim": 2, "share": 0.5, "draws": 20_000})
    ),
}


# ------------------------------------------------------------------------------------------------------------- plants


LIMITS, COMPARE, JUDGE = verdict.limits, verdict._compare, verdict.judge
OUTCOME, END = gradient._Limits.outcome, gradient._Runs.end
WORST, MEASURE_RATE, BOUNDS = rate.worst_step, rate.measure, starts.ball_chance_bounds
TAIL = wedge.tail_moments
STEP = Admissible.__call__
MOMENTS, HALF = relu_filter.PlaneLoss._moments, axial.AxisSymmetric.half


def changed(function, **fields):
    """A function that returns a frozen value, with some of its fields changed by functions of it."""

    def plant(*args, **kwargs):
        value = function(*args, **kwargs)
        return dataclasses.replace(value, **{name: change(value) for name, change in fields.items()})

    return plant


def no_arcsine(rule, progress):
    """Admissible.__call__ that takes the distance itself for the angle."""
    return rule._curve.step(np.clip(progress.distance, 0.0, 1.0)) * (1.0 if rule.form == "paper" else 2.0)


def along_distance(curve, distance):
    """Curve.along that takes the distance itself for the angle."""
    return curve.gamma(distance), curve.L + 4 * curve.beta(distance)


def no_mirror(loss, along, rho, xp):
    """PlaneLoss._moments with the wedge of an obtuse angle taken for that of its supplement."""
    return loss._table.plane(xp.atan2(rho, xp.abs(along)))


def float32_limits(finding):
    """Confidence limits in single precision."""
    low, high = LIMITS(finding)
    return float(np.float32(low)), float(np.float32(high))


def swapped_compare(relation, predicted, low, high):
    """The comparison with the two confidence limits exchanged."""
    return COMPARE(relation, predicted, high, low)


def stalled_converges(limits, distance, otherwise):
    """_Limits.outcome that takes a run at rest for one that arrived."""
    return Outcome.CONVERGED if otherwise is Outcome.STALLED else OUTCOME(limits, distance, otherwise)


def longest_first(rule, progress):
    """Admissible that gives far from the teacher the step that is admissible near it, and the reverse."""
    return STEP(rule, progress._replace(distance=1 - np.minimum(progress.distance, 1.0)))


def fitted(run, promised, *, form="", control=""):
    """worst_step with its prediction fitted to the run: nine tenths of what was measured."""
    finding = WORST(run, promised, form=form, control=control)
    return dataclasses.replace(finding, predicted=0.9 * finding.measured)


def rate_with_itself_as_control(cell, setting):
    """rate.measure whose control is the claim itself."""
    evidence = MEASURE_RATE(cell, setting)
    true = evidence.findings[0]
    kept = [f for f in evidence.findings if f.control != rate.FACTOR]
    return Evidence([*kept, dataclasses.replace(true, control=rate.FACTOR)], evidence.points)


def without_hypotheses(finding, relation):
    """judge that does not look at the margins."""
    return JUDGE(dataclasses.replace(finding, margins={}), relation)


def one_control_is_enough(self):
    """ClaimVerdict.refuted with any for all."""
    return any(control.refuted for control in self.controls)


def mean_for_proportion(successes, trials):
    """A bare mean in place of confidence limits."""
    return successes / trials, successes / trials


def next_step(rule, progress):
    """Schedule.__call__ that is one iteration ahead."""
    return rule.etas[min(progress.iteration + 1, len(rule.etas) - 1)]


def one_step_more(runs, t, *others):
    """_Runs.end that counts the last record as a step."""
    return END(runs, t + 1, *others)


def leaky(loss, block, w):
    """SampleLoss._response of a leaky unit."""
    activation = np.reshape(np.reshape(block, (-1, block.shape[2])) @ w, (block.shape[0], block.shape[1], w.shape[1]))
    active = np.where(activation >= 0, 1.0, 0.1)
    return np.mean(activation * active, axis=1), active


def above_zero(law, n, *, rng, radius=2.0):
    """Starts opposite the teacher, whose loss is above that of 0."""
    return -0.5 * np.eye(law.dim)[:, :1] + 0.1 * np.eye(law.dim)[:, 1:2] + np.zeros((1, n))


def added_bounds(dim, alpha):
    """The bounds with the sign of α turned."""
    paper, sharp = BOUNDS(dim, alpha)
    return 1 - paper, 1 - sharp


def unreflected(points, direction):
    """A law whose axis is forgotten when it is sampled."""
    return points


def sum_for_product(run, contraction):
    """What a sum of contractions would guarantee."""
    total = np.cumsum(contraction[:-1], axis=0)
    return run.distance[:1] * np.concatenate([np.ones_like(total[:1]), 1 - total])


def doubled_half(law):
    """E[zz'] in place of its half."""
    return tuple(2 * moment for moment in HALF(law))


def whole_moment(law):
    """The same for an isotropic law."""
    return (law.radius_moment / law.dim,) * 2


def no_limit(law):
    """β without its limit at θ → 0."""
    return 0.0


def same(x):
    """x in place of x − sin x."""
    return x


def of_the_distance(run):
    """1 − d₁/d₀ in place of 1 − d₁²/d₀²."""
    return 1 - run.distance[1:] / run.distance[:-1]


def no_growth_of_beta(values):
    """Curve's β without its maximum: zeros."""
    return 0 * values


def plane_sign(loss, along, rho, xp):
    """PlaneLoss._moments with the sign of B12 turned: the region of the mirrored w."""
    b11, b12 = MOMENTS(loss, along, rho, xp)
    return b11, -b12


PLANTS: dict[str, Plant] = {
    "γ × 1.02": Plant(exact, "_smallest", scaled(exact._smallest, 1.02), ["constants"]),
    "γ of the curve × 1.02": Plant(
        Curve, "gamma", scaled(Curve.gamma, 1.02), ["constants", "promised_factor", "verdict of rate without beta"]
    ),
    "L × 1.02": Plant(
        theory.smoothness, "exact_constants", changed(exact.exact_constants, L=lambda c: 1.02 * c.L), ["constants"]
    ),
    "β halved": Plant(exact, "_largest", scaled(exact._largest, 0.5), ["constants", "at_small_angles"]),
    "limit at θ → 0 halved": Plant(exact, "limit", scaled(exact.limit, 0.5), ["at_small_angles"]),
    "limit at θ → 0 left out": Plant(exact, "limit", no_limit, ["at_small_angles", "constants"]),
    "½ of a moment dropped": Plant(axial.AxisSymmetric, "half", doubled_half, ["traces", "sampled"]),
    "½ of an isotropic moment dropped": Plant(
        isotropic._Isotropic, "half", whole_moment, ["closed_form", "constants", "traces"]
    ),
    "θ for φ in the step": Plant(Admissible, "__call__", no_arcsine, ["admissible_step"]),
    "θ for φ in the factor": Plant(Curve, "along", along_distance, ["promised_factor"]),
    "a region's sign": Plant(relu_filter.PlaneLoss, "_moments", plane_sign, ["closed_form", "regions", "sampled"]),
    "obtuse angles not mirrored": Plant(relu_filter.PlaneLoss, "_moments", no_mirror, ["closed_form", "regions"]),
    "Q1 with a wrong K": Plant(wedge, "tail_moments", entry_scaled(TAIL, 1, 1.01), ["moments"]),
    "Q0 with ½ dropped": Plant(wedge, "tail_moments", entry_scaled(TAIL, 0, 2.0), ["moments"]),
    "quadrature weights cut to six digits": Plant(wedge, "_WEIGHTS", np.round(wedge._WEIGHTS, 6), ["traces"]),
    "a power of θ lost in the table": Plant(table, "_POWERS", np.array([2, 2, 1, 1]), ["closed_form", "sampled"]),
    "a sine for its argument": Plant(isotropic, "_minus_sine", same, ["closed_form", "constants"]),
    "sampling forgets the axis": Plant(axial, "reflect", unreflected, ["rotations"]),
    "loss without ½": Plant(
        relu_filter.PlaneLoss, "value", scaled(relu_filter.PlaneLoss.value, 2.0), ["closed_form", "differences"]
    ),
    "sampled loss without ½": Plant(SampleLoss, "value", scaled(SampleLoss.value, 2.0), ["differences"]),
    "sampled gradient without 1/k": Plant(
        SampleLoss, "gradient", scaled(SampleLoss.gradient, 2.0), ["differences", "sampled"]
    ),
    "a leaky unit": Plant(SampleLoss, "_response", leaky, ["sampled"]),
    "angle in degrees": Plant(gradient, "angle_between", scaled(relu_filter.angle_between, 180 / math.pi), ["loop"]),
    "schedule one step ahead": Plant(Schedule, "__call__", next_step, ["loop"]),
    "steps counted one too many": Plant(gradient._Runs, "end", one_step_more, ["loop"]),
    "stalled counted as converged": Plant(gradient._Limits, "outcome", stalled_converges, ["ends"]),
    "η doubled": Plant(Admissible, "__call__", scaled(Admissible.__call__, 2.0), ["admissible_step"]),
    "large steps first": Plant(Admissible, "__call__", longest_first, ["admissible_step", "verdict of schedule"]),
    "η of the proof for that of the theorem": Plant(Curve, "step_at", scaled(Curve.step_at, 2.0), ["admissible_step"]),
    "a guarantee that adds up": Plant(theory.descent, "guaranteed", sum_for_product, ["guarantee"]),
    "β of the curve lost": Plant(
        exact, "_raised", no_growth_of_beta, ["constants", "promised_factor", "admissible_step"]
    ),
    "contraction of the distance, not its square": Plant(
        gradient.Descent, "contraction", property(of_the_distance), ["loop"]
    ),
    "starts not below the loss of 0": Plant(theory.problems, "below_zero", above_zero, ["verdict of recovery"]),
    "chance with ½ dropped": Plant(starts, "ball_chance", scaled(starts.ball_chance, 2.0), ["chances"]),
    "chance with ½ dropped, in the claim": Plant(
        theory.problems, "ball_chance", scaled(starts.ball_chance, 2.0), ["verdict of random start"]
    ),
    "bound on the chance with its sign turned": Plant(
        theory.problems, "ball_chance_bounds", added_bounds, ["verdict of random start"]
    ),
    "a bare mean for binomial limits": Plant(
        confidence, "proportion", mean_for_proportion, ["binomial", "verdict of random start"]
    ),
    "a sample of the other wedge": Plant(
        theory.smoothness,
        "sampled_wedge_energy",
        scaled(theory.smoothness.sampled_wedge_energy, 0.5),
        ["verdict of isotropy"],
    ),
    "a prediction fitted to the run": Plant(rate, "worst_step", fitted, ["verdict of rate"]),
    "a control that is the claim": Plant(rate, "measure", rate_with_itself_as_control, ["verdict of rate"]),
    "verdict in float32": Plant(verdict, "limits", float32_limits, ["rules"]),
    "confidence limits swapped": Plant(verdict, "_compare", swapped_compare, ["rules"]),
    "hypotheses ignored": Plant(verdict, "judge", without_hypotheses, ["rules"]),
    "one refuted control is enough": Plant(
        verdict.ClaimVerdict, "refuted", property(one_control_is_enough), ["all_controls"]
    ),
}


def clear() -> None:
    """Forget what was computed from a law before, with or without a plant."""
    table.forget_tables()
    drawn.cache_clear()


@pytest.fixture(autouse=True)
def nothing_remembered():
    clear()
    yield
    clear()


test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something = suite(
    CHECKS, PLANTS, before=clear
)
