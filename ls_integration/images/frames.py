"""One survey frame, read whole: a picture, an array or a FITS image, grey or in three bands.

A picture (JPEG, PNG, TIFF) has a top: its format says that its first row is
drawn there. The rows of an array (FITS, NPY) are only numbered; which end is
drawn at the top is a convention, see `images.tiles.as_drawn`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import SourceError
from ls_integration.images.fits import FITS_SUFFIXES, fits_shape, read_fits
from ls_integration.images.npy import npy_header, npy_values, refuse_objects
from ls_integration.images.picture_files import PICTURE_SUFFIXES, open_picture, picture_values
from ls_integration.images.source_files import (
    DAMAGED,
    MAX_FRAME_PIXELS,
    check_file,
    check_planes,
    damaged,
)
from ls_integration.images.tiff import read_tiff_series, tiff_shape

FRAME_SUFFIXES = (*FITS_SUFFIXES, ".npy", ".tif", ".tiff", *PICTURE_SUFFIXES)
"""Endings of the names of files that `read_frame` knows, in lower case."""

_Options = ParamSpec("_Options")
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class FrameShape:
    """What can be known of a frame without decoding it.

    Attributes
    ----------
    size_px : tuple of int
        Width and height.
    has_top : bool
        Whether the format says that the first row is drawn at the top.
    wcs : astropy.wcs.WCS or None
        Two celestial axes; None without them.
    """

    size_px: tuple[int, int]
    has_top: bool
    wcs: Any = None


@dataclass(frozen=True)
class Frame:
    """The values of a frame, rows in the order of the file.

    Attributes
    ----------
    values : ndarray, shape (height, width) or (height, width, 3)
        Real numbers in native byte order; not finite where there are no data.
    is_picture : bool
        Whether the values are 8-bit colours or greys to be shown as they are.
    has_top : bool
        Whether the format says that the first row is drawn at the top.
    wcs : astropy.wcs.WCS or None
        Two celestial axes; None without them.
    source : Path
        The file, of three bands the first.
    """

    values: NDArray[Any]
    is_picture: bool
    has_top: bool
    wcs: Any
    source: Path

    @property
    def shape(self) -> FrameShape:
        """Give what `frame_shape` gives.

        Returns
        -------
        FrameShape
            Size, top and sky coordinates.
        """
        height, width = self.values.shape[:2]
        return FrameShape((width, height), self.has_top, self.wcs)


def read_frame(
    source: Path | Sequence[Path],
    *,
    hdu: int | str | None = None,
    bands: Sequence[int] = (),
) -> Frame:
    """Read a frame.

    Parameters
    ----------
    source : Path or sequence of Path
        A file, or three files of equal size that become red, green and blue.
    hdu : int or str, optional
        Number or name of the unit of a FITS file; by default the first with an
        image. Other files have none.
    bands : sequence of int
        Of a file with several planes the one to show, or three that become
        red, green and blue; counted from 0.

    Returns
    -------
    Frame
        The values are those of the file: nothing is scaled.

    Raises
    ------
    SourceError
        If a file is missing, damaged, too large or of an unknown type, or what
        it holds is not one frame.
    """
    paths = _checked_paths(source, bands)
    read = [_guarded(_read_one, path, hdu, bands) for path in paths]
    if len(read) == 1:
        return read[0]
    for frame in read:
        if frame.values.ndim != 2 or frame.values.shape != read[0].values.shape:
            msg = (
                f"{frame.source} has shape {frame.values.shape}, {paths[0]} "
                f"{read[0].values.shape}; three bands need three 2-D images of one size"
            )
            raise SourceError(msg)
    stacked = np.stack([frame.values for frame in read], axis=-1)
    return Frame(stacked, False, read[0].has_top, read[0].wcs, paths[0])


def frame_shape(
    source: Path | Sequence[Path],
    *,
    hdu: int | str | None = None,
) -> FrameShape:
    """Tell size and sky coordinates of a frame from its header.

    Parameters
    ----------
    source : Path or sequence of Path
        As for `read_frame`; of three files the first is asked.
    hdu : int or str, optional
        As for `read_frame`.

    Returns
    -------
    FrameShape
        What `read_frame` would give as its `shape`.

    Raises
    ------
    SourceError
        If the file is missing, damaged in its header, too large or of an
        unknown type.
    """
    return _guarded(_shape_of_one, _checked_paths(source, ())[0], hdu)


def has_suffix(name: str, suffixes: Sequence[str] = FRAME_SUFFIXES) -> str:
    """Find the longest known ending of a file's name.

    Parameters
    ----------
    name : str
        A file's name.
    suffixes : sequence of str
        Endings in lower case.

    Returns
    -------
    str
        The ending as it is spelt in `name`; empty if none is known.
    """
    known = [suffix for suffix in suffixes if name.lower().endswith(suffix)]
    return name[len(name) - max(map(len, known)) :] if known else ""


def _checked_paths(source: Path | Sequence[Path], bands: Sequence[int]) -> list[Path]:
    paths = [source] if isinstance(source, Path) else list(source)
    if len(paths) not in {1, 3} or len(bands) not in {0, 1, 3} or len(paths) + len(bands) > 4:
        msg = (
            f"{paths[0] if paths else 'a frame'}: {len(paths)} files and {len(bands)} bands make "
            "no frame; give one file (and one or three bands of it) or three files"
        )
        raise SourceError(msg)
    for path in paths:
        if not has_suffix(path.name):
            msg = f"{path} is not a frame that can be read; use one of {', '.join(FRAME_SUFFIXES)}"
            raise SourceError(msg)
        check_file(path)
    return paths


def _guarded(
    read: Callable[Concatenate[Path, _Options], _Read],
    path: Path,
    *options: _Options.args,
    **named: _Options.kwargs,
) -> _Read:
    try:
        return read(path, *options, **named)
    except DAMAGED as error:
        raise damaged(path, error) from error


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_FRAME_PIXELS:
        msg = f"{path} has {width * height:,} pixels, more than {MAX_FRAME_PIXELS:,}; crop it"
        raise SourceError(msg)
    if width * height == 0:
        msg = f"{path} has no pixels ({width} x {height}); export it again"
        raise SourceError(msg)


def _shape_of_one(path: Path, hdu: int | str | None) -> FrameShape:
    suffix = has_suffix(path.name).lower()
    wcs = None
    if suffix in FITS_SUFFIXES:
        shape, wcs = fits_shape(path, hdu)
        height, width = shape[-2:]
    elif suffix in {".npy", ".tif", ".tiff"}:
        height, width = _rows_and_columns(path, suffix)
    else:
        with open_picture(path) as picture:
            width, height = picture.size
    _check_size(path, width, height)
    return FrameShape((width, height), _has_top(suffix), wcs)


def _read_one(path: Path, hdu: int | str | None, bands: Sequence[int]) -> Frame:
    suffix = has_suffix(path.name).lower()
    wcs = None
    if suffix in FITS_SUFFIXES:
        values, wcs = read_fits(path, hdu, bands, MAX_FRAME_PIXELS)
        values = values if not bands else _bands_last(values)
    else:
        if suffix in {".npy", ".tif", ".tiff"}:
            _rows_and_columns(path, suffix)
            values = read_tiff_series(path) if suffix != ".npy" else _read_npy(path)
        else:
            values = picture_values(path)
        values = _chosen(path, values, bands)
    if values.dtype.kind not in "biuf":
        msg = f"{path} holds values of type {values.dtype}; store real numbers"
        raise SourceError(msg)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    is_picture = values.dtype == np.uint8 and suffix not in FITS_SUFFIXES and len(bands) != 3
    return Frame(values, is_picture, _has_top(suffix), wcs, path)


def _has_top(suffix: str) -> bool:
    return suffix not in FITS_SUFFIXES and suffix != ".npy"


def _rows_and_columns(path: Path, suffix: str) -> tuple[int, int]:
    """Read height and width from the header, and refuse a bomb before it goes off."""
    if suffix == ".npy":
        with path.open("rb") as file:
            shape, dtype, _ = npy_header(path, file)
        refuse_objects(path, dtype)
    else:
        shape = tiff_shape(path)
    if len(shape) < 2:
        msg = f"{path} has shape {shape}, without a height and a width; store a 2-D image"
        raise SourceError(msg)
    height, width = shape[-3:-1] if _colour_last(shape) else shape[-2:]
    _check_size(path, width, height)
    if math.prod(shape) > 4 * MAX_FRAME_PIXELS:
        msg = f"{path} has shape {shape}, too much to be read; store fewer planes"
        raise SourceError(msg)
    return height, width


def _colour_last(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 3 and shape[-1] in {3, 4}


def _read_npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        return npy_values(path, file, npy_header(path, file))


def _chosen(path: Path, values: NDArray[Any], bands: Sequence[int]) -> NDArray[Any]:
    """Bring (h, w), (..., h, w) or (..., h, w, 3 or 4) to (h, w) or (h, w, 3)."""
    shape = values.shape
    if _colour_last(shape):
        if len(shape) == 3 and not bands:
            return values[..., :3]
        values = np.moveaxis(values, -1, -3)
    planes = values.reshape(-1, *values.shape[-2:])
    check_planes(path, shape, len(planes), bands)
    return _bands_last(planes[list(bands)]) if bands else planes[0]


def _bands_last(planes: NDArray[Any]) -> NDArray[Any]:
    return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)
