"""`status --by`: how far the items of each value of a column are, and where to go on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as studies
from ls_integration.annotations import newest_answers
from ls_integration.answers import in_one_table
from ls_integration.errors import ConfigError
from ls_integration.kinds.cutouts import UNSURE
from ls_integration.kinds.cutouts_frame_page import frame_item_id
from ls_integration.kinds.cutouts_page import FRAMES
from ls_integration.progress import Reporter, Say, silent
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, stream_link, task_link
from ls_integration.workflows.cutouts_results import OF_THE_PAGE
from ls_integration.workflows.project_answers import check_sent, read_projects


@dataclass(frozen=True)
class Asking:
    """One person's round, or a shared one: the projects of it, whatever view they show.

    Attributes
    ----------
    annotator : str
        The person; empty if it is shared.
    round : int
        1, 2, ...
    n_answers : int
        Answers of different people after which an item is done.
    projects : list of Project
        An answer in any of them counts.
    """

    annotator: str
    round: int
    n_answers: int
    projects: list[Project] = field(default_factory=list)


@dataclass(frozen=True)
class ByValue:
    """The items of one value.

    Attributes
    ----------
    value : str
        As in the items table; empty where there is none.
    n_items : int
        Items of that value.
    done : int
        Those with all answers that were asked for.
    untouched : int or None
        Those that are not done, although each page on which they could be
        answered was submitted: whole frames. None where no page shows any.
    changed : int or None
        Those on which somebody's answer is another label than the one that the
        items table has; "unsure" is none. None where it has no labels.
    open : int
        The others.
    link : str or None
        Address to go on with what is open; None if nothing is.
    """

    value: str
    n_items: int
    done: int
    untouched: int | None
    changed: int | None
    open: int
    link: str | None


def read_status_by(
    study_folder: Path,
    column: str,
    connection: Connection,
    report: Reporter = silent,
    say: Say | None = None,
) -> list[ByValue]:
    """Ask the server how far the items of each value are. Nothing is kept or locked.

    Parameters
    ----------
    study_folder : Path
        The study.
    column : str
        Of its items table, for example ``image_name``.
    connection : Connection
        The server.
    report : Reporter, optional
        Told of progress.
    say : callable, optional
        Takes one line for each project that was edited by hand.

    Returns
    -------
    list of ByValue
        In the order in which the study meets the values.

    Raises
    ------
    ConfigError
        If there is no such column; names those that there are.
    StudyError
        If the study was never sent.
    ServerError
        If Label Studio refuses, or a project is gone.
    """
    study = studies.load(study_folder)
    check_sent(study)
    items = studies.read_items(study_folder)
    values = values_of(items, column)
    tables = []
    tasks_of: dict[int, dict[str, dict[str, Any]]] = {}
    item_ids = dict.fromkeys(items["item_id"])
    for read in read_projects(study, connection, report, item_ids=item_ids, say=say):
        tasks_of[read.project_id] = {str(task["data"].get("item_id")): task for task in read.tasks}
        tables.append(read.annotations)
    annotations = in_one_table(tables)
    asked = askings(study)
    frame_of = _frames_of(items, study)
    open_in, passed = [], set[str]()
    for one, lacking in zip(
        asked, unanswered(items["item_id"].tolist(), annotations, asked), strict=True
    ):
        tasks = [tasks_of[project.project_id or 0] for project in one.projects]
        over = passed_over(lacking, frame_of, tasks, one.n_answers)
        open_in.append(lacking - over)
        passed |= over
    counts = count_by(
        items, values, annotations, set().union(*open_in), passed if frame_of else None
    )
    found = []
    for value, numbers in counts.items():
        place = _first_open(items.loc[values == value], asked, open_in, frame_of, tasks_of)
        link = _link(connection.client.url, *place, column, value) if place else None
        found.append(ByValue(value, *numbers, link))
    return found


def values_of(items: pd.DataFrame, column: str) -> "pd.Series[str]":
    """Give each item's value of a column as text.

    Parameters
    ----------
    items : DataFrame
        The items table.
    column : str
        One of its columns.

    Returns
    -------
    Series of str
        Empty where there is no value.

    Raises
    ------
    ConfigError
        If there is no such column; names those that there are.
    """
    known = [name for name in items.columns if name not in OF_THE_PAGE]
    if column not in known:
        msg = f"--by {column}: the items have no such column; there are {', '.join(known)}"
        raise ConfigError(msg)
    values: pd.Series[str] = items[column].map(str, na_action="ignore").fillna("").astype(object)
    return values


def askings(study: Study) -> list[Asking]:
    """Sort a study's projects by whom they ask.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    list of Asking
        In the order of the projects.
    """
    found: dict[tuple[str, int], Asking] = {}
    for project in study.projects:
        if project.project_id is not None:
            key = (project.annotator, project.round)
            need = (study.overlap or 1) if project.shared else 1
            found.setdefault(key, Asking(*key, n_answers=need)).projects.append(project)
    return list(found.values())


def unanswered(
    item_ids: Sequence[str], annotations: pd.DataFrame, asked: Sequence[Asking]
) -> list[set[str]]:
    """Find what lacks answers in each round.

    Parameters
    ----------
    item_ids : sequence of str
        The study's items.
    annotations : DataFrame
        A checked annotations table.
    asked : sequence of Asking
        The rounds.

    Returns
    -------
    list of set of str
        Ids of the items, for each of *asked*. An answer given in the
        picture of another item counts; a person's newest one does.
    """
    newest = newest_answers(annotations)
    answers = newest.loc[~newest["skipped"].to_numpy(dtype=bool)]
    found = []
    for one in asked:
        projects = [project.project_id for project in one.projects]
        theirs = answers.loc[answers["project_id"].isin(projects)]
        people = theirs.groupby("item_id")["annotator"].nunique()
        done = set(people.index[people >= one.n_answers])
        found.append(set(item_ids) - done)
    return found


def passed_over(
    lacking: Collection[str],
    frame_of: Mapping[str, str],
    projects: Sequence[Mapping[str, Mapping[str, Any]]],
    n_answers: int,
) -> set[str]:
    """Find what was on submitted pages of whole frames only, and left alone there.

    Parameters
    ----------
    lacking : collection of str
        Ids of items that lack answers.
    frame_of : mapping of str to str
        Item -> the id of its frame's page.
    projects : sequence of mapping
        The tasks of each project of a round, by their own ids.
    n_answers : int
        Different people who are to submit a page.

    Returns
    -------
    set of str
        Of *lacking*: no page asks about them any more.
    """
    found = set()
    for item_id in lacking:
        if any(item_id in tasks for tasks in projects):
            continue
        frame = frame_of.get(item_id, "")
        pages = [tasks[frame] for tasks in projects if frame in tasks]
        if pages and not any(_is_waiting(page, n_answers) for page in pages):
            found.add(item_id)
    return found


def _is_waiting(task: Mapping[str, Any], n_answers: int) -> bool:
    """Tell whether a page is still to be submitted by somebody; a skip submits nothing."""
    given = [one for one in task.get("annotations", []) if not one["was_cancelled"]]
    return len({one["completed_by"] for one in given}) < n_answers


def _frames_of(items: pd.DataFrame, study: Study) -> dict[str, str]:
    """Give each item's page of its whole frame; nothing where no project shows any."""
    if not any(project.view == FRAMES for project in study.projects):
        return {}
    columns = zip(items["item_id"], items["image_name"], strict=True)
    return {item_id: frame_item_id(study, name) for item_id, name in columns}


