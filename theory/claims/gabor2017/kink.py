"""B3: a root has a kink at its minimum, so at a constant step descent ends in a cycle, of a size known beforehand."""

from __future__ import annotations

from dataclasses import replace
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
    pictures, steps = (8, 1500) if quick else (30, 5000)
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
    eta = np.array(JUMPS) / np.sqrt(circle.curvature() / 2)[:, None]
    # The control takes 1/ℓ'' at the truth, half the largest step that is stable there.
    valleys = _valleys(rooted)
    path = _path(circle, valleys, 1 / circle.curvature()[:, None] if cell.control else eta, cell)
    moved, off = np.abs(np.diff(path, axis=0)), np.abs(path - circle.truth.theta)
    if mu:
        # An even filter is at a truth half a turn on as well.
        path = circle.truth.theta + circle.apart(path)
        inside = np.min(np.minimum(path - valleys[0][:, None], valleys[1][:, None] - path), axis=0)
        findings = _with_momentum(moved.max(axis=0), gabor.least_jump(rooted, eta, mu), inside, mu)
    else:
        findings = _plain(moved.mean(axis=0), off.max(axis=0), gabor.cycle(rooted, eta, TAIL), cell.control)
    return Evidence(findings, _columns(path, circle))


def _path(circle: Any, valleys: Any, eta: Any, cell: Cell) -> Any:
    """The last angles, iteration by iteration: tail × pictures × steps."""
    theta_star, steps = circle.truth.theta, int(cell.parameters["steps"])
    start = theta_star + np.minimum(AWAY, (valleys[1] - theta_star) / 2)[:, None] * np.ones(len(JUMPS))
    method = theory.descent.HeavyBall(eta, float(cell.parameters["momentum"]))
    keep = range(steps - TAIL, steps + 1)
    _, kept = theory.descent.turn(circle.gradient, start, method, steps, keep)
    return np.stack([kept[t] for t in keep])


def _valleys(rooted: Any) -> Any:
    """Where the truth's valley ends on every picture: to the left, and to the right."""
    found = [theory.objectives.gabor.landscape(rooted, i).basin(rooted.truth.theta) for i in range(rooted.scale.size)]
    # A rim to the left may be told a turn on.
    left = np.array([(one.angle - one.left) % (2 * np.pi) for one in found])
    return rooted.truth.theta - left, rooted.truth.theta - left + np.array([one.width for one in found])


def _plain(mean: Any, off: Any, cycle: Any, control: str) -> list[Finding]:
    """Of all pictures, for every step, the one nearest to failing: the mean jump, and the reach."""
    found: list[Finding] = []
    for k, jump in enumerate(JUMPS):
        jumps, reaches = [], []
        for i, measured in enumerate(mean[:, k]):
            below, above = float(jump - cycle.least[i, k]), float(cycle.most[i, k] - jump)
            half = (below + above) / (2 * jump)
            details: dict[str, Value] = {"jump": jump, "second order": half, "farthest": float(off[i, k])}
            told = {"second order below a tenth": verdict.RESOLUTION - half if cycle.held[i, k] else -1.0}
            low, high = float(max(0.0, measured - above)), float(measured + below)
            jumps.append(Finding(jump, float(measured), low, high, 0.0, told, control, "jump", details=details))
            reach, far = float(cycle.reach[i, k]), float(off[i, k])
            reaches.append(Finding(reach, far, margins=told, form="reach", relation=Relation.UPPER, details=details))
        found += [verdict.worst(jumps, Relation.TIGHT), *([] if control else [verdict.worst(reaches, Relation.UPPER)])]
    return found


def _with_momentum(largest: Any, floors: Any, inside: Any, mu: float) -> list[Finding]:
    """Of all pictures, for every step, the one whose largest jump is the smallest beside what it must be."""
    found = []
    for k, jump in enumerate(JUMPS):
        lowers = []
        left = int(np.sum(inside[:, k] <= 0))
        for least, measured, room in zip(floors[:, k], largest[:, k], inside[:, k], strict=True):
            short = 1 - float(least) * (1 + mu) / jump
            margins = {"second order below a tenth": verdict.RESOLUTION - short, "in the truth's valley": float(room)}
            details: dict[str, Value] = {"jump": jump, "second order": short, "left the valley": left}
            lowers.append(Finding(float(least), float(measured), margins=margins, form="momentum", details=details))
        found.append(replace(verdict.worst(lowers, Relation.LOWER), relation=Relation.LOWER))
    return found


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
        "ηs/1.9 or more. Steps: ηs = 0.001, 0.003, 0.01 and 0.03 radians. All to first order in η: how far the second "
        "moves each limit is bounded by the slopes on either side of the truth, as far as the cycle reaches; these "
        "are read from the landscape, not from the run. Thirty pictures of each kind; of every step the row is that "
        "of the picture nearest to failing, and says how many of them lie within the hypothesis."
    ),
    hypotheses=(
        "the second order (half the width of the bounds, or what the slope loses) is below a tenth of the first",
        "form 'momentum': the last iterations lie in the truth's valley, which momentum can carry a run out of",
    ),
    proof=(
        "ℓ = ½ℓ''u² + O(u³), so f = s|u| + O(u²): every step is towards the truth, and the points that no step leaves "
        "are [−η max f'₊, η max |f'₋|], the slopes being those within that interval. In the mean N₊ jumps by m₊ from "
        "the right make up for N₋ by m₋ from the left, so the mean jump is 2m₊m₋/(m₊ + m₋), but for what the ends of "
        "the 200 iterations leave: that departs from ηs only half as fast as the slopes do, and if they do so evenly, "
        "one up and one down, only in the next order. With momentum, v_{t+1} = μv_t ± η|f'|, so |v_{t+1}| + μ|v_t| ≥ "
        "η|f'|, and of two jumps one is η|f'|/(1+μ) or more: a velocity cannot die where the slope does not. A run "
        "with momentum goes far out; but if all its jumps were smaller, it would land within ηs/(1+μ) of θ* where it "
        "crosses it, and there the slope is known. Version 1 held all to the largest departure within 2ηs, four times "
        "as much, so that of photographs a third was within the hypothesis; that the run ends in the truth's valley "
        "was added when among the others some came to rest in a false minimum, as gabor2017.rest has it."
    ),
    source=f"{PAPER}. B3 of the problem's statement; the bound with momentum and that on the second order derived here",
    controls={
        SQUARE: (
            "the mean squared error, at the step 1/ℓ'' and from the same start, with the same limits: on noise it "
            "converges, its jumps vanish. On photographs it need not: within the start's distance of the truth ℓ'' "
            "grows to 160 times ℓ''(θ*) (the median of 30), and of 30 five went on jumping. In version 2 the control "
            "had no limits, and any jump but ηs refuted it"
        )
    },
    cells=cells,
    measure=measure,
    version=3,
    headline="jump",
)
