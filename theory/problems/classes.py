"""Two classes of real images as signals with labels of ±1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from theory import checks
from theory.problems.images import load, read_idx

SIDE = 8
"""Pixels on a side that images are averaged down to, at most."""


def labels(source: str) -> Int[np.ndarray, " n"]:
    """The classes of the images at ``source``, as :func:`theory.problems.images.load` takes it.

    Those of an IDX file are in the file beside it that has ``labels`` for ``images`` and ``idx1`` for ``idx3`` in its
    name, as MNIST's have.

    Raises
    ------
    BadInput
        If there are none: another file has no such name, or none beside it, and OpenML is not asked.

    Examples
    --------
    >>> labels("digits")[:5].tolist()
    [0, 1, 2, 3, 4]
    """
    if source == "digits":
        from sklearn.datasets import load_digits

        return load_digits().target
    file = Path(source)
    beside = file.with_name(file.name.replace("images", "labels").replace("idx3", "idx1"))
    if beside == file or not beside.is_file():
        raise checks.refuse("images", file.name, "the digits, or an IDX file with its labels in one beside it")
    return read_idx(beside)


def two_classes(
    source: str, first: int, second: int, *, most: int
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
    """Signals x (n, D) and labels y: at most ``most`` images of class ``first``, +1, and as many of ``second``, −1.

    Images larger than 8×8 are averaged over square blocks, what is left over at the edges cut off; the pixels of all
    rows follow each other.

    Raises
    ------
    BadInput
        As for ``load`` and ``labels``; if labels and images differ in number, or a class has no image.

    Examples
    --------
    >>> x, y = two_classes("digits", 0, 1, most=100)
    >>> x.shape, y.sum()
    ((200, 64), np.float64(0.0))
    """
    images, known = load(source), labels(source)
    if len(known) != len(images) or known.ndim != 1:
        raise checks.refuse("labels", f"of shape {known.shape}", f"one for each of the {len(images)} images")
    chosen = [np.flatnonzero(known == label)[:most] for label in (first, second)]
    for label, found in zip((first, second), chosen, strict=True):
        if not len(found):
            raise checks.refuse("class", label, f"one of the labels, {np.unique(known).tolist()}")
    x = _pooled(images[np.concatenate(chosen)])
    return x, np.repeat([1.0, -1.0], [len(found) for found in chosen])


def _pooled(images: Any) -> Any:
    if images.ndim == 2:
        return images
    block = -(-max(images.shape[1:]) // SIDE)
    rows, columns = images.shape[1] // block, images.shape[2] // block
    cut = images[:, : rows * block, : columns * block].reshape(len(images), rows, block, columns, block)
    return cut.mean(axis=(2, 4)).reshape(len(images), -1)
