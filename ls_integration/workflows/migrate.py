"""`migrate`: a study moves to another server, with all that people have answered.

Everything goes to the new server first, by the same pushes as an import: each
project and each task exactly once, also after a kill. Then both sides are read
and compared. Only when they say the same does the study name its new server;
until then it is where it was.
"""

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ls_integration import study as studies
from ls_integration.errors import ConfigError, StudyError, some_of
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.client import Client
from ls_integration.server.hotkeys import ensure_enter_submits
from ls_integration.server.people import members
from ls_integration.server.projects import read_project
from ls_integration.server.pull import pull_whole_tasks, tasks_with_drafts
from ls_integration.server.push import push_tasks
from ls_integration.server.storage import (
    check_pictures_load,
    ensure_local_storage,
    first_and_last,
    picture_url,
)
from ls_integration.server.tabs import ensure_tabs
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.export import read_answers
from ls_integration.workflows.migrate_tasks import as_sent, compare, places_of
from ls_integration.workflows.moved_answers import note_moved
from ls_integration.workflows.new_accounts import OnAccount, ensure_account
from ls_integration.workflows.sending import check_pictures, media_folder
from ls_integration.workflows.study_projects import find_or_make_project
from ls_integration.workflows.uploading import shares_folder

BEFORE_FILE = "study-before-migration.json"
"""The study as it was on its first server."""

_STAGING = "moving"
_COPIED = (
    "title",
    "label_config",
    "expert_instruction",
    "show_instruction",
    "show_skip_button",
    "enable_empty_annotation",
    "show_collab_predictions",
    "sampling",
    "maximum_annotations",
    "skip_queue",
)
"""Settings of a project that belong to the study."""


@dataclass(frozen=True)
class Moved:
    """What `migrate` has brought to the new server.

    Attributes
    ----------
    study : Study
        On the new server.
    n_projects : int
        Projects.
    n_tasks : int
        Their tasks.
    n_answers : int
        Annotations of these, skips among them.
    n_drafts : int
        Tasks with an answer that was begun and not submitted, which stays behind.
    sha256 : str
        Of everything that was compared, alike on both servers.
    """

    study: Study
    n_projects: int
    n_tasks: int
    n_answers: int
    n_drafts: int
    sha256: str


def migrate(
    folder: Path,
    settings: Settings,
    target: Settings,
    *,
    start: Path,
    say: Say,
    on_account: OnAccount,
    report: Reporter = silent,
) -> Moved:
    """Move a study to another server.

    Parameters
    ----------
    folder : Path
        The study.
    settings : Settings
        The server where it is.
    target : Settings
        The new one, with a token and the folder of pictures there.
    start : Path
        The working folder.
    say : callable
        Takes lines for the user.
    on_account : callable
        Takes the study's folder and each account as soon as it is made.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    Moved
        Counts.

    Raises
    ------
    IntegrationError
        Of any kind; the study is then where it was, and the same call goes on.
    """
    answers = read_answers(folder, settings, start=start, full=True, report=report)
    with studies.locked(folder):
        study, items = studies.load(folder), studies.read_items(folder)
        predictions = studies.read_predictions(folder)
        if not shares_folder(study):
            msg = (
                f"the pictures of '{study.title}' are in no folder that {study.server_url} shares "
                "with us, and its tasks name them where they are: such a study cannot be moved; "
                "restore the server's backup on the new machine instead"
            )
            raise StudyError(msg)
        old = connect(settings, study, start)
        new = connect(target, None, folder)
        if new.client.url == old.client.url:
            msg = f"the study '{study.title}' is on {old.client.url} already; correct --to"
            raise ConfigError(msg)
        _copy_pictures(study, media_folder(old), media_folder(new))
        check_pictures(items, media_folder(new))
        staging = folder / _STAGING
        moving = _begin(staging, study, new.client.url)
        if not new.is_embedded and ensure_enter_submits(new.client):
            say("Enter is now your submit key on the new server (Account & Settings, Hotkeys)")
        tasks = {
            project.key: pull_whole_tasks(old.client, _id_of(project), report=report)
            for project in study.projects
        }
        accounts = _move_people(study, tasks, old.client, new.client, folder, on_account)
        places: dict[tuple[int, int], tuple[int, int, str]] = {}
        hashes: list[str] = []
        for project in study.projects:
            source = read_project(old.client, _id_of(project), title=project.title)
            moving, made = _move_project(moving, project, source, accounts, new, staging, say)
            if not hashes:
                ends = first_and_last(items["image"].tolist())
                check_pictures_load(new.client, ends, media_folder(new))
            push_tasks(
                new.client,
                made,
                [as_sent(task, accounts) for task in tasks[project.key]],
                study_folder=staging,
                settle_s=new.request_limit_s,
                server_start=new.server_start,
                in_flight=new.in_flight,
                say=say,
                report=report,
            )
            if source["model_version"] and source["show_collab_predictions"]:
                wanted = {"model_version": source["model_version"]}
                new.client.patch(f"/api/projects/{made}", json=wanted)
            page = kind_of(study).make_page(study, items, predictions, picture_url, project.view)
            if page.tabs:
                ensure_tabs(new.client, made, page.tabs)
            there = pull_whole_tasks(new.client, made, report=report)
            present = pull_whole_tasks(old.client, _id_of(project), report=report)
            hashes.append(compare(project, present, there, accounts, old.client, new.client, made))
            places |= places_of(_id_of(project), present, made, there, accounts)
        n_drafts = sum(
            len(tasks_with_drafts(old.client, _id_of(project))) for project in study.projects
        )
        moving = moving.model_copy(
            update={"people": {name: accounts[user] for name, user in study.people.items()}}
        )
        # The table names its server: until the study does too, nobody reads it.
        studies.write_moved(folder, note_moved(answers.annotations, places, new.client.url))
        shutil.copy2(folder / studies.STUDY_FILE, folder / BEFORE_FILE)
        studies.save(folder, moving)
        shutil.rmtree(staging)
    return Moved(
        study=moving,
        n_projects=len(study.projects),
        n_tasks=sum(map(len, tasks.values())),
        n_answers=sum(len(task["annotations"]) for one in tasks.values() for task in one),
        n_drafts=n_drafts,
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
    )


