"""A running study gets a new order, and Label Studio's streams follow it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import ServerError, StudyError
from ls_integration.kinds.kind import Tab
from ls_integration.models.model import Model
from ls_integration.models.queue import rank_queue
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import Person
from ls_integration.server.pull import pull_answers
from ls_integration.server.tabs import ensure_tabs
from ls_integration.settings import Settings, load
from ls_integration.workflows.check_study import check_study
from ls_integration.workflows.connection import connect
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.extend import extend
from ls_integration.workflows.extension_options import Addition
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.order_ranking import ReorderOptions
from ls_integration.workflows.predict import score_source
from ls_integration.workflows.push_predictions import PushOptions, push_model
from ls_integration.workflows.reorder import QUEUE_MARK, ReorderedProject, reorder
from ls_integration.workflows.sted_images import open_sted
from ls_integration.workflows.sted_options import ImportOptions
from ls_integration.workflows.train import TrainOptions, train
from tests.test_train import write_frames

N_IMAGES = 12

Import = Callable[..., ImportOutcome]
Reorder = Callable[..., list[ReorderedProject]]


@pytest.fixture(scope="module")
def people() -> dict[str, Person]:
    """Give the accounts that the imports of this module made."""
    return {}


@pytest.fixture(scope="module")
def model(repository: Path) -> Model:
    """Train a model of the sample."""
    source = open_sted(repository / "data" / "sted_sample")
    return train(source, TrainOptions(recipe="sted-fast"), say=lambda _: None)


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the session's server."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture
def imported(
    repository: Path, settings: Settings, tmp_path: Path, people: dict[str, Person]
) -> Import:
    """Give the import of some of the sample."""

    def run(title: str, **options: Any) -> ImportOutcome:
        given = {
            "source": repository / "data" / "sted_sample",
            "model_threshold": 0.5,
            "limit": N_IMAGES,
            **options,
        }
        return import_sted_quality(
            ImportOptions(title=title, **given),
            settings,
            start=tmp_path,
            say=lambda _: None,
            on_account=lambda _, person: people.update({person.name: person}),
        )

    return run


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Reorder:
    """Give `reorder` as the command runs it."""

    def put(
        folder: Path, scorer: Model | None = None, say: Callable[[str], None] = lambda _: None
    ) -> list[ReorderedProject]:
        sha256 = "m" if scorer else ""
        return reorder(folder, scorer, sha256, ReorderOptions(), settings, start=tmp_path, say=say)

    return put


@pytest.fixture
def session(
    live_server: EmbeddedServer, people: dict[str, Person]
) -> Iterator[Callable[[str], Client]]:
    """Give a function that logs somebody in."""
    with ExitStack() as opened:

        def log_in(name: str) -> Client:
            token = people[name].token
            assert token is not None
            return opened.enter_context(Client(live_server.url, token))

        yield log_in


def tasks_of(client: Client, project_id: int) -> dict[str, dict[str, Any]]:
    """Give a project's tasks by item."""
    tasks = pull_answers(client, project_id, with_predictions=True)
    assert len({task["data"]["item_id"] for task in tasks}) == len(tasks)
    return {task["data"]["item_id"]: task for task in tasks}


def versions(task: Mapping[str, Any]) -> Counter[str]:
    """Count a task's predictions by kind of version."""
    return Counter(
        "queue" if QUEUE_MARK in one["model_version"] else one["model_version"]
        for one in task["predictions"]
    )


def open_next(client: Client, project_id: int, tab: int | None = None) -> dict[str, Any] | None:
    """Open the next task of somebody's stream, with what the label page sends."""
    body: dict[str, Any] = {}
    params: dict[str, Any] = {"id": "next_task", "project": project_id}
    if tab is not None:
        params["tabID"] = tab
        view = client.get(f"/api/dm/views/{tab}")["data"]
        body = {name: view[name] for name in ("filters", "ordering")}
    try:
        task: dict[str, Any] = client.post("/api/dm/actions", params=params, json=body)
    except ServerError as error:
        if error.status != 404:
            raise
        return None
    return task


