"""Random initialisation: a start uniform in a small ball is near enough to the teacher with probability almost ½."""

from __future__ import annotations

import math
from typing import Any

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

HALF = "one half at the largest radius"
RESTARTS = 4
SHARES = (1.0, 0.5, 0.1)
"""α as a share of the largest that the theorem allows, 1/√(2πp)."""


def cells(profile: Profile) -> list[Cell]:
    draws = 100_000 if profile == "quick" else 2_000_000
    return [
        Cell({"dim": dim, "share": share, "draws": draws}) for dim in theory.problems.DIMENSIONS for share in SHARES
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, draws, share = int(cell.parameters["dim"]), int(cell.parameters["draws"]), float(cell.parameters["share"])
    alpha = share / math.sqrt(2 * math.pi * dim)
    near = theory.problems.near_teacher(draws, dim, alpha, rng=setting.rng)
    failed = ~near[: draws // RESTARTS * RESTARTS].reshape(-1, RESTARTS).any(axis=1)
    exact = theory.problems.ball_chance(dim, alpha)
    paper, sharp = theory.problems.ball_chance_bounds(dim, alpha)
    # The theorem allows equality: the margin of α is counted from just above the largest.
    margins = {"1 − α√(2πp)": 1 - share + 1e-12}
    findings = [
        Finding(sharp, exact, rounding=1e-12, form="sharp", margins=margins),
        _proportion(near, exact, "exact", margins=margins, relation=Relation.TIGHT),
    ]
    if share == 1.0:
        # Here the paper's bound is 0, and that on the restarts 1: nothing could violate them.
        findings.append(_proportion(near, 0.5, "paper", control=HALF))
    else:
        findings.append(_proportion(near, paper, "paper", margins=margins))
        bound = (1 - paper) ** RESTARTS
        findings.append(_proportion(failed, bound, "restarts", margins=margins, relation=Relation.UPPER))
    columns = {"alpha": [alpha], "near": [int(near.sum())], "bound": [paper], "sharp": [sharp], "exact": [exact]}
    return Evidence(findings, columns)


def _proportion(successes: Any, predicted: float, form: str, **more: Any) -> Finding:
    low, high = confidence.proportion(int(successes.sum()), successes.size)
    return Finding(predicted, float(successes.mean()), low, high, form=form, **more)


CLAIM = Claim(
    key="du2018.random_start",
    title="Random initialisation",
    relation=Relation.LOWER,
    statement=(
        "Draw w₀ uniformly from the ball of radius α‖w*‖ in p dimensions, α ≤ 1/√(2πp). Then P(‖w₀ − w*‖ ≤ √(1−α²) "
        "‖w*‖) ≥ ½ − α√(πp/2) (form 'paper'). Form 'exact': that probability itself, by quadrature, equals the "
        "frequency. Form 'sharp': it is at least ½ − α Γ(p/2+1)/(√π Γ((p+1)/2)), which is positive at the largest α, "
        "where the paper's bound is 0. Form 'restarts': 4 independent starts all fail with probability at most (½ + "
        "α√(πp/2))⁴. Measured: frequencies with exact binomial limits; for 'sharp' the exact probability."
    ),
    hypotheses=("α ≤ 1/√(2πp): margin 1 − α√(2πp), where equality counts as met",),
    proof=(
        "The event contains {w₀·w* ≥ α²‖w*‖²}. The first coordinate of a uniform point of the unit ball has the "
        "density Γ(p/2+1)/(√π Γ((p+1)/2)) (1−u²)^{(p−1)/2}, at most its value at 0, so P ≥ ½ − α times that value; "
        "the paper bounds it further, by √(πp/2)."
    ),
    source=f"{PAPER}, Theorem 4.1 (numbering from memory); sharp and exact forms derived here",
    controls={HALF: "½ instead of the bound, at α = 1/√(2πp)"},
    cells=cells,
    measure=measure,
    headline="paper",
)
