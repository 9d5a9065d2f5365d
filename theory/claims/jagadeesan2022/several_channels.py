"""Several input channels, output channels enough: a nuclear norm for K = 1, a group norm of the spectrum for K = D."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theory.claims import evidence, regularisers
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.jagadeesan2022 import PAPER
from theory.objectives import linear_conv as nets

FROBENIUS, ENTRIES, UNSCALED = "‖W‖_F for K = 1", "‖Ŵ‖₁ for K = D", "without √D"


def cells(profile: Profile) -> list[Cell]:
    sizes = [(6, 2), (6, 3)]
    if profile == "paper":
        sizes += [(4, 2), (8, 2), (8, 3), (9, 4), (12, 2), (16, 3), (24, 2)]
    grid = [("normal", dim, inputs, "") for dim, inputs in sizes]
    grid += [("rank 1", 6, 3, ""), ("decaying", 7, 2, "")]
    names = ("kind", "dim", "inputs", "starts")
    return [Cell(dict(zip(names, (*row[:-1], 4), strict=True)), control=row[-1]) for row in grid]


@evidence.excused(nets.NoSolution)
def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, inputs = int(cell.parameters["dim"]), int(cell.parameters["inputs"])
    w = regularisers.predictor(str(cell.parameters["kind"]), dim, inputs, rng=setting.rng)
    findings: list[Finding] = []
    rows: list[Any] = []
    for kernel in sorted({1, 2, math.ceil(dim / 2), dim}):
        form = {1: "K = 1", dim: "K = D"}.get(kernel, "between")
        found = _ways(w, kernel, cell, setting)
        predicted = nets.closed_form(w, kernel) if kernel in (1, dim) else found.pop("SDP")
        findings += [regularisers.tight(predicted, value, form, way=way, kernel=kernel) for way, value in found.items()]
        findings += _wrong(w, kernel, found["direct"])
        rows += [{"kernel": kernel, "way": way, "value": value} for way, value in found.items()]
    return Evidence(findings, evidence.table(rows))


def _ways(w: Any, kernel: int, cell: Cell, setting: Setting) -> dict[str, float]:
    """SDP, dual, direct minimisation with as many channels as it may take, and with as few where that is known."""
    dim, inputs = w.shape
    channels = {"direct": min(kernel * inputs, dim)}
    if kernel == dim:
        channels["direct, C = 1"] = 1
    if kernel == 1:
        channels["direct, C = rank"] = int(np.linalg.matrix_rank(w))
    starts = int(cell.parameters["starts"])
    search = {way: nets.least_norm(w, kernel, c, rng=setting.rng, starts=starts) for way, c in channels.items()}
    convex = {"SDP": nets.sdp(w, kernel), "dual": nets.dual(w, kernel)}
    return convex | {way: found.bounds.upper for way, found in search.items()}


def _wrong(w: Any, kernel: int, measured: float) -> list[Finding]:
    dim = len(w)
    if kernel == 1:
        nuclear = float(np.linalg.svd(w, compute_uv=False).sum())
        wrong = {FROBENIUS: 2 * math.sqrt(dim) * float(np.linalg.norm(w)), UNSCALED: 2 * nuclear}
        return [regularisers.tight(value, measured, "K = 1", control=name) for name, value in wrong.items()]
    if kernel == dim:
        entries = 2 * float(np.abs(np.fft.fft(w, axis=0, norm="ortho")).sum())
        return [regularisers.tight(entries, measured, "K = D", control=ENTRIES)]
    return []


CLAIM = Claim(
    key="jagadeesan2022.several_channels",
    title="Several input channels, output channels enough",
    relation=Relation.TIGHT,
    statement=(
        "R input channels, W a D × R matrix. Form 'K = 1': the least ‖U‖² + ‖V‖² is 2√D ‖W‖_*, the nuclear norm, as "
        "soon as C ≥ rank W. Form 'K = D': it is 2 Σ_d ‖Ŵ_d‖₂, for every C ≥ 1. Form 'between': for C = min(KR, D) it "
        "is min 2‖M‖_* over the D × KR matrices M with D^{-1/2} Σ_{d+k=j} M[d,(k,r)] = W[j,r]. Predicted: the closed "
        "forms, and between them that program, by Clarabel. Measured: the SDP, its dual max 2⟨W,q⟩ over ‖[q_{(j+k) mod "
        "D,r}]/√D‖_op ≤ 1, and the best of 4 random starts of direct minimisation (method of multipliers), to 1e-6."
    ),
    hypotheses=("C ≥ rank W (K = 1), C ≥ min(KR, D) (between): met by every cell",),
    proof=(
        "W depends on the weights by M = V·U alone, and the least ‖U‖² + ‖V‖² of factors with C columns is 2‖M‖_* if C "
        "≥ rank M. K = 1: M = √D W is unique. K = D: ‖Ŵ_d‖ ≤ ‖V̂_d‖ ‖Û_d‖ gives the lower bound, and V̂_d = √‖Ŵ_d‖, "
        "Û_d = Ŵ_d/√‖Ŵ_d‖ attains it with one channel."
    ),
    source=(
        f"{PAPER}: both closed forms, for C large enough. Re-derived here: that rank W channels suffice for K = 1 and "
        "a single one for K = D, and the program between them"
    ),
    controls={
        FROBENIUS: "2√D ‖W‖_F in place of the nuclear norm, which differs unless W has rank 1",
        ENTRIES: "2 Σ |Ŵ_dr|, no groups",
        UNSCALED: "2‖W‖_* for K = 1",
    },
    cells=cells,
    measure=measure,
)
