"""Gaborness (B7): whether a kernel looks like a Gabor filter, decided on kernels of known kind."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import confidence
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.gabor2017 import PAPER

PERMUTED, SMOOTH = "permuted pixels", "smooth noise"
FALSE_ALARMS, CALLED = 0.01, 0.9
"""Most of white noise that may reach the threshold, and least of the Gabor filters that must be called so."""

LITTLE = 0.1
"""Part of the energy that is noise where a Gabor filter must be called one, and a blob none."""

MUCH = {5: (0.25, 0.35), 7: (0.45, 0.55), 11: (0.75, 0.85)}
"""The same, by the kernel's side, where the bound on R² ≥ threshold is between 0 and 1, and so can be told."""

APART, KEPT, AT_ONCE = 0.25, 600, 2000
"""Part of 1/p by which a rate of blobs must be told from it; kernels whose rows are kept, and fitted at once."""

AMOUNT = {"quick": {"gabor": 250, "white": 1500, "blob": 600}, "paper": {"gabor": 600, "white": 2000, "blob": 600}}


def cells(profile: Profile) -> list[Cell]:
    grid = [
        (size, kind, noise, _amount(profile, kind, size), "")
        for size, much in MUCH.items()
        if profile == "paper" or size < 11
        for kind, noise in [("white", 1.0), ("blob", LITTLE), ("gabor", LITTLE), *(("gabor", noise) for noise in much)]
    ]
    grid += [(7, "gabor", LITTLE, 150, PERMUTED), (7, "smooth", 1.0, 150, SMOOTH)]
    names = ("size", "kind", "noise", "kernels")
    return [Cell(dict(zip(names, row[:-1], strict=True)), control=row[-1]) for row in grid]


def _amount(profile: Profile, kind: str, size: int) -> int:
    """Kernels: of blobs, as many as tell 1/p from a rate that is ``APART`` of it away."""
    if profile == "paper" and kind == "blob":
        return confidence.trials(1 / size**2, APART)
    return AMOUNT[profile][kind]


def measure(cell: Cell, setting: Setting) -> Evidence:
    size, kind, noise = int(cell.parameters["size"]), str(cell.parameters["kind"]), float(cell.parameters["noise"])
    added = {"noise": noise} if noise < 1 else {}
    kernels = theory.problems.known_kernels(kind, int(cell.parameters["kernels"]), size, rng=setting.rng, **added)
    if cell.control == PERMUTED:
        kernels = setting.rng.permuted(kernels.reshape(len(kernels), -1), axis=1).reshape(kernels.shape)
    fits = _fitted(kernels)
    return Evidence([_finding(kind, noise, fits, cell.control)], _columns(fits))


def _fitted(kernels: Any) -> Any:
    """The fits, some at a time: each kernel's is its own."""
    gabor = theory.objectives.gabor
    parts = [gabor.fit(kernels[first : first + AT_ONCE]) for first in range(0, len(kernels), AT_ONCE)]
    joined = {name: np.concatenate([getattr(one, name) for one in parts], axis=-1) for name in gabor.FITTED}
    return gabor.Fits(**joined, size=parts[0].size)


def _finding(kind: str, noise: float, fits: Any, control: str) -> Finding:
    if kind == "gabor" and noise > LITTLE:
        bound = theory.objectives.gabor.least_found(fits.size, noise)
        return _rate(fits.above_chance, bound, Relation.LOWER, "found", fits, control)
    if kind == "gabor":
        return _rate(fits.gaborlike, CALLED, Relation.LOWER, "Gabor filters", fits, control)
    if kind == "blob":
        return _rate(fits.gaborlike, 1 / fits.size**2, Relation.UPPER, "blobs", fits, control)
    return _rate(fits.above_chance, FALSE_ALARMS, Relation.UPPER, "false alarms", fits, control)


def _rate(yes: Any, predicted: float, relation: Relation, form: str, fits: Any, control: str) -> Finding:
    low, high = confidence.proportion(int(yes.sum()), yes.size)
    details = {
        "threshold": theory.objectives.gabor.threshold(fits.size),
        "median R²": float(np.median(fits.r2)),
        "R² ≥ threshold": float(fits.above_chance.mean()),
        "better than a blob": float(fits.above_blob.mean()),
        "called a Gabor filter": float(fits.gaborlike.mean()),
    }
    measured = float(yes.mean())
    return Finding(predicted, measured, low, high, form=form, relation=relation, control=control, details=details)


def _columns(fits: Any) -> dict[str, Any]:
    """Of so many blobs as tell their rate, the first."""
    kept = slice(KEPT if fits.r2.size > AT_ONCE else None)
    found = {"r2": fits.r2.astype(np.float32), "blob_r2": fits.blob_r2.astype(np.float32), "called": fits.gaborlike}
    return {name: column[kept] for name, column in found.items()}


CLAIM = Claim(
    key="gabor2017.gaborness",
    title="What looks like a Gabor filter (B7)",
    relation=Relation.LOWER,
    statement=(
        "A kernel is called a Gabor filter if the best fit of one, centred, with six parameters in bounds, has R² ≥ "
        "T(size), and Schwarz's criterion prefers it to a Gaussian blob. Form 'found': of Gabor filters with so much "
        "noise that this is in doubt, at least the part P, from a noncentral F law, reach R² ≥ T. Form 'Gabor "
        "filters': with a tenth of the energy noise, at least 0.9 of them are called so. Form 'false alarms': of white "
        "noise, at most 0.01 reach R² ≥ T. Form 'blobs': of Gaussian blobs with a tenth of the energy noise, at most "
        "1/p, p the number of pixels, are called Gabor filters. Kernels of 5×5 and 7×7, paper profile also 11×11; "
        "exact binomial limits. In the paper profile there are so many blobs that a rate a quarter below 1/p, or above "
        "it, is told from it with a chance of 0.99."
    ),
    hypotheses=("none: the kernels are drawn from the laws that the statement names",),
    proof=(
        "T is the largest R² of 10,000 other kernels of white noise, so that one more exceeds it with a chance below "
        "0.001, at confidence 0.99995. The fit explains at least what the plane of the true filter and its quadrature "
        "explains: that part is χ'²₂/(χ'²₂ + χ²_{p−2}) with noncentrality p(1 − ν)/ν, ν the part that is noise; P "
        "follows if the fit is the best. 0.9 and 0.01 are no theorem's, and were fixed beforehand. 1/p is the chance "
        "P(χ²₂ > 2 log p) with which Schwarz's criterion prefers a regular model with two parameters too many. This "
        "model is not regular: without a wave nothing fixes λ and ψ, and the best of several filters is compared, so "
        "the rate may be more, and no bound on it is known. An earlier limit, 0.1, had been chosen after a first "
        "trial, and was given up for this one, and so were 600 blobs, too few to tell."
    ),
    source=f"{PAPER}. B7 of the problem's statement asks for a tool validated on known kinds; T and P derived here",
    controls={
        PERMUTED: "form 'Gabor filters' with the pixels of every kernel permuted",
        SMOOTH: "form 'false alarms' of smooth noise, which is no Gabor filter but has far fewer degrees of freedom",
    },
    cells=cells,
    measure=measure,
    version=3,
    headline="found",
)
