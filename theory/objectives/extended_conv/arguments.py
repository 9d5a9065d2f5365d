"""Arguments that a network takes: images of its shape, and weights of its number."""

from __future__ import annotations

from typing import Any

from theory import checks
from theory.arrays import array_namespace


def image(argument: str, values: Any, shape: tuple[int, int, int], xp: Any) -> Any:
    """The image as (channels, rows, columns), after making sure of its shape; one channel may go without saying."""
    values = checks.array(argument, values, xp, ndim=(2, 3))
    if values.shape != shape and (shape[0] != 1 or values.shape != shape[1:]):
        raise checks.refuse(argument, f"an array of shape {values.shape}", f"of shape {shape}, as the network's is")
    return xp.reshape(values, shape)


def weights(argument: str, values: Any, width: int, xp: Any, *, ndim: tuple[int, ...] = (1, 2)) -> Any:
    """The weights, after making sure that there are ``width`` of them to a network."""
    values = checks.array(argument, values, xp, ndim=ndim)
    if values.shape[-1] != width:
        raise checks.refuse(argument, f"an array of shape {values.shape}", f"of {width} numbers a network")
    return values


def primary(network: Any, x: Any, w: Any) -> tuple[Any, Any]:
    """Input and primary weights of one network."""
    xp = array_namespace(w)
    return image("x", x, network.input, xp), weights("w", w, network.primary, xp, ndim=(1,))
