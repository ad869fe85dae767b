"""The answers in a study's projects, read from the server."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ls_integration.answers import Reader, answers_from_tasks
from ls_integration.errors import StudyError
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, Say
from ls_integration.server.people import Person, members
from ls_integration.server.projects import read_project
from ls_integration.server.pull import pull_answers
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.edited_projects import Edits


@dataclass(frozen=True)
class ProjectAnswers:
    """What a project holds.

    Attributes
    ----------
    project : Project
        Of the study.
    project_id : int
        On the server.
    tasks : list of dict
        From `server.pull.pull_answers`.
    annotations : DataFrame
        The annotations table of these tasks.
    """

    project: Project
    project_id: int
    tasks: list[dict[str, Any]]
    annotations: pd.DataFrame


def read_projects(
    study: Study,
    connection: Connection,
    report: Reporter,
    *,
    item_ids: Collection[str],
    read: Reader | None = None,
    say: Say | None = None,
) -> Iterator[ProjectAnswers]:
    """Read all projects of a study that have been made.

    Parameters
    ----------
    study : Study
        The study.
    connection : Connection
        Its server.
    report : Reporter
        Told of progress.
    item_ids : collection of str
        What the study asks about; other tasks are left out.
    read : callable, optional
        How an answer reads; as the study's kind reads it by default.
    say : callable, optional
        Takes one line for each project that was edited by hand.

    Yields
    ------
    ProjectAnswers
        In the order of the projects.

    Raises
    ------
    StudyError
        If a project is gone.
    SourceError
        If an answer is none that the study asked for.
    """
    kind = kind_of(study)
    names = names_on_files(study, members(connection.client))
    for project in study.projects:
        if project.project_id is None:
            continue
        read_project(connection.client, project.project_id, title=project.title)
        edits = Edits(project, item_ids)
        tasks = edits.leave_out(
            pull_answers(
                connection.client,
                project.project_id,
                with_predictions=False,
                report=report,
            )
        )
        if say is not None and (line := edits.line()) is not None:
            say(line)
        annotations = answers_from_tasks(
            tasks,
            read=read or kind.read_answer(kind.read_config(study, project.view)),
            labels=kind.labels,
            project_id=project.project_id,
            round_number=project.round,
            names=names,
            sent_labels={},
        )
        yield ProjectAnswers(project, project.project_id, tasks, annotations)


def check_sent(study: Study) -> None:
    """Refuse a study of which no server knows.

    Parameters
    ----------
    study : Study
        The study.

    Raises
    ------
    StudyError
        If its import never made a project.
    """
    if not any(project.project_id for project in study.projects):
        msg = f"the study '{study.title}' was never sent to a server; run its `import` first"
        raise StudyError(msg)


def names_on_files(study: Study, people: Sequence[Person]) -> dict[int, str]:
    """Name every member: the study's own people first, then the other accounts.

    Parameters
    ----------
    study : Study
        The study.
    people : sequence of Person
        The members of its server.

    Returns
    -------
    dict of int to str
        User id -> name, no name twice.
    """
    own = {user_id: name for name, user_id in study.people.items()}
    others = {
        person.user_id: person.name or person.email.partition("@")[0]
        for person in people
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
