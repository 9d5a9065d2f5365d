"""The Gabor question in words: a diagnosis, and which kernels look like Gabor filters; 80 columns, or JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from theory.runs.document import dumps, finite

if TYPE_CHECKING:
    from theory.objectives.gabor import Diagnosis, Fits, GaborFilter

_WIDTH = 80
_NAMES = 11
"""Columns that the name of a finding takes, with its mark."""

_CAUTION = (
    "Of white noise, less than one kernel in a thousand has so large an R². Of smooth noise many have: where all "
    "kernels are smooth, R² says less than it seems to. The filter is centred in the kernel; one that sits elsewhere "
    "fits badly."
)

_COLUMNS = "array                      size   kernels   Gabor-like     median R²   threshold"
_EACH = " kernel      R²    blob's        θ      λ       σ       γ       ψ        A"


def diagnosis(image: str, truth: GaborFilter, found: Diagnosis) -> str:
    """What was asked, the landscape, and every finding with what to do about it."""
    shape = f"λ = {truth.wavelength:g}, σ = {truth.sigma:g}, γ = {truth.gamma:g}, ψ = {math.degrees(truth.psi):g}°"
    asked = [
        f"Learning the angle of a Gabor filter by descent: {found.loss} on {_tail(image, 20)}",
        "",
        f"filter   {truth.size}x{truth.size}, {shape}; the truth is {math.degrees(truth.theta):g}°",
        f"descent  from {math.degrees(found.start):g}°, at the constant step {found.step:.4g}",
        "",
    ]
    findings = (line for one in found.advice for line in _advice(one))
    return "\n".join([*asked, *_landscape(found), "", *findings]).rstrip()


def _landscape(found: Diagnosis) -> Iterator[str]:
    highest = max(one.loss for one in found.maxima)
    yield "minimum     loss/largest   drains from"
    for one in found.minima:
        # Rounding below 1e-6 of the largest: that of √ℓ where ℓ is a difference.
        loss = one.loss / highest if one.loss > 1e-6 * highest else 0.0
        left, right = math.degrees(one.left), math.degrees(one.right)
        share = f"{left:6.1f}° to {right:6.1f}°"
        yield f"{math.degrees(one.angle):6.1f}°     {loss:12.3f}   {share}   {'the truth' if one.true else 'false'}"
    if not found.certain:
        yield "(there may be more)"


def _advice(one: Any) -> Iterator[str]:
    name = f"{'ok' if one.good else '!!'} {one.name}".ljust(_NAMES + 3)
    yield from textwrap.wrap(one.sentence, _WIDTH, initial_indent=name, subsequent_indent=" " * len(name))
    yield from textwrap.wrap(one.remedy, _WIDTH, initial_indent=" " * len(name), subsequent_indent=" " * len(name))
    yield ""


def document(image: str, truth: GaborFilter, found: Diagnosis) -> str:
    """All of a diagnosis as JSON; angles in radians."""
    return dumps(finite({**found.as_dict(), "source": image, "filter": asdict(truth)}))


def gaborness(file: Path, found: Mapping[str, tuple[Any, Fits | None]], each: bool) -> str:
    """A line for each array, and if ``each`` one for every kernel; a caution."""
    lines = [f"Gabor filters among the kernels of {_tail(file.name, 40)}", "", _COLUMNS]
    for name, (places, fits) in found.items():
        lines.append(_line(name, fits))
        if each and fits is not None:
            lines += [_EACH, *_kernels(places, fits)]
    return "\n".join([*lines, "", *textwrap.wrap(_CAUTION, _WIDTH)])


def _line(name: str, fits: Fits | None) -> str:
    if fits is None:
        return f"{_short(name)}  every kernel is constant"
    called, n = int(fits.gaborlike.sum()), fits.r2.size
    part = f"{called} ({called / n:.0%})"
    size = f"{fits.size}x{fits.size}"
    return f"{_short(name)} {size:>5} {n:9d}   {part:>10} {np.median(fits.r2):13.3f} {_threshold(fits):11.3f}"


def _short(name: str) -> str:
    return _tail(name, 25).ljust(25)


def _tail(name: str, most: int) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _threshold(fits: Fits) -> float:
    from theory.objectives.gabor import threshold

    return threshold(fits.size)


def _kernels(places: Any, fits: Fits) -> Iterator[str]:
    for i, place in enumerate(places):
        theta, wavelength, sigma, gamma, psi, amplitude = fits.parameters[:, i]
        shape = f"{math.degrees(theta):7.0f}° {wavelength:6.2f} {sigma:7.2f} {gamma:7.2f} {math.degrees(psi):6.0f}°"
        told = " Gabor" if fits.gaborlike[i] else ""
        yield f"{place:7d} {fits.r2[i]:7.3f} {fits.blob_r2[i]:9.3f} {shape} {amplitude:8.2g}{told}"


def gaborness_document(file: Path, found: Mapping[str, tuple[Any, Fits | None]]) -> str:
    """All fits as JSON, array by array, a list for every parameter; angles in radians."""
    return dumps(finite({"file": str(file), "arrays": {name: _document(*one) for name, one in found.items()}}))


def _document(places: Any, fits: Fits | None) -> dict[str, Any]:
    from theory.objectives.gabor import PARAMETERS

    if fits is None:
        return {"kernels": 0, "gaborlike": 0}
    return {
        "size": fits.size,
        "kernels": fits.r2.size,
        "gaborlike": int(fits.gaborlike.sum()),
        "threshold": _threshold(fits),
        "each": {
            "kernel": places,
            "gaborlike": fits.gaborlike,
            "r2": fits.r2,
            "blob_r2": fits.blob_r2,
            **dict(zip(PARAMETERS, fits.parameters, strict=True)),
        },
    }
