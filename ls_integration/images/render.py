"""One 2-D array to the picture that a person sees, as AnomaGUI drew it."""

import io
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ls_integration.errors import ConfigError, SourceError

LOW_PERCENT = 1.0
HIGH_PERCENT = 99.8
"""Default limits of the scale ``percentile``, in per cent of the pixels.

Weigert et al. 2018, Nature Methods 15, 1090 (CARE): the usual normalisation of
sparse fluorescence images, where the bright filaments fill few of the pixels.
"""

WEBP_LONGEST_SIDE_PX = 16_383
"""The longest side that the WebP format can express."""


@dataclass(frozen=True)
class Scale:
    """Which values become black and white (the ends of the colormap).

    Attributes
    ----------
    kind : {"minmax", "percentile", "counts"}
        ``minmax``: the image's own minimum and maximum, as AnomaGUI. It hides
        that a dim image has few photons. ``percentile``: two percentiles of
        the image, so that single bright pixels do not darken the rest.
        ``counts``: 0 and `maximum` for every image, so that a dim image looks
        dim.
    low, high : float
        The percentiles, 0 to 100; used by ``percentile`` only.
    maximum : float
        The value shown as white; used by ``counts`` only.
    """

    kind: Literal["minmax", "percentile", "counts"] = "minmax"
    low: float = LOW_PERCENT
    high: float = HIGH_PERCENT
    maximum: float = math.nan

    def __str__(self) -> str:
        """Give the text from which `parse_scale` makes this scale again."""
        if self.kind == "percentile":
            return f"percentile {self.low:g} {self.high:g}"
        return f"counts {self.maximum:g}" if self.kind == "counts" else "minmax"


MINMAX = Scale()
"""The scale of AnomaGUI, and the default."""


def parse_scale(text: str) -> Scale:
    """Read a scale from the words of an option.

    Parameters
    ----------
    text : str
        ``minmax``, ``percentile``, ``percentile LOW HIGH`` or ``counts MAX``.

    Returns
    -------
    Scale
        Frozen.

    Raises
    ------
    ConfigError
        If the word is unknown or its numbers make no range.

    Examples
    --------
    >>> str(parse_scale("counts 200"))
    'counts 200'
    """
    kind, *words = re.split(r"[\s:=,]+", text.strip().lower())
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = [math.nan]
    if kind == "minmax" and not numbers:
        return MINMAX
    if kind == "percentile" and not numbers:
        return Scale("percentile")
    if kind == "percentile" and len(numbers) == 2 and 0 <= numbers[0] < numbers[1] <= 100:
        return Scale("percentile", low=numbers[0], high=numbers[1])
    if kind == "counts" and len(numbers) == 1 and 0 < numbers[0] < math.inf:
        return Scale("counts", maximum=numbers[0])
    msg = (
        f"the scale '{text}' is not known; use minmax, percentile, "
        "'percentile LOW HIGH' (0 to 100) or 'counts MAX' (above 0)"
    )
    raise ConfigError(msg)


def scale_counts(image: NDArray[Any], scale: Scale = MINMAX) -> NDArray[np.float64]:
    """Bring the values of an image to the range of the colormap.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Finite values with at least two different ones.
    scale : Scale
        Which values become 0 and 1.

    Returns
    -------
    ndarray of float64, shape (height, width)
        From 0 to 1; values outside of the limits are clipped. If the two
        percentiles of a sparse image coincide, its minimum and maximum count.
    """
    values = np.asarray(image, dtype=np.float64)
    if scale.kind == "counts":
        low, high = 0.0, scale.maximum
    elif scale.kind == "percentile":
        low, high = (float(limit) for limit in np.percentile(values, [scale.low, scale.high]))
    else:
        low = high = 0.0
    if low == high:
        low, high = float(values.min()), float(values.max())
    if low == high:
        return np.zeros_like(values)
    scaled = (values - low) / (high - low)
    return scaled if scale.kind == "minmax" else np.clip(scaled, 0.0, 1.0)


def check_colormap(name: str) -> None:
    """Refuse a colormap that matplotlib has not got.

    Parameters
    ----------
    name : str
        For example ``hot``.

    Raises
    ------
    ConfigError
        If there is no colormap of this name.
    """
    _colours(name)


def render(image: NDArray[Any], colormap: str = "hot", scale: Scale = MINMAX) -> NDArray[np.uint8]:
    """Draw an image in false colours, pixel for pixel.

    With the defaults this is what AnomaGUI did: minimum to maximum mapped to
    [0, 1], matplotlib's ``hot``, times 255, rounded. matplotlib first cuts
    [0, 1] into as many equal bins as the colormap has colours (256), so a table
    of the rounded colours gives the same bytes.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Finite values.
    colormap : str
        A name that matplotlib knows.
    scale : Scale
        Which values become the first and the last colour.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Red, green and blue.

    Raises
    ------
    ConfigError
        If there is no colormap of this name.
    """
    colours = _colours(colormap)
    last = len(colours) - 1
    scaled = scale_counts(image, scale)
    scaled *= len(colours)
    # Exactly 1 belongs to the last bin, as in matplotlib.
    np.minimum(scaled, last, out=scaled)
    bins: NDArray[np.integer[Any]] = scaled.astype(np.uint8 if last < 256 else np.intp)
    return colours.take(bins, axis=0)


def encode_webp(rgb: NDArray[np.uint8]) -> bytes:
    """Encode a picture without loss and without metadata.

    ``quality=0, method=0`` are the least effort that the encoder knows: for
    lossless WebP they change size and time, never a pixel.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        Red, green and blue.

    Returns
    -------
    bytes
        A WebP file.

    Raises
    ------
    SourceError
        If a side is longer than the format can express.
    """
    return encode_picture(Image.fromarray(rgb))


def encode_picture(picture: Image.Image) -> bytes:
    """Encode what Pillow holds as `encode_webp` does.

    Parameters
    ----------
    picture : Image
        Grey or ``RGB``.

    Returns
    -------
    bytes
        A WebP file.

    Raises
    ------
    SourceError
        If a side is longer than the format can express.
    """
    width, height = picture.size
    if max(height, width) > WEBP_LONGEST_SIDE_PX:
        msg = (
            f"the picture of {width} x {height} pixels is too large for WebP "
            f"({WEBP_LONGEST_SIDE_PX} a side); crop it"
        )
        raise SourceError(msg)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=True, quality=0, method=0)
    return buffer.getvalue()


@cache
def _colours(name: str) -> NDArray[np.uint8]:
    """Tabulate a colormap: (n, 3) uint8."""
    import matplotlib  # 0.2 s, for the first picture only

    if name not in matplotlib.colormaps:
        msg = (
            f"matplotlib has no colormap '{name}'; use for example hot, gray, inferno, magma "
            "or viridis"
        )
        raise ConfigError(msg)
    colormap = matplotlib.colormaps[name]
    rgba = np.asarray(colormap(np.arange(colormap.N)))
    table: NDArray[np.uint8] = np.rint(rgba[:, :3] * 255).astype(np.uint8)
    table.flags.writeable = False
    return table
