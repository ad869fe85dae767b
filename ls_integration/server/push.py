"""Send tasks so that in the end each is there exactly once.

"Ask what is there and send the rest" is not enough: a client killed with a
request in flight leaves a server that lists none of its tasks for a second
more, and then all of them. So each batch is written to the study's journal
before it is sent; a later run waits until the tasks of an unfinished batch
have appeared, or can no longer appear; and at the end the server's tasks are
counted and, where the number or what was there before is not right, listed, and
surplus copies that nobody has touched are removed.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ls_integration.errors import PartialError, ServerError, StudyError, some_of
from ls_integration.progress import Reporter, silent
from ls_integration.server.batches import encode_batch, first_batch_tasks, next_batch_tasks
from ls_integration.server.client import Client
from ls_integration.server.noted_requests import SETTLE_S, post_noted, settle
from ls_integration.server.pull import count_tasks, list_tasks, tasks_with_drafts
from ls_integration.study import TASKS_EVENT


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
    unfinished = settle(
        TASKS_EVENT,
        project_id,
        lambda _: set(_task_ids_by_item(client, project_id)),
        noun="tasks",
        study_folder=study_folder,
        settle_s=settle_s,
        server_start=server_start,
        say=say,
        report=report,
    )
    there = _task_ids_by_item(client, project_id)
    missing = [task for task in tasks if task["data"]["item_id"] not in there]
    sent, max_tasks = 0, first_batch_tasks(unfinished)
    while sent < len(missing):
        report("sending tasks", len(there) + sent, len(tasks))
        n_tasks, body = encode_batch(islice(missing, sent, sent + max_tasks))
        item_ids = [task["data"]["item_id"] for task in missing[sent : sent + n_tasks]]
        entry = {"event": TASKS_EVENT, "project_id": project_id, "item_ids": item_ids}
        started = time.monotonic()
        try:
            post_noted(
                client,
                f"/api/projects/{project_id}/import",
                body,
                entry,
                study_folder=study_folder,
                server_start=server_start,
            )
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
