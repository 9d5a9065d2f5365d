"""Shahverdi's main theorem: as many complex critical points as the generic ED degree of a Segre variety."""

from __future__ import annotations

import theory
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.counts import cells_of, counted, eliminated, finding, network_of
from theory.claims.shahverdi2024 import PAPER

WHITE = "white data"

QUICK: tuple[str, ...] = (
    "2×2 stride 2",
    "2×3 stride 2",
    "3×2 stride 2",
    "2×4 stride 2",
    "3×3 stride 2",
    "3×3 stride 3",
)
QUICK += ("2×2×2 stride 2,2", "2×2×2 stride 3,2", "3×4 stride 2", "2×2×3 stride 2,2")
PAPER_TOO: tuple[str, ...] = (
    *(f"2×{m} stride 2" for m in range(5, 15)),
    *(f"3×{m} stride 2" for m in range(5, 10)),
    "4×3 stride 2",
)
PAPER_TOO += ("4×4 stride 2", "4×5 stride 2", "2×2×4 stride 2,2", "2×2×5 stride 2,2", "2×2×6 stride 2,2")
PAPER_TOO += ("3×2×2 stride 2,3", "2×3×3 stride 2,2", "2×2×2×2 stride 2,2,2", "2×2×2×3 stride 2,2,2")
"""With the quick ones, every multiset of sizes with n = Σ(k_i − 1) ≤ 12 that Singular finishes within 20 s of
processor time a prime, with all unknowns at once: 2×m up to m = 12, 3×m up to 9, 4×m up to 5, 2×2×m up to 6,
2×3×3, 2×2×2×2 and 2×2×2×3. Beyond that, 2×13 and 2×14, and some in another order or with other strides. 2×2×7,
3×10, 2×3×4, 4×6, 5×5, 3×3×3, 2×2×2×2×2, 2×2×2×4 and 2×2×3×3 do not finish, and the 222 others have one of these
within them (docs/benchmarks.md has the times).
"""

SOLVED: tuple[str, ...] = (*(f"3×{m} stride 2" for m in (10, 11)), *(f"2×2×{m} stride 2,2" for m in (7, 8, 9)))
"""Those of the others that finish within 20 s where the last filter is solved for (theory.algebra.eliminated)."""

WHITES = ("2×2 stride 2", "2×3 stride 2", "2×2×2 stride 2,2")


def cells(profile: Profile) -> list[Cell]:
    if profile == "quick":
        return cells_of(QUICK) + cells_of(WHITES, WHITE)
    solved = [Cell({"network": label, "solved for": "last filter"}) for label in SOLVED]
    return cells_of((*QUICK, *PAPER_TOO)) + solved + cells_of(WHITES, WHITE)


def measure(cell: Cell, setting: Setting) -> Evidence:
    network = network_of(cell)
    predicted = theory.algebra.generic_ed_degree(network.sizes)
    margins = {"min(s_1, …, s_{L−1}) − 1": min(network.strides[:-1]) - 1.0}
    if "solved for" in cell.parameters:
        count = eliminated(network, setting)
    else:
        count = counted(network, setting, covariance="white" if cell.control else "generic")
    found = finding(predicted, count.points, count, margins=margins, control=cell.control)
    return Evidence([found], {"network": [network.label], "predicted": [predicted], "counted": [found.measured]})


CLAIM = Claim(
    key="shahverdi2024.critical_points",
    title="Complex critical points of strided networks",
    relation=Relation.TIGHT,
    statement=(
        "Filters of sizes k_1 … k_L, all strides but the last > 1, end-to-end filter v(w). A quadratic loss "
        "(v − u)ᵀ Σ (v − u) with generic Σ and u has, over the complex numbers and up to the filters' scales, as many "
        "critical points v ≠ 0 as the generic Euclidean distance degree of P^{k_1−1} × … × P^{k_L−1}: "
        "Σ_i (−1)^i (2^{n+1−i} − 1) deg(c_i h^{n−i}), n = Σ(k_j − 1), c = Π (1 + h_j)^{k_j}, h = Σ h_j. Predicted is "
        "that sum in integers; measured is the dimension of the quotient by the critical equations over a finite field "
        "(Gröbner bases by Singular, or sympy where there is none), with Σ and u drawn at random; two primes agree. "
        "Where Singular takes too long, the last filter is solved for, and zeros with a singular matrix are subtracted."
    ),
    hypotheses=("all strides but the last > 1: margin min s − 1",),
    proof=(
        "Up to scales v = t p(w), p a product of the filters, each from its projective space; p(w) ≠ 0. The best t "
        "leaves (uᵀΣp)²/(pᵀΣp) on the Segre variety X, with a linear form and a quadric from the linear systems that p "
        "spans; these have no base points, so for generic ones {pᵀΣp = 0} is smooth and meets {uᵀΣp = 0} transversally "
        "(Bertini), and the number of critical points off both is the top Chern class of the logarithmic cotangent "
        "bundle of X with poles there, which depends on X and h alone: the sum above. (It holds with strides 1 as "
        "well: what these change is whether the points are those of the function space, see "
        "shahverdi2024.rank_loss.) deg(c_i h^{n−i}) = Σ over r_1 + … + r_L = n − i of "
        "(n−i)!/Π r_j! · Π C(k_j, k_j − 1 − r_j), the coefficient of Π h_j^{k_j−1}."
    ),
    source=(
        f"{PAPER}, the theorem on the number of critical points; the formula of the generic ED degree: Draisma et al. "
        "2016, Theorem 5.8; the argument above, the sum over r_j and the counts are of this project"
    ),
    controls={WHITE: "the same number for Σ = identity (sizes and strides without overlaps): fewer points"},
    cells=cells,
    measure=measure,
    version=2,
)
