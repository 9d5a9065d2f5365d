"""All weights that share an end-to-end filter v and the conserved δ: the fibre. On NumPy.

Factors of v are found up to their scales (:mod:`~theory.objectives.linear_conv.factors`); the scales c_i > 0 of factors
of norm 1 follow from δ, as c_i² = τ + D_i with D_i = Σ_{j≥i} δ_j and Π (τ + D_i) = α² has one solution; and signs whose
product is 1 are free: 2^{L−1} points for every way to take v apart.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.checks import refuse
from theory.objectives.linear_conv.factors import TOO_NEAR, peel, splits, stages
from theory.objectives.linear_conv.geometry import conserved
from theory.objectives.linear_conv.network import Weights
from theory.objectives.linear_conv.strided import StridedNet

APART = 1e-6
"""Distance, in units of the weights, below which two points are one: far above what Newton's steps leave."""

GOAL = 1e-9
"""‖μ(w) − v‖/‖v‖ that counts as none: rounding, in the inverse of which v depends on the factors, up to 1e6."""

STARTS, HITS = 256, 20
"""Of a search: starts in a batch, and how often each point is to be found."""


class Fibre(NamedTuple):
    """Points, one a run; in how many ways v comes apart; and how sure that is (singular value, see ``factors``)."""

    points: Weights
    ways: int
    gap: float


def scales(alpha: Float[np.ndarray, " runs"], delta: Float[np.ndarray, "runs _"]) -> Float[np.ndarray, "runs layers"]:
    """c_i > 0 with Π c_i = α and c_i² − c_{i+1}² = δ_i.

    Examples
    --------
    >>> scales(np.array([2.0]), np.array([[3.0]])).round(12)
    array([[2., 1.]])
    """
    D = np.concatenate([np.cumsum(delta[:, ::-1], axis=1)[:, ::-1], np.zeros((len(alpha), 1))], axis=1)
    D, target = D - D.min(axis=1, keepdims=True), 2 * np.log(alpha)
    # Below the root, as one D_i is 0: there Newton's steps for the concave Σ log(τ + D_i) go up, and never beyond.
    most = np.exp(target / D.shape[1])
    tau = np.exp(target + np.log(most) - np.log(most[:, None] + D).sum(axis=1))
    for _ in range(60):
        step = (target - np.log(tau[:, None] + D).sum(axis=1)) / (1 / (tau[:, None] + D)).sum(axis=1)
        tau = tau + step
        if np.all(np.abs(step) <= 4 * np.finfo(float).eps * tau):
            break
    return np.sqrt(tau[:, None] + D)


def unique(network: StridedNet) -> bool:
    """Whether every stage is one layer, so that a generic filter comes apart in one way."""
    return all(len(layers) == 1 for layers in stages(network))


def lift(network: StridedNet, v: Float[np.ndarray, "runs n"], delta: Float[np.ndarray, "runs _"]) -> Weights:
    """Weights with the end-to-end filter v and the conserved δ, one point of the 2^{L−1}; for many v at once.

    Raises
    ------
    BadInput
        If layers of stride 1 follow each other, as then there is more than one way.
    """
    if not unique(network):
        raise refuse("network", network.strides, "of strides greater than 1 in all layers but the last")
    factors, _ = peel(network, v)
    alpha = np.linalg.norm(factors[-1], axis=1)
    factors[-1] = factors[-1] / alpha[:, None]
    c = scales(alpha, delta)
    scaled = zip(factors, c.T, network.shapes, strict=True)
    weights = tuple((size[:, None] * u).reshape(-1, *k) for u, size, k in scaled)
    # Where v is a little off the end-to-end filters, a step takes the nearest: factors alone blow that up by 1/gap.
    return _polished(network, weights, v, delta, steps=1)


def fibre(network: StridedNet, v: Float[np.ndarray, " n"], delta: Float[np.ndarray, " _"]) -> Fibre:
    """Every real point of {w: μ(w) = v, ‖w_i‖² − ‖w_{i+1}‖² = δ_i}, where v is smooth.

    Raises
    ------
    BadInput
        If shapes do not fit, v vanishes or is not an end-to-end filter of the network, or layers of stride 1 follow
        each other in more than two dimensions.

    Examples
    --------
    >>> found = fibre(StridedNet((2, 2), (1, 1)), np.array([1.0, 1.0, 0.0]), np.array([3.5]))
    >>> len(found.points[0]), found.ways
    (4, 2)
    """
    v, delta = _checked(network, v, delta)
    products, sure = peel(network, v[None])
    gap, choices = float(sure[0]), []
    for product, layers in zip(products, stages(network), strict=True):
        shapes = tuple(network.shapes[i] for i in layers)
        ways, here = splits(
            product[0].reshape(StridedNet(shapes, tuple(network.strides[i] for i in layers)).shape), shapes
        )
        choices.append(ways)
        gap = min(gap, here)
    directions = [sum(way, ()) for way in itertools.product(*choices)]
    if not directions or gap <= TOO_NEAR:
        return Fibre(tuple(np.zeros((0, *k)) for k in network.shapes), 0, gap)
    points = _polished(network, _points(network, v, delta, directions), v, delta)
    off = np.linalg.norm(network.predictor(points) - v, axis=1).max()
    if not off <= GOAL * np.linalg.norm(v):
        raise refuse("v", v.tolist(), "an end-to-end filter of this network")
    return Fibre(points, len(directions), gap)


