"""The images that a study asks about, found again in its sources for a model."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ls_integration.errors import StudyError, some_of
from ls_integration.kinds import cutouts, sted_quality
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.kinds.sources_table import SourceTable
from ls_integration.kinds.sted_source import read_all_images, read_source
from ls_integration.study import Study
from ls_integration.workflows.cutout_images import from_cutouts
from ls_integration.workflows.cutout_options import options_of_study
from ls_integration.workflows.cutout_pictures import find_sources
from ls_integration.workflows.cutouts_results import TABLE_FILE
from ls_integration.workflows.model_images import ImageSource
from ls_integration.workflows.sted_images import from_table
from ls_integration.workflows.sted_options import PictureOptions


def open_study_images(
    study: Study, folder: Path, items: pd.DataFrame, source: Path | None = None
) -> ImageSource:
    """Open the images of a study's items; the pictures that people see have lost their counts.

    Parameters
    ----------
    study : Study
        Its options say where its sources are.
    folder : Path
        The study's folder.
    items : DataFrame
        Its items.
    source : Path, optional
        Where the images are now, if they were moved; all parts of the study.

    Returns
    -------
    ImageSource
        One row for each item, with its id.

    Raises
    ------
    StudyError
        If the study is of another kind, or images are not in their source.
    """
    if study.kind == sted_quality.KIND:
        return _open_sted(study, items, source)
    if study.kind == cutouts.KIND:
        return _open_cutouts(study, folder, items, source)
    msg = f"the study '{study.title}' is of the kind {study.kind}, for which there are no models"
    raise StudyError(msg)


def _open_sted(study: Study, items: pd.DataFrame, source: Path | None) -> ImageSource:
    options = study.options
    files: dict[tuple[int, str], str] = {}
    for part_number in sorted(set(items["part"].tolist())):
        rows = _rows(*((source, None) if source else study.sources[part_number]))
        for name, file in zip(rows["source_path"], rows["file"], strict=True):
            files[part_number, name] = file
    keys = list(zip(items["part"].tolist(), items["source_path"].tolist(), strict=True))
    lost = [name for part, name in keys if (part, name) not in files]
    if lost:
        msg = (
            f"images of the study '{study.title}' are not in its source any more: {some_of(lost)}; "
            "say where they are now with --source"
        )
        raise StudyError(msg)
    table = SourceTable(
        study.title,
        pd.DataFrame(
            {
                "source_path": items["source_path"],
                "file": [files[key] for key in keys],
                "rating": items["rating"],
                "group": items["group"],
                "item_id": items["item_id"],
            }
        ),
        selects_itself=True,
        origin="manifest",
    )
    picture = PictureOptions(
        channel=options.get("channel"),
        plane=options.get("plane"),
        projection=options.get("projection"),
    )
    return from_table(table, picture)


def _rows(path: Path, ratings: Path | None) -> pd.DataFrame:
    """List a source's images, also those that its own list has left out since."""
    if ratings is None and path.is_dir():
        listed = read_source(path, check_files=False).rows
        every = read_all_images(path).rows
        return pd.concat([every, listed], ignore_index=True)
    return read_source(path, ratings=ratings, check_files=False).rows


def _open_cutouts(
    study: Study, folder: Path, items: pd.DataFrame, source: Path | None
) -> ImageSource:
    asked = replace(options_of_study(study), predictions=folder / TABLE_FILE)
    if source is not None:
        asked = replace(asked, source=source)
    table = read_predictions_table(
        asked.predictions, threshold=asked.threshold, tile_px=asked.tile_px
    )
    frames = find_sources(asked, list(dict.fromkeys(items["image_name"])))
    found = from_cutouts(table, frames, asked.origin, only=set(items["source_path"]))
    ids = dict(zip(items["source_path"], items["item_id"], strict=True))
    rows = found.rows.assign(item_id=[ids[path] for path in found.rows["path"]])
    return replace(found, rows=rows, notes=())
