"""The frames of a study of cutouts: found, checked, cut up, and what each tile shows."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.errors import SourceError, some_of
from ls_integration.images.drawing import frame_picture_suffix
from ls_integration.images.frame_files import find_bands, find_frames
from ls_integration.images.frames import frame_shape
from ls_integration.images.tiles import Box, Cell, outside
from ls_integration.kinds.cutouts import label_of, source_path
from ls_integration.kinds.cutouts_frame_page import frame_item_id
from ls_integration.kinds.cutouts_page import SKY_POSITION
from ls_integration.kinds.cutouts_table import CutoutTable
from ls_integration.progress import Reporter
from ls_integration.study import Study
from ls_integration.workflows.cutout_options import CutoutOptions, read_hdu, split_bands
from ls_integration.workflows.frame_jobs import CutoutJob, CutoutResult, FrameJob, FrameResult
from ls_integration.workflows.frame_pictures import render_frames
from ls_integration.workflows.pictures import PICTURE_SUFFIX


@dataclass(frozen=True)
class Frames:
    """The files of the frames that are asked about.

    Attributes
    ----------
    sources : mapping of str to tuple of Path
        ``image_name`` -> its file, or three of them.
    hdu : int or str or None
        Unit of FITS files.
    bands : tuple of int
        Planes of one file that become colours.
    """

    sources: Mapping[str, tuple[Path, ...]]
    hdu: int | str | None
    bands: tuple[int, ...]


def find_sources(options: CutoutOptions, image_names: Sequence[str]) -> Frames:
    """Find the file of each frame.

    Parameters
    ----------
    options : CutoutOptions
        Folder, bands, unit.
    image_names : sequence of str
        As the table has them.

    Returns
    -------
    Frames
        All of them.

    Raises
    ------
    SourceError
        Naming the frames that have no file or several.
    """
    hdu = read_hdu(options.hdu)
    planes, named = split_bands(options.bands)
    if named and not planes:
        return Frames(find_bands(options.source, image_names, options.bands), hdu, ())
    found = find_frames(options.source, image_names)
    sources = {name: (path,) for name, path in found.items()}
    return Frames(sources, hdu, planes)


def check_inside(frames: Frames, table: CutoutTable) -> None:
    """Refuse cutouts that begin outside of their frame.

    Parameters
    ----------
    frames : Frames
        The files; only their headers are read.
    table : CutoutTable
        The cutouts.

    Raises
    ------
    SourceError
        If a frame cannot be read, or naming the first cutouts that are outside.
    """
    sizes = {
        name: frame_shape(sources, hdu=frames.hdu).size_px
        for name, sources in frames.sources.items()
    }
    columns = (table.frame["image_name"], table.frame["grid_x"], table.frame["grid_y"])
    stray = [
        f"{name} at {x}, {y} (row {row} of {sizes[name][0]} x {sizes[name][1]} pixels)"
        for row, (name, x, y) in enumerate(zip(*columns, strict=True), start=1)
        if name in sizes and outside(sizes[name], int(x), int(y), table.tile_px)
    ]
    if stray:
        msg = (
            f"{len(stray)} cutouts of {table.name} are outside of their frames: {some_of(stray)}; "
            "grid_x and grid_y are pixels of the frame, correct them or --tile"
        )
        raise SourceError(msg)


def frame_jobs(
    items: pd.DataFrame,
    study: Study,
    options: CutoutOptions,
    frames: Frames,
    pictures: Path,
    known: Mapping[str, Any],
) -> list[FrameJob]:
    """Say what is to be made of each frame.

    Parameters
    ----------
    items : DataFrame
        The items: ``item_id, image_name, grid_x, grid_y``.
    study : Study
        For the pictures' names, which tell nothing.
    options : CutoutOptions
        Tile, stretch, origin.
    frames : Frames
        The files.
    pictures : Path
        The folder of the pictures.
    known : mapping
        ``frames`` of the study's options: the limits of an earlier run, and the
        names of its pictures of frames.

    Returns
    -------
    list of FrameJob
        One for each frame, in the order in which the items meet them.
    """
    jobs = []
    for image_name, group in items.groupby("image_name", sort=False):
        name = str(image_name)
        known_frame = known.get(name, {})
        columns = (group["item_id"], group["grid_x"], group["grid_y"])
        cutouts = tuple(
            CutoutJob(
                int(x),
                int(y),
                pictures / f"{item_id}{PICTURE_SUFFIX}",
                pictures / f"{item_id}-around{PICTURE_SUFFIX}",
            )
            for item_id, x, y in zip(*columns, strict=True)
        )
        jobs.append(
            FrameJob(
                sources=frames.sources[name],
                tile_px=options.tile_px,
                cutouts=cutouts,
                frame_target=pictures / frame_picture(study, name, options, frames, known_frame),
                origin=options.origin,
                stretch=options.stretch,
                limits=known_frame.get("limits"),
                hdu=frames.hdu,
                bands=frames.bands,
            )
        )
    return jobs


def frame_picture(
    study: Study,
    image_name: str,
    options: CutoutOptions,
    frames: Frames,
    known: Mapping[str, Any],
) -> str:
    """Name the picture of a whole frame.

    Parameters
    ----------
    study : Study
        The study.
    image_name : str
        The frame.
    options : CutoutOptions
        The stretch, which decides what kind of file it is.
    frames : Frames
        The files.
    known : mapping
        What ``frames`` of the study's options say of this frame: its pages may
        be on the server, so the name stays. Empty if it is new.

    Returns
    -------
    str
        A file name that tells nothing.
    """
    if "image" in known:
        return PurePosixPath(known["image"]).name
    suffix = frame_picture_suffix(
        frames.sources[image_name], bands=frames.bands, stretch=options.stretch
    )
    return f"{frame_item_id(study, image_name)}{suffix}"


def draw_cutouts(
    items: pd.DataFrame,
    study: Study,
    options: CutoutOptions,
    frames: Frames,
    table: CutoutTable,
    pictures: Path,
    report: Reporter,
) -> tuple[pd.DataFrame, dict[str, Any], list[tuple[str, str]]]:
    """Draw all pictures of a study and note what they show.

    Parameters
    ----------
    items : DataFrame
        From `kinds.cutouts.make_items`.
    study : Study
        The study.
    options : CutoutOptions
        How pictures are made.
    frames : Frames
        The files.
    table : CutoutTable
        All cutouts, the neighbours too.
    pictures : Path
        The folder of the pictures.
    report : Reporter
        Told of progress.

    Returns
    -------
    items : DataFrame
        With ``part, image, context, frame_image, frame_box, ra_deg, dec_deg,
        facts, tiles``.
    known : dict
        ``frames`` for the study's options.
    problems : list of (str, str)
        ``source_path`` and message of what could not be drawn.
    """
    # Of a study that grows; of a new one nothing is known.
    before = study.options.get("frames", {})
    jobs = frame_jobs(items, study, options, frames, pictures, before)
    results = render_frames(jobs, report=report)
    known_tiles = _tiles_of(table)
    columns: dict[str, dict[str, Any]] = {}
    problems: list[tuple[str, str]] = []
    known: dict[str, Any] = {}
    groups = items.groupby("image_name", sort=False)
    for (name, group), result in zip(groups, results, strict=True):
        if result.error is not None:
            problems += [(path, result.error) for path in group["source_path"]]
            continue
        known[str(name)] = _facts_of_frame(study, result)
        for item, one in zip(group.itertuples(), result.cutouts, strict=True):
            if one.error is not None:
                problems.append((str(item.source_path), one.error))
            else:
                place = (str(name), one.job.grid_x, one.job.grid_y)
                frame_image = known[str(name)]["image"]
                columns[str(item.item_id)] = _describe(place, one, frame_image, study, known_tiles)
    drawn = items.loc[items["item_id"].isin(columns)].reset_index(drop=True)
    filled = pd.DataFrame([columns[item_id] for item_id in drawn["item_id"]])
    drawn = pd.concat([drawn.drop(columns="image"), filled], axis=1)
    drawn["part"] = np.int64(1)
    drawn["position"] = np.arange(len(drawn), dtype=np.int64)
    return drawn, known, problems


def _facts_of_frame(study: Study, result: FrameResult) -> dict[str, Any]:
    target = result.job.frame_target
    return {
        "limits": result.limits,
        "size_px": list(result.size_px or ()),
        "origin": result.origin,
        "image": f"{study.pictures_folder}/{target.name}" if target else None,
    }


@dataclass(frozen=True)
class _Tiles:
    """The table's cutouts by their places, as plain lists: nine are looked up for each item."""

    rows: Mapping[tuple[str, int, int], int]
    tile_px: int
    outcomes: list[str]
    scores: list[float]
    labels: list[str]
    texts: list[list[Any]]
    text_names: list[str]