def _begin(staging: Path, study: Study, url: str) -> Study:
    """Start the study's copy for the new server, or go on with it."""
    if studies.exists(staging):
        moving = studies.load(staging)
        if moving.server_url == url:
            return moving
        msg = (
            f"'{study.title}' is half moved to {moving.server_url}; finish that with "
            f"--to {moving.server_url}, or delete {staging} and its projects there"
        )
        raise StudyError(msg)
    moving = study.model_copy(update={"server_url": url, "projects": [], "people": {}})
    studies.save(staging, moving)
    return moving


def _id_of(project: Project) -> int:
    if project.project_id is None:
        msg = f"the project '{project.title}' was never made; run the study's import again first"
        raise StudyError(msg)
    return project.project_id


def _copy_pictures(study: Study, here: Path, there: Path) -> None:
    """Bring the pictures into the folder that the new server sees."""
    source, target = here / study.pictures_folder, there / study.pictures_folder
    if source.resolve() == target.resolve():
        return
    try:
        # Pictures never change under their names: what is there, whole, is right.
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            copy = target / file.relative_to(source)
            if not copy.exists() or copy.stat().st_size != file.stat().st_size:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
    except OSError as error:
        msg = f"cannot copy pictures to {target} ({error.strerror or error}); correct --to-media"
        raise ConfigError(msg) from None


def _move_people(
    study: Study,
    tasks: Mapping[str, Sequence[Mapping[str, Any]]],
    old: Client,
    new: Client,
    folder: Path,
    on_account: OnAccount,
) -> dict[int, int]:
    """Give everybody who was asked or has answered an account there: old id -> new id."""
    names = {user_id: name for name, user_id in study.people.items()}
    wanted = set(names) | {
        answer["completed_by"]
        for listed in tasks.values()
        for task in listed
        for answer in task["annotations"]
        if answer["completed_by"]
    }
    accounts = {}
    for person in members(old):
        if person.user_id in wanted:
            name = names.get(person.user_id) or person.name or person.email.partition("@")[0]
            email = None if person.email.endswith(".invalid") else person.email
            made = ensure_account(folder, new, name, on_account, email=email)
            accounts[person.user_id] = made.user_id
    lost = sorted(wanted - set(accounts))
    if lost:
        msg = (
            f"accounts that have answered are gone from {old.url} (users {some_of(lost)}), so "
            "their answers cannot be moved; restore the server's backup, or delete these answers"
        )
        raise StudyError(msg)
    return accounts


def _move_project(
    moving: Study,
    project: Project,
    source: Mapping[str, Any],
    accounts: Mapping[int, int],
    new: Connection,
    staging: Path,
    say: Say,
) -> tuple[Study, int]:
    """Find or make the project on the new server."""
    user_id = None if project.user_id is None else accounts[project.user_id]
    key = re.sub(r"^user-\d+-", f"user-{user_id}-", project.key)
    fields = {name: source[name] for name in _COPIED}
    made = find_or_make_project(staging, moving, key, fields, new, say)
    there = project.model_copy(update={"key": key, "user_id": user_id, "project_id": made})
    moving = moving.with_project(there)
    studies.save(staging, moving)
    ensure_local_storage(new.client, made, f"{new.server_media}/{moving.pictures_folder}")
    return moving, made
