"""White data are not generic: with filters that do not overlap, the critical points are those of rank-one tensors."""

from __future__ import annotations

import theory
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.counts import cells_of, counted, finding, network_of
from theory.claims.shahverdi2024 import PAPER

GENERIC = "as many as for generic data"
OVERLAPS = "filters that overlap"

QUICK: tuple[str, ...] = (
    "2×2 stride 2",
    "2×3 stride 2",
    "3×3 stride 3",
    "2×2×2 stride 2,2",
    "2×2×3 stride 2,2",
    "2×2×2×2 stride 2,2,2",
)
PAPER_TOO: tuple[str, ...] = (
    "2×6 stride 2",
    "3×5 stride 3",
    "4×4 stride 4",
    "2×3×3 stride 2,3",
    "3×3×2 stride 3,3",
    "2×2×2 stride 3,2",
)
OVERLAPPING = ("3×2 stride 2", "3×3 stride 2")


def cells(profile: Profile) -> list[Cell]:
    return cells_of(QUICK if profile == "quick" else (*QUICK, *PAPER_TOO)) + cells_of(OVERLAPPING, OVERLAPS)


def measure(cell: Cell, setting: Setting) -> Evidence:
    network = network_of(cell)
    predicted = theory.algebra.frobenius_ed_degree(network.sizes)
    count = counted(network, setting, covariance="white")
    apart = {} if cell.control else {"2 − products in an entry of v": 2.0 - max(map(len, network.terms()))}
    findings = [finding(predicted, count.points, count, control=cell.control, margins=apart)]
    if not cell.control:
        generic = theory.algebra.generic_ed_degree(network.sizes)
        findings.append(finding(generic, count.points, count, control=GENERIC))
    columns = {"network": network.label, "predicted": predicted, "counted": findings[0].measured}
    return Evidence(findings, {name: [value] for name, value in columns.items()})


CLAIM = Claim(
    key="shahverdi2024.white_data",
    title="Critical points under white data",
    relation=Relation.TIGHT,
    statement=(
        "The loss ‖v − u‖² (identity covariance) with generic u, on filters so far apart that no two products of "
        "weights meet in one entry of v: it has as many complex critical points v ≠ 0 as there are singular vector "
        "tuples of a generic tensor of shape k_1 × … × k_L, the coefficient of Π t_j^{k_j−1} in "
        "Π_j (T_j^{k_j} − t_j^{k_j})/(T_j − t_j), T_j = Σ_{i≠j} t_i. For (2,2), (2,3), (2,2,2) that is "
        "2, 2, 6 in place of the 6, 10, 34 of generic data. Measured by Gröbner bases over two finite fields."
    ),
    hypotheses=("no two products of weights in one entry of v: margin 2 − the most of them",),
    proof=(
        "Without overlaps the entries of v are those of w_1 ⊗ … ⊗ w_L, with zeros between them where u makes no "
        "difference, and the norm is the Frobenius norm. Critical rank-one approximations of a tensor are its singular "
        "vector tuples, whose number is Friedland and Ottaviani's coefficient, a top Chern class. Where filters "
        "overlap the norm is another quadratic form on the tensors, and the number is in general another."
    ),
    source=(
        f"{PAPER}, for generic data; Friedland & Ottaviani 2014, Theorem 1; that it applies here is a remark of this "
        "project"
    ),
    controls={
        GENERIC: "the generic ED degree, right for a generic covariance",
        OVERLAPS: "the same coefficient for strides below the filters' sizes",
    },
    cells=cells,
    measure=measure,
)
