"""What has changed since a saved run: verdicts, controls and slacks of claims, and the verdicts of their instances."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from theory.checks import refuse
from theory.runs import store

Document = Mapping[str, Any]

CLOSE = 1e-6
"""Relative change of a slack that counts as none: sums in another order, as on another machine, change it by less. A
run with another seed, or on another kind of device, may change it by more."""

_SAYS = ("seed", "images", "profile", "backend")
"""What of the provenance changes figures by itself."""


@dataclass(frozen=True)
class Change:
    """What of a claim is not as it was; ``worse`` if less holds, or is known, than before."""

    key: str
    what: str
    before: Any
    now: Any
    worse: bool
    where: str = ""


@dataclass(frozen=True)
class Comparison:
    """All changes in the order of the keys, how many claims were compared, and what else differs."""

    changes: tuple[Change, ...]
    compared: int
    remarks: tuple[str, ...]

    @property
    def worse(self) -> bool:
        """Whether anything is worse than it was."""
        return any(change.worse for change in self.changes)

    def document(self) -> dict[str, Any]:
        """As plain data."""
        changes = [asdict(change) for change in self.changes]
        return {"changes": changes, "compared": self.compared, "remarks": list(self.remarks), "worse": self.worse}


@dataclass(frozen=True)
class Saved:
    """The claims of a saved run by key, and where its figures come from."""

    claims: Mapping[str, Document]
    provenance: Document


def saved(path: Path, profile: str) -> Saved:
    """A saved run: a store (its part of this profile), a folder of one profile, or a file that ``--json`` has printed.

    Raises
    ------
    BadInput
        If there is none.
    """
    found = _printed(path) if path.is_file() else _stored(path, profile)
    if not found.claims:
        required = f"a store with claims of the profile {profile!r}, or a document of verify --json"
        raise refuse("compare", path, required)
    return found


def _printed(path: Path) -> Saved:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Saved({claim["key"]: claim for claim in content["claims"]}, content["provenance"])
    except (OSError, ValueError, TypeError, KeyError):
        raise refuse("compare", path, "a store, or a document that verify --json has printed") from None


def _stored(path: Path, profile: str) -> Saved:
    found = list(store.records(path, profile)) or list(store.records(path, "."))
    # Claims may be of several runs: what they agree in is that of all.
    origins = [record["provenance"] for record in found]
    agreed = [name for name in _SAYS if len({str(each.get(name)) for each in origins}) == 1]
    common = {name: origins[0].get(name) for name in agreed}
    return Saved({record["claim"]["key"]: record["claim"] for record in found}, common)


def compare(before: Saved, claims: Sequence[Document], provenance: Document, *, everything: bool = False) -> Comparison:
    """The changes from a saved run to these claims; if they are ``everything`` there is, what is missing is gone."""
    changes: list[Change] = []
    compared = 0
    for claim in sorted(claims, key=lambda each: each["key"]):
        earlier = before.claims.get(claim["key"])
        if earlier is None:
            changes.append(Change(claim["key"], "claim", "not in the saved run", claim["verdict"], False))
        else:
            compared += 1
            changes += _changes(earlier, claim)
    for key in sorted(set(before.claims) - {claim["key"] for claim in claims}) if everything else ():
        changes.append(Change(key, "claim", before.claims[key]["verdict"], "gone", True))
    differ = [name for name in _SAYS if name in before.provenance and before.provenance[name] != provenance.get(name)]
    remarks = [f"{name} was {before.provenance[name]}, and is {provenance.get(name)}" for name in differ]
    return Comparison(tuple(changes), compared, tuple(remarks))


def _changes(before: Document, now: Document) -> Iterator[Change]:
    """Of one claim."""
    key = now["key"]
    if before["version"] != now["version"]:
        yield Change(key, "version", before["version"], now["version"], False)
    if before["verdict"] != now["verdict"]:
        yield Change(key, "verdict", before["verdict"], now["verdict"], before["verdict"] == "HOLDS")
    if before["control"]["refuted"] != now["control"]["refuted"]:
        words = {True: "refuted", False: "not refuted"}
        was, is_ = (words[bool(each["control"]["refuted"])] for each in (before, now))
        yield Change(key, "control", was, is_, bool(before["control"]["refuted"]))
    if bool(before["errors"]) != bool(now["errors"]):
        yield Change(key, "errors", len(before["errors"]), len(now["errors"]), bool(now["errors"]))
    if not _same(before["slack"], now["slack"]):
        yield Change(key, "slack", before["slack"], now["slack"], False)
    yield from _instances(before, now)


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))


def _instances(before: Document, now: Document) -> Iterator[Change]:
    """Instances whose verdict is another; and how many of the saved ones are gone, as where the grid was cut."""
    earlier, later = _by_name(before), _by_name(now)
    for name, instance in later.items():
        if name in earlier and (was := earlier[name]["verdict"]) != instance["verdict"]:
            # For a control it is the other way round, and the claim's line says whether it is refuted at all.
            worse = was == "HOLDS" and not instance["control"]
            yield Change(now["key"], "instance", was, instance["verdict"], worse, _words(instance))
    if gone := [name for name in earlier if name not in later]:
        lost = any(not earlier[name]["control"] and earlier[name]["verdict"] == "HOLDS" for name in gone)
        worse = lost and before["version"] == now["version"]
        yield Change(now["key"], "instances", len(earlier), len(later), worse, f"{len(gone)} of the saved run are gone")


def _by_name(claim: Document) -> dict[tuple[str, int], Document]:
    """Instances by what tells them apart: parameters, control and form, and the how manieth of these it is."""
    seen: Counter[str] = Counter()
    found = {}
    for instance in claim["instances"]:
        name = json.dumps([instance["parameters"], instance["control"], instance["form"]], sort_keys=True)
        found[name, seen[name]] = instance
        seen[name] += 1
    return found


def _words(instance: Document) -> str:
    words = " ".join(f"{name}={value}" for name, value in instance["parameters"].items())
    marks = [mark for mark in (instance["form"], instance["control"] and f"control {instance['control']!r}") if mark]
    return f"{words} ({', '.join(marks)})" if marks else words