def answer(client: Client, task: Mapping[str, Any], *, skip: bool = False) -> None:
    """Agree with what the page starts from, or skip."""
    (start,) = task["predictions"]
    body = {
        "result": start["result"],
        "lead_time": 1.5,
        "was_cancelled": skip,
        "parent_prediction": start["id"],
    }
    client.post(f"/api/tasks/{task['id']}/annotations/", json=body)


def serve_all(client: Client, project_id: int, tab: int | None = None) -> list[str]:
    """Answer until nothing is left, and give the items as they came."""
    served: list[str] = []
    while (task := open_next(client, project_id, tab)) is not None:
        assert task["data"]["item_id"] not in served
        served.append(task["data"]["item_id"])
        answer(client, task)
    return served


def tab_of(link: str) -> int:
    """Read the tab's number in an address."""
    return int(link.partition("tab=")[2].partition("&")[0])


def faults(folder: Path, settings: Settings) -> list[str]:
    """Give what `check` finds wrong with the study's projects."""
    study = studies.load(folder)
    lines = check_study(folder, study, connect(settings, study, folder), settings.media)
    return [line.text for line in lines if line.state == "!!"]


def ranks(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Give the items that have a place in the queue, by their place."""
    places = {
        item_id: one["score"]
        for item_id, task in tasks.items()
        for one in task["predictions"]
        if QUEUE_MARK in one["model_version"] and not task["annotations"]
    }
    return sorted(places, key=lambda item_id: places[item_id])


def doubt_of(folder: Path, item_ids: Sequence[str]) -> list[float]:
    """Say how much each item is worth a look, by the scores of the import."""
    items = studies.read_items(folder).set_index("item_id").loc[list(item_ids)]
    positive = items["label"] == "anomaly"
    distance = (items["model_score"] - 0.5).abs() / 0.5
    is_wrong = (items["model_score"] >= 0.5) != positive
    return list(distance.where(is_wrong & (distance > 0.5), 1 - distance))


def test_one_persons_stream_follows_the_new_order(
    client: Client,
    imported: Import,
    run: Reorder,
    session: Callable[[str], Client],
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Answered and skipped ones keep what they started from; twice, nothing is doubled."""
    outcome = imported("Reorder one", people=("Rolf Reorder",))
    folder, project_id = outcome.folder, outcome.projects[0].project_id
    rolf = session("Rolf Reorder")
    first = open_next(rolf, project_id)
    assert first is not None
    answer(rolf, first)
    second = open_next(rolf, project_id)
    assert second is not None
    answer(rolf, second, skip=True)
    file_order = studies.read_items(folder)["item_id"].tolist()
    assert [first["data"]["item_id"], second["data"]["item_id"]] == file_order[:2]
    (done,) = run(folder)
    assert (done.n_ranked, done.n_begun, done.n_answered, done.n_left) == (10, 1, 1, 0)
    assert (done.push.sent, done.n_removed) == (11, 0)
    assert done.link.endswith(f"/projects/{project_id}/data?labeling=1")
    before = tasks_of(client, project_id)
    queue = ranks(before)
    assert len(queue) == 10
    assert queue != [item for item in file_order if item in queue]
    assert versions(before[file_order[0]]) == {"model": 1}
    for item_id in file_order[1:]:
        assert versions(before[item_id]) == {"model": 1, "queue": 1}
        old, new = sorted(before[item_id]["predictions"], key=lambda one: one["id"])
        assert new["result"] == old["result"]
    (again,) = run(folder)
    assert (again.push.sent, again.push.already_there, again.n_removed) == (0, 11, 0)
    assert tasks_of(client, project_id) == before
    assert faults(folder, settings) == []
    served = serve_all(rolf, project_id)
    # What was skipped comes again at the end.
    assert served == [*queue, file_order[1]]
    after = tasks_of(client, project_id)
    links = {
        one["parent_prediction"]
        for item_id in (file_order[0], *queue)
        for one in after[item_id]["annotations"]
    }
    stored = {one["id"] for task in after.values() for one in task["predictions"]}
    assert links <= stored
    assert len(links) == 11
    export(folder, settings, tmp_path / "results", start=tmp_path)
    rows = pd.read_csv(tmp_path / "results" / "annotations.csv")
    rows = rows.loc[~rows["skipped"]]
    assert rows["prefilled"].all()
    assert not rows["changed"].any()


def test_a_second_order_takes_the_place_of_the_first(
    client: Client,
    imported: Import,
    run: Reorder,
    model: Model,
    session: Callable[[str], Client],
    settings: Settings,
    repository: Path,
    tmp_path: Path,
) -> None:
    """Another model's doubt: older places go, but where somebody answered; push, extend, join."""
    outcome = imported("Reorder again", people=("Rita Reorder",))
    folder, project_id = outcome.folder, outcome.projects[0].project_id
    rita = session("Rita Reorder")
    run(folder)
    # It was first then; an answer alone changes nothing of the rest.
    answered = ranks(tasks_of(client, project_id))[0]
    task = open_next(rita, project_id)
    assert task is not None
    assert task["data"]["item_id"] == answered
    answer(rita, task)
    assert run(folder)[0].n_answered == 1
    (done,) = run(folder, model)
    assert (done.n_ranked, done.push.sent, done.n_removed) == (11, 11, 11)
    tasks = tasks_of(client, project_id)
    assert all(versions(task) == {"model": 1, "queue": 1} for task in tasks.values())
    queue = ranks(tasks)
    (parent,) = (one["parent_prediction"] for one in tasks[answered]["annotations"])
    assert parent in {one["id"] for one in tasks[answered]["predictions"]}
    # The model's doubt, without what looks alike, is near the order.
    source = open_sted(repository / "data" / "sted_sample")
    scored, _ = score_source(source, model)
    by_path = dict(zip(source.rows["path"], scored.scores.tolist(), strict=True))
    items = studies.read_items(folder).set_index("item_id")
    left = items.loc[[item_id for item_id in items.index if item_id != answered]]
    plain = rank_queue(
        left["source_path"].map(by_path).to_numpy(),
        model.threshold,
        (left["label"] == "anomaly").to_numpy(),
    )
    assert queue[0] == left.index[plain[0]]
    assert open_next(rita, project_id)["data"]["item_id"] == queue[0]  # type: ignore[index]
    # The study's import again leaves the order as it is; new images come behind it.
    again = imported("Reorder again", people=("Rita Reorder", "Rosa Reorder"))
    assert [one.push.sent for one in again.projects] == [0, N_IMAGES]
    sample = repository / "data" / "sted_sample"
    extend(folder, Addition(sample), settings, start=tmp_path, say=lambda _: None)
    tasks = tasks_of(client, project_id)
    assert len(tasks) == 60
    assert ranks(tasks)[:11] == queue
    added = studies.read_items(folder)["item_id"].tolist()[N_IMAGES:]
    assert ranks(tasks)[11:] == added
    assert all(versions(task) == {"model": 1, "queue": 1} for task in tasks.values())
    assert faults(folder, settings) == []
    served = serve_all(rita, project_id)
    assert served == [*queue, *added]
    # A project that was made since is asked in the study's own order.
    rosas = again.projects[1].project_id
    rosa = session("Rosa Reorder")
    assert open_next(rosa, rosas)["data"]["item_id"] == items.index[0]  # type: ignore[index]


def test_a_pushed_model_ends_the_order(
    client: Client,
    imported: Import,
    run: Reorder,
    model: Model,
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Pages start from it, and by its scores the surest normal ones would come first."""
    outcome = imported("Reorder push")
    folder, project_id = outcome.folder, outcome.projects[0].project_id
    run(folder)
    assert client.get(f"/api/projects/{project_id}")["sampling"] == "Uncertainty sampling"
    push_model(folder, model, "m", PushOptions(), settings, start=tmp_path, say=lambda _: None)
    shown = client.get(f"/api/projects/{project_id}")
    assert (shown["sampling"], shown["model_version"]) == ("Sequential sampling", model.version)
    task = open_next(client, project_id)
    assert task is not None
    assert task["data"]["item_id"] == studies.read_items(folder)["item_id"].iloc[0]
    run(folder, model)
    shown = client.get(f"/api/projects/{project_id}")
    assert shown["model_version"].startswith(f"{model.version}{QUEUE_MARK}")
    for one in tasks_of(client, project_id).values():
        assert versions(one) == {"model": 1, model.version: 1, "queue": 1}
        by_version = {each["model_version"]: each["result"] for each in one["predictions"]}
        assert by_version[shown["model_version"]] == by_version[model.version]
    assert faults(folder, settings) == []


def test_two_people_of_a_shared_project_follow_the_tab(
    live_server: EmbeddedServer,
    client: Client,
    imported: Import,
    run: Reorder,
    session: Callable[[str], Client],
    people: dict[str, Person],
    page: Page,
    login: Callable[..., None],
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Two answers each: the browser's stream for one, its requests for the other, to the end."""
    names = ("Sven Reorder", "Sina Reorder")
    outcome = imported("Reorder shared", people=names, shared=True, overlap=2)
    folder, project_id = outcome.folder, outcome.projects[0].project_id
    sven, sina = (session(name) for name in names)
    task = open_next(sven, project_id)
    assert task is not None
    answer(sven, task)
    begun = task["data"]["item_id"]
    (done,) = run(folder)
    assert (done.n_ranked, done.n_begun, done.n_answered) == (11, 1, 0)
    tab = tab_of(done.link)
    queue = ranks(tasks_of(client, project_id))
    assert len(queue) == 11
    (again,) = run(folder)
    assert (again.push.sent, again.link) == (0, done.link)
    assert len(client.get("/api/dm/views", params={"project": project_id})) == 1
    # Sina in the browser: what Sven has begun, then in order; the page starts from the answer.
    person = people["Sina Reorder"]
    assert person.password is not None
    login(page, live_server, person.email, person.password.get_secret_value())
    seen: list[str] = []
    page.on("response", lambda response: _note_served(response, seen))
    with page.expect_response(_serves):
        page.goto(done.link)
    page.keyboard.press("Escape")
    for place, item_id in enumerate([begun, *queue[:2]]):
        assert seen[place] == item_id
        page.wait_for_timeout(500)
        expect(page.locator('input[type="radio"]:checked')).to_be_visible(timeout=30_000)
        page.screenshot(path=str(tmp_path / f"tab-{place}.png"))
        with page.expect_response(_serves):
            page.keyboard.press("Enter")
    # Sven by requests, then Sina on: each sees each once.
    assert serve_all(sven, project_id, tab) == queue
    assert serve_all(sina, project_id, tab) == queue[2:]
    given = [len(task["annotations"]) for task in tasks_of(client, project_id).values()]
    assert given == [2] * N_IMAGES
    assert faults(folder, settings) == []


def _serves(response: Any) -> bool:
    return "id=next_task" in response.url and bool(response.ok)


def _note_served(response: Any, seen: list[str]) -> None:
    if _serves(response):
        seen.append(json.loads(response.text())["data"]["item_id"])


def test_two_people_of_one_answer_each_share_the_queue(
    client: Client,
    imported: Import,
    run: Reorder,
    session: Callable[[str], Client],
) -> None:
    """The project's own stream: in order, and nobody gets what the other has open."""
    names = ("Tom Reorder", "Tea Reorder")
    outcome = imported("Reorder once", people=names, shared=True)
    project_id = outcome.projects[0].project_id
    tom, tea = (session(name) for name in names)
    (done,) = run(outcome.folder)
    assert done.link.endswith(f"/projects/{project_id}/data?labeling=1")
    queue = ranks(tasks_of(client, project_id))
    # A tab's stream would give both the same image: that is why there is none here.
    tab = ensure_tabs(client, project_id, [Tab("By score", order_by="predictions_score")])
    both = [open_next(one, project_id, tab["By score"]) for one in (tom, tea)]
    assert [task["data"]["item_id"] for task in both if task] == [queue[0]] * 2
    served = []
    for _ in range(N_IMAGES // 2):
        opened = [(one, open_next(one, project_id)) for one in (tom, tea)]
        for who, task in opened:
            assert task is not None
            served.append(task["data"]["item_id"])
            answer(who, task)
    assert served == queue
    given = [len(task["annotations"]) for task in tasks_of(client, project_id).values()]
    assert given == [1] * N_IMAGES


def test_what_cannot_be_put_into_order_is_refused(
    client: Client, imported: Import, run: Reorder, repository: Path, tmp_path: Path
) -> None:
    """Blind studies and pages that start empty: nothing is sent."""
    blind = imported("Reorder blind", blind=True)
    with pytest.raises(StudyError, match="is blind: the order would tell what the model doubts"):
        run(blind.folder)
    (tmp_path / "sample").symlink_to(repository / "data" / "sted_sample")
    manifest = pd.read_csv(repository / "data" / "sted_sample" / "manifest.csv", dtype=str)
    manifest["path"] = "sample/" + manifest["path"]
    manifest[["path", "rating"]].to_csv(tmp_path / "plain.csv", index=False)
    empty = imported("Reorder empty", source=tmp_path / "plain.csv", model_threshold=None)
    with pytest.raises(StudyError, match="start empty, .* send a model's answers"):
        run(empty.folder)
    for outcome in (blind, empty):
        project_id = outcome.projects[0].project_id
        assert client.get(f"/api/projects/{project_id}")["sampling"] == "Sequential sampling"
        tasks = tasks_of(client, project_id)
        assert all(not task["predictions"] for task in tasks.values())


def test_cutouts_are_put_into_order_and_the_floor_stays(
    client: Client, run: Reorder, settings: Settings, tmp_path: Path
) -> None:
    """From the table's own scores; pages go on from the present label."""
    table = pd.read_csv(write_frames(tmp_path))
    # Two thirds are errors: both sides of the threshold, sure ones and doubtful ones.
    table["confidence"] = [round(0.02 + 0.027 * (7 * row % 36), 3) for row in range(len(table))]
    table.to_csv(tmp_path / "scored.csv", index=False)
    outcome = import_cutouts(
        CutoutOptions(
            source=tmp_path,
            predictions=tmp_path / "scored.csv",
            threshold=0.4,
            title="Reorder cutouts",
            random_floor=0.2,
            order="uncertain",
        ),
        settings,
        start=tmp_path,
        say=lambda _: None,
    )
    folder, project_id = outcome.folder, outcome.projects[0].project_id
    items = studies.read_items(folder)
    # It is in that order already, and the one that `reorder` makes is the same.
    (done,) = run(folder)
    assert done.n_ranked == len(items) == done.push.sent
    tasks = tasks_of(client, project_id)
    assert ranks(tasks) == items["item_id"].tolist()
    for task in tasks.values():
        assert versions(task) == {"present-label": 1, "queue": 1}
    first = open_next(client, project_id)
    assert first is not None
    assert first["data"]["item_id"] == items["item_id"].iloc[0]
    assert len(first["predictions"]) == 1
    assert items.loc[~items["is_queue"], "position"].max() < len(items) - 1
    assert faults(folder, settings) == []
