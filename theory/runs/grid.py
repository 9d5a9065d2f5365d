"""The grid of a sweep as data: a cross product of axes, on each of which one parameter moves, or several together.

An axis takes the place of those parameters in the claim's own cells; what it does not name stays as the claim has it.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory.checks import BadInput, integer, refuse
from theory.claims.claim import Cell, Claim, Profile, Value
from theory.runs.streams import plain

Point = Mapping[str, Value]

_ENTRIES = ("over", "tied", "repetitions")


@dataclass(frozen=True)
class Grid:
    """Axes, each a tuple of points, and how often each cell is measured. A point gives its parameters their values.

    >>> Grid((({"dim": 2}, {"dim": 5}), ({"runs": 8, "steps": 100}, {"runs": 16, "steps": 50})), repetitions=3)
    Grid(axes=(({'dim': 2}, {'dim': 5}), ({'runs': 8, 'steps': 100}, {'runs': 16, 'steps': 50})), repetitions=3)
    """

    axes: tuple[tuple[Point, ...], ...] = ()
    repetitions: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.repetitions, bool):
            raise refuse("repetitions", self.repetitions, "a whole number, at least 1")
        integer("repetitions", self.repetitions, least=1)
        names = [name for axis in self.axes for name in (axis[0] if axis else ())]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise refuse("over", twice[0], "on one axis only")
        for axis in self.axes:
            _check_axis(axis)

    def __or__(self, other: Grid) -> Grid:
        """The product of both, repeated as often as both say."""
        return Grid(self.axes + other.axes, self.repetitions * other.repetitions)


def _check_axis(axis: tuple[Point, ...]) -> None:
    if not axis or not axis[0]:
        raise refuse("over", "an axis without values", "at least one value of at least one parameter")
    names = ",".join(axis[0])
    if any(list(point) != list(axis[0]) for point in axis):
        raise refuse("over", names, "as many values of each parameter that is tied to it")
    _check_once(axis)


def _check_once(axis: Sequence[Point]) -> None:
    written = [_written(point) for point in axis]
    if twice := next((point for point, text in zip(axis, written, strict=True) if written.count(text) > 1), None):
        raise refuse("over", " ".join(f"{name}={value}" for name, value in twice.items()), "there once")


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


# -------------------------------------------------------------------------------------------------------------- reading


def read(path: Path) -> Grid:
    """The grid in a TOML file: tables ``over`` and ``tied``, and ``repetitions``.

    Each entry of ``[over]`` is an axis; each ``[[tied]]`` is one axis, along which all of its entries move together.

    Raises
    ------
    BadInput
        If the file cannot be read, or something else is in it.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise refuse("grid", f"{path} ({reason})", "a TOML file") from None
    if unknown := sorted(set(content).difference(_ENTRIES)):
        raise refuse("grid", f"{path} with {', '.join(unknown)} in it", f"of {', '.join(_ENTRIES)} only")
    over, tied = content.get("over", {}), content.get("tied", [])
    if not isinstance(over, dict) or not isinstance(tied, list) or not all(isinstance(one, dict) for one in tied):
        raise refuse("grid", f"{path} with other kinds of over or tied", "a table [over] and tables [[tied]]")
    alone = [{name: values} for name, values in over.items()]
    axes = tuple(_axis({name: _values(name, values) for name, values in one.items()}) for one in [*alone, *tied])
    return Grid(axes, content.get("repetitions", 1))


def _values(name: str, values: Any) -> list[Value]:
    """A list from a TOML file: only numbers, words, true and false stand for the value of a parameter."""
    if not isinstance(values, list) or not all(isinstance(value, Value) for value in values):
        raise refuse("over", f"{name} = {values!r}", "a list of numbers or of words")
    return values


