"""The study's journal: each batch is written here before it is sent."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_integration.study.disk import writing

TASKS_EVENT = "batch"
"""Of the line that opens a batch of tasks."""

PREDICTIONS_EVENT = "predictions"
"""Of the line that opens a batch of predictions."""

UPLOADS_EVENT = "pictures"
"""Of the line that opens a batch of pictures."""

_JOURNAL_FILE = "journal.jsonl"


def append_journal(folder: Path, entry: Mapping[str, Any]) -> None:
    """Add one line to the journal and see it on the disk.

    Parameters
    ----------
    folder : Path
        The study's folder.
    entry : mapping
        JSON values.

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    line = json.dumps(dict(entry)) + "\n"
    with writing(folder), (folder / _JOURNAL_FILE).open("a+b") as journal:
        if journal.tell():
            journal.seek(-1, os.SEEK_END)
            # A line that a kill cut short must not swallow this one.
            line = line if journal.read() == b"\n" else "\n" + line
        journal.write(line.encode())
        journal.flush()
        os.fsync(journal.fileno())


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Read the journal's lines.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    list of dict
        In the order written. A last line that a kill cut short is left out:
        its batch was not sent, since the line is on the disk before the batch.
    """
    path = folder / _JOURNAL_FILE
    if not path.exists():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def is_over(entry: Mapping[str, Any], server_start: str | None) -> bool:
    """Tell whether the server that got a request has ended, and the request with it.

    Parameters
    ----------
    entry : mapping
        A journal line that opened a batch or a project.
    server_start : str or None
        Which start of our own server runs now; None for any other server.

    Returns
    -------
    bool
        True only if both starts are known and differ.
    """
    then = entry.get("server_start")
    return then is not None and server_start is not None and then != server_start


def open_batches(
    journal: Sequence[Mapping[str, Any]], event: str = TASKS_EVENT
) -> dict[str, Mapping[str, Any]]:
    """Find the batches whose outcome nobody has noted.

    Parameters
    ----------
    journal : sequence of dict
        Its lines, in order.
    event : str, optional
        Of the lines that open a batch of the kind.

    Returns
    -------
    dict of str to mapping
        Batch id -> the line that opened it.
    """
    pending: dict[str, Mapping[str, Any]] = {}
    for entry in journal:
        if entry.get("event") == event:
            pending[str(entry["batch"])] = entry
        elif "batch" in entry:
            pending.pop(str(entry["batch"]), None)
    return pending
