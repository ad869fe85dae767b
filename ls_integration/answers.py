"""Exported Label Studio tasks -> the annotations table.

What the page started from is told from ``parent_prediction`` and from what we
sent. Label Studio's ``origin`` alone would not do: it says ``manual`` when a
prefilled choice was un-selected and chosen again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ls_integration.annotations import check_annotations, empty
from ls_integration.errors import OTHER_FORM, SourceError, reason_of, some_of
from ls_integration.first_answers import read_first_answer

SEEN_COLUMNS = ["project_id", "annotation_id", "created_at", "item_id", "label", "prefilled"]
"""What is remembered of an answer from the first time that it was pulled.
``created_at`` is part of its name, since SQLite gives ids of deleted rows again;
``item_id``, since one annotation may judge several items."""

_SEEN_KEY = SEEN_COLUMNS[:4]

STARTS_EMPTY = "starts_empty"
"""In a task's data, true: the prediction that its page starts from holds no answer."""


@dataclass(frozen=True)
class Judgement:
    """What an annotation says about one item.

    Attributes
    ----------
    item_id : str
        The item.
    label : str or None
        The choice, where the study asks for one.
    rating : float or None
        From 0 (worst) to 1 (best), where the study asks for one.
    remark : str or None
        What was written beside it.
    """

    item_id: str
    label: str | None = None
    rating: float | None = None
    remark: str | None = None

    @property
    def said(self) -> str | None:
        """Give the answer as text.

        Returns
        -------
        str or None
            The choice, or the rating with the digits that it has.
        """
        return self.label if self.rating is None else repr(self.rating)


Reader = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], list[Judgement]]
"""A task and a ``result`` of its annotation or prediction -> what that says: about
the task's own item first, and always, then about others that the page shows. A
task that is nobody's item (a whole frame) says something about others only, and
nothing where the result is empty."""

Writer = Callable[[Judgement], list[dict[str, Any]]]
"""A judgement of a task's own item -> the ``result`` of an annotation that says it."""


