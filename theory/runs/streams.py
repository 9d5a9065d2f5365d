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


def stream(seed: int, key: str, cell: Cell) -> np.random.Generator:
    """The cell's random stream: the same in any grid, in any order, in any process.

    The seed and the digest of the identity are hashed together by ``SeedSequence``, so that streams of different cells,
    and of one cell under different seeds, are independent. Philox has the same bits on every platform.
    """
    digest = hashlib.sha256(identity(key, cell).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()  # 32 bits each, the unit in which SeedSequence takes entropy
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))
