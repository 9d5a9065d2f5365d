"""What claims about separable data share: the flow from a drawn start, its hypotheses, and medians over data sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import theory
import theory.objectives.linear_conv as conv
from theory.checks import BadInput
from theory.claims import verdict
from theory.claims.claim import Finding, Relation

FAR = 1e8
"""‖β‖ at which limits are judged."""

STAGES = (1e4, 1e6, FAR)
"""Between them exponents are fitted."""

NORMS = (*(10 ** (exponent / 2) for exponent in range(4, 16)), 0.8 * FAR, 0.9 * FAR, FAR)
"""‖β‖ of the records: two a decade, and two just before the last."""

DECADE = FAR / 10
STILL = 0.2
"""Radians in the last decade of ‖β‖ below which something counts as converging."""

YARDSTICK = 1 / (math.e * math.log(FAR))
"""max_g g ‖β‖^{−g} at ‖β‖ = 1e8: what shares that die like ‖β‖^{−g} may still cost there, to first order."""


class NotArrived(RuntimeError):
    """A flow that ended before ‖β‖ = 1e8; the message says why."""


UNDECIDED = (NotArrived, BadInput)
"""Where nothing is found: a flow that ended early, a solver that is missing or failed, or a path that it refuses."""


def loss_of(data: tuple[Any, Any]) -> Any:
    """The exponential loss of a data set."""
    return conv.ExponentialLoss(*data)


def follow(network: Any, loss: Any, *, rng: Any, rtol: float = 1e-10, start: Any = None) -> Any:
    """The gradient flow from Gaussian weights, or from ``start``, to ‖β‖ = 1e8, recorded at ``NORMS``.

    Raises
    ------
    NotArrived
        If it did not get there.
    """
    start = theory.problems.layers(network.shapes, rng=rng) if start is None else start
    (path,) = conv.flow(network, loss, start, norms=NORMS, rtol=rtol)
    if path.outcome is not conv.Outcome.REACHED:
        raise NotArrived(f"the flow of {network} ended with: {path.outcome}")
    return path


def converging(networks: Sequence[Any], losses: Sequence[Any], paths: Sequence[Any]) -> dict[str, float]:
    """By how much the hypotheses on the runs are met, the worst of all of them."""
    turns = [conv.turned(path, loss, DECADE) for path, loss in zip(paths, losses, strict=True)]
    margins = {
        "−log loss": min(float(-path.log_loss[-1]) for path in paths),
        "0.2 − turn of β": STILL - max(turn for turn, _ in turns),
        "0.2 − turn of the gradient": STILL - max(turn for _, turn in turns),
    }
    if isinstance(networks[0], conv.CircularNet):
        phases = [conv.phases_turned(net, path, DECADE) for net, path in zip(networks, paths, strict=True)]
        margins["0.2 − turn of a phase"] = STILL - max(phases)
    return margins


CONVERGING = (
    "loss → 0: margin −log loss at ‖β‖ = 1e8",
    "β converges in direction: margin 0.2 − its turn, in radians, in the last decade of ‖β‖",
    "the gradient converges in direction: margin 0.2 − its turn in the last decade",
)
PHASES = "the phases of the layers converge: margin 0.2 − the largest turn where |β̂_d| is at least 1 % of the largest"


def fitted(predicted: float, values: Any, earlier: Any, **more: Any) -> Finding:
    """A median exponent of independent data sets, with limits for what it converges to."""
    middle, low, high = verdict.drifting(values, earlier)
    return Finding(predicted, middle, low, high, relation=Relation.EXPONENT, **more)


def middle(predicted: float, values: Any, **more: Any) -> Finding:
    """The median of independent data sets beside an upper bound."""
    return Finding(predicted, *verdict.median(values), relation=Relation.UPPER, **more)