def count_by(
    items: pd.DataFrame,
    values: "pd.Series[str]",
    annotations: pd.DataFrame,
    still_open: Collection[str],
    untouched: Collection[str] | None,
) -> dict[str, tuple[int, int, int | None, int | None, int]]:
    """Count the items of each value.

    Parameters
    ----------
    items : DataFrame
        The items table.
    values : Series of str
        From `values_of`.
    annotations : DataFrame
        A checked annotations table.
    still_open : collection of str
        Ids of items about which somebody is still asked.
    untouched : collection of str or None
        From `passed_over`; None where no page shows whole frames.

    Returns
    -------
    dict
        Value -> items, done, untouched, changed (None without labels), open.
    """
    newest = newest_answers(annotations)
    said = newest.loc[newest["label"].notna() & (newest["label"] != UNSURE)]
    if "label" in items:
        present = said["item_id"].map(items.set_index("item_id")["label"])
        others: set[str] | None = set(said["item_id"][present.notna() & (present != said["label"])])
    else:
        others = None
    left_alone = None if untouched is None else set(untouched) - set(still_open)
    counts = {}
    for value, group in items["item_id"].groupby(values.to_numpy(), sort=False):
        ids = set(group)
        n_open, n_left_alone = len(ids & set(still_open)), len(ids & (left_alone or set()))
        counts[str(value)] = (
            len(ids),
            len(ids) - n_open - n_left_alone,
            None if left_alone is None else n_left_alone,
            None if others is None else len(ids & others),
            n_open,
        )
    return counts


def _first_open(
    items: pd.DataFrame,
    asked: Sequence[Asking],
    open_in: Sequence[set[str]],
    frame_of: Mapping[str, str],
    tasks_of: Mapping[int, Mapping[str, dict[str, Any]]],
) -> tuple[int, dict[str, Any]] | None:
    """Find the project and the task with which to go on."""
    for one, left in zip(asked, open_in, strict=True):
        ids = [item_id for item_id in items["item_id"] if item_id in left]
        # A project of whole frames has no task of the item itself.
        ids += dict.fromkeys(frame_of[item_id] for item_id in ids if item_id in frame_of)
        for project in one.projects:
            tasks = tasks_of.get(project.project_id or 0, {})
            waiting = (
                tasks[item_id]
                for item_id in ids
                if item_id in tasks and _is_waiting(tasks[item_id], one.n_answers)
            )
            task = next(waiting, None)
            if task is not None and project.project_id is not None:
                return project.project_id, task
    return None


def _link(url: str, project_id: int, task: Mapping[str, Any], column: str, value: str) -> str:
    """Lead to the stream of that value where the server can tell it, else to the first task."""
    if task["data"].get(column) == value:
        return stream_link(url, project_id, column, value)
    return task_link(url, project_id, int(task["id"]))
