"""What a claim reads off a descent whose every iteration was recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from theory.descent.gradient import Descent, spaced


def guaranteed(run: Descent, contraction: Float[np.ndarray, "points runs"]) -> Float[np.ndarray, "points runs"]:
    """The relative distance that a contraction promised at every step guarantees: d₀ √Π (1 − c_s), s < t."""
    factors = np.sqrt(np.cumprod(np.maximum(1 - contraction[:-1], 0.0), axis=0))
    return run.distance[:1] * np.concatenate([np.ones_like(factors[:1]), factors])


def least(measured: Float[np.ndarray, "steps runs"], promised: Float[np.ndarray, "steps runs"]) -> tuple[int, int]:
    """(step, run) where measured/promised is least; NaN, which marks ended runs, is passed over.

    So is 0/0: a step of 0, of which nothing is promised.
    """
    with np.errstate(invalid="ignore"):
        place = np.unravel_index(np.nanargmin(measured / promised), measured.shape)
    return int(place[0]), int(place[1])


def tidy(run: Descent, *, points: int = 60, **columns: Any) -> dict[str, np.ndarray]:
    """One row for each of about ``points`` iterations (spaced logarithmically) of each run, until the run ends.

    ``columns`` are further arrays like ``run.distance``, or one value for all rows.
    """
    # Where not every iteration was recorded, neighbours of the wished ones may be the same: each is one row.
    places = np.unique(np.searchsorted(run.iterations, spaced(int(run.iterations[-1]), points)))
    alive = ~np.isnan(run.distance[places])
    point, which = np.nonzero(alive)
    place = places[point]
    arrays = {"distance": run.distance, "angle": run.angle, "loss": run.loss, "step": run.step}
    arrays |= {name: value for name, value in columns.items() if np.ndim(value)}
    constants = {name: np.full(place.size, value) for name, value in columns.items() if not np.ndim(value)}
    table = {name: value[place, which] for name, value in arrays.items()}
    return {"start": which, "iteration": run.iterations[place]} | table | constants
