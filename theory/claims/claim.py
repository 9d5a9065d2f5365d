"""What a claim is: a published statement turned into something that can fail.

A claim lays out *cells* (a cell is one set of parameters); measuring a cell gives *evidence*: findings, each a
prediction beside a measurement, and the recorded points behind them. A claim judges nothing:
:mod:`theory.claims.verdict` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Profile = Literal["quick", "paper"]
Value = str | int | float | bool


class Relation(StrEnum):
    """How the measurement must stand to the prediction."""

    TIGHT = "TIGHT"  # equal, within the stated uncertainty
    UPPER = "UPPER"  # measured ≤ predicted
    LOWER = "LOWER"  # measured ≥ predicted
    EXPONENT = "EXPONENT"  # a fitted exponent equals the predicted one
    ORDER = "ORDER"  # a rank correlation exceeds the predicted one


@dataclass(frozen=True)
class Cell:
    """One set of parameters at which a claim is measured; ``control`` names the control that it belongs to, if any."""

    parameters: Mapping[str, Value]
    control: str = ""


@dataclass(frozen=True)
class Finding:
    """One prediction beside one measurement.

    ``low`` and ``high`` are the confidence limits of ``measured`` (``None``: it is exact up to ``rounding``, a bound
    on the relative rounding error). ``margins`` holds, for each hypothesis, by how much it is met (> 0: met).
    ``control`` names the control of which this is the measurement; ``form`` tells findings of one cell apart;
    ``relation`` overrides the claim's.
    """

    predicted: float
    measured: float
    low: float | None = None
    high: float | None = None
    rounding: float = 0.0
    margins: Mapping[str, float] = field(default_factory=dict)
    control: str = ""
    form: str = ""
    relation: Relation | None = None
    details: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What one cell gave: findings, and the recorded points behind them as equally long columns."""

    findings: Sequence[Finding]
    points: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """Where and with what a cell is measured: its own random stream, the array namespace, the profile.

    ``images`` says where a claim about real images takes them from: see :func:`theory.problems.images.load`.
    """

    rng: Any
    xp: Any
    profile: Profile
    images: str = "digits"


@dataclass(frozen=True)
class Claim:
    """A published statement, its prediction, its measurement and its controls; ``version`` rises when one changes.

    ``headline`` is the form of the findings whose slack stands for the whole claim: "" for all of them, None where a
    slack would say nothing, as for a limit of 0.
    """

    key: str
    title: str
    relation: Relation
    statement: str
    hypotheses: tuple[str, ...]
    proof: str
    source: str
    controls: Mapping[str, str]
    cells: Callable[[Profile], Sequence[Cell]]
    measure: Callable[[Cell, Setting], Evidence]
    version: int = 1
    headline: str | None = ""
