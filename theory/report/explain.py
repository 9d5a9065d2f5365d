"""A claim in full, as text: what it states, why its constants are right, how it is checked, where its code is."""

from __future__ import annotations

import functools
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from theory.claims.claim import Claim, Profile

_WIDTH = 80
_INDENT = "    "


def explain(claim: Claim) -> str:
    """The claim's statement, hypotheses, proof, source, controls, relation, version, grids and code."""
    sections = [
        ("Statement", claim.statement),
        ("Hypotheses", _listed(claim.hypotheses)),
        ("Relation", f"{claim.relation}: {MEANING[claim.relation]}"),
        ("Proof of the constants", claim.proof),
        (
            "Controls, each of which must be refuted",
            _listed(f"{name}: {text}" for name, text in claim.controls.items()),
        ),
        ("Grid", "\n".join(_grid(claim, profile) for profile in get_args(Profile))),
        ("Source", claim.source),
        ("Code", f"{location(claim)} (version {claim.version})"),
    ]
    title = f"{claim.key}: {claim.title}"
    return "\n\n".join([_wrapped(title, ""), *(f"{name}\n{_wrapped(text, _INDENT)}" for name, text in sections)])


MEANING = {
    "TIGHT": "measured = predicted, within the stated uncertainty",
    "UPPER": "measured ≤ predicted",
    "LOWER": "measured ≥ predicted",
    "EXPONENT": "the fitted exponent = the predicted one",
    "ORDER": "the rank correlation exceeds the predicted one",
}


def _listed(items: Any) -> str:
    return "\n".join(f"- {item}" for item in items) or "none"


def _wrapped(text: str, indent: str) -> str:
    """Long lines broken, short ones and empty ones left where the author put them."""
    return "\n".join(_lines(inspect.cleandoc(text), indent))


def _lines(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        hanging = indent + ("  " if line.startswith("- ") else "")
        yield textwrap.fill(line, _WIDTH, initial_indent=indent, subsequent_indent=hanging, break_on_hyphens=False)


def _grid(claim: Claim, profile: Profile) -> str:
    cells = claim.cells(profile)
    controls = sum(bool(cell.control) for cell in cells)
    return f"{profile}: {len(cells)} cells, {controls} of them for controls"


def location(claim: Claim) -> str:
    """``path:line`` of the claim: where its module says ``CLAIM``, or else of the function that measures it."""
    for function in (claim.cells, claim.measure):
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        if module is not None and getattr(module, "CLAIM", None) is claim and module.__file__:
            return f"{module.__file__}:{_line_of_claim(Path(module.__file__))}"
    return _line_of_function(claim.measure)


def _line_of_claim(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith("CLAIM")), 1)


def _line_of_function(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
