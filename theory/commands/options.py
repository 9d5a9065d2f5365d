"""What commands share: options, and numbers from the command line that are refused in one line."""

from __future__ import annotations

import math
from typing import Annotated

import typer

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]


def number(text: str) -> float:
    """A finite number from the command line; the line that refuses any other names it."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{text!r}; it must be a finite number")
    return value


def whole(text: str) -> int:
    """A whole number from the command line; the line that refuses any other names it."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}; it must be a whole number") from None


def note(message: str) -> None:
    """A line on standard error."""
    typer.echo(f"theory: {' '.join(message.split())}", err=True)
