"""One image of a FITS file, as a plain array, with its sky coordinates if it has any.

astropy's warnings are filtered for the whole process and its sky coordinates
are not safe in several threads, so one lock stands around both.
"""

import gzip
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import SourceError, some_of
from ls_integration.images.source_files import (
    MAX_FRAME_PIXELS,
    check_planes,
    damaged,
    without_warnings,
)

FITS_SUFFIXES = tuple(
    name + packed for name in (".fits", ".fit", ".fts") for packed in ("", ".fz", ".gz")
)
"""Endings of the names of FITS files: plain, tile-compressed, or gzipped as a whole."""

# FITS standard 4.0, sections 3.1, 4.4.1.1 (axes), 7.2.1 and 7.3.1 (columns).
_BLOCK_BYTES, _MOST = 2880, 999
_MOST_BLOCKS = 4000
_MOST_SKIPPED_BYTES = 2**32
_GZIP = b"\x1f\x8b"

# What astropy raises on sky coordinates that make no sense. Such a frame is still a frame.
_UNUSABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def fits_shape(path: Path, hdu: int | str | None) -> tuple[tuple[int, ...], Any]:
    """Read shape and sky coordinates of an image without its pixels.

    Parameters
    ----------
    path : Path
        The file.
    hdu : int or str or None
        Number (the primary one is 0) or name of the unit of the file that
        holds the image; by default the first that has two axes or more.

    Returns
    -------
    shape : tuple of int
        (..., height, width).
    wcs : astropy.wcs.WCS or None
        Two celestial axes; None without them.

    Raises
    ------
    SourceError
        If there is no such image.
    """
    with _opened(path, hdu) as file:
        unit = _image_unit(path, file, hdu)
        return tuple(unit.shape), _celestial(file, unit)


def read_fits(
    path: Path, hdu: int | str | None, planes: Sequence[int], max_pixels: int
) -> tuple[NDArray[Any], Any]:
    """Read planes of one image of a FITS file.

    Scaled integers (BZERO, BSCALE, BLANK) come back as what they stand for.

    Parameters
    ----------
    path : Path
        The file.
    hdu : int or str or None
        As for `fits_shape`.
    planes : sequence of int
        Which planes of an image of more than two axes, all but the last two
        flattened; none for an image of one plane.
    max_pixels : int
        The largest plane that is read.

    Returns
    -------
    values : ndarray, shape (height, width) or (n planes, height, width)
        Native byte order; row 0 is the first of the file.
    wcs : astropy.wcs.WCS or None
        Two celestial axes; None without them.

    Raises
    ------
    SourceError
        If there is no such image, or it is too large.
    """
    with _opened(path, hdu) as file:
        unit = _image_unit(path, file, hdu)
        shape = tuple(unit.shape)
        if shape[-2] * shape[-1] > max_pixels:
            msg = f"{path} has {shape[-2] * shape[-1]:,} pixels, more than {max_pixels:,}; crop it"
            raise SourceError(msg)
        check_planes(path, shape, math.prod(shape[:-2]), planes)
        if planes:
            outer = [np.unravel_index(plane, shape[:-2]) for plane in planes]
            # One plane after the other: a cube may be larger than memory.
            values = np.stack([_native(unit.section[index]) for index in outer])
        elif len(shape) == 2:
            values = _native(unit.data)
        else:
            values = _native(unit.section[(0,) * (len(shape) - 2)])
        return values, _celestial(file, unit)


def pixel_to_sky(wcs: Any, x_px: float, y_px: float) -> tuple[float, float] | None:
    """Give the place in the sky of a place in the image.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        From `read_fits`.
    x_px, y_px : float
        Column and row of the array, whole numbers at pixel centres, from 0
        (FITS itself counts from 1).

    Returns
    -------
    tuple of float or None
        Right ascension (0 to 360) and declination, in degrees; in the equatorial
        frame that the header names, else (galactic, ecliptic) in ICRS. None
        where the projection has no sky.
    """
    with without_warnings():
        try:
            if wcs.wcs.lngtyp == "RA":
                place = wcs.all_pix2world([[x_px, y_px]], 0, ra_dec_order=True)[0]
            else:
                sky = wcs.pixel_to_world(x_px, y_px).icrs
                place = np.array((sky.ra.deg, sky.dec.deg))
        except _UNUSABLE:
            return None
    return (float(place[0]), float(place[1])) if np.isfinite(place).all() else None


@contextmanager
def _opened(path: Path, hdu: int | str | None) -> Iterator[Any]:
    with without_warnings():
        # Here, since an import filters warnings too; late, since many studies have no FITS.
        from astropy.io import fits
        from astropy.io.fits.hdu.compressed._compression import CfitsioException

        try:
            _check_headers(path, hdu, fits.Header)
            # Opened here, since astropy leaves a damaged file open. memmap=False: the
            # array must outlive the file, and be whole now.
            with path.open("rb") as stream, fits.open(stream, memmap=False) as file:
                yield file
        except (CfitsioException, fits.VerifyError, AssertionError, AttributeError) as error:
            raise damaged(path, error) from error


