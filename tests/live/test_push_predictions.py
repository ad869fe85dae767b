"""A model's answers reach a running study: each item one of each version, whatever happens."""

import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import ModelError, StudyError
from ls_integration.label_config import choice_result, parse, read_choice
from ls_integration.models.loading import load_scorer
from ls_integration.models.model import Model
from ls_integration.models.saved import save_model
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import ensure
from ls_integration.server.pull import pull_answers
from ls_integration.settings import Settings, load
from ls_integration.workflows.check_study import check_study
from ls_integration.workflows.connection import connect
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.predict import score_source
from ls_integration.workflows.push_predictions import PushedProject, PushOptions, push_model
from ls_integration.workflows.sted_images import open_sted
from ls_integration.workflows.sted_options import ImportOptions
from ls_integration.workflows.train import TrainOptions, train
from tests.live.killing import end_when, finish, kill, proxy_to, start_command
from tests.test_onnx_network import write_network
from tests.test_train import write_frames

SENDING = re.compile(rb"POST /api/projects/\d+/import/predictions")
CHOICES = parse(label_config_xml("sted_quality")).choices()

Push = Callable[..., list[PushedProject]]


@pytest.fixture(scope="module")
def sample(repository: Path) -> Path:
    """Give the folder of the synthetic sample."""
    return repository / "data" / "sted_sample"


@pytest.fixture(scope="module")
def models(sample: Path) -> list[Model]:
    """Train two models that differ in their threshold, and so in their name."""
    source = open_sted(sample)
    options = TrainOptions(recipe="sted-fast")
    first = train(source, options, say=lambda _: None)
    return [first, train(source, replace(options, threshold=0.02), say=lambda _: None)]


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the session's server."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture
def imported(sample: Path, settings: Settings, tmp_path: Path) -> Callable[..., ImportOutcome]:
    """Give the import of the sample."""

    def run(title: str, **options: Any) -> ImportOutcome:
        return import_sted_quality(
            ImportOptions(**{"source": sample, "title": title, **options}),
            settings,
            start=tmp_path,
            say=lambda _: None,
        )

    return run


@pytest.fixture
def push(settings: Settings, tmp_path: Path) -> Push:
    """Give the push of a model, as the command does it."""

    def run(folder: Path, scorer: Any, **options: Any) -> list[PushedProject]:
        return push_model(
            folder,
            scorer,
            scorer.version,
            PushOptions(**options),
            settings,
            start=tmp_path,
            say=lambda _: None,
        )

    return run


def tasks_of(client: Client, folder: Path, number: int = 0) -> dict[str, dict[str, Any]]:
    """Give the tasks of one of a study's projects by item."""
    project_id = studies.load(folder).projects[number].project_id
    assert project_id is not None
    tasks = pull_answers(client, project_id, with_predictions=True)
    assert len({task["data"]["item_id"] for task in tasks}) == len(tasks)
    return {task["data"]["item_id"]: task for task in tasks}


def versions(task: Mapping[str, Any]) -> Counter[str]:
    """Count a task's predictions by version."""
    return Counter(one["model_version"] for one in task["predictions"])


def starts_from(client: Client, folder: Path, number: int = 0) -> str:
    """Give the version from which the pages of a project start; empty: from none."""
    project = client.get(f"/api/projects/{studies.load(folder).projects[number].project_id}")
    return str(project["model_version"]) if project["show_collab_predictions"] else ""


def faults(folder: Path, settings: Settings) -> list[str]:
    """Give what `check` finds wrong with the study's projects."""
    study = studies.load(folder)
    lines = check_study(folder, study, connect(settings, study, folder), settings.media)
    return [line.text for line in lines if line.state == "!!"]


