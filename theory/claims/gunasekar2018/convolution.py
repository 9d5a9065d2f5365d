"""Theorem 2, L = 2: circular convolutions of full width go to the least ‖β̂‖_1."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import theory
import theory.objectives.linear_conv as conv
from theory.claims import evidence, separable
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.gunasekar2018 import PAPER

HARD = "the hard margin"


def cells(profile: Profile) -> list[Cell]:
    return [Cell({"depth": 2, "sets": 24 if profile == "quick" else 64})]


class _Learned(NamedTuple):
    network: Any
    loss: Any
    path: Any
    excess: Any
    hard: float
    gap: float
    least_gap: float


@evidence.excused(*separable.UNDECIDED, forms=("excess", "falls"), controls=(HARD,))
def measure(cell: Cell, setting: Setting) -> Evidence:
    count = int(cell.parameters["sets"])
    data = theory.problems.data_sets(count, rng=setting.rng)
    learned = [_learn(pair, int(cell.parameters["depth"]), setting.rng) for pair in data]
    runs, margins, left_out = separable.converged(learned)
    excess = np.array([run.excess for run in runs])
    begin = int(np.argmax(runs[0].path.norm >= separable.STAGES[0]))
    details = {
        "data sets": count,
        "left out": left_out,
        "mean": float(excess[:, -1].mean()),
        "largest": float(excess[:, -1].max()),
        "largest certified": max(run.gap for run in runs),
        "largest gap of the least": max(run.least_gap for run in runs),
    }
    with np.errstate(invalid="ignore"):  # a flow that separates nothing has no excess, and nothing to fall
        fall = np.log10(excess[:, -1] / excess[:, begin])
    hard = [run.hard for run in runs]
    judged: dict[str, Any] = {"margins": margins, "left_out": left_out}
    findings = [
        separable.middle(separable.YARDSTICK, excess[:, -1], form="excess", details=details, **judged),
        separable.middle(0.0, fall, form="falls", **judged),
        separable.middle(separable.YARDSTICK, hard, form="excess", control=HARD, left_out=left_out),
    ]
    return Evidence(findings, evidence.table([row for index, run in enumerate(learned) for row in _rows(index, run)]))


def _learn(data: tuple[Any, Any], depth: int, rng: Any) -> _Learned:
    network, loss = conv.CircularNet(data[0].shape[1], depth), separable.loss_of(data)
    path = separable.follow(network, loss, rng=rng)
    least = conv.least_spectrum(*data)
    margin = path.margins.min(axis=1)
    size = np.array([conv.spectral_norm(beta) for beta in path.beta])
    # A predictor that does not separate is infinitely far from those that do.
    norms = np.divide(size, margin, out=np.full_like(size, np.inf), where=margin > 0)
    return _Learned(
        network,
        loss,
        path,
        norms / least.lower - 1,
        conv.spectral_norm(conv.hard_margin(*data).beta) / least.lower - 1,
        float(norms[-1] / conv.lower_bound(*data, path.alpha[-1]) - 1),
        least.gap,
    )


def _rows(index: int, run: _Learned) -> list[dict[str, Any]]:
    fixed = {"set": index, "dimension": run.network.dim, "hard_margin": run.hard}
    points = zip(separable.NORMS, run.path.norm.tolist(), run.excess.tolist(), strict=True)
    return [fixed | {"norm_asked": asked, "norm": norm, "excess": excess} for asked, norm, excess in points]


CLAIM = Claim(
    key="gunasekar2018.convolution",
    title="Convolution, two layers: the least ‖β̂‖_1",
    relation=Relation.UPPER,
    statement=(
        "Gradient flow on the exponential loss of separable data, through two circular convolutions of full width, "
        "ends in the direction of a least ‖β̂‖_1 with all margins at least 1. Objectives are compared, as minimisers "
        "can be nearly non-unique: the excess is ‖β̂‖_1 over the least margin, relative to the least, minus 1. Form "
        "'excess': its median over the data sets at ‖β‖ = 1e8 is at most 1/(e ln 1e8) = 0.020. Form 'falls': it falls; "
        "measured is the median of log10 of its ratio at 1e8 to that at 1e4, predicted at most 0. Gaussian data of "
        "dimension 8 to 64, fewer samples than dimensions, labels by coin. The limits of the medians are exact (order "
        "statistics)."
    ),
    hypotheses=(*separable.CONVERGING, separable.PHASES),
    proof=(
        "The theorem promises a limit; what may be left at a finite norm was derived here, to first order. At the "
        "limit |ŝ_d| = 1/c on the support and |ŝ_d| = (1 − g)/c off it, where the share of ‖β̂‖_1 goes like ‖β‖^{−g}. "
        "A share a of the norm that earns only (1 − g)a of the margin costs a g. So frequencies off the support, with "
        "shares a_d when ‖β‖ = 1 that add up to at most 1, cost Σ a_d g_d ‖β‖^{−g_d} ≤ max_g g ‖β‖^{−g} = 1/(e ln‖β‖). "
        "The least itself lies between the value found by Clarabel and Σ λ_n/‖ŝ‖_∞, with Clarabel's λ; the excess is "
        "counted from the lower of the two, and their gap is in the details. The same bound with the loss weights for "
        "λ certifies an excess without any solver (details)."
    ),
    source=f"{PAPER}, Theorem 2 and Corollary 1; the yardstick at a finite norm was derived here",
    controls={HARD: "the solution of least ‖β‖_2, where a fully connected network goes, judged by the same yardstick"},
    cells=cells,
    measure=measure,
    version=4,
    headline="excess",
)
