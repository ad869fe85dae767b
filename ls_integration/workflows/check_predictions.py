"""`check STUDY`: the model's answers are shown, or absent, as the study means it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ls_integration.answers import Reader, own_answer
from ls_integration.errors import some_of
from ls_integration.workflows.check_lines import Line, fine, wrong

_SHOW = "run the same import again, it sets the project to show them"


def check_predictions_shown(
    tasks: Sequence[Mapping[str, Any]],
    project: Mapping[str, Any],
    *,
    predictions: pd.DataFrame,
    served_versions: set[str],
    read: Reader,
    is_blind: bool,
    asks_labels: bool = True,
) -> Iterator[Line]:
    """Check that the page starts from the study's predictions, or from none.

    Parameters
    ----------
    tasks : sequence of dict
        ``id``, ``data`` and ``predictions`` each.
    project : mapping
        Label Studio's project.
    predictions : DataFrame
        What the study sent: ``item_id, label, score, model_version``.
    served_versions : set of str
        What the project's ML backends say they are; they answer on opening.
    read : callable
        How the study's kind reads an answer.
    is_blind : bool
        Nothing of the model may be on the server.
    asks_labels : bool
        False: the study asks for ratings, of which no page ever shows one to
        start from.

    Yields
    ------
    Line
        One for each kind of fault, or that all is well.
    """
    if is_blind:
        yield check_blind(tasks, project)
        return
    version = str(project["model_version"] or "")
    known_versions = {version, *predictions["model_version"].astype(str), *served_versions}
    faults = [
        *_check_settings(tasks, project, len(predictions) > 0, version in served_versions),
        *check_copies(tasks, known_versions),
        *check_sent(tasks, predictions, read),
    ]
    yield from faults
    if faults:
        return
    if version:
        n_sent = len(predictions)
        yield fine(f"assisted: the page starts from '{version}' ({n_sent} predictions sent)")
    elif asks_labels:
        yield fine("assisted: the study has no model answers, the page starts empty")
    else:
        yield fine("the page shows the old rating and starts empty")


def check_blind(tasks: Sequence[Mapping[str, Any]], project: Mapping[str, Any]) -> Line:
    """Check that no model answer is on the server: hiding would not do (6).

    Parameters
    ----------
    tasks : sequence of dict
        ``id`` and ``predictions`` each.
    project : mapping
        Label Studio's project.

    Returns
    -------
    Line
        Wrong if a prediction is stored, or the project would show one.
    """
    stored = [task["id"] for task in tasks if task["predictions"]]
    if stored:
        return wrong(
            f"blind: predictions are stored where reviewers can open them, task {some_of(stored)}",
            "delete them in the Data Manager (Actions, Delete Predictions)",
        )
    if project["show_collab_predictions"] or project["model_version"]:
        return wrong(
            "blind: the project would show predictions",
            "switch that off under Settings, Annotation (Use predictions to prelabel tasks)",
        )
    return fine("blind: no prediction is on the server, and none would be shown")


def _check_settings(
    tasks: Sequence[Mapping[str, Any]],
    project: Mapping[str, Any],
    has_predictions: bool,
    is_served: bool,
) -> Iterator[Line]:
    """Check the two settings without which predictions stay invisible (1)."""
    version = str(project["model_version"] or "")
    if has_predictions and not project["show_collab_predictions"]:
        yield wrong("assisted: the model's answers are hidden from reviewers", _SHOW)
    elif has_predictions and not version:
        yield wrong("assisted: the project names no model version, the page starts empty", _SHOW)
    elif has_predictions and not is_served and not _has_version(tasks, version):
        yield wrong(f"assisted: no task has a prediction of '{version}'", _SHOW)


def _has_version(tasks: Sequence[Mapping[str, Any]], version: str) -> bool:
    stored = (entry["model_version"] for task in tasks for entry in task["predictions"])
    return any(name == version for name in stored)


def check_copies(tasks: Sequence[Mapping[str, Any]], known_versions: set[str]) -> Iterator[Line]:
    """Check that each task has one prediction of a version, and none of others (3, 5, 21).

    Parameters
    ----------
    tasks : sequence of dict
        ``id`` and ``predictions`` each.
    known_versions : set of str
        Those that belong into the project.

    Yields
    ------
    Line
        One for copies, one for other versions.
    """
    copied, others = [], Counter[str]()
    for task in tasks:
        versions = Counter(str(entry["model_version"]) for entry in task["predictions"])
        if max(versions.values(), default=0) > 1:
            copied.append(task["id"])
        others.update(version for version in versions if version not in known_versions)
    if copied:
        yield wrong(
            f"predictions: several of one version where one is shown, task {some_of(copied)}",
            "delete the surplus ones (DELETE /api/predictions/ID)",
        )
    if others:
        yield wrong(
            f"predictions: some are of a version that nobody uses: {some_of(list(others))}",
            "delete that version under Settings, Predictions",
        )


def check_sent(
    tasks: Sequence[Mapping[str, Any]], predictions: pd.DataFrame, read: Reader
) -> Iterator[Line]:
    """Check that what the study sent is still there, with answer and score (2, 4, 5).

    Parameters
    ----------
    tasks : sequence of dict
        ``data`` and ``predictions`` each.
    predictions : DataFrame
        ``item_id, label, score, model_version``.
    read : callable
        How the study's kind reads an answer.

    Yields
    ------
    Line
        One for predictions that are gone, one for others in their place.
    """
    by_item = {
        str(task["data"].get("item_id")): {
            str(entry["model_version"]): (
                own_answer(read, task, entry["result"]),
                entry.get("score"),
            )
            for entry in task["predictions"]
        }
        for task in tasks
        if task["data"].get("item_id")
    }
    gone, changed = [], []
    names = ("item_id", "model_version", "label", "score")
    for item_id, version, label, score in zip(*(predictions[name] for name in names), strict=True):
        # A task that is missing has its own line.
        stored = by_item.get(item_id, {version: (label, score)})
        if version not in stored:
            gone.append(item_id)
            continue
        shown_label, shown_score = stored[version]
        if shown_label != label or shown_score is None or not math.isclose(shown_score, score):
            changed.append(item_id)
    if gone:
        yield wrong(
            f"predictions: they are gone from items {some_of(gone)}",
            "delete those tasks if nobody has answered them, and run the same import again",
        )
    if changed:
        yield wrong(
            f"predictions: they say something else than was sent for items {some_of(changed)}",
            "delete those tasks if nobody has answered them, and run the same import again",
        )
