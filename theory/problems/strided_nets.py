"""Random linear convolutional networks and losses for them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from theory import checks
from theory.checks import refuse
from theory.objectives.linear_conv.network import Weights
from theory.objectives.linear_conv.squared import SquaredLoss
from theory.objectives.linear_conv.strided import StridedNet

CORRELATION = 0.5
"""Of neighbouring entries of the data."""


def random_filters(network: StridedNet, runs: int, *, rng: Any, balanced: bool = False) -> Weights:
    """Filters of independent normal entries, of mean square norm 1; ``balanced`` ones have one norm in all layers.

    Examples
    --------
    >>> first, second = random_filters(StridedNet((2, 3), (2, 1)), 5, rng=np.random.default_rng(1), balanced=True)
    >>> bool(np.allclose(np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)))
    True
    """
    runs = checks.integer("runs", runs, least=1)
    weights = [rng.standard_normal((runs, *k)) for k in network.shapes]
    weights = [w / np.sqrt(w[0].size) for w in weights]
    return _balanced(weights) if balanced else tuple(weights)


def _balanced(weights: Sequence[Any]) -> Weights:
    """Every layer with the geometric mean of the norms of all."""
    norms = np.stack([np.linalg.norm(w.reshape(len(w), -1), axis=1) for w in weights])
    shared = np.exp(np.log(norms).mean(axis=0))
    return tuple(w * (shared / norm).reshape(-1, *([1] * (w.ndim - 1))) for w, norm in zip(weights, norms, strict=True))


def real_rooted(network: StridedNet, runs: int, *, rng: Any, balanced: bool = False) -> Weights:
    """Filters in one dimension whose m roots altogether are real and well apart, infinity among the numbers.

    The roots are tan of angles at least π/2m apart, in random order; norms are as those of ``random_filters`` vary.

    Raises
    ------
    BadInput
        If the network has more than one dimension.

    Examples
    --------
    >>> (w,) = real_rooted(StridedNet((3,), (1,)), 4, rng=np.random.default_rng(1))
    >>> bool(np.all(w[:, 1] ** 2 >= 4 * w[:, 0] * w[:, 2]))
    True
    """
    if len(network.shapes[0]) != 1:
        raise refuse("network", f"of {len(network.shapes[0])} dimensions", "of one")
    weights = list(random_filters(network, runs, rng=rng))
    m = sum(k for (k,) in network.shapes) - network.degree
    angles = (np.arange(m) + rng.uniform(0, 0.5, (runs, m))) * np.pi / max(m, 1) + rng.uniform(0, np.pi, (runs, 1))
    angles = rng.permuted(angles, axis=1)
    factors, first = np.stack([np.sin(angles), -np.cos(angles)], axis=2), 0
    for layer, (k,) in enumerate(network.shapes):
        own = factors[:, first : first + k - 1]
        product = np.stack([functools.reduce(np.convolve, one, np.ones(1)) for one in own])
        size = np.linalg.norm(weights[layer], axis=1) / np.linalg.norm(product, axis=1)
        weights[layer], first = product * size[:, None], first + k - 1
    return _balanced(weights) if balanced else tuple(weights)


def correlated_loss(network: StridedNet, *, rng: Any) -> SquaredLoss:
    """A squared loss with correlated data, Σ[i, j] = ½^|i−j| times scales from ½ to 2, and a random target.

    Examples
    --------
    >>> correlated_loss(StridedNet((2, 2), (2, 1)), rng=np.random.default_rng(1)).covariance.shape
    (4, 4)
    """
    n = network.size
    scales = np.exp(rng.uniform(-np.log(2), np.log(2), n) / 2)
    powers = CORRELATION ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return SquaredLoss(scales[:, None] * powers * scales, rng.standard_normal(n) / np.sqrt(n))
