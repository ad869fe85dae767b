"""A frame to the picture that is cut up, on the shortest way, and the kind of file it becomes."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ls_integration.images.frames import FrameShape, has_suffix, read_frame
from ls_integration.images.jpeg import plain_jpeg
from ls_integration.images.picture_files import (
    JPEG_SUFFIXES,
    PICTURE_SUFFIXES,
    picture_as_it_is,
)
from ls_integration.images.source_files import DAMAGED, check_file, damaged
from ls_integration.images.stretch import Limits, Stretch, apply, frame_limits

WEBP_SUFFIX, JPEG_SUFFIX = ".webp", ".jpg"
"""Endings of the names of pictures of whole frames: drawn without loss, or a JPEG's own."""


def draw_frame(
    sources: Sequence[Path],
    *,
    hdu: int | str | None = None,
    bands: Sequence[int] = (),
    stretch: Stretch | None = None,
    limits: Limits | None = None,
) -> tuple[Image.Image, Limits, FrameShape]:
    """Read a frame and draw it in 8 bit.

    A PNG or JPEG that is shown as it is is decoded to what Pillow cuts up and
    encodes; arrays are made only of frames that are calculated with.

    Parameters
    ----------
    sources : sequence of Path
        The file, or three that become red, green and blue.
    hdu : int or str, optional
        As for `frames.read_frame`.
    bands : sequence of int
        As for `frames.read_frame`.
    stretch : {"none", "minmax", "zscale", "asinh"}, optional
        See `stretch.frame_limits`.
    limits : dict, optional
        The limits of an earlier run, which then decide instead of `stretch`.

    Returns
    -------
    picture : Image
        Grey (``L``) or ``RGB``, decoded, rows in the order of the file, with
        the pixels that `stretch.apply` gives; without metadata.
    limits : dict
        Those that were given or found.
    shape : FrameShape
        Size, top and sky coordinates.

    Raises
    ------
    SourceError
        If the frame cannot be read, or not be drawn so.
    ConfigError
        If there is no such stretch.
    """
    if _may_be_as_it_is(sources, bands, stretch, limits):
        picture = _as_it_is(sources[0])
        if picture is not None:
            return picture, limits or {"stretch": "none"}, FrameShape(picture.size, has_top=True)
    frame = read_frame(sources, hdu=hdu, bands=bands)
    limits = limits or frame_limits(frame, stretch)
    return Image.fromarray(apply(frame, limits)), limits, frame.shape


def frame_picture_suffix(
    sources: Sequence[Path],
    *,
    bands: Sequence[int] = (),
    stretch: Stretch | None = None,
    limits: Limits | None = None,
) -> str:
    """Tell what kind of file the picture of a whole frame becomes.

    Parameters
    ----------
    sources : sequence of Path
        The file, or three that become red, green and blue.
    bands : sequence of int
        As for `frames.read_frame`.
    stretch : {"none", "minmax", "zscale", "asinh"}, optional
        As for `draw_frame`.
    limits : dict, optional
        As for `draw_frame`.

    Returns
    -------
    str
        ``.jpg`` for a JPEG that is shown as it is and that `jpeg.plain_jpeg`
        can copy; ``.webp``, which is without loss, for all others, also for
        those that cannot be read.
    """
    if not (
        has_suffix(sources[0].name).lower() in JPEG_SUFFIXES
        and _may_be_as_it_is(sources, bands, stretch, limits)
    ):
        return WEBP_SUFFIX
    try:
        is_copied = plain_jpeg(sources[0].read_bytes()) is not None
    except OSError:
        is_copied = False
    return JPEG_SUFFIX if is_copied else WEBP_SUFFIX


def _may_be_as_it_is(
    sources: Sequence[Path], bands: Sequence[int], stretch: Stretch | None, limits: Limits | None
) -> bool:
    wanted = limits.get("stretch") if limits else stretch or "none"
    is_picture = has_suffix(sources[0].name).lower() in PICTURE_SUFFIXES
    return len(sources) == 1 and not bands and wanted == "none" and is_picture


def _as_it_is(path: Path) -> Image.Image | None:
    check_file(path)
    try:
        return picture_as_it_is(path)
    except DAMAGED as error:
        raise damaged(path, error) from error
