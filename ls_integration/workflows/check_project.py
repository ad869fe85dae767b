"""`check STUDY`: one project on the server against what the study sent to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import SecretStr

from ls_integration.errors import IntegrationError, some_of
from ls_integration.kinds.cutouts_page import CUTOUTS
from ls_integration.kinds.kind import Page
from ls_integration.kinds.registry import kind_of
from ls_integration.label_config import LabelConfig
from ls_integration.server.bucket_storage import bucket_storages, is_connected
from ls_integration.server.client import Client
from ls_integration.server.projects import description, read_project
from ls_integration.server.pull import pull_answers, tasks_with_drafts
from ls_integration.study import Project, Study
from ls_integration.workflows.backend import BACKEND_URL
from ls_integration.workflows.check_backends import (
    check_backends,
    check_from_here,
    check_webhooks,
)
from ls_integration.workflows.check_lines import AGAIN, Line, fine, going_on, wrong
from ls_integration.workflows.check_predictions import check_predictions_shown
from ls_integration.workflows.check_tasks import check_tasks, page_predictions, without_version
from ls_integration.workflows.edited_projects import changed_tags
from ls_integration.workflows.study_projects import PUSHED_VERSIONS
from ls_integration.workflows.uploading import UrlOf, bucket_of, is_uploaded


@dataclass(frozen=True)
class Expected:
    """What a study's projects should look like.

    Attributes
    ----------
    study : Study
        The study.
    items : DataFrame
        What is asked.
    predictions : DataFrame
        What the pages start from.
    server_folder : str or None
        Folder of the pictures as the server sees it; None if nobody said.
    url_of : callable
        Path of a picture below the media folder -> its address in the tasks.
    backend_password : SecretStr or None
        What the study's ML backend asks, as this side knows it.
    """

    study: Study
    items: pd.DataFrame
    predictions: pd.DataFrame
    server_folder: str | None
    url_of: UrlOf
    backend_password: SecretStr | None = None

    def config(self, view: str) -> LabelConfig:
        """Read the label page of the study's kind.

        Parameters
        ----------
        view : str
            Which of the kind's pages.

        Returns
        -------
        LabelConfig
            Of this version.

        Raises
        ------
        StudyError
            If this version does not know the kind.
        """
        return kind_of(self.study).read_config(self.study, view)

    def page(self, view: str) -> Page:
        """Write the page as an import would send it.

        Parameters
        ----------
        view : str
            Which of the kind's pages.

        Returns
        -------
        Page
            Of this version.
        """
        make_page = kind_of(self.study).make_page
        return make_page(self.study, self.items, self.predictions, self.url_of, view)


def check_project(client: Client, project: Project, expected: Expected) -> Iterator[Line]:
    """Look at one project.

    Parameters
    ----------
    client : Client
        The session.
    project : Project
        Of the study.
    expected : Expected
        What should be there.

    Yields
    ------
    Line
        Each begins with the project's title.
    """
    if project.project_id is None:
        return
    for line in _lines(client, project, project.project_id, expected):
        yield Line(line.state, f"{project.title} ({project.project_id}), {line.text}")


def _lines(client: Client, project: Project, project_id: int, expected: Expected) -> Iterator[Line]:
    try:
        shown = read_project(client, project_id, title=project.title)
        backends = client.get("/api/ml", params={"project": project_id})
        hooks = client.get("/api/webhooks/", params={"project": project_id})
        config = expected.config(project.view)
    except IntegrationError as error:
        yield Line("!!", str(error))
        return
    if shown["description"] != description(expected.study.uuid, project.key):
        # 33: SQLite gives the ids of deleted projects again.
        yield wrong(
            f"project: it is called '{shown['title']}' and is not the study's",
            "restore the server's backup, or its description if it was edited by hand",
        )
        return
    yield check_page(str(shown["label_config"]), config.xml)
    overlap = expected.study.overlap
    if overlap is not None and shown["maximum_annotations"] != overlap:
        asked = shown["maximum_annotations"]
        yield wrong(f"overlap: each image is asked {asked} times, not {overlap}", AGAIN)
    yield from going_on(_check_storage(client, project_id, expected))
    yield from going_on(_check_tasks(client, project, shown, backends, expected))
    yield from check_backends(
        backends,
        str(shown["model_version"] or ""),
        expected.study.blind,
        keeps_start=expected.study.kind == CUTOUTS.name,
    )
    if not expected.study.blind:
        yield from check_from_here(
            backends, expected.backend_password, expected.study.options.get(BACKEND_URL)
        )
    yield from check_webhooks(hooks, backends)


def check_page(on_server: str, ours: str) -> Line:
    """Compare what answers depend on in two label configs (2, 32).

    Parameters
    ----------
    on_server : str
        The project's XML, perhaps edited by hand.
    ours : str
        That of the study's kind.

    Returns
    -------
    Line
        Wrong if a tag with a name, its choices or their keys differ. Style and
        text may.
    """
    try:
        differ = changed_tags(on_server, ours)
    except IntegrationError as error:
        return Line("!!", str(error))
    if differ:
        return wrong(
            f"page: the label config was changed in {some_of(differ)}",
            "put it back under Settings, Labeling Interface; another question is another study",
        )
    return fine("page: the label config asks the study's question")


def _check_storage(client: Client, project_id: int, expected: Expected) -> Iterator[Line]:
    """Check that the project may show the study's pictures: a storage is the permission (7)."""
    if is_uploaded(expected.study):
        return
    if (bucket := bucket_of(expected.study)) is not None:
        folder = expected.study.pictures_folder
        connected = bucket_storages(client, project_id)
        if any(is_connected(storage, bucket, folder) for storage in connected):
            yield fine(f"storage: {bucket.uri(folder)}")
        else:
            yield wrong(f"storage: none is connected to {bucket.uri(folder)}", AGAIN)
        return
    storages = client.get("/api/storages/localfiles", params={"project": project_id})
    paths = [str(storage["path"]) for storage in storages]
    end = f"/{expected.study.pictures_folder}"
    fitting = [path for path in paths if path.endswith(end)]
    if not fitting:
        yield wrong("storage: none covers the study's pictures", AGAIN)
    elif expected.server_folder is not None and expected.server_folder not in fitting:
        yield wrong(
            f"storage: it is {fitting[0]} on the server, not {expected.server_folder}",
            "correct --media or --server-media",
        )
    else:
        yield fine(f"storage: {fitting[0]}")


