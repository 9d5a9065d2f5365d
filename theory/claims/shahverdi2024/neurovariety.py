"""The equations of what a linear convolutional network expresses, built by recursion over its layers."""

from __future__ import annotations

import random
from typing import Any

import theory
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.counts import cells_of, network_of
from theory.claims.shahverdi2024 import PAPER

ANY, OTHER = "any filter", "the filters of other strides"
MEMBERS = 10

QUICK: tuple[str, ...] = (
    "2×2 stride 2",
    "3×2 stride 2",
    "3×3 stride 2",
    "4×3 stride 3",
    "2×2×2 stride 2,2",
    "2×2×2 stride 1,2",
)
QUICK += ("2×2×2 stride 2,1", "3×2×2 stride 2,2", "2×3×2 stride 3,2", "2×2×2×2 stride 2,2,2")
PAPER_TOO: tuple[str, ...] = (
    "2×2 stride 3",
    "4×3 stride 2",
    "5×2 stride 2",
    "5×3 stride 2",
    "3×3×2 stride 2,2",
    "3×2×2 stride 2,3",
)
PAPER_TOO += ("3×3×3 stride 2,2", "2×2×2×2 stride 2,1,2", "2×2 stride 1")

OTHERS = {
    "3×2 stride 2": "2×2 stride 3",
    "3×2×2 stride 2,2": "2×2×2 stride 1,6",
    "2×2×2 stride 2,2": "2×2×2 stride 3,1",
    "2×2×2×2 stride 2,2,2": "2×2×2×2 stride 2,3,1",
}
"""Networks of equally long filters whose strides, or their order, differ."""


def cells(profile: Profile) -> list[Cell]:
    return cells_of(QUICK if profile == "quick" else (*QUICK, *PAPER_TOO))


def measure(cell: Cell, setting: Setting) -> Evidence:
    network, rng = network_of(cell), random.Random(int(setting.rng.integers(2**31)))
    dimension = network.dimension
    findings = [
        Finding(1.0, _solve(network, network, rng), form="members"),
        Finding(dimension, theory.algebra.tangent_dimension(network, rng=rng), form="dimension"),
        Finding(dimension, theory.algebra.solution_dimension(network, rng=rng), form="solutions"),
    ]
    full = theory.algebra.Architecture((network.length,), ())
    if dimension < network.length:
        findings.append(Finding(1.0, _solve(network, full, rng), control=ANY))
    if network.label in OTHERS:
        other = theory.algebra.Architecture.named(OTHERS[network.label])
        findings.append(Finding(1.0, _solve(network, other, rng), control=OTHER))
    columns = {"network": network.label, "dimension": dimension, "length": network.length}
    return Evidence(findings, {name: [value] for name, value in columns.items()})


def _solve(network: Any, source: Any, rng: random.Random) -> float:
    """The share of random filters of ``source`` that solve all equations of ``network``, exactly."""
    drawn = [theory.algebra.member(source, rng=rng) for _ in range(MEMBERS)]
    return sum(not any(theory.algebra.equations(network, v)) for v in drawn) / MEMBERS


CLAIM = Claim(
    key="shahverdi2024.neurovariety",
    title="Equations of the function space",
    relation=Relation.TIGHT,
    statement=(
        "One-dimensional filters, any strides. The equations that the recursion gives hold for every filter that the "
        "network expresses and, near a random one, for no others. Form 'members': the share of ten random members, of "
        "fractions, at which all equations are exactly zero. Form 'dimension': the rank of the network's Jacobian at "
        "random weights, modulo a prime, is Σ k_i − (L − 1). Form 'solutions': so is the dimension of what the "
        "differentials of all equations leave at a random member."
    ),
    hypotheses=(),
    proof=(
        "v(x) = P_1(x) Q(x^s): every component q_r of the s-decomposition v(x) = Σ x^r q_r(x^s) is P_1,r · Q. With m "
        "the degree of Q and e the largest of the P_1,r: the multiples y^j q_r of degree ≤ m + 2e are Q times forms of "
        "degree 2e, so they span at most 2e + 1 dimensions. Conversely, let the q_r have only a common factor of "
        "degree g < m, and let δ = m − g. Two generic combinations (of multiples of degree m + e) over it are coprime "
        "forms of degree e + δ, whose multiples in degree 2e + δ have no syzygy; they span 2(e + 1) > 2e + 1 "
        "dimensions. So the minors of size 2e + 2 vanish exactly if there is a common factor of degree ≥ m. Of 2e + 1 "
        "rows the combination that vanishes in the first 2e columns is y^{2e} Q times a number: its coefficients, "
        "minors again, solve the equations of the other layers. Layers with stride 1 between them are one over the "
        "complex numbers. Each layer but one has a scale to spare: dimension Σ k_i − (L − 1)."
    ),
    source=(
        f"{PAPER}, the recursive algorithm (s-decomposition, ranks of resultant matrices); the size of the matrix and "
        "the equations for the common factor are derived here, as the text at hand was a summary of the paper"
    ),
    controls={
        ANY: "random filters of the same length solve them",
        OTHER: "so do the filters of a network with the same length, but other strides or another order of them",
    },
    cells=cells,
    measure=measure,
)
