"""Step rules: small frozen values that say how far to go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from array_api_compat import array_namespace

from theory import checks
from theory.distributions import AxisSymmetric
from theory.smoothness import Curve


class Progress(NamedTuple):
    """What a rule may look at: the iteration t, ‖w_t − w*‖/‖w*‖ of every run still going, and which runs those are."""

    iteration: int
    distance: Any
    runs: Any = None


class StepRule(Protocol):
    """Gives the step η_t, one number or one a run."""

    def __call__(self, progress: Progress) -> Any: ...


@dataclass(frozen=True)
class Constant:
    """η_t = η: one number, or one a run."""

    eta: float | Sequence[float]

    def __post_init__(self) -> None:
        if isinstance(self.eta, Sequence):
            object.__setattr__(self, "eta", tuple(checks.positive("eta", eta) for eta in self.eta))
        else:
            object.__setattr__(self, "eta", checks.positive("eta", self.eta))

    def __call__(self, progress: Progress) -> Any:
        if isinstance(self.eta, tuple):
            chosen = [self.eta[run] for run in progress.runs]
            return array_namespace(progress.distance).asarray(chosen)
        return self.eta


@dataclass(frozen=True)
class Schedule:
    """η_t from a list laid out beforehand; its last entry goes on for ever."""

    etas: Sequence[float]

    def __post_init__(self) -> None:
        if not hasattr(self.etas, "__len__") or len(self.etas) == 0:
            raise checks.refuse("etas", repr(self.etas), "a list of one step or more")
        object.__setattr__(self, "etas", tuple(checks.positive("etas", eta) for eta in self.etas))

    def __call__(self, progress: Progress) -> float:
        return self.etas[min(progress.iteration, len(self.etas) - 1)]


class AngleTable(NamedTuple):
    """Steps by the angle φ_t, for a device that decides by itself: at ⌈φ/(π/2) · last⌉, or at the first larger edge."""

    steps: Any
    edges: Any = None


class Tabled(NamedTuple):
    """All steps that a rule may take: by the iteration (rule 0), or by the angle (1, or 2 where edges are told).

    The rows of ``steps`` are the iterations' or the angles', the last for all beyond it; its columns the runs', or one.
    """

    rule: int
    steps: np.ndarray
    edges: Any = None


def by_angle(rule: Any) -> Tabled | None:
    """The table of a rule that looks at the distance alone, if it has one.

    >>> by_angle(Constant(0.5)), by_angle(Scaled(Schedule((0.5, 0.1)), 2.0))
    (None, None)
    """
    factor = 1.0
    while isinstance(rule, Scaled):
        factor, rule = rule.factor * factor, rule.rule
    found = getattr(rule, "table", None)
    if not isinstance(found, AngleTable):
        return None
    return Tabled(1 if found.edges is None else 2, found.steps[:, None] * factor, found.edges)


@dataclass(frozen=True)
class Admissible:
    """The adaptive step of Theorem 2.2: η_t = γ(φ_t) / (2 (L + 4β(φ_t))²), sin φ_t = ‖w_t − w*‖/‖w*‖.

    As γ(φ) rises while φ falls, so does the step. ``form="proof"`` doubles it to γ/(L + 4β)², where the theorem's own
    proof contracts fastest. Outside ‖w − w*‖ < ‖w*‖ the theorem admits nothing; the step at φ = π/2 is taken there.
    """

    law: AxisSymmetric
    form: Literal["paper", "proof"] = "paper"
    _curve: Curve = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.form not in ("paper", "proof"):
            raise checks.refuse("form", repr(self.form), "'paper' or 'proof'")
        if not isinstance(self.law, AxisSymmetric):
            raise checks.refuse("law", type(self.law).__name__, "axis-symmetric: its constants must be exact")
        object.__setattr__(self, "_curve", Curve(self.law))

    def __call__(self, progress: Progress) -> Any:
        xp = array_namespace(progress.distance)
        phi = xp.asin(xp.clip(progress.distance, 0.0, 1.0))
        return self._curve.step(phi) * (1.0 if self.form == "paper" else 2.0)

    @property
    def table(self) -> AngleTable:
        """All steps that it may take."""
        return AngleTable(self._curve.steps * (1.0 if self.form == "paper" else 2.0))


class Stepping(Protocol):
    """What knows the admissible step at an angle: a ``Curve`` of :mod:`theory.closeness`."""

    def step(self, angle: Any, form: Literal["paper", "proof"]) -> Any: ...


@dataclass(frozen=True)
class Along:
    """The adaptive step of Theorem 3.1: what a curve of the constants admits at φ_t, sin φ_t = ‖w_t − w*‖/‖w*‖.

    It is 0 where nothing is admissible. Outside ‖w − w*‖ < ‖w*‖ the step at φ = π/2 is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from theory import closeness, distributions
    >>> curve = closeness.curve(distributions.ClosePatches(dim=2, k=4, spread=0.3, closeness=0.1))
    >>> step = Along(curve)(Progress(0, np.array([0.1, 0.99])))
    >>> [float(eta) > 0 for eta in step]
    [True, False]
    """

    curve: Stepping
    form: Literal["paper", "proof"] = "paper"

    def __post_init__(self) -> None:
        if self.form not in ("paper", "proof"):
            raise checks.refuse("form", repr(self.form), "'paper' or 'proof'")
        if not hasattr(self.curve, "step"):
            raise checks.refuse("curve", repr(self.curve), "a curve of the constants, with a step at every angle")

    def __call__(self, progress: Progress) -> Any:
        xp = array_namespace(progress.distance)
        return self.curve.step(xp.asin(xp.clip(progress.distance, 0.0, 1.0)), self.form)

    @property
    def table(self) -> AngleTable | None:
        """All steps that it may take, if its curve has a table of them."""
        return AngleTable(*self.curve.table(self.form)) if hasattr(self.curve, "table") else None


@dataclass(frozen=True)
class Prescribed:
    r"""The constant step that Theorem 3.2 prescribes for ‖w_T − w*‖ ≤ ε‖w*‖ in mean square: η = ε²γ'‖w*‖²/B².

    From E‖w_{t+1} − w*‖² ≤ (1 − 2ηγ') E‖w_t − w*‖² + η²B² the floor is ηB²/(2γ') = ½ε²‖w*‖², and the start is forgotten
    to the other half when (1 − 2ηγ')^T ‖w₀ − w*‖² does not exceed it.

    Parameters
    ----------
    accuracy
        ε.
    gamma
        γ' = γ(φ₁) − 6 L_cross, or γ(φ₁) for one neuron.
    bound
        B, with ‖g‖ ≤ B.
    norm
        ‖w*‖.

    Raises
    ------
    BadInput
        If one of them is not positive, or 2ηγ' is 1 or more, where the bound no longer is one.

    Examples
    --------
    >>> rule = Prescribed(accuracy=0.1, gamma=0.1, bound=2.0)
    >>> round(rule.eta, 9), rule.steps(distance=0.5)
    (0.00025, 78239)
    """

    accuracy: float
    gamma: float
    bound: float
    norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("accuracy", "gamma", "bound", "norm"):
            object.__setattr__(self, name, checks.positive(name, getattr(self, name)))
        if 2 * self.eta * self.gamma >= 1:
            raise checks.refuse("accuracy", self.accuracy, "below B/(√2 γ'‖w*‖), so that 2ηγ' < 1")

    @property
    def eta(self) -> float:
        """η."""
        return self.accuracy**2 * self.gamma * self.norm**2 / self.bound**2

    def steps(self, distance: float) -> int:
        """T for a start at this distance, relative to ‖w*‖: the least with (1 − 2ηγ')^T distance² ≤ ½ε²."""
        excess = 2 * (checks.positive("distance", distance) / self.accuracy) ** 2
        return max(0, math.ceil(math.log(excess) / -math.log1p(-2 * self.eta * self.gamma)))

    def __call__(self, progress: Progress) -> float:
        return self.eta


@dataclass(frozen=True)
class Scaled:
    """Another rule's step times a factor."""

    rule: StepRule
    factor: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", checks.positive("factor", self.factor))

    def __call__(self, progress: Progress) -> Any:
        return self.rule(progress) * self.factor
