"""What a card of the page says of a claim: its text from the registry, everything else from the store."""

from __future__ import annotations

import importlib
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory.checks import refuse
from theory.claims import registry
from theory.claims.claim import Claim, Finding, Relation
from theory.claims.verdict import nearest
from theory.report.explain import MEANING
from theory.report.formulas import mathml
from theory.report.remarks import remarks
from theory.report.table import number, problems, where
from theory.runs.document import passed
from theory.runs.store import Stored, Warn, read

Document = Mapping[str, Any]

MARKS = {"HOLDS": "✓", "VIOLATED": "✗", "HYPOTHESES_NOT_MET": "∅", "INCONCLUSIVE": "?"}
"""A verdict's sign, so that nobody has to see its colour."""


@dataclass(frozen=True)
class Place:
    """A store: its folder, the profile, and what it is called beside the main one (nothing for that itself)."""

    out: Path
    profile: str
    name: str = ""

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.out / self.profile


def places(out: Path, profile: str | None) -> list[Place]:
    """The store ``out`` and those in its folders, such as ``out/mnist``, that have claims in this profile.

    Without a profile it is "paper" if any store has claims in that, else "quick".

    Raises
    ------
    BadInput
        If the profile is unknown, or no store has a claim in it.
    """
    from theory.runs.engine import PROFILES

    if profile is not None and profile not in PROFILES:
        raise refuse("profile", repr(profile), " or ".join(PROFILES))
    for tried in ("paper", "quick") if profile is None else (profile,):
        inner = [Place(folder.parent, tried, folder.parent.name) for folder in sorted(out.glob(f"*/{tried}"))]
        found = [place for place in [Place(out, tried), *inner] if any(place.folder.glob("*.parquet"))]
        if found:
            return found
    raise refuse("out", out, "a store with claims in it (run `theory verify` first)")


@dataclass(frozen=True)
class Card:
    """A claim in one store, the claim itself if it is installed here, and what somebody remarked on its verdict."""

    stored: Stored
    place: Place
    claim: Claim | None
    remark: str = ""

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"{self.place.name}-{self.stored.key}".removeprefix("-")

    @property
    def paper(self) -> str:
        """The part of the key before its first dot."""
        return self.stored.key.partition(".")[0]


def cards(place: Place, *, warn: Warn | None = None) -> Iterator[Card]:
    """Every claim in a store that can be read, in the order of the keys."""
    said = remarks(place.out, place.profile, warn=warn)
    for stored in read(place.out, place.profile, warn=warn):
        yield Card(stored, place, registry().get(stored.key), said.get(stored.key, ""))


def paper_title(claims: Sequence[Claim | None], paper: str) -> str:
    """The paper in full: ``PAPER`` of the package that its claims are in, or else the name that their keys share."""
    for claim in filter(None, claims):
        package = str(getattr(claim.cells, "__module__", "")).rpartition(".")[0]
        for name in (f"theory.claims.{paper}", package):
            if name in sys.modules and hasattr(importlib.import_module(name), "PAPER"):
                return str(importlib.import_module(name).PAPER)
    return paper


# --------------------------------------------------------------------------------------------------------- contents


def verdict_of(card: Card) -> dict[str, Any]:
    """What the table of all claims says of this one."""
    document = card.stored.claim
    return {
        "anchor": card.anchor,
        "key": card.stored.key,
        "store": card.place.name,
        "paper": card.paper,
        "title": mathml(document["title"]),
        "relation": document["relation"],
        "verdict": document["verdict"],
        "mark": MARKS[document["verdict"]],
        "passed": passed(document),
        "slack": number(document["slack"]),
        "slack_value": document["slack"],
        "refuted": document["control"]["refuted"],
        "instances": sum(not instance["control"] for instance in document["instances"]),
    }


