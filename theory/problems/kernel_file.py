"""Convolution kernels from NumPy's files, .npy and .npz; nothing is unpickled."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.problems.images import ordinary

LARGEST = 1 << 28
"""Bytes of entries that all arrays of a file may claim together: 256 MiB, the weights of 64 million connections."""

LEAST, MOST = 3, 64
"""Sides of a kernel."""

PIXELS = ("last", "first")

_MAGIC = b"\x93NUMPY"


def read_kernels(
    path: str | os.PathLike[str], *, pixels: str = "last", limit: int = LARGEST
) -> dict[str, Float[np.ndarray, "n size size"]]:
    """The kernels in a file, by the name of the array that they are in; further axes are made one.

    Parameters
    ----------
    path
        A .npy file, whose only array is called as the file is; or a .npz file, of which arrays that hold no kernels,
        such as biases, are left out.
    pixels
        Which axes those of the pixels are: ``last``, as in PyTorch, or ``first``, as in TensorFlow and Keras.
    limit
        The most bytes of entries that the file may claim.

    Raises
    ------
    BadInput
        In one line: if the path is no file, no whole file of NumPy's, holds Python objects, claims more than ``limit``,
        or has no array of real numbers with square kernels of 3×3 to 64×64 pixels.
    """
    file = ordinary(path)
    if pixels not in PIXELS:
        raise checks.refuse("pixels", repr(pixels), " or ".join(PIXELS))
    left, found, others = checks.integer("limit", limit, least=1), {}, []
    try:
        for name, stream, packed in _arrays(file):
            array = _read(stream, file, name, left, packed)
            left -= array.nbytes
            kernels = _square(array, pixels)
            if kernels is None:
                others.append(f"{name} of shape {array.shape}")
            else:
                found[name] = kernels
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        if isinstance(error, checks.BadInput):
            raise
        raise _bad(file, f"a whole .npy or .npz file ({error})") from None
    if not found:
        seen = "; ".join(others[:4]) + ("; …" if len(others) > 4 else "") or "nothing"
        where = f"along its {pixels} two axes"
        raise _bad(file, f"a file with square kernels, {LEAST} to {MOST} pixels a side {where}, but holds {seen}")
    return found


def _bad(file: Any, required: str) -> checks.BadInput:
    return checks.refuse("file", repr(str(file)), required)


def _arrays(file: Path) -> Iterator[tuple[str, IO[bytes], int]]:
    """Name and stream of every array, and how many bytes it takes in the file."""
    with file.open("rb") as raw:
        start = raw.read(len(_MAGIC))
        raw.seek(0)
        if start == _MAGIC:
            yield file.stem, raw, file.stat().st_size
        elif start[:2] == b"PK":
            with zipfile.ZipFile(raw) as archive:
                for entry in archive.infolist():
                    if entry.filename.endswith(".npy"):
                        with archive.open(entry) as stream:
                            yield entry.filename.removesuffix(".npy"), stream, entry.compress_size
        else:
            begins = f"begins with {start.hex(' ')}" if start else "is empty"
            raise _bad(file, f"a .npy or .npz file, but it {begins}")


def _read(stream: Any, file: Path, name: str, limit: int, packed: int) -> np.ndarray:
    """The array, if it is of numbers, and as long as its header says."""
    shape, by_column, dtype = _header(stream, file, name)
    if dtype.kind not in "fiub":
        held = "Python objects, which may be anything" if dtype.hasobject else f"entries of type {dtype}"
        raise _bad(file, f"of real numbers, but its array {name} holds {held}")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > limit or claimed > max(1 << 24, 100 * packed):
        raise _bad(
            file, f"of at most {limit} bytes, packed to a hundredth of them at most, but {name} claims {claimed}"
        )
    entries = stream.read(claimed)
    if len(entries) < claimed:
        raise _bad(file, f"whole, but its array {name} claims {claimed} bytes, and has {len(entries)}")
    array = np.frombuffer(entries, dtype).reshape(shape, order="F" if by_column else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(stream: Any, file: Path, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    from numpy.lib import format as npy

    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise _bad(file, f"in .npy format 1.0 or 2.0, but its array {name} is in {'.'.join(map(str, version))}")
    shape, by_column, dtype = readers[version](stream)
    return shape, by_column, dtype


def _square(array: np.ndarray, pixels: str) -> Float[np.ndarray, "n size size"] | None:
    """The kernels, or None where the axes of the pixels are not those of one."""
    if array.ndim < 2:
        return None
    if pixels == "first":
        array = np.moveaxis(array, (0, 1), (-2, -1))
    high, wide = array.shape[-2:]
    if high != wide or not LEAST <= high <= MOST or array.size == 0:
        return None
    return np.asarray(array, dtype=np.float64).reshape(-1, high, wide)
