"""How many critical points there are: Euclidean distance degrees of Segre varieties, exactly, in integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import comb, factorial

from theory.algebra.architecture import Architecture
from theory.checks import integer, refuse


def chern_degrees(sizes: Sequence[int]) -> list[int]:
    """deg(c_i h^{n−i}), i = 0 … n, of the Segre variety P^{k_1−1} × … × P^{k_L−1}, n = Σ (k_j − 1).

        c = Π (1 + h_j)^{k_j},   h = Σ h_j,   h_j^{k_j} = 0

    The coefficient of Π h_j^{k_j−1}: if c_i takes k_j − 1 − r_j factors h_j, then h^{n−i} gives the others in
    (n−i)!/Π r_j! ways, Σ r_j = n − i. One layer after another, by the number Σ r_j so far.

    >>> chern_degrees((2, 2))
    [2, 4, 4]
    """
    by_rest = {0: 1}
    for size in _sizes(sizes):
        grown: dict[int, int] = {}
        for rest, count in by_rest.items():
            for r in range(size):
                ways = comb(rest + r, r) * comb(size, size - 1 - r)
                grown[rest + r] = grown.get(rest + r, 0) + count * ways
        by_rest = grown
    n = max(by_rest)
    return [by_rest[n - i] for i in range(n + 1)]


def generic_ed_degree(sizes: Sequence[int]) -> int:
    """Critical points of a generic quadratic loss on P^{k_1−1} × … × P^{k_L−1}.

        Σ_i (−1)^i (2^{n+1−i} − 1) deg(c_i h^{n−i})

    Raises
    ------
    BadInput
        If there is no size, or one is below 1.

    Source: Draisma, Horobeţ, Ottaviani, Sturmfels & Thomas (2016), Theorem 5.8, for the generic form.

    >>> [generic_ed_degree(sizes) for sizes in ((2, 2), (2, 3), (3, 3), (2, 2, 2), (2, 2, 2, 2))]
    [6, 10, 39, 34, 280]
    """
    degrees = chern_degrees(sizes)
    n = len(degrees) - 1
    return sum((-1) ** i * (2 ** (n + 1 - i) - 1) * degree for i, degree in enumerate(degrees))


def frobenius_ed_degree(sizes: Sequence[int]) -> int:
    """Critical points of the distance to a generic tensor of shape k_1 × … × k_L among those of rank one.

    The coefficient of Π t_j^{k_j−1} in Π_j (T_j^{k_j} − t_j^{k_j}) / (T_j − t_j), T_j = Σ_{i≠j} t_i.

    Source: Friedland & Ottaviani (2014), Theorem 1.

    >>> [frobenius_ed_degree(sizes) for sizes in ((2, 2), (2, 3), (3, 3), (2, 2, 2), (2, 2, 2, 2))]
    [2, 2, 3, 6, 24]
    """
    sizes = _sizes(sizes)
    top = tuple(size - 1 for size in sizes)
    product = {(0,) * len(sizes): 1}
    for j, size in enumerate(sizes):
        product = _times_power_sum(product, j, size, top)
    return product.get(top, 0)


def _times_power_sum(
    product: dict[tuple[int, ...], int], j: int, size: int, top: tuple[int, ...]
) -> dict[tuple[int, ...], int]:
    """The product times Σ_a T_j^a t_j^{size−1−a}, without the powers beyond ``top``."""
    power, total = product, dict[tuple[int, ...], int]()
    for a in range(size):
        for key, count in power.items():
            raised = (*key[:j], key[j] + size - 1 - a, *key[j + 1 :])
            if raised[j] <= top[j]:
                total[raised] = total.get(raised, 0) + count
        power = _times_others(power, j, top)
    return total


def _times_others(power: dict[tuple[int, ...], int], j: int, top: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    """The polynomial times T_j = Σ_{i≠j} t_i, without the powers beyond ``top``."""
    grown: dict[tuple[int, ...], int] = {}
    for key, count in power.items():
        for i in range(len(top)):
            if i != j and key[i] < top[i]:
                raised = (*key[:i], key[i] + 1, *key[i + 1 :])
                grown[raised] = grown.get(raised, 0) + count
    return grown


def factorizations(network: Architecture) -> int:
    """In how many ways a generic member of the function space factors, up to scales: Π over groups of the multinomials.

    Layers with stride 1 between them share the roots of one polynomial in any way that fits.

    >>> factorizations(Architecture((2, 2, 3), (1, 2)))
    2
    """
    return math.prod(
        factorial(sum(size - 1 for size in group)) // math.prod(factorial(size - 1) for size in group)
        for group in network.groups
    )


def rank_loss_degree(network: Architecture) -> int:
    """Critical points of a generic quadratic loss at which the Jacobian of the network loses rank.

    All points are as many as the sizes say, whatever the strides; those with full rank lie over the critical points of
    the function space, that of the merged network, which have as many factorizations as a generic point.

    >>> [rank_loss_degree(Architecture(k, (1,) * len(k))) for k in ((2, 2), (2, 3), (2, 2, 2))]
    [4, 7, 28]
    >>> rank_loss_degree(Architecture((2, 2), (2,)))
    0
    """
    return generic_ed_degree(network.sizes) - factorizations(network) * generic_ed_degree(network.merged.sizes)


def _sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    if not sizes:
        raise refuse("sizes", tuple(sizes), "those of at least one layer")
    return tuple(integer("size", size, least=1) for size in sizes)
