"""`check` on a real server: nothing to say about a fresh study, one line for each fault."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ls_integration import study as studies
from ls_integration.cli import app
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import list_tasks, pull_answers
from ls_integration.settings import load
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions

Import = Callable[[bool], ImportOutcome]


@pytest.fixture(scope="module")
def workplace(live_server: EmbeddedServer) -> Path:
    """Give a working folder below which the embedded server is found."""
    folder = live_server.data_dir.parent / "check"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def run_import(live_server: EmbeddedServer, workplace: Path, repository: Path) -> Import:
    """Give the import of six images of the sample, blind or assisted; again mends."""

    def run(blind: bool) -> ImportOutcome:
        return import_sted_quality(
            ImportOptions(
                source=repository / "data" / "sted_sample",
                title=f"Check {'blind' if blind else 'assisted'}",
                blind=blind,
                model_threshold=0.5,
                limit=6,
            ),
            load(url=live_server.url, api_key=live_server.token, media=live_server.media),
            start=workplace,
            say=lambda _: None,
        )

    return run


@pytest.fixture(scope="module")
def assisted(run_import: Import) -> ImportOutcome:
    """Import once, assisted."""
    return run_import(False)


@pytest.fixture(scope="module")
def blind(run_import: Import) -> ImportOutcome:
    """Import once, blind."""
    return run_import(True)


@pytest.fixture
def run_check(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Give the command; it returns what is wrong, and its code must agree with that."""
    monkeypatch.chdir(workplace)

    def run(*words: str) -> list[str]:
        done = CliRunner().invoke(app, ["check", *words])
        lines = done.stdout.splitlines()
        assert all(line[:4] in ("ok  ", "!!  ", "--  ") for line in lines), done.output
        faults = [line for line in lines if line.startswith("!!")]
        assert done.exit_code == (1 if faults else 0), done.output
        return faults

    return run


@contextmanager
def _project(client: Client, outcome: ImportOutcome, **changed: Any) -> Iterator[None]:
    """Change settings of a study's project for a while."""
    path = f"/api/projects/{outcome.projects[0].project_id}"
    before = client.get(path)
    client.patch(path, json=changed)
    try:
        yield
    finally:
        client.patch(path, json={name: before[name] for name in changed})


def _only(faults: list[str], *words: str) -> None:
    """Assert that one fault was found, and that its line has these words."""
    assert len(faults) == 1, faults
    assert all(word in faults[0] for word in words), faults


def test_nothing_is_wrong_with_fresh_studies(
    run_check: Callable[..., list[str]], assisted: ImportOutcome, blind: ImportOutcome
) -> None:
    """Without a study, with an assisted and with a blind one: all ok, code 0."""
    assert run_check() == []
    assert run_check(assisted.folder.name) == []
    assert run_check(blind.folder.name) == []


def test_a_deleted_task_is_missed_until_the_import_runs_again(
    run_check: Callable[..., list[str]],
    run_import: Import,
    client: Client,
    assisted: ImportOutcome,
) -> None:
    """The line names the item; what it says to do mends it."""
    task = list_tasks(client, assisted.projects[0].project_id)[2]
    client.delete(f"/api/tasks/{task['id']}")
    _only(run_check(assisted.folder.name), "items are missing", task["data"]["item_id"], "again")
    run_import(False)
    assert run_check(assisted.folder.name) == []


def test_hidden_predictions_and_a_lost_storage_are_mended_by_the_import(
    run_check: Callable[..., list[str]],
    run_import: Import,
    client: Client,
    assisted: ImportOutcome,
) -> None:
    """Both were settings of the project; without the storage no picture loads either."""
    project_id = assisted.projects[0].project_id
    client.patch(f"/api/projects/{project_id}", json={"show_collab_predictions": False})
    _only(run_check(assisted.folder.name), "the model's answers are hidden", "again")
    (storage,) = client.get("/api/storages/localfiles", params={"project": project_id})
    client.delete(f"/api/storages/localfiles/{storage['id']}")
    faults = run_check(assisted.folder.name)
    assert [line for line in faults if "storage: none covers" in line]
    assert [line for line in faults if "cannot show the picture" in line]
    run_import(False)
    assert run_check(assisted.folder.name) == []


def test_a_lost_picture_is_named_and_drawn_again(
    run_check: Callable[..., list[str]],
    run_import: Import,
    live_server: EmbeddedServer,
    assisted: ImportOutcome,
) -> None:
    """Each of them is looked for; a file that is no picture counts as lost."""
    image = studies.read_items(assisted.folder)["image"].iloc[3]
    (live_server.media / image).unlink()
    _only(run_check(assisted.folder.name), "pictures are gone", image)
    (live_server.media / image).write_bytes(b"")
    _only(run_check(assisted.folder.name), "are no pictures", image)
    (live_server.media / image).unlink()
    run_import(False)
    assert run_check(assisted.folder.name) == []


