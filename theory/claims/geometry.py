"""What claims about the geometry of linear convolutional networks share: networks by name, fibres and flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import theory
from theory.claims.claim import Cell, Finding, Relation, Setting
from theory.objectives import linear_conv as lc
from theory.objectives.linear_conv.factors import TOO_NEAR
from theory.objectives.linear_conv.flows import RTOL

SAME = 1e-9
"""K's that differ by less, in units of one of them, count as equal: rounding times a condition of 1e6."""

AGREE = 1e-7
"""How far apart the two flows may be, in units of the largest end-to-end filter: the integrator's 1e-12 times 1e5."""

LOOSER = 10.0
"""Times as much error in a step as the flow on functions is allowed once more, to see what the integrator resolves:
near a singular point, where K is no longer a function of v, errors grow without limit."""

TIMES = tuple(0.5 * i for i in range(1, 9))
"""When the flows are compared."""

GAP, KEPT = "least singular value of the factors", "share of runs resolved − ½"


def network(cell: Cell) -> lc.StridedNet:
    """The network that the cell names, such as "3,2,4 / 2,3,1" or "2x3,2x2 / 2x1,1x1": filters, then strides."""
    sizes, strides = (
        tuple(tuple(int(n) for n in one.split("x")) for one in part.split(","))
        for part in str(cell.parameters["network"]).split(" / ")
    )
    return lc.StridedNet(sizes, strides)


class Fibres(NamedTuple):
    """Of one random point: its fibre by factors, what the search found, and both together."""

    fibre: lc.Fibre
    searched: lc.Searched
    united: lc.Weights
    ranks: set[int]
    apart: float


def fibres(net: lc.StridedNet, weights: lc.Weights, setting: Setting) -> list[Fibres]:
    """The fibres through all runs of the weights."""
    v, delta = net.predictor(weights), lc.conserved(weights)
    found = []
    for run in range(len(v)):
        fibre = lc.fibre(net, v[run], delta[run])
        searched = lc.search(net, v[run], delta[run], rng=setting.rng)
        united = lc.distinct(tuple(np.concatenate(pair) for pair in zip(fibre.points, searched.points, strict=True)))
        K = lc.kernel(net, united)
        found.append(Fibres(fibre, searched, united, set(lc.rank(K).tolist()), lc.spread(K)))
    return found


def counted(found: list[Fibres], predicted: int, margins: Mapping[str, float], *, control: str = "") -> list[Finding]:
    """How many points there are, by the search alone and with those of the factors: of the run that is farthest off."""

    def off(count: int) -> int:
        return abs(count - predicted)

    worst = max(found, key=lambda one: off(len(one.searched.hits)))
    count, united = float(len(worst.searched.hits)), max((len(one.united[0]) for one in found), key=off)
    # A search that has not settled may have missed any number.
    most = count if all(one.searched.settled for one in found) else np.inf
    details = {"networks": len(found), "most starts": max(one.searched.starts for one in found)}
    shared: dict[str, Any] = {"margins": margins, "control": control, "relation": Relation.TIGHT, "details": details}
    return [
        Finding(float(predicted), count, count, most, form="points found by search", **shared),
        Finding(float(predicted), float(united), form="points", **shared),
    ]


def ranked(net: lc.StridedNet, found: list[Fibres], margins: Mapping[str, float]) -> Finding:
    """Rank of K at all points; that which is farthest from the predicted."""
    ranks = set.union(*(one.ranks for one in found))
    worst = max(ranks, key=lambda rank: abs(rank - net.dimension))
    return Finding(float(net.dimension), float(worst), margins=margins, form="rank", relation=Relation.TIGHT)


def alike(found: list[Fibres], margins: Mapping[str, float], *, form: str = "kernel", control: str = "") -> Finding:
    """The largest distance between the K of two points of one fibre."""
    worst = max(one.apart for one in found)
    return Finding(SAME, worst, margins=margins, form=form, control=control, details={"networks": len(found)})


def smooth(found: list[Fibres]) -> dict[str, float]:
    """The margin of a claim about smooth points: how sure the factors are."""
    return {GAP: sure(found)}


def sure(found: list[Fibres]) -> float:
    """The least singular value over all fibres, less what counts as rounding."""
    return min(one.fibre.gap for one in found) - TOO_NEAR


class Flows(NamedTuple):
    """Both flows: end-to-end filters (times, runs, n) of the weights and without them, and these with looser steps."""

    weights: Any
    functions: Any
    looser: Any

    @property
    def apart(self) -> Any:
        """The largest distance of each run, in units of the largest end-to-end filter."""
        return self._distance(self.weights)

    @property
    def doubt(self) -> Any:
        """How far the flow on functions moves when its integrator may err ``LOOSER`` times as much."""
        return self._distance(self.looser)

    def _distance(self, other: Any) -> Any:
        size = np.linalg.norm(self.weights, axis=2).max()
        return np.linalg.norm(self.functions - other, axis=2).max(axis=0) / size


def flows(
    net: lc.StridedNet, weights: lc.Weights, setting: Setting, *, times: Sequence[float], delta: Any = None
) -> Flows:
    """Both flows from the weights, down a random loss; the second with another ``delta``, if one is given."""
    loss = theory.problems.correlated_loss(net, rng=setting.rng)
    flow = lc.weight_flow(net, loss, weights, times)
    v = np.stack([net.predictor(tuple(w[at] for w in flow.weights)) for at in range(len(times))])
    start, delta = net.predictor(weights), lc.conserved(weights) if delta is None else delta
    near = None if lc.unique(net) else weights
    alone, looser = (
        lc.function_flow(net, loss, start, delta, times, near=near, rtol=rtol) for rtol in (RTOL, LOOSER * RTOL)
    )
    return Flows(v, alone, looser)


def agreement(both: Flows, margins: Mapping[str, float]) -> Finding:
    """How far the two flows are apart, of the runs that the integrator resolves, which must be more than half."""
    kept = both.doubt <= AGREE
    worst = float(both.apart[kept].max()) if kept.any() else float("nan")
    # A run that stands still has neither distance nor doubt.
    over = both.apart / np.maximum(both.doubt, np.finfo(float).tiny)
    details = {
        "networks": int(kept.sum()),
        "left out, not resolved": int((~kept).sum()),
        "largest distance over doubt": float(over[kept].max(initial=0.0)),
        "the same, left out too": float(over.max()),
    }
    margins = {**margins, KEPT: float(kept.mean()) - 0.5}
    return Finding(AGREE, worst, margins=margins, form="flow", details=details)


def columns(found: list[Fibres], both: Flows | None = None) -> dict[str, Any]:
    """What is kept of each run."""
    kept = {
        "run": list(range(len(found))),
        "points": [len(one.united[0]) for one in found],
        "found": [len(one.searched.hits) for one in found],
        "ways": [one.fibre.ways for one in found],
        "gap": [one.fibre.gap for one in found],
        "apart": [one.apart for one in found],
    }
    if both is not None:
        kept |= {"flows": both.apart.tolist(), "doubt": both.doubt.tolist()}
    return kept
