"""Run as a script by :mod:`theory.algebra.programs`: Gröbner bases by sympy, far slower than Singular's.

Its one argument is a file with the JSON of [prime, variables, equations, matrix].
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def dimensions(
    prime: int, variables: Sequence[str], equations: Sequence[str], matrix: Sequence[Sequence[str]]
) -> list[int]:
    """Dimension of the quotient by the equations; with a matrix, also with its determinant among them.

    >>> dimensions(7, ["x", "y"], ["x*x-2", "y*y-x"], [])
    [4]
    """
    from sympy import GF, grevlex, ring
    from sympy.polys.groebnertools import groebner
    from sympy.polys.matrices import DomainMatrix

    domain, *generators = ring(list(variables), GF(prime, symmetric=False), grevlex)
    names = dict(zip(variables, generators, strict=True))

    def read(text: str) -> Any:
        return domain(eval(text, {"__builtins__": {}}, names))  # text of ours, of sums and products

    basis = groebner([read(text) for text in equations], domain)
    found = [quotient([one.LM for one in basis])]
    if matrix:
        size, ground = len(matrix), domain.to_domain()
        rows = DomainMatrix([[read(entry) for entry in row] for row in matrix], (size, size), ground)
        determinant = domain(rows.charpoly()[-1]).rem(basis)
        found.append(quotient([one.LM for one in groebner([*basis, determinant], domain)]))
    return found


def quotient(leading: Sequence[tuple[int, ...]]) -> int:
    """Number of monomials that none of the leading ones divides; −1 where they are infinitely many.

    >>> quotient([(2, 0), (1, 1), (0, 3)]), quotient([(2, 0), (1, 1)])
    (4, -1)
    """
    count = len(leading[0])
    if any(not any(leading_one) for leading_one in leading):
        return 0
    bounds = []
    for i in range(count):
        powers = [one[i] for one in leading if not any(one[:i]) and not any(one[i + 1 :])]
        if not powers:
            return -1
        bounds.append(min(powers))
    return sum(
        not any(all(a >= b for a, b in zip(monomial, one, strict=True)) for one in leading)
        for monomial in itertools.product(*map(range, bounds))
    )


if __name__ == "__main__":
    for number in dimensions(*json.loads(Path(sys.argv[1]).read_text())):
        sys.stdout.write(f"dimension {number}\n")
