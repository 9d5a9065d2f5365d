"""B5: the landscape of the population, which no image is needed for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import theory
from theory.claims import confidence, gabors
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting, Value
from theory.claims.gabor2017 import PAPER

ODD = "ψ = π/4"
GRID, STARTS, STEPS, STRIDE = 1440, 180, 320, 0.005
"""Angles at which minima are counted on the pixels; starts on a half-turn; steps from each, and radians a step."""

PLANE, FITS = 1e-2, 2.5
"""Departure from the plane, over the largest loss; e-foldings that fit, so that what is cut off is some e^{−6}."""

GRIDS = {
    "quick": ((4.0, 6.0, 9.0), (2.0, 3.0, 4.0)),
    "paper": ((4.0, 5.0, 6.0, 7.5, 9.0, 12.0), (2.0, 2.5, 3.0, 3.5, 4.0)),
}
"""λ and σ."""

FITTING = 0.5
"""γ of the filters whose long side fits 31 pixels."""

ANGLES = (-math.pi / 4, 0.0, math.pi / 8)


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    base: dict[str, Value] = {"what": "landscape", "gamma": 0.5, "size": 15, "psi": 0.0, "side": 0, "pictures": 0}
    gammas = (0.3, 0.5, 1.0) if quick else (0.3, 0.5, 0.7, 1.0)
    grid = [Cell({**base, "gamma": gamma}) for gamma in gammas]
    grid += [Cell({**base, "gamma": gamma, "size": 31}) for gamma in gammas if gamma >= FITTING]
    pictures = 300 if quick else 2000
    mean = {**base, "what": "mean", "pictures": pictures}
    return [
        *grid,
        *(Cell({**mean, "side": side}) for side in (32, 64)),
        Cell({**base, "psi": math.pi / 4}, control=ODD),
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    if cell.parameters["what"] == "mean":
        return _mean(cell, setting)
    grid = [(6.0, 3.0)] if cell.control else itertools.product(*GRIDS[setting.profile])
    rows = [_one(cell, *pair) for pair in grid]
    findings = [finding for found, _ in rows for finding in found]
    names = rows[0][1]
    return Evidence(findings, {name: [row[name] for _, row in rows] for name in names})


def _one(cell: Cell, wavelength: float, sigma: float) -> tuple[list[Finding], dict[str, Any]]:
    """The landscape of one filter."""
    gabor = theory.objectives.gabor
    chosen = Cell({**cell.parameters, "wavelength": wavelength, "sigma": sigma})
    truth = gabors.truth(chosen)
    white = gabor.white(truth.size)
    circle, pixels = gabor.Circle([white], truth), gabor.GaborLoss(white, truth)
    chart = gabor.landscape(circle)
    details: dict[str, Value] = {"wavelength": wavelength, "sigma": sigma}
    period = _period(pixels, truth)
    findings = [Finding(1e-12, period, form="period", relation=Relation.UPPER, control=cell.control, details=details)]
    row = {"wavelength_": wavelength, "sigma_": sigma, "share": chart.share, "minima": len(chart.minima) / 2}
    plane = gabor.PlaneLoss(truth).loss
    away = _departure(pixels, plane)
    row |= {"plane_minima": int(np.sum(plane.derivative().zeros().slopes > 0)) / 2, "departure": away}
    if cell.control:
        return findings, row
    certified = {"certified": 1.0 if chart.certain else -1.0}
    counted = _counted(pixels)
    home, row["reached"] = _flowed(circle), _reached(circle)
    flowed = float(np.mean(home))
    findings.append(Finding(len(chart.minima) / 2, counted / 2, margins=certified, form="minima", details=details))
    # Two edges of the valley, each known to one start.
    limits = flowed - 2 / STARTS, flowed + 2 / STARTS
    reached: dict[str, Value] = {**details, "reached by descent": row["reached"]}
    findings.append(Finding(chart.share, flowed, *limits, margins=certified, form="basin", details=reached))
    drains = np.array([chart.basin(float(theta)).true for theta in _starts(circle)[0]])
    apart: dict[str, Value] = {
        **details,
        "starts in the basin": int(drains.sum()),
        "starts brought home": int(home.sum()),
    }
    each = float(np.mean(drains == home))
    findings.append(Finding(1.0, each, margins=certified, form="each start", relation=Relation.LOWER, details=apart))
    fits = {"the window fits": truth.size / 2 * min(truth.gamma, 1.0) / sigma - FITS}
    fits["the pixels suffice"] = (math.pi - 2 * math.pi / wavelength) * sigma - FITS
    findings.append(Finding(PLANE, away, margins=fits, form="plane", relation=Relation.UPPER, details=details))
    # What lies within the departure may be of the window's making.
    level = 2 * away * chart.highest
    deep = sum(one.depth > level for one in chart.minima) / 2
    findings.append(Finding(row["plane_minima"], deep, margins=fits | certified, form="plane minima", details=details))
    return findings, row


def _period(pixels: Any, truth: Any) -> float:
    """max |ℓ(θ + π) − ℓ(θ)| over max ℓ, pixel by pixel."""
    theta = truth.theta + 0.1 + np.linspace(0, math.pi, 91)
    here, there = pixels.value(theta[None]), pixels.value(theta[None] + math.pi)
    return float(np.max(np.abs(here - there)) / np.max(here))


def _departure(pixels: Any, plane: Any) -> float:
    """max |ℓ − ℓ_plane| over max ℓ_plane."""
    theta = np.linspace(0, 2 * math.pi, 181)[None]
    expected = plane(theta)[0]
    return float(np.max(np.abs(pixels.value(theta) - expected)) / np.max(expected))


def _counted(pixels: Any) -> int:
    """The minima on the circle, counted on a grid from the pixels, by none of the series."""
    loss = pixels.value(2 * math.pi * (0.5 + np.arange(GRID))[None] / GRID)
    return int(np.sum((loss < np.roll(loss, 1)) & (loss <= np.roll(loss, -1))))


def _starts(circle: Any) -> Any:
    return circle.truth.theta + math.pi * (0.5 + np.arange(STARTS))[None] / STARTS


def _flowed(circle: Any) -> Any:
    """Which starts, evenly over a half-turn, gradient flow takes to the truth: by its sign, at one pace."""
    end, _ = theory.descent.turn(
        lambda theta: np.sign(circle.gradient(theta)), _starts(circle), theory.descent.HeavyBall(STRIDE), STEPS
    )
    return circle.off(end)[0] < 2 * STRIDE


def _reached(circle: Any) -> float:
    """The share that plain descent takes there in as many steps: on a plateau it hardly moves."""
    method = theory.descent.HeavyBall(1 / circle.steepest()[:, None])
    end, _ = theory.descent.turn(circle.gradient, _starts(circle), method, STEPS)
    return float(np.mean(circle.off(end) < 2 * STRIDE))


def _mean(cell: Cell, setting: Setting) -> Evidence:
    """The mean over images of the mean squared error, by filtering them."""
    truth, side = gabors.truth(cell), int(cell.parameters["side"])
    pictures = theory.problems.textures("white", int(cell.parameters["pictures"]), side, rng=setting.rng)
    loss = theory.objectives.gabor.GaborLoss(theory.objectives.gabor.white(truth.size), truth)
    expected = loss.value(np.array([ANGLES]))
    findings = []
    for theta, predicted in zip(ANGLES, expected, strict=True):
        error = theory.objectives.gabor.filtered(pictures, truth.turned(theta).kernel() - truth.kernel())
        values = np.mean(error**2, axis=(1, 2))
        low, high = confidence.bootstrap(values, rng=setting.rng)
        mean = float(values.mean())
        findings.append(
            Finding(float(predicted), mean, min(low, mean), max(high, mean), form="mean", details={"theta": theta})
        )
    columns = {"theta": list(ANGLES), "expected": expected, "measured": [f.measured for f in findings]}
    return Evidence(findings, columns)


CLAIM = Claim(
    key="gabor2017.population",
    title="The landscape of the population (B5)",
    relation=Relation.TIGHT,
    statement=(
        "Over white noise the expected mean squared error is ‖g(θ) − g(θ*)‖², whatever the size of the image (form "
        "'mean': images of 32×32 and of 64×64, at three angles). For ψ = 0 it has the period π ('period'). The "
        "number of its minima in a half-turn ('minima'), certified, is that counted on a grid of 1,440 angles from "
        "the pixels; the part of the circle that drains into the truth ('basin'), certified, is that of 180 starts "
        "that gradient flow takes there (followed by its sign, 0.005 radians a step), and these are the very starts "
        "that lie in the certified basin ('each start'). Where the filter fits its "
        "window and its pixels, the landscape is that of the plane, in closed form, to 1 % of the largest loss "
        "('plane'), and of the minima deeper than twice that departure there are as many ('plane minima'): one. "
        "Grid over λ, σ, γ, windows of 15×15 and 31×31."
    ),
    hypotheses=(
        "the landscape is certified",
        "forms 'plane': half the window is 2.5 σ/min(γ, 1) or more, and (π − 2π/λ)σ is 2.5 or more",
    ),
    proof=(
        "E[zzᵀ] = I. In the plane the overlap of two Gabor filters is a Gaussian integral. The window cuts off, "
        "and pixels alias, what is e^{−6} or so under the hypotheses. So the false minima of the population are "
        "the window's. What keeps descent from the truth without them is the plateau around the valley, where the "
        "slope is exponentially small: the details tell how many starts plain descent brings home in 320 steps at "
        "1/max|ℓ''|."
    ),
    source=f"{PAPER}. B5 of the problem's statement; the closed form of the plane and what it says derived here",
    controls={ODD: "a filter that is not even: it has not the period π"},
    cells=cells,
    measure=measure,
    version=2,
    headline="basin",
)
