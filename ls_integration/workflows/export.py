"""`export`: the answers of a study come back into the scientist's own files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as studies
from ls_integration.annotations import KEY
from ls_integration.answers import answers_from_tasks, in_one_table, with_memory
from ls_integration.errors import StudyError
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, silent
from ls_integration.results.folder import open_results
from ls_integration.results.tables import write_annotations, write_items
from ls_integration.server.people import members
from ls_integration.server.projects import read_project
from ls_integration.server.pull import pull_answers, tasks_with_drafts
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection, connect
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


def export(
    study_folder: Path,
    settings: Settings,
    output: Path,
    *,
    start: Path,
    annotator: str | None = None,
    force: bool = False,
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
    with studies.locked(study_folder):
        study = studies.load(study_folder)
        if not any(project.project_id for project in study.projects):
            msg = f"the study '{study.title}' was never sent to a server; run its `import` first"
            raise StudyError(msg)
        check_annotator(study.kind, annotator)
        connection = connect(settings, study, start)
        items = studies.read_items(study_folder)
        annotations, n_drafts = _pull(study, study_folder, connection, report)
        annotations, seen = with_memory(annotations, studies.read_seen(study_folder))
        studies.write_seen(study_folder, seen)
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
        n_drafts=n_drafts,
        folder=output,
    )


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
    study: Study, folder: Path, connection: Connection, report: Reporter
) -> tuple[pd.DataFrame, int]:
    kind = kind_of(study)
    predictions = studies.read_predictions(folder)
    sent_labels: Mapping[str, str] = dict(
        zip(predictions["item_id"], predictions["label"], strict=True)
    )
    names = names_on_files(study, connection)
    tables = []
    n_drafts = 0
    for project in study.projects:
        if project.project_id is None:
            continue
        read_project(connection.client, project.project_id, title=project.title)
        tasks = pull_answers(
            connection.client,
            project.project_id,
            with_predictions=not study.blind,
            report=report,
        )
        n_drafts += len(tasks_with_drafts(connection.client, project.project_id))
        tables.append(
            answers_from_tasks(
                tasks,
                read=kind.read_answer(kind.read_config(study, project.view)),
                labels=kind.labels,
                project_id=project.project_id,
                round_number=project.round,
                names=names,
                sent_labels=sent_labels,
            )
        )
    return in_one_table(tables), n_drafts


def _count_repeated(annotations: pd.DataFrame) -> int:
    """Count what one person answered more than once; a skip is no answer."""
    answers = annotations.loc[~annotations["skipped"].to_numpy(dtype=bool)]
    return int((answers.groupby(KEY).size() > 1).sum())


def names_on_files(study: Study, connection: Connection) -> dict[int, str]:
    """Name every member: the study's own people first, then the other accounts.

    Parameters
    ----------
    study : Study
        The study.
    connection : Connection
        Its server.

    Returns
    -------
    dict of int to str
        User id -> name, no name twice.
    """
    own = {user_id: name for name, user_id in study.people.items()}
    others = {
        person.user_id: person.name or person.email.partition("@")[0]
        for person in members(connection.client)
        if person.user_id not in own
    }
    return distinct_names(own, others)


def distinct_names(own: Mapping[int, str], others: Mapping[int, str]) -> dict[int, str]:
    """Tell apart members of one name; the study's own people keep theirs.

    Parameters
    ----------
    own : mapping of int to str
        User id -> name of the study's people, no name twice.
    others : mapping of int to str
        User id -> name of all other members.

    Returns
    -------
    dict of int to str
        No name twice: a later namesake has the user id behind the name.
    """
    names = dict(own)
    taken = set(own.values())
    for user_id, name in sorted(others.items()):
        names[user_id] = f"{name} {user_id}" if name in taken else name
        taken.add(names[user_id])
    return names
