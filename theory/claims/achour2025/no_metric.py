"""One dimension, stride 1: two points of one fibre with different K, so that no metric on functions exists."""

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

STRIDE_TWO, BALANCED = "stride 2", "δ = 0"
FIRST, SECOND = ((2.0, 0.0), (0.5, 0.5)), ((math.sqrt(2), math.sqrt(2)), (1 / math.sqrt(2), 0.0))
V, DELTA = (1.0, 1.0, 0.0), 3.5
KERNELS = (
    ((4.25, 0.25, 0.0), (0.25, 4.5, 0.25), (0.0, 0.25, 0.25)),
    ((2.5, 2.0, 0.0), (2.0, 4.5, 2.0), (0.0, 2.0, 2.0)),
)
EXAMPLE = "2,2 / 1,1"
RANDOM = ("2,2 / 1,1", "2,2,2 / 1,1,1", "2,3 / 1,1", "2,2,3 / 1,1,1")
TIMES = tuple(0.05 * i for i in range(1, 41))


def cells(profile: Profile) -> list[Cell]:
    runs = 5 if profile == "quick" else 50
    grid = [Cell({"network": EXAMPLE, "runs": 0}), Cell({"network": "2,2 / 2,1", "runs": 0}, STRIDE_TWO)]
    grid += [Cell({"network": name, "runs": runs}) for name in RANDOM]
    return [*grid, Cell({"network": EXAMPLE, "runs": runs}, BALANCED)]


def measure(cell: Cell, setting: Setting) -> Evidence:
    net, runs = geometry.network(cell), int(cell.parameters["runs"])
    if cell.control == STRIDE_TWO:
        farthest = _farthest(net, STRIDE_TWO)
        return Evidence([farthest], {"apart": [farthest.measured]})
    if not runs:
        return _example(net)
    weights = theory.problems.real_rooted(net, runs, rng=setting.rng, balanced=bool(cell.control))
    found = geometry.fibres(net, weights, setting)
    if cell.control:
        return Evidence([_differ(found, control=BALANCED)], geometry.columns(found))
    ways = math.factorial(net.size - 1) // math.prod(math.factorial(k - 1) for (k,) in net.shapes)
    findings = [*geometry.counted(found, ways * 2 ** (net.degree - 1), {}), _differ(found)]
    return Evidence(findings, geometry.columns(found))


def _weights(layers: Sequence[Sequence[float]]) -> lc.Weights:
    return tuple(np.array([layer]) for layer in layers)


def _example(net: lc.StridedNet) -> Evidence:
    """Both points: what they share, their K, and where the flow takes each."""
    points = [_weights(FIRST), _weights(SECOND)]
    shared = [np.concatenate([net.predictor(w)[0], lc.conserved(w)[0]]) for w in points]
    kernels = [lc.kernel(net, w)[0] for w in points]
    # The loss ½‖v‖²: ∇ℓ(v) = v, and v̇ = −K v.
    loss = lc.SquaredLoss(np.eye(3), np.zeros(3))
    velocity = [-net.pushforward(w, net.pullback(w, loss.gradient(net.predictor(w))))[0] for w in points]
    rounding = 64 * np.finfo(float).eps
    findings = [
        _exactly(max(float(np.abs(one - (*V, DELTA)).max()) for one in shared), rounding, "same v and δ"),
        _exactly(float(np.abs(np.array(kernels) - KERNELS).max()), rounding, "both kernels"),
        _farthest(net),
        Finding(math.sqrt(6.125), float(np.linalg.norm(velocity[0] - velocity[1])), rounding=rounding, form="velocity"),
    ]
    flows = [lc.weight_flow(net, loss, w, TIMES) for w in points]
    return Evidence(findings, _points(net, kernels, flows))


def _exactly(off: float, rounding: float, form: str) -> Finding:
    """Entries of at most 4.5, from sums of at most nine products."""
    return Finding(rounding, off, form=form, relation=Relation.UPPER)


def _farthest(net: lc.StridedNet, control: str = "") -> Finding:
    """The largest ‖K − K'‖ on the whole fibre through the first point."""
    w = _weights(FIRST)
    K = lc.kernel(net, lc.fibre(net, net.predictor(w)[0], lc.conserved(w)[0]).points)
    apart = lc.spread(K) * float(np.linalg.norm(K[0]))
    # The roots of v are found to rounding, and Newton's steps keep them there: 1e-12 leaves three digits.
    return Finding(math.sqrt(18.375), apart, rounding=1e-12, form="distance", control=control)


def _differ(found: list[geometry.Fibres], control: str = "") -> Finding:
    least = min(one.apart for one in found)
    details = {"networks": len(found)}
    return Finding(geometry.SAME, least, form="kernels", control=control, relation=Relation.LOWER, details=details)


def _points(net: lc.StridedNet, kernels: list[Any], flows: list[lc.WeightFlow]) -> dict[str, list[Any]]:
    """Entries of K, and v along the flow, of both points."""
    rows: list[tuple[Any, ...]] = []
    for point, (K, flow) in enumerate(zip(kernels, flows, strict=True)):
        rows += [("kernel", point, 0.0, i, j, float(K[i, j])) for i, j in np.ndindex(3, 3)]
        rows += [("flow", point, 0.0, 0, j, value) for j, value in enumerate(V)]
        for at, time in enumerate(TIMES):
            v = net.predictor(tuple(w[at] for w in flow.weights))[0]
            rows += [("flow", point, time, 0, j, float(v[j])) for j in range(3)]
    names = ("kind", "point", "time", "row", "entry", "value")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


CLAIM = Claim(
    key="achour2025.no_metric",
    title="Stride 1 in one dimension: no metric on functions",
    relation=Relation.TIGHT,
    statement=(
        "The filters (2, 0), (½, ½) and (√2, √2), (1/√2, 0) with stride 1. Form 'same v and δ': both give v = (1, 1, "
        "0) and δ = 3.5. Form 'both kernels': their K = Σ J_i J_iᵀ are the two written out in the claim's file, up to "
        "rounding. Form 'distance': the largest distance of two K on their whole fibre is √18.375 (Frobenius). Form "
        "'velocity': down ½‖v‖² the two v̇ are √6.125 apart. Then random networks with real roots, well apart. Forms "
        "'points' and 'points found by search': with Σ (k_i − 1) roots there are (Σ (k_i − 1))!/Π (k_i − 1)! · 2^{L−1} "
        "weights with the same v and δ. Form 'kernels': on every such fibre some two K differ, by more than 1e-9 of "
        "their norm."
    ),
    hypotheses=("δ ≠ 0 or filters of different sizes, and real roots: so by construction",),
    proof=(
        "A metric G(v) with v̇ = −G(v)⁻¹ ∇ℓ(v) would give one velocity where v and ∇ℓ(v) are the same. v has the roots "
        "−1 and ∞, and each can go to either layer. Its K follow by hand, the difference has six entries ±1.75, so its "
        "square is 18.375; times v it is (0, −1.75, −1.75). With real roots every way to deal them out is real, and δ "
        "and the product of scales fix the norms of each. Complex roots come in pairs and may leave one way."
    ),
    source=f"{PAPER}, where strides of 1 are the exception; this example, its numbers and the count derived here",
    controls={
        STRIDE_TWO: "form 'distance' for the first two filters with stride 2",
        BALANCED: "form 'kernels' for k = (2, 2) with δ = 0, where the exchange of the layers leaves K as it is",
    },
    cells=cells,
    measure=measure,
    headline="distance",
)
