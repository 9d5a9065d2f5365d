"""Branch and bound over caps of the unit sphere: the parts that the brackets of the constants share."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

BUDGET = 3000
"""Caps examined for each constant, by default."""

GAP = 1e-3
"""Relative width at which a bracket counts as closed."""

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Cap:
    """A cell of a face of the cube [−1, 1]^m seen from the centre, inside the cap (centre, radius) of the sphere."""

    low: np.ndarray
    high: np.ndarray
    centre: np.ndarray
    radius: float

    @classmethod
    def of(cls, low: np.ndarray, high: np.ndarray) -> Cap:
        middle, half = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
        norm = float(np.linalg.norm(middle))
        if half >= norm:
            return cls(low, high, np.eye(1, low.size)[0], math.pi)
        return cls(low, high, middle / norm, math.asin(half / norm) + 8 * EPS if half else 0.0)

    @classmethod
    def sphere(cls, m: int) -> Cap:
        return cls.of(-np.ones(m), np.ones(m))

    def split(self) -> Iterator[Cap]:
        """The 2m faces of the whole cube, or the two halves of a cell across its longest edge."""
        width = self.high - self.low
        if not np.any(width > 0):  # a single direction
            return
        if np.all(width > 0):
            for axis, side in itertools.product(range(width.size), (-1.0, 1.0)):
                low, high = self.low.copy(), self.high.copy()
                low[axis] = high[axis] = side
                yield Cap.of(low, high)
            return
        axis = int(np.argmax(width))
        middle = (self.low[axis] + self.high[axis]) / 2
        low, high = self.low.copy(), self.high.copy()
        low[axis], high[axis] = middle, middle
        yield Cap.of(self.low, high)
        yield Cap.of(low, self.high)


@dataclass(frozen=True)
class Node:
    """Part of the search space: no value in it exceeds ``bound``; ``value`` is attained in it; ``split`` divides it."""

    bound: float
    value: float
    split: Callable[[], Iterator[Node]]


def maximise(root: Node, budget: int, gap: float = GAP) -> tuple[float, float]:
    """(attained, bound) of the maximum, best bound first, until they are within ``gap`` or the budget is spent."""
    order = itertools.count()
    best, spent, heap = root.value, 1, [(-root.bound, next(order), root)]
    while spent < budget and -heap[0][0] > best + gap * abs(best):
        bound, _, node = heapq.heappop(heap)
        children = list(node.split())
        if not children:  # a leaf keeps its bound, and no bound left is larger
            return best, -bound
        for child in children:
            best = max(best, child.value)
            heapq.heappush(heap, (-child.bound, next(order), child))
        spent += len(children)
    return best, max(best, -heap[0][0])


def worthwhile(dim: int, budget: int) -> bool:
    """Whether the budget reaches caps smaller than a half sphere, below which splitting gains nothing."""
    m = dim - 1
    return m <= 2 or 2 * m * 2 ** (m - 1) <= budget
