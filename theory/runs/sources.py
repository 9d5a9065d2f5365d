"""The real images of a run: found and made sure of once, and told from all others by a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theory.checks import BadInput


@dataclass(frozen=True)
class Source:
    """Where real images come from.

    ``place`` is what :func:`theory.problems.images.load` takes, in any folder and process; ``name`` says as much of it
    as may be published, without the folder; ``digest`` is the SHA-256 of the array; ``seen`` is the stamp of a file.
    """

    place: str
    name: str
    digest: str
    seen: tuple[int, ...] | None = None

    @property
    def label(self) -> str:
        """For tables and figures: the name, and for other images than the bundled ones the digest's beginning.

        >>> Source("/a/b.idx", "b.idx", "8d422c7b0a1c").label, DIGITS.label
        ('b.idx (8d422c7b)', 'digits')
        """
        return self.name if self == DIGITS else f"{self.name} ({self.digest[:8]})"

    def check(self) -> None:
        """Make sure that the file is still the one that the digest is of.

        Raises
        ------
        BadInput
            If it has changed, or is gone.
        """
        from theory.problems.images import stamp

        if self.seen is not None and stamp(self.place) != self.seen:
            raise BadInput(f"images is {self.label}, a file that has changed; it must stay as it is during a run")


DIGITS = Source("digits", "digits", "12690edc53fb5a55025803050ad046fbec495733331095cc316d5fe78c6f2fc3")
"""The default. Its digest stands here because loading scikit-learn takes longer than many a run; a test compares."""


def find(source: str) -> Source:
    """The images at ``source``, loaded once to make sure of them and to know them by their digest.

    Raises
    ------
    BadInput
        If there is nothing there that makes images.
    """
    if source == DIGITS.place:
        return DIGITS
    from theory.problems import images

    seen = images.stamp(source)
    try:
        digest = fingerprint(images.load(source))
    except BadInput as error:
        raise BadInput(f"images: {error}") from None
    finally:
        images.forget()  # this process need not hold them: others may measure
    place = source if seen is None else str(Path(source).absolute())
    return Source(place, Path(source).name, digest, seen)


def fingerprint(images: np.ndarray) -> str:
    """SHA-256 of an array: its dtype, its shape, its entries."""
    digest = hashlib.sha256(f"{images.dtype.str} {images.shape}\n".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()
