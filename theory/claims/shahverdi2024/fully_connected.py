"""A fully connected linear network of as many parameters has far fewer critical points."""

from __future__ import annotations

import math
from dataclasses import replace

import theory
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.claims.counts import cells_of, counted, finding, network_of
from theory.claims.shahverdi2024 import PAPER

ALONE = "a covariance for all pairs of weights"

QUICK: tuple[str, ...] = ("2×2 stride 2", "2×3 stride 2", "3×3 stride 2", "2×2×2 stride 2,2")
PAPER_TOO: tuple[str, ...] = ("3×4 stride 2", "4×4 stride 2", "2×2×3 stride 2,2", "2×2×2×2 stride 2,2,2")


def cells(profile: Profile) -> list[Cell]:
    return cells_of(QUICK if profile == "quick" else (*QUICK, *PAPER_TOO))


def measure(cell: Cell, setting: Setting) -> Evidence:
    network = network_of(cell)
    dense = theory.algebra.fully_connected(sum(network.sizes))
    few, many = min(dense.sizes), theory.algebra.generic_ed_degree(network.sizes)
    shared = counted(dense, setting, covariance="shared")
    alone = counted(dense, setting)
    filters = counted(network, setting)
    found = finding(few, shared.points, shared, form="fully connected")
    ratio = math.nan if math.isnan(found.measured) or filters.points is None else filters.points / found.measured
    more = {"reason": filters.reason or shared.reason} if math.isnan(ratio) else {}
    times = replace(found, predicted=many / few, measured=ratio, form="times as many", rounding=1e-15)
    findings = [
        found,
        replace(times, details={**found.details, **more}),
        finding(few, alone.points, alone, control=ALONE),
    ]
    columns = {"network": network.label, "dense": dense.label.split()[0], "few": found.measured, "many": filters.points}
    return Evidence(findings, {name: [math.nan if value is None else value] for name, value in columns.items()})


CLAIM = Claim(
    key="shahverdi2024.fully_connected",
    title="Critical points of fully connected networks",
    relation=Relation.TIGHT,
    statement=(
        "A fully connected linear network with one hidden unit, m inputs and n outputs, and as many weights as a "
        "strided convolutional network (m + n = Σ k_i, m and n as equal as can be). Form 'fully connected': the "
        "squared loss on generic data has min(m, n) complex critical points other than 0. Form 'times as many': the "
        "convolutional network has gED(k)/min(m, n) times as many. Measured by Gröbner bases over two finite fields."
    ),
    hypotheses=(),
    proof=(
        "The loss Σ‖W x − y‖² is tr((W − U) S (W − U)ᵀ) plus a constant, S the covariance of the inputs, U the least "
        "squares solution: every output sees the same inputs. W ↦ W S^{1/2} keeps the rank and makes it the Frobenius "
        "distance to a generic matrix, whose critical points of rank one are its min(m, n) singular pairs (Eckart and "
        "Young). With a covariance for all pairs of entries of W there would be no such change of coordinates, and "
        "the number would be gED(m, n). The numbers of convolutional networks: shahverdi2024.critical_points."
    ),
    source=(
        f"{PAPER}, the comparison with fully connected networks; that the number is min(m, n) under any covariance of "
        "the inputs: Trager, Kohn & Bruna 2020"
    ),
    controls={ALONE: "min(m, n) for a covariance that is not that of a fully connected network's data"},
    cells=cells,
    measure=measure,
)
