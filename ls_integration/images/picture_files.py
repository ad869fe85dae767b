"""Frames that are pictures already: PNG and JPEG, opened and shown as they are."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ls_integration.errors import SourceError
from ls_integration.images.source_files import MAX_FRAME_PIXELS, without_warnings

JPEG_SUFFIXES = (".jpg", ".jpeg")
PICTURE_SUFFIXES = (".png", *JPEG_SUFFIXES)
"""Endings of the names of files that are opened here, in lower case."""

_AS_RGB = {"P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}
# What `frames.read_frame` and `stretch.apply` would make of modes of 8 bit; the
# transparency is left out, not drawn.
_SHOWN_AS = {"1": "L", "L": "L", "RGB": "RGB", "RGBA": "RGB", **dict.fromkeys(_AS_RGB, "RGB")}


def open_picture(path: Path) -> Image.Image:
    """Open a picture without decoding it.

    Parameters
    ----------
    path : Path
        A PNG or JPEG file.

    Returns
    -------
    Image
        To be closed, as a context.

    Raises
    ------
    SourceError
        If it is too large.
    OSError, ValueError, SyntaxError
        And others of `source_files.DAMAGED`, if it is damaged.
    """
    try:
        # Of odd chunks, which are nothing that a user could mend.
        with without_warnings(UserWarning):
            # Pillow warns from half of our limit on, and refuses beyond it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=("PNG", "JPEG"))
    except Image.DecompressionBombError:
        msg = f"{path} has more than {MAX_FRAME_PIXELS:,} pixels; crop it"
        raise SourceError(msg) from None


def picture_values(path: Path) -> NDArray[Any]:
    """Read the values of a picture.

    Parameters
    ----------
    path : Path
        A PNG or JPEG file.

    Returns
    -------
    ndarray, shape (height, width) or (height, width, 3 or 4)
        Colours are red, green, blue and perhaps opacity; other colour models
        are converted.

    Raises
    ------
    SourceError, OSError, ValueError, SyntaxError
        As `open_picture`.
    """
    with open_picture(path) as picture:
        if picture.mode in _AS_RGB:
            return np.asarray(picture.convert("RGB"))
        if picture.mode == "LA":
            return np.asarray(picture.getchannel("L"))
        return np.asarray(picture)


def picture_as_it_is(path: Path) -> Image.Image | None:
    """Decode a picture of 8 bit, with the pixels of `picture_values` but for opacity.

    An array of it would be three more copies: Pillow's tiles, the array, and
    the picture again for the encoder.

    Parameters
    ----------
    path : Path
        A PNG or JPEG file.

    Returns
    -------
    Image or None
        Grey (``L``) or ``RGB``, without metadata; None if the file has values
        that are no 8-bit greys or colours.

    Raises
    ------
    SourceError, OSError, ValueError, SyntaxError
        As `open_picture`.
    """
    with open_picture(path) as picture:
        if picture.mode == "LA":
            shown = picture.getchannel("L")
        elif picture.mode not in _SHOWN_AS:
            return None
        elif _SHOWN_AS[picture.mode] == picture.mode:
            picture.load()
            shown = picture
        else:
            shown = picture.convert(_SHOWN_AS[picture.mode])
    # Notes, profiles and orientation, which crops would inherit.
    shown.info.clear()
    return shown
