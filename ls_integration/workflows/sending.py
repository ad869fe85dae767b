"""A study's tasks go to the projects of its people, with finished answers if there are any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ls_integration import study as studies
from ls_integration.errors import ConfigError, some_of
from ls_integration.images.source_files import DAMAGED
from ls_integration.kinds.cutouts_regions import shown_boxes
from ls_integration.kinds.kind import IMAGE_WIDTH, Page
from ls_integration.kinds.registry import kind_of
from ls_integration.label_config import check_predictions
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.hotkeys import ensure_enter_submits
from ls_integration.server.push import PushOutcome, push_tasks
from ls_integration.server.tabs import ensure_tabs
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, project_link
from ls_integration.workflows.picture_places import place_pictures
from ls_integration.workflows.study_projects import (
    behind_queue,
    ensure_study_project,
    show_predictions,
    start_version,
)
from ls_integration.workflows.uploading import UrlOf, images_shown, shares_folder


@dataclass(frozen=True)
class ProjectOutcome:
    """What became of one project.

    Attributes
    ----------
    project : Project
        Whose it is, and which round.
    project_id : int
        On the server.
    link : str
        Address of its label stream.
    push : PushOutcome
        Counts of tasks.
    """

    project: Project
    project_id: int
    link: str
    push: PushOutcome


def send_projects(
    folder: Path,
    study: Study,
    items: pd.DataFrame,
    planned: Sequence[Project],
    connection: Connection,
    *,
    answers: Mapping[str, Mapping[str, Sequence[dict[str, Any]]]] | None = None,
    say: Say,
    report: Reporter = silent,
) -> tuple[Study, list[ProjectOutcome]]:
    """Bring every item to every planned project exactly once.

    Parameters
    ----------
    folder : Path
        The study's folder; its lock must be held.
    study : Study
        The study, with the options of its import.
    items : DataFrame
        Its items, with their pictures on disk.
    planned : sequence of Project
        From `study_projects.plan_projects`.
    connection : Connection
        The server.
    answers : mapping, optional
        Project key -> ``item_id`` -> annotations to send along with the task.
        They reach only tasks that are not on the server yet.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    study : Study
        With the projects' ids.
    outcomes : list of ProjectOutcome
        In the order of *planned*.

    Raises
    ------
    IntegrationError
        Of any kind; the same call finishes the rest.
    """
    client, media = connection.client, media_folder(connection)
    predictions = studies.read_predictions(folder)
    # Of the first part: projects that were made before an extension have that page.
    study = _with_image_width_known(study, items.loc[items["part"] == 1], media)
    kind = kind_of(study)
    views = list(dict.fromkeys(project.view for project in planned))

    def make_pages(url_of: UrlOf) -> dict[str, Page]:
        return {view: kind.make_page(study, items, predictions, url_of, view) for view in views}

    # Pages are made twice only where it must be known which pictures they show.
    shown_images = items["image"].tolist() if shares_folder(study) else images_shown(make_pages)
    place = place_pictures(folder, study, shown_images, connection, media, say=say, report=report)
    pages = make_pages(place.url_of)
    for note in dict.fromkeys(note for page in pages.values() for note in page.notes):
        say(note)
    for page in pages.values():
        shown = [task["predictions"][0] for task in page.tasks if "predictions" in task]
        check_predictions(page.config, shown)
    if not connection.is_embedded and ensure_enter_submits(client):
        say("Enter is now your submit key on this server (Account & Settings, Hotkeys)")
    outcomes: list[ProjectOutcome] = []
    for project in planned:
        page = pages[project.view]
        study, made = ensure_study_project(folder, study, project, page, connection, say)
        place.permit(made)
        if not outcomes:
            # A wrong folder of pictures must be found while nothing has been sent. Only now:
            # without the first project's storage the server shows none of them.
            place.check(made)
        given = (answers or {}).get(project.key, {})
        push = push_tasks(
            client,
            made,
            [_with_answers(task, given) for task in behind_queue(page.tasks, study, project)],
            study_folder=folder,
            settle_s=connection.request_limit_s,
            server_start=connection.server_start,
            in_flight=connection.in_flight,
            say=say,
            report=report,
        )
        if page.model_version is not None:
            show_predictions(client, made, start_version(study, project, page.model_version))
        if page.tabs:
            ensure_tabs(client, made, page.tabs)
        outcomes.append(ProjectOutcome(project, made, project_link(client.url, made), push))
    return study, outcomes


def _with_answers(
    task: Mapping[str, Any], answers: Mapping[str, Sequence[dict[str, Any]]]
) -> Mapping[str, Any]:
    given = answers.get(task["data"]["item_id"])
    if not given:
        return task
    boxes = shown_boxes(task)
    annotations = [{**one, "result": [*one["result"], *boxes]} for one in given]
    return {**task, "annotations": annotations}


def media_folder(connection: Connection) -> Path:
    """Give the folder for pictures on this side.

    Parameters
    ----------
    connection : Connection
        The server.

    Returns
    -------
    Path
        As the user or the embedded server named it.

    Raises
    ------
    ConfigError
        If nobody did.
    """
    if connection.media is None:
        msg = (
            f"no folder for the pictures of {connection.client.url}; give --media (a folder here) "
            "and --server-media (the same folder as the server sees it), or --upload or --bucket "
            "where none is shared"
        )
        raise ConfigError(msg)
    return connection.media


def check_pictures(items: pd.DataFrame, media: Path) -> None:
    """Refuse to ask about pictures that are not there.

    Parameters
    ----------
    items : DataFrame
        The study's items.
    media : Path
        Folder of the pictures on this machine.

    Raises
    ------
    ConfigError
        Naming the folder and what is missing in it.
    """
    missing = [image for image in items["image"] if not (media / image).is_file()]
    if missing:
        msg = (
            f"pictures of the study are not in {media}: {some_of(missing, limit=2)}; correct "
            "--media, or run the same import (or extend) again, it draws them again"
        )
        raise ConfigError(msg)


def _with_image_width_known(study: Study, items: pd.DataFrame, media: Path) -> Study:
    """Note the width of the pages' pictures in a study that does not know it yet.

    Its pictures stay as they are: a later call need not open each of them.
    """
    fit_width_px = kind_of(study).fit_width_px
    if fit_width_px is None or IMAGE_WIDTH in study.options:
        return study
    sizes_px = []
    for image in items["image"]:
        try:
            with Image.open(media / image, formats=("WEBP", "PNG", "JPEG")) as picture:
                sizes_px.append(max(picture.size))
        except (*DAMAGED, Image.DecompressionBombError):
            msg = (
                f"{media / image} is no picture any more; remove it and run the same import (or "
                "extend) again, it draws it again"
            )
            raise ConfigError(msg) from None
    width_px = fit_width_px(sizes_px)
    return study.model_copy(update={"options": {**study.options, IMAGE_WIDTH: width_px}})
