"""Where the Jacobian of a linear convolutional network loses rank: nowhere critical with strides, mostly without."""

from __future__ import annotations

import theory
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.counts import cells_of, counted, finding, network_of
from theory.claims.shahverdi2024 import PAPER

STRIDED = "as if all strides were above 1"

QUICK: tuple[str, ...] = (
    "2×2 stride 2",
    "2×3 stride 2",
    "2×2×2 stride 2,2",
    "2×2 stride 1",
    "2×3 stride 1",
    "3×3 stride 1",
)
QUICK += ("2×2×2 stride 1,1", "2×2×2 stride 1,2", "2×2×2 stride 2,1")
PAPER_TOO: tuple[str, ...] = (
    "3×3 stride 2",
    "3×4 stride 2",
    "3×4 stride 1",
    "2×4 stride 1",
    "2×2×3 stride 2,2",
    "2×2×3 stride 1,1",
)
PAPER_TOO += ("2×2×3 stride 1,2", "2×2×3 stride 2,1", "3×2×2 stride 2,1", "2×2×2×2 stride 2,1,2")


def cells(profile: Profile) -> list[Cell]:
    return cells_of(QUICK if profile == "quick" else (*QUICK, *PAPER_TOO))


def measure(cell: Cell, setting: Setting) -> Evidence:
    network = network_of(cell)
    count = counted(network, setting, ranks=True)
    lost, all_points = theory.algebra.rank_loss_degree(network), theory.algebra.generic_ed_degree(network.sizes)
    findings = [
        finding(lost, count.without_rank, count, form="without rank"),
        finding(all_points, count.points, count, form="all points"),
    ]
    if not network.strided:
        findings.append(finding(0, count.without_rank, count, control=STRIDED))
    return Evidence(findings, {"network": [network.label], "counted": [findings[0].measured], "predicted": [lost]})


CLAIM = Claim(
    key="shahverdi2024.rank_loss",
    title="Critical points where the Jacobian loses rank",
    relation=Relation.TIGHT,
    statement=(
        "Generic quadratic loss, as in shahverdi2024.critical_points, with any strides. Form 'without rank': with all "
        "strides but the last > 1 the Jacobian ∂v/∂w has full rank, Σ k_i − (L−1), at every critical point v ≠ 0. With "
        "strides 1 it has not at gED(k) − f · gED(k'), where k' are the sizes of the network whose layers with stride "
        "1 between them are merged, and f is the number of ways to share the roots of the merged layers. Form 'all "
        "points': their number is gED(k) whatever the strides, so that it alone would not tell. Measured is the "
        "number of solutions with det(J R) = 0, R random."
    ),
    hypotheses=(),
    proof=(
        "Where J has full rank a critical point of the loss on the weights is one of the loss on the function space; "
        "over the complex numbers that is the one of the merged network, which is strided, so it has gED(k') critical "
        "points, all smooth. Each is a product of generic polynomials in x^{S_i}, the one of a group of merged layers "
        "having n_g = Σ (k_j − 1) distinct roots, to be shared in n_g!/Π (k_j − 1)! ways; layers that share no root "
        "have a Jacobian of full rank. All other points have none. With R of as many columns as J has rows, det(J R) "
        "is zero for all R where the rank is low, and elsewhere for a share of about 1/prime of the R."
    ),
    source=(
        f"{PAPER}, with Kohn, Montúfar, Shahverdi & Trager 2023 for the strides > 1; the number for strides 1 is "
        "derived here"
    ),
    controls={STRIDED: "no loss of rank with strides 1 either"},
    cells=cells,
    measure=measure,
    headline="all points",
)
