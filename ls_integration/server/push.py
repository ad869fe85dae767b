"""Send tasks so that in the end each is there exactly once.

"Ask what is there and send the rest" is not enough: a client killed with a
request in flight leaves a server that lists none of its tasks for a second
more, and then all of them. So each batch is written to the study's journal
before it is sent; a later run waits until the tasks of an unfinished batch
have appeared, or can no longer appear; and at the end the server's tasks are
counted and, where the number or what was there before is not right, listed, and
surplus copies that nobody has touched are removed.
"""

import math
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ls_integration.errors import (
    PartialError,
    ServerError,
    ServerTimeout,
    StudyError,
    some_of,
)
from ls_integration.progress import Reporter, silent
from ls_integration.server.batches import encode_batch, first_batch_tasks, next_batch_tasks
from ls_integration.server.client import Client
from ls_integration.server.pull import count_tasks, list_tasks, tasks_with_drafts
from ls_integration.study import append_journal, is_over, open_batches, read_journal

SETTLE_S = 120.0
"""After this a request cannot still be under way: the official image kills
its workers at 120 s (uwsgi harakiri), the client gives up before that."""

_POLL_S = 0.5


@dataclass(frozen=True)
class PushOutcome:
    """What a push did.

    Attributes
    ----------
    sent : int
        Tasks sent by this run.
    already_there : int
        Tasks found on the server.
    removed_copies : int
        Surplus copies that were removed.
    """

    sent: int
    already_there: int
    removed_copies: int


def push_tasks(
    client: Client,
    project_id: int,
    tasks: Sequence[Mapping[str, Any]],
    *,
    study_folder: Path,
    settle_s: float = SETTLE_S,
    server_start: str | None = None,
    say: Callable[[str], None] | None = None,
    report: Reporter = silent,
) -> PushOutcome:
    """Bring every task to the project exactly once.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    tasks : sequence of dict
        ``data`` (with ``item_id``), perhaps ``predictions`` and
        ``annotations``, in the order in which people shall see them.
    study_folder : Path
        Where the journal lies; its lock must be held.
    settle_s : float
        How long an unfinished request may still be carried out, in seconds.
    server_start : str, optional
        Which start of our own server this is: nobody waits for a request to
        an earlier one, which has ended with it.
    say : callable, optional
        Takes the line that tells the user why there is a wait.
    report : Reporter, optional
        Told of each batch.

    Returns
    -------
    PushOutcome
        Counts.

    Raises
    ------
    PartialError
        If the server broke off; the same command finishes the rest.
    StudyError
        If copies with answers exist, or tasks that are not of this study.
    """
    unfinished = _settle(client, project_id, study_folder, settle_s, server_start, say, report)
    there = _task_ids_by_item(client, project_id)
    missing = [task for task in tasks if task["data"]["item_id"] not in there]
    sent, max_tasks = 0, first_batch_tasks(unfinished)
    while sent < len(missing):
        report("sending tasks", len(there) + sent, len(tasks))
        n_tasks, body = encode_batch(islice(missing, sent, sent + max_tasks))
        item_ids = [task["data"]["item_id"] for task in missing[sent : sent + n_tasks]]
        started = time.monotonic()
        try:
            _send_batch(client, project_id, item_ids, body, study_folder, server_start)
        except ServerError as error:
            msg = (
                f"{len(there) + sent} of {len(tasks)} tasks are known to be on the server, "
                f"then: {error}"
            )
            raise PartialError(msg) from error
        max_tasks = next_batch_tasks(max_tasks, n_tasks, time.monotonic() - started)
        sent += n_tasks
    report("sending tasks", len(tasks), len(tasks))
    # What was there was there once and ours, and each batch was confirmed: if the number
    # is right now, nothing is missing and nothing doubled. A listing of 10,000 tasks
    # takes as long as sending them.
    is_clean = len(there) + len(missing) == len(tasks) and all(
        len(task_ids) == 1 for task_ids in there.values()
    )
    removed = 0
    if not is_clean or count_tasks(client, project_id) != len(tasks):
        removed = _verify(client, project_id, tasks)
    return PushOutcome(sent=sent, already_there=len(tasks) - sent, removed_copies=removed)


