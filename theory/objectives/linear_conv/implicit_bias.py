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
from itertools import accumulate, combinations, pairwise
from typing import Any

from theory import checks
from theory.arrays import array_namespace, to_numpy
from theory.checks import refuse
from theory.objectives.linear_conv.circular import CircularNet, all_but_one
from theory.objectives.linear_conv.margins import separate
from theory.objectives.linear_conv.network import Network, Weights, jacobian
from theory.objectives.linear_conv.regularisers import multiplicities

RATE = 0.5
RTOL = 1e-10
DIFFERENCE = 1e-3
"""Of the second derivatives of β: up to three layers a central difference is exact, and beyond its error is 1e-6."""


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
    xp = array_namespace(*weights)
    weights = tuple(checks.array("weights", weight, xp, ndim=(weight.ndim,)) for weight in weights)
    beta = network.predictor(weights)
    if loss.x.shape[1] != network.size:
        raise refuse("loss", f"of samples with {loss.x.shape[1]} numbers", f"of {network.size}, as the network takes")
    if bool(xp.any(sum(xp.sum(abs(xp.reshape(w, (beta.shape[0], -1))), axis=1) for w in weights) == 0)):
        raise refuse("weights", "all zero in one of the runs", "different from zero: the gradient vanishes there")
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
    field = _field(network, _on_host(loss))
    host = tuple(to_numpy(weight) for weight in weights)
    return [
        _follow(field, tuple(weight[run : run + 1] for weight in host), targets, rtol, steps)
        for run in range(host[0].shape[0])
    ]


def _follow(field: _Field, weights: Weights, targets: list[float], rtol: float, steps: int) -> Path:
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


class _Field:
    """The flow's right side and its Jacobian, on states (u, s)."""

    def __init__(self, network: Network, loss: Any) -> None:
        self.network, self.loss = network, loss
        ends = list(accumulate(math.prod(shape) for shape in network.shapes))
        places = [slice(*ends) for ends in pairwise([0, *ends])]
        self.places = list(zip(places, network.shapes, strict=True))
        self.unit = math.sqrt(loss.largest_square)

    def pack(self, weights: Weights) -> Any:
        """p/‖p‖ and log‖p‖ in one vector."""
        import numpy as np

        p = np.concatenate([weight.ravel() for weight in weights])
        norm = np.linalg.norm(p)
        return np.append(p / norm, math.log(norm))

    def layers(self, p: Any) -> Weights:
        """The layers of the rows of p."""
        return tuple(p[:, place].reshape(-1, *shape) for place, shape in self.places)

    def unpack(self, state: Any) -> tuple[Weights, float]:
        return self.layers(state[None, :-1]), float(state[-1])

    def log_norm(self, u: Weights, s: float) -> float:
        """log‖β‖."""
        import numpy as np

        return self.network.degree * s + math.log(np.linalg.norm(self.network.predictor(u)) or 1e-300)

    def pulled(self, u: Weights, gradients: Any) -> Any:
        """J(u)ᵀ g for the rows g, in rows."""
        import numpy as np

        count = gradients.shape[0] // u[0].shape[0]
        repeated = tuple(np.repeat(weight, count, axis=0) for weight in u) if count > 1 else u
        return np.concatenate(
            [part.reshape(gradients.shape[0], -1) for part in self.network.pullback(repeated, gradients)], axis=1
        )

    def margins(self, u: Weights, s: float) -> Any:
        return self.loss.margins(math.exp(self.network.degree * s) * self.network.predictor(u))

    def rates(self, _: float, state: Any) -> Any:
        """(du/dτ, ds/dτ)."""
        import numpy as np

        u, s = self.unpack(state)
        v = self.pulled(u, self.loss.weights(self.margins(u, s)) @ self.loss.signed)[0]
        along = state[:-1] @ v
        return np.append(v - along * state[:-1], along)

    def jacobian(self, _: float, state: Any) -> Any:
        """∂(du/dτ, ds/dτ)/∂(u, s)."""
        import numpy as np

        u, s = self.unpack(state)
        margins = self.margins(u, s)
        alpha, curvature = self.loss.weights(margins)[0], self.loss.curvature(margins)[0]
        r = alpha @ self.loss.signed
        rows = self.pulled(u, self.loss.signed)  # ∂m/∂u, over e^{Ls}
        v = alpha @ rows
        # ∂α/∂m = ααᵀ − diag(c), ∂m/∂u = e^{Ls} rows, ∂m/∂s = L m.
        spread = np.outer(v, alpha) - rows.T * curvature
        dv_du = self.bend(state[:-1], r) + math.exp(self.network.degree * s) * (spread @ rows)
        dv_ds = self.network.degree * (spread @ margins[0])
        here, along = state[:-1], float(state[:-1] @ v)
        slope = v + here @ dv_du
        return np.block(
            [
                [dv_du - np.outer(here, slope) - along * np.eye(here.size), (dv_ds - here * (here @ dv_ds))[:, None]],
                [slope[None], np.array([[here @ dv_ds]])],
            ]
        )

    def bend(self, p: Any, r: Any) -> Any:
        """Σ_i r_i ∂²β_i/∂p∂p, by central differences of the pullback."""
        import numpy as np

        if self.network.degree == 1:
            return np.zeros((p.size, p.size))
        ahead, behind = (
            self.pulled(self.layers(p + step * np.eye(p.size)), np.tile(r, (p.size, 1)))
            for step in (DIFFERENCE, -DIFFERENCE)
        )
        return (ahead - behind) / (2 * DIFFERENCE)


