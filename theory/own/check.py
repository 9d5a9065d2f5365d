"""The check of a user's own patches, as plain data."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import theory
from theory import checks
from theory.objectives import SampleLoss
from theory.own.coverage import ANGLES, Constants, Coverage, constants, practical, rate, theorems, wide
from theory.own.descents import Run, anywhere, bold, prescribed
from theory.own.files import Samples, drawn, labels_of, teacher_of, whole
from theory.own.streamed import sharpened, streamed
from theory.own.teachers import Teacher, find

MOST, PATCHES, FEW = 1 << 22, 20_000, 4_000
"""Entries of the sample that is used, its patches in the plane, and in more dimensions, where a search costs more."""

WIDE = 0.9
"""φ of the bold descent where no theorem covers the sample."""


@dataclass(frozen=True)
class Options:
    """What a check is made with: see the command."""

    angle: float | None = None
    accuracy: float = 0.01
    steps: int = 5000
    starts: int = 8
    directions: int = 3
    most: int | None = None
    budget: int = 64
    seed: int = 0

    def checked(self) -> Options:
        """The same, after making sure that every one is in its range.

        Raises
        ------
        BadInput
            If one is not.
        """
        least = {"steps": 1, "starts": 1, "directions": 1, "budget": 1, "seed": 0} | ({"most": 1} if self.most else {})
        for name, bound in least.items():
            checks.integer(name, getattr(self, name), least=bound)
        if self.most is not None:
            checks.integer("most", self.most, least=1)
        accuracy = checks.positive("accuracy", self.accuracy)
        if self.angle is not None:
            checks.angle("angle", self.angle)
        lowest = min(self.angles(2))
        if not accuracy < math.sin(lowest):
            raise checks.refuse("accuracy", accuracy, f"below sin φ = {math.sin(lowest):.3g}, where the runs start")
        return self

    def angles(self, p: int) -> tuple[float, ...]:
        """The angles at which the constants are bracketed."""
        return (*ANGLES, wide(p)) if self.angle is None else (self.angle,)


def check(
    samples: Path, labels: Path | None = None, teacher: Path | None = None, options: Options | None = None
) -> dict[str, Any]:
    """What the theorems of Du, Lee & Tian (2018) say about the patches in a file, and what descent does on them.

    Parameters
    ----------
    samples
        A ``.npy`` file of shape (n, p), one neuron, or (n, k, p), k patches that share a filter. It is mapped into
        memory and read in blocks; a sample of it, drawn without replacement, is what the constants are of.
    labels
        A ``.npy`` file of shape (n,): what the teacher answers. The teacher is estimated from it, if none is given.
    teacher
        A ``.npy`` file of shape (p,), w*.

    Returns
    -------
    The document: ``samples``, ``options``, one of ``teachers`` each with its constants, theorems and descents, and
    whether every promise was ``kept``.

    Raises
    ------
    BadInput
        If a file cannot be read, is not of its shape, or an option is out of its range.
    """
    began, options = time.perf_counter(), (options or Options()).checked()
    data = Samples.open(samples)
    n, k, p = data.shape
    # Streams of their own: more directions do not change the sample, nor more starts the directions.
    rows, found, starts = (np.random.default_rng(s) for s in np.random.SeedSequence(options.seed).spawn(3))
    w = None if teacher is None else teacher_of(teacher, p)
    answers = None if labels is None else labels_of(labels, n)
    used = drawn(n, _most(options, k, p), rng=rows)
    y = None if answers is None else checks.array("labels", np.asarray(answers[used], dtype=float), np, ndim=(1,))
    everything, z = whole(data), _taken(data, used)
    teachers = find(z, w, y, options.directions, rng=found)
    reports = [_about(z, each, options, everything.largest_norm, starts) for each in teachers]
    if len(z) < n:
        _add_whole(reports, data, teachers, options, everything.closeness)
    return {
        "samples": _about_file(data, len(z)) | asdict(everything),
        "labels": None if labels is None else str(labels),
        "options": {**asdict(options), "angles": list(options.angles(p))},
        "teachers": reports,
        "kept": all(each["kept"] for each in reports),
        "version": theory.__version__,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _taken(data: Samples, used: Any) -> Any:
    """The samples used, some of which must not be zero."""
    z = data.take(used)
    if not np.any(z):
        raise checks.refuse("samples", f"{data.path}, zero in the {len(z)} samples used", "different from zero there")
    return z


def _about_file(data: Samples, used: int) -> dict[str, Any]:
    """What was read, and how much of it is used."""
    n, k, p = data.shape
    how = None if used == n else f"{used} of {n}, without replacement"
    shape = {"n": n, "k": k, "p": p, "dtype": str(data.array.dtype)}
    return {"file": str(data.path), **shape, "used": used, "drawn": how}


def _most(options: Options, k: int, p: int) -> int:
    """How many samples are used at most."""
    if options.most is not None:
        return options.most
    return max(1, min((PATCHES if p == 2 else FEW) // k, MOST // (k * p)))


def _about(z: Any, teacher: Teacher, options: Options, reach: float, rng: Any) -> dict[str, Any]:
    """All about one teacher."""
    angles = options.angles(z.shape[2])
    (counted,) = streamed([z], [teacher.w], angles, options.accuracy, math.nan)
    searched = [constants(z, teacher.w, phi, options.accuracy, options.budget) for phi in angles]
    found = [sharpened(one, other) for one, other in zip(searched, counted, strict=True)]
    stated = theorems(found, z.shape, reach, options.accuracy, teacher.realizable)
    best = practical(found, options.accuracy, options.steps) if teacher.realizable else None
    runs = _runs(z, teacher, best, options, rng)
    first = runs.get("prescribed")
    return {
        "w": teacher.w.tolist(),
        "source": teacher.source,
        "residual": teacher.residual,
        "realizable": teacher.realizable,
        "constants": [_plain(each, options.accuracy) for each in found],
        "theorems": [asdict(each) for each in stated],
        "descents": {name: asdict(run) for name, run in runs.items()},
        "kept": first is None or bool(first.kept),
        "summary": _summary(teacher, stated, best, runs, options),
    }


def _add_whole(
    reports: Sequence[dict[str, Any]], data: Samples, teachers: Sequence[Teacher], options: Options, rho: float
) -> None:
    """To what is said of a sample from a file, what is certain of the whole file."""
    _, k, p = data.shape
    blocks = (z for z, _ in data.blocks())
    wholes = streamed(blocks, [each.w for each in teachers], options.angles(p), options.accuracy, rho)
    for report, found, teacher in zip(reports, wholes, teachers, strict=True):
        stated = rate(found, k, options.accuracy, teacher.realizable)
        constants = [_plain(each, options.accuracy) for each in found]
        report["whole_file"] = {"constants": constants, "theorems": [asdict(stated)]}
        covers = f"covers it up to φ = {stated.angle:g}" if stated.covers else "may not cover it"
        report["summary"].append(f"The whole file, by one pass without a search: Theorem {stated.theorem} {covers}.")


def _runs(z: Any, teacher: Teacher, best: Constants | None, options: Options, rng: Any) -> dict[str, Run]:
    """The descents, each on the labels that the teacher gives."""
    loss, given = SampleLoss(z, teacher.w), {"limit": options.steps, "starts": options.starts, "rng": rng}
    phi = best.angle if best else options.angle or WIDE
    runs = {}
    if best:
        runs["prescribed"] = prescribed(loss, phi, best.step, best.contraction, options.accuracy, **given)
    runs["bold"] = bold(loss, phi, options.accuracy, **given)
    runs["anywhere"] = anywhere(loss, options.accuracy, **given)
    return runs


def _plain(found: Constants, accuracy: float) -> dict[str, Any]:
    """The constants in JSON's terms, with the step and the number of steps that they give."""
    brackets = {name: list(asdict(getattr(found, name)).values()) for name in ("gamma", "L", "beta", "cross", "mu")}
    derived = {"margin": found.margin, "step": found.step, "contraction": found.contraction}
    angles = {"angle": found.angle, "closeness": found.closeness, "gamma_bound": found.gamma_bound}
    return angles | brackets | derived | {"steps": found.steps(accuracy)}