def test_each_item_gets_its_own_prediction_once(
    client: Client,
    imported: Callable[..., ImportOutcome],
    push: Push,
    models: list[Model],
    sample: Path,
    settings: Settings,
) -> None:
    """Of two people's projects, joined by item; twice, another model, and an import afterwards."""
    outcome = imported("Push twice", model_threshold=0.5, people=("Pia Push", "Paul Push"))
    folder = outcome.folder
    pushed = push(folder, models[0])
    assert [(one.push.sent, one.push.already_there) for one in pushed] == [(60, 0)] * 2
    wanted, _ = score_source(open_sted(sample), models[0])
    scores = dict(zip(open_sted(sample).rows["path"], wanted.scores.tolist(), strict=True))
    items = studies.read_items(folder).set_index("item_id")
    for number in range(2):
        tasks = tasks_of(client, folder, number)
        assert len(tasks) == 60
        for item_id, task in tasks.items():
            assert versions(task) == {"model": 1, models[0].version: 1}
            (own,) = (one for one in task["predictions"] if one["model_version"] != "model")
            score = scores[items.loc[item_id, "source_path"]]
            assert own["score"] == pytest.approx(score, abs=1e-12)
            label = "anomaly" if score >= models[0].threshold else "normal"
            assert read_choice(CHOICES, own["result"]) == label
        assert starts_from(client, folder, number) == models[0].version
    assert [(one.push.sent, one.push.already_there) for one in push(folder, models[0])] == [
        (0, 60)
    ] * 2
    (second, _) = push(folder, models[1])
    assert (second.push.sent, second.starts_from) == (60, models[1].version)
    for task in tasks_of(client, folder).values():
        assert versions(task) == {"model": 1, models[0].version: 1, models[1].version: 1}
    # The same import again, and whoever joins, keeps to the newest model.
    imported("Push twice", model_threshold=0.5, people=("Pia Push", "Petra Push"))
    assert starts_from(client, folder, 0) == models[1].version
    assert starts_from(client, folder, 2) == models[1].version
    for task in tasks_of(client, folder, 2).values():
        assert versions(task) == {models[1].version: 1}
    assert faults(folder, settings) == []


