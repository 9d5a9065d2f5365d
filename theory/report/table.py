"""The table of verdicts, and below it one line per problem. It reads claims' documents, fresh or out of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from theory.runs.document import passed

_COLOURS = {"HOLDS": "green", "VIOLATED": "bold red", "HYPOTHESES_NOT_MET": "yellow", "INCONCLUSIVE": "yellow"}

_SHOWN = 3
"""Instances of one problem that are spelt out; the rest is counted."""

Claim = Mapping[str, Any]


def show(claims: Sequence[Claim], stream: IO[str]) -> None:
    """Write the table and the problems; in colour on a terminal only."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    lines = [line for claim in claims for line in problems(claim)]
    console.print(verdicts(claims))
    for line in lines:
        console.print(line, soft_wrap=True)


def verdicts(claims: Sequence[Claim]) -> Table:
    """One row per claim: relation, verdict, slack, control, seconds."""
    # One space between columns: the longest of our keys leaves no more on 80 columns.
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("claim", overflow="fold")
    for name in ("relation", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column("slack", justify="right", no_wrap=True)
    table.add_column("control", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for claim in claims:
        table.add_row(
            Text(claim["key"]),
            claim["relation"],
            Text(claim["verdict"], style=_COLOURS[claim["verdict"]]),
            number(claim["slack"]),
            Text(control(claim), style="green" if claim["control"]["refuted"] else "bold red"),
            f"{claim['seconds']:.1f}",
        )
    return table


def number(value: float | None) -> str:
    """Three digits, or a dash where there is no number."""
    return "–" if value is None else f"{value:.3g}"


def control(claim: Claim) -> str:
    """The controls of a claim in two words."""
    if not claim["control"]["each"]:
        return "none"
    return "refuted" if claim["control"]["refuted"] else "NOT REFUTED"


def line(claim: Claim) -> str:
    """A finished claim in one line, for a log."""
    return (
        f"{claim['key']}  {claim['verdict']}  slack {number(claim['slack'])}  "
        f"control {control(claim)}  {claim['seconds']:.1f} s"
    )


# ------------------------------------------------------------------------------------------------------------ problems


def problems(claim: Claim) -> Iterator[str]:
    """What stands against a claim, one line each; nothing for a claim that holds within its hypotheses."""
    own = [instance for instance in claim["instances"] if not instance["control"]]
    yield from _each(claim, own, "VIOLATED", _comparison)
    yield from _each(claim, own, "INCONCLUSIVE", _comparison)
    unmet = [instance for instance in own if instance["verdict"] == "HYPOTHESES_NOT_MET"]
    if unmet:
        first = f"{where(unmet[0])}: {_margins(unmet[0])}"
        yield f"{claim['key']}: hypotheses not met in {len(unmet)} of {len(own)} instances, first {first}"
    yield from _controls(claim)
    for error in claim["errors"][:_SHOWN]:
        yield f"{claim['key']}: error at {error}"
    if rest := claim["errors"][_SHOWN:]:
        yield f"{claim['key']}: {len(rest)} more errors"
    if not passed(claim) and not own and not claim["errors"]:
        yield f"{claim['key']}: no instance was measured"


def _each(claim: Claim, instances: Sequence[Claim], verdict: str, words: Any) -> Iterator[str]:
    found = [instance for instance in instances if instance["verdict"] == verdict]
    for instance in found[:_SHOWN]:
        yield f"{claim['key']}: {verdict} at {where(instance)}: {words(instance)}"
    if len(found) > _SHOWN:
        yield f"{claim['key']}: {verdict} at {len(found) - _SHOWN} more of {len(instances)} instances"


def _controls(claim: Claim) -> Iterator[str]:
    if not claim["control"]["each"]:
        yield f"{claim['key']}: no control, so it proves nothing"
    for each in claim["control"]["each"]:
        if not each["refuted"]:
            seen = f"{each['verdict']} in {each['instances']} instances, slack {number(each['slack'])}"
            seen = seen if each["instances"] else "not measured"
            yield f"{claim['key']}: control {each['name']!r} is not refuted ({seen})"


def where(instance: Claim) -> str:
    """The instance in words: its parameters, and its form."""
    words = " ".join(f"{name}={_plain(value)}" for name, value in instance["parameters"].items())
    return f"{words} ({instance['form']})".strip() if instance["form"] else words or "its only cell"


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _comparison(instance: Claim) -> str:
    if instance["measured"] is None and "reason" in instance:
        return str(instance["reason"])
    low, high = instance["low"], instance["high"]
    between = "" if low is None and high is None else f" [{number(low)}, {number(high)}]"
    return f"measured {_precise(instance['measured'])}{between}, predicted {_precise(instance['predicted'])}"


def _precise(value: float | None) -> str:
    """Enough digits to see on which side of each other two close numbers lie."""
    return "–" if value is None else f"{value:.9g}"


def _margins(instance: Claim) -> str:
    failed = {name: margin for name, margin in instance["margins"].items() if margin is None or not margin > 0}
    return ", ".join(f"{name} by {number(margin)}" for name, margin in failed.items())
