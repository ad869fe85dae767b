"""One image file of a microscope to one 2-D array of float32.

The type is told by the name's ending. What cannot be shown to a person (NaN,
one value everywhere, a stack of which no plane was chosen) is an error here,
so that nobody meets an empty page later.
"""

import warnings
import zipfile
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ls_integration.errors import SourceError
from ls_integration.images.npy import npy_header, npy_values, refuse_objects
from ls_integration.images.source_files import (
    DAMAGED,
    check_file,
    damaged,
    without_warnings,
)
from ls_integration.images.tiff import LUMINANCE, read_tiff

Projection = Literal["max", "mean"]
"""How the planes of a stack become one."""

PROJECTIONS: tuple[str, ...] = get_args(Projection)
IMAGE_SUFFIXES = (".npz", ".npy", ".tif", ".tiff", ".png", ".jpg", ".jpeg")
"""Endings of the names of files that `read_image` knows, in lower case."""

MAX_PIXELS = 89_478_485
"""Larger images are refused: Pillow's own limit against decompression bombs."""

# AnomaGUI's files hold photon counts as unsigned 16-bit offset binary, scaled to [0, 1].
_COUNT_OFFSET = 32768
_COUNT_FULL_SCALE = 65535


def read_image(
    path: Path,
    *,
    channel: int | None = None,
    plane: int | None = None,
    projection: Projection | None = None,
) -> NDArray[np.float32]:
    """Read one image file as a 2-D array.

    - ``.npy``, ``.npz``: a 2-D array; of an archive the key ``arr_0``, else
      ``image``, else its only 2-D array. Pickled objects are never loaded.
      Photon counts as AnomaGUI stored them are given back, see `decode_counts`.
    - ``.tif``, ``.tiff``: integers of 8, 16 or 32 bit and floats. Of several
      channels `channel` picks one; RGB becomes luminance without it. Of a
      stack (all axes but the channel and the last two, flattened) `plane`
      picks one or `projection` joins all.
    - ``.png``, ``.jpg``, ``.jpeg``: grey as stored (16-bit grey PNG too), colour
      as luminance unless `channel` picks red, green or blue. Colour PNG of 16
      bit is reduced to 8 by Pillow. Transparency is ignored.

    Parameters
    ----------
    path : Path
        The file.
    channel : int, optional
        Which channel, counted from 0.
    plane : int, optional
        Which plane of a stack, counted from 0.
    projection : {"max", "mean"}, optional
        Maximum or mean over the planes of a stack; not with `plane`.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Finite, with at least two different values. Integers above 2**24 are
        rounded to the nearest float32.

    Raises
    ------
    SourceError
        If the file is missing, empty, damaged or of an unknown type, or what
        it holds is not one 2-D image of finite, different values.
    """
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        msg = f"{path} is not an image that can be read; use one of {', '.join(IMAGE_SUFFIXES)}"
        raise SourceError(msg)
    if plane is not None and projection is not None:
        msg = f"{path}: --slice {plane} and --projection {projection} exclude each other; give one"
        raise SourceError(msg)
    check_file(path)
    try:
        if suffix == ".npz":
            values = decode_counts(_single_2d(path, _read_npz(path), channel, plane))
        elif suffix == ".npy":
            values = decode_counts(_single_2d(path, _read_npy(path), channel, plane))
        elif suffix in {".tif", ".tiff"}:
            values = read_tiff(
                path, channel=channel, plane=plane, projection=projection, max_pixels=MAX_PIXELS
            )
        else:
            values = _single_2d(path, _read_picture(path, channel), None, plane)
    except DAMAGED as error:
        raise damaged(path, error) from error
    return _checked(path, values)


def decode_counts(values: NDArray[Any]) -> NDArray[Any]:
    """Give back the photon counts of an array stored as AnomaGUI stored them.

    AnomaGUI's files hold ``(count + 32768) / 65535`` as float32. An array is
    taken for such if it is floating, no value is below 0.5 or above 1, and
    every value is, bit for bit, what encoding its own nearest whole count
    gives. A measured image fails this with almost every pixel; an image whose
    stretch to [0, 1] happens to pass looks the same when it is shown from
    minimum to maximum.

    Parameters
    ----------
    values : ndarray
        Any array of numbers.

    Returns
    -------
    ndarray
        Whole counts as float32 if `values` was encoded, else `values` itself.

    Examples
    --------
    >>> decode_counts(((np.array([[0, 3]]) + 32768) / 65535).astype(np.float32))
    array([[0., 3.]], dtype=float32)
    """
    if values.dtype.kind != "f" or values.size == 0:
        return values
    if not (values.min() >= 0.5 and values.max() <= 1.0):
        return values
    counts = np.rint(values.astype(np.float64) * _COUNT_FULL_SCALE - _COUNT_OFFSET)
    encoded = (counts + _COUNT_OFFSET) / _COUNT_FULL_SCALE
    if np.array_equal(encoded.astype(values.dtype), values):
        return counts.astype(np.float32)
    return values


