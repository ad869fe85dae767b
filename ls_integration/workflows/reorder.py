"""`reorder`: what nobody has answered yet is asked in a new order, most worth a look first.

Label Studio serves a project by the score of the predictions from which its
pages start. So each open task gets that prediction once more, with the same
result, and its place in the queue as the score. What the model says of its own
certainty stands in the task's data and in the model's own predictions.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration import study as studies
from ls_integration.errors import StudyError
from ls_integration.kinds.kind import Page, Tab
from ls_integration.kinds.registry import kind_of
from ls_integration.models.model import Scorer
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.predictions import PredictionsOutcome, push_predictions, remove_older
from ls_integration.server.projects import read_project
from ls_integration.server.pull import pull_answers
from ls_integration.server.storage import picture_url
from ls_integration.server.tabs import ensure_tabs
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, connect, project_link, tab_link
from ls_integration.workflows.model_images import LABELS
from ls_integration.workflows.order_ranking import Ranking, ReorderOptions, make_ranking
from ls_integration.workflows.project_answers import check_sent
from ls_integration.workflows.study_projects import (
    BY_SCORE,
    PUSHED_VERSIONS,
    QUEUES,
    serve_by,
    show_predictions,
    start_version,
    versions_with,
)

QUEUE_MARK = "/queue-"
"""Between the version of the predictions whose result is repeated, and the digits of the order."""

TAB = "Most worth a look first"
"""The tab whose stream follows the order where Label Studio's own does not."""


@dataclass(frozen=True)
class ReorderedProject:
    """What became of one project.

    Attributes
    ----------
    title : str
        Of the project.
    link : str
        The stream that follows the new order.
    n_ranked : int
        Items that nobody has answered, in the new order.
    n_begun : int
        Items that lack an answer and were answered or skipped once: they come
        first.
    n_answered : int
        Items that are not asked any more.
    n_left : int
        Items whose page starts from nothing: they have no place in the order.
    push : PredictionsOutcome
        Counts of the predictions that hold the order.
    n_removed : int
        Predictions of an older order that were deleted.
    """

    title: str
    link: str
    n_ranked: int
    n_begun: int
    n_answered: int
    n_left: int
    push: PredictionsOutcome
    n_removed: int


def reorder(
    folder: Path,
    scorer: Scorer | None,
    model_sha256: str,
    options: ReorderOptions,
    settings: Settings,
    *,
    start: Path,
    say: Say,
    report: Reporter = silent,
) -> list[ReorderedProject]:
    """Ask what nobody has answered yet in the order most worth a look.

    Parameters
    ----------
    folder : Path
        The study's folder.
    scorer : Scorer or None
        Model that says what is doubtful; None: the scores that the study was
        imported with.
    model_sha256 : str
        Hash of its file; empty without one.
    options : ReorderOptions
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
    list of ReorderedProject
        Of all projects with a page for each item. The same call finishes what
        was interrupted and doubles nothing.

    Raises
    ------
    StudyError
        If the study is blind, its pages start empty, or it has no scores.
    ModelError
        If the model is of another kind.
    ConfigError
        If nothing says from which score on the model calls an item positive.
    SourceError
        If images cannot be read.
    ServerError, PartialError
        If the server refuses or breaks off.
    """
    with studies.locked(folder):
        study = studies.load(folder)
        items = studies.read_items(folder)
        page = _page(folder, study, items)
        connection = connect(settings, study, start)
        say(f"{connection.client.url}, study {folder.name}")
        ranking = make_ranking(
            folder, study, items, scorer, model_sha256, options, say=say, report=report
        )
        done = []
        for project in study.projects:
            if project.project_id is None:
                continue
            if project.view:
                say(f"{project.title}: pages of whole frames are asked in their own order")
                continue
            base = start_version(study, project, str(page.model_version), with_queue=False)
            study, one = _reorder_project(
                folder, study, project, page, base, ranking, connection, say=say, report=report
            )
            done.append(one)
        return done


def _page(folder: Path, study: Study, items: pd.DataFrame) -> Page:
    """Give the page of the study's items, and refuse studies that cannot be put into order."""
    check_sent(study)
    if study.blind:
        msg = (
            f"the study '{study.title}' is blind: the order would tell what the model doubts, and "
            "its predictions could be opened; only an assisted study can be put into order"
        )
        raise StudyError(msg)
    predictions = studies.read_predictions(folder)
    page = kind_of(study).make_page(study, items, predictions, picture_url, "")
    if study.kind not in LABELS or page.model_version is None:
        msg = (
            f"the pages of the study '{study.title}' start empty, and what they start from holds "
            "the order; "
        )
        msg += (
            "send a model's answers with `push-predictions` first"
            if study.kind in LABELS
            else "import into another study with --order uncertain"
        )
        raise StudyError(msg)
    return page


