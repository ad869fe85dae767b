"""Exported Label Studio tasks -> the annotations table.

What the page started from is told from ``parent_prediction`` and from what we
sent. Label Studio's ``origin`` alone would not do: it says ``manual`` when a
prefilled choice was un-selected and chosen again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ls_integration.annotations import check_annotations, empty
from ls_integration.errors import SourceError, some_of
from ls_integration.first_answers import read_first_answer
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
        The annotations table, one row per annotation, in the order given. See
        `in_one_table` for several projects.

    Raises
    ------
    SourceError
        If a task carries no ``item_id``, or an answer none of the choices.
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
    _refuse_strange(rows, set(control.values), project_id)
    return check_annotations(pd.DataFrame(rows))


def in_one_table(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the tables of a study's projects.

    Members can open each other's projects, so that one person's answers to one
    item may stand in several: ``submission`` counts over all of them.

    Parameters
    ----------
    tables : sequence of DataFrame
        From `answers_from_tasks`, in the order of the projects.

    Returns
    -------
    DataFrame
        The annotations table.
    """
    filled = [table.drop(columns="submission") for table in tables if len(table)]
    return check_annotations(pd.concat(filled, ignore_index=True)) if filled else empty()


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
        With ``first_label`` where the server kept another label, or where it
        was another one when it was first pulled, and ``prefilled`` kept where
        the prediction was deleted since.
    seen : DataFrame
        What to remember now: all that was known, and the new answers.
    """
    answers = annotations.loc[annotations["annotation_id"].notna()]
    now = answers[SEEN_COLUMNS].copy()
    # What the server kept is older than any pull.
    now["label"] = answers["first_label"].where(answers["first_label"].notna(), now["label"])
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
        own or (label if is_other else None)
        for own, label, is_other in zip(
            filled["first_label"], first["first"], corrected, strict=True
        )
    ]
    was = first["was_prefilled"].fillna(False).to_numpy(dtype=bool)
    filled["prefilled"] = filled["prefilled"].to_numpy() | was
    return filled, known


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
    prefilled = _was_prefilled(annotation, was_sent=item_id in sent_labels)
    start = sent_labels.get(item_id) or _server_label(task, parent, control)
    changed = bool(label != start) if prefilled and label and start else None
    first = read_choice(control, read_first_answer(annotation["result"]))
    # None: Label Studio keeps the answers of an account that was deleted.
    user_id = annotation["completed_by"]
    lead_time_s = annotation.get("lead_time")
    return {
        "item_id": item_id,
        "annotator": names.get(user_id, f"user-{user_id}" if user_id else "deleted-user"),
        "round": round_number,
        "label": label,
        "skipped": skipped,
        "prefilled": prefilled,
        "changed": changed,
        # Below zero: the browser's clock was set back meanwhile, so it is unknown.
        "lead_time_s": lead_time_s if lead_time_s is None or lead_time_s >= 0 else None,
        "first_label": first if first != label else None,
        "created_at": annotation["created_at"],
        "updated_at": annotation["updated_at"],
        "project_id": project_id,
        "task_id": int(task["id"]),
        "annotation_id": int(annotation["id"]),
    }


def _was_prefilled(annotation: Mapping[str, Any], *, was_sent: bool) -> bool:
    """Tell whether the page started from an answer.

    Label Studio forgets the prediction when a page is reloaded and its draft
    submitted (seen with 1.23.2). Then ``origin`` tells, or that there was a
    draft at all: answers that were brought in have none.
    """
    if annotation.get("parent_prediction") is not None:
        return True
    if any(str(item.get("origin")).startswith("prediction") for item in annotation["result"]):
        return True
    return was_sent and annotation.get("draft_created_at") is not None


def _refuse_strange(rows: Sequence[Mapping[str, Any]], choices: set[str], project_id: int) -> None:
    """Name answers that are none of the study's choices: the label page was changed."""
    strange = [
        f"task {row['task_id']}: {row['label'] or 'nothing chosen'}"
        for row in rows
        if not row["skipped"] and row["label"] not in choices
    ]
    if strange:
        msg = (
            f"project {project_id} has answers other than {' or '.join(sorted(choices))}: "
            f"{some_of(strange)}; correct or delete them in Label Studio"
        )
        raise SourceError(msg)


def _server_label(task: Mapping[str, Any], parent: int | None, control: Control) -> str | None:
    """Read the choice of the prediction that the page started from, if it was pulled."""
    for prediction in task.get("predictions", []):
        if prediction["id"] == parent:
            return read_choice(control, prediction["result"])
    return None
