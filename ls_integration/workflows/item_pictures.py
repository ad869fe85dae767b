"""The rows of a source -> the items of a study with their pictures on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ls_integration.errors import SourceError
from ls_integration.images.render import parse_scale
from ls_integration.kinds.sted_quality import make_items
from ls_integration.progress import Reporter, Say
from ls_integration.study import Study
from ls_integration.workflows.import_items import Selection, stop_or_leave_out
from ls_integration.workflows.pictures import (
    PICTURE_SUFFIX,
    PictureJob,
    PictureResult,
    render_pictures,
)
from ls_integration.workflows.sted_options import ImportOptions, StedOptions


def render_items(
    selection: Selection,
    study: Study,
    options: ImportOptions,
    pictures: Path,
    *,
    say: Say,
    report: Reporter,
) -> tuple[pd.DataFrame, list[str]]:
    """Render every picture of a new study of normal and anomaly and make its items.

    Parameters
    ----------
    selection : Selection
        The rows.
    study : Study
        For the item ids and the pictures' folder.
    options : ImportOptions
        How pictures are made, ``skip_bad``.
    pictures : Path
        The study's folder of pictures, to be filled.
    say : callable
        Told of every image that cannot be shown.
    report : Reporter
        Told of progress.

    Returns
    -------
    items : DataFrame
        With ``image`` and ``peak_count``.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    """
    items = make_items(
        selection.rows, make_id=study.item_id, normal_at_least=options.normal_at_least
    )
    items, left_out = draw_items(
        selection.rows, items, study, options, pictures, say=say, report=report
    )
    return items, selection.left_out + left_out


def draw_items(
    rows: pd.DataFrame,
    items: pd.DataFrame,
    study: Study,
    options: StedOptions,
    pictures: Path,
    *,
    say: Say,
    report: Reporter,
) -> tuple[pd.DataFrame, list[str]]:
    """Render the pictures of items that have none yet.

    Parameters
    ----------
    rows : DataFrame
        With ``file``, one for each item.
    items : DataFrame
        The items, of any kind.
    study : Study
        For the names of the pictures and their folder.
    options : StedOptions
        How pictures are made, ``skip_bad``.
    pictures : Path
        The study's folder of pictures, to be filled.
    say : callable
        Told of every image that cannot be shown.
    report : Reporter
        Told of progress.

    Returns
    -------
    items : DataFrame
        Those that can be shown, with ``image`` and ``peak_count``.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.

    Raises
    ------
    SourceError
        If an image cannot be shown and ``skip_bad`` is not set.
    """
    # Not the item's id: where the source gives it, it need not make a file name.
    names = [f"{study.item_id(path)}{PICTURE_SUFFIX}" for path in items["source_path"]]
    results = render_rows(rows, names, options, pictures, report, skip_existing=False)
    problems = [
        (path, result.error)
        for path, result in zip(items["source_path"], results, strict=True)
        if result.error is not None
    ]
    left_out = stop_or_leave_out(problems, options, say)
    items["image"] = [f"{study.pictures_folder}/{name}" for name in names]
    items["peak_count"] = np.array([result.peak_count for result in results], dtype=np.float64)
    good = np.array([result.error is None for result in results])
    items = items.loc[good].reset_index(drop=True)
    if items.empty:
        msg = f"none of the images of {options.source} can be shown; see the lines above"
        raise SourceError(msg)
    items["position"] = np.arange(len(items), dtype=np.int64)
    return items, left_out


def rerender_missing(
    selection: Selection,
    items: pd.DataFrame,
    options: StedOptions,
    media: Path,
    report: Reporter,
) -> None:
    """Render again those pictures of a known study that are gone from the disk.

    Parameters
    ----------
    selection : Selection
        The source's rows; must hold every item.
    items : DataFrame
        The study's items.
    options : StedOptions
        How pictures are made.
    media : Path
        The media folder.
    report : Reporter
        Told of progress.

    Raises
    ------
    SourceError
        If a picture is gone and its source can no longer be shown.
    """
    rows = selection.rows.set_index("source_path").loc[items["source_path"]].reset_index()
    results = render_rows(rows, items["image"].tolist(), options, media, report, skip_existing=True)
    broken = [result.error for result in results if result.error is not None]
    if broken:
        msg = f"a picture of the study is gone and cannot be made again: {broken[0]}"
        raise SourceError(msg)


def render_rows(
    rows: pd.DataFrame,
    names: list[str],
    options: StedOptions,
    folder: Path,
    report: Reporter,
    *,
    skip_existing: bool,
) -> list[PictureResult]:
    """Render the images of some rows.

    Parameters
    ----------
    rows : DataFrame
        With ``file``.
    names : list of str
        Of the pictures, below *folder*.
    options : StedOptions
        How pictures are made.
    folder : Path
        Where they go.
    report : Reporter
        Told of progress.
    skip_existing : bool
        Leave pictures that are there as they are.

    Returns
    -------
    list of PictureResult
        In the order of the rows.
    """
    picture = options.picture
    template = PictureJob(
        source=Path(),
        target=Path(),
        channel=picture.channel,
        plane=picture.plane,
        projection=picture.projection,
        colormap=picture.colormap,
        scale=parse_scale(picture.scale),
    )
    jobs = [
        replace(template, source=Path(file), target=folder / name)
        for file, name in zip(rows["file"], names, strict=True)
    ]
    return render_pictures(jobs, report=report, skip_existing=skip_existing)
