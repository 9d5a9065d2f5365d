r"""Variable projection: the auxiliary weights are minimised out, and what is left depends on the primary ones alone.

    L_ext(ŵ) = min_W Φ(ŵ, W),   ∇L_ext(ŵ) = λ² Σᵢ (ŵ − wᵢ)                      Equations 6, 7 and 10

The second is the gradient of the penalty alone, for where W minimises Φ the rest vanishes (envelope theorem). How
nearly it does is the certificate: the norm of ∂Φ/∂W, in the auxiliary weights themselves. Where Φ(ŵ, ·) is convex
between W and its minimum its second derivative there is λ² or more, so that ‖∂Φ/∂W‖²/2λ² bounds what is left to gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace, shared_namespace, to_numpy
from theory.descent.lbfgs import TRIALS, minimise

Start = Literal["primary", "random", "better"]

ITERATIONS, MEMORY = 100, 10
"""Of the inner L-BFGS; the authors' program keeps 100 pairs."""

TOLERANCE = 1e-10
"""What is left to gain, in parts of the loss of a network that answers 0."""


@dataclass(frozen=True)
class Projection:
    """Where the inner problems ended, one a network; ``u`` and ``gradient`` on their backend, the rest on NumPy.

    ``data`` and ``penalty`` are the parts of Φ, ``gradient`` is ∇L_ext, ``slope`` ‖∂Φ/∂W‖, ``gain`` ‖∂Φ/∂W‖²/2λ²,
    ``taken`` and ``evaluations`` what the better start took, ``random`` whether that was the random one.
    """

    u: Float[Any, "nets n"]
    data: Float[np.ndarray, " nets"]
    penalty: Float[np.ndarray, " nets"]
    gradient: Float[Any, "nets p"]
    slope: Float[np.ndarray, " nets"]
    gain: Float[np.ndarray, " nets"]
    taken: Any
    evaluations: Any
    random: Any

    @property
    def value(self) -> Float[np.ndarray, " nets"]:
        """L_ext(ŵ)."""
        return self.data + self.penalty


def project(
    loss: Any,
    w: Float[Any, "nets p"],
    *,
    start: Start | Float[Any, "nets n"] = "primary",
    iterations: int = ITERATIONS,
    memory: int = MEMORY,
    tolerance: float = TOLERANCE,
    rng: Any = None,
) -> Projection:
    """Solve the inner problem of every network.

    Parameters
    ----------
    loss
        A :class:`theory.objectives.extended_conv.ExtendedLoss`.
    w
        ŵ, a network a row.
    start
        "primary": every wᵢ = ŵ, from where Φ can only come below the conventional loss; "random": W ~ N(0, I), as in
        the text; "better": the lower end of both; or the auxiliary numbers to start from, as after the last step.
    iterations, memory
        Of L-BFGS.
    tolerance
        An inner problem has ended when ‖∇‖²/2λ² is no larger than this part of ``loss.scale``.
    rng
        For random starts.

    Raises
    ------
    BadInput
        If an argument is out of its range, or a random start has no ``rng``.

    Examples
    --------
    >>> from theory.objectives.extended_conv import ExtendedLoss, Network
    >>> network = Network((4, 4), depth=1)
    >>> loss = ExtendedLoss(network, np.eye(4), np.full((2, 2), 0.25), lam=0.1)
    >>> found = project(loss, np.zeros((1, 9)))
    >>> bool(found.value[0] < 0.02), bool(found.gain[0] < 1e-9)
    (True, True)
    """
    w = checks.array("w", w, shared_namespace("w", w, loss.y), ndim=(2,))
    options = {
        "iterations": checks.integer("iterations", iterations, least=0),
        "memory": checks.integer("memory", memory, least=1),
        "tolerance": loss.lam * np.sqrt(2 * _least("tolerance", tolerance) * loss.scale),
    }
    if not isinstance(start, str):
        return _finish(loss, w, _solve(loss, w, start, options), np.zeros(w.shape[0], dtype=bool))
    if start not in ("primary", "random", "better"):
        raise checks.refuse("start", repr(start), "'primary', 'random', 'better' or an array")
    if rng is None and start != "primary":
        raise checks.refuse("rng", "None", f"a random generator where start is {start!r}")
    found = [
        _solve(loss, w, loss.starts(w, rng=rng) if at_random else _primary(loss, w), options)
        for at_random in {"primary": (False,), "random": (True,), "better": (False, True)}[start]
    ]
    if len(found) == 2:
        return _better(loss, w, *found)
    return _finish(loss, w, found[0], np.full(w.shape[0], start == "random"))