def _check_headers(path: Path, hdu: int | str | None, header_class: Any) -> None:
    """Refuse headers that astropy would read for hours, or into all of the memory, on opening."""
    with path.open("rb") as plain:
        is_packed = plain.read(2) == _GZIP
        plain.seek(0)
        with gzip.open(plain) if is_packed else plain as stream:
            for number in itertools.count():
                header = header_class.fromstring(_header_text(stream, is_first=not number))
                sides, n_bytes = _size_of(header)
                is_image = len(sides) >= 2 and header.get("XTENSION", "IMAGE") == "IMAGE"
                name = header.get("EXTNAME", "")
                is_wanted = (hdu is None and is_image) or hdu in (number, name)
                if is_wanted and is_image and math.prod(sides[:2]) > MAX_FRAME_PIXELS:
                    msg = (
                        f"{path} has {math.prod(sides[:2]):,} pixels, more than "
                        f"{MAX_FRAME_PIXELS:,}; crop it"
                    )
                    raise SourceError(msg)
                if is_packed and n_bytes > _MOST_SKIPPED_BYTES:
                    msg = f"its HDU {number} unpacks to {n_bytes:,} bytes"
                    raise ValueError(msg)
                if is_wanted:
                    return  # what follows is not opened
                place = stream.seek(-(-n_bytes // _BLOCK_BYTES) * _BLOCK_BYTES, 1)
                if not stream.read(1):
                    return
                stream.seek(place)


def _header_text(stream: Any, *, is_first: bool) -> str:
    """Read a header up to its end; a file may have none."""
    blocks: list[bytes] = []
    for _ in range(_MOST_BLOCKS):
        block = stream.read(_BLOCK_BYTES)
        if not blocks and not block.startswith(b"SIMPLE" if is_first else b"XTENSION"):
            break
        blocks.append(block)
        if any(block[at : at + 8] == b"END     " for at in range(0, len(block), 80)):
            return b"".join(blocks).decode("ascii")
        if len(block) < _BLOCK_BYTES:
            break
    msg = "a header has no beginning or no end"
    raise ValueError(msg)


def _size_of(header: Any) -> tuple[list[int], int]:
    n_axes = _count(header, "NAXIS", None)
    # astropy goes through as many columns, and axes of a compressed image, as these say.
    for counted in ("ZNAXIS", "TFIELDS"):
        _count(header, counted, 0)
    sides = [header.get(f"NAXIS{axis}") for axis in range(1, n_axes + 1)]
    others = [header.get("BITPIX"), header.get("GCOUNT", 1), header.get("PCOUNT", 0)]
    if not all(isinstance(number, int) and abs(number) < 2**40 for number in [*sides, *others]):
        msg = "its axes have no lengths"
        raise ValueError(msg)
    bits, n_groups, n_more = map(abs, others)
    n_values = math.prod(map(abs, sides)) if sides else 0
    n_bytes = bits * n_groups * (n_more + n_values) // 8
    if n_bytes > 2**60:
        msg = f"it says {n_bytes:,} bytes"
        raise ValueError(msg)
    return sides, n_bytes


def _count(header: Any, name: str, default: int | None) -> int:
    number = header.get(name, default)
    if not isinstance(number, int) or not 0 <= number <= _MOST:
        msg = f"{name} is {number!r:.40}"
        raise ValueError(msg)
    return number


def _image_unit(path: Path, file: Any, hdu: int | str | None) -> Any:
    if hdu is None:
        for unit in file:
            if _is_image(unit):
                return unit
        msg = f"{path} holds no image, only {some_of(_described(file))}; give a FITS image"
        raise SourceError(msg)
    try:
        unit = file[hdu]
    except (IndexError, KeyError):
        msg = f"{path} has no HDU {hdu}; --hdu can be one of {some_of(_described(file), 12)}"
        raise SourceError(msg) from None
    if not _is_image(unit):
        msg = f"{path}: HDU {hdu} is no image; --hdu can be one of {some_of(_described(file), 12)}"
        raise SourceError(msg)
    return unit


def _is_image(unit: Any) -> bool:
    shape = getattr(unit, "shape", ())  # a damaged unit has none
    return bool(unit.is_image and len(shape) >= 2 and min(shape) > 0)


def _described(file: Any) -> list[str]:
    described = []
    for index, unit in enumerate(file):
        what = f"{tuple(getattr(unit, 'shape', ()))}" if unit.is_image else "table"
        described.append(" ".join(f"{index} {unit.name} {what}".split()))
    return described


def _native(values: Any) -> NDArray[Any]:
    """Bring big-endian values into the order of this machine."""
    array = np.asarray(values)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _celestial(file: Any, unit: Any) -> Any:
    from astropy.wcs import WCS  # as in `_opened`, which holds the lock

    try:
        wcs = WCS(unit.header, file)
        return wcs.celestial if wcs.has_celestial else None
    except _UNUSABLE:
        return None
