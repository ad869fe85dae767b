"""`retrain`: a model learns from what people corrected, and stays if that did not help."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from ls_integration import study as study_folder
from ls_integration.errors import ModelError, SourceError, StudyError
from ls_integration.files import write_bytes
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.models.corrections import Corrected, compare, correct
from ls_integration.models.model import Model
from ls_integration.models.saved import MODEL_SUFFIX, load_model, read_bounded, save_model
from ls_integration.models.training_data import (
    TrainingData,
    load_training,
    save_training,
    training_path,
)
from ls_integration.progress import Reporter, Say, silent
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.backend import BACKEND_URL, connect
from ls_integration.workflows.backend_model import refuse_blind
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.connection import connect as open_session
from ls_integration.workflows.corrected_items import decided_answers, describe_items, targets
from ls_integration.workflows.model_images import Batch, ImageSource
from ls_integration.workflows.project_answers import read_projects
from ls_integration.workflows.push_predictions import PushOptions, push_model
from ls_integration.workflows.study_inputs import study_inputs
from ls_integration.workflows.train import Known, TrainOptions, fit_model

_KINDS = {
    sted_quality.KIND: sted_quality.KIND,
    sted_rating.KIND: sted_quality.KIND,
    cutouts.KIND: cutouts.KIND,
}
"""Kind of study -> kind of the models that learn from it."""


@dataclass(frozen=True)
class Retrained:
    """What became of a training.

    Attributes
    ----------
    before, after : str
        Versions of the model, and of the one that was trained.
    is_kept : bool
        Whether the new one has taken the old one's place.
    auc_before, auc_after : float
        Out of fold, on the corrected targets of groups that neither has seen.
    n_answers : int
        Items that people have decided.
    n_changed, n_added : int
        Rows of the training data that are other now, and new ones.
    n_sent : int
        New predictions on the server.
    """

    before: str
    after: str
    is_kept: bool
    auc_before: float
    auc_after: float
    n_answers: int
    n_changed: int
    n_added: int
    n_sent: int = 0


def retrain(
    folder: Path,
    model_path: Path,
    settings: Settings,
    start: Path,
    *,
    say: Say,
    report: Reporter = silent,
) -> Retrained:
    """Train a model again on its first data and what a study's people said.

    The new model takes the old one's place only if, by cross-validation in the
    same groups, it is not worse. Then its predictions go to the server before
    its file is exchanged: nobody opens a page for which there is none.

    Parameters
    ----------
    folder : Path
        The study's folder.
    model_path : Path
        The model, with the data of its first training beside it.
    settings : Settings
        Server, token, the backend's password.
    start : Path
        The working folder.
    say : callable
        Told what is done.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    Retrained
        What was compared and what was kept.

    Raises
    ------
    ModelError
        If the model cannot learn again, or is being trained already.
    StudyError
        If the study is blind, or of another question, or has no answers.
    SourceError
        If images cannot be read, or there is too little to learn from.
    ServerError
        If the server refuses.
    """
    lock = FileLock(model_path.with_name(f".{model_path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        msg = f"{model_path} is being trained already; wait until that has ended"
        raise ModelError(msg) from None
    try:
        study = study_folder.load(folder)
        refuse_blind(study)
        model = load_model(model_path)
        if _KINDS.get(study.kind) != model.kind:
            msg = f"the study '{study.title}' is of {study.kind}, the model of {model.kind}"
            raise StudyError(msg)
        connection = open_session(settings, study, start)
        with connection.client:
            corrected, n_answers = _corrected(folder, study, model, model_path, connection, report)
            say(
                f"{n_answers} items are decided: {corrected.n_changed} of the training are other "
                f"now, {corrected.n_added} are new"
            )
            outcome, new = _trained(
                study, model, _learnt(model_path, model), corrected, n_answers, say
            )
            if outcome.is_kept:
                n_sent = _exchange(
                    folder,
                    study,
                    model_path,
                    model,
                    new,
                    corrected.data,
                    connection,
                    settings,
                    start,
                    say,
                    report,
                )
                outcome = replace(outcome, n_sent=n_sent)
        return outcome
    finally:
        lock.release()


def _corrected(
    folder: Path,
    study: Study,
    model: Model,
    model_path: Path,
    connection: Connection,
    report: Reporter,
) -> tuple[Corrected, int]:
    before = load_training(model_path)
    if before.features_version != model.card.features_version:
        msg = f"the training data beside {model_path} are of other features; train it again"
        raise ModelError(msg)
    items = study_folder.read_items(folder)
    item_ids = dict.fromkeys(items["item_id"])
    found = read_projects(study, connection, report, item_ids=item_ids)
    tables = [one.annotations for one in found]
    answers = decided_answers(pd.concat(tables, ignore_index=True))
    target = targets(study.kind, answers, items, before.target)
    if not target:
        msg = f"nobody has decided anything yet in the study '{study.title}'"
        raise StudyError(msg)
    names = items["group"].fillna("").astype(str) if "group" in items else [""] * len(items)
    groups = dict(zip(items["item_id"].astype(str), names, strict=True))
    answered = describe_items(model, target, study_inputs(study, items), groups)
    return correct(before, answered), len(target)


def _learnt(model_path: Path, model: Model) -> TrainingData:
    """Read what the present model has learnt from: its first data, or corrected ones."""
    own = _versioned(model_path, model.version)
    return load_training(own if training_path(own).exists() else model_path)


def _trained(
    study: Study,
    model: Model,
    learnt: TrainingData,
    corrected: Corrected,
    n_answers: int,
    say: Say,
) -> tuple[Retrained, Model]:
    """Compare old and new on unseen groups, then train the new one on everything."""
    recipe, after = model.card.recipe, corrected.data
    seed = int(model.card.parameters.get("seed") or 0)
    try:
        auc_before, auc_after = compare(learnt, after, recipe, seed)
    except ValueError as error:
        msg = f"cannot train {recipe} again: {error}; it needs more answers"
        raise SourceError(msg) from None
    say(f"area under the ROC curve on unseen groups: {auc_before:.4f} before, {auc_after:.4f} now")
    digest = hashlib.sha256(after.features.tobytes() + after.target.tobytes())
    digest.update("\n".join(after.groups).encode())
    has_groups = bool((after.groups != "").any())
    known = Known(
        after.features,
        after.target,
        after.group_numbers if has_groups else None,
        digest.hexdigest(),
        tuple(after.groups),
    )
    given = model.card.parameters.get("threshold")
    options = TrainOptions(recipe, None if given is None else float(given), seed)
    new = fit_model(_as_source(study, model), known, recipe, options, say=say)
    is_kept = auc_after >= auc_before and new.version != model.version
    counts = (n_answers, corrected.n_changed, corrected.n_added)
    return Retrained(model.version, new.version, is_kept, auc_before, auc_after, *counts), new


def _as_source(study: Study, model: Model) -> ImageSource:
    """Say what the items are; their features are known, so no image is read."""

    def never(_: int) -> Batch:
        raise NotImplementedError

    grouped_by = "frame" if model.kind == cutouts.KIND else "session"
    return ImageSource(model.kind, study.title, pd.DataFrame(), grouped_by, (), never, "")


def _exchange(
    folder: Path,
    study: Study,
    model_path: Path,
    old: Model,
    new: Model,
    data: TrainingData,
    connection: Connection,
    settings: Settings,
    start: Path,
    say: Say,
    report: Reporter,
) -> int:
    """Send the new model's predictions, put its file in the old one's place, tell the server."""
    _keep(model_path, old.version, read_bounded(model_path))
    versioned = _versioned(model_path, new.version)
    save_training(versioned, data)
    save_model(versioned, new)
    content = read_bounded(versioned)
    n_sent = 0
    if study.kind != sted_rating.KIND:
        pushed = push_model(
            folder,
            new,
            hashlib.sha256(content).hexdigest(),
            PushOptions(replace=True, skip_bad=True),
            settings,
            start=start,
            say=say,
            report=report,
        )
        n_sent = sum(project.push.sent for project in pushed)
    write_bytes(model_path, content)
    url = study.options.get(BACKEND_URL)
    if url:
        shown = {
            str(connection.client.get(f"/api/projects/{project.project_id}")["model_version"])
            for project in study.projects
            if project.project_id is not None and not project.view
        }
        done = connect(
            connection.client,
            folder,
            str(url),
            password=settings.backend_password,
            # Cutouts whose pages start from the model go on doing so.
            start_from_model=study.kind == cutouts.KIND and cutouts.PRESENT_LABEL not in shown,
        )
        for one in done:
            say(f"{one.title}: the backend answers as '{one.model_version}'")
    return n_sent


def _keep(model_path: Path, version: str, content: bytes) -> None:
    path = _versioned(model_path, version)
    if not path.exists():
        write_bytes(path, content)


def _versioned(model_path: Path, version: str) -> Path:
    return model_path.with_name(f"{model_path.stem}.{version}{MODEL_SUFFIX}")


def go_last() -> None:
    """Let everything else on this machine go first: somebody waits for predictions."""
    os.setpriority(os.PRIO_PROCESS, 0, 10)
