"""A study moves from one server to another, with all that makes an answer one."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from ls_integration import study as studies
from ls_integration.cli import app
from ls_integration.errors import IntegrationError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server import embedded
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import list_tasks, pull_answers
from ls_integration.settings import load
from ls_integration.workflows.export import read_answers
from tests.commands import environment_of

CONTROL = parse(label_config_xml("sted_quality")).choices()
IDS = ["project_id", "task_id", "annotation_id"]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Start another server."""
    folder = tmp_path_factory.mktemp("second")
    data_dir = folder / embedded.DEFAULT_NAME
    try:
        yield embedded.start(
            data_dir, port=embedded.free_port(), owner_name="Zora Second", working_dir=folder
        )
    finally:
        embedded.stop(data_dir)


@pytest.fixture
def study(live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path) -> Path:
    """Make an assisted study: confirmed, overruled, corrected, skipped and foreign answers."""
    words = ["import", "sted-quality", str(repository / "data" / "sted_sample")]
    words += ["--model-threshold", "0.5", "--title", "Moves", "--limit", "6"]
    words += ["--people", "Mira Mover", "--study", str(tmp_path / "moves")]
    done = _run(live_server, words)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "moves"
    plan = studies.load(folder)
    (project,) = plan.projects
    assert project.project_id is not None
    tasks = pull_answers(client, project.project_id, with_predictions=True)
    mira, owner = plan.people["Mira Mover"], int(client.whoami()["id"])
    choices = ("normal", "anomaly")
    for task, choice, author, skipped in (
        (tasks[0], choices[0], mira, False),
        (tasks[1], choices[1], mira, False),
        (tasks[2], choices[0], mira, True),
        (tasks[3], choices[1], owner, False),
        (tasks[0], choices[0], owner, False),
    ):
        made = client.post(
            f"/api/tasks/{task['id']}/annotations/",
            json={
                "result": choice_result(CONTROL, choice),
                "completed_by": author,
                "lead_time": 0.1 + task["id"] / 3,
                "was_cancelled": skipped,
                "ground_truth": False,
                "parent_prediction": task["predictions"][0]["id"],
            },
        )
    # Corrected: the first answer is kept inside.
    client.patch(
        f"/api/annotations/{made['id']}/", json={"result": choice_result(CONTROL, "anomaly")}
    )
    return folder


def _run(server: EmbeddedServer, words: list[str]) -> Result:
    return CliRunner().invoke(app, ["--quiet", *words], env=environment_of(server))


def _answers(folder: Path, server: EmbeddedServer) -> pd.DataFrame:
    settings = load(url=server.url, api_key=server.token, media=server.media)
    return read_answers(folder, settings, start=folder).annotations


def test_answers_are_the_same_after_the_move(
    study: Path, live_server: EmbeddedServer, second: EmbeddedServer, tmp_path: Path
) -> None:
    """Authors, times, first labels, what the page started from; later changes count too."""
    before = _answers(study, live_server)
    assert before["prefilled"].any()
    assert before["changed"].any()
    assert before["first_label"].notna().any()
    token = tmp_path / "token"
    token.write_text(second.token.get_secret_value())
    words = ["migrate", str(study), "--to", second.url, "--to-token-file", str(token)]
    words += ["--to-media", str(second.media)]
    done = _run(live_server, words)
    assert not isinstance(done.exception, IntegrationError), done.exception
    assert done.exit_code == 0, done.output
    assert "1 projects, 6 tasks and 5 answers are on" in done.output
    after = _answers(study, second)
    pd.testing.assert_frame_equal(before.drop(columns=IDS), after.drop(columns=IDS))

    moved = studies.load(study)
    assert moved.server_url == second.url
    (project,) = moved.projects
    assert project.project_id is not None
    assert project.key == f"user-{moved.people['Mira Mover']}-round-1"
    with Client(second.url, second.token) as session:
        made = session.get(f"/api/projects/{project.project_id}")
        assert (made["title"], made["model_version"]) == ("Moves · Mira Mover", "model")
        # Life goes on: one more answer, and one that is corrected.
        tasks = list_tasks(session, project.project_id)
        given = session.get(f"/api/tasks/{tasks[1]['id']}")["annotations"][0]
        other = choice_result(CONTROL, "normal")
        session.patch(f"/api/annotations/{given['id']}/", json={"result": other})
        session.post(f"/api/tasks/{tasks[5]['id']}/annotations/", json={"result": other})
    later = _answers(study, second)
    assert len(later) == len(before) + 1
    item = tasks[1]["data"]["item_id"]
    old, new = (table[table["item_id"] == item].iloc[0] for table in (before, later))
    assert (new["label"], new["first_label"], new["prefilled"]) == ("normal", "anomaly", True)
    assert new["created_at"] == old["created_at"]
    assert new["updated_at"] > old["updated_at"]
    again = _run(second, ["people", "add", str(study), "Mira Mover"])
    assert again.exit_code == 0, again.output
    assert len(studies.load(study).projects) == 1


def test_a_move_that_was_cut_off_goes_on(
    study: Path,
    live_server: EmbeddedServer,
    second: EmbeddedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until both servers say the same the study stays where it is; nothing is there twice."""
    before = _answers(study, live_server)
    token = tmp_path / "token"
    token.write_text(second.token.get_secret_value())
    words = ["migrate", str(study), "--to", second.url, "--to-token-file", str(token)]
    words += ["--to-media", str(second.media)]

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ls_integration.workflows.migrate.compare", killed)
        _run(live_server, words)
    assert studies.load(study).server_url == live_server.url
    assert _run(live_server, words).exit_code == 0
    after = _answers(study, second)
    pd.testing.assert_frame_equal(before.drop(columns=IDS), after.drop(columns=IDS))
    (project,) = studies.load(study).projects
    assert project.project_id is not None
    with Client(second.url, second.token) as session:
        assert len(list_tasks(session, project.project_id)) == 6
