"""One dimension, strides above 1: K depends on v and δ alone, so that the flow on functions is a Riemannian one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import theory
from theory.claims import geometry
from theory.claims.achour2025 import PAPER
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.objectives import linear_conv as lc

STRIDE_ONE, BALANCED, ALL_FLIPS = "stride 1", "δ = 0 whatever the start", "2^L points"
NETWORKS = ("3,2,4 / 2,3,1", "4,3 / 2,1", "2,2,2,2 / 2,2,2,1", "5,4,3 / 2,3,1", "3,3,3 / 2,2,1", "2,5 / 3,1")
PAPER_NETWORKS = (*NETWORKS, "6,6 / 3,1", "2,3,2,3 / 2,3,2,1", "7,2 / 2,1", "4,4,4 / 4,4,1")
UNSTRIDED = ("2,2 / 1,1", "2,2,2 / 1,1,1")


def cells(profile: Profile) -> list[Cell]:
    networks, runs = (NETWORKS, 4) if profile == "quick" else (PAPER_NETWORKS, 20)
    grid = [Cell({"network": name, "runs": runs}) for name in networks]
    return grid + [Cell({"network": name, "runs": runs}, STRIDE_ONE) for name in UNSTRIDED]


def measure(cell: Cell, setting: Setting) -> Evidence:
    net = geometry.network(cell)
    weights = theory.problems.random_filters(net, int(cell.parameters["runs"]), rng=setting.rng)
    found = geometry.fibres(net, weights, setting)
    if cell.control:
        return Evidence([geometry.alike(found, {}, control=STRIDE_ONE)], geometry.columns(found))
    margins = geometry.smooth(found)
    both = geometry.flows(net, weights, setting, times=geometry.TIMES)
    level = np.zeros_like(lc.conserved(weights))
    balanced = geometry.flows(net, weights, setting, times=geometry.TIMES[:1], delta=level)
    points = 2 ** (net.degree - 1)
    findings = [
        *geometry.counted(found, points, margins),
        replace(geometry.counted(found, 2 * points, {})[-1], control=ALL_FLIPS),
        geometry.ranked(net, found, margins),
        geometry.alike(found, margins),
        geometry.agreement(both, margins),
        Finding(geometry.AGREE, float(balanced.apart.max()), form="flow", control=BALANCED),
    ]
    return Evidence(findings, geometry.columns(found, both))


CLAIM = Claim(
    key="achour2025.riemannian",
    title="Gradient flow on strided filters is Riemannian on functions",
    relation=Relation.UPPER,
    statement=(
        "Random one-dimensional linear convolutional networks (filters / strides) with strides above 1 in all layers "
        "but the last, v = μ(w). Form 'points': the weights with that v and those δ_i = ‖w_i‖² − ‖w_{i+1}‖² are "
        "exactly 2^{L−1}, one and its changes of sign; counted are all that a search from random starts finds, until "
        "each was found 20 times, together with those from the factors of v; form 'points found by search' counts the "
        "first alone. Form 'rank': that of K = Σ J_i J_iᵀ is Σ k_i − (L−1) at all of them. Form 'kernel': all have the "
        "same K, up to 1e-9 of its norm. Form 'flow': down a squared loss with correlated data, v̇ = −K(v, δ) ∇ℓ(v), "
        "with K from the factors of v alone, stays within 1e-7 of μ of the flow on the weights, in units of the "
        "largest v, at 8 times up to 4."
    ),
    hypotheses=(
        (
            "v is a smooth point: its factors are unique. Margin: the second least singular value of the equations for "
            "them, in units of the largest, less 1e-9. Form 'flow' also asks that the integrator resolves the flow on "
            "functions, which near a singular point none does: runs on which it moves by more than 1e-7 when its steps "
            "may err ten times as much are left out and counted in the details. Margin: the share of the runs that are "
            "kept, less ½"
        ),
    ),
    proof=(
        "v(x) = P_1(x) Q(x^s). With v_r the part of v with the powers r, r + s, …, P_{1,r} v_t = P_{1,t} v_r for all "
        "r, t: where the parts of P_1 have no common factor the only solutions are the multiples of P_1, and Q "
        "follows, and so on. The norms of the layers follow from Π‖w_i‖ and δ, as Π(τ + D_i), D_i = Σ_{j≥i} δ_j, "
        "increases in τ; signs are left, with product 1, and J_i J_iᵀ does not see them. The solutions that leave v as "
        "it is, to first order, are the L−1 exchanges of scale, hence the rank. Margins and 1e-9 are rounding times "
        "the condition of the factors."
    ),
    source=f"{PAPER}, Theorem 4 of its first version; how the fibre is found, and what is measured of it, derived here",
    controls={
        STRIDE_ONE: "form 'kernel' with stride 1, where roots can be dealt to the layers in several ways",
        BALANCED: "form 'flow' with K(v, 0) in place of K(v, δ)",
        ALL_FLIPS: "form 'points' with twice as many",
    },
    cells=cells,
    measure=measure,
    headline="flow",
)
