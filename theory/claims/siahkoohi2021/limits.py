"""S5: for λ → ∞ the extended network is the conventional one, for λ → 0 it fits anything."""

from __future__ import annotations

from typing import Any

import theory
from theory.arrays import to_numpy
from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

LINEAR, OUTSIDE = "1/λ in place of 1/λ²", "targets that no sigmoid reaches"
LARGE, SMALL, FITS = 100.0, 0.004, 0.01


def cells(profile: Profile) -> list[Cell]:
    networks = 8 if profile == "quick" else 50
    grid = [(preset, form, "") for preset in ("program", "text") for form in ("infinite", "zero")]
    grid += [("program", "infinite", LINEAR), ("program", "zero", OUTSIDE)]
    return [
        Cell({"preset": preset, "weights": "uniform", "form": form, "networks": networks}, control=control)
        for preset, form, control in grid
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    found = [
        (_infinite if cell.parameters["form"] == "infinite" else _zero)(cell, setting)
        for _ in range(int(cell.parameters["networks"]))
    ]
    worst = max(found, key=lambda one: abs(one.measured - 1) if one.form == "infinite" else one.measured)
    return Evidence([worst], {"measured": [one.measured for one in found]})


def _infinite(cell: Cell, setting: Setting) -> Finding:
    """2λ²(L − L_ext)/‖∂Φ/∂W‖² at W = Ŵ: 1, but for a term in 1/λ², which the two λ tell."""
    made = extended.problem(cell, setting)
    w = made.xp.asarray(made.plane(rng=setting.rng).at(1.0, 1.0))
    near, far = (_ratio(made, w, lam) for lam in (LARGE, 2 * LARGE))
    if cell.control == LINEAR:
        near, far = near / LARGE, far / (2 * LARGE)
    width = 2 * abs(far - near)
    return Finding(1.0, far, far - width, far + width, form="infinite", control=cell.control)


def _ratio(made: Any, w: Any, lam: float) -> float:
    loss = made.extended(lam, half=True)
    plainly = float(to_numpy(made.conventional().value(w))[0])
    slope = float(to_numpy(loss.stationarity(w, loss.xp.zeros((1, loss.own))))[0])
    found = theory.descent.project(loss, w, tolerance=1e-18, iterations=500)
    return 2 * lam**2 * (plainly - float(found.value[0])) / slope**2


def _zero(cell: Cell, setting: Setting) -> Finding:
    """L_ext/L at λ = 0.004 for targets that have nothing to do with the network, from the better of two starts."""
    made = extended.problem(cell, setting)
    target = setting.rng.uniform(0.05, 0.95, made.y.shape) + (1.0 if cell.control == OUTSIDE else 0.0)
    place = made.network, made.xp.asarray(made.x), made.xp.asarray(target)
    w = made.xp.asarray(made.w_star[None])
    plainly = to_numpy(theory.objectives.extended_conv.ConventionalLoss(*place).value(w))
    loss = theory.objectives.extended_conv.ExtendedLoss(*place, SMALL)
    found = theory.descent.project(loss, w, start="better", iterations=500, rng=setting.rng)
    details = {"certificate": float(found.gain[0]), "L": float(plainly[0])}
    share = float(found.value[0] / plainly[0])
    return Finding(FITS, share, form="zero", control=cell.control, relation=Relation.UPPER, details=details)


CLAIM = Claim(
    key="siahkoohi2021.limits",
    title="Both limits of λ",
    relation=Relation.TIGHT,
    statement=(
        "Form 'infinite': as λ → ∞, L − L_ext → ‖∂L/∂W‖²/2λ², the derivative in the auxiliary weights at W = Ŵ; "
        "measured at w* + δ + η and λ = 200, as a ratio that must be 1. Form 'zero': at λ = 0.004 L_ext is below 1 % "
        "of L for random targets in (0.05, 0.95), which have nothing to do with the network. The worst network counts."
    ),
    hypotheses=("none",),
    proof=(
        "To first order W − Ŵ = −∂L/∂W/λ²; the next term is of relative order 1/λ², and the limits are twice the "
        "difference between λ = 100 and 200, which is three times as large as what it is at the latter. For the "
        "second, the last layer alone fits any target in (0, 1) at the cost (λ²/2) Σ ((logit yᵢ − ŵ·pᵢ)/‖pᵢ‖)². 1 % "
        "was fixed beforehand."
    ),
    source=f"derived here; {PAPER} uses both ends of λ without a statement",
    controls={
        LINEAR: "L − L_ext in proportion to 1/λ",
        OUTSIDE: "the same targets raised by 1, out of a sigmoid's reach, for form 'zero'",
    },
    cells=cells,
    measure=measure,
    headline="infinite",
)
