"""A study's tasks go to the projects of its people, with finished answers if there are any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ls_integration import study as studies
from ls_integration.errors import ConfigError
from ls_integration.kinds import sted_quality
from ls_integration.label_config import check_predictions, parse, with_image_width
from ls_integration.progress import Reporter, silent
from ls_integration.resources import label_config_xml
from ls_integration.server.hotkeys import ensure_enter_submits
from ls_integration.server.push import PushOutcome, push_tasks
from ls_integration.server.storage import check_pictures_load, picture_url
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, project_link
from ls_integration.workflows.import_items import Say
from ls_integration.workflows.study_projects import ensure_study_project, show_predictions

_IMAGE_WIDTH = "image_width_px"
"""Where a study keeps how wide its pages show a picture, among its options."""


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
    is_prefilled = len(predictions) > 0
    model_version = str(study.options["model_version"])
    _say_mode(study, is_prefilled, model_version, say)
    # Of the first part: projects that were made before an extension have that page.
    study = _with_image_width_known(study, items.loc[items["part"] == 1], media)
    config = parse(
        with_image_width(
            label_config_xml(sted_quality.LABEL_CONFIG), int(study.options[_IMAGE_WIDTH])
        )
    )
    tasks = sted_quality.make_tasks(
        _hide_answers(items, say) if study.blind else items,
        predictions,
        control=config.choices(),
        picture_url=picture_url,
        texts=sted_quality.page_texts(
            normal_at_least=study.options["normal_at_least"], is_prefilled=is_prefilled
        ),
        is_shared=study.overlap is not None,
    )
    check_predictions(config, [task["predictions"][0] for task in tasks if "predictions" in task])
    if not connection.is_embedded and ensure_enter_submits(client):
        say("Enter is now your submit key on this server (Account & Settings, Hotkeys)")
    outcomes: list[ProjectOutcome] = []
    for project in planned:
        study, made = ensure_study_project(
            folder, study, project, config, is_prefilled, connection, say
        )
        if not outcomes:
            # A wrong folder of pictures must be found while nothing has been sent. Only now:
            # without the first project's storage the server shows none of them.
            check_pictures_load(client, items["image"].tolist()[:: max(1, len(items) - 1)], media)
        given = (answers or {}).get(project.key, {})
        push = push_tasks(
            client,
            made,
            [_with_answers(task, given) for task in tasks],
            study_folder=folder,
            settle_s=connection.request_limit_s,
            server_start=connection.server_start,
            say=say,
            report=report,
        )
        if is_prefilled:
            show_predictions(client, made, model_version)
        outcomes.append(ProjectOutcome(project, made, project_link(client.url, made), push))
    return study, outcomes


def _with_answers(
    task: dict[str, Any], answers: Mapping[str, Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    given = answers.get(task["data"]["item_id"])
    return {**task, "annotations": list(given)} if given else task


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
            "and --server-media (the same folder as the server sees it)"
        )
        raise ConfigError(msg)
    return connection.media


def _say_mode(study: Study, is_prefilled: bool, model_version: str, say: Say) -> None:
    if study.blind:
        say("BLIND: the server holds nothing of ratings, labels or the model's answers")
    elif is_prefilled:
        say(f"ASSISTED: reviewers will see the model's answer ({model_version})")
    else:
        say("the source has no model answers: the pages start empty")


def _hide_answers(items: pd.DataFrame, say: Say) -> pd.DataFrame:
    """Take from the pages of a blind study what would tell the answer; warn of the rest."""
    if sted_quality.order_tells_label(items):
        say("the images of one answer all come first, which reviewers may notice: --order random")
    hidden = hidden_parts(items)
    if hidden:
        say("the structure is not shown: it tells the answer")
        return items.assign(structure=items["structure"].mask(items["part"].isin(hidden), None))
    return items


def hidden_parts(items: pd.DataFrame) -> list[int]:
    """Find the parts whose structure reviewers of a blind study must not see.

    Parameters
    ----------
    items : DataFrame
        With ``part, structure, label``.

    Returns
    -------
    list of int
        A part that is in it stays so, and one that is not stays out, when more
        are added: what was sent cannot be taken back.
    """
    return [
        part
        for part in sorted(set(items["part"]))
        if sted_quality.structure_tells_label(items.loc[items["part"] == part])
        or sted_quality.structure_tells_label(items.loc[items["part"] <= part])
    ]


def _with_image_width_known(study: Study, items: pd.DataFrame, media: Path) -> Study:
    """Note the width of the pages' pictures in a study that does not know it yet.

    Its pictures stay as they are: a later call need not open each of them.
    """
    if _IMAGE_WIDTH in study.options:
        return study
    sizes_px = []
    for image in items["image"]:
        with Image.open(media / image) as picture:
            sizes_px.append(max(picture.size))
    width_px = sted_quality.image_width_px(sizes_px)
    return study.model_copy(update={"options": {**study.options, _IMAGE_WIDTH: width_px}})
