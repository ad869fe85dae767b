"""`docker kill` of each service, `up` again: nothing lost, nothing doubled."""

import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
import requests

from ls_integration import study as studies
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import list_tasks, pull_answers
from tests.compose.stack import Stack, run
from tests.live.killing import (
    IMPORTS,
    LIMIT_S,
    PROJECTS,
    assert_all_once,
    finish,
    import_words,
    proxy_to,
    start_command,
    study_folder,
)

CONTROL = parse(label_config_xml("sted_quality")).choices()
MEDIA = {"LS_INTEGRATION_SERVER_MEDIA": "/label-studio/pictures"}
BOTH = ("label-studio", "database")


def _kill(stack: Stack, service: str) -> None:
    run(stack.folder, ["docker", "kill", stack.container(service)])


@pytest.mark.parametrize("wanted", [PROJECTS, IMPORTS], ids=["project", "tasks"])
@pytest.mark.parametrize("service", BOTH)
def test_killed_during_an_import(
    stack: Stack, repository: Path, tmp_path: Path, service: str, wanted: object
) -> None:
    """Killed when a request has just arrived; the same import later finishes it, once."""
    title = f"Kill {service} {'project' if wanted is PROJECTS else 'tasks'}"
    words = import_words(repository, title)
    # A stack's url, token and media are all that is asked of the server.
    server = cast("EmbeddedServer", stack)
    container = stack.container(service)
    killed = threading.Event()
    with proxy_to(stack.url, PROJECTS if wanted is PROJECTS else IMPORTS) as proxy:

        def kill_it() -> None:
            if not killed.is_set():
                killed.set()
                run(stack.folder, ["docker", "kill", container])

        proxy.on_forwarded = kill_it
        process = start_command(server, tmp_path, *words, url=proxy.url, more=MEDIA)
        output, _ = process.communicate(timeout=LIMIT_S)
        assert killed.is_set(), output
        assert "Traceback" not in output
        proxy.be_harmless()
        stack.up()
        finish(start_command(server, tmp_path, *words, url=proxy.url, more=MEDIA))
    with stack.client() as client:
        assert_all_once(client, study_folder(tmp_path, title), answers={})


@pytest.mark.parametrize("service", BOTH)
def test_killed_while_people_answer(
    stack: Stack, repository: Path, tmp_path: Path, service: str
) -> None:
    """What was answered with "saved" is there once; what was not can be sent again."""
    title = f"Answer {service}"
    stack.ours(*import_words(repository, title))
    folder = study_folder(stack.folder, title)
    project_id = studies.load(folder).projects[0].project_id
    assert project_id is not None
    headers = {"Authorization": f"Token {stack.token.get_secret_value()}"}
    with stack.client() as client:
        tasks = [task["id"] for task in list_tasks(client, project_id)]
    marks = {task: str(uuid.uuid4()) for task in tasks}
    body = {"result": choice_result(CONTROL, "normal"), "ground_truth": False}

    def answer(task: int) -> int | None:
        try:
            return requests.post(
                f"{stack.url}/api/tasks/{task}/annotations/",
                json={**body, "lead_time": float(task), "unique_id": marks[task]},
                headers=headers,
                timeout=20,
            ).status_code
        except requests.exceptions.RequestException:
            return None

    saved = set()
    for position, task in enumerate(tasks):
        if position == 20:
            threading.Timer(0.05, _kill, (stack, service)).start()
        if answer(task) == 201:
            saved.add(task)
        elif position > 40:
            break
    assert 20 <= len(saved) < len(tasks)
    stack.up()
    with stack.client() as client:
        found = pull_answers(client, project_id, with_predictions=False)
        counted = Counter(task["id"] for task in found for _ in task["annotations"])
        assert saved <= set(counted)
        assert set(counted.values()) == {1}
        # 409: it was stored, and the kill took the word of it.
        assert {answer(task) for task in tasks if task not in saved} <= {201, 409}
        again = pull_answers(client, project_id, with_predictions=False)
    assert [len(task["annotations"]) for task in again] == [1] * len(tasks)
    assert all(task["annotations"][0]["lead_time"] == float(task["id"]) for task in again)


def test_killed_backend_stops_nobody(stack: Stack, backend_study: Path) -> None:
    """Without it pages open, without its answers; with it again they have them."""
    project_id = studies.load(backend_study).projects[0].project_id
    headers = {"Authorization": f"Token {stack.token.get_secret_value()}"}
    path = f"{stack.url}/api/dm/actions?id=next_task&project={project_id}"
    _kill(stack, "ml-backend")
    opened = requests.post(path, json={}, headers=headers, timeout=60)
    assert opened.status_code == 200
    stack.up("database", "label-studio", "ml-backend")
    with stack.client() as client:
        (backend,) = client.get("/api/ml", params={"project": project_id})
        assert backend["state"] == "CO"
