"""Real images: the digits that scikit-learn brings along, files in IDX format (MNIST's), and OpenML by name.

IDX: two zero bytes, one for the type, one for the number of axes, then the length of each axis as four bytes and the
entries, all big-endian. Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import functools
import gzip
import io
import math
import os
import re
import stat
import struct
import warnings
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from theory import checks

LARGEST = 1 << 27
"""Bytes of entries that an IDX file may hold, unpacked, if the caller does not say: 128 MiB, almost three times what
MNIST's training images take. As float64, images of single bytes are then at most 1 GiB."""

SMALL = 1 << 24
"""Bytes of entries that may be packed as densely as they like."""

DENSEST = 100
"""Bytes of entries to a byte of a packed file, at most: MNIST has 5, an image of one colour up to 1,000."""

CHUNK = 1 << 20
"""Bytes read at a time: memory grows with what has arrived, never with what the header claims."""

MOST_AXES = 64
"""NumPy's own limit."""

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_OPENML_NAME = re.compile(r"[\w.\-]{1,128}")
_IDX_SUFFIXES = (".gz", "idx", "ubyte")


def digits() -> Float[np.ndarray, "1797 8 8"]:
    """The 1,797 handwritten digits of scikit-learn, 8×8, from 0 (paper) to 1 (ink): no network, no file of one's own.

    Source: Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI, the test part.

    Examples
    --------
    >>> images = digits()
    >>> images.shape, float(images.min()), float(images.max())
    ((1797, 8, 8), 0.0, 1.0)
    """
    from sklearn.datasets import load_digits

    return load_digits().images / 16.0


def load(source: str | os.PathLike[str], *, limit: int = LARGEST) -> Float[np.ndarray, "n ..."]:
    """Images (n, h, w), or signals (n, d), in float64, from wherever ``source`` says.

    The last ones are held, read-only, for whoever asks for them next: a file is read again if it has changed since.

    Parameters
    ----------
    source
        ``"digits"``; the path of an IDX file, plain or packed by gzip; or the name of a data set on OpenML, such as
        ``"mnist_784"``, which scikit-learn fetches and keeps under ~/scikit_learn_data. A word that names no file,
        holds no separator and does not end like an IDX file is a name.
    limit
        As for ``read_idx``.

    Returns
    -------
    Entries of single unsigned bytes divided by 255; those of OpenML by the largest magnitude among them, and its rows
    made square where their length is a square. Other files as they are.

    Raises
    ------
    BadInput
        If there is nothing there, or nothing that makes images.

    Examples
    --------
    >>> load("digits").shape
    (1797, 8, 8)
    """
    if not isinstance(source, str | os.PathLike):
        raise checks.refuse("source", repr(source), '"digits", the path of an IDX file, or a name on OpenML')
    name = os.fspath(source)
    return _held(name, isinstance(source, str) and _on_openml(name), limit, stamp(name))


@functools.lru_cache(maxsize=1)
def _held(
    name: str,
    on_openml: bool,
    limit: int,
    seen: tuple[int, ...] | None,  # noqa: ARG001  tells a file from what stood in its place before
) -> Float[np.ndarray, "n ..."]:
    """What ``load`` gives, found once."""
    images = digits() if name == "digits" else _openml(name) if on_openml else _from_file(name, limit)
    images.flags.writeable = False
    return images


def forget() -> None:
    """Let go of the images that are held."""
    _held.cache_clear()