def _tiles_of(table: CutoutTable) -> _Tiles:
    frame = table.frame
    places = zip(frame["image_name"], frame["grid_x"], frame["grid_y"], strict=True)
    return _Tiles(
        rows={(str(name), int(x), int(y)): row for row, (name, x, y) in enumerate(places)},
        tile_px=table.tile_px,
        outcomes=frame["outcome"].tolist(),
        scores=frame["score"].tolist(),
        labels=[label_of(bool(is_artifact)) for is_artifact in table.present],
        texts=table.texts.to_numpy(dtype=object).tolist(),
        text_names=list(table.texts.columns),
    )


def _describe(
    place: tuple[str, int, int],
    one: CutoutResult,
    frame_image: str,
    study: Study,
    known: _Tiles,
) -> dict[str, Any]:
    """Say where an item's pictures are and what they show."""
    name, folder = place[0], study.pictures_folder
    ra_deg, dec_deg = one.sky_deg or (np.nan, np.nan)
    facts = list(zip(known.text_names, known.texts[known.rows[place]], strict=True))
    if one.sky_deg:
        facts.append((SKY_POSITION, f"{ra_deg:.5f}, {dec_deg:+.5f}"))
    around, box = one.job.neighbourhood_target, one.frame_box
    return {
        "image": f"{folder}/{one.job.target.name}",
        "context": f"{folder}/{around.name}" if around else None,
        "frame_image": frame_image,
        "frame_box": json.dumps(_corners(box)) if box else None,
        "ra_deg": ra_deg,
        "dec_deg": dec_deg,
        "facts": json.dumps(facts),
        "tiles": json.dumps([_describe_tile(cell, name, study, known) for cell in one.cells]),
    }