def _checked(network: StridedNet, v: Any, delta: Any) -> tuple[Any, Any]:
    """v and δ as arrays, after making sure that they are finite, v is not zero, and their shapes fit."""
    v, delta = checks.nonzero("v", v, np), checks.array("delta", delta, np, ndim=(1,))
    if v.shape != (network.size,) or delta.shape != (network.degree - 1,):
        given = f"{v.shape} and {delta.shape}"
        raise refuse("v and delta", f"arrays of shapes {given}", f"({network.size},) and ({network.degree - 1},)")
    return v, delta


def _points(network: StridedNet, v: Any, delta: Any, directions: list[Any]) -> Weights:
    """Scales and signs for every way."""
    units = [np.stack(layer) for layer in zip(*directions, strict=True)]
    product = network.predictor(tuple(units))
    # v = ± α times the product of the factors of norm 1.
    alpha = product @ v / np.sum(product**2, axis=1)
    c = scales(np.abs(alpha), np.broadcast_to(delta, (len(alpha), len(delta))))
    signs = np.tile(_signs(network.degree), (len(alpha), 1))
    signs[:, 0] *= np.repeat(np.sign(alpha), len(signs) // len(alpha))
    c = np.repeat(c, len(signs) // len(c), axis=0) * signs
    units = [np.repeat(u, len(signs) // len(u), axis=0) for u in units]
    return tuple(_wide(c[:, i], u) * u for i, u in enumerate(units))


@functools.cache
def _signs(layers: int) -> Any:
    """The 2^{L−1} rows of signs with product 1."""
    free = np.array(list(itertools.product((1.0, -1.0), repeat=layers - 1))).reshape(2 ** (layers - 1), layers - 1)
    return np.concatenate([free.prod(axis=1, keepdims=True), free], axis=1)


# ------------------------------------------------------------------------------------------------- Newton's equations


def residual(network: StridedNet, weights: Weights, v: Any, delta: Any) -> Float[np.ndarray, "runs _"]:
    """(μ(w) − v, δ(w) − δ)."""
    return np.concatenate([network.predictor(weights) - v, conserved(weights) - delta], axis=1)


def _slopes(network: StridedNet, weights: Weights) -> Any:
    """Derivative of the residual, (runs, equations, weights)."""
    runs, layers = weights[0].shape[0], network.degree
    flat = [w.reshape(runs, -1) for w in weights]
    norms = np.zeros((runs, layers - 1, sum(w.shape[1] for w in flat)))
    start = 0
    for i, w in enumerate(flat):
        stop = start + w.shape[1]
        if i < layers - 1:
            norms[:, i, start:stop] = 2 * w
        if i:
            norms[:, i - 1, start:stop] = -2 * w
        start = stop
    return np.concatenate([np.concatenate(network.jacobian(weights), axis=2), norms], axis=1)


def _moved(network: StridedNet, weights: Weights, step: Any) -> Weights:
    cuts = np.cumsum([math.prod(k) for k in network.shapes])[:-1]
    return tuple(w + s.reshape(w.shape) for w, s in zip(weights, np.split(step, cuts, axis=1), strict=True))


def _polished(network: StridedNet, weights: Weights, v: Any, delta: Any, steps: int = 3) -> Weights:
    """A few of Newton's steps, which leave rounding."""
    if not len(weights[0]):
        return weights
    for _ in range(steps):
        step = np.linalg.pinv(_slopes(network, weights)) @ residual(network, weights, v, delta)[:, :, None]
        weights = _moved(network, weights, -step[:, :, 0])
    return weights


def follow(network: StridedNet, v: Any, delta: Any, near: Weights) -> Weights:
    """The point of the fibre that Newton's steps reach from ``near``, where the fibre alone leaves a choice."""
    return _polished(network, near, v, delta, steps=4)


class Searched(NamedTuple):
    """Points of a fibre, how often each was found, from how many starts, and whether each often enough."""

    points: Weights
    hits: Any
    starts: int
    settled: bool


def search(
    network: StridedNet, v: Float[np.ndarray, " n"], delta: Float[np.ndarray, " _"], *, rng: Any, batches: int = 200
) -> Searched:
    """Points of the fibre that Levenberg's and Marquardt's steps find from random starts, knowing nothing of factors.

    Starts, in batches of 256, have the given δ, directions uniform on spheres and a product of norms about ‖v‖. It ends
    when each point found has been found 20 times: if all had equal chances, one of two would be left out in 1 of 5e5
    searches, and one of more more rarely.

    Raises
    ------
    BadInput
        If v or δ is not finite, v vanishes, or shapes do not fit.

    Examples
    --------
    >>> rng, v = np.random.default_rng(1), np.array([1.0, 2.0, 1.0, 2.0])
    >>> found = search(StridedNet((2, 2), (2, 1)), v, np.zeros(1), rng=rng)
    >>> len(found.hits), found.settled
    (2, True)
    """
    v, delta = _checked(network, v, delta)
    points: Weights = tuple(np.zeros((0, *k)) for k in network.shapes)
    hits = np.zeros(0, dtype=int)
    for batch in range(checks.integer("batches", batches, least=1)):
        found = _solved(network, v, delta, _starts(network, v, delta, rng))
        known = len(hits)
        points = distinct(tuple(np.concatenate(pair) for pair in zip(points, found, strict=True)))
        hits = np.concatenate([hits, np.zeros(len(points[0]) - known, dtype=int)]) + _nearest(points, found)
        if hits.size and hits.min() >= HITS:
            return Searched(points, hits, (batch + 1) * STARTS, True)
    return Searched(points, hits, batches * STARTS, False)


def _starts(network: StridedNet, v: Any, delta: Any, rng: Any) -> Weights:
    """Random directions, with norms that have the given δ."""
    units = [rng.standard_normal((STARTS, *k)) for k in network.shapes]
    units = [u / _wide(np.linalg.norm(u.reshape(STARTS, -1), axis=1), u) for u in units]
    alpha = np.linalg.norm(v) * np.exp(rng.standard_normal(STARTS))
    c = scales(alpha, np.broadcast_to(delta, (STARTS, len(delta))))
    return tuple(_wide(c[:, i], u) * u for i, u in enumerate(units))


def _solved(network: StridedNet, v: Any, delta: Any, weights: Weights) -> Weights:
    """Where the equations are solved after 60 damped steps, to rounding; other runs are left out."""
    off, damping = residual(network, weights, v, delta), np.ones(len(weights[0]))
    goal = GOAL * float(np.linalg.norm(v))
    for _ in range(60):
        tried = _damped(network, weights, off, damping)
        there = residual(network, tried, v, delta)
        better = np.linalg.norm(there, axis=1) < np.linalg.norm(off, axis=1)
        weights = tuple(np.where(_wide(better, w), t, w) for t, w in zip(tried, weights, strict=True))
        off = np.where(better[:, None], there, off)
        damping = np.clip(np.where(better, damping / 4, damping * 4), 1e-12, 1e12)
        if np.all(np.linalg.norm(off, axis=1) <= goal):
            break
    solved = np.linalg.norm(off, axis=1) <= goal
    return _polished(network, tuple(w[solved] for w in weights), v, delta)


def _damped(network: StridedNet, weights: Weights, off: Any, damping: Any) -> Weights:
    """One of Marquardt's steps, its ridge in proportion to the residual."""
    slopes = _slopes(network, weights)
    normal, pull = np.swapaxes(slopes, 1, 2) @ slopes, np.einsum("rew,re->rw", slopes, off)
    least = np.finfo(float).eps * np.trace(normal, axis1=1, axis2=2)
    ridge = (damping * np.linalg.norm(off, axis=1) + least)[:, None, None] * np.eye(normal.shape[1])
    return _moved(network, weights, -np.linalg.solve(normal + ridge, pull[:, :, None])[:, :, 0])


def _wide(per_run: Any, like: Any) -> Any:
    """One value a run, shaped to meet an array that has more dimensions."""
    return per_run.reshape(-1, *([1] * (like.ndim - 1)))


def distinct(weights: Weights) -> Weights:
    """The points that differ by more than ``APART`` in units of their size, each once, in the order of the first."""
    flat = _vectors(weights)
    kept: list[int] = []
    for i, point in enumerate(flat):
        if not kept or np.linalg.norm(flat[kept] - point, axis=1).min() > APART * np.linalg.norm(point):
            kept.append(i)
    return tuple(w[kept] for w in weights)


def _nearest(points: Weights, found: Weights) -> Any:
    """How many of those found are nearest to each point."""
    apart = np.linalg.norm(_vectors(found)[:, None, :] - _vectors(points)[None, :, :], axis=2)
    return np.bincount(apart.argmin(axis=1) if apart.size else [], minlength=len(points[0]))


def _vectors(weights: Weights) -> Any:
    return np.concatenate([w.reshape(w.shape[0], math.prod(w.shape[1:])) for w in weights], axis=1)
