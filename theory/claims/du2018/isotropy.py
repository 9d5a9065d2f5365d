"""β of rotation-invariant laws: λ_max(A_{w,−w*}) ≤ θ/2π for unit norm, so β ≤ 1; β ≤ p for the standard Gaussian."""

from __future__ import annotations

import math

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

HALF = "half the true value"
PHI = 1.5
THETA = 1.0


def cells(profile: Profile) -> list[Cell]:
    samples = 100_000 if profile == "quick" else 1_000_000
    grid = [(law, dim) for law in ("sphere", "gaussian") for dim in theory.problems.DIMENSIONS]
    return [Cell({"law": law, "dim": dim, "samples": samples}) for law, dim in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim = int(cell.parameters["dim"])
    law = theory.problems.law(str(cell.parameters["law"]), dim)
    bound = law.radius_moment  # 1, or p
    beta = theory.smoothness.smoothness(law, PHI).beta
    samples = int(cell.parameters["samples"])
    energy = theory.smoothness.sampled_wedge_energy(law, samples, THETA, rng=setting.rng) / THETA
    low, high = confidence.bootstrap(energy, rng=setting.rng)
    # λ_max(A_{w,−w*})/θ = E‖z‖² (θ + sin θ)/(2πpθ), from polar coordinates in the plane.
    at_theta = bound * (THETA + math.sin(THETA)) / (2 * math.pi * dim * THETA)
    findings = [
        Finding(bound, beta, rounding=1e-12, form="bound", details={"true beta": bound / (math.pi * dim)}),
        Finding(bound, float(energy.mean()), low, high, form="bound, sampled", details={"theta": THETA}),
        Finding(at_theta, float(energy.mean()), low, high, form="exact, sampled", relation=Relation.TIGHT),
        Finding(bound / (2 * math.pi * dim), beta, rounding=1e-12, form="bound", control=HALF),
        Finding(at_theta / 2, float(energy.mean()), low, high, form="bound, sampled", control=HALF),
    ]
    columns = {"theta": [PHI, THETA], "beta": [beta, float(energy.mean())], "bound": [bound, bound]}
    return Evidence(findings, columns)


CLAIM = Claim(
    key="du2018.isotropy",
    title="β of rotation-invariant laws",
    relation=Relation.UPPER,
    statement=(
        "For a rotation-invariant law of unit norm λ_max(A_{w,−w*}) ≤ θ/2π, so that β ≤ 1; for the standard Gaussian "
        "in p dimensions β ≤ p. Predicted: that bound. Measured: β, exactly, and λ_max(A_{w,−w*})/θ at θ = 1 from a "
        "sample. The true values are 1/(πp) and 1/π: the slack is 1/(πp)."
    ),
    hypotheses=("the law is rotation invariant: true of both by construction, so no margin is reported",),
    proof=(
        "Paper: λ_max is at most the trace E[‖z‖² 1{S(w,−w*)}] = E‖z‖² θ/2π. Sharp: in polar coordinates of the "
        "plane of w and w*, A_{w,−w*} has the eigenvalues E‖z‖² (θ ± sin θ)/(2πp) in the plane and E‖z‖² θ/(2πp) "
        "outside it, and (θ + sin θ)/θ is largest as θ → 0."
    ),
    source=f"{PAPER}, the discussion after Theorem 2.2; sharp values derived here",
    controls={HALF: "β ≤ 1/(2πp) for unit norm, β ≤ 1/2π for the Gaussian: half the true value"},
    cells=cells,
    measure=measure,
    headline="bound",
)
