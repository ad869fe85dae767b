"""Pages of a project's tasks, each a block of rows for the study's copy."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from ls_integration.server.client import Client
from ls_integration.server.task_listing import (
    ANNOTATION_FIELDS,
    PAGE_SIZE,
    as_listed,
    by_id,
    listing_params,
    pages_by_id,
    where,
)
from ls_integration.study.pulled import SCHEMA, STAMP_COLUMNS

STAMPS_PAGE_SIZE = 2_000
"""Tasks a page without answers: a quarter of a second of a development server."""

IDS_AT_ONCE = 200
"""Task ids of one request: they stand in its first line, for which servers take 4 kB."""

_STAMP_FIELDS = (
    "id",
    "updated_at",
    "total_annotations",
    "cancelled_annotations",
    "total_predictions",
)

_PREDICTION_FIELDS = ("id", "result", "model_version", "created_at")

FIELDS = tuple(
    dict.fromkeys(
        (
            *_STAMP_FIELDS,
            "data",
            "annotations",
            *ANNOTATION_FIELDS,
            "predictions",
            *_PREDICTION_FIELDS,
        )
    )
)
"""All that is asked for. Nested fields must be named too, or each annotation shrinks to its
id; `include` does not tell a task's field from its annotation's of the same name."""


@dataclass(frozen=True)
class Totals:
    """What the server says of a whole project.

    Attributes
    ----------
    n_tasks, n_annotations, n_predictions : int
        Skips are not among the annotations.
    newest_us : int
        When a task was last changed, in microseconds since 1970, but not later than
        the server's clock; 0 without tasks.
    """

    n_tasks: int
    n_annotations: int
    n_predictions: int
    newest_us: int


def read_totals(client: Client, project_id: int) -> Totals:
    """Ask how much a project holds, and when it was last changed.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.

    Returns
    -------
    Totals
        Now.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    query = {"ordering": ["-tasks:updated_at"]}
    params = listing_params(project_id, _STAMP_FIELDS, "task_only", query=query, page_size=1)
    answer, now = client.get_dated("/api/tasks", params=params)
    with as_listed(client.url):
        newest_us = max((as_us(task["updated_at"]) for task in answer["tasks"]), default=0)
        if now is not None:
            # A clock that once was ahead must not hide the changes of years.
            newest_us = min(newest_us, int(now.timestamp() * 1_000_000))
        return Totals(
            int(answer["total"]),
            int(answer["total_annotations"]),
            int(answer["total_predictions"]),
            newest_us,
        )


def read_pages(
    client: Client, project_id: int, *, above: int, up_to: int | None
) -> Iterator[pa.Table]:
    """Read tasks with their answers, page by page.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    above : int
        Only tasks of a higher id.
    up_to : int or None
        Only tasks of at most this id.

    Yields
    ------
    Table
        Of `study.pulled.SCHEMA`, ascending by task id.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    conditions = [] if up_to is None else [where("id", "less_or_equal", "Number", up_to)]
    pages = pages_by_id(
        client,
        project_id,
        FIELDS,
        "all",
        page_size=PAGE_SIZE,
        conditions=conditions,
        above=above,
    )
    for tasks, _ in pages:
        if tasks:
            with as_listed(client.url):
                rows = _rows(tasks)
            yield rows


def read_by_ids(client: Client, project_id: int, task_ids: Sequence[int]) -> pa.Table:
    """Read some tasks with their answers.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    task_ids : sequence of int
        From 1 to `IDS_AT_ONCE` of them.

    Returns
    -------
    Table
        Of `study.pulled.SCHEMA`; those that are gone have no row.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    ValueError
        If there are none, or too many for one request.
    """
    if not 0 < len(task_ids) <= IDS_AT_ONCE:
        # Label Studio takes an empty list for "all".
        msg = f"{len(task_ids)} task ids, not 1 to {IDS_AT_ONCE}"
        raise ValueError(msg)
    query = {"selectedItems": {"all": False, "included": [int(one) for one in task_ids]}}
    params = listing_params(project_id, FIELDS, "all", query=query, page_size=IDS_AT_ONCE)
    answer = client.get("/api/tasks", params=params)
    with as_listed(client.url):
        return _rows(answer["tasks"])


def read_stamps(client: Client, project_id: int, *, since_us: int | None) -> pd.DataFrame:
    """List what changed, without the answers.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    since_us : int or None
        Only tasks changed at that time or later, in microseconds since 1970 by the
        server's clock; None: all.

    Returns
    -------
    DataFrame
        `STAMP_COLUMNS`, indexed by task id, ascending.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    changed = []
    if since_us is not None:
        time = datetime.fromtimestamp(since_us // 1_000_000, UTC).replace(
            microsecond=since_us % 1_000_000
        )
        text = time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changed = [where("updated_at", "greater_or_equal", "Datetime", text)]
    pages = pages_by_id(
        client,
        project_id,
        _STAMP_FIELDS,
        "task_only",
        page_size=STAMPS_PAGE_SIZE,
        conditions=changed,
    )
    with as_listed(client.url):
        found = [(int(task["id"]), *_stamp(task)) for tasks, _ in pages for task in tasks]
    frame = pd.DataFrame(found, columns=["task_id", *STAMP_COLUMNS]).astype("int64")
    return frame.set_index("task_id").sort_index()


