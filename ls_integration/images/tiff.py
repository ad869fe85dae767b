"""TIFF files, with the channels and planes that microscopes put into them."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ls_integration.errors import SourceError
from ls_integration.images.source_files import damaged, without_warnings

# tifffile reports a damaged file to its log as well as by an exception; the
# user gets the exception as one line.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

LUMINANCE = np.array((0.299, 0.587, 0.114))
"""Weights of red, green and blue (ITU-R BT.601), as Pillow's ``convert("L")``."""

_CHOICES = "--channel N, --slice N or --projection max|mean"


def read_tiff(
    path: Path,
    *,
    channel: int | None,
    plane: int | None,
    projection: str | None,
    max_pixels: int,
) -> NDArray[Any]:
    """Read one 2-D image out of the first series of a TIFF file.

    Parameters
    ----------
    path : Path
        The file.
    channel : int or None
        Which channel (axis ``C``, or the samples ``S`` of a colour image),
        counted from 0.
    plane : int or None
        Which of the planes that the other axes make, counted from 0 in the
        order of the file.
    projection : {"max", "mean"} or None
        How the planes become one.
    max_pixels : int
        The largest image that is read.

    Returns
    -------
    ndarray, shape (height, width)
        In the type of the file; float64 for a mean and for luminance.

    Raises
    ------
    SourceError
        If the file is damaged, or several channels or planes are there and
        none was chosen.
    """
    import tifffile  # 0.3 s, and most studies have no TIFF

    try:
        with tifffile.TiffFile(path) as file:
            return _choose(path, file, channel, plane, projection, max_pixels)
    except (tifffile.TiffFileError, AssertionError) as error:
        msg = f"{path} is damaged or not a TIFF file ({error}); copy or export it again"
        raise SourceError(msg) from error


def tiff_shape(path: Path) -> tuple[int, ...]:
    """Tell what the first series of a TIFF file holds, without reading it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tuple of int
        The lengths of the axes; the samples of a colour are the last.

    Raises
    ------
    SourceError
        If the file is damaged or holds no image.
    """
    import tifffile  # 0.3 s, and most studies have no TIFF

    try:
        with tifffile.TiffFile(path) as file:
            axes, shape = _first_series(path, file)
    except (tifffile.TiffFileError, AssertionError) as error:
        raise damaged(path, error) from error
    order = sorted(range(len(axes)), key=lambda index: axes[index] == "S")
    return tuple(shape[index] for index in order)


def read_tiff_series(path: Path) -> NDArray[Any]:
    """Read all of the first series of a TIFF file.

    Parameters
    ----------
    path : Path
        The file; see `tiff_shape` for what to expect.

    Returns
    -------
    ndarray
        In the type of the file; the samples of a colour are the last axis.

    Raises
    ------
    SourceError
        If the file is damaged.
    """
    import tifffile  # 0.3 s, and most studies have no TIFF

    try:
        with tifffile.TiffFile(path) as file:
            axes, _ = _first_series(path, file)
            values = _decoded(path, file.series[0], 0)
    except (tifffile.TiffFileError, AssertionError) as error:
        raise damaged(path, error) from error
    return np.moveaxis(values, axes.index("S"), -1) if "S" in axes else values


def _first_series(path: Path, file: Any) -> tuple[str, tuple[int, ...]]:
    if not file.series:
        msg = f"{path} holds no image; copy or export it again"
        raise SourceError(msg)
    return str(file.series[0].axes), tuple(int(length) for length in file.series[0].shape)


