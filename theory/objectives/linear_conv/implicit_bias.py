"""Where descent on separable data goes: two ways to the large ‖β‖ that its direction needs, and plain steps miss.

The direction of β converges like 1/log t, so that steps of a constant length never arrive. Here the loss enters by
its logarithm alone, and time is rescaled by it:

    descend   w ← w − η ∇loss,   η = rate/(loss · max‖x‖² · ‖J‖²)            ‖β‖ of thousands in 1e5 steps
    flow      dp/dτ = −∇log loss/‖p‖^{L−2}, on u = p/‖p‖ and s = log‖p‖      ‖β‖ of 1e8 and beyond

Any :class:`~theory.objectives.linear_conv.network.Network` will do. Source: Gunasekar, Lee, Soudry & Srebro (2018) for
the question; Nacson et al. (2019), Convergence of gradient descent on separable data, for steps over the loss.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from theory import checks
from theory.arrays import array_namespace, to_numpy
from theory.checks import refuse
from theory.objectives.linear_conv.fields import Field, field_of
from theory.objectives.linear_conv.margins import separate
from theory.objectives.linear_conv.network import Network, Weights, jacobian

RATE = 0.5
RTOL = 1e-10


class Outcome(StrEnum):
    """How a run ended."""

    REACHED = "‖β‖ reached the largest norm asked for"
    STEP_LIMIT = "the steps ran out before ‖β‖ reached the largest norm asked for; allow more steps"
    STUCK = "the solver could not take another step; loosen rtol, or start elsewhere"


@dataclass(frozen=True)
class Path:
    """One run at the first points where ‖β‖ is at least each of the norms that it reached; rows are records.

    ``alpha`` are the loss weights −∂ log loss/∂m, and ``log_loss`` the logarithm of the loss; ``weights`` are the
    layers over e^s, with s the ``log_scale`` of the row. All are NumPy's.
    """

    norm: Any
    direction: Any
    alpha: Any
    margins: Any
    log_loss: Any
    weights: Weights
    log_scale: Any
    steps: int
    outcome: Outcome

    @property
    def beta(self) -> Any:
        """β."""
        return self.norm[:, None] * self.direction


def squared_norm(network: Network, weights: Weights) -> Any:
    """‖J‖² of every run, or a bound on it: the network's own where it has one, else ‖J‖_F²."""
    own = getattr(network, "squared_norm", None)
    if own is not None:
        return own(weights)
    xp = array_namespace(*weights)
    return sum(xp.sum(block**2, axis=(1, 2)) for block in jacobian(network, weights))


class _Recorder:
    """Collects the first points of a run where ‖β‖ is at least each of the norms."""

    def __init__(self, network: Network, loss: Any, norms: Sequence[float]) -> None:
        self.network, self.loss = network, loss
        self.log_norms = [math.log(norm) for norm in norms]
        self.rows: list[tuple[Any, ...]] = []

    @property
    def full(self) -> bool:
        return len(self.rows) == len(self.log_norms)

    def see(self, log_norm: float, weights: Weights, log_scale: float) -> None:
        """Record the point, once for every norm that it is the first to reach."""
        while not self.full and log_norm >= self.log_norms[len(self.rows)]:
            self.rows.append((log_norm, log_scale, *(to_numpy(weight[0, ...]) for weight in weights)))

    def path(self, steps: int, outcome: Outcome) -> Path:
        """Everything about the records."""
        import numpy as np

        empty = (0.0, 0.0, *(np.zeros(shape) for shape in self.network.shapes))
        columns = [np.stack(column) for column in zip(*(self.rows or [empty]), strict=True)]
        log_norm, log_scale, *weights = (column[: len(self.rows)] for column in columns)
        beta = self.network.predictor(tuple(weights))
        direction = beta / np.linalg.norm(beta, axis=1, keepdims=True)
        norm = np.exp(log_norm)
        margins = self.loss.margins(norm[:, None] * direction)
        alpha, log_loss = self.loss.weights(margins), self.loss.log_value(margins)
        outcome = Outcome.REACHED if self.full else outcome
        return Path(norm, direction, alpha, margins, log_loss, tuple(weights), log_scale, steps, outcome)


def _checked(network: Network, loss: Any, weights: Weights, norms: Sequence[float]) -> tuple[Weights, list[float]]:
    """The weights as finite arrays and the norms in order, after making sure that the data can be separated."""
    try:
        xp = array_namespace(*weights)
    except TypeError:
        raise refuse("weights", type(weights).__name__, "an array for each layer, all of one library") from None
    weights = tuple(checks.array("weights", weight, xp, ndim=(weight.ndim,)) for weight in weights)
    beta = network.predictor(weights)
    if loss.x.shape[1] != network.size:
        raise refuse("loss", f"of samples with {loss.x.shape[1]} numbers", f"of {network.size}, as the network takes")
    if bool(xp.any(sum(xp.sum(abs(xp.reshape(w, (beta.shape[0], -1))), axis=1) for w in weights) == 0)):
        raise refuse("weights", "all zero in one of the runs", "different from zero: the gradient vanishes there")
    if not bool(xp.all(squared_norm(network, weights) > 0)):
        raise refuse("weights", "zero in two layers or more, in one of the runs", "elsewhere: the gradient vanishes")
    targets = [checks.positive("norms", norm) for norm in norms]
    if not targets or targets != sorted(targets):
        raise refuse("norms", targets, "at least one, in ascending order")
    separate(to_numpy(loss.x), to_numpy(loss.y))
    return weights, targets


