"""Each cell's own random stream, which follows from what the cell is, not from where it stands in the grid."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from theory.claims.claim import Cell


def plain(value: Any) -> Any:
    """A NumPy scalar as the Python value it stands for; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def identity(key: str, cell: Cell) -> str:
    """What tells a cell from every other: claim, parameters and control, as JSON with sorted keys.

    >>> identity("du2018.rate", Cell({"law": "sphere", "dim": 5}))
    '{"claim":"du2018.rate","control":"","parameters":{"dim":5,"law":"sphere"}}'
    """
    parameters = {name: plain(value) for name, value in cell.parameters.items()}
    whole = {"claim": key, "control": cell.control, "parameters": parameters}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


_REPETITIONS = 0x72657065
"""One word more of entropy: what repetitions are spawned from must not be what a claim spawns from its own stream."""


def stream(seed: int, key: str, cell: Cell, repetition: int = 0) -> np.random.Generator:
    """The cell's random stream: the same in any grid, in any order, in any process.

    The seed and the digest of the identity are hashed together by ``SeedSequence``, so that streams of different cells,
    and of one cell under different seeds, are independent. Philox has the same bits on every platform. Repetition 0 is
    the cell itself; the others are spawned from one ``SeedSequence`` of the cell, r the same however many there are.
    """
    digest = hashlib.sha256(identity(key, cell).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()  # 32 bits each, the unit in which SeedSequence takes entropy
    if not repetition:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))
    # The child that SeedSequence.spawn makes at this place, without those before it.
    child = np.random.SeedSequence([seed, *words, _REPETITIONS], spawn_key=(repetition - 1,))
    return np.random.Generator(np.random.Philox(child))
