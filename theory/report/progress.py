"""How a run is followed: a live display on a terminal, one line per finished claim elsewhere. Never standard output."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from theory.report.table import line
from theory.runs.engine import Progress
from theory.runs.estimate import duration


@dataclass(frozen=True)
class Follower:
    """What to call when a cell is done (with the seconds left), a claim finished, or there is something to say."""

    cell: Callable[[Progress, float | None], None]
    claim: Callable[[Mapping[str, Any]], None]
    say: Callable[[str], None]


@contextlib.contextmanager
def follow(stream: IO[str], claims: int) -> Iterator[Follower]:
    """Follow a run of so many claims on ``stream``."""
    if stream.isatty():
        with _live(stream) as follower:
            yield follower
    else:
        yield _plain(stream, claims)


def _plain(stream: IO[str], claims: int) -> Follower:
    counter = iter(range(1, claims + 1))

    def say(text: str) -> None:
        stream.write(text + "\n")
        stream.flush()

    return Follower(
        cell=lambda _, __: None,
        claim=lambda claim: say(f"[{next(counter)}/{claims}] {line(claim)}"),
        say=say,
    )


@contextlib.contextmanager
def _live(stream: IO[str]) -> Iterator[Follower]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    described, left = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[left]"))
    columns = (described, BarColumn(bar_width=16), MofNCompleteColumn(), TimeElapsedColumn(), left)
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    # Only standard error is taken over: standard output may be on its way to another program.
    with Bar(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("starting", total=None, left="")

        def cell(event: Progress, left: float | None) -> None:
            of_claim = f"{event.key} {event.done}/{event.total}" if event.key else "cells"
            bar.update(task, description=of_claim, completed=event.all_done, total=event.all_total, left=_left(left))

        say = console.print
        yield Follower(cell=cell, claim=lambda claim: say(line(claim), soft_wrap=True), say=say)


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"{duration(seconds)} left"
