"""Descent on angles, for many problems and starts at once: plain, momentum, Adam, the double angle, and the disc.

A method is a small frozen value that begins with some state and says how far to go; one loop runs them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from theory import checks


class Method(Protocol):
    """Moves angles: θ_{t+1} = θ_t − move."""

    def begin(self, theta: Any) -> Any: ...

    def move(self, t: int, gradient: Any, state: Any) -> tuple[Any, Any]: ...


@dataclass(frozen=True)
class HeavyBall:
    """v_{t+1} = μ v_t + ∇, move = η v_{t+1}; η one number, or an array that fits the angles. μ = 0 is plain descent."""

    eta: Any
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= checks.finite("momentum", self.momentum) < 1:
            raise checks.refuse("momentum", self.momentum, "in [0, 1)")

    def begin(self, theta: Any) -> Any:
        return np.zeros_like(theta)

    def move(self, t: int, gradient: Any, state: Any) -> tuple[Any, Any]:
        velocity = self.momentum * state + gradient
        return self.eta * velocity, velocity


@dataclass(frozen=True)
class Adam:
    """Adam with its authors' constants, its rate falling linearly to 0 over ``steps``.

    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1.
    """

    rate: float
    steps: int
    beta1: float = 0.9
    beta2: float = 0.999

    def begin(self, theta: Any) -> Any:
        return np.zeros_like(theta), np.zeros_like(theta)

    def move(self, t: int, gradient: Any, state: Any) -> tuple[Any, Any]:
        first = self.beta1 * state[0] + (1 - self.beta1) * gradient
        second = self.beta2 * state[1] + (1 - self.beta2) * gradient**2
        ratio = (first / (1 - self.beta1 ** (t + 1))) / (np.sqrt(second / (1 - self.beta2 ** (t + 1))) + 1e-8)
        return self.rate * max(0.0, 1 - t / self.steps) * ratio, (first, second)


@dataclass(frozen=True)
class DoubleAngle:
    """Descent on a free z in the plane, whose argument is mθ (m = 2: the double angle); |z| = 1 at first.

    ∇_z is tangential, of the size ℓ'(θ)/(m|z|), so |z| grows and θ moves by atan(η ℓ'/(m|z|²))/m. The landscape in θ is
    that of the circle: no valley is left that plain descent would not leave.
    """

    eta: Any
    fold: int = 2

    def begin(self, theta: Any) -> Any:
        return np.ones_like(theta)

    def move(self, t: int, gradient: Any, state: Any) -> tuple[Any, Any]:
        aside = self.eta * gradient / (self.fold * state)
        return np.arctan2(aside, state) / self.fold, np.hypot(state, aside)


def turn(
    gradient: Callable[[Any], Any], start: Any, method: Method, steps: int, keep: Sequence[int] = ()
) -> tuple[Any, dict[int, Any]]:
    """The angles after so many steps, and those at the iterations to keep.

    Examples
    --------
    >>> end, path = turn(lambda theta: 2 * theta, np.array([1.0]), HeavyBall(0.25), 3, keep=[1])
    >>> end.tolist(), path[1].tolist()
    ([0.125], [0.5])
    """
    theta, wanted, kept = np.array(start, dtype=float), set(keep), {}
    state = method.begin(theta)
    for t in range(checks.integer("steps", steps, least=0)):
        if t in wanted:
            kept[t] = theta
        move, state = method.move(t, gradient(theta), state)
        theta = theta - move
    if steps in wanted:
        kept[steps] = theta
    return theta, kept


def inward(gradient: Callable[[Any], Any], start: Any, eta: Any, steps: int) -> Any:
    """Descent on complex numbers z in the unit disc, each step drawn back to the disc where it left it.

    Examples
    --------
    >>> inward(lambda z: 2 * (z - 2), np.array([-1.0 + 0j]), 0.25, 50).round(6).tolist()
    [(1+0j)]
    """
    z = np.array(start, dtype=complex)
    for _ in range(checks.integer("steps", steps, least=0)):
        z = z - eta * gradient(z)
        z = z / np.maximum(np.abs(z), 1.0)
    return z
