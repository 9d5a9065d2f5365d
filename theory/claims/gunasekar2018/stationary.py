"""Theorem 2, any depth: the limit is a first-order stationary point of ‖β̂‖_{2/L}."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import theory
import theory.objectives.linear_conv as conv
from theory.claims import separable
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.gunasekar2018 import PAPER

SHALLOWER, SQUARE, HARD = "the exponent of one layer fewer", "the exponent 2", "the hard margin"
RTOL = 1e-12
"""Of the flow: an error of it in the direction changes margins, and with them the loss weights, by ``RTOL`` ‖β‖."""

SHOWN = 2
"""The data set whose spectra are kept: the first of dimension 32."""


def cells(profile: Profile) -> list[Cell]:
    quick = profile == "quick"
    depths, sets = ((1, 2, 3), 8) if quick else ((1, 2, 3, 4, 5), 16)
    return [Cell({"depth": depth, "sets": sets, "draw": 2018}) for depth in depths]


class _Learned(NamedTuple):
    network: Any
    loss: Any
    path: Any
    found: Any
    bound: float


def measure(cell: Cell, setting: Setting) -> Evidence:
    depth, count = int(cell.parameters["depth"]), int(cell.parameters["sets"])
    data = theory.problems.data_sets(count, seed=int(cell.parameters["draw"]))
    runs = [_learn(pair, depth, setting.rng) for pair in data]
    margins = separable.converging(*zip(*((run.network, run.loss, run.path) for run in runs), strict=True))
    slacks = [math.log(len(run.loss.y)) / float(run.path.margins[-1].min()) for run in runs]
    ratios = [run.found.slack / slack for run, slack in zip(runs, slacks, strict=True)]
    worst = int(np.argmax(ratios))
    findings = [
        _residual(runs, [run.found.residual for run in runs], max, form="residual", margins=margins),
        # Two numbers of about 1 are subtracted.
        Finding(slacks[worst], runs[worst].found.slack, rounding=1e-6, form="slack", margins=margins),
        *(_wrong(runs, 2 / (depth - 1), SHALLOWER) if depth > 1 else []),
        *(_wrong(runs, 2.0, SQUARE) if depth > 1 else []),
        *(_off_support(runs, margins) if depth == 2 else []),
    ]
    return Evidence(findings, separable.columns(_spectra(runs[SHOWN], depth, setting.rng)))


def _learn(data: tuple[Any, Any], depth: int, rng: Any) -> _Learned:
    network, loss = conv.CircularNet(data[0].shape[1], depth), separable.loss_of(data)
    path = separable.follow(network, loss, rng=rng, rtol=RTOL)
    found = conv.stationarity(*data, path.beta[-1], path.alpha[-1], 2 / depth)
    return _Learned(network, loss, path, found, conv.lacking(network, path) + RTOL * float(path.norm[-1]))


def _residual(runs: Sequence[_Learned], residuals: Sequence[float], which: Any, **more: Any) -> Finding:
    """The data set with the largest, or another, residual beside what turning and imbalance leave."""
    ratios = [residual / run.bound for residual, run in zip(residuals, runs, strict=True)]
    place = ratios.index(which(ratios))
    run = runs[place]
    details = {
        "data set": place,
        "support": run.found.support,
        "largest residual": max(residuals),
        "median residual": float(np.median(residuals)),
    }
    # The residual is a norm of differences of numbers up to 1; its bound is known as well as the path.
    return Finding(run.bound, residuals[place], rounding=1e-3, details=details, **more)


def _wrong(runs: Sequence[_Learned], exponent: float, control: str) -> list[Finding]:
    """The same with another exponent, where the support has three frequencies or more: fewer fit any exponent."""
    rich = [run for run in runs if run.found.support > 2]
    if not rich:
        return []
    residuals = [
        conv.stationarity(run.loss.x, run.loss.y, run.path.beta[-1], run.path.alpha[-1], exponent).residual
        for run in rich
    ]
    return [
        _residual(rich, residuals, lambda ratios: sorted(ratios)[len(ratios) // 2], form="residual", control=control)
    ]


def _off_support(runs: Sequence[_Learned], margins: Any) -> list[Finding]:
    """c max_d |ŝ_d| − 1, the largest of all data sets in units of ln D/ln‖β‖; and what the hard margin would have."""
    limits = [math.log(run.network.dim) / math.log(run.path.norm[-1]) for run in runs]
    shares = [run.found.beyond / limit for run, limit in zip(runs, limits, strict=True)]
    place = int(np.argmax(shares))
    # Where all |ŝ_d| are at most 1/c, rounding may leave it below 0.
    own = Finding(limits[place], runs[place].found.beyond, rounding=1e-3, form="off the support", margins=margins)
    try:
        hard = [conv.hard_margin(run.loss.x, run.loss.y) for run in runs]
    except ModuleNotFoundError as missing:
        lost = replace(own, measured=math.nan, control=HARD, margins={}, details={"reason": str(missing)})
        return [own, lost]
    wrong = [
        conv.stationarity(run.loss.x, run.loss.y, one.beta, one.multipliers, 1.0).beyond
        for run, one in zip(runs, hard, strict=True)
    ]
    middle = sorted(range(len(runs)), key=lambda run: wrong[run] / limits[run])[len(runs) // 2]
    return [own, Finding(limits[middle], wrong[middle], rounding=1e-6, form="off the support", control=HARD)]


def _spectra(run: _Learned, depth: int, rng: Any) -> list[dict[str, Any]]:
    """|β̂| of one data set at the frequencies 0 … D/2, and that of a fully connected network of two layers."""
    dim = run.network.dim
    other = separable.follow(conv.FullyConnectedNet((dim, 3)), run.loss, rng=rng)
    kept = [abs(conv.spectrum(path.direction[-1]))[: dim // 2 + 1].tolist() for path in (run.path, other)]
    return [
        {"layers": depth, "dimension": dim, "frequency": frequency, "circular": circular, "connected": connected}
        for frequency, (circular, connected) in enumerate(zip(*kept, strict=True))
    ]


CLAIM = Claim(
    key="gunasekar2018.stationary",
    title="Convolution, any depth: stationary points of ‖β̂‖_{2/L}",
    relation=Relation.UPPER,
    statement=(
        "Gradient flow on the exponential loss of separable data, through L circular convolutions of full width, ends "
        "in the direction of a first-order stationary point of ‖β̂‖_p, p = 2/L, with all margins at least 1: |β̂_d|^p = "
        "c ŝ_d conj(β̂_d), s = Σ α_n y_n x_n, with multipliers α_n ≥ 0 for the samples at the margin. Form 'residual': "
        "with the loss weights for α, ρ = ‖|β̂|^p − c ŝ ⊙ conj(β̂)‖/‖|β̂|^p‖ at ‖β‖ = 1e8, c by least squares, is at "
        "most what the turning of the direction, known from three records from 0.8e8 on, and the imbalance of the "
        "layers leave; both vanish in the limit. Form 'slack': Σ α_n(m_n − 1)/Σ α_n, with the least margin scaled to "
        "1, is at most ln n over the least margin. Form 'off the support', L = 2: c|ŝ_d| − 1 ≤ ln D/ln‖β‖ at every "
        "frequency. Measured is the data set that comes nearest to its bound."
    ),
    hypotheses=(*separable.CONVERGING, separable.PHASES),
    proof=(
        "ŵ_l has the time derivative ŝ conj(Π_{j≠l} ŵ_j), so dβ̂_d/dτ = ŝ_d |β̂_d|² Σ_l |ŵ_l,d|^{−2}, exactly. With κ_d "
        "= L |β̂_d|^{−p}/Σ_l |ŵ_l,d|^{−2} and b = β/‖β‖ that is c ŝ_d conj(β̂_d) = |β̂_d|^p κ_d (1 + d log b̂_d/d "
        "log‖β‖) for c = L/(d log‖β‖/dτ). So ρ ≤ ‖|β̂|^p (1 − κ(1 + d log b̂/d log‖β‖))‖/‖|β̂|^p‖, to which the "
        "solver's error in α is added, rtol ‖β‖ = 1e-4. As |ŵ_l,d|² − |ŵ_j,d|² is conserved, κ → 1; where direction "
        "and phases converge the bracket goes to 0. Σ α_n m_n = −log loss + (the entropy of α) and −log loss is at "
        "most the least margin, so the slack is at most ln n over it. L = 2: a frequency grows like ‖β‖^{c|ŝ_d|−1}, "
        "and its share, 1/D at the start, stays below 1. The α are the loss's own: multipliers fitted to β would "
        "satisfy any exponent."
    ),
    source=f"{PAPER}, Theorem 2, for the limit; the bounds at a finite norm were derived here",
    controls={
        SHALLOWER: "p = 2/(L−1); the median data set of those with a support of three frequencies or more",
        SQUARE: "p = 2; likewise",
        HARD: "the solution of least ‖β‖_2, with its multipliers, as a minimum of ‖β̂‖_1; the median data set",
    },
    cells=cells,
    measure=measure,
    headline="residual",
)
