"""What the linear networks have in common: weights, one for each layer, whose product is a predictor β.

Arrays carry the runs first: a weight has the shape (runs, then that of its layer), a predictor (runs, n).
"""

from __future__ import annotations

from typing import Any, Protocol

from jaxtyping import Float

from theory.arrays import array_namespace
from theory.checks import refuse

Weights = tuple[Any, ...]
"""One array for each layer, (runs, ...)."""


class Network(Protocol):
    """A map from weights to a predictor, homogeneous of some degree."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each layer's weight, without the runs."""

    @property
    def degree(self) -> int:
        """L, of β(c w) = c^L β(w)."""

    @property
    def size(self) -> int:
        """Number n of entries of the predictor."""

    def predictor(self, weights: Weights) -> Float[Any, "runs n"]:
        """β(w)."""

    def pullback(self, weights: Weights, gradient: Float[Any, "runs n"]) -> Weights:
        """J(w)ᵀ g, layer by layer: the gradient in the weights of a loss whose gradient in β is g."""


def of_shapes(network: Network, weights: Weights) -> Weights:
    """The weights, after making sure that they are those of the network.

    Raises
    ------
    BadInput
        If a layer's shape is not the network's, there are not as many as it has, or the runs differ in number.
    """
    found = [tuple(weight.shape) for weight in weights]
    if tuple(shape[1:] for shape in found) != network.shapes or len({shape[:1] for shape in found}) != 1:
        raise refuse("weights", f"arrays of shapes {found}", f"(runs, …) with the layers' {list(network.shapes)}")
    return weights


def jacobian(network: Network, weights: Weights) -> tuple[Float[Any, "runs n size"], ...]:
    """∂β/∂w_l of each layer, its weight flattened: n pullbacks of the unit vectors, all at once."""
    xp = array_namespace(*weights)
    runs, n = weights[0].shape[0], network.size
    repeated = tuple(xp.repeat(weight, n, axis=0) for weight in weights)
    units = xp.tile(xp.eye(n, dtype=weights[0].dtype, device=weights[0].device), (runs, 1))
    return tuple(xp.reshape(rows, (runs, n, -1)) for rows in network.pullback(repeated, units))
