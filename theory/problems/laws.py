"""Laws of the input by name: ``gaussian``, ``sphere``, ``mixture(0.5)``, ``watson(-4)``."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from theory.checks import number, refuse
from theory.distributions import AngularMixture, AxisSymmetric, ClosePatches, Gaussian, UniformSphere, Watson

DIMENSIONS = (2, 5, 25, 100)

_FAMILIES: dict[str, Callable[..., AxisSymmetric]] = {
    "gaussian": Gaussian,
    "sphere": UniformSphere,
    "mixture": AngularMixture,
    "watson": Watson,
}
_BARE = frozenset({"gaussian", "sphere"})


def law(name: str, dim: int) -> AxisSymmetric:
    """The law called ``name`` in ``dim`` dimensions, its axis the first unit vector. Its ``label`` is the name again.

    Raises
    ------
    BadInput
        If there is no such law.

    Examples
    --------
    >>> law("mixture(0.5)", 5).spread
    0.5
    """
    match = re.fullmatch(r"(\w+)(?:\(([-+.\w]+)\))?", str(name))
    if match is None or match[1] not in _FAMILIES:
        raise refuse("law", repr(name), f"one of {', '.join(_FAMILIES)}, with its parameter in parentheses")
    wanted = 0 if match[1] in _BARE else 1
    parameters = [] if match[2] is None else [number(f"parameter of law {name!r}", match[2])]
    if len(parameters) != wanted:
        raise refuse("law", repr(name), "with one parameter in parentheses" if wanted else "without a parameter")
    return _FAMILIES[match[1]](dim, *parameters)


def filter_law(name: str, dim: int, patches: int, closeness: float) -> AxisSymmetric | ClosePatches:
    """``patches`` patches of closeness ρ around a direction that has the law called ``name``; that law itself for one.

    Raises
    ------
    BadInput
        If there is no such law, a number is out of its range, or a single patch has a closeness.

    Examples
    --------
    >>> filter_law("mixture(0.5)", 2, 4, 0.1).label, filter_law("sphere", 5, 1, 0.0).label
    ('close(mixture(0.5),4,0.1)', 'sphere')
    """
    centre = law(name, dim)
    if patches == 1:
        if closeness != 0:
            raise refuse("closeness", closeness, "0 for a single patch")
        return centre
    return ClosePatches(dim, patches, None, closeness, law=centre)


def crossed_pairs() -> Float[np.ndarray, "2 2 2"]:
    """Two equally likely pairs of unit patches in the plane, at −45° and 75° and at 15° and 75° from w* = e1.

    The patches of a pair are 120° and 60° apart, and w beyond 45° from w* on one side, or 15° on the other, loses one
    of a pair but keeps its partner: L_cross is over 30 γ.
    """
    degrees = np.array([[-45.0, 75.0], [15.0, 75.0]])
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=-1)