def _summary(
    teacher: Teacher, stated: Sequence[Coverage], best: Constants | None, runs: Mapping[str, Run], options: Options
) -> list[str]:
    """What there is to know, in sentences."""
    names = ", ".join(each.theorem for each in stated if each.covers) or "none"
    lines = [f"Theorems that cover these patches: {names}."]
    if not teacher.realizable:
        lines.append(
            f"The labels are not those of a filter: {teacher.residual:.3g} of their square is left, so that nothing is "
            "promised on them; the runs below are on the labels of the estimate itself."
        )
    elif not best:
        lines.append(f"Theorem {stated[0].theorem} does not: {stated[0].why}.")
    if best:
        first, total = runs["prescribed"], best.steps(options.accuracy)
        lines.append(
            f"From within {math.sin(best.angle):.3g} ‖w*‖ (φ = {best.angle:g}) the step {best.step:.3g} needs at most "
            f"{total:,.0f} steps to {options.accuracy:g} ‖w*‖; {_arrival(first)}; the promise was "
            f"{'kept' if first.kept else 'BROKEN'} at every record (slack {first.slack:.3g})."
        )
    second, third = runs["bold"], runs["anywhere"]
    lines.append(f"With the bold step {second.step:.3g}, which no theorem has, {_arrival(second)}.")
    lines.append(f"From starts uniform in a ball around 0, {_arrival(third)}.")
    return lines


def _arrival(run: Run) -> str:
    """How many runs arrived, and in how many steps."""
    arrived = f"{run.arrived} of {run.starts} arrived within {run.limit:,} steps"
    if not run.steps:
        return arrived
    least, _, most = run.steps
    return f"{arrived}, in {least:,}" if least == most else f"{arrived}, in {least:,} to {most:,}"
