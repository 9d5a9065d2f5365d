"""Theorem 3.1: the linear rate of gradient descent on a convolutional filter, at every step of every run.

With sin φ_t = ‖w_t − w*‖/‖w*‖ < 1, γ(φ₀) > 6 L_cross and η_t ≤ (γ(φ_t) − 6 L_cross) / (2 (L + 10 L_cross + 4β)²):

    ‖w_{t+1} − w*‖² ≤ (1 − η_t (γ(φ_t) − 6 L_cross)/2) ‖w_t − w*‖²

The law is a fixed sample of patches in the plane, whose constants are exact: nothing here has a sampling error.
"""

from __future__ import annotations

import math
from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting, Value
from theory.claims.du2018 import PAPER

FORGOTTEN = "L_cross forced to 0"
COVERED = "(γ(φ₀) − 6 L_cross)/(γ(φ₀) + 6 L_cross)"
NEAR = "1 − ‖w₀ − w*‖/‖w*‖"
SPREADS = (0.1, 0.2, 0.3, 0.5, 1.0)
CLOSENESS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.2)
RADIUS = 0.8
"""Starts are no farther from w* than this share of ‖w*‖."""

LEAST = 0.01
"""Steps from φ_t of at least this are checked, and β and L_cross divide by no less."""


def cells(profile: Profile) -> list[Cell]:
    samples, runs, steps = (600, 8, 1000) if profile == "quick" else (4000, 32, 20_000)
    every: dict[str, Value] = {"samples": samples, "runs": runs, "steps": steps}
    grid = [Cell({"law": "close", "spread": s, "closeness": c, **every}) for s in SPREADS for c in CLOSENESS]
    # Descent leaves the teacher from some of the starts only, so there are many.
    many: dict[str, Value] = {**every, "runs": 128}
    return [*grid, Cell({"law": "pairs", "spread": 0.0, "closeness": math.pi / 3, **many}, control=FORGOTTEN)]


