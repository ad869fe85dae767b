"""Exported Label Studio tasks -> the annotations table.

What the page started from is told from ``parent_prediction`` and from what we
sent, never from Label Studio's ``origin``: it says ``manual`` when a prefilled
choice was un-selected and chosen again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ls_integration.annotations import COLUMNS, check_annotations, empty
from ls_integration.errors import SourceError, some_of
from ls_integration.label_config import Control, read_choice

SEEN_COLUMNS = ["project_id", "annotation_id", "created_at", "label", "prefilled"]
"""What is remembered of an answer from the first time that it was pulled.
``created_at`` is part of its name, since SQLite gives ids of deleted rows again."""

_SEEN_KEY = SEEN_COLUMNS[:3]


def answers_from_tasks(
    tasks: Sequence[Mapping[str, Any]],
    *,
    control: Control,
    project_id: int,
    round_number: int,
    names: Mapping[int, str],
    sent_labels: Mapping[str, str],
) -> pd.DataFrame:
    """Turn the tasks of one project into rows of the annotations table.

    Parameters
    ----------
    tasks : sequence of dict
        From `server.pull.pull_answers`, in any order.
    control : Control
        The choices that were asked.
    project_id : int
        The tasks' project.
    round_number : int
        Which round the project asks, from 1.
    names : mapping of int to str
        User id -> name on result files.
    sent_labels : mapping of str to str
        ``item_id`` -> the choice that we sent as the page's start.

    Returns
    -------
    DataFrame
        The annotations table, one row per annotation.

    Raises
    ------
    SourceError
        If a task carries no ``item_id``.
    """
    nameless = [task["id"] for task in tasks if not task["data"].get("item_id")]
    if nameless:
        msg = (
            f"tasks without item_id in project {project_id}: {some_of(nameless)}; they were not "
            "made by this study, delete them in Label Studio's Data Manager"
        )
        raise SourceError(msg)
    rows = [
        _row(task, annotation, control, project_id, round_number, names, sent_labels)
        for task in tasks
        for annotation in task.get("annotations", [])
    ]
    if not rows:
        return empty()
    return check_annotations(pd.DataFrame(rows))


def with_memory(annotations: pd.DataFrame, seen: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill in what only earlier pulls knew.

    Parameters
    ----------
    annotations : DataFrame
        The annotations table just pulled.
    seen : DataFrame
        `SEEN_COLUMNS`, from earlier pulls; may have no rows.

    Returns
    -------
    annotations : DataFrame
        With ``first_label`` where the label was another one when it was first
        pulled, and ``prefilled`` kept where the prediction was deleted since.
    seen : DataFrame
        What to remember now: all that was known, and the new answers.
    """
    answers = annotations.loc[annotations["annotation_id"].notna()]
    now = answers[SEEN_COLUMNS].copy()
    known = pd.concat([seen, now], ignore_index=True) if len(seen) else now
    known = known.drop_duplicates(_SEEN_KEY, keep="first").reset_index(drop=True)
    first = annotations[_SEEN_KEY].merge(
        known.rename(columns={"label": "first", "prefilled": "was_prefilled"}),
        on=_SEEN_KEY,
        how="left",
        validate="many_to_one",
    )
    filled = annotations.copy()
    corrected = first["first"].notna() & (first["first"] != filled["label"])
    filled["first_label"] = [
        label if is_other else None
        for label, is_other in zip(first["first"], corrected, strict=True)
    ]
    was = first["was_prefilled"].fillna(False).to_numpy(dtype=bool)
    filled["prefilled"] = filled["prefilled"].to_numpy() | was
    return filled, known


def count_drafts(tasks: Sequence[Mapping[str, Any]]) -> int:
    """Count answers that somebody began and did not submit.

    Parameters
    ----------
    tasks : sequence of dict
        From `server.pull.pull_answers`.

    Returns
    -------
    int
        Drafts of no submitted annotation.
    """
    return sum(
        1 for task in tasks for draft in task.get("drafts", []) if draft.get("annotation") is None
    )


def _row(
    task: Mapping[str, Any],
    annotation: Mapping[str, Any],
    control: Control,
    project_id: int,
    round_number: int,
    names: Mapping[int, str],
    sent_labels: Mapping[str, str],
) -> dict[str, Any]:
    item_id = str(task["data"]["item_id"])
    skipped = bool(annotation["was_cancelled"])
    # A skip keeps the prefilled result: it is not an answer.
    label = None if skipped else read_choice(control, annotation["result"])
    parent = annotation.get("parent_prediction")
    prefilled = parent is not None
    start = sent_labels.get(item_id) or _server_label(task, parent, control)
    changed = bool(label != start) if prefilled and label and start else None
    user_id = int(annotation["completed_by"])
    return dict.fromkeys(COLUMNS) | {
        "item_id": item_id,
        "annotator": names.get(user_id, f"user-{user_id}"),
        "round": round_number,
        "label": label,
        "skipped": skipped,
        "prefilled": prefilled,
        "changed": changed,
        "lead_time_s": annotation.get("lead_time"),
        "submission": _submission(task, annotation),
        "created_at": annotation["created_at"],
        "updated_at": annotation["updated_at"],
        "project_id": project_id,
        "task_id": int(task["id"]),
        "annotation_id": int(annotation["id"]),
    }


def _server_label(task: Mapping[str, Any], parent: int | None, control: Control) -> str | None:
    """Read the choice of the prediction that the page started from, if it was pulled."""
    for prediction in task.get("predictions", []):
        if prediction["id"] == parent:
            return read_choice(control, prediction["result"])
    return None


def _submission(task: Mapping[str, Any], annotation: Mapping[str, Any]) -> int:
    """Count from 1 which of the person's answers to this task this is."""
    own = sorted(
        (other["created_at"], other["id"])
        for other in task["annotations"]
        if other["completed_by"] == annotation["completed_by"]
    )
    return own.index((annotation["created_at"], annotation["id"])) + 1
