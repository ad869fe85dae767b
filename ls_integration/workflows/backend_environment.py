"""The ML backend of a container: what the environment names, served."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ls_integration import settings
from ls_integration import study as study_folder
from ls_integration.errors import ConfigError
from ls_integration.serving.application import application
from ls_integration.serving.predictor import StoredScores
from ls_integration.serving.score_table import read_score_table
from ls_integration.workflows.backend_model import model_application, served_model
from ls_integration.workflows.backend_server import Address, check_password

if TYPE_CHECKING:
    from flask import Flask

MODEL_VARIABLE = "LS_INTEGRATION_MODEL"
STUDY_VARIABLE = "LS_INTEGRATION_STUDY"
"""The model's file, and the folder of the study whose images it looks at."""

SCORES_VARIABLE = "LS_INTEGRATION_SCORES"
VERSION_VARIABLE = "LS_INTEGRATION_MODEL_VERSION"
THRESHOLD_VARIABLE = "LS_INTEGRATION_MODEL_THRESHOLD"
"""Instead of a model: a score table, its name, the threshold."""

_EVERYBODY = "0.0.0.0"
"""Where a container listens."""


def application_from_environment() -> "Flask":
    """Make the application that the environment describes.

    Returns
    -------
    Flask
        Ready for gunicorn.

    Raises
    ------
    ConfigError
        If neither model nor score table is named, no password is set, or the
        threshold is no number.
    ModelError, SourceError, StudyError
        If what is named cannot be served.
    """
    chosen = settings.load()
    check_password(Address(_EVERYBODY, 9090, chosen.backend_password))
    model = os.environ.get(MODEL_VARIABLE)
    if model:
        name = os.environ.get(STUDY_VARIABLE)
        study = study_folder.find(name, Path.cwd()) if name else None
        served = served_model(Path(model), study, chosen, Path.cwd())
        return model_application(
            served, _folder(), password=chosen.backend_password, say=lambda _: None
        )
    scores = os.environ.get(SCORES_VARIABLE)
    if not scores:
        msg = (
            f"nothing to serve; set {MODEL_VARIABLE} to a model, or {SCORES_VARIABLE} to a CSV file"
        )
        raise ConfigError(msg)
    text = os.environ.get(THRESHOLD_VARIABLE) or None
    try:
        threshold = None if text is None else float(text)
    except ValueError:
        msg = f"{THRESHOLD_VARIABLE} is '{text}'; set it to a number or unset it"
        raise ConfigError(msg) from None
    version = os.environ.get(VERSION_VARIABLE) or None
    table = read_score_table(Path(scores), model_version=version, threshold=threshold)
    return application(StoredScores(table), _folder(), password=chosen.backend_password)


def _folder() -> Path:
    """Make a folder that is private to this process, and goes with its container."""
    folder = Path(tempfile.mkdtemp(prefix="ls-integration-backend-")) / "models"
    folder.mkdir()
    return folder
