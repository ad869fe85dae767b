"""What is to be made of a survey frame, and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from ls_integration.images.stretch import Limits, Stretch
from ls_integration.images.tiles import Box, Cell, Origin


@dataclass(frozen=True)
class CutoutJob:
    """One cutout to make.

    Attributes
    ----------
    grid_x, grid_y : int
        Pixels from the frame's left edge and from its origin.
    target : Path
        The WebP file of the cutout; its folder is made if it is missing.
    neighbourhood_target : Path or None
        The WebP file of the 3 x 3 tiles around it; None makes none.
    """

    grid_x: int
    grid_y: int
    target: Path
    neighbourhood_target: Path | None = None


@dataclass(frozen=True)
class FrameJob:
    """One frame to cut up.

    Attributes
    ----------
    sources : tuple of Path
        The file, or three that become red, green and blue.
    tile_px : int
        Side of a cutout.
    cutouts : tuple of CutoutJob
        What to make of it.
    frame_target : Path or None
        The file of the whole frame, named by `images.drawing.frame_picture_suffix`;
        WebP is shrunk to 16,383 pixels a side if it is larger. None makes none.
    origin : {"upper", "lower"} or None
        What `grid_y` counts from, see `images.tiles`; None is ``upper`` for
        pictures and ``lower`` for FITS and NPY.
    stretch : {"none", "minmax", "zscale", "asinh"} or None
        See `images.stretch.frame_limits`.
    limits : dict or None
        The limits of an earlier run, which then decide instead of `stretch`.
    hdu, bands
        Which part of the file is shown, see `images.frames.read_frame`.
    """

    sources: tuple[Path, ...]
    tile_px: int
    cutouts: tuple[CutoutJob, ...]
    frame_target: Path | None = None
    origin: Origin | None = None
    stretch: Stretch | None = None
    limits: Limits | None = None
    hdu: int | str | None = None
    bands: tuple[int, ...] = ()


@dataclass(frozen=True)
class CutoutResult:
    """What became of a `CutoutJob`.

    Attributes
    ----------
    job : CutoutJob
        The job.
    cells : tuple of Cell
        The nine tiles of its neighbourhood, row by row as drawn.
    frame_box : Box or None
        Where it is in the picture of the whole frame.
    sky_deg : tuple of float or None
        Right ascension and declination of its centre; None without celestial
        coordinates.
    error : str or None
        The one line that says what is wrong; then the rest is empty.
    """

    job: CutoutJob
    cells: tuple[Cell, ...] = ()
    frame_box: Box | None = None
    sky_deg: tuple[float, float] | None = None
    error: str | None = None


@dataclass(frozen=True)
class FrameResult:
    """What became of a `FrameJob`.

    Attributes
    ----------
    job : FrameJob
        The job.
    cutouts : tuple of CutoutResult
        In the order of the job; empty if the frame could not be read.
    size_px : tuple of int or None
        Width and height of the frame.
    origin : {"upper", "lower"} or None
        What `grid_y` counted from.
    limits : dict or None
        For `FrameJob.limits` of a later run. None if none were given and the
        frame was not decoded, since all its pictures were there.
    error : str or None
        The one line that says what is wrong with the frame; None if all is well.
    """

    job: FrameJob
    cutouts: tuple[CutoutResult, ...] = ()
    size_px: tuple[int, int] | None = None
    origin: Origin | None = None
    limits: Limits | None = None
    error: str | None = None
