"""One-dimensional linear convolutional networks as products of polynomials, over any ring."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from theory.checks import integer, refuse

Exponents = tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """Filters of ``sizes`` k_1 … k_L with ``strides`` s_1 … s_L; the last stride changes nothing and may be left out.

        v(x) = Π P_i(x^{S_i}),   P_i(x) = Σ_j w_i[j] x^j,   S_i = s_1 ⋯ s_{i−1}

    Raises
    ------
    BadInput
        If there is no layer, a size or stride is below 1, or there is not one stride for each pair of layers.

    Examples
    --------
    >>> net = Architecture((2, 3), (2,))
    >>> net.length, net.dimension, net.filter([[1, 2], [3, 4, 5]])
    (6, 4, [3, 6, 4, 8, 5, 10])
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = tuple(integer("size", size, least=1) for size in self.sizes)
        strides = tuple(integer("stride", stride, least=1) for stride in self.strides)
        if not sizes:
            raise refuse("sizes", sizes, "those of at least one layer")
        if len(strides) not in (len(sizes), len(sizes) - 1):
            raise refuse("strides", strides, f"one for each of the {len(sizes)} layers; the last may be left out")
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "strides", (*strides, 1)[: len(sizes)])

    @classmethod
    def named(cls, label: str) -> Architecture:
        """The one with this label.

        >>> Architecture.named("2×3×2 stride 2,1").sizes
        (2, 3, 2)
        """
        sizes, _, strides = label.partition(" stride ")
        try:
            return cls(tuple(map(int, sizes.split("×"))), tuple(map(int, strides.split(",") if strides else ())))
        except ValueError:
            raise refuse("architecture", repr(label), "sizes and strides such as '2×3×2 stride 2,1'") from None

    @property
    def steps(self) -> tuple[int, ...]:
        """S_i = s_1 ⋯ s_{i−1}."""
        return tuple(math.prod(self.strides[:i]) for i in range(len(self.sizes)))

    @property
    def length(self) -> int:
        """Entries of the end-to-end filter: 1 + Σ (k_i − 1) S_i."""
        return 1 + sum((size - 1) * step for size, step in zip(self.sizes, self.steps, strict=True))

    @property
    def dimension(self) -> int:
        """Σ k_i − (L − 1): that of the function space, as each layer but one has a scale to spare."""
        return sum(self.sizes) - len(self.sizes) + 1

    @property
    def strided(self) -> bool:
        """Whether all strides but the last exceed 1."""
        return all(stride > 1 for stride in self.strides[:-1])

    @property
    def merged(self) -> Architecture:
        """Layers with stride 1 between them taken as one: over the complex numbers the same function space."""
        sizes = tuple(1 + sum(size - 1 for size in group) for group in self.groups)
        return Architecture(sizes, tuple(stride for stride in self.strides[:-1] if stride > 1))

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of the layers that have stride 1 between them."""
        cuts = [0, *(i for i, stride in enumerate(self.strides[:-1], 1) if stride > 1), len(self.sizes)]
        return tuple(self.sizes[a:b] for a, b in itertools.pairwise(cuts))

    @property
    def label(self) -> str:
        """Sizes and strides as text, such as ``2×3 stride 2``."""
        sizes = "×".join(map(str, self.sizes))
        inner = self.strides[:-1]
        return f"{sizes} stride {','.join(map(str, inner))}" if inner else sizes

    def terms(self) -> list[list[Exponents]]:
        """For each entry of v, the index tuples (j_1, …, j_L) of the products w_1[j_1] ⋯ w_L[j_L] that it sums."""
        found: list[list[Exponents]] = [[] for _ in range(self.length)]
        for index in itertools.product(*map(range, self.sizes)):
            found[sum(j * step for j, step in zip(index, self.steps, strict=True))].append(index)
        return found

    def filter(self, weights: Sequence[Sequence[Any]]) -> list[Any]:
        """v(w), exactly where the weights are: integers, fractions, or elements of any ring."""
        product: list[Any] = [1]
        for weight, step in zip(weights, self.steps, strict=True):
            grown = [0] * (len(product) + (len(weight) - 1) * step)
            for i, a in enumerate(product):
                for j, b in enumerate(weight):
                    grown[i + j * step] = grown[i + j * step] + a * b
            product = grown
        return product

    def differential(self, weights: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """∂v/∂w_i[j], one row for each weight: v is linear in each layer."""
        rows = []
        for i, size in enumerate(self.sizes):
            for j in range(size):
                unit = [int(j == k) for k in range(size)]
                rows.append(self.filter([*weights[:i], unit, *weights[i + 1 :]]))
        return rows


def architectures(n: int) -> Iterator[tuple[int, ...]]:
    """All multisets of filter sizes ≥ 2 with Σ (k_i − 1) = n, smallest first: the partitions of n, each part plus 1.

    >>> list(architectures(3))
    [(2, 2, 2), (2, 3), (4,)]
    """
    yield from (tuple(part + 1 for part in parts) for parts in _partitions(integer("n", n, least=1), 1))


def _partitions(n: int, least: int) -> Iterator[tuple[int, ...]]:
    for first in range(least, n // 2 + 1):
        yield from ((first, *rest) for rest in _partitions(n - first, first))
    yield (n,)
