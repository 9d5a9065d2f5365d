"""Formulas made wrong on purpose: what ``test_planted_faults*.py``, each with a table of checks and plants, share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pytest

Checks = Mapping[str, Callable[[], None]]


class Plant(NamedTuple):
    """What takes the place of ``place.name``, and the checks that must turn red."""

    place: Any
    name: str
    wrong: Any
    red: list[str]


def scaled(function, factor):
    """The function with its result multiplied."""
    return lambda *args, **kwargs: factor * function(*args, **kwargs)


def entry_scaled(function, entry: int, factor: float):
    """The function with one entry of the tuple that it returns multiplied."""

    def plant(*args, **kwargs):
        values = list(function(*args, **kwargs))
        values[entry] = values[entry] * factor
        return tuple(values)

    return plant


def catches(
    plant: Plant,
    checks: Checks,
    monkeypatch: pytest.MonkeyPatch,
    *,
    before: Callable[[], None] = lambda: None,
    raising: bool = True,
    red: type[Exception] | tuple[type[Exception], ...] = AssertionError,
) -> None:
    """Every check that the plant names turns red; ``before`` is called before each of them.

    Unless ``raising``, the plant may be an attribute that only instances have. ``red`` is what a red check raises.
    """
    assert plant.red
    monkeypatch.setattr(plant.place, plant.name, plant.wrong, raising=raising)
    for name in plant.red:
        before()
        with pytest.raises(red):
            checks[name]()


def all_caught(plants: Mapping[str, Plant], checks: Checks) -> None:
    """Every check turns red for some plant."""
    assert {name for plant in plants.values() for name in plant.red} == set(checks)


def suite(
    checks: Checks, plants: Mapping[str, Plant], *, marks: Mapping[str, pytest.MarkDecorator] | None = None, **how: Any
) -> tuple[Callable[..., None], ...]:
    """The three tests that every file of plants ends with: all green without one, red with each, no check in vain.

    ``marks`` has the marks of checks, which the plants that they catch bear as well; ``how`` is told to ``catches``.
    """
    marked = marks or {}

    def wanted(name: str, needed: Iterable[str]) -> Any:
        return pytest.param(name, marks=[marked[check] for check in needed if check in marked][:1])

    @pytest.mark.parametrize("check", [wanted(name, [name]) for name in checks])
    def test_green_without_a_plant(check: str) -> None:
        checks[check]()

    @pytest.mark.parametrize("fault", [wanted(name, plant.red) for name, plant in plants.items()])
    def test_red_with_the_plant(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
        catches(plants[fault], checks, monkeypatch, **how)

    def test_every_check_catches_something() -> None:
        all_caught(plants, checks)

    return test_green_without_a_plant, test_red_with_the_plant, test_every_check_catches_something
