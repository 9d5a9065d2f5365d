"""The curvature of both objectives at w*, exactly: by how much L_ext is the flatter."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.arrays import to_numpy
from theory.claims import extended, widths
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

OTHER, PLAIN, STIFF = "λ 10 % larger in the formula", "the conventional curvature", "λ = 4"
H = 2e-3

FLAT = 0.4
"""The largest λ for which the extended objective is said to be flatter by a twentieth."""


def cells(profile: Profile) -> list[Cell]:
    networks = 8 if profile == "quick" else 50  # fewer leave Student's limits wide
    lams = (0.04, 0.4) if profile == "quick" else (0.01, 0.04, FLAT, 4.0)
    grid = [(preset, lam, "") for preset in ("program", "text") for lam in lams]
    grid += [("program", 0.04, OTHER), ("program", 0.04, PLAIN)]
    return [
        Cell({"preset": preset, "weights": "uniform", "lam": lam, "networks": networks}, control=control)
        for preset, lam, control in grid
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    found = [_curvature(cell, setting) for _ in range(int(cell.parameters["networks"]))]
    tight = max(found, key=lambda f: abs(f.measured - 1))
    wide = [float(f.details["widening"]) for f in found]
    findings = [tight]
    if not cell.control:
        control = "" if float(cell.parameters["lam"]) <= FLAT else STIFF
        findings.append(extended.ratio(wide, widths.SEEN, "flatter", control=control))
    return Evidence(findings, {"ratio": [f.measured for f in found], "widening": wide})


def _curvature(cell: Cell, setting: Setting) -> Finding:
    """Second difference of L_ext at w*, in units of the formula's curvature; two steps tell its error."""
    lam = float(cell.parameters["lam"])
    made = extended.problem(cell, setting)
    plane = made.plane(rng=setting.rng)
    place = made.network, made.x, made.w_star, plane.delta[None]
    known = theory.objectives.extended_conv.curvatures(*place, lam * (1.1 if cell.control == OTHER else 1.0))
    exact = known.conventional[0] if cell.control == PLAIN else known.extended[0, 0]
    steps = np.array([H, -H, H / 2, -H / 2])
    loss, w = made.extended(lam, half=True), made.xp.asarray(plane.at(steps, 0 * steps))
    found = theory.descent.project(loss, w, iterations=2000, tolerance=1e-22)
    coarse, fine = (_second(found.value) / exact).tolist()
    width = 2 * abs(fine - coarse) + float(found.gain.max()) / (H / 2) ** 2 / exact
    plainly = _second(to_numpy(made.conventional().value(w)))[1]
    details = {"widening": _widening(plainly, fine * exact), "certificate": float(found.gain.max())}
    return Finding(1.0, fine, fine - width, fine + width, form="exact", control=cell.control, details=details)


def _widening(conventional: float, extended_: float) -> float:
    """How much farther one goes to the same small loss."""
    return float(np.sqrt(conventional / extended_))


def _second(values: Any) -> Any:
    """Second differences with either step about w*, where both objectives are 0."""
    return values.reshape(2, 2).sum(axis=1) / np.array([H, H / 2]) ** 2


CLAIM = Claim(
    key="siahkoohi2021.curvature",
    title="The curvature at the true weights",
    relation=Relation.TIGHT,
    statement=(
        "With ½ on both objectives, ∇²L(w*) = EᵀJᵀJE and ∇²L_ext(w*) = EᵀJᵀ(I + JJᵀ/λ²)⁻¹JE. Form 'exact': the second "
        "difference of L_ext along a random direction over the formula's value, the worst of some networks. Form "
        "'flatter': for λ ≤ 0.4 the square root of the ratio of both objectives' second differences is 1.05 or more in "
        "the geometric mean over the networks."
    ),
    hypotheses=("none",),
    proof=(
        "A step δ leaves min over D of ½‖J(Eδ + D)‖² + (λ²/2)‖D‖² to second order. The limits are twice the difference "
        "between steps 0.002 and 0.001, six times what an error of h² leaves, and the inner problem's certificate. "
        "That L_ext is not the sharper needs no measurement, as L_ext ≤ L and both are 0 at w*: how much flatter it is "
        "does, and 1.05 is what siahkoohi2021.width_* took for seen. The mean logarithm has Student's limits."
    ),
    source=f"THEOREMS F (iii), derived there and here; the objectives are those of {PAPER}, Equations 9 and 10",
    controls={
        OTHER: "λ 10 % larger in the formula than in the objective",
        PLAIN: "the conventional curvature for that of L_ext",
        STIFF: "form 'flatter' at λ = 4, where the penalty leaves the auxiliary weights next to no freedom",
    },
    cells=cells,
    measure=measure,
    headline="exact",
    version=2,
)
