"""Linear convolutional networks with strides, in any number of dimensions: products of sparse polynomials.

A filter w_i of sizes k_i is the polynomial P_i(x) = Σ_t w_i[t] x^t, and the network that applies them one after the
other, with strides s_i, is one convolution, with stride Π s_i and the filter of

    μ(w) = Π_i P_i(x^{S_i}),   S_i = Π_{j<i} s_j,

coefficient by coefficient. So the last stride does not matter to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jaxtyping import Float

from theory import checks
from theory.arrays import array_namespace
from theory.checks import refuse
from theory.objectives.linear_conv.network import Weights, of_shapes

Sizes = tuple[int, ...]
"""One whole number for each dimension."""


@dataclass(frozen=True)
class StridedNet:
    """Filters of ``filter_sizes`` with ``strides``: a whole number a layer, or in D dimensions D of them.

    As a :class:`~theory.objectives.linear_conv.network.Network` its predictor is the end-to-end filter, flattened.

    Raises
    ------
    BadInput
        If there is no layer, there are not as many strides as filters, layers differ in their number of dimensions, or
        a size or stride is not a whole number above 0.

    Examples
    --------
    >>> import numpy as np
    >>> network = StridedNet((2, 2), (2, 1))
    >>> network.predictor((np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])))
    array([[3., 6., 4., 8.]])
    """

    filter_sizes: Any
    strides: Any

    def __post_init__(self) -> None:
        sizes, strides = _sizes("filter_sizes", self.filter_sizes), _sizes("strides", self.strides)
        if len(sizes) != len(strides):
            raise refuse("strides", self.strides, f"as many as there are filters, {len(sizes)}")
        for name, given in (("filter_sizes", sizes), ("strides", strides)):
            if {len(one) for one in given} != {len(sizes[0])}:
                raise refuse(name, given, f"of {len(sizes[0])} dimension(s) in every layer")
        object.__setattr__(self, "filter_sizes", sizes)
        object.__setattr__(self, "strides", strides)

    @property
    def shapes(self) -> tuple[Sizes, ...]:
        return tuple(self.filter_sizes)

    @property
    def degree(self) -> int:
        return len(self.shapes)

    @cached_property
    def dilations(self) -> tuple[Sizes, ...]:
        """S_i of every layer, in every dimension."""
        found = [tuple(1 for _ in self.shapes[0])]
        for stride in self.strides[:-1]:
            found.append(tuple(S * s for S, s in zip(found[-1], stride, strict=True)))
        return tuple(found)

    @cached_property
    def extents(self) -> tuple[Sizes, ...]:
        """Sizes of the products of the first 0, 1, …, L layers."""
        found = [tuple(1 for _ in self.shapes[0])]
        for k, S in zip(self.shapes, self.dilations, strict=True):
            found.append(tuple(n + s * (j - 1) for n, j, s in zip(found[-1], k, S, strict=True)))
        return tuple(found)

    @property
    def shape(self) -> Sizes:
        """Sizes of the end-to-end filter."""
        return self.extents[-1]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dimension(self) -> int:
        """Σ k_i − (L − 1), the dimension of the end-to-end filters and the rank of K where they are smooth."""
        return sum(math.prod(k) for k in self.shapes) - (self.degree - 1)

    @cached_property
    def _windows(self) -> tuple[tuple[Any, Any], ...]:
        """For each layer, where in the product before it each output looks back, and in that after it, each input on.

        The place behind the last entry stands for a zero outside.
        """
        import numpy as np

        found = []
        for k, S, before, after in zip(self.shapes, self.dilations, self.extents, self.extents[1:], strict=False):
            taps = np.indices(k).reshape(len(k), -1) * np.array(S)[:, None]
            on = taps[:, :, None] + np.indices(before).reshape(len(k), 1, -1)
            found.append((_back(before, after, k, S), np.ravel_multi_index(tuple(on), after)))
        return tuple(found)

    def predictor(self, weights: Weights) -> Float[Any, "runs n"]:
        return self._products(_flat(self, weights))[-1]

    def _products(self, flat: Sequence[Any]) -> list[Any]:
        """Products of the first 0, 1, …, L layers, (runs, entries)."""
        xp = array_namespace(*flat)
        found = [xp.ones((flat[0].shape[0], 1), dtype=flat[0].dtype, device=flat[0].device)]
        for w, (back, _) in zip(flat, self._windows, strict=True):
            found.append(_times(found[-1], w, back))
        return found

    def pullback(self, weights: Weights, gradient: Float[Any, "runs n"]) -> Weights:
        flat = _flat(self, weights)
        xp = array_namespace(*flat)
        found, before = [], self._products(flat)
        for w, product, (_, on) in reversed(list(zip(flat, before, self._windows, strict=False))):
            windows = _take(gradient, on)
            found.append((windows @ product[:, :, None])[:, :, 0])
            gradient = (w[:, None, :] @ windows)[:, 0, :]
        return tuple(xp.reshape(g, (g.shape[0], *k)) for g, k in zip(reversed(found), self.shapes, strict=True))

    def pushforward(self, weights: Weights, tangents: Weights) -> Float[Any, "runs n"]:
        """J(w) ẇ: how the end-to-end filter moves with the weights."""
        moved = (self.predictor((*weights[:i], t, *weights[i + 1 :])) for i, t in enumerate(tangents))
        return sum(moved)

    def jacobian(self, weights: Weights) -> tuple[Float[Any, "runs n size"], ...]:
        """∂μ/∂w_i of each layer: its column t is the product of the others, moved by S_i t."""
        flat, found = _flat(self, weights), []
        for i, product in enumerate(self._products(flat)[:-1]):
            others = _take(_behind(product), self._windows[i][0][:, 0])
            for w, (back, _) in zip(flat[i + 1 :], self._windows[i + 1 :], strict=True):
                others = _times(others, w, back)
            found.append(_take(_behind(others), self._moves[i]))
        return tuple(found)

    @cached_property
    def _moves(self) -> tuple[Any, ...]:
        """For each layer, where each entry of the end-to-end filter was before it moved by S_i t."""
        return tuple(_back(self.shape, self.shape, k, S) for k, S in zip(self.shapes, self.dilations, strict=True))

    def rest(self, layers: int) -> StridedNet | None:
        """The network without its first layers; None if there is nothing left."""
        left = (self.filter_sizes[layers:], self.strides[layers:])
        return StridedNet(*left) if left[0] else None

    def lengths(self, inputs: int | Sequence[int]) -> tuple[Sizes, ...]:
        """Sizes of a signal before and after each layer: (d − k)/s + 1 in every dimension.

        Raises
        ------
        BadInput
            If that is not a whole number above 0 in every layer: then the sizes do not compose.

        Examples
        --------
        >>> StridedNet((2, 3), (2, 1)).lengths(8)
        ((8,), (4,), (2,))
        """
        found = [_sizes("inputs", (inputs,))[0]]
        if len(found[0]) != len(self.shapes[0]):
            raise refuse("inputs", inputs, f"of {len(self.shapes[0])} dimension(s), as the filters are")
        for layer, (k, s) in enumerate(zip(self.shapes, self.strides, strict=True)):
            if any(d < j or (d - j) % step for d, j, step in zip(found[-1], k, s, strict=True)):
                wanted = f"such that layer {layer}, of filter {k} and stride {s}, fits its signal of {found[-1]}"
                raise refuse("inputs", inputs, f"{wanted}: (d − k)/s a whole number from 0 on")
            found.append(tuple((d - j) // step + 1 for d, j, step in zip(found[-1], k, s, strict=True)))
        return tuple(found)


def matrices(network: StridedNet, weights: Weights, inputs: int | Sequence[int]) -> Iterator[Float[Any, "runs out in"]]:
    """The matrix of each layer's strided convolution, (W x)[o] = Σ_t w[t] x[s o + t], on signals of ``inputs``.

    Their product is the matrix of the end-to-end filter with stride Π s_i.

    Examples
    --------
    >>> import numpy as np
    >>> next(matrices(StridedNet((2,), (2,)), (np.array([[1.0, 2.0]]),), 4))
    array([[[1., 2., 0., 0.],
            [0., 0., 1., 2.]]])
    """
    import numpy as np

    lengths = network.lengths(inputs)
    for w, k, s, before, after in zip(
        _flat(network, weights), network.shapes, network.strides, lengths, lengths[1:], strict=False
    ):
        xp = array_namespace(w)
        taps = np.indices(k).reshape(len(k), -1)
        outputs = np.indices(after).reshape(len(k), -1) * np.array(s)[:, None]
        places = np.ravel_multi_index(tuple(outputs[:, :, None] + taps[:, None, :]), before)
        matrix = xp.zeros((w.shape[0], places.shape[0], math.prod(before)), dtype=w.dtype, device=w.device)
        for row, columns in enumerate(places):
            for tap, column in enumerate(columns):
                matrix[:, row, int(column)] = w[:, tap]
        yield matrix


def _sizes(argument: str, given: Any) -> tuple[Sizes, ...]:
    """A tuple of whole numbers above 0 for each layer."""
    try:
        layers = [tuple(one) if isinstance(one, Sequence) else (one,) for one in given]
    except TypeError:
        raise refuse(argument, given, "one whole number, or a tuple of them, for each layer") from None
    if not layers or not all(layers):
        raise refuse(argument, given, "one whole number, or a tuple of them, for each layer, and at least one layer")
    return tuple(tuple(checks.integer(argument, size, least=1) for size in one) for one in layers)


def _back(before: Sizes, after: Sizes, k: Sizes, S: Sizes) -> Any:
    """For each entry of ``after`` and tap t, the place in ``before`` that is S t back; that behind its last if none."""
    import numpy as np

    taps = np.indices(k).reshape(len(k), -1) * np.array(S)[:, None]
    back = np.indices(after).reshape(len(k), -1, 1) - taps[:, None, :]
    outside = np.any((back < 0) | (back >= np.array(before)[:, None, None]), axis=0)
    flat = np.ravel_multi_index(tuple(np.where(outside, 0, back)), before)
    return np.where(outside, math.prod(before), flat)


def _flat(network: StridedNet, weights: Weights) -> list[Any]:
    xp = array_namespace(*of_shapes(network, weights))
    return [xp.reshape(w, (w.shape[0], math.prod(w.shape[1:]))) for w in weights]


def _times(product: Any, w: Any, back: Any) -> Any:
    """A product times one more layer."""
    return (_take(_behind(product), back) @ w[:, :, None])[:, :, 0]


def _behind(values: Any) -> Any:
    """The values with a zero behind them."""
    xp = array_namespace(values)
    zero = xp.zeros((values.shape[0], 1), dtype=values.dtype, device=values.device)
    return xp.concat([values, zero], axis=1)


def _take(values: Any, places: Any) -> Any:
    """``values[:, places]``, in the words of the array standard."""
    xp = array_namespace(values)
    index = xp.reshape(xp.asarray(places, device=values.device), (-1,))
    return xp.reshape(xp.take(values, index, axis=1), (values.shape[0], *places.shape))
