"""δ_i = ‖w_i‖² − ‖w_{i+1}‖² is conserved by gradient flow, and drifts in proportion to the step of gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import theory
from theory.claims import geometry
from theory.claims.achour2025 import PAPER
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.objectives import linear_conv as lc
from theory.objectives.linear_conv.flows import RTOL

SUM, SECOND = "the sum in place of the difference", "second order"
NETWORKS = (
    "3,2,4 / 2,3,1",
    "4,3 / 2,1",
    "2,2,2,2 / 2,2,2,1",
    "3,2,3 / 1,1,1",
    "2x3,3x2,2x2 / 2x1,1x2,1x1",
    "2x2,3x2 / 1x1,1x1",
)
PAPER_NETWORKS = (*NETWORKS, "8,8,8 / 2,2,1", "5,4,3 / 1,2,1", "2x2x2,2x1x2 / 2x2x1,1x1x1", "3x3,3x3,3x3 / 1x1,1x1,1x1")
TIMES = tuple(i / 8 for i in range(1, 9))
"""When the flow is looked at; descent takes as many steps as lead to the last."""


def cells(profile: Profile) -> list[Cell]:
    networks, runs, finest = (NETWORKS, 4, 1024) if profile == "quick" else (PAPER_NETWORKS, 20, 4096)
    return [Cell({"network": name, "runs": runs, "steps": finest}) for name in networks]


def measure(cell: Cell, setting: Setting) -> Evidence:
    net, finest = geometry.network(cell), int(cell.parameters["steps"])
    weights = theory.problems.random_filters(net, int(cell.parameters["runs"]), rng=setting.rng)
    loss = theory.problems.correlated_loss(net, rng=setting.rng)
    flow = lc.weight_flow(net, loss, weights, TIMES)
    norms = np.stack([lc.square_norms(tuple(w[time] for w in flow.weights)) for time in range(len(TIMES))])
    steps = [finest // 8, finest // 4, finest // 2, finest]
    ends = [lc.weight_descent(net, loss, weights, eta=TIMES[-1] / count, steps=count) for count in steps]
    drifts = [lc.conserved(end) - lc.conserved(weights) for end in ends]
    allowed, start = _allowed(flow, norms), lc.square_norms(weights)
    findings = [
        _moved(norms[..., :-1] - norms[..., 1:] - (start[:, :-1] - start[:, 1:]), allowed),
        _moved(norms[..., :-1] + norms[..., 1:] - (start[:, :-1] + start[:, 1:]), allowed, SUM),
        _order(drifts, 1.0),
        _order(drifts, 2.0, SECOND),
        _constant(drifts, steps, flow.squares[-1]),
    ]
    return Evidence(findings, _points(norms - start, steps, drifts, flow.squares[-1]))


def _allowed(flow: lc.WeightFlow, norms: Any) -> float:
    """How far the integrator's errors may move a δ_i.

    In a step they are at most rtol (|y| + size) in the mean square of all states, so √states times that in norm, and
    ‖w‖² moves by 2‖w‖ times as much; two of them.
    """
    states = sum(w[0].size for w in flow.weights) + flow.squares[0].size
    largest = max(float(np.abs(one).max()) for one in (*flow.weights, flow.squares))
    return flow.steps * 4 * math.sqrt(float(norms.max())) * math.sqrt(states) * 2 * RTOL * largest


def _moved(change: Any, allowed: float, control: str = "") -> Finding:
    return Finding(allowed, float(np.abs(change).max()), form="flow", control=control, relation=Relation.UPPER)


def _order(drifts: Sequence[Any], predicted: float, control: str = "") -> Finding:
    """The exponent between the two smallest steps, with what the larger ones tell of how far it is from its limit.

    Exponents between neighbours are p + a + b, p + 2a + 4b and p + 4a + 16b up to higher orders, the finest first:
    a + b is less than twice the sum of their differences, |a + 3b| + |2a + 12b|, whatever a and b.
    """
    sizes = [float(np.linalg.norm(drift)) for drift in drifts]
    coarse, middle, fine = (math.log2(sizes[i] / sizes[i + 1]) for i in range(3))
    doubt = 2 * (abs(fine - middle) + abs(middle - coarse))
    return Finding(
        predicted,
        fine,
        fine - doubt,
        fine + doubt,
        form="descent",
        control=control,
        details={"networks": len(drifts[0])},
    )


def _constant(drifts: Sequence[Any], steps: Sequence[int], squares: Any) -> Finding:
    """Drift over step at step 0, extrapolated from the two smallest, along what is predicted."""
    coarse, fine = (drifts[i] * steps[i] / TIMES[-1] for i in (-2, -1))
    size = float(np.linalg.norm(squares))
    measured, doubt = (float(np.sum(one * squares)) / size for one in (2 * fine - coarse, fine - coarse))
    limits = measured - abs(doubt), measured + abs(doubt)
    return Finding(size, measured, *limits, form="drift over step", relation=Relation.TIGHT)


def _points(changes: Any, steps: Sequence[int], drifts: Sequence[Any], squares: Any) -> dict[str, Any]:
    """Of the first network: ‖w_1‖² and δ_1 along the flow, and δ_1 of every descent beside what is predicted."""
    flow = [
        ("flow", time, abs(one[0, 0]), abs(one[0, 0] - one[0, 1]), math.nan)
        for time, one in zip(TIMES, changes, strict=True)
    ]
    slope = abs(float(squares[0, 0]))
    etas = [TIMES[-1] / count for count in steps]
    descent = [
        ("descent", eta, math.nan, abs(drift[0, 0]), eta * slope) for eta, drift in zip(etas, drifts, strict=True)
    ]
    names = ("kind", "x", "moved", "drift", "predicted")
    return dict(zip(names, map(list, zip(*flow, *descent, strict=True)), strict=True))


CLAIM = Claim(
    key="achour2025.conserved",
    title="What gradient flow conserves",
    relation=Relation.EXPONENT,
    statement=(
        "Random strided linear convolutional networks in one, two and three dimensions (filters / strides), squared "
        "loss with correlated data. Form 'flow': along gradient flow every δ_i = ‖w_i‖² − ‖w_{i+1}‖² stays as it is; "
        "measured is the largest change, predicted the most that the integrator's errors add up to. Form 'descent': up "
        "to a given time, gradient descent at step η changes δ by O(η): the exponent of the norm of that change over "
        "all networks of a cell, between the two smallest of four steps. Form 'drift over step': its limit is ∫ ‖∇_i‖² "
        "− ‖∇_{i+1}‖² dt along the flow, with ∇_i the gradient in w_i; measured is the length of the extrapolated "
        "drift along it."
    ),
    hypotheses=("none: it holds for every homogeneous product of layers and every differentiable loss of it",),
    proof=(
        "μ is linear in each w_i, so ⟨w_i, ∇_i⟩ = ⟨μ, ∇ℓ(μ)⟩ for all i, and d‖w_i‖²/dt = −2⟨w_i, ∇_i⟩ is the same for "
        "all. A step of descent changes ‖w_i‖² by −2η⟨w_i, ∇_i⟩ + η²‖∇_i‖², so δ_i by η²(‖∇_i‖² − ‖∇_{i+1}‖²), and 1/η "
        "steps by η times the mean of that. Limits of the exponent come from the exponents at larger steps, those of "
        "the quotient from the last step of its extrapolation."
    ),
    source=f"{PAPER}, the conserved δ from there; the exponent and the constant of the drift derived here",
    controls={
        SUM: "form 'flow' for ‖w_i‖² + ‖w_{i+1}‖²",
        SECOND: "form 'descent' with exponent 2",
    },
    cells=cells,
    measure=measure,
    headline="drift over step",
)
