"""Theorem on one input channel: R_{K,C} is the value of a K × K semidefinite program, whatever C is."""

from __future__ import annotations

import math
from typing import Any

from theory.claims import evidence, regularisers
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.jagadeesan2022 import PAPER
from theory.objectives import linear_conv as nets

UNSCALED, LONGER, INPUTS = "without 1/√D", "a kernel longer by one", "several input channels"
CHANNELS = (1, 2, 4)
CLOSED = "closed form"


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    grid: list[tuple[Any, ...]] = [
        ("normal", 8, 8, ""),
        ("decaying", 13, 4, ""),
        ("three frequencies", 16, 4, ""),
        ("normal", 32, 6 if quick else 32, ""),
        ("normal", 6, 1, INPUTS),
    ]
    if not quick:
        grid += [(kind, dim, dim, "") for kind in ("decaying", "three frequencies") for dim in (16, 24)]
        grid += [("normal", 24, 24, ""), ("decaying", 32, 12, ""), ("normal", 8, 1, INPUTS)]
    names = ("kind", "dim", "kernels", "starts")
    return [Cell(dict(zip(names, (*row[:-1], 32), strict=True)), control=row[-1]) for row in grid]


@evidence.excused(nets.NoSolution)
def measure(cell: Cell, setting: Setting) -> Evidence:
    if cell.control:
        return Evidence([_several_inputs(cell, setting)])
    dim = int(cell.parameters["dim"])
    w = regularisers.predictor(str(cell.parameters["kind"]), dim, 1, rng=setting.rng)
    findings: list[Finding] = []
    rows = [{"kernel": kernel, "way": CLOSED, "value": nets.closed_form(w, kernel)} for kernel in (1, dim)]
    for kernel in regularisers.kernels(dim, int(cell.parameters["kernels"])):
        found = _three_ways(w, kernel, cell, setting)
        findings += _compared(found, kernel, dim)
        if kernel == 1:
            longer = nets.sdp(w, 2)
            findings.append(regularisers.tight(longer, found["direct, C = 1"], "direct, C = 1", control=LONGER))
        rows += [{"kernel": kernel, "way": way, "value": value} for way, value in found.items()]
    return Evidence(findings, evidence.table(rows))


def _three_ways(w: Any, kernel: int, cell: Cell, setting: Setting) -> dict[str, float]:
    found = {"SDP": nets.sdp(w, kernel), "dual": nets.dual(w, kernel)}
    for channels in CHANNELS:
        best = nets.least_norm(w, kernel, channels, rng=setting.rng, starts=int(cell.parameters["starts"]))
        found[f"direct, C = {channels}"] = best.bounds.upper
    return found


def _compared(found: dict[str, float], kernel: int, dim: int) -> list[Finding]:
    """The dual and direct minimisation against the SDP; the gap between the best bounds; and the wrong scale."""
    sdp = found["SDP"]
    findings = [regularisers.tight(sdp, value, way, kernel=kernel) for way, value in found.items() if way != "SDP"]
    gap = abs(min(value for way, value in found.items() if way != "dual") / found["dual"] - 1)
    findings.append(Finding(regularisers.AGREE, gap, form="gap", relation=Relation.UPPER, details={"kernel": kernel}))
    unscaled = regularisers.tight(sdp / math.sqrt(dim), found["direct, C = 1"], "direct, C = 1", control=UNSCALED)
    return [*findings, unscaled]


def _several_inputs(cell: Cell, setting: Setting) -> Finding:
    """R for three input channels, K = 2: two output channels against as many as it takes."""
    w = regularisers.predictor(str(cell.parameters["kind"]), int(cell.parameters["dim"]), 3, rng=setting.rng)
    best = nets.least_norm(w, 2, 2, rng=setting.rng, starts=int(cell.parameters["starts"]))
    return regularisers.tight(nets.sdp(w, 2), best.bounds.upper, "direct, C = 2", control=INPUTS)


CLAIM = Claim(
    key="jagadeesan2022.one_channel",
    title="One input channel",
    relation=Relation.TIGHT,
    statement=(
        "f(x) = D^{-1/2} Σ V[d,c] U[k,c] x[(d+k) mod D] realises the predictor w. The least ‖U‖² + ‖V‖² is R_K(w) = "
        "min {tr G + Σ_d |ŵ_d|²/(f_d* G f_d) : G ⪰ 0, K × K}, f_d the first K entries of row d of the unitary Fourier "
        "matrix, for every number C ≥ 1 of output channels. Predicted: the value of this program, by Clarabel. Forms "
        "'direct, C = 1', 2 and 4: the best of 32 random starts of minimisation over U and V. Form 'dual': max 2⟨w,q⟩ "
        "subject to ‖[q_{(j+k) mod D}]/√D‖_op ≤ 1. They agree to 1e-6. Form 'gap': the smallest upper bound over the "
        "dual, less 1, is at most 1e-6. Every value is that of a feasible point, so the gap bounds the error of all."
    ),
    hypotheses=("none: any real w, and 1 ≤ K ≤ D",),
    proof=(
        "Ŵ = Σ_c V̂_c Û_c, so that given U the best V̂_d has Σ_c |V̂_dc|² = |ŵ_d|²/Σ_c |Û_dc|², and Σ_c |Û_dc|² = f_d* "
        "G f_d with G = UUᵀ: that is the program with rank G ≤ C. As f* G f is a nonnegative trigonometric polynomial "
        "of degree K − 1 with real coefficients, and tr G its constant term (times D), it is the square of one real "
        "polynomial (Fejér and Riesz): rank 1 is no restriction. The dual is that of the nuclear norm: 2‖M‖_* = max "
        "over ‖Q‖_op ≤ 1. There is no certificate that a start at few channels has found the global minimum other than "
        "this agreement: at C = 1 some starts end in local minima."
    ),
    source=(
        f"{PAPER}: the program, its independence of C. Re-derived here: its form with G of K × K, the reduced dual in "
        "|q̂|², and the bounds that make every value certified"
    ),
    controls={
        UNSCALED: "the SDP of a network without the factor D^{-1/2}: less by √D",
        LONGER: "the SDP for K = 2 in place of K = 1",
        INPUTS: "the same for three input channels, K = 2: two output channels against as many as it takes",
    },
    cells=cells,
    measure=measure,
)
