"""Every claim, by key. A claim is one file; a third party adds one through the entry-point group ``theory.claims``."""

from __future__ import annotations

import difflib
import fnmatch
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from types import MappingProxyType

from theory.checks import BadInput
from theory.claims.claim import Claim

__all__ = ["ENTRY_POINTS", "registry", "select"]

ENTRY_POINTS = "theory.claims"

_KEY = re.compile(r"[A-Za-z][\w.-]*")  # a key is the name of the claim's file in the store


@functools.cache
def registry() -> Mapping[str, Claim]:
    """All claims by key, in the order of their keys: ours, and those of installed third parties.

    Raises
    ------
    BadInput
        If two claims share a key, a key cannot name a file, or an entry point does not give a ``Claim``.
    """
    found: dict[str, Claim] = {}
    for origin, claim in [*_ours(), *_theirs()]:
        if not isinstance(claim, Claim):
            raise BadInput(f"entry point {origin} is {type(claim).__name__}; it must be a theory.claims.claim.Claim")
        if not _KEY.fullmatch(claim.key):
            raise BadInput(
                f"key of {origin} is {claim.key!r}; it must be a letter, then letters, digits, '_', '.' or '-'"
            )
        if claim.key in found:
            raise BadInput(f"key {claim.key!r} of {origin} is taken; it must differ from that of every other claim")
        found[claim.key] = claim
    return MappingProxyType(dict(sorted(found.items())))


def _ours() -> Iterator[tuple[str, Claim]]:
    for paper in pkgutil.iter_modules(__path__, f"{__name__}."):
        if paper.ispkg:
            package = importlib.import_module(paper.name)
            for theorem in pkgutil.iter_modules(package.__path__, f"{paper.name}."):
                yield theorem.name, importlib.import_module(theorem.name).CLAIM


def _theirs() -> Iterator[tuple[str, Claim]]:
    for point in entry_points(group=ENTRY_POINTS):
        try:
            claim = point.load()
        except Exception as error:  # whatever their import raises, the others' claims are not to blame
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise BadInput(f"entry point {point.name} is {point.value} ({reason}); it must be importable") from error
        yield point.name, claim


def select(patterns: Sequence[str]) -> list[Claim]:
    """The claims that match any of the keys or globs; all of them for no pattern.

    Raises
    ------
    BadInput
        If a pattern matches nothing; the message names the nearest keys.
    """
    claims = registry()
    chosen: set[str] = set()
    for pattern in patterns or ["*"]:
        matches = fnmatch.filter(claims, pattern)
        if not matches:
            near = difflib.get_close_matches(pattern, claims, n=3, cutoff=0.3) or list(claims)[:3]
            raise BadInput(f"claim is {pattern!r}; it must be a known key or a glob, such as {', '.join(near)}")
        chosen.update(matches)
    return [claims[key] for key in sorted(chosen)]
