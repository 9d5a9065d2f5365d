"""Between the learned filter and the true one the loss stays low: they differ where the patches have no energy."""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from theory.claims import verdict
from theory.claims.claim import Cell, Claim, Evidence, Finding, Profile, Relation, Setting
from theory.claims.du2018 import PAPER

ELSEWHERE = "another filter instead of the true one"
ISOTROPIC = "a random direction of the same length"
SIZE, POINTS, DISTANCE = 5, 41, 0.8
SHARE, WIDER, MOST = 0.01, 0.1, 0.9
"""Share of the trace that the small eigenvalues make up, a wider one that is only reported, and the energy expected."""


def cells(profile: Profile) -> list[Cell]:
    starts, steps, images = (8, 500, 400) if profile == "quick" else (32, 2000, 10_000)
    return [Cell({"filter": name, "starts": starts, "steps": steps, "images": images}) for name in ("random", "gabor")]


def measure(cell: Cell, setting: Setting) -> Evidence:
    law = theory.problems.image_patches(setting.images, SIZE, int(cell.parameters["images"]))
    w_star = theory.problems.filter_named(str(cell.parameters["filter"]), SIZE, rng=setting.rng)
    loss = theory.objectives.ImageLoss(law, w_star)
    start = theory.problems.around(w_star, (DISTANCE,), int(cell.parameters["starts"]), rng=setting.rng)
    step, steps = theory.descent.Constant(1 / loss.curvature), int(cell.parameters["steps"])
    learned = theory.descent.descend(loss, start, step=step, steps=steps, tolerance=0.0, record=2).w
    difference = learned - w_star[:, None]
    lengths = np.linalg.norm(difference, axis=0) / np.linalg.norm(w_star)
    others = np.concatenate([theory.problems.around(w_star, (d,), 1, rng=setting.rng) for d in lengths], axis=1)
    elsewhere = learned + others - w_star[:, None]
    places = np.linspace(0.0, 1.0, POINTS)
    curves = [
        _curves(loss, learned, end, places) for end in (np.broadcast_to(w_star[:, None], learned.shape), elsewhere)
    ]
    moment = theory.problems.patch_moment(law)
    energy, fraction = theory.problems.energy_in_small(moment, difference, SHARE)
    wider, dimensions = theory.problems.energy_in_small(moment, difference, WIDER)
    control, _ = theory.problems.energy_in_small(moment, others - w_star[:, None], SHARE)
    findings = [
        *(_barrier(curve, name) for curve, name in zip(curves, ("", ELSEWHERE), strict=True)),
        _energy(energy, fraction, setting, "", {"in 10 %": float(wider.mean()), "dimensions of 10 %": dimensions}),
        _energy(control, fraction, setting, ISOTROPIC, {}),
    ]
    return Evidence(findings, _columns(places, curves, energy))


def _curves(loss: Any, starts: Any, ends: Any, places: Any) -> Any:
    """Relative loss along the segment from each start to its end, one column each."""
    pairs = zip(starts.T, ends.T, strict=True)
    return np.stack([2 * loss.value(theory.problems.segment(*pair, places)) / loss.power for pair in pairs], axis=1)


def _barrier(curve: Any, control: str) -> Finding:
    """The largest loss on the way over that at its beginning, for the run where it is largest."""
    worst = float(np.max(curve[1:] / curve[0]))
    details = {"mean loss at the beginning": float(curve[0].mean()), "largest on the way": float(curve[1:].max())}
    return Finding(1.0, worst, rounding=1e-9, form="barrier", control=control, details=details)


def _energy(energy: Any, fraction: float, setting: Setting, control: str, more: Any) -> Finding:
    low, high = verdict.bootstrap(energy, rng=setting.rng)
    details = {"fraction of the dimensions": fraction, "least": float(np.min(energy)), **more}
    mean = float(np.mean(energy))
    return Finding(MOST, mean, low, high, form="energy", relation=Relation.LOWER, control=control, details=details)


def _columns(places: Any, curves: Any, energy: Any) -> dict[str, Any]:
    starts = curves[0].shape[1]
    return {
        "start": np.tile(np.arange(starts), places.size),
        "a": np.repeat(places, starts),
        "relative": curves[0].ravel(),
        "elsewhere": curves[1].ravel(),
        "energy": np.tile(energy, places.size),
    }


CLAIM = Claim(
    key="du2018.interpolation",
    title="From the learned filter to the true one",
    relation=Relation.UPPER,
    statement=(
        "Patches of real images, 5×5 at stride 1; starts at distance 0.8 ‖w*‖. Form 'barrier': along (1 − a) w_learned "
        "+ a w*, 0 < a ≤ 1, the loss nowhere exceeds that of w_learned (predicted 1, measured the largest ratio over "
        "all runs). Form 'energy', its explanation: at least 0.9 of ‖w_learned − w*‖² lies in the span of those "
        "eigenvectors of the patches' second moment E[z zᵀ] whose eigenvalues, the smallest, make up 1 % of the trace "
        "(the mean over the starts, with bootstrap limits)."
    ),
    hypotheses=("none: an observation of the paper, not a theorem",),
    proof=(
        "While no patch changes sides the loss is (1 − a)² ℓ(w_learned) along the segment. Descent shrinks an error "
        "along an eigenvector in proportion to its eigenvalue, so what is left lies in the span of the small ones; 0.9 "
        "and 1 % were fixed beforehand."
    ),
    source=f"{PAPER}, experiments on the Gabor filter; the spectral explanation measured here",
    controls={
        ELSEWHERE: "from w_learned as far in a random direction: the loss must rise",
        ISOTROPIC: "a random vector as long as w_learned − w*: its energy must not be there",
    },
    cells=cells,
    measure=measure,
)
