"""Read the tasks of a project into memory.

Pages survive where a one-request export is killed by a proxy. Nested fields
must be named in ``include``, or each annotation shrinks to its id.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ls_integration.progress import Reporter, silent
from ls_integration.server.client import Client
from ls_integration.server.task_listing import (
    ANNOTATION_FIELDS,
    PAGE_SIZE,
    listing_params,
    pages_by_id,
    where,
)

_TASK_FIELDS = ("id", "data")
_ANSWER_FIELDS = tuple(
    dict.fromkeys((*_TASK_FIELDS, "annotations", *ANNOTATION_FIELDS, "ground_truth"))
)


def list_tasks(
    client: Client, project_id: int, *, report: Reporter = silent
) -> list[dict[str, Any]]:
    """List id and data of all tasks of a project.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    report : Reporter, optional
        Told of each page.

    Returns
    -------
    list of dict
        ``id`` and ``data`` each, ascending by id.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    return _listing(client, project_id, _TASK_FIELDS, "task_only", report)


def count_tasks(client: Client, project_id: int) -> int:
    """Ask how many tasks a project has.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.

    Returns
    -------
    int
        The server's own count.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    params = listing_params(project_id, ("id",), "task_only", page_size=1)
    return int(client.get("/api/tasks", params=params)["total"])


def pull_answers(
    client: Client, project_id: int, *, with_predictions: bool, report: Reporter = silent
) -> list[dict[str, Any]]:
    """Read all tasks of a project with their annotations.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    with_predictions : bool
        Also read the predictions, to tell what a page started from.
    report : Reporter, optional
        Told of each page.

    Returns
    -------
    list of dict
        ``id, data, annotations[, predictions]`` each, ascending by id.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    fields = (*_ANSWER_FIELDS, "predictions", "model_version") if with_predictions else None
    return _listing(client, project_id, fields or _ANSWER_FIELDS, "all", report)


def pull_whole_tasks(
    client: Client, project_id: int, *, report: Reporter = silent
) -> list[dict[str, Any]]:
    """Read all that can be moved of the tasks of a project.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    report : Reporter, optional
        Told of each page.

    Returns
    -------
    list of dict
        ``id, data, meta, annotations, predictions`` each, ascending by id.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    fields = (*_ANSWER_FIELDS, "meta", "predictions", "model_version", "score")
    return _listing(client, project_id, fields, "all", report)


def list_predictions(
    client: Client, project_id: int, *, report: Reporter = silent
) -> list[dict[str, Any]]:
    """List which predictions and answers each task of a project has, not what they say.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    report : Reporter, optional
        Told of each page.

    Returns
    -------
    list of dict
        ``id, data``, ``predictions`` (``id, model_version``) and ``annotations``
        (``id, parent_prediction``) each, ascending by id.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    fields = (*_TASK_FIELDS, "predictions", "model_version", "annotations", "parent_prediction")
    return _listing(client, project_id, fields, "all", report)


def tasks_with_drafts(client: Client, project_id: int) -> set[int]:
    """Find the tasks whose answer somebody has begun and not submitted.

    The field ``drafts`` of a task would not do: it holds those of the token's
    owner only.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.

    Returns
    -------
    set of int
        Task ids.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    begun = where("draft_exists", "equal", "Boolean", True)
    tasks = _listing(client, project_id, ("id",), "task_only", silent, [begun])
    return {int(task["id"]) for task in tasks}


def _listing(
    client: Client,
    project_id: int,
    include: tuple[str, ...],
    fields: str,
    report: Reporter,
    conditions: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    pages = pages_by_id(
        client, project_id, include, fields, page_size=PAGE_SIZE, conditions=conditions
    )
    for tasks, n_left in pages:
        listed += tasks
        report("reading tasks", len(listed), len(listed) + n_left)
    return listed
