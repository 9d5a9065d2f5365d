"""What is wrong with learning the angle of a Gabor filter by descent, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from theory import checks
from theory.objectives.gabor.advice import Advice, advise
from theory.objectives.gabor.circle import Circle
from theory.objectives.gabor.filter import GaborFilter
from theory.objectives.gabor.landscape import Landscape, Maximum, Minimum, landscape
from theory.objectives.gabor.loss import GaborLoss
from theory.objectives.gabor.moments import WindowMoments, of_image

STEPS = 2000
"""Steps of descent that a start is followed for."""

SETTLED = 1e-10
"""A move of less, in radians, ends the descent."""

CLOSE = 0.01
"""Radians from a minimum or a maximum at which a run is said to be there: a tenth of the narrowest valleys' width."""

FARTHEST = 1e6
"""Radians of which rounding takes 1e-10: a truth is told to 1e-6."""

SEEN = "greater than 0; no angle is seen where γ = 1 and the wave is long, or where hardly a pixel is not 0"
"""What the curvature at the truth must be."""

LAST = 100
"""Angles at the end of a descent that must all lie about a truth, for it to be said to cycle there."""


@dataclass(frozen=True)
class Diagnosis:
    """All that was found; angles in radians, losses in the units of the loss that was asked about.

    Parameters
    ----------
    loss, truth, start, step, image
        What was asked: loss, θ*, θ₀, the constant step, and what the moments are of.
    gradient_error
        Largest difference between formula and complex-step derivative, relative to the largest derivative.
    minima, maxima, certain
        The landscape, and whether certainly nothing is missing from it.
    basin_share
        Part of the circle that drains into a truth.
    start_loss
        Loss at the start over the largest on the circle.
    start_basin
        The minimum into which gradient flow runs from the start.
    curvature
        ℓ''(θ*), for rmse that of its square.
    slope
        One-sided slope at the truth: 0 but for rmse, √(ℓ''/2) there.
    largest_step
        2/ℓ''(θ*); 0 for rmse, which has no stable step.
    restless_step
        Above this step descent can rest at no minimum, true or false: 2/ℓ'' at the flattest.
    can_converge
        Whether this loss converges to the truth at any constant step from anywhere but the truth.
    cycle
        Predicted jump of the cycle at the truth: step × slope; 0 where the truth is stable, None where no formula is
        known, as beyond the largest step.
    reaches
        Whether descent from the start, at this step, ends at a truth (for rmse: within its cycle about it).
    end, outcome
        Where it ended, and how: ``converged``, ``trapped``, ``balanced`` (on a maximum), ``cycles`` or ``moving``.
    starts_needed
        So many starts, evenly over the circle, that one of them surely drains into a truth.
    steps
        Steps that the start was followed for, at most.
    advice
        A sentence for each finding, and what to do.
    """

    loss: str
    image: str
    truth: float
    start: float
    step: float
    gradient_error: float
    minima: tuple[Minimum, ...]
    maxima: tuple[Maximum, ...]
    certain: bool
    basin_share: float
    start_loss: float
    start_basin: Minimum
    curvature: float
    slope: float
    largest_step: float
    restless_step: float
    can_converge: bool
    cycle: float | None
    reaches: bool
    end: float
    outcome: str
    starts_needed: int
    steps: int = STEPS
    advice: tuple[Advice, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self)


def diagnose(
    seen: WindowMoments | Any, truth: GaborFilter, *, start: float, step: float, loss: str = "rmse"
) -> Diagnosis:
    """Check the gradient, chart the circle, and say where descent from ``start`` at a constant ``step`` will end.

    Parameters
    ----------
    seen
        An image, or the moments of one or of a population: ``white(size)``, ``stationary(spectrum, size)``.
    truth
        The filter to be found; all but its angle is known.
    start, step
        θ₀ in radians, and the constant step.
    loss
        ``mse``, ``rmse`` or ``correlation``.

    Raises
    ------
    BadInput
        If the image is smaller than the filter, constant or not finite, the step is not positive, or so on.

    Examples
    --------
    >>> from theory.objectives.gabor import white
    >>> found = diagnose(white(15), GaborFilter(), start=-math.pi / 4, step=1e-3, loss="rmse")
    >>> found.can_converge, found.reaches, round(found.cycle, 3)
    (False, False, 0.021)
    """
    start, step = checks.finite("start", start), checks.positive("step", step)
    for name, angle in (("truth", truth.theta), ("start", start)):
        if abs(angle) > FARTHEST:
            raise checks.refuse(name, angle, f"within {FARTHEST:g} radians: of more the place is lost to rounding")
    moments = seen if isinstance(seen, WindowMoments) else of_image(seen, truth.size)
    circle = Circle([moments], truth, loss)
    if not circle.scale[0] > 0:
        raise checks.refuse("image", "such that the true filter answers with 0", "seen by the true filter")
    if not circle.curvature()[0] > 0:
        raise checks.refuse("the curvature at the truth", float(circle.curvature()[0]), SEEN)
    charted, predicted = landscape(circle), _predicted(circle, step)
    found = Diagnosis(
        loss=loss,
        image=moments.label,
        truth=truth.theta,
        start=start,
        step=step,
        gradient_error=float(gradient_errors(GaborLoss(moments, truth, loss)).max()),
        **_charted(circle, charted, start),
        **predicted,
        **_ended(circle, charted, start, step, predicted["cycle"]),
    )
    return replace(found, advice=advise(found))


