"""Polynomial equations of what a one-dimensional linear convolutional network expresses, by recursion over its layers.

All functions work over any ring: on integers, fractions and numbers modulo a prime they evaluate the equations, on
generators of a polynomial ring (such as sympy's) they give them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from theory.algebra.architecture import Architecture
from theory.checks import refuse


def equations(network: Architecture, v: Sequence[Any]) -> Iterator[Any]:
    """The left-hand sides, at v, of equations f(v) = 0 of the Zariski closure of the network's filters.

    Layers with stride 1 between them are merged. Then v(x) = P_1(x) Q(x^s), s = s_1, with Q a filter of the other
    layers, of degree m. In the s-decomposition v(x) = Σ_r x^r q_r(x^s) every q_r is P_1,r · Q, so that

    0. q_r = 0 for r ≥ k_1, where P_1 has no coefficients for P_1,r;
    1. the q_r have a common factor of degree m: the minors of size 2e + 2, e = ⌊(k_1 − 1)/s⌋ the largest degree of a
       P_1,r, of the matrix whose rows are the coefficients of all y^j q_r of degree at most m + 2e;
    2. the factor, Q, solves the equations of the other layers: of 2e + 1 of the rows, a combination vanishes in the
       first 2e columns and is y^{2e} Q beyond (with 2e + 1 minors for coefficients), one in the last 2e columns is Q.

    They vanish on every filter of the network. Conversely, with (1) the q_r have a common factor of degree ≥ m; so
    where the matrix has rank 2e + 1 and Q(0) or Q(∞) ≠ 0, a solution of all is a filter of the network with complex
    weights.

    Raises
    ------
    BadInput
        If v has not as many entries as the network's filter.

    Source: Shahverdi (2024), Section 3, for the s-decomposition, the ranks of resultant matrices and the recursion;
    (2) and the size of the matrix are derived here.

    Examples
    --------
    >>> network = Architecture((2, 2), (2,))
    >>> list(equations(network, [1, 2, 3, 6])), list(equations(network, [1, 2, 3, 5]))
    ([0], [-1])
    """
    if len(v) != network.length:
        raise refuse("v", f"a filter with {len(v)} entries", f"one with {network.length}, as {network.label} has")
    yield from _equations(network.merged, tuple(v))


def _equations(network: Architecture, v: tuple[Any, ...]) -> Iterator[Any]:
    if len(network.sizes) == 1:
        return
    rest = Architecture(network.sizes[1:], network.strides[1:])
    s, e = network.strides[0], (network.sizes[0] - 1) // network.strides[0]
    m = rest.length - 1
    parts = components(v, s)
    # Where P_1 has no coefficients for P_1,r, all of q_r is zero.
    yield from itertools.chain(*parts[network.sizes[0] :])
    rows = [_shifted(q, j, m + 2 * e + 1) for q in parts[: network.sizes[0]] for j in range(m + 2 * e + 2 - len(q))]
    minor = _minors(rows)
    columns = range(m + 2 * e + 1)
    for chosen in itertools.combinations(range(len(rows)), 2 * e + 2):
        for places in itertools.combinations(columns, 2 * e + 2):
            yield minor(chosen, places)
    if len(rest.sizes) == 1:
        return
    for chosen in itertools.combinations(range(len(rows)), 2 * e + 1):
        for fixed, free in ((columns[: 2 * e], columns[2 * e :]), (columns[m + 1 :], columns[: m + 1]))[: 1 + (e > 0)]:
            yield from _equations(rest, tuple(minor(chosen, (*fixed, place)) for place in free))


def components(v: Sequence[Any], s: int) -> list[tuple[Any, ...]]:
    """The s-decomposition v(x) = Σ_r x^r q_r(x^s): the coefficients of each q_r.

    >>> components([1, 2, 3, 4, 5], 2)
    [(1, 3, 5), (2, 4)]
    """
    return [tuple(v[r::s]) for r in range(s)]


def _shifted(q: tuple[Any, ...], j: int, width: int) -> tuple[Any, ...]:
    """The coefficients of y^j q, None where there is none."""
    return (*(None,) * j, *q, *(None,) * (width - j - len(q)))


def _minors(rows: Sequence[Sequence[Any]]) -> Any:
    """The determinants of chosen rows and columns, those of fewer of them being kept (no division)."""

    @cache
    def minor(chosen: tuple[int, ...], places: tuple[int, ...]) -> Any:
        if not chosen:
            return 1
        first, rest = rows[chosen[0]], chosen[1:]
        total: Any = 0
        for i, place in enumerate(places):
            if first[place] is not None:
                term = first[place] * minor(rest, (*places[:i], *places[i + 1 :]))
                total = total - term if i % 2 else total + term
        return total

    return minor


def member(network: Architecture, *, rng: random.Random, size: int = 99) -> list[Fraction]:
    """A random filter of the network, exact: fractions whose numerators and denominators are up to ``size``.

    >>> len(member(Architecture((2, 3), (2,)), rng=random.Random(0)))
    6
    """
    return network.filter(weights(network, rng=rng, size=size))


def weights(network: Architecture, *, rng: random.Random, size: int = 99) -> list[list[Fraction]]:
    """Random weights, none of them zero."""
    return [
        [Fraction(rng.choice((-1, 1)) * rng.randint(1, size), rng.randint(1, size)) for _ in range(k)]
        for k in network.sizes
    ]


def tangent_dimension(network: Architecture, *, rng: random.Random, prime: int = 2147483647) -> int:
    """Rank of the network's Jacobian at random weights modulo a prime: the dimension of its function space.

    A rank modulo a prime, or at a point, may fall below that of a generic point and never above.

    >>> tangent_dimension(Architecture((2, 3), (2,)), rng=random.Random(0))
    4
    """
    drawn = [[rng.randrange(1, prime) for _ in range(k)] for k in network.sizes]
    return rank(network.differential(drawn), prime)


def solution_dimension(network: Architecture, *, rng: random.Random, prime: int = 2147483647) -> int:
    """Dimension of what the equations leave at a random member: entries less the rank of their differentials.

    The differential along d comes from v + prime · d: f(v + p d) = f(v) + p f'(v) d modulo p², and f(v) = 0.

    >>> solution_dimension(Architecture((2, 3), (2,)), rng=random.Random(0))
    4
    """
    drawn = [[rng.randrange(1, 1000) for _ in range(k)] for k in network.sizes]
    v = network.filter(drawn)
    columns = []
    for i in range(len(v)):
        moved = [value + prime * (i == j) for j, value in enumerate(v)]
        columns.append([value // prime % prime for value in equations(network, moved)])
    return len(v) - rank(columns, prime)


def rank(matrix: Sequence[Sequence[int]], prime: int) -> int:
    """Rank of a matrix of integers modulo a prime.

    >>> rank([[1, 2], [2, 4]], 7), rank([[1, 2], [2, 5]], 7)
    (1, 2)
    """
    rows, found = [[value % prime for value in row] for row in matrix], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        inverse = pow(rows[found][column], -1, prime)
        for i in range(found + 1, len(rows)):
            if factor := rows[i][column] * inverse % prime:
                rows[i] = [(a - factor * b) % prime for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found
