"""`replay`: finished sessions of the old tool become their authors' finished projects."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as studies
from ls_integration.answers import Reader, Writer
from ls_integration.errors import ConfigError, PartialError, ServerError, StudyError
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, silent
from ls_integration.server.client import Client
from ls_integration.server.projects import read_project
from ls_integration.server.pull import pull_answers
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.import_items import Say
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.old_ratings import read_old_ratings
from ls_integration.workflows.old_sessions import (
    Comparison,
    Session,
    annotation_of,
    compare,
    read_old_sessions,
)
from ls_integration.workflows.replay_cutouts import ask_about, read_edited_tables
from ls_integration.workflows.sending import ProjectOutcome, media_folder, send_projects
from ls_integration.workflows.study_projects import plan_projects
from ls_integration.workflows.titles import check_project_titles

_REPLAYED = (sted_quality.KIND, sted_rating.KIND, cutouts.KIND)
"""The kinds of study that have an old tool."""

_CONFLICT = 409
"""Label Studio's answer to a ``unique_id`` that it has already."""


@dataclass(frozen=True)
class ReplayedSession:
    """What became of one session.

    Attributes
    ----------
    session : Session
        The file and whose it is.
    title, link : str
        The project's title and the address of its label stream.
    sent : int
        Answers sent by this run.
    already_there : int
        Answers that the server had.
    replaced : int
        Answers that were another before.
    """

    session: Session
    title: str
    link: str
    sent: int
    already_there: int
    replaced: int


@dataclass(frozen=True)
class _Place:
    """Where a session goes."""

    session: Session
    project: Project
    user_id: int


@dataclass(frozen=True)
class _Wire:
    """How the study's kind speaks to Label Studio."""

    read: Reader
    write: Writer


def replay(
    study_folder: Path,
    paths: Sequence[Path],
    settings: Settings,
    *,
    start: Path,
    annotator: str | None = None,
    round_number: int = 1,
    replace: bool = False,
    skip_bad: bool = False,
    all_reviewed: bool = False,
    say: Say,
    on_account: OnAccount = keep_in_study,
    report: Reporter = silent,
) -> list[ReplayedSession]:
    """Bring old sessions in as answers of their authors, each exactly once.

    Parameters
    ----------
    study_folder : Path
        The study; it must have been imported.
    paths : sequence of Path
        AnomaGUI's ``NAME.npz``; of a study of ratings ``NAME/reannotations.npy``;
        of one of cutouts its table with an edited ``label_new``.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    annotator : str, optional
        Whose session; by default as the file, or its folder, is called.
    round_number : int
        Which round of theirs it is, from 1.
    replace : bool
        Overwrite answers of that person that say something else. One that
        was given on a page that started from the model's answer stays marked so.
    skip_bad : bool
        Leave out ratings outside of 0 to 1 instead of refusing their file.
    all_reviewed : bool
        Of a study of cutouts: the whole queue was looked at, so labels that
        were left as they are count as confirmed.
    say : callable
        Takes lines for the user.
    on_account : callable, optional
        Takes the study's folder and each account as soon as it is made.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    list of ReplayedSession
        In the order of *paths*. Running it again sends only what is missing.

    Raises
    ------
    IntegrationError
        Of any kind. All files are read and checked before anything is made
        or sent; answers that differ are refused before any is sent.
    """
    with studies.locked(study_folder):
        study = studies.load(study_folder)
        wire = _wire_of(study, skip_bad, all_reviewed)
        items = studies.read_items(study_folder)
        sessions = _read_sessions(
            paths,
            items,
            study,
            annotator=annotator,
            round_number=round_number,
            skip_bad=skip_bad,
            all_reviewed=all_reviewed,
            folder=study_folder,
            say=say,
        )
        names = [session.annotator for session in sessions]
        check_project_titles(study.title, () if study.overlap else names, round_number)
        connection = connect(settings, study, start)
        _check_pictures(items, connection, study)
        study, planned = plan_projects(
            study_folder, study, names, round_number, connection, on_account
        )
        # One for each session, or the shared one for all.
        theirs = planned * len(sessions) if study.overlap else planned
        places = [
            _Place(session, project, study.people[session.annotator])
            for session, project in zip(sessions, theirs, strict=True)
        ]
        before = [
            _compare(place, place.project.project_id, connection.client, wire, report)
            for place in places
        ]
        if not replace:
            for place, found in zip(places, before, strict=True):
                _refuse_differing(place, found, items)
        if study.kind == cutouts.KIND:
            answered = {item_id for session in sessions for item_id in session.answers}
            study, items = ask_about(
                answered, items, study, study_folder, connection, paths[0], report
            )
        answers: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for place in places:
            for item_id, answer in place.session.answers.items():
                given = answers.setdefault(place.project.key, {}).setdefault(item_id, [])
                given.append(annotation_of(answer, wire.write, place.user_id))
        # What a study asks about anew, all of its projects do.
        sent = [*planned, *_others(study, planned)] if study.kind == cutouts.KIND else planned
        study, outcomes = send_projects(
            study_folder, study, items, sent, connection, answers=answers, say=say, report=report
        )
        done = {outcome.project.key: outcome for outcome in outcomes}
        return [
            _finish(
                place,
                done[place.project.key],
                found,
                study,
                items,
                connection.client,
                wire,
                replace,
                report,
            )
            for place, found in zip(places, before, strict=True)
        ]


