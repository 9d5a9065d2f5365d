"""Corollary of Theorem 4.1: of m random starts in a small ball one is good enough, and descent goes on from there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

HALF, OVERLAP = "one half at the largest radius", "overlapping patches, hypothesis left out"
RESTARTS, TARGET = 4, 1e-2

NEURONS = (("sphere", 2), ("sphere", 5), ("sphere", 25), ("gaussian", 5), ("mixture(1)", 5))
CLOSE = (("mixture(0.5)", 0.05), ("mixture(1)", 0.05))
PAPER_CLOSE = (*CLOSE, ("mixture(0.5)", 0.02), ("mixture(0.3)", 0.01), ("sphere", 0.01))
"""Laws of four close patches in the plane, and their closeness: rarely near the hyperplane of w*, and otherwise."""

SHAPES: Mapping[str, tuple[Any, Any]] = {"signals": (30, 5), "images": ((12, 12), (3, 3))}
ETA = 6.0
"""The step on Gaussian signals and images, for which the theorem has none: about half of where descent diverges."""


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    grid: list[tuple[Any, ...]] = []
    for share in (1.0, 0.5):
        grid += [(law, dim, 1, 0.0, 0, share, "") for law, dim in NEURONS]
        grid += [(law, 2, 4, closeness, 0, share, "") for law, closeness in (CLOSE if quick else PAPER_CLOSE)]
    grid += [("signals", 5, k, 0.0, stride, 0.5, "") for k, stride in ((6, 5), (26, 1))]
    grid += [] if quick else [("signals", 5, 13, 0.0, 2, 0.5, ""), ("images", 9, 100, 0.0, 1, 0.5, "")]
    # In a ball this small the bound is almost one half.
    grid += [("signals", 5, 26, 0.0, 1, 0.02, OVERLAP)]
    names = ("law", "dim", "patches", "closeness", "stride", "share", "trials", "steps")
    amount = (100, 20_000) if quick else (500, 100_000)
    return [Cell(dict(zip(names, (*row[:-1], *amount), strict=True)), control=row[-1]) for row in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, share, trials = int(cell.parameters["dim"]), float(cell.parameters["share"]), int(cell.parameters["trials"])
    alpha = share / math.sqrt(2 * math.pi * dim)  # α = cos φ*
    loss, eta, hypothesis = _instance(cell, setting, math.acos(alpha))
    run = theory.descent.descend(
        loss,
        setting.xp.asarray(theory.problems.in_ball(RESTARTS * trials, dim, rng=setting.rng, radius=alpha)),
        step=theory.descent.Constant(eta),
        steps=int(cell.parameters["steps"]),
        tolerance=TARGET,
        record=[0],
        stationary=1e-9,
    )
    near = run.distance[0] <= math.sqrt(1 - alpha**2)
    # Theorem 4.1, or its sharp form at the largest α, where the theorem's own bound is 0.
    paper, sharp = theory.problems.ball_chance_bounds(dim, alpha)
    chance = sharp if share == 1.0 else paper
    # The theorem allows equality: the margin of α is counted from just above the largest.
    margins = {"1 − α√(2πp)": 1 - share + 1e-12, **hypothesis}
    details = _counts(near, run) | {"eta": eta}
    columns = {name.replace(" ", "_"): [value] for name, value in {"chance": chance, **details}.items()}
    if cell.control:
        return Evidence([_proportion(run.converged, chance, "learned", control=OVERLAP, details=details)], columns)
    findings = [
        _proportion(run.converged, chance, "learned", margins=margins, details=details),
        _all_fail(run.converged, (1 - chance) ** RESTARTS, margins),
        _near_starts(near, run, margins),
    ]
    if share == 1.0:
        findings.append(_proportion(near, 0.5, "near", control=HALF))
    return Evidence(findings, columns)


def _instance(cell: Cell, setting: Setting, phi: float) -> tuple[Any, float, dict[str, float]]:
    """The exact population loss, the theorem's step at φ*, and by how much its hypothesis is met.

    Where the theorem admits no step, one that does not diverge.
    """
    given, w_star = cell.parameters, setting.xp.asarray(theory.problems.teacher(int(cell.parameters["dim"])))
    if given["stride"]:
        images = theory.distributions.GaussianImages(*SHAPES[str(given["law"])], int(given["stride"]))
        return theory.objectives.PopulationLoss(images, w_star), ETA, {"γ'/γ(φ*)": _surely(images, phi)}
    place = str(given["law"]), int(given["dim"]), int(given["patches"]), float(given["closeness"])
    law = theory.problems.filter_law(*place)
    loss = theory.objectives.PopulationLoss(law, w_star)
    if not isinstance(law, theory.distributions.ClosePatches):
        return loss, theory.smoothness.smoothness(law, phi).step, {}
    found = theory.closeness.closeness(law, phi)
    return loss, found.step or 0.25 / found.L, {"γ'/γ(φ*)": found.margin / found.gamma}


def _surely(images: Any, phi: float) -> float:
    """The most that γ'/γ(φ*) can be where that is not positive; otherwise the least."""
    found = theory.closeness.closeness(images, phi)
    best, worst = found.best, found.worst
    return float(best.margin / best.gamma if best.margin <= 0 else worst.margin / worst.gamma)


