"""Published theorems about learning convolutional filters, made executable.

>>> import theory
>>> law = theory.distributions.Gaussian(dim=5)
>>> round(theory.smoothness.smoothness(law, angle=1.2).ratio, 4)
3.1119

Submodules are imported on first use, so that ``import theory`` (and ``theory --help``) stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory import algebra as algebra
    from theory import arrays as arrays
    from theory import claims as claims
    from theory import closeness as closeness
    from theory import descent as descent
    from theory import distributions as distributions
    from theory import landscapes as landscapes
    from theory import objectives as objectives
    from theory import problems as problems
    from theory import report as report
    from theory import runs as runs
    from theory import smoothness as smoothness

__version__ = "0.1.0"

_SUBMODULES = frozenset(
    (
        "algebra arrays claims closeness descent distributions landscapes objectives own problems report runs "
        "smoothness"
    ).split()
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"theory.{name}")
    raise AttributeError(f"module 'theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
