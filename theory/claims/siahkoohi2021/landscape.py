"""The landscapes themselves (Figures 1 to 3): the extended objective is nowhere above the conventional one."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

WHOLE = "without ½ on the extended objective"
EXCESS = 1e-6


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    places = [("program", "uniform")] if quick else [("program", "uniform"), ("program", "normal")]
    grid = [(place, pair, "") for place in places for pair in range(4)] + [(("program", "uniform"), 0, WHOLE)]
    base = {"ticks": 11 if quick else 21, "iterations": 100}
    return [
        Cell({"preset": preset, "weights": law, "pair": pair, **base, "ways": not (quick or control)}, control=control)
        for (preset, law), pair, control in grid
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    made = extended.problem(cell, setting)
    plane, ticks = made.plane(rng=setting.rng), int(cell.parameters["ticks"])
    loss = made.extended(extended.LIMIT, half=False) if cell.control == WHOLE else made.extended(half=True)
    plainly = theory.landscapes.landscape(made.conventional(), plane, ticks=ticks)
    found = theory.landscapes.landscape(
        loss, plane, ticks=ticks, start="better", rng=setting.rng,
        iterations=int(cell.parameters["iterations"]),
    )  # fmt: skip
    above = float(np.max(found.value - plainly.value) / np.ptp(plainly.value))
    details = {
        "largest certificate / range": float(found.gain.max() / np.ptp(found.value)),
        "median certificate / range": float(np.median(found.gain) / np.ptp(found.value)),
        "range of L_ext / range of L": float(np.ptp(found.value) / np.ptp(plainly.value)),
    }
    ways = _ways(made, plane) if cell.parameters["ways"] else {}
    return Evidence([Finding(EXCESS, above, control=cell.control, details=details)], _columns(plainly, found, ways))


def _ways(made: Any, plane: Any) -> dict[str, Any]:
    """The ways of both optimisers on both objectives from the text's starts, projected on the plane."""
    points: dict[str, Any] = {}
    for optimiser in extended.OPTIMISERS:
        for start in extended.STARTS:
            extended.both(made, plane, start, optimiser, points, {"optimiser": optimiser})
    return points


def _columns(plainly: Any, found: Any, ways: dict[str, Any]) -> dict[str, Any]:
    """The grid's points, whose ``objective`` is "", and then those of the ways, with the objective in ``value``."""
    alpha, beta = np.meshgrid(found.ticks, found.ticks, indexing="ij")
    grids = {
        "alpha": alpha,
        "beta": beta,
        "conventional": plainly.value,
        "extended": found.value,
        "conventional_normal": plainly.normal,
        "extended_normal": found.normal,
        "gain": found.gain,
    }
    words = ("objective", "optimiser", "start")
    count = len(ways.get("value", ()))
    columns: dict[str, Any] = {
        name: np.concatenate([grid.ravel(), ways.get(name, np.zeros(count))]) for name, grid in grids.items()
    }
    columns |= {name: [""] * alpha.size + list(ways.get(name, ())) for name in words}
    return columns | {name: [0.0] * alpha.size + list(ways.get(name, ())) for name in ("value", "iteration", "apart")}


CLAIM = Claim(
    key="siahkoohi2021.landscape",
    title="The extended landscape lies below the conventional one",
    relation=Relation.UPPER,
    statement=(
        "With ½ on both objectives, λ = 0.04, L_ext ≤ L at every point of a plane of random directions through w*, "
        "α, β in [−4, 4]; measured is the largest L_ext − L, in parts of the range of L, which must be 1e-6 or less. "
        "Four pairs of directions, a network each. The inner problem starts at the primary weights and at W ~ N(0, I), "
        "and the lower end counts."
    ),
    hypotheses=("none",),
    proof=(
        "At W = Ŵ the penalty is 0 and Φ = L, and L-BFGS only descends from there; the other start can only lower it. "
        "So absolute widening says nothing, and siahkoohi2021.width_* ask for the relative one."
    ),
    source=f"THEOREMS F (i); the landscapes are those of {PAPER}, Equations 9 and 10, Figures 1 to 3",
    controls={WHOLE: "as Equation 10 has it, at λ = 400, where L_ext is 2 L"},
    cells=cells,
    measure=measure,
)
