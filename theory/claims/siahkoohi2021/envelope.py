"""S4: the gradient of the reduced objective is that of the penalty alone."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.arrays import to_numpy
from theory.claims import extended
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.siahkoohi2021 import PAPER

DATA, EARLY = "gradient of the data term", "inner problem left after 5 iterations"
BOUND = 1e-4
H = 1e-4
"""Step of the central difference, in units of w: its error is H² ∂³L_ext / ∂L_ext, and what is left to gain over H."""

REACH = 0.5


def cells(profile: Profile) -> list[Cell]:
    networks = 4 if profile == "quick" else 20
    grid = [("program", "uniform", 0.04, ""), ("program", "uniform", 0.4, ""), ("text", "uniform", 0.04, "")]
    grid += [] if profile == "quick" else [("text", "uniform", 0.4, ""), ("program", "uniform", 4.0, "")]
    grid += [("program", "uniform", 0.4, DATA), ("program", "uniform", 0.04, EARLY)]
    names = ("preset", "weights", "lam", "networks")
    return [Cell(dict(zip(names, (*row[:-1], networks), strict=True)), control=row[-1]) for row in grid]


def measure(cell: Cell, setting: Setting) -> Evidence:
    found = [_error(cell, setting) for _ in range(int(cell.parameters["networks"]))]
    worst = max(found, key=lambda one: one["error"])
    finding = Finding(BOUND, worst["error"], control=cell.control, details=worst)
    return Evidence([finding], {name: [one[name] for one in found] for name in worst})


def _error(cell: Cell, setting: Setting) -> dict[str, float]:
    """The gradient along a direction in each layer, and the central differences there; the worst layer counts."""
    made = extended.problem(cell, setting)
    loss = made.extended(float(cell.parameters["lam"]))
    w = loss.xp.asarray(made.plane(rng=setting.rng).at(REACH, REACH))
    fully: dict[str, Any] = {"iterations": 2000, "tolerance": 1e-20}
    options = {**fully, "iterations": 5} if cell.control == EARLY else fully
    here = theory.descent.project(loss, w, **options)
    gradient = to_numpy(
        made.conventional().gradient(w) if cell.control == DATA else here.gradient
    ).ravel()  # fmt: skip
    d = _directions(made.network, gradient, setting.rng)
    around = w + loss.xp.asarray(np.concatenate([H * d, -H * d]))
    start = loss.xp.broadcast_to(here.u, (around.shape[0], here.u.shape[1]))
    ahead, behind = theory.descent.project(loss, around, start=start, **fully).value.reshape(2, -1)
    differences, promised = (ahead - behind) / (2 * H), d @ gradient
    errors = np.abs(promised - differences) / np.abs(differences)
    worst = int(np.argmax(errors))
    return {
        "error": float(errors[worst]),
        "layer": worst + 1,
        "difference": float(differences[worst]),
        "certificate": float(here.gain[0]),
    }


def _directions(network: Any, gradient: Any, rng: Any) -> Any:
    """For each layer a unit vector of its weights alone, halfway between the gradient's part and a random one.

    One that does not depend on the gradient handed in sees what is missing from it; one that shares no part with it
    would compare two numbers near 0.
    """
    found, place = np.zeros((len(network.layers), network.primary)), 0
    for number, layer in enumerate(network.layers):
        here = slice(place, place + layer.primary)
        drawn, part = rng.standard_normal(layer.primary), gradient[here]
        size = np.linalg.norm(part)
        d = drawn / np.linalg.norm(drawn) + (part / size if size > 0 else 0.0)
        found[number, here] = d / np.linalg.norm(d)
        place += layer.primary
    return found


CLAIM = Claim(
    key="siahkoohi2021.envelope",
    title="The envelope gradient",
    relation=Relation.UPPER,
    statement=(
        "Where W minimises Φ(ŵ, ·), ∇ min_W Φ(ŵ, W) = λ² Σᵢ (ŵ − wᵢ), the gradient of the penalty alone. Measured is "
        "the relative difference from the central difference of the reduced objective at w* + (δ + η)/2, along a "
        "direction in the weights of each layer; the worst layer of some random networks."
    ),
    hypotheses=("the inner problem is solved: 2,000 iterations of L-BFGS; the certificate stands in the details",),
    proof=(
        "Envelope theorem. The bound 1e-4 is that of the difference: h = 1e-4, whose h² is 1e-8, and what the "
        "certificate leaves of the inner problem, 1e-16, over h, beside derivatives of 1e-8 or more."
    ),
    source=f"{PAPER}, Equation 7",
    controls={
        DATA: "the gradient of the conventional data term at ŵ in its place",
        EARLY: "the gradient of the penalty after 5 inner iterations, against the reduced objective",
    },
    cells=cells,
    measure=measure,
    version=2,
)
