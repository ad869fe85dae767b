"""What a model sees of an item: the measured values, never the picture that people see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import SourceError
from ls_integration.images.frames import Frame, read_frame
from ls_integration.images.read import Projection, read_image
from ls_integration.images.tiles import Origin, outside


@dataclass(frozen=True)
class StedInput:
    """One STED image.

    Attributes
    ----------
    path : Path
        Its file.
    channel, plane, projection
        Which part of it, see `images.read.read_image`.
    is_temporary : bool
        The file is removed when it has been read.
    """

    path: Path
    channel: int | None = None
    plane: int | None = None
    projection: Projection | None = None
    is_temporary: bool = False

    def read(self) -> NDArray[np.float32]:
        """Read the photon counts.

        Returns
        -------
        ndarray of float32, shape (height, width)
            Finite.

        Raises
        ------
        SourceError
            If it is no such image.
        """
        try:
            return read_image(
                self.path, channel=self.channel, plane=self.plane, projection=self.projection
            )
        finally:
            if self.is_temporary:
                self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class FrameInput:
    """One telescope frame.

    Attributes
    ----------
    sources : tuple of Path
        Its file, or three that are its bands.
    hdu, bands
        Which part of it, see `images.frames.read_frame`.
    """

    sources: tuple[Path, ...]
    hdu: int | str | None = None
    bands: tuple[int, ...] = ()

    def read(self) -> Frame:
        """Read the frame's values.

        Returns
        -------
        Frame
            Whole.

        Raises
        ------
        SourceError
            If it is no frame.
        """
        return read_frame(self.sources, hdu=self.hdu, bands=self.bands)


@dataclass(frozen=True)
class CutoutInput:
    """One cutout of a frame.

    Attributes
    ----------
    frame : FrameInput
        The frame.
    grid_x, grid_y : int
        Pixels from its left edge and from its origin.
    tile_px : int
        Side of the cutout.
    origin : {"upper", "lower"} or None
        What ``grid_y`` counts from; None: upper for pictures, else lower.
    """

    frame: FrameInput
    grid_x: int
    grid_y: int
    tile_px: int
    origin: Origin | None = None

    def corner(self, frame: Frame) -> tuple[int, int]:
        """Find the cutout's first pixel.

        Parameters
        ----------
        frame : Frame
            The frame, read.

        Returns
        -------
        tuple of int
            Column and row, counted in the array; see `images.tiles`.

        Raises
        ------
        SourceError
            If the cutout is outside of the frame.
        """
        width, height = frame.shape.size_px
        if outside((width, height), self.grid_x, self.grid_y, self.tile_px):
            msg = (
                f"the cutout at grid_x {self.grid_x}, grid_y {self.grid_y} is outside of "
                f"{frame.source} ({width} x {height} pixels); correct the table"
            )
            raise SourceError(msg)
        # Only a picture has a top from which its rows count; see `images.tiles`.
        is_turned = frame.has_top and self.origin == "lower"
        return self.grid_x, height - self.grid_y - self.tile_px if is_turned else self.grid_y


Input = StedInput | CutoutInput

FindInput = Callable[[Mapping[str, Any]], Input]
"""A task's ``data`` -> what the model is to look at. It raises an `IntegrationError` with
the reason where there is nothing that can be scored honestly."""
