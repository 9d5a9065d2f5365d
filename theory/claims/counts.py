"""What claims about counted points share: cells by architecture, and findings of what may not have been counted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import theory
from theory.claims.claim import Cell, Finding, Setting

LIMIT = 300.0
"""Seconds for each prime: 15 times the CPU time of the largest network of any grid, for machines that are busy."""


def cells_of(labels: Iterable[str], control: str = "") -> list[Cell]:
    """A cell for each architecture."""
    return [Cell({"network": label}, control=control) for label in labels]


def network_of(cell: Cell) -> Any:
    """The cell's architecture."""
    return theory.algebra.Architecture.named(str(cell.parameters["network"]))


def counted(network: Any, setting: Setting, **options: Any) -> Any:
    """Count with a seed of the cell's own."""
    seed = int(setting.rng.integers(2**31))
    return theory.algebra.count(network, seed=seed, limit=LIMIT, **options)


def eliminated(network: Any, setting: Setting) -> Any:
    """Count with a seed of the cell's own and the last filter solved for."""
    return theory.algebra.count_eliminated(network, seed=int(setting.rng.integers(2**31)), limit=LIMIT)


def finding(predicted: float, measured: int | None, count: Any, **more: Any) -> Finding:
    """The number beside the one counted; where there is none, NaN, and the reason among the details."""
    primes = " and ".join(map(str, count.primes))
    details = {"reason": count.reason} if measured is None else {"program": count.program}
    details |= {"primes": primes, "seed": count.seed}
    return Finding(predicted, math.nan if measured is None else measured, details=details, **more)