def read_cuts(client: Client, project_id: int, n_tasks: int, n_parts: int) -> list[int]:
    """Find the task ids that cut a project into parts of about one size.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    n_tasks : int
        How many tasks it has.
    n_parts : int
        1 or more.

    Returns
    -------
    list of int
        Ascending, at most *n_parts* less one: the last id of each part but the last.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    cuts = []
    for part in range(1, n_parts):
        # A page past the end is a 404; tasks may go meanwhile.
        page = max(1, n_tasks * part // n_parts)
        params = listing_params(
            project_id, ("id",), "task_only", query=by_id(), page_size=1, page=page
        )
        answer = client.get("/api/tasks", params=params)
        with as_listed(client.url):
            cuts.append(int(answer["tasks"][0]["id"]))
    return sorted(set(cuts))


def read_versions(client: Client, project_id: int) -> dict[str, tuple[int, str]]:
    """Ask how many predictions of which model version a project holds.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.

    Returns
    -------
    dict of str to tuple
        Version -> how many, and the time of the newest as the server writes it.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    path = f"/api/projects/{project_id}/model-versions/"
    answer = client.get(path, params={"extended": "true"})
    with as_listed(client.url):
        return {
            str(one["model_version"]): (int(one["count"]), _whole_time(one["latest"]))
            for one in answer["static"]
        }


def as_us(text: str) -> int:
    """Read a time of the server.

    Parameters
    ----------
    text : str
        ISO 8601 with its zone.

    Returns
    -------
    int
        Microseconds since 1970.
    """
    # Not timestamp(), whose float has no room for the last digit.
    since_1970 = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_1970.days * 86_400 + since_1970.seconds) * 1_000_000 + since_1970.microseconds


def _rows(tasks: Sequence[Mapping[str, Any]]) -> pa.Table:
    rows = sorted((_row(task) for task in tasks), key=lambda row: row["task_id"])
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _row(task: Mapping[str, Any]) -> dict[str, Any]:
    annotations, predictions = task["annotations"], task["predictions"]
    skips = sum(bool(one["was_cancelled"]) for one in annotations)
    stamp = _stamp(task)
    kept = {
        "id": task["id"],
        "data": task["data"],
        "annotations": _in_order(annotations, ANNOTATION_FIELDS),
        "predictions": _in_order(predictions, _PREDICTION_FIELDS),
    }
    versions = [[one["model_version"], _whole_time(one["created_at"])] for one in predictions]
    return {
        "task_id": int(task["id"]),
        **dict(zip(STAMP_COLUMNS, stamp, strict=True)),
        "settled": stamp[1:] == (len(annotations) - skips, skips, len(predictions)),
        "versions": json.dumps(versions),
        "task": json.dumps(kept, separators=(",", ":")),
    }


def _in_order(listed: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Keep some fields; by id, since PostgreSQL moves what is changed to the end."""
    ordered = sorted(listed, key=lambda one: int(one["id"]))
    return [{name: one[name] for name in names if name in one} for one in ordered]


def _stamp(task: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return (
        as_us(task["updated_at"]),
        int(task["total_annotations"]),
        int(task["cancelled_annotations"]),
        int(task["total_predictions"]),
    )


def _whole_time(text: str) -> str:
    """Write a time so that texts compare as times do: Label Studio leaves out ``.000000``."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")
