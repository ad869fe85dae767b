"""An export that asks for the changes alone brings back what a full one does, to the byte."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ls_integration import study as studies
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server import catch_up, task_pages
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.study import pulled
from ls_integration.workflows import pulled_answers
from ls_integration.workflows.export import export
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions

CONTROL = parse(label_config_xml("sted_quality")).choices()
N_IMAGES = 24
N_STEPS = 12
N_ACTIONS = 5
PEOPLE = ("Xaver Change", "Yrsa Change")


@pytest.fixture(scope="module")
def workplace(live_server: EmbeddedServer) -> Path:
    """Give a working folder beside the server."""
    folder = live_server.data_dir.parent / "incremental"
    folder.mkdir()
    return folder


@pytest.fixture
def make_study(
    live_server: EmbeddedServer, workplace: Path, repository: Path
) -> Callable[..., Path]:
    """Give the function that imports a few images and tells the study's folder."""

    def make(title: str, **options: Any) -> Path:
        given = {"limit": N_IMAGES, "people": PEOPLE, **options}
        return import_sted_quality(
            ImportOptions(source=repository / "data" / "sted_sample", title=title, **given),
            load(media=live_server.media),
            start=workplace,
            say=lambda _: None,
            on_account=lambda *_: None,
        ).folder

    return make


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few tasks many pages, and let the overlap be as short as can be."""
    monkeypatch.setattr(task_pages, "PAGE_SIZE", 5)
    monkeypatch.setattr(catch_up, "PAGE_SIZE", 5)
    monkeypatch.setattr(task_pages, "STAMPS_PAGE_SIZE", 4)
    monkeypatch.setattr(task_pages, "IDS_AT_ONCE", 2)
    monkeypatch.setattr(catch_up, "IDS_AT_ONCE", 2)
    monkeypatch.setattr(pulled, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(pulled_answers, "_CLOCKS_S", 0.0)
    monkeypatch.setenv("LS_INTEGRATION_REQUEST_LIMIT_S", "0.001")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """List how many tasks each request brought back with their answers."""
    counts: list[int] = []
    by_ids, page = catch_up.read_by_ids, catch_up.read_page

    def count_some(*arguments: Any, **options: Any) -> Any:
        rows = by_ids(*arguments, **options)
        counts.append(rows.num_rows)
        return rows

    def count_page(*arguments: Any, **options: Any) -> Any:
        found = page(*arguments, **options)
        counts.append(found.rows.num_rows)
        return found

    monkeypatch.setattr(catch_up, "read_by_ids", count_some)
    monkeypatch.setattr(catch_up, "read_page", count_page)
    yield counts


def files_of(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def export_both(
    folder: Path, workplace: Path, *, lines: list[str] | None = None
) -> dict[str, bytes]:
    """Export the study, and a copy of it in full: the same files must come of it."""
    output, copy = workplace / f"{folder.name}-out", workplace / "copies" / folder.name
    for old in (output, copy, copy.with_name(f"{folder.name}-out")):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(folder, copy)
    say = (lines if lines is not None else []).append
    export(folder, load(), output, start=workplace, say=say)
    whole = copy.with_name(f"{folder.name}-out")
    export(copy, load(), whole, start=workplace, full=True)
    changed, full = files_of(output), files_of(whole)
    assert changed.keys() == full.keys()
    assert [name for name in full if changed[name] != full[name]] == []
    assert files_of(folder / "seen.parquet") == files_of(copy / "seen.parquet")
    return changed


class Hand:
    """Somebody who does to a project whatever Label Studio permits."""

    def __init__(self, client: Client, folder: Path, seed: int) -> None:
        study = studies.load(folder)
        self.client, self.random = client, random.Random(seed)
        self.people = list(study.people.values())
        self.project = self.random.choice(study.projects).project_id or 0
        self.projects = [one.project_id or 0 for one in study.projects]

    def act(self) -> str:
        """Do something, and tell what."""
        self.project = self.random.choice(self.projects)
        tasks = pull_answers(self.client, self.project, with_predictions=True)
        answered = [(task, one) for task in tasks for one in task["annotations"]]
        actions: list[Callable[..., object]] = [self.answer] * 4 + [self.skip, self.draft]
        actions += [self.predict, self.forget_version, self.change_text]
        if answered:
            actions += [self.correct] * 3 + [self.delete_answer, self.unskip]
            actions += [self.draft_on_answer, self.delete_answers, self.change_author]
        if len(tasks) > N_IMAGES // 2:
            actions += [self.delete_task, self.put_back]
        action = self.random.choice(actions)
        action(self.random.choice(tasks), self.random.choice(answered) if answered else None)
        return action.__name__

    def result(self) -> Any:
        """Choose an answer."""
        return choice_result(CONTROL, self.random.choice(["normal", "anomaly"]))

    def answer(self, task: Any, _: Any, **more: Any) -> None:
        """Answer a task, perhaps from its prediction."""
        parents = [one["id"] for one in task["predictions"]]
        body = {
            "result": self.result(),
            "completed_by": self.random.choice(self.people),
            "lead_time": self.random.uniform(0, 9),
            "ground_truth": False,
            "parent_prediction": self.random.choice([None, *parents]),
            **more,
        }
        self.client.post(f"/api/tasks/{task['id']}/annotations/", json=body)

    def skip(self, task: Any, _: Any) -> None:
        """Skip a task."""
        self.answer(task, None, was_cancelled=True)

    def correct(self, _: Any, given: Any) -> None:
        """Change an answer: no count of anything moves."""
        self.client.patch(f"/api/annotations/{given[1]['id']}/", json={"result": self.result()})

    def unskip(self, _: Any, given: Any) -> None:
        """Turn an answer into a skip or a skip into an answer."""
        turned = {"was_cancelled": not given[1]["was_cancelled"]}
        self.client.patch(f"/api/annotations/{given[1]['id']}/", json=turned)

    def change_author(self, _: Any, given: Any) -> None:
        """Give an answer to somebody else."""
        author = {"completed_by": self.random.choice(self.people)}
        self.client.patch(f"/api/annotations/{given[1]['id']}/", json=author)

    def delete_answer(self, _: Any, given: Any) -> None:
        """Delete one answer."""
        self.client.delete(f"/api/annotations/{given[1]['id']}/")

    def delete_answers(self, task: Any, given: Any) -> None:
        """Delete all answers of two tasks at once, as the Data Manager does."""
        self.in_bulk("delete_tasks_annotations", [task["id"], given[0]["id"]])

    def draft(self, task: Any, _: Any) -> None:
        """Begin an answer and leave."""
        self.client.post(f"/api/tasks/{task['id']}/drafts", json={"result": self.result()})

    def draft_on_answer(self, _: Any, given: Any) -> None:
        """Begin to correct an answer and leave."""
        path = f"/api/tasks/{given[0]['id']}/annotations/{given[1]['id']}/drafts"
        self.client.post(path, json={"result": self.result()})

    def delete_task(self, task: Any, _: Any) -> None:
        """Delete a task with its answers."""
        self.client.delete(f"/api/tasks/{task['id']}")

    def put_back(self, task: Any, _: Any) -> None:
        """Delete the newest task and import it again: SQLite gives it the same id."""
        newest = pull_answers(self.client, self.project, with_predictions=False)[-1]
        self.in_bulk("delete_tasks", [newest["id"]])
        one = {"data": newest["data"]}
        if self.random.random() < 0.5:
            given = {"result": self.result(), "completed_by": self.people[0]}
            one["annotations"] = [{**given, "ground_truth": False}]
        self.client.post(f"/api/projects/{self.project}/import", json=[one])

    def predict(self, task: Any, given: Any) -> None:
        """Send predictions in bulk, which moves no task's time."""
        ids = {task["id"], given[0]["id"] if given else task["id"]}
        version = self.random.choice(["hand-1", "hand-2"])
        body = [
            {"task": one, "result": self.result(), "score": 0.5, "model_version": version}
            for one in ids
        ]
        self.client.post(f"/api/projects/{self.project}/import/predictions", json=body)

    def forget_version(self, _: Any, __: Any) -> None:
        """Delete all predictions of a version, and perhaps send one in its place."""
        path = f"/api/projects/{self.project}/model-versions/"
        versions = self.client.get(path, params={"extended": "true"})["static"]
        if not versions:
            return
        version = self.random.choice(versions)["model_version"]
        tasks = pull_answers(self.client, self.project, with_predictions=True)
        had = [
            task["id"]
            for task in tasks
            for one in task["predictions"]
            if one["model_version"] == version
        ]
        self.client.delete(path, json={"model_version": version})
        if self.random.random() < 0.5:
            # As many as there were, on the same tasks: no count moves.
            body = [
                {"task": one, "result": self.result(), "score": 0.5, "model_version": version}
                for one in had
            ]
            self.client.post(f"/api/projects/{self.project}/import/predictions", json=body)

    def change_text(self, task: Any, _: Any) -> None:
        """Edit a task's data."""
        data = {**task["data"], "progress": f"Image {self.random.random()}"}
        self.client.patch(f"/api/tasks/{task['id']}", json={"data": data})

    def in_bulk(self, action: str, task_ids: list[int]) -> None:
        """Carry out an action of the Data Manager."""
        self.client.post(
            "/api/dm/actions",
            params={"id": action, "project": self.project},
            json={"selectedItems": {"all": False, "included": task_ids}},
        )


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(("seed", "readers"), [(1, 1), (2, 2), (3, 3)])
def test_an_incremental_export_is_a_full_one_whatever_people_did(
    seed: int,
    readers: int,
    make_study: Callable[..., Path],
    workplace: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Random answers, corrections, skips, deletions, drafts, predictions: every byte is equal."""
    monkeypatch.setenv("LS_INTEGRATION_READERS", str(readers))
    folder = make_study(f"Random deeds {seed}", blind=seed == 2, model_threshold=0.5)
    hand = Hand(client, folder, seed)
    export_both(folder, workplace)
    done: list[str] = []
    for _ in range(N_STEPS):
        done += [hand.act() for _ in range(hand.random.randrange(N_ACTIONS + 1))]
        try:
            export_both(folder, workplace)
        except AssertionError as error:
            error.add_note(f"after {done}")
            raise
    assert len(set(done)) >= 8