def test_two_media_folders_are_told_by_a_replaced_picture(
    run_check: Callable[..., list[str]],
    live_server: EmbeddedServer,
    assisted: ImportOutcome,
    tmp_path: Path,
) -> None:
    """The folder here must hold what the server shows."""
    items = studies.read_items(assisted.folder)
    other = tmp_path / "pictures"
    shutil.copytree(live_server.media / assisted.study.pictures_folder, other / "old")
    (other / "old").rename(other / assisted.study.pictures_folder)
    first, last = items["image"].iloc[0], items["image"].iloc[-1]
    shutil.copy(other / last, other / first)
    server_media = ("--server-media", str(live_server.media))
    faults = run_check(assisted.folder.name, "--media", str(other), *server_media)
    _only(faults, "another picture", first)


def test_an_edited_label_config_is_named(
    run_check: Callable[..., list[str]], client: Client, assisted: ImportOutcome
) -> None:
    """A key or a choice counts; text and style do not."""
    path = f"/api/projects/{assisted.projects[0].project_id}"
    xml = client.get(path)["label_config"]
    with _project(client, assisted, label_config=xml.replace('hotkey="2"', 'hotkey="9"')):
        _only(run_check(assisted.folder.name), "<Choices name='label'>", "put it back")
    with _project(client, assisted, label_config=xml.replace("Normal or anomaly?", "Which?")):
        assert run_check(assisted.folder.name) == []


def test_a_second_prediction_is_one_too_many(
    run_check: Callable[..., list[str]], client: Client, assisted: ImportOutcome
) -> None:
    """Of the same version, one is shown at random; of another, nobody sees it."""
    task = pull_answers(client, assisted.projects[0].project_id, with_predictions=True)[0]
    first = task["predictions"][0]
    for version, words in (("model", "several of one version"), ("other", "nobody uses: other")):
        posted = {
            "task": task["id"],
            "result": first["result"],
            "score": first["score"],
            "model_version": version,
        }
        second = client.post("/api/predictions", json=posted)
        _only(run_check(assisted.folder.name), words)
        client.delete(f"/api/predictions/{second['id']}")
    assert run_check(assisted.folder.name) == []


def test_a_foreign_task_is_named(
    run_check: Callable[..., list[str]], client: Client, assisted: ImportOutcome
) -> None:
    """A synchronised storage makes such tasks."""
    project_id = assisted.projects[0].project_id
    task = client.post("/api/tasks", json={"project": project_id, "data": {"image": "/x.png"}})
    _only(run_check(assisted.folder.name), "not of this study", str(task["id"]))
    client.delete(f"/api/tasks/{task['id']}")


def test_blind_is_blind_or_it_is_said(
    run_check: Callable[..., list[str]], client: Client, blind: ImportOutcome
) -> None:
    """A stored prediction, a project that would show one, a field with an answer."""
    task = list_tasks(client, blind.projects[0].project_id)[1]
    posted = {"task": task["id"], "result": [], "score": 0.5, "model_version": "late"}
    prediction = client.post("/api/predictions", json=posted)
    _only(run_check(blind.folder.name), "blind: predictions are stored", str(task["id"]))
    client.delete(f"/api/predictions/{prediction['id']}")
    with _project(client, blind, show_collab_predictions=True):
        _only(run_check(blind.folder.name), "blind: the project would show predictions")
    path = f"/api/tasks/{task['id']}"
    client.patch(path, json={"data": {**task["data"], "model_score": 0.9}})
    _only(run_check(blind.folder.name), "blind: the tasks hold fields", "model_score")
    client.patch(path, json={"data": task["data"]})
    assert run_check(blind.folder.name) == []


def test_a_wrong_token_or_address_stops_only_what_needs_it(
    run_check: Callable[..., list[str]], assisted: ImportOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The study's folder is looked at all the same."""
    faults = run_check(assisted.folder.name, "--url", "http://127.0.0.1:9")
    assert ["no Label Studio answers" in line for line in faults] == [True, False]
    assert "not on http://127.0.0.1:9" in faults[1]
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    _only(run_check(assisted.folder.name), "refused the token (401)")


def test_an_import_that_was_cut_off_is_seen(
    run_check: Callable[..., list[str]], blind: ImportOutcome
) -> None:
    """By the batch that stands open in the journal."""
    journal = blind.folder / "journal.jsonl"
    before = journal.read_bytes()
    project_id = blind.projects[0].project_id
    studies.append_journal(
        blind.folder,
        {"event": "batch", "batch": "b", "project_id": project_id, "item_ids": ["x"]},
    )
    _only(run_check(blind.folder.name), "was not finished", "run the same import again")
    journal.write_bytes(before)


def test_a_project_that_is_gone_or_taken_is_named(
    run_check: Callable[..., list[str]], client: Client, blind: ImportOutcome
) -> None:
    """Ids are given again: the description tells whose project it is. Must run last."""
    with _project(client, blind, description="mine"):
        _only(run_check(blind.folder.name), "is not the study's")
    client.delete(f"/api/projects/{blind.projects[0].project_id}")
    faults = run_check(blind.folder.name)
    assert any("is gone from" in line for line in faults), faults
