"""The server is killed while it works: nothing is lost or doubled after `up`."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from ls_integration import study as studies
from ls_integration.errors import ServerError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server import embedded_files, embedded_process, people
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import Person
from ls_integration.server.pull import list_tasks, pull_answers
from tests.commands import run_command
from tests.live.killing import (
    IMPORTS,
    LIMIT_S,
    assert_all_once,
    finish,
    import_words,
    proxy_to,
    seeds,
    start_command,
    study_folder,
    wait_for,
)

CONTROL = parse(label_config_xml("sted_quality")).choices()
MOMENTS = ("batch", "forwarded", "project")
N_ANSWERS = 20


@pytest.fixture
def below(live_server: EmbeddedServer, request: pytest.FixtureRequest) -> Path:
    """Give a working folder from which the embedded server is found."""
    folder = live_server.data_dir.parent / request.node.name
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _up_again(live_server: EmbeddedServer) -> Iterator[None]:
    """Leave a running server to the tests after this one, whatever happens here."""
    yield
    up(live_server)


def up(server: EmbeddedServer) -> None:
    done = run_command(server.data_dir.parent, "-q", "up", limit_s=2 * LIMIT_S)
    assert done.returncode == 0, done.stderr


def kill_server(server: EmbeddedServer) -> None:
    state = embedded_files.read_state(server.data_dir)
    assert state is not None
    process = psutil.Process(state.pid)
    for member in (process, *process.children(recursive=True)):
        member.kill()
    while not embedded_process.has_ended(process):
        pass


@pytest.mark.parametrize("seed", seeds(2, 0.3))
def test_a_server_killed_in_an_import(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, below: Path
) -> None:
    """One line that says what to do; after it one project, every item once, no needless wait."""
    chance, moment = random.Random(seed), MOMENTS[seed % len(MOMENTS)]
    title = f"Server kill {seed}"
    words = import_words(repository, title)
    folder = study_folder(below, title)
    delay_s = chance.uniform(0.0, 0.3)
    with proxy_to(live_server.url, IMPORTS) as proxy:
        url = proxy.url if moment == "forwarded" else None
        done = threading.Event()

        def end() -> None:
            done.wait(delay_s)
            proxy.be_harmless()
            kill_server(live_server)
            done.set()

        proxy.on_forwarded = end
        process = start_command(live_server, below, *words, url=url)
        if moment == "forwarded":
            assert done.wait(LIMIT_S)
        else:
            wait_for(
                lambda: any(line["event"] == moment for line in studies.read_journal(folder)),
                process,
            )
            end()
        output, _ = process.communicate(timeout=LIMIT_S)
        if process.returncode != 0:
            assert process.returncode == 1
            error = output.splitlines()[-1]
            assert error.startswith("error: ")
            assert "start" in error
            assert "`ls-integration up`" in error
        assert "Traceback" not in output
        up(live_server)
        # By its own address the server is known to be another one: its requests have ended.
        limit = {"LS_INTEGRATION_REQUEST_LIMIT_S": "100"} if url is None else {}
        output = finish(start_command(live_server, below, *words, url=url, more=limit))
        assert ("waiting" in output) <= (url is not None)
    assert_all_once(client, folder, answers={})


@pytest.mark.parametrize("seed", seeds(1, 0.1))
def test_a_server_killed_while_somebody_answers(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, below: Path
) -> None:
    """Every answer that was acknowledged is there once, is exported, and no import removes it."""
    chance = random.Random(seed)
    title, name = f"Answer kill {seed}", f"Nora Kill {seed}"
    person = people.ensure(client, name)
    words = import_words(repository, title, "--people", name, "--limit", str(N_ANSWERS))
    finish(start_command(live_server, below, *words))
    folder = study_folder(below, title)
    project_id = studies.load(folder).projects[0].project_id
    assert project_id is not None
    given: dict[str, str] = {}
    n_before = chance.randrange(4, 10)
    enough = threading.Event()

    def go_on() -> None:
        answer_all(live_server, person, project_id, chance, given, n_before, enough)

    answering = threading.Thread(target=go_on)
    answering.start()
    assert enough.wait(LIMIT_S)
    threading.Event().wait(chance.uniform(0.0, 0.2))
    kill_server(live_server)
    answering.join()
    assert n_before <= len(given) < N_ANSWERS
    up(live_server)
    there = answers_of(client, project_id)
    assert given.items() <= there.items()
    # What was under way is there or not, and its person cannot know.
    assert len(there) - len(given) <= 1

    tasks = {task["data"]["item_id"]: task for task in list_tasks(client, project_id)}
    answered, left = sorted(there), sorted(set(tasks) - set(there))
    for item_id in left[:3]:
        client.delete(f"/api/tasks/{tasks[item_id]['id']}")
    copies = [{"data": tasks[item_id]["data"]} for item_id in (*answered[:3], *left[3:6])]
    client.post(f"/api/projects/{project_id}/import", json=copies)
    output = finish(start_command(live_server, below, *words))
    assert f"3 tasks sent, {N_ANSWERS - 3} were there, 6 surplus copies removed" in output
    assert answers_of(client, project_id) == there

    go_on()
    there |= given
    assert len(there) == N_ANSWERS
    assert answers_of(client, project_id) == there
    finish(start_command(live_server, below, "export", folder.name, "--output", "results"))
    table = pd.read_csv(below / "results" / "annotations.csv", dtype=str)
    assert set(table["annotator"]) == {name}
    assert len(table) == N_ANSWERS
    assert dict(zip(table["item_id"], table["label"], strict=True)) == there


def answer_all(
    server: EmbeddedServer,
    person: Person,
    project_id: int,
    chance: random.Random,
    given: dict[str, str],
    n_before: int,
    enough: threading.Event,
) -> None:
    """Answer what the person's stream shows, until it is empty or the server is away."""
    assert person.token is not None
    with Client(server.url, person.token) as own:
        while True:
            try:
                task = own.get(f"/api/projects/{project_id}/next")
                label = chance.choice(("normal", "anomaly"))
                own.post(
                    f"/api/tasks/{task['id']}/annotations/",
                    json={"result": choice_result(CONTROL, label), "lead_time": 1.0},
                )
            except ServerError:
                enough.set()
                return
            given[task["data"]["item_id"]] = label
            if len(given) >= n_before:
                enough.set()


def answers_of(client: Client, project_id: int) -> dict[str, str]:
    """Give each answered item's choice; no item may be answered twice."""
    answers: dict[str, str] = {}
    for task in pull_answers(client, project_id, with_predictions=False):
        for annotation in task["annotations"]:
            item_id = task["data"]["item_id"]
            assert item_id not in answers
            answers[item_id] = annotation["result"][0]["value"]["choices"][0]
    return answers
