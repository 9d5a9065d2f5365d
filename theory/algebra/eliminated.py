"""Critical points counted with the largest filter solved for: fewer unknowns, for Gröbner bases by Singular.

For given other filters w' the end-to-end filter is A(w') y, linear in the last one, and the loss ½ (v − u)ᵀ Σ (v − u)
is least at M y = b, M = AᵀΣA, b = AᵀΣu, where it is a constant minus N/(2 det M), N = bᵀ adj(M) b. Its critical points
with det M ≠ 0 are those of

    N_a det M − N (det M)_a = 0    for every weight a of w',   det M ≠ 0

Generic data have no critical points with det M = 0: b would have to be in the image of a singular M, and more. Those
with y = 0, that is b = 0, solve as many equations as y has entries: none where these are more than the unknowns. Zeros
with det M = 0 are subtracted: they are as many as the quotient by the equations and a power of det M says, once a
larger power says no more.
"""

from __future__ import annotations

import random

from theory.algebra.architecture import Architecture
from theory.algebra.groebner import PRIMES, Count, _covariance, _product
from theory.algebra.programs import MARK, evaluate
from theory.checks import refuse


def count_eliminated(network: Architecture, *, seed: int = 0, limit: float = 20.0) -> Count:
    """Complex critical points v ≠ 0 of the loss of ``count``, with the same random data, by Singular.

    Raises
    ------
    BadInput
        If the last filter has no more entries than the others have weights, less one each.

    Examples
    --------
    >>> count_eliminated(Architecture((2, 3), (2,))).points in (10, None)  # None: no Singular is installed
    True
    """
    others = sum(size - 1 for size in network.sizes[:-1])
    if not others:
        raise refuse("network", network.label, "one of two layers or more with more than one weight")
    if network.sizes[-1] <= others:
        raise refuse("network", network.label, f"one whose last filter has more than {others} entries")
    found: dict[int, list[int]] = {}
    program = ""
    for used, prime in enumerate(PRIMES, 1):
        answer = evaluate(script(network, prime, seed=seed), wanted=3, limit=limit)
        program = answer.program
        if answer.reason:
            return Count(None, None, answer.reason, answer.program, PRIMES[:used], seed)
        every, apart, settled = answer.dimensions
        if every < 0 or apart != settled:
            return Count(None, None, "zeros with det M = 0 are not settled", answer.program, PRIMES[:used], seed)
        agreeing = found.setdefault(every - settled, [])
        agreeing.append(prime)
        if len(agreeing) == 2:
            return Count(every - settled, None, "", answer.program, tuple(agreeing), seed)
    return Count(None, None, f"the primes disagree: {list(found)}", program, PRIMES, seed)


def script(network: Architecture, prime: int, *, seed: int = 0) -> str:
    """What Singular is asked: the zeros of the equations, and those of them with (det M)⁴ and with (det M)⁸."""
    rng = random.Random(f"{seed} {prime}")
    sigma = _covariance(network, prime, "generic", rng)
    target = [rng.randrange(prime) for _ in range(network.length)]
    last, size = len(network.sizes) - 1, network.sizes[-1]
    columns = [
        [
            (row, _product(index, last))
            for row, entry in enumerate(network.terms())
            for index in entry
            if index[last] == j
        ]
        for j in range(size)
    ]
    m = [
        ["+".join(f"{sigma[r][s]}*{a}*{b}" for r, a in left for s, b in right) for right in columns] for left in columns
    ]
    b = ["+".join(f"{target[r]}*{a}" for r, a in column) for column in columns]
    bordered = [*([*row, entry] for row, entry in zip(m, b, strict=True)), [*b, "0"]]
    free = [f"w{i}_{j}" for i, k in enumerate(network.sizes[:-1]) for j in range(1, k)]
    lines = [
        f"ring field = {prime}, ({', '.join(free)}), dp;",
        *(
            f"matrix {name}[{len(rows)}][{len(rows)}] = {', '.join(entry for row in rows for entry in row)};"
            for name, rows in (("M", m), ("B", bordered))
        ),
        "poly D = det(M); poly N = det(B);",  # −bᵀ adj(M) b
        f"ideal basis = std(ideal({', '.join(f'diff(N, {a})*D - N*diff(D, {a})' for a in free)}));",
        "poly power = reduce(D, basis); power = reduce(power^2, basis); power = reduce(power^2, basis);",
        f'"{MARK} " + string(vdim(basis));',
        f'"{MARK} " + string(vdim(std(basis, power)));',
        "power = reduce(power^2, basis);",
        f'"{MARK} " + string(vdim(std(basis, power)));',
    ]
    return "\n".join([*lines, "quit;", ""])
