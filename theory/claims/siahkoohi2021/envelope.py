"""S4: the gradient of the reduced objective is that of the penalty alone."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

DATA, EARLY = "gradient of the data term", "inner problem left after 5 iterations"
BOUND = 1e-4
H = 1e-4
"""Step of the central difference, in units of w: its error is H² ∂³L_ext / ∂L_ext, and what is left to gain over H."""

REACH = 0.5


def cells(profile: Profile) -> list[Cell]:
    networks = 4 if profile == "quick" else 20
    grid = [("program", "uniform", 0.04, ""), ("program", "uniform", 0.4, ""), ("text", "uniform", 0.04, "")]
    grid += [] if profile == "quick" else [("text", "uniform", 0.4, ""), ("program", "uniform", 4.0, "")]
    grid += [("program", "uniform", 0.4, DATA), ("program", "uniform", 0.04, EARLY)]
    names = ("preset", "weights", "lam", "networks")
    return [Cell(dict(zip(names, (*row[:-1], networks), strict=True)), control=row[-1]) for row in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    found = [_error(cell, setting) for _ in range(int(cell.parameters["networks"]))]
    worst = max(found, key=lambda one: one["error"])
    finding = Finding(BOUND, worst["error"], control=cell.control, details=worst)
    return Evidence([finding], {name: [one[name] for one in found] for name in worst})


def _error(cell: Cell, setting: Setting) -> dict[str, float]:
    """The gradient along itself, and the central difference there."""
    made = extended.problem(cell, setting)
    loss = made.extended(float(cell.parameters["lam"]))
    w = made.plane(rng=setting.rng).at(REACH, REACH)
    fully: dict[str, Any] = {"iterations": 2000, "tolerance": 1e-20}
    options = {**fully, "iterations": 5} if cell.control == EARLY else fully
    here = theory.descent.project(loss, w, **options)
    gradient = made.conventional().gradient(w) if cell.control == DATA else here.gradient
    d = gradient / np.linalg.norm(gradient)
    ends = [theory.descent.project(loss, w + sign * H * d, start=here.u, **fully).value[0] for sign in (1, -1)]
    difference, promised = (ends[0] - ends[1]) / (2 * H), float(np.sum(gradient * d))
    return {
        "error": float(abs(promised - difference) / abs(difference)),
        "difference": float(difference),
        "certificate": float(here.gain[0]),
    }


CLAIM = Claim(
    key="siahkoohi2021.envelope",
    title="The envelope gradient",
    relation=Relation.UPPER,
    statement=(
        "Where W minimises Φ(ŵ, ·), ∇ min_W Φ(ŵ, W) = λ² Σᵢ (ŵ − wᵢ), the gradient of the penalty alone. Measured is "
        "the relative difference from the central difference of the reduced objective along the gradient, at w* + "
        "(δ + η)/2; the worst of some random networks."
    ),
    hypotheses=("the inner problem is solved: 2,000 iterations of L-BFGS; the certificate stands in the details",),
    proof=(
        "Envelope theorem. The bound 1e-4 is that of the difference: h = 1e-4, whose h² is 1e-8, and a certificate of "
        "1e-12, over h, which is 1e-8, beside gradients of 1e-3 or more."
    ),
    source=f"{PAPER}, Equation 7",
    controls={
        DATA: "the gradient of the conventional data term at ŵ in its place",
        EARLY: "the gradient of the penalty after 5 inner iterations, against the reduced objective",
    },
    cells=cells,
    measure=measure,
)
