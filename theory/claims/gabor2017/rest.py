"""B3 and B4 together: where descent on the root can come to rest, and from which step on it nowhere can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import theory
from theory.claims import gabors, verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting, Value
from theory.claims.gabor2017 import PAPER

FORGOTTEN, STABLE = "momentum forgotten", "half of the step"
JUMPS = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Radians: the steps are these over the slope at the truth, as in gabor2017.original."""

TAIL, AT_REST, ABOVE = 100, 1e-6, 1.1
"""Last iterations; radians that a run at rest moves by at most; the restless step over the largest stable one."""


def cells(profile: Profile) -> list[Cell]:
    pictures, steps = (8, 1500) if profile == "quick" else (40, 5000)
    base: dict[str, Value] = {"on": "", "momentum": 0.0, "pictures": pictures, "steps": steps}
    return [Cell({**base, "on": on, "momentum": mu}) for on in gabors.IMAGES for mu in (0.0, 0.9)]


def measure(cell: Cell, setting: Setting) -> Evidence:
    mu = float(cell.parameters["momentum"])
    seen = gabors.moments(cell, setting)
    circle = theory.objectives.gabor.Circle(seen, gabors.truth(cell), "rmse")
    charts = [theory.objectives.gabor.landscape(circle, i) for i in range(len(seen))]
    # Without a false minimum every step is restless, as at the truth there is a kink.
    stable = (1 + mu) * np.array([chart.stable for chart in charts])
    jumps = np.array(JUMPS) / np.sqrt(circle.curvature() / 2)[:, None]
    eta = np.concatenate([jumps, ABOVE * stable[:, None], ABOVE * stable[:, None] / 2], axis=1)
    tail = _tail(circle, eta, cell)
    moved = np.max(np.abs(np.diff(tail, axis=0)), axis=0)
    findings: list[Finding] = []
    for i, chart in enumerate(charts):
        margins = {"certified": 1.0 if chart.certain else -1.0}
        for k in np.flatnonzero(moved[i, :-2] < AT_REST):
            place, off = _nearest(chart, tail[-2, i, k])
            findings += _at_rest(float(eta[i, k]) * place.curvature, off, mu, margins)
        if stable[i] > 0:
            findings += [
                Finding(AT_REST, float(moved[i, k]), margins=margins, form="restless", control=control)
                for k, control in ((-2, ""), (-1, STABLE))
            ]
    return Evidence(_nearest_to_failing(findings), _columns(tail, moved, eta, stable))


def _nearest_to_failing(findings: list[Finding]) -> list[Finding]:
    """Of all pictures and steps, for every form and control, the run nearest to failing."""
    kinds = dict.fromkeys((one.form, one.control) for one in findings)
    groups = {kind: [one for one in findings if (one.form, one.control) == kind] for kind in kinds}
    # Of a control it is enough that some run refutes it: the plainest.
    return [
        replace(verdict.worst([replace(one, control="") for one in group], CLAIM.relation), control=kind[1])
        for kind, group in groups.items()
    ]


def _at_rest(stiffness: float, off: float, mu: float, margins: dict[str, float]) -> list[Finding]:
    """ηf'' where a run is at rest, below 2(1 + μ), the control without momentum; and ηf''|θ − θ'|."""
    found = [(2 * (1 + mu), "")] + ([(2.0, FORGOTTEN)] if mu else [])
    findings = [
        Finding(limit, stiffness, margins=margins, form="at rest", relation=Relation.UPPER, control=control)
        for limit, control in found
    ]
    # Between two moves ηf' = ηf''u(1 + O(u)) is what they leave; 2 for the second order.
    least = 2 * (1 + mu) * AT_REST
    return [*findings, Finding(least, stiffness * off, margins=margins, form="there", relation=Relation.UPPER)]


def _tail(circle: Any, eta: Any, cell: Cell) -> Any:
    """The last angles from the asker's start: iterations × pictures × steps."""
    steps = int(cell.parameters["steps"])
    method = theory.descent.HeavyBall(eta, float(cell.parameters["momentum"]))
    keep = range(steps - TAIL, steps + 1)
    _, kept = theory.descent.turn(circle.gradient, np.full(eta.shape, gabors.WORST), method, steps, keep)
    return np.stack([kept[t] for t in keep])


def _nearest(chart: Any, theta: float) -> tuple[Any, float]:
    """The minimum nearest to an angle, on the circle, and how far it is."""
    off = [abs((theta - one.angle + np.pi) % (2 * np.pi) - np.pi) for one in chart.minima]
    return chart.minima[int(np.argmin(off))], float(min(off))


def _columns(tail: Any, moved: Any, eta: Any, stable: Any) -> dict[str, Any]:
    """A row for each picture and step; without a false minimum every step is infinitely far above the stable ones."""
    n, m = eta.shape
    over = np.divide(eta, stable[:, None], out=np.full(eta.shape, np.inf), where=stable[:, None] > 0)
    return {
        "picture": np.repeat(np.arange(n), m),
        "what": [*(f"{jump:g}" for jump in JUMPS), "restless", STABLE] * n,
        "over_limit": over.ravel(),
        "moved": moved.ravel(),
        "theta": tail[-1].ravel(),
    }


CLAIM = Claim(
    key="gabor2017.rest",
    title="Where descent on the root can rest, and when it cycles (B3, B4)",
    relation=Relation.LOWER,
    statement=(
        "Descent on the root f of the mean squared error, from −π/4, at a constant step η and with momentum μ. Form "
        "'at rest': where a run rests (its last 100 moves are below 1e-6), it is at a false minimum θ' with ηf''(θ') ≤ "
        "2(1 + μ); form 'there': with ηf''|θ − θ'| ≤ 2(1 + μ)·1e-6. Form 'restless': at a step a tenth above 2(1 + "
        "μ)/min f'', the flattest of the false minima, no run comes to rest, so it cycles for ever; the step is "
        "predicted from the landscape. Images of 64×64, of white noise, smooth noise and photographs; μ = 0 and 0.9; "
        "for the first form η is 0.1 to 4 radians over the slope at the truth. Pictures without a false minimum have "
        "no such step: on them every step is restless. Forty pictures of each kind; a row is that of the run nearest "
        "to failing, and says of how many."
    ),
    hypotheses=("the landscape is certified, so that no false minimum is missed",),
    proof=(
        "At a false minimum E > 0, so f is smooth, f'' = E''/(2√E), and descent is u_{t+1} = (1 + μ − ηf'')u_t − "
        "μu_{t−1} next to it, which is stable if and only if ηf'' < 2(1 + μ) (gabor2017.stability). At the truth f has "
        "a kink, and no step is stable (gabor2017.kink). A run that rests, rests at a stationary point, and from an "
        "unstable one all but exceptional runs are driven away. Between two moves v and v' of 1e-6 or less η|f'| = |μv "
        "− v'| ≤ (1 + μ)·1e-6, so the minimum is as near as form 'there' has it, 2 being for the second order. So "
        "momentum does not cure the cycle, but at the same step it lets a run rest in a false minimum where without it "
        "the run would cycle."
    ),
    source=f"{PAPER}. Derived here, to tell when an asker sees a cycle, and when a run that rests in the wrong place",
    controls={
        FORGOTTEN: "form 'at rest' with 2 for 2(1 + μ): runs with momentum rest beyond it",
        STABLE: "form 'restless' at half of the step, where the flattest false minimum is stable: runs rest",
    },
    cells=cells,
    measure=measure,
    version=2,
    headline=None,
)
