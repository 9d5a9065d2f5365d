"""Gradient flow on the weights, beside the flow on functions alone, and descent. On NumPy, with SciPy's DOP853.

    ẇ = −J(w)ᵀ ∇ℓ(μ(w)),   v̇ = −K(v, δ) ∇ℓ(v),   w ← w − η J(w)ᵀ ∇ℓ(μ(w))

The second knows the weights only by δ: K is put together from a point of the fibre of (v, δ), found anew at every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.checks import refuse
from theory.objectives.linear_conv.fibres import follow, lift, unique
from theory.objectives.linear_conv.network import Weights, of_shapes
from theory.objectives.linear_conv.squared import SquaredLoss
from theory.objectives.linear_conv.strided import StridedNet

RTOL = 1e-12
"""Relative error that the integrator is allowed in a step."""


class WeightFlow(NamedTuple):
    """Weights at the times, (times, runs, …); ∫ ‖g_i‖² − ‖g_{i+1}‖² dt up to them; and how many steps it took."""

    weights: Weights
    squares: Float[np.ndarray, "times runs _"]
    steps: int


def weight_flow(network: StridedNet, loss: SquaredLoss, weights: Weights, times: Sequence[float]) -> WeightFlow:
    """The flow on the weights, from time 0.

    Raises
    ------
    BadInput
        If there are no times or they do not increase from above 0, weights are not finite, or shapes do not fit.

    Examples
    --------
    >>> from theory.objectives.linear_conv.geometry import conserved
    >>> network, w = StridedNet((2, 2), (2, 1)), (np.array([[1.0, 2.0]]), np.array([[0.5, -1.0]]))
    >>> flow = weight_flow(network, SquaredLoss(np.eye(4), np.ones(4)), w, [2.0])
    >>> now = tuple(one[0] for one in flow.weights)
    >>> bool(np.allclose(conserved(now), conserved(w), rtol=1e-10))
    True
    """
    weights = _checked(network, loss, weights)
    runs, sizes = weights[0].shape[0], [math.prod(k) for k in network.shapes]
    cuts = np.cumsum(sizes)

    def unpacked(state: Any) -> Weights:
        parts = np.split(state.reshape(runs, -1), cuts, axis=1)[:-1]
        return tuple(part.reshape(runs, *k) for part, k in zip(parts, network.shapes, strict=True))

    def slope(_: float, state: Any) -> Any:
        w = unpacked(state)
        g = [one.reshape(runs, -1) for one in network.pullback(w, loss.gradient(network.predictor(w)))]
        squares = np.stack([np.sum(one**2, axis=1) for one in g], axis=1)
        return np.concatenate([*(-one for one in g), squares[:, :-1] - squares[:, 1:]], axis=1).ravel()

    start = np.concatenate([*(w.reshape(runs, -1) for w in weights), np.zeros((runs, network.degree - 1))], axis=1)
    states, steps = _integrated(slope, start, times)
    found = [unpacked(state) for state in states]
    return WeightFlow(
        tuple(np.stack(layer) for layer in zip(*found, strict=True)),
        np.stack([state.reshape(runs, -1)[:, cuts[-1] :] for state in states]),
        steps,
    )


def function_flow(
    network: StridedNet,
    loss: SquaredLoss,
    v: Float[np.ndarray, "runs n"],
    delta: Float[np.ndarray, "runs _"],
    times: Sequence[float],
    *,
    near: Weights | None = None,
    rtol: float = RTOL,
) -> Float[np.ndarray, "times runs n"]:
    """The flow on functions alone, from v at time 0.

    Where v comes apart in one way, K is that of its factors. Where layers of stride 1 follow each other, ``near`` says
    which point of the fibre to start from, and Newton's steps go on from the last one, as long as no other comes near:
    in one dimension points meet where layers share a root, and which goes on from there v and δ do not say. ``rtol`` is
    the relative error that the integrator is allowed in a step: what changes with it is not resolved.

    Raises
    ------
    BadInput
        As for ``weight_flow``, of v and δ as well.

    Examples
    --------
    >>> network, v, loss = StridedNet((2,), (1,)), np.array([[1.0, 2.0]]), SquaredLoss(np.eye(2), np.zeros(2))
    >>> flow = function_flow(network, loss, v, np.zeros((1, 0)), [1.0])
    >>> bool(np.allclose(flow[0], v / np.e))
    True
    """
    v, delta = (checks.array(name, one, np, ndim=(2,)) for name, one in (("v", v), ("delta", delta)))
    wanted = (len(v), network.size), (len(v), network.degree - 1)
    if (v.shape, delta.shape) != wanted:
        raise refuse("v and delta", f"arrays of shapes {v.shape} and {delta.shape}", f"{wanted[0]} and {wanted[1]}")
    _fits(network, loss)
    last = None if near is None else _checked(network, loss, near)

    def slope(_: float, state: Any) -> Any:
        nonlocal last
        v_now = state.reshape(v.shape)
        last = lift(network, v_now, delta) if last is None else follow(network, v_now, delta, last)
        velocity = network.pushforward(last, network.pullback(last, loss.gradient(v_now)))
        if unique(network):
            last = None
        return -velocity.ravel()

    states, _ = _integrated(slope, v, times, rtol)
    return np.stack([state.reshape(v.shape) for state in states])


def _checked(network: StridedNet, loss: SquaredLoss, weights: Weights) -> Weights:
    """The weights as finite arrays, after making sure that they are the network's, and that the loss fits it."""
    _fits(network, loss)
    return of_shapes(network, tuple(checks.array("weights", w, np, ndim=(np.ndim(w),)) for w in weights))


def _fits(network: StridedNet, loss: SquaredLoss) -> None:
    if loss.target.shape != (network.size,):
        raise refuse("loss", f"of filters with {loss.target.shape[0]} entries", f"of {network.size}, as the network's")


def _integrated(
    slope: Callable[[float, Any], Any], start: Any, times: Sequence[float], rtol: float = RTOL
) -> tuple[list[Any], int]:
    """States at the times, each at the end of a step, and the number of steps."""
    from scipy.integrate import solve_ivp

    if not len(times):
        raise refuse("times", "empty", "at least one time after 0")
    state, states, steps = start.ravel(), [], 0
    size = float(np.abs(state).max())
    for begin, end in zip([0.0, *times[:-1]], times, strict=True):
        checks.positive("times", end - begin)
        solved = solve_ivp(slope, (begin, end), state, method="DOP853", rtol=rtol, atol=rtol * size)
        state = solved.y[:, -1]
        states.append(state)
        steps += len(solved.t) - 1
    return states, steps


def weight_descent(network: StridedNet, loss: SquaredLoss, weights: Weights, *, eta: float, steps: int) -> Weights:
    """Gradient descent on the weights, with a constant step η.

    Examples
    --------
    >>> network, w = StridedNet((1,), (1,)), (np.array([[1.0]]),)
    >>> weight_descent(network, SquaredLoss(np.eye(1), np.zeros(1)), w, eta=0.5, steps=2)[0]
    array([[0.25]])
    """
    eta, steps = checks.positive("eta", eta), checks.integer("steps", steps, least=0)
    weights = _checked(network, loss, weights)
    for _ in range(steps):
        g = network.pullback(weights, loss.gradient(network.predictor(weights)))
        weights = tuple(w - eta * one for w, one in zip(weights, g, strict=True))
    return weights
