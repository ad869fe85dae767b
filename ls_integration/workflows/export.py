"""`export`: the answers of a study come back into the scientist's own files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as studies
from ls_integration.annotations import KEY
from ls_integration.answers import in_one_table, with_memory
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, silent
from ls_integration.results.folder import open_results
from ls_integration.results.tables import write_annotations, write_items
from ls_integration.server.pull import tasks_with_drafts
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.moved_answers import as_before_the_move
from ls_integration.workflows.project_answers import check_sent
from ls_integration.workflows.pulled_answers import pull_projects
from ls_integration.workflows.results_by_kind import check_annotator, results_of


@dataclass(frozen=True)
class ExportOutcome:
    """What an export brought back.

    Attributes
    ----------
    study : Study
        The study.
    n_items : int
        Things to judge.
    n_answers : int
        Annotations, skips left out.
    n_skipped : int
        Skips.
    n_repeated : int
        Items that one person answered more than once in a round; the last
        answer counts.
    n_drafts : int
        Tasks with an answer that was begun and not submitted; it is not exported.
    folder : Path
        Where the files are.
    """

    study: Study
    n_items: int
    n_answers: int
    n_skipped: int
    n_repeated: int
    n_drafts: int
    folder: Path


@dataclass(frozen=True)
class StudyAnswers:
    """What people have answered so far.

    Attributes
    ----------
    study : Study
        The study.
    items : DataFrame
        What was asked about.
    annotations : DataFrame
        A checked annotations table.
    n_drafts : int
        Tasks with an answer that was begun and not submitted; it is not here.
    """

    study: Study
    items: pd.DataFrame
    annotations: pd.DataFrame
    n_drafts: int


def export(
    study_folder: Path,
    settings: Settings,
    output: Path,
    *,
    start: Path,
    annotator: str | None = None,
    force: bool = False,
    full: bool = False,
    say: Callable[[str], None] | None = None,
    report: Reporter = silent,
) -> ExportOutcome:
    """Pull all answers of a study and write its tables and native files.

    Parameters
    ----------
    study_folder : Path
        The study.
    settings : Settings
        Which server.
    output : Path
        Folder for the results.
    start : Path
        The working folder.
    annotator : str, optional
        Take this person's answers only for the one file that all answers
        become; by default everybody's majority.
    force : bool
        Overwrite files in *output* that are not ours or were edited.
    full : bool
        Read everything again, not only what changed since the last export.
    say : callable, optional
        Takes lines for the user: why everything is read again, what was edited by hand.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ExportOutcome
        Counts.

    Raises
    ------
    IntegrationError
        Of any kind; *output* is then as it was.
    """
    check_annotator(studies.load(study_folder).kind, annotator)
    answers = read_answers(study_folder, settings, start=start, full=full, say=say, report=report)
    study, items, annotations = answers.study, answers.items, answers.annotations
    about = {**study_info(study), "annotator": annotator}
    with open_results(output, about, force=force) as staged:
        write_annotations(staged, annotations)
        known = results_of(study.kind).write_files(
            staged, study, study_folder, items, annotations, annotator
        )
        write_items(staged, known)
    skipped = int(annotations["skipped"].sum())
    return ExportOutcome(
        study=study,
        n_items=len(items),
        n_answers=len(annotations) - skipped,
        n_skipped=skipped,
        n_repeated=_count_repeated(annotations),
        n_drafts=answers.n_drafts,
        folder=output,
    )


def read_answers(
    study_folder: Path,
    settings: Settings,
    *,
    start: Path,
    full: bool = False,
    say: Callable[[str], None] | None = None,
    report: Reporter = silent,
) -> StudyAnswers:
    """Pull all answers of a study, and remember in its folder how each looked first.

    Parameters
    ----------
    study_folder : Path
        The study.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    full : bool
        Read everything again, not only what changed since the last time.
    say : callable, optional
        Takes lines for the user: why everything is read again, what was edited by hand.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    StudyAnswers
        What the server has now.

    Raises
    ------
    IntegrationError
        Of any kind.
    """
    with studies.locked(study_folder):
        study = studies.load(study_folder)
        check_sent(study)
        connection = connect(settings, study, start)
        items = studies.read_items(study_folder)
        annotations, n_drafts = _pull(
            study, study_folder, items, connection, full=full, say=say, report=report
        )
        annotations, seen = with_memory(annotations, studies.read_seen(study_folder))
        studies.write_seen(study_folder, seen)
    return StudyAnswers(study, items, annotations, n_drafts)


def study_info(study: Study) -> dict[str, Any]:
    """Give what a results folder says of its study.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    dict
        Strict JSON; without the salt.
    """
    return {
        "uuid": study.uuid,
        "kind": study.kind,
        "title": study.title,
        "blind": study.blind,
        "positive": kind_of(study).positive or None,
        "model_threshold": study.options.get("stored_threshold"),
        "model_version": study.options.get("model_version"),
        "normal_at_least": study.options.get("normal_at_least"),
        "anomaly_below": study.options.get("anomaly_below"),
        "server_url": study.server_url,
        "versions": study.versions,
    }


def _pull(
    study: Study,
    folder: Path,
    items: pd.DataFrame,
    connection: Connection,
    *,
    full: bool,
    say: Callable[[str], None] | None,
    report: Reporter,
) -> tuple[pd.DataFrame, int]:
    predictions = studies.read_predictions(folder)
    sent_labels: Mapping[str, str] = dict(
        zip(predictions["item_id"], predictions["label"], strict=True)
    )
    moved = studies.read_moved(folder)
    tables = []
    n_drafts = 0
    for found in pull_projects(
        study,
        folder,
        connection,
        item_ids=dict.fromkeys(items["item_id"]),
        sent_labels=sent_labels,
        with_predictions=not study.blind,
        full=full,
        say=say,
        report=report,
    ):
        n_drafts += len(tasks_with_drafts(connection.client, found.project_id))
        tables.append(as_before_the_move(found.annotations, moved, connection.client.url))
    return in_one_table(tables), n_drafts


def _count_repeated(annotations: pd.DataFrame) -> int:
    """Count what one person answered more than once; a skip is no answer."""
    answers = annotations.loc[~annotations["skipped"].to_numpy(dtype=bool)]
    return int((answers.groupby(KEY).size() > 1).sum())
