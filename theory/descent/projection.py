r"""Variable projection: the auxiliary weights are minimised out, and what is left depends on the primary ones alone.

    L_ext(ŵ) = min_W Φ(ŵ, W),   ∇L_ext(ŵ) = λ² Σᵢ (ŵ − wᵢ)                      Equations 6, 7 and 10

The second is the gradient of the penalty alone, for where W minimises Φ the rest vanishes (envelope theorem). How
nearly it does is the certificate: the norm of ∂Φ/∂W, in the auxiliary weights themselves. Where Φ(ŵ, ·) is convex
between W and its minimum its second derivative there is λ² or more, so that ‖∂Φ/∂W‖²/2λ² bounds what is left to gain.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    ``taken`` and ``evaluations`` what the best start took, ``chosen`` which that was, by its place among them.
    """

    u: Float[Any, "nets n"]
    data: Float[np.ndarray, " nets"]
    penalty: Float[np.ndarray, " nets"]
    gradient: Float[Any, "nets p"]
    slope: Float[np.ndarray, " nets"]
    gain: Float[np.ndarray, " nets"]
    taken: Any
    evaluations: Any
    chosen: Any

    @property
    def value(self) -> Float[np.ndarray, " nets"]:
        """L_ext(ŵ)."""
        return self.data + self.penalty


def project(
    loss: Any,
    w: Float[Any, "nets p"],
    *,
    start: Start | Float[Any, "nets n"] | Sequence[Any] = "primary",
    iterations: int = ITERATIONS,
    heat: int | None = None,
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
        the text; "better": the lower end of both; or the auxiliary numbers to start from, as after the last step; or a
        list or tuple of these, of which the lowest end counts.
    iterations, memory
        Of L-BFGS.
    heat
        Iterations after which, of several starts, only the lowest goes on, to ``iterations`` in all. All do if None.
    tolerance
        An inner problem has ended when ‖∇‖²/2λ² is no larger than this part of ``loss.scale``.
    rng
        For random starts.

    Raises
    ------
    BadInput
        If an argument is out of its range, there is no network, or a random start has no ``rng``.

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
    if not w.shape[0]:
        raise checks.refuse("w", f"an array of shape {w.shape}", "of one network or more")
    iterations = checks.integer("iterations", iterations, least=0)
    heat = iterations if heat is None else checks.integer("heat", heat, least=0)
    options = {
        "memory": checks.integer("memory", memory, least=1),
        "tolerance": loss.lam * np.sqrt(2 * _least("tolerance", tolerance) * loss.scale),
    }
    starts = _starts(loss, w, start, rng)
    first = iterations if len(starts) == 1 else min(heat, iterations)
    found = _lowest(loss, w, [_solve(loss, w, u, {**options, "iterations": first}) for u in starts])
    if first < iterations:
        u, taken, evaluations, chosen = found
        more = _solve(loss, w, u, {**options, "iterations": iterations - first})
        found = more[0], taken + more[1], evaluations + more[2], chosen
    return _finish(loss, w, *found)


def _starts(loss: Any, w: Any, start: Any, rng: Any) -> list[Any]:
    """The auxiliary numbers of every start."""
    many = list(start) if isinstance(start, list | tuple) else [start]
    if not many:
        raise checks.refuse("start", "empty", "one start or more")
    found = []
    for one in many:
        if not isinstance(one, str):
            found.append(one)
            continue
        if one not in ("primary", "random", "better"):
            raise checks.refuse("start", repr(one), "'primary', 'random', 'better' or an array")
        if one != "random":
            found.append(_primary(loss, w))
        if one != "primary":
            found.append(loss.starts(w, rng=checks.generator("rng", rng)))
    return found


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


def _lowest(loss: Any, w: Any, ends: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any, Any]:
    """Of every network the lowest end: own weights, iterations, evaluations, and which it is."""
    if len(ends) == 1:
        return (*ends[0], np.zeros(w.shape[0], dtype=int))
    xp = array_namespace(w)
    chosen = np.argmin([to_numpy(loss.value(w, u)) for u, *_ in ends], axis=0)
    u = ends[0][0]
    for number, (other, *_) in enumerate(ends):
        u = xp.where(xp.asarray(chosen == number)[:, None], other, u)
    taken, evaluations = (np.choose(chosen, [end[place] for end in ends]) for place in (1, 2))
    return u, taken, evaluations, chosen


def _finish(loss: Any, w: Any, u: Any, taken: Any, evaluations: Any, chosen: Any) -> Projection:
    data, penalty = map(to_numpy, loss.parts(w, u))
    slope = to_numpy(loss.stationarity(w, u))
    gain = slope**2 / (2 * loss.lam**2) if loss.lam else np.full(slope.shape, np.inf)
    return Projection(u, data, penalty, loss.envelope(w, u), slope, gain, taken, evaluations, chosen)


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
