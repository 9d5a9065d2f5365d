"""Several input channels: how many output channels there are decides what is realised, and at what norm."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from theory.claims import evidence, regularisers
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.jagadeesan2022 import PAPER
from theory.objectives import linear_conv as nets

EVERYTHING, INDEPENDENT = "one channel realises every W", "independent of C"
REALISED = 1e-9
"""‖W − W(U,V)‖/‖W‖ that counts as none: rounding, divided by the smallest |Û_m|."""

UNIQUE = 1e-4
"""Least ``Minimiser.unique`` that is taken for more than rounding."""


def cells(profile: Profile) -> list[Cell]:
    sizes = [(6, 3, 2), (6, 3, 3), (8, 4, 2), (6, 3, 5), (5, 2, 3)]
    if profile == "paper":
        sizes += [(8, 3, 2), (8, 3, 3), (10, 3, 3), (8, 4, 3), (9, 2, 5), (8, 3, 6)]
    draws = 2 if profile == "quick" else 4
    names = ("dim", "inputs", "kernel", "draw", "starts")
    return [Cell(dict(zip(names, (*size, draw, 16), strict=True))) for size in sizes for draw in range(draws)]


@evidence.excused(nets.NoSolution)
def measure(cell: Cell, setting: Setting) -> Evidence:
    dim, inputs, kernel = (int(cell.parameters[name]) for name in ("dim", "inputs", "kernel"))
    w = regularisers.predictor("normal", dim, inputs, rng=setting.rng)
    best = nets.minimiser(w, kernel, rng=setting.rng)
    filters, least = nets.one_channel_filters(w, kernel), nets.sdp(w, kernel)
    ladder = _ladder(w, kernel, filters, best.rank, least, cell, setting)
    findings = [*_one_channel(w, filters), *_falls(ladder, least, best, exact=len(filters) == 1)]
    rows = [{"channels": c, "value": value, "least": least} for c, value in ladder.items()]
    return Evidence(findings, evidence.table(rows))


def _ladder(
    w: Any, kernel: int, filters: Any, most: int, least: float, cell: Cell, setting: Setting
) -> dict[int, float]:
    """The best ‖U‖² + ‖V‖² for 1, 2, … channels, until it is what as many as it takes reach; infinite for none."""
    starts = int(cell.parameters["starts"])
    found = {1: np.inf}
    if len(filters) == 1:  # a filter without neighbours: descent hardly ever finds it, and need not
        found[1] = sum(float(np.sum(part**2)) for part in nets.one_channel_weights(w, filters[0]))
    for channels in range(1 if len(filters) > 1 else 2, most + 1):
        found[channels] = nets.least_norm(w, kernel, channels, rng=setting.rng, starts=starts).bounds.upper
        if found[channels] <= least * (1 + regularisers.AGREE):
            break
    return found


def _one_channel(w: Any, filters: Any) -> list[Finding]:
    """How many filters a single channel has to realise W, and how well the first of them does."""
    (dim, inputs), kernel = w.shape, filters.shape[1]
    counted = Finding(max(0, kernel * inputs - dim * (inputs - 1)), len(filters), form="one channel, filters")
    findings = [counted, Finding(1, len(filters), relation=Relation.LOWER, control=EVERYTHING)]
    if len(filters):
        made = nets.MultiChannelNet(dim, kernel, 1, inputs).predictor(nets.one_channel_weights(w, filters[0]))
        missing = float(np.linalg.norm(made[0] - w.ravel()) / np.linalg.norm(w))
        findings.append(Finding(REALISED, missing, form="one channel, missing", relation=Relation.UPPER))
    return findings


def _falls(ladder: dict[int, float], least: float, best: Any, *, exact: bool) -> list[Finding]:
    """The R of enough channels, and by how much the R of one fewer lies above it."""
    enough = max(ladder)
    findings = [regularisers.tight(least, ladder[enough], "enough", channels=enough)]
    short = ladder.get(enough - 1, np.inf)
    if not np.isfinite(short):
        return findings
    # Where one channel has one filter, its R is known, and nothing else has to be.
    known = exact and enough == 2
    margins = {} if known else {"uniqueness − 1e-4": best.unique - UNIQUE, "rank − C": best.rank - (enough - 1)}
    details = {"channels": enough - 1, "rank of the minimiser": best.rank, "duality gap": best.gap}
    if not (known or best.sure):
        # Then neither its rank nor that it is alone is proved, and what a search did not find may exist.
        short, margins = math.nan, {}
        details["reason"] = f"the minimiser's duality gap is {best.gap:.1e}, above 1e-6: undecided"
    tight = regularisers.tight(least, short, "fewer", control=INDEPENDENT, **details)
    fewer = Finding(1.0, short / least, rounding=regularisers.AGREE, form="fewer", relation=Relation.LOWER)
    return [*findings, replace(fewer, margins=margins, details=details), replace(tight, margins=margins)]


CLAIM = Claim(
    key="jagadeesan2022.channels_matter",
    title="The number of channels matters",
    relation=Relation.TIGHT,
    statement=(
        "R ≥ 2 input channels, W with normal entries. Form 'one channel, filters': the filters U with which a single "
        "channel can realise W form a space of dimension max(0, KR − D(R−1)): none if K ≤ D(R−1)/R. Form 'one channel, "
        "missing': where there are any, the first of them realises W to 1e-9. Form 'enough': with as many channels as "
        "are needed the best of 16 starts comes to the R of as many as one likes, that of the semidefinite program, to "
        "1e-6. Form 'fewer': with one channel less it stays above it, by more than 1e-6; measured is the ratio."
    ),
    hypotheses=(
        (
            "form 'fewer': the minimiser for as many channels as it takes is unique, margin of the least singular "
            "value of what makes W of its face over 1e-4, and its rank exceeds C; then R_C > R is proved, not only "
            "seen. With a duality gap above 1e-6 the minimiser is not known, and the finding is INCONCLUSIVE. Or C = 1 "
            "has a single filter, whose norm is R_1, and nothing else is asked"
        ),
    ),
    proof=(
        "Ŵ_m = v̂_m Û_m is possible only if Ŵ_m[r] Û_m[s] = Ŵ_m[s] Û_m[r]: for almost every W these are D(R−1) "
        "independent real linear equations in the KR entries of U; and where a solution has no Û_m = 0, v̂_m follows. "
        "Every minimiser of 2‖M‖_* is P S P'ᵀ with the singular vectors of the dual Q at ‖Q‖_op = 1 and S symmetric; "
        "if S ↦ W is injective there is one alone, and C below its rank cannot attain it. How far above R_C lies has "
        "no certificate, but for a single filter: it is the best of the starts."
    ),
    source=(
        f"{PAPER}: that several output channels may be necessary, and that R depends on C. Re-derived here: the count "
        "KR − D(R−1), and the certificate by uniqueness"
    ),
    controls={
        EVERYTHING: "some filter realises W with one channel, at every size",
        INDEPENDENT: "R with one channel less than needed is the same, to 1e-6; under the hypotheses of form 'fewer'",
    },
    cells=cells,
    measure=measure,
    headline="enough",
)