class _CircularField(_Field):
    """The same for circular convolutions, in frequency: a handful of small products a call, where D is no more than
    the state of a stiff solver can be; and second derivatives in closed form.

        ∂²⟨r, β⟩/∂w_l[a]∂w_j[b] = D^{-1/2} h[(a + b) mod D],   ĥ = r̂ ⊙ conj(Π_{i≠l,j} ŵ_i)
    """

    def __init__(self, network: CircularNet, loss: Any) -> None:
        import numpy as np

        super().__init__(network, loss)
        self.dim = network.dim
        place = np.arange(self.dim)
        self.sums = np.add.outer(place, place) % self.dim
        count = multiplicities(self.dim)
        self.forth = np.fft.rfft(np.eye(self.dim), axis=1, norm="ortho")
        self.back = np.conj(self.forth.T) * count[:, None]
        self.signed = loss.signed @ self.forth
        self.seen = np.conj(self.signed.T) * count[:, None]
        self.root = np.sqrt(count)

    def spectra(self, p: Any) -> Any:
        """ŵ_l at the frequencies from 0 to D/2, (layers, D//2 + 1)."""
        return p.reshape(-1, self.dim) @ self.forth

    def log_norm(self, u: Weights, s: float) -> float:
        import numpy as np

        size = np.linalg.norm(self.root * math.prod(self.spectra(np.concatenate(u))))
        return self.network.degree * s + math.log(size or 1e-300)

    def margins(self, u: Weights, s: float) -> Any:
        import numpy as np

        product = math.prod(self.spectra(np.concatenate(u)))
        return math.exp(self.network.degree * s) * (product @ self.seen).real[None]

    def rates(self, _: float, state: Any) -> Any:
        """(du/dτ, ds/dτ)."""
        import numpy as np

        u, s = state[:-1], float(state[-1])
        spectra = self.spectra(u)
        margins = math.exp(self.network.degree * s) * (math.prod(spectra) @ self.seen).real
        v = self.lifted(spectra, self.loss.weights(margins[None])[0] @ self.signed)
        along = u @ v
        return np.append(v - along * u, along)

    def pulled(self, u: Weights, gradients: Any) -> Any:
        import numpy as np

        return self.lifted(self.spectra(np.concatenate(u)), (gradients @ self.forth)[:, None, :])

    def lifted(self, spectra: Any, transformed: Any) -> Any:
        """J(u)ᵀ g from ĝ, for one or for rows of them with a middle axis for the layers."""
        import numpy as np

        others = all_but_one(list(spectra), lambda a, b: a * b, one=np.ones_like(spectra[0]))
        found = ((np.conj(others) * transformed) @ self.back).real
        return found.reshape(*found.shape[:-2], -1)

    def bend(self, p: Any, r: Any) -> Any:
        import numpy as np

        spectra, r_hat = self.spectra(p), r @ self.forth
        depth = len(spectra)
        bent = np.zeros((depth, self.dim, depth, self.dim))
        for one, two in combinations(range(depth), 2):
            rest = math.prod((spectra[i] for i in range(depth) if i not in (one, two)), start=np.ones(1))
            h = ((r_hat * np.conj(rest)) @ self.back).real / math.sqrt(self.dim)
            bent[one, :, two] = bent[two, :, one] = h[self.sums]
        return bent.reshape(p.size, p.size)


def _field(network: Network, loss: Any) -> _Field:
    """The one that suits the network."""
    return _CircularField(network, loss) if isinstance(network, CircularNet) else _Field(network, loss)
