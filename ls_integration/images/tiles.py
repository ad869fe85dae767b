"""A drawn frame to cutouts, to their 3 x 3 neighbourhoods, and to the boxes around them.

Two things are to be kept apart: which way up a frame is drawn, and which edge
``grid_y`` counts from.

``origin`` names the edge of the **drawn** frame that ``grid_y`` counts from:

- ``upper``: ``grid_y`` is the distance of the cutout's upper edge from the
  frame's upper edge, as Pillow counts.
- ``lower``: ``grid_y`` is the distance of the cutout's lower edge from the
  frame's lower edge, as FITS viewers count.

Pictures (JPEG, PNG, TIFF) are always drawn as every viewer draws them. The rows
of FITS and NPY are drawn with row 0 at `origin`: with ``lower`` as FITS viewers
draw them, with ``upper`` as ``matplotlib.pyplot.imshow`` does. So in an array
``grid_y`` is the number of the cutout's first row, whatever the origin, and
``values[grid_y : grid_y + tile_px]`` are its pixels; a wrong origin turns the
picture over but never shows another part of the sky. In a picture it does.

Frames have ``(width, height)`` in pixels. ``grid_x`` and ``grid_y`` are pixels,
not numbers of tiles.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from PIL import Image

from ls_integration.images.fits import pixel_to_sky
from ls_integration.images.stretch import NO_DATA_RGB

Origin = Literal["upper", "lower"]
"""The edge of a drawn frame that `grid_y` counts from."""

ORIGINS: tuple[str, ...] = get_args(Origin)


@dataclass(frozen=True)
class Box:
    """A rectangle in per cent of a picture, as Label Studio writes them.

    Attributes
    ----------
    x, y : float
        Left and upper edge, 0 to 100.
    width, height : float
        Above 0, to 100.
    """

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Cell:
    """One of the nine tiles of a neighbourhood.

    Attributes
    ----------
    row, column : int
        As drawn, 0 to 2 from the top and from the left; (1, 1) is the cutout.
    grid : tuple of int or None
        `grid_x` and `grid_y` of the tile; None if it begins outside of the frame.
    box : Box
        Where it is in the picture of the neighbourhood.
    """

    row: int
    column: int
    grid: tuple[int, int] | None
    box: Box


def default_origin(has_top: bool) -> Origin:
    """Tell what `grid_y` counts from if nobody says.

    Parameters
    ----------
    has_top : bool
        Of the frame, see `images.frames.FrameShape`.

    Returns
    -------
    str
        ``upper`` for pictures, ``lower`` for FITS and NPY.
    """
    return "upper" if has_top else "lower"


def as_drawn(picture: Image.Image, has_top: bool, origin: Origin) -> Image.Image:
    """Turn the rows of a frame so that the first is the one drawn at the top.

    Parameters
    ----------
    picture : Image
        Rows in the order of the file.
    has_top : bool
        Of the frame, see `images.frames.FrameShape`.
    origin : {"upper", "lower"}
        See the head of this module.

    Returns
    -------
    Image
        The same, or a copy upside down.
    """
    if has_top or origin == "upper":
        return picture
    return picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def outside(frame_size: tuple[int, int], grid_x: int, grid_y: int, tile_px: int) -> bool:
    """Tell whether a cutout begins outside of its frame.

    A cutout that begins inside and ends outside is the last of a frame that is
    no multiple of the tile; it is filled up.

    Parameters
    ----------
    frame_size : tuple of int
        Width and height.
    grid_x, grid_y : int
        Pixels from the left edge and from the origin.
    tile_px : int
        Side of a cutout.

    Returns
    -------
    bool
        True also where `tile_px` is not positive.
    """
    width, height = frame_size
    return not (tile_px > 0 and 0 <= grid_x < width and 0 <= grid_y < height)


def cutout(
    picture: Image.Image, grid_x: int, grid_y: int, tile_px: int, origin: Origin
) -> Image.Image:
    """Cut one tile out of a drawn frame.

    Parameters
    ----------
    picture : Image
        Grey (``L``) or ``RGB``, decoded; from `as_drawn`.
    grid_x, grid_y : int
        Pixels from the left edge and from the origin.
    tile_px : int
        Side of a cutout.
    origin : {"upper", "lower"}
        The edge that `grid_y` counts from.

    Returns
    -------
    Image
        ``RGB``, `tile_px` a side: the frame; `NO_DATA_RGB` beyond its edges.
    """
    return _window(picture, *_corner(picture, grid_x, grid_y, tile_px, origin), tile_px)


def neighbourhood(
    picture: Image.Image, grid_x: int, grid_y: int, tile_px: int, origin: Origin
) -> Image.Image:
    """Cut a tile and the eight around it out of a drawn frame.

    Parameters
    ----------
    picture : Image
        Grey (``L``) or ``RGB``, decoded; from `as_drawn`.
    grid_x, grid_y : int
        Pixels from the left edge and from the origin.
    tile_px : int
        Side of a cutout.
    origin : {"upper", "lower"}
        The edge that `grid_y` counts from.

    Returns
    -------
    Image
        ``RGB``, three times `tile_px` a side: the frame; `NO_DATA_RGB` beyond its edges.
    """
    left, top = _corner(picture, grid_x, grid_y, tile_px, origin)
    return _window(picture, left - tile_px, top - tile_px, 3 * tile_px)


def neighbourhood_cells(
    frame_size: tuple[int, int], grid_x: int, grid_y: int, tile_px: int, origin: Origin
) -> tuple[Cell, ...]:
    """Tell which tile is where in the picture of `neighbourhood`.

    Parameters
    ----------
    frame_size : tuple of int
        Width and height.
    grid_x, grid_y : int
        Pixels from the left edge and from the origin.
    tile_px : int
        Side of a cutout.
    origin : {"upper", "lower"}
        The edge that `grid_y` counts from.

    Returns
    -------
    tuple of Cell
        Nine, row by row as drawn.
    """
    # Drawn one row lower, grid_y is more from the upper edge and less from the lower.
    down = tile_px if origin == "upper" else -tile_px
    third = 100 / 3
    cells = []
    for row in range(3):
        for column in range(3):
            grid = (grid_x + (column - 1) * tile_px, grid_y + (row - 1) * down)
            box = Box(column * third, row * third, third, third)
            known = None if outside(frame_size, *grid, tile_px) else grid
            cells.append(Cell(row, column, known, box))
    return tuple(cells)


def frame_box(
    frame_size: tuple[int, int], grid_x: int, grid_y: int, tile_px: int, origin: Origin
) -> Box:
    """Tell where a cutout is in the picture of its whole frame.

    Parameters
    ----------
    frame_size : tuple of int
        Width and height.
    grid_x, grid_y : int
        Pixels from the left edge and from the origin, not `outside`.
    tile_px : int
        Side of a cutout.
    origin : {"upper", "lower"}
        The edge that `grid_y` counts from.

    Returns
    -------
    Box
        The part of the cutout that is inside of the frame.
    """
    width, height = frame_size
    top = grid_y if origin == "upper" else height - grid_y - tile_px
    bottom = min(top + tile_px, height)
    right = min(grid_x + tile_px, width)
    top = max(top, 0)
    return Box(
        100 * grid_x / width,
        100 * top / height,
        100 * (right - grid_x) / width,
        100 * (bottom - top) / height,
    )


def sky_position(wcs: Any, grid_x: int, grid_y: int, tile_px: int) -> tuple[float, float] | None:
    """Give the place in the sky of the centre of a cutout.

    Only FITS has sky coordinates, and there `grid_y` is a row of the array,
    whatever the origin. Pixel centres are whole numbers, so the centre of 200
    pixels from 0 on is 99.5.

    Parameters
    ----------
    wcs : astropy.wcs.WCS or None
        Of the frame, see `images.frames.FrameShape`.
    grid_x, grid_y : int
        Column and row where the cutout begins.
    tile_px : int
        Side of a cutout.

    Returns
    -------
    tuple of float or None
        Right ascension and declination in degrees, see
        `images.fits.pixel_to_sky`; None without celestial coordinates.
    """
    if wcs is None:
        return None
    middle = (tile_px - 1) / 2
    return pixel_to_sky(wcs, grid_x + middle, grid_y + middle)


def _corner(
    picture: Image.Image, grid_x: int, grid_y: int, tile_px: int, origin: Origin
) -> tuple[int, int]:
    """Give column and row, as drawn, of a cutout's upper left corner."""
    return grid_x, grid_y if origin == "upper" else picture.height - grid_y - tile_px


def _window(picture: Image.Image, left: int, top: int, side: int) -> Image.Image:
    first_x, first_y = max(left, 0), max(top, 0)
    end_x, end_y = min(left + side, picture.width), min(top + side, picture.height)
    part = picture.crop((first_x, first_y, end_x, end_y))
    if part.mode != "RGB":
        part = part.convert("RGB")
    if part.size == (side, side):
        return part
    # Pillow's crop would draw black beyond the edges.
    padded = Image.new("RGB", (side, side), NO_DATA_RGB)
    padded.paste(part, (first_x - left, first_y - top))
    return padded