def _describe_tile(cell: Cell, name: str, study: Study, known: _Tiles) -> dict[str, Any] | None:
    """Describe a tile of a neighbourhood; None where the table has no such cutout."""
    row = known.rows.get((name, *cell.grid)) if cell.grid is not None else None
    if row is None or cell.grid is None:
        return None
    score = known.scores[row]
    return {
        "id": region_id(*cell.grid, known.tile_px),
        "item_id": study.item_id(source_path(name, *cell.grid)),
        "outcome": known.outcomes[row],
        "score": score if math.isfinite(score) else None,
        "label": known.labels[row],
        "box": _corners(cell.box),
    }


def region_id(grid_x: int, grid_y: int, tile_px: int) -> str:
    """Name a tile's region so that people can tell which it is.

    Parameters
    ----------
    grid_x, grid_y : int
        Pixels from the left edge and from the origin.
    tile_px : int
        Side of a tile.

    Returns
    -------
    str
        Row and column, ``r05c08``; with the pixels where the tile is not on
        the grid, since two could share row and column.
    """
    row, column = grid_y // tile_px, grid_x // tile_px
    is_off_grid = grid_x % tile_px or grid_y % tile_px
    return f"r{row:02d}c{column:02d}{f'x{grid_x}y{grid_y}' if is_off_grid else ''}"


def _corners(box: Box) -> list[float]:
    return [box.x, box.y, box.width, box.height]