def stamp(source: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """What tells a file at ``source`` from another there: place on disk, size, time of change; None for no file."""
    try:
        found = Path(source).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _from_file(name: str, limit: int) -> Float[np.ndarray, "n ..."]:
    found = read_idx(name, limit=limit)
    images = _numbers(f"array in {name!r}", found)
    if found.dtype == np.uint8:
        images /= 255
    return images


def _numbers(argument: str, found: Any) -> Float[np.ndarray, "n ..."]:
    """Images or signals of float64, finite, and at least one."""
    images = checks.array(argument, found, np, ndim=(2, 3)).astype(np.float64, copy=False)
    checks.integer(f"number of images of the {argument}", images.shape[0], least=1)
    return images


def _on_openml(name: str) -> bool:
    """Whether this is a name there rather than a path: see ``load``."""
    openml = bool(_OPENML_NAME.fullmatch(name)) and not name.endswith(_IDX_SUFFIXES) and not Path(name).exists()
    return openml and name != "digits"


def _openml(name: str) -> Float[np.ndarray, "n ..."]:
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            # What came of its further attempts is said below.
            warnings.filterwarnings("ignore", message="A network error occurred", category=UserWarning)
            found = fetch_openml(name, as_frame=False).data
    except (OSError, ValueError, EOFError, HTTPException) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        required = '"digits", the path of an IDX file, or the name of a data set on OpenML that can be fetched'
        raise checks.refuse("source", repr(name), f"{required} ({reason})") from None
    if not isinstance(found, np.ndarray):
        raise checks.refuse("source", f"{name!r}, a {type(found).__name__}", "a dense table of numbers")
    rows = _numbers(f"table of {name!r}", found)
    side = math.isqrt(math.prod(rows.shape[1:]))
    images = rows.reshape(-1, side, side) if side > 1 and side**2 == rows[0].size else rows
    return images / max(float(np.max(np.abs(images))), np.finfo(float).tiny)


def read_idx(path: str | os.PathLike[str], *, limit: int = LARGEST) -> Shaped[np.ndarray, "..."]:
    """The array in an IDX file, of any of the format's types and shapes: images, labels and anything else.

    Whether it is packed by gzip is seen from its first bytes, not from its name. It is unpacked in chunks, and no
    further than one byte beyond what its header claims, so the memory it takes is a small multiple of the lesser of
    what the header claims and what is there.

    Parameters
    ----------
    path
        An ordinary file.
    limit
        The most bytes of entries that the header may claim.

    Raises
    ------
    BadInput
        In one line: if the path is no file or cannot be read; the header is none, or claims an empty array or more than
        ``limit``; there are fewer or more entries than it claims; or the packing is corrupt.
    """
    limit = checks.integer("limit", limit, least=1)
    file = ordinary(path)
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            return _read(gzip.GzipFile(fileobj=raw) if packed else raw, file, limit)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _bad(file, f"whole, but as a gzip file it is corrupt or cut short ({error})") from None
    except OSError as error:
        raise _bad(file, f"a file that can be read, but {error.strerror}") from None


def _bad(file: Any, required: str) -> checks.BadInput:
    return checks.refuse("path", repr(str(file)), required)


def ordinary(path: Any) -> Path:
    """The path, if there is an ordinary file at its end: no folder, and no pipe or device, which may have no end."""
    try:
        file = Path(path)
        mode = file.stat().st_mode
    except OSError as error:
        raise _bad(path, f"a file that can be read, but {error.strerror}") from None
    except (TypeError, ValueError):
        raise checks.refuse("path", repr(path), "the path of a file") from None
    if not stat.S_ISREG(mode):
        raise _bad(file, f"a file, but is {'a directory' if stat.S_ISDIR(mode) else 'a pipe, a socket or a device'}")
    return file


def _read(stream: io.BufferedIOBase, file: Path, limit: int) -> Shaped[np.ndarray, "..."]:
    dtype, shape = _header(stream, file)
    claimed = math.prod(shape) * dtype.itemsize
    claim = f"its header claims {claimed} bytes of entries, for the shape {_text(shape)}"
    if claimed > limit:
        raise _bad(file, f"of at most {limit} bytes (the argument limit), but {claim}")
    if isinstance(stream, gzip.GzipFile) and claimed > max(SMALL, DENSEST * file.stat().st_size):
        raise _bad(
            file, f"packed to a {DENSEST}th of its entries at most, but {claim}; unpack it, if it is to be trusted"
        )
    entries = bytearray()
    while len(entries) < claimed and (chunk := stream.read(min(CHUNK, claimed - len(entries)))):
        entries += chunk
    if len(entries) < claimed:
        raise _bad(file, f"whole, but {claim}, and it has {len(entries)}")
    # One byte more: what a bomb holds beyond it is never unpacked. At the end gzip compares its checksum.
    if stream.read(1):
        raise _bad(file, f"as long as its header says, but {claim}, and it has more")
    array = np.frombuffer(entries, dtype).reshape(shape)
    return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _header(stream: io.BufferedIOBase, file: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= MOST_AXES:
        known = ", ".join(f"{code:02x}" for code in _TYPES)
        begins = f"begins with {magic.hex(' ')}" if magic else "is empty"
        raise _bad(file, f"in IDX format: 00 00, a type ({known}), 01 to {MOST_AXES:02x} axes; but it {begins}")
    lengths = stream.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise _bad(file, f"whole, but ends within its header, which has {magic[3]} axes")
    shape = struct.unpack(f">{magic[3]}I", lengths)
    if 0 in shape:
        raise _bad(file, f"of at least one entry, but its header claims the shape {_text(shape)}")
    return np.dtype(_TYPES[magic[2]]), shape


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[:8])) + ("x…" if len(shape) > 8 else "")
