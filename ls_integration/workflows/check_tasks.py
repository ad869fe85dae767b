"""`check STUDY`: the tasks of a project against what an import would send."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ls_integration.answers import Reader, own_answer
from ls_integration.errors import some_of
from ls_integration.kinds.kind import Page
from ls_integration.workflows.check_lines import AGAIN, Line, fine, wrong


def page_predictions(page: Page, read: Reader) -> pd.DataFrame:
    """List what a page's tasks start from.

    Parameters
    ----------
    page : Page
        As an import would send it.
    read : callable
        How its kind reads an answer.

    Returns
    -------
    DataFrame
        ``item_id, label, score, model_version``; the label is None where only
        boxes are sent.
    """
    rows = [
        (
            task["data"]["item_id"],
            own_answer(read, task, prediction["result"]),
            prediction["score"],
            prediction["model_version"],
        )
        for task in page.tasks
        for prediction in task.get("predictions", [])
    ]
    return pd.DataFrame(rows, columns=["item_id", "label", "score", "model_version"])


def without_version(
    tasks: Sequence[Mapping[str, Any]], project: Mapping[str, Any], version: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Leave out the predictions of one version, and that the project shows them.

    Parameters
    ----------
    tasks : sequence of dict
        With ``predictions``.
    project : mapping
        Label Studio's project.
    version : str
        Of the predictions that may be there.

    Returns
    -------
    tasks : list of dict
        Copies.
    project : dict
        A copy.
    """
    others = [
        {
            **task,
            "predictions": [
                entry for entry in task["predictions"] if entry["model_version"] != version
            ],
        }
        for task in tasks
    ]
    if project["model_version"] != version:
        return others, dict(project)
    return others, {**project, "model_version": "", "show_collab_predictions": False}


def check_tasks(
    tasks: Sequence[Mapping[str, Any]], images: Mapping[str, str], allowed: set[str] | None
) -> Iterator[Line]:
    """Compare the tasks on the server with the items: each exactly once (11, 12, 13).

    Parameters
    ----------
    tasks : sequence of dict
        ``id`` and ``data`` each, all of the project.
    images : mapping of str to str
        Item id -> address of its picture, of all items.
    allowed : set of str or None
        Fields that a task may have in a blind study (6, 14); None: any.

    Yields
    ------
    Line
        One for each kind of fault, or that all is well.
    """
    counts = Counter(str(task["data"].get("item_id")) for task in tasks)
    missing = [item_id for item_id in images if item_id not in counts]
    doubled = [item_id for item_id, count in counts.items() if count > 1 and item_id in images]
    foreign = [task["id"] for task in tasks if str(task["data"].get("item_id")) not in images]
    moved = [
        item_id
        for task in tasks
        if (item_id := str(task["data"].get("item_id"))) in images
        and task["data"].get("image") != images[item_id]
    ]
    faults = []
    if missing:
        faults.append(wrong(f"tasks: items are missing: {some_of(missing)}", AGAIN))
    if doubled:
        faults.append(
            wrong(
                f"tasks: items are there more than once: {some_of(doubled)}",
                "run the same import again, it removes copies that nobody has touched",
            )
        )
    if foreign:
        faults.append(
            wrong(
                f"tasks: some are not of this study: task {some_of(foreign)}",
                "delete them in the Data Manager",
            )
        )
    if moved:
        faults.append(
            wrong(
                f"tasks: items show another picture than theirs: {some_of(moved)}",
                "restore the server's backup, or import into a new study",
            )
        )
    if allowed is not None:
        surplus = sorted({name for task in tasks for name in task["data"]} - allowed)
        if surplus:
            faults.append(
                wrong(
                    f"blind: the tasks hold fields that are not ours: {some_of(surplus)}",
                    "remove them, reviewers can read every field",
                )
            )
    yield from faults
    if not faults:
        yield fine(f"tasks: {len(tasks)}, each item exactly once")