def _others(study: Study, planned: Sequence[Project]) -> list[Project]:
    keys = {project.key for project in planned}
    return [project for project in study.projects if project.key not in keys]


def _wire_of(study: Study, skip_bad: bool, all_reviewed: bool) -> _Wire:
    """Refuse what cannot be replayed, and learn how the rest is written."""
    kind = kind_of(study)
    if kind.write_answer is None or study.kind not in _REPLAYED:
        msg = (
            f"the study '{study.title}' is of the kind {study.kind}; sessions can be replayed into "
            f"{', '.join(_REPLAYED)}"
        )
        raise StudyError(msg)
    if skip_bad and study.kind != sted_rating.KIND:
        msg = f"--skip-bad leaves out ratings; '{study.title}' asks for none, leave the option out"
        raise ConfigError(msg)
    if all_reviewed and study.kind != cutouts.KIND:
        msg = f"--all-reviewed is for studies of cutouts, '{study.title}' is none; leave it out"
        raise ConfigError(msg)
    if study.server_url is None or not study.projects:
        msg = f"the study '{study.title}' was never sent to a server; run its `import` first"
        raise StudyError(msg)
    config = kind.read_config(study, "")
    return _Wire(kind.read_answer(config), kind.write_answer(config))


def _read_sessions(
    paths: Sequence[Path],
    items: pd.DataFrame,
    study: Study,
    *,
    annotator: str | None,
    round_number: int,
    skip_bad: bool,
    all_reviewed: bool,
    folder: Path,
    say: Say,
) -> list[Session]:
    if study.kind == cutouts.KIND:
        return read_edited_tables(
            paths, items, study, folder, annotator=annotator, all_reviewed=all_reviewed
        )
    if study.kind == sted_rating.KIND:
        return read_old_ratings(
            paths,
            items,
            annotator=annotator,
            round_number=round_number,
            skip_bad=skip_bad,
            say=say,
        )
    return read_old_sessions(
        paths, items, study, annotator=annotator, round_number=round_number, say=say
    )


def _check_pictures(items: pd.DataFrame, connection: Connection, study: Study) -> None:
    media = media_folder(connection)
    gone = [image for image in items["image"] if not (media / image).is_file()]
    if gone:
        msg = (
            f"{len(gone)} pictures of the study '{study.title}' are not in {media}; run its "
            "`import` again, which makes them anew, or correct --media"
        )
        raise StudyError(msg)


def _compare(
    place: _Place, project_id: int | None, client: Client, wire: _Wire, report: Reporter
) -> Comparison:
    if project_id is None:
        return Comparison(0, {}, {})
    read_project(client, project_id, title=place.project.title)
    tasks = pull_answers(client, project_id, with_predictions=False, report=report)
    return compare(place.session, tasks, wire.read, place.user_id)


