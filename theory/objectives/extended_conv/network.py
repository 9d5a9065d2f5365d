r"""The shape of a network of convolutions, each followed by a sigmoid, and where its weights lie in one vector.

A kernel and its bias are T = c_in k² (+ 1) numbers, the bias multiplying a constant input 1. A layer with c output
channels of h × w pixels has

    primary weights    (c, T)          one kernel a channel, as in a conventional layer
    auxiliary weights  (c, T, h, w)    one kernel a channel and pixel, as in an extended layer
    excesses           (c, h, w)       what the auxiliary kernel adds along its patch, see ``Network.weights``

and the vectors of a network are those of its layers, one after the other. Source: Siahkoohi, Louboutin & Herrmann
(2021), Equations 1 to 4.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from array_api_compat import array_namespace
from jaxtyping import Float

from theory import checks

Padding = Literal["valid", "zero"]


@dataclass(frozen=True)
class Layer:
    """One layer: channels in and out, rows and columns of its input, size of its kernel, zeros around, and bias."""

    c_in: int
    c_out: int
    rows: int
    columns: int
    size: int
    pad: int
    bias: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the output."""
        less = self.size - 1 - 2 * self.pad
        return self.c_out, self.rows - less, self.columns - less

    @property
    def taps(self) -> int:
        """T, the numbers in a kernel."""
        return self.c_in * self.size**2 + self.bias

    @property
    def pixels(self) -> int:
        """h w."""
        return self.shape[1] * self.shape[2]

    @property
    def primary(self) -> int:
        """How many primary weights there are."""
        return self.c_out * self.taps

    @property
    def auxiliary(self) -> int:
        """How many auxiliary weights there are."""
        return self.primary * self.pixels

    @property
    def excesses(self) -> int:
        """How many excesses there are."""
        return self.c_out * self.pixels


class Network:
    """Convolutions of one kernel size, each followed by a sigmoid.

    Parameters
    ----------
    shape
        Of the input: (rows, columns), or (channels, rows, columns).
    depth
        How many layers.
    size
        k, rows and columns of every kernel.
    channels
        Output channels of every layer, or of each.
    padding
        "valid": an output pixel for every patch inside the input; "zero": (k − 1)/2 zeros around, so that it keeps its
        shape.
    bias
        Whether a kernel has one.

    Raises
    ------
    BadInput
        If a number is out of its range, or a kernel larger than its input.

    Examples
    --------
    >>> network = Network((16, 16), depth=4, padding="zero")
    >>> network.primary, network.auxiliary, network.excesses
    (36, 9216, 1024)
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        depth: int = 4,
        size: int = 3,
        channels: int | Sequence[int] = 1,
        padding: Padding = "valid",
        bias: bool = False,
    ) -> None:
        depth = checks.integer("depth", depth, least=1)
        size = checks.integer("size", size, least=1)
        if padding not in ("valid", "zero"):
            raise checks.refuse("padding", repr(padding), "'valid' or 'zero'")
        if padding == "zero" and size % 2 == 0:
            raise checks.refuse("size", size, "odd where the padding is 'zero'")
        if not hasattr(shape, "__len__") or len(shape) not in (2, 3):
            raise checks.refuse("shape", repr(shape), "(rows, columns) or (channels, rows, columns)")
        c, rows, columns = (checks.integer("shape", n, least=1) for n in (1, *shape)[-3:])
        self.layers: tuple[Layer, ...] = ()
        for c_out in _each(channels, depth):
            layer = Layer(c, c_out, rows, columns, size, (size - 1) // 2 if padding == "zero" else 0, bool(bias))
            if min(rows, columns) + 2 * layer.pad < size:
                smaller = f"at most {min(rows, columns)}, as is the input of layer {len(self.layers) + 1}"
                raise checks.refuse("size", size, smaller)
            self.layers += (layer,)
            c, rows, columns = layer.shape
        self.input = (self.layers[0].c_in, self.layers[0].rows, self.layers[0].columns)
        self.output = (c, rows, columns)
        self.padding = padding

    primary = property(lambda here: sum(layer.primary for layer in here.layers), doc="How many primary weights.")
    auxiliary = property(lambda here: sum(layer.auxiliary for layer in here.layers), doc="How many auxiliary weights.")
    excesses = property(lambda here: sum(layer.excesses for layer in here.layers), doc="How many excesses.")

    @functools.cached_property
    def filters(self) -> tuple[slice, ...]:
        """Where each kernel, with its bias, lies in the primary weights."""
        ends = list(itertools.accumulate((layer.taps for layer in self.layers for _ in range(layer.c_out)), initial=0))
        return tuple(map(slice, ends, ends[1:]))

    def kernels(self, w: Float[Any, "*nets p"]) -> list[Float[Any, "*nets c t"]]:
        """The primary weights, layer by layer."""
        return _split(w, [(layer.primary, (layer.c_out, layer.taps)) for layer in self.layers])

    def fields(self, u: Float[Any, "*nets n"]) -> list[Float[Any, "*nets c t h w"]]:
        """The auxiliary weights, layer by layer."""
        return _split(u, [(a.auxiliary, (a.c_out, a.taps, *a.shape[1:])) for a in self.layers])

    def excess(self, s: Float[Any, "*nets n"]) -> list[Float[Any, "*nets c h w"]]:
        """The excesses, layer by layer."""
        return _split(s, [(layer.excesses, layer.shape) for layer in self.layers])

    def spread(self, w: Float[Any, "*nets p"]) -> Float[Any, "*nets n"]:
        """E w: the auxiliary weights that are the primary ones at every pixel (Ŵ of the paper)."""
        xp = array_namespace(w)
        parts = []
        for layer, kernel in zip(self.layers, self.kernels(w), strict=True):
            field = xp.broadcast_to(kernel[..., None], (*kernel.shape, layer.pixels))
            parts.append(xp.reshape(field, (*w.shape[:-1], layer.auxiliary)))
        return xp.concat(parts, axis=-1)

    def gather(self, u: Float[Any, "*nets n"]) -> Float[Any, "*nets p"]:
        """Eᵀ u: the sums over the pixels."""
        xp = array_namespace(u)
        sums = [xp.sum(field, axis=(-2, -1)) for field in self.fields(u)]
        return xp.concat([xp.reshape(one, (*u.shape[:-1], -1)) for one in sums], axis=-1)


def _each(channels: int | Sequence[int], depth: int) -> list[int]:
    if not isinstance(channels, Sequence):
        return [checks.integer("channels", channels, least=1)] * depth
    if len(channels) != depth:
        raise checks.refuse("channels", f"{len(channels)} numbers", f"one, or one for each of the {depth} layers")
    return [checks.integer("channels", c, least=1) for c in channels]


def _split(vector: Any, parts: Sequence[tuple[int, tuple[int, ...]]]) -> list[Any]:
    ends = list(itertools.accumulate((size for size, _ in parts), initial=0))
    pieces = [vector[..., a:b] for a, b in itertools.pairwise(ends)]
    xp = array_namespace(vector)
    return [xp.reshape(piece, (*piece.shape[:-1], *shape)) for piece, (_, shape) in zip(pieces, parts, strict=True)]
