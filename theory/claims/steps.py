"""What claims about every step of every run share."""

from __future__ import annotations

from typing import Any

import theory
from theory.claims.claim import Finding


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
