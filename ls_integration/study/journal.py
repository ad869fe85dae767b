"""The study's journal: each batch is written here before it is sent."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_JOURNAL_FILE = "journal.jsonl"


def append_journal(folder: Path, entry: Mapping[str, Any]) -> None:
    """Add one line to the journal and see it on the disk.

    Parameters
    ----------
    folder : Path
        The study's folder.
    entry : mapping
        JSON values.
    """
    with (folder / _JOURNAL_FILE).open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(dict(entry)) + "\n")
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