def _reorder_project(
    folder: Path,
    study: Study,
    project: Project,
    page: Page,
    base: str,
    ranking: Ranking,
    connection: Connection,
    *,
    say: Say,
    report: Reporter,
) -> tuple[Study, ReorderedProject]:
    client, project_id = connection.client, int(project.project_id or 0)
    read_project(client, project_id, title=project.title)
    listed = pull_answers(client, project_id, with_predictions=True, report=report)
    tasks = {str(task["data"].get("item_id")): task for task in listed}
    item_ids = ranking.items["item_id"].tolist()
    need = study.overlap or 1
    states = [_state(tasks.get(item_id), need) for item_id in item_ids]
    begun = [item_id for item_id, state in zip(item_ids, states, strict=True) if state == "begun"]
    untouched = np.array([row for row, state in enumerate(states) if state == "untouched"], "intp")
    ranked = [item_ids[place] for place in ranking.order(untouched)] if len(untouched) else []
    starts = {
        item_id: one["result"]
        for item_id in (*begun, *ranked)
        for one in tasks[item_id]["predictions"]
        if one["model_version"] == base
    }
    order = [item_id for item_id in (*begun, *ranked) if item_id in starts]
    now = str(study.options.get(QUEUES, {}).get(project.key, ""))
    version = now if _is_in_order(tasks, order, base, now) else _version(base, order)
    wanted = {
        item_id: {"model_version": version, "score": place / len(order), "result": starts[item_id]}
        for place, item_id in enumerate(order)
    }
    if version == now:
        push = PredictionsOutcome(0, len(wanted), 0)
    else:
        study = _remember(folder, study, page, version)
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
        queues = {**study.options.get(QUEUES, {}), project.key: version}
        study = study.model_copy(update={"options": {**study.options, QUEUES: queues}})
        studies.save(folder, study)
    n_removed = 0
    if order:
        show_predictions(client, project_id, version)
        serve_by(client, project_id, BY_SCORE)
        older = {name for name in study.options[PUSHED_VERSIONS] if QUEUE_MARK in name} - {version}
        n_removed, _ = remove_older(client, project_id, older, report=report)
        # Deleting predictions may have emptied it.
        show_predictions(client, project_id, version)
    done = ReorderedProject(
        title=project.title,
        link=_stream(connection, project_id, page, need),
        n_ranked=sum(item_id in starts for item_id in ranked),
        n_begun=sum(item_id in starts for item_id in begun),
        n_answered=states.count("answered"),
        n_left=len(begun) + len(ranked) - len(order),
        push=push,
        n_removed=n_removed,
    )
    return study, done


def _state(task: Mapping[str, Any] | None, need: int) -> str:
    """Say whether a task is still asked, and whether anybody has touched it."""
    if task is None:
        return "absent"
    given = task["annotations"]
    people = {one["completed_by"] for one in given if not one["was_cancelled"]}
    if len(people) >= need:
        return "answered"
    return "begun" if given else "untouched"


def _is_in_order(
    tasks: Mapping[str, Mapping[str, Any]], order: Sequence[str], base: str, version: str
) -> bool:
    """Tell whether the server has the order already, perhaps among what was answered since."""
    if not version.startswith(f"{base}{QUEUE_MARK}"):
        return False
    scores = []
    for item_id in order:
        stored = [
            one["score"] for one in tasks[item_id]["predictions"] if one["model_version"] == version
        ]
        if len(stored) != 1 or stored[0] is None:
            return False
        scores.append(float(stored[0]))
    return all(earlier < later for earlier, later in zip(scores, scores[1:], strict=False))


def _version(base: str, order: Sequence[str]) -> str:
    """Name an order: the same one has the same name, so that a rerun finds what is there."""
    digits = hashlib.sha256("\n".join(order).encode()).hexdigest()[:8]
    return f"{base}{QUEUE_MARK}{digits}"


def _remember(folder: Path, study: Study, page: Page, version: str) -> Study:
    """Note the version before it is sent: what a kill leaves behind is then known as ours."""
    shown = [str(page.model_version)] if study.options.get(PUSHED_VERSIONS) is None else []
    versions = versions_with(study, folder, *shown, version)
    study = study.model_copy(update={"options": {**study.options, PUSHED_VERSIONS: versions}})
    studies.save(folder, study)
    return study


def _stream(connection: Connection, project_id: int, page: Page, need: int) -> str:
    """Give the address of the stream that follows the order.

    A project that asks for one answer follows the scores itself, and keeps what
    one person has open from the others, which a tab's stream would not. Where
    more are asked for, Label Studio first takes at random what others have
    begun; a tab's stream does not.
    """
    client = connection.client
    if need == 1:
        return project_link(client.url, project_id)
    hidden = page.tabs[0].hidden if page.tabs else ()
    tab = Tab(TAB, order_by="predictions_score", hidden=hidden)
    return tab_link(client.url, project_id, ensure_tabs(client, project_id, [tab])[TAB])
