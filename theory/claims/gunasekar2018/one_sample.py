"""One sample, two convolutions: the limit is a cosine, and how fast depends on the two largest frequencies."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import theory
import theory.objectives.linear_conv as conv
from theory.claims import evidence, separable
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.gunasekar2018 import PAPER

ENERGIES, OTHER = "the ratio of energies", "the cosine of the second frequency"
ANGLE = 0.1
"""Largest angle, in radians, that counts as there: a choice."""


def cells(profile: Profile) -> list[Cell]:
    return [Cell({"depth": 2, "sets": 64 if profile == "quick" else 192})]


class _Learned(NamedTuple):
    network: Any
    loss: Any
    path: Any
    angles: Any
    other: float
    second: float


@evidence.excused(*separable.UNDECIDED, forms=("exponent", "direction"), controls=(ENERGIES, OTHER))
def measure(cell: Cell, setting: Setting) -> Evidence:
    count, depth = int(cell.parameters["sets"]), int(cell.parameters["depth"])
    dims = [theory.problems.SIZES[index % len(theory.problems.SIZES)] for index in range(count)]
    signals = [theory.problems.tone(dim, setting.rng.uniform(0.3, 0.8), rng=setting.rng) for dim in dims]
    networks = [conv.CircularNet(dim, depth) for dim in dims]
    losses = [separable.loss_of((x[None], np.ones(1))) for x in signals]
    learned = [_learn(*pair, setting.rng) for pair in zip(networks, losses, strict=True)]
    runs, margins, left_out = separable.converged(learned, lambda run: {"1 − |x̂|_(2)/|x̂|_(1)": 1 - run.second})
    predicted = np.array([run.second - 1 for run in runs])
    slopes = np.array([conv.exponents(run.path.norm, run.angles, separable.STAGES) for run in runs])
    stages = slopes / predicted[:, None]
    wrong = stages / (2 + predicted[:, None])  # 1 − q² = (1 − q)(1 + q)
    details = {
        "data sets": count,
        "left out": left_out,
        "least": float(stages[:, -1].min()),
        "most": float(stages[:, -1].max()),
    }
    last, other = [float(run.angles[-1]) for run in runs], [run.other for run in runs]
    judged: dict[str, Any] = {"margins": margins, "left_out": left_out}
    findings = [
        separable.fitted(1.0, stages[:, -1], stages[:, -2], form="exponent", details=details, **judged),
        separable.fitted(1.0, wrong[:, -1], wrong[:, -2], form="exponent", control=ENERGIES, left_out=left_out),
        separable.worst(ANGLE, last, rounding=1e-6, form="direction", **judged),
        separable.middle(ANGLE, other, form="direction", control=OTHER, left_out=left_out),
    ]
    rows = [row for index, run in enumerate(learned) for row in _rows(index, dims[index], run)]
    return Evidence(findings, evidence.table(rows))


def _learn(network: Any, loss: Any, rng: Any) -> _Learned:
    path = separable.follow(network, loss, rng=rng)
    first, other, second = conv.cosines(loss.x[0])
    return _Learned(
        network, loss, path, conv.angle(path.direction, first), float(conv.angle(path.direction[-1], other)), second
    )


def _rows(index: int, dim: int, run: _Learned) -> list[dict[str, Any]]:
    fixed = {"set": index, "dimension": dim, "second": run.second, "exponent": run.second - 1}
    points = zip(run.path.norm.tolist(), run.angles.tolist(), strict=True)
    return [fixed | {"norm": norm, "angle": angle} for norm, angle in points]


CLAIM = Claim(
    key="gunasekar2018.one_sample",
    title="One sample: a single cosine",
    relation=Relation.EXPONENT,
    statement=(
        "Gradient flow on the exponential loss of one sample x, through two circular convolutions of full width, ends "
        "in the direction of the cosine that x has at the frequency where |x̂_d| is largest. Form 'direction': the "
        "angle to it at ‖β‖ = 1e8, the largest of all samples, is at most 0.1, a choice of what counts as there. Form "
        "'exponent': the angle falls like ‖β‖^{−(1−q)}, q = |x̂|_(2)/|x̂|_(1) the ratio of the two largest; measured "
        "is the median over the samples of the slope of its logarithm between ‖β‖ = 1e6 and 1e8, over −(1−q), "
        "predicted 1; exact limits (order statistics) of these, each widened by its change since 1e4 to 1e6. Samples "
        "of dimension 8 to 64, q drawn from 0.3 to 0.8, at most q/2 at the other frequencies."
    ),
    hypotheses=(*separable.CONVERGING, separable.PHASES, "the largest |x̂_d| is the only one: margin 1 − q"),
    proof=(
        "With one sample s = y x throughout, and dβ̂_d/dτ = ŝ_d |β̂_d|² (|ŵ_1,d|^{−2} + |ŵ_2,d|^{−2}). Where the "
        "layers are balanced that is 2 |ŝ_d| |β̂_d| once the phase is that of ŝ_d, so |β̂_d| grows like exp(2|x̂_d|τ), "
        "and |β̂_(2)|/|β̂_(1)| falls like ‖β‖^{q−1}; the phase at the first frequency falls like 1/‖β‖. The third "
        "largest, at most q/2, corrects the square of the angle by ‖β‖^{−q}: a stage of two decades divides that by "
        "100^{0.3} = 3.98 at least, which is more than 2, so that its last change bounds what is left."
    ),
    source=f"{PAPER}, Theorem 2 for one sample; the exponent was derived here",
    controls={
        ENERGIES: "the same slopes over −(1 − q²): the ratio of the two largest |x̂_d|² in place of |x̂_d|",
        OTHER: "the angle to the cosine of the second largest frequency; the median",
    },
    cells=cells,
    measure=measure,
    version=5,
    headline="exponent",
)
