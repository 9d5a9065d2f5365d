"""What claims about separable data share: the flow from a drawn start, its hypotheses, and a missing solver."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import theory
import theory.objectives.linear_conv as conv
from theory.claims import verdict
from theory.claims.claim import Claim, Evidence, Finding, Relation

FAR = 1e8
"""‖β‖ at which limits are judged."""

STAGES = (1e4, 1e6, FAR)
"""Between them exponents are fitted."""

NORMS = (*(10 ** (exponent / 2) for exponent in range(4, 16)), 0.8 * FAR, 0.9 * FAR, FAR)
"""‖β‖ of the records: two a decade, and two just before the last."""

DECADE = FAR / 10
STILL = 0.2
"""Radians in the last decade of ‖β‖ below which something counts as converging."""


def loss_of(data: tuple[Any, Any]) -> Any:
    """The exponential loss of a data set."""
    return conv.ExponentialLoss(*data)


def follow(network: Any, loss: Any, *, rng: Any, rtol: float = 1e-10) -> Any:
    """The gradient flow from Gaussian weights to ‖β‖ = 1e8, recorded at ``NORMS``.

    Raises
    ------
    RuntimeError
        If it did not get there; the message says why.
    """
    start = theory.problems.layers(network.shapes, rng=rng)
    (path,) = conv.flow(network, loss, start, norms=NORMS, rtol=rtol)
    if path.outcome is not conv.Outcome.REACHED:
        raise RuntimeError(f"the flow of {network} ended with: {path.outcome}")
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


def fitted(predicted: float, values: Any, earlier: Any, *, rng: Any, **more: Any) -> Finding:
    """A mean exponent of independent data sets, with limits for what it converges to."""
    mean, low, high = verdict.drifting(values, earlier, rng=rng)
    return Finding(predicted, mean, low, high, relation=Relation.EXPONENT, **more)


def averaged(predicted: float, values: Any, *, rng: Any, **more: Any) -> Finding:
    """The mean of independent data sets beside an upper bound."""
    import numpy as np

    low, high = verdict.bootstrap(values, rng=rng)
    mean = float(np.mean(values))
    return Finding(predicted, mean, min(low, mean), max(high, mean), relation=Relation.UPPER, **more)


def unresolved(claim: Claim, forms: Sequence[str], reason: object) -> Evidence:
    """What is found where a solver is missing: nothing, for every form and control, with the reason."""
    lost = Finding(math.nan, math.nan, details={"reason": str(reason)})
    return Evidence(
        [*(replace(lost, form=form) for form in forms), *(replace(lost, control=control) for control in claim.controls)]
    )


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as equally long columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}