def _send_batch(
    client: Client,
    project_id: int,
    item_ids: list[str],
    body: bytes,
    study_folder: Path,
    server_start: str | None,
) -> None:
    batch_id = str(uuid.uuid4())
    append_journal(
        study_folder,
        {
            "event": "batch",
            "batch": batch_id,
            "project_id": project_id,
            "item_ids": item_ids,
            "opened_at_s": time.time(),
            "server_start": server_start,
        },
    )
    try:
        client.post(f"/api/projects/{project_id}/import", body=body)
    except ServerError as error:
        # A clear "no", or no connection at all, closes the batch; silence leaves it open.
        is_refused = error.status is None or 400 <= error.status < 500
        if is_refused and not isinstance(error, ServerTimeout):
            append_journal(study_folder, {"event": "refused", "batch": batch_id})
        raise
    append_journal(study_folder, {"event": "sent", "batch": batch_id})


def _settle(
    client: Client,
    project_id: int,
    study_folder: Path,
    settle_s: float,
    server_start: str | None,
    say: Callable[[str], None] | None,
    report: Reporter,
) -> list[int]:
    """Wait until the batches that an earlier run left open can no longer change.

    Give how many tasks each of them held.
    """
    unfinished = []
    for batch_id, entry in open_batches(read_journal(study_folder)).items():
        if entry["project_id"] != project_id:
            continue
        # A clock set back must not make the wait longer than the limit.
        age_s = max(0.0, time.time() - float(entry["opened_at_s"]))
        left_s = 0.0 if is_over(entry, server_start) else max(0.0, settle_s - age_s)
        deadline = time.monotonic() + left_s
        started = time.monotonic()
        wanted = set(entry["item_ids"])
        unfinished.append(len(wanted))
        is_told = False
        while not wanted <= set(_task_ids_by_item(client, project_id)):
            if time.monotonic() >= deadline:
                break
            if say is not None and not is_told:
                say(
                    f"an earlier run was cut off while it sent {len(wanted)} tasks; waiting up to "
                    f"{math.ceil(deadline - started)} s, until they are there or cannot come any "
                    "more, so that none is sent twice"
                )
                is_told = True
            waited_s = time.monotonic() - started
            report("waiting for an unfinished request (s)", int(waited_s), int(settle_s))
            time.sleep(_POLL_S)
        append_journal(study_folder, {"event": "settled", "batch": batch_id})
    return unfinished


def _task_ids_by_item(client: Client, project_id: int) -> dict[str, list[int]]:
    by_item: dict[str, list[int]] = {}
    for task in list_tasks(client, project_id):
        by_item.setdefault(str(task["data"].get("item_id")), []).append(int(task["id"]))
    return by_item


def _verify(client: Client, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> int:
    """Prove that each task is there exactly once; remove untouched surplus copies."""
    by_item = _task_ids_by_item(client, project_id)
    wanted = {str(task["data"]["item_id"]) for task in tasks}
    foreign = [item_id for item_id in by_item if item_id not in wanted]
    if foreign:
        msg = (
            f"project {project_id} holds tasks that are not of this study: {some_of(foreign)}; "
            "delete them in Label Studio's Data Manager and try again"
        )
        raise StudyError(msg)
    lost = [item_id for item_id in wanted if item_id not in by_item]
    if lost:
        msg = (
            f"{len(lost)} of {len(wanted)} tasks are missing from project {project_id} although "
            "the server took them; run the same command again, it sends what is missing"
        )
        raise PartialError(msg)
    copied = {item_id: ids for item_id, ids in by_item.items() if len(ids) > 1}
    drafts = tasks_with_drafts(client, project_id) if copied else set()
    return sum(
        _remove_copies(client, project_id, item_id, task_ids, drafts)
        for item_id, task_ids in copied.items()
    )


def _remove_copies(
    client: Client, project_id: int, item_id: str, task_ids: list[int], drafts: set[int]
) -> int:
    touched = [
        task_id for task_id in task_ids if task_id in drafts or _has_answers(client, task_id)
    ]
    if len(touched) > 1:
        msg = (
            f"item {item_id} stands {len(touched)} times with answers in project {project_id} "
            f"(tasks {some_of(touched)}); delete all but one in Label Studio and try again"
        )
        raise StudyError(msg)
    keep = touched[0] if touched else min(task_ids)
    surplus = [task_id for task_id in task_ids if task_id != keep]
    for task_id in surplus:
        client.delete(f"/api/tasks/{task_id}")
    return len(surplus)


def _has_answers(client: Client, task_id: int) -> bool:
    return bool(client.get(f"/api/tasks/{task_id}").get("annotations"))
