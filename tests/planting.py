"""Formulas made wrong on purpose: what ``test_planted_faults*.py``, each with a table of checks and plants, share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
) -> None:
    """Every check that the plant names turns red; ``before`` is called before each of them.

    Unless ``raising``, the plant may be an attribute that only instances have.
    """
    assert plant.red
    monkeypatch.setattr(plant.place, plant.name, plant.wrong, raising=raising)
    for name in plant.red:
        before()
        with pytest.raises(AssertionError):
            checks[name]()


def all_caught(plants: Mapping[str, Plant], checks: Checks) -> None:
    """Every check turns red for some plant."""
    assert {name for plant in plants.values() for name in plant.red} == set(checks)
