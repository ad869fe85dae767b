"""Predictions for tasks that are on the server: one for each item and version, and no more.

Label Studio stores whatever it is sent, twice too. So each batch is written to
the study's journal before it is sent, as with tasks (`push`); a later run waits
until a request that was cut off has been carried out or cannot be any more,
sends what is missing, and removes surplus copies.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ls_integration.errors import PartialError, ServerError, StudyError, some_of
from ls_integration.progress import Reporter, silent
from ls_integration.server.batches import FIRST_BATCH_TASKS, encode_batch, next_batch_tasks
from ls_integration.server.client import Client
from ls_integration.server.noted_requests import post_noted, settle
from ls_integration.server.pull import list_predictions, tasks_with_drafts
from ls_integration.study import PREDICTIONS_EVENT


@dataclass(frozen=True)
class PredictionsOutcome:
    """What a push of predictions did.

    Attributes
    ----------
    sent : int
        Predictions sent by this run.
    already_there : int
        Predictions of this version found on the server.
    removed_copies : int
        Surplus copies that were removed.
    """

    sent: int
    already_there: int
    removed_copies: int


def push_predictions(
    client: Client,
    project_id: int,
    predictions: Mapping[str, Mapping[str, Any]],
    *,
    study_folder: Path,
    settle_s: float,
    server_start: str | None = None,
    say: Callable[[str], None] | None = None,
    report: Reporter = silent,
) -> PredictionsOutcome:
    """Bring each prediction to its item's task exactly once.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    predictions : mapping of str to dict
        ``item_id`` -> ``model_version`` (one for all), ``score``, ``result``.
    study_folder : Path
        Where the journal lies; its lock must be held.
    settle_s : float
        How long an unfinished request may still be carried out, in seconds.
    server_start : str, optional
        Which start of our own server this is, see `push.push_tasks`.
    say : callable, optional
        Takes the line that tells the user why there is a wait.
    report : Reporter, optional
        Told of each batch.

    Returns
    -------
    PredictionsOutcome
        Counts.

    Raises
    ------
    StudyError
        If items have no task; nothing is sent then.
    PartialError
        If the server broke off; the same command finishes the rest.
    """
    settle(
        PREDICTIONS_EVENT,
        project_id,
        lambda entry: _items_with(client, project_id, str(entry["model_version"])),
        noun="predictions",
        study_folder=study_folder,
        settle_s=settle_s,
        server_start=server_start,
        say=say,
        report=report,
    )
    version = str(next(iter(predictions.values()))["model_version"]) if predictions else ""
    tasks = {
        str(task["data"].get("item_id")): task for task in list_predictions(client, project_id)
    }
    lost = [item_id for item_id in predictions if item_id not in tasks]
    if lost:
        msg = (
            f"{len(lost)} of {len(predictions)} items have no task in project {project_id}: "
            f"{some_of(lost)}; run the study's `import` again, it sends what is missing"
        )
        raise StudyError(msg)
    missing = [
        (item_id, {"task": int(tasks[item_id]["id"]), **prediction})
        for item_id, prediction in predictions.items()
        if not _of_version(tasks[item_id], version)
    ]
    n_there = len(predictions) - len(missing)
    sent, most = 0, FIRST_BATCH_TASKS
    while sent < len(missing):
        report("sending predictions", n_there + sent, len(predictions))
        rows = [prediction for _, prediction in islice(missing, sent, sent + most)]
        n_rows, body = encode_batch(rows)
        entry = {
            "event": PREDICTIONS_EVENT,
            "project_id": project_id,
            "model_version": version,
            "item_ids": [item_id for item_id, _ in missing[sent : sent + n_rows]],
        }
        started = time.monotonic()
        try:
            post_noted(
                client,
                f"/api/projects/{project_id}/import/predictions",
                body,
                entry,
                study_folder=study_folder,
                server_start=server_start,
            )
        except ServerError as error:
            msg = (
                f"{n_there + sent} of {len(predictions)} predictions are known to be on the "
                f"server, then: {error}"
            )
            raise PartialError(msg) from error
        most = next_batch_tasks(most, n_rows, time.monotonic() - started)
        sent += n_rows
    report("sending predictions", len(predictions), len(predictions))
    removed = _verify(client, project_id, predictions, version)
    return PredictionsOutcome(sent, n_there, removed)


def remove_older(
    client: Client, project_id: int, versions: set[str], *, report: Reporter = silent
) -> tuple[int, int]:
    """Delete the predictions of some versions where nobody has answered.

    Deleting one would cut the link from a given answer to what its page started
    from; a draft that somebody has begun is an answer here.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    versions : set of str
        Whose predictions shall go.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    n_removed, n_kept : int
        Predictions that were deleted, and that stay with their answers.
    """
    drafts = tasks_with_drafts(client, project_id)
    surplus, n_kept = [], 0
    for task in list_predictions(client, project_id):
        old = [one for one in task["predictions"] if one["model_version"] in versions]
        if task["annotations"] or int(task["id"]) in drafts:
            n_kept += len(old)
        else:
            surplus += [int(one["id"]) for one in old]
    for number, prediction_id in enumerate(surplus):
        report("removing older predictions", number, len(surplus))
        client.delete(f"/api/predictions/{prediction_id}")
    if surplus:
        report("removing older predictions", len(surplus), len(surplus))
    return len(surplus), n_kept


def _of_version(task: Mapping[str, Any], version: str) -> list[Mapping[str, Any]]:
    return [one for one in task["predictions"] if one["model_version"] == version]


def _items_with(client: Client, project_id: int, version: str) -> set[str]:
    return {
        str(task["data"].get("item_id"))
        for task in list_predictions(client, project_id)
        if _of_version(task, version)
    }


def _verify(
    client: Client, project_id: int, predictions: Mapping[str, Mapping[str, Any]], version: str
) -> int:
    """Prove that each item has one prediction of the version; remove surplus copies."""
    missing, removed = [], 0
    for task in list_predictions(client, project_id):
        item_id = str(task["data"].get("item_id"))
        stored = _of_version(task, version)
        if item_id in predictions and not stored:
            missing.append(item_id)
        parents = {one.get("parent_prediction") for one in task["annotations"]}
        # One from which an answer started stays.
        ordered = sorted(stored, key=lambda one: (one["id"] not in parents, one["id"]))
        for one in ordered[1:]:
            if one["id"] not in parents:
                client.delete(f"/api/predictions/{one['id']}")
                removed += 1
    if missing:
        msg = (
            f"{len(missing)} of {len(predictions)} predictions are missing from project "
            f"{project_id} although the server took them; run the same command again"
        )
        raise PartialError(msg)
    return removed