def _choose(
    path: Path,
    file: Any,
    channel: int | None,
    plane: int | None,
    projection: str | None,
    max_pixels: int,
) -> NDArray[Any]:
    axes, shape = _first_series(path, file)
    series = file.series[0]
    if "Y" not in axes or "X" not in axes:
        msg = f"{path} has axes {axes} {shape}, without a height and a width; export 2-D images"
        raise SourceError(msg)
    length = dict(zip(axes, shape, strict=True))
    if length["Y"] * length["X"] > max_pixels:
        msg = (
            f"{path} has {length['Y'] * length['X']:,} pixels, more than {max_pixels:,}; "
            "crop or shrink it"
        )
        raise SourceError(msg)
    stacked = [axis for axis in axes if axis not in "YXCS"]
    n_planes = math.prod(length[axis] for axis in stacked)
    channel_axis = "C" if length.get("C", 1) > 1 or "S" not in axes else "S"
    n_channels = length.get(channel_axis, 1)
    is_colour = channel_axis == "S" and n_channels in {3, 4}
    described = f"{path} has axes {axes} {shape}"
    if n_planes > 1 and plane is None and projection is None:
        msg = f"{described}; choose with {_CHOICES}"
        raise SourceError(msg)
    if n_channels > 1 and channel is None and not is_colour:
        msg = f"{described}; choose with {_CHOICES}"
        raise SourceError(msg)
    _check_index(described, "--slice", plane, n_planes)
    _check_index(described, "--channel", channel, n_channels)
    wanted = range(n_planes) if plane is None else range(plane, plane + 1)
    planes = _planes(path, series, axes, stacked, channel_axis, channel, wanted)
    total: NDArray[Any] | None = None
    for image in planes:
        grey = image if image.ndim == 2 else image[..., :3] @ LUMINANCE
        if total is None:
            total = grey.astype(np.float64) if projection == "mean" else grey
        elif projection == "mean":
            total = total + grey
        else:
            total = np.maximum(total, grey)
    if total is None:
        msg = f"{described} and so no pixels; export it again"
        raise SourceError(msg)
    return total / n_planes if projection == "mean" else total


def _check_index(described: str, option: str, index: int | None, count: int) -> None:
    if index is not None and not 0 <= index < count:
        msg = f"{described}: {option} {index} is not one of 0 to {count - 1}"
        raise SourceError(msg)


def _planes(
    path: Path,
    series: Any,
    axes: str,
    stacked: list[str],
    channel_axis: str,
    channel: int | None,
    wanted: range,
) -> Any:
    """Yield (Y, X) or colour (Y, X, S) arrays, page by page where a page is one plane."""
    length = dict(zip(axes, series.shape, strict=True))
    page_axes = axes[len(axes) - len(series.keyframe.axes) :]
    outer = axes[: len(axes) - len(page_axes)]
    paged = (
        series.keyframe.axes == page_axes
        and "Y" in page_axes
        and "X" in page_axes
        and len(series) == math.prod(length[axis] for axis in outer)
    )
    whole = None if paged else _decoded(path, series, 0)
    for index in wanted:
        numbers = np.unravel_index(index, [length[axis] for axis in stacked]) if stacked else ()
        place = {axis: int(number) for axis, number in zip(stacked, numbers, strict=True)}
        if channel_axis in axes and channel is not None:
            place[channel_axis] = channel
        for axis in axes:
            if axis in "CS" and length[axis] == 1:
                place.setdefault(axis, 0)
        if whole is None:
            outer_index = [place[axis] for axis in outer]
            outer_shape = [length[axis] for axis in outer]
            page = int(np.ravel_multi_index(outer_index, outer_shape)) if outer else 0
            image, image_axes = _decoded(path, series.pages[page], page), page_axes
        else:
            image, image_axes = whole, axes
        picked = image[tuple(place.get(axis, slice(None)) for axis in image_axes)]
        rest = [axis for axis in image_axes if axis not in place]
        yield np.transpose(picked, [rest.index(axis) for axis in "YXCS" if axis in rest])


def _decoded(path: Path, part: Any, page: int) -> NDArray[Any]:
    """Decode a page or series; LZW and JPEG pages, which tifffile alone cannot, by Pillow."""
    try:
        return np.asarray(part.asarray())
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    # Of odd tags; what cannot be decoded is an error all the same.
    with without_warnings(UserWarning), Image.open(path, formats=("TIFF",)) as picture:
        picture.seek(page)
        decoded = np.asarray(picture)
    if decoded.shape != tuple(part.shape):
        msg = f"{path} is compressed in a way that cannot be read here; save it without compression"
        raise SourceError(msg)
    return decoded
