"""The page: ``OUT/index.html``, from the store alone, with its figures and downloads beside it.

It opens from disk and asks no network for anything; formulas are MathML, filters are a few lines of script within the
page, and without them all of it is there to be read. The same store gives the same page, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from theory.checks import BadInput
from theory.report import downloads
from theory.report.cards import MARKS, Card, Place, cards, details_of, paper_title, places
from theory.report.downloads import size
from theory.report.figures import FIGURES, draw_all
from theory.runs.store import Stored, Warn

Context = dict[str, Any]

PIXELS = 4 / 3
"""Pixels of a page in a point of a figure: 96 in an inch, and 72."""

VERDICTS = {
    "HOLDS": "measured and predicted relate as the claim says, wherever its hypotheses are met",
    "VIOLATED": "they do not, somewhere within the hypotheses",
    "INCONCLUSIVE": "the measurement cannot tell",
    "HYPOTHESES_NOT_MET": "no instance is covered by the hypotheses",
}


def write(out: Path, profile: str | None = None, *, warn: Warn | None = None) -> list[Path]:
    """Draw the figures, write the downloads, the page, and the history page if there is a history; what was written.

    Raises
    ------
    BadInput
        If there is no store with claims, or its folder cannot be written.
    """
    from theory.report import history

    found = places(out, profile)
    contexts: list[Context] = []
    claims: list[tuple[str, Stored]] = []
    papers: dict[str, str] = {}
    for place in found:
        _draw(place, warn)
        for card in cards(place, warn=warn):
            contexts.append(_context(card, out))
            claims.append((place.name, Stored(card.stored.key, card.stored.frame.head(0), *_rest(card.stored))))
            papers.setdefault(card.paper, paper_title([card.claim], card.paper))
    table = downloads.verdicts(claims, out / "verdicts.csv")
    past = history.write(out, warn=warn)
    page = render("index.html", **_page(contexts, papers, found[0].profile, bool(past)))
    return [*past, table, _save(page, out / "index.html")]


def _rest(stored: Stored) -> tuple[Any, Any]:
    return stored.claim, stored.provenance


def _draw(place: Place, warn: Warn | None) -> None:
    """Draw the figures of a store; a store without any is no reason to stop."""
    if any((place.folder / f"{key}.parquet").exists() for key in FIGURES):
        try:
            draw_all(place.out, place.profile, warn=warn)
        except BadInput as reason:
            (warn or _ignore)(str(reason))


def _ignore(message: str) -> None:
    """Nobody listens."""


def _context(card: Card, out: Path) -> Context:
    """A card in full, its files written."""
    folder = card.place.folder
    parquet = folder / f"{card.stored.key}.parquet"
    files = [
        ("Rows, Parquet", parquet),
        ("Rows, CSV", downloads.rows(card.stored, folder)),
        ("Findings, CSV", downloads.findings(card.stored, folder)),
    ]
    links = [{"text": text, "href": _link(path, out), "name": path.name, "size": size(path)} for text, path in files]
    return {**details_of(card), "downloads": links, "figure": _figure(card, out)}


def _link(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()


def _figure(card: Card, out: Path) -> Context | None:
    """The claim's figure, its size, and what it shows, as the function that draws it says."""
    path = card.place.folder / "figures" / f"{card.stored.key}.svg"
    if card.stored.key not in FIGURES or not path.exists():
        return None
    with path.open(encoding="utf-8") as file:
        box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', file.read(2000))
    width, height = (round(float(side) * PIXELS) for side in box.groups()) if box else (640, 453)
    what = (FIGURES[card.stored.key].draw.__doc__ or card.stored.claim["title"]).strip().partition("\n\n")[0]
    return {"src": _link(path, out), "width": width, "height": height, "text": " ".join(what.split())}


def _page(contexts: Sequence[Context], papers: dict[str, str], profile: str, history: bool) -> Context:
    sections = [
        {"paper": paper, "title": papers[paper], "cards": [card for card in contexts if card["paper"] == paper]}
        for paper in sorted(papers)
    ]
    own = {card["key"]: card for card in reversed(contexts)}.values()  # a claim measured once more is one, as at first
    counts = [(MARKS[name], name, meaning, _count(own, name)) for name, meaning in VERDICTS.items()]
    unrefuted = sum(not card["refuted"] for card in contexts)
    shown = {"sections": sections, "counts": counts, "total": len(own), "unrefuted": unrefuted}
    return {**shown, "again": len(contexts) - len(own), "profile": profile, "history": history}


def _count(contexts: Iterable[Context], verdict: str) -> int:
    return sum(card["verdict"] == verdict for card in contexts)


# ----------------------------------------------------------------------------------------------------------- writing


def render(template: str, **context: Any) -> str:
    """A page from its template, in ``templates`` beside this module; what is no markup is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("theory.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{template}.j2").render(**context) + "\n"


def _save(text: str, path: Path) -> Path:
    downloads.save(path, text.encode())
    return path
