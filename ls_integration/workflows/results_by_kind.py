"""What differs between the kinds when answers become files and numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration.errors import ConfigError
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.kinds.rating_selection import SELECTION_FILE, write_selection
from ls_integration.kinds.sted_source import ANOMALY_BELOW, NORMAL_AT_LEAST
from ls_integration.results.anomagui import write_sessions
from ls_integration.results.consensus_table import make_consensus
from ls_integration.results.cutouts import check_cutouts, without_unsure
from ls_integration.results.cutouts_headline import write_cutout_lines
from ls_integration.results.cutouts_metrics import build_cutout_metrics
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics import build_metrics
from ls_integration.results.rating_headline import write_rating_lines
from ls_integration.results.rating_metrics import build_rating_metrics
from ls_integration.results.ratings import write_ratings
from ls_integration.study import Study
from ls_integration.workflows.cutouts_results import list_cutouts, write_cutouts


@dataclass(frozen=True)
class Results:
    """How one kind's answers come back.

    Attributes
    ----------
    write_files : callable
        A folder to fill, the study, its folder, its items and annotations, the
        one person whose answers count or None -> the items table that belongs
        beside the annotations. Writes the files of the tool that the kind
        replaces.
    measure : callable
        Items, annotations, the positive label, the model's threshold or None,
        and what the results folder knows of the study, with the columns of the
        subgroups as ``group_by`` -> what ``metrics.json`` holds.
    list_items : callable
        The study, its folder and its items -> the items table that belongs
        beside the annotations: what `write_files` gives.
    write_lines : callable or None
        What ``metrics.json`` holds -> the lines to print; None where the
        command line prints its table of accuracies.
    answers_are_labels : bool
        Answers are right or wrong: there are errors, a consensus.
    tabulate_consensus : callable or None
        Items, annotations, the positive label -> what ``consensus.csv`` holds;
        None where answers are not labels.
    can_choose_annotator : bool
        The answers become one file, for which one person's may be taken.
    """

    write_files: Callable[[Path, Study, Path, pd.DataFrame, pd.DataFrame, str | None], pd.DataFrame]
    measure: Callable[
        [pd.DataFrame, pd.DataFrame, str, float | None, Mapping[str, Any]], dict[str, Any]
    ]
    list_items: Callable[[Study, Path, pd.DataFrame], pd.DataFrame]
    write_lines: Callable[[Mapping[str, Any]], list[str]] | None = None
    answers_are_labels: bool = True
    tabulate_consensus: Callable[[pd.DataFrame, pd.DataFrame, str], pd.DataFrame] | None = None
    can_choose_annotator: bool = False


def results_of(kind: str | None) -> Results:
    """Give what is particular to a kind.

    Parameters
    ----------
    kind : str or None
        Its name; None for a table of anybody's making.

    Returns
    -------
    Results
        That of normal and anomaly where the kind is not known: the numbers of
        any two labels.
    """
    return _RESULTS.get(kind or "", _RESULTS[sted_quality.KIND])


def check_annotator(kind: str | None, annotator: str | None) -> None:
    """Refuse to take one person's answers where each person has files of their own.

    Parameters
    ----------
    kind : str or None
        The kind's name.
    annotator : str or None
        Whose answers were asked for.

    Raises
    ------
    ConfigError
        If somebody's were, and the kind does not know that.
    """
    if annotator is not None and not results_of(kind).can_choose_annotator:
        msg = (
            f"--annotator {annotator} is for studies of cutouts, whose answers become one table; "
            "leave it out: here each person has files and scores of their own"
        )
        raise ConfigError(msg)


def _same_items(_study: Study, _study_folder: Path, items: pd.DataFrame) -> pd.DataFrame:
    return items


def _write_sessions(
    folder: Path,
    _study: Study,
    _study_folder: Path,
    items: pd.DataFrame,
    answers: pd.DataFrame,
    _annotator: str | None,
) -> pd.DataFrame:
    write_sessions(folder, items, answers, positive=sted_quality.POSITIVE)
    return items


def _measure_labels(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    positive: str,
    model_threshold: float | None,
    study: Mapping[str, Any],
) -> dict[str, Any]:
    return build_metrics(
        items,
        annotations,
        positive=positive,
        model_threshold=model_threshold,
        study=study,
        group_by=study.get("group_by"),
    )


def _tabulate_labels(items: pd.DataFrame, annotations: pd.DataFrame, positive: str) -> pd.DataFrame:
    return make_consensus(line_up_study(items, annotations, positive=positive))


def _tabulate_cutouts(
    cutouts: pd.DataFrame, annotations: pd.DataFrame, positive: str
) -> pd.DataFrame:
    answers = without_unsure(annotations)
    table = _tabulate_labels(check_cutouts(cutouts), answers, positive)
    # The table of a survey has many cutouts that nobody was asked about.
    return table[table["item_id"].isin(answers["item_id"])]


def _measure_cutouts(
    cutouts: pd.DataFrame,
    annotations: pd.DataFrame,
    _positive: str,
    _model_threshold: float | None,
    study: Mapping[str, Any],
) -> dict[str, Any]:
    return build_cutout_metrics(
        cutouts,
        annotations,
        annotator=study.get("annotator"),
        study=study,
        group_by=study.get("group_by"),
    )


def _write_ratings(
    folder: Path,
    _study: Study,
    _study_folder: Path,
    items: pd.DataFrame,
    answers: pd.DataFrame,
    _annotator: str | None,
) -> pd.DataFrame:
    write_ratings(folder, items, answers)
    write_selection(
        folder / SELECTION_FILE, items["source_path"].tolist(), items["source_index"].tolist()
    )
    return items


def _measure_ratings(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    _positive: str,
    _model_threshold: float | None,
    study: Mapping[str, Any],
) -> dict[str, Any]:
    return build_rating_metrics(
        items,
        annotations,
        normal_at_least=_limit(study, "normal_at_least", NORMAL_AT_LEAST),
        anomaly_below=_limit(study, "anomaly_below", ANOMALY_BELOW),
        study=study,
        group_by=study.get("group_by"),
    )


def _limit(study: Mapping[str, Any], name: str, default: float) -> float:
    value = study.get(name)
    return default if value is None else float(value)


_RESULTS = {
    cutouts.KIND: Results(
        write_cutouts,
        _measure_cutouts,
        list_cutouts,
        write_lines=write_cutout_lines,
        tabulate_consensus=_tabulate_cutouts,
        can_choose_annotator=True,
    ),
    sted_quality.KIND: Results(
        _write_sessions, _measure_labels, _same_items, tabulate_consensus=_tabulate_labels
    ),
    sted_rating.KIND: Results(
        _write_ratings,
        _measure_ratings,
        _same_items,
        write_lines=write_rating_lines,
        answers_are_labels=False,
    ),
}