def _refuse_differing(place: _Place, found: Comparison, items: pd.DataFrame) -> None:
    if not found.differing:
        return
    differs = items["item_id"].isin(list(found.differing))
    first = items.loc[differs, "source_path"].iloc[0]
    msg = (
        f"{place.session.path}: {len(found.differing)} answers of {place.session.annotator} in "
        f"'{place.project.title}' differ in answer or time, the first for {first}; pass --replace "
        "to overwrite them, or --round for another pass"
    )
    raise StudyError(msg)


def _finish(
    place: _Place,
    outcome: ProjectOutcome,
    before: Comparison,
    study: Study,
    items: pd.DataFrame,
    client: Client,
    wire: _Wire,
    replace: bool,
    report: Reporter,
) -> ReplayedSession:
    """Send what did not come with its task, and prove that all is there."""
    is_complete = not outcome.push.sent and before.n_same == len(place.session.answers)
    found = before if is_complete else _compare(place, outcome.project_id, client, wire, report)
    if not replace:
        _refuse_differing(place, found, items)
    sent_with_tasks = found.n_same - before.n_same if outcome.push.sent else 0
    if found.missing or found.differing:
        _send_one_by_one(place, found, study, client, wire, report)
        left = _compare(place, outcome.project_id, client, wire, report)
        if left.missing or left.differing:
            n_left = len(left.missing) + len(left.differing)
            msg = (
                f"{n_left} answers of {place.session.annotator} are not in '{place.project.title}' "
                "although the server has them: were they given to another person there? "
                "Look at that project in Label Studio, then run the same command again"
            )
            raise PartialError(msg)
    return ReplayedSession(
        session=place.session,
        title=place.project.title,
        link=outcome.link,
        sent=sent_with_tasks + len(found.missing),
        already_there=found.n_same - sent_with_tasks,
        replaced=len(found.differing),
    )


def _send_one_by_one(
    place: _Place,
    found: Comparison,
    study: Study,
    client: Client,
    wire: _Wire,
    report: Reporter,
) -> None:
    """Add to tasks that are there already: the one way that the server has (8 a second)."""
    n_all, done = len(found.missing) + len(found.differing), 0
    try:
        for item_id, task_id in found.missing.items():
            report("sending answers", done, n_all)
            annotation = annotation_of(place.session.answers[item_id], wire.write, place.user_id)
            annotation["unique_id"] = unique_id(study, place.project, item_id, place.user_id)
            _post_once(client, f"/api/tasks/{task_id}/annotations/", annotation)
            done += 1
        for item_id, annotation_id in found.differing.items():
            report("sending answers", done, n_all)
            annotation = annotation_of(place.session.answers[item_id], wire.write, place.user_id)
            kept = {
                name: value
                for name, value in annotation.items()
                if name in ("result", "lead_time", "was_cancelled")
            }
            client.patch(f"/api/annotations/{annotation_id}/", json=kept)
            done += 1
    except ServerError as error:
        msg = f"{done} of {n_all} answers of {place.session.annotator} were sent, then: {error}"
        raise PartialError(msg) from error
    report("sending answers", n_all, n_all)


def _post_once(client: Client, path: str, annotation: dict[str, object]) -> None:
    try:
        client.post(path, json=annotation)
    except ServerError as error:
        # An earlier request arrived after all.
        if error.status != _CONFLICT:
            raise


def unique_id(study: Study, project: Project, item_id: str, user_id: int) -> str:
    """Name an answer so that the server takes it once, however often it is sent.

    Parameters
    ----------
    study : Study
        The study.
    project : Project
        The person's round, or the shared one.
    item_id : str
        The item.
    user_id : int
        The person; in a shared project several answer one item.

    Returns
    -------
    str
        A UUID; Label Studio keeps it unique over the whole server.

    References
    ----------
    RFC 9562, section 5.5 (UUID version 5).
    """
    key = f"{project.key} user-{user_id}" if project.shared else project.key
    return str(uuid.uuid5(uuid.UUID(study.uuid), f"{key} {item_id}"))
