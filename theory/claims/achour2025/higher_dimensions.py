"""Two dimensions and more, any strides: the same, but that layers of one shape may change places."""

from __future__ import annotations

import math
from collections import Counter

import theory
from theory.claims import geometry
from theory.claims.achour2025 import PAPER
from theory.claims.claim import Cell, Claim, Evidence, Profile, Relation, Setting
from theory.objectives import linear_conv as lc

EXCHANGED, FLAT = "layers of one shape with stride 1", "one dimension"
NETWORKS = (
    "2x3,3x2,2x2 / 2x1,1x2,1x1",
    "2x2,3x2 / 1x1,1x1",
    "3x2,2x3 / 1x1,1x1",
    "2x2,2x2 / 2x2,1x1",
    "2x2,3x2,2x3 / 1x1,1x1,1x1",
    "2x2x2,2x1x2 / 2x2x1,1x1x1",
)
PAPER_NETWORKS = (*NETWORKS, "3x3,2x2 / 1x1,1x1", "3x3,2x2,3x2 / 1x1,2x2,1x1", "2x2,4x2 / 1x1,1x1", "3x3,3x3 / 2x2,1x1")
ALIKE = ("2x2,2x2 / 1x1,1x1", "2x2,2x2,2x2 / 1x1,1x1,1x1")


def cells(profile: Profile) -> list[Cell]:
    networks, runs = (NETWORKS, 4) if profile == "quick" else (PAPER_NETWORKS, 20)
    grid = [Cell({"network": name, "runs": runs}) for name in (*networks, *ALIKE)]
    return [*grid, Cell({"network": "3,2 / 1,1", "runs": 4 * runs}, FLAT)]


def measure(cell: Cell, setting: Setting) -> Evidence:
    net = geometry.network(cell)
    weights = theory.problems.random_filters(net, int(cell.parameters["runs"]), rng=setting.rng)
    found = geometry.fibres(net, weights, setting)
    if cell.control:
        return Evidence([geometry.alike(found, {}, control=FLAT)], geometry.columns(found))
    margins, points = geometry.smooth(found), 2 ** (net.degree - 1)
    both = geometry.flows(net, weights, setting, times=geometry.TIMES)
    findings = [
        *geometry.counted(found, orders(net) * points, margins),
        geometry.ranked(net, found, margins),
        geometry.agreement(both, margins),
    ]
    if orders(net) == 1:
        findings.append(geometry.alike(found, margins))
    else:
        balanced = theory.problems.random_filters(net, len(found), rng=setting.rng, balanced=True)
        level = geometry.fibres(net, balanced, setting)
        findings += [
            geometry.alike(level, {geometry.GAP: geometry.sure(level)}, form="kernel at δ = 0"),
            geometry.alike(found, {}, control=EXCHANGED),
        ]
    return Evidence(findings, geometry.columns(found, both))


def orders(net: lc.StridedNet) -> int:
    """In how many ways layers of one shape and one S can be ordered."""
    return math.prod(math.factorial(n) for n in Counter(zip(net.shapes, net.dilations, strict=True)).values())


CLAIM = Claim(
    key="achour2025.higher_dimensions",
    title="The same in two dimensions and more, whatever the strides",
    relation=Relation.UPPER,
    statement=(
        "Random linear convolutional networks in two and three dimensions (filters / strides), of layers that extend "
        "in two dimensions at least. Form 'points': the weights with given v and δ are 2^{L−1} changes of sign, times "
        "the orders of layers of one shape and one S_i = Π_{j<i} s_j; counted are all that a search from random starts "
        "finds, until each was found 20 times, together with those from the factors of v; form 'points found by "
        "search' counts the first alone. Form 'rank': that of K is Σ k_i − (L−1). Form 'kernel', where no two layers "
        "have one shape and S_i: all points have the same K, up to 1e-9 of its norm. Form 'kernel at δ = 0': they have "
        "so even where layers can change places, if all have one norm. Form 'flow': the flow on functions stays within "
        "1e-7 of that on the weights. Its K comes from the factors of v where every stride exceeds 1 in some "
        "dimension, and else from Newton's steps, from the last point of the fibre on: those tell apart points that "
        "exchange layers."
    ),
    hypotheses=(
        (
            "v is a smooth point, and its factors are irreducible. Margin: the least singular value, in units of the "
            "largest, of the equations whose null space has one dimension for every factor over ℂ, or of those of the "
            "factors where a stride exceeds 1, less 1e-9. Form 'flow' also asks that the integrator resolves the flow "
            "on functions, which near a singular point none does: runs on which it moves by more than 1e-7 when its "
            "steps may err ten times as much are left out and counted in the details. Margin: the share of the runs "
            "that are kept, less ½"
        ),
    ),
    proof=(
        "A generic polynomial in two variables or more is irreducible, so that v has no other factors than those of "
        "the layers, and the shapes say whose is which but for layers of one shape and S_i. Scales and signs as in one "
        "dimension. Where two layers change places their norms, which δ fixes, stay: K = Σ J_i J_iᵀ then changes, "
        "unless the norms are equal. That there are no other factors is checked for each v by the dimension of the "
        "solutions (g, h) of ∂_y(g/v) = ∂_x(h/v) (Ruppert; Gao)."
    ),
    source=(
        f"{PAPER}, for D ≥ 2 (read in excerpts); the exception for layers of one shape and S_i at δ ≠ 0, how the fibre "
        "is found and certified, and what is measured of it, derived here: even so the flow is one on functions, on "
        "one sheet of the fibre"
    ),
    controls={
        EXCHANGED: "form 'kernel' where layers of one shape and S_i can change places and δ ≠ 0",
        FLAT: "form 'kernel' in one dimension with stride 1 and different shapes",
    },
    cells=cells,
    measure=measure,
    headline="flow",
)
