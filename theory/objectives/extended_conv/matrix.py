r"""A layer before its sigmoid as a sparse matrix: Equations 2 (conventional) and 4 (extended) of the paper.

Row i holds the kernel of output pixel i at the input pixels of its patch. A conventional layer's rows hold the same
kernel, so that its matrix is a circulant's part; an extended layer's each their own. For tests and small cases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.objectives.extended_conv.network import Layer


def conventional(layer: Layer, kernel: Float[np.ndarray, "c t"]) -> tuple[Any, Float[np.ndarray, " outputs"]]:
    """The matrix of one kernel a channel, and what the biases add (Equation 2).

    >>> matrix, _ = conventional(Layer(1, 1, 1, 3, 1, 0, False), np.array([[2.0]]))
    >>> matrix.toarray().tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]
    """
    kernel = checks.array("kernel", kernel, np, ndim=(2,))
    return extended(layer, np.broadcast_to(kernel[..., None, None], (*kernel.shape, *layer.shape[1:])))


def extended(layer: Layer, field: Float[np.ndarray, "c t h w"]) -> tuple[Any, Float[np.ndarray, " outputs"]]:
    """The matrix of a kernel for every channel and pixel, and what the biases add (Equation 4).

    Raises
    ------
    BadInput
        If the shape is not the layer's.
    """
    from scipy.sparse import coo_array

    c_out, h, w = layer.shape
    field = checks.array("field", field, np, ndim=(4,))
    if field.shape != (c_out, layer.taps, h, w):
        raise checks.refuse("field", f"an array of shape {field.shape}", f"of shape {(c_out, layer.taps, h, w)}")
    k = layer.size
    o, c, di, dj, i, j = np.indices((c_out, layer.c_in, k, k, h, w))
    row, column = i + di - layer.pad, j + dj - layer.pad
    inside = (row >= 0) & (row < layer.rows) & (column >= 0) & (column < layer.columns)
    values = field[:, : layer.c_in * k * k].reshape(o.shape)[inside]
    places = ((o * h + i) * w + j)[inside], ((c * layer.rows + row) * layer.columns + column)[inside]
    shape = (c_out * h * w, layer.c_in * layer.rows * layer.columns)
    offset = field[:, -1].ravel() if layer.bias else np.zeros(shape[0])
    return coo_array((values, places), shape=shape).tocsr(), offset
