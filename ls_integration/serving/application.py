"""The ML backend as a web application: label-studio-ml with its traps closed.

label-studio-ml 1.0.9 makes a model object on every ``/setup``, which Label
Studio calls on every opening of a task; forks a process for every annotation
it is told of; names every untrained model ``INITIAL``; and answers errors with
a traceback. So the predictor is made once, events go to whoever counts them,
the version is the predictor's, and an error is one line.
"""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from ls_integration.errors import ConfigError, IntegrationError
from ls_integration.serving.guard import TRUSTED, guarded
from ls_integration.serving.predictor import Predictor

if TYPE_CHECKING:
    from flask import Flask, Response


class Listener(Protocol):
    """Whoever is told of events."""

    @property
    def is_training(self) -> bool:
        """Say whether a training runs."""

    @property
    def n_new(self) -> int:
        """Give the number of answers that the model has not learnt from."""

    def __call__(self, event: str, payload: Mapping[str, Any]) -> None:
        """Take an event; it returns at once.

        Parameters
        ----------
        event : str
            As Label Studio's webhooks call it.
        payload : mapping
            What came with it.
        """


START_TRAINING = "START_TRAINING"
"""The event of the button "Start Training"."""

_OLDEST_FLASK = 3
_HOW_TO_INSTALL = "install it as docs/install.md says, from requirements.lock"
_PREDICTOR, _LISTENER = "LS_INTEGRATION_PREDICTOR", "LS_INTEGRATION_LISTENER"
_BARE = "LS_INTEGRATION_UNGUARDED"
_PAGE_KEYS = {"/setup": "schema", "/predict": "label_config"}


def application(
    predictor: Predictor,
    folder: Path,
    *,
    password: SecretStr | None = None,
    listener: Listener | None = None,
) -> "Flask":
    """Make the web application that serves *predictor*.

    There is one in a process: label-studio-ml keeps its state in globals, and
    a second call exchanges the predictor.

    Parameters
    ----------
    predictor : Predictor
        Asked by several threads at once.
    folder : Path
        An empty folder, private to this process: label-studio-ml lists it at
        each set-up and would keep trainings in it.
    password : SecretStr, optional
        Asked of whoever comes; see `guard.guarded`.
    listener : callable, optional
        Told of every event.

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

    class Served(LabelStudioMLBase):  # type: ignore[misc]
        """Predictions of the predictor; nothing is loaded when it is made."""

        def predict(self, tasks: list[dict[str, Any]], **_: Any) -> list[Any]:
            from flask import request

            # Not self.label_config: that is the config of whichever project was set up last.
            return predictor.predict(tasks, request.get_json()["label_config"])

    app: Flask = init_app(model_class=Served, model_dir=str(folder))
    app.config[_PREDICTOR] = predictor
    app.config[_LISTENER] = listener
    if _BARE not in app.config:
        app.config[_BARE] = app.wsgi_app
        # First of all: label-studio-ml's own hook reads the whole body.
        app.before_request_funcs.setdefault(None, []).insert(0, _answer_early)
        app.after_request(_tidy)
    app.wsgi_app = guarded(app.config[_BARE], password)  # type: ignore[method-assign, assignment]
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
    """Answer what needs no model, and requests that could only fail."""
    from flask import current_app, request

    predictor: Predictor = current_app.config[_PREDICTOR]
    listener: Listener | None = current_app.config[_LISTENER]
    if request.method != "POST":
        if request.path == "/is_training":
            return {"is_training": listener is not None and listener.is_training}, 200
        return _told(predictor, listener) if request.path in ("/", "/health") else None
    # Another type of content is what a foreign page in a browser could send unasked.
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        return {"detail": "the body is not a JSON object"}, 400
    if request.path in ("/webhook", "/train"):
        event = START_TRAINING if request.path == "/train" else body.get("action")
        if listener is not None and isinstance(event, str):
            listener(event, body)
        return {}, 201  # label-studio-ml would fork a process
    if request.path == "/versions":
        return {"versions": [predictor.model_version]}, 200
    config = _PAGE_KEYS.get(request.path)
    if config is None:
        return None
    tasks = body.get("tasks", [] if request.path == "/setup" else None)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        return {"detail": "'tasks' is not a list of objects"}, 400
    if not isinstance(body.get(config), str):
        return {"detail": f"'{config}' is not a label config"}, 400
    if not isinstance(body.get("params") or {}, dict):
        return {"detail": "'params' is not an object"}, 400
    try:
        predictor.check_page(body[config])
    except IntegrationError as error:
        return {"detail": str(error)}, 400
    return None


def _told(predictor: Predictor, listener: Listener | None) -> tuple[dict[str, Any], int]:
    """Say that it is up; about the model, only to who has the password."""
    from flask import request

    told: dict[str, Any] = {"status": "UP"}
    if request.environ.get(TRUSTED):
        told["model_version"] = predictor.model_version
        if predictor.problem:
            told["problem"] = predictor.problem
        if listener is not None:
            told["new_answers"] = listener.n_new
            told["is_training"] = listener.is_training
    return told, 200


def _tidy(response: "Response") -> "Response":
    """Put the model's version in place of INITIAL, and one line in place of a page."""
    from flask import current_app, json

    body = response.get_json(silent=True)
    if response.status_code >= 500:
        body = {"detail": "the ML backend failed; its log says why"}
    elif response.status_code >= 400 and not isinstance(body, dict):
        body = {"detail": response.status.lower()}
    elif isinstance(body, dict) and "model_version" in body:
        body["model_version"] = current_app.config[_PREDICTOR].model_version
    else:
        return response
    response.set_data(json.dumps(body))
    response.mimetype = "application/json"
    return response
