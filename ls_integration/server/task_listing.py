"""What a listing of a project's tasks is asked for with."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
        The Data Manager's: ``filters`` from `all_of`, ``ordering``, ``selectedItems``.

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
        For `all_of`.
    """
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def all_of(conditions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join conditions, all of which must hold.

    Parameters
    ----------
    conditions : sequence of dict
        From `where`.

    Returns
    -------
    dict
        The ``filters`` of a query.
    """
    return {"conjunction": "and", "items": list(conditions)}
