"""What comes back of a study of cutouts: the table with corrected labels, and who said what."""

from pathlib import Path

import pandas as pd

from ls_integration.files import write_bytes
from ls_integration.kinds.cutouts import all_cutouts
from ls_integration.kinds.cutouts_table import CutoutTable, read_predictions_table
from ls_integration.results.cutouts import decide, label_changes, list_reviews, write_reviewers
from ls_integration.results.test_outputs import TEST_OUTPUTS, splice_labels
from ls_integration.study import Study

TABLE_FILE = "cutouts.csv"
"""The table as it was given, in the study's folder: the export splices into it."""

OF_THE_PAGE = ("facts", "tiles", "frame_box")
"""Columns of the items, in JSON, that only the pages need."""


def read_study_table(study: Study, folder: Path) -> CutoutTable:
    """Read the table that a study was imported from.

    Parameters
    ----------
    study : Study
        Knows threshold and tile.
    folder : Path
        The study's folder, which has a copy of the table.

    Returns
    -------
    CutoutTable
        As at the import.

    Raises
    ------
    SourceError
        If the copy is gone or was changed into something else.
    """
    return read_predictions_table(
        folder / TABLE_FILE,
        threshold=study.options.get("threshold"),
        tile_px=int(study.options["tile_px"]),
    )


def write_cutouts(
    target: Path,
    study: Study,
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    annotator: str | None,
) -> pd.DataFrame:
    """Write ``test_outputs.csv`` and ``reviewers.csv``.

    Parameters
    ----------
    target : Path
        Where they go.
    study : Study
        The study.
    folder : Path
        Its folder.
    items : DataFrame
        What was asked about.
    annotations : DataFrame
        A checked annotations table.
    annotator : str or None
        Take this person's answers only; by default everybody's majority.
        ``reviewers.csv`` has all answers in either case.

    Returns
    -------
    DataFrame
        All cutouts of the table, those that were asked about first.

    Raises
    ------
    SourceError
        If nobody is called *annotator*, or the table is not the study's.
    """
    table = read_study_table(study, folder)
    cutouts = _all_cutouts(table, study, items)
    changes = label_changes(cutouts, decide(annotations, annotator=annotator))
    write_bytes(target / TEST_OUTPUTS, splice_labels(table, changes))
    write_reviewers(target, list_reviews(cutouts, annotations))
    return cutouts


def list_cutouts(study: Study, folder: Path, items: pd.DataFrame) -> pd.DataFrame:
    """List all cutouts of a study's table.

    Parameters
    ----------
    study : Study
        The study.
    folder : Path
        Its folder.
    items : DataFrame
        What was asked about.

    Returns
    -------
    DataFrame
        As `write_cutouts` gives them.

    Raises
    ------
    SourceError
        If the table is not the study's.
    """
    return _all_cutouts(read_study_table(study, folder), study, items)


def _all_cutouts(table: CutoutTable, study: Study, items: pd.DataFrame) -> pd.DataFrame:
    asked = items.drop(columns=[name for name in OF_THE_PAGE if name in items])
    return all_cutouts(table, asked, make_id=study.item_id)
