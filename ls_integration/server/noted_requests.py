"""Requests that are written to the study's journal before they are sent.

A client killed with a request in flight does not know whether it was carried
out. So each is noted before, with what it sends; a later run waits until what it
sent has appeared, or can no longer appear.
"""

import math
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ls_integration.errors import ServerError, ServerTimeout
from ls_integration.progress import Reporter, silent
from ls_integration.server.client import JSON_TYPE, Client
from ls_integration.study import append_journal, is_over, open_batches, read_journal

SETTLE_S = 120.0
"""After this a request cannot still be under way: the official image kills
its workers at 120 s (uwsgi harakiri), the client gives up before that."""

_POLL_S = 0.5


def post_noted(
    client: Client,
    path: str,
    body: bytes,
    entry: Mapping[str, Any],
    *,
    study_folder: Path,
    server_start: str | None,
    content_type: str = JSON_TYPE,
) -> None:
    """Note a batch, send it, and note the outcome where it is certain.

    Parameters
    ----------
    client : Client
        The session.
    path : str
        Where it goes.
    body : bytes
        The body.
    entry : mapping
        ``event`` (what kind of batch), ``project_id``, ``item_ids``, and what
        else a later run must know.
    study_folder : Path
        Where the journal lies; its lock must be held.
    server_start : str or None
        Which start of our own server this is.
    content_type : str, optional
        Of the body.

    Raises
    ------
    ServerError
        If it was refused, or nobody knows whether it was carried out.
    """
    batch_id = open_batch(entry, study_folder=study_folder, server_start=server_start)
    try:
        client.post(path, body=body, content_type=content_type)
    except ServerError as error:
        close_batch(batch_id, error, study_folder=study_folder)
        raise
    close_batch(batch_id, None, study_folder=study_folder)


def open_batch(entry: Mapping[str, Any], *, study_folder: Path, server_start: str | None) -> str:
    """Note a batch that is about to be sent.

    Parameters
    ----------
    entry : mapping
        As for `post_noted`.
    study_folder : Path
        Where the journal lies; its lock must be held, and one thread alone may write.
    server_start : str or None
        Which start of our own server this is.

    Returns
    -------
    str
        The batch's id.
    """
    batch_id = str(uuid.uuid4())
    opened = {"batch": batch_id, "opened_at_s": time.time(), "server_start": server_start}
    append_journal(study_folder, {**entry, **opened})
    return batch_id


def close_batch(batch_id: str, error: ServerError | None, *, study_folder: Path) -> None:
    """Note how a batch ended, where that is certain.

    Parameters
    ----------
    batch_id : str
        From `open_batch`.
    error : ServerError or None
        What its request ended with; None: it was carried out.
    study_folder : Path
        As for `open_batch`.
    """
    if error is None:
        append_journal(study_folder, {"event": "sent", "batch": batch_id})
        return
    # A clear "no", or no connection at all, closes the batch; silence leaves it open.
    is_refused = error.status is None or 400 <= error.status < 500
    if is_refused and not isinstance(error, ServerTimeout):
        append_journal(study_folder, {"event": "refused", "batch": batch_id})


def settle(
    event: str,
    project_id: int,
    find_arrived: Callable[[Mapping[str, Any]], set[str]],
    *,
    noun: str,
    study_folder: Path,
    settle_s: float,
    server_start: str | None,
    say: Callable[[str], None] | None,
    report: Reporter = silent,
) -> list[int]:
    """Wait until the batches that an earlier run left open can no longer change anything.

    Parameters
    ----------
    event : str
        The kind of batch.
    project_id : int
        Of which project.
    find_arrived : callable
        Takes the line that opened a batch, gives the ``item_id`` of what is there of
        its kind.
    noun : str
        What it holds, for the line that tells why there is a wait.
    study_folder : Path
        Where the journal lies; its lock must be held.
    settle_s : float
        How long an unfinished request may still be carried out, in seconds.
    server_start : str or None
        Which start of our own server runs now: nobody waits for a request to an
        earlier one, which has ended with it.
    say : callable or None
        Takes that line.
    report : Reporter, optional
        Told of the wait.

    Returns
    -------
    list of int
        How much each of the batches held.
    """
    unfinished = []
    for batch_id, entry in open_batches(read_journal(study_folder), event).items():
        if entry["project_id"] != project_id:
            continue
        # A clock set back must not make the wait longer than the limit.
        age_s = max(0.0, time.time() - float(entry.get("opened_at_s", time.time())))
        left_s = 0.0 if is_over(entry, server_start) else max(0.0, settle_s - age_s)
        started = time.monotonic()
        wanted = set(entry["item_ids"])
        unfinished.append(len(wanted))
        is_told = False
        while not wanted <= find_arrived(entry):
            waited_s = time.monotonic() - started
            if waited_s >= left_s:
                break
            if say is not None and not is_told:
                say(
                    f"an earlier run was cut off while it sent {len(wanted)} {noun}; waiting up to "
                    f"{math.ceil(left_s)} s, until they are there or cannot come any more, so "
                    "that none is there twice"
                )
                is_told = True
            report("waiting for an unfinished request (s)", int(waited_s), int(settle_s))
            time.sleep(_POLL_S)
        append_journal(study_folder, {"event": "settled", "batch": batch_id})
    return unfinished