def details_of(card: Card) -> dict[str, Any]:
    """The rest of a card: statement, hypotheses with margins, forms, controls, problems, provenance, command."""
    document, claim = card.stored.claim, card.claim
    return {
        **verdict_of(card),
        "remark": mathml(card.remark),
        "meaning": MEANING[document["relation"]],
        "statement": [mathml(text) for text in _paragraphs(claim.statement)] if claim else [],
        "hypotheses": [mathml(text) for text in claim.hypotheses] if claim else [],
        "proof": mathml(claim.proof) if claim else "",
        "source": claim.source if claim else "",
        "outdated": claim.version if claim and claim.version != document["version"] else None,
        "version": document["version"],
        "margins": _margins(document),
        "forms": list(_forms(document)),
        "controls": [_control(each, claim) for each in document["control"]["each"]],
        "problems": [line.partition(": ")[2] for line in problems(document)],
        "command": command(card),
        "provenance": list(_provenance(card.stored.provenance)),
    }


def _paragraphs(statement: str) -> list[str]:
    """One for each of the author's, and for each form that the statement has."""
    return [text.strip() for text in re.split(r"\n\s*\n|(?<=[.;]) (?=Forms? ')", statement) if text.strip()]


def _margins(document: Document) -> list[dict[str, Any]]:
    """For each hypothesis with a number: the least margin where it is met, and in how many instances it is."""
    own = [instance["margins"] for instance in document["instances"] if not instance["control"]]
    names = dict.fromkeys(name for margins in own for name in margins)
    rows = []
    for name in names:
        found = [margins[name] for margins in own if name in margins]
        met = [margin for margin in found if margin is not None and margin > 0]
        least = number(min(met)) if met else "–"
        rows.append({"name": mathml(name), "least": least, "met": len(met), "of": len(found)})
    return rows


def _forms(document: Document) -> Iterator[dict[str, Any]]:
    """One row per form of the findings: how many, what became of them, and the one nearest to failure."""
    own = [instance for instance in document["instances"] if not instance["control"]]
    for form in dict.fromkeys(instance["form"] for instance in own):
        here = [instance for instance in own if instance["form"] == form]
        worst = _nearest(here, Relation(document["relation"]))
        verdicts = [instance["verdict"] for instance in here]
        yield {
            "form": mathml(form),
            "relation": here[0]["relation"],
            "counts": [(MARKS[name], name, verdicts.count(name)) for name in MARKS if name in verdicts],
            "slack": number(worst["slack"]),
            "predicted": _value(worst["predicted"]),
            "measured": _value(worst["measured"]),
            "limits": "" if worst["low"] is None else f"[{_value(worst['low'])}, {_value(worst['high'])}]",
            "where": where({**worst, "form": ""}),
        }


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _nearest(instances: Sequence[Document], relation: Relation) -> Document:
    """The instance nearest to failure; the first if none has a slack."""
    least = nearest([_finding(instance) for instance in instances], relation)
    within = [each for each in instances if each["slack"] == least and each["verdict"] != "HYPOTHESES_NOT_MET"]
    return next(iter(within if least is not None else instances), instances[0])


def _finding(instance: Document) -> Finding:
    return Finding(
        predicted=_known(instance["predicted"]),
        measured=_known(instance["measured"]),
        low=instance["low"],
        high=instance["high"],
        margins={name: _known(margin) for name, margin in instance["margins"].items()},
        relation=Relation(instance["relation"]),
    )


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _control(each: Document, claim: Claim | None) -> dict[str, Any]:
    text = claim.controls.get(each["name"], "") if claim else ""
    return {**each, "title": mathml(each["name"]), "text": mathml(text), "slack": number(each["slack"])}


def command(card: Card) -> str:
    """The command that measures the claim anew."""
    from theory.runs.sources import DIGITS

    origin = card.stored.provenance
    words = ["theory verify", card.stored.key, f"--profile {card.place.profile}", f"--seed {origin['seed']}"]
    if origin["backend"] != "numpy":
        words.append(f"--backend {origin['backend']}")
    if origin.get("images", DIGITS.label) != DIGITS.label:
        words.append(f"--images {str(origin['images']).rpartition(' (')[0]}")
    return " ".join([*words, f"--out {card.place.out.parent.name}/{card.place.name}"] if card.place.name else words)


def _provenance(origin: Document) -> Iterator[tuple[str, str]]:
    for name in ("commit", "date", "device", "platform", "backend", "seed", "threads", "images", "images_sha256"):
        if name in origin:
            yield name.replace("_sha256", ", SHA-256"), str(origin[name])
    if "versions" in origin:
        yield "versions", ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
