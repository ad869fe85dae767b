"""Cutouts of frames for a model: the source of `import cutouts`, a frame a batch."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import SourceError
from ls_integration.images.frames import Frame, read_frame
from ls_integration.images.tiles import Origin, default_origin
from ls_integration.kinds.cutouts import source_paths
from ls_integration.kinds.cutouts_table import CutoutTable, read_predictions_table
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.cutout_pictures import Frames, check_inside, find_sources
from ls_integration.workflows.model_images import (
    Batch,
    CutoutImages,
    ImageSource,
    fingerprint_files,
)


def open_cutouts(options: CutoutOptions) -> ImageSource:
    """Open a table of cutouts and its frames.

    Parameters
    ----------
    options : CutoutOptions
        ``source`` (the folder of the frames), ``predictions``, ``tile_px``,
        ``origin``, ``hdu``, ``bands``.

    Returns
    -------
    ImageSource
        All cutouts in the order of the table; the target is the present label
        (``label_new`` where it is given), the group the frame.

    Raises
    ------
    SourceError
        If the table contradicts itself, or a frame is missing.
    """
    table = read_predictions_table(
        options.predictions, threshold=options.threshold, tile_px=options.tile_px
    )
    frames = find_sources(options, list(dict.fromkeys(table.frame["image_name"])))
    check_inside(frames, table)
    return from_cutouts(table, frames, options.origin)


def from_cutouts(
    table: CutoutTable,
    frames: Frames,
    origin: Origin | None,
    *,
    only: Collection[str] | None = None,
) -> ImageSource:
    """Open cutouts whose frames have been found.

    Parameters
    ----------
    table : CutoutTable
        The cutouts.
    frames : Frames
        Files of those frames that are wanted; cutouts of others take no part.
    origin : {"upper", "lower"} or None
        See `images.tiles`.
    only : collection of str, optional
        ``source_path`` of those that are wanted.

    Returns
    -------
    ImageSource
        In the order of the table.
    """
    all_paths = np.array(source_paths(table), dtype=object)
    is_wanted = table.frame["image_name"].isin(list(frames.sources)).to_numpy(dtype=bool)
    if only is not None:
        is_wanted &= np.isin(all_paths, list(only))
    wanted = table.frame.loc[is_wanted].reset_index(drop=True)
    names = list(dict.fromkeys(wanted["image_name"]))
    batches = tuple(
        np.flatnonzero((wanted["image_name"] == name).to_numpy()).astype(np.int64) for name in names
    )
    places = wanted[["grid_x", "grid_y"]].to_numpy(dtype=np.int64)

    def read(number: int) -> Batch:
        rows = batches[number]
        try:
            frame = read_frame(frames.sources[names[number]], hdu=frames.hdu, bands=frames.bands)
        except SourceError as error:
            nothing = CutoutImages(np.zeros((1, 1)), np.zeros((0, 2), dtype=np.int64), 1)
            problems = tuple((row, str(error)) for row in rows.tolist())
            return Batch(rows[:0], nothing, problems)
        corners = frame_corners(frame, places[rows], table.tile_px, origin)
        return Batch(rows, CutoutImages(frame.values, corners, table.tile_px))

    paths = all_paths[is_wanted]
    files = [file for name in names for file in frames.sources[name]]
    more = (f"{table.tile_px} {origin} {frames.hdu} {frames.bands}", *paths)
    return ImageSource(
        kind="cutouts",
        name=table.name,
        rows=pd.DataFrame(
            {
                "item_id": "",
                "path": paths,
                "target": table.present[is_wanted].astype(np.float64),
                "group": wanted["image_name"],
            }
        ),
        grouped_by="frame",
        batches=batches,
        read=read,
        fingerprint=fingerprint_files(files, *more),
        notes=table.notes,
    )


def frame_corners(
    frame: Frame, places: NDArray[np.int64], tile_px: int, origin: Origin | None
) -> NDArray[np.int64]:
    """Find the first pixels of cutouts in a frame's values.

    Parameters
    ----------
    frame : Frame
        Rows in the order of the file.
    places : ndarray of int64, shape (n_cutouts, 2)
        ``grid_x``, ``grid_y``.
    tile_px : int
        Side of a cutout.
    origin : {"upper", "lower"} or None
        The edge that ``grid_y`` counts from; in an array it is the number of
        the cutout's first row whatever the origin, see `images.tiles`.

    Returns
    -------
    ndarray of int64, shape (n_cutouts, 2)
        Column and row; a row may be negative where a cutout reaches over the
        upper edge.
    """
    corners = places.copy()
    if frame.has_top and (origin or default_origin(frame.has_top)) == "lower":
        height = frame.shape.size_px[1]
        corners[:, 1] = height - places[:, 1] - tile_px
    return corners