def _least(argument: str, value: float) -> float:
    value = checks.finite(argument, value)
    if value < 0:
        raise checks.refuse(argument, value, "at least 0")
    return value


def _primary(loss: Any, w: Any) -> Any:
    xp = array_namespace(w)
    return xp.zeros((w.shape[0], loss.own)) if loss.form == "excess" else loss.network.spread(w)


def _solve(loss: Any, w: Any, u: Any, options: Any) -> tuple[Any, Any, Any]:
    """Own weights, iterations and evaluations: by the kernel where it can run."""
    w, u = loss.rows(w, u)
    found = loss.minimise(w, u, trials=TRIALS, **options)
    if found:
        return found[:3]

    def function(points: Any, rows: Any) -> tuple[Any, Any]:
        xp = array_namespace(w)
        here = xp.take(w, xp.asarray(rows), axis=0)
        return loss.value(here, points), loss.gradient(here, points)[1]

    plain = minimise(function, u, **options)
    return plain.u, plain.taken, plain.evaluations


def _better(loss: Any, w: Any, near: Any, far: Any) -> Projection:
    xp = array_namespace(w)
    chosen = to_numpy(loss.value(w, far[0])) < to_numpy(loss.value(w, near[0]))
    u = xp.where(xp.asarray(chosen)[:, None], far[0], near[0])
    taken, evaluations = (np.where(chosen, b, a) for a, b in zip(near[1:], far[1:], strict=True))
    return _finish(loss, w, (u, taken, evaluations), chosen)


def _finish(loss: Any, w: Any, solved: tuple[Any, Any, Any], random: Any) -> Projection:
    u, taken, evaluations = solved
    data, penalty = map(to_numpy, loss.parts(w, u))
    slope = to_numpy(loss.stationarity(w, u))
    gain = slope**2 / (2 * loss.lam**2) if loss.lam else np.full(slope.shape, np.inf)
    return Projection(u, data, penalty, loss.envelope(w, u), slope, gain, taken, evaluations, random)


class Reduced:
    """L_ext as an objective of the primary weights, for :func:`minimise` and :func:`adam`.

    Every problem starts its inner one from where its last ended, the first from where ``start`` says. ``data``
    remembers the data term of each problem's last point, ``gain`` the largest certificate of each.
    """

    def __init__(self, loss: Any, *, start: Start = "primary", rng: Any = None, **options: Any) -> None:
        self.loss, self._options, self._start, self._rng = loss, options, start, rng
        self._u: dict[int, Any] = {}
        self.data: dict[int, float] = {}
        self.gain: dict[int, float] = {}

    def __call__(self, w: Float[Any, "some p"], rows: Any) -> tuple[Any, Any]:
        """L_ext and its gradient at points of these problems."""
        xp = array_namespace(w)
        numbers = [int(row) for row in rows]
        if numbers and all(number in self._u for number in numbers):
            found = project(self.loss, w, start=xp.stack([self._u[n] for n in numbers]), **self._options)
        else:
            found = project(self.loss, w, start=self._start, rng=self._rng, **self._options)
        for place, number in enumerate(numbers):
            self._u[number] = found.u[place, ...]
            self.data[number] = float(found.data[place])
            self.gain[number] = max(self.gain.get(number, 0.0), float(found.gain[place]))
        return xp.asarray(found.value), found.gradient
