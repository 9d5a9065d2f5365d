"""Figure 4: the learned filter looks like the true one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import theory
from theory.claims import images
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

PERMUTED = "permuted pixels"
ALIKE, RADIUS, RESTARTS, TRIAL = 0.9, 0.05, 4, 20
"""The cosine that counts as looking alike; the radius of the ball of starts over ‖w*‖; how many starts are tried, and
for which part of the steps."""


class _Pair(NamedTuple):
    true: Any
    learned: Any
    relative: float
    gradient: float
    earlier: float


def cells(profile: Profile) -> list[Cell]:
    teachers, steps, most = (6, 2000, 2000) if profile == "quick" else (6, 20_000, 2500)
    return [
        Cell({"filter": name, "teachers": teachers, "steps": steps, "images": most}) for name in ("random", "gabors")
    ]


def measure(cell: Cell, setting: Setting) -> Evidence:
    law = images.patches(cell, setting)
    pairs = [_learn(cell, setting, law) for _ in range(int(cell.parameters["teachers"]))]
    findings = [_cosine(pair, setting, control) for control in ("", PERMUTED) for pair in pairs]
    return Evidence(findings, _columns(pairs, law.grid.filter_size[0]))


def _learn(cell: Cell, setting: Setting, law: Any) -> _Pair:
    """From the best of a few starts in a small ball around 0, which is found by its loss after a part of the steps."""
    loss = theory.objectives.ImageLoss(law, images.teacher(cell, law, setting))
    radius, steps = RADIUS * float(np.linalg.norm(loss.teacher)), int(cell.parameters["steps"])
    start = theory.problems.in_ball(RESTARTS, loss.dim, rng=setting.rng, radius=radius)
    tried = images.descend(loss, start, steps // TRIAL)
    best = tried.w[:, int(np.argmin(tried.loss[-1]))]
    run = images.descend(loss, best, steps - steps // TRIAL)
    slope = np.linalg.norm(loss.gradient(run.w[:, 0])) / np.linalg.norm(loss.gradient(0 * loss.teacher))
    earlier = float(theory.problems.cosine(best[:, None], loss.teacher[:, None])[0])
    return _Pair(loss.teacher, run.w[:, 0], float(loss.relative(run.loss[-1, 0])), float(slope), earlier)


def _cosine(pair: _Pair, setting: Setting, control: str) -> Finding:
    learned = setting.rng.permutation(pair.learned) if control else pair.learned
    measured = float(theory.problems.cosine(learned[:, None], pair.true[:, None])[0])
    details = {
        "relative loss": pair.relative,
        "gradient over that at 0": pair.gradient,
        "cosine after a twentieth of the steps": pair.earlier,
        **images.gaborness(learned[:, None]),
        "Gabor R² of the true filter": images.gaborness(pair.true[:, None])["Gabor R²"],
    }
    return Finding(ALIKE, measured, rounding=1e-12, control=control, details=details)


def _columns(pairs: list[_Pair], size: int) -> dict[str, Any]:
    """One row a pixel, teacher after teacher."""
    row, column = np.divmod(np.arange(size * size), size)
    true, learned = (np.stack(filters, axis=1) for filters in list(zip(*pairs, strict=True))[:2])
    return {
        "pair": np.repeat(np.arange(len(pairs)), size * size),
        "row": np.tile(row, len(pairs)),
        "column": np.tile(column, len(pairs)),
        "true": true.T.ravel(),
        "learned": learned.T.ravel(),
        "cosine": np.repeat(theory.problems.cosine(learned, true), size * size),
        "relative": np.repeat([pair.relative for pair in pairs], size * size),
    }


CLAIM = Claim(
    key="du2018.fig4",
    title="The learned filter beside the true one (Figure 4)",
    relation=Relation.LOWER,
    statement=(
        "Patches of real images at stride 1; teachers with entries N(0, 1), and Gabor filters with θ and ψ drawn "
        "evenly; four starts uniform in the ball of radius 0.05 ‖w*‖ around 0, of which that with the lowest loss "
        "after a twentieth of the steps goes on, step 1/λ. The learned filter looks like the true one: cos ∠(w, w*) is "
        "at least 0.9, for every teacher. The details say how much of the learned filter a Gabor filter explains (R²), "
        "and how much of white noise of that size it reaches in less than one in a thousand."
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof=(
        "A cosine, exact up to rounding; 0.9 was fixed beforehand. Where it fails with a small loss, the pooling is to "
        "blame as well: f(w, Z) − f(−w, Z) = w·meanᵢ Zᵢ, so a filter nearly orthogonal to the mean patch, such as an "
        "odd Gabor filter, cannot be told from its negative."
    ),
    source=f"{PAPER}, Figure 4",
    controls={PERMUTED: "the pixels of the learned filter permuted: it must not look like the true one"},
    cells=cells,
    measure=measure,
    version=2,
)
