"""Where a notebook's tables come from: a study, its results, or anywhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration import study as studies
from ls_integration.annotations import check_annotations
from ls_integration.errors import SourceError, StudyError
from ls_integration.kinds import cutouts, sted_rating
from ls_integration.notebook.scored_study import POSITIVE, ScoredStudy
from ls_integration.results.folder import read_manifest
from ls_integration.results.tables import ANNOTATIONS, check_items, find_table, read_folder
from ls_integration.settings import load
from ls_integration.workflows.result_pictures import find_media
from ls_integration.workflows.results_by_kind import results_of
from ls_integration.workflows.score import choose_positive

_OF_CUTOUTS = {"given_label", "is_queue"}
"""Columns that only an items table of cutouts has."""


def open_study(
    folder: str | Path,
    *,
    positive: str | None = None,
    group_by: str | Sequence[str] | None = None,
) -> ScoredStudy:
    """Open a study, or the results of one.

    Parameters
    ----------
    folder : str or Path
        A study (``studies/NAME``, or NAME alone from a folder above): its answers
        are read from its server, with the token of the environment or of the
        server that ``up`` started. Or a folder that ``export`` or ``score``
        wrote, or any with ``annotations.csv`` and perhaps ``items.csv``: nothing
        is asked of any server.
    positive : str, optional
        The label that TPR and FPR are of; what the folder says by default, else
        ``anomaly`` where there is one.
    group_by : str or sequence of str, optional
        Columns of the items whose values are scored on their own too; by default
        ``structure`` where it has two values or more.

    Returns
    -------
    ScoredStudy
        Answers are read and scored when they are first asked for.

    Raises
    ------
    IntegrationError
        If there is neither a study nor a table, or one is faulty.
    """
    path = Path(folder)
    if find_table(path, ANNOTATIONS) is not None:
        return _open_results(path, positive, group_by)
    try:
        found = studies.find(str(folder), Path.cwd())
    except StudyError as error:
        msg = f"{folder} holds no {ANNOTATIONS}.csv, and there is {error}"
        raise SourceError(msg) from None
    return _open_live(found, positive, group_by)


def score(
    annotations: pd.DataFrame,
    items: pd.DataFrame | None = None,
    *,
    positive: str | None = None,
    model_threshold: float | None = None,
    group_by: str | Sequence[str] | None = None,
    title: str = "",
) -> ScoredStudy:
    """Score any two tables.

    Parameters
    ----------
    annotations : DataFrame
        ``item_id, annotator`` and ``label`` (or ``rating``, from 0 to 1) at
        least; also ``round, skipped, prefilled, lead_time_s`` and others, see
        ``docs/files.md``.
    items : DataFrame, optional
        ``item_id`` and, where known, ``label`` (the truth), ``model_score``,
        ``model_label``, ``rating`` (the old one), ``group`` (items that are not
        independent). Without it there is agreement and consensus only.
    positive : str, optional
        The label that TPR and FPR are of; ``anomaly`` where there is one.
    model_threshold : float, optional
        A model score from here on is an anomaly, or the positive label.
    group_by : str or sequence of str, optional
        Columns of *items* whose values are scored on their own too; by default
        ``structure`` where it has two values or more.
    title : str
        Stands on the report.

    Returns
    -------
    ScoredStudy
        As `open_study` gives it.

    Raises
    ------
    IntegrationError
        If a table is not as described: the message names column and rows.
    """
    if "label" not in annotations.columns and "rating" in annotations.columns:
        annotations = annotations.assign(label=None)
    answers = check_annotations(annotations)
    if items is None:
        items = pd.DataFrame({"item_id": answers["item_id"].unique()})
    known = check_items(items)
    about: dict[str, Any] = {
        "title": title,
        "model_threshold": model_threshold,
        "group_by": _listed(group_by),
    }
    if answers["label"].isna().all() and answers["rating"].notna().any():
        about["kind"] = sted_rating.KIND
        if "rating" not in known.columns:
            known["rating"] = np.nan
    elif _OF_CUTOUTS.issubset(known.columns):
        about["kind"] = cutouts.KIND
    else:
        about["positive"] = choose_positive(known, answers, positive, None, argument=POSITIVE)
    return _read_already(ScoredStudy(about, known, lambda: answers))


def _open_results(
    folder: Path, positive: str | None, group_by: str | Sequence[str] | None
) -> ScoredStudy:
    annotations, items = read_folder(folder)
    about = dict(read_manifest(folder)["study"]) or {"title": folder.resolve().name}
    if items is None:
        items = check_items(pd.DataFrame({"item_id": annotations["item_id"].unique()}))
    if positive is not None:
        about["positive"] = choose_positive(items, annotations, positive, None, argument=POSITIVE)
    about["group_by"] = _listed(group_by)
    return _read_already(
        ScoredStudy(about, items, lambda: annotations, find_media(load(), folder.resolve()))
    )


def _open_live(
    folder: Path, positive: str | None, group_by: str | Sequence[str] | None
) -> ScoredStudy:
    # What speaks to a server takes seconds to load, which tables on disk do without.
    from ls_integration.workflows.export import read_answers, study_info

    study = studies.load(folder)
    items = results_of(study.kind).list_items(study, folder, studies.read_items(folder))

    def read() -> pd.DataFrame:
        # From the study's folder on upwards: a notebook may run anywhere.
        return read_answers(folder, load(), start=folder).annotations

    about = {**study_info(study), "group_by": _listed(group_by)}
    if positive is not None:
        about["positive"] = positive
    return ScoredStudy(about, check_items(items), read, find_media(load(), folder))


def _listed(columns: str | Sequence[str] | None) -> list[str] | None:
    """List columns; one alone need not stand in a list."""
    return None if columns is None else [columns] if isinstance(columns, str) else list(columns)


def _read_already(study: ScoredStudy) -> ScoredStudy:
    """Take the answers that are there, so that a first look says how many they are."""
    study.annotations()
    return study
