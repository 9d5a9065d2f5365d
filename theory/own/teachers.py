"""The teacher w* of a user's own patches: given, estimated from labels, or directions drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.descent import Constant, descend
from theory.objectives import SampleLoss

GIVEN, ESTIMATED, RANDOM = "given", "estimated from the labels", "a random direction"

STARTS, STEPS, POLISHED, ROUNDS = 16, 300, 4, 50
"""Starts of a descent, its steps, how many of the best are polished, and for how many rounds at most."""

REALIZABLE = 1e-12
"""Relative loss up to which labels count as made by a filter: that of labels in float64, with room for the sum.
Those of a float32 file reach 1e-14."""


@dataclass(frozen=True)
class Teacher:
    """w*, where it comes from, and its mean squared error on the labels over their mean square (None: no labels)."""

    w: Float[np.ndarray, " p"]
    source: str
    residual: float | None = None

    @property
    def realizable(self) -> bool:
        """Whether the labels, if there are any, are those of this filter, as every theorem here assumes."""
        return self.residual is None or self.residual <= REALIZABLE


def find(
    z: Float[np.ndarray, "n k p"], w: Any, labels: Any, directions: int, *, rng: np.random.Generator
) -> list[Teacher]:
    """The given w*; else the filter of least loss on the labels; else so many random directions of norm 1.

    Raises
    ------
    BadInput
        If the labels are zero throughout, or no filter fits them better than none.
    """
    if labels is not None and not np.any(labels):
        raise checks.refuse("labels", "0 for every sample used", "different from 0 for one at least")
    if w is not None:
        return [Teacher(w, GIVEN, None if labels is None else relative_loss(z, w, labels))]
    if labels is not None:
        w = estimated(z, labels, rng=rng)
        return [Teacher(w, ESTIMATED, relative_loss(z, w, labels))]
    e = rng.standard_normal((checks.integer("directions", directions, least=1), z.shape[2]))
    return [Teacher(row / np.linalg.norm(row), RANDOM) for row in e]


def curvature(z: Float[np.ndarray, "n k p"]) -> float:
    """λ ≥ λ_max(E[uuᵀ]) for every w, u = (1/k) Σᵢ Zᵢ 1{w·Zᵢ ≥ 0}: |u| ≤ meanᵢ |Zᵢ| entry by entry."""
    v = np.mean(np.abs(z), axis=1)
    return float(np.linalg.eigvalsh(v.T @ v / len(z))[-1])


def relative_loss(z: Float[np.ndarray, "n k p"], w: Float[np.ndarray, " p"], labels: Any) -> float:
    """Σ (f(w, Zₙ) − yₙ)² / Σ yₙ².

    >>> relative_loss(np.array([[[1.0, 0.0]]]), np.array([1.0, 0.0]), np.array([2.0]))
    0.25
    """
    return float(np.sum((np.mean(np.maximum(z @ w, 0.0), axis=1) - labels) ** 2) / np.sum(labels**2))


def estimated(
    z: Float[np.ndarray, "n k p"], labels: Float[np.ndarray, " n"], *, rng: np.random.Generator
) -> Float[np.ndarray, " p"]:
    """The filter of least loss that descent from random starts, and Newton's method from the best ends, have found.

    Nothing certifies that there is none better: the residual says how well it fits.

    Raises
    ------
    BadInput
        If every descent ended at w = 0 or above the loss there.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z, w = rng.standard_normal((200, 2, 3)), np.array([1.0, -2.0, 0.5])
    >>> np.round(estimated(z, np.maximum(z @ w, 0).mean(axis=1), rng=rng), 9).tolist()
    [1.0, -2.0, 0.5]
    """
    lam = curvature(z)
    if lam == 0:
        raise checks.refuse("samples", "zero throughout", "different from zero somewhere")
    e = rng.standard_normal((z.shape[2], STARTS))
    # As long as the labels are beside the patches: E f² = ½ ‖w‖² for k = 1 and white patches of unit variance.
    size = np.sqrt(2 * np.mean(labels**2) / max(lam, 1e-300))
    start = size * e / np.linalg.norm(e, axis=0)
    loss = SampleLoss(z, start[:, 0])
    loss.labels = np.asarray(labels, dtype=np.float64)
    run = descend(loss, start, step=Constant(1 / lam), steps=STEPS, tolerance=0.0, stationary=0.0, record=2)
    order = np.argsort([relative_loss(z, w, labels) for w in run.w.T], kind="stable")[:POLISHED]
    best = min((_polished(z, run.w[:, i], labels) for i in order), key=lambda w: relative_loss(z, w, labels))
    if not (np.any(best) and relative_loss(z, best, labels) < 1):
        raise checks.refuse("labels", "fitted by no filter better than by 0", "those of a ReLU filter; give a teacher")
    return best


def _polished(z: Any, w: Any, labels: Any) -> Any:
    """Least squares with the active patches of w, again and again for as long as the loss falls."""
    lowest = relative_loss(z, w, labels)
    for _ in range(ROUNDS):
        u = np.mean(z * (z @ w >= 0)[:, :, None], axis=1)
        trial = np.linalg.lstsq(u, labels, rcond=None)[0]
        loss = relative_loss(z, trial, labels)
        if not loss < lowest:
            break
        w, lowest = trial, loss
    return w
