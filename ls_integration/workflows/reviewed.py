"""What a review changed: the labels of a study's source before and after it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration import study as study_folder
from ls_integration.errors import SourceError, some_of
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.kinds.cutouts import source_paths
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.models.folds import Floats
from ls_integration.results.consensus_table import make_consensus
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.ratings import new_ratings
from ls_integration.results.tables import read_folder
from ls_integration.results.test_outputs import TEST_OUTPUTS
from ls_integration.study import Study, read_items
from ls_integration.workflows.cutout_images import from_cutouts
from ls_integration.workflows.cutout_options import options_of_study
from ls_integration.workflows.cutout_pictures import find_sources
from ls_integration.workflows.image_sources import SourceOptions, open_source
from ls_integration.workflows.model_images import ImageSource

NORMAL_TARGET, ANOMALY_TARGET = 1.0, 0.0
"""Ratings that stand for a label where people gave labels: no number of theirs is known, and the
old labels are learnt from in the same form."""


@dataclass(frozen=True)
class Reviewed:
    """The images of a study, with their labels before and after the review.

    Attributes
    ----------
    source : ImageSource
        All images that labels are known of, not read yet.
    old, corrected : ndarray of float64, shape (n_rows,)
        Targets as a recipe of the kind wants them; NaN where there is none, in
        both alike.
    queue : ndarray of int, shape (n_reviewed,)
        Rows that people answered, in the order of the study.
    """

    source: ImageSource
    old: Floats
    corrected: Floats
    queue: NDArray[np.intp]


def read_reviewed(folder: Path, results: Path) -> Reviewed:
    """Read the source of a study and what people said of it.

    Parameters
    ----------
    folder : Path
        The study, whose source is where it was at the import.
    results : Path
        Folder that `export` wrote of it; of cutouts also a corrected
        ``test_outputs.csv``, whose errors all count as reviewed.

    Returns
    -------
    Reviewed
        No image is read yet.

    Raises
    ------
    SourceError
        If the source is gone, or the results are none of this study.
    """
    study = study_folder.load(folder)
    if study.kind == cutouts.KIND:
        return _read_cutouts(study, results)
    return _read_sted(study, read_items(folder), results)


def _read_cutouts(study: Study, results: Path) -> Reviewed:
    path = results / TEST_OUTPUTS if results.is_dir() else results
    if not path.is_file():
        msg = f"there is no {path}; give a folder that `export` wrote of {study.title}"
        raise SourceError(msg)
    choices = options_of_study(study)
    table = read_predictions_table(path, threshold=choices.threshold, tile_px=choices.tile_px)
    names = list(dict.fromkeys(table.frame["image_name"]))
    # Its notes are about labels that reviewers start from, which is over.
    source = replace(from_cutouts(table, find_sources(choices, names), choices.origin), notes=())
    old = table.frame["label"].to_numpy(dtype=np.float64)
    corrected = table.present.astype(np.float64)
    if results.is_dir():
        queue = _find_answered(*_read_results(results), source_paths(table), results, path)
    else:
        error_id = table.frame["error_id"].to_numpy()
        errors = np.flatnonzero(error_id >= 0)
        others = np.flatnonzero((old != corrected) & (error_id < 0))
        queue = np.concatenate([errors[np.argsort(error_id[errors], kind="stable")], others])
    return Reviewed(source, old, corrected, queue)


def _read_sted(study: Study, items: pd.DataFrame, results: Path) -> Reviewed:
    options = study.options
    picture = options["picture"]
    source = open_source(
        sted_quality.KIND,
        SourceOptions(
            source=Path(options["source"]),
            ratings=None if options["ratings"] is None else Path(options["ratings"]),
            channel=picture["channel"],
            plane=picture["plane"],
            projection=picture["projection"],
        ),
    )
    paths = source.rows["path"].tolist()
    annotations, reviewed = _read_results(results)
    queue = _find_answered(annotations, reviewed, paths, results, Path(options["source"]))
    row = pd.Index(paths).get_indexer(pd.Index(reviewed["source_path"]))
    old = source.rows["target"].to_numpy(dtype=np.float64)
    if study.kind == sted_rating.KIND:
        new = new_ratings(reviewed, annotations).mean(axis=1).to_numpy()
        rated = (row >= 0) & ~np.isnan(new)
        corrected = old.copy()
        corrected[row[rated]] = new[rated]
        return Reviewed(source, old, np.where(np.isnan(old), np.nan, corrected), queue)
    # Labels: only the images of the study have them, the gap between the labels has none.
    old = np.full(len(paths), np.nan)
    corrected = old.copy()
    placed = pd.Index(paths).get_indexer(pd.Index(items["source_path"]))
    there = (placed >= 0) & items["label"].notna().to_numpy()
    old[placed[there]] = _targets(items["label"].to_numpy()[there])
    said = make_consensus(line_up_study(reviewed, annotations, positive=sted_quality.POSITIVE))
    decided = (row >= 0) & said["majority"].notna().to_numpy() & (said["majority"] != "").to_numpy()
    corrected = old.copy()
    corrected[row[decided]] = _targets(said["majority"].to_numpy()[decided])
    return Reviewed(source, old, np.where(np.isnan(old), np.nan, corrected), queue)


def _targets(labels: NDArray[np.object_]) -> Floats:
    return np.where(labels == sted_quality.POSITIVE, ANOMALY_TARGET, NORMAL_TARGET)


def _read_results(results: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    annotations, items = read_folder(results)
    if items is None or "source_path" not in items.columns:
        msg = f"{results} has no items.csv with source_path; give a folder that `export` wrote"
        raise SourceError(msg)
    return annotations, items


def _find_answered(
    annotations: pd.DataFrame, items: pd.DataFrame, paths: list[str], results: Path, source: Path
) -> NDArray[np.intp]:
    """Find the rows that people answered, in the order of the study."""
    answered = items["item_id"].isin(annotations.loc[~annotations["skipped"], "item_id"])
    row = pd.Index(paths).get_indexer(pd.Index(items["source_path"]))
    strange = items["source_path"][(row < 0) & answered.to_numpy()]
    if len(strange):
        msg = (
            f"{results} has answers on items that {source} does not have: "
            f"{some_of(list(strange))}; give the results of this study"
        )
        raise SourceError(msg)
    return np.asarray(row[answered.to_numpy()], dtype=np.intp)
