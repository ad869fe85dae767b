"""An export that asks for the changes alone brings back what a full one does, to the byte."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
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
N_IMAGES = 16
N_STEPS = 8
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
        given = {"limit": N_IMAGES, "people": PEOPLE, "shared": True, "overlap": 2, **options}
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
    monkeypatch.setattr(task_pages, "PAGE_SIZE", 7)
    monkeypatch.setattr(catch_up, "PAGE_SIZE", 7)
    monkeypatch.setattr(task_pages, "STAMPS_PAGE_SIZE", 6)
    monkeypatch.setattr(task_pages, "IDS_AT_ONCE", 3)
    monkeypatch.setattr(catch_up, "IDS_AT_ONCE", 3)
    monkeypatch.setattr(pulled, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(pulled_answers, "_CLOCKS_S", 0.0)
    monkeypatch.setenv("LS_INTEGRATION_REQUEST_LIMIT_S", "0.001")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """List how many tasks each request brought back with their answers."""
    counts: list[int] = []
    by_ids, pages = catch_up.read_by_ids, catch_up.read_pages

    def count_some(*arguments: Any, **options: Any) -> Any:
        rows = by_ids(*arguments, **options)
        counts.append(rows.num_rows)
        return rows

    def count_pages(*arguments: Any, **options: Any) -> Any:
        for rows in pages(*arguments, **options):
            counts.append(rows.num_rows)
            yield rows

    monkeypatch.setattr(catch_up, "read_by_ids", count_some)
    monkeypatch.setattr(catch_up, "read_pages", count_pages)
    return counts


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
    assert (folder / "seen.parquet").read_bytes() == (copy / "seen.parquet").read_bytes()
    return changed


class Hand:
    """Somebody who does to a project whatever Label Studio permits."""

    def __init__(self, client: Client, folder: Path, seed: int) -> None:
        study = studies.load(folder)
        self.client, self.random = client, random.Random(seed)
        self.people = list(study.people.values())
        self.project = study.projects[0].project_id or 0

    def act(self) -> str:
        """Do something, and tell what."""
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
    monkeypatch.setenv("LS_INTEGRATION_IN_FLIGHT", str(readers))
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


def answer_some(client: Client, folder: Path, places: list[int], name: str = PEOPLE[0]) -> int:
    """Answer images of a study, and tell its project."""
    study = studies.load(folder)
    project_id = study.projects[0].project_id or 0
    tasks = pull_answers(client, project_id, with_predictions=False)
    for place in places:
        body = {
            "result": choice_result(CONTROL, "anomaly"),
            "completed_by": study.people[name],
            "lead_time": 2.5,
            "ground_truth": False,
        }
        client.post(f"/api/tasks/{tasks[place]['id']}/annotations/", json=body)
    return project_id


@pytest.mark.usefixtures("small_pages")
def test_only_what_changed_is_asked_for(
    make_study: Callable[..., Path], workplace: Path, client: Client, fetched: list[int]
) -> None:
    """Two answers among sixteen images: two tasks come; then none; then a lost one is noticed."""
    folder = make_study("Only changes", blind=True)
    project_id = answer_some(client, folder, [0, 1, 2])
    export(folder, load(), workplace / "only", start=workplace)
    assert sum(fetched) >= N_IMAGES
    answer_some(client, folder, [5, 9])
    # The window begins a second before the last change, since the server's clock tells seconds.
    fetched.clear()
    assert export(folder, load(), workplace / "only", start=workplace).n_answers == 5
    assert sum(fetched) == 2
    fetched.clear()
    assert export(folder, load(), workplace / "only", start=workplace).n_answers == 5
    assert sum(fetched) == 0
    task = pull_answers(client, project_id, with_predictions=False)[1]
    client.delete(f"/api/tasks/{task['id']}")
    assert export(folder, load(), workplace / "only", start=workplace).n_answers == 4
    assert sum(fetched) == 0


@pytest.mark.usefixtures("small_pages")
def test_a_copy_that_is_lost_damaged_or_foreign_is_made_anew(
    make_study: Callable[..., Path], workplace: Path, client: Client, fetched: list[int]
) -> None:
    """In one line that says so, and with the same files; without a word the first time."""
    folder = make_study("Odd copies", blind=True)
    project_id = answer_some(client, folder, [0, 3])
    lines: list[str] = []
    first = export_both(folder, workplace, lines=lines)
    assert lines == []
    rows = folder / "pulled" / f"{project_id}.parquet"
    about = rows.with_suffix(".json")

    def flip(path: Path, place: int) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)

    def say_other(old: str, new: str) -> None:
        assert old in about.read_text()
        content = json.loads(about.read_text().replace(old, new))
        del content["sha256"]
        hashed = json.dumps(content, sort_keys=True).encode()
        content["sha256"] = hashlib.sha256(hashed).hexdigest()
        about.write_text(json.dumps(content))

    study = studies.load(folder)
    spoil: dict[str, tuple[Callable[[], object], str]] = {
        "no rows": (rows.unlink, "not there"),
        "nothing about them": (about.unlink, "not there"),
        "a bit of the rows": (lambda: flip(rows, 200), "damaged"),
        "a bit about them": (lambda: flip(about, about.read_text().index("watermark") + 15), "d"),
        "half a file": (lambda: about.write_text(about.read_text()[:40]), "damaged"),
        "no JSON object": (lambda: about.write_text("[]"), "damaged"),
        "other server": (lambda: say_other("http://", "https://"), "of another server"),
        "other study": (lambda: say_other(study.uuid, study.uuid[::-1]), "of another server"),
        "later version": (lambda: say_other('"format": 1', '"format": 99'), "of another version"),
    }
    for name, (spoiled, reason) in spoil.items():
        spoiled()
        lines.clear()
        fetched.clear()
        assert export_both(folder, workplace, lines=lines) == first, name
        assert len(lines) == 1, name
        assert f"the last export left in the study's folder is {reason}" in lines[0], name
        # Everything twice: by the export itself, and by the full one beside it.
        assert sum(fetched) == 2 * N_IMAGES, name


@pytest.mark.usefixtures("small_pages")
def test_tasks_that_go_while_they_are_read_take_no_other_with_them(
    make_study: Callable[..., Path],
    workplace: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One is deleted and one comes between two pages: numbered pages would miss one silently."""
    folder = make_study("Moving tasks", blind=True)
    project_id = answer_some(client, folder, list(range(N_IMAGES)))
    tasks = pull_answers(client, project_id, with_predictions=False)
    pages, moved = catch_up.read_pages, []

    def move(*arguments: Any, **options: Any) -> Any:
        for rows in pages(*arguments, **options):
            if not moved:
                moved.append(client.delete(f"/api/tasks/{tasks[2]['id']}"))
                body = [{"data": tasks[2]["data"]}]
                client.post(f"/api/projects/{project_id}/import", json=body)
            yield rows

    monkeypatch.setattr(catch_up, "read_pages", move)
    outcome = export(folder, load(), workplace / "moving", start=workplace, full=True)
    assert moved
    assert outcome.n_answers == N_IMAGES - 1


