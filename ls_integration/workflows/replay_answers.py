"""The answers of one replayed session in its project: compared, sent, and proved to be there."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ls_integration.answers import Reader, Writer
from ls_integration.errors import PartialError, ServerError, StudyError
from ls_integration.kinds import cutouts
from ls_integration.kinds.cutouts_regions import shown_boxes
from ls_integration.progress import Reporter
from ls_integration.server.client import Client
from ls_integration.server.projects import read_project
from ls_integration.server.pull import pull_answers
from ls_integration.study import Project, Study
from ls_integration.workflows.old_sessions import Comparison, Session, annotation_of, compare
from ls_integration.workflows.sending import ProjectOutcome

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
class Place:
    """Where a session goes.

    Attributes
    ----------
    session : Session
        The file and whose it is.
    project : Project
        Theirs, or the shared one.
    user_id : int
        Their account.
    """

    session: Session
    project: Project
    user_id: int


@dataclass(frozen=True)
class Wire:
    """How the study's kind speaks to Label Studio.

    Attributes
    ----------
    read, write : callable
        Reader and writer of its answers.
    """

    read: Reader
    write: Writer


def compare_project(
    place: Place, project_id: int | None, client: Client, wire: Wire, report: Reporter
) -> Comparison:
    """Find what of a session its project does not have yet, or has otherwise.

    Parameters
    ----------
    place : Place
        The session, its project and person.
    project_id : int or None
        On the server; None: it was not made yet.
    client : Client
        A session with the server.
    wire : Wire
        Of the study's kind.
    report : Reporter
        Told of progress.

    Returns
    -------
    Comparison
        Nothing is missing in a project that does not exist: its tasks will be
        sent with their answers.
    """
    if project_id is None:
        return Comparison(0, {}, {})
    read_project(client, project_id, title=place.project.title)
    tasks = pull_answers(client, project_id, with_predictions=False, report=report)
    return compare(place.session, tasks, wire.read, place.user_id)


def refuse_differing(place: Place, found: Comparison, items: pd.DataFrame) -> None:
    """Refuse to overwrite what somebody answered otherwise.

    Parameters
    ----------
    place : Place
        The session, its project and person.
    found : Comparison
        From `compare_project`.
    items : DataFrame
        The study's items, for the name of the first that differs.

    Raises
    ------
    StudyError
        If any answer differs.
    """
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


def finish_session(
    place: Place,
    outcome: ProjectOutcome,
    before: Comparison,
    study: Study,
    items: pd.DataFrame,
    client: Client,
    wire: Wire,
    replace: bool,
    report: Reporter,
) -> ReplayedSession:
    """Send what did not come with its task, and prove that all is there.

    Parameters
    ----------
    place : Place
        The session, its project and person.
    outcome : ProjectOutcome
        What was sent with the tasks.
    before : Comparison
        What was there before that.
    study : Study
        The study.
    items : DataFrame
        Its items.
    client : Client
        A session with the server.
    wire : Wire
        Of the study's kind.
    replace : bool
        Overwrite answers that differ.
    report : Reporter
        Told of progress.

    Returns
    -------
    ReplayedSession
        Counted on the server.

    Raises
    ------
    StudyError
        As `refuse_differing`, without *replace*.
    PartialError
        If not all could be sent, or some are not there afterwards.
    """
    is_complete = not outcome.push.sent and before.n_same == len(place.session.answers)
    found = (
        before if is_complete else compare_project(place, outcome.project_id, client, wire, report)
    )
    if not replace:
        refuse_differing(place, found, items)
    sent_with_tasks = found.n_same - before.n_same if outcome.push.sent else 0
    if found.missing or found.differing:
        boxes = _boxes(study, outcome.project_id, client, report)
        _send_one_by_one(place, found, study, client, wire, boxes, report)
        left = compare_project(place, outcome.project_id, client, wire, report)
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


def _boxes(
    study: Study, project_id: int, client: Client, report: Reporter
) -> dict[str, list[dict[str, Any]]]:
    """Read what the pages show beside the answer, so that a replayed one opens like any other."""
    if study.kind != cutouts.KIND:
        return {}
    tasks = pull_answers(client, project_id, with_predictions=True, report=report)
    return {str(task["data"].get("item_id")): shown_boxes(task) for task in tasks}


def _send_one_by_one(
    place: Place,
    found: Comparison,
    study: Study,
    client: Client,
    wire: Wire,
    boxes: Mapping[str, list[dict[str, Any]]],
    report: Reporter,
) -> None:
    """Add to tasks that are there already: the one way that the server has (8 a second)."""
    n_all, done = len(found.missing) + len(found.differing), 0
    try:
        for item_id, task_id in found.missing.items():
            report("sending answers", done, n_all)
            annotation = annotation_of(place.session.answers[item_id], wire.write, place.user_id)
            annotation["result"] += boxes.get(item_id, [])
            annotation["unique_id"] = unique_id(study, place.project, item_id, place.user_id)
            _post_once(client, f"/api/tasks/{task_id}/annotations/", annotation)
            done += 1
        for item_id, annotation_id in found.differing.items():
            report("sending answers", done, n_all)
            annotation = annotation_of(place.session.answers[item_id], wire.write, place.user_id)
            annotation["result"] += boxes.get(item_id, [])
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
