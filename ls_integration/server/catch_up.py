"""Bring the study's copy of a project up to date, by asking for the changes alone.

Label Studio moves a task's ``updated_at`` whenever one of its annotations is made,
changed, skipped or deleted (seen with 1.23.2). It does not for deleted tasks, nor for
predictions that come or go in bulk. So what ``updated_at`` shows is fetched, and then the
server's totals must be those of the copy. Where they are not, all tasks are listed
without their answers; where that does not help either, all are read anew.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ls_integration.errors import ServerError
from ls_integration.progress import Reporter, silent
from ls_integration.server.client import Client
from ls_integration.server.task_listing import PAGE_SIZE
from ls_integration.server.task_pages import (
    IDS_AT_ONCE,
    Totals,
    read_by_ids,
    read_cuts,
    read_pages,
    read_stamps,
    read_totals,
    read_versions,
)
from ls_integration.study.pulled import (
    STAMP_COLUMNS,
    Pulled,
    prediction_versions,
    read_pulled,
    read_rows,
    writing_pulled,
)

ATTEMPTS = 10
"""Looks at the server while people go on answering; each takes a fraction of a second."""

MOST_CHANGED = 0.3
"""Where more of the tasks has changed, reading all is quicker than reading those."""

_STEP = "reading tasks"


@dataclass(frozen=True)
class Source:
    """A project to be copied.

    Attributes
    ----------
    clients : sequence of Client
        A session for each request that may be in flight at once.
    project_id : int
        The project.
    path : Path
        Where the copy lies, from `study.pulled.pulled_path`.
    about : mapping
        Strict JSON: which server, study and project that is.
    people : sequence of int
        User ids of the server's members.
    overlap_us : int
        How long before it ended a request may have written the time of a change,
        in microseconds.
    """

    clients: Sequence[Client]
    project_id: int
    path: Path
    about: Mapping[str, Any]
    people: Sequence[int]
    overlap_us: int


def pull_anew(source: Source, *, report: Reporter = silent) -> Pulled:
    """Copy a project with all its answers.

    Parameters
    ----------
    source : Source
        The project.
    report : Reporter, optional
        Told of each page.

    Returns
    -------
    Pulled
        The copy; what is answered while it is made may be in it or not.

    Raises
    ------
    ServerError
        If Label Studio refuses, or its totals never are those of the copy.
    StudyError
        If the study's folder cannot be written.
    """
    pulled = _read_all(source, report)
    found, reason = _settle(source, pulled, pulled.watermark_us, is_new=True, report=report)
    if found is None:
        msg = (
            f"project {source.project_id} could not be read {ATTEMPTS} times: {reason}; wait "
            "until other imports have ended and try again"
        )
        raise ServerError(msg, url=source.clients[0].url)
    return found


def catch_up(
    source: Source,
    pulled: Pulled,
    *,
    say: Callable[[str], None] | None = None,
    report: Reporter = silent,
) -> Pulled:
    """Bring a copy up to date.

    Parameters
    ----------
    source : Source
        The project.
    pulled : Pulled
        Its copy, from an earlier run.
    say : callable, optional
        Takes the line that tells why everything is read again.
    report : Reporter, optional
        Told of each page.

    Returns
    -------
    Pulled
        As from `pull_anew`.

    Raises
    ------
    ServerError
        If Label Studio refuses, or its totals never are those of the copy.
    StudyError
        If the study's folder cannot be written.
    """
    # Answers of an account that is deleted lose their author without any other trace.
    if set(pulled.people) <= set(source.people):
        since_us = max(0, pulled.watermark_us - source.overlap_us)
        found, reason = _settle(source, pulled, since_us, is_new=False, report=report)
        if found is not None:
            return found
    else:
        reason = "an account was removed"
    if say is not None:
        say(f"reading all of project {source.project_id} again: {reason}")
    return pull_anew(source, report=report)


def _read_all(source: Source, report: Reporter) -> Pulled:
    """Write all tasks, page by page, into a new copy."""
    # Asked for before the first page: what changes from now on has a later time.
    totals = read_totals(source.clients[0], source.project_id)
    cuts = []
    if totals.n_tasks > PAGE_SIZE:
        cuts = read_cuts(source.clients[0], source.project_id, totals.n_tasks, len(source.clients))
    parts = zip([0, *cuts], [*cuts, None], source.clients, strict=False)
    n_read = 0
    with writing_pulled(source.path, source.about, source.people, totals.newest_us) as write:
        for rows in _side_by_side(
            [
                read_pages(client, source.project_id, above=low, up_to=high)
                for low, high, client in parts
            ]
        ):
            write(rows)
            n_read += rows.num_rows
            report(_STEP, min(n_read, totals.n_tasks), totals.n_tasks)
    return read_pulled(source.path, source.about)


def _some(client: Client, project_id: int, task_ids: Sequence[int]) -> Iterator[pa.Table]:
    for start in range(0, len(task_ids), IDS_AT_ONCE):
        yield read_by_ids(client, project_id, task_ids[start : start + IDS_AT_ONCE])


def _side_by_side(parts: Sequence[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """Give the tables of all parts as they come, one request of each in flight."""
    if not parts:
        return
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        waiting: dict[Future[pa.Table | None], Iterator[pa.Table]] = {
            pool.submit(next, part, None): part for part in parts
        }
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                part = waiting.pop(future)
                table = future.result()
                if table is not None:
                    # The server works on the next page while this one is written.
                    waiting[pool.submit(next, part, None)] = part
                    yield table


def _settle(
    source: Source, pulled: Pulled, since_us: int, *, is_new: bool, report: Reporter
) -> tuple[Pulled | None, str]:
    """Fetch what changed until the server's totals are explained; else say why not."""
    client, project_id = source.clients[0], source.project_id
    is_first, lists_all, was_strange, reason = True, False, False, ""
    for _ in range(ATTEMPTS):
        totals = read_totals(client, project_id)
        listed = read_stamps(client, project_id, since_us=None if lists_all else since_us)
        change = _compare(pulled.stamps, listed, None if lists_all else since_us)
        if len(change.absent) and not lists_all:
            # Deleted, or the server has gone back in time: a backup was restored.
            lists_all, reason = True, "tasks were deleted meanwhile"
            continue
        wanted = change.differing
        if is_first:
            # Their counts and their lists did not agree: they moved while they were read.
            unsettled = pulled.stamps.index[~pulled.stamps["settled"]].to_numpy()
            wanted = np.setdiff1d(np.union1d(wanted, unsettled), change.absent)
        if is_first or (lists_all and len(wanted) + len(change.absent)):
            if not is_new and len(wanted) > max(PAGE_SIZE, MOST_CHANGED * len(pulled.stamps)):
                return None, f"{len(wanted)} of its tasks have changed"
            if len(wanted) + len(change.absent):
                gone = np.union1d(wanted, change.absent)
                pulled = _renew(source, pulled, wanted, gone, totals.newest_us, report)
                is_first, lists_all, since_us = False, False, totals.newest_us
                continue
            is_first = False
        # From the second look on, what differs has been answered since this run began.
        # Totals that a whole listing does not confirm are Label Studio's own affair.
        is_proven = lists_all and len(listed) == totals.n_tasks
        if not is_proven and not _explains(pulled.stamps, listed, totals):
            lists_all = True
        elif is_new or prediction_versions(pulled) == read_versions(client, project_id):
            return pulled, ""
        elif was_strange and not len(change.differing):
            return None, "its predictions were replaced"
        else:
            # Perhaps a page was opened just now, and a model answered: it shows next time.
            was_strange = is_first = True
    return None, reason or "tasks come or go meanwhile"


