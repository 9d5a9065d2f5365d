"""What the claims about the valley's width share: the grid, how both valleys are measured, and the words for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import confidence, extended
from theory.claims.claim import Cell, Evidence, Finding, Profile, Setting

LIMIT, ALWAYS = "λ → ∞", "consistently"
SEEN = 1.05
"""The least ratio that counts as wider."""

LAMS = (0.004, 0.04, 0.4, 4.0)
NETWORKS, FEW = 50, 16
TICKS = 11
SOLVED, STARTS = "solved", ("primary", "random", "true")
MORE, EXCHANGES = 1000, 6
"""How inner problems are solved: from the lowest end of three starts, with so many exchanges between neighbours at most
(:mod:`theory.landscapes.exchange`), and then to convergence or for ``MORE`` iterations."""

BRIEFLY = "100 iterations: "
"""Before the forms of the cells whose inner problems are left where the text leaves them."""

MEASURES = (
    "Each loss is taken relative to its own range on [−4, 4]²: ρ = (L − min)/(max − min). Forms 'area 5 %', '10 %', "
    "'25 %': the part of the square where ρ is below; 'level': mean of ρ on the circle of radius 1, conventional over "
    "extended; 'radius': √(2 (max − min)/κ), κ the exact curvature. Each is the geometric mean over random networks of "
    "the paired ratio, which must be 1.05 or more. '…, how often': the networks for which the ratio is above 1, which "
    "must be more than half."
)
GRID = (
    "By λ, with and without ½ on the extended objective, in the program's setting and in the text's; directions are as "
    "long as each filter (program) or have its mean and deviation (text). Inner problems are solved: from the primary "
    "weights, from W ~ N(0, I) and from w* at every pixel, the lowest end after 50 iterations of L-BFGS goes on to "
    "150; then, until no point falls by 1e-3 of the range, and 6 times at most, each also starts from the auxiliary "
    "weights of the best of its 8 neighbours on the grid; then 1,000 iterations or to convergence. Forms '100 "
    "iterations: …': the objective as 100 iterations leave it, from N(0, I) as in the text or from the primary weights."
)
HYPOTHESES = (
    (
        "λ is small enough for the valleys to differ at all: margin √(H/H_ext) − 1.05, of the exact curvatures at w* "
        "(siahkoohi2021.curvature), the median network's; otherwise none: read from pictures, not a theorem"
    ),
)
PROOF = (
    "The details hold the median and the largest certificate of the inner problems, in parts of the range, the part of "
    "the points where it is above 1e-3 ('unsolved'), ρ at w*, which is above 0 where they are not solved, and both "
    "factors of the radius: √(H/H_ext), and how much smaller the range of L_ext is. One inner problem that ends too "
    "high, unsolved or in a false minimum, which no certificate shows, raises the range and with it every width: hence "
    "the exchange, since a neighbour's W fits as well here as there and bounds L_ext. Mean logarithms have Student's "
    "limits, proportions exact binomial ones. 1.05 and ½ were fixed beforehand: the text gives no number. Absolute "
    "widening is no finding, since L_ext ≤ L."
)
CONTROLS = {LIMIT: "λ = 400, at which the extended network is the conventional one: no measure may find 1.05"}


def cells(profile: Profile, law: str) -> list[Cell]:
    """λ in both settings, and without ½ at the program's λ: solved, and as the text's 100 iterations leave it."""
    lam = theory.problems.LAM
    if profile == "quick":
        grid = [("program", lam, SOLVED, True, "")]
    else:
        grid = [(preset, one, SOLVED, True, "") for preset in ("program", "text") for one in LAMS]
        grid += [(preset, one, "random", True, "") for preset in ("program", "text") for one in LAMS]
        grid += [("program", one, "primary", True, "") for one in LAMS]
        grid += [("program", lam, start, False, "") for start in (SOLVED, "random", "primary")]
    grid += [("program", extended.LIMIT, SOLVED, True, LIMIT)]
    names = ("preset", "lam", "start", "half")
    more = {"networks": FEW if profile == "quick" else NETWORKS, "ticks": TICKS}
    return [
        Cell({"weights": law, **dict(zip(names, row[:-1], strict=True)), **more}, control=str(row[-1])) for row in grid
    ]


def measure(cell: Cell, setting: Setting, *, always: bool = False) -> Evidence:
    """The ratios of both valleys' widths, and how often they are above 1; ``always``: with that control."""
    pairs = [_pair(cell, setting) for _ in range(int(cell.parameters["networks"]))]
    each = [_ratios(*pair[:2]) for pair in pairs]
    ratios = {name: np.array([one[name] for one in each]) for name in each[0]}
    behind = {
        "flatter": [widening for *_, widening in pairs],
        "range": [one.range / plainly.range for plainly, one, _ in pairs],
        "gain": [one.gain / one.range for _, one, _ in pairs],
        "centre": [one.centre for _, one, _ in pairs],
        "unsolved": [one.unsolved for _, one, _ in pairs],
    }
    flatter, less, gain, centre, _ = (float(np.median(values)) for values in behind.values())
    details = {
        "median certificate": gain,
        "largest certificate": max(one.worst / one.range for _, one, _ in pairs),
        "unsolved": float(np.mean(behind["unsolved"])),
        "median ρ at w*": centre,
        "√(H/H_ext)": flatter,
        "range of L_ext/L": less,
    }
    briefly = "" if cell.parameters["start"] == SOLVED else BRIEFLY
    margins = {} if cell.control else {"√(H/H_ext) − 1.05": flatter - SEEN}
    findings = [
        extended.ratio(values, SEEN, briefly + name, control=cell.control, details=details, margins=margins)
        for name, values in ratios.items()
    ]
    if not cell.control:
        often = {
            name: _often(values, f"{briefly}{name}, how often", margins=margins) for name, values in ratios.items()
        }
        findings += often.values()
    if always and not cell.control and not briefly:
        findings.append(_often(ratios["area 10 %"], "area 10 %", predicted=1.0, control=ALWAYS))
    points = {name.replace(" %", "").replace(" ", "_"): values for name, values in ratios.items()}
    return Evidence(findings, {"network": np.arange(len(pairs)), **points, **behind})


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
    options: dict[str, Any] = {"start": start, "iterations": extended.INNER}
    if start == SOLVED:
        options = {"start": STARTS, "iterations": MORE, "exchanges": EXCHANGES}
    return (
        theory.landscapes.widths(made.conventional(), plane, plainly, ticks=int(ticks)),
        theory.landscapes.widths(loss, plane, known.extended.mean(), ticks=int(ticks), rng=setting.rng, **options),
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
    low, high = confidence.proportion(int(wider.sum()), wider.size)
    return Finding(predicted, float(wider.mean()), low, high, form=form, **more)