def test_replace_spares_what_answers_started_from(
    client: Client,
    imported: Callable[..., ImportOutcome],
    push: Push,
    models: list[Model],
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Answers, skips and drafts keep their link; elsewhere the older model is gone."""
    folder = imported("Push replace", model_threshold=0.5).folder
    push(folder, models[0])
    answered, skipped, begun = list(tasks_of(client, folder).values())[:3]

    def old(task: Mapping[str, Any]) -> Mapping[str, Any]:
        (found,) = (one for one in task["predictions"] if one["model_version"] == models[0].version)
        return found

    for task, is_skip in ((answered, False), (skipped, True)):
        client.post(
            f"/api/tasks/{task['id']}/annotations/",
            json={
                "result": old(task)["result"],
                "lead_time": 1.5,
                "was_cancelled": is_skip,
                "parent_prediction": old(task)["id"],
            },
        )
    author = ensure(client, "Dora Draftpush")
    assert author.token is not None
    with Client(client.url, author.token) as member:
        member.post(f"/api/tasks/{begun['id']}/drafts", json={"result": [], "lead_time": 1.0})
    (outcome,) = push(folder, models[1], replace=True)
    assert (outcome.n_removed, outcome.n_kept) == (57, 3)
    spared = {task["data"]["item_id"] for task in (answered, skipped, begun)}
    for item_id, task in tasks_of(client, folder).items():
        kept = {models[0].version: 1} if item_id in spared else {}
        assert versions(task) == {"model": 1, models[1].version: 1, **kept}
    now = tasks_of(client, folder)[answered["data"]["item_id"]]
    assert now["annotations"][0]["parent_prediction"] == old(answered)["id"]
    assert starts_from(client, folder) == models[1].version
    (again,) = push(folder, models[1], replace=True)
    assert (again.push.sent, again.n_removed) == (0, 0)
    assert faults(folder, settings) == []
    # What the page started from is the older model's answer, not the newest one's.
    export(folder, settings, tmp_path / "results", start=tmp_path)
    rows = pd.read_csv(tmp_path / "results" / "annotations.csv")
    (row,) = rows.loc[rows["item_id"] == answered["data"]["item_id"]].to_dict("records")
    assert row["prefilled"]
    assert not row["changed"]


def test_a_blind_study_stays_blind_unless_told(
    client: Client,
    imported: Callable[..., ImportOutcome],
    push: Push,
    models: list[Model],
    settings: Settings,
    tmp_path: Path,
) -> None:
    """Refused before anything is sent; with --unblind the pages say how to agree."""
    folder = imported("Push blind", blind=True).folder
    before = tasks_of(client, folder)
    first = next(iter(before.values()))
    # Begun on an empty page: the draft is older than any prediction.
    client.post(f"/api/tasks/{first['id']}/drafts", json={"result": [], "lead_time": 6.0})
    client.post(
        f"/api/tasks/{first['id']}/annotations/",
        json={"result": choice_result(CHOICES, "normal"), "lead_time": 7.5},
    )
    with pytest.raises(StudyError, match="is blind: predictions on the server can be opened"):
        push(folder, models[0])
    assert all(not task["predictions"] for task in tasks_of(client, folder).values())
    assert studies.load(folder).blind
    assert starts_from(client, folder) == ""
    (outcome,) = push(folder, models[0], unblind=True)
    assert outcome.push.sent == 60
    for item_id, task in tasks_of(client, folder).items():
        assert versions(task) == {models[0].version: 1}
        assert task["data"]["keys"].startswith("agree: Enter")
        others = {key: value for key, value in task["data"].items() if key != "keys"}
        assert others.items() <= before[item_id]["data"].items()
    assert not studies.load(folder).blind
    assert starts_from(client, folder) == models[0].version
    project = client.get(f"/api/projects/{studies.load(folder).projects[0].project_id}")
    assert "starts from a model's answer" in project["expert_instruction"]
    export(folder, settings, tmp_path / "results", start=tmp_path)
    rows = pd.read_csv(tmp_path / "results" / "annotations.csv")
    assert rows["prefilled"].tolist() == [False]
    assert faults(folder, settings) == []


def test_a_page_opens_with_the_new_models_answer(
    live_server: EmbeddedServer,
    client: Client,
    imported: Callable[..., ImportOutcome],
    push: Push,
    models: list[Model],
    page: Page,
    login: Callable[..., None],
    repository: Path,
    tmp_path: Path,
) -> None:
    """Where the import had none, prefilled, and the words beside it say so."""
    manifest = pd.read_csv(repository / "data" / "sted_sample" / "manifest.csv", dtype=str)
    (tmp_path / "sample").symlink_to(repository / "data" / "sted_sample")
    manifest["path"] = "sample/" + manifest["path"]
    manifest[["path", "rating"]].to_csv(tmp_path / "plain.csv", index=False)
    folder = imported("Push page", source=tmp_path / "plain.csv").folder
    push(folder, models[0])
    first = next(iter(tasks_of(client, folder).values()))
    label = read_choice(CHOICES, first["predictions"][0]["result"])
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    project_id = studies.load(folder).projects[0].project_id
    page.goto(f"{live_server.url}/projects/{project_id}/data?labeling=1")
    page.keyboard.press("Escape")
    chosen = page.locator(f'input[type="radio"][name="{label}"]')
    expect(chosen).to_be_checked(timeout=30_000)
    expect(page.get_by_text("agree: Enter")).to_be_visible()


@pytest.mark.parametrize("delay_s", [0.0, 0.03])
def test_killed_while_sending_the_same_command_finishes(
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    models: list[Model],
    tmp_path: Path,
    delay_s: float,
) -> None:
    """The request is on its way when the command dies; none is lost, none is doubled."""
    save_model(tmp_path / "m.skops", models[0])
    sample = str(repository / "data" / "sted_sample")
    title = f"Push kill {int(1000 * delay_s)}"
    words = ["push-predictions", studies.slug(title), "--model", "m.skops"]
    with proxy_to(live_server.url, SENDING) as proxy:
        # The study knows its server by this address.
        more = ["import", "sted-quality", sample, "--title", title, "--model-threshold", "0.5"]
        finish(start_command(live_server, tmp_path, *more, url=proxy.url))
        process = start_command(live_server, tmp_path, *words, url=proxy.url)
        sent = end_when(proxy, process, signal.SIGKILL, delay_s)
        assert sent.wait(300)
        kill(process)
        proxy.be_harmless()
        output = finish(start_command(live_server, tmp_path, *words, url=proxy.url))
        assert "pages start from" in output
        again = finish(start_command(live_server, tmp_path, *words, url=proxy.url))
    assert "0 predictions sent, 60 were there" in again
    folder = tmp_path / studies.STUDIES_FOLDER / studies.slug(title)
    tasks = tasks_of(client, folder)
    assert len(tasks) == 60
    for task in tasks.values():
        assert versions(task) == {"model": 1, models[0].version: 1}
    assert not list(folder.glob(".*.part"))


def test_surplus_copies_are_removed(
    client: Client,
    imported: Callable[..., ImportOutcome],
    push: Push,
    models: list[Model],
) -> None:
    """But not the one from which somebody's answer started."""
    folder = imported("Push copies", model_threshold=0.5).folder
    push(folder, models[0])
    project_id = studies.load(folder).projects[0].project_id
    first, second = list(tasks_of(client, folder).values())[:2]
    copies = []
    for task in (first, second):
        (own,) = (one for one in task["predictions"] if one["model_version"] != "model")
        copies.append(
            {
                "task": task["id"],
                "result": own["result"],
                "score": own["score"],
                "model_version": own["model_version"],
            }
        )
    client.post(f"/api/projects/{project_id}/import/predictions", json=copies)
    doubled = tasks_of(client, folder)[first["data"]["item_id"]]
    newest = max(one["id"] for one in doubled["predictions"])
    client.post(
        f"/api/tasks/{first['id']}/annotations/",
        json={"result": [], "lead_time": 1.0, "parent_prediction": newest},
    )
    (outcome,) = push(folder, models[0])
    assert (outcome.push.sent, outcome.push.removed_copies) == (0, 2)
    for task in tasks_of(client, folder).values():
        assert versions(task) == {"model": 1, models[0].version: 1}
    kept = tasks_of(client, folder)[first["data"]["item_id"]]["predictions"]
    assert newest in [one["id"] for one in kept]


def test_cutouts_go_on_from_the_present_label(
    client: Client, settings: Settings, push: Push, tmp_path: Path
) -> None:
    """Unless told otherwise; and an import of the same table leaves it so."""
    table = write_frames(tmp_path, n_frames=2)
    text = table.read_text().replace(",1,0.5", ",1,0.99").replace(",0,0.5", ",0,0.97")
    table.write_text(text)
    network = write_network(
        tmp_path / "net.onnx",
        kind="cutouts",
        shape=("n", 1, "h", "w"),
        normalise="divide",
        more="divide_by = 200",
    )
    sidecar = network.with_suffix(".toml")
    sidecar.write_text(sidecar.read_text().replace("size_px = 16", "size_px = 200"))
    scorer = load_scorer(network)

    def run() -> ImportOutcome:
        options = CutoutOptions(
            source=tmp_path, predictions=table, title="Push cutouts", show="all"
        )
        return import_cutouts(options, settings, start=tmp_path, say=lambda _: None)

    folder = run().folder
    (outcome,) = push(folder, scorer)
    assert outcome.push.sent == 12
    assert outcome.starts_from == "present-label"
    assert starts_from(client, folder) == "present-label"
    items = studies.read_items(folder).set_index("item_id")
    verdict = parse(label_config_xml("cutouts")).controls["verdict"]
    said = set()
    for item_id, task in tasks_of(client, folder).items():
        assert versions(task) == {"present-label": 1, "mean-1": 1}
        answers = {
            one["model_version"]: read_choice(verdict, one["result"]) for one in task["predictions"]
        }
        assert answers["present-label"] == items.loc[item_id, "label"]
        (own,) = (one for one in task["predictions"] if one["model_version"] == "mean-1")
        assert answers["mean-1"] == ("artifact" if own["score"] >= 0.5 else "no artifact")
        assert len(own["result"]) == len(task["predictions"][0]["result"])
        said.add(answers["mean-1"])
    assert said == {"artifact", "no artifact"}
    assert faults(folder, settings) == []
    (outcome,) = push(folder, scorer, start_from_model=True)
    assert (outcome.push.sent, outcome.starts_from) == (0, "mean-1")
    assert starts_from(client, folder) == "mean-1"
    run()
    assert starts_from(client, folder) == "mean-1"
    (outcome,) = push(folder, scorer)
    assert outcome.starts_from == "mean-1"
    assert faults(folder, settings) == []


def test_models_and_studies_that_do_not_fit_are_refused(
    imported: Callable[..., ImportOutcome], push: Push, tmp_path: Path, models: list[Model]
) -> None:
    """Of another kind, or whose images are gone; nothing is sent."""
    folder = imported("Push unfit", model_threshold=0.5).folder
    network = write_network(tmp_path / "net.onnx", kind="cutouts")
    with pytest.raises(ModelError, match="is of cutouts, not of sted-quality"):
        push(folder, load_scorer(network))
    with pytest.raises(StudyError, match="start from the model anyway"):
        push(folder, models[0], start_from_model=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "manifest.csv").write_text("path\nother.npz\n")
    with pytest.raises(StudyError, match="not in its source any more: .* --source"):
        push(folder, models[0], source=empty)
