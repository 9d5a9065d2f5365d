"""Theorem 3.3: what the closeness of patches says about γ and L_cross."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.confidence import CONFIDENCE
from theory.claims.du2018 import PAPER

HALF, THOUSANDTH = "the half space for the event", "μ/1000"
ANGLE = 0.9
"""φ."""


def cells(profile: Profile) -> list[Cell]:
    """In the plane exactly; in five dimensions with as many samples as it takes."""
    quick = profile == "quick"
    plane = [(0.3, 0.07, 4), (0.5, 0.2, 4), (1.0, 0.4, 2), (math.inf, 0.4, 16), (0.5, 0.8, 4)]
    more = [(0.15, 0.07, 4), (0.3, 0.2, 2), (0.3, 0.4, 16), (1.0, 0.07, 16), (math.inf, 0.07, 4), (2.0, 0.6, 8)]
    five = [(1.0, 0.07, 4, 100_000), (1.0, 0.4, 4, 100_000)]
    slow = [(0.3, 0.07, 4, 4_000_000), (0.5, 0.2, 4, 1_000_000), (1.0, 0.07, 4, 400_000), (1.0, 0.4, 4, 400_000)]
    grid = [(2, *cell, 4000) for cell in (plane if quick else [*plane, *more])] + [
        (5, *c) for c in (five if quick else slow)
    ]
    return [
        Cell({"dim": dim, "centre": _name(spread), "closeness": rho, "k": k, "samples": samples})
        for dim, spread, rho, k, samples in grid
    ]


def _name(spread: float) -> str:
    return theory.distributions.AngularMixture(2, spread).label


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, k, samples = (int(cell.parameters[name]) for name in ("dim", "k", "samples"))
    rho = float(cell.parameters["closeness"])
    centre = theory.problems.law(str(cell.parameters["centre"]), dim)
    law = theory.distributions.ClosePatches(dim, k, None, rho, centre)
    bound = theory.closeness.gamma_bound(law, ANGLE)
    wrong = theory.closeness.gamma_bound(law, ANGLE, half_space=True)
    room = {"π/2 − φ − ρ": math.pi / 2 - ANGLE - rho}
    if dim > 2:
        found, mu = theory.closeness.estimated(law, ANGLE, n=samples, rng=setting.rng, confidence=CONFIDENCE)
        gamma, cross, least_mu, most_mu = _between(found.gamma), _between(found.cross), mu.lower, mu.upper
    else:
        exact = theory.closeness.closeness(law, ANGLE)
        gamma, cross = (Finding(math.nan, value, rounding=1e-11) for value in (exact.gamma, exact.cross))
        least_mu = most_mu = theory.closeness.margin_of(law, ANGLE)
    paper, sharp = theory.closeness.cross_bounds(least_mu, k)
    doubt = theory.closeness.cross_bounds(most_mu - least_mu, k)
    findings = [
        replace(gamma, predicted=bound, form="gamma", margins=room),
        replace(gamma, predicted=wrong, form="gamma", control=HALF),
        replace(_less_sure(cross, doubt[0]), predicted=paper, form="cross", relation=Relation.UPPER),
        replace(_less_sure(cross, doubt[1]), predicted=sharp, form="cross sharp", relation=Relation.UPPER),
    ]
    if dim == 2:
        small = replace(cross, predicted=paper / 1000, form="cross", relation=Relation.UPPER, control=THOUSANDTH)
        findings += [small, *_sampled(law, samples, setting.rng)]
    columns = {"law": law.label, "gamma": gamma.measured, "bound": bound, "cross": cross.measured, "mu": least_mu}
    return Evidence(findings, {name: [value] for name, value in columns.items()})


def _between(bracket: Any) -> Finding:
    """What lies in a bracket, with nothing predicted yet."""
    return Finding(math.nan, (bracket.lower + bracket.upper) / 2, bracket.lower, bracket.upper)


def _less_sure(cross: Finding, doubt: float) -> Finding:
    """L_cross beside a bound that may be larger by ``doubt``: only beyond the largest that it may be is it violated."""
    return cross if cross.low is None else replace(cross, low=max(0.0, cross.low - doubt))


def _sampled(law: Any, samples: int, rng: Any) -> list[Finding]:
    """Part (i) to the letter, for a sample taken as a law: with Z_avg, and the largest angle to it that occurs."""
    patches, w_star = law.sample(samples, rng=rng), theory.problems.teacher(law.dim)
    rho = theory.closeness.closeness_of(patches)
    gamma = _between(theory.closeness.closeness(patches, ANGLE, teacher=w_star).gamma)
    gamma = replace(gamma, form="gamma of a sample", details={"largest angle to Z_avg": rho})
    bound = theory.closeness.sample_gamma_bound(patches, ANGLE, rho, teacher=w_star)
    wrong = theory.closeness.sample_gamma_bound(patches, ANGLE, rho, teacher=w_star, half_space=True)
    room = {"π/2 − φ − ρ": math.pi / 2 - ANGLE - rho}
    return [replace(gamma, predicted=bound, margins=room), replace(gamma, predicted=wrong, control=HALF)]


CLAIM = Claim(
    key="du2018.closeness",
    title="Closeness of patches",
    relation=Relation.LOWER,
    statement=(
        "Unit-norm patches with ∠(Z_i, Z_avg) ≤ ρ and P(|∠(Z_i, w*) − π/2| ≤ t) ≤ μt for t ≤ φ = 0.9. Form 'gamma of a "
        "sample': γ(φ) ≥ λ_min(E[Z_avg Z_avgᵀ 1{∠(Z_avg, w*) ≤ π/2 − φ − ρ}]), for the law of a sample of patches in "
        "the plane around centres of the angular mixture law, with its own largest angle ρ. Form 'gamma': the same for "
        "the law itself, with the centre, to which no angle exceeds ρ, in place of Z_avg in the event. Form 'cross': "
        "L_cross ≤ 3μ. Form 'cross sharp': L_cross ≤ (1 − 1/k) μ. Predicted is the bound; measured are γ and L_cross, "
        "in the plane exactly, in five dimensions with limits that hold at the suite's confidence for every θ ≤ φ (and "
        "from φ/16 on for L_cross), beside the lower limit of μ; the lower limit of L_cross is lowered by as much as "
        "the bound may be higher."
    ),
    hypotheses=("φ + ρ < π/2, or the event of part (i) is empty: margin π/2 − φ − ρ",),
    proof=(
        "(i) On the event every ∠(Z_i, w*) ≤ π/2 − φ, so that every patch is active under every w with θ ≤ φ, u_{++} "
        "is Z_avg, and E[u_{++}u_{++}ᵀ] is at least what the event contributes to it. (ii) With N_{ab} the number of "
        "patches in S(aw, bw*) and s = N_{+−} + N_{−+}, the three norms add up to at most E[N_{++}s + N_{+−}N_{−+}]/k² "
        "≤ (k−1) E[s]/k², because N_{++} ≤ k − s and N_{+−}N_{−+} ≤ s²/4, 0 for s = 1; and E[s] ≤ kμθ, because such a "
        "patch is within θ of the hyperplane of w*. The paper bounds each norm by μθ."
    ),
    source=f"{PAPER}, Theorem 3.3; the sharper bound derived here",
    controls={
        HALF: "part (i) with the event w*·Z_avg ≥ 0, or w*·c ≥ 0",
        THOUSANDTH: "part (ii) with μ/1000: the bound is loose, but not by that much",
    },
    cells=cells,
    measure=measure,
    headline="gamma",
)
