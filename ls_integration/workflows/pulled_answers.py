"""The answers of a study, by way of the copy of its projects that the study keeps."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as studies
from ls_integration.annotations import check_annotations, empty
from ls_integration.answers import Reader, answers_from_tasks
from ls_integration.errors import StudyError
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter
from ls_integration.server.catch_up import Source, catch_up, pull_anew
from ls_integration.server.client import Client
from ls_integration.server.people import members
from ls_integration.server.projects import read_project
from ls_integration.server.task_pages import FIELDS
from ls_integration.study import Project, Study
from ls_integration.study.pulled import NOT_THERE, Pulled, pulled_path, read_pulled, read_tasks
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.edited_projects import Edits, changed_tags
from ls_integration.workflows.project_answers import names_on_files

TASKS_AT_ONCE = 2_000
"""Tasks of one table: each has a fixed price of 20 ms; these take about 15 MB."""

_CLOCKS_S = 60.0
"""How far the clocks of a server's machines may be apart, in seconds."""


@dataclass(frozen=True)
class PulledAnswers:
    """What a project holds.

    Attributes
    ----------
    project_id : int
        On the server.
    annotations : DataFrame
        The annotations table of its tasks, by task id.
    """

    project_id: int
    annotations: pd.DataFrame


def pull_projects(
    study: Study,
    folder: Path,
    connection: Connection,
    *,
    item_ids: Collection[str],
    sent_labels: Mapping[str, str],
    with_predictions: bool,
    full: bool,
    say: Callable[[str], None] | None,
    report: Reporter,
) -> Iterator[PulledAnswers]:
    """Bring the copies of a study's projects up to date, and read the answers out of them.

    Parameters
    ----------
    study : Study
        The study.
    folder : Path
        Its folder; its lock must be held.
    connection : Connection
        Its server.
    item_ids : collection of str
        What the study asks about; other tasks are left out.
    sent_labels : mapping of str to str
        ``item_id`` -> the choice that we sent as the page's start.
    with_predictions : bool
        Take what the pages started from also from the server's predictions.
    full : bool
        Make the copies anew.
    say : callable or None
        Takes the line that tells why a copy is made anew, and one for each project
        that was edited by hand.
    report : Reporter
        Told of progress.

    Yields
    ------
    PulledAnswers
        In the order of the projects.

    Raises
    ------
    StudyError
        If a project is gone, or the study's folder cannot be written.
    SourceError
        If an answer is none that the study asked for.
    ServerError
        If Label Studio refuses.
    """
    kind = kind_of(study)
    accounts = members(connection.client)
    names = names_on_files(study, accounts)
    # Not those of the names: the study's own people keep theirs when their account is deleted.
    people = [person.user_id for person in accounts]
    seen = studies.read_seen(folder)
    exported = set(seen["project_id"]) if len(seen) else set()
    with ExitStack() as opened:
        clients = [connection.client]
        for _ in range(connection.in_flight - 1):
            clients.append(opened.enter_context(connection.client.another()))
        for project in study.projects:
            if project.project_id is None:
                continue
            found = read_project(connection.client, project.project_id, title=project.title)
            source = _source(study, folder, connection, project, found, clients, people)
            pulled = _pull(
                source,
                full=full,
                say=say,
                was_exported=project.project_id in exported,
                report=report,
            )
            config, edits = kind.read_config(study, project.view), Edits(project, item_ids)
            annotations = _annotations(
                pulled,
                study,
                edits,
                names=names,
                read=kind.read_answer(config),
                sent_labels=sent_labels,
                with_predictions=with_predictions,
            )
            line = edits.line(changed_tags(str(found["label_config"]), config.xml))
            if say is not None and line is not None:
                say(line)
            yield PulledAnswers(project.project_id, annotations)


def _source(
    study: Study,
    folder: Path,
    connection: Connection,
    project: Project,
    found: Mapping[str, Any],
    clients: Sequence[Client],
    people: Sequence[int],
) -> Source:
    project_id = project.project_id or 0
    return Source(
        clients=clients,
        project_id=project_id,
        path=pulled_path(folder, project_id),
        about={
            "server_url": connection.client.url,
            "study": study.uuid,
            "project_id": project_id,
            # A server that was set up anew counts from 1 again.
            "project_made_at": found["created_at"],
            "fields": list(FIELDS),
        },
        people=people,
        overlap_us=int((connection.request_limit_s + _CLOCKS_S) * 1_000_000),
    )


def _pull(
    source: Source,
    *,
    full: bool,
    say: Callable[[str], None] | None,
    was_exported: bool,
    report: Reporter,
) -> Pulled:
    if full:
        return pull_anew(source, report=report)
    try:
        pulled = read_pulled(source.path, source.about)
    except StudyError as error:
        reason = str(error)
        if say is not None and (was_exported or reason != NOT_THERE):
            say(
                f"reading all of project {source.project_id} again: the copy that the last "
                f"export left in the study's folder is {reason}"
            )
        return pull_anew(source, report=report)
    return catch_up(source, pulled, say=say, report=report)


def _annotations(
    pulled: Pulled,
    study: Study,
    edits: Edits,
    *,
    names: Mapping[int, str],
    read: Reader,
    sent_labels: Mapping[str, str],
    with_predictions: bool,
) -> pd.DataFrame:
    """Turn a copy into the annotations table, a block at a time."""
    tables, project = [], edits.project
    for blocks in _several(read_tasks(pulled)):
        tasks = edits.leave_out(blocks)
        if not with_predictions:
            for task in tasks:
                del task["predictions"]
        table = answers_from_tasks(
            tasks,
            read=read,
            labels=kind_of(study).labels,
            project_id=project.project_id or 0,
            round_number=project.round,
            names=names,
            sent_labels=sent_labels,
        )
        if len(table):
            tables.append(table.drop(columns="submission"))
    if not tables:
        return empty()
    # Blocks are in the order in which they came, the rows of a task in one block.
    rows = pd.concat(tables, ignore_index=True).sort_values("task_id", kind="stable")
    return check_annotations(rows)


def _several(blocks: Iterator[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Join blocks until they hold `TASKS_AT_ONCE`."""
    joined: list[dict[str, Any]] = []
    for block in blocks:
        joined += block
        if len(joined) >= TASKS_AT_ONCE:
            yield joined
            joined = []
    if joined:
        yield joined