@pytest.mark.usefixtures("small_pages")
def test_predictions_that_are_replaced_by_as_many_are_noticed(
    make_study: Callable[..., Path], workplace: Path, client: Client, fetched: list[int]
) -> None:
    """No count and no task's time moves, but answers lose what they started from."""
    folder = make_study("Replaced predictions", model_threshold=0.5)
    project_id = studies.load(folder).projects[0].project_id or 0
    tasks = pull_answers(client, project_id, with_predictions=True)
    for task in tasks[:3]:
        (shown,) = task["predictions"]
        given = {"result": shown["result"], "parent_prediction": shown["id"], "lead_time": 1.0}
        client.post(f"/api/tasks/{task['id']}/annotations/", json={**given, "ground_truth": False})
    before = export_both(folder, workplace)
    version = tasks[0]["predictions"][0]["model_version"]
    path = f"/api/projects/{project_id}/model-versions/"
    client.delete(path, json={"model_version": version})
    turned = {"normal": "anomaly", "anomaly": "normal"}
    body = [
        {
            "task": task["id"],
            "model_version": version,
            "score": 0.5,
            "result": choice_result(
                CONTROL, turned[task["predictions"][0]["result"][0]["value"]["choices"][0]]
            ),
        }
        for task in tasks
    ]
    client.post(f"/api/projects/{project_id}/import/predictions", json=body)
    now = pull_answers(client, project_id, with_predictions=True)
    assert [one["parent_prediction"] for task in now[:3] for one in task["annotations"]] == [
        None
    ] * 3
    lines: list[str] = []
    fetched.clear()
    assert export_both(folder, workplace, lines=lines) != before
    (line,) = lines
    assert line.endswith("its predictions were replaced")
    assert sum(fetched) == 2 * N_IMAGES


@pytest.mark.usefixtures("small_pages")
def test_answers_of_a_deleted_account_lose_their_author_at_once(
    make_study: Callable[..., Path], workplace: Path, client: Client
) -> None:
    """Label Studio takes the author off without moving the task's time: all is read again."""
    folder = make_study("Account goes", blind=True, people=(*PEOPLE, "Zoe Gone"))
    answer_some(client, folder, [0, 1])
    answer_some(client, folder, [2], name="Zoe Gone")
    before = export_both(folder, workplace)
    assert b"Zoe Gone" in before["annotations.csv"]
    client.delete(f"/api/users/{studies.load(folder).people['Zoe Gone']}/")
    lines: list[str] = []
    after = export_both(folder, workplace, lines=lines)
    (line,) = lines
    assert line.endswith("an account was removed")
    assert b"deleted-user" in after["annotations.csv"]
    lines.clear()
    assert export_both(folder, workplace, lines=lines) == after
    assert lines == []


@pytest.mark.usefixtures("small_pages")
def test_a_model_that_answers_meanwhile_is_no_reason_to_read_everything(
    make_study: Callable[..., Path],
    workplace: Path,
    client: Client,
    fetched: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page is opened during an export and gets a prediction: one task is read once more."""
    folder = make_study("Model meanwhile", model_threshold=0.5)
    project_id = answer_some(client, folder, [0, 1, 2])
    export(folder, load(), workplace / "meanwhile", start=workplace)
    task = pull_answers(client, project_id, with_predictions=False)[7]
    versions, asked = catch_up.read_versions, []

    def answer_meanwhile(*arguments: Any) -> Any:
        if not asked:
            body = {"task": task["id"], "result": [], "score": 0.5, "model_version": "live"}
            client.post("/api/predictions", json=body)
        asked.append(versions(*arguments))
        return asked[-1]

    monkeypatch.setattr(catch_up, "read_versions", answer_meanwhile)
    fetched.clear()
    lines: list[str] = []
    outcome = export(folder, load(), workplace / "meanwhile", start=workplace, say=lines.append)
    assert "live" in asked[0]
    assert (outcome.n_answers, lines, sum(fetched)) == (3, [], 1)
