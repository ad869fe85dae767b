"""`push-predictions`: a model's answers go to the tasks of a study that is running."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration import study as studies
from ls_integration.errors import StudyError
from ls_integration.kinds import cutouts, sted_quality
from ls_integration.kinds.kind import Page
from ls_integration.kinds.registry import kind_of
from ls_integration.label_config import check_predictions
from ls_integration.models.model import Floats, Scorer, refuse_kind
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.client import Client
from ls_integration.server.predictions import (
    PredictionsOutcome,
    push_predictions,
    remove_older,
)
from ls_integration.server.projects import read_project
from ls_integration.server.pull import list_tasks
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.model_images import LABELS, ImageSource
from ls_integration.workflows.predict import score_resumably
from ls_integration.workflows.project_answers import check_sent
from ls_integration.workflows.study_images import open_study_images
from ls_integration.workflows.study_projects import (
    IN_ORDER,
    PUSHED_VERSIONS,
    QUEUES,
    STARTS_FROM,
    serve_by,
    show_predictions,
    start_version,
    versions_with,
    without_queues,
)
from ls_integration.workflows.uploading import picture_addresses

MODEL_SCORES = "model-scores"
"""What finished batches of a study's items are kept beside, in its folder."""


@dataclass(frozen=True)
class PushOptions:
    """What the user asked `push-predictions` for.

    Attributes
    ----------
    replace : bool
        Delete this command's older versions where nobody has answered.
    unblind : bool
        Make an assisted study of a blind one.
    start_from_model : bool
        Cutouts: pages start from the model's answer, not from the present label.
    skip_bad : bool
        Leave out images that cannot be read.
    source : Path or None
        Where the images are now, if they were moved.
    """

    replace: bool = False
    unblind: bool = False
    start_from_model: bool = False
    skip_bad: bool = False
    source: Path | None = None


@dataclass(frozen=True)
class PushedProject:
    """What became of one project.

    Attributes
    ----------
    title : str
        Of the project.
    push : PredictionsOutcome
        Counts.
    starts_from : str
        The version from which its pages start.
    n_removed, n_kept : int
        Older predictions that were deleted, and that stay with their answers.
    """

    title: str
    push: PredictionsOutcome
    starts_from: str
    n_removed: int = 0
    n_kept: int = 0


def push_model(
    folder: Path,
    scorer: Scorer,
    model_sha256: str,
    options: PushOptions,
    settings: Settings,
    *,
    start: Path,
    say: Say,
    report: Reporter = silent,
) -> list[PushedProject]:
    """Score a study's items and send each task its prediction, exactly once.

    Parameters
    ----------
    folder : Path
        The study's folder.
    scorer : Scorer
        The model.
    model_sha256 : str
        Hash of its file.
    options : PushOptions
        What was asked for.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    list of PushedProject
        Of all projects with a page for each item. The same call finishes what
        was interrupted and doubles nothing.

    Raises
    ------
    StudyError
        If the study is blind and shall stay so, or of a kind without models.
    ModelError
        If the model is of another kind.
    SourceError
        If images cannot be read.
    ServerError, PartialError
        If the server refuses or breaks off.
    """
    with studies.locked(folder):
        study = studies.load(folder)
        _refuse_unfit(study, scorer, options)
        items = studies.read_items(folder)
        source = open_study_images(study, folder, items, options.source)
        connection = connect(settings, study, start)
        say(f"{connection.client.url}, study {folder.name}")
        predicted, parts = score_resumably(
            source,
            scorer,
            model_sha256,
            folder / MODEL_SCORES,
            skip_bad=options.skip_bad,
            say=say,
            report=report,
        )
        predictions = _tabulate(source, predicted.scores, scorer)
        study = _remember(folder, study, predictions, scorer, options)
        url_of = picture_addresses(folder, study)
        pushed = []
        for project in study.projects:
            if project.project_id is None:
                continue
            if project.view:
                say(f"{project.title}: pages of whole frames have no predictions, left as it is")
                continue
            page = kind_of(study).make_page(study, items, predictions, url_of, project.view)
            wanted = _wanted(page, predictions)
            check_predictions(page.config, list(wanted.values()))
            study, done = _push(
                folder, study, project, page, wanted, options, connection, say=say, report=report
            )
            pushed.append(done)
        parts.remove()
        return pushed


def _refuse_unfit(study: Study, scorer: Scorer, options: PushOptions) -> None:
    check_sent(study)
    if study.kind not in LABELS:
        msg = f"the study '{study.title}' is of the kind {study.kind}, for which there is no model"
        raise StudyError(msg)
    refuse_kind(scorer, study.kind)
    if study.blind and study.kind == cutouts.KIND:
        msg = (
            f"the study '{study.title}' is blind, and its pages have no label to go on from; "
            "import the table again without --blind for an assisted study"
        )
        raise StudyError(msg)
    if study.blind and not options.unblind:
        msg = (
            f"the study '{study.title}' is blind: predictions on the server can be opened by "
            "everybody who answers; import the source again without --blind, or make this study an "
            "assisted one for good with --unblind"
        )
        raise StudyError(msg)
    if options.start_from_model and study.kind != cutouts.KIND:
        msg = "--start-from-model is for cutouts: pages of STED images start from the model anyway"
        raise StudyError(msg)


