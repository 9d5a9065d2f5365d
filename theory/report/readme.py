"""The tables of claims in a README, between two marks, from the store alone: no verdict in it was typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from theory.checks import BadInput, refuse
from theory.claims import registry
from theory.claims.verdict import Verdict
from theory.report import downloads
from theory.report.cards import Place, paper_title, places
from theory.report.remarks import remarks
from theory.report.table import control, number
from theory.runs.store import records

BEGIN, END = "<!-- claims: written by theory report -->", "<!-- end of claims -->"

HEAD = ("claim", "relation", "verdict", "slack", "control", "what it says")


def fill(path: Path, out: Path, profile: str | None = None) -> Path:
    """Write the tables of the store ``out`` between the marks of a README; everything else in it stays.

    Raises
    ------
    BadInput
        If the file cannot be read or written, or does not have each mark once, in their order.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise refuse("readme", f"{path} ({error})", "a text file that can be read") from None
    downloads.save(path, filled(text, out, profile).encode())
    return path


def filled(text: str, out: Path, profile: str | None = None) -> str:
    """The text of a README with the tables of the store ``out`` between its marks.

    Raises
    ------
    BadInput
        If the text does not have each mark once, in their order.
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if (text.count(BEGIN), rest.count(END), text.count(END)) != (1, 1, 1):
        raise BadInput(f"readme has no place for its tables; it must have {BEGIN!r} once, and after it {END!r}")
    return f"{before}{BEGIN}\n\n{tables(out, profile)}\n{END}{after}"


def tables(out: Path, profile: str | None = None) -> str:
    """How many claims have which verdict, and a table for each paper; a claim has a line for each of its stores."""
    lines = sorted(line for place in places(out, profile) for line in _lines(place))
    papers = sorted({key.partition(".")[0] for key, *_ in lines})
    each = [_table(paper, [line for line in lines if line[0].partition(".")[0] == paper]) for paper in papers]
    return "\n".join([_summary(lines), *each])


Line = tuple[str, str, Sequence[str]]


def _lines(place: Place) -> Iterator[Line]:
    """For each claim of a store its key, the store's name, and the cells of its line."""
    said = remarks(place.out, place.profile)
    for claim in (record["claim"] for record in records(place.out, place.profile)):
        name = f"`{claim['key']}` ({place.name})" if place.name else f"`{claim['key']}`"
        measured = [claim["relation"], claim["verdict"], number(claim["slack"]), control(claim)]
        yield claim["key"], place.name, [name, *measured, _plain(said.get(claim["key"], claim["title"]))]


def _summary(lines: Sequence[Line]) -> str:
    """The main store's claims by verdict, and whether every control is refuted."""
    verdicts = [cells[HEAD.index("verdict")] for _, store, cells in lines if not store]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in Verdict if name in verdicts)
    unrefuted = sum(cells[HEAD.index("control")] != "refuted" for *_, cells in lines)
    controls = f"a control is not refuted in {unrefuted} lines" if unrefuted else "every control is refuted"
    return f"{len(verdicts)} claims: {counts}; {controls}.\n"


def _plain(text: str) -> str:
    """What would be Markdown is text: a bar ends no cell, and the star of w* slants nothing."""
    return re.sub(r"[|*<]", r"\\\g<0>", text)


def _table(paper: str, lines: Sequence[Line]) -> str:
    title = paper_title([registry().get(key) for key, *_ in lines], paper)
    title = re.sub(r"arXiv:([\w./-]+)", r"[\g<0>](https://arxiv.org/abs/\1)", title)
    rows = [HEAD, ["---"] * len(HEAD), *(cells for *_, cells in lines)]
    return "\n".join([f"**{title}**", "", *(f"| {' | '.join(row)} |" for row in rows), ""])
