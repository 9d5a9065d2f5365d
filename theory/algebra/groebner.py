"""Critical points of a quadratic loss on a linear convolutional network, counted by Gröbner bases over finite fields.

The counts over a finite field are those over the complex numbers for all but finitely many primes, and for all but a
share of the data of about degree/prime; so two primes must agree, or two of three.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from theory.algebra.architecture import Architecture, Exponents
from theory.algebra.ed_degree import generic_ed_degree
from theory.algebra.programs import Answer, Problem, available, solve
from theory.checks import refuse

PRIMES = (32003, 31991, 31981)
"""The largest three below 2¹⁵: beyond, Singular's arithmetic takes ten times as long."""

SYMPY_LARGEST = 10
"""Generic ED degree beyond which sympy, which takes seconds for these and minutes soon after, is not tried."""

Covariance = Literal["generic", "white", "shared"]
COVARIANCES = ("generic", "white", "shared")


@dataclass(frozen=True)
class Count:
    """Critical points, and those of them where the Jacobian loses rank; None, and the reason, where not counted."""

    points: int | None
    without_rank: int | None
    reason: str
    program: str
    primes: tuple[int, ...]
    seed: int


def count(
    network: Architecture,
    *,
    covariance: Covariance = "generic",
    ranks: bool = False,
    seed: int = 0,
    limit: float = 20.0,
    program: str | None = None,
) -> Count:
    """Complex critical points v ≠ 0 of ½ (v − u)ᵀ Σ (v − u), v = v(w) the network's filter; each up to its scales.

    ``covariance``: Σ with random entries ("generic"), the identity ("white"), or I ⊗ S with a random S, of the size of
    the last filter ("shared": the loss of a fully connected network, all of whose outputs see the same inputs). u is
    always random. With ``ranks``, also the points where J loses rank, that is where det(J R) = 0 for a random R.
    ``limit`` is the time in seconds for each prime.

    Raises
    ------
    BadInput
        If ``covariance`` or ``program`` is unknown, the limit is not positive, or the size of the last filter does not
        divide the number of entries where the covariance is shared.

    Examples
    --------
    >>> count(Architecture((2, 2), (2,))).points in (6, None)  # None: no program is installed
    True
    """
    if program is None and available() == "sympy" and generic_ed_degree(network.sizes) > SYMPY_LARGEST:
        reason = f"Singular is not on PATH, and sympy is too slow for a generic ED degree above {SYMPY_LARGEST}"
        return Count(None, None, reason, "sympy", (), seed)
    found: dict[tuple[int, ...], list[int]] = {}
    answer = Answer("")
    for used, prime in enumerate(PRIMES, 1):
        answer = solve(
            problem(network, prime, covariance=covariance, ranks=ranks, seed=seed), limit=limit, program=program
        )
        if answer.reason:
            return Count(None, None, answer.reason, answer.program, PRIMES[:used], seed)
        agreeing = found.setdefault(answer.dimensions, [])
        agreeing.append(prime)
        if len(agreeing) == 2:
            points, *rest = answer.dimensions
            if points < 0:
                break
            return Count(points, rest[0] if rest else None, "", answer.program, tuple(agreeing), seed)
    reason = "infinitely many critical points" if len(found) < len(PRIMES) else f"the primes disagree: {list(found)}"
    return Count(None, None, reason, answer.program, PRIMES, seed)


def problem(
    network: Architecture, prime: int, *, covariance: Covariance = "generic", ranks: bool = False, seed: int = 0
) -> Problem:
    """The critical equations over the field of ``prime`` elements, with data drawn from ``seed`` and the prime.

    Every filter has w_i[0] = 1, and v = p(w) · scale. With g = Σ p · scale − Σ u: pᵀ g = 0 and ∂p/∂w_i[j]ᵀ g = 0, the
    derivatives divided by the scale, so that v = 0 is none of the solutions. For a generic Σ the unknown is 1/scale,
    g = Σ p − Σ u / scale, of lower degree: solutions with 1/scale = 0 would be singular points of pᵀ Σ p = 0, which a
    generic Σ does not have, but the identity does.
    """
    rng = random.Random(f"{seed} {prime}")
    sigma = _covariance(network, prime, covariance, rng)
    target = [rng.randrange(prime) for _ in range(network.length)]
    terms = network.terms()
    p = [_sum(map(_product, entry)) for entry in terms]
    beside_p, beside_u = ("1", "scale") if covariance == "generic" else ("scale", "1")
    g = [
        _sum([*(f"{c}*{beside_p}*({entry})" for c, entry in zip(row, p, strict=True) if c), f"{-u % prime}*{beside_u}"])
        for row, u in zip(sigma, target, strict=True)
    ]
    free = [(i, j) for i, size in enumerate(network.sizes) for j in range(1, size)]
    rows = [p, *([_derivative(entry, i, j) for entry in terms] for i, j in free)]
    equations = [_sum(f"({a})*({b})" for a, b in zip(row, g, strict=True) if a != "0") for row in rows]
    # R has as many columns as J has rows: det(J R) = 0 for a random R only where J has too low a rank.
    mix = [[rng.randrange(prime) for _ in row] for row in rows] if ranks else []
    matrix = tuple(
        tuple(_sum(f"{r}*({a})" for r, a in zip(column, row, strict=True) if a != "0") for column in mix)
        for row in rows
    )
    return Problem(prime, ("scale", *(f"w{i}_{j}" for i, j in free)), tuple(equations), matrix if ranks else ())


def _covariance(network: Architecture, prime: int, kind: str, rng: random.Random) -> list[list[int]]:
    size, last = network.length, network.sizes[-1]
    if kind not in COVARIANCES:
        raise refuse("covariance", repr(kind), " or ".join(COVARIANCES))
    if kind == "white":
        return [[int(a == b) for b in range(size)] for a in range(size)]
    if kind == "generic":
        return _symmetric(size, prime, rng)
    if size % last:
        raise refuse("covariance", "'shared'", f"another: {last} entries of the last filter do not divide {size}")
    # v[a + (size/last) b] = (other filters)[a] · (last filter)[b] where the filters do not overlap.
    outputs, block = size // last, _symmetric(last, prime, rng)
    return [
        [block[a // outputs][b // outputs] * (a % outputs == b % outputs) for b in range(size)] for a in range(size)
    ]


def _symmetric(size: int, prime: int, rng: random.Random) -> list[list[int]]:
    drawn = [[rng.randrange(prime) for _ in range(size)] for _ in range(size)]
    return [[drawn[min(a, b)][max(a, b)] for b in range(size)] for a in range(size)]


def _product(index: Exponents, without: int = -1) -> str:
    """w_1[j_1] ⋯ w_L[j_L], of which those with j = 0 are 1; one layer may be left out."""
    return "*".join(f"w{i}_{j}" for i, j in enumerate(index) if j and i != without) or "1"


def _derivative(terms: Iterable[Exponents], i: int, j: int) -> str:
    return _sum(_product(index, i) for index in terms if index[i] == j)


def _sum(terms: Iterable[str]) -> str:
    return "+".join(terms) or "0"


def fully_connected(parameters: int) -> Architecture:
    """The linear network with one hidden unit and this many weights: its rank-one matrices, written as filters.

    Raises
    ------
    BadInput
        If there are fewer than four weights.

    >>> fully_connected(7)
    Architecture(sizes=(3, 4), strides=(3, 1))
    """
    if parameters < 4:
        raise refuse("parameters", parameters, "at least 4, two on either side of the hidden unit")
    half = parameters // 2
    return Architecture((half, parameters - half), (half,))
