"""The study folder: what was asked of whom, with which options, on which server.

A study is ``studies/<name>/`` on this side, never below the server's document
root: ``study.json``, ``items.parquet``, ``predictions.parquet`` (what the pages
started from), ``seen.parquet`` (how each answer looked first), ``pulled/`` (what the
last export read, see `study.pulled`), ``uploads.parquet`` (where uploaded pictures
are) and ``journal.jsonl``. It holds the truth, so it is the
owner's alone (mode 0700).
"""

from ls_integration.study.folder import (
    STUDIES_FOLDER,
    STUDY_FILE,
    exists,
    find,
    load,
    locked,
    save,
    slug,
)
from ls_integration.study.journal import (
    PREDICTIONS_EVENT,
    TASKS_EVENT,
    UPLOADS_EVENT,
    append_journal,
    is_over,
    open_batches,
    read_journal,
)
from ls_integration.study.model import Extension, Project, Study
from ls_integration.study.tables import (
    check_items,
    read_items,
    read_moved,
    read_predictions,
    read_seen,
    read_uploads,
    write_items,
    write_moved,
    write_predictions,
    write_seen,
    write_uploads,
)

__all__ = [
    "PREDICTIONS_EVENT",
    "TASKS_EVENT",
    "STUDIES_FOLDER",
    "STUDY_FILE",
    "UPLOADS_EVENT",
    "Extension",
    "Project",
    "Study",
    "append_journal",
    "check_items",
    "exists",
    "find",
    "is_over",
    "load",
    "locked",
    "open_batches",
    "read_items",
    "read_journal",
    "read_moved",
    "read_predictions",
    "read_seen",
    "read_uploads",
    "save",
    "slug",
    "write_items",
    "write_moved",
    "write_predictions",
    "write_seen",
    "write_uploads",
]
