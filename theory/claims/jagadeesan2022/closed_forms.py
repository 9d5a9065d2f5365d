"""One input channel: R is 2√D ‖w‖₂ for K = 1 and 2‖ŵ‖₁ for K = D, and between them in between."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theory.claims import evidence, regularisers
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.jagadeesan2022 import PAPER
from theory.objectives import linear_conv as nets

UNSCALED, EXCHANGED = "without √D", "exchanged"


def cells(profile: Profile) -> list[Cell]:
    kinds = ("normal", "three frequencies", "decaying")
    dims = (5, 12, 32) if profile == "quick" else (2, 3, 5, 8, 12, 17, 24, 32)
    return [Cell({"kind": kind, "dim": dim, "starts": 8}) for kind in kinds for dim in dims]


@evidence.excused(nets.NoSolution)
def measure(cell: Cell, setting: Setting) -> Evidence:
    dim = int(cell.parameters["dim"])
    w = regularisers.predictor(str(cell.parameters["kind"]), dim, 1, rng=setting.rng)
    ends = {1: nets.closed_form(w, 1), dim: nets.closed_form(w, dim)}
    findings: list[Finding] = []
    for kernel, predicted in ends.items():
        form = "K = 1" if kernel == 1 else "K = D"
        ways = {"SDP": nets.sdp(w, kernel), "dual": nets.dual(w, kernel)} | _directly(w, kernel, cell, setting)
        findings += [regularisers.tight(predicted, value, form, way=way) for way, value in ways.items()]
        other = ends[dim if kernel == 1 else 1]
        findings.append(regularisers.tight(other, ways["C = 1"], form, control=EXCHANGED))
    unscaled = 2 * float(np.linalg.norm(w))
    findings.append(regularisers.tight(unscaled, nets.sdp(w, 1), "K = 1", control=UNSCALED))
    return Evidence([*findings, *_between(w, ends[1], ends[dim])])


def _directly(w: Any, kernel: int, cell: Cell, setting: Setting) -> dict[str, float]:
    starts = int(cell.parameters["starts"])
    search = nets.least_norm
    return {f"C = {c}": search(w, kernel, c, rng=setting.rng, starts=starts).bounds.upper for c in (1, 2)}


def _between(w: Any, most: float, least: float) -> list[Finding]:
    """R of the kernel half as long, from both sides: an upper bound below the larger end, a lower above the smaller."""
    kernel = math.ceil(len(w) / 2)
    agree = regularisers.AGREE
    return [
        Finding(most * (1 + agree), nets.sdp(w, kernel), form="K = D/2, at most", relation=Relation.UPPER),
        Finding(least * (1 - agree), nets.dual(w, kernel), form="K = D/2, at least", relation=Relation.LOWER),
    ]


CLAIM = Claim(
    key="jagadeesan2022.closed_forms",
    title="The two ends of one input channel",
    relation=Relation.TIGHT,
    statement=(
        "One input channel. Form 'K = 1': R_1(w) = 2√D ‖w‖₂. Form 'K = D': R_D(w) = 2‖ŵ‖₁, with the unitary Fourier "
        "transform. Predicted: these; measured: the SDP, its dual, and direct minimisation with one and two output "
        "channels from 8 starts, which agree with them to 1e-6. Forms 'K = D/2': R of the kernel half as long, rounded "
        "up, is at most 2√D ‖w‖₂ (measured by an upper bound) and at least 2‖ŵ‖₁ (by a lower bound), to 1e-6."
    ),
    hypotheses=("none: any real w",),
    proof=(
        "K = 1: G is a number g, f_d* G f_d = g/D, and min g + D‖w‖²/g = 2√D ‖w‖. K = D: the f_d are orthonormal, G = "
        "Σ_d |ŵ_d| f_d f_d* attains Σ 2|ŵ_d|, and no weights do better, as |ŵ_d| ≤ ‖V̂_d‖ ‖Û_d‖. A longer kernel "
        "realises what a shorter one does, so R_K falls with K. It may reach 2‖ŵ‖₁ before K = D: as soon as a "
        "nonnegative trigonometric polynomial of degree K − 1 takes the values |ŵ_d|, for normal entries near D/2."
    ),
    source=f"{PAPER}: both closed forms. That they are the two ends of a decreasing R_K is immediate",
    controls={
        UNSCALED: "2‖w‖₂ for K = 1",
        EXCHANGED: "2‖ŵ‖₁ for K = 1, and 2√D ‖w‖₂ for K = D",
    },
    cells=cells,
    measure=measure,
    headline="K = D",
)
