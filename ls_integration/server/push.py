"""Send tasks so that in the end each is there exactly once.

"Ask what is there and send the rest" is not enough: a client killed with a
request in flight leaves a server that lists none of its tasks for a second
more, and then all of them. So each batch is written to the study's journal
before it is sent; a later run waits until the tasks of an unfinished batch
have appeared, or can no longer appear; and at the end the server's tasks are
counted and, where the number or what was there before is not right, listed, and
surplus copies that nobody has touched are removed, also those that a network which sent a
request twice has made together with their answers.

Where the server has several workers two batches are on their way: while one is written, under
the project's lock, the next is read and checked. Label Studio gives tasks their ids under that
lock, and people see them in the order of their ids: so a batch is sent only when the one
before it has had half the time of a batch to get there. Where a request is lost all the same,
the same command sends its tasks after those that were under way: people see them last.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ls_integration.errors import PartialError, ServerError, StudyError, some_of
from ls_integration.progress import Reporter, silent
from ls_integration.server.batches import encode_batch, first_batch_tasks, next_batch_tasks
from ls_integration.server.client import Client
from ls_integration.server.noted_requests import SETTLE_S, close_batch, open_batch, settle
from ls_integration.server.pull import count_tasks, list_tasks, tasks_with_drafts
from ls_integration.study import TASKS_EVENT

MOST_IN_FLIGHT = 2
"""More would save little more, and batches would overtake each other: with three or four of them
they did in each of nine runs, with two sent at once in three of six (docs/performance.md)."""

HEAD_START = 0.5
"""Of a batch, before the next one: reading and checking takes less than half of its time."""

_SAID = ("completed_by", "result", "was_cancelled", "lead_time", "ground_truth")
"""Fields of an annotation that hold what somebody said; copies differ in the others."""


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
    in_flight: int = 1,
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
    in_flight : int, optional
        Requests that the server can work on at once; at most `MOST_IN_FLIGHT` are sent.
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
    n_sent, error = _send(
        client,
        project_id,
        missing,
        first_batch_tasks(unfinished),
        in_flight=min(in_flight, MOST_IN_FLIGHT),
        study_folder=study_folder,
        server_start=server_start,
        report=lambda n_sent: report("sending tasks", len(there) + n_sent, len(tasks)),
    )
    if error is not None:
        n_known = len(there) + n_sent
        msg = f"{n_known} of {len(tasks)} tasks are known to be on the server, then: {error}"
        raise PartialError(msg) from error
    # What was there was there once and ours, and each batch was confirmed: if the number
    # is right now, nothing is missing and nothing doubled. A listing of 10,000 tasks
    # takes as long as sending them.
    is_clean = len(there) + len(missing) == len(tasks) and all(
        len(task_ids) == 1 for task_ids in there.values()
    )
    removed = 0
    if not is_clean or count_tasks(client, project_id) != len(tasks):
        removed = _verify(client, project_id, tasks)
    return PushOutcome(sent=n_sent, already_there=len(tasks) - n_sent, removed_copies=removed)


@dataclass(frozen=True)
class _UnderWay:
    """A batch that was sent and is not answered yet."""

    batch_id: str
    n_tasks: int
    started_s: float
    answer: Future[float]


def _send(
    client: Client,
    project_id: int,
    tasks: Sequence[Mapping[str, Any]],
    max_tasks: int,
    *,
    in_flight: int,
    study_folder: Path,
    server_start: str | None,
    report: Callable[[int], None],
) -> tuple[int, ServerError | None]:
    """Send batches in their order; give how many tasks arrived, and what it broke off with.

    The first one goes alone, since it tells the server's pace.
    """
    n_begun, n_sent, batch_s = 0, 0, 0.0
    broken: ServerError | None = None
    waiting: deque[_UnderWay] = deque()
    with ExitStack() as opened:
        others = [opened.enter_context(client.another()) for _ in range(in_flight - 1)]
        clients = deque([client, *others])
        pool = opened.enter_context(ThreadPoolExecutor(in_flight))
        while waiting or (n_begun < len(tasks) and broken is None):
            report(n_sent)
            room = in_flight if n_sent else 1
            while n_begun < len(tasks) and len(waiting) < room and broken is None:
                n_tasks, body = encode_batch(islice(tasks, n_begun, n_begun + max_tasks))
                item_ids = [task["data"]["item_id"] for task in tasks[n_begun : n_begun + n_tasks]]
                if waiting:
                    head_start_s = waiting[-1].started_s + HEAD_START * batch_s - time.monotonic()
                    time.sleep(max(0.0, head_start_s))
                entry = {"event": TASKS_EVENT, "project_id": project_id, "item_ids": item_ids}
                batch_id = open_batch(entry, study_folder=study_folder, server_start=server_start)
                answer = pool.submit(_post, clients[0], project_id, body)
                clients.rotate(-1)
                waiting.append(_UnderWay(batch_id, n_tasks, time.monotonic(), answer))
                n_begun += n_tasks
            batch = waiting.popleft()
            try:
                batch_s = batch.answer.result()
            except ServerError as error:
                broken = broken or error
                close_batch(batch.batch_id, error, study_folder=study_folder)
                continue
            close_batch(batch.batch_id, None, study_folder=study_folder)
            n_sent += batch.n_tasks
            max_tasks = next_batch_tasks(max_tasks, batch.n_tasks, batch_s)
    report(n_sent)
    return n_sent, broken


def _post(client: Client, project_id: int, body: bytes) -> float:
    """Send a batch; give the server's answer time in seconds."""
    started_s = time.monotonic()
    client.post(f"/api/projects/{project_id}/import", body=body)
    return time.monotonic() - started_s


def _task_ids_by_item(client: Client, project_id: int) -> dict[str, list[int]]:
    by_item: dict[str, list[int]] = {}
    for task in list_tasks(client, project_id):
        by_item.setdefault(str(task["data"].get("item_id")), []).append(int(task["id"]))
    return by_item


def _verify(client: Client, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> int:
    """Prove that each task is there exactly once; remove copies with which nothing is lost."""
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
    answers = {task_id: _answers(client, task_id) for task_id in sorted(task_ids)}
    touched = [task_id for task_id in answers if task_id in drafts or answers[task_id]]
    # A request that a network sent twice made both, their answers too. Nobody answers two tasks
    # with the same times; a draft is looked at by its author alone.
    differ = [
        task_id
        for place, task_id in enumerate(touched)
        if task_id in drafts or answers[task_id] not in [answers[one] for one in touched[:place]]
    ]
    if len(differ) > 1:
        msg = (
            f"item {item_id} stands {len(differ)} times with answers in project {project_id} "
            f"(tasks {some_of(differ)}); delete all but one in Label Studio and try again"
        )
        raise StudyError(msg)
    keep = differ[0] if differ else min(task_ids)
    surplus = [task_id for task_id in task_ids if task_id != keep]
    for task_id in surplus:
        client.delete(f"/api/tasks/{task_id}")
    return len(surplus)


def _answers(client: Client, task_id: int) -> list[dict[str, Any]]:
    """Read what the answers of a task say, in the order in which they were given."""
    given = client.get(f"/api/tasks/{task_id}").get("annotations") or []
    return [
        {name: one.get(name) for name in _SAID}
        for one in sorted(given, key=lambda one: int(one["id"]))
    ]
