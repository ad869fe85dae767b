"""Several people answer at once, while an import runs: nothing fails, nothing is lost."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server import people
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.embedded_files import DATABASE, LOG
from ls_integration.server.pull import list_tasks
from ls_integration.server.push import push_tasks

TIMEOUT_S = 120
N_PEOPLE = 4
N_ANSWERS = 12
N_IMPORTED = 1_500
XML = label_config_xml("sted_quality")
ANSWER = choice_result(parse(XML).choices(), "anomaly")


def make_tasks(n_tasks: int, *, answered: bool) -> list[dict[str, Any]]:
    """Make tasks as a blind study has them, or as a replayed one."""
    names = ("image", "structure", "criterion", "keys")
    fields = {name: f"a text of {name}" for name in names}
    given = {"annotations": [{"result": ANSWER, "lead_time": 1.5, "ground_truth": False}]}
    return [
        {
            "data": {**fields, "item_id": f"{number:016x}", "progress": f"Image {number + 1}"},
            **(given if answered else {}),
        }
        for number in range(n_tasks)
    ]


def make_project(client: Client, title: str) -> int:
    body = {"title": title, "label_config": XML, "sampling": "Sequential sampling"}
    return int(client.post("/api/projects/", json=body)["id"])


@pytest.fixture(scope="module")
def sessions(live_server: EmbeddedServer) -> Iterator[list[requests.Session]]:
    """Open the sessions of several people."""
    opened = []
    with Client(live_server.url, live_server.token) as client:
        made = [people.ensure(client, f"Parallel {number}") for number in range(N_PEOPLE)]
    for person in made:
        assert person.token is not None
        session = requests.Session()
        session.headers["Authorization"] = f"Token {person.token.get_secret_value()}"
        opened.append(session)
    yield opened
    for session in opened:
        session.close()


def label(server: EmbeddedServer, session: requests.Session, project: int, n: int) -> list[int]:
    """Ask for the next task and answer it, as the label page does; return the statuses."""
    statuses = []
    for _ in range(n):
        url = f"{server.url}/api/dm/actions?id=next_task&project={project}"
        asked = session.post(url, json={}, timeout=TIMEOUT_S)
        statuses.append(asked.status_code)
        if asked.ok:
            body = {"result": ANSWER, "lead_time": 1.0}
            url = f"{server.url}/api/tasks/{asked.json()['id']}/annotations"
            statuses.append(session.post(url, json=body, timeout=TIMEOUT_S).status_code)
    return statuses


def test_people_answer_while_an_import_runs(
    live_server: EmbeddedServer, client: Client, sessions: list[requests.Session], tmp_path: Path
) -> None:
    """Nobody meets "database is locked", not even one that the server hides by trying again."""
    projects = [make_project(client, f"Own project {number}") for number in range(N_PEOPLE)]
    for project in projects:
        client.post(f"/api/projects/{project}/import", json=make_tasks(N_ANSWERS, answered=False))
    log = live_server.data_dir / LOG
    length = log.stat().st_size
    imported = make_project(client, "Imported meanwhile")
    begun = threading.Barrier(N_PEOPLE + 1)

    def work(pair: tuple[requests.Session, int]) -> list[int]:
        begun.wait(TIMEOUT_S)
        return label(live_server, *pair, N_ANSWERS)

    with ThreadPoolExecutor(N_PEOPLE) as pool:
        found = pool.map(work, zip(sessions, projects, strict=True))
        begun.wait(TIMEOUT_S)
        push_tasks(client, imported, make_tasks(N_IMPORTED, answered=True), study_folder=tmp_path)
        statuses = list(found)
    assert statuses == [[200, 201] * N_ANSWERS] * N_PEOPLE
    assert "locked" not in log.read_bytes()[length:].decode()
    for project, n_tasks in [
        *((project, N_ANSWERS) for project in projects),
        (imported, N_IMPORTED),
    ]:
        state = client.get(f"/api/projects/{project}/")
        assert (state["task_number"], state["total_annotations_number"]) == (n_tasks, n_tasks)


def test_an_answer_is_on_the_disk_when_the_page_is_told(
    live_server: EmbeddedServer, client: Client, sessions: list[requests.Session], tmp_path: Path
) -> None:
    """The files as they are when "saved" comes back hold the answer: kill -9 loses none."""
    project = make_project(client, "Killed after an answer")
    client.post(f"/api/projects/{project}/import", json=make_tasks(1, answered=False))
    assert label(live_server, sessions[0], project, 1) == [200, 201]
    # What a killed process leaves, and the next start reads.
    for path in live_server.data_dir.glob(f"{DATABASE}*"):
        shutil.copyfile(path, tmp_path / path.name)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        answer = (
            "SELECT task.is_labeled FROM task_completion JOIN task ON task.id = task_id"
            " WHERE task.project_id = ?"
        )
        assert database.execute(answer, (project,)).fetchall() == [(1,)]


def test_an_import_counts_what_each_task_has(client: Client) -> None:
    """Annotations, skips and predictions of every task, as its listing shows them."""
    given = {"result": ANSWER, "lead_time": 1.5, "ground_truth": False}
    skipped = {**given, "was_cancelled": True}
    guess = {"result": ANSWER, "score": 0.5, "model_version": "m"}
    tasks: list[dict[str, Any]] = make_tasks(1_203, answered=False)
    for number, task in enumerate(tasks):
        task["annotations"] = [given] * (number % 3) + [skipped] * (number % 2)
        task["predictions"] = [guess] * (number % 4)
    project = make_project(client, "Counters")
    client.post(f"/api/projects/{project}/import", json=tasks)
    listed = list_tasks(client, project)
    assert len(listed) == len(tasks)
    for task in listed[:: len(listed) // 60]:
        number = int(str(task["data"]["item_id"]), 16)
        stored = client.get(f"/api/tasks/{task['id']}")
        counts = ("total_annotations", "cancelled_annotations", "total_predictions")
        assert [stored[name] for name in counts] == [number % 3, number % 2, number % 4]
        assert stored["is_labeled"] == (number % 3 + number % 2 > 0)