def _check_size(path: Path, pixels: int) -> None:
    if pixels > MAX_PIXELS:
        msg = f"{path} has {pixels:,} pixels, more than {MAX_PIXELS:,}; crop or shrink it"
        raise SourceError(msg)


def _read_array(path: Path, file: IO[bytes], key: str = "") -> NDArray[Any]:
    header = npy_header(path, file)
    refuse_objects(path, header.dtype)
    if len(header.shape) != 2:
        raise SourceError(_wrong_shape(path, header.shape, key))
    _check_size(path, header.shape[0] * header.shape[1])
    return npy_values(path, file, header)


def _read_npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        return _read_array(path, file)


def _read_npz(path: Path) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        shapes = {}
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as file:
                    shapes[member.removesuffix(".npy")] = npy_header(path, file).shape
        key = _image_key(path, shapes)
        with archive.open(f"{key}.npy") as file:
            return _read_array(path, file, key)


def _image_key(path: Path, shapes: dict[str, tuple[int, ...]]) -> str:
    for key in ("arr_0", "image"):
        if key in shapes:
            return key
    flat = [key for key, shape in shapes.items() if len(shape) == 2]
    if len(flat) == 1:
        return flat[0]
    found = ", ".join(f"{key} {shape}" for key, shape in shapes.items()) or "no array"
    msg = f"{path} holds {found}; store the one 2-D image as 'image'"
    raise SourceError(msg)


def _wrong_shape(path: Path, shape: tuple[int, ...], key: str = "") -> str:
    where = f"{path}, key {key}," if key else f"{path}"
    return f"{where} has shape {shape}, not (height, width); store one 2-D image a file"


def _read_picture(path: Path, channel: int | None) -> NDArray[Any]:
    try:
        # Of odd chunks, which are nothing that a user could mend.
        with without_warnings(UserWarning):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(path, formats=("PNG", "JPEG"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        msg = f"{path} has more than {MAX_PIXELS:,} pixels; crop or shrink it"
        raise SourceError(msg) from None
    with opened as picture:
        _check_size(path, picture.width * picture.height)
        if picture.mode in {"P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}:
            pixels = np.asarray(picture.convert("RGB"))
        elif picture.mode == "1":
            pixels = np.asarray(picture.convert("L"))
        else:
            pixels = np.asarray(picture)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    colour = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    if channel is None:
        return colour @ LUMINANCE if colour.shape[2] == 3 else colour[..., 0]
    if not 0 <= channel < colour.shape[2]:
        msg = (
            f"{path} has {colour.shape[2]} channels, counted from 0: "
            f"--channel {channel} is not one of them"
        )
        raise SourceError(msg)
    return colour[..., channel]


def _single_2d(
    path: Path, values: NDArray[Any], channel: int | None, plane: int | None
) -> NDArray[Any]:
    """Refuse a choice that a file with one image has not got."""
    for option, number in (("--channel", channel), ("--slice", plane)):
        if number:
            msg = f"{path} is a single 2-D image: {option} {number} does not exist in it"
            raise SourceError(msg)
    return values


def _checked(path: Path, values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype.kind not in "biuf":
        msg = f"{path} holds values of type {values.dtype}; store real numbers"
        raise SourceError(msg)
    if values.size == 0:
        msg = f"{path} has no pixels (shape {values.shape}); export it again"
        raise SourceError(msg)
    with np.errstate(over="ignore"):
        image = np.ascontiguousarray(values, dtype=np.float32)
    bad = int(image.size - np.count_nonzero(np.isfinite(image)))
    if bad:
        msg = f"{path} has {bad} pixels that are NaN or infinite; replace them by numbers"
        raise SourceError(msg)
    if image.min() == image.max():
        msg = f"{path} has the value {image.flat[0]:g} everywhere; there is nothing to judge"
        raise SourceError(msg)
    return image
