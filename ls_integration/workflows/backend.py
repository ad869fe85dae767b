"""Serve stored scores to Label Studio, and connect a study's projects to them."""

import logging
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ls_integration import study as study_folder
from ls_integration.errors import ConfigError, StudyError
from ls_integration.kinds import sted_rating
from ls_integration.serving.application import application
from ls_integration.serving.score_table import ScoreTable, read_score_table

if TYPE_CHECKING:
    from ls_integration.server.client import Client

THREADS = 4
"""One worker holds the scores; so many requests are answered at once."""


def read_scores(
    scores: Path, *, study: Path | None, model_version: str | None, threshold: float | None
) -> ScoreTable:
    """Read the scores to serve, joined to a study's items where one is given.

    Parameters
    ----------
    scores : Path
        CSV with ``item_id`` or ``path``, ``model_score`` and, without a
        threshold, ``model_label``.
    study : Path, optional
        Folder of the study whose items the paths name.
    model_version : str, optional
        Name of the model; by default the table's own.
    threshold : float, optional
        Score from which on an item is positive.

    Returns
    -------
    ScoreTable
        At least one score.

    Raises
    ------
    SourceError
        If the table breaks its contract.
    StudyError
        If the folder is no study, or a blind one.
    """
    source_paths = None
    if study is not None:
        _refuse_unfit(study_folder.load(study))
        items = study_folder.read_items(study)
        source_paths = dict(zip(items["item_id"], items["source_path"], strict=True))
    return read_score_table(
        scores, model_version=model_version, threshold=threshold, source_paths=source_paths
    )


def serve(table: ScoreTable, *, host: str, port: int) -> None:
    """Serve a score table in the foreground until a signal ends it.

    Parameters
    ----------
    table : ScoreTable
        What to serve.
    host : str
        Address to listen on.
    port : int
        Port, 1 to 65535.

    Raises
    ------
    ConfigError
        If the address cannot be listened on, or a library is missing.
    """
    _refuse_taken(host, port)
    # The library writes requests, tokens included, at DEBUG.
    logging.getLogger("label_studio_ml").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="ls-integration-backend-") as folder:
        _run_gunicorn(application(table, Path(folder)), f"{_bracketed(host)}:{port}")


def connect(client: "Client", study: Path, backend_url: str) -> list[tuple[str, str, bool]]:
    """Connect all projects of a study to a backend.

    Parameters
    ----------
    client : Client
        Session with the study's server.
    study : Path
        The study's folder.
    backend_url : str
        Where the server reaches the backend.

    Returns
    -------
    list of tuple
        Title of the project, model version, whether anything was changed.

    Raises
    ------
    StudyError
        If the study is blind, or not on a server yet.
    ServerError
        If Label Studio or the backend refuses.
    """
    from ls_integration.server.backends import connect_backend

    if not backend_url.startswith(("http://", "https://")):
        msg = f"the backend's address '{backend_url}' does not start with http:// or https://"
        raise ConfigError(msg)
    plan = study_folder.load(study)
    _refuse_unfit(plan)
    project_ids = {
        project.title: project.project_id
        for project in plan.projects
        if project.project_id is not None
    }
    if not project_ids:
        msg = f"study '{plan.title}' has no project on a server yet; run its `import` first"
        raise StudyError(msg)
    connected = []
    for title, project_id in project_ids.items():
        version, changed = connect_backend(client, project_id, backend_url)
        connected.append((title, version, changed))
    return connected


def _refuse_unfit(plan: study_folder.Study) -> None:
    if plan.blind:
        msg = (
            f"study '{plan.title}' is blind: a backend would show the reviewers the model's "
            "answer; import the source again without --blind for an assisted study"
        )
        raise StudyError(msg)
    if plan.kind == sted_rating.KIND:
        msg = f"study '{plan.title}' asks for ratings, which never start from a model's answer"
        raise StudyError(msg)


def _refuse_taken(host: str, port: int) -> None:
    """Ask first: gunicorn would try five times and leave with a code of its own."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"cannot listen on {host}:{port} ({reason}); choose another --port or --host"
        raise ConfigError(msg) from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _run_gunicorn(app: Any, address: str) -> None:
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            # One worker, since its memory holds the scores; no control socket in the home.
            options = {
                "bind": [address],
                "workers": 1,
                "threads": THREADS,
                "control_socket_disable": True,
                "loglevel": "warning",
                "proc_name": "ls-integration-backend",
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return app

    Server().run()
