"""The kernel of :mod:`theory.kernels.network`, handed a network's tables and many networks on several threads.

Every network is computed by itself: no result depends on the number of threads, or on which others there are.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import arrays
from theory.kernels.constants import EXCESS, FREE_FIELD, TIED
from theory.objectives.extended_conv.network import Network

MODES = {"tied": TIED, "excess": EXCESS, "free": FREE_FIELD}

AT_ONCE = 8
"""Networks that a thread takes at a time: they differ in how many iterations they need."""


def table(network: Network, mode: str) -> tuple[Any, tuple[int, int, int, int]]:
    """The table of layers (see :mod:`theory.kernels.constants`), and the sizes of the arrays of a workspace."""
    rows, kernel, own, act, norm = [], 0, 0, 0, 0
    pads = [layer.pad for layer in network.layers[1:]] + [0]
    for layer, pad_out in zip(network.layers, pads, strict=True):
        c, h, w = layer.shape
        high, wide = layer.rows + 2 * layer.pad, layer.columns + 2 * layer.pad
        after = act + layer.c_in * high * wide
        rows.append(
            [layer.c_in, c, high, wide, h, w, layer.size, int(layer.bias), pad_out, kernel, own, act, after, norm]
        )
        kernel += layer.primary
        own += {"tied": 0, "excess": layer.excesses, "free": layer.auxiliary}[mode]
        act, norm = after, norm + (layer.shape[1] - 1) * wide + layer.shape[2]
    widest = max(row[3] for row in rows)
    plane = max(row[2] * row[3] for row in rows)
    return np.array(rows, dtype=np.int64), (act + int(np.prod(network.output)), norm, widest, plane)


def workspace(network: Network, mode: str) -> Any:
    """Room for one network at a time."""
    from theory.kernels.network import Workspace

    layers, (act, norm, row, plane) = table(network, mode)
    rate, wide, whole, spread, power = np.zeros((5, plane))
    room = rate, wide, whole, spread, power, power.view(np.int64)
    return Workspace(layers, np.zeros(act), np.zeros(act), np.zeros(norm), np.zeros(row), *room)


def evaluate(
    network: Network, x: Any, y: Any, w: Any, u: Any, *, mode: str, factor: float, lam: float
) -> tuple[Any, Any, Any, Any]:
    """What :func:`theory.objectives.extended_conv.plain.evaluate` returns."""
    from theory.kernels.network import evaluate_all

    nets = w.shape[0]
    own = np.zeros((nets, 1)) if mode == "tied" else np.ascontiguousarray(u)
    slope, outer, found = np.empty_like(own), np.empty_like(w), np.empty((nets, 2))

    def part(here: slice) -> None:
        evaluate_all(
            workspace(network, mode), MODES[mode], x, y.ravel(), w[here], own[here], factor, lam**2,
            slope[here], outer[here], found[here],
        )  # fmt: skip

    _in_parts(part, nets, -(-nets // arrays.threads()))
    if mode == "free":
        outer *= -(lam**2)
    return found[:, 0], found[:, 1], outer.copy() if mode == "tied" else slope, outer


def minimise(
    network: Network,
    x: Any,
    y: Any,
    w: Float[np.ndarray, "nets p"],
    u: Float[np.ndarray, "nets n"],
    *,
    mode: str,
    factor: float,
    lam: float,
    iterations: int,
    trials: int,
    tolerance: float,
    memory: int,
) -> tuple[Any, Any, Any, Any]:
    """The own weights at the end of L-BFGS from ``u``, iterations, evaluations, and objectives after each iteration."""
    from theory.kernels.network import minimise_all

    u, nets = np.array(u, dtype=np.float64), w.shape[0]
    counts, logs = np.zeros((nets, 2), dtype=np.int64), np.full((nets, iterations + 1), np.nan)

    def part(here: slice) -> None:
        minimise_all(
            workspace(network, mode), MODES[mode], x, y.ravel(), w[here], u[here], factor, lam**2,
            iterations, trials, tolerance, memory, counts[here], logs[here],
        )  # fmt: skip

    _in_parts(part, nets, AT_ONCE)
    return u, counts[:, 0], counts[:, 1], logs


def _in_parts(work: Callable[[slice], None], nets: int, size: int) -> None:
    parts = [slice(start, start + size) for start in range(0, nets, max(1, size))]
    if arrays.threads() == 1 or len(parts) < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(arrays.threads()) as pool:
        list(pool.map(work, parts))
