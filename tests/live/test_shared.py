"""One project for a crowd: N answers for each image, told apart by who gave them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from ls_integration import study as studies
from ls_integration.cli import app
from ls_integration.errors import ConfigError, PartialError, ServerError, ServerTimeout, StudyError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import Person
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.workflows.connection import connect
from ls_integration.workflows.export import export
from ls_integration.workflows.extend import extend
from ls_integration.workflows.extension_options import Addition
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.replay import replay
from ls_integration.workflows.replay_answers import ReplayedSession
from ls_integration.workflows.score import score_folder
from ls_integration.workflows.status import Progress, read_status
from ls_integration.workflows.sted_options import ImportOptions

CONTROL = parse(label_config_xml("sted_quality")).choices()
N_IMAGES = 6

Import = Callable[..., ImportOutcome]


@pytest.fixture(scope="module")
def workplace(live_server: EmbeddedServer) -> Path:
    """Give a working folder beside the server."""
    folder = live_server.data_dir.parent / "shared"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def people() -> dict[str, Person]:
    """Give the accounts that the imports of this module made."""
    return {}


@pytest.fixture(scope="module")
def run_import(
    live_server: EmbeddedServer, workplace: Path, repository: Path, people: dict[str, Person]
) -> Import:
    """Give the import of a few images as the command runs it."""

    def run(title: str, **options: object) -> ImportOutcome:
        given = {"limit": N_IMAGES, "blind": True, **options}
        return import_sted_quality(
            ImportOptions(source=repository / "data" / "sted_sample", title=title, **given),  # type: ignore[arg-type]
            load(media=live_server.media),
            start=workplace,
            say=lambda _: None,
            on_account=lambda _, person: people.update({person.name: person}),
        )

    return run


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


def open_next(client: Client, project_id: int) -> dict[str, Any] | None:
    """Open the next image of somebody's stream, as the label page does."""
    try:
        task: dict[str, Any] = client.post(
            "/api/dm/actions", params={"id": "next_task", "project": project_id}, json={}
        )
    except ServerError as error:
        if error.status != 404:
            raise
        return None
    return task


def answer(client: Client, task_id: int, label: str, *, skip: bool = False) -> None:
    """Submit or skip an image."""
    body = {"result": choice_result(CONTROL, label), "lead_time": 1.5, "was_cancelled": skip}
    client.post(f"/api/tasks/{task_id}/annotations/", json=body)


def who_answered(client: Client, project_id: int) -> list[list[int]]:
    """List for each task whose answers it has, skips left out."""
    tasks = pull_answers(client, project_id, with_predictions=False)
    return [
        [given["completed_by"] for given in task["annotations"] if not given["was_cancelled"]]
        for task in tasks
    ]


def status_of(server: EmbeddedServer, folder: Path, start: Path) -> dict[str, Progress]:
    """Read the status by person, of the first round."""
    rows = read_status(folder, connect(load(media=server.media), studies.load(folder), start))
    return {row.annotator: row for row in rows if row.round == 1}