def _tabulate(source: ImageSource, scores: Floats, scorer: Scorer) -> pd.DataFrame:
    """Write what pages may start from, as a study keeps it: ``item_id, label, score, ...``."""
    negative, positive = LABELS[scorer.kind]
    table = pd.DataFrame(
        {
            "item_id": source.rows["item_id"],
            "label": np.where(scores >= scorer.threshold, positive, negative),
            "score": scores,
            "model_version": scorer.version,
        }
    )
    return table.loc[np.isfinite(scores)].reset_index(drop=True)


def _remember(
    folder: Path, study: Study, predictions: pd.DataFrame, scorer: Scorer, options: PushOptions
) -> Study:
    """Keep what will be on the server before the first request.

    Whoever joins later, and what `check` and `export` compare with, is then
    right also after a kill.
    """
    kept: dict[str, Any] = {PUSHED_VERSIONS: versions_with(study, folder, scorer.version)}
    if study.kind == sted_quality.KIND:
        studies.write_predictions(folder, predictions)
        kept[STARTS_FROM] = scorer.version
    elif options.start_from_model:
        kept[STARTS_FROM] = scorer.version
    if STARTS_FROM in kept:
        # The order repeats what pages have started from until now.
        study = without_queues(study)
    study = study.model_copy(update={"blind": False, "options": {**study.options, **kept}})
    studies.save(folder, study)
    return study


def _wanted(page: Page, predictions: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give each item's prediction: the page's own, with the model's score and name."""
    columns = (predictions["item_id"], predictions["score"], predictions["model_version"])
    scores = {item: (float(score), version) for item, score, version in zip(*columns, strict=True)}
    return {
        item_id: {
            "model_version": scores[item_id][1],
            "score": scores[item_id][0],
            "result": task["predictions"][0]["result"],
        }
        for task in page.tasks
        if (item_id := str(task["data"]["item_id"])) in scores
    }


def _push(
    folder: Path,
    study: Study,
    project: Project,
    page: Page,
    wanted: Mapping[str, Mapping[str, Any]],
    options: PushOptions,
    connection: Connection,
    *,
    say: Say,
    report: Reporter,
) -> tuple[Study, PushedProject]:
    client, project_id = connection.client, int(project.project_id or 0)
    read_project(client, project_id, title=project.title)
    push = push_predictions(
        client,
        project_id,
        wanted,
        study_folder=folder,
        settle_s=connection.request_limit_s,
        server_start=connection.server_start,
        say=say,
        report=report,
    )
    shown = start_version(study, project, str(page.model_version))
    if shown not in study.options.get(QUEUES, {}).values():
        serve_by(client, project_id, IN_ORDER)
    if study.kind == sted_quality.KIND:
        study = say_how_to_agree(client, folder, study, project, page, report)
    show_predictions(client, project_id, shown)
    n_removed = n_kept = 0
    if options.replace:
        present = next(iter(wanted.values()))["model_version"]
        # Those that came with the import are the source's, not this command's.
        own = set(study.options[PUSHED_VERSIONS]) - {present, shown, cutouts.PRESENT_LABEL}
        own -= {str(study.options.get("model_version"))}
        n_removed, n_kept = remove_older(client, project_id, own, report=report)
        # Deleting predictions may have emptied it.
        show_predictions(client, project_id, shown)
    return study, PushedProject(project.title, push, shown, n_removed, n_kept)


def say_how_to_agree(
    client: Client, folder: Path, study: Study, project: Project, page: Page, report: Reporter
) -> Study:
    """Change pages that say how to answer an empty page.

    There the key of the answer that is set already would take it away.

    Parameters
    ----------
    client : Client
        The session.
    folder : Path
        The study's folder; its lock must be held.
    study : Study
        The study.
    project : Project
        Of the study, on the server.
    page : Page
        As it is with predictions.
    report : Reporter
        Told of progress.

    Returns
    -------
    Study
        Perhaps changed, and then saved.
    """
    wanted = {str(task["data"]["item_id"]): task["data"] for task in page.tasks}
    project_id = int(project.project_id or 0)
    stale = [
        (int(task["id"]), {**task["data"], "keys": ours["keys"]})
        for task in list_tasks(client, project_id)
        if (ours := wanted.get(str(task["data"].get("item_id"))))
        and task["data"].get("keys") != ours["keys"]
    ]
    for number, (task_id, data) in enumerate(stale):
        report("changing the pages' words", number, len(stale))
        client.patch(f"/api/tasks/{task_id}", json={"data": data})
    if stale:
        report("changing the pages' words", len(stale), len(stale))
    text = page.instructions + study.instructions_html
    text_sha256 = hashlib.sha256(text.encode()).hexdigest()
    if project.instructions_sha256 != text_sha256:
        client.patch(f"/api/projects/{project_id}", json={"expert_instruction": text})
        changed = project.model_copy(update={"instructions_sha256": text_sha256})
        study = study.with_project(changed)
        studies.save(folder, study)
    return study
