"""The curvature of both objectives at w*, exactly: L_ext is nowhere the sharper, and by how much it is flatter."""

from __future__ import annotations

import numpy as np

import theory
from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

OTHER, PLAIN = "λ 10 % larger in the formula", "the conventional curvature"
H = 2e-3


def cells(profile: Profile) -> list[Cell]:
    networks = 4 if profile == "quick" else 50
    lams = (0.04, 0.4) if profile == "quick" else (0.01, 0.04, 0.4, 4.0)
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
        findings.append(Finding(1.0, min(wide), form="flatter", relation=Relation.LOWER, rounding=1e-9))
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
    loss = made.extended(lam, half=True)
    found = theory.descent.project(loss, plane.at(steps, 0 * steps), iterations=2000, tolerance=1e-22)
    coarse, fine = (found.value.reshape(2, 2).sum(axis=1) / np.array([H, H / 2]) ** 2 / exact).tolist()
    width = 2 * abs(fine - coarse) + float(found.gain.max()) / (H / 2) ** 2 / exact
    details = {"widening": float(known.widening[0, 0]), "certificate": float(found.gain.max())}
    return Finding(1.0, fine, fine - width, fine + width, form="exact", control=cell.control, details=details)


CLAIM = Claim(
    key="siahkoohi2021.curvature",
    title="The curvature at the true weights",
    relation=Relation.TIGHT,
    statement=(
        "With ½ on both objectives, ∇²L(w*) = EᵀJᵀJE and ∇²L_ext(w*) = EᵀJᵀ(I + JJᵀ/λ²)⁻¹JE. Form 'exact': the second "
        "difference of L_ext along a random direction over the formula's value, the worst of some networks. Form "
        "'flatter': √(δᵀ∇²Lδ/δᵀ∇²L_extδ) is 1 or more, the least of them."
    ),
    hypotheses=("none",),
    proof=(
        "A step δ leaves min over D of ½‖J(Eδ + D)‖² + (λ²/2)‖D‖² to second order. The limits are twice the difference "
        "between steps 0.002 and 0.001, six times what an error of h² leaves, and the inner problem's certificate."
    ),
    source=f"THEOREMS F (iii), derived there and here; the objectives are those of {PAPER}, Equations 9 and 10",
    controls={
        OTHER: "λ 10 % larger in the formula than in the objective",
        PLAIN: "the conventional curvature for that of L_ext",
    },
    cells=cells,
    measure=measure,
    headline="exact",
)
