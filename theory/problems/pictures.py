"""A grey image from a PNG or JPEG file, by Pillow."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from theory import checks
from theory.problems.images import ordinary
from theory.problems.textures import GREY

PIXELS = 1 << 25
"""Pixels that an image may have: 32 million, more than a camera takes; as float64 they are 256 MiB."""

FORMATS = ("PNG", "JPEG")


def picture(path: str | os.PathLike[str]) -> Float[np.ndarray, "h w"]:
    """The image in a file, grey, black 0 and white 1; what is transparent counts as if it were not.

    Colours are weighed as in ITU-R BT.601; 16 bits a pixel are kept. A photograph is not turned upright, whatever its
    camera noted.

    Raises
    ------
    BadInput
        In one line: if the path is no file, no whole PNG or JPEG image, or has more than ``PIXELS`` pixels.
    """
    from PIL import Image, UnidentifiedImageError

    file = ordinary(path)
    try:
        with warnings.catch_warnings():
            # Its size is looked at before a pixel is unpacked.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > PIXELS:
                    raise _bad(file, f"of at most {PIXELS} pixels, but is {image.width}x{image.height}")
                return _grey(image)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise _bad(file, "a PNG or JPEG image") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, checks.BadInput):
            raise
        raise _bad(file, f"a whole PNG or JPEG image ({error})") from None


def _bad(file: Any, required: str) -> checks.BadInput:
    return checks.refuse("image", repr(str(file)), required)


def _grey(image: Any) -> Float[np.ndarray, "h w"]:
    if image.mode.startswith("I"):  # 16 bits a pixel, whatever Pillow's type for it
        return np.asarray(image, dtype=np.float64) / 65535
    return np.asarray(image.convert("RGB"), dtype=np.float64) @ np.array(GREY) / 255
