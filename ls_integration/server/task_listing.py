"""Listing the tasks of a project.

Pages are asked for by task id ("the next 500 above this one"), never by number: where
tasks are deleted meanwhile, numbered pages move and some task is on none of them. The SDK's
pager, which also hides a 404 in the middle of a listing, is not used.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ls_integration.errors import OTHER_FORM, ServerError, reason_of
from ls_integration.server.client import Client

PAGE_SIZE = 500
"""Tasks a page with answers; 250 to 500 gave the best rate (docs/performance.md)."""

ANNOTATION_FIELDS = (
    "id",
    "result",
    "completed_by",
    "lead_time",
    "was_cancelled",
    "created_at",
    "updated_at",
    "parent_prediction",
    "draft_created_at",
)
"""What is asked for of an annotation."""


@contextmanager
def as_listed(url: str) -> Iterator[None]:
    """Say in one line that a listing has another form than Label Studio's.

    Parameters
    ----------
    url : str
        Of the server.

    Yields
    ------
    None
        For the block that takes the listing apart, and does nothing else.

    Raises
    ------
    ServerError
        In place of what it raises to take it for what it is not.
    """
    try:
        yield
    except OTHER_FORM as error:
        msg = (
            f"{url} lists tasks in another form than Label Studio's ({reason_of(error)}); check "
            "the address given with --url or LABEL_STUDIO_URL, and the server's version"
        )
        raise ServerError(msg, url=url) from error


def listing_params(
    project_id: int,
    include: Sequence[str],
    fields: str,
    *,
    page_size: int,
    page: int = 1,
    query: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the query of a page of tasks.

    Parameters
    ----------
    project_id : int
        The project.
    include : sequence of str
        All fields that are wanted. Nested ones must be named too, or each annotation
        shrinks to its id.
    fields : {"all", "task_only"}
        With the tasks' annotations and predictions, or without.
    page_size : int
        Tasks a page.
    page : int
        From 1; one past the end is a 404.
    query : mapping, optional
        The Data Manager's: `by_id`, or ``selectedItems``.

    Returns
    -------
    dict
        For ``/api/tasks``.
    """
    asked = {} if query is None else {"query": json.dumps(query, separators=(",", ":"))}
    return {
        "project": project_id,
        "page": page,
        "page_size": page_size,
        "fields": fields,
        "include": ",".join(include),
        # As it was sent: addresses in a bucket are not signed anew each time.
        "resolve_uri": "false",
        **asked,
    }


def where(field: str, operator: str, kind: str, value: object) -> dict[str, Any]:
    """Write a condition of the Data Manager on a task's own field.

    Parameters
    ----------
    field : str
        As in the Data Manager's columns.
    operator : str
        ``equal``, ``greater``, ``less_or_equal`` and so on.
    kind : {"Boolean", "Datetime", "Number"}
        Type of the value.
    value : object
        JSON.

    Returns
    -------
    dict
        For `by_id`.
    """
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def by_id(conditions: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Write the query for tasks in the order of their ids.

    Parameters
    ----------
    conditions : sequence of dict
        From `where`; all must hold.

    Returns
    -------
    dict
        For `listing_params`.
    """
    query: dict[str, Any] = {"ordering": ["tasks:id"]}
    if conditions:
        query["filters"] = {"conjunction": "and", "items": list(conditions)}
    return query


def pages_by_id(
    client: Client,
    project_id: int,
    include: Sequence[str],
    fields: str,
    *,
    page_size: int,
    conditions: Sequence[Mapping[str, Any]] = (),
    above: int = 0,
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Read tasks page by page, each page those above the last one's highest id.

    Every task that is there from the first page to the last is on exactly one of them.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    include : sequence of str
        As for `listing_params`, with ``id``.
    fields : {"all", "task_only"}
        As for `listing_params`.
    page_size : int
        Tasks a page.
    conditions : sequence of dict
        From `where`; all must hold.
    above : int
        Only tasks of a higher id.

    Yields
    ------
    tasks : list of dict
        Ascending by id; none at all where there is none.
    n_left : int
        How many more there are above these.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    n_left = 1
    while n_left:
        query = by_id([*conditions, where("id", "greater", "Number", above)])
        params = listing_params(project_id, include, fields, query=query, page_size=page_size)
        answer = client.get("/api/tasks", params=params)
        with as_listed(client.url):
            listed = {int(task["id"]): dict(task) for task in answer["tasks"]}
            if min(listed, default=above + 1) <= above:
                msg = "tasks of other pages"
                raise ValueError(msg)
            # Counted before the page is read: the last one may have gone between the two.
            n_left = int(answer["total"]) - len(listed) if listed else 0
        yield [listed[task_id] for task_id in sorted(listed)], n_left
        above = max(listed, default=0)