def test_three_people_give_two_answers_for_each_image(
    run_import: Import,
    live_server: EmbeddedServer,
    workplace: Path,
    people: dict[str, Person],
    session: Callable[[str], Client],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through their streams; every command tells them apart by who answered."""
    names = ("Una Shared", "Vic Shared", "Wes Shared")
    imported = run_import("Crowd", shared=True, overlap=2, people=names)
    (made,) = imported.projects
    project_id = made.project_id
    shown = client.get(f"/api/projects/{project_id}")
    assert (shown["title"], shown["maximum_annotations"]) == ("Crowd", 2)
    sessions = {name: session(name) for name in names}
    busy = list(names)
    while busy:
        for name in list(busy):
            task = open_next(sessions[name], project_id)
            if task is None:
                busy.remove(name)
            else:
                answer(sessions[name], task["id"], "normal")
    given = who_answered(client, project_id)
    assert [len(set(one)) for one in given] == [2] * N_IMAGES
    counts = Counter(user_id for one in given for user_id in one)
    status = status_of(live_server, imported.folder, workplace)
    for name in names:
        n_own = counts[people[name].user_id]
        assert n_own > 0
        assert (status[name].done, status[name].left, status[name].drafts) == (n_own, None, None)
    together = status["together (2 each)"]
    assert (together.done, together.left) == (N_IMAGES, 0)
    output = workplace / "crowd"
    outcome = export(imported.folder, load(media=live_server.media), output, start=workplace)
    assert outcome.n_answers == 2 * N_IMAGES
    metrics = score_folder(output).metrics
    for name in names:
        assert metrics["people"][name]["classified"] == counts[people[name].user_id]
        with np.load(output / f"{name}.npz") as written:
            judged = ~np.isnan(written["classifications"][:, 0])
        assert judged.sum() == counts[people[name].user_id]
    monkeypatch.chdir(workplace)
    checked = CliRunner().invoke(app, ["check", "crowd"])
    assert checked.exit_code == 0, checked.output
    # Somebody else changed the number of answers: found, and put back by the same import.
    client.patch(f"/api/projects/{project_id}", json={"maximum_annotations": 1})
    checked = CliRunner().invoke(app, ["check", "crowd"])
    assert "overlap: each image is asked 1 times, not 2" in checked.stdout
    again = run_import("Crowd", shared=True, overlap=2, people=names)
    assert again.projects[0].push.sent == 0
    assert client.get(f"/api/projects/{project_id}")["maximum_annotations"] == 2


def test_a_skip_is_left_to_others_and_a_race_keeps_both_answers(
    run_import: Import,
    live_server: EmbeddedServer,
    workplace: Path,
    session: Callable[[str], Client],
    client: Client,
) -> None:
    """One answer each: an open image is locked, but two who post at once are both kept."""
    imported = run_import("Race", shared=True, people=("Ray Shared", "Sue Shared"), limit=3)
    project_id = imported.projects[0].project_id
    ray, sue = session("Ray Shared"), session("Sue Shared")
    rays, sues = open_next(ray, project_id), open_next(sue, project_id)
    assert rays is not None
    assert sues is not None
    assert rays["id"] != sues["id"]
    answer(ray, rays["id"], "normal", skip=True)
    answer(sue, sues["id"], "anomaly")
    # Ray does not meet what he skipped again; Sue gets it.
    third = open_next(ray, project_id)
    assert third is not None
    assert third["id"] not in (rays["id"], sues["id"])
    again = open_next(sue, project_id)
    assert again is not None
    assert again["id"] == rays["id"]
    answer(sue, again["id"], "anomaly")
    # Both post for the last one, as after an expired lock.
    answer(ray, third["id"], "normal")
    answer(sue, third["id"], "anomaly")
    assert sorted(map(len, who_answered(client, project_id))) == [1, 1, 2]
    assert open_next(ray, project_id) is None
    output = workplace / "race"
    export(imported.folder, load(media=live_server.media), output, start=workplace)
    table = pd.read_parquet(output / "annotations.parquet")
    assert Counter(table.loc[~table["skipped"], "annotator"]) == {"Sue Shared": 3, "Ray Shared": 1}
    status = status_of(live_server, imported.folder, workplace)
    assert (status["Ray Shared"].done, status["Ray Shared"].skipped) == (1, 1)
    together = status["together (1 each)"]
    assert (together.done, together.skipped, together.left) == (3, 0, 0)


def test_people_join_the_shared_project(
    run_import: Import,
    workplace: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    live_server: EmbeddedServer,
    page: Page,
    login: Callable[[Page, EmbeddedServer, str, str], None],
) -> None:
    """An account and the link, no project; round 2 is a second shared one; extend adds there."""
    imported = run_import("Joined shared", shared=True, overlap=3)
    link = imported.projects[0].link
    monkeypatch.chdir(workplace)

    def run(*words: str) -> Result:
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    n_projects = client.get("/api/projects")["count"]
    invited = run("people", "add", "joined-shared", "Tia Shared", "Uwe Shared")
    assert invited.stdout.count(f"label here: {link}") == 2
    assert client.get("/api/projects")["count"] == n_projects
    listed = run("people", "list", "joined-shared").stdout
    assert listed.count(link) == 3
    run("people", "add", "joined-shared", "Tia Shared", "--round", "2")
    study = studies.load(imported.folder)
    assert [(project.key, project.title) for project in study.projects] == [
        ("shared-round-1", "Joined shared"),
        ("shared-round-2", "Joined shared · round 2"),
    ]
    rows = run("status", "joined-shared", "-q").stdout
    assert rows.count("together (3 each)") == 2
    assert rows.count("Tia Shared") == 2
    secrets = (imported.folder / "passwords.txt").read_text().splitlines()
    email, _, password = secrets[0].partition(" login ")[2].partition(" password ")
    login(page, live_server, email, password)
    page.goto(link)
    expect(page.get_by_text("skips: the image is left to others")).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.get_by_text("Image no. 1", exact=True)).to_be_visible(timeout=30_000)
    sample = Path(str(study.options["source"]))
    done = extend(
        imported.folder,
        Addition(sample, limit=N_IMAGES + 4),
        load(media=live_server.media),
        start=workplace,
        say=lambda _: None,
    )
    assert [project.push.sent for project in done.projects] == [4, 4]
    tasks = pull_answers(client, imported.projects[0].project_id, with_predictions=False)
    assert [task["data"]["progress"] for task in tasks][-1] == f"Image no. {N_IMAGES + 4}"


def test_other_options_are_refused(run_import: Import) -> None:
    """--overlap alone, another number, and turning a shared study into another one."""
    with pytest.raises(ConfigError, match=r"--overlap 2 is for one project that all people share"):
        run_import("Refused shared", overlap=2)
    with pytest.raises(ConfigError, match="--overlap 0"):
        run_import("Refused shared", shared=True, overlap=0)
    run_import("Refused shared", shared=True)
    run_import("Refused shared", shared=True, overlap=1)
    with pytest.raises(StudyError, match=r"\(overlap was 1, is 2\)"):
        run_import("Refused shared", shared=True, overlap=2)
    with pytest.raises(StudyError, match=r"\(shared was True, is False; overlap was 1, is None\)"):
        run_import("Refused shared")
    run_import("Personal study")
    with pytest.raises(StudyError, match=r"\(shared was False, is True; overlap was None, is 1\)"):
        run_import("Personal study", shared=True)


def test_old_sessions_come_into_the_shared_project_once(
    run_import: Import,
    live_server: EmbeddedServer,
    workplace: Path,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two people's answers to the same images, each theirs, also when a request goes unheard."""
    imported = run_import("Shared replay", shared=True, overlap=2)
    items = studies.read_items(imported.folder)
    paths = []
    for name, decision in (("Kai Shared", 0), ("Lou Shared", 1)):
        table = np.column_stack(
            [np.full(N_IMAGES, decision), items["rating"], items["model_score"], np.ones(N_IMAGES)]
        )
        paths.append(tmp_path / f"{name}.npz")
        np.savez(paths[-1], classifications=table, fp_errors=[], fn_errors=[])
    settings = load(media=live_server.media)

    def run(round_number: int = 1) -> list[tuple[int, int, int]]:
        done: list[ReplayedSession] = replay(
            imported.folder,
            paths,
            settings,
            start=workplace,
            round_number=round_number,
            say=lambda _: None,
        )
        return [(one.sent, one.already_there, one.replaced) for one in done]

    post = Client.post

    def unheard(self: Client, path: str, **options: object) -> object:
        reply = post(self, path, **options)  # type: ignore[arg-type]
        if path.endswith("/annotations/"):
            msg = "no answer"
            raise ServerTimeout(msg)
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(Client, "post", unheard)
        with pytest.raises(PartialError, match="0 of 6 answers of Kai Shared were sent"):
            run()
    assert run() == [(N_IMAGES - 1, 1, 0), (N_IMAGES, 0, 0)]
    assert run() == [(0, N_IMAGES, 0), (0, N_IMAGES, 0)]
    study = studies.load(imported.folder)
    both = [study.people["Kai Shared"], study.people["Lou Shared"]]
    project_id = imported.projects[0].project_id
    assert [sorted(one) for one in who_answered(client, project_id)] == [sorted(both)] * N_IMAGES
    output = workplace / "shared replay"
    export(imported.folder, settings, output, start=workplace)
    for path in paths:
        with np.load(output / path.name) as ours, np.load(path) as old:
            np.testing.assert_array_equal(ours["classifications"], old["classifications"])
    # A round whose project is not there yet: tasks and both people's answers in one request.
    assert run(2) == [(N_IMAGES, 0, 0), (N_IMAGES, 0, 0)]
    assert run(2) == [(0, N_IMAGES, 0), (0, N_IMAGES, 0)]
    second = studies.load(imported.folder).projects[1].project_id
    assert second is not None
    assert [sorted(one) for one in who_answered(client, second)] == [sorted(both)] * N_IMAGES
