"""What claims about every step of every run share."""

from __future__ import annotations

from typing import Any

import theory
from theory.claims.claim import Cell, Finding, Profile

LAWS = ("gaussian", "sphere", "mixture(1)", "mixture(0.5)", "mixture(0.15)", "watson(5)")


def step_cells(profile: Profile) -> list[Cell]:
    """Laws from smooth to spiky in every dimension; the paper profile adds the extremes."""
    runs, steps = (16, 400) if profile == "quick" else (64, 5000)
    laws = LAWS if profile == "quick" else (*LAWS, "mixture(inf)", "mixture(0.05)", "watson(-5)")
    grid = [(law, dim) for law in laws for dim in theory.problems.DIMENSIONS]
    return [Cell({"law": law, "dim": dim, "runs": runs, "steps": steps}) for law, dim in grid]


def worst_step(run: Any, promised: Any, *, form: str = "", control: str = "") -> Finding:
    """The step, of all steps of all runs, at which the measured contraction is smallest beside the promised one.

    ``promised`` is shaped like ``run.distance``; NaN where nothing is promised, as outside ‖w − w*‖ < ‖w*‖. The
    hypothesis that the runs start inside is checked, except for a control.
    """
    place = theory.descent.least(run.contraction, promised[:-1])
    inside = float(1 - run.distance[0].max())
    return Finding(
        predicted=float(promised[:-1][place]),
        measured=float(run.contraction[place]),
        rounding=run.rounding(place),
        margins={} if control else {"1 − ‖w₀ − w*‖/‖w*‖": inside},
        control=control,
        form=form,
        details={
            "iteration": int(place[0]),
            "distance": float(run.distance[place]),
            "step": float(run.step[place]),
            "steps checked": theory.arrays.count(run.contraction),
            "converged": int(run.converged.sum()),
        },
    )