def answers_from_tasks(
    tasks: Sequence[Mapping[str, Any]],
    *,
    read: Reader,
    labels: Collection[str],
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
    read : callable
        How the study's kind reads an answer.
    labels : collection of str
        The choices that were asked; none where ratings were.
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
        The annotations table, one row per annotation and item that it judges,
        in the order given. See `in_one_table` for several projects.

    Raises
    ------
    SourceError
        If a task carries no ``item_id``, or an answer none of the choices.
    """
    nameless = [task["id"] for task in tasks if not _data_of(task, project_id).get("item_id")]
    if nameless:
        msg = (
            f"tasks without item_id in project {project_id}: {some_of(nameless)}; they were not "
            "made by this study, delete them in Label Studio's Data Manager"
        )
        raise SourceError(msg)
    rows = [
        row
        for task in tasks
        for row in _rows_of(task, read, project_id, round_number, names, sent_labels)
    ]
    if not rows:
        return empty()
    _refuse_strange(rows, labels, project_id)
    return check_annotations(pd.DataFrame(rows))


def _data_of(task: Mapping[str, Any], project_id: int) -> Mapping[str, Any]:
    data = task.get("data") if isinstance(task, Mapping) else None
    if not isinstance(data, Mapping) or "id" not in task:
        msg = f"project {project_id} holds what is no task: {task!r:.80}; is this Label Studio?"
        raise SourceError(msg)
    return data


def _rows_of(
    task: Mapping[str, Any],
    read: Reader,
    project_id: int,
    round_number: int,
    names: Mapping[int, str],
    sent_labels: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Read a task's answers. Label Studio stores any JSON that a program sends as an answer."""
    try:
        return [
            row
            for annotation in task.get("annotations", [])
            for row in _rows(task, annotation, read, project_id, round_number, names, sent_labels)
        ]
    except OTHER_FORM as error:
        msg = (
            f"project {project_id}, task {str(task['id'])[:20]}: an answer has another form than "
            f"the label page gives ({reason_of(error)}); correct or delete it in Label Studio"
        )
        raise SourceError(msg) from error


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
    said = _said(answers)
    now["label"] = answers["first_label"].where(answers["first_label"].notna(), said)
    known = pd.concat([seen, now], ignore_index=True) if len(seen) else now
    known = known.drop_duplicates(_SEEN_KEY, keep="first").reset_index(drop=True)
    first = annotations[_SEEN_KEY].merge(
        known.rename(columns={"label": "first", "prefilled": "was_prefilled"}),
        on=_SEEN_KEY,
        how="left",
        validate="many_to_one",
    )
    filled = annotations.copy()
    corrected = first["first"].notna() & (first["first"] != _said(filled))
    filled["first_label"] = [
        own or (label if is_other else None)
        for own, label, is_other in zip(
            filled["first_label"], first["first"], corrected, strict=True
        )
    ]
    was = first["was_prefilled"].fillna(False).to_numpy(dtype=bool)
    filled["prefilled"] = filled["prefilled"].to_numpy() | was
    return filled, known


def _said(annotations: pd.DataFrame) -> "pd.Series[Any]":
    """Give each row's answer as text, as `Judgement.said`."""
    ratings = annotations["rating"].map(repr, na_action="ignore")
    return annotations["label"].where(annotations["label"].notna(), ratings)


def _rows(
    task: Mapping[str, Any],
    annotation: Mapping[str, Any],
    read: Reader,
    project_id: int,
    round_number: int,
    names: Mapping[int, str],
    sent_labels: Mapping[str, str],
) -> list[dict[str, Any]]:
    own_id = str(task["data"]["item_id"])
    skipped = bool(annotation["was_cancelled"])
    result = annotation["result"]
    # A skip keeps the prefilled result: it is not an answer.
    judgements = read(task, [] if skipped else result)
    first_result = read_first_answer(result)
    firsts = {one.item_id: one.said for one in read(task, first_result)} if first_result else {}
    parent = annotation.get("parent_prediction")
    prefilled = _was_prefilled(
        annotation,
        was_sent=own_id in sent_labels and not _was_begun_before(task, annotation),
        starts_empty=bool(task["data"].get(STARTS_EMPTY)),
    )
    # None: Label Studio keeps the answers of an account that was deleted.
    user_id = annotation["completed_by"]
    lead_time_s = annotation.get("lead_time")
    common = {
        "annotator": names.get(user_id, f"user-{user_id}" if user_id else "deleted-user"),
        "round": round_number,
        "skipped": skipped,
        "prefilled": prefilled,
        "created_at": annotation["created_at"],
        "updated_at": annotation["updated_at"],
        "project_id": project_id,
        "task_id": int(task["id"]),
        "annotation_id": int(annotation["id"]),
    }
    rows = []
    for one in judgements:
        is_own = one.item_id == own_id
        # What the very page started from comes first: another model may have been sent since.
        start = (_server_label(task, parent, read) if is_own else None) or sent_labels.get(
            one.item_id
        )
        first = firsts.get(one.item_id)
        rows.append(
            {
                "item_id": one.item_id,
                "label": one.label,
                "rating": one.rating,
                "remark": one.remark,
                "changed": bool(one.said != start) if prefilled and one.said and start else None,
                # The page's time belongs to its own item. Below zero: the browser's clock was
                # set back meanwhile, so it is unknown.
                "lead_time_s": lead_time_s if is_own and (lead_time_s or 0) >= 0 else None,
                "first_label": first if first != one.said else None,
                **common,
            }
        )
    return rows


def _was_begun_before(task: Mapping[str, Any], annotation: Mapping[str, Any]) -> bool:
    """Tell whether an answer was begun before there was any prediction to start from."""
    sent_at = [str(one["created_at"]) for one in task.get("predictions", []) if "created_at" in one]
    begun_at = annotation.get("draft_created_at")
    # The server's own times, all written alike.
    return bool(sent_at and begun_at and str(begun_at) < min(sent_at))


def _was_prefilled(annotation: Mapping[str, Any], *, was_sent: bool, starts_empty: bool) -> bool:
    """Tell whether the page started from an answer.

    Label Studio forgets the prediction when a page is reloaded and its draft
    submitted (seen with 1.23.2). Then ``origin`` tells, or that there was a
    draft at all: answers that were brought in have none.
    """
    if starts_empty:
        return False
    if annotation.get("parent_prediction") is not None:
        return True
    if any(str(item.get("origin")).startswith("prediction") for item in annotation["result"]):
        return True
    return was_sent and annotation.get("draft_created_at") is not None


def _refuse_strange(
    rows: Sequence[Mapping[str, Any]], labels: Collection[str], project_id: int
) -> None:
    """Name answers that the study did not ask for: the label page was changed."""
    strange = [
        f"task {row['task_id']}: {row['label'] or 'nothing chosen'}"
        for row in rows
        if not row["skipped"] and (row["label"] not in labels if labels else row["rating"] is None)
    ]
    if strange:
        wanted = " or ".join(sorted(labels)) or "a rating"
        msg = (
            f"project {project_id} has answers other than {wanted}: {some_of(strange)}; correct "
            "or delete them in Label Studio"
        )
        raise SourceError(msg)


def own_answer(
    read: Reader, task: Mapping[str, Any], result: Sequence[Mapping[str, Any]]
) -> str | None:
    """Read what a result says about the task's own item.

    Parameters
    ----------
    read : callable
        How the study's kind reads an answer.
    task : dict
        With ``data``.
    result : sequence of dict
        Of an annotation or prediction of it.

    Returns
    -------
    str or None
        As `Judgement.said`; None also where the task is nobody's item.
    """
    item_id = str(task["data"].get("item_id"))
    return next((one.said for one in read(task, result) if one.item_id == item_id), None)


def _server_label(task: Mapping[str, Any], parent: int | None, read: Reader) -> str | None:
    """Read the prediction that the page started from, if it was pulled."""
    for prediction in task.get("predictions", []):
        if prediction["id"] == parent:
            return own_answer(read, task, prediction["result"])
    return None