def measure(cell: Cell, setting: Setting) -> Evidence:
    spread, close = float(cell.parameters["spread"]), float(cell.parameters["closeness"])
    samples, runs, steps = (int(cell.parameters[name]) for name in ("samples", "runs", "steps"))
    patches = theory.problems.filter_patches(str(cell.parameters["law"]), spread, close, samples, rng=setting.rng)
    w_star, xp = theory.problems.teacher(2), setting.xp
    curve = theory.closeness.Curve(patches, w_star, least_angle=LEAST)
    loss = theory.objectives.SampleLoss(xp.asarray(patches), xp.asarray(w_star))
    starts = theory.problems.disc(runs, rng=setting.rng, radius=RADIUS)

    def descend(step: Any, steps: int, tolerance: float) -> Any:
        return theory.descent.descend(
            loss, xp.asarray(starts), step=step, steps=steps, tolerance=tolerance, record="all"
        )

    def checked(gap: float, more: float, factor: float) -> Any:
        rule = theory.descent.Along(lambda angle: factor * curve.step(angle, gap=gap, more=more))
        return descend(rule, max(1, steps // 10), math.sin(LEAST))

    free = descend(theory.descent.Constant(1 / float(curve.L(math.asin(RADIUS)))), steps, 1e-6)
    first = free.distance[0].max()
    margins = {NEAR: float(1 - first), COVERED: curve.margin(first)}
    found = {"converged": int(free.converged.sum()), "covered up to φ": curve.reach()}
    findings = []
    if margins[COVERED] > 0:
        run, best = checked(6.0, 10.0, 1.0), checked(theory.closeness.PROOF, theory.closeness.PROOF, 2.0)
        promised = run.step * curve.along(run.distance)[0] / 2  # Theorem 3.1
        net, lipschitz = curve.along(best.distance, gap=theory.closeness.PROOF, more=theory.closeness.PROOF)
        proved = 2 * best.step * net - (best.step * lipschitz) ** 2  # its proof, before it is simplified
        findings += [
            _worst(run, promised, "paper", margins=margins, details=found),
            _worst(best, proved, "proof", margins=margins, details=found),
        ]
    elif not cell.control:
        # The theorem promises nothing, so there is nothing to compare with: descent is run all the same.
        least = float(theory.descent.smallest(free.contraction))
        findings.append(Finding(0.0, least, form="paper", margins=margins, details=found))
    if cell.control or margins[COVERED] <= 0:
        forgot = checked(0.0, 0.0, 1.0)
        wrong = forgot.step * curve.along(forgot.distance, gap=0.0, more=0.0)[0] / 2
        findings.append(_worst(forgot, wrong, "paper", control=FORGOTTEN, details=found))
    slack = findings[0].measured / findings[0].predicted if findings[0].predicted else math.nan
    columns = {
        "spread": [spread],
        "closeness": [close],
        "margin": [margins[COVERED]],
        "covered": [margins[COVERED] > 0],
        "converged": [float(free.converged.mean())],
        "slack": [slack],
        "law": [str(cell.parameters["law"])],
        "gamma": [float(curve.gamma(math.asin(first)))],
        "L_cross": [float(curve.cross(math.asin(first)))],
        "reach": [curve.reach()],
    }
    return Evidence(findings, columns)


def _worst(run: Any, promised: Any, form: str, *, details: Any, margins: Any = None, control: str = "") -> Finding:
    """The step, of all steps of all runs, at which the measured contraction is smallest beside the promised one."""
    place = theory.descent.least(run.contraction, promised[:-1])
    return Finding(
        predicted=float(promised[:-1][place]),
        measured=float(run.contraction[place]),
        rounding=run.rounding(place),
        margins=margins or {},
        control=control,
        form=form,
        details={
            "iteration": int(place[0]),
            "distance": float(run.distance[place]),
            "step": float(run.step[place]),
            "steps checked": theory.arrays.count(run.contraction),
            **details,
        },
    )


CLAIM = Claim(
    key="du2018.filter_rate",
    title="Linear rate of a filter",
    relation=Relation.LOWER,
    statement=(
        "Let ‖w₀ − w*‖ < ‖w*‖, sin φ_t = ‖w_t − w*‖/‖w*‖, γ(φ₀) > 6 L_cross and η_t ≤ (γ(φ_t) − 6 L_cross) / (2 (L + "
        "10 L_cross + 4β)²). Then ‖w_{t+1} − w*‖² ≤ (1 − η_t (γ(φ_t) − 6 L_cross)/2) ‖w_t − w*‖² at every step. Form "
        "'paper': predicted is the contraction η_t (γ − 6 L_cross)/2 at the largest such step; measured is 1 − "
        "‖w_{t+1} − w*‖²/‖w_t − w*‖² at that step of all steps of all runs where their ratio is least. Form 'proof': "
        "with 3π/2 in place of 6 and of 10, at the proof's own best step. The law is that of a fixed sample of four "
        "patches in the plane around a common direction, for which all constants are exact, so the statement has no "
        "sampling error; it is checked from every φ_t ≥ 0.01, and β and L_cross are suprema of what there is at θ over "
        "max(θ, 0.01), which is what those steps need. Where γ(φ₀) ≤ 6 L_cross nothing is predicted (0); measured is "
        "the least contraction of descent at the step 1/L, and the detail 'converged' counts the runs that reach w*."
    ),
    hypotheses=(
        "‖w₀ − w*‖ < ‖w*‖: margin 1 − ‖w₀ − w*‖/‖w*‖, the least over the starts",
        "γ(φ₀) > 6 L_cross: margin (γ − 6 L_cross)/(γ + 6 L_cross) at the φ₀ of the farthest start",
    ),
    proof=(
        "1. With d = w − w* expand ⟨∇ℓ, d⟩ = E[(u₊₊·d + u₊₋·w − u₋₊·w*)(u₊₊ + u₊₋)·d]. The square of u₊₊·d gives "
        "γ‖d‖²; (u₊₋·w)(u₊₋·d) ≥ 0, because u₊₋·w ≥ 0 > u₊₋·w*. 2. The other four terms are at most the three norms "
        "of the cross matrices times ‖d‖² + ‖w‖‖d‖, ‖w*‖‖d‖ and ‖w*‖‖d‖; as ‖d‖ < ‖w*‖ and ‖w‖ < 2‖w*‖, at most "
        "L_cross θ · 3‖w*‖‖d‖, with θ ≤ φ ≤ (π/2)‖d‖/‖w*‖: (3π/2) L_cross ‖d‖², and 3π/2 < 6. 3. In the same way "
        "‖∇ℓ‖ ≤ (L + (3π/2) L_cross + 4β)‖d‖, and 3π/2 < 10. 4. Expand the square, as for one neuron: with g = γ − "
        "6 L_cross and M = L + 10 L_cross + 4β, ‖w_{t+1} − w*‖² ≤ (1 − 2ηg + η²M²)‖d‖², and at η ≤ g/(2M²) the last "
        "term is at most ηg/2."
    ),
    source=f"{PAPER}, Theorem 3.1; constants proved anew",
    controls={
        FORGOTTEN: "the same with L_cross = 0 in the step and in the factor, where γ ≤ 6 L_cross; among close patches "
        "the rate is too loose to be refuted by it, so two samples of two patches (−45°, 75°; 15°, 75°) are added, "
        "from which descent leaves the teacher"
    },
    cells=cells,
    measure=measure,
)
