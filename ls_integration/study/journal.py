"""The study's journal: each batch is written here before it is sent."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_integration.errors import StudyError
from ls_integration.files import parse_json
from ls_integration.study.disk import writing

TASKS_EVENT = "batch"
"""Of the line that opens a batch of tasks."""

PREDICTIONS_EVENT = "predictions"
"""Of the line that opens a batch of predictions."""

UPLOADS_EVENT = "pictures"
"""Of the line that opens a batch of pictures."""

_JOURNAL_FILE = "journal.jsonl"
_PROJECT_EVENT = "project"


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
        So is a line that a damaged disk made unreadable: what it opened is found
        by counting the tasks at the end.

    Raises
    ------
    StudyError
        If the file is there and cannot be read.
    """
    path = folder / _JOURNAL_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"cannot read {path} ({error.strerror or error}); mend that, rerun"
        raise StudyError(msg) from None
    entries = []
    for line in content.split(b"\n"):
        try:
            entry = parse_json(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and _is_whole(entry):
            entries.append(entry)
    return entries


def _is_whole(entry: Mapping[str, Any]) -> bool:
    """Tell whether a line says all that is asked of its event."""
    event = entry.get("event")
    if event in (TASKS_EVENT, PREDICTIONS_EVENT, UPLOADS_EVENT):
        return (
            "batch" in entry
            and isinstance(entry.get("project_id"), int)
            and isinstance(entry.get("item_ids"), list)
            and isinstance(entry.get("opened_at_s", 0.0), int | float)
        )
    return isinstance(event, str) and (event != _PROJECT_EVENT or "key" in entry)


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
