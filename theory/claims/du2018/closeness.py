"""Theorem 3.3: how closely the patches agree bounds γ(φ) from below and the cross matrices from above."""

from __future__ import annotations

from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

HALF_SPACE, THOUSANDTH = "half space for the event", "μ divided by 1000"
PHI = 0.9
LEAST = 0.01
"""L_cross and μ are suprema of what there is at θ over max(θ, 0.01)."""

SPREADS = (0.3, 1.0)
CLOSENESS = (0.02, 0.07, 0.2, 0.4, 0.7, 1.2)


def cells(profile: Profile) -> list[Cell]:
    plane, space = (2000, 60_000) if profile == "quick" else (20_000, 400_000)
    grid = [(2, plane, s, c) for s in SPREADS for c in CLOSENESS]
    grid += [(5, space, s, c) for s in SPREADS for c in (0.02, 0.4)]
    return [Cell({"dim": dim, "spread": s, "closeness": c, "samples": n}) for dim, n, s, c in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, samples = int(cell.parameters["dim"]), int(cell.parameters["samples"])
    spread, close = float(cell.parameters["spread"]), float(cell.parameters["closeness"])
    k, w_star = theory.problems.PATCHES, theory.problems.teacher(dim)
    patches = theory.distributions.ClosePatches(dim, k, spread, close).sample(samples, rng=setting.rng)
    rho = theory.closeness.closeness_of(patches)
    mu = theory.closeness.margin_of(patches, PHI, w_star, least_angle=LEAST)
    three, sharp = theory.closeness.cross_bounds(mu, k)
    if dim == 2:
        found = theory.closeness.exact_constants(patches, PHI, w_star, least_angle=LEAST)
        bound = theory.closeness.gamma_bound(patches, PHI, w_star, rho=rho)
        half = theory.closeness.half_space_moment(patches, w_star)
    else:
        found = theory.closeness.estimate_constants(patches, PHI, w_star)
        # What is predicted is sampled as well: the end of its limits that is hardest to meet, or for the control least.
        bound = theory.closeness.gamma_bound_estimate(patches, PHI, w_star, rho=rho).high
        half = theory.closeness.half_space_estimate(patches, w_star).low
    findings = [
        _finding(bound, found.gamma, "γ", details={"rho": rho}),
        _finding(three, found.cross, "L_cross", relation=Relation.UPPER, details={"mu": mu}),
        _finding(sharp, found.cross, "L_cross, sharp", relation=Relation.UPPER, details={"mu": mu}),
        _finding(half, found.gamma, "γ", control=HALF_SPACE),
        _finding(three / 1000, found.cross, "L_cross", relation=Relation.UPPER, control=THOUSANDTH),
    ]
    columns = {"rho": [rho], "mu": [mu], "gamma": [found.gamma.value], "gamma bound": [bound]}
    return Evidence(findings, columns | {"L_cross": [found.cross.value], "3 mu": [three], "sharp": [sharp]})


def _finding(predicted: float, found: Any, form: str, **more: Any) -> Finding:
    # Sums of at most 10⁵ numbers: their rounding is below 10⁵ ε times 1, and no constant here is below 0.01 of that.
    return Finding(predicted, found.value, found.low, found.high, rounding=1e-9, form=form, **more)


CLAIM = Claim(
    key="du2018.closeness",
    title="Closeness of patches",
    relation=Relation.LOWER,
    statement=(
        "Let all patches have norm 1, ∠(Zᵢ, Z_avg) ≤ ρ and P(|∠(Zᵢ, w*) − π/2| ≤ θ) ≤ μθ for θ ≤ φ = 0.9. Form 'γ': "
        "γ(φ) is at least λ_min(E[Z_avg Z_avgᵀ 1{∠(Z_avg, w*) ≤ π/2 − φ − ρ}]). Form 'L_cross': L_cross ≤ 3μ. Form "
        "'L_cross, sharp', not in the paper: L_cross ≤ (1 − 3/(4k)) μ for k patches. In two dimensions the law is that "
        "of a sample, for which both sides are exact; in five it is a law that no rotation about w* alters, estimated "
        "on a grid of θ ≤ φ with limits of joint confidence, and predicted is the end of the limits of the bound that "
        "is hardest to meet. ρ is the largest angle in the sample, and L_cross and μ divide by max(θ, 0.01)."
    ),
    hypotheses=("patches of norm 1, ρ and μ as measured: true by construction, so no margin is reported",),
    proof=(
        "(i) On the event every ∠(Zᵢ, w) ≤ ∠(Zᵢ, Z_avg) + ∠(Z_avg, w*) + θ ≤ π/2 for every w with θ ≤ φ, so that "
        "u₊₊ = Z_avg there; elsewhere u₊₊u₊₊ᵀ ⪰ 0. (ii) ‖u₊₊‖, ‖u₊₋‖, ‖u₋₊‖ ≤ 1, so each cross matrix has norm at most "
        "E‖u₊₋‖ or E‖u₋₊‖, and a patch is in S(w,−w*) or S(−w,w*) only if |∠(Zᵢ, w*) − π/2| ≤ θ: at most μθ each. "
        "Sharp: let a and b be the shares of the k patches in S(w,−w*) and S(−w,w*), s = a + b. Then ‖u₊₊‖ ≤ 1 − s, "
        "and the three norms add up to at most E[(1 − s)(a + b) + ab] ≤ E[s(1 − ¾s)] as ab ≤ s²/4; where s is not 0 "
        "it is at least 1/k, and E[s] ≤ μθ."
    ),
    source=f"{PAPER}, Theorem 3.3; constants proved anew, the sharp form derived here",
    controls={
        HALF_SPACE: "(i) with the event replaced by the half space w*·Z_avg ≥ 0",
        THOUSANDTH: "(ii) with μ/1000",
    },
    cells=cells,
    measure=measure,
)
