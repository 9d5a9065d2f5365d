"""Checks of what a caller hands in: one clear line that names the argument, its value and what is required.

Every check returns what it learned, so that the caller never asks twice.
"""

from __future__ import annotations

import math
import operator
from typing import Any

LONGEST = 200
"""Characters of a refused value that a message shows."""


class BadInput(ValueError):
    """A mistake of the caller's. Its message is one line, ready to be shown."""


def refuse(argument: str, value: object, required: str) -> BadInput:
    """The error to raise: ``argument is value; it must be required``, on one line and no longer than is read."""
    return BadInput(f"{argument} is {_brief(value)}; it must be {required}")


def _brief(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def number(argument: str, value: Any) -> float:
    """A finite or infinite real number, never NaN, as a float."""
    try:
        result = float(value)
    except (OverflowError, TypeError, ValueError):
        raise refuse(argument, repr(value), "a real number") from None
    if math.isnan(result):
        raise refuse(argument, "NaN", "a real number")
    return result


def finite(argument: str, value: Any) -> float:
    """A finite real number."""
    result = number(argument, value)
    if math.isinf(result):
        raise refuse(argument, result, "finite")
    return result


def positive(argument: str, value: Any, *, infinite: bool = False) -> float:
    """A number above 0; infinity only where it is allowed."""
    result = number(argument, value) if infinite else finite(argument, value)
    if result <= 0:
        raise refuse(argument, result, "greater than 0")
    return result


def integer(argument: str, value: Any, *, least: int) -> int:
    """A whole number that is at least ``least``."""
    try:
        result = operator.index(value)
    except TypeError:
        raise refuse(argument, repr(value), f"a whole number, at least {least}") from None
    if result < least:
        raise refuse(argument, result, f"at least {least}")
    return result


def angle(argument: str, value: Any) -> float:
    """An angle φ in radians, strictly between 0 and π/2."""
    result = number(argument, value)
    if not 0 < result < math.pi / 2:
        raise refuse(argument, result, "between 0 and π/2 (both excluded), in radians")
    return result


def generator(argument: str, value: Any) -> Any:
    """The random generator, after making sure that it is one."""
    if not hasattr(value, "standard_normal") or not hasattr(value, "spawn"):
        raise refuse(argument, repr(value), "a random generator, as numpy.random.default_rng(0) is")
    return value


def array(argument: str, value: Any, xp: Any, *, ndim: tuple[int, ...]) -> Any:
    """A floating-point array of one of the numbers of dimensions ``ndim``, without NaN or infinity."""
    try:
        result = xp.asarray(value)
        if xp.isdtype(result.dtype, "complex floating"):
            raise TypeError
        if not xp.isdtype(result.dtype, "real floating"):
            result = xp.astype(result, xp.float64)
    except (TypeError, ValueError):
        raise refuse(argument, type(value).__name__, "an array of real numbers") from None
    if result.ndim not in ndim:
        wanted = " or ".join(str(n) for n in ndim)
        raise refuse(argument, f"an array of shape {result.shape}", f"an array with {wanted} dimension(s)")
    if not bool(xp.all(xp.isfinite(result))):
        raise refuse(argument, "an array with NaN or infinity in it", "finite everywhere")
    return result


def nonzero(argument: str, value: Any, xp: Any) -> Any:
    """A vector, finite and not zero, whose norm is a floating-point number."""
    result = array(argument, value, xp, ndim=(1,))
    if not bool(xp.any(result != 0)):
        raise refuse(argument, "the zero vector", "different from zero")
    return moderate(argument, result, xp)


def moderate(argument: str, values: Any, xp: Any) -> Any:
    """An array of numbers of which no product of three leaves the floating-point numbers; it may be zero or empty."""
    largest = float(xp.max(xp.abs(values))) if values.size else 0.0
    if largest and not 1e-100 < largest < 1e100:
        raise refuse(argument, f"an array whose largest entry is {largest:.3g}", "between 1e-100 and 1e100 in size")
    return values


def along(law: Any, teacher: Any) -> Any:
    """The teacher, after making sure that the law is symmetric about it: along its axis, or the law isotropic.

    Raises
    ------
    BadInput
        If it is not: then nothing about the law is exact, and the message names the sampled alternative.
    """
    import numpy as np

    vector = nonzero("teacher", teacher, np)
    if vector.shape != (law.dim,):
        raise refuse("teacher", f"an array of shape {vector.shape}", f"of shape ({law.dim},), as the law's dim says")
    across = vector - (vector @ law.direction) * law.direction
    # The axis was normalised and projected on: a few roundings of each of the p coordinates.
    if not law.isotropic and np.linalg.norm(across) > 8 * law.dim * np.finfo(float).eps * np.linalg.norm(vector):
        raise BadInput(
            f"teacher is {_brief(vector.tolist())}, not along the axis {_brief(law.direction.tolist())} of "
            f"{law.label}; it must be, or use theory.objectives.relu_filter.SampleLoss(law.sample(n, rng=rng), teacher)"
        )
    return vector
