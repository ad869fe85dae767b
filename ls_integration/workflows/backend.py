"""The scores that a backend serves, and the projects that are connected to one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ls_integration import study as study_folder
from ls_integration.errors import ConfigError, StudyError
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.kinds.cutouts_page import FRAMES
from ls_integration.kinds.registry import kind_of
from ls_integration.kinds.sted_source import NORMAL
from ls_integration.progress import silent
from ls_integration.serving.guard import USERNAME, WEBHOOK_HEADER, webhook_word
from ls_integration.serving.score_table import ScoreTable, read_score_table
from ls_integration.workflows.backend_model import refuse_blind
from ls_integration.workflows.push_predictions import say_how_to_agree
from ls_integration.workflows.study_projects import PUSHED_VERSIONS, versions_with
from ls_integration.workflows.uploading import picture_addresses

if TYPE_CHECKING:
    from ls_integration.server.client import Client


BACKEND_URL = "backend_url"
"""Where a study keeps the address of its ML backend, among its options."""


@dataclass(frozen=True)
class Connected:
    """A project that is connected to a backend.

    Attributes
    ----------
    title : str
        Of the project.
    model_version : str
        What the backend says it is.
    was_changed : bool
        False if all was so already.
    starts_from_it : bool
        False: the pages go on starting from the present label, and Label Studio
        does not ask the backend.
    """

    title: str
    model_version: str
    was_changed: bool
    starts_from_it: bool


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
        plan = study_folder.load(study)
        refuse_blind(plan)
        if plan.kind == sted_rating.KIND:
            msg = f"study '{plan.title}' asks for ratings, which scores are not; serve a model"
            raise StudyError(msg)
        items = study_folder.read_items(study)
        source_paths = dict(zip(items["item_id"], items["source_path"], strict=True))
    return read_score_table(
        scores, model_version=model_version, threshold=threshold, source_paths=source_paths
    )


def connect(
    client: "Client",
    study: Path,
    backend_url: str,
    *,
    password: SecretStr | None = None,
    start_from_model: bool = False,
) -> Iterator[Connected]:
    """Connect all projects of a study to a backend.

    Parameters
    ----------
    client : Client
        Session with the study's server.
    study : Path
        The study's folder.
    backend_url : str
        Where the server reaches the backend.
    password : SecretStr, optional
        What the backend asks.
    start_from_model : bool
        Let also the pages of cutouts start from the model's answer, which else
        start from the present label.

    Yields
    ------
    Connected
        One for each project that asks about single items.

    Raises
    ------
    ConfigError
        If the address is none, or the option is not for this study.
    StudyError
        If the study is blind, or not on a server yet.
    ServerError
        If Label Studio or the backend refuses.
    """
    from ls_integration.server.backends import Login, connect_backend

    if not backend_url.startswith(("http://", "https://")):
        msg = f"the backend's address '{backend_url}' does not start with http:// or https://"
        raise ConfigError(msg)
    plan = study_folder.load(study)
    refuse_blind(plan)
    keeps_start = plan.kind == cutouts.KIND and not start_from_model
    projects = [project for project in plan.projects if project.project_id is not None]
    if not projects:
        msg = f"study '{plan.title}' has no project on a server yet; run its `import` first"
        raise StudyError(msg)
    login = None
    if password is not None:
        event_headers = {WEBHOOK_HEADER: webhook_word(password)}
        login = Login(USERNAME, password, event_headers)
    _remember(study, {BACKEND_URL: backend_url.rstrip("/")})
    for project in projects:
        if project.project_id is None or project.view == FRAMES:
            # Its boxes start without answers: one with an answer would count as answered.
            continue
        version, was_changed = connect_backend(
            client, project.project_id, backend_url, login=login, keeps_start=keeps_start
        )
        versions = versions_with(study_folder.load(study), study, version)
        _remember(study, {PUSHED_VERSIONS: versions})
        if plan.kind == sted_quality.KIND:
            _say_how_to_agree(client, study, project, version)
        yield Connected(project.title, version, was_changed, not keeps_start)


def _say_how_to_agree(
    client: "Client", folder: Path, project: study_folder.Project, version: str
) -> None:
    """Let the pages say that Enter agrees, also where they were imported to start empty."""
    with study_folder.locked(folder):
        plan, items = study_folder.load(folder), study_folder.read_items(folder)
        # That there are predictions decides about the words, not what they say.
        answers = items[["item_id"]].assign(label=NORMAL, score=0.0, model_version=version)
        url_of = picture_addresses(folder, plan)
        page = kind_of(plan).make_page(plan, items, answers, url_of, project.view)
        say_how_to_agree(client, folder, plan, project, page, silent)


def _remember(folder: Path, kept: Mapping[str, Any]) -> None:
    """Note which backend is ours (no other is told its password), and what it has answered."""
    with study_folder.locked(folder):
        plan = study_folder.load(folder)
        options = {**plan.options, **kept}
        if options != plan.options:
            study_folder.save(folder, plan.model_copy(update={"options": options}))
