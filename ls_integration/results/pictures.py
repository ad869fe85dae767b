"""Pictures of items for the results: small ones in the page, titled ones as files."""

import base64
import io
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

PictureOf = Callable[[int], Image.Image | None]
"""Row of an item, from 0 -> its picture in RGB, or None where there is none to be had."""

_LONGEST_SIDE_IN_PAGE_PX = 256
_QUALITY = 80
_ENLARGED_SIDE_PX = 448
_LEAST_WIDTH_PX = 360
_TITLE_PX, _MARGIN_PX, _LINE_PX = 15, 6, 20


def to_data_address(picture: Image.Image, most_bytes: int) -> str | None:
    """Write a picture into an address that needs no file.

    Parameters
    ----------
    picture : Image
        In RGB.
    most_bytes : int
        How long the address may be.

    Returns
    -------
    str or None
        ``data:image/webp;base64,...``: without loss where that fits, else with
        a little, else smaller too; None if even that is too long.
    """
    small = picture.copy()
    small.thumbnail((_LONGEST_SIDE_IN_PAGE_PX, _LONGEST_SIDE_IN_PAGE_PX))
    for candidate, options in (
        (picture, {"lossless": True}),
        (picture, {"quality": _QUALITY}),
        (small, {"quality": _QUALITY}),
    ):
        if max(candidate.size) > 4 * _LONGEST_SIDE_IN_PAGE_PX:
            continue
        stream = io.BytesIO()
        candidate.save(stream, "WEBP", **options)
        address = "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
        if len(address) <= most_bytes:
            return address
    return None


def draw_titled(picture: Image.Image, lines: Sequence[str]) -> Image.Image:
    """Draw lines of text above a picture.

    Parameters
    ----------
    picture : Image
        In RGB. A small one is enlarged by a whole factor, each pixel a square.
    lines : sequence of str
        Cut where they are wider than the picture.

    Returns
    -------
    Image
        In RGB, black on white above the picture.
    """
    factor = max(1, _ENLARGED_SIDE_PX // max(picture.size))
    enlarged = picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.NEAREST
    )
    width = max(enlarged.width, _LEAST_WIDTH_PX)
    top = 2 * _MARGIN_PX + _LINE_PX * len(lines)
    titled = Image.new("RGB", (width, top + enlarged.height), "white")
    titled.paste(enlarged, ((width - enlarged.width) // 2, top))
    draw = ImageDraw.Draw(titled)
    for number, line in enumerate(lines):
        text = _fit(line, width - 2 * _MARGIN_PX)
        place = (_MARGIN_PX, _MARGIN_PX + number * _LINE_PX)
        draw.text(place, text, fill="black", font=_font())
    return titled


def _fit(text: str, width_px: int) -> str:
    """Make one line of a text, and cut it where it does not fit."""
    line = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)
    line = re.sub(r"\s+", " ", line).strip()
    if _font().getlength(line) <= width_px:
        return line
    while line and _font().getlength(f"{line}…") > width_px:
        line = line[:-1]
    return f"{line}…"


@cache
def _font() -> ImageFont.FreeTypeFont:
    # The font of the figures: it comes with matplotlib, and has more signs than Pillow's own.
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), _TITLE_PX)
