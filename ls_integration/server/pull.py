"""Read tasks page by page, and prove that none was missed.

Pages survive where a one-request export is killed by a proxy. Nested fields
must be named in ``include``, or each annotation shrinks to its id. The SDK's
pager is not used: it hides a 404 in the middle of a listing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ls_integration.errors import ServerError
from ls_integration.progress import Reporter, silent
from ls_integration.server.client import Client
from ls_integration.server.task_listing import (
    ANNOTATION_FIELDS,
    PAGE_SIZE,
    all_of,
    listing_params,
    where,
)

LISTING_ATTEMPTS = 3
"""Listings tried while tasks come and go between two pages."""

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
        If the listing stays incomplete.
    """
    return _complete_listing(client, project_id, _TASK_FIELDS, "task_only", report)


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
    _, total = next(_pages(client, project_id, ("id",), "task_only", None, page_size=1))
    return total


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
        If the listing stays incomplete.
    """
    fields = (*_ANSWER_FIELDS, "predictions", "model_version") if with_predictions else None
    return _complete_listing(client, project_id, fields or _ANSWER_FIELDS, "all", report)


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
        If the listing stays incomplete.
    """
    fields = (*_ANSWER_FIELDS, "meta", "predictions", "model_version", "score")
    return _complete_listing(client, project_id, fields, "all", report)


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
        If the listing stays incomplete.
    """
    fields = (*_TASK_FIELDS, "predictions", "model_version", "annotations", "parent_prediction")
    return _complete_listing(client, project_id, fields, "all", report)


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
        If the listing stays incomplete.
    """
    query = {"filters": all_of([where("draft_exists", "equal", "Boolean", True)])}
    tasks = _complete_listing(client, project_id, ("id",), "task_only", silent, query)
    return {int(task["id"]) for task in tasks}


def _complete_listing(
    client: Client,
    project_id: int,
    include: tuple[str, ...],
    fields: str,
    report: Reporter,
    query: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    seen, total = 0, 0
    for _ in range(LISTING_ATTEMPTS):
        tasks: dict[int, dict[str, Any]] = {}
        total = 0
        for page, total in _pages(client, project_id, include, fields, query):
            tasks |= {int(task["id"]): task for task in page}
            report("reading tasks", len(tasks), total)
        seen = len(tasks)
        if seen == total:
            return [tasks[task_id] for task_id in sorted(tasks)]
    msg = (
        f"project {project_id} listed {seen} of {total} tasks {LISTING_ATTEMPTS} times, since "
        "tasks come or go meanwhile; wait until other imports have ended and try again"
    )
    raise ServerError(msg, url=client.url)


def _pages(
    client: Client,
    project_id: int,
    include: tuple[str, ...],
    fields: str,
    query: Mapping[str, Any] | None,
    page_size: int | None = None,
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Yield each page's tasks and the server's total; a page past the end is a 404."""
    number, page_size = 1, page_size or PAGE_SIZE
    while True:
        answer = client.get(
            "/api/tasks",
            params=listing_params(
                project_id, include, fields, page_size=page_size, page=number, query=query
            ),
        )
        total = int(answer["total"])
        yield answer["tasks"], total
        if number * page_size >= total:
            return
        number += 1
