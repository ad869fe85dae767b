"""The projects of a study: for each person and round, or shared; found again after a kill."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_integration import study as studies
from ls_integration.errors import some_of
from ls_integration.kinds.kind import Page
from ls_integration.progress import Say
from ls_integration.server.client import Client
from ls_integration.server.projects import SETTLE_S, ensure_project, read_project
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.edited_projects import changed_tags
from ls_integration.workflows.new_accounts import OnAccount, ensure_account
from ls_integration.workflows.titles import check_project_titles, person_names, project_title

IN_ORDER, BY_SCORE = "Sequential sampling", "Uncertainty sampling"
"""How Label Studio chooses the next task: as they were sent, or by ascending score of the
predictions from which pages start."""


def plan_projects(
    folder: Path,
    study: Study,
    names: Sequence[str],
    round_number: int,
    connection: Connection,
    on_account: OnAccount,
    *,
    emails: Mapping[str, str] | None = None,
    view: str = "",
) -> tuple[Study, list[Project]]:
    """Name the projects of a call: one per person, one for the owner, or the shared one.

    Parameters
    ----------
    folder : Path
        The study's folder; each new account is recorded in it at once.
    study : Study
        The study.
    names : sequence of str
        As they shall stand on result files; none: the owner is asked.
    round_number : int
        Which round the projects ask, from 1.
    connection : Connection
        The server.
    on_account : callable
        Called for each new account as soon as it is made: what fails later
        must not lose its password.
    emails : mapping of str to str, optional
        Name -> login of those who shall not have a made-up one.
    view : str
        Which of the kind's pages the projects show; empty for the usual one.

    Returns
    -------
    study : Study
        With the people.
    planned : list of Project
        In the order of the people, or the shared one alone; known ones with
        their ids.

    Raises
    ------
    ConfigError
        If a name cannot be used, or makes a title too long.
    """
    names = person_names(names)
    check_project_titles(study.title, () if study.overlap else names, round_number)
    asked = []
    if not names:
        owner, user_id = connection.owner_name, int(connection.user["id"])
        study = study.model_copy(update={"people": {**study.people, owner: user_id}})
        asked.append((owner, user_id))
    for name in names:
        email = (emails or {}).get(name)
        person = ensure_account(folder, connection.client, name, on_account, email=email)
        study = study.model_copy(update={"people": {**study.people, person.name: person.user_id}})
        # Written at once: the account is there, and its name must not be lost.
        studies.save(folder, study)
        asked.append((person.name, person.user_id))
    studies.save(folder, study)
    if study.overlap:
        return study, [_shared(study, round_number, view)]
    return study, [
        _planned(study, name, user_id, round_number, view, is_owner=not names)
        for name, user_id in asked
    ]


def _planned(
    study: Study, name: str, user_id: int, round_number: int, view: str, *, is_owner: bool
) -> Project:
    who = "owner" if is_owner else f"user-{user_id}"
    wanted = Project(
        key=_key(who, round_number, view),
        title=project_title(study.title, None if is_owner else name, round_number, view),
        annotator=name,
        user_id=user_id,
        round=round_number,
        view=view,
    )
    return _known(study, wanted)


def _shared(study: Study, round_number: int, view: str) -> Project:
    wanted = Project(
        key=_key("shared", round_number, view),
        title=project_title(study.title, None, round_number, view),
        round=round_number,
        shared=True,
        view=view,
    )
    return _known(study, wanted)


def _key(who: str, round_number: int, view: str) -> str:
    return f"{who}-round-{round_number}{f'-{view}' if view else ''}"


def _known(study: Study, wanted: Project) -> Project:
    return next((known for known in study.projects if known.key == wanted.key), wanted)


def ensure_study_project(
    folder: Path,
    study: Study,
    project: Project,
    page: Page,
    connection: Connection,
    say: Say,
) -> tuple[Study, int]:
    """Find or make a project.

    Parameters
    ----------
    folder : Path
        The study's folder, for the journal.
    study : Study
        The study.
    project : Project
        As planned.
    page : Page
        What it shows.
    connection : Connection
        The server.
    say : callable
        Takes lines for the user.

    Returns
    -------
    study : Study
        With the project's id.
    project_id : int
        On the server.

    Raises
    ------
    StudyError
        If a project that was made is gone.
    ServerError
        If Label Studio refuses.
    """
    client = connection.client
    study = study.with_project(project)
    studies.save(folder, study)
    fields = _project_fields(project.title, page, study)
    if project.project_id is None:
        project_id = find_or_make_project(folder, study, project.key, fields, connection, say)
    else:
        project_id = project.project_id
        shown = read_project(client, project_id, title=project.title)
        if changed := changed_tags(str(shown["label_config"]), page.config.xml):
            say(
                f"{project.title} ({project_id}): the label config was changed in "
                f"{some_of(changed)}; put it back under Settings, Labeling Interface"
            )
        if study.overlap and shown["maximum_annotations"] != study.overlap:
            client.patch(f"/api/projects/{project_id}", json={"maximum_annotations": study.overlap})
    text = fields["expert_instruction"]
    text_sha256 = hashlib.sha256(text.encode()).hexdigest()
    if project.project_id is not None and project.instructions_sha256 != text_sha256:
        client.patch(f"/api/projects/{project_id}", json={"expert_instruction": text})
    known = {"project_id": project_id, "instructions_sha256": text_sha256}
    study = study.with_project(project.model_copy(update=known))
    studies.save(folder, study)
    return study, project_id


def find_or_make_project(
    folder: Path,
    study: Study,
    key: str,
    fields: Mapping[str, Any],
    connection: Connection,
    say: Say,
) -> int:
    """Find the project of a study's key, or make it, noted in the journal before.

    Parameters
    ----------
    folder : Path
        The study's folder, for the journal.
    study : Study
        The study.
    key : str
        The project within it.
    fields : mapping
        The settings of a new one.
    connection : Connection
        The server.
    say : callable
        Takes lines for the user.

    Returns
    -------
    int
        The project's id.

    Raises
    ------
    ServerError
        If Label Studio refuses it.
    """
    begun = any(
        entry["event"] == "project"
        and entry["key"] == key
        and not studies.is_over(entry, connection.server_start)
        for entry in studies.read_journal(folder)
    )
    return ensure_project(
        connection.client,
        study.uuid,
        key,
        fields,
        was_begun=begun,
        on_begin=lambda: studies.append_journal(
            folder, {"event": "project", "key": key, "server_start": connection.server_start}
        ),
        settle_s=min(SETTLE_S, connection.request_limit_s),
        say=say,
    )


def _project_fields(title: str, page: Page, study: Study) -> dict[str, Any]:
    return {
        "title": title,
        "label_config": page.config.xml,
        "sampling": IN_ORDER,
        "maximum_annotations": study.overlap or 1,
        # A skip means "ask me again at the end", in a shared project "ask somebody else".
        "skip_queue": "REQUEUE_FOR_OTHERS" if study.overlap else "REQUEUE_FOR_ME",
        "show_skip_button": True,
        "enable_empty_annotation": False,
        "show_collab_predictions": not study.blind,
        "show_instruction": True,
        "expert_instruction": page.instructions + study.instructions_html,
    }


PUSHED_VERSIONS = "pushed_versions"
"""Where a study keeps, among its options, the models that `push-predictions` has sent."""

STARTS_FROM = "starts_from"
"""Where it keeps which of them its pages start from; absent: as imported."""


QUEUES = "queues"
"""Where it keeps, by the key of a project, the version of the predictions whose scores are the
order that `reorder` made; absent: as the tasks were sent."""


def versions_with(study: Study, folder: Path, *versions: str) -> list[str]:
    """List the models whose predictions belong on the server: these too, from now on.

    Parameters
    ----------
    study : Study
        The study.
    folder : Path
        Its folder, with the predictions of its import.
    *versions : str
        What is going to be sent.

    Returns
    -------
    list of str
        For `PUSHED_VERSIONS`, each once.

    Raises
    ------
    StudyError
        If the predictions of the import cannot be read.
    """
    known = study.options.get(PUSHED_VERSIONS)
    if known is None:
        known = sorted(set(studies.read_predictions(folder)["model_version"].astype(str)))
    return list(dict.fromkeys([*known, *versions]))


def start_version(study: Study, project: Project, imported: str, *, with_queue: bool = True) -> str:
    """Say from which predictions a project's pages start.

    Parameters
    ----------
    study : Study
        The study.
    project : Project
        Of the study.
    imported : str
        Version of the predictions that come with the import.
    with_queue : bool
        False: those whose result the order of `reorder` repeats.

    Returns
    -------
    str
        Those that hold the order of `reorder`, where there is one; else a later
        model's, where one was pushed to start from; pages of whole frames have
        no such predictions.
    """
    queue = study.options.get(QUEUES, {}).get(project.key) if with_queue else None
    if queue is not None:
        return str(queue)
    return imported if project.view else str(study.options.get(STARTS_FROM, imported))


def without_queues(study: Study) -> Study:
    """Forget the order of `reorder`, since pages start from other answers now.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    Study
        A copy.
    """
    options = {name: value for name, value in study.options.items() if name != QUEUES}
    return study.model_copy(update={"options": options})


def behind_queue(
    tasks: Sequence[Mapping[str, Any]], study: Study, project: Project
) -> list[Mapping[str, Any]]:
    """Give new tasks a place behind those that `reorder` has put into order.

    Parameters
    ----------
    tasks : sequence of dict
        All of the project, in the study's order.
    study : Study
        The study.
    project : Project
        Of the study.

    Returns
    -------
    list of dict
        With a second prediction, where the project has such an order: the same
        result, and as its score 1 and more. The order's own are below 1.
    """
    queue = study.options.get(QUEUES, {}).get(project.key)
    if queue is None:
        return list(tasks)
    return [
        {
            **task,
            "predictions": [
                *task["predictions"],
                {**task["predictions"][0], "model_version": queue, "score": 1.0 + place},
            ],
        }
        if task.get("predictions")
        else task
        for place, task in enumerate(tasks)
    ]


def serve_by(client: Client, project_id: int, sampling: str) -> None:
    """Choose how Label Studio finds the next task.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    sampling : str
        `BY_SCORE`; or `IN_ORDER`, which only undoes the former: what somebody
        has chosen in the settings stays.
    """
    now = client.get(f"/api/projects/{project_id}")["sampling"]
    if now != sampling and BY_SCORE in (sampling, now):
        client.patch(f"/api/projects/{project_id}", json={"sampling": sampling})


def show_predictions(client: Client, project_id: int, model_version: str) -> None:
    """See to it that the page starts from exactly our predictions.

    Label Studio prefills only where the project's ``model_version`` is the
    prediction's and ``show_collab_predictions`` is set.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    model_version : str
        Of the predictions that were sent.
    """
    project = client.get(f"/api/projects/{project_id}")
    wanted = {"model_version": model_version, "show_collab_predictions": True}
    if any(project[name] != value for name, value in wanted.items()):
        client.patch(f"/api/projects/{project_id}", json=wanted)