def _on_host(loss: Any) -> Any:
    return type(loss)(to_numpy(loss.x), to_numpy(loss.y))


def descend(
    network: Network, loss: Any, weights: Weights, *, norms: Sequence[float], steps: int, rate: float = RATE
) -> list[Path]:
    """Loss-normalised gradient descent, all runs at once, until ‖β‖ of each has reached the largest of ``norms``.

    Raises
    ------
    BadInput
        If the data cannot be separated, weights are zero or not finite, or norms, steps or rate make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from theory.objectives.linear_conv import CircularNet, ExponentialLoss
    >>> loss = ExponentialLoss(np.array([[2.0, 1.0]]), np.array([1.0]))
    >>> start = (np.array([[0.1, 0.2]]),)
    >>> path, = descend(CircularNet(2, 1), loss, start, norms=[1.0, 100.0], steps=10_000)
    >>> path.direction.round(2).tolist(), str(path.outcome)
    ([[0.83, 0.55], [0.89, 0.45]], '‖β‖ reached the largest norm asked for')
    """
    weights, targets = _checked(network, loss, weights, norms)
    steps, rate = checks.integer("steps", steps, least=0), checks.positive("rate", rate)
    runs, xp = weights[0].shape[0], array_namespace(*weights)
    recorders = [_Recorder(network, _on_host(loss), targets) for _ in range(runs)]
    taken = [0] * runs
    for step in range(steps + 1):
        beta = network.predictor(weights)
        for run, norm in enumerate(to_numpy(xp.sqrt(xp.sum(beta**2, axis=1))).tolist()):
            if not recorders[run].full:
                taken[run] = step
                recorders[run].see(math.log(norm or 1e-300), tuple(w[run : run + 1, ...] for w in weights), 0.0)
        if step == steps or all(recorder.full for recorder in recorders):
            break
        weights = _step(network, loss, weights, beta, rate)
    return [recorder.path(count, Outcome.STEP_LIMIT) for recorder, count in zip(recorders, taken, strict=True)]


def _step(network: Network, loss: Any, weights: Weights, beta: Any, rate: float) -> Weights:
    """w − η ∇loss, with the loss divided out of both."""
    xp = array_namespace(beta)
    eta = rate / (loss.largest_square * squared_norm(network, weights))
    moved = zip(weights, network.pullback(weights, loss.gradient(beta)), strict=True)
    return tuple(weight - xp.reshape(eta, (-1, *[1] * (weight.ndim - 1))) * slope for weight, slope in moved)


def flow(
    network: Network,
    loss: Any,
    weights: Weights,
    *,
    norms: Sequence[float],
    rtol: float = RTOL,
    steps: int = 100_000,
) -> list[Path]:
    """Gradient flow in rescaled time, run by run, until ‖β‖ has reached the largest of ``norms``.

        du/dτ = v − u⟨u, v⟩,   ds/dτ = ⟨u, v⟩,   v = J(u)ᵀ Σ α_n y_n x_n,   α at β = e^{Ls} β(u)

    On the way α follows the margins at a rate of ‖β‖: the system is stiff. It is solved by LSODA, on NumPy, with the
    exact Jacobian (more than three layers: to 1e-6 of it).

    Raises
    ------
    BadInput
        If the data cannot be separated, weights are zero or not finite, or norms, steps or rtol make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from theory.objectives.linear_conv import CircularNet, ExponentialLoss
    >>> loss = ExponentialLoss(np.array([[2.0, 1.0]]), np.array([1.0]))
    >>> path, = flow(CircularNet(2, 2), loss, (np.ones((1, 2)), np.array([[0.1, 0.2]])), norms=[1e4, 1e8])
    >>> path.direction.round(3).tolist()  # L = 2 goes to a single frequency, the largest of x
    [[0.707, 0.707], [0.707, 0.707]]
    """
    weights, targets = _checked(network, loss, weights, norms)
    steps, rtol = checks.integer("steps", steps, least=0), checks.positive("rtol", rtol)
    field = field_of(network, _on_host(loss))
    host = tuple(to_numpy(weight) for weight in weights)
    return [
        _follow(field, tuple(weight[run : run + 1] for weight in host), targets, rtol, steps)
        for run in range(host[0].shape[0])
    ]


def _follow(field: Field, weights: Weights, targets: list[float], rtol: float, steps: int) -> Path:
    from scipy.integrate import LSODA

    recorder = _Recorder(field.network, field.loss, targets)
    state = field.pack(weights)
    # Time is unbounded, but the solver wants a number: ‖β‖ doubles within far less of it.
    solver = LSODA(field.rates, 0.0, state, 1e12 / field.unit, rtol=rtol, atol=rtol / 100, jac=field.jacobian)
    outcome, taken = Outcome.STEP_LIMIT, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # LSODA's own account of why it failed
        while not recorder.full and taken <= steps:
            u, s = field.unpack(solver.y)
            recorder.see(field.log_norm(u, s), u, s)
            if solver.status != "running":
                outcome = Outcome.STUCK
                break
            solver.step()
            taken += 1
    return recorder.path(taken, outcome)
