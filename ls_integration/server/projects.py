"""Make and find a study's projects, exactly one for each key."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ls_integration.errors import ServerError, StudyError
from ls_integration.server.client import Client

SETTLE_S = 10.0
"""How long a project whose request was cut off may take to appear."""

_POLL_S = 0.5


def description(study_uuid: str, key: str) -> str:
    """Write what a project is found by after a kill.

    Parameters
    ----------
    study_uuid : str
        The study.
    key : str
        The project within it.

    Returns
    -------
    str
        The project's ``description``.
    """
    return f"ls_integration {study_uuid} {key}"


def find_project(client: Client, study_uuid: str, key: str) -> int | None:
    """Look for the project of a study's key.

    Parameters
    ----------
    client : Client
        The session.
    study_uuid : str
        The study.
    key : str
        The project within it.

    Returns
    -------
    int or None
        Its id; None if there is none.

    Raises
    ------
    StudyError
        If several hold tasks: which one counts is then for the user to say.
    """
    found = _find_all(client, study_uuid, key)
    return found[0] if found else None


def _find_all(client: Client, study_uuid: str, key: str) -> list[int]:
    """Find the projects of a study's key: the one that counts, then empty ones."""
    wanted = description(study_uuid, key)
    found = [project for project in _all_projects(client) if project["description"] == wanted]
    filled = sorted({int(project["id"]) for project in found if project["task_number"]})
    if len(filled) > 1:
        ids = ", ".join(map(str, filled))
        msg = (
            f"projects {ids} all belong to part '{key}' of this study; delete in Label Studio "
            "those that hold no answers, until one is left"
        )
        raise StudyError(msg)
    # A set: pages move while projects are made, and one may stand on two.
    return filled + sorted({int(project["id"]) for project in found} - set(filled))


def ensure_project(
    client: Client,
    study_uuid: str,
    key: str,
    fields: Mapping[str, Any],
    *,
    was_begun: bool,
    on_begin: Callable[[], None],
    settle_s: float = SETTLE_S,
    say: Callable[[str], None] | None = None,
) -> int:
    """Find the project of a study's key, or make it.

    Parameters
    ----------
    client : Client
        The session.
    study_uuid : str
        The study.
    key : str
        The project within it.
    fields : mapping
        ``title``, ``label_config`` and the settings of the new project.
    was_begun : bool
        The journal says that an earlier run was about to make it: wait for
        it to appear before another one is made.
    on_begin : callable
        Called just before the project is made, to write the journal.
    settle_s : float
        How long to wait, in seconds.
    say : callable, optional
        Takes the line that tells the user why there is a wait.

    Returns
    -------
    int
        The project's id.

    Raises
    ------
    ServerError
        If Label Studio refuses it.
    """
    deadline = time.monotonic() + (settle_s if was_begun else 0.0)
    is_told = False
    while True:
        if found := _find_all(client, study_uuid, key):
            return _the_only(client, found)
        if time.monotonic() >= deadline:
            break
        if say is not None and not is_told:
            say(
                "an earlier run was cut off while it made a project; waiting up to "
                f"{settle_s:g} s, until it is there or cannot come any more, so that none is "
                "made twice"
            )
            is_told = True
        time.sleep(_POLL_S)
    on_begin()
    made = client.post(
        "/api/projects", json={**fields, "description": description(study_uuid, key)}
    )
    # A network that sent the request twice has made two.
    return _the_only(client, _find_all(client, study_uuid, key) or [int(made["id"])])


def _the_only(client: Client, found: Sequence[int]) -> int:
    """Remove the empty twins of a project, which people would find beside it."""
    kept, *twins = found
    for twin in twins:
        client.delete(f"/api/projects/{twin}")
    return kept


def read_project(client: Client, project_id: int, *, title: str) -> dict[str, Any]:
    """Read a project's settings and counts.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    title : str
        For the message if it is gone.

    Returns
    -------
    dict
        Label Studio's project.

    Raises
    ------
    StudyError
        If the server has no such project.
    """
    try:
        project: dict[str, Any] = client.get(f"/api/projects/{project_id}")
    except ServerError as error:
        if error.status != 404:
            raise
        msg = (
            f"the project '{title}' ({project_id}) is gone from {client.url}; restore the "
            "server's backup, or import into a new study folder with --study"
        )
        raise StudyError(msg) from None
    return project


def _all_projects(client: Client) -> list[dict[str, Any]]:
    projects: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = client.get(
            "/api/projects",
            params={
                "page": page,
                "page_size": 100,
                "include": "id,title,description,task_number",
            },
        )
        projects += answer["results"]
        if not answer["next"]:
            return projects
        page += 1
