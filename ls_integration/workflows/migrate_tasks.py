"""The tasks of a study that moves: as they are sent, and proved to be the same on both servers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ls_integration.errors import ServerError
from ls_integration.server.client import Client
from ls_integration.study import Project

_ANSWER = ("result", "lead_time", "was_cancelled", "ground_truth")
_PREDICTION = ("result", "score", "model_version")


def as_sent(task: Mapping[str, Any], accounts: Mapping[int, int]) -> dict[str, Any]:
    """Write a task as the new server shall import it.

    Parameters
    ----------
    task : dict
        From `server.pull.pull_whole_tasks`.
    accounts : mapping of int to int
        User id on the old server -> on the new one.

    Returns
    -------
    dict
        With all its predictions and annotations, in their order.
    """
    sent: dict[str, Any] = {"data": task["data"]}
    if task.get("meta"):
        sent["meta"] = task["meta"]
    if task["predictions"]:
        sent["predictions"] = [
            {name: one[name] for name in _PREDICTION if one.get(name) is not None}
            for one in _in_order(task["predictions"])
        ]
    if task["annotations"]:
        sent["annotations"] = [
            {
                **{name: one[name] for name in _ANSWER if one.get(name) is not None},
                "completed_by": accounts[one["completed_by"]],
            }
            for one in _in_order(task["annotations"])
        ]
    return sent


def _in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: int(row["id"]))


def _said(answer: Mapping[str, Any], accounts: Mapping[int, int] | None) -> str:
    """Write an answer as text that is the same on both servers."""
    author = answer["completed_by"] if accounts is None else accounts[answer["completed_by"]]
    said = {name: answer.get(name) for name in _ANSWER}
    return json.dumps([author, said], sort_keys=True)


def _content(tasks: Sequence[Mapping[str, Any]], accounts: Mapping[int, int] | None) -> list[str]:
    return [
        json.dumps(
            [
                task["data"],
                task.get("meta") or {},
                sorted(_said(answer, accounts) for answer in task["annotations"]),
                sorted(
                    json.dumps({name: one.get(name) for name in _PREDICTION}, sort_keys=True)
                    for one in task["predictions"]
                ),
            ],
            sort_keys=True,
        )
        for task in tasks
    ]


def compare(
    project: Project,
    present: Sequence[Mapping[str, Any]],
    there: Sequence[Mapping[str, Any]],
    accounts: Mapping[int, int],
    old: Client,
    new: Client,
    made: int,
) -> str:
    """Refuse a project that is not the same on both servers.

    Parameters
    ----------
    project : Project
        On the old server.
    present, there : sequence of dict
        Its tasks on the old and on the new server.
    accounts : mapping of int to int
        User id on the old server -> on the new one.
    old, new : Client
        The sessions, for the message.
    made : int
        The project on the new server.

    Returns
    -------
    str
        SHA-256 of what is the same, in hex.

    Raises
    ------
    ServerError
        Naming the project and how many tasks differ.
    """
    try:
        here = _content(present, accounts)
    except KeyError:
        here = []
    moved = _content(there, None)
    if here != moved:
        n_other = sum(a != b for a, b in zip(here, moved, strict=False))
        msg = (
            f"'{project.title}' on {new.url} (project {made}) differs from that on {old.url}: "
            f"{len(moved)} tasks for {len(present)}, {n_other} of them other; nobody may answer "
            "meanwhile: delete that project on the new server and run this again"
        )
        raise ServerError(msg, url=new.url)
    return hashlib.sha256("\n".join(moved).encode()).hexdigest()


def places_of(
    old_id: int,
    present: Sequence[Mapping[str, Any]],
    new_id: int,
    there: Sequence[Mapping[str, Any]],
    accounts: Mapping[int, int],
) -> dict[tuple[int, int], tuple[int, int, str]]:
    """Find each answer's place on the new server; two that say the same go by age.

    Parameters
    ----------
    old_id : int
        The project on the old server.
    present : sequence of dict
        Its tasks there.
    new_id : int
        The project on the new server.
    there : sequence of dict
        Its tasks there, compared before.
    accounts : mapping of int to int
        User id on the old server -> on the new one.

    Returns
    -------
    dict
        Project and annotation on the old server -> project, annotation and
        ``updated_at`` on the new one.
    """
    places = {}
    for before, after in zip(present, there, strict=True):
        left = sorted(before["annotations"], key=lambda one: (_said(one, accounts), one["id"]))
        right = sorted(after["annotations"], key=lambda one: (_said(one, None), one["id"]))
        for one, other in zip(left, right, strict=True):
            places[old_id, int(one["id"])] = (new_id, int(other["id"]), str(other["updated_at"]))
    return places
