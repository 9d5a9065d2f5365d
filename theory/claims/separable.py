"""What claims about separable data share: the flow from a drawn start, its hypotheses, and medians over data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import theory
import theory.objectives.linear_conv as conv
from theory.checks import BadInput
from theory.claims import confidence
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


class Converged(NamedTuple):
    """The runs that are judged by what they give, the least margins of theirs, and how many are left out."""

    runs: list[Any]
    margins: dict[str, float]
    left_out: int


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


def converged(runs: Sequence[Any], more: Callable[[Any], Mapping[str, float]] | None = None) -> Converged:
    """The runs (each with ``network``, ``loss`` and ``path``) that meet the hypotheses, those of ``more`` included.

    A hypothesis is one on a data set. Those that do not meet it are left out, counted, and count against the claim:
    see ``middle``, ``fitted`` and ``worst``. Where none meets it all are kept, and the margins say that nothing can be
    concluded.
    """
    margins = [{**_margins(run.network, run.loss, run.path), **(more(run) if more else {})} for run in runs]
    met = [place for place, found in enumerate(margins) if all(margin > 0 for margin in found.values())]
    kept = met or range(len(runs))
    # NumPy's minimum of a margin that is NaN is NaN, wherever it stands.
    worst = {name: float(np.min([margins[place][name] for place in kept])) for name in margins[0]}
    return Converged([runs[place] for place in kept], worst, len(runs) - len(met))


def _margins(network: Any, loss: Any, path: Any) -> dict[str, float]:
    """By how much a run meets the hypotheses."""
    turn, gradient = conv.turned(path, loss, DECADE)
    margins = {
        "−log loss": float(-path.log_loss[-1]),
        "0.2 − turn of β": STILL - turn,
        "0.2 − turn of the gradient": STILL - gradient,
    }
    if isinstance(network, conv.CircularNet):
        margins["0.2 − turn of a phase"] = STILL - conv.phases_turned(network, path, DECADE)
    return margins


CONVERGING = (
    (
        "each data set by itself meets the following; one that does not counts against the claim, as ∞ among the "
        "values of an upper bound, as −∞ and ∞ in the limits of an exponent, and against its controls' refutation too"
    ),
    "loss → 0: margin −log loss at ‖β‖ = 1e8",
    "β converges in direction: margin 0.2 − its turn, in radians, in the last decade of ‖β‖",
    "the gradient converges in direction: margin 0.2 − its turn in the last decade",
)
PHASES = "the phases of the layers converge: margin 0.2 − the largest turn where |β̂_d| is at least 1 % of the largest"


def fitted(predicted: float, values: Any, earlier: Any, *, left_out: int = 0, **more: Any) -> Finding:
    """A median exponent of independent data sets, with limits for what it converges to.

    What a data set that is ``left_out`` would give is not known: −∞ for the lower limit, ∞ for the upper one.
    """
    middle, low, high = confidence.drifting(values, earlier, unknown=left_out)
    return Finding(predicted, middle, low, high, relation=Relation.EXPONENT, **more)


def middle(predicted: float, values: Any, *, left_out: int = 0, control: str = "", **more: Any) -> Finding:
    """The median of independent data sets beside an upper bound.

    A data set that is ``left_out`` counts as ∞; for a control as −∞, so that none is refuted by leaving out.
    """
    unknown = {"below" if control else "above": left_out}
    return Finding(predicted, *confidence.median(values, **unknown), relation=Relation.UPPER, control=control, **more)


def worst(predicted: float, values: Any, *, left_out: int = 0, **more: Any) -> Finding:
    """The largest of all data sets beside an upper bound; one that is ``left_out`` counts as ∞."""
    high = math.inf if left_out else None
    return Finding(predicted, float(max(values)), high=high, relation=Relation.UPPER, **more)