@dataclass(frozen=True)
class _Change:
    """Task ids: those that are new or other than known, those that should be listed."""

    differing: "np.ndarray[Any, Any]"
    absent: "np.ndarray[Any, Any]"


def _compare(known: pd.DataFrame, listed: pd.DataFrame, since_us: int | None) -> _Change:
    there = known.reindex(listed.index)[STAMP_COLUMNS].to_numpy(dtype="float64")
    same = (there == listed[STAMP_COLUMNS].to_numpy(dtype="float64")).all(axis=1)
    expected = known if since_us is None else known.loc[known["updated_at_us"] >= since_us]
    return _Change(
        listed.index[~same].to_numpy(dtype="int64"),
        np.setdiff1d(expected.index.to_numpy(dtype="int64"), listed.index.to_numpy("int64")),
    )


def _explains(known: pd.DataFrame, listed: pd.DataFrame, totals: Totals) -> bool:
    """Tell whether what is known and what is listed make the server's totals."""
    older = known.loc[~known.index.isin(listed.index), STAMP_COLUMNS]
    now = pd.concat([older, listed[STAMP_COLUMNS]])
    return (len(now), int(now["n_annotations"].sum()), int(now["n_predictions"].sum())) == (
        totals.n_tasks,
        totals.n_annotations,
        totals.n_predictions,
    )


def _renew(
    source: Source,
    pulled: Pulled,
    wanted: "np.ndarray[Any, Any]",
    gone: "np.ndarray[Any, Any]",
    watermark_us: int,
    report: Reporter,
) -> Pulled:
    """Write the copy again, with some tasks as they are now."""
    n_clients = len(source.clients)
    shares = [wanted[number::n_clients].tolist() for number in range(n_clients)]
    parts = [
        _some(client, source.project_id, share)
        for client, share in zip(source.clients, shares, strict=True)
        if share
    ]
    n_read = 0
    with writing_pulled(source.path, source.about, source.people, watermark_us) as write:
        for rows in read_rows(pulled, without=gone):
            write(rows)
        for rows in _side_by_side(parts):
            write(rows)
            n_read += rows.num_rows
            report(_STEP, n_read, len(wanted))
    return read_pulled(source.path, source.about)