def _charted(circle: Circle, chart: Landscape, start: float) -> dict[str, Any]:
    """What the landscape says of the start, and of any."""
    return {
        "minima": chart.minima,
        "maxima": chart.maxima,
        "certain": chart.certain,
        "basin_share": chart.share,
        "start_loss": float(circle.value(np.array([[start]]))[0, 0]) / chart.highest,
        "start_basin": chart.basin(start),
        "restless_step": chart.stable,
        "starts_needed": math.floor(2 * math.pi / max(one.width for one in chart.minima if one.true)) + 1,
    }


def _predicted(circle: Circle, step: float) -> dict[str, Any]:
    """What the curvature at the truth says of the loss and the step."""
    curvature, rooted = float(circle.curvature()[0]), circle.kind == "rmse"
    slope = math.sqrt(curvature / 2) if rooted else 0.0
    largest = 0.0 if rooted else 2 / curvature
    return {
        "curvature": curvature,
        "slope": slope,
        "largest_step": largest,
        "can_converge": not rooted,
        "cycle": step * slope if rooted else 0.0 if step < largest else None,
    }


def gradient_errors(loss: GaborLoss, points: int = 64, *, reference: Callable[..., Any] | None = None) -> Any:
    """Largest |formula − complex-step derivative| of each learned parameter, over its largest: at angles all round.

    The other parameters are drawn about those of the truth. Im ℓ(q + ih)/h has no difference in it, so h can be so
    small that the error is one of rounding. ``reference`` takes the place of :func:`complex_step`.

    >>> from theory.objectives.gabor import white
    >>> bool(gradient_errors(GaborLoss(white(15), GaborFilter()))[0] < 1e-12)
    True
    """
    rng = np.random.default_rng(0)
    w = np.repeat(loss.teacher[:, None], points, axis=1)
    w = w * (1 + 0.1 * rng.standard_normal(w.shape))
    if "theta" in loss.learned:
        w[loss.learned.index("theta")] = 0.1 + 2 * math.pi * np.arange(points) / points
    formula, exact = loss.gradient(w), (reference or complex_step)(loss.value, w)
    largest = np.max(np.abs(exact), axis=1)
    # Of the amplitude, which the correlation does not see, all derivatives are rounding.
    scale = np.where(largest > 1e-9 * largest.max(), largest, largest.max())
    return np.max(np.abs(exact - formula), axis=1) / scale


def central(value: Callable[[Any], Any], w: Any, h: float = 1e-6) -> Any:
    """∂ℓ/∂w row by row, (ℓ(w + h) − ℓ(w − h))/2h: off by some h² ℓ''' and by a rounding of ℓ over h.

    >>> central(lambda w: w[0] ** 2, np.array([[3.0]])).round(6).tolist()
    [[6.0]]
    """
    rows = []
    for row in range(w.shape[0]):
        step = np.zeros_like(w)
        step[row] = h
        rows.append((value(w + step) - value(w - step)) / (2 * h))
    return np.stack(rows)


def complex_step(value: Callable[[Any], Any], w: Any, tiny: float = 1e-30) -> Any:
    """∂ℓ/∂w row by row, Im ℓ(w + ih)/h.

    Source: Squire & Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 1998.

    >>> complex_step(lambda w: w[0] ** 2, np.array([[3.0]])).tolist()
    [[6.0]]
    """
    rows = []
    for row in range(w.shape[0]):
        moved = w.astype(complex)
        moved[row] += 1j * tiny
        rows.append(value(moved).imag / tiny)
    return np.stack(rows)


def _ended(circle: Circle, chart: Landscape, start: float, step: float, cycle: float | None) -> dict[str, Any]:
    """Where plain descent ends, and how."""
    last, moved = _follow(circle, start, step)
    end, off = last[-1], float(circle.off(np.array(last)).max())
    reaches = all(chart.basin(angle).true for angle in last) and off <= max(1e-6, 2 * (cycle or 0.0))
    if moved < SETTLED:
        outcome = "converged" if reaches else _stopped(chart, end)
    else:
        cycles = cycle is None or (reaches and cycle > 0) or step > chart.stable
        outcome = "cycles" if cycles else "moving"
    return {"end": end, "outcome": outcome, "reaches": reaches}


def _stopped(chart: Landscape, end: float) -> str:
    """What a run that hardly moves, away from the truth, is at; between minima and maxima its step is too small."""
    near = {
        name: min(abs(math.remainder(end - one.angle, 2 * math.pi)) for one in places)
        for name, places in (("trapped", chart.minima), ("balanced", chart.maxima))
    }
    nearest = min(near, key=lambda name: near[name])
    return nearest if near[nearest] < CLOSE else "moving"


def _follow(circle: Circle, start: float, step: float) -> tuple[list[float], float]:
    """The last angles, or the one where it settled, and the last move."""
    theta, path, move = np.array([[start]]), [start], math.inf
    for _ in range(STEPS):
        move = step * float(circle.gradient(theta)[0, 0])
        if not math.isfinite(move):
            raise checks.refuse("step", step, "so small that a step of descent is finite")
        # Of a huge angle the place on the circle is lost to rounding.
        theta = theta - move if abs(move) < math.pi else np.remainder(theta - move, 2 * math.pi)
        path.append(float(theta[0, 0]))
        if abs(move) < SETTLED:
            return path[-1:], abs(move)
    return path[-LAST:], abs(move)
