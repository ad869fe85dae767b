"""Serve a trained model to Label Studio: what it is, and where it finds its images."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ls_integration import study as study_folder
from ls_integration.errors import ConfigError, StudyError
from ls_integration.serving.application import application
from ls_integration.serving.inputs import FindInput
from ls_integration.serving.live_model import LiveModel
from ls_integration.serving.model_file import ModelFile
from ls_integration.serving.task_pictures import Fetch, TaskPictures
from ls_integration.serving.training import Retraining
from ls_integration.settings import Settings
from ls_integration.workflows.connection import own_server
from ls_integration.workflows.study_inputs import StudyInputs

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True)
class ServedModel:
    """A model, and where its images are.

    Attributes
    ----------
    model : Path
        File of `train`, or a network of a lab's own.
    study : Path or None
        Folder of the study whose items are opened. Without it only tasks whose
        own image holds measured values are answered.
    media : Path or None
        Label Studio's media folder on this machine.
    url : str or None
        Label Studio, of which images are asked that are not in the folder.
    api_key : SecretStr or None
        Token for it; without it nothing is asked.
    retrain_after : int or None
        Train again after so many new answers; None: only when asked to.
    """

    model: Path
    study: Path | None = None
    media: Path | None = None
    url: str | None = None
    api_key: SecretStr | None = None
    retrain_after: int | None = None


def served_model(
    model: Path,
    study: Path | None,
    settings: Settings,
    start: Path,
    *,
    retrain_after: int | None = None,
) -> ServedModel:
    """Put together what a backend needs to know.

    Parameters
    ----------
    model : Path
        The model's file.
    study : Path or None
        Folder of a study.
    settings : Settings
        What the user said of the server and the media folder.
    start : Path
        The working folder, from which an embedded server is looked for.
    retrain_after : int, optional
        Train again after so many new answers.

    Returns
    -------
    ServedModel
        Complete.

    Raises
    ------
    ConfigError
        If it shall train without a study.
    StudyError
        If the study is blind.
    """
    if study is not None:
        refuse_blind(study_folder.load(study))
    elif retrain_after is not None:
        msg = "--retrain-after needs --study: it learns from the answers of one"
        raise ConfigError(msg)
    url, api_key, media = own_server(settings, start)
    return ServedModel(model.absolute(), study, media, url, api_key, retrain_after)


def refuse_blind(plan: study_folder.Study) -> None:
    """Refuse a study whose reviewers must not see a model's answer.

    Parameters
    ----------
    plan : Study
        The study.

    Raises
    ------
    StudyError
        If it is blind.
    """
    if plan.blind:
        msg = (
            f"study '{plan.title}' is blind: a backend would show the reviewers the model's "
            "answer; import the source again without --blind for an assisted study"
        )
        raise StudyError(msg)


def model_application(
    served: ServedModel, folder: Path, *, password: SecretStr | None, say: Callable[[str], None]
) -> "Flask":
    """Load the model and make the web application that serves it.

    Parameters
    ----------
    served : ServedModel
        What to serve.
    folder : Path
        An empty folder, private to this process.
    password : SecretStr or None
        Asked of whoever calls.
    say : callable
        Told which model it is.

    Returns
    -------
    Flask
        The application.

    Raises
    ------
    ModelError
        If the model cannot be used.
    StudyError, SourceError
        If the study's images are not there.
    """
    model = LiveModel(ModelFile(served.model), _find_input(served, folder.parent))
    say(model.model_version)
    listener = None if served.study is None else _retraining(served, served.study, password)
    return application(model, folder, password=password, listener=listener)


def _retraining(served: ServedModel, study: Path, password: SecretStr | None) -> Retraining:
    environment = {
        "LABEL_STUDIO_URL": served.url,
        "LABEL_STUDIO_API_KEY": _text(served.api_key),
        "LS_INTEGRATION_BACKEND_PASSWORD": _text(password),
    }

    def projects() -> set[int]:
        # Read anew: people join a study while its backend runs.
        known = study_folder.load(study).projects
        return {project.project_id for project in known if project.project_id is not None}

    words = ("retrain", str(study), "--model", str(served.model))
    return Retraining(
        [sys.executable, "-m", "ls_integration", *words],
        {name: value for name, value in environment.items() if value},
        projects,
        served.retrain_after,
        served.model.with_suffix(".answers.json"),
        served.model.with_suffix(".training.log"),
    )


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _find_input(served: ServedModel, folder: Path) -> FindInput:
    if served.study is not None:
        return StudyInputs(served.study)
    fetch: Fetch | None = None
    if served.url is not None and served.api_key is not None:
        from ls_integration.server.fetching import fetcher

        fetch = fetcher(served.url, served.api_key)
    fetched = folder / "fetched"
    fetched.mkdir(exist_ok=True)
    return TaskPictures(served.media, fetch, fetched)
