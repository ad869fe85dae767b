"""One image of a FITS file, as a plain array, with its sky coordinates if it has any.

astropy's warnings are filtered for the whole process and its sky coordinates
are not safe in several threads, so one lock stands around both.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import SourceError, some_of
from ls_integration.images.source_files import WARNING_FILTERS, check_planes, damaged

FITS_SUFFIXES = tuple(
    name + packed for name in (".fits", ".fit", ".fts") for packed in ("", ".fz", ".gz")
)
"""Endings of the names of FITS files: plain, tile-compressed, or gzipped as a whole."""

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
    with _opened(path) as file:
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
    with _opened(path) as file:
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
    with _quiet():
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
def _quiet() -> Iterator[None]:
    """Hold the lock, and keep remarks on untidy headers from the user."""
    with WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with _quiet():
        # Here, since an import filters warnings too; late, since many studies have no FITS.
        from astropy.io import fits
        from astropy.io.fits.hdu.compressed._compression import CfitsioException

        try:
            # Opened here, since astropy leaves a damaged file open. memmap=False: the
            # array must outlive the file, and be whole now.
            with path.open("rb") as stream, fits.open(stream, memmap=False) as file:
                yield file
        except (CfitsioException, fits.VerifyError) as error:
            raise damaged(path, error) from error


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
