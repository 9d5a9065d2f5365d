"""The real images of a run: found, loaded once to make sure of them, and known from then on by their fingerprint."""

from __future__ import annotations

import functools
import hashlib

from theory.checks import BadInput

DIGITS = "digits"
"""The bundled images: the default, and there without a look."""


@functools.lru_cache(maxsize=8)
def fingerprint(source: str) -> str:
    """SHA-256 of the images at ``source``, as :func:`theory.problems.load` gives them; "bundled" for the default.

    A path may hold other images tomorrow: the figures depend on what was there, not on what it was called.

    Raises
    ------
    BadInput
        If there are no images there.
    """
    if source == DIGITS:
        return "bundled"
    from theory.problems import load

    try:
        images = load(source)
    except BadInput as error:
        raise BadInput(f"images: {error}") from None
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(images.tobytes() if not images.flags.c_contiguous else images.data)
    return digest.hexdigest()