def _axis(columns: Mapping[str, Sequence[Value]]) -> tuple[Point, ...]:
    if len({len(values) for values in columns.values()}) > 1:
        raise refuse("over", ",".join(columns), "as many values of each parameter that is tied to it")
    return tuple(dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def over(text: str) -> tuple[Point, ...]:
    """An axis from the command line.

    >>> over("dim=2,5")
    ({'dim': 2}, {'dim': 5})
    >>> over("law,dim=watson(5):10,sphere:20")
    ({'law': 'watson(5)', 'dim': 10}, {'law': 'sphere', 'dim': 20})
    """
    left, equals, right = text.partition("=")
    names = [name.strip() for name in left.split(",")]
    if not equals or not all(names) or not right.strip():
        raise refuse("over", repr(text), "NAME=VALUE,VALUE,… or, for parameters that are tied, NAME,NAME=VALUE:VALUE,…")
    if len(set(names)) < len(names):
        raise refuse("over", repr(text), "with each parameter there once")
    points = [[_word(value) for value in point.split(":")] for point in right.split(",")]
    if any(len(point) != len(names) for point in points):
        raise refuse("over", repr(text), f"with {len(names)} value(s) in each of its points")
    return tuple(dict(zip(names, point, strict=True)) for point in points)


def _word(text: str) -> Value:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


# ---------------------------------------------------------------------------------------------------- cells of a claim


class Cells(Sequence[tuple[Cell, int]]):
    """The cells of a claim on a grid, each with the number of its repetition; none is made before it is asked for.

    For each cell of the claim's own, without the parameters that are swept, and each only once: all points of the
    product of those axes whose parameters it has.

    Raises
    ------
    BadInput
        If an axis names what is no parameter of the claim, or gives it a value of another kind.
    """

    def __init__(self, claim: Claim, profile: Profile, grid: Grid) -> None:
        own = [Cell({n: plain(v) for n, v in cell.parameters.items()}, cell.control) for cell in claim.cells(profile)]
        axes = [_typed(claim, axis, own) for axis in grid.axes]
        self._repetitions = grid.repetitions
        self._templates = list(_templates(own, axes))
        sizes = [math.prod(map(len, axes)) * grid.repetitions for _, axes in self._templates]
        self._ends = list(itertools.accumulate(sizes))
        if not self._templates:
            raise refuse("cells", f"empty for {claim.key}", "at least one cell")

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        place = bisect.bisect_right(self._ends, index)
        template, axes = self._templates[place]
        rest, repetition = divmod(index - (self._ends[place - 1] if place else 0), self._repetitions)
        swept: dict[str, Value] = {}
        for axis in reversed(axes):  # the last axis moves fastest
            rest, step = divmod(rest, len(axis))
            swept |= axis[step]
        values = {name: swept.get(name, value) for name, value in template.parameters.items()}
        return Cell(values, template.control), repetition


def _templates(cells: Sequence[Cell], axes: Sequence[tuple[Point, ...]]) -> Iterator[tuple[Cell, list[Any]]]:
    seen = set()
    for cell in cells:
        own = [axis for axis in axes if axis[0].keys() <= cell.parameters.keys()]
        swept = {name for axis in own for name in axis[0]}
        rest = {name: None if name in swept else value for name, value in cell.parameters.items()}
        what = _written([sorted(swept), rest, cell.control])
        if what not in seen:
            seen.add(what)
            yield Cell(rest, cell.control), own  # type: ignore[arg-type]  # None: the place of a value to come


def _typed(claim: Claim, axis: tuple[Point, ...], cells: Sequence[Cell]) -> tuple[Point, ...]:
    """The axis with values of the kind that the claim's own cells have: 1 and 1.0 would be two cells."""
    having = [cell for cell in cells if axis[0].keys() <= cell.parameters.keys()]
    if not having:
        known = sorted({name for cell in cells for name in cell.parameters})
        among = "parameters of one cell" if len(axis[0]) > 1 else "a parameter"
        raise refuse("over", ",".join(axis[0]), f"{among} of {claim.key}: {', '.join(known) or 'it has none'}")
    kinds = {name: {type(cell.parameters[name]) for cell in having} for name in axis[0]}
    typed = tuple({name: _cast(name, value, kinds[name]) for name, value in point.items()} for point in axis)
    _check_once(typed)
    return typed


_KINDS: Mapping[type, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    float: ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    str: ("a word", lambda value: isinstance(value, str)),
}


def _cast(name: str, value: Value, kinds: set[type]) -> Value:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise refuse("over", f"{name}={value}", "below 2^63 in size, as the whole numbers in a column of the store are")
    if type(value) in kinds:
        return value
    if float in kinds and _KINDS[float][1](value):
        return float(value)
    if not any(fits(value) for kind, (_, fits) in _KINDS.items() if kind in kinds):
        wanted = " or ".join(words for kind, (words, _) in _KINDS.items() if kind in kinds)
        raise BadInput(f"over is {name}={value}; it must be {wanted}, as in the claim's own cells")
    return value