def _counts(near: Any, run: Any) -> dict[str, int]:
    return {
        "starts": near.size,
        "near starts": int(near.sum()),
        "near ones that learn": int((near & run.converged).sum()),
        "others that learn": int((~near & run.converged).sum()),
        "most steps": int(run.taken.max()),
    }


def _proportion(successes: Any, predicted: float, form: str, **more: Any) -> Finding:
    low, high = confidence.proportion(int(successes.sum()), successes.size)
    return Finding(predicted, float(successes.mean()), low, high, form=form, **more)


def _all_fail(successes: Any, predicted: float, margins: Mapping[str, float]) -> Finding:
    """The fraction of trials in which none of the restarts succeeds."""
    failed = ~successes.reshape(-1, RESTARTS).any(axis=1)
    return _proportion(failed, predicted, "restarts", margins=margins, relation=Relation.UPPER)


def _near_starts(near: Any, run: Any, margins: Mapping[str, float]) -> Finding:
    """The largest final distance of a start with ‖w₀ − w*‖ ≤ sin φ* ‖w*‖: the theorem sends every one of them to w*."""
    # Where no start was near there is nothing to judge.
    worst = float(run.final[near].max()) if near.any() else math.nan
    # A run still on its way has not failed: it leaves this undecided.
    stopped = all(run.outcome[start] is not theory.descent.Outcome.STEP_LIMIT for start in near.nonzero()[0])
    low = worst if stopped else 0.0
    return Finding(TARGET, worst, low, worst, form="near starts", margins=margins, relation=Relation.UPPER)


CLAIM = Claim(
    key="du2018.restarts",
    title="Random restarts",
    relation=Relation.LOWER,
    statement=(
        "Draw w₀ uniformly from the ball of radius α‖w*‖, α = cos φ* ≤ 1/√(2πp), where γ' = γ(φ*) − 6 L_cross(φ*) > 0, "
        "and descend on the exact population loss at the constant step that Theorem 2.2 (one patch) or 3.1 admits at "
        "φ*. Form 'learned': the run comes within 1e-2 ‖w*‖ of w* with probability at least P = ½ − α√(πp/2), or, at "
        "the largest α, where that is 0, ½ − α Γ(p/2+1)/(√π Γ((p+1)/2)). Form 'restarts': 4 independent starts all "
        "fail with probability at most (1 − P)⁴. Form 'near starts': every start with ‖w₀ − w*‖ ≤ √(1−α²) ‖w*‖ = sin "
        "φ* ‖w*‖ comes there; measured is the largest final distance of them. One neuron (patches 1); four close "
        "patches in the plane; Gaussian signals of 30 numbers and a filter of 5, or images of 12×12 and one of 3×3, by "
        "their stride. Frequencies have exact binomial limits."
    ),
    hypotheses=(
        "α ≤ 1/√(2πp): margin 1 − α√(2πp), where equality counts as met",
        (
            "γ' > 0, for more than one patch: margin γ'/γ(φ*), exact for close patches in the plane. For Gaussian "
            "signals and images it is bracketed: the margin is the upper limit where that is not positive, so that "
            "the hypothesis surely fails, and else the lower one"
        ),
    ),
    proof=(
        "Theorem 4.1, or its sharp form, gives the chance of a near start; from there Theorem 2.2 or 3.1 leads to w*, "
        "at a step admissible at φ* and so all the way, as γ' only grows and the other constants only fall with φ. The "
        "starts are independent. As φ* is near π/2, γ' > 0 asks for patches that are close and rarely near the "
        "hyperplane of w*: L_cross does not vanish with the closeness, for at angles θ far below it patches of one "
        "sample are still parted by the hyperplane, with a probability in proportion to θ. Without the hypothesis "
        "nothing leads to w*: on signals with overlapping patches the population loss has further minima, in which "
        "many runs end, from near starts as well. The details count them."
    ),
    source=f"{PAPER}, corollary of Theorem 4.1 (numbering from memory)",
    controls={
        HALF: "½ in place of P at α = 1/√(2πp), for the chance of a near start",
        OVERLAP: "form 'learned' on signals at stride 1 and α = 0.02/√(2πp), P = 0.49, whatever γ' is",
    },
    cells=cells,
    measure=measure,
    version=2,
    headline="learned",
)
