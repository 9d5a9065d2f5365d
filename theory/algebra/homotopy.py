"""Complex critical points of quadratic losses, followed from one loss to another."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Complex

from theory.algebra.architecture import Architecture
from theory.checks import refuse

STRICT = 1e-3
"""Largest first correction of a step, relative to the point; what jumps to another path is seen when all have come."""

MOST_STEPS, LEAST_STEP = 200, 1e-5
"""A path that needs more steps, or shorter ones, is given up: another way, by another γ, is as good."""

LOOPS, PATIENCE = 12, 2
"""Loops followed at once, and how many times none of them gives a new point before there are thought to be no more."""


@dataclass(frozen=True)
class Losses:
    """Quadratic losses ½ vᵀ Σ v − qᵀ v, of data X, y for Σ = XᵀX/n, q = Xᵀy/n; one for each first index."""

    sigma: Any
    q: Any

    def __getitem__(self, index: Any) -> Losses:
        return Losses(self.sigma[index], self.q[index])

    def __add__(self, other: Losses) -> Losses:
        return Losses(self.sigma + other.sigma, self.q + other.q)

    def times(self, factor: Any) -> Losses:
        """Each loss times its factor, which leaves its critical points where they are."""
        return Losses(factor[:, None, None] * self.sigma, factor[:, None] * self.q)

    def bounds(self) -> Losses:
        """What makes every term of the gradient positive and as large as it may be."""
        return Losses(np.abs(self.sigma), -np.abs(self.q))

    def force(self, v: Any) -> Any:
        """Σ v − q."""
        return (self.sigma @ v[..., None])[..., 0] - self.q


class Chart:
    """Coordinates z of filters up to their scales: w_1 free, w_i = c_i + B_i y_i for the others.

    (c_i, B_i) are random orthonormal bases: no critical point of generic data is at infinity. z is (points, dimension).
    ``magnitude`` gives the same chart of the polynomials with the moduli of their coefficients.
    """

    def __init__(self, network: Architecture, *, rng: np.random.Generator) -> None:
        self.network = network
        tensor = np.zeros((network.length, *network.sizes))
        for place, terms in enumerate(network.terms()):
            for index in terms:
                tensor[(place, *index)] = 1.0
        self.bases = [np.eye(network.sizes[0])]
        self.bases += [np.linalg.qr(rng.standard_normal((k, k)))[0] for k in network.sizes[1:]]
        for i, basis in enumerate(self.bases, 1):
            tensor = np.moveaxis(np.tensordot(tensor, basis, (i, 0)), -1, i)
        self._set(tensor)

    def _set(self, tensor: Any) -> None:
        sizes = self.network.sizes
        layers = range(len(sizes))
        self.tensor = tensor
        ends = np.cumsum([0, sizes[0], *(size - 1 for size in sizes[1:])])
        self.blocks = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.dimension = int(ends[-1])
        # (other layers, layer and length): the derivatives are the products of the others times this.
        self._flat = [
            np.ascontiguousarray(np.moveaxis(tensor, (1 + i, 0), (-2, -1)).reshape(-1, sizes[i] * len(tensor)))
            for i in layers
        ]
        pairs = [(i, j) for j in layers for i in range(j)]
        # (length, pair and other layers)
        self._bent = {(i, j): np.moveaxis(tensor, (1 + i, 1 + j), (1, 2)).reshape(len(tensor), -1) for i, j in pairs}

    def magnitude(self) -> Chart:
        """The chart with |coefficients|: what it gives at bounds on |z| bounds what this one gives."""
        other = object.__new__(Chart)
        other.network, other.bases = self.network, [np.abs(basis) for basis in self.bases]
        other._set(np.abs(self.tensor))
        return other

    def weights(self, z: Any) -> list[Any]:
        """The filters."""
        return [y @ basis.T for y, basis in zip(self._homogeneous(z), self.bases, strict=True)]

    def coordinates(self, weights: list[Any]) -> Any:
        """z of filters, whose scales go into the first; infinite where c_i · w_i = 0."""
        turned = [weight @ basis for weight, basis in zip(weights, self.bases, strict=True)]
        scale = math.prod(one[:, :1] for one in turned[1:])
        return np.concatenate([turned[0] * scale, *(one[:, 1:] / one[:, :1] for one in turned[1:])], axis=1)

    def units(self, z: Any) -> Any:
        """The largest coordinate of each layer, 1 being one of them but for the first: how large a change is small."""
        return np.concatenate(
            [
                np.repeat(np.max(np.abs(part), axis=1, keepdims=True), block.stop - block.start, axis=1)
                for part, block in zip(self._homogeneous(z), self.blocks, strict=True)
            ],
            axis=1,
        )

    def differential(self, z: Any) -> tuple[Any, Any]:
        """v and ∂v/∂z, (points, length) and (points, dimension, length)."""
        parts, length = self._homogeneous(z), len(self.tensor)
        rows = [
            (_product(parts, (i,)) @ flat).reshape(len(z), part.shape[1], length)
            for i, (part, flat) in enumerate(zip(parts, self._flat, strict=True))
        ]
        v = (parts[0][:, None, :] @ rows[0])[:, 0, :]
        return v, np.concatenate([rows[0], *(row[:, 1:, :] for row in rows[1:])], axis=1)

    def gradient(self, z: Any, losses: Losses) -> Any:
        """Jᵀ (Σ v − q), and so for losses that depend on time its rate of change at z."""
        v, rows = self.differential(z)
        return (rows @ losses.force(v)[..., None])[..., 0]

    def both(self, z: Any, losses: Losses) -> tuple[Any, Any]:
        """The gradient, and the Hessian JᵀΣJ + Σ_a (Σ v − q)_a ∂²v_a."""
        v, rows = self.differential(z)
        force, parts = losses.force(v), self._homogeneous(z)
        hessian = rows @ (losses.sigma @ np.swapaxes(rows, 1, 2))
        for (i, j), bent in self._bent.items():
            others = _product(parts, (i, j))
            block = (force @ bent).reshape(len(z), -1, others.shape[1]) @ others[..., None]
            block = block.reshape(len(z), parts[i].shape[1], parts[j].shape[1])[:, int(i > 0) :, 1:]
            hessian[:, self.blocks[i], self.blocks[j]] += block
            hessian[:, self.blocks[j], self.blocks[i]] += np.swapaxes(block, 1, 2)
        return (rows @ force[..., None])[..., 0], hessian

    def _homogeneous(self, z: Any) -> list[Any]:
        """w_1, and (1, y_i) for the others."""
        one = np.ones((len(z), 1), dtype=z.dtype)
        return [z[:, self.blocks[0]], *(np.concatenate([one, z[:, block]], axis=1) for block in self.blocks[1:])]


def _product(parts: list[Any], without: tuple[int, ...]) -> Any:
    """The tensor product of all layers but some, flattened."""
    product = np.ones((len(parts[0]), 1), dtype=parts[0].dtype)
    for i, part in enumerate(parts):
        if i not in without:
            product = (product[:, :, None] * part[:, None, :]).reshape(len(part), -1)
    return product


def follow(
    chart: Chart, z: Complex[Any, "points dim"], start: Losses, end: Losses, *, effort: int = 0
) -> tuple[Any, Any]:
    """Follow critical points of each start loss to those of (1 − s) start + s end at s = 1; where, and whether there.

    Predicted by Runge and Kutta's fourth order, corrected by Newton; a step whose first correction is relatively larger
    than ``STRICT`` is tried again, shorter. Each further ``effort`` allows more, and shorter, steps.
    Points that did not arrive are wherever they were given up.
    """
    z = np.array(z, dtype=complex)
    s, h, alive = np.zeros(len(z)), np.full(len(z), 0.05), np.ones(len(z), dtype=bool)
    for _ in range(MOST_STEPS * (1 + effort)):
        moving = np.flatnonzero(alive & (s < 1))
        if not moving.size:
            break
        left = 1 - s[moving]
        step = np.minimum(h[moving], left)
        ahead, first, last = _step(chart, z[moving], s[moving], step, start[moving], end[moving])
        good = (first <= STRICT) & (last <= 1e-5)
        done = moving[good]
        z[done], s[done] = ahead[good], np.where(step == left, 1.0, s[moving] + step)[good]
        # The prediction's error is of the fifth order.
        factor = np.clip(0.8 * (STRICT / np.maximum(first, 1e-300)) ** 0.2, 0.2, 2.0)
        h[moving] = step * np.where(good, factor, np.minimum(factor, 0.5))
        alive = h > LEAST_STEP / 10**effort
    return z, s == 1


def _step(chart: Chart, z: Any, s: Any, step: Any, start: Losses, end: Losses) -> tuple[Any, Any, Any]:
    """One step ahead, and its first and last relative corrections."""
    slope = end + start.times(np.full(len(z), -1.0))

    def on_the_way(s: Any) -> Losses:
        return start + slope.times(s)

    def velocity(z: Any, losses: Losses) -> Any:
        return -_solved(chart.both(z, losses)[1], chart.gradient(z, slope))

    h = step[:, None]
    middle, there = on_the_way(s + step / 2), on_the_way(s + step)
    with np.errstate(all="ignore"):  # what overflows is tried again with a shorter step
        a = velocity(z, on_the_way(s))
        b = velocity(z + h / 2 * a, middle)
        c = velocity(z + h / 2 * b, middle)
        d = velocity(z + h * c, there)
        ahead = z + h / 6 * (a + 2 * b + 2 * c + d)
        corrections = []
        for _ in range(2):
            change = newton(chart, ahead, there)
            ahead = ahead - change
            relative = np.max(np.abs(change), axis=1) / (1 + np.max(np.abs(ahead), axis=1))
            corrections.append(np.nan_to_num(relative, nan=np.inf))
    return ahead, corrections[0], corrections[1]


def newton(chart: Chart, z: Any, losses: Losses) -> Any:
    """Hessian⁻¹ gradient."""
    gradient, hessian = chart.both(z, losses)
    return _solved(hessian, gradient)


def _solved(matrix: Any, vector: Any) -> Any:
    """Solutions, NaN where a matrix is not finite or singular."""
    fine = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(vector).all(axis=1)
    matrix = np.where(fine[:, None, None], matrix, np.eye(matrix.shape[1]))
    try:
        found = np.linalg.solve(matrix, vector[..., None])[..., 0]
    except np.linalg.LinAlgError:
        regular = np.abs(np.linalg.det(matrix)) > 0
        found = np.linalg.solve(np.where(regular[:, None, None], matrix, np.eye(matrix.shape[1])), vector[..., None])
        found, fine = found[..., 0], fine & regular
    return np.where(fine[:, None], found, np.nan)


def monodromy(chart: Chart, *, rng: np.random.Generator) -> tuple[Complex[Any, "points dim"], Losses]:
    """All complex critical points of one random complex loss, and that loss.

    One point is made by choosing the loss for it; ways through two random losses and back give others, until ``LOOPS``
    of them at once give none, ``PATIENCE`` times. No bound on their number is assumed.

    Raises
    ------
    BadInput
        If the network expresses every filter: loops would not reach the points where the Jacobian loses rank.
    """
    if chart.network.length <= chart.dimension:
        raise refuse("network", chart.network.label, "one with strides, whose filters are not all filters")
    z = complex_normal(rng, (1, chart.dimension))
    v, rows = chart.differential(z)
    sigma = random_losses(1, chart.network.length, rng).sigma
    # q = Σ v + r with Jᵀ r = 0.
    basis = np.linalg.qr(rows[0].conj().T, mode="complete")[0][:, chart.dimension :]
    home = Losses(sigma, (sigma @ v[..., None])[..., 0] + basis @ complex_normal(rng, (basis.shape[1],)))
    idle = 0
    while idle < PATIENCE:
        found = distinct(np.concatenate([z, _looped(chart, z, home, rng)]))
        idle = 0 if len(found) > len(z) else idle + 1
        z = found
    return z, home


def _looped(chart: Chart, z: Any, home: Losses, rng: np.random.Generator) -> Any:
    """Where all points arrive on ``LOOPS`` random ways from home to home."""
    loop = np.repeat(np.arange(LOOPS), len(z))
    back = home[np.zeros(LOOPS, dtype=int)]
    stops = [back, *(random_losses(LOOPS, chart.network.length, rng) for _ in range(2)), back.times(circle(rng, LOOPS))]
    z = np.tile(z, (LOOPS, 1))
    for one, other in itertools.pairwise(stops):
        z, fine = follow(chart, z, one[loop], other[loop])
        z, loop = z[fine], loop[fine]
    return z


def distinct(z: Complex[Any, "points dim"], tolerance: float = 1e-6) -> Any:
    """The points, each once."""
    kept: list[int] = []
    for i in range(len(z)):
        near = np.max(np.abs(z[kept] - z[i]), axis=1) if kept else np.array([math.inf])
        if np.min(near) > tolerance * (1 + np.max(np.abs(z[i]))):
            kept.append(i)
    return z[kept]


def random_losses(count: int, length: int, rng: np.random.Generator) -> Losses:
    """Complex losses with Gaussian coefficients."""
    drawn = complex_normal(rng, (count, length, length))
    return Losses(drawn + np.swapaxes(drawn, 1, 2), complex_normal(rng, (count, length)))


def complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Independent complex Gaussian numbers."""
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def circle(rng: np.random.Generator, count: int) -> Any:
    """Random numbers of modulus 1."""
    return np.exp(2j * np.pi * rng.random(count))
