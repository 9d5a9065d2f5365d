"""What stands beside a verdict in words: ``OUT/remarks.toml``, written by hand, one sentence a claim.

A sentence is written about a verdict, so it stands in the table of that name; when the claim comes out otherwise it is
left out, and somebody is told::

    [VIOLATED]
    "du2018.fig3b" = "closer patches are learned in fewer steps: reversed where their centre is spiky"
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from theory.checks import BadInput
from theory.claims.verdict import Verdict
from theory.runs.store import Warn, records

NAME = "remarks.toml"


def remarks(out: Path, profile: str, *, warn: Warn | None = None) -> dict[str, str]:
    """The sentences about the claims of a store, by key, as far as they came out as the sentences have it.

    Raises
    ------
    BadInput
        If the file is not TOML, or has another table than those of the verdicts.
    """
    verdicts = {record["claim"]["key"]: record["claim"]["verdict"] for record in records(out, profile)}
    found = {}
    for verdict, sentences in _load(out / NAME).items():
        for key, sentence in sentences.items():
            if verdicts.get(key) == verdict:
                found[key] = sentence
            elif warn and key in verdicts:
                warn(f"{out / NAME} speaks of {key} as {verdict}, and it is {verdicts[key]}; left out")
    return found


def _load(path: Path) -> dict[str, dict[str, str]]:
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read ({error}); it must be TOML") from None
    for name in loaded:
        if name not in Verdict.__members__:
            raise BadInput(f"{path} has a table {name!r}; it must be one of {', '.join(Verdict)}")
    return loaded
