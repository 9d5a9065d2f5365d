"""Theorem 1 (after Soudry et al. and Ji & Telgarsky): fully connected networks go to the hard margin, and how fast."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import theory
import theory.objectives.linear_conv as conv
from theory.claims import evidence, separable
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.gunasekar2018 import PAPER

DEEPER, OTHER = "the exponent of one layer more", "the direction of the least ‖β̂‖_1"
ANGLE = 1e-2
"""Largest angle, in radians, that counts as there: a choice."""

WIDTH = 3


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    depths, sets = ((2, 3), 20) if quick else ((1, 2, 3), 32)
    return [Cell({"depth": depth, "width": WIDTH, "sets": sets}) for depth in depths]


class _Learned(NamedTuple):
    network: Any
    loss: Any
    path: Any
    angles: Any
    other: float


@evidence.excused(*separable.UNDECIDED, forms=("exponent", "direction"), controls=(DEEPER, OTHER))
def measure(cell: Cell, setting: Setting) -> Evidence:
    depth, count = int(cell.parameters["depth"]), int(cell.parameters["sets"])
    data = theory.problems.data_sets(count, rng=setting.rng)
    networks = [conv.FullyConnectedNet((x.shape[1], *[int(cell.parameters["width"])] * (depth - 1))) for x, _ in data]
    learned = [_learn(net, pair, setting.rng) for net, pair in zip(networks, data, strict=True)]
    runs, margins, left_out = separable.converged(learned, _unseen)
    slopes = np.array([conv.exponents(run.path.norm, run.angles, separable.STAGES) for run in runs])
    last, other = [float(run.angles[-1]) for run in runs], [run.other for run in runs]
    steepest, flattest = float(slopes.min()), float(slopes.max())
    details = {"data sets": count, "left out": left_out, "steepest": steepest, "flattest": flattest}
    stages = slopes[:, -1], slopes[:, -2]
    judged: dict[str, Any] = {"margins": margins, "left_out": left_out}
    findings = [
        separable.fitted(-1 / depth, *stages, form="exponent", details=details, **judged),
        separable.fitted(-1 / (depth + 1), *stages, control=DEEPER, left_out=left_out),
        separable.worst(ANGLE, last, rounding=1e-6, form="direction", **judged),
        separable.middle(ANGLE, other, form="direction", control=OTHER, left_out=left_out),
    ]
    return Evidence(findings, evidence.table([row for i, run in enumerate(learned) for row in _rows(i, depth, run)]))


def _unseen(run: _Learned) -> dict[str, float]:
    samples, dim = run.loss.x.shape
    return {"D − samples": float(dim - samples)}


def _learn(network: Any, data: tuple[Any, Any], rng: Any) -> _Learned:
    loss = separable.loss_of(data)
    # One layer comes within 1e-8 of its direction, and its flow must be that exact.
    path = separable.follow(network, loss, rng=rng, rtol=1e-12 if network.degree == 1 else 1e-10)
    angles = conv.angle(path.direction, conv.hard_margin(*data).beta)
    return _Learned(network, loss, path, angles, float(conv.angle(path.direction[-1], conv.least_spectrum(*data).beta)))


def _rows(index: int, depth: int, run: _Learned) -> list[dict[str, Any]]:
    fixed = {"set": index, "layers": depth, "dimension": run.loss.x.shape[1], "exponent": -1 / depth}
    points = zip(separable.NORMS, run.path.norm.tolist(), run.angles.tolist(), strict=True)
    return [fixed | {"norm_asked": asked, "norm": norm, "angle": angle} for asked, norm, angle in points]


CLAIM = Claim(
    key="gunasekar2018.fully_connected",
    title="Fully connected: the hard margin",
    relation=Relation.EXPONENT,
    statement=(
        "Gradient flow on the exponential loss of separable data, through a product of L matrices, ends in the "
        "direction of the least ‖β‖_2 with all margins at least 1, whatever L. Form 'direction': the angle to it at "
        "‖β‖ = 1e8, the largest of all data sets, is at most 1e-2, a choice of what counts as there. Form 'exponent': "
        "the angle falls like ‖β‖^{−1/L}; measured is the median over the data sets of the slope of its logarithm "
        "between ‖β‖ = 1e6 and 1e8, with exact limits (order statistics) of the slopes, each widened by its change "
        "since 1e4 to 1e6. Gaussian data of dimension 8 to 64, fewer samples than dimensions, labels by coin, hidden "
        "layers of width 3."
    ),
    hypotheses=(
        *separable.CONVERGING,
        "there are directions that no sample sees, else the angle falls faster: margin D − samples",
    ),
    proof=(
        "Write b = β/‖β‖ and s = Σ α_n y_n x_n. Once the layers are balanced and of rank one, β̇ = ‖β‖^{2−2/L}(s + "
        "(L−1) b⟨b,s⟩), so that d log‖β‖ = L⟨b,s⟩ dt' and db/d log‖β‖ = (s − b⟨b,s⟩)/(L⟨b,s⟩). What is orthogonal to "
        "the samples at the margin gets nothing from s and obeys db_⊥/d log‖β‖ = −b_⊥/L: it falls like ‖β‖^{−1/L}. "
        "Within their span margins differ by O(1/‖β‖). So the angle falls like ‖β‖^{−1/L} for L ≥ 2, and like 1/‖β‖ "
        "for L = 1. What corrects the slope falls at least like ‖β‖^{−1/L}: each stage of two decades divides it by at "
        "least 100^{1/L}, which is more than 2 for L ≤ 3, and its last change bounds what is left."
    ),
    source=f"{PAPER}, Theorem 1, for the direction; the exponent was derived here",
    controls={
        DEEPER: "the exponent −1/(L+1) in place of −1/L",
        OTHER: "the angle to the solution of least ‖β̂‖_1, where the convolutional twin with L = 2 goes; the median",
    },
    cells=cells,
    measure=measure,
    version=4,
    headline="exponent",
)
