"""B3: a root has a kink at its minimum, so at a constant step descent ends in a cycle, of a size known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import gabors, verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting, Value
from theory.claims.gabor2017 import PAPER

SQUARE = "mean squared error"
JUMPS = (1e-3, 3e-3, 1e-2, 3e-2)
"""Predicted jumps, in radians: the steps are these over the slope."""

AWAY, TAIL, DRAWN = 0.1, 200, 60
"""Radians from the truth at the start; iterations looked at, and drawn, at the end."""


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    pictures, steps = (8, 1500) if quick else (12, 5000)
    base: dict[str, Value] = {"on": "", "loss": "rmse", "momentum": 0.0, "pictures": 1, "steps": steps}
    grid = [Cell({**base, "on": on, "momentum": mu}) for on in gabors.POPULATIONS for mu in (0.0, 0.9)]
    many = {**base, "pictures": pictures}
    grid += [Cell({**many, "on": on, "momentum": mu}) for on in gabors.IMAGES for mu in (0.0, 0.9)]
    squares = [Cell({**many, "on": on, "loss": "mse"}, control=SQUARE) for on in gabors.IMAGES]
    return [*grid, *squares]


def measure(cell: Cell, setting: Setting) -> Evidence:
    gabor, mu = theory.objectives.gabor, float(cell.parameters["momentum"])
    seen = gabors.moments(cell, setting)
    circle = gabor.Circle(seen, gabors.truth(cell), str(cell.parameters["loss"]))
    rooted = gabor.Circle(seen, gabors.truth(cell), "rmse")
    slope = np.sqrt(circle.curvature() / 2)[:, None]
    jumps = np.array(JUMPS)
    # The control takes the largest step that is sure to converge, 1/ℓ''.
    eta = 1 / circle.curvature()[:, None] if cell.control else jumps / slope
    path = _path(circle, rooted, eta, cell)
    # The second order of the prediction: how far the slope departs from the one at the truth, where the cycle is.
    bend = np.stack([_bend(rooted, slope, 2 * jump) for jump in JUMPS], axis=1) / slope
    moved = np.abs(np.diff(path, axis=0))
    findings: list[Finding] = []
    for i in range(len(seen)):
        for k, jump in enumerate(JUMPS):
            findings += _judged(moved[:, i, k], np.abs(path[:, i, k] - circle.truth.theta), jump, bend[i, k], mu, cell)
    return Evidence(findings, _columns(path, circle))


def _path(circle: Any, rooted: Any, eta: Any, cell: Cell) -> Any:
    """The last angles, iteration by iteration: tail × pictures × steps."""
    theta_star, steps = circle.truth.theta, int(cell.parameters["steps"])
    edge = np.array([_edge(rooted, i) for i in range(circle.scale.size)])
    start = theta_star + np.minimum(AWAY, edge / 2)[:, None] * np.ones(len(JUMPS))
    method = theory.descent.HeavyBall(eta, float(cell.parameters["momentum"]))
    keep = range(steps - TAIL, steps + 1)
    _, kept = theory.descent.turn(circle.gradient, start, method, steps, keep)
    return np.stack([kept[t] for t in keep])


def _edge(circle: Any, problem: int) -> float:
    """How far the truth's valley reaches to the right."""
    found = theory.objectives.gabor.landscape(circle, problem).basin(circle.truth.theta)
    return float(found.right - found.angle)


def _bend(circle: Any, slope: Any, reach: float) -> Any:
    """max | |f'(θ* + u)| − s | over 0 < |u| ≤ reach."""
    u = reach * np.concatenate([np.arange(-32, 0), np.arange(1, 33)]) / 32
    at = np.broadcast_to(circle.truth.theta + u, (circle.scale.size, u.size))
    return np.max(np.abs(np.abs(circle.gradient(at)) - slope), axis=1)


def _judged(moved: Any, off: Any, jump: float, bend: float, mu: float, cell: Cell) -> list[Finding]:
    details: dict[str, Value] = {"jump": jump, "second order": float(bend), "farthest": float(off.max())}
    margins = {} if cell.control else {"second order below a tenth": verdict.RESOLUTION - float(bend)}
    if mu:
        least = jump / (1 + mu) * (1 - bend)
        return [
            Finding(
                least, float(moved.max()), margins=margins, form="momentum", relation=Relation.LOWER, details=details
            )
        ]
    mean, width = float(moved.mean()), jump * float(bend)
    found = [
        Finding(
            jump,
            mean,
            max(0.0, mean - width),
            mean + width,
            margins=margins,
            form="jump",
            control=cell.control,
            details=details,
        )
    ]
    if cell.control:
        return [Finding(jump, mean, form="jump", control=cell.control, details=details)]
    reach = Finding(
        jump * (1 + bend), float(off.max()), margins=margins, form="reach", relation=Relation.UPPER, details=details
    )
    return [*found, reach]


def _columns(path: Any, circle: Any) -> dict[str, Any]:
    """The last angles on the first picture, a row for each iteration and step."""
    shown = path[-DRAWN:, 0]
    loss = circle.value(np.broadcast_to(shown.ravel(), (circle.scale.size, shown.size)))[0]
    return {
        "iteration": np.repeat(np.arange(len(shown)), len(JUMPS)),
        "predicted_jump": np.tile(JUMPS, len(shown)),
        "off": shown.ravel() - circle.truth.theta,
        "value": loss,
    }


CLAIM = Claim(
    key="gabor2017.kink",
    title="The root has a kink, and descent cycles (B3)",
    relation=Relation.TIGHT,
    statement=(
        "f = √ℓ, the root mean squared error, falls to its minimum 0 at θ* with the slopes ±s, s = √(ℓ''(θ*)/2), "
        "and not flat. So at a constant step η, from 0.1 from the truth (or half the valley's width, if that is "
        "less), descent ends in a cycle. Form 'jump': in the mean over the last 200 iterations it jumps by ηs. "
        "Form 'reach': it stays within ηs of the truth. Form 'momentum', 0.9: the largest of the last jumps is "
        "ηs/1.9 or more. Steps: ηs = 0.001, 0.003, 0.01 and 0.03 radians. All to first order in η: the limits are "
        "widened by the largest relative departure of |f'| from s within 2ηs of the truth, which is measured on "
        "the landscape, not on the run."
    ),
    hypotheses=(
        "the departure of |f'| from s within 2ηs is below a tenth of s, so that the prediction says something",
    ),
    proof=(
        "ℓ = ½ℓ''u² + O(u³), so f = s|u| + O(u²): outside u = 0 every step is ηs(1 + O(η)) towards the truth, and "
        "within ηs of it every step crosses. With momentum, v_{t+1} = μv_t ± s, so |v_{t+1}| + μ|v_t| ≥ s, and of "
        "two jumps one is ηs/(1+μ) or more: a velocity cannot die where the slope does not. A run with momentum goes "
        "farther out than 2ηs; but if all its jumps were smaller, it would land within ηs of θ* where it crosses it, "
        "and there the limits hold."
    ),
    source=f"{PAPER}. B3 of the problem's statement; the bound with momentum and that on the second order derived here",
    controls={
        SQUARE: "the mean squared error, at the step 1/ℓ'' and from the same start: it converges, its jumps vanish"
    },
    cells=cells,
    measure=measure,
    headline="jump",
)