def _check_tasks(
    client: Client,
    project: Project,
    shown: Mapping[str, Any],
    backends: Sequence[Mapping[str, Any]],
    expected: Expected,
) -> Iterator[Line]:
    """Read everything once, counted: tasks, predictions, answers (11, 13, 15, 16, 26, 29)."""
    project_id = int(project.project_id or 0)
    tasks = pull_answers(client, project_id, with_predictions=True)
    page = expected.page(project.view)
    images = {task["data"]["item_id"]: task["data"]["image"] for task in page.tasks}
    allowed = {name for task in page.tasks for name in task["data"]}
    yield from check_tasks(tasks, images, allowed if expected.study.blind else None)
    read = kind_of(expected.study).read_answer(page.config)
    if expected.study.blind and page.model_version is not None:
        # Boxes without an answer tell nothing.
        tasks, shown = without_version(tasks, shown, page.model_version)
    yield from check_predictions_shown(
        tasks,
        shown,
        predictions=page_predictions(page, read),
        served_versions=(
            {str(backend.get("model_version") or "") for backend in backends}
            | set(expected.study.options.get(PUSHED_VERSIONS, ()))
        )
        - {""},
        read=read,
        is_blind=expected.study.blind,
        asks_labels=bool(kind_of(expected.study).labels),
    )
    answers = [answer for task in tasks for answer in task["annotations"]]
    n_skipped = sum(bool(answer["was_cancelled"]) for answer in answers)
    n_drafts = len(tasks_with_drafts(client, project_id))
    yield fine(
        f"answers: {len(answers) - n_skipped}, {n_skipped} skipped, {n_drafts} drafts not "
        "submitted (drafts are not exported)"
    )
