"""The ML backend as a web application: label-studio-ml with its traps closed.

label-studio-ml 1.0.9 makes a model object on every ``/setup``, which Label
Studio calls on every opening of a task; forks a process for every annotation
it is told of; names every untrained model ``INITIAL``; and answers errors with
a traceback. So the scores are read once, events are answered without work, the
version is the table's, and an error is one line.
"""

import os
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ls_integration.errors import ConfigError, IntegrationError
from ls_integration.serving.predictions import choices_for, predictions_for_tasks
from ls_integration.serving.score_table import ScoreTable, read_score_table

if TYPE_CHECKING:
    from flask import Flask, Response

SCORES_VARIABLE = "LS_INTEGRATION_SCORES"
VERSION_VARIABLE = "LS_INTEGRATION_MODEL_VERSION"
THRESHOLD_VARIABLE = "LS_INTEGRATION_MODEL_THRESHOLD"
"""What a container is told: the score table, its name, the threshold."""

_OLDEST_FLASK = 3
_HOW_TO_INSTALL = "install it as docs/install.md says, from requirements.lock"
_TABLE, _GUARDED = "LS_INTEGRATION_TABLE", "LS_INTEGRATION_GUARDED"


def application_from_environment() -> "Flask":
    """Make the application that the environment describes, for a container.

    Returns
    -------
    Flask
        Ready for gunicorn.

    Raises
    ------
    ConfigError
        If no score table is named, or the threshold is no number.
    SourceError
        If the table breaks its contract.
    """
    scores = os.environ.get(SCORES_VARIABLE)
    if not scores:
        msg = f"no score table is named; set {SCORES_VARIABLE} to a CSV file"
        raise ConfigError(msg)
    text = os.environ.get(THRESHOLD_VARIABLE) or None
    try:
        threshold = None if text is None else float(text)
    except ValueError:
        msg = f"{THRESHOLD_VARIABLE} is '{text}'; set it to a number or unset it"
        raise ConfigError(msg) from None
    version = os.environ.get(VERSION_VARIABLE) or None
    table = read_score_table(Path(scores), model_version=version, threshold=threshold)
    return application(table, Path(tempfile.mkdtemp(prefix="ls-integration-backend-")))


def application(table: ScoreTable, folder: Path) -> "Flask":
    """Make the web application that serves *table*.

    There is one in a process: label-studio-ml keeps its state in globals, and
    a second call exchanges the table.

    Parameters
    ----------
    table : ScoreTable
        Held in memory; nothing is read again.
    folder : Path
        An empty folder, private to this process: label-studio-ml lists it at
        each set-up and would keep trainings in it.

    Returns
    -------
    Flask
        ``/health``, ``/setup``, ``/predict`` and the rest of the protocol.

    Raises
    ------
    ConfigError
        If label-studio-ml or a Flask that is fit for use is not installed.
    """
    _refuse_old_libraries()
    from label_studio_ml.api import init_app
    from label_studio_ml.model import LabelStudioMLBase, LabelStudioMLManager

    class StoredScores(LabelStudioMLBase):  # type: ignore[misc]
        """Predictions from the table; nothing is loaded when it is made."""

        def predict(self, tasks: list[dict[str, Any]], **_: Any) -> list[Any]:
            from flask import request

            # Not self.label_config: that is the config of whichever project was set up last.
            xml = request.get_json()["label_config"]
            return predictions_for_tasks(tasks, table, choices_for(table, xml))

    app: Flask = init_app(model_class=StoredScores, model_dir=str(folder))
    app.config[_TABLE] = table
    if not app.config.get(_GUARDED):
        app.before_request(_answer_early)
        app.after_request(_tidy)
        app.config[_GUARDED] = True
    # A task may be opened before Label Studio has set up a backend that was restarted.
    LabelStudioMLManager.fetch()
    return app


def _refuse_old_libraries() -> None:
    try:
        metadata.version("label-studio-ml")
        flask = metadata.version("flask")
    except metadata.PackageNotFoundError as error:
        msg = f"the ML backend needs {error.name}, which is not installed; {_HOW_TO_INSTALL}"
        raise ConfigError(msg) from None
    if int(flask.split(".")[0]) < _OLDEST_FLASK:
        msg = f"the ML backend refuses Flask {flask}, which has known holes; {_HOW_TO_INSTALL}"
        raise ConfigError(msg)


def _answer_early() -> "tuple[dict[str, Any], int] | None":
    """Answer what needs no model: events, and requests that could only fail."""
    from flask import current_app, request

    if request.method != "POST":
        return None
    if request.path in ("/webhook", "/train"):
        return {}, 201  # stored scores learn nothing, so no process is forked
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        return {"detail": "the body is not a JSON object"}, 400
    config = {"/setup": "schema", "/predict": "label_config"}.get(request.path)
    if config is None:
        return None
    tasks = body.get("tasks", [] if request.path == "/setup" else None)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        return {"detail": "'tasks' is not a list of objects"}, 400
    if not isinstance(body.get(config), str):
        return {"detail": f"'{config}' is not a label config"}, 400
    try:
        choices_for(current_app.config[_TABLE], body[config])
    except IntegrationError as error:
        return {"detail": str(error)}, 400
    return None


def _tidy(response: "Response") -> "Response":
    """Put the table's version in place of INITIAL, and one line in place of a traceback."""
    from flask import current_app, json

    body = response.get_json(silent=True)
    if response.status_code >= 500:
        body = {"detail": "the ML backend failed; its log says why"}
    elif isinstance(body, dict) and "model_version" in body:
        body["model_version"] = current_app.config[_TABLE].model_version
    else:
        return response
    response.set_data(json.dumps(body))
    response.mimetype = "application/json"
    return response
