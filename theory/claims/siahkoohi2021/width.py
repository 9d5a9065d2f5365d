"""S1: the valley around the true weights is wider for the extended objective, by measures free of the loss's scale."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import extended, verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

LIMIT, ALWAYS = "λ → ∞", "consistently"
SEEN = 1.05
"""The least ratio that counts as wider."""

LAMS = (0.004, 0.04, 0.4, 4.0)
SETTINGS = (("program", "uniform"), ("program", "normal"), ("text", "uniform"), ("text", "normal"))


def cells(profile: Profile) -> list[Cell]:
    lam = theory.problems.LAM
    networks, ticks = (16, 11) if profile == "quick" else (50, 11)
    if profile == "quick":
        grid = [("program", "uniform", lam, "primary", True, ""), ("text", "normal", lam, "primary", False, "")]
    else:
        grid = [(*place, lam, "primary", place[0] == "program", "") for place in SETTINGS]
        grid += [
            ("program", law, one, "primary", True, "") for law in ("uniform", "normal") for one in LAMS if one != lam
        ]
        grid += [("program", law, lam, "random", True, "") for law in ("uniform", "normal")]
        grid += [("program", law, lam, "primary", False, "") for law in ("uniform", "normal")]
    grid += [("program", "uniform", extended.LIMIT, "primary", True, LIMIT)]
    names = ("preset", "weights", "lam", "start", "half", "networks", "ticks")
    return [Cell(dict(zip(names, (*row[:-1], networks, ticks), strict=True)), control=row[-1]) for row in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    pairs = [_pair(cell, setting) for _ in range(int(cell.parameters["networks"]))]
    each = [_ratios(*pair[:2]) for pair in pairs]
    ratios = {name: np.array([one[name] for one in each]) for name in each[0]}
    gains = [extended_.gain / extended_.range for _, extended_, _ in pairs]
    flatter = float(np.median([widening for *_, widening in pairs]))
    details = {"median certificate": float(np.median(gains)), "√(H/H_ext)": flatter}
    margins = {} if cell.control else {"√(H/H_ext) − 1.05": flatter - SEEN}
    findings = [
        extended.ratio(values, SEEN, name, setting, control=cell.control, details=details, margins=margins)
        for name, values in ratios.items()
    ]
    if not cell.control:
        often = {name: _often(values, f"{name}, how often", margins=margins) for name, values in ratios.items()}
        findings += [*often.values(), _often(ratios["area 10 %"], "area 10 %", predicted=1.0, control=ALWAYS)]
    points = {**{name.replace(" ", "_").replace("_%", ""): values for name, values in ratios.items()}}
    number = len(pairs)
    return Evidence(findings, {"network": np.arange(number), **points})


def _pair(cell: Cell, setting: Setting) -> tuple[Any, Any, float]:
    """The measures of both objectives, on one plane, and by how much the exact curvature says L_ext is flatter."""
    lam, half, ticks = (cell.parameters[name] for name in ("lam", "half", "ticks"))
    made = extended.problem(cell, setting)
    plane = made.plane(rng=setting.rng)
    along = np.stack([plane.delta, plane.eta])
    place = made.network, made.x, made.w_star, along, lam
    plainly = theory.objectives.extended_conv.curvatures(*place).conventional.mean()
    known = theory.objectives.extended_conv.curvatures(*place, half=bool(half))
    loss, start = made.extended(float(lam), half=bool(half)), str(cell.parameters["start"])
    sharpness = known.extended.mean()
    return (
        theory.landscapes.widths(made.conventional(), plane, plainly, ticks=int(ticks)),
        theory.landscapes.widths(loss, plane, sharpness, ticks=int(ticks), start=start, rng=setting.rng),
        float(known.widening.mean()),
    )


def _ratios(conventional: Any, extended_: Any) -> dict[str, float]:
    """By each measure how many times wider the extended valley is."""
    names = [f"area {100 * tau:g} %" for tau in theory.landscapes.TAUS]
    areas = dict(zip(names, np.divide(extended_.areas, conventional.areas).tolist(), strict=True))
    level = conventional.level / extended_.level
    return {**areas, "level": level, "radius": extended_.radius / conventional.radius}


def _often(values: Any, form: str, *, predicted: float = 0.5, **more: Any) -> Finding:
    wider = values > 1
    low, high = verdict.proportion(int(wider.sum()), wider.size)
    return Finding(predicted, float(wider.mean()), low, high, form=form, **more)


CLAIM = Claim(
    key="siahkoohi2021.width",
    title="Wider valleys",
    relation=Relation.LOWER,
    statement=(
        "On planes of two random directions through w*, each filter's part as long as the filter (program) or with its "
        "mean and deviation (text), the extended objective's valley is wider than the conventional one's, each loss "
        "taken relative to its own range on [−4, 4]²: ρ = (L − min)/(max − min). Forms 'area 5 %', '10 %', '25 %': the "
        "part of the square where ρ is below; 'level': mean of ρ on the circle of radius 1, conventional over "
        "extended; 'radius': √(2 (max − min)/κ), κ the exact curvature. Each is the geometric mean over random "
        "networks of the paired ratio, which must be 1.05 or more. '…, how often': the networks for which the ratio is "
        "above 1, which must be more than half. By the law of w*, λ, auxiliary start, and with or without ½."
    ),
    hypotheses=(
        (
            "λ is small enough for the valleys to differ at all: margin √(H/H_ext) − 1.05, of the exact curvatures at "
            "w* (siahkoohi2021.curvature), the median network's; otherwise none: read from pictures, not a theorem"
        ),
    ),
    proof=(
        "The inner problems are solved by L-BFGS in at most 100 iterations; the median certificate, in parts of the "
        "range, stands in the details. Ratios have bootstrap limits (BCa), proportions exact binomial ones. 1.05 and ½ "
        "were fixed beforehand: the text gives no number. Absolute widening is no finding, since L_ext ≤ L."
    ),
    source=f"{PAPER}, Figures 1 and 2; the measures are this suite's own",
    controls={
        LIMIT: "λ = 400, at which the extended network is the conventional one: no measure may find 1.05",
        ALWAYS: "the area at 10 % larger for all networks, as 'consistently' says",
    },
    cells=cells,
    measure=measure,
    headline="area 10 %",
)
