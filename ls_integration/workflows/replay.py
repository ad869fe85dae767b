"""`replay`: finished sessions of the old tool become their authors' finished projects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as studies
from ls_integration.errors import ConfigError, StudyError
from ls_integration.kinds import cutouts, sted_rating
from ls_integration.kinds.registry import KINDS, kind_of
from ls_integration.progress import Reporter, Say, silent
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import connect
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.old_ratings import read_old_ratings
from ls_integration.workflows.old_sessions import (
    Session,
    annotation_of,
    read_old_sessions,
)
from ls_integration.workflows.replay_answers import (
    Place,
    ReplayedSession,
    Wire,
    compare_project,
    finish_session,
    refuse_differing,
)
from ls_integration.workflows.replay_cutouts import ask_about, read_edited_tables
from ls_integration.workflows.sending import check_pictures, media_folder, send_projects
from ls_integration.workflows.study_projects import plan_projects
from ls_integration.workflows.titles import check_project_titles
from ls_integration.workflows.uploading import shares_folder, with_own_pictures


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
        settings = with_own_pictures(settings, study_folder, is_shared=shares_folder(study))
        connection = connect(settings, study, start)
        check_pictures(items, media_folder(connection))
        study, planned = plan_projects(
            study_folder, study, names, round_number, connection, on_account
        )
        # One for each session, or the shared one for all.
        theirs = planned * len(sessions) if study.overlap else planned
        places = [
            Place(session, project, study.people[session.annotator])
            for session, project in zip(sessions, theirs, strict=True)
        ]
        before = [
            compare_project(place, place.project.project_id, connection.client, wire, report)
            for place in places
        ]
        if not replace:
            for place, found in zip(places, before, strict=True):
                refuse_differing(place, found, items)
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
            finish_session(
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


def _wire_of(study: Study, skip_bad: bool, all_reviewed: bool) -> Wire:
    """Refuse what cannot be replayed, and learn how the rest is written."""
    kind = kind_of(study)
    if kind.write_answer is None:
        into = ", ".join(name for name, known in KINDS.items() if known.write_answer is not None)
        msg = (
            f"the study '{study.title}' is of the kind {study.kind}; sessions can be replayed into "
            f"{into}"
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
    return Wire(kind.read_answer(config), kind.write_answer(config))


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
