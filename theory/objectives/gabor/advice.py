"""Plain sentences for what a diagnosis found, each with what to do about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theory.objectives.gabor.diagnose import Diagnosis

EXACT = 1e-10
"""Error of a gradient, relative to the largest on the circle, that counts as rounding."""


@dataclass(frozen=True)
class Advice:
    """One finding: what was looked at, whether it is as one would wish, a sentence, and what to do."""

    name: str
    good: bool
    sentence: str
    remedy: str


def advise(found: Diagnosis) -> tuple[Advice, ...]:
    """On the gradient, the landscape, the start, the loss, the step, and the run."""
    makers = (_about_gradient, _about_landscape, _about_start, _about_loss, _about_step, _about_run)
    return tuple(maker(found) for maker in makers)


def _degrees(angle: float) -> str:
    return f"{math.degrees(angle):.1f}°"


def _about_gradient(found: Diagnosis) -> Advice:
    error, good = found.gradient_error, found.gradient_error <= EXACT
    told = "is right" if good else "is wrong"
    return Advice(
        "gradient",
        good,
        f"The derivative {told}: it differs from the complex-step derivative by {error:.1e} of the largest.",
        "Look elsewhere for the cause." if good else "Correct the formula before anything else.",
    )


def _about_landscape(found: Diagnosis) -> Advice:
    false = sum(not one.true for one in found.minima)
    share, good = found.basin_share, false == 0
    return Advice(
        "landscape",
        good,
        f"Around the circle the loss has {len(found.minima)} minima, {false} of them false; "
        f"{share:.0%} of all angles drain into the truth.",
        "Any start will do."
        if good
        else f"Start from {found.starts_needed} angles, spread evenly over the circle, and keep the best; or go "
        "through the disc, or from a broad bandwidth to the true one.",
    )


def _about_start(found: Diagnosis) -> Advice:
    basin, good = found.start_basin, found.start_basin.true
    where = "the truth" if good else f"the false minimum at {_degrees(basin.angle)}"
    return Advice(
        "start",
        good,
        f"The start, {_degrees(found.start)}, has {found.start_loss:.0%} of the largest loss, and lies in the "
        f"basin of {where}.",
        "Keep it." if good else "Small steps end in the false minimum: start in another basin.",
    )


def _about_loss(found: Diagnosis) -> Advice:
    if found.can_converge:
        return Advice("loss", True, "The loss is smooth at the truth: its gradient vanishes there.", "Keep it.")
    return Advice(
        "loss",
        False,
        f"A root has a kink at its minimum: its slope is ±{found.slope:.3g} on either side of the truth, so at a "
        f"constant step θ ends in jumps of {_degrees(found.cycle or 0.0)} (step × slope). Momentum does not cure it.",
        "Take the mean squared error, without the root, or let the step decay to 0.",
    )


def _about_step(found: Diagnosis) -> Advice:
    step, largest = found.step, found.largest_step
    if not found.can_converge:
        return Advice(
            "step",
            False,
            f"No constant step is small enough for this loss{_where_it_rests(found)}.",
            f"With the mean squared error, stay below 2/ℓ'' = {2 / found.curvature:.3g}.",
        )
    good = step < largest
    return Advice(
        "step",
        good,
        f"The step, {step:.3g}, is {'below' if good else 'not below'} 2/ℓ''(θ*) = {largest:.3g}, where the truth "
        "ceases to be stable.",
        "Keep it." if good else f"Take {largest / 2:.3g} = 1/ℓ''(θ*), or less.",
    )


def _where_it_rests(found: Diagnosis) -> str:
    """Of a root."""
    limit = found.restless_step
    if limit == 0:
        return ", and it has no false minimum where descent could rest"
    if found.step > limit:
        return f", and above {limit:.3g} no false minimum is stable either: θ is thrown about for ever"
    return f". {found.step:.3g} is below {limit:.3g}, so descent can rest in a false minimum"


def _about_run(found: Diagnosis) -> Advice:
    told = {
        "converged": "converges to the truth",
        "trapped": "comes to rest in a false minimum",
        "balanced": "stays at a maximum, where the derivative vanishes",
        "cycles": "cycles for ever" + (" about the truth" if found.reaches else ""),
        "moving": f"is still moving after {found.steps} steps",
    }[found.outcome]
    good = found.outcome == "converged"
    return Advice(
        "run",
        good,
        f"Descent from this start at this step {told}, at {_degrees(found.end)}.",
        "Nothing need be done." if good else "Follow the advice above, first on the start, then on loss and step.",
    )
