"""What claims of every kind share: points as columns, and a measurement that could not be made."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from theory.claims.claim import Cell, Evidence, Finding, Setting

Measure = Callable[[Cell, Setting], Evidence]


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as equally long columns.

    >>> table([{"norm": 1.0, "angle": 0.5}, {"norm": 2.0, "angle": 0.25}])
    {'norm': [1.0, 2.0], 'angle': [0.5, 0.25]}
    """
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def lost(reason: object, **more: Any) -> Finding:
    """A finding without a number, hence INCONCLUSIVE, with the reason."""
    return Finding(math.nan, math.nan, details={"reason": str(reason)}, **more)


def excused(
    *errors: type[Exception], forms: Sequence[str] = ("",), controls: Sequence[str] = ()
) -> Callable[[Measure], Measure]:
    """A measurement that cannot be made, as without a solver, gives findings without a number: INCONCLUSIVE.

    ``errors`` are those that excuse it; their message is the ``reason`` of a finding for each of ``forms`` and of
    ``controls``.
    """

    def decorate(measure: Measure) -> Measure:
        @functools.wraps(measure)
        def measured(cell: Cell, setting: Setting) -> Evidence:
            try:
                return measure(cell, setting)
            except errors as error:
                own = [lost(error, form=form, control=cell.control) for form in forms]
                return Evidence([*own, *(lost(error, control=control) for control in controls)])

        return measured

    return decorate
